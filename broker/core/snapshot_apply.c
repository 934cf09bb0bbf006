/* snapshot_apply.c - carries out the records of STATE, which snapshot.c makes.
 *
 * They fill what ordinary records before them in the snapshot have made: sessions and objects
 * without a past. What does not fit what is there is refused. */
#include "broker/core/snapshot.h"

#define PAIR   2u
#define TRIPLE 3u

static bool apply_state_core(struct core *core, const struct record *record)
{
    if (record->object < core->next_object || record->session < core->next_session ||
        record->message < core->next_message) {
        return false;
    }
    core->next_object = record->object;
    core->next_session = record->session;
    core->next_message = record->message;
    core->timer_seq = record->number;
    return true;
}

/* ---- queues ---- */

static bool apply_state_queue(struct queue *queue, const struct record *record)
{
    if (record->list_count < QUEUE_NUMBERS || record->list[0] < queue->first_id ||
        queue->messages.count > 0 || queue->unfinished > 0) {
        return false;
    }
    queue->object.version = record->number;
    queue->next_id = record->list[0];
    /* list[1], how many are unfinished, is for readers: here it follows from what comes, so that no
     * piece that is missing can leave it wrong. */
    queue->puts = record->list[2];
    queue->gets = record->list[3];
    queue->returns = record->list[4];
    queue->duplicates = record->list[5];
    for (size_t i = 0; i < MST_TALLY_COUNT && i + QUEUE_NUMBERS < record->list_count; i++) {
        queue->totals[i] = record->list[i + QUEUE_NUMBERS];
    }
    for (size_t i = 0; i < MST_TALLY_COUNT && i < record->numbers_count; i++) {
        queue->tallies[i] = record->numbers[i];
    }
    queue->paused = (unsigned)record->sides & MST_SIDE_BOTH;
    queue->shut = (record->flag & QUEUE_SHUT) != 0;
    queue->shut_now = (record->flag & QUEUE_SHUT_NOW) != 0;
    return true;
}

static bool apply_state_accounts(struct core *core, struct queue *queue,
                                 const struct record *record)
{
    for (size_t i = 0; i + PAIR <= record->list_count; i += PAIR) {
        struct session *session = session_find(core, record->list[i]);
        uint64_t taken = record->list[i + 1];

        if (session == NULL || taken == 0 || taken > UINT64_MAX - queue->unfinished ||
            idmap_get(&session->accounts, queue->object.id) != NULL) {
            return false;
        }
        session_account(core, session, queue)->taken = taken;
        queue->unfinished += taken;
    }
    return true;
}

static bool apply_state_bytes(struct core *core, struct queue *queue, const struct record *record,
                              const struct record_bodies *bodies)
{
    const uint8_t *bytes = record->state.data;
    struct decoder in;

    if (record->state.len == 0) {
        return false;
    }
    in = (struct decoder){bytes, bytes, bytes + record->state.len, *bodies, NULL, true};
    return record->what == RECORD_STATE_MESSAGES ? state_messages_apply(core, queue, &in)
                                                 : state_notes_apply(core, queue, &in);
}

static bool apply_to_queue(struct core *core, struct queue *queue, const struct record *record,
                           const struct record_bodies *bodies)
{
    switch (record->what) {
    case RECORD_STATE_QUEUE: return apply_state_queue(queue, record);
    case RECORD_STATE_MESSAGES:
    case RECORD_STATE_NOTES: return apply_state_bytes(core, queue, record, bodies);
    case RECORD_STATE_ACCOUNTS: return apply_state_accounts(core, queue, record);
    default: return false;
    }
}

/* ---- events and barriers ---- */

static bool apply_state_event(struct event_object *event, const struct record *record)
{
    event->object.version = record->number;
    event->set = record->flag != 0;
    event->generation = record->count;
    return true;
}

static bool apply_state_barrier(struct core *core, struct barrier *barrier,
                                const struct record *record)
{
    bool is_broken = record->mode == BARRIER_BROKEN;

    if (record->mode > BARRIER_BROKEN || is_broken != (record->cause.data != NULL) ||
        barrier->arrived > 0 || barrier->cause != NULL) {
        return false;
    }
    barrier->object.version = record->number;
    barrier->phase = (enum barrier_phase)record->mode;
    barrier->generation = record->count;
    barrier->leader = record->session;
    barrier->leader_request = record->request;
    barrier->acting_since_ns = record->ready_ns;
    if (is_broken) {
        NEED(core, (barrier->cause = mst_blob_new(record->cause)) != NULL);
    }
    if (record->target != 0) {
        timer_restore(core, &barrier->action, record->until_ns, record->target);
    }
    return true;
}

static bool apply_state_parties(struct core *core, struct barrier *barrier,
                                const struct record *record)
{
    for (size_t i = 0; i + TRIPLE <= record->list_count; i += TRIPLE) {
        if (session_find(core, record->list[i]) == NULL || barrier->phase == BARRIER_BROKEN) {
            return false;
        }
        barrier_party_add(core, barrier, record->list[i], record->list[i + 1], record->list[i + 2]);
    }
    return true;
}

/* ---- sessions ---- */

/* In this order behind what it holds already: after the last of them the order is whole. */
static bool apply_leases_order(struct core *core, struct session *session,
                               const struct record *record)
{
    for (size_t i = 0; i + PAIR <= record->list_count; i += PAIR) {
        struct object *object = object_find(core, record->list[i]);
        struct queue *queue = (struct queue *)object;
        struct message *message = object == NULL || !kind_is_queue(object->kind)
                                      ? NULL
                                      : idmap_get(&queue->messages, record->list[i + 1]);
        struct lease *lease = message == NULL ? NULL : message_lease(message);

        if (lease == NULL || lease->session != session) {
            return false;
        }
        list_remove(&lease->in_session);
        list_insert(&session->leases, &lease->in_session);
    }
    return true;
}

/* To the front, the latest at last. */
static bool apply_parties_order(struct core *core, struct session *session,
                                const struct record *record)
{
    for (size_t i = record->numbers_count / PAIR * PAIR; i > 0; i -= PAIR) {
        struct object *object = object_find(core, record->numbers[i - PAIR]);
        struct barrier_party *party =
            object == NULL || object->kind != MST_KIND_BARRIER
                ? NULL
                : barrier_party_find(session, (struct barrier *)object, record->numbers[i - 1]);
        struct barrier_party **at = &session->parties;

        if (party == NULL) {
            return false;
        }
        while (*at != party) {
            at = &(*at)->next_of_session;
        }
        *at = party->next_of_session;
        party->next_of_session = session->parties;
        session->parties = party;
    }
    return true;
}

static bool apply_finished(struct core *core, struct session *session, const struct record *record)
{
    for (size_t i = 0; i + TRIPLE <= record->list_count; i += TRIPLE) {
        session_remember_done(core, session, true, record->list[i], record->list[i + 1],
                              record->list[i + 2]);
    }
    return true;
}

static bool apply_to_session(struct core *core, const struct record *record)
{
    struct session *session = session_find(core, record->session);

    if (session == NULL) {
        return false;
    }
    if (record->what == RECORD_STATE_FINISHED) {
        return apply_finished(core, session, record);
    }
    session->highest = record->request;
    return apply_leases_order(core, session, record) && apply_parties_order(core, session, record);
}

/* ---- which is which ---- */

bool state_apply(struct core *core, const struct record *record, const struct record_bodies *bodies)
{
    struct object *object = object_find(core, record->object);

    if (record->what == RECORD_STATE_CORE) {
        return apply_state_core(core, record);
    }
    if (record->what == RECORD_STATE_SESSION || record->what == RECORD_STATE_FINISHED) {
        return apply_to_session(core, record);
    }
    if (object == NULL) {
        return false;
    }
    object->seq = record->seq;
    if (kind_is_queue(object->kind)) {
        return apply_to_queue(core, (struct queue *)object, record, bodies);
    }
    if (object->kind == MST_KIND_EVENT) {
        return record->what == RECORD_STATE_EVENT &&
               apply_state_event((struct event_object *)object, record);
    }
    if (record->what == RECORD_STATE_BARRIER) {
        return apply_state_barrier(core, (struct barrier *)object, record);
    }
    return record->what == RECORD_STATE_PARTIES &&
           apply_state_parties(core, (struct barrier *)object, record);
}
