/* barrier.c - `muster barrier wait, abort, reset, stat`. */
#include <limits.h>

#include "cli/cli.h"

static int open_barrier(struct cli *cli, unsigned parties, muster_barrier **barrier_out)
{
    int code = cli_connect(cli, TTL_DEFAULT);
    return code != EXIT_OK
               ? code
               : cli_status(cli,
                            muster_barrier_open(cli->client, cli->subject, parties, barrier_out),
                            NULL);
}

static void show_place(struct cli *cli, const muster_barrier_result *result)
{
    if (cli_has(cli, OPTION_JSON)) {
        json_open(&cli->out);
        json_count(&cli->out, "index", result->index);
        json_count(&cli->out, "generation", result->generation);
        json_end(&cli->out);
    } else {
        out_printf(&cli->out, "%u\n", result->index);
    }
}

int command_barrier_wait(struct cli *cli)
{
    int64_t parties = option_number(&cli->options, OPTION_PARTIES, 0);
    if (parties > UINT_MAX) {
        return cli_fail(cli, EXIT_USAGE, "--parties %lld is too many; give fewer",
                        (long long)parties);
    }
    muster_barrier *barrier = NULL;
    muster_barrier_result result = {0};
    int code = open_barrier(cli, (unsigned)parties, &barrier);
    if (code == EXIT_OK) {
        int64_t timeout_ns = cli_timeout(cli, MUSTER_DEFAULT);
        code = cli_status(cli, muster_barrier_wait(barrier, timeout_ns, NULL, &result), NULL);
    }
    /* There is no action to run here, so a leader reports at once and lets the others go on. */
    if (code == EXIT_OK && result.leader) {
        code = cli_status(cli, muster_barrier_done(barrier, result.generation, false, NULL, 0),
                          "end of the action");
    }
    if (code == EXIT_OK) {
        show_place(cli, &result);
    }
    muster_barrier_close(&barrier);
    return code;
}

int command_barrier_abort(struct cli *cli)
{
    muster_barrier *barrier = NULL;
    int code = open_barrier(cli, 0, &barrier);
    if (code == EXIT_OK) {
        code = cli_status(cli, muster_barrier_abort(barrier), NULL);
    }
    muster_barrier_close(&barrier);
    return code;
}

int command_barrier_reset(struct cli *cli)
{
    muster_barrier *barrier = NULL;
    int code = open_barrier(cli, 0, &barrier);
    if (code == EXIT_OK) {
        code = cli_status(cli, muster_barrier_reset(barrier), NULL);
    }
    muster_barrier_close(&barrier);
    return code;
}

int command_barrier_stat(struct cli *cli)
{
    int code = cli_connect(cli, 0);
    return code != EXIT_OK ? code : cli_show_stat(cli, cli->subject, MUSTER_BARRIER);
}
