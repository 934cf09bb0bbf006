/* done.c - `muster done, nack, extend`: what was taken with `get --lease`, named by its delivery.
 *
 * Several deliveries are handled in order; the first that fails ends the command and is named. */
#include <stdio.h>

#include "cli/cli.h"

/* One of them. show: with --json, one line about it. */
typedef enum muster_status one_delivery(struct cli *cli, uint64_t id, uint64_t delivery);

static void show(struct cli *cli, uint64_t id, uint64_t delivery, const char *key, bool flag)
{
    if (cli_has(cli, OPTION_JSON)) {
        json_open(&cli->out);
        json_count(&cli->out, "id", id);
        json_count(&cli->out, "delivery", delivery);
        if (key != NULL) {
            json_bool(&cli->out, key, flag);
        }
        json_end(&cli->out);
    }
}

/* The operands from the second on, at most `most` of them. All are checked before any is sent. */
static int each(struct cli *cli, int most, one_delivery *one)
{
    int end = cli->options.count < most ? cli->options.count : most;
    uint64_t id, delivery;
    for (int i = 1; i < end; i++) {
        if (!cli_parse_delivery(cli_operand(cli, i), &id, &delivery)) {
            return cli_fail(cli, EXIT_USAGE,
                            "%.60s is not a delivery; give ID.N as get --lease wrote it",
                            cli_operand(cli, i));
        }
    }
    int code = cli_open_queue(cli, 0);
    for (int i = 1; code == EXIT_OK && i < end; i++) {
        cli_parse_delivery(cli_operand(cli, i), &id, &delivery);
        code = cli_status(cli, one(cli, id, delivery), cli_operand(cli, i));
    }
    return code;
}

static enum muster_status done_one(struct cli *cli, uint64_t id, uint64_t delivery)
{
    bool already = false;
    enum muster_status status = muster_done_by_id(cli->queue, id, delivery, &already);
    if (status == MUSTER_OK) {
        show(cli, id, delivery, "already", already);
    }
    return status;
}

static enum muster_status nack_one(struct cli *cli, uint64_t id, uint64_t delivery)
{
    muster_nack_options options = MUSTER_NACK_OPTIONS;
    options.delay_ns = option_number(&cli->options, OPTION_DELAY, 0);
    options.dead = cli_has(cli, OPTION_DEAD);
    enum muster_status status = muster_nack_by_id(cli->queue, id, delivery, &options);
    if (status == MUSTER_OK) {
        show(cli, id, delivery, "dead", options.dead);
    }
    return status;
}

static enum muster_status extend_one(struct cli *cli, uint64_t id, uint64_t delivery)
{
    int64_t lease_ns = 0;
    cli_parse_time(cli_operand(cli, 2), &lease_ns);
    enum muster_status status = muster_extend_by_id(cli->queue, id, delivery, lease_ns);
    if (status == MUSTER_OK) {
        show(cli, id, delivery, NULL, false);
    }
    return status;
}

int command_done(struct cli *cli)
{
    return each(cli, MANY, done_one);
}

int command_nack(struct cli *cli)
{
    return each(cli, MANY, nack_one);
}

int command_extend(struct cli *cli)
{
    int64_t lease_ns;
    if (!cli_parse_time(cli_operand(cli, 2), &lease_ns)) {
        return cli_fail(cli, EXIT_USAGE,
                        "%.60s is not a time; give one such as 250ms, 2.5 (seconds), 10m or 1h",
                        cli_operand(cli, 2));
    }
    return each(cli, 2, extend_one);
}
