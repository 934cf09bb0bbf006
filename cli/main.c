/* main.c - `muster`: finds the command, runs it, and sees that its output arrived. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/help.h"

static int (*const functions[COMMAND_COUNT])(struct cli *) = {
#define COMMAND(name, words, operands, least, most, options, help)                                 \
    [COMMAND_##name] = command_##name,
#include "cli/commands.def"
#undef COMMAND
};

/* A standard descriptor that is closed would be reused by the connection, and then written to as if
 * it were stdout. In its place stands one that fails to read or write. */
static void occupy_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF) {
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

static int run_command(struct cli *cli)
{
    int code = functions[cli->command - commands](cli);
    if (code == EXIT_OK || code == EXIT_NO) {
        int flushed = cli_flush(cli);
        code = flushed != EXIT_OK ? flushed : code;
    }
    muster_queue_close(&cli->queue);
    muster_close(&cli->client);
    return code;
}

/* The line names no command. */
static int without_command(int argc, char **argv, const char *word)
{
    struct out out = {NULL, 0, 0};
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        bool help = strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
        bool version = strcmp(argv[i], "--version") == 0;
        if ((help && (word == NULL || options_is_group(word))) || (version && word == NULL)) {
            if (help) {
                help_overview(&out, word);
            } else {
                out_printf(&out, "muster %s\n", MUSTER_VERSION);
            }
            int error = out_flush(&out, NULL);
            out_clear(&out);
            return error == 0 ? EXIT_OK : cli_fail_output(&(struct cli){0}, error);
        }
    }
    struct cli nothing = {0};
    if (word != NULL && options_is_group(word)) {
        return cli_fail(&nothing, EXIT_USAGE, "%s: a word is missing; see muster %s --help", word,
                        word);
    }
    if (word != NULL) {
        return cli_fail(&nothing, EXIT_USAGE, "unknown command %s; see muster --help", word);
    }
    help_overview(&out, NULL);
    (void)!write(STDERR_FILENO, out.data, out.len);
    out_clear(&out);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    occupy_standard_descriptors();
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write, told as such */
    const char *word = NULL;
    struct cli cli = {0};
    cli.command = options_find_command(argc, argv, &word);
    if (cli.command == NULL) {
        return without_command(argc, argv, word);
    }
    char error[OPTIONS_ERROR_BYTES];
    char **operands = cli_grow(NULL, (size_t)argc * sizeof(*operands));
    int code;
    if (!options_parse(cli.command, argc, argv, operands, &cli.options, error)) {
        code = cli_fail(&cli, EXIT_USAGE, "%s", error);
    } else if (cli_has(&cli, OPTION_HELP)) {
        help_command(&cli.out, cli.command);
        code = cli_flush(&cli);
    } else {
        cli.subject = cli.options.count > 0 ? cli_operand(&cli, 0) : NULL;
        code = run_command(&cli);
    }
    out_clear(&cli.out);
    free(operands);
    return code;
}
