/* cli.c - what commands share: connecting, and telling on stderr how they ended.
 *
 * Invariant: one failure, one line. What a line quotes is made printable first. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define KEY_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz234567"

/* ---- lines on stderr ---- */

/* A key or a token that was given where it does not belong is not repeated. */
static void hide_secrets(char *line)
{
    for (char *at = line; (at = strpbrk(at, "mM")) != NULL; at++) {
        if (strncasecmp(at, "msk1", 4) == 0 || strncasecmp(at, "mtk1", 4) == 0) {
            memset(at + 4, '*', strspn(at + 4, KEY_LETTERS));
        }
    }
}

/* "muster put jobs: text": one write, so that lines of several threads do not mix. */
__attribute__((format(printf, 2, 0))) static void tell(const struct cli *cli, const char *format,
                                                       va_list arguments)
{
    char line[1024];
    const char *words = cli->command == NULL ? "" : cli->command->words;
    int head =
        snprintf(line, sizeof(line) / 2, "muster%s%s%s%.255s: ", words[0] != '\0' ? " " : "", words,
                 cli->subject != NULL ? " " : "", cli->subject != NULL ? cli->subject : "");
    size_t len = (size_t)head < sizeof(line) / 2 ? (size_t)head : sizeof(line) / 2 - 1;
    int tail = vsnprintf(line + len, sizeof(line) - len - 1, format, arguments);
    len += (size_t)tail < sizeof(line) - len - 1 ? (size_t)tail : sizeof(line) - len - 2;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) {
            line[i] = '?';
        }
    }
    line[len] = '\0';
    hide_secrets(line);
    line[len] = '\n';
    (void)!write(STDERR_FILENO, line, len + 1);
}

int cli_fail(const struct cli *cli, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(cli, format, arguments);
    va_end(arguments);
    return code;
}

void cli_note(const struct cli *cli, const char *format, ...)
{
    if (cli_has(cli, OPTION_QUIET)) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    tell(cli, format, arguments);
    va_end(arguments);
}

int cli_exit_code(const struct cli *cli, enum muster_status status)
{
    bool put = cli->command == &commands[COMMAND_put];
    return muster_status_exit_code(put && status == MUSTER_TIMEOUT ? MUSTER_FULL : status);
}

static const char *advice(enum muster_status status)
{
    static const char *const texts[] = {
        [MUSTER_EMPTY] = "wait with --timeout, or put something",
        [MUSTER_FULL] = "take messages out, or wait with --timeout",
        [MUSTER_TIMEOUT] = "give it a longer --timeout, or look with muster stat",
        [MUSTER_SHUTDOWN] = "remove the queue and declare it anew to use it again",
        [MUSTER_BROKEN] = "see the cause, then muster barrier reset",
        [MUSTER_CANCELLED] = "run it again",
        [MUSTER_VALUE] = "correct the value",
        [MUSTER_NOT_OWNER] = "see who holds it with muster stat",
        [MUSTER_LOST] = "it may have been given to somebody else; take a longer lease",
        [MUSTER_GONE] = "declare it again if it is still needed",
        [MUSTER_NOT_FOUND] = "see muster ls, or declare it first",
        [MUSTER_CONFLICT] = "see what it is with muster stat",
        [MUSTER_DENIED] = "ask whoever runs the broker",
        [MUSTER_LIMIT] = "try again later, or raise the broker's limit",
        [MUSTER_NO_MEMORY] = "try again when queues are shorter, or raise the broker's limit",
        [MUSTER_NO_SPACE] = "take messages out, or give the broker more disk",
        [MUSTER_UNAVAILABLE] = "see that musterd runs there, or give --url",
        [MUSTER_PROTOCOL] = "see that program and broker are of one version",
        [MUSTER_UNKNOWN] = "see with muster stat or peek what was carried out",
    };
    size_t count = sizeof(texts) / sizeof(texts[0]);
    return (size_t)status < count && texts[status] != NULL ? texts[status] : "try again";
}

/* What the library found wrong before it asked the broker, it says best itself. */
static bool library_says_it(enum muster_status status)
{
    bool local = status == MUSTER_VALUE || status == MUSTER_UNAVAILABLE ||
                 status == MUSTER_PROTOCOL || status == MUSTER_DENIED;
    return local && muster_last_cause()[0] == '\0' && muster_last_error()[0] != '\0';
}

int cli_status(const struct cli *cli, enum muster_status status, const char *where)
{
    if (status == MUSTER_OK) {
        return EXIT_OK;
    }
    char what[512];
    const char *cause = muster_last_cause();
    if (library_says_it(status)) {
        snprintf(what, sizeof(what), "%s", muster_last_error());
    } else {
        snprintf(what, sizeof(what), "%s%s%s%s", muster_status_text(status),
                 cause[0] != '\0' ? " (" : "", cause, cause[0] != '\0' ? ")" : "");
    }
    bool advised = strstr(what, "; ") != NULL;
    return cli_fail(cli, cli_exit_code(cli, status), "%s%s%s%s%s", where != NULL ? where : "",
                    where != NULL ? ": " : "", what, advised ? "" : "; ",
                    advised ? "" : advice(status));
}

int cli_fail_output(const struct cli *cli, int error)
{
    return cli_fail(cli, EXIT_OUTPUT, "cannot write to stdout: %s; see where it leads to",
                    strerror(error));
}

int cli_flush(struct cli *cli)
{
    int error = out_flush(&cli->out, NULL);
    return error == 0 ? EXIT_OK : cli_fail_output(cli, error);
}

/* ---- connecting ---- */

int64_t cli_timeout(const struct cli *cli, int64_t otherwise)
{
    return cli_has(cli, OPTION_NO_WAIT) ? 0
                                        : option_number(&cli->options, OPTION_TIMEOUT, otherwise);
}

int cli_connect_with(struct cli *cli, muster_client_options *options)
{
    char name[64];
    snprintf(name, sizeof(name), "muster %s", cli->command->words);
    options->url = cli->options.text[OPTION_URL];
    options->server_key = cli->options.text[OPTION_SERVER_KEY];
    options->key_file = cli->options.text[OPTION_KEY];
    options->token_file = cli->options.text[OPTION_TOKEN_FILE];
    options->name = name;
    enum muster_status status = muster_connect(options, &cli->client);
    /* A URL that cannot be one is a wrong command line, not a wrong value in the broker's eyes. */
    int code = cli_status(cli, status, NULL);
    return status == MUSTER_VALUE ? EXIT_USAGE : code;
}

int cli_connect(struct cli *cli, int64_t ttl_ns)
{
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    options.ttl_ns = ttl_ns;
    return cli_connect_with(cli, &options);
}

int cli_open_queue(struct cli *cli, int64_t ttl_ns)
{
    int code = cli_connect(cli, ttl_ns);
    return code != EXIT_OK
               ? code
               : cli_status(cli, muster_queue_open(cli->client, cli_operand(cli, 0), &cli->queue),
                            NULL);
}
