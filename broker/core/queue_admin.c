/* queue_admin.c - join, counts, and administration: purge, delete, pause, shutdown. */
#include "broker/core/internal.h"

static struct queue *queue_of(struct step *step, struct session *session,
                              const struct mst_request *request)
{
    return (struct queue *)handle_object(step, session, request, request->handle, QUEUE_KINDS,
                                         MST_KIND_NONE);
}

/* Ends a request that changed the queue with how many messages it touched. */
static void outcome_number(struct step *step, struct session *session, struct queue *queue,
                           const struct mst_request *request, uint64_t number)
{
    uint64_t numbers[2] = {number, object_is_durable(&queue->object) ? 1 : 0};

    outcome_record(step, session, &queue->object, request->id, 1, request->op, MST_OK,
                   MST_SPAN_NONE, MST_SPAN_NONE, numbers, 2);
}

/* ---- join ---- */

void decide_join(struct step *step, struct session *session, const struct mst_request *request)
{
    struct queue *queue = queue_of(step, session, request);
    enum mst_status refusal = MST_OK;
    struct wait *wait;

    if (queue == NULL) {
        return;
    }
    if (!timeout_valid(request->timeout_ns)) {
        refusal = MST_VALUE;
    } else if (queue->unfinished == 0) {
        outcome_volatile(step, session, request->id, 1, request->op, MST_OK, MST_SPAN_NONE,
                         queue->tallies, MST_TALLY_COUNT);
        return;
    } else if (request->timeout_ns == 0) {
        refusal = MST_TIMEOUT;
    } else if (step->core->draining) {
        refusal = MST_UNAVAILABLE;
    }
    if (refusal == MST_OK) {
        wait = wait_new(step, session, request, request->id, 1, WAIT_JOIN, request->timeout_ns,
                        &refusal);
        if (wait != NULL) {
            wait->place.object = &queue->object;
            line_enter(step->core, &queue->joiners, &wait->place);
            return;
        }
    }
    refuse(step, session, request, refusal, MST_SPAN_NONE);
}

void join_serve(struct step *step, struct queue *queue)
{
    struct place *place;

    while ((place = line_first(&queue->joiners, false)) != NULL) {
        struct session *session = place->wait->session;
        uint64_t id = place->wait->entry->id;

        wait_free(step->core, place->wait);
        outcome_volatile(step, session, id, 1, MST_OP_JOIN, MST_OK, MST_SPAN_NONE, queue->tallies,
                         MST_TALLY_COUNT);
    }
}

void decide_qsize(struct step *step, struct session *session, const struct mst_request *request)
{
    struct queue *queue = queue_of(step, session, request);
    struct mst_reply *reply;

    if (queue == NULL) {
        return;
    }
    reply = answer_read(step, session, &queue->object, request);
    reply->ready = queue->ready.count;
    reply->kept = queue_kept(queue);
    reply->maxsize = (uint64_t)setting(&queue->object, SETTING_MAXSIZE);
    reply->object_version = queue->object.version;
}

/* ---- purge and delete ---- */

void decide_purge(struct step *step, struct session *session, const struct mst_request *request)
{
    struct queue *queue = queue_of(step, session, request);
    struct record record = record_of(step, RECORD_PURGE);
    uint64_t count;

    if (queue == NULL) {
        return;
    }
    count = queue->ready.count + queue->delayed;
    object_record(step, &queue->object, &record);
    outcome_number(step, session, queue, request, count);
}

static void purge_now(struct core *core, struct queue *queue)
{
    uint64_t count = queue_discard(core, queue);

    queue_finish(core, queue, MST_TALLY_PURGED, count);
}

void apply_purge(struct core *core, const struct record *record)
{
    struct queue *queue = (struct queue *)object_find(core, record->object);

    purge_now(core, queue);
    queue->object.seq = record->seq;
    queue->object.version++;
}

void decide_delete(struct step *step, struct session *session, const struct mst_request *request)
{
    struct queue *queue = queue_of(step, session, request);
    struct record record = record_of(step, RECORD_DROP);
    struct message *message;

    if (queue == NULL) {
        return;
    }
    message = idmap_get(&queue->messages, request->message);
    if (message == NULL || message->state == MST_LEASED) {
        refuse(step, session, request, message == NULL ? MST_NOT_FOUND : MST_CONFLICT,
               mst_span_text(message == NULL ? "the queue keeps no such message"
                                             : "somebody holds the message"));
        return;
    }
    record.message = request->message;
    record.tally = MST_TALLY_DELETED;
    object_record(step, &queue->object, &record);
    outcome_ok(step, session, &queue->object, request);
}

/* ---- pause ---- */

void decide_pause(struct step *step, struct session *session, const struct mst_request *request)
{
    struct queue *queue = queue_of(step, session, request);
    struct record record = record_of(step, RECORD_PAUSE);

    if (queue == NULL) {
        return;
    }
    if (request->sides < MST_SIDE_PUT || request->sides > MST_SIDE_BOTH) {
        refuse(step, session, request, MST_VALUE, mst_span_text("the sides are put, get or both"));
        return;
    }
    record.sides = request->op == MST_OP_PAUSE ? queue->paused | request->sides
                                               : queue->paused & ~request->sides;
    object_record(step, &queue->object, &record);
    outcome_ok(step, session, &queue->object, request);
}

void apply_pause(struct core *core, const struct record *record)
{
    struct queue *queue = (struct queue *)object_find(core, record->object);

    queue->paused = (unsigned)record->sides & MST_SIDE_BOTH;
    queue->object.seq = record->seq;
    queue->object.version++;
    object_mark_dirty(core, &queue->object);
}

/* ---- shutdown ---- */

void decide_shutdown(struct step *step, struct session *session, const struct mst_request *request)
{
    struct queue *queue = queue_of(step, session, request);
    struct record record = record_of(step, RECORD_SHUTDOWN);
    uint64_t count;

    if (queue == NULL) {
        return;
    }
    count = request->immediate ? queue->ready.count + queue->delayed : 0;
    record.flag = request->immediate;
    object_record(step, &queue->object, &record);
    outcome_number(step, session, queue, request, count);
}

void apply_shutdown(struct core *core, const struct record *record)
{
    struct queue *queue = (struct queue *)object_find(core, record->object);

    queue->shut = true;
    queue->object.seq = record->seq;
    queue->object.version++;
    if (record->flag != 0) {
        queue->shut_now = true;
        purge_now(core, queue);
    }
    object_mark_dirty(core, &queue->object);
}
