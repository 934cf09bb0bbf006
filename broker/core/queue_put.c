/* queue_put.c - putting: at once, in line behind a full queue, or not at all. */
#include "broker/core/internal.h"

enum full_policy { FULL_BLOCK, FULL_REJECT, FULL_DROP_OLDEST };

/* ---- applying ---- */

static void add_message(struct core *core, struct queue *queue, const struct record *record,
                        size_t i)
{
    struct put_list *put = record->put;
    struct message_made made = {.id = record->message + i,
                                .priority =
                                    put->priorities != NULL ? put->priorities[i] : put->priority,
                                .put_ns = record->now_ns};
    struct message *message;

    if (put->texts != NULL) {
        made.body = put->texts[i];
        message = message_new(core, queue, &made, NULL);
    } else {
        message = message_new(core, queue, &made, &put->bodies[i]);
    }
    message->state = put->delay_ns > 0 ? MST_DELAYED : MST_READY;
    if (put->delay_ns > 0 || put->ttl_ns != MST_FOREVER || put->headers != NULL) {
        struct extra *extra = message_extra_ensure(core, queue, message);

        extra->expires_ns = time_after(record->now_ns, put->ttl_ns);
        extra->ready_ns = time_after(record->now_ns, put->delay_ns);
        if (put->headers != NULL) {
            extra->headers = mst_blob_ref(put->headers);
            core->memory += put->headers->len;
            stored_extra_add(core, queue, put->headers->len);
        }
        message_arm(core, message);
    }
    if (message->state == MST_DELAYED) {
        queue->delayed++;
    } else {
        pile_arrive(core, &queue->ready, message);
    }
}

void apply_put(struct core *core, const struct record *record)
{
    struct queue *queue = (struct queue *)object_find(core, record->object);

    queue_begin(queue, record->put->count);
    for (size_t i = 0; i < record->put->count; i++) {
        add_message(core, queue, record, i);
    }
    queue->puts += record->put->count;
    queue->counts->puts += record->put->count;
    queue->next_id = record->message + record->put->count;
    queue->object.seq = record->seq;
    queue->object.version++;
    if (record->put->dedup != NULL) {
        dedup_add(core, queue, record->put->dedup, record->message, record->now_ns);
    }
    object_mark_dirty(core, &queue->object);
}

static void put_record(struct step *step, struct queue *queue, struct put_list *put)
{
    struct record record;

    record_begin(&record, step, RECORD_PUT);
    record.message = queue->next_id;
    record.put = put;
    object_record(step, &queue->object, &record);
}

/* ---- deciding ---- */

/* What is wrong with the request whatever the queue holds. NULL: nothing. */
static const char *put_problem(const struct core *core, const struct queue *queue,
                               const struct mst_request *request)
{
    uint64_t max_bytes = (uint64_t)setting(&queue->object, SETTING_MAX_BYTES);

    if (queue->is_dead) {
        return "a queue of dead letters takes only dead letters";
    }
    if (request->mode > MST_PUT_FIT || request->bodies_count == 0) {
        return "a put has at least one body, and mode each, all or fit";
    }
    if (request->priorities_count > 0 && request->priorities_count != request->bodies_count) {
        return "there must be one priority per body, or one for all";
    }
    if (queue->object.kind != MST_KIND_PRIORITY &&
        (request->priority != 0 || request->priorities_count > 0)) {
        return "only a priority queue takes priorities";
    }
    if (!timeout_valid(request->timeout_ns) || request->delay_ns < 0 || request->ttl_ns <= 0) {
        return "a negative time, or a ttl that is not positive";
    }
    if (request->dedup.data != NULL && request->bodies_count > 1) {
        return "a dedup key belongs to one message";
    }
    for (size_t i = 0; i < request->bodies_count; i++) {
        if (request->bodies[i].len > core->config.body_bytes_max) {
            return "a body is larger than the broker takes";
        }
        if (max_bytes > 0 && request->bodies[i].len > max_bytes) {
            return "a body is larger than the queue's max-bytes and can never fit";
        }
    }
    return NULL;
}

/* The longest prefix behind `from` that has room; with drop, when all that is ready makes way. */
static size_t prefix_that_fits(const struct queue *queue, const struct mst_request *request,
                               size_t from, bool drop)
{
    uint64_t maxsize = (uint64_t)setting(&queue->object, SETTING_MAXSIZE);
    uint64_t max_bytes = (uint64_t)setting(&queue->object, SETTING_MAX_BYTES);
    uint64_t kept = queue_kept(queue) - (drop ? queue->ready.count : 0);
    uint64_t bytes = queue->kept_bytes - (drop ? queue->ready.bytes : 0);
    size_t n = 0;

    for (; from + n < request->bodies_count; n++) {
        bytes += request->bodies[from + n].len;
        if ((maxsize > 0 && kept + n + 1 > maxsize) || (max_bytes > 0 && bytes > max_bytes)) {
            break;
        }
    }
    return n;
}

static bool drops_oldest(const struct queue *queue)
{
    return setting(&queue->object, SETTING_FULL) == FULL_DROP_OLDEST;
}

/* Would it fit if all that is ready made way? */
static bool could_have_room(const struct queue *queue, uint64_t messages, uint64_t bytes)
{
    uint64_t maxsize = (uint64_t)setting(&queue->object, SETTING_MAXSIZE);
    uint64_t max_bytes = (uint64_t)setting(&queue->object, SETTING_MAX_BYTES);

    return (maxsize == 0 || queue->leased + queue->delayed + messages <= maxsize) &&
           (max_bytes == 0 || queue->kept_bytes - queue->ready.bytes + bytes <= max_bytes);
}

/* Nothing is dropped when that would not be enough. */
static bool make_room(struct step *step, struct queue *queue, uint64_t messages, uint64_t bytes)
{
    bool may_drop = drops_oldest(queue) && could_have_room(queue, messages, bytes);

    while (!queue_has_room(queue, messages, bytes)) {
        struct record record = record_of(step, RECORD_DROP);

        if (!may_drop) {
            return false;
        }
        record.message = pile_oldest(&queue->ready)->id;
        record.tally = MST_TALLY_DROPPED;
        object_record(step, &queue->object, &record);
    }
    return true;
}

/* Bodies that can be read back make room: a body may be larger than what is kept free for it. */
static bool memory_allows(struct core *core, uint64_t charge)
{
    uint64_t most = core->config.memory_max;

    if (most == 0) {
        return true;
    }
    if (charge <= most && core->memory > most - charge) {
        core_shed(core, most - charge);
    }
    return charge <= most && core->memory <= most - charge;
}

static void refuse_ids(struct step *step, struct session *session,
                       const struct mst_request *request, uint64_t from, uint64_t ids,
                       enum mst_status status, const char *why)
{
    if (ids > 0) {
        outcome_volatile(step, session, request->id + from, ids, request->op, status,
                         mst_span_text(why), NULL, 0);
    }
}

/* Puts bodies from .. from+count-1, which have room. They are `ids` requests: count, or 1. */
static bool put_now(struct step *step, struct session *session, struct queue *queue,
                    const struct mst_request *request, size_t from, size_t count, uint64_t ids)
{
    struct core *core = step->core;
    struct put_list *put = NULL;
    uint64_t numbers[4] = {queue->next_id, ids == 1 ? count : 1,
                           object_is_durable(&queue->object) ? 1 : 0, 0};
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        bytes += request->bodies[from + i].len;
    }
    if (!memory_allows(core, bytes + count * (MESSAGE_COST + request->headers.len))) {
        refuse_ids(step, session, request, from, ids, MST_NO_MEMORY,
                   "the broker's memory limit is reached; consume, then try again");
        return false;
    }
    put = put_list_new(queue, request, from, count, false);
    if (put == NULL || !memory_for_put(step, queue, put)) {
        put_list_free(&put);
        refuse_ids(step, session, request, from, ids, MST_NO_MEMORY, memory_is_used_up);
        return false;
    }
    make_room(step, queue, count, bytes);
    put_record(step, queue, put);
    put_list_free(&put);
    outcome_record(step, session, &queue->object,
                   request->id + (request->mode == MST_PUT_EACH ? from : 0), ids, request->op,
                   MST_OK, MST_SPAN_NONE, MST_SPAN_NONE, numbers, 4);
    return true;
}

/* The broker keeps the body of a blocked put, against the session's credit. false: broken credit.
 */
static bool put_wait(struct step *step, struct session *session, struct queue *queue,
                     const struct mst_request *request, size_t from, size_t count)
{
    struct core *core = step->core;
    struct account *account = session_account(core, session, queue);
    uint64_t id = request->id + (request->mode == MST_PUT_EACH ? from : 0);
    enum mst_status refusal = MST_NO_MEMORY;
    struct put_list *put = put_list_new(queue, request, from, count, true);
    struct wait *wait = NULL;

    if (put != NULL && account->blocked > 0 &&
        (account->blocked + count > session->put_credit ||
         account->blocked_bytes + put->bytes > session->put_credit_bytes)) {
        put_list_free(&put);
        outcome_volatile(step, session, id, 1, request->op, MST_LIMIT,
                         mst_span_text("more blocked puts than the welcome's put credit"), NULL, 0);
        effects_close(step, session->conn, "more blocked puts than its credit");
        return false;
    }
    if (put != NULL && memory_allows(core, put->charge)) {
        wait = wait_new(step, session, request, id, 1, WAIT_PUT, request->timeout_ns, &refusal);
    }
    if (wait == NULL) {
        put_list_free(&put);
        account_drop_if_idle(core, account);
        object_mark_dirty(core, &queue->object); /* a smaller one behind it may fit */
        outcome_volatile(step, session, id, 1, request->op, refusal,
                         mst_span_text("the broker has no room for another blocked put"), NULL, 0);
        return true;
    }
    wait->put = put;
    account->blocked += put->count;
    account->blocked_bytes += put->bytes;
    core->memory += put->charge;
    wait->place.object = &queue->object;
    line_enter(core, &queue->putters, &wait->place);
    return true;
}

static bool may_put_now(struct queue *queue)
{
    return (queue->paused & MST_SIDE_PUT) == 0 && line_first(&queue->putters, false) == NULL;
}

static bool may_wait(const struct step *step, const struct queue *queue,
                     const struct mst_request *request)
{
    return request->mode != MST_PUT_FIT && request->timeout_ns != 0 && !step->core->draining &&
           (setting(&queue->object, SETTING_FULL) == FULL_BLOCK ||
            (queue->paused & MST_SIDE_PUT) != 0);
}

static void put_each(struct step *step, struct session *session, struct queue *queue,
                     const struct mst_request *request)
{
    size_t n = request->bodies_count;
    size_t from = 0;
    const char *why = (queue->paused & MST_SIDE_PUT) != 0 ? "paused" : NULL;

    while (from < n && may_put_now(queue)) {
        size_t count = prefix_that_fits(queue, request, from, false);

        if (count == 0 && make_room(step, queue, 1, request->bodies[from].len)) {
            count = 1;
        }
        if (count == 0) {
            break;
        }
        put_now(step, session, queue, request, from, count, count);
        from += count;
    }
    for (; from < n && may_wait(step, queue, request); from++) {
        if (!put_wait(step, session, queue, request, from, 1)) {
            return;
        }
    }
    refuse_ids(step, session, request, from, n - from,
               step->core->draining ? MST_UNAVAILABLE : MST_FULL, why);
}

/* Not even when the queue is empty. */
static bool can_never_fit(const struct queue *queue, uint64_t messages, uint64_t bytes)
{
    uint64_t maxsize = (uint64_t)setting(&queue->object, SETTING_MAXSIZE);
    uint64_t max_bytes = (uint64_t)setting(&queue->object, SETTING_MAX_BYTES);

    return (maxsize > 0 && messages > maxsize) || (max_bytes > 0 && bytes > max_bytes);
}

static const char *const never_fits = "more than can ever fit into the queue";

static void put_together(struct step *step, struct session *session, struct queue *queue,
                         const struct mst_request *request)
{
    bool fit = request->mode == MST_PUT_FIT;
    size_t n =
        fit ? prefix_that_fits(queue, request, 0, drops_oldest(queue)) : request->bodies_count;
    uint64_t bytes = 0;

    for (size_t i = 0; i < n; i++) {
        bytes += request->bodies[i].len;
    }
    if (!fit && can_never_fit(queue, n, bytes)) {
        refuse(step, session, request, MST_VALUE, mst_span_text(never_fits));
        return;
    }
    if (n > 0 && may_put_now(queue) && make_room(step, queue, n, bytes)) {
        put_now(step, session, queue, request, 0, n, 1);
    } else if (may_wait(step, queue, request)) {
        put_wait(step, session, queue, request, 0, n);
    } else {
        refuse_ids(step, session, request, 0, 1, step->core->draining ? MST_UNAVAILABLE : MST_FULL,
                   (queue->paused & MST_SIDE_PUT) != 0 ? "paused" : NULL);
    }
}

void decide_put(struct step *step, struct session *session, const struct mst_request *request)
{
    struct queue *queue = (struct queue *)handle_object(step, session, request, request->handle,
                                                        QUEUE_KINDS, MST_KIND_FIFO);
    const char *problem = queue == NULL ? NULL : put_problem(step->core, queue, request);
    struct dedup_note *note = NULL;

    if (queue == NULL) {
        return;
    }
    if (problem != NULL || queue->shut) {
        refuse(step, session, request, problem != NULL ? MST_VALUE : MST_SHUTDOWN,
               mst_span_text(problem));
        return;
    }
    if (request->dedup.data != NULL) {
        note = dedup_find(step, queue, request->dedup);
        if (note == NULL && dedup_full(queue, step->core->now_ns)) {
            refuse(step, session, request, MST_LIMIT,
                   mst_span_text("the queue remembers as many dedup keys as it may"));
            return;
        }
    }
    if (note != NULL) {
        uint64_t numbers[4] = {0, 0, object_is_durable(&queue->object) ? 1 : 0, note->message};

        outcome_record(step, session, &queue->object, request->id, 1, request->op, MST_OK,
                       MST_SPAN_NONE, MST_SPAN_NONE, numbers, 4);
    } else if (object_is_durable(&queue->object) && no_space(step, session, request)) {
        return;
    } else if (request->mode == MST_PUT_EACH) {
        put_each(step, session, queue, request);
    } else {
        put_together(step, session, queue, request);
    }
}

/* ---- blocked puts ---- */

/* A key that was put by somebody else while this one stood in line makes it a duplicate. */
static uint64_t duplicate_of(struct step *step, struct queue *queue, const struct put_list *put)
{
    struct dedup_note *note =
        put->dedup == NULL ? NULL : dedup_find(step, queue, mst_blob_span(put->dedup));

    return note == NULL ? 0 : note->message;
}

static struct put_list *take_put(struct step *step, struct wait *wait)
{
    struct put_list *put = wait->put;
    struct account *account =
        session_account(step->core, wait->session, (struct queue *)wait->place.object);

    wait->put = NULL;
    account->blocked -= put->count;
    account->blocked_bytes -= put->bytes;
    step->core->memory -= put->charge;
    account_drop_if_idle(step->core, account);
    return put;
}

bool put_serve(struct step *step, struct queue *queue)
{
    struct place *place;
    bool any = false;

    while (!queue->shut && (queue->paused & MST_SIDE_PUT) == 0 &&
           !(step->core->storage_full && object_is_durable(&queue->object)) &&
           (place = line_first(&queue->putters, false)) != NULL) {
        struct wait *wait = place->wait;
        struct session *session = wait->session;
        uint64_t id = wait->entry->id;
        uint64_t duplicate = duplicate_of(step, queue, wait->put);
        uint64_t numbers[4] = {queue->next_id, wait->put->count,
                               object_is_durable(&queue->object) ? 1 : 0, duplicate};
        struct put_list *put;

        if (duplicate == 0 && can_never_fit(queue, wait->put->count, wait->put->bytes)) {
            wait_end(step, wait, MST_VALUE, mst_span_text(never_fits)); /* since an update */
            continue;
        }
        if (duplicate == 0 && !memory_for_put(step, queue, wait->put)) {
            wait_end(step, wait, MST_NO_MEMORY, mst_span_text(memory_is_used_up));
            continue;
        }
        if (duplicate == 0 && !make_room(step, queue, wait->put->count, wait->put->bytes)) {
            break;
        }
        put = take_put(step, wait);
        wait_free(step->core, wait);
        if (duplicate == 0) {
            put_record(step, queue, put);
        } else {
            numbers[0] = numbers[1] = 0;
        }
        put_list_free(&put);
        outcome_record(step, session, &queue->object, id, 1, MST_OP_PUT, MST_OK, MST_SPAN_NONE,
                       MST_SPAN_NONE, numbers, 4);
        any = true;
    }
    return any;
}
