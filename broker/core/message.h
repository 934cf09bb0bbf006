/* message.h - one message, as small as it can be: millions of them wait.
 *
 * A message is one piece of memory: what every message has, then its body. What only some have is
 * elsewhere: `extra` (then the time of the put is there), a lease, a blob. A body is a blob if it
 * is far (protocol/blob.h) or large.
 * What a message has by its state shares its room: LEASED it has a lease, which keeps its priority
 * meanwhile. Small counts of its deliveries are in itself; what goes beyond is in `extra`. */
#ifndef CORE_MESSAGE_H
#define CORE_MESSAGE_H

#include "protocol/blob.h"
#include "protocol/message.h"

struct lease;
struct extra;

#define MESSAGE_BODY_INSIDE_MAX 512u
#define MESSAGE_LEN_MASK        0x3ffu /* what `len` can hold */
#define MESSAGE_GIVEN_MAX       0x1ffu /* and `given` */
#define MESSAGE_COUNTED_MAX     0xffu  /* and `counted` */

struct message {
    uint64_t id; /* its sequence in the queue as well */
    union {
        int64_t put_ns;
        struct extra *extra; /* if has_extra */
    } more;
    union {
        int64_t priority;    /* not LEASED */
        struct lease *lease; /* LEASED */
    } in;
    uint32_t state : 2;     /* enum mst_message_state */
    uint32_t is_listed : 1; /* READY, and in the pile's list of what arrived */
    uint32_t has_extra : 1; /* which of more there is */
    uint32_t has_blob : 1;  /* a pointer to it follows, not the body */
    uint32_t given : 9;     /* see message_deliveries */
    uint32_t counted : 8;   /* see message_counted */
    uint32_t len : 10;      /* of the body, if it is here */
    uint8_t bytes[];
};

/* The pointer stands behind the whole of struct message, where pointers may stand: so it is for
 * those who search memory for them (leak checkers). */
static inline struct mst_blob **message_blob_place(const struct message *message)
{
    return (struct mst_blob **)(uintptr_t)(message + 1);
}

/* NULL: the body is in the message itself. */
static inline struct mst_blob *message_blob(const struct message *message)
{
    return message->has_blob ? *message_blob_place(message) : NULL;
}

static inline struct mst_span message_body(const struct message *message)
{
    return message->has_blob ? mst_blob_span(message_blob(message))
                             : mst_span_of(message->bytes, message->len);
}

static inline size_t message_body_len(const struct message *message)
{
    return message->has_blob ? message_blob(message)->len : message->len;
}

static inline struct extra *message_extra(const struct message *message)
{
    return message->has_extra ? message->more.extra : NULL;
}

static inline struct lease *message_lease(const struct message *message)
{
    return message->state == MST_LEASED ? message->in.lease : NULL;
}

#endif
