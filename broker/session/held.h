/* held.h - encoded replies of one connection that wait until their record is durable, and until
 * bodies that are away have been read into the gaps left for them.
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
    size_t gaps; /* bodies that it still waits for */
};

struct held {
    struct mst_buf bytes;
    uint64_t popped;            /* bytes that ever left: the position of the first that is here */
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
/* The bytes of the reply pushed last, and the position of the first of them. It has gaps. */
struct mst_span held_last(const struct held *held, uint64_t *position_out);
/* Puts a body where it belongs. */
void held_fill(struct held *held, uint64_t position, struct mst_span body);
/* The first reply if nothing is missing and its record is durable; its bytes are the first of
 * held->bytes, and the caller consumes them. */
bool held_pop(struct held *held, uint64_t durable_seq, struct held_reply *out);

#endif
