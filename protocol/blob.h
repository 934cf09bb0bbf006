/* blob.h - counted bytes: a message body is stored once, whoever refers to it.
 *
 * A near blob has its bytes in itself. A far blob is the body of a durable message: its bytes are
 * apart, and once it has a place in the journal they can be given back; then it is away: it has a
 * length and a place, and whoever wants its bytes reads them there. A part has its bytes in another
 * blob, which it holds.
 * Not atomic: all references are counted within one thread. The bytes never change once made. */
#ifndef MST_BLOB_H
#define MST_BLOB_H

#include "protocol/span.h"

#define MST_BLOB_BYTES_MAX  (UINT32_MAX >> 2)
#define MST_BLOB_SHARED_MIN 4096 /* fewer bytes are cheaper to copy than to hold for somebody */

struct mst_blob {
    uint32_t references;
    uint32_t len : 30;
    uint32_t is_far : 1;  /* `bytes` hold a struct mst_blob_far */
    uint32_t is_part : 1; /* `bytes` hold a struct mst_blob_part */
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

struct mst_blob_part {
    struct mst_blob *whole; /* counted */
    const uint8_t *at;      /* within its bytes */
};

/* One reference each; NULL: out of memory, or more than MST_BLOB_BYTES_MAX. */
struct mst_blob *mst_blob_new(struct mst_span content);
/* Its bytes are for the caller to fill in, before anybody else looks. */
struct mst_blob *mst_blob_new_blank(size_t len);
/* The same in memory of the caller, of mst_blob_size(len) bytes; who drops the last reference
 * frees it, or sees to it that the caller has it back. */
struct mst_blob *mst_blob_set_up(void *memory, size_t len);
/* Refers to the whole, which has the part among its bytes and is neither far nor a part itself. */
struct mst_blob *mst_blob_new_part(struct mst_blob *whole, struct mst_span part);
struct mst_blob *mst_blob_new_far(struct mst_span content, uint64_t place);
struct mst_blob *mst_blob_new_away(size_t len, uint64_t place);
struct mst_blob *mst_blob_ref(struct mst_blob *blob);
void mst_blob_unref(struct mst_blob **blob); /* nulls the caller's pointer; NULL is fine */

/* Of far blobs only. */
void mst_blob_set_place(struct mst_blob *blob, uint64_t place);
/* Gives its bytes back if it is far, has a place, and they are here. Returns how many these were.
 */
size_t mst_blob_send_away(struct mst_blob *blob);

static inline size_t mst_blob_size(size_t len)
{
    return sizeof(struct mst_blob) + len;
}

static inline const struct mst_blob_part *mst_blob_part(const struct mst_blob *blob)
{
    return (const struct mst_blob_part *)(const void *)blob->bytes;
}

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

/* Bytes that are in memory for its sake. */
static inline size_t mst_blob_here(const struct mst_blob *blob)
{
    if (blob->is_part) {
        return sizeof(struct mst_blob_part) + mst_blob_size(mst_blob_part(blob)->whole->len);
    }
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
    if (blob->is_part) {
        return mst_span_of(mst_blob_part(blob)->at, blob->len);
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
