/* snapshot_messages.c - messages and dedup keys as a snapshot has them; see snapshot.h. */
#include "broker/core/snapshot.h"

#define RECORD_BYTES 65536u

/* ---- writing ---- */

static void u(struct snapshot *snapshot, uint64_t number)
{
    snapshot->ok = snapshot->ok && encode_u64(&snapshot->state, number);
}

static void i(struct snapshot *snapshot, int64_t number)
{
    snapshot->ok = snapshot->ok && encode_i64(&snapshot->state, number);
}

static void text(struct snapshot *snapshot, const struct mst_blob *blob)
{
    snapshot->ok = snapshot->ok && encode_span(&snapshot->state, mst_blob_span(blob));
}

static void note_body(struct snapshot *snapshot, size_t offset, uint64_t from)
{
    if (snapshot->bodies_count == snapshot->bodies_cap) {
        size_t cap = snapshot->bodies_cap == 0 ? 256 : snapshot->bodies_cap * 2;
        struct core_snapshot_body *more = realloc(snapshot->bodies, cap * sizeof(*more));

        if (more == NULL) {
            snapshot->ok = false;
            return;
        }
        snapshot->bodies = more;
        snapshot->bodies_cap = cap;
    }
    snapshot->bodies[snapshot->bodies_count++] = (struct core_snapshot_body){offset, from};
}

static uint64_t body_place(const struct message *message)
{
    const struct mst_blob *blob = message_blob(message);

    return blob == NULL ? 0 : mst_blob_place(blob);
}

/* Whether the body stays where it is; else bytes are what is to be written. */
static bool stays(const struct snapshot *snapshot, const struct message *message,
                  struct mst_span *bytes)
{
    const struct core_snapshot_port *port = snapshot->port;
    uint64_t place = body_place(message);

    *bytes = message_body(message);
    return bytes->len > 0 && place != 0 && !port->moves(port->user, place, bytes->len, bytes);
}

static void write_body(struct snapshot *snapshot, const struct message *message,
                       struct mst_span bytes, bool is_elsewhere)
{
    uint64_t place = body_place(message);
    size_t hash_at;

    if (is_elsewhere) {
        u(snapshot, message_body_len(message));
        u(snapshot, place);
        return;
    }
    snapshot->ok = snapshot->ok && encode_body(&snapshot->state, bytes, &hash_at);
    if (snapshot->ok && place != 0 && message_body_len(message) > 0) {
        note_body(snapshot, hash_at, place);
    }
}

static uint64_t timer_place(const struct timer *timer)
{
    return timer_armed(timer) ? timer->seq : 0;
}

static void write_extra(struct snapshot *snapshot, const struct extra *extra)
{
    i(snapshot, extra->expires_ns);
    i(snapshot, extra->ready_ns);
    u(snapshot, timer_place(&extra->ttl));
    u(snapshot, timer_place(&extra->delay));
    if (extra->headers != NULL) {
        text(snapshot, extra->headers);
    }
    if (extra->dead != NULL) {
        text(snapshot, extra->dead->cause);
        text(snapshot, extra->dead->queue);
        text(snapshot, extra->dead->holder);
        u(snapshot, extra->dead->id);
        u(snapshot, extra->dead->deliveries);
        i(snapshot, extra->dead->put_wall_ns);
        i(snapshot, extra->dead->died_wall_ns);
    }
}

static void write_lease(struct snapshot *snapshot, const struct lease *lease)
{
    u(snapshot, (uint64_t)lease->mode | (lease->detached ? LEASE_DETACHED : 0u) |
                    (lease->taken ? LEASE_TAKEN : 0u) | (lease->session == NULL ? LEASE_FREE : 0u));
    u(snapshot, lease->session_id);
    if (!lease->taken) {
        u(snapshot, lease->request);
    }
    i(snapshot, lease->lease_ns);
    i(snapshot, difference(lease->since_ns, message_put_ns(lease->message)));
    i(snapshot, lease->until_ns);
    u(snapshot, timer_place(&lease->timer));
    if (lease->session == NULL) {
        text(snapshot, lease->holder);
    }
}

static bool came_back(const struct message *message)
{
    return message->state == MST_READY && !message->is_listed;
}

static unsigned flags_of(const struct message *message, bool is_elsewhere)
{
    const struct extra *extra = message_extra(message);

    return (message_priority(message) != 0 ? MESSAGE_PRIORITY : 0u) |
           (message_deliveries(message) > 0 || message_counted(message) > 0 ? MESSAGE_DELIVERED
                                                                            : 0u) |
           (message->state == MST_DELAYED ? MESSAGE_DELAYED : 0u) |
           (message_lease(message) != NULL ? MESSAGE_LEASED : 0u) |
           (extra != NULL ? MESSAGE_EXTRA : 0u) |
           (extra != NULL && extra->headers != NULL ? MESSAGE_HEADERS : 0u) |
           (is_elsewhere ? MESSAGE_ELSEWHERE : 0u) |
           (extra != NULL && extra->dead != NULL ? MESSAGE_DEAD : 0u);
}

static void write_message(struct snapshot *snapshot, const struct message *message, bool is_list,
                          struct before *before)
{
    struct mst_span bytes;
    bool is_elsewhere = stays(snapshot, message, &bytes);
    unsigned flags =
        flags_of(message, is_elsewhere) | (is_list && came_back(message) ? MESSAGE_RETURNED : 0u);

    u(snapshot, flags);
    i(snapshot, (int64_t)(message->id - before->id));
    i(snapshot, difference(message_put_ns(message), before->at_ns));
    *before = (struct before){message->id, message_put_ns(message)};
    write_body(snapshot, message, bytes, is_elsewhere);
    if ((flags & MESSAGE_PRIORITY) != 0) {
        i(snapshot, message_priority(message));
    }
    if ((flags & MESSAGE_DELIVERED) != 0) {
        u(snapshot, message_deliveries(message));
        u(snapshot, message_counted(message));
    }
    if (message_extra(message) != NULL) {
        write_extra(snapshot, message_extra(message));
    }
    if (message_lease(message) != NULL) {
        write_lease(snapshot, message_lease(message));
    }
}

/* A full record, or the rest. */
static void end_record(struct snapshot *snapshot, const struct queue *queue, enum record_kind what,
                       size_t bytes, struct before *before)
{
    struct record record = {.what = what, .object = queue->object.id};

    if (mst_buf_size(&snapshot->state) > 0 && mst_buf_size(&snapshot->state) >= bytes) {
        snapshot_record(snapshot, &record);
        *before = (struct before){0, 0};
    }
}

void snapshot_messages(struct snapshot *snapshot, const struct queue *queue)
{
    bool is_list = queue->ready.kind != MST_KIND_PRIORITY;
    size_t count = queue->messages.count;
    struct message **messages = (struct message **)idmap_sorted(&queue->messages);
    struct before before = {0, 0};

    snapshot->ok = snapshot->ok && (count == 0 || messages != NULL);
    for (size_t n = 0; snapshot->ok && n < count; n++) {
        if (message_lease(messages[n]) == NULL) {
            write_message(snapshot, messages[n], is_list, &before);
            end_record(snapshot, queue, RECORD_STATE_MESSAGES, RECORD_BYTES, &before);
        }
    }
    for (const struct link *l = queue->leases.next; snapshot->ok && l != &queue->leases;
         l = l->next) {
        write_message(snapshot, OWNER_CONST(l, struct lease, in_queue)->message, is_list, &before);
        end_record(snapshot, queue, RECORD_STATE_MESSAGES, RECORD_BYTES, &before);
    }
    end_record(snapshot, queue, RECORD_STATE_MESSAGES, 0, &before);
    free(messages);
}

void snapshot_notes(struct snapshot *snapshot, const struct queue *queue)
{
    const struct link *notes = &queue->dedup_order;
    struct before before = {0, 0};

    for (const struct link *l = notes->next; snapshot->ok && l != notes; l = l->next) {
        const struct dedup_note *note = OWNER_CONST(l, struct dedup_note, in_order);

        i(snapshot, (int64_t)(note->message - before.id));
        i(snapshot, difference(note->at_ns, before.at_ns));
        text(snapshot, note->key);
        before = (struct before){note->message, note->at_ns};
        end_record(snapshot, queue, RECORD_STATE_NOTES, RECORD_BYTES, &before);
    }
    end_record(snapshot, queue, RECORD_STATE_NOTES, 0, &before);
}
