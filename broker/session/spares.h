/* spares.h - memory of buffers that are empty, for whichever connection needs one next.
 *
 * A connection has memory for bytes only while it has bytes: thousands that are idle have none, and
 * those that are busy take turns with the same few buffers, which have grown and are in the
 * processor's cache. Must not know what the bytes are. */
#ifndef SESSION_SPARES_H
#define SESSION_SPARES_H

#include "protocol/buf.h"

#define SESSION_SPARES          16
#define SESSION_SPARE_BYTES_MAX (1u << 20) /* that one keeps */

struct spares {
    struct mst_buf items[SESSION_SPARES];
    size_t count;
};

void spares_clear(struct spares *spares);
/* Gives one back to the system: somebody has rested. */
void spares_rest(struct spares *spares);

/* For a buffer that is about to be written to: memory if it has none. */
static inline void spares_lend(struct spares *spares, struct mst_buf *buf)
{
    if (buf->cap == 0 && spares->count > 0) {
        *buf = spares->items[--spares->count];
    }
}

/* For a buffer that may have become empty: takes its memory. */
static inline void spares_take(struct spares *spares, struct mst_buf *buf)
{
    if (buf->cap == 0 || mst_buf_size(buf) > 0) {
        return;
    }
    if (spares->count == SESSION_SPARES || buf->cap > SESSION_SPARE_BYTES_MAX) {
        mst_buf_clear(buf);
        return;
    }
    mst_buf_reset(buf);
    spares->items[spares->count++] = *buf;
    mst_buf_init(buf);
}

#endif
