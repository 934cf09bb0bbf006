/* held.h - encoded replies of one connection that wait until their record is durable.
 *
 * Invariant: along the queue the record numbers never fall: a reply that names an older record than
 * the one before it leaves together with that one, which costs it at most one more batch of the
 * journal and keeps both ends of the queue O(1). Must not know what the replies say. */
#ifndef SESSION_HELD_H
#define SESSION_HELD_H

#include "protocol/buf.h"
#include "protocol/message.h"

struct held_reply {
    uint64_t seq; /* record it waits for */
    size_t len;   /* its bytes in held->bytes */
    struct mst_range ids;
};

struct held {
    struct mst_buf bytes;
    struct held_reply *replies; /* a ring */
    size_t first;
    size_t count;
    size_t cap;
};

void held_init(struct held *held);
void held_clear(struct held *held);
/* Notes that the last len bytes of held->bytes are a reply to ids. false: out of memory. */
bool held_push(struct held *held, uint64_t seq, size_t len, struct mst_range ids);
/* The first reply if its record is durable; its bytes are the first of held->bytes. */
bool held_pop(struct held *held, uint64_t durable_seq, struct held_reply *out);

#endif
