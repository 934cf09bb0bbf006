/* client_run.c - runs: requests that differ in nothing but their place are one call.
 *
 * A run grows at its end until it is sent, and is divided at its front by whatever concerns only a
 * part of it: a limit when it is sent, a reply that answers some. The parts share the bodies.
 *
 *   mst_bodies:  | length, priority | body, rounded up | length, priority | body ...
 *                  ^ at of the first part                ^ at of the next
 *
 * Invariants: a run of more than one put has its bodies in mst_bodies, count records from `at` on;
 * only who refers to them alone may add one, or move them. */
#include "client-lib/client_call.h"

/* Not more than is sent together anyway: a run is made in memory that grows, and lives until the
 * last of it is answered. */
#define RUN_COUNT_MAX 256u
#define RUN_BYTES_MAX (64u << 10)
/* A larger body is a call of its own: to copy it once more costs more than a call. */
#define RUN_BODY_MAX (4u << 10)

struct mst_bodies {
    size_t references;
    size_t room; /* of the whole block */
    size_t used; /* bytes of records */
    uint8_t records[];
};

struct record {
    size_t len;
    int64_t priority;
};

static size_t record_bytes(size_t len)
{
    return sizeof(struct record) + ((len + 7) & ~(size_t)7);
}

/* ---- bodies ---- */

void mst_bodies_drop(struct mst_pool *pool, struct mst_bodies *bodies)
{
    if (bodies != NULL && --bodies->references == 0) {
        mst_pool_give(pool, bodies, bodies->room);
    }
}

/* Makes room for more bytes of records, twice as much as there was. false: out of memory. */
static bool bodies_reserve(struct mst_pool *pool, struct mst_bodies **bodies_in, size_t more)
{
    struct mst_bodies *bodies = *bodies_in;
    size_t used = bodies == NULL ? 0 : bodies->used;
    size_t room;

    if (bodies != NULL && sizeof(*bodies) + used + more <= bodies->room) {
        return true;
    }
    struct mst_bodies *larger = mst_pool_take(pool, sizeof(*bodies) + 2 * (used + more), &room);
    if (larger == NULL) {
        return false;
    }
    larger->references = 1;
    larger->room = room;
    larger->used = used;
    if (bodies != NULL) {
        memcpy(larger->records, bodies->records, used);
        mst_pool_give(pool, bodies, bodies->room);
    }
    *bodies_in = larger;
    return true;
}

static void bodies_add(struct mst_bodies *bodies, struct mst_span body, int64_t priority)
{
    struct record record = {body.len, priority};
    uint8_t *at = bodies->records + bodies->used;

    memcpy(at, &record, sizeof(record));
    if (body.len > 0) {
        memcpy(at + sizeof(record), body.data, body.len);
    }
    bodies->used += record_bytes(body.len);
}

struct mst_body_walk mst_body_walk_begin(const struct mst_call *call)
{
    return (struct mst_body_walk){call, call->flow.put.at, call->count};
}

bool mst_body_walk_next(struct mst_body_walk *walk, struct mst_span *body, int64_t *priority)
{
    const struct mst_flow_put *put = &walk->call->flow.put;
    struct record record;

    if (walk->left == 0) {
        return false;
    }
    walk->left--;
    if (put->bodies == NULL) {
        *body = put->body;
        *priority = put->priority;
        return true;
    }
    memcpy(&record, put->bodies->records + walk->at, sizeof(record));
    *body = mst_span_of(put->bodies->records + walk->at + sizeof(record), record.len);
    *priority = record.priority;
    walk->at += record_bytes(record.len);
    return true;
}

/* ---- growing ---- */

static bool extend_put(struct mst_pool *pool, struct mst_call *call, const struct mst_flow_put *put)
{
    struct mst_flow_put *run = &call->flow.put;
    bool single = run->bodies == NULL;
    size_t before = mst_call_body_bytes(call);

    if (put->body.len > RUN_BODY_MAX || (single && before > RUN_BODY_MAX) ||
        before + put->body.len > RUN_BYTES_MAX || (!single && run->bodies->references > 1) ||
        !bodies_reserve(pool, &run->bodies,
                        record_bytes(put->body.len) + (single ? record_bytes(before) : 0))) {
        return false;
    }
    if (single) {
        bodies_add(run->bodies, run->body, run->priority);
    }
    bodies_add(run->bodies, put->body, put->priority);
    run->bytes = before + put->body.len;
    return true;
}

/* Whoever has a time, a thread or a token of its own may end alone. */
static bool may_grow(const struct mst_call *call)
{
    return call->request == NULL && call->state == MST_CALL_UNSENT && call->owner == NULL &&
           call->timeout_ns == MST_FOREVER && call->count < RUN_COUNT_MAX;
}

bool mst_call_extend(struct mst_pool *pool, struct mst_call *call,
                     const struct mst_flow_request *request)
{
    if (!may_grow(call) || call->op != request->op || call->handle != request->handle ||
        request->timeout_ns != MST_FOREVER || request->count != 1) {
        return false;
    }
    if (request->op == MST_OP_PUT) {
        const struct mst_flow_put *put = &request->flow.put;

        if (put->delay_ns != call->flow.put.delay_ns || put->ttl_ns != call->flow.put.ttl_ns ||
            !extend_put(pool, call, put)) {
            return false;
        }
    } else if (request->op != MST_OP_DONE || request->flow.done.number != call->flow.done.number ||
               request->flow.done.message != call->flow.done.message + call->count) {
        return false;
    }
    call->count++;
    if (call->list != NULL) {
        call->list->count++;
    }
    return true;
}

/* ---- dividing ---- */

static void split_put(struct mst_flow_put *front, struct mst_flow_put *rest,
                      struct mst_body_walk walk, size_t n)
{
    struct mst_span body;
    int64_t priority;

    front->bytes = 0;
    for (size_t i = 0; i < n && mst_body_walk_next(&walk, &body, &priority); i++) {
        front->bytes += body.len;
    }
    front->bodies->references++;
    rest->bytes -= front->bytes;
    rest->at = walk.at;
}

struct mst_call *mst_call_split(struct mst_pool *pool, struct mst_call *call, size_t n)
{
    size_t room;
    struct mst_call *front = mst_pool_take(pool, sizeof(*front), &room);

    if (front == NULL) {
        return NULL;
    }
    *front = *call;
    front->room = room;
    front->count = n;
    if (call->op == MST_OP_PUT) {
        split_put(&front->flow.put, &call->flow.put, mst_body_walk_begin(call), n);
    } else if (call->op == MST_OP_DONE) {
        call->flow.done.message += n;
    }
    call->count -= n;
    if (call->list != NULL) {
        call->list->count -= n;
        mst_call_list_insert_before(front, call);
    }
    return front;
}
