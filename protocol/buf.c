/* buf.c - owned bytes that grow at the end and are consumed at the front.
 *
 * Invariant: start <= len <= cap; data is NULL exactly when cap is 0. Must not know what the bytes
 * mean. */
#include "protocol/buf.h"

#include <stdlib.h>

enum { BUF_CAP_FIRST = 256 };

void mst_zero(void *memory, size_t size)
{
    memset(memory, 0, size);
}

void mst_buf_init(struct mst_buf *buf)
{
    *buf = (struct mst_buf){0};
}

void mst_buf_clear(struct mst_buf *buf)
{
    free(buf->data);
    mst_buf_init(buf);
}

/* Doubling keeps the cost of appending constant on average. */
static size_t grown_cap(size_t cap, size_t wanted)
{
    size_t next = cap < BUF_CAP_FIRST ? BUF_CAP_FIRST : cap;

    while (next < wanted) {
        next = next > SIZE_MAX / 2 ? wanted : next * 2;
    }
    return next;
}

bool mst_buf_grow(struct mst_buf *buf, size_t more)
{
    size_t held = mst_buf_size(buf);

    if (more > PTRDIFF_MAX - held) {
        return false;
    }
    /* Moving pays only when at least as much was consumed as must be moved. */
    if (held + more <= buf->cap && held <= buf->start) {
        memmove(buf->data, buf->data + buf->start, held);
        buf->start = 0;
        buf->len = held;
        return true;
    }
    size_t cap = grown_cap(buf->cap, held + more);
    uint8_t *data = malloc(cap);
    if (data == NULL) {
        return false;
    }
    if (held > 0) {
        memcpy(data, buf->data + buf->start, held);
    }
    free(buf->data);
    *buf = (struct mst_buf){.data = data, .start = 0, .len = held, .cap = cap};
    return true;
}

void mst_buf_shrink(struct mst_buf *buf, size_t keep_cap)
{
    if (mst_buf_size(buf) == 0 && buf->cap > keep_cap) {
        mst_buf_clear(buf);
    }
}
