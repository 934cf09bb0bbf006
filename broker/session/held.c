/* held.c - encoded replies that wait until their record is durable. See held.h. */
#include "broker/session/held.h"

#include <assert.h>
#include <stdlib.h>

enum { HELD_CAP_FIRST = 8 }; /* a power of two, as all that follow: places are the low bits */

void held_init(struct held *held)
{
    *held = (struct held){0};
    mst_gather_init(&held->bytes);
}

void held_clear(struct held *held)
{
    mst_gather_clear(&held->bytes);
    free(held->replies);
    held_init(held);
}

static struct held_reply *reply_at(struct held *held, size_t i)
{
    return &held->replies[(held->first + i) & (held->cap - 1)];
}

static bool grow(struct held *held)
{
    size_t cap = held->cap == 0 ? HELD_CAP_FIRST : held->cap * 2;
    struct held_reply *replies = calloc(cap, sizeof(*replies));

    if (replies == NULL) {
        return false;
    }
    for (size_t i = 0; i < held->count; i++) {
        replies[i] = *reply_at(held, i);
    }
    free(held->replies);
    held->replies = replies;
    held->cap = cap;
    held->first = 0;
    return true;
}

bool held_push(struct held *held, uint64_t seq, size_t len, struct mst_range ids, size_t gaps)
{
    struct held_reply *last = held->count == 0 ? NULL : reply_at(held, held->count - 1);

    if (last != NULL && last->seq > seq) {
        seq = last->seq;
    }
    if (last != NULL && gaps == 0 && last->gaps == 0 && last->seq == seq &&
        last->ids.first + last->ids.count == ids.first) {
        last->len += len;
        last->ids.count += ids.count;
        return true;
    }
    if (held->count == held->cap && !grow(held)) {
        return false;
    }
    *reply_at(held, held->count) = (struct held_reply){seq, len, ids, gaps};
    held->count++;
    held->gaps += gaps;
    return true;
}

uint64_t held_last(const struct held *held)
{
    return held->popped + held->count - 1;
}

void held_filled(struct held *held, uint64_t number)
{
    struct held_reply *reply;

    if (number < held->popped || number - held->popped >= held->count) {
        return; /* it was cleared meanwhile */
    }
    reply = reply_at(held, (size_t)(number - held->popped));
    assert(reply->gaps > 0);
    reply->gaps--;
    held->gaps--;
}

bool held_pop(struct held *held, uint64_t durable_seq, struct held_reply *out)
{
    if (held->count == 0 || held->replies[held->first].seq > durable_seq ||
        held->replies[held->first].gaps > 0) {
        return false;
    }
    *out = held->replies[held->first];
    held->popped++;
    held->first = (held->first + 1) & (held->cap - 1);
    held->count--;
    return true;
}
