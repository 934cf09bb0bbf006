/* blob.c - counted bytes: a message body is stored once, whoever refers to it.
 *
 * Invariant: references > 0 as long as somebody holds a pointer. Must not know what the bytes
 * mean. */
#include "protocol/blob.h"

#include <assert.h>
#include <stdlib.h>

struct mst_blob *mst_blob_new(struct mst_span content)
{
    if (content.len > UINT32_MAX) {
        return NULL;
    }
    struct mst_blob *blob = malloc(sizeof(*blob) + content.len);
    if (blob == NULL) {
        return NULL;
    }
    blob->references = 1;
    blob->len = (uint32_t)content.len;
    if (content.len > 0) {
        memcpy(blob->bytes, content.data, content.len);
    }
    return blob;
}

struct mst_blob *mst_blob_ref(struct mst_blob *blob)
{
    assert(blob->references > 0 && blob->references < UINT32_MAX);
    blob->references++;
    return blob;
}

void mst_blob_unref(struct mst_blob **blob)
{
    struct mst_blob *held = *blob;

    *blob = NULL;
    if (held == NULL) {
        return;
    }
    assert(held->references > 0);
    held->references--;
    if (held->references == 0) {
        free(held);
    }
}
