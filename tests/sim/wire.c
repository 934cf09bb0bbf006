/* wire.c - bytes on their way. See wire.h.
 *
 * Invariant: the lengths of the arrivals add up to the bytes under way; their times never fall. */
#include "tests/sim/wire.h"

#include <assert.h>
#include <stdlib.h>

struct arrival {
    size_t len;
    int64_t at_ns;
};

void pipe_init(struct pipe *pipe)
{
    *pipe = (struct pipe){.break_after = WIRE_NEVER, .swallow_after = WIRE_NEVER};
    mst_buf_init(&pipe->bytes);
    mst_buf_init(&pipe->arrivals);
}

void pipe_clear(struct pipe *pipe)
{
    mst_buf_clear(&pipe->bytes);
    mst_buf_clear(&pipe->arrivals);
}

/* How many of the bytes that are given now do get lost is for their sender not to see. */
static size_t kept_of(const struct pipe *pipe, size_t len)
{
    uint64_t left = pipe->swallow_after > pipe->given ? pipe->swallow_after - pipe->given : 0;

    return pipe->swallows ? 0 : left < len ? (size_t)left : len;
}

size_t pipe_give(struct pipe *pipe, struct mst_span bytes, int64_t now_ns)
{
    size_t under_way = mst_buf_size(&pipe->bytes);
    size_t taken = bytes.len;
    struct arrival arrival = {0, now_ns + pipe->latency_ns};

    if (pipe->room > 0 && under_way + bytes.len > pipe->room) {
        taken = under_way < pipe->room ? pipe->room - under_way : 0;
    }
    arrival.len = kept_of(pipe, taken);
    pipe->given += taken;
    if (arrival.len > 0 && (!mst_buf_append(&pipe->bytes, bytes.data, arrival.len) ||
                            !mst_buf_append(&pipe->arrivals, &arrival, sizeof(arrival)))) {
        abort();
    }
    return taken;
}

static struct arrival *arrival_at(const struct pipe *pipe, size_t i)
{
    return (struct arrival *)(void *)(pipe->arrivals.data + pipe->arrivals.start) + i;
}

static size_t arrivals_count(const struct pipe *pipe)
{
    return mst_buf_size(&pipe->arrivals) / sizeof(struct arrival);
}

struct mst_span pipe_look(struct pipe *pipe, size_t piece_max, int64_t now_ns)
{
    uint64_t left = pipe->break_after - pipe->passed;
    size_t len = 0;

    for (size_t i = 0; i < arrivals_count(pipe) && arrival_at(pipe, i)->at_ns <= now_ns; i++) {
        len += arrival_at(pipe, i)->len;
    }
    len = piece_max > 0 && len > piece_max ? piece_max : len;
    len = len > left ? (size_t)left : len;
    return pipe->stalled ? MST_SPAN_NONE : mst_span_of(mst_buf_span(&pipe->bytes).data, len);
}

void pipe_take(struct pipe *pipe, size_t len)
{
    mst_buf_consume(&pipe->bytes, len);
    pipe->passed += len;
    while (len > 0) {
        struct arrival *first = arrival_at(pipe, 0);
        size_t part = first->len < len ? first->len : len;

        first->len -= part;
        len -= part;
        if (first->len == 0) {
            mst_buf_consume(&pipe->arrivals, sizeof(*first));
        }
    }
}

bool pipe_is_broken(const struct pipe *pipe)
{
    return pipe->passed >= pipe->break_after &&
           (pipe->passed > 0 || mst_buf_size(&pipe->bytes) > 0);
}

int64_t pipe_next_arrival_ns(const struct pipe *pipe)
{
    return pipe->stalled || arrivals_count(pipe) == 0 ? INT64_MAX : arrival_at(pipe, 0)->at_ns;
}
