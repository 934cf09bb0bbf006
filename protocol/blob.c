/* blob.c - counted bytes: a message body is stored once, whoever refers to it.
 *
 * Invariant: references > 0 as long as somebody holds a pointer. Must not know what the bytes
 * mean, nor what a place is. */
#include "protocol/blob.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct mst_blob *set_up(void *memory, size_t len)
{
    struct mst_blob *blob = memory;

    if (blob != NULL) {
        *blob = (struct mst_blob){.references = 1, .len = (uint32_t)len & MST_BLOB_BYTES_MAX};
    }
    return blob;
}

static struct mst_blob *blob_take(size_t len, size_t inside)
{
    return len > MST_BLOB_BYTES_MAX ? NULL : set_up(malloc(mst_blob_size(inside)), len);
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

struct mst_blob *mst_blob_new_blank(size_t len)
{
    return blob_take(len, len);
}

struct mst_blob *mst_blob_set_up(void *memory, size_t len)
{
    return len > MST_BLOB_BYTES_MAX ? NULL : set_up(memory, len);
}

static struct mst_blob_part *part_of(struct mst_blob *blob)
{
    return (struct mst_blob_part *)(void *)blob->bytes;
}

struct mst_blob *mst_blob_new_part(struct mst_blob *whole, struct mst_span part)
{
    struct mst_blob *blob = blob_take(part.len, sizeof(struct mst_blob_part));

    assert(!whole->is_far && !whole->is_part);
    assert(part.data >= whole->bytes && part.data + part.len <= whole->bytes + whole->len);
    if (blob != NULL) {
        blob->is_part = 1;
        *part_of(blob) = (struct mst_blob_part){mst_blob_ref(whole), part.data};
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

static void leave_shelf(struct mst_blob_link *link)
{
    if (link->before != NULL) {
        link->before->after = link->after;
        link->after->before = link->before;
        link->before = link->after = NULL;
    }
}

static void free_here(struct mst_blob_far *far)
{
    if (far->here != NULL) {
        leave_shelf(&far->here->link);
        free(far->here);
        far->here = NULL;
    }
}

struct mst_blob *mst_blob_new_far(struct mst_span content, uint64_t place)
{
    struct mst_blob *blob = mst_blob_new_away(content.len, place);
    struct mst_blob_bytes *here;

    if (blob == NULL || content.len == 0) {
        return blob;
    }
    here = malloc(sizeof(*here) + content.len);
    if (here == NULL) {
        free(blob);
        return NULL;
    }
    here->link = (struct mst_blob_link){NULL, NULL, blob};
    memcpy(here->bytes, content.data, content.len);
    far_of(blob)->here = here;
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
            free_here(far_of(held));
        } else if (held->is_part) {
            mst_blob_unref(&part_of(held)->whole);
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
    size_t here = mst_blob_here(blob);

    if (!blob->is_far || far_of(blob)->place == 0 || here == 0) {
        return 0;
    }
    free_here(far_of(blob));
    return here;
}

/* ---- shelves ---- */

void mst_blob_shelf_init(struct mst_blob_shelf *shelf)
{
    shelf->ends = (struct mst_blob_link){&shelf->ends, &shelf->ends, NULL};
}

void mst_blob_shelve(struct mst_blob_shelf *shelf, struct mst_blob *blob)
{
    struct mst_blob_bytes *here = blob->is_far ? far_of(blob)->here : NULL;

    if (here != NULL && here->link.before == NULL && far_of(blob)->place != 0) {
        here->link.before = shelf->ends.before;
        here->link.after = &shelf->ends;
        here->link.before->after = &here->link;
        shelf->ends.before = &here->link;
    }
}

size_t mst_blob_shed(struct mst_blob_shelf *shelf, bool *more_out)
{
    struct mst_blob_link *newest = shelf->ends.before;
    struct mst_blob *blob = newest->blob;

    *more_out = blob != NULL;
    if (blob == NULL) {
        return 0;
    }
    if (blob->references > 1) {
        leave_shelf(newest);
        return 0;
    }
    return mst_blob_send_away(blob);
}
