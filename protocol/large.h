/* large.h - a large frame is read to where it is to stay, so that nobody copies what is in it.
 *
 * A reader keeps the beginning of a frame until the rest has come. If that frame is large, memory
 * of exactly its size is made, a blob, the socket is read into it, and what has been cut out of it
 * may go on referring to it (mst_blob_new_part). Only a little more than the frame is read then, so
 * that the next one begins in memory of its own, too.
 *
 * Invariants
 *   1. Memory grows with bytes received, not with a declared length: a frame has memory of its own
 *      only while a read is being made, or once half of it is there.
 *   2. No byte of a frame is both in the kept beginning and in the frame's own memory.
 * Must not know: sockets, what a frame says. */
#ifndef MST_LARGE_H
#define MST_LARGE_H

#include "protocol/blob.h"
#include "protocol/buf.h"

#define MST_LARGE_MIN         (32u << 10)  /* of a frame; fewer bytes are not worth a read */
#define MST_LARGE_AT_ONCE_MAX (256u << 10) /* that one read may bring with nothing there before */
#define MST_LARGE_AHEAD       4096u        /* read beyond the frame: small ones that follow */

struct mst_large {
    struct mst_blob *frame; /* header and payload; NULL: none is being read */
    size_t filled;          /* of its bytes */
    bool is_cut;            /* it was given out, and is to be forgotten */
};

/* Where the next bytes are to be read to. */
struct mst_room {
    uint8_t *data; /* NULL: wherever the reader likes */
    size_t len;    /* up to the end of a large frame; 0: of none that is known */
};

/* How many bytes the frame has whose beginning is kept, if it is to have memory of its own now; 0:
 * it is not. Then mst_large_begin, with a blob of that size, takes the beginning over. */
size_t mst_large_wanted(const struct mst_large *large, const struct mst_buf *kept,
                        size_t frame_bytes_max);
void mst_large_begin(struct mst_large *large, struct mst_blob *frame, struct mst_buf *kept);

struct mst_room mst_large_room(const struct mst_large *large, const struct mst_buf *kept,
                               size_t frame_bytes_max);
/* The room has n bytes more. false: out of memory. */
bool mst_large_filled(struct mst_large *large, size_t n, struct mst_buf *kept);

/* Takes bytes of the frame from *in. true: it is whole; *payload_out is valid until it is
 * forgotten, and as long as somebody has a reference to the blob. */
bool mst_large_cut(struct mst_large *large, struct mst_span *in, struct mst_span *payload_out);
/* Takes the frame out: the reference is the caller's. NULL: there is none. */
struct mst_blob *mst_large_leave(struct mst_large *large);

#endif
