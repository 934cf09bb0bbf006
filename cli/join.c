/* join.c - `muster join`: wait until every message of a queue is finished; tell how they left. */
#include "cli/cli.h"

int command_join(struct cli *cli)
{
    int code = cli_open_queue(cli, TTL_DEFAULT);
    if (code != EXIT_OK) {
        return code;
    }
    muster_tallies tallies;
    enum muster_status status =
        muster_join(cli->queue, cli_timeout(cli, MUSTER_FOREVER), NULL, &tallies);
    if (status != MUSTER_OK) {
        return cli_status(cli, status, NULL);
    }
    const struct {
        const char *name;
        uint64_t count;
    } rows[] = {
        {"done", tallies.done},       {"dead", tallies.dead},       {"purged", tallies.purged},
        {"deleted", tallies.deleted}, {"expired", tallies.expired}, {"dropped", tallies.dropped},
        {"lost", tallies.lost},
    };
    bool json = cli_has(cli, OPTION_JSON);
    struct table table;
    table_begin(&table, &cli->out, 2, NULL);
    if (json) {
        json_open(&cli->out);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (json) {
            json_count(&cli->out, rows[i].name, rows[i].count);
        } else {
            table_cell(&table, "%s", rows[i].name);
            table_cell(&table, "%llu", (unsigned long long)rows[i].count);
        }
    }
    if (json) {
        json_end(&cli->out);
    }
    table_end(&table);
    return EXIT_OK;
}
