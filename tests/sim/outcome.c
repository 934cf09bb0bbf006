/* outcome.c - the outcome of a call as text: its status, what it brought, and the cause.
 *
 *   put OK 7        put OK 7-9         put OK duplicate of 7     get OK 1.1 x, 2.1 y
 *   join OK done=2 lost=1              barrier OK 2 leads        wait TIMEOUT
 *   stat OK kept=1 ...                 FULL (paused)             peek OK 1 x, 2 y delayed */
#include <stdio.h>

#include "tests/sim/world.h"

static void add(struct mst_buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct mst_buf *out, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    n = n < (int)sizeof(text) ? n : (int)sizeof(text) - 1;
    assert_true(mst_buf_append(out, text, (size_t)n));
}

static void add_span(struct mst_buf *out, struct mst_span span)
{
    assert_true(mst_buf_append(out, span.data, span.len));
}

static void add_put(struct mst_buf *out, const muster_put_result *put)
{
    if (put->duplicate_of != 0) {
        add(out, " duplicate of %llu", (unsigned long long)put->duplicate_of);
    } else {
        add(out, " %llu", (unsigned long long)put->id);
    }
    if (put->count > 1) {
        add(out, "-%llu", (unsigned long long)(put->id + put->count - 1));
    }
}

static void add_messages(struct mst_buf *out, const struct mst_call *call)
{
    static const char *const states[] = {"", " leased", " delayed"};
    bool several = call->request != NULL && call->request->handles_count > 1;
    const char *comma = " ";

    for (const struct muster_message *m = call->outcome.messages; m != NULL; m = m->next) {
        add(out, "%s%s%s%llu", comma, several ? mst_handle_name(m->handle) : "", several ? ":" : "",
            (unsigned long long)m->id);
        if (call->op == MST_OP_GET) {
            add(out, ".%llu", (unsigned long long)m->number);
        }
        add(out, " %.*s%s", (int)(m->size < 40 ? m->size : 40), (const char *)m->body,
            states[m->state]);
        if (m->died_of != NULL) {
            add(out, " (%s, %s)", m->died_of, m->last_holder);
        }
        comma = ", ";
    }
}

static void add_tallies(struct mst_buf *out, const struct mst_reply *reply)
{
    for (size_t i = 0; i < reply->tallies_count; i++) {
        if (reply->tallies[i] > 0) {
            add(out, " %s=%llu", mst_tally_names[i], (unsigned long long)reply->tallies[i]);
        }
    }
}

static void add_stat(struct mst_buf *out, const struct mst_reply *reply)
{
    const char *comma = " ";

    for (size_t i = 0; i < reply->who_count; i++) {
        const struct mst_party *who = &reply->who[i];

        add(out, "%s", comma);
        add_span(out, who->role);
        add(out, " ");
        add_span(out, who->name);
        add(out, "%s%s", who->connected ? "" : " away", who->detail.len > 0 ? " " : "");
        add_span(out, who->detail);
        comma = ", ";
    }
}

static void add_list(struct mst_buf *out, const struct mst_reply *reply)
{
    for (size_t i = 0; i < reply->entries_count; i++) {
        add(out, "%s", i == 0 ? " " : ", ");
        add_span(out, reply->entries[i].name);
    }
    for (size_t i = 0; i < reply->sessions_count; i++) {
        const struct mst_session_row *row = &reply->sessions[i];

        add(out, "%s", i == 0 ? " " : ", ");
        add_span(out, row->name);
        add(out, "%s leases=%llu waits=%llu", row->connected ? "" : " away",
            (unsigned long long)row->leases, (unsigned long long)row->waits);
    }
}

static void add_barrier(struct mst_buf *out, const struct mst_reply *reply)
{
    add(out, " %llu%s%s", (unsigned long long)reply->index, reply->leader ? " leads" : "",
        reply->value.len > 0 ? " " : "");
    add_span(out, reply->value);
}

static void add_reply(struct mst_buf *out, const struct mst_reply *reply)
{
    switch (reply->op) {
    case MST_OP_TASK_DONE: add(out, " %llu left", (unsigned long long)reply->number); break;
    case MST_OP_PURGE:
    case MST_OP_SHUTDOWN:
    case MST_OP_REDRIVE: add(out, " %llu", (unsigned long long)reply->number); break;
    case MST_OP_JOIN: add_tallies(out, reply); break;
    case MST_OP_QSIZE:
        add(out, " ready=%llu kept=%llu", (unsigned long long)reply->ready,
            (unsigned long long)reply->kept);
        break;
    case MST_OP_EVENT_IS_SET: add(out, reply->flag ? " true" : " false"); break;
    case MST_OP_BARRIER_WAIT: add_barrier(out, reply); break;
    case MST_OP_DECLARE: add(out, reply->flag ? " created" : ""); break;
    case MST_OP_STAT: add_stat(out, reply); break;
    case MST_OP_LIST:
    case MST_OP_SESSIONS: add_list(out, reply); break;
    default: break;
    }
}

void outcome_write(struct mst_buf *out, const struct world *w, const struct mst_call *call)
{
    (void)w;
    add(out, "%s", mst_status_name((int)call->status));
    if (call->status == MST_OK && call->op == MST_OP_PUT) {
        add_put(out, &call->outcome.put);
    } else if (call->status == MST_OK && (call->op == MST_OP_GET || call->op == MST_OP_PEEK)) {
        add_messages(out, call);
    } else if (call->status == MST_OK && call->op == MST_OP_DONE) {
        add(out, call->already ? " already" : "");
    } else if (call->status == MST_OK && call->outcome.reply != NULL) {
        add_reply(out, call->outcome.reply);
    }
    if (call->cause != NULL) {
        add(out, " (%s)", call->cause);
    }
}
