/* blob.h - counted bytes: a message body is stored once, whoever refers to it.
 *
 * A near blob has its bytes in itself. A far blob is the body of a durable message: its bytes are
 * apart, and once it has a place in the journal they can be given back; then it is away: it has a
 * length and a place, and whoever wants its bytes reads them there.
 * Not atomic: all references are counted within one thread. The bytes never change once made. */
#ifndef MST_BLOB_H
#define MST_BLOB_H

#include "protocol/span.h"

#define MST_BLOB_BYTES_MAX  (UINT32_MAX >> 1)
#define MST_BLOB_SHARED_MIN 4096 /* fewer bytes are cheaper to copy than to hold for somebody */

struct mst_blob {
    uint32_t references;
    uint32_t len : 31;
    uint32_t is_far : 1; /* `bytes` hold a struct mst_blob_far */
    uint8_t bytes[];
};

struct mst_blob_link {
    struct mst_blob_link *before, *after; /* on a shelf; NULL: on none */
    struct mst_blob *blob;                /* NULL: the end of a shelf */
};

/* The bytes of a far blob, while they are here. */
struct mst_blob_bytes {
    struct mst_blob_link link;
    uint8_t bytes[];
};

/* Far blobs whose bytes are here and stand in the journal as well: the first was put here first. In
 * place of the ends stands the shelf itself. A blob that is freed or sent away leaves it. */
struct mst_blob_shelf {
    struct mst_blob_link ends;
};

struct mst_blob_far {
    uint64_t place;              /* in the journal; 0: not known */
    struct mst_blob_bytes *here; /* owned; NULL: they are away, or there are none */
};

/* One reference each; NULL: out of memory, or more than MST_BLOB_BYTES_MAX. */
struct mst_blob *mst_blob_new(struct mst_span content);
/* Its bytes are for the caller to fill in, before anybody else looks. */
struct mst_blob *mst_blob_new_blank(size_t len);
struct mst_blob *mst_blob_new_far(struct mst_span content, uint64_t place);
struct mst_blob *mst_blob_new_away(size_t len, uint64_t place);
struct mst_blob *mst_blob_ref(struct mst_blob *blob);
void mst_blob_unref(struct mst_blob **blob); /* nulls the caller's pointer; NULL is fine */

/* Of far blobs only. */
void mst_blob_set_place(struct mst_blob *blob, uint64_t place);
/* Gives its bytes back if it is far, has a place, and they are here. Returns how many these were.
 */
size_t mst_blob_send_away(struct mst_blob *blob);

static inline const struct mst_blob_far *mst_blob_far(const struct mst_blob *blob)
{
    return (const struct mst_blob_far *)(const void *)blob->bytes;
}

/* Are its bytes elsewhere, in the journal? */
static inline bool mst_blob_is_away(const struct mst_blob *blob)
{
    return blob->is_far && blob->len > 0 && mst_blob_far(blob)->here == NULL;
}

static inline uint64_t mst_blob_place(const struct mst_blob *blob) /* 0: none */
{
    return blob->is_far ? mst_blob_far(blob)->place : 0;
}

/* Bytes of it that are in memory. */
static inline size_t mst_blob_here(const struct mst_blob *blob)
{
    if (!blob->is_far) {
        return blob->len;
    }
    return mst_blob_far(blob)->here == NULL ? 0 : sizeof(struct mst_blob_bytes) + blob->len;
}

/* NULL: none. Of a blob that is away: its length, and no data. */
static inline struct mst_span mst_blob_span(const struct mst_blob *blob)
{
    const struct mst_blob_bytes *here;

    if (blob == NULL) {
        return MST_SPAN_NONE;
    }
    if (!blob->is_far || blob->len == 0) {
        return mst_span_of(blob->bytes, blob->len);
    }
    here = mst_blob_far(blob)->here;
    return mst_span_of(here == NULL ? NULL : here->bytes, blob->len);
}

void mst_blob_shelf_init(struct mst_blob_shelf *shelf);
/* Nothing unless it is far, has a place, is here, and is on no shelf. */
void mst_blob_shelve(struct mst_blob_shelf *shelf, struct mst_blob *blob);
/* Sends the newest away, if nobody refers to it but who put it here. Returns how many bytes that
 * were; *more_out: there may be others. */
size_t mst_blob_shed(struct mst_blob_shelf *shelf, bool *more_out);

#endif
