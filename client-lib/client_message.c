/* client_message.c - making a message of a delivery: what is small is copied out of the frame, a
 * large body stays there. */
#include "client-lib/client_message.h"

#include <assert.h>

static uint8_t *put_bytes(uint8_t *at, struct mst_span bytes)
{
    if (bytes.len > 0) {
        memcpy(at, bytes.data, bytes.len);
    }
    at[bytes.len] = 0;
    return at + bytes.len + 1;
}

struct mst_blob *mst_frame_new(struct mst_pool *pool, size_t len)
{
    size_t room;
    void *memory =
        len > MST_BLOB_BYTES_MAX ? NULL : mst_pool_take(pool, mst_blob_size(len) + 1, &room);

    return memory == NULL ? NULL : mst_blob_set_up(memory, len);
}

/* Whoever else refers to it frees it then. */
void mst_frame_drop(struct mst_pool *pool, struct mst_blob *frame)
{
    if (frame != NULL && frame->references == 1) {
        mst_pool_give(pool, frame, mst_blob_size(frame->len) + 1);
    } else {
        mst_blob_unref(&frame);
    }
}

/* The byte behind the body is the frame's next value, which has been read, or the one more. */
static const uint8_t *body_in_frame(struct mst_blob *frame, struct mst_span body)
{
    size_t at = (size_t)(body.data - frame->bytes);

    assert(frame->references == 1 && at + body.len <= frame->len);
    frame->bytes[at + body.len] = 0;
    return frame->bytes + at;
}

struct muster_message *mst_message_new(struct mst_pool *pool, const struct mst_delivery *delivery,
                                       struct mst_blob *frame)
{
    size_t room;
    const struct mst_history *history = delivery->history;
    size_t texts = history == NULL ? 0 : history->cause.len + history->holder.len + 2;
    size_t body = frame == NULL ? delivery->body.len + 1 : 0;
    struct muster_message *message =
        mst_pool_take(pool, sizeof(*message) + body + delivery->headers.len + 1 + texts, &room);

    if (message == NULL) {
        return NULL;
    }
    *message = (struct muster_message){.room = room,
                                       .id = delivery->id,
                                       .number = delivery->number,
                                       .priority = delivery->priority,
                                       .age_ns = delivery->age_ns,
                                       .state = delivery->state,
                                       .body = message->copies,
                                       .size = delivery->body.len,
                                       .frame = frame};
    uint8_t *at = message->copies;
    if (frame == NULL) {
        at = put_bytes(at, delivery->body);
    }
    message->headers = mst_span_of(at, delivery->headers.len);
    at = put_bytes(at, delivery->headers);
    if (history != NULL) {
        message->died_of = (const char *)at;
        at = put_bytes(at, history->cause);
        message->last_holder = (const char *)at;
        put_bytes(at, history->holder);
    }
    if (frame != NULL) {
        message->body = body_in_frame(frame, delivery->body);
    }
    return message;
}

void mst_message_drop(struct mst_pool *pool, struct muster_message *message)
{
    if (message->frame != NULL) {
        mst_frame_drop(pool, message->frame);
    }
    mst_pool_give(pool, message, message->room);
}
