/* put_list.c - messages to be put as one: from a request, until they are in a queue.
 *
 * Small bodies of a queue in memory will be inside their messages: a list that is kept has a copy
 * of them, another one borrows them from the request. Others are blobs, which the messages take
 * over; one that is nearly all of its frame stays where that was read to. */
#include "broker/core/internal.h"

void put_list_free(struct put_list **put)
{
    struct put_list *list = *put;

    if (list == NULL) {
        return;
    }
    for (size_t i = 0; list->bodies != NULL && i < list->count; i++) {
        mst_blob_unref(&list->bodies[i]);
    }
    mst_blob_unref(&list->dedup);
    mst_blob_unref(&list->headers);
    free(list);
    *put = NULL;
}

static bool copy_blob(struct mst_span span, struct mst_blob **out)
{
    *out = span.data == NULL ? NULL : mst_blob_new(span);
    return span.data == NULL || *out != NULL;
}

/* Bytes of those bodies; *small_out: each can be inside its message. */
static size_t bodies_bytes(const struct mst_span *bodies, size_t count, bool *small_out)
{
    size_t bytes = 0;

    *small_out = true;
    for (size_t i = 0; i < count; i++) {
        bytes += bodies[i].len;
        *small_out = *small_out && bodies[i].len <= MESSAGE_BODY_INSIDE_MAX;
    }
    return bytes;
}

/* The bytes stand behind the array. */
static void copy_texts(struct mst_span *texts, const struct mst_span *bodies, size_t count)
{
    uint8_t *to = (uint8_t *)(texts + count);

    for (size_t i = 0; i < count; i++) {
        if (bodies[i].len > 0) {
            memcpy(to, bodies[i].data, bodies[i].len);
        }
        texts[i] = mst_span_of(to, bodies[i].len);
        to += bodies[i].len;
    }
}

/* Who refers to a part holds the whole, so there must not be much more in that. */
static struct mst_blob *near_body(struct mst_blob *frame, struct mst_span body)
{
    size_t whole = frame == NULL ? 0 : frame->len;
    bool is_most = frame != NULL && body.len >= whole - whole / 8;

    return is_most ? mst_blob_new_part(frame, body) : mst_blob_new(body);
}

static bool copy_bodies(struct put_list *put, const struct mst_request *request,
                        const struct mst_span *bodies, bool is_far)
{
    bool ok = true;

    for (size_t i = 0; i < put->count; i++) {
        put->bodies[i] = !ok      ? NULL
                         : is_far ? mst_blob_new_far(bodies[i], 0)
                                  : near_body(request->frame, bodies[i]);
        ok = put->bodies[i] != NULL;
    }
    return ok;
}

/* What stands behind the list for its bodies: nothing, their copies, or pointers to blobs. */
static size_t bodies_size(size_t count, size_t bytes, bool inside, bool kept)
{
    if (inside) {
        return kept ? count * sizeof(struct mst_span) + bytes : 0;
    }
    return count * sizeof(struct mst_blob *);
}

/* One allocation holds the list, its arrays, and copies of small bodies. */
struct put_list *put_list_new(const struct queue *queue, const struct mst_request *request,
                              size_t from, size_t count, bool kept)
{
    const struct mst_span *bodies = request->bodies + from;
    bool is_far = object_is_durable(&queue->object);
    bool own = request->priorities_count > 0;
    bool small;
    size_t bytes = bodies_bytes(bodies, count, &small);
    bool inside = small && !is_far;
    size_t own_size = own ? count * sizeof(int64_t) : 0;
    struct put_list *put =
        malloc(sizeof(*put) + own_size + bodies_size(count, bytes, inside, kept));
    void *behind = (uint8_t *)(put + 1) + own_size;
    bool ok;

    if (put == NULL) {
        return NULL;
    }
    *put = (struct put_list){.count = count, .bytes = bytes};
    put->priority = request->priority;
    put->delay_ns = request->delay_ns;
    put->ttl_ns = request->ttl_ns;
    if (own) {
        put->priorities = (int64_t *)(void *)(put + 1);
        memcpy(put->priorities, request->priorities + from, own_size);
    }
    if (inside) {
        put->texts = kept ? behind : bodies;
    } else {
        put->bodies = behind;
    }
    if (inside && kept) {
        copy_texts(behind, bodies, count);
    }
    ok = (inside || copy_bodies(put, request, bodies, is_far)) &&
         copy_blob(request->dedup, &put->dedup) && copy_blob(request->headers, &put->headers);
    put->charge = bytes + count * MESSAGE_COST + request->dedup.len + request->headers.len;
    if (!ok) {
        put_list_free(&put);
    }
    return put;
}
