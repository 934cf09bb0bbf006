/* buf.h - owned bytes that grow at the end and are consumed at the front.
 *
 * Growth follows what is appended, never what a peer declared. On failure nothing changes. */
#ifndef MST_BUF_H
#define MST_BUF_H

#include <assert.h>

#include "protocol/span.h"

struct mst_buf {
    uint8_t *data;
    size_t start; /* bytes before this were consumed */
    size_t len;   /* end of what is held */
    size_t cap;
};

/* Zeroes what is larger than a few words. Not inlined on purpose: some compilers write one repeated
 * instruction then, which takes longer to begin than the library's function takes in all. */
void mst_zero(void *memory, size_t size);

void mst_buf_init(struct mst_buf *buf);
void mst_buf_clear(struct mst_buf *buf);             /* frees; ready for use again */
bool mst_buf_grow(struct mst_buf *buf, size_t more); /* what reserving does when it is not there */
void mst_buf_shrink(struct mst_buf *buf, size_t keep_cap); /* give memory back if empty and large */

static inline size_t mst_buf_size(const struct mst_buf *buf)
{
    return buf->len - buf->start;
}

/* Empties, keeps the memory. */
static inline void mst_buf_reset(struct mst_buf *buf)
{
    buf->start = 0;
    buf->len = 0;
}

/* n <= mst_buf_size */
static inline void mst_buf_consume(struct mst_buf *buf, size_t n)
{
    assert(n <= mst_buf_size(buf));
    buf->start += n;
    if (buf->start == buf->len) {
        mst_buf_reset(buf);
    }
}

/* Room for more bytes at the end. Mostly it is there: a message makes a dozen small appends. */
static inline bool mst_buf_reserve(struct mst_buf *buf, size_t more)
{
    return more <= buf->cap - buf->len || mst_buf_grow(buf, more);
}

static inline bool mst_buf_append(struct mst_buf *buf, const void *data, size_t len)
{
    if (len == 0) {
        return true;
    }
    if (!mst_buf_reserve(buf, len)) {
        return false;
    }
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    return true;
}

static inline struct mst_span mst_buf_span(const struct mst_buf *buf)
{
    return mst_span_of(buf->data == NULL ? NULL : buf->data + buf->start, mst_buf_size(buf));
}

#endif
