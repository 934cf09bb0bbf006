/* snapshot_restore.c - messages and dedup keys read from a snapshot; see snapshot.h.
 *
 * What is read is believed only as far as it fits what is there: a message is made whole, or not at
 * all. */
#include "broker/core/snapshot.h"

struct message_read {
    uint64_t flags;
    uint64_t id;
    struct mst_blob *body;
    int64_t priority, put_ns;
    uint64_t deliveries, counted;
    int64_t expires_ns, ready_ns;
    uint64_t ttl_place, delay_place;
    struct mst_blob *headers;
    struct dead_note *dead;
    uint64_t lease_flags, session, request;
    int64_t lease_ns, since_ns, until_ns;
    uint64_t lease_place;
    struct mst_blob *holder;
};

static void read_clear(struct message_read *read)
{
    mst_blob_unref(&read->body);
    mst_blob_unref(&read->headers);
    mst_blob_unref(&read->holder);
    dead_note_free(&read->dead);
}

static struct mst_blob *read_body(struct decoder *in, bool is_elsewhere)
{
    uint64_t len;
    uint64_t place;
    struct mst_blob *body;

    if (!is_elsewhere) {
        return decode_body(in);
    }
    len = decode_u64(in);
    place = decode_u64(in);
    if (len == 0 || len > MST_BLOB_BYTES_MAX || place == 0) {
        decode_fail(in);
    }
    body = in->ok ? mst_blob_new_away((size_t)len, place) : NULL;
    if (in->ok && body == NULL) {
        decode_no_memory(in);
    }
    return body;
}

static void read_dead(struct decoder *in, struct message_read *read)
{
    read->dead = calloc(1, sizeof(*read->dead));
    if (read->dead == NULL) {
        decode_no_memory(in);
        return;
    }
    read->dead->cause = decode_blob(in);
    read->dead->queue = decode_blob(in);
    read->dead->holder = decode_blob(in);
    read->dead->id = decode_u64(in);
    read->dead->deliveries = decode_u64(in);
    read->dead->put_wall_ns = decode_i64(in);
    read->dead->died_wall_ns = decode_i64(in);
}

static void read_extra(struct decoder *in, struct message_read *read)
{
    read->expires_ns = decode_i64(in);
    read->ready_ns = decode_i64(in);
    read->ttl_place = decode_u64(in);
    read->delay_place = decode_u64(in);
    if ((read->flags & MESSAGE_HEADERS) != 0) {
        read->headers = decode_blob(in);
    }
    if ((read->flags & MESSAGE_DEAD) != 0) {
        read_dead(in, read);
    }
}

static void read_lease(struct decoder *in, struct message_read *read)
{
    read->lease_flags = decode_u64(in);
    read->session = decode_u64(in);
    read->request = (read->lease_flags & LEASE_TAKEN) == 0 ? decode_u64(in) : 0;
    read->lease_ns = decode_i64(in);
    read->since_ns = sum(read->put_ns, decode_i64(in));
    read->until_ns = decode_i64(in);
    read->lease_place = decode_u64(in);
    if ((read->lease_flags & LEASE_FREE) != 0) {
        read->holder = decode_blob(in);
    }
}

static void read_message(struct decoder *in, struct message_read *read, struct before *before)
{
    memset(read, 0, sizeof(*read));
    read->flags = decode_u64(in);
    read->id = before->id + (uint64_t)decode_i64(in);
    read->put_ns = sum(before->at_ns, decode_i64(in));
    *before = (struct before){read->id, read->put_ns};
    read->body = read_body(in, (read->flags & MESSAGE_ELSEWHERE) != 0);
    if ((read->flags & MESSAGE_PRIORITY) != 0) {
        read->priority = decode_i64(in);
    }
    if ((read->flags & MESSAGE_DELIVERED) != 0) {
        read->deliveries = decode_u64(in);
        read->counted = decode_u64(in);
    }
    if ((read->flags & MESSAGE_EXTRA) != 0) {
        read_extra(in, read);
    }
    if ((read->flags & MESSAGE_LEASED) != 0) {
        read_lease(in, read);
    }
}

/* Ready messages that did not come back come by rising ids. */
static bool is_next(const struct queue *queue, const struct message_read *read)
{
    const struct message *last = idmap_marked_last(&queue->ready.arrived);

    return (read->flags & (MESSAGE_DELAYED | MESSAGE_LEASED | MESSAGE_RETURNED)) != 0 ||
           last == NULL || last->id < read->id;
}

/* On the way it belongs to a session and to its answered request; taken, to a session or nobody. */
static bool lease_fits(struct core *core, const struct message_read *read)
{
    struct session *session = session_find(core, read->session);
    const struct entry *entry = session == NULL ? NULL : entry_find(session, read->request);
    bool is_free = (read->lease_flags & LEASE_FREE) != 0;

    if (read->lease_flags > LEASE_FLAGS_ALL || (!is_free && session == NULL)) {
        return false;
    }
    return (read->lease_flags & LEASE_TAKEN) != 0 ||
           (!is_free && entry != NULL && entry->state == ENTRY_ANSWERED);
}

/* Differences of times that were are taken later, and must be numbers. */
static bool times_fit(const struct message_read *read)
{
    return read->put_ns >= 0 && read->put_ns <= RECORD_TIME_MAX && read->since_ns >= 0 &&
           read->since_ns <= RECORD_TIME_MAX && read->expires_ns >= 0 && read->ready_ns >= 0 &&
           read->lease_ns >= 0 && read->until_ns >= 0;
}

static bool fits(struct core *core, struct queue *queue, const struct message_read *read)
{
    unsigned states = MESSAGE_DELAYED | MESSAGE_LEASED;
    bool has_extra = (read->flags & MESSAGE_EXTRA) != 0;

    return read->flags <= MESSAGE_FLAGS_ALL && (read->flags & states) != states &&
           (has_extra || (read->flags & (MESSAGE_DELAYED | MESSAGE_HEADERS | MESSAGE_DEAD)) == 0) &&
           ((read->flags & MESSAGE_DELAYED) != 0 || read->delay_place == 0) &&
           read->deliveries <= UINT32_MAX && read->counted <= UINT32_MAX &&
           read->id >= queue->first_id && read->id < queue->next_id &&
           idmap_get(&queue->messages, read->id) == NULL && is_next(queue, read) &&
           queue->unfinished < UINT64_MAX && times_fit(read) &&
           ((read->flags & MESSAGE_LEASED) == 0 || lease_fits(core, read));
}

static void restore_extra(struct core *core, struct queue *queue, struct message *message,
                          struct message_read *read)
{
    struct extra *extra = message_extra_ensure(core, queue, message);

    extra->expires_ns = read->expires_ns;
    extra->ready_ns = read->ready_ns;
    if (read->ttl_place != 0) {
        timer_restore(core, &extra->ttl, read->expires_ns, read->ttl_place);
    }
    if (read->delay_place != 0) {
        timer_restore(core, &extra->delay, read->ready_ns, read->delay_place);
    }
    stored_message_take(core, queue, message);
    core->memory += read->headers == NULL ? 0 : read->headers->len;
    extra->headers = read->headers;
    extra->dead = read->dead;
    read->headers = NULL;
    read->dead = NULL;
    stored_message_add(core, queue, message);
}

static void restore_lease(struct core *core, struct queue *queue, struct message *message,
                          const struct message_read *read)
{
    bool is_free = (read->lease_flags & LEASE_FREE) != 0;
    struct lease *lease;

    NEED(core, (lease = pool_take(&core->lease_pool)) != NULL);
    lease->message = message;
    lease->priority = message->in.priority;
    lease->queue = queue;
    lease->session_id = read->session;
    lease->session = is_free ? NULL : session_find(core, read->session);
    lease->holder = is_free ? mst_blob_ref(read->holder) : NULL;
    lease->mode = (read->lease_flags & LEASE_MODE) != 0 ? MST_GET_LEASE : MST_GET_AUTO;
    lease->detached = (read->lease_flags & LEASE_DETACHED) != 0;
    lease->taken = (read->lease_flags & LEASE_TAKEN) != 0;
    lease->lease_ns = read->lease_ns;
    lease->since_ns = read->since_ns;
    lease->until_ns = read->until_ns;
    timer_init(&lease->timer, TIMER_LEASE);
    if (read->lease_place != 0) {
        timer_restore(core, &lease->timer, read->until_ns, read->lease_place);
    }
    if (!lease->taken) {
        lease->request = read->request;
        entry_lend(entry_find(lease->session, read->request), lease);
    }
    if (!is_free) {
        list_insert(&lease->session->leases, &lease->in_session);
        lease->session->leases_count++;
    }
    list_insert(&queue->leases, &lease->in_queue);
    stored_add(core, &queue->object, STORED_LEASE);
    message->in.lease = lease;
    message->state = MST_LEASED;
    queue->leased++;
}

static void restore_message(struct core *core, struct queue *queue, struct message_read *read)
{
    struct message_made made = {.id = read->id, .priority = read->priority, .put_ns = read->put_ns};
    struct message *message = message_new(core, queue, &made, &read->body);

    queue->unfinished++;
    message->state = MST_READY;
    if ((read->flags & MESSAGE_EXTRA) != 0) {
        restore_extra(core, queue, message, read);
    }
    message_set_counts(core, queue, message, (uint32_t)read->deliveries, (uint32_t)read->counted);
    if ((read->flags & MESSAGE_LEASED) != 0) {
        restore_lease(core, queue, message, read);
    } else if ((read->flags & MESSAGE_DELAYED) != 0) {
        message->state = MST_DELAYED;
        queue->delayed++;
    } else if ((read->flags & MESSAGE_RETURNED) != 0) {
        pile_return(core, &queue->ready, message);
    } else {
        pile_arrive(core, &queue->ready, message);
    }
}

bool state_messages_apply(struct core *core, struct queue *queue, struct decoder *in)
{
    struct before before = {0, 0};

    while (in->ok && decode_left(in) > 0) {
        struct message_read read;

        read_message(in, &read, &before);
        if (in->ok && fits(core, queue, &read)) {
            restore_message(core, queue, &read);
        } else {
            decode_fail(in);
        }
        read_clear(&read);
    }
    return in->ok;
}

bool state_notes_apply(struct core *core, struct queue *queue, struct decoder *in)
{
    struct before before = {0, 0};

    while (in->ok && decode_left(in) > 0) {
        struct mst_blob *key;

        before.id += (uint64_t)decode_i64(in);
        before.at_ns = sum(before.at_ns, decode_i64(in));
        key = decode_blob(in);
        if (key != NULL && before.at_ns >= 0 && before.at_ns <= RECORD_TIME_MAX &&
            strmap_find(&queue->dedup, mst_blob_span(key)) == NULL) {
            dedup_restore(core, queue, key, before.id, before.at_ns);
        } else {
            decode_fail(in);
        }
        mst_blob_unref(&key);
    }
    return in->ok;
}
