/* client_message.c - copying a delivery out of the receive buffer. */
#include "client-lib/client_message.h"

static uint8_t *put_bytes(uint8_t *at, struct mst_span bytes)
{
    if (bytes.len > 0) {
        memcpy(at, bytes.data, bytes.len);
    }
    at[bytes.len] = 0;
    return at + bytes.len + 1;
}

struct muster_message *mst_message_new(struct mst_pool *pool, const struct mst_delivery *delivery)
{
    size_t room;
    const struct mst_history *history = delivery->history;
    size_t texts = history == NULL ? 0 : history->cause.len + history->holder.len + 2;
    struct muster_message *message = mst_pool_take(
        pool, sizeof(*message) + delivery->body.len + delivery->headers.len + 2 + texts, &room);

    if (message == NULL) {
        return NULL;
    }
    memset(message, 0, sizeof(*message));
    message->room = room;
    message->id = delivery->id;
    message->number = delivery->number;
    message->priority = delivery->priority;
    message->age_ns = delivery->age_ns;
    message->state = delivery->state;
    message->size = delivery->body.len;
    uint8_t *at = put_bytes(message->body, delivery->body);
    message->headers = mst_span_of(at, delivery->headers.len);
    at = put_bytes(at, delivery->headers);
    if (history != NULL) {
        message->died_of = (const char *)at;
        at = put_bytes(at, history->cause);
        message->last_holder = (const char *)at;
        put_bytes(at, history->holder);
    }
    return message;
}
