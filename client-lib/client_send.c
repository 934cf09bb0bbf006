/* client_send.c - which calls may go now, and what they look like as frames.
 *
 * Neighbours of one kind share a frame. A call that may not go yet is set aside, in order, with
 * those that wait for the same thing, and does not stop others. */
#include "client-lib/client_state.h"

/* Bodies that share one frame: it is worked on only when all of it has come. */
#define GROUP_BYTES_MAX (64u << 10)
#define OUT_BYTES_MAX   (1u << 20) /* unwritten bytes beyond which no new frame is made */

bool mst_send(struct mst_client *client, struct mst_request *request, int64_t now_ns)
{
    request->confirm = client->taken;
    if (!mst_request_encode(&client->out, request)) {
        return false;
    }
    client->confirmed = client->taken;
    client->receipt_due_ns = MST_FOREVER;
    client->said_ns = now_ns;
    return true;
}

void mst_send_cancel(struct mst_client *client, const struct mst_call *call, int64_t now_ns)
{
    struct mst_request cancel;

    mst_request_init(&cancel, MST_OP_CANCEL);
    cancel.target = call->id;
    cancel.status = call->verdict;
    mst_send(client, &cancel, now_ns);
}

/* ---- what may be in flight ---- */

static enum mst_share share_of(const struct mst_call *call)
{
    switch (call->op) {
    case MST_OP_PUT: return MST_SHARE_PUTS;
    case MST_OP_GET: return MST_SHARE_GETS;
    default: return (mst_op_flags(call->op) & OPF_WAITS) != 0 ? MST_SHARE_WAITS : MST_SHARE_REST;
    }
}

static bool share_is_used_up(const struct mst_client *client, enum mst_share share)
{
    size_t waits = client->waiting[MST_SHARE_PUTS] + client->waiting[MST_SHARE_GETS] +
                   client->waiting[MST_SHARE_WAITS];
    size_t max = client->in_flight_max;

    /* A limit that tiny is not worth sharing out. */
    return share != MST_SHARE_REST && max >= 8 &&
           (client->waiting[share] >= max / 2 || waits >= max - max / 8);
}

static bool has_credit(const struct mst_client *client, const struct mst_handle *queue,
                       const struct mst_call *put)
{
    return queue->puts == 0 ||
           (queue->puts + mst_call_bodies(put) <= client->put_credit &&
            queue->put_bytes + mst_call_body_bytes(put) <= client->put_credit_bytes);
}

static struct mst_handle *queue_of_put(const struct mst_client *client, const struct mst_call *call)
{
    return mst_handle_of(client, mst_handles_of_call(call).numbers[0]);
}

static void charge(struct mst_client *client, const struct mst_call *call)
{
    client->waiting[share_of(call)]++;
    client->sent++;
    if (call->op == MST_OP_PUT) {
        struct mst_handle *queue = queue_of_put(client, call);

        queue->puts += mst_call_bodies(call);
        queue->put_bytes += mst_call_body_bytes(call);
    }
}

void mst_uncharge(struct mst_client *client, const struct mst_call *call)
{
    client->waiting[share_of(call)]--;
    if (call->op == MST_OP_PUT) {
        struct mst_handle *queue = queue_of_put(client, call);

        queue->puts -= mst_call_bodies(call);
        queue->put_bytes -= mst_call_body_bytes(call);
        if (queue->held.count > 0 && !queue->runnable) {
            queue->runnable = true;
            queue->runnable_next = client->runnable;
            client->runnable = queue;
        }
    }
}

/* Puts of one queue keep their order whatever holds them back: those without credit stand before
 * those that only wait for a share, and a newer one goes behind both. */
static struct mst_call_list *obstacle_of_put(struct mst_client *client, const struct mst_call *call)
{
    struct mst_handle *queue = queue_of_put(client, call);
    struct mst_call_list *sharers = &client->held[MST_SHARE_PUTS];
    bool full = share_is_used_up(client, MST_SHARE_PUTS);

    if (call->list == &queue->held) {
        return full || !has_credit(client, queue, call) ? &queue->held : NULL;
    }
    if (full || (call->list == &client->ready && sharers->count > 0)) {
        return sharers;
    }
    if ((queue->held.count > 0 && call->list != &client->again) ||
        !has_credit(client, queue, call)) {
        return &queue->held;
    }
    return NULL;
}

/* Where the call has to wait; NULL: it may go. Nothing at all may go if that is client->ready. */
static struct mst_call_list *obstacle(struct mst_client *client, const struct mst_call *call)
{
    enum mst_share share = share_of(call);

    if (client->sent - client->confirmed >= client->in_flight_max) {
        return &client->ready;
    }
    if (call->op == MST_OP_PUT) {
        return obstacle_of_put(client, call);
    }
    return share_is_used_up(client, share) ? &client->held[share] : NULL;
}

/* ---- frames ---- */

static int64_t time_left(const struct mst_call *call, int64_t now_ns)
{
    if (call->deadline_ns == MST_FOREVER || call->timeout_ns <= 0) {
        return call->timeout_ns;
    }
    return call->deadline_ns > now_ns ? call->deadline_ns - now_ns : 0;
}

/* Charges the first calls of the list that go into one frame together; returns how many. */
static size_t gather(struct mst_client *client, const struct mst_call_list *list)
{
    const struct mst_call *first = list->first;
    size_t bytes = 0;
    size_t count = 0;
    uint64_t id = first->id;

    for (const struct mst_call *call = first; call != NULL; call = call->next) {
        size_t body = mst_call_body_bytes(call);

        if (count > 0 && (count == MST_MESSAGES_MAX || bytes + body > GROUP_BYTES_MAX ||
                          (id != 0 && call->id != id + count) || !mst_call_joins(first, call))) {
            break;
        }
        if (list != &client->resend && obstacle(client, call) != NULL) {
            break;
        }
        charge(client, call);
        bytes += body;
        count++;
    }
    return count;
}

static bool fill_put(struct mst_client *client, const struct mst_call *call, size_t count,
                     struct mst_request *request)
{
    bool mixed = false;

    request->bodies = mst_arena_take(&client->arena, count * sizeof(struct mst_span));
    request->priorities = mst_arena_take(&client->arena, count * sizeof(int64_t));
    if (request->bodies == NULL || request->priorities == NULL) {
        return false;
    }
    request->bodies_count = count;
    for (size_t i = 0; i < count; i++, call = call->next) {
        request->bodies[i] = call->flow.put.body;
        request->priorities[i] = call->flow.put.priority;
        mixed = mixed || call->flow.put.priority != request->priority;
    }
    request->priorities_count = mixed ? count : 0;
    return true;
}

static bool fill_done(struct mst_client *client, const struct mst_call *call, size_t count,
                      struct mst_request *request)
{
    struct mst_run *runs = mst_arena_take(&client->arena, count * sizeof(struct mst_run));
    size_t used = 0;

    if (runs == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++, call = call->next) {
        struct mst_run *last = used == 0 ? NULL : &runs[used - 1];

        if (last != NULL && last->number == call->flow.done.number &&
            last->first + last->count == call->flow.done.message) {
            last->count++;
        } else {
            runs[used++] = (struct mst_run){call->flow.done.message, call->flow.done.number, 1};
        }
    }
    request->runs = runs;
    request->runs_count = used;
    return true;
}

static bool fill(struct mst_client *client, struct mst_call *first, size_t count,
                 struct mst_request *request)
{
    if (first->request != NULL) {
        return true;
    }
    switch (first->op) {
    case MST_OP_PUT: return fill_put(client, first, count, request);
    case MST_OP_GET:
        request->handles = &first->handle;
        request->handles_count = 1;
        request->count = count;
        return true;
    default: return fill_done(client, first, count, request);
    }
}

static bool send_opens(struct mst_client *client, const struct mst_call *call, int64_t now_ns)
{
    struct mst_handle_numbers used = mst_handles_of_call(call);

    for (size_t i = 0; i < used.count; i++) {
        struct mst_handle *handle = mst_handle_of(client, used.numbers[i]);
        struct mst_request open;

        if (handle->opened == client->epoch) {
            continue;
        }
        mst_request_init(&open, MST_OP_OPEN);
        open.handle = handle->number;
        open.name = mst_span_text(handle->name);
        if (!mst_send(client, &open, now_ns)) {
            return false;
        }
        handle->opened = client->epoch;
    }
    return true;
}

static bool send_frame(struct mst_client *client, struct mst_call *first, size_t count,
                       int64_t now_ns)
{
    struct mst_request request;
    int64_t left_ns = time_left(first, now_ns);
    const struct mst_call *call = first;

    for (size_t i = 1; i < count; i++) {
        call = call->next;
        left_ns = time_left(call, now_ns) > left_ns ? time_left(call, now_ns) : left_ns;
    }
    mst_call_request(first, &request);
    request.id = first->id != 0 ? first->id : client->next_id;
    if ((mst_op_flags(first->op) & OPF_WAITS) != 0) {
        request.timeout_ns = left_ns;
    }
    if (first->op == MST_OP_EVENT_WAIT) {
        request.has_generation = first->sent_before && first->has_generation;
        request.generation = first->generation;
        request.waited_ns = request.has_generation ? now_ns - first->begun_ns : MST_FOREVER;
    }
    mst_arena_reset(&client->arena);
    return fill(client, first, count, &request) && send_opens(client, first, now_ns) &&
           mst_send(client, &request, now_ns);
}

/* Sends the first calls of the list in one frame. Memory that runs out ends them: they were not
 * sent, or, if they were before, the connection that comes next says more. */
static bool send_group(struct mst_client *client, struct mst_call_list *list, int64_t now_ns)
{
    size_t count = gather(client, list);
    bool sent = send_frame(client, list->first, count, now_ns);

    if (!sent && list == &client->resend) {
        client->renewing = true;
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct mst_call *call = list->first;

        if (!sent) {
            client->sent--;
            mst_uncharge(client, call);
            mst_call_end(client, call, MST_NO_MEMORY);
            continue;
        }
        mst_call_list_remove(call);
        if (call->id == 0) {
            mst_call_enter_id(client, call, client->next_id++);
        }
        call->sent_before = true;
        if (call->verdict != MST_OK) {
            mst_send_cancel(client, call, now_ns);
        }
    }
    return true;
}

static bool may_make_frames(const struct mst_client *client)
{
    return client->phase == MST_CLIENT_UP && !client->leaving && !client->renewing &&
           mst_buf_size(&client->out) < OUT_BYTES_MAX;
}

/* Sends what the list has, in order, until it meets an obstacle of its own. Others are set aside.
 * false: nothing more may go at all. */
static bool drain(struct mst_client *client, struct mst_call_list *list, int64_t now_ns)
{
    while (list->first != NULL) {
        struct mst_call *call = list->first;
        struct mst_call_list *place = list == &client->resend ? NULL : obstacle(client, call);

        if (place == &client->ready || !may_make_frames(client)) {
            return false;
        }
        if (place == NULL) {
            send_group(client, list, now_ns);
        } else if (place == list) {
            return true;
        } else {
            mst_call_list_remove(call);
            mst_call_list_append(place, call);
        }
    }
    return true;
}

/* Queues whose puts were held back and that have credit again. */
static bool drain_runnable(struct mst_client *client, int64_t now_ns)
{
    while (client->runnable != NULL && !share_is_used_up(client, MST_SHARE_PUTS)) {
        struct mst_handle *queue = client->runnable;
        bool go_on = drain(client, &queue->held, now_ns);

        if (queue->held.count > 0 && has_credit(client, queue, queue->held.first)) {
            return go_on;
        }
        client->runnable = queue->runnable_next;
        queue->runnable = false;
    }
    return true;
}

void mst_client_pump(struct mst_client *client, int64_t now_ns)
{
    if (!may_make_frames(client)) {
        return;
    }
    if (drain(client, &client->resend, now_ns) && drain(client, &client->again, now_ns) &&
        drain_runnable(client, now_ns) && drain(client, &client->held[MST_SHARE_PUTS], now_ns) &&
        drain(client, &client->held[MST_SHARE_GETS], now_ns) &&
        drain(client, &client->held[MST_SHARE_WAITS], now_ns)) {
        drain(client, &client->ready, now_ns);
    }
}
