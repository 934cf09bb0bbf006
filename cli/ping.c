/* ping.c - `muster ping, version`: is the broker there, and who speaks with whom. */
#include "cli/cli.h"

int command_ping(struct cli *cli)
{
    int code = cli_connect(cli, 0);
    if (code != EXIT_OK) {
        return code;
    }
    int64_t round_trip_ns = 0;
    int64_t timeout_ns = option_number(&cli->options, OPTION_TIMEOUT, 5 * MUSTER_SECOND);
    enum muster_status status = muster_ping(cli->client, timeout_ns, &round_trip_ns);
    if (status != MUSTER_OK) {
        return cli_status(cli, status, NULL);
    }
    const char *version = muster_broker_version(cli->client);
    if (cli_has(cli, OPTION_JSON)) {
        json_open(&cli->out);
        json_text(&cli->out, "broker", version);
        json_seconds(&cli->out, "round_trip", round_trip_ns);
        json_end(&cli->out);
        return EXIT_OK;
    }
    struct table table;
    table_begin(&table, &cli->out, 2, NULL);
    table_cell(&table, "broker");
    table_cell(&table, "%s", version);
    table_cell(&table, "round trip");
    table_cell(&table, "%lld.%03lldms", (long long)(round_trip_ns / MUSTER_MS),
               (long long)(round_trip_ns % MUSTER_MS / 1000));
    table_end(&table);
    return EXIT_OK;
}

int command_version(struct cli *cli)
{
    if (cli_has(cli, OPTION_JSON)) {
        json_open(&cli->out);
        json_text(&cli->out, "version", MUSTER_VERSION);
        json_text(&cli->out, "library", muster_version());
        json_end(&cli->out);
    } else {
        out_printf(&cli->out, "muster %s (libmuster %s)\n", MUSTER_VERSION, muster_version());
    }
    return EXIT_OK;
}
