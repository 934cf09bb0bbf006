/* queue_done.c - what becomes of a delivery: finished, given back, extended, or run out of time. */
#include "broker/core/internal.h"

#include <assert.h>

/* ---- finding the delivery that a request names ---- */

struct named {
    struct message *message;
    enum mst_status status; /* OK: session may finish it */
    bool already;           /* OK: it did so before */
};

static struct named find_delivery(const struct session *session, struct queue *queue, uint64_t id,
                                  uint64_t number)
{
    struct message *message = idmap_get(&queue->messages, id);
    struct lease *lease = message == NULL ? NULL : message_lease(message);
    bool given = message == NULL || number <= message_deliveries(message);

    if (lease != NULL && message_deliveries(message) == number && lease->mode == MST_GET_LEASE) {
        bool ours = lease->session == session || lease->detached;

        return (struct named){message, ours ? MST_OK : MST_NOT_OWNER, false};
    }
    if (session_has_done(session, &queue->object, id, number)) {
        return (struct named){NULL, MST_OK, true};
    }
    if (number > 0 && given && id >= queue->first_id && id < queue->next_id) {
        return (struct named){NULL, MST_LOST, false};
    }
    return (struct named){NULL, MST_NOT_FOUND, false};
}

static const char *delivery_problem(enum mst_status status)
{
    switch (status) {
    case MST_NOT_OWNER: return "another session holds this delivery";
    case MST_LOST: return "its lease had ended: by its time, by nack, or with its session";
    case MST_NOT_FOUND: return "no such delivery was ever given";
    default: return NULL;
    }
}

/* ---- done ---- */

static void finish_one(struct core *core, struct queue *queue, struct session *session, uint64_t id,
                       uint64_t number)
{
    struct message *message = idmap_get(&queue->messages, id);

    message_unlease(core, queue, message);
    message_free(core, queue, message);
    session_remember_done(core, session, object_is_durable(&queue->object), queue->object.id, id,
                          number);
}

void apply_done(struct core *core, const struct record *record)
{
    struct queue *queue = (struct queue *)object_find(core, record->object);
    struct session *session = session_find(core, record->session);

    for (uint64_t i = 0; i < record->count; i++) {
        finish_one(core, queue, session, record->message + i, record->number);
    }
    queue_finish(core, queue, MST_TALLY_DONE, record->count);
    queue->object.seq = record->seq;
    queue->object.version++;
}

/* Neighbouring requests that end alike, gathered: they finish deliveries of consecutive messages,
 * or were finished before, or fail. */
struct done_run {
    uint64_t id;
    uint64_t count;
    enum mst_status status;
    bool already;
    uint64_t message;
    uint64_t number;
};

static void flush_run(struct step *step, struct session *session, struct queue *queue,
                      struct done_run *run)
{
    uint64_t numbers[2] = {run->already ? 1 : 0, object_is_durable(&queue->object) ? 1 : 0};

    if (run->count == 0) {
        return;
    }
    if (run->status == MST_OK && !run->already) {
        struct record record;

        record_begin(&record, step, RECORD_DONE);
        record.message = run->message;
        record.count = run->count;
        record.number = run->number;
        record.session = session->id;
        object_record(step, &queue->object, &record);
    }
    outcome_record(step, session, &queue->object, run->id, run->count, MST_OP_DONE, run->status,
                   mst_span_text(delivery_problem(run->status)), MST_SPAN_NONE, numbers, 2);
    run->id += run->count;
    run->count = 0;
}

/* Messages of a run differ, so that each can be judged before those in front are finished. */
static void done_one(struct step *step, struct session *session, struct queue *queue, uint64_t id,
                     uint64_t number, struct done_run *run)
{
    struct named named = find_delivery(session, queue, id, number);
    bool finishes = named.status == MST_OK && !named.already;

    if (named.status != run->status || named.already != run->already ||
        (finishes && (id != run->message + run->count || number != run->number))) {
        flush_run(step, session, queue, run);
        named = find_delivery(session, queue, id, number); /* it may have been in the run */
        run->status = named.status;
        run->already = named.already;
        run->message = id;
        run->number = number;
    }
    run->count++;
}

void decide_done(struct step *step, struct session *session, const struct mst_request *request)
{
    struct queue *queue = (struct queue *)handle_object(step, session, request, request->handle,
                                                        QUEUE_KINDS, MST_KIND_NONE);
    struct done_run run = {.id = request->id, .status = MST_OK};

    if (queue == NULL) {
        return;
    }
    for (size_t i = 0; i < request->runs_count; i++) {
        for (uint64_t j = 0; j < request->runs[i].count; j++) {
            done_one(step, session, queue, request->runs[i].first + j, request->runs[i].number,
                     &run);
        }
    }
    flush_run(step, session, queue, &run);
}

void apply_taskdone(struct core *core, const struct record *record)
{
    struct queue *queue = (struct queue *)object_find(core, record->object);
    struct session *session = session_find(core, record->session);
    struct account *account = session_account(core, session, queue);

    account->taken -= record->count;
    account_drop_if_idle(core, account);
    queue_finish(core, queue, MST_TALLY_DONE, record->count);
    queue->object.seq = record->seq;
    queue->object.version++;
}

void decide_task_done(struct step *step, struct session *session, const struct mst_request *request)
{
    struct queue *queue = (struct queue *)handle_object(step, session, request, request->handle,
                                                        QUEUE_KINDS, MST_KIND_NONE);
    struct account *account =
        queue == NULL ? NULL : idmap_get(&session->accounts, queue->object.id);
    struct record record = record_of(step, RECORD_TASKDONE);
    uint64_t numbers[2];

    if (queue == NULL) {
        return;
    }
    if (request->count == 0 || account == NULL || account->taken < request->count) {
        refuse(step, session, request, MST_VALUE,
               mst_span_text("task_done() called too many times"));
        return;
    }
    record.session = session->id;
    record.count = request->count;
    object_record(step, &queue->object, &record);
    numbers[0] = queue->unfinished;
    numbers[1] = object_is_durable(&queue->object) ? 1 : 0;
    outcome_record(step, session, &queue->object, request->id, 1, request->op, MST_OK,
                   MST_SPAN_NONE, MST_SPAN_NONE, numbers, 2);
}

void apply_lose(struct core *core, const struct record *record)
{
    struct queue *queue = (struct queue *)object_find(core, record->object);
    struct session *session = session_find(core, record->session);
    struct account *account = session_account(core, session, queue);

    account->taken = 0;
    account_drop_if_idle(core, account);
    queue_finish(core, queue, MST_TALLY_LOST, record->count);
    queue->object.seq = record->seq;
}

/* ---- giving back ---- */

static void drop_record(struct step *step, struct queue *queue, const struct message *message,
                        enum mst_tally why)
{
    struct record record = record_of(step, RECORD_DROP);

    record.message = message->id;
    record.tally = (uint64_t)why;
    object_record(step, &queue->object, &record);
}

void lease_return(struct step *step, struct lease *lease, bool counted, int64_t delay_ns,
                  enum redelivery why)
{
    static const char *const reasons[REDELIVERY_COUNT] = {
        "nack", "its lease time ran out", "its holder's session ended", "nobody took it"};
    struct queue *queue = lease->queue;
    struct message *message = lease->message;
    uint64_t limit = (uint64_t)setting(&queue->object, SETTING_MAX_DELIVERIES);
    struct record record = record_of(step, RECORD_RETURN);

    if (queue->shut_now) {
        drop_record(step, queue, message, MST_TALLY_PURGED);
    } else if (message_expired(message, step->core->now_ns)) {
        drop_record(step, queue, message, MST_TALLY_EXPIRED);
    } else if (counted && limit > 0 && !queue->is_dead && message_counted(message) + 1 >= limit) {
        message_bury(step, queue, message,
                     step_printf(step, "max-deliveries %llu reached; the last: %s",
                                 (unsigned long long)limit, reasons[why]));
    } else {
        record.message = message->id;
        record.counted = counted;
        record.ready_ns = delay_ns > 0 ? time_after(step->core->now_ns, delay_ns) : 0;
        queue->counts->redeliveries[why]++;
        object_record(step, &queue->object, &record);
    }
}

void apply_return(struct core *core, const struct record *record)
{
    struct queue *queue = (struct queue *)object_find(core, record->object);
    struct message *message = idmap_get(&queue->messages, record->message);

    message_unlease(core, queue, message);
    if (record->counted != 0) {
        message_set_counts(core, queue, message, message_deliveries(message),
                           message_counted(message) + 1);
    }
    queue->returns++;
    if (record->ready_ns > 0) {
        message_extra_ensure(core, queue, message)->ready_ns = record->ready_ns;
        message->state = MST_DELAYED;
        queue->delayed++;
    } else {
        message->state = MST_READY;
        pile_return(core, &queue->ready, message);
    }
    message_arm(core, message);
    queue->object.seq = record->seq;
    queue->object.version++;
    object_mark_dirty(core, &queue->object);
}

/* The lease that nack or extend names, or a refusal. */
static struct lease *held(struct step *step, struct session *session, struct queue *queue,
                          const struct mst_request *request)
{
    struct named named = find_delivery(session, queue, request->message, request->number);

    if (named.status == MST_OK && named.already) {
        named.status = MST_LOST;
    }
    if (named.status != MST_OK) {
        refuse(step, session, request, named.status, mst_span_text(delivery_problem(named.status)));
        return NULL;
    }
    return message_lease(named.message);
}

void decide_nack(struct step *step, struct session *session, const struct mst_request *request)
{
    struct queue *queue = (struct queue *)handle_object(step, session, request, request->handle,
                                                        QUEUE_KINDS, MST_KIND_NONE);
    struct lease *lease;

    if (queue == NULL) {
        return;
    }
    if (request->delay_ns < 0 || (request->dead && queue->is_dead)) {
        refuse(step, session, request, MST_VALUE,
               mst_span_text(request->delay_ns < 0 ? "a negative delay"
                                                   : "a dead letter has no dead letters"));
        return;
    }
    lease = held(step, session, queue, request);
    if (lease == NULL) {
        return;
    }
    if (request->dead) {
        message_bury(step, queue, lease->message,
                     request->value.len > 0 ? request->value : mst_span_text("nack"));
    } else {
        lease_return(step, lease, !request->uncounted, request->delay_ns, REDELIVERY_NACK);
    }
    queue->counts->nacks++;
    outcome_ok(step, session, &queue->object, request);
}

/* ---- time ---- */

void decide_extend(struct step *step, struct session *session, const struct mst_request *request)
{
    struct queue *queue = (struct queue *)handle_object(step, session, request, request->handle,
                                                        QUEUE_KINDS, MST_KIND_NONE);
    struct lease *lease = queue == NULL ? NULL : held(step, session, queue, request);
    struct record record = record_of(step, RECORD_EXTEND);

    if (lease == NULL) {
        return;
    }
    if (request->lease_ns <= 0 || (lease->detached && request->lease_ns == MST_FOREVER)) {
        refuse(step, session, request, MST_VALUE,
               mst_span_text("a lease time is positive, and a detached lease must end"));
        return;
    }
    record.message = request->message;
    record.until_ns = time_after(step->core->now_ns, request->lease_ns);
    object_record(step, &queue->object, &record);
    outcome_ok(step, session, &queue->object, request);
}

void apply_extend(struct core *core, const struct record *record)
{
    struct queue *queue = (struct queue *)object_find(core, record->object);
    struct lease *lease = message_lease(idmap_get(&queue->messages, record->message));

    lease->until_ns = record->until_ns;
    lease->lease_ns =
        record->until_ns == MST_FOREVER ? MST_FOREVER : record->until_ns - record->now_ns;
    timer_set(core, &lease->timer, record->until_ns);
    queue->object.seq = record->seq;
}

static void tell_lost(struct step *step, uint64_t conn, const struct queue *queue, uint64_t message,
                      uint64_t number)
{
    struct effect *effect = effects_reply(step, conn, MST_OP_NOTICE, 0);

    effect->seq = queue->object.seq;
    effect->reply.notice = MST_NOTICE_LEASE_LOST;
    effect->reply.cause = mst_span_text("timeout");
    effect->reply.name = mst_arena_copy(&step->effects->arena, object_name(&queue->object));
    effect->reply.first = message;
    effect->reply.number = number;
}

void lease_due(struct step *step, struct lease *lease)
{
    const struct queue *queue = lease->queue;
    uint64_t conn = lease->session == NULL ? 0 : lease->session->conn;
    uint64_t message = lease->message->id;
    uint64_t number = message_deliveries(lease->message);

    lease_return(step, lease, true, 0, REDELIVERY_TIMEOUT);
    if (conn != 0) {
        tell_lost(step, conn, queue, message, number);
    }
}

void message_due(struct step *step, struct extra *extra, enum timer_kind kind)
{
    struct object *object = object_find(step->core, extra->object);
    struct queue *queue = (struct queue *)object;
    struct message *message = extra->message;

    /* A message that was cut off with its queue or by a purge is only waiting to be freed. */
    if (object == NULL || idmap_get(&queue->messages, message->id) != message) {
        return;
    }
    if (kind == TIMER_TTL) {
        drop_record(step, queue, message, MST_TALLY_EXPIRED);
    } else {
        struct record record = record_of(step, RECORD_READY);

        record.message = message->id;
        object_record(step, object, &record);
    }
}

void apply_ready(struct core *core, const struct record *record)
{
    struct queue *queue = (struct queue *)object_find(core, record->object);
    struct message *message = idmap_get(&queue->messages, record->message);

    message->state = MST_READY;
    message_arm(core, message);
    queue->delayed--;
    pile_return(core, &queue->ready, message);
    queue->object.seq = record->seq;
    queue->object.version++;
    object_mark_dirty(core, &queue->object);
}

void apply_drop(struct core *core, const struct record *record)
{
    struct queue *queue = (struct queue *)object_find(core, record->object);
    struct message *message = idmap_get(&queue->messages, record->message);

    if (message->state == MST_READY) {
        pile_remove(&queue->ready, message);
    } else if (message->state == MST_DELAYED) {
        queue->delayed--;
    }
    message_unlease(core, queue, message);
    message_free(core, queue, message);
    queue_finish(core, queue, (enum mst_tally)record->tally, 1);
    queue->object.seq = record->seq;
    queue->object.version++;
}
