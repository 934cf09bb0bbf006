/* gather.h - bytes on their way out: own ones in a row, and bodies that stand elsewhere.
 *
 *   own bytes   [head of a frame][rest of it, next frame ...][head][...]
 *   bodies                       ^ here one goes in between         ^ and here
 *
 * So a large body is not copied to be sent. A counted body is held until its last byte has left. A
 * borrowed one must stay where it is as long: who lends it calls mst_gather_own before taking it
 * back. Must not know what the bytes say. */
#ifndef MST_GATHER_H
#define MST_GATHER_H

#include "protocol/blob.h"
#include "protocol/buf.h"

#define MST_GATHER_PIECES_MAX 64 /* that are sent at once */

struct mst_gather {
    struct mst_buf bytes;  /* the own ones */
    uint64_t left;         /* own bytes that ever left: where those that are here begin */
    struct mst_buf bodies; /* of struct gathered, in order */
    size_t bodies_bytes;   /* of them that have not left */
};

/* How much there is, to return to. */
struct mst_gather_mark {
    size_t bytes;
    size_t bodies;
};

void mst_gather_init(struct mst_gather *gather);
void mst_gather_clear(struct mst_gather *gather); /* frees; ready for use again */

static inline size_t mst_gather_size(const struct mst_gather *gather)
{
    return mst_buf_size(&gather->bytes) + gather->bodies_bytes;
}

/* Puts a body behind all that is there; blob: what it is the bytes of, which gets a reference, or
 * NULL: it is borrowed. false: out of memory, nothing changed. */
bool mst_gather_body(struct mst_gather *gather, struct mst_span body, struct mst_blob *blob);

struct mst_gather_mark mst_gather_mark(const struct mst_gather *gather);
void mst_gather_cut(struct mst_gather *gather, struct mst_gather_mark mark);

/* What leaves first, in order; returns how many pieces. */
size_t mst_gather_pieces(const struct mst_gather *gather, struct mst_span *out, size_t max);
void mst_gather_consume(struct mst_gather *gather, size_t n);
/* The first n bytes, which begin and end outside of bodies, go behind those of another. false: out
 * of memory; what was moved is no more in `from`. */
bool mst_gather_move(struct mst_gather *from, size_t n, struct mst_gather *to);
/* Borrowed bytes are to be taken back: makes copies of the bodies that lie in there. false: out of
 * memory; those that were not copied are still borrowed. */
bool mst_gather_own(struct mst_gather *gather, struct mst_span borrowed);

#endif
