/* dead.c - `muster dead ls`: what became of messages that were given up. (`dead redrive`, a plain
 * request, is in admin.c.) The dead letters of a queue are a queue of their own, named with a
 * suffix, that exists once there is one. */
#include <stdio.h>

#include "cli/cli.h"

enum { BODY_COLUMNS = 50, NAME_BYTES = 300 };

static const char *text_or(const char *text, const char *otherwise)
{
    return text != NULL && text[0] != '\0' ? text : otherwise;
}

static void dead_row(struct cli *cli, struct table *table, const muster_message *message)
{
    const void *body = muster_message_body(message);
    size_t size = muster_message_size(message);
    const char *cause = text_or(muster_message_died_of(message), "");
    const char *holder = text_or(muster_message_last_holder(message), "");
    if (cli_has(cli, OPTION_JSON)) {
        json_open(&cli->out);
        json_count(&cli->out, "id", muster_message_id(message));
        json_text(&cli->out, "cause", cause);
        json_text(&cli->out, "holder", holder);
        json_number(&cli->out, "priority", muster_message_priority(message));
        json_seconds(&cli->out, "age", muster_message_age_ns(message));
        json_body(&cli->out, body, size);
        json_end(&cli->out);
        return;
    }
    table_cell(table, "%llu", (unsigned long long)muster_message_id(message));
    table_cell(table, "%s", cause);
    table_cell(table, "%s", holder);
    table_age(table, muster_message_age_ns(message));
    out_escaped(table_cell_begin(table), body, size, table->terminal ? BODY_COLUMNS : 0);
    table_cell_end(table);
}

/* Is there a queue of that name? NOT_FOUND is an answer, anything else but OK a failure. */
static enum muster_status look_for(struct cli *cli, const char *name)
{
    muster_stat *stat = NULL;
    enum muster_status status = muster_stat_get(cli->client, name, &stat);
    muster_stat_free(&stat);
    return status;
}

int command_dead_ls(struct cli *cli)
{
    static const char *const titles[] = {"ID", "CAUSE", "LAST HOLDER", "AGE", "BODY"};
    static const struct peek peek = {5, titles, dead_row};
    char name[NAME_BYTES];
    int size = snprintf(name, sizeof(name), "%s.dead", cli->subject);
    if (size >= NAME_BYTES) {
        return cli_fail(cli, EXIT_USAGE, "the name is too long; a queue's has at most 250 bytes");
    }
    int code = cli_connect(cli, 0);
    if (code != EXIT_OK) {
        return code;
    }
    enum muster_status status = look_for(cli, name);
    if (status == MUSTER_NOT_FOUND) {
        /* A queue that nothing died in is fine; one that is not there is an error. */
        return cli_status(cli, look_for(cli, cli->subject), NULL);
    }
    if (status == MUSTER_OK) {
        status = muster_queue_open(cli->client, name, &cli->queue);
    }
    uint64_t most = (uint64_t)option_number(&cli->options, OPTION_MESSAGES, INT64_MAX);
    return status != MUSTER_OK ? cli_status(cli, status, NULL) : cli_peek(cli, &peek, most);
}
