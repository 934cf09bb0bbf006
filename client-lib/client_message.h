/* client_message.h - a message as the application holds it: one piece of memory, its own. A large
 * body stands in a second one, where it was read to: the frame it came in. */
#ifndef MST_CLIENT_MESSAGE_H
#define MST_CLIENT_MESSAGE_H

#include <muster.h>

#include "client-lib/client_pool.h"
#include "protocol/blob.h"
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
    uint64_t state;      /* enum mst_message_state */
    bool automatic;      /* taken in auto mode: nothing is leased */
    const uint8_t *body; /* and a NUL behind it */
    size_t size;
    struct mst_blob *frame; /* has the body, and no other reference; NULL: it is in here */
    struct mst_span headers;
    const char *died_of; /* NULL: no dead letter */
    const char *last_holder;
    uint8_t copies[]; /* the body and a NUL, unless it has a frame; then headers and texts */
};

/* A copy in memory of the pool; the handle is counted by the caller. frame: it has the body,
 * nothing else of it is still to be read, and it becomes the message's; NULL: the body is copied
 * too. NULL: out of memory. */
struct muster_message *mst_message_new(struct mst_pool *pool, const struct mst_delivery *delivery,
                                       struct mst_blob *frame);
/* Its memory goes to the pool, which may be NULL; the handle was given back before. */
void mst_message_drop(struct mst_pool *pool, struct muster_message *message);

/* Memory for a large frame that is read: of the pool, with room for a NUL behind it. NULL: out of
 * memory. */
struct mst_blob *mst_frame_new(struct mst_pool *pool, size_t len);
void mst_frame_drop(struct mst_pool *pool, struct mst_blob *frame); /* one reference; may be NULL */

#endif
