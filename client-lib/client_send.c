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
    if (!mst_request_gather(&client->out, request)) {
        return false;
    }
    client->confirmed = client->taken;
    client->receipt_due_ns = MST_FOREVER;
    client->said_ns = now_ns;
    return true;
}

/* Without the memory this connection is of no more use; the next one is sent everything again. */
static void own(struct mst_client *client, struct mst_span body)
{
    if (!mst_gather_own(&client->out, body)) {
        mst_gather_clear(&client->out);
        client->renewing = true;
    }
}

void mst_send_own_bodies(struct mst_client *client, const struct mst_call *call)
{
    struct mst_body_walk walk = mst_body_walk_begin(call);
    struct mst_span body;
    int64_t priority;

    if (call->request != NULL) {
        for (size_t i = 0; i < call->request->bodies_count; i++) {
            own(client, call->request->bodies[i]);
        }
        return;
    }
    while (mst_body_walk_next(&walk, &body, &priority)) {
        own(client, body);
    }
}

void mst_send_cancel(struct mst_client *client, const struct mst_call *call, int64_t now_ns)
{
    struct mst_request cancel;

    mst_request_init(&cancel, MST_OP_CANCEL);
    cancel.status = call->verdict;
    for (size_t i = 0; i < call->count; i++) {
        cancel.target = call->id + i;
        if (!mst_send(client, &cancel, now_ns)) {
            client->renewing = true; /* the next connection says it */
        }
    }
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

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t left(size_t used, size_t max)
{
    return used < max ? max - used : 0;
}

/* How many more requests of this kind may be in flight as far as the shares are concerned. */
static size_t share_room(const struct mst_client *client, enum mst_share share)
{
    size_t waits = client->waiting[MST_SHARE_PUTS] + client->waiting[MST_SHARE_GETS] +
                   client->waiting[MST_SHARE_WAITS];
    size_t max = client->in_flight_max;

    /* A limit that tiny is not worth sharing out. */
    if (share == MST_SHARE_REST || max < 8) {
        return SIZE_MAX;
    }
    return at_most(left(client->waiting[share], max / 2), left(waits, max - max / 8));
}

/* How many requests of the put its queue has credit for. */
static size_t credit_room(const struct mst_client *client, const struct mst_handle *queue,
                          const struct mst_call *put)
{
    size_t fit = 0;

    if (queue->puts == 0 && put->count == 1) {
        return 1;
    }
    size_t places = left(queue->puts, client->put_credit);
    size_t bytes = left(queue->put_bytes, client->put_credit_bytes);
    if (mst_call_bodies(put) <= places && mst_call_body_bytes(put) <= bytes) {
        return put->count;
    }
    if (put->count > 1) {
        struct mst_body_walk walk = mst_body_walk_begin(put);
        struct mst_span body;
        int64_t priority;

        while (fit < places && mst_body_walk_next(&walk, &body, &priority) && body.len <= bytes) {
            bytes -= body.len;
            fit++;
        }
    }
    return fit == 0 && queue->puts == 0 ? 1 : fit;
}

static struct mst_handle *queue_of_put(const struct mst_client *client, const struct mst_call *call)
{
    return mst_handle_of(client, mst_handles_of_call(call).numbers[0]);
}

static void charge(struct mst_client *client, const struct mst_call *call)
{
    client->waiting[share_of(call)] += call->count;
    client->sent += call->count;
    if (call->op == MST_OP_PUT) {
        struct mst_handle *queue = queue_of_put(client, call);

        queue->puts += mst_call_bodies(call);
        queue->put_bytes += mst_call_body_bytes(call);
    }
}

void mst_uncharge(struct mst_client *client, const struct mst_call *call)
{
    client->waiting[share_of(call)] -= call->count;
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
static size_t room_for_put(struct mst_client *client, const struct mst_call *call, size_t room,
                           struct mst_call_list **place_out)
{
    struct mst_handle *queue = queue_of_put(client, call);
    struct mst_call_list *sharers = &client->held[MST_SHARE_PUTS];

    *place_out = &queue->held;
    if (call->list == &queue->held) {
        return room == 0 ? 0 : at_most(room, credit_room(client, queue, call));
    }
    if (room == 0 || (call->list == &client->ready && sharers->count > 0)) {
        *place_out = sharers;
        return 0;
    }
    if (queue->held.count > 0 && call->list != &client->again) {
        return 0;
    }
    return at_most(room, credit_room(client, queue, call));
}

/* How many requests of the call may go now. 0: *place_out is where it has to wait; nothing at all
 * may go if that is client->ready. What is sent again has its place already. */
static size_t room_for(struct mst_client *client, const struct mst_call *call,
                       struct mst_call_list **place_out)
{
    size_t room = left(client->sent - client->confirmed, client->in_flight_max);
    enum mst_share share = share_of(call);

    *place_out = &client->ready;
    if (call->list == &client->resend) {
        return call->count;
    }
    if (room == 0) {
        return 0;
    }
    room = at_most(room, share_room(client, share));
    if (call->op == MST_OP_PUT) {
        return room_for_put(client, call, room, place_out);
    }
    *place_out = &client->held[share];
    return room;
}

/* ---- frames ---- */

static int64_t time_left(const struct mst_call *call, int64_t now_ns)
{
    if (call->deadline_ns == MST_FOREVER || call->timeout_ns <= 0) {
        return call->timeout_ns;
    }
    return call->deadline_ns > now_ns ? call->deadline_ns - now_ns : 0;
}

/* What one frame takes of a list. */
struct group {
    size_t calls;
    size_t requests;
};

/* Does the call fit into the frame behind the group that begins the list? */
static bool fits_group(const struct mst_call *first, const struct group *group, size_t bytes,
                       const struct mst_call *call)
{
    return group->requests + call->count <= MST_MESSAGES_MAX &&
           bytes + mst_call_body_bytes(call) <= GROUP_BYTES_MAX &&
           (first->id == 0 || call->id == first->id + group->requests) &&
           mst_call_joins(first, call);
}

/* Charges the first calls of the list that go into one frame together. room: of the first, which
 * has some. Of a run that may go in part the rest stays behind. */
static struct group gather(struct mst_client *client, const struct mst_call_list *list, size_t room)
{
    struct group group = {0, 0};
    struct mst_call *call = list->first;
    struct mst_call_list *place;
    size_t bytes = 0;

    while (room > 0) {
        if (room < call->count) {
            call = mst_client_split(client, call, room);
        }
        if (call == NULL) {
            break; /* out of memory */
        }
        charge(client, call);
        bytes += mst_call_body_bytes(call);
        group.calls++;
        group.requests += call->count;
        call = call->next;
        if (call == NULL || !fits_group(list->first, &group, bytes, call)) {
            break;
        }
        room = room_for(client, call, &place);
    }
    return group;
}

static bool fill_put(struct mst_client *client, struct mst_call *call, struct group group,
                     struct mst_request *request)
{
    size_t n = group.requests;
    bool mixed = false;

    if (call->flow.put.bodies == NULL && n == 1) {
        request->bodies = &call->flow.put.body;
        request->bodies_count = 1;
        request->priority = call->flow.put.priority;
        return true;
    }
    request->bodies = mst_arena_take_raw(&client->arena, n * sizeof(struct mst_span));
    request->priorities = mst_arena_take_raw(&client->arena, n * sizeof(int64_t));
    if (request->bodies == NULL || request->priorities == NULL) {
        return false;
    }
    for (size_t i = 0; i < n; call = call->next) {
        struct mst_body_walk walk = mst_body_walk_begin(call);

        while (mst_body_walk_next(&walk, &request->bodies[i], &request->priorities[i])) {
            mixed = mixed || request->priorities[i] != request->priorities[0];
            i++;
        }
    }
    request->bodies_count = n;
    request->priority = request->priorities[0];
    request->priorities_count = mixed ? n : 0;
    return true;
}

static bool fill_done(struct mst_client *client, const struct mst_call *call, struct group group,
                      struct mst_request *request)
{
    struct mst_run *runs = mst_arena_take_raw(&client->arena, group.calls * sizeof(struct mst_run));
    size_t used = 0;

    if (runs == NULL) {
        return false;
    }
    for (size_t i = 0; i < group.calls; i++, call = call->next) {
        struct mst_run *last = used == 0 ? NULL : &runs[used - 1];

        if (last != NULL && last->number == call->flow.done.number &&
            last->first + last->count == call->flow.done.message) {
            last->count += call->count;
        } else {
            runs[used++] =
                (struct mst_run){call->flow.done.message, call->flow.done.number, call->count};
        }
    }
    request->runs = runs;
    request->runs_count = used;
    return true;
}

static bool fill(struct mst_client *client, struct mst_call *first, struct group group,
                 struct mst_request *request)
{
    if (first->request != NULL) {
        return true;
    }
    switch (first->op) {
    case MST_OP_PUT: return fill_put(client, first, group, request);
    case MST_OP_GET:
        request->handles = &first->handle;
        request->handles_count = 1;
        request->count = group.requests;
        return true;
    default: return fill_done(client, first, group, request);
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

static bool send_frame(struct mst_client *client, struct mst_call *first, struct group group,
                       int64_t now_ns)
{
    struct mst_request request;
    int64_t left_ns = time_left(first, now_ns);
    const struct mst_call *call = first;

    for (size_t i = 1; i < group.calls; i++) {
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
    return fill(client, first, group, &request) && send_opens(client, first, now_ns) &&
           mst_send(client, &request, now_ns);
}

/* Sends the first calls of the list in one frame. Memory that runs out ends them: they were not
 * sent, or, if they were before, the connection that comes next says more. */
static bool send_group(struct mst_client *client, struct mst_call_list *list, size_t room,
                       int64_t now_ns)
{
    struct group group = gather(client, list, room);

    if (group.calls == 0) {
        mst_call_end(client, list->first, MST_NO_MEMORY); /* a run that could not be divided */
        return true;
    }
    bool sent = send_frame(client, list->first, group, now_ns);
    if (!sent && list == &client->resend) {
        client->renewing = true;
        return false;
    }
    for (size_t i = 0; i < group.calls; i++) {
        struct mst_call *call = list->first;

        if (!sent) {
            client->sent -= call->count;
            mst_uncharge(client, call);
            mst_call_end(client, call, MST_NO_MEMORY);
            continue;
        }
        mst_call_list_remove(call);
        if (call->id == 0) {
            mst_call_enter_id(client, call, client->next_id);
            client->next_id += call->count;
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
           mst_gather_size(&client->out) < OUT_BYTES_MAX;
}

/* Sends what the list has, in order, until it meets an obstacle of its own. Others are set aside.
 * false: nothing more may go at all. */
static bool drain_some(struct mst_client *client, struct mst_call_list *list, int64_t now_ns)
{
    while (list->first != NULL) {
        struct mst_call *call = list->first;
        struct mst_call_list *place;
        size_t room = room_for(client, call, &place);

        if ((room == 0 && place == &client->ready) || !may_make_frames(client)) {
            return false;
        }
        if (room > 0) {
            send_group(client, list, room, now_ns);
        } else if (place == list) {
            return true;
        } else {
            mst_call_list_remove(call);
            mst_call_list_append(place, call);
        }
    }
    return true;
}

/* Mostly there is nothing. */
static inline bool drain(struct mst_client *client, struct mst_call_list *list, int64_t now_ns)
{
    return list->first == NULL || drain_some(client, list, now_ns);
}

/* Queues whose puts were held back and that have credit again. */
static bool drain_runnable(struct mst_client *client, int64_t now_ns)
{
    while (client->runnable != NULL && share_room(client, MST_SHARE_PUTS) > 0) {
        struct mst_handle *queue = client->runnable;
        bool go_on = drain(client, &queue->held, now_ns);

        if (queue->held.count > 0 && credit_room(client, queue, queue->held.first) > 0) {
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
