/* doc_tables.c - the tables of PROTOCOL.md, from the tables of the protocol. */
#include "tests/unit/cmocka_all.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/message.h"
#include "tests/unit/doc.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

void doc_put(struct mst_buf *out, const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    assert_true(len >= 0 && mst_buf_append(out, text, (size_t)len));
    free(text);
}

/* ---- meanings ---- */

enum direction { DIRECTION_REQUEST, DIRECTION_REPLY, DIRECTION_ROW };
enum { MST_OP_ANY = 0 };

struct meaning {
    enum direction direction;
    int of; /* operation, or type of the row's field */
    const char *field;
    const char *text;
};

static const struct meaning meanings[] = {
#define REQUEST(op, field, text) {DIRECTION_REQUEST, (int)MST_OP_##op, #field, text},
#define REPLY(op, field, text)   {DIRECTION_REPLY, (int)MST_OP_##op, #field, text},
#define ROW(type, field, text)   {DIRECTION_ROW, (int)MST_F_##type, #field, text},
#define ENDS(op, status, when)
#include "protocol/meanings.def"
#undef REQUEST
#undef REPLY
#undef ROW
#undef ENDS
};

struct ending {
    enum mst_op op;
    enum mst_status status;
    const char *when;
};

static const struct ending endings[] = {
#define REQUEST(op, field, text)
#define REPLY(op, field, text)
#define ROW(type, field, text)
#define ENDS(op, status, when) {MST_OP_##op, MST_##status, when},
#include "protocol/meanings.def"
#undef REQUEST
#undef REPLY
#undef ROW
#undef ENDS
};

static const struct meaning *meaning_exactly(enum direction direction, int of, const char *field)
{
    for (size_t i = 0; i < COUNT(meanings); i++) {
        const struct meaning *meaning = &meanings[i];
        if (meaning->direction == direction && meaning->of == of &&
            strcmp(meaning->field, field) == 0) {
            return meaning;
        }
    }
    return NULL;
}

static const struct meaning *meaning_of(enum direction direction, int of, const char *field)
{
    const struct meaning *meaning = meaning_exactly(direction, of, field);

    if (meaning == NULL && direction != DIRECTION_ROW) {
        meaning = meaning_exactly(direction, MST_OP_ANY, field);
    }
    return meaning;
}

/* ---- fields ---- */

struct row_name {
    enum mst_field_type type;
    const char *name;
};

static const struct row_name row_names[] = {
    {MST_F_RANGES, "range"},     {MST_F_RUNS, "run"},      {MST_F_DELIVERIES, "delivery"},
    {MST_F_HISTORY, "history"},  {MST_F_PARTIES, "party"}, {MST_F_ENTRIES, "entry"},
    {MST_F_SESSIONS, "session"},
};

static const char *row_name(enum mst_field_type type)
{
    for (size_t i = 0; i < COUNT(row_names); i++) {
        if (row_names[i].type == type) {
            return row_names[i].name;
        }
    }
    return NULL;
}

static void put_type(struct mst_buf *out, const struct mst_field *field)
{
    switch (field->type) {
    case MST_F_U64:
    case MST_F_GENERATION: doc_put(out, "uint"); break;
    case MST_F_I64: doc_put(out, "int"); break;
    case MST_F_BOOL: doc_put(out, "bool"); break;
    case MST_F_STR: doc_put(out, "str, %" PRIu32, field->max); break;
    case MST_F_BIN: doc_put(out, "bin, %" PRIu32, field->max); break;
    case MST_F_SPANS: doc_put(out, "array of bin, %" PRIu32, field->max); break;
    case MST_F_I64S: doc_put(out, "array of int, %" PRIu32, field->max); break;
    case MST_F_U64S: doc_put(out, "array of uint, %" PRIu32, field->max); break;
    case MST_F_FACTS: doc_put(out, "map, %" PRIu32, field->max); break;
    case MST_F_HISTORY: doc_put(out, "history"); break;
    default: doc_put(out, "array of %s, %" PRIu32, row_name(field->type), field->max); break;
    }
}

static void put_default(struct mst_buf *out, const struct mst_field *field)
{
    switch (field->type) {
    case MST_F_U64:
    case MST_F_I64:
        if (field->absent == MST_FOREVER) {
            doc_put(out, "for ever");
        } else {
            doc_put(out, "%" PRId64, field->absent);
        }
        break;
    case MST_F_BOOL: doc_put(out, field->absent != 0 ? "true" : "false"); break;
    case MST_F_STR:
    case MST_F_BIN:
    case MST_F_GENERATION:
    case MST_F_HISTORY: doc_put(out, "none"); break;
    default: doc_put(out, "empty"); break;
    }
}

static void put_fields(struct mst_buf *out, struct mst_layout layout, size_t first,
                       enum direction direction, int of)
{
    doc_put(out, "| # | field | type | default | meaning |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < layout.count; i++) {
        const struct mst_field *field = &layout.fields[i];
        const struct meaning *meaning = meaning_of(direction, of, field->name);
        doc_put(out, "| %zu | `%s` | ", first + i, field->name);
        put_type(out, field);
        doc_put(out, " | ");
        put_default(out, field);
        doc_put(out, " | %s |\n", meaning == NULL ? "?" : meaning->text);
    }
}

static void put_row(struct mst_buf *out, const struct row_name *row)
{
    size_t size = 0;

    put_fields(out, mst_row_layout(row->type, &size), 0, DIRECTION_ROW, (int)row->type);
}

/* ---- operations ---- */

static const enum mst_op ops[] = {
#define OP(code, name, verb, flags, help) MST_OP_##name,
#include "protocol/ops.def"
#undef OP
};

static void put_flags(struct mst_buf *out, unsigned flags)
{
    doc_put(out, "%s%s%s%s", (flags & OPF_CONNECTION) != 0 ? "; id 0" : "",
            (flags & OPF_WAITS) != 0 ? "; waits, can be cancelled" : "",
            (flags & OPF_READS) != 0 ? "; only reads" : "",
            (flags & OPF_MAKES) != 0 ? "; makes what is missing" : "");
}

static bool is_answered(enum mst_op op)
{
    return op != MST_OP_OPEN && op != MST_OP_HEARTBEAT && op != MST_OP_CANCEL;
}

static void put_message(struct mst_buf *out, enum mst_op op, enum direction direction)
{
    bool request = direction == DIRECTION_REQUEST;
    struct mst_layout layout = request ? mst_request_layout(op) : mst_reply_layout(op);

    doc_put(out, "\n");
    if (request) {
        doc_put(out, "Request: `[0x%02x, id, confirm%s]`\n", (unsigned)op,
                layout.count > 0 ? ", ..." : "");
    } else {
        doc_put(out, "Reply: `[0x%02x, id, status, cause%s]`\n", (unsigned)op,
                layout.count > 0 ? ", ..." : "");
    }
    if (layout.count > 0) {
        doc_put(out, "\n");
        put_fields(out, layout, request ? 3 : 4, direction, (int)op);
    }
}

static void put_endings(struct mst_buf *out, enum mst_op op)
{
    bool any = false;

    for (size_t i = 0; i < COUNT(endings); i++) {
        if (endings[i].op != op) {
            continue;
        }
        doc_put(out, "%s| %d %s | %s |\n", any ? "" : "\n| ends with | when |\n|---|---|\n",
                (int)endings[i].status, mst_status_name((int)endings[i].status), endings[i].when);
        any = true;
    }
}

static void put_op(struct mst_buf *out, enum mst_op op)
{
    doc_put(out, "Code 0x%02x; permission: %s", (unsigned)op, mst_verb_name(mst_op_verb(op)));
    put_flags(out, mst_op_flags(op));
    doc_put(out, ".\n");
    if (op != MST_OP_NOTICE) {
        put_message(out, op, DIRECTION_REQUEST);
    }
    if (is_answered(op)) {
        put_message(out, op, DIRECTION_REPLY);
    } else {
        doc_put(out, "\nNot answered.\n");
    }
    put_endings(out, op);
}

static void put_ops(struct mst_buf *out)
{
    doc_put(out, "| code | operation | permission | it is for |\n|---|---|---|---|\n");
    for (size_t i = 0; i < COUNT(ops); i++) {
        doc_put(out, "| 0x%02x | [%s](#", (unsigned)ops[i], mst_op_name(ops[i]));
        for (const char *c = mst_op_name(ops[i]); *c != '\0'; c++) {
            doc_put(out, "%c", *c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
        }
        doc_put(out, ") | %s | %s |\n", mst_verb_name(mst_op_verb(ops[i])), mst_op_help(ops[i]));
    }
}

/* ---- statuses, limits, settings, numbers ---- */

static void put_statuses(struct mst_buf *out)
{
    doc_put(out, "| number | name | meaning |\n|---|---|---|\n");
    for (int i = 0; i < MST_STATUS_COUNT; i++) {
        doc_put(out, "| %d | %s | %s |\n", i, mst_status_name(i), mst_status_text(i));
    }
}

struct limit {
    const char *name;
    int64_t value;
    const char *text;
};

static const struct limit limits[] = {
    {"frame", MST_FRAME_BYTES_MAX, "bytes of one frame, without its length; told in the welcome"},
    {"greeting", 128 << 10, "bytes of a frame before the welcome"},
    {"depth", MST_FRAME_DEPTH_MAX, "arrays and maps within each other"},
    {"values", MST_FRAME_ELEMENTS_MAX, "msgpack values in one frame, arrays and maps included"},
    {"body", MST_BODY_BYTES_MAX, "bytes of one body"},
    {"name", MST_NAME_BYTES_MAX, "bytes of an object's name"},
    {"queue name", MST_QUEUE_NAME_BYTES_MAX, "bytes of a queue's name"},
    {"cause", MST_CAUSE_BYTES_MAX, "bytes of a cause"},
    {"fact name", MST_FACT_NAME_MAX, "bytes of a key of a map"},
    {"fact text", MST_FACT_TEXT_MAX, "bytes of a text in a map"},
    {"handle", MST_HANDLE_MAX, "largest handle number"},
    {"requests in a frame", MST_MESSAGES_MAX, "ids that one frame stands for"},
    {"in flight", MST_IN_FLIGHT_MAX, "requests not yet confirmed; told in the welcome"},
    {"put credit", MST_PUT_CREDIT, "unanswered puts into one queue; told in the welcome"},
    {"put credit bytes", MST_PUT_CREDIT_BYTES, "bytes of their bodies; told in the welcome"},
    {"finished", MST_FINISHED_REMEMBERED, "deliveries that a session can finish twice"},
    {"dedup keys", MST_DEDUP_KEYS_MAX, "keys that one queue remembers"},
    {"parties", MST_PARTIES_MAX, "parties of a barrier"},
    {"time-to-live", MST_TTL_DEFAULT_NS, "of a session, in nanoseconds, if HELLO names none"},
    {"silence", MST_SILENCE_DEFAULT_NS, "nanoseconds; told in the welcome"},
};

static void put_limits(struct mst_buf *out)
{
    doc_put(out, "| limit | value | what |\n|---|---|---|\n");
    for (size_t i = 0; i < COUNT(limits); i++) {
        doc_put(out, "| %s | %" PRId64 " | %s |\n", limits[i].name, limits[i].value,
                limits[i].text);
    }
}

struct setting {
    const char *name;
    const char *type;
    const char *kinds;
    int64_t absent;
    const char *updatable;
    const char *help;
};

static const struct setting settings[] = {
#define SETTING(id, name, type, kinds, absent, updatable, help)                                    \
    {name, #type, #kinds, absent, #updatable, help},
#include "protocol/settings.def"
#undef SETTING
};

static const char *setting_type(const char *type)
{
    static const struct {
        const char *type;
        const char *text;
    } texts[] = {{"COUNT", "number"},
                 {"TIME", "nanoseconds"},
                 {"FULL", "0 block, 1 reject, 2 drop-oldest"},
                 {"FLAG", "0 or 1"},
                 {"DURABILITY", "0 memory, 1 durable"}};

    for (size_t i = 0; i < COUNT(texts); i++) {
        if (strcmp(texts[i].type, type) == 0) {
            return texts[i].text;
        }
    }
    fail_msg("settings.def has a type without words: %s", type);
    return "?";
}

static void put_settings(struct mst_buf *out)
{
    doc_put(out, "| setting | value | of | default | change | meaning |\n");
    doc_put(out, "|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < COUNT(settings); i++) {
        const struct setting *row = &settings[i];
        doc_put(out, "| `%s` | %s | %s | ", row->name, setting_type(row->type),
                strcmp(row->kinds, "QUEUES") == 0     ? "queues"
                : strcmp(row->kinds, "BARRIERS") == 0 ? "barriers"
                : strcmp(row->kinds, "EVENTS") == 0   ? "events"
                                                      : "all");
        if (row->absent == MST_DEFAULT_BROKER) {
            doc_put(out, "1 if the broker has storage");
        } else if (row->absent == MST_FOREVER) {
            doc_put(out, "for ever");
        } else if (row->absent == MST_DEFAULT_TIMEOUT) {
            doc_put(out, "`timeout`");
        } else {
            doc_put(out, "%" PRId64, row->absent);
        }
        doc_put(out, " | %s | %s |\n", strcmp(row->updatable, "UPDATABLE") == 0 ? "yes" : "no",
                row->help);
    }
}

static void put_tallies(struct mst_buf *out)
{
    static const char *const texts[MST_TALLY_COUNT] = {
        [MST_TALLY_DONE] = "finished",
        [MST_TALLY_DEAD] = "moved to the dead letters",
        [MST_TALLY_PURGED] = "dropped by PURGE, or by SHUTDOWN immediate",
        [MST_TALLY_DELETED] = "dropped by DELETE",
        [MST_TALLY_EXPIRED] = "not taken within their time",
        [MST_TALLY_DROPPED] = "made room for a put (drop-oldest)",
        [MST_TALLY_LOST] = "taken in auto mode by a session that ended before TASK_DONE",
    };

    doc_put(out, "| # | tally | messages that were |\n|---|---|---|\n");
    for (size_t i = 0; i < MST_TALLY_COUNT; i++) {
        doc_put(out, "| %zu | %s | %s |\n", i, mst_tally_names[i], texts[i]);
    }
}

/* ---- by name ---- */

static bool put_op_named(const char *name, struct mst_buf *out)
{
    for (size_t i = 0; i < COUNT(ops); i++) {
        if (strcmp(name, mst_op_name(ops[i])) == 0) {
            put_op(out, ops[i]);
            return true;
        }
    }
    return false;
}

bool doc_tables(const char *name, struct mst_buf *out)
{
    static const struct {
        const char *name;
        void (*put)(struct mst_buf *out);
    } parts[] = {{"operations", put_ops},
                 {"statuses", put_statuses},
                 {"limits", put_limits},
                 {"settings", put_settings},
                 {"tallies", put_tallies}};

    for (size_t i = 0; i < COUNT(parts); i++) {
        if (strcmp(name, parts[i].name) == 0) {
            parts[i].put(out);
            return true;
        }
    }
    for (size_t i = 0; i < COUNT(row_names); i++) {
        if (strcmp(name, row_names[i].name) == 0) {
            put_row(out, &row_names[i]);
            return true;
        }
    }
    return put_op_named(name, out);
}

const char *const *doc_names(void)
{
    static const char *const names[] = {"operations", "statuses", "limits", "settings",
                                        "tallies",    "range",    "run",    "delivery",
                                        "history",    "party",    "entry",  "session",
#define OP(code, name, verb, flags, help) #name,
#include "protocol/ops.def"
#undef OP
                                        NULL};

    return names;
}

/* ---- completeness ---- */

static int fields_without_meaning(struct mst_layout layout, enum direction direction, int of,
                                  const char *name, bool *used)
{
    int missing = 0;

    for (size_t i = 0; i < layout.count; i++) {
        const struct meaning *meaning = meaning_of(direction, of, layout.fields[i].name);
        if (meaning == NULL) {
            fprintf(stderr, "meanings.def lacks field %s of %s\n", layout.fields[i].name, name);
            missing++;
        } else {
            used[meaning - meanings] = true;
        }
    }
    return missing;
}

int doc_meanings_missing(void)
{
    bool used[COUNT(meanings)] = {false};
    int problems = 0;

    for (size_t i = 0; i < COUNT(ops); i++) {
        const char *name = mst_op_name(ops[i]);
        problems += fields_without_meaning(mst_request_layout(ops[i]), DIRECTION_REQUEST,
                                           (int)ops[i], name, used);
        problems += fields_without_meaning(mst_reply_layout(ops[i]), DIRECTION_REPLY, (int)ops[i],
                                           name, used);
    }
    for (size_t i = 0; i < COUNT(row_names); i++) {
        size_t size = 0;
        problems += fields_without_meaning(mst_row_layout(row_names[i].type, &size), DIRECTION_ROW,
                                           (int)row_names[i].type, row_names[i].name, used);
    }
    for (size_t i = 0; i < COUNT(meanings); i++) {
        if (!used[i]) {
            fprintf(stderr, "meanings.def has a field that no message has: %s\n",
                    meanings[i].field);
            problems++;
        }
    }
    return problems;
}
