/* queue_get.c - getting: from the first queue that has a message, or in line until one comes. */
#include "broker/core/internal.h"

#include <assert.h>

/* ---- applying ---- */

static void grant_one(struct core *core, struct queue *queue, struct session *session,
                      struct entry *entry, uint64_t request, uint64_t id,
                      const struct record *record)
{
    struct message *message = idmap_get(&queue->messages, id);

    if (message->state != MST_READY) {
        return; /* only a journal that is not ours names it twice */
    }
    pile_remove(&queue->ready, message);
    if (message->given < MESSAGE_GIVEN_MAX) {
        message->given++;
    } else {
        message_set_counts(core, queue, message, message_deliveries(message) + 1,
                           message_counted(message));
    }
    message->in.lease = lease_new(core, queue, session, entry, request, message, record);
    message->state = MST_LEASED;
    message_arm(core, message);
    queue->leased++;
    queue->gets++;
    queue->counts->gets++;
    if (message_deliveries(message) == 1) {
        histogram_observe(&queue->counts->waited, histogram_message_ns,
                          record->now_ns - message_put_ns(message));
    }
}

/* One request that takes all the messages, or as many requests as messages. */
void apply_grant(struct core *core, const struct record *record)
{
    struct queue *queue = (struct queue *)object_find(core, record->object);
    struct session *session = session_find(core, record->session);
    struct entry *entry;

    entry = entry_ensure(core, session, record->request, record->count);
    for (size_t i = 0; i < record->list_count; i++) {
        uint64_t request = record->count > 1 ? record->request + i : record->request;

        grant_one(core, queue, session, entry, request, record->list[i], record);
    }
    core->stored.bytes -= entry_stored(entry);
    entry->state = ENTRY_ANSWERED;
    entry->recorded = true;
    entry->seq = record->seq;
    entry->outcome.op = MST_OP_GET;
    entry->outcome.status = MST_OK;
    core->stored.bytes += entry_stored(entry);
    if (entry->id + entry->count > session->highest + 1) {
        session->highest = entry->id + entry->count - 1;
    }
    queue->object.seq = record->seq;
    queue->object.version++;
}

/* ---- granting ---- */

bool queue_expire_head(struct step *step, struct queue *queue)
{
    struct message *head;

    while ((head = pile_first(&queue->ready)) != NULL) {
        struct record record;

        if (!message_expired(head, step->core->now_ns)) {
            return true;
        }
        record = record_of(step, RECORD_DROP);
        record.message = head->id;
        record.tally = MST_TALLY_EXPIRED;
        object_record(step, &queue->object, &record);
    }
    return false;
}

/* What a get asks for, whether it waits or not. */
struct taker {
    struct session *session;
    enum mst_get_mode mode;
    int64_t lease_ns;
    bool detached;
};

static void use_room(uint64_t *room, const struct message *message)
{
    uint64_t bytes = message_frame_bytes(message);

    *room -= bytes < *room ? bytes : *room;
}

/* Ids of the first ready messages, the first of them in any case, then as many as max and the room
 * in the frame allow; the caller's array. */
static size_t look_ahead(struct step *step, struct queue *queue, uint64_t *ids, size_t max,
                         uint64_t *room)
{
    struct pile_walk walk;
    const struct message *message;
    size_t n = 0;

    if (max == 1) {
        message = pile_first(&queue->ready);
        use_room(room, message);
        ids[0] = message->id;
        return 1;
    }
    walk = pile_walk(&queue->ready, NULL);
    while (n < max && (message = pile_next(&queue->ready, &walk)) != NULL) {
        if ((n > 0 && message_frame_bytes(message) > *room) ||
            message_expired(message, step->core->now_ns)) {
            break;
        }
        use_room(room, message);
        ids[n++] = message->id;
    }
    return n;
}

/* Those that are served wait no longer. */
static void end_wait(struct core *core, struct session *session, uint64_t id, uint64_t count)
{
    struct entry *entry = entry_find(session, id);

    if (entry != NULL && entry->wait != NULL) {
        wait_free(core, entry_part(core, session, entry, id, count)->wait);
    }
}

/* Grants ready messages to request(s) from `id` on: to `requests` of them one each, or to the one
 * as many as `max`. Returns how many messages went. */
static size_t grant(struct step *step, struct queue *queue, const struct taker *taker, uint64_t id,
                    uint64_t requests, uint64_t max, uint64_t *room)
{
    struct record record;
    uint64_t want = requests > 1 ? requests : max;
    uint64_t *ids;

    record_begin(&record, step, RECORD_GRANT);
    want = want < queue->ready.count ? want : queue->ready.count;
    ids = step_take_raw(step, want * sizeof(*ids));
    record.list_count = look_ahead(step, queue, ids, want, room);
    record.list = ids;
    record.session = taker->session->id;
    record.request = id;
    record.count = requests > 1 ? record.list_count : 1;
    record.mode = (uint64_t)taker->mode;
    record.lease_ns = taker->lease_ns;
    record.detached = taker->detached;
    end_wait(step->core, taker->session, id, record.count);
    object_record(step, &queue->object, &record);
    return record.list_count;
}

static uint64_t reply_bytes_max(const struct core *core)
{
    return core->config.frame_bytes_max / 2;
}

/* A get with max > 1 takes what is there, also where it can only be taken one at a time. */
static void grant_many(struct step *step, struct queue *queue, const struct taker *taker,
                       uint64_t id, uint64_t max)
{
    uint64_t room = reply_bytes_max(step->core);
    uint64_t taken = 0;
    struct message *head;

    while (taken < max && queue_expire_head(step, queue)) {
        head = pile_first(&queue->ready);
        if (taken > 0 && message_frame_bytes(head) > room) {
            break;
        }
        taken += grant(step, queue, taker, id, 1, max - taken, &room);
    }
}

/* Gives what is ready, which is something: to the one request as many as max, or to as many of the
 * requests as possible one each; and answers. Returns how many requests were served. */
static uint64_t serve(struct step *step, struct queue *queue, const struct taker *taker,
                      uint64_t handle, uint64_t id, uint64_t requests, uint64_t max)
{
    uint64_t room = reply_bytes_max(step->core);
    uint64_t served = 1;
    struct entry *entry;

    if (max == 1) {
        served = grant(step, queue, taker, id, requests, 1, &room);
    } else {
        grant_many(step, queue, taker, id, max);
    }
    entry = entry_find(taker->session, id); /* of all that were served together */
    entry->outcome.numbers[0] = handle;
    answer_entry(step, taker->session, entry);
    return served;
}

void get_serve(struct step *step, struct queue *queue)
{
    struct place *place;

    while ((queue->paused & MST_SIDE_GET) == 0 && !queue->shut_now &&
           (place = line_first(&queue->getters, true)) != NULL && queue_expire_head(step, queue)) {
        struct wait *wait = place->wait;
        struct taker taker = {wait->session, wait->mode, wait->lease_ns, wait->detached};

        serve(step, queue, &taker, place->handle, wait->entry->id, wait->entry->count, wait->max);
    }
}

/* ---- deciding ---- */

static const char *get_problem(const struct mst_request *request)
{
    if (request->handles_count == 0) {
        return "a get names at least one queue";
    }
    if (request->mode > MST_GET_LEASE || request->max == 0 || request->max > MST_MESSAGES_MAX) {
        return "a get takes 1 to 4096 messages, in mode auto or lease";
    }
    if (request->count > 1 && request->max != 1) {
        return "several gets in one frame take one message each";
    }
    if (!timeout_valid(request->timeout_ns) || request->lease_ns <= 0) {
        return "a negative time, or a lease time that is not positive";
    }
    if (request->mode == MST_GET_AUTO && (request->detached || request->lease_ns != MST_FOREVER)) {
        return "lease time and detached need mode lease";
    }
    if (request->detached && request->lease_ns == MST_FOREVER) {
        return "a detached lease needs a lease time: nothing else would end it";
    }
    return NULL;
}

struct get_sources {
    struct queue *queues[MST_GET_QUEUES_MAX];
    size_t count;
};

static bool find_sources(struct step *step, struct session *session,
                         const struct mst_request *request, struct get_sources *sources)
{
    sources->count = 0;
    for (size_t i = 0; i < request->handles_count; i++) {
        struct object *object =
            handle_object(step, session, request, request->handles[i], QUEUE_KINDS, MST_KIND_FIFO);

        if (object == NULL) {
            return false;
        }
        sources->queues[sources->count++] = (struct queue *)object;
    }
    return true;
}

/* The first queue that can give now: has a message, is not paused, and nobody connected stands in
 * its line. NULL: none. */
static struct queue *giving(struct step *step, const struct get_sources *sources, size_t *at_out)
{
    for (size_t i = 0; i < sources->count; i++) {
        struct queue *queue = sources->queues[i];

        if ((queue->paused & MST_SIDE_GET) == 0 && !queue->shut_now &&
            line_first(&queue->getters, true) == NULL && queue_expire_head(step, queue)) {
            *at_out = i;
            return queue;
        }
    }
    return NULL;
}

static bool all_drained(const struct get_sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        if (!queue_drained(sources->queues[i])) {
            return false;
        }
    }
    return true;
}

/* Returns how many of the requests from `id` on can wait; the others are to be refused. */
static uint64_t get_wait(struct step *step, struct session *session,
                         const struct mst_request *request, uint64_t id, uint64_t count,
                         const struct get_sources *sources, enum mst_status *refusal_out)
{
    const struct core *core = step->core;
    uint64_t room = core->config.waits_max - core->waits_count;
    struct wait *wait;

    if (core->waits_count < core->config.waits_max && count > room) {
        count = room;
    }
    wait = wait_new(step, session, request, id, count, WAIT_GET, request->timeout_ns, refusal_out);
    if (wait == NULL) {
        return 0;
    }
    *refusal_out = MST_LIMIT;
    wait->mode = (enum mst_get_mode)request->mode;
    wait->max = request->max;
    wait->lease_ns = request->lease_ns;
    wait->detached = request->detached;
    wait->more_count = sources->count - 1;
    if (wait->more_count > 0) {
        NEED(step->core, (wait->more = calloc(wait->more_count, sizeof(*wait->more))) != NULL);
    }
    for (size_t i = 0; i < sources->count; i++) {
        struct place *place = i == 0 ? &wait->place : &wait->more[i - 1];

        place->wait = wait;
        place->object = &sources->queues[i]->object;
        place->handle = request->handles[i];
        if (!queue_drained(sources->queues[i])) {
            line_enter(step->core, &sources->queues[i]->getters, place);
        }
    }
    return count;
}

/* None of the rest can be had now. */
static void get_none(struct step *step, struct session *session, const struct mst_request *request,
                     uint64_t from, const struct get_sources *sources)
{
    enum mst_status status = MST_OK;
    const char *why = NULL;

    /* Whatever is said speaks of all of them: the one with the last record stands for it. */
    for (size_t i = 0; i < sources->count; i++) {
        if (sources->queues[i]->object.seq > step->object->seq) {
            step->object = &sources->queues[i]->object;
        }
    }
    if (all_drained(sources)) {
        status = MST_SHUTDOWN;
    } else if (step->core->draining) {
        status = MST_UNAVAILABLE;
    } else if (request->timeout_ns == 0) {
        status = MST_EMPTY;
        why = (sources->queues[0]->paused & MST_SIDE_GET) != 0 ? "paused" : NULL;
    } else {
        from += get_wait(step, session, request, request->id + from, request->count - from, sources,
                         &status);
        why =
            status == MST_NO_MEMORY ? memory_is_used_up : "the broker's limit of waits is reached";
    }
    if (from < request->count) {
        outcome_volatile(step, session, request->id + from, request->count - from, request->op,
                         status, mst_span_text(why), NULL, 0);
    }
}

void decide_get(struct step *step, struct session *session, const struct mst_request *request)
{
    struct taker taker = {session, (enum mst_get_mode)request->mode, request->lease_ns,
                          request->detached};
    const char *problem = get_problem(request);
    struct get_sources sources;
    struct queue *queue;
    uint64_t i = 0;
    size_t at = 0;

    if (problem != NULL) {
        refuse(step, session, request, MST_VALUE, mst_span_text(problem));
        return;
    }
    if (!find_sources(step, session, request, &sources)) {
        return;
    }
    while (i < request->count && (queue = giving(step, &sources, &at)) != NULL) {
        i += serve(step, queue, &taker, request->handles[at], request->id + i, request->count - i,
                   request->max);
    }
    if (i < request->count) {
        get_none(step, session, request, i, &sources);
    }
}
