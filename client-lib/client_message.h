/* client_message.h - a message as the application holds it: one piece of memory, its own. */
#ifndef MST_CLIENT_MESSAGE_H
#define MST_CLIENT_MESSAGE_H

#include <muster.h>

#include "client-lib/client_pool.h"
#include "protocol/message.h"

struct mst_handle;

struct muster_message {
    struct muster_message *next;  /* in a chain: one outcome may have several */
    struct muster_client *client; /* whose it is, once the application has it; counted */
    struct mst_handle *handle;    /* its queue; counted */
    size_t room;                  /* of this piece */
    uint64_t id;
    uint64_t number; /* of the delivery */
    int64_t priority;
    int64_t age_ns;
    uint64_t state; /* enum mst_message_state */
    bool automatic; /* taken in auto mode: nothing is leased */
    size_t size;
    struct mst_span headers;
    const char *died_of; /* NULL: no dead letter */
    const char *last_holder;
    uint8_t body[]; /* and a NUL; then headers and texts */
};

/* A copy in memory of the pool; the handle is counted by the caller. NULL: out of memory. */
struct muster_message *mst_message_new(struct mst_pool *pool, const struct mst_delivery *delivery);

#endif
