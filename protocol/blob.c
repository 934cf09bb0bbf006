/* blob.c - counted bytes: a message body is stored once, whoever refers to it.
 *
 * Invariant: references > 0 as long as somebody holds a pointer. Must not know what the bytes
 * mean, nor what a place is. */
#include "protocol/blob.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct mst_blob *blob_take(size_t len, size_t inside)
{
    struct mst_blob *blob;

    if (len > MST_BLOB_BYTES_MAX) {
        return NULL;
    }
    blob = malloc(sizeof(*blob) + inside);
    if (blob == NULL) {
        return NULL;
    }
    blob->references = 1;
    blob->len = (uint32_t)len & MST_BLOB_BYTES_MAX;
    blob->is_far = 0;
    return blob;
}

static struct mst_blob_far *far_of(struct mst_blob *blob)
{
    return (struct mst_blob_far *)(void *)blob->bytes;
}

struct mst_blob *mst_blob_new(struct mst_span content)
{
    struct mst_blob *blob = blob_take(content.len, content.len);

    if (blob != NULL && content.len > 0) {
        memcpy(blob->bytes, content.data, content.len);
    }
    return blob;
}

struct mst_blob *mst_blob_new_away(size_t len, uint64_t place)
{
    struct mst_blob *blob = blob_take(len, sizeof(struct mst_blob_far));

    if (blob != NULL) {
        blob->is_far = 1;
        *far_of(blob) = (struct mst_blob_far){place, NULL};
    }
    return blob;
}

struct mst_blob *mst_blob_new_far(struct mst_span content, uint64_t place)
{
    struct mst_blob *blob = mst_blob_new_away(content.len, place);

    if (blob == NULL || content.len == 0) {
        return blob;
    }
    far_of(blob)->bytes = malloc(content.len);
    if (far_of(blob)->bytes == NULL) {
        free(blob);
        return NULL;
    }
    memcpy(far_of(blob)->bytes, content.data, content.len);
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
        if (held->is_far) {
            free(far_of(held)->bytes);
        }
        free(held);
    }
}

void mst_blob_set_place(struct mst_blob *blob, uint64_t place)
{
    assert(blob->is_far);
    far_of(blob)->place = place;
}

size_t mst_blob_send_away(struct mst_blob *blob)
{
    if (!blob->is_far || far_of(blob)->place == 0 || far_of(blob)->bytes == NULL) {
        return 0;
    }
    free(far_of(blob)->bytes);
    far_of(blob)->bytes = NULL;
    return blob->len;
}
