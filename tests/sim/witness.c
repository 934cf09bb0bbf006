/* witness.c - calls of the real client machine as lines of a history. See witness.h.
 *
 * The only one that knows both: judges do not know the world, nor the world its judges. */
#include "tests/sim/witness.h"

#include <stdio.h>

static const char *name_of_handle(const struct program *program, uint64_t number)
{
    for (size_t i = 0; i < program->handles_count; i++) {
        if (mst_handle_number(program->handles[i]) == number) {
            return mst_handle_name(program->handles[i]);
        }
    }
    return "?";
}

static enum history_op op_of(const struct mst_request *request)
{
    switch (request->op) {
    case MST_OP_PUT: return HISTORY_PUT;
    case MST_OP_GET: return HISTORY_GET;
    case MST_OP_DONE: return HISTORY_DONE;
    case MST_OP_TASK_DONE: return HISTORY_TASK_DONE;
    case MST_OP_NACK: return HISTORY_NACK;
    case MST_OP_EXTEND: return HISTORY_EXTEND;
    case MST_OP_JOIN: return HISTORY_JOIN;
    case MST_OP_PURGE: return HISTORY_PURGE;
    case MST_OP_DELETE: return HISTORY_DELETE;
    case MST_OP_PAUSE:
    case MST_OP_UNPAUSE: return HISTORY_PAUSE;
    case MST_OP_REDRIVE: return HISTORY_REDRIVE;
    case MST_OP_SHUTDOWN: return HISTORY_SHUTDOWN;
    case MST_OP_REMOVE: return HISTORY_REMOVE;
    case MST_OP_DECLARE:
    case MST_OP_UPDATE: return HISTORY_DECLARE;
    case MST_OP_EVENT_SET: return HISTORY_SET;
    case MST_OP_EVENT_CLEAR: return HISTORY_CLEAR;
    case MST_OP_EVENT_IS_SET: return HISTORY_IS_SET;
    case MST_OP_EVENT_WAIT: return HISTORY_WAIT;
    case MST_OP_BARRIER_WAIT: return HISTORY_BARRIER;
    case MST_OP_BARRIER_DONE: return HISTORY_REPORT;
    case MST_OP_BARRIER_RESET: return HISTORY_RESET;
    default: return HISTORY_OTHER;
    }
}

static void copy_text(char out[HISTORY_BODY], struct mst_span text)
{
    size_t len = 0;

    while (len < text.len && text.data[len] != '.') { /* where the filling begins (world_body) */
        len++;
    }
    snprintf(out, HISTORY_BODY, "%.*s", (int)len, len == 0 ? "" : (const char *)text.data);
}

static void write_settings(struct history_call *call, const struct mst_request *request)
{
    const struct {
        const char *name;
        int64_t *number;
    } settings[] = {{"maxsize", &call->maxsize},
                    {"max-bytes", &call->max_bytes},
                    {"max-deliveries", &call->max_deliveries},
                    {"full", &call->full},
                    {"dedup-window", &call->dedup_window_ns}};

    if (request->op == MST_OP_DECLARE && request->kind <= MST_KIND_PRIORITY) {
        call->kind = (enum history_kind)request->kind;
        call->maxsize = call->max_bytes = call->full = 0;
        call->max_deliveries = 20;
        call->dedup_window_ns = 300 * SECOND;
    }
    for (size_t i = 0; i < request->settings_count; i++) {
        const struct mst_fact *fact = &request->settings[i];

        for (size_t k = 0; k < sizeof(settings) / sizeof(settings[0]); k++) {
            if (mst_span_equal(fact->name, mst_span_text(settings[k].name))) {
                *settings[k].number = fact->number;
            }
        }
        if (mst_span_equal(fact->name, mst_span_text("parties"))) {
            call->parties = (uint64_t)fact->number;
        } else if (mst_span_equal(fact->name, mst_span_text("action"))) {
            call->action = fact->number != 0;
        } else if (mst_span_equal(fact->name, mst_span_text("action-timeout"))) {
            call->action_ns = fact->number;
        }
    }
}

static void write_bodies(struct history_call *call, const struct mst_call *from,
                         const struct mst_request *request)
{
    char body[HISTORY_BODY];

    for (size_t i = 0; i < mst_call_bodies(from); i++) {
        struct mst_span bytes = from->request == NULL ? from->flow.put.body : request->bodies[i];
        struct history_message *message;

        copy_text(body, bytes);
        message = history_message(call, body);
        message->size = bytes.len;
        message->priority =
            request->priorities_count > 0 ? request->priorities[i] : request->priority;
    }
}

static bool is_cut_off(const struct program *p)
{
    return p->stopped || p->holds || p->wire == NULL || p->wire->dead || p->wire->up.stalled ||
           p->wire->down.stalled || mst_client_phase(p->machine) != MST_CLIENT_UP;
}

static void write_objects(struct history *history, struct history_call *call,
                          const struct program *program, const struct mst_call *from,
                          const struct mst_request *request)
{
    for (size_t i = 0; i < request->handles_count && i < HISTORY_FROM; i++) {
        call->objects[call->objects_count++] =
            history_object(history, name_of_handle(program, request->handles[i]));
    }
    if (call->objects_count == 0) {
        uint64_t handle = from->request == NULL ? from->handle : request->handle;

        call->objects[call->objects_count++] =
            history_object(history, name_of_handle(program, handle));
    }
}

void witness_begins(struct history *history, const struct program *program, struct errand *errand)
{
    const struct mst_call *from = errand->call;
    struct mst_request request;
    struct history_call *call;
    bool flows;

    mst_call_request(from, &request);
    call = history_begin(history, op_of(&request), history_program(history, program->name),
                         program->world->now_ns);
    errand->number = history->calls_count - 1;
    write_objects(history, call, program, from, &request);
    write_bodies(call, from, &request);
    write_settings(call, &request);
    flows = from->request == NULL && from->op == MST_OP_DONE;
    call->message = flows                    ? from->flow.done.message
                    : request.runs_count > 0 ? request.runs[0].first
                                             : request.message;
    call->number = flows                    ? from->flow.done.number
                   : request.runs_count > 0 ? request.runs[0].number
                                            : request.number;
    call->cut_off = is_cut_off(program);
    call->session = call->cut_off ? 0 : mst_client_session(program->machine);
    call->timeout_ns = request.timeout_ns;
    call->delay_ns = request.delay_ns;
    call->ttl_ns = request.op == MST_OP_PUT ? request.ttl_ns : MUSTER_FOREVER;
    call->lease_ns = request.lease_ns;
    call->automatic = request.op == MST_OP_GET && request.mode == MST_GET_AUTO;
    call->max = request.max;
    call->all = request.op == MST_OP_PUT && request.mode == MST_PUT_ALL;
    call->fit = request.op == MST_OP_PUT && request.mode == MST_PUT_FIT;
    call->detached = request.detached;
    call->uncounted = request.uncounted;
    call->dead = request.dead;
    call->immediate = request.immediate;
    call->puts = (request.sides & MST_SIDE_PUT) != 0;
    call->gets = (request.sides & MST_SIDE_GET) != 0;
    call->flag = request.op == MST_OP_UNPAUSE;
    copy_text(call->key, request.dedup);
}

static void write_deliveries(struct history *history, struct history_call *call,
                             const struct muster_message *chain)
{
    for (const struct muster_message *m = chain; m != NULL; m = m->next) {
        char body[HISTORY_BODY];
        struct history_message *message;

        copy_text(body, mst_span_of(m->body, m->size));
        message = history_message(call, body);
        message->object = history_object(history, mst_handle_name(m->handle));
        message->id = m->id;
        message->number = m->number;
        message->priority = m->priority;
        message->died_by_itself =
            m->died_of != NULL && strncmp(m->died_of, "max-deliveries", 14) == 0;
    }
}

static void write_reply(struct history_call *call, const struct mst_reply *reply)
{
    call->flag = call->op == HISTORY_PAUSE ? call->flag : reply->flag;
    call->generation = reply->generation;
    call->index = reply->index;
    call->leads = reply->leader;
}

void witness_ends(struct history *history, const struct program *program,
                  const struct errand *errand)
{
    struct history_call *call = &history->calls[errand->number];
    const struct mst_call *from = errand->call;

    if (from->status == MST_CANCELLED && history->programs[call->program].ended != HISTORY_NEVER) {
        return; /* it left without waiting for what came of it */
    }
    history_end(history, call, program->world->now_ns);
    call->session_end = mst_client_session(program->machine);
    call->status = (enum muster_status)from->status;
    call->has_cause = from->cause != NULL;
    call->paused = from->cause != NULL && strcmp(from->cause, "paused") == 0;
    if (from->status != MST_OK) {
        return;
    }
    if (call->op == HISTORY_PUT) {
        call->taken = from->outcome.put.count;
        call->duplicate_of = from->outcome.put.duplicate_of;
        for (size_t i = 0; i < call->messages_count && i < call->taken; i++) {
            call->messages[i].id = from->outcome.put.id + i;
        }
    } else if (call->op == HISTORY_GET) {
        write_deliveries(history, call, from->outcome.messages);
    } else if (call->op == HISTORY_DONE) {
        call->already = from->already;
    } else if (from->op != MST_OP_PEEK && from->outcome.reply != NULL) {
        write_reply(call, from->outcome.reply);
    }
}
