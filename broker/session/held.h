/* held.h - encoded replies of one connection that wait until their record is durable, and until
 * bodies that are away have been read.
 *
 * Invariant: along the queue the record numbers never fall: a reply that names an older record than
 * the one before it leaves together with that one, which costs it at most one more batch of the
 * journal and keeps both ends of the queue O(1). Must not know what the replies say. */
#ifndef SESSION_HELD_H
#define SESSION_HELD_H

#include "protocol/gather.h"
#include "protocol/message.h"

struct held_reply {
    uint64_t seq; /* record it waits for */
    size_t len;   /* its bytes in held->bytes */
    struct mst_range ids;
    size_t gaps; /* bodies that are still to be read */
};

struct held {
    struct mst_gather bytes;
    uint64_t popped;            /* replies that ever left: the number of the first that is here */
    size_t gaps;                /* of all replies */
    struct held_reply *replies; /* a ring */
    size_t first;
    size_t count;
    size_t cap;
};

void held_init(struct held *held);
void held_clear(struct held *held);
/* Notes that the last len bytes of held->bytes are a reply to ids. false: out of memory. */
bool held_push(struct held *held, uint64_t seq, size_t len, struct mst_range ids, size_t gaps);
/* The number of the reply pushed last. */
uint64_t held_last(const struct held *held);
/* One of the bodies that this reply waits for is there. */
void held_filled(struct held *held, uint64_t number);
/* The first reply if nothing is missing and its record is durable; its bytes are the first of
 * held->bytes, and the caller consumes them. */
bool held_pop(struct held *held, uint64_t durable_seq, struct held_reply *out);

#endif
