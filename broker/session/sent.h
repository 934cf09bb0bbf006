/* sent.h - the ids that were answered on one connection and not yet confirmed, in order of sending.
 *
 * Kept as runs of neighbouring ids. Invariant: no run is empty; `ids` is the sum of their counts.
 * Must not know what the ids stand for. */
#ifndef SESSION_SENT_H
#define SESSION_SENT_H

#include "protocol/message.h"

struct sent {
    struct mst_range *runs; /* a ring */
    size_t first;
    size_t count;
    size_t cap;
    uint64_t ids;
};

void sent_init(struct sent *sent);
void sent_clear(struct sent *sent);
/* Answers to ids.first, ids.first+1, ... leave now. false: out of memory, nothing changed. */
bool sent_push(struct sent *sent, struct mst_range ids);
/* Takes the first n ids (n <= sent->ids) out. `out` has room for as many runs as n or sent->count,
 * whichever is less; returns how many it got. */
size_t sent_pop(struct sent *sent, uint64_t n, struct mst_range *out);

#endif
