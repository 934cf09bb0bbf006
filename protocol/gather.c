/* gather.c - bytes on their way out, see gather.h.
 *
 * Invariant: bodies stand in the order of their places among the own bytes, and no place is before
 * `left` or behind the last own byte. */
#include "protocol/gather.h"

#include <assert.h>

struct gathered {
    uint64_t at;           /* so many own bytes ever stood before it */
    struct mst_span rest;  /* what has not left */
    struct mst_blob *blob; /* NULL: it is borrowed */
};

void mst_gather_init(struct mst_gather *gather)
{
    *gather = (struct mst_gather){0};
}

static size_t count_of(const struct mst_gather *gather)
{
    return mst_buf_size(&gather->bodies) / sizeof(struct gathered);
}

static struct gathered *body_at(const struct mst_gather *gather, size_t i)
{
    return (struct gathered *)(void *)(gather->bodies.data + gather->bodies.start) + i;
}

void mst_gather_clear(struct mst_gather *gather)
{
    for (size_t i = 0; i < count_of(gather); i++) {
        mst_blob_unref(&body_at(gather, i)->blob);
    }
    mst_buf_clear(&gather->bodies);
    mst_buf_clear(&gather->bytes);
    mst_gather_init(gather);
}

bool mst_gather_body(struct mst_gather *gather, struct mst_span body, struct mst_blob *blob)
{
    struct gathered added = {gather->left + mst_buf_size(&gather->bytes), body, blob};

    if (body.len == 0) {
        return true;
    }
    if (!mst_buf_append(&gather->bodies, &added, sizeof(added))) {
        return false;
    }
    if (blob != NULL) {
        mst_blob_ref(blob);
    }
    gather->bodies_bytes += body.len;
    return true;
}

struct mst_gather_mark mst_gather_mark(const struct mst_gather *gather)
{
    return (struct mst_gather_mark){mst_buf_size(&gather->bytes), mst_buf_size(&gather->bodies)};
}

void mst_gather_cut(struct mst_gather *gather, struct mst_gather_mark mark)
{
    for (size_t i = count_of(gather); i > mark.bodies / sizeof(struct gathered); i--) {
        gather->bodies_bytes -= body_at(gather, i - 1)->rest.len;
        mst_blob_unref(&body_at(gather, i - 1)->blob);
    }
    gather->bodies.len = gather->bodies.start + mark.bodies;
    gather->bytes.len = gather->bytes.start + mark.bytes;
}

size_t mst_gather_pieces(const struct mst_gather *gather, struct mst_span *out, size_t max)
{
    struct mst_span own = mst_buf_span(&gather->bytes);
    uint64_t at = gather->left;
    size_t bodies = count_of(gather);
    size_t count = 0;

    if (bodies == 0 && max > 0) { /* the rule */
        out[0] = own;
        return own.len > 0;
    }
    for (size_t i = 0; i < bodies && count < max; i++) {
        const struct gathered *body = body_at(gather, i);
        size_t before = (size_t)(body->at - at);

        if (before > 0) {
            out[count++] = mst_span_of(own.data, before);
            own = mst_span_of(own.data + before, own.len - before);
            at = body->at;
        }
        if (count < max) {
            out[count++] = body->rest;
        }
    }
    if (own.len > 0 && count < max) {
        out[count++] = own;
    }
    return count;
}

static void drop_first(struct mst_gather *gather)
{
    mst_blob_unref(&body_at(gather, 0)->blob);
    mst_buf_consume(&gather->bodies, sizeof(struct gathered));
}

static void consume_own(struct mst_gather *gather, size_t n)
{
    mst_buf_consume(&gather->bytes, n);
    gather->left += n;
}

/* Own bytes before the first body, or all there are. */
static size_t own_first(const struct mst_gather *gather)
{
    return count_of(gather) == 0 ? mst_buf_size(&gather->bytes)
                                 : (size_t)(body_at(gather, 0)->at - gather->left);
}

void mst_gather_consume(struct mst_gather *gather, size_t n)
{
    assert(n <= mst_gather_size(gather));
    while (gather->bodies_bytes > 0 && n > 0) {
        size_t own = own_first(gather);
        size_t before = n < own ? n : own;
        struct gathered *body = body_at(gather, 0);
        size_t within;

        consume_own(gather, before);
        n -= before;
        within = n < body->rest.len ? n : body->rest.len;
        body->rest = mst_span_of(body->rest.data + within, body->rest.len - within);
        gather->bodies_bytes -= within;
        n -= within;
        if (body->rest.len == 0) {
            drop_first(gather);
        }
    }
    consume_own(gather, n);
}

bool mst_gather_move(struct mst_gather *from, size_t n, struct mst_gather *to)
{
    while (n > 0) {
        size_t own = own_first(from);
        size_t before = n < own ? n : own;
        struct mst_span bytes = mst_buf_span(&from->bytes);
        struct gathered body;

        if (!mst_buf_append(&to->bytes, bytes.data, before)) {
            return false;
        }
        consume_own(from, before);
        n -= before;
        if (n == 0) {
            break;
        }
        body = *body_at(from, 0);
        if (!mst_gather_body(to, body.rest, body.blob)) {
            return false;
        }
        from->bodies_bytes -= body.rest.len;
        n -= body.rest.len;
        drop_first(from);
    }
    return true;
}

/* ---- borrowed bodies that are to be owned ---- */

static bool is_within(struct mst_span body, struct mst_span whole)
{
    return (uintptr_t)body.data >= (uintptr_t)whole.data &&
           (uintptr_t)body.data + body.len <= (uintptr_t)whole.data + whole.len;
}

bool mst_gather_own(struct mst_gather *gather, struct mst_span borrowed)
{
    for (size_t i = 0; i < count_of(gather); i++) {
        struct gathered *body = body_at(gather, i);

        if (body->blob == NULL && is_within(body->rest, borrowed)) {
            struct mst_blob *copy = mst_blob_new(body->rest);

            if (copy == NULL) {
                return false;
            }
            body->blob = copy;
            body->rest = mst_blob_span(copy);
        }
    }
    return true;
}
