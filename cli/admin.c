/* admin.c - `muster shutdown, pause, resume, purge, rm, sessions kill, dead redrive`: one request
 * each, perhaps a number to show. */
#include "cli/cli.h"

static int show_count(struct cli *cli, const char *key, uint64_t count)
{
    if (cli_has(cli, OPTION_JSON)) {
        json_open(&cli->out);
        json_count(&cli->out, key, count);
        json_end(&cli->out);
    } else {
        out_printf(&cli->out, "%llu\n", (unsigned long long)count);
    }
    return EXIT_OK;
}

int command_shutdown(struct cli *cli)
{
    int code = cli_open_queue(cli, TTL_DEFAULT);
    return code != EXIT_OK
               ? code
               : cli_status(cli, muster_shutdown(cli->queue, cli_has(cli, OPTION_IMMEDIATE)), NULL);
}

static enum muster_side side_of(const struct cli *cli)
{
    int64_t word = option_number(&cli->options, OPTION_SIDE, 2); /* put|get|both */
    return MUSTER_SIDE_PUT + (enum muster_side)word;
}

int command_pause(struct cli *cli)
{
    int code = cli_open_queue(cli, TTL_DEFAULT);
    return code != EXIT_OK ? code : cli_status(cli, muster_pause(cli->queue, side_of(cli)), NULL);
}

int command_resume(struct cli *cli)
{
    int code = cli_open_queue(cli, TTL_DEFAULT);
    return code != EXIT_OK ? code : cli_status(cli, muster_resume(cli->queue, side_of(cli)), NULL);
}

int command_purge(struct cli *cli)
{
    uint64_t purged = 0;
    int code = cli_open_queue(cli, TTL_DEFAULT);
    if (code == EXIT_OK) {
        code = cli_status(cli, muster_purge(cli->queue, &purged), NULL);
    }
    return code == EXIT_OK ? show_count(cli, "purged", purged) : code;
}

int command_dead_redrive(struct cli *cli)
{
    uint64_t moved = 0;
    int code = cli_open_queue(cli, TTL_DEFAULT);
    if (code == EXIT_OK) {
        code = cli_status(cli, muster_redrive(cli->queue, &moved), NULL);
    }
    return code == EXIT_OK ? show_count(cli, "moved", moved) : code;
}

int command_rm(struct cli *cli)
{
    uint64_t id = 0;
    bool message = cli->options.count == 2;
    if (message && !cli_parse_id(cli_operand(cli, 1), &id)) {
        return cli_fail(cli, EXIT_USAGE,
                        "%.60s is not a message id; give a number as peek shows it",
                        cli_operand(cli, 1));
    }
    int code = message ? cli_open_queue(cli, TTL_DEFAULT) : cli_connect(cli, TTL_DEFAULT);
    if (code != EXIT_OK) {
        return code;
    }
    return message ? cli_status(cli, muster_delete_message(cli->queue, id), cli_operand(cli, 1))
                   : cli_status(cli, muster_remove(cli->client, cli->subject), NULL);
}

int command_sessions_kill(struct cli *cli)
{
    uint64_t session = 0;
    if (!cli_parse_id(cli->subject, &session)) {
        return cli_fail(cli, EXIT_USAGE,
                        "this is not a session; give a number as muster sessions shows it");
    }
    int code = cli_connect(cli, 0);
    return code != EXIT_OK ? code
                           : cli_status(cli, muster_session_kill(cli->client, session), NULL);
}
