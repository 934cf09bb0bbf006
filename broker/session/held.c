/* held.c - encoded replies that wait until their record is durable. See held.h. */
#include "broker/session/held.h"

#include <assert.h>
#include <stdlib.h>

enum { HELD_CAP_FIRST = 8 };

void held_init(struct held *held)
{
    *held = (struct held){0};
    mst_buf_init(&held->bytes);
}

void held_clear(struct held *held)
{
    mst_buf_clear(&held->bytes);
    free(held->replies);
    held_init(held);
}

static struct held_reply *reply_at(struct held *held, size_t i)
{
    return &held->replies[(held->first + i) % held->cap];
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

struct mst_span held_last(const struct held *held, uint64_t *position_out)
{
    const struct held_reply *last = &held->replies[(held->first + held->count - 1) % held->cap];
    struct mst_span bytes = mst_buf_span(&held->bytes);
    size_t before = bytes.len - last->len;

    *position_out = held->popped + before;
    return mst_span_of(bytes.data + before, last->len);
}

void held_fill(struct held *held, uint64_t position, struct mst_span body)
{
    uint64_t end = held->popped;
    size_t i = 0;

    if (position < held->popped ||
        position + body.len > held->popped + mst_buf_size(&held->bytes)) {
        return; /* it was cleared meanwhile */
    }
    memcpy(held->bytes.data + held->bytes.start + (position - held->popped), body.data, body.len);
    while ((end += reply_at(held, i)->len) <= position) {
        i++;
    }
    assert(reply_at(held, i)->gaps > 0);
    reply_at(held, i)->gaps--;
    held->gaps--;
}

bool held_pop(struct held *held, uint64_t durable_seq, struct held_reply *out)
{
    if (held->count == 0 || held->replies[held->first].seq > durable_seq ||
        held->replies[held->first].gaps > 0) {
        return false;
    }
    *out = held->replies[held->first];
    held->popped += out->len;
    held->first = (held->first + 1) % held->cap;
    held->count--;
    return true;
}
