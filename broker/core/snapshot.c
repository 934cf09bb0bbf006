/* snapshot.c - the durable state written down as records.
 *
 * A snapshot is the shortest history that leads to the same state: sessions opened, their outcomes,
 * objects created, as they once were; and records of STATE for what history would tell at length:
 * counters, messages, and the orders in which things are held. Everything is written in an order
 * that can be applied as it comes. Changes nothing, and knows nothing of where it is written to.
 * Names that nothing bears any more are not told: only handles, which end with the broker, know. */
#include "broker/core/snapshot.h"

#define PIECE_BYTES 262144u
#define LIST_PART   4096u /* elements that one record tells; more go to the next */
#define PAIR        2u
#define TRIPLE      3u

/* ---- pieces ---- */

static void piece_end(struct snapshot *snapshot)
{
    if (snapshot->ok && mst_buf_size(&snapshot->out) > 0) {
        snapshot->ok = snapshot->port->put(snapshot->port->user, mst_buf_span(&snapshot->out),
                                           snapshot->bodies, snapshot->bodies_count);
    }
    mst_buf_reset(&snapshot->out);
    snapshot->bodies_count = snapshot->bodies_out = 0;
}

void snapshot_record(struct snapshot *snapshot, struct record *record)
{
    size_t before;

    record->state =
        mst_buf_size(&snapshot->state) > 0 ? mst_buf_span(&snapshot->state) : MST_SPAN_NONE;
    record->seq = snapshot->core->record_seq;
    record->wall_ns = snapshot->core->wall_ns;
    record->now_ns = record->now_ns == 0 ? snapshot->core->now_ns : record->now_ns;
    snapshot->ok = snapshot->ok && record_encode(&snapshot->out, record, NULL);
    before = mst_buf_size(&snapshot->out) - record->state.len;
    for (; snapshot->bodies_out < snapshot->bodies_count; snapshot->bodies_out++) {
        snapshot->bodies[snapshot->bodies_out].offset += before;
    }
    mst_buf_reset(&snapshot->state);
    if (mst_buf_size(&snapshot->out) >= PIECE_BYTES) {
        piece_end(snapshot);
    }
}

/* A list that is told by as many records as it needs. */
struct telling {
    struct snapshot *snapshot;
    struct record *record;
    uint64_t numbers[LIST_PART * TRIPLE];
    size_t count;
};

static void telling_end(struct telling *telling)
{
    if (telling->count > 0) {
        telling->record->list = telling->numbers;
        telling->record->list_count = telling->count;
        snapshot_record(telling->snapshot, telling->record);
        telling->count = 0;
    }
}

static void tell(struct telling *telling, const uint64_t *numbers, size_t count)
{
    if (telling->count + count > sizeof(telling->numbers) / sizeof(telling->numbers[0])) {
        telling_end(telling);
    }
    memcpy(telling->numbers + telling->count, numbers, count * sizeof(*numbers));
    telling->count += count;
}

/* ---- sessions ---- */

static bool is_kept(const struct entry *entry)
{
    return entry->state == ENTRY_ANSWERED && entry->recorded && entry->seq != 0;
}

/* Which handle a get named is the connection's business. */
static uint64_t number_of(const struct outcome *outcome, size_t n)
{
    return outcome->op == MST_OP_GET ? 0 : outcome->numbers[n];
}

/* Did the request `after` places later end so that one record tells of both? As apply_outcome has
 * it, the message ids of puts rise by one. */
static bool ended_alike(const struct entry *first, const struct entry *other, uint64_t after)
{
    const struct outcome *a = &first->outcome;
    const struct outcome *b = &other->outcome;
    bool rises = a->op == MST_OP_PUT && a->status == MST_OK;
    bool alike = is_kept(other) && other->id == first->id + after && a->op == b->op &&
                 a->status == b->status &&
                 mst_span_equal(mst_blob_span(a->cause), mst_blob_span(b->cause)) &&
                 mst_span_equal(mst_blob_span(a->value), mst_blob_span(b->value)) &&
                 (a->cause == NULL) == (b->cause == NULL) &&
                 (a->value == NULL) == (b->value == NULL);

    for (size_t n = 0; alike && n < OUTCOME_NUMBERS; n++) {
        alike = number_of(a, n) + (n == 0 && rises ? after : 0) == number_of(b, n);
    }
    return alike;
}

static void write_outcome(struct snapshot *snapshot, const struct session *session,
                          const struct entry *entry, uint64_t count)
{
    struct record record = {.what = RECORD_OUTCOME};

    record.session = session->id;
    record.request = entry->id;
    record.count = count;
    record.op = (uint64_t)entry->outcome.op;
    record.status = (uint64_t)entry->outcome.status;
    record.cause = mst_blob_span(entry->outcome.cause);
    record.value = mst_blob_span(entry->outcome.value);
    record.numbers = entry->outcome.numbers;
    for (size_t n = 0; n < OUTCOME_NUMBERS; n++) {
        record.numbers_count = number_of(&entry->outcome, n) != 0 ? n + 1 : record.numbers_count;
    }
    snapshot_record(snapshot, &record);
}

static void write_outcomes(struct snapshot *snapshot, const struct session *session)
{
    size_t count = session->entries.count;
    struct entry **entries = (struct entry **)idmap_sorted(&session->entries);
    size_t next;

    snapshot->ok = snapshot->ok && (count == 0 || entries != NULL);
    for (size_t i = 0; snapshot->ok && i < count; i = next) {
        next = i + entries[i]->count;
        if (!is_kept(entries[i])) {
            continue;
        }
        while (next < count && ended_alike(entries[i], entries[next], next - i)) {
            next += entries[next]->count;
        }
        write_outcome(snapshot, session, entries[i], next - i);
    }
    free(entries);
}

/* Its own part of the name: who the channel says it is was put before. */
static struct mst_span own_name(const struct session *session)
{
    struct mst_span name = mst_blob_span(session->name);
    size_t before = session->identity->len == 0 ? 0 : session->identity->len + 1;

    return name.len <= before ? mst_span_text("")
                              : mst_span_of(name.data + before, name.len - before);
}

static void write_session(struct snapshot *snapshot, const struct session *session)
{
    struct record record = {.what = RECORD_SESSION_OPEN, .now_ns = session->opened_ns};

    record.session = session->id;
    record.name = own_name(session);
    record.host = mst_blob_span(session->host);
    record.identity = mst_blob_span(session->identity);
    record.secret_hash = mst_span_of(session->secret_hash, sizeof(session->secret_hash));
    record.pid = session->pid;
    record.ttl_ns = session->ttl_ns;
    snapshot_record(snapshot, &record);
    write_outcomes(snapshot, session);
}

static void write_finished(struct snapshot *snapshot, const struct session *session)
{
    const struct finished_ring *ring = &session->finished[true];
    struct record record = {.what = RECORD_STATE_FINISHED, .session = session->id};
    struct telling telling = {.snapshot = snapshot, .record = &record, .count = 0};

    for (size_t n = ring->count - finished_kept(ring); n < ring->count; n++) {
        const struct finished *one = &ring->items[n % ring->cap];

        tell(&telling, (const uint64_t[]){one->object, one->message, one->number}, TRIPLE);
    }
    telling_end(&telling);
}

/* The order of what it holds in several queues is told by none of these. */
static void write_leases_order(struct snapshot *snapshot, const struct session *session)
{
    struct record record = {.what = RECORD_STATE_SESSION, .session = session->id};
    struct telling telling = {.snapshot = snapshot, .record = &record, .count = 0};
    const struct queue *first = NULL;
    bool is_needed = false;

    record.request = session->highest;
    for (const struct link *l = session->leases.next; l != &session->leases; l = l->next) {
        const struct queue *queue = OWNER_CONST(l, struct lease, in_session)->queue;

        if (object_is_durable(&queue->object)) {
            first = first == NULL ? queue : first;
            is_needed = is_needed || queue != first;
        }
    }
    for (const struct link *l = session->leases.next; is_needed && l != &session->leases;
         l = l->next) {
        const struct lease *lease = OWNER_CONST(l, struct lease, in_session);

        if (object_is_durable(&lease->queue->object)) {
            tell(&telling, (const uint64_t[]){lease->queue->object.id, lease->message->id}, PAIR);
        }
    }
    telling_end(&telling);
}

/* Its arrivals, if they are at several barriers, and what there is to say in any case. */
static void write_session_state(struct snapshot *snapshot, const struct session *session)
{
    struct record record = {.what = RECORD_STATE_SESSION, .session = session->id};
    uint64_t *numbers = NULL;
    size_t count = 0;

    for (const struct barrier_party *p = session->parties; p != NULL; p = p->next_of_session) {
        count += object_is_durable(&p->barrier->object) ? PAIR : 0;
    }
    if (count > PAIR) {
        numbers = malloc(count * sizeof(*numbers));
        snapshot->ok = snapshot->ok && numbers != NULL;
    }
    for (const struct barrier_party *p = session->parties; numbers != NULL && p != NULL;
         p = p->next_of_session) {
        if (object_is_durable(&p->barrier->object)) {
            numbers[record.numbers_count++] = p->barrier->object.id;
            numbers[record.numbers_count++] = p->request;
        }
    }
    record.request = session->highest;
    record.numbers = numbers;
    snapshot_record(snapshot, &record);
    free(numbers);
    write_leases_order(snapshot, session);
    write_finished(snapshot, session);
}

static void for_each_session(struct snapshot *snapshot,
                             void (*write)(struct snapshot *, const struct session *))
{
    size_t count = snapshot->core->sessions.count;
    struct session **sessions = (struct session **)idmap_sorted(&snapshot->core->sessions);

    snapshot->ok = snapshot->ok && (count == 0 || sessions != NULL);
    for (size_t i = 0; snapshot->ok && i < count; i++) {
        write(snapshot, sessions[i]);
    }
    free(sessions);
}

static void write_ends(struct snapshot *snapshot)
{
    const struct link *ending = &snapshot->core->ending;

    for (const struct link *l = ending->next; l != ending; l = l->next) {
        struct record record = {.what = RECORD_SESSION_END};

        record.session = OWNER_CONST(l, struct session, in_core)->id;
        snapshot_record(snapshot, &record);
    }
}

/* ---- objects ---- */

static void write_accounts(struct snapshot *snapshot, const struct queue *queue)
{
    struct record record = {.what = RECORD_STATE_ACCOUNTS, .object = queue->object.id};
    struct telling telling = {.snapshot = snapshot, .record = &record, .count = 0};

    for (const struct link *l = queue->accounts.next; l != &queue->accounts; l = l->next) {
        const struct account *account = OWNER_CONST(l, struct account, in_queue);

        if (account->taken > 0) {
            tell(&telling, (const uint64_t[]){account->session->id, account->taken}, PAIR);
        }
    }
    telling_end(&telling);
}

static void write_queue(struct snapshot *snapshot, const struct queue *queue)
{
    struct record record = {.what = RECORD_STATE_QUEUE, .object = queue->object.id};
    uint64_t numbers[QUEUE_NUMBERS + MST_TALLY_COUNT] = {queue->next_id, queue->unfinished,
                                                         queue->puts,    queue->gets,
                                                         queue->returns, queue->duplicates};

    memcpy(numbers + QUEUE_NUMBERS, queue->totals, sizeof(queue->totals));
    record.number = queue->object.version;
    record.sides = queue->paused;
    record.flag = (queue->shut ? QUEUE_SHUT : 0u) | (queue->shut_now ? QUEUE_SHUT_NOW : 0u);
    record.list = numbers;
    record.list_count = QUEUE_NUMBERS + MST_TALLY_COUNT;
    record.numbers = queue->tallies;
    record.numbers_count = MST_TALLY_COUNT;
    snapshot_record(snapshot, &record);
    snapshot_messages(snapshot, queue);
    write_accounts(snapshot, queue);
    snapshot_notes(snapshot, queue);
}

static void write_event(struct snapshot *snapshot, const struct event_object *event)
{
    struct record record = {.what = RECORD_STATE_EVENT, .object = event->object.id};

    record.number = event->object.version;
    record.flag = event->set;
    record.count = event->generation;
    snapshot_record(snapshot, &record);
}

static void write_barrier(struct snapshot *snapshot, const struct barrier *barrier)
{
    struct record record = {.what = RECORD_STATE_BARRIER, .object = barrier->object.id};
    struct record parties = {.what = RECORD_STATE_PARTIES, .object = barrier->object.id};
    struct telling telling = {.snapshot = snapshot, .record = &parties, .count = 0};

    record.number = barrier->object.version;
    record.mode = (uint64_t)barrier->phase;
    record.count = barrier->generation;
    record.session = barrier->leader;
    record.request = barrier->leader_request;
    record.cause = mst_blob_span(barrier->cause);
    record.ready_ns = barrier->acting_since_ns;
    record.until_ns = barrier->action.at_ns;
    record.target = timer_armed(&barrier->action) ? barrier->action.seq : 0;
    snapshot_record(snapshot, &record);
    for (const struct link *l = barrier->parties.next; l != &barrier->parties; l = l->next) {
        const struct barrier_party *party = OWNER_CONST(l, struct barrier_party, in_barrier);

        tell(&telling, (const uint64_t[]){party->session, party->request, party->index}, TRIPLE);
    }
    telling_end(&telling);
}

static void write_object(struct snapshot *snapshot, const struct object *object)
{
    struct record record = {.what = RECORD_CREATE, .now_ns = object->created_ns};

    record.object = object->id;
    record.kind = (uint64_t)object->kind;
    record.name = object_name(object);
    record.settings = object->settings.values;
    record.settings_count = SETTINGS_COUNT;
    record.flag = object->by_use;
    if (kind_is_queue(object->kind)) {
        record.message = ((const struct queue *)object)->first_id;
    }
    snapshot_record(snapshot, &record);
    if (kind_is_queue(object->kind)) {
        write_queue(snapshot, (const struct queue *)object);
    } else if (object->kind == MST_KIND_EVENT) {
        write_event(snapshot, (const struct event_object *)object);
    } else {
        write_barrier(snapshot, (const struct barrier *)object);
    }
}

/* ---- the whole ---- */

static void write_core(struct snapshot *snapshot)
{
    struct record record = {.what = RECORD_STATE_CORE};

    record.object = snapshot->core->next_object;
    record.session = snapshot->core->next_session;
    record.message = snapshot->core->next_message;
    record.number = snapshot->core->timer_seq;
    snapshot_record(snapshot, &record);
}

bool core_snapshot(const struct core *core, const struct core_snapshot_port *port)
{
    struct snapshot snapshot = {.core = core, .port = port, .ok = true};

    mst_buf_init(&snapshot.out);
    mst_buf_init(&snapshot.state);
    write_core(&snapshot);
    for_each_session(&snapshot, write_session);
    for (const struct link *l = core->objects_order.next; snapshot.ok && l != &core->objects_order;
         l = l->next) {
        const struct object *object = OWNER_CONST(l, struct object, in_core);

        if (object_is_durable(object)) {
            write_object(&snapshot, object);
        }
    }
    for_each_session(&snapshot, write_session_state);
    write_ends(&snapshot);
    piece_end(&snapshot);
    free(snapshot.bodies);
    mst_buf_clear(&snapshot.out);
    mst_buf_clear(&snapshot.state);
    return snapshot.ok;
}
