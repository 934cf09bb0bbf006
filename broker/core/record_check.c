/* record_check.c - could a core in this state have made that record?
 *
 * Asked of every record that a recovery reads: a journal that is not ours, or from which something
 * is missing, must be refused and never carried out half-way. Live records need no such question.
 * What is asked is what carrying them out relies on, and nothing that takes longer than that. */
#include "broker/core/internal.h"
#include "protocol/name.h"

#define REQUESTS_MAX (1u << 20) /* that one record tells of; many more than there can be */

/* ---- what there must be ---- */

static struct queue *queue_of(const struct core *core, uint64_t id)
{
    struct object *object = object_find(core, id);

    return object != NULL && kind_is_queue(object->kind) ? (struct queue *)object : NULL;
}

static bool needs_session(enum record_kind what)
{
    switch (what) {
    case RECORD_SESSION_END:
    case RECORD_SESSION_GONE:
    case RECORD_CONFIRM:
    case RECORD_ABANDON:
    case RECORD_OUTCOME:
    case RECORD_GRANT:
    case RECORD_DONE:
    case RECORD_TASKDONE:
    case RECORD_LOSE:
    case RECORD_BARRIER_ARRIVE:
    case RECORD_BARRIER_ACT:
    case RECORD_BARRIER_LEAVE: return true;
    default: return false;
    }
}

/* 0: it speaks of no object. */
static unsigned kinds_needed(enum record_kind what)
{
    if (what >= RECORD_PUT && what <= RECORD_LOSE) {
        return QUEUE_KINDS;
    }
    if (what == RECORD_EVENT_SET || what == RECORD_EVENT_CLEAR) {
        return KIND_MASK(MST_KIND_EVENT);
    }
    if (what >= RECORD_BARRIER_ARRIVE) { /* STATE has checks of its own */
        return KIND_MASK(MST_KIND_BARRIER);
    }
    return what == RECORD_UPDATE || what == RECORD_REMOVE ? ANY_KIND : 0;
}

static bool has_what_it_needs(const struct core *core, const struct record *record)
{
    unsigned kinds = kinds_needed(record->what);
    const struct object *object = object_find(core, record->object);

    if (needs_session(record->what) && session_find(core, record->session) == NULL) {
        return false;
    }
    return kinds == 0 || (object != NULL && (KIND_MASK(object->kind) & kinds) != 0);
}

/* ---- sessions ---- */

/* The next one is a number too. */
static bool is_number(uint64_t id)
{
    return id != 0 && id != UINT64_MAX;
}

static bool is_empty(const struct session *session)
{
    return session->leases_count == 0 && session->accounts.count == 0 && session->parties == NULL;
}

static bool check_confirm(const struct record *record)
{
    for (size_t i = 0; i + 1 < record->list_count; i += 2) {
        if (record->list[i + 1] > REQUESTS_MAX) {
            return false;
        }
    }
    return true;
}

/* Several requests that end together had no outcome before. */
static bool check_requests(const struct core *core, const struct record *record)
{
    struct session *session = session_find(core, record->session);
    bool ok = record->count > 0 && record->count <= REQUESTS_MAX &&
              record->request <= UINT64_MAX - record->count;

    for (uint64_t i = 0; ok && record->count > 1 && i < record->count; i++) {
        ok = entry_find(session, record->request + i) == NULL;
    }
    return ok;
}

static bool check_abandon(struct session *session, const struct record *record)
{
    const struct entry *entry = entry_find(session, record->request);
    bool ok = true;

    for (const struct link *l = entry == NULL ? NULL : entry->leases.next;
         l != NULL && l != &entry->leases; l = l->next) {
        ok = ok && OWNER_CONST(l, struct lease, in_entry)->request != record->request;
    }
    return ok;
}

static bool check_session(const struct core *core, const struct record *record)
{
    struct session *session = session_find(core, record->session);

    switch (record->what) {
    case RECORD_SESSION_OPEN:
        return session == NULL && is_number(record->session) && record->secret_hash.len > 0 &&
               record->ttl_ns >= 0 && record->ttl_ns < RECORD_TIME_MAX;
    case RECORD_SESSION_END: return !session->ended;
    case RECORD_SESSION_GONE: return is_empty(session);
    case RECORD_CONFIRM: return check_confirm(record);
    case RECORD_OUTCOME:
        return record->numbers_count <= OUTCOME_NUMBERS && check_requests(core, record);
    default: return check_abandon(session, record);
    }
}

/* ---- objects ---- */

/* A queue's dead letters need a name as well. */
static bool name_fits(const struct record *record)
{
    struct mst_span name = record->name;

    return name.len > 0 && name.len <= MST_NAME_BYTES_MAX &&
           (!kind_is_queue((enum mst_kind)record->kind) || mst_queue_name_valid(name) ||
            name_is_reserved(name));
}

/* Nobody is all parties of a barrier that has none. */
static bool parties_fit(const struct record *record)
{
    return record->kind != MST_KIND_BARRIER ||
           (record->settings_count > SETTING_PARTIES && record->settings[SETTING_PARTIES] > 0);
}

static bool check_create(struct core *core, const struct record *record)
{
    return record->kind >= MST_KIND_FIFO && record->kind <= MST_KIND_BARRIER && name_fits(record) &&
           parties_fit(record) && is_number(record->object) &&
           object_find(core, record->object) == NULL && object_by_name(core, record->name) == NULL;
}

static bool check_update(const struct core *core, const struct record *record)
{
    const struct queue *queue = queue_of(core, record->object);

    if (queue == NULL) {
        return record->kind == (uint64_t)object_find(core, record->object)->kind &&
               parties_fit(record);
    }
    return record->kind < 32 && (QUEUE_KINDS >> record->kind & 1u) != 0 &&
           (record->kind == (uint64_t)queue->object.kind || queue->ready.count == 0);
}

static bool check_barrier(const struct core *core, const struct record *record)
{
    const struct barrier *barrier = (const struct barrier *)object_find(core, record->object);
    const struct session *session = session_find(core, record->session);

    switch (record->what) {
    case RECORD_BARRIER_ARRIVE: return barrier->phase == BARRIER_FILLING;
    case RECORD_BARRIER_ACT: return barrier_may_become(barrier, BARRIER_ACTING);
    case RECORD_BARRIER_BREAK: return barrier_may_become(barrier, BARRIER_BROKEN);
    case RECORD_BARRIER_LEAVE: return barrier_party_find(session, barrier, record->request) != NULL;
    default: return true;
    }
}

/* ---- messages ---- */

static bool is_in_state(struct queue *queue, uint64_t id, enum mst_message_state state)
{
    const struct message *message = idmap_get(&queue->messages, id);

    return message != NULL && message->state == state;
}

static bool check_put(const struct queue *queue, const struct record *record)
{
    return record->message >= queue->next_id &&
           record->message <= UINT64_MAX - record->put->count && record->put->delay_ns >= 0 &&
           record->put->ttl_ns >= 0;
}

static bool check_grant(const struct core *core, struct queue *queue, const struct record *record)
{
    bool ok = record->list_count > 0 && record->mode <= MST_GET_LEASE && record->lease_ns >= 0 &&
              (record->count == 1 || record->count == record->list_count) &&
              check_requests(core, record);

    for (size_t i = 0; ok && i < record->list_count; i++) {
        ok = is_in_state(queue, record->list[i], MST_READY);
    }
    return ok;
}

static bool check_done(struct queue *queue, const struct record *record)
{
    bool ok = record->count <= queue->leased && record->message <= UINT64_MAX - record->count;

    for (uint64_t i = 0; ok && i < record->count; i++) {
        ok = is_in_state(queue, record->message + i, MST_LEASED);
    }
    return ok;
}

static bool check_taken(const struct core *core, const struct record *record)
{
    const struct session *session = session_find(core, record->session);
    const struct account *account =
        idmap_get((struct idmap *)(uintptr_t)&session->accounts, record->object);

    return account != NULL && (record->what == RECORD_LOSE ? account->taken == record->count
                                                           : account->taken >= record->count);
}

static bool check_move(const struct core *core, struct queue *queue, const struct record *record)
{
    const struct queue *target = queue_of(core, record->target);

    return target != NULL && target != queue && record->new_id >= target->next_id &&
           record->new_id < UINT64_MAX && idmap_get(&queue->messages, record->message) != NULL;
}

static bool check_queue(const struct core *core, const struct record *record)
{
    struct queue *queue = queue_of(core, record->object);

    switch (record->what) {
    case RECORD_PUT: return check_put(queue, record);
    case RECORD_GRANT: return check_grant(core, queue, record);
    case RECORD_DONE: return check_done(queue, record);
    case RECORD_TASKDONE:
    case RECORD_LOSE: return check_taken(core, record);
    case RECORD_RETURN:
    case RECORD_EXTEND: return is_in_state(queue, record->message, MST_LEASED);
    case RECORD_BURY:
    case RECORD_REDRIVE: return check_move(core, queue, record);
    case RECORD_READY: return is_in_state(queue, record->message, MST_DELAYED);
    case RECORD_DROP:
        return idmap_get(&queue->messages, record->message) != NULL &&
               record->tally < MST_TALLY_COUNT;
    default: return true;
    }
}

/* ---- the whole ---- */

bool record_makes_sense(struct core *core, const struct record *record)
{
    if (record->now_ns < 0 || record->now_ns > RECORD_TIME_MAX ||
        !has_what_it_needs(core, record)) {
        return false;
    }
    if (record->what <= RECORD_OUTCOME) {
        return check_session(core, record);
    }
    if (record->what >= RECORD_PUT && record->what <= RECORD_LOSE) {
        return check_queue(core, record);
    }
    if (record->what >= RECORD_BARRIER_ARRIVE) {
        return check_barrier(core, record);
    }
    return record->what == RECORD_CREATE   ? check_create(core, record)
           : record->what == RECORD_UPDATE ? check_update(core, record)
                                           : true;
}
