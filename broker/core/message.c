/* message.c - a message from its making to its end, wherever it stands meanwhile; see message.h.
 *
 * Invariant: core->memory has message_charge of every message there is. Which pile or lease a
 * message is in is for others to keep. */
#include "broker/core/internal.h"

#define PLACE_OVERHEAD 12u /* of the queue's map */
#define ORDER_OVERHEAD 10u /* of the sorted set, which messages with a priority stand in */
#define BLOB_OVERHEAD  (sizeof(struct mst_blob) + 16)
#define FAR_OVERHEAD   (sizeof(struct mst_blob_far) + 16)
#define DELIVERY_BYTES 64u /* in a frame, beyond what has a length of its own; a history too */

static size_t piece_size(bool has_blob, size_t body_len)
{
    size_t size = offsetof(struct message, bytes) + body_len;

    if (has_blob) {
        return sizeof(struct message) + sizeof(struct mst_blob *);
    }
    return size < sizeof(struct message) ? sizeof(struct message) : size;
}

/* Of what every message has; the body is still to come. */
static struct message *take_piece(struct core *core, struct queue *queue,
                                  const struct message_made *made, size_t size)
{
    struct message *message;

    NEED(core, (message = slab_take(&core->messages, size)) != NULL);
    NEED(core, idmap_set(&queue->messages, made->id, message));
    memset(message, 0, sizeof(*message));
    message->id = made->id;
    message->more.put_ns = made->put_ns;
    message->in.priority = made->priority;
    return message;
}

struct message *message_new(struct core *core, struct queue *queue, const struct message_made *made,
                            struct mst_blob **blob)
{
    bool has_blob = blob != NULL;
    size_t size = piece_size(has_blob, made->body.len);
    struct message *message = take_piece(core, queue, made, size);

    if (has_blob) {
        message->has_blob = 1;
        *message_blob_place(message) = *blob;
        mst_blob_shelve(&core->shelf, *blob); /* if it stands in the journal */
        *blob = NULL;
    } else if (made->body.len > 0) {
        message->len = made->body.len & MESSAGE_LEN_MASK;
        memcpy(message->bytes, made->body.data, made->body.len);
    }
    core->memory += message_charge(message);
    core->messages_count++;
    queue->kept_bytes += message_body_len(message);
    stored_message_add(core, queue, message);
    return message;
}

uint64_t message_charge(const struct message *message)
{
    const struct mst_blob *blob = message_blob(message);
    const struct extra *extra = message_extra(message);
    uint64_t bytes = PLACE_OVERHEAD + piece_size(blob != NULL, message->len);

    if (message_priority(message) != 0) {
        bytes += ORDER_OVERHEAD;
    }
    if (blob != NULL) {
        bytes += mst_blob_here(blob) + BLOB_OVERHEAD + (blob->is_far ? FAR_OVERHEAD : 0);
    }
    if (extra != NULL) {
        bytes += sizeof(struct extra) + (extra->headers == NULL ? 0 : extra->headers->len);
    }
    return bytes;
}

uint64_t message_frame_bytes(const struct message *message)
{
    const struct extra *extra = message_extra(message);
    uint64_t bytes = DELIVERY_BYTES + message_body_len(message);

    if (extra != NULL && extra->headers != NULL) {
        bytes += extra->headers->len;
    }
    if (extra != NULL && extra->dead != NULL) {
        bytes += DELIVERY_BYTES + extra->dead->cause->len + extra->dead->queue->len +
                 extra->dead->holder->len;
    }
    return bytes;
}

void message_release(struct core *core, struct message *message)
{
    struct extra *extra = message_extra(message);
    struct mst_blob *blob = message_blob(message);

    core->memory -= message_charge(message);
    core->messages_count--;
    if (extra != NULL) {
        timer_cancel(core, &extra->ttl);
        timer_cancel(core, &extra->delay);
        mst_blob_unref(&extra->headers);
        dead_note_free(&extra->dead);
        free(extra);
    }
    mst_blob_unref(&blob);
    slab_give(&core->messages, message);
}

void message_free(struct core *core, struct queue *queue, struct message *message)
{
    idmap_remove(&queue->messages, message->id);
    queue->kept_bytes -= message_body_len(message);
    stored_message_take(core, queue, message);
    message_release(core, message);
}

struct extra *message_extra_ensure(struct core *core, struct queue *queue, struct message *message)
{
    struct extra *extra = message_extra(message);

    if (extra == NULL) {
        NEED(core, (extra = calloc(1, sizeof(*extra))) != NULL);
        core->memory += sizeof(struct extra);
        stored_extra_add(core, queue, STORED_EXTRA);
        extra->message = message;
        extra->put_ns = message->more.put_ns;
        extra->expires_ns = MST_FOREVER;
        timer_init(&extra->ttl, TIMER_TTL);
        timer_init(&extra->delay, TIMER_DELAY);
        message->more.extra = extra;
        message->has_extra = 1;
    }
    extra->object = queue->object.id;
    return extra;
}

void message_set_counts(struct core *core, struct queue *queue, struct message *message,
                        uint32_t deliveries, uint32_t counted)
{
    bool fits = deliveries <= MESSAGE_GIVEN_MAX && counted <= MESSAGE_COUNTED_MAX;
    struct extra *extra =
        fits ? message_extra(message) : message_extra_ensure(core, queue, message);

    message->given = deliveries & MESSAGE_GIVEN_MAX;
    message->counted = counted & MESSAGE_COUNTED_MAX;
    if (extra != NULL) {
        extra->given_more = deliveries - message->given;
        extra->counted_more = counted - message->counted;
    }
}

/* The timers that its state asks for: a leased message neither expires nor becomes ready. */
void message_arm(struct core *core, struct message *message)
{
    struct extra *extra = message_extra(message);

    if (extra == NULL) {
        return;
    }
    timer_set(core, &extra->ttl, message->state == MST_LEASED ? MST_FOREVER : extra->expires_ns);
    timer_set(core, &extra->delay, message->state == MST_DELAYED ? extra->ready_ns : MST_FOREVER);
}

static const struct mst_history *history_of(struct step *step, const struct dead_note *dead)
{
    struct mst_history *history = step_take(step, sizeof(*history));

    *history = (struct mst_history){.cause = mst_blob_span(dead->cause),
                                    .queue = mst_blob_span(dead->queue),
                                    .id = dead->id,
                                    .deliveries = dead->deliveries,
                                    .put_wall_ns = dead->put_wall_ns,
                                    .died_wall_ns = dead->died_wall_ns,
                                    .holder = mst_blob_span(dead->holder)};
    return history;
}

void delivery_fill(struct step *step, const struct message *message, struct mst_delivery *out)
{
    const struct extra *extra = message_extra(message);
    struct mst_blob *blob = message_blob(message);

    *out = (struct mst_delivery){
        .id = message->id,
        .number = message_deliveries(message),
        .body = message_body(message),
        .blob = blob != NULL && !blob->is_far && blob->len >= MST_BLOB_SHARED_MIN ? blob : NULL,
        .place = blob != NULL && mst_blob_is_away(blob) ? mst_blob_place(blob) : 0,
        .priority = message_priority(message),
        .age_ns = step->core->now_ns - message_put_ns(message)};
    if (extra != NULL) {
        out->headers = mst_blob_span(extra->headers);
        out->history = extra->dead == NULL ? NULL : history_of(step, extra->dead);
    }
}
