/* look.c - `muster peek, ls, stat, sessions`: what is there. Nothing here changes anything. */
#include <string.h>

#include "cli/cli.h"

enum { PEEK_DEFAULT = 10, PEEK_PAGE = 1000, PEEK_COLUMNS = 60 };

/* ---- peek ---- */

/* The ids of the last page that was shown. The next page begins behind the last one; if that has
 * been taken meanwhile, behind the one before, and so on; when all of them are gone, with the first
 * message there is, since a queue is emptied from its head. */
struct page {
    uint64_t ids[PEEK_PAGE];
    size_t count;
};

static enum muster_status next_page(struct cli *cli, struct page *page, size_t max,
                                    muster_message **messages, size_t *count_out)
{
    enum muster_status status;
    bool again;
    do {
        uint64_t after = page->count > 0 ? page->ids[page->count - 1] : 0;
        *count_out = 0;
        status = muster_peek(cli->queue, max, after, messages, count_out);
        again = status == MUSTER_NOT_FOUND && page->count > 0;
        page->count -= again ? 1 : 0;
    } while (again);
    return status;
}

/* Shows a page; *left_io is how many more are wanted, 0 when there are no more. */
static enum muster_status show_page(struct cli *cli, const struct peek *peek, struct table *table,
                                    struct page *page, uint64_t *left_io)
{
    muster_message *messages[PEEK_PAGE];
    size_t count = 0;
    size_t max = *left_io < PEEK_PAGE ? (size_t)*left_io : PEEK_PAGE;
    enum muster_status status = next_page(cli, page, max, messages, &count);
    if (status != MUSTER_OK) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        page->ids[i] = muster_message_id(messages[i]);
        peek->row(cli, table, messages[i]);
        muster_message_free(&messages[i]);
    }
    page->count = count;
    *left_io = count > 0 ? *left_io - count : 0;
    return status;
}

int cli_peek(struct cli *cli, const struct peek *peek, uint64_t most)
{
    struct table table;
    struct page page = {.count = 0};
    int code = EXIT_OK;
    table_begin(&table, &cli->out, peek->columns, peek->titles);
    while (most > 0 && code == EXIT_OK) {
        code = cli_status(cli, show_page(cli, peek, &table, &page, &most), NULL);
        if (code == EXIT_OK && !table.terminal) {
            code = cli_flush(cli);
        }
    }
    table_end(&table);
    return code;
}

static void peek_row(struct cli *cli, struct table *table, const muster_message *message)
{
    const void *body = muster_message_body(message);
    size_t size = muster_message_size(message);
    if (cli_has(cli, OPTION_JSON)) {
        json_open(&cli->out);
        json_count(&cli->out, "id", muster_message_id(message));
        json_text(&cli->out, "state", muster_message_state(message));
        json_number(&cli->out, "priority", muster_message_priority(message));
        json_count(&cli->out, "deliveries", muster_message_delivery(message));
        json_seconds(&cli->out, "age", muster_message_age_ns(message));
        json_body(&cli->out, body, size);
        json_end(&cli->out);
        return;
    }
    table_cell(table, "%llu", (unsigned long long)muster_message_id(message));
    table_cell(table, "%s", muster_message_state(message));
    table_cell(table, "%lld", (long long)muster_message_priority(message));
    table_cell(table, "%llu", (unsigned long long)muster_message_delivery(message));
    table_age(table, muster_message_age_ns(message));
    out_escaped(table_cell_begin(table), body, size, table->terminal ? PEEK_COLUMNS : 0);
    table_cell_end(table);
}

int command_peek(struct cli *cli)
{
    static const char *const titles[] = {"ID", "STATE", "PRIORITY", "DELIVERIES", "AGE", "BODY"};
    static const struct peek peek = {6, titles, peek_row};
    int code = cli_open_queue(cli, 0);
    int64_t most = option_number(&cli->options, OPTION_MESSAGES, PEEK_DEFAULT);
    return code != EXIT_OK ? code : cli_peek(cli, &peek, (uint64_t)most);
}

/* ---- ls ---- */

struct rows {
    struct cli *cli;
    struct table table;
};

static bool ls_row(const muster_entry *entry, void *user)
{
    struct rows *rows = user;
    struct out *out = &rows->cli->out;
    if (cli_has(rows->cli, OPTION_JSON)) {
        json_open(out);
        json_text(out, "name", entry->name);
        json_text(out, "kind", muster_kind_name(entry->kind));
        json_count(out, "ready", entry->ready);
        json_count(out, "unfinished", entry->unfinished);
        json_count(out, "waiting", entry->waiting);
        json_end(out);
        return true;
    }
    table_cell(&rows->table, "%s", entry->name);
    table_cell(&rows->table, "%s", muster_kind_name(entry->kind));
    table_cell(&rows->table, "%llu", (unsigned long long)entry->ready);
    table_cell(&rows->table, "%llu", (unsigned long long)entry->unfinished);
    table_cell(&rows->table, "%llu", (unsigned long long)entry->waiting);
    return true;
}

int command_ls(struct cli *cli)
{
    static const char *const titles[] = {"NAME", "KIND", "READY", "UNFINISHED", "WAITING"};
    int code = cli_connect(cli, 0);
    if (code != EXIT_OK) {
        return code;
    }
    struct rows rows = {.cli = cli};
    table_begin(&rows.table, &cli->out, 5, titles);
    code = cli_status(cli, muster_list(cli->client, cli->subject, ls_row, &rows), NULL);
    table_end(&rows.table);
    return code;
}

/* ---- sessions ---- */

static bool sessions_row(const muster_session_info *info, void *user)
{
    struct rows *rows = user;
    struct out *out = &rows->cli->out;
    if (cli_has(rows->cli, OPTION_JSON)) {
        json_open(out);
        json_count(out, "session", info->id);
        json_text(out, "name", info->name);
        json_text(out, "host", info->host);
        json_count(out, "pid", info->pid);
        json_seconds(out, "age", info->age_ns);
        json_bool(out, "connected", info->connected);
        json_count(out, "leases", info->leases);
        json_count(out, "waits", info->waits);
        json_end(out);
        return true;
    }
    table_cell(&rows->table, "%llu", (unsigned long long)info->id);
    table_cell(&rows->table, "%s@%s:%llu", info->name, info->host, (unsigned long long)info->pid);
    table_age(&rows->table, info->age_ns);
    table_cell(&rows->table, "%s", info->connected ? "connected" : "away");
    table_cell(&rows->table, "%llu", (unsigned long long)info->leases);
    table_cell(&rows->table, "%llu", (unsigned long long)info->waits);
    return true;
}

int command_sessions(struct cli *cli)
{
    static const char *const titles[] = {"SESSION", "WHO", "AGE", "STATE", "LEASES", "WAITS"};
    int code = cli_connect(cli, 0);
    if (code != EXIT_OK) {
        return code;
    }
    struct rows rows = {.cli = cli};
    table_begin(&rows.table, &cli->out, 6, titles);
    code = cli_status(cli, muster_sessions(cli->client, sessions_row, &rows), NULL);
    table_end(&rows.table);
    return code;
}
