/* ping.c - `muster ping, version`: is the broker there, and who speaks with whom. */
#include "cli/cli.h"

#define ANSWER_WITHIN (5 * MUSTER_SECOND)

int command_ping(struct cli *cli)
{
    /* Told a time, it waits that long for a broker to come up; else it looks once. */
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    options.ttl_ns = 0;
    int64_t patience_ns = option_number(&cli->options, OPTION_TIMEOUT, 0);
    options.connect_timeout_ns = patience_ns;
    int code = cli_connect_with(cli, &options);
    if (code != EXIT_OK) {
        return code;
    }
    int64_t round_trip_ns = 0;
    enum muster_status status =
        muster_ping(cli->client, patience_ns > 0 ? patience_ns : ANSWER_WITHIN, &round_trip_ns);
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
