/* blob.h - counted bytes: a message body is stored once, whoever refers to it.
 *
 * Not atomic: all references are counted within one thread. A blob never changes once made. */
#ifndef MST_BLOB_H
#define MST_BLOB_H

#include "protocol/span.h"

struct mst_blob {
    uint32_t references;
    uint32_t len;
    uint8_t bytes[];
};

struct mst_blob *mst_blob_new(struct mst_span content); /* one reference; NULL: out of memory */
struct mst_blob *mst_blob_ref(struct mst_blob *blob);
void mst_blob_unref(struct mst_blob **blob); /* nulls the caller's pointer; NULL is fine */

static inline struct mst_span mst_blob_span(const struct mst_blob *blob)
{
    return blob == NULL ? MST_SPAN_NONE : mst_span_of(blob->bytes, blob->len);
}

#endif
