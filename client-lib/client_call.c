/* client_call.c - making, comparing and listing calls. */
#include "client-lib/client_call.h"

#include <stdlib.h>

#include "client-lib/client_copy.h"

/* Deadlines this close share a frame, which then carries the latest of them. */
#define SAME_DEADLINE_NS 1000000LL

bool mst_flow_from(const struct mst_request *request, struct mst_flow_request *flow_out)
{
    bool flows = false;

    switch (request->op) {
    case MST_OP_PUT:
        flows = request->mode == MST_PUT_EACH && request->bodies_count == 1 &&
                request->priorities_count == 0 && request->dedup.data == NULL &&
                request->headers.data == NULL;
        break;
    case MST_OP_GET:
        flows = request->handles_count == 1 && request->max == 1 &&
                (request->count == 1 || (request->count > 1 && request->count <= MST_MESSAGES_MAX &&
                                         request->timeout_ns == MST_FOREVER));
        break;
    case MST_OP_DONE:
        flows = request->runs_count == 1 && request->runs[0].count >= 1 &&
                request->runs[0].count <= MST_MESSAGES_MAX;
        break;
    default: break;
    }
    if (!flows) {
        return false;
    }
    *flow_out = (struct mst_flow_request){request->op,
                                          request->handle,
                                          request->timeout_ns,
                                          1,
                                          {{MST_SPAN_NONE, 0, 0, 0, NULL, 0, 0}}};
    if (request->op == MST_OP_PUT) {
        flow_out->flow.put = (struct mst_flow_put){.body = request->bodies[0],
                                                   .priority = request->priority,
                                                   .delay_ns = request->delay_ns,
                                                   .ttl_ns = request->ttl_ns};
    } else if (request->op == MST_OP_GET) {
        flow_out->handle = request->handles[0];
        flow_out->count = (size_t)request->count;
        flow_out->flow.get =
            (struct mst_flow_get){request->lease_ns, request->mode, request->detached};
    } else {
        flow_out->timeout_ns = MST_FOREVER;
        flow_out->count = (size_t)request->runs[0].count;
        flow_out->flow.done =
            (struct mst_flow_done){request->runs[0].first, request->runs[0].number};
    }
    return true;
}

/* Each operation's own default for the time differs, so only those that have one keep it. */
static int64_t timeout_of(const struct mst_request *request)
{
    return (mst_op_flags(request->op) & OPF_WAITS) != 0 ? request->timeout_ns : MST_FOREVER;
}

static void init(struct mst_call *call, enum mst_op op, int64_t timeout_ns, void *owner)
{
    memset(call, 0, sizeof(*call));
    call->owner = owner;
    call->op = op;
    call->count = 1;
    call->timeout_ns = timeout_ns;
    call->deadline_ns = MST_FOREVER;
}

void mst_call_init_flow(struct mst_call *call, const struct mst_flow_request *flow, void *owner)
{
    init(call, flow->op, flow->timeout_ns, owner);
    call->count = flow->count;
    call->handle = flow->handle;
    call->flow = flow->flow;
}

void mst_call_init(struct mst_call *call, const struct mst_request *request, void *owner)
{
    struct mst_flow_request flow;

    if (mst_flow_from(request, &flow)) {
        mst_call_init_flow(call, &flow, owner);
    } else {
        init(call, request->op, timeout_of(request), owner);
        call->request = request;
    }
}

struct mst_call *mst_call_new(const struct mst_request *request, void *owner)
{
    return mst_call_new_in(NULL, request, owner);
}

struct mst_call *mst_call_new_flow(struct mst_pool *pool, const struct mst_flow_request *request,
                                   void *owner)
{
    struct mst_span body = request->op == MST_OP_PUT ? request->flow.put.body : MST_SPAN_NONE;
    size_t room;
    struct mst_call *call = mst_pool_take(pool, sizeof(*call) + body.len, &room);

    if (call == NULL) {
        return NULL;
    }
    mst_call_init_flow(call, request, owner);
    call->room = room;
    if (request->op == MST_OP_PUT) {
        if (body.len > 0) {
            memcpy(call + 1, body.data, body.len);
        }
        call->flow.put.body.data = (const uint8_t *)(call + 1);
    }
    return call;
}

struct mst_call *mst_call_new_in(struct mst_pool *pool, const struct mst_request *request,
                                 void *owner)
{
    struct mst_flow_request flow;
    size_t room;

    if (mst_flow_from(request, &flow)) {
        return mst_call_new_flow(pool, &flow, owner);
    }
    const struct mst_request *copy = mst_request_copy(request);
    if (copy == NULL) {
        return NULL;
    }
    struct mst_call *call = mst_pool_take(pool, sizeof(*call), &room);
    if (call == NULL) {
        free((void *)(uintptr_t)copy);
        return NULL;
    }
    mst_call_init(call, copy, owner);
    call->room = room;
    return call;
}

static bool has_reply(const struct mst_call *call)
{
    return call->op != MST_OP_PUT && call->op != MST_OP_GET && call->op != MST_OP_DONE &&
           call->op != MST_OP_PEEK;
}

void mst_call_clear(struct mst_call *call)
{
    mst_call_give(NULL, call);
}

void mst_call_give(struct mst_pool *pool, struct mst_call *call)
{
    if (has_reply(call)) {
        free((void *)(uintptr_t)call->outcome.reply);
        call->outcome.reply = NULL;
    }
    free(call->cause);
    call->cause = NULL;
    if (call->op == MST_OP_PUT && call->request == NULL) {
        mst_bodies_drop(pool, call->flow.put.bodies);
    }
    if (call->room > 0) {
        free((void *)(uintptr_t)call->request);
        mst_pool_give(pool, call, call->room);
    }
}

/* The lists of one element that a flow's request refers to are in the call itself. */
void mst_call_request(const struct mst_call *call, struct mst_request *request_out)
{
    if (call->request != NULL) {
        *request_out = *call->request;
        return;
    }
    mst_request_init(request_out, call->op);
    request_out->handle = call->handle;
    request_out->timeout_ns = call->timeout_ns;
    if (call->op == MST_OP_PUT) {
        request_out->priority = call->flow.put.priority;
        request_out->delay_ns = call->flow.put.delay_ns;
        request_out->ttl_ns = call->flow.put.ttl_ns;
    } else if (call->op == MST_OP_GET) {
        request_out->lease_ns = call->flow.get.lease_ns;
        request_out->mode = call->flow.get.mode;
        request_out->detached = call->flow.get.detached;
    }
}

size_t mst_call_bodies(const struct mst_call *call)
{
    if (call->op != MST_OP_PUT) {
        return 0;
    }
    return call->request == NULL ? call->count : call->request->bodies_count;
}

size_t mst_call_body_bytes(const struct mst_call *call)
{
    size_t bytes = 0;

    if (call->op != MST_OP_PUT) {
        return 0;
    }
    if (call->request == NULL) {
        const struct mst_flow_put *put = &call->flow.put;

        return put->bodies == NULL ? put->body.len : put->bytes;
    }
    for (size_t i = 0; i < call->request->bodies_count; i++) {
        bytes += call->request->bodies[i].len;
    }
    return bytes;
}

static bool same_deadline(const struct mst_call *a, const struct mst_call *b)
{
    if (a->timeout_ns <= 0 || a->timeout_ns == MST_FOREVER || b->timeout_ns == MST_FOREVER) {
        return a->timeout_ns == b->timeout_ns;
    }
    int64_t apart = a->deadline_ns - b->deadline_ns;

    return b->timeout_ns > 0 && apart < SAME_DEADLINE_NS && apart > -SAME_DEADLINE_NS;
}

bool mst_call_joins(const struct mst_call *first, const struct mst_call *call)
{
    if (first->request != NULL || call->request != NULL || first->op != call->op ||
        first->handle != call->handle || !same_deadline(first, call)) {
        return false;
    }
    switch (first->op) {
    case MST_OP_PUT:
        return first->flow.put.delay_ns == call->flow.put.delay_ns &&
               first->flow.put.ttl_ns == call->flow.put.ttl_ns;
    case MST_OP_GET:
        return first->flow.get.lease_ns == call->flow.get.lease_ns &&
               first->flow.get.mode == call->flow.get.mode &&
               first->flow.get.detached == call->flow.get.detached;
    default: return true;
    }
}

bool mst_call_is_repeatable(const struct mst_call *call)
{
    return call->op == MST_OP_GET || call->op == MST_OP_EVENT_WAIT ||
           (mst_op_flags(call->op) & OPF_READS) != 0;
}

bool mst_call_may_be_abandoned(const struct mst_call *call)
{
    return mst_call_is_repeatable(call) || call->op == MST_OP_JOIN;
}

void mst_call_list_append(struct mst_call_list *list, struct mst_call *call)
{
    call->list = list;
    call->next = NULL;
    call->prev = list->last;
    *(list->last == NULL ? &list->first : &list->last->next) = call;
    list->last = call;
    list->count += call->count;
}

void mst_call_list_insert_before(struct mst_call *call, struct mst_call *place)
{
    struct mst_call_list *list = place->list;

    call->list = list;
    call->prev = place->prev;
    call->next = place;
    *(place->prev == NULL ? &list->first : &place->prev->next) = call;
    place->prev = call;
    list->count += call->count;
}

void mst_call_list_remove(struct mst_call *call)
{
    struct mst_call_list *list = call->list;

    if (list == NULL) {
        return;
    }
    *(call->prev == NULL ? &list->first : &call->prev->next) = call->next;
    *(call->next == NULL ? &list->last : &call->next->prev) = call->prev;
    list->count -= call->count;
    call->list = NULL;
    call->next = NULL;
    call->prev = NULL;
}
