/* client_timers.h - which call's time is up next: a heap by (deadline, order of submission). */
#ifndef MST_CLIENT_TIMERS_H
#define MST_CLIENT_TIMERS_H

#include "client-lib/client_call.h"

struct mst_timers {
    struct mst_call **heap;
    size_t count;
    size_t cap;
};

bool mst_timers_add(struct mst_timers *timers, struct mst_call *call);    /* false: out of memory */
void mst_timers_remove(struct mst_timers *timers, struct mst_call *call); /* if it is in */
void mst_timers_clear(struct mst_timers *timers);

static inline struct mst_call *mst_timers_first(const struct mst_timers *timers)
{
    return timers->count == 0 ? NULL : timers->heap[0];
}

#endif
