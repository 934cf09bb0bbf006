/* main.c - musterd: reads its configuration, then serves. */
#include "broker/io/io.h"
#include "broker/io/log.h"
#include "broker/io/reload.h"

#include <malloc.h>
#include <stdio.h>

#define HELP_BYTES_MAX  8192
#define KEPT_BYTES_MAX  (16 << 20) /* free memory at the end of the heap */
#define BLOCK_BYTES_MIN (4 << 20)  /* that the system is asked for each time */

static int tell(const char *text)
{
    fputs(text, stdout);
    return log_printed(&(struct log){.plain = true});
}

/* By default glibc keeps small pieces that were freed apart and joins them all at once later: after
 * a purge of two million messages that halts the loop for 70 ms. Joined at once they cost no
 * more. And it gives the end of the heap back from 128 KiB on, which bodies of 64 KiB that come and
 * go have page by page made anew. */
static void set_up_memory(void)
{
    mallopt(M_MXFAST, 0);
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES_MAX);
    mallopt(M_MMAP_THRESHOLD, BLOCK_BYTES_MIN);
}

static int complain(const struct config_errors *errors)
{
    struct log log = {.plain = true};
    size_t shown = errors->count < CONFIG_ERRORS_MAX ? errors->count : CONFIG_ERRORS_MAX;

    for (size_t i = 0; i < shown; i++) {
        log_line(&log, ENGINE_ERROR, "%s", errors->lines[i]);
    }
    if (shown < errors->count) {
        log_line(&log, ENGINE_ERROR, "there are %zu mistakes more", errors->count - shown);
    }
    return CONFIG_EXIT_USAGE;
}

static int run(struct config *config)
{
    char help[HELP_BYTES_MAX];

    if (config->help) {
        return config_help(help, sizeof(help)) ? tell(help) : CONFIG_EXIT_FAILED;
    }
    if (config->show_version) {
        return tell("musterd " MUSTERD_VERSION "\n");
    }
    set_up_memory();
    return io_run(config);
}

int main(int argc, char *argv[])
{
    struct config config;
    struct config_errors errors;
    int code;

    if (!load_config(&config, argc, argv, &errors)) {
        return complain(&errors);
    }
    code = run(&config);
    config_clear(&config);
    return code;
}
