/* client_timers.c - a binary heap; each call knows its place in it, from 1. */
#include "client-lib/client_timers.h"

#include <stdlib.h>

static bool is_before(const struct mst_call *a, const struct mst_call *b)
{
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : a->seq < b->seq;
}

static void set(struct mst_timers *timers, size_t place, struct mst_call *call)
{
    timers->heap[place - 1] = call;
    call->timer = place;
}

/* The call's place is free; finds where it belongs, towards the root or away from it. */
static void settle(struct mst_timers *timers, size_t place, struct mst_call *call)
{
    while (place > 1 && is_before(call, timers->heap[place / 2 - 1])) {
        set(timers, place, timers->heap[place / 2 - 1]);
        place /= 2;
    }
    for (;;) {
        size_t child = place * 2;

        if (child < timers->count && is_before(timers->heap[child], timers->heap[child - 1])) {
            child++;
        }
        if (child > timers->count || !is_before(timers->heap[child - 1], call)) {
            break;
        }
        set(timers, place, timers->heap[child - 1]);
        place = child;
    }
    set(timers, place, call);
}

bool mst_timers_add(struct mst_timers *timers, struct mst_call *call)
{
    if (timers->count == timers->cap) {
        size_t cap = timers->cap == 0 ? 16 : timers->cap * 2;
        struct mst_call **heap = realloc(timers->heap, cap * sizeof(struct mst_call *));

        if (heap == NULL) {
            return false;
        }
        timers->heap = heap;
        timers->cap = cap;
    }
    timers->count++;
    set(timers, timers->count, call);
    settle(timers, timers->count, call);
    return true;
}

void mst_timers_remove(struct mst_timers *timers, struct mst_call *call)
{
    size_t place = call->timer;

    if (place == 0) {
        return;
    }
    struct mst_call *last = timers->heap[timers->count - 1];
    timers->count--;
    call->timer = 0;
    if (last != call) {
        settle(timers, place, last);
    }
}

void mst_timers_clear(struct mst_timers *timers)
{
    free(timers->heap);
    *timers = (struct mst_timers){NULL, 0, 0};
}
