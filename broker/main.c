/* main.c - musterd: reads the command line, then serves. */
#include "broker/io/io.h"

#include <malloc.h>
#include <stdio.h>

#define HELP_BYTES_MAX 8192

static int tell(const char *text)
{
    return fputs(text, stdout) < 0 || fflush(stdout) != 0 ? CONFIG_EXIT_FAILED : 0;
}

/* By default glibc keeps small pieces that were freed apart and joins them all at once later: after
 * a purge of two million messages that halts the loop for 70 ms. Joined at once they cost no
 * more. */
static void set_up_memory(void)
{
    mallopt(M_MXFAST, 0);
}

int main(int argc, char *argv[])
{
    struct config config;
    char error[CONFIG_ERROR_MAX];
    char help[HELP_BYTES_MAX];

    if (!config_read(&config, argc, argv, error)) {
        fprintf(stderr, "musterd: %s\n", error);
        return CONFIG_EXIT_USAGE;
    }
    if (config.help) {
        return config_help(help, sizeof(help)) ? tell(help) : CONFIG_EXIT_FAILED;
    }
    if (config.show_version) {
        return tell("musterd " MUSTERD_VERSION "\n");
    }
    set_up_memory();
    return io_run(&config);
}
