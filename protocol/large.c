/* large.c - frames that are read to where they are to stay. See large.h.
 *
 * Invariant: filled <= frame->len; the frame is cut only when it is filled. */
#include "protocol/large.h"

#include <assert.h>

#include "protocol/frame.h"

/* Of the large frame whose beginning is kept; 0: there is none, or its length is not known. */
static size_t frame_bytes(const struct mst_buf *kept, size_t frame_bytes_max)
{
    struct mst_span payload;
    size_t used;
    size_t need = 0;

    if (mst_buf_size(kept) == 0 || mst_frame_next(mst_buf_span(kept), frame_bytes_max, &payload,
                                                  &used, &need) != MST_FRAME_MORE) {
        return 0;
    }
    return need < MST_LARGE_MIN ? 0 : need;
}

/* With little kept one read may bring half of it; else that has to come first. So who sends a few
 * bytes at a time does not have the beginning copied each time. */
size_t mst_large_wanted(const struct mst_large *large, const struct mst_buf *kept,
                        size_t frame_bytes_max)
{
    size_t bytes = large->frame == NULL ? frame_bytes(kept, frame_bytes_max) : 0;
    size_t held = mst_buf_size(kept);
    bool soon = held <= MST_LARGE_AHEAD && bytes <= MST_LARGE_AT_ONCE_MAX;

    return soon || held >= bytes / 2 ? bytes : 0;
}

void mst_large_begin(struct mst_large *large, struct mst_blob *frame, struct mst_buf *kept)
{
    struct mst_span beginning = mst_buf_span(kept);

    assert(large->frame == NULL && beginning.len < frame->len);
    memcpy(frame->bytes, beginning.data, beginning.len);
    *large = (struct mst_large){.frame = frame, .filled = beginning.len};
    mst_buf_reset(kept);
}

struct mst_room mst_large_room(const struct mst_large *large, const struct mst_buf *kept,
                               size_t frame_bytes_max)
{
    struct mst_blob *frame = large->frame;
    size_t bytes;

    if (frame != NULL) {
        return (struct mst_room){frame->bytes + large->filled, frame->len - large->filled};
    }
    bytes = frame_bytes(kept, frame_bytes_max);
    return (struct mst_room){NULL, bytes == 0 ? 0 : bytes - mst_buf_size(kept)};
}

bool mst_large_filled(struct mst_large *large, size_t n, struct mst_buf *kept)
{
    struct mst_blob *frame = large->frame;

    assert(frame != NULL && n <= frame->len - large->filled);
    large->filled += n;
    if (large->filled >= frame->len / 2) {
        return true;
    }
    if (!mst_buf_append(kept, frame->bytes, large->filled)) {
        return false;
    }
    *large = (struct mst_large){0};
    mst_blob_unref(&frame);
    return true;
}

bool mst_large_cut(struct mst_large *large, struct mst_span *in, struct mst_span *payload_out)
{
    struct mst_blob *frame = large->frame;
    size_t missing = frame->len - large->filled;
    size_t n = in->len < missing ? in->len : missing;

    assert(!large->is_cut);
    if (n > 0) {
        memcpy(frame->bytes + large->filled, in->data, n);
        large->filled += n;
        *in = mst_span_of(in->data + n, in->len - n);
    }
    large->is_cut = n == missing;
    *payload_out =
        mst_span_of(frame->bytes + MST_FRAME_HEADER_BYTES, frame->len - MST_FRAME_HEADER_BYTES);
    return large->is_cut;
}

struct mst_blob *mst_large_leave(struct mst_large *large)
{
    struct mst_blob *frame = large->frame;

    *large = (struct mst_large){0};
    return frame;
}
