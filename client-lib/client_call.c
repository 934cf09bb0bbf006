/* client_call.c - making, comparing and listing calls. */
#include "client-lib/client_call.h"

#include <stdlib.h>

#include "client-lib/client_copy.h"

/* Deadlines this close share a frame, which then carries the latest of them. */
#define SAME_DEADLINE_NS 1000000LL

static bool is_flow(const struct mst_request *request)
{
    switch (request->op) {
    case MST_OP_PUT:
        return request->mode == MST_PUT_EACH && request->bodies_count == 1 &&
               request->priorities_count == 0 && request->dedup.data == NULL &&
               request->headers.data == NULL;
    case MST_OP_GET: return request->handles_count == 1 && request->max == 1 && request->count == 1;
    case MST_OP_DONE: return request->runs_count == 1 && request->runs[0].count == 1;
    default: return false;
    }
}

static void flow_from(struct mst_call *call, const struct mst_request *request)
{
    call->handle = request->handle;
    if (request->op == MST_OP_PUT) {
        call->flow.put = (struct mst_flow_put){request->bodies[0], request->priority,
                                               request->delay_ns, request->ttl_ns};
    } else if (request->op == MST_OP_GET) {
        call->handle = request->handles[0];
        call->flow.get = (struct mst_flow_get){request->lease_ns, request->mode, request->detached};
    } else {
        call->flow.done = (struct mst_flow_done){request->runs[0].first, request->runs[0].number};
    }
}

/* Each operation's own default for the time differs, so only those that have one keep it. */
static int64_t timeout_of(const struct mst_request *request)
{
    return (mst_op_flags(request->op) & OPF_WAITS) != 0 ? request->timeout_ns : MST_FOREVER;
}

void mst_call_init(struct mst_call *call, const struct mst_request *request, void *owner)
{
    memset(call, 0, sizeof(*call));
    call->owner = owner;
    call->op = request->op;
    call->timeout_ns = timeout_of(request);
    call->deadline_ns = MST_FOREVER;
    if (is_flow(request)) {
        flow_from(call, request);
    } else {
        call->request = request;
    }
}

struct mst_call *mst_call_new(const struct mst_request *request, void *owner)
{
    return mst_call_new_in(NULL, request, owner);
}

struct mst_call *mst_call_new_in(struct mst_pool *pool, const struct mst_request *request,
                                 void *owner)
{
    size_t room;
    bool flow = is_flow(request);
    struct mst_span body = MST_SPAN_NONE;
    const struct mst_request *copy = NULL;

    if (flow && request->op == MST_OP_PUT) {
        body = request->bodies[0];
    }
    if (!flow && (copy = mst_request_copy(request)) == NULL) {
        return NULL;
    }
    struct mst_call *call = mst_pool_take(pool, sizeof(*call) + body.len, &room);
    if (call == NULL) {
        free((void *)(uintptr_t)copy);
        return NULL;
    }
    mst_call_init(call, flow ? request : copy, owner);
    call->room = room;
    if (body.len > 0) {
        memcpy(call + 1, body.data, body.len);
    }
    if (flow && request->op == MST_OP_PUT) {
        call->flow.put.body.data = (const uint8_t *)(call + 1);
    }
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
    return call->request == NULL ? 1 : call->request->bodies_count;
}

size_t mst_call_body_bytes(const struct mst_call *call)
{
    size_t bytes = 0;

    if (call->op != MST_OP_PUT) {
        return 0;
    }
    if (call->request == NULL) {
        return call->flow.put.body.len;
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
    list->count++;
}

void mst_call_list_prepend(struct mst_call_list *list, struct mst_call *call)
{
    call->list = list;
    call->prev = NULL;
    call->next = list->first;
    *(list->first == NULL ? &list->last : &list->first->prev) = call;
    list->first = call;
    list->count++;
}

void mst_call_list_remove(struct mst_call *call)
{
    struct mst_call_list *list = call->list;

    if (list == NULL) {
        return;
    }
    *(call->prev == NULL ? &list->first : &call->prev->next) = call->next;
    *(call->next == NULL ? &list->last : &call->next->prev) = call->prev;
    list->count--;
    call->list = NULL;
    call->next = NULL;
    call->prev = NULL;
}
