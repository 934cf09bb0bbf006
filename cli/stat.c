/* stat.c - `muster stat`: all facts of one object, who holds and who waits; or of the broker.
 *
 * Facts are the broker's: whatever it tells is shown, by name. */
#include <string.h>

#include "cli/cli.h"

/* ---- one object ---- */

/* The option that a setting is given with; NULL: the fact is no setting. */
static const struct option_row *setting_row(const char *name)
{
    for (enum option_name i = 0; i < OPTION_COUNT; i++) {
        if ((SETTINGS >> i & 1u) != 0 && strcmp(option_rows[i].text, name) == 0) {
            return &option_rows[i];
        }
    }
    return NULL;
}

static bool is_age(const char *name)
{
    size_t len = strlen(name);
    return len > 3 && strcmp(name + len - 3, "_ns") == 0;
}

/* The word of a choice, as options.def has it. */
static void choice_out(struct out *out, const char *words, int64_t at)
{
    for (; at > 0 && strchr(words, '|') != NULL; at--) {
        words = strchr(words, '|') + 1;
    }
    out_bytes(out, words, strcspn(words, "|"));
}

static const char *special_time(int64_t ns)
{
    return ns == MUSTER_FOREVER ? "forever" : ns < 0 ? "default" : NULL;
}

/* A setting as the command line takes it: times in seconds, choices in words. */
static void fact_json(struct out *out, const muster_stat *stat, size_t i)
{
    int64_t number = 0;
    const char *text = NULL;
    const char *name = muster_stat_fact(stat, i, &number, &text);
    const struct option_row *row = setting_row(name);
    if (text != NULL) {
        json_text(out, name, text);
    } else if (row != NULL && row->type == OPTION_CHOICE) {
        json_key(out, name);
        out_text(out, "\"");
        choice_out(out, row->value, number);
        out_text(out, "\"");
    } else if (row != NULL && row->type == OPTION_TIME && special_time(number) != NULL) {
        json_text(out, name, special_time(number));
    } else if (row != NULL && row->type == OPTION_TIME) {
        json_seconds(out, name, number);
    } else {
        json_number(out, name, number);
    }
}

static void fact_cell(struct table *table, const char *name, int64_t number)
{
    const struct option_row *row = setting_row(name);
    bool time = row != NULL && row->type == OPTION_TIME;
    if (row != NULL && row->type == OPTION_CHOICE) {
        choice_out(table_cell_begin(table), row->value, number);
        table_cell_end(table);
    } else if (time && special_time(number) != NULL) {
        table_cell(table, "%s", special_time(number));
    } else if (time || (table->terminal && is_age(name))) {
        table_age(table, number);
    } else {
        table_cell(table, "%lld", (long long)number);
    }
}

static void party_json(struct out *out, const muster_party *party)
{
    json_open(out);
    json_text(out, "role", party->role);
    json_text(out, "name", party->name);
    json_text(out, "host", party->host);
    json_count(out, "pid", party->pid);
    json_count(out, "session", party->session);
    if (party->since_ns >= 0) {
        json_seconds(out, "since", party->since_ns);
    } else {
        json_text(out, "since", NULL);
    }
    json_bool(out, "connected", party->connected);
    json_text(out, "detail", party->detail);
    json_close(out);
}

static void stat_json(struct out *out, const char *name, const muster_stat *stat)
{
    json_open(out);
    json_text(out, "name", name);
    json_text(out, "kind", muster_kind_name(muster_stat_kind(stat)));
    for (size_t i = 0; i < muster_stat_facts(stat); i++) {
        fact_json(out, stat, i);
    }
    json_key(out, "who");
    out_text(out, "[");
    for (size_t i = 0; i < muster_stat_parties(stat); i++) {
        party_json(out, muster_stat_party(stat, i));
    }
    out_text(out, "]");
    json_end(out);
}

static void facts_table(struct cli *cli, const muster_stat *stat)
{
    struct table table;
    table_begin(&table, &cli->out, 2, NULL);
    table_cell(&table, "kind");
    table_cell(&table, "%s", muster_kind_name(muster_stat_kind(stat)));
    for (size_t i = 0; i < muster_stat_facts(stat); i++) {
        int64_t number = 0;
        const char *text = NULL;
        const char *name = muster_stat_fact(stat, i, &number, &text);
        table_cell(&table, "%s", name);
        if (text != NULL) {
            out_escaped(table_cell_begin(&table), text, strlen(text), 0);
            table_cell_end(&table);
        } else {
            fact_cell(&table, name, number);
        }
    }
    table_end(&table);
}

/* In plain lines a first field says that this is no fact. */
static void parties_table(struct cli *cli, const muster_stat *stat)
{
    static const char *const titles[] = {"ROLE", "WHO", "SESSION", "SINCE", "STATE", "DETAIL"};
    struct table table;
    table_begin(&table, &cli->out, 6, titles);
    if (table.terminal && muster_stat_parties(stat) > 0) {
        out_text(&cli->out, "\n");
    }
    for (size_t i = 0; i < muster_stat_parties(stat); i++) {
        const muster_party *party = muster_stat_party(stat, i);
        out_text(&cli->out, table.terminal ? "" : "who\t");
        table_cell(&table, "%s", party->role);
        table_cell(&table, "%s@%s:%llu", party->name, party->host, (unsigned long long)party->pid);
        table_cell(&table, "%llu", (unsigned long long)party->session);
        if (party->since_ns >= 0) {
            table_age(&table, party->since_ns);
        } else {
            table_cell(&table, "-");
        }
        table_cell(&table, "%s", party->connected ? "connected" : "away");
        table_cell(&table, "%s", party->detail != NULL ? party->detail : "");
    }
    table_end(&table);
}

int cli_show_stat(struct cli *cli, const char *name, enum muster_kind kind)
{
    muster_stat *stat = NULL;
    enum muster_status status = muster_stat_get(cli->client, name, &stat);
    if (status != MUSTER_OK) {
        return cli_status(cli, status, NULL);
    }
    int code = EXIT_OK;
    if (kind != 0 && muster_stat_kind(stat) != kind) {
        code = cli_fail(cli, cli_exit_code(cli, MUSTER_CONFLICT),
                        "it is a %s, not a %s; see muster stat",
                        muster_kind_name(muster_stat_kind(stat)), muster_kind_name(kind));
    } else if (cli_has(cli, OPTION_JSON)) {
        stat_json(&cli->out, name, stat);
    } else {
        facts_table(cli, stat);
        parties_table(cli, stat);
    }
    muster_stat_free(&stat);
    return code;
}

/* ---- the broker ---- */

struct overview {
    uint64_t queues, events, barriers;
    uint64_t ready, unfinished, waiting;
    uint64_t sessions, connected, leases;
};

static bool count_entry(const muster_entry *entry, void *user)
{
    struct overview *sum = user;
    sum->waiting += entry->waiting;
    if (entry->kind == MUSTER_EVENT) {
        sum->events++;
    } else if (entry->kind == MUSTER_BARRIER) {
        sum->barriers++;
    } else {
        sum->queues++;
        sum->ready += entry->ready;
        sum->unfinished += entry->unfinished;
    }
    return true;
}

static bool count_session(const muster_session_info *info, void *user)
{
    struct overview *sum = user;
    sum->sessions++;
    sum->connected += info->connected ? 1 : 0;
    sum->leases += info->leases;
    return true;
}

static void show_overview(struct cli *cli, const struct overview *sum)
{
    const struct {
        const char *name;
        uint64_t count;
    } rows[] = {
        {"queues", sum->queues},     {"events", sum->events},         {"barriers", sum->barriers},
        {"ready", sum->ready},       {"unfinished", sum->unfinished}, {"waiting", sum->waiting},
        {"sessions", sum->sessions}, {"connected", sum->connected},   {"leases", sum->leases},
    };
    bool json = cli_has(cli, OPTION_JSON);
    struct table table;
    table_begin(&table, &cli->out, 2, NULL);
    if (json) {
        json_open(&cli->out);
        json_text(&cli->out, "broker", muster_broker_version(cli->client));
    } else {
        table_cell(&table, "broker");
        table_cell(&table, "%s", muster_broker_version(cli->client));
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
}

int command_stat(struct cli *cli)
{
    int code = cli_connect(cli, 0);
    if (code != EXIT_OK) {
        return code;
    }
    if (cli->subject != NULL) {
        return cli_show_stat(cli, cli->subject, 0);
    }
    struct overview sum = {0};
    code = cli_status(cli, muster_list(cli->client, NULL, count_entry, &sum), NULL);
    if (code == EXIT_OK) {
        code = cli_status(cli, muster_sessions(cli->client, count_session, &sum), NULL);
    }
    if (code == EXIT_OK) {
        show_overview(cli, &sum);
    }
    return code;
}
