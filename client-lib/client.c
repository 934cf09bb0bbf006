/* client.c - the life of a call, from submission to its one outcome.
 *
 *   NEW --submit--> UNSENT --pump--> SENT --reply--> OVER
 *                     ^               |  ^    |        ^
 *                     |  session lost |  |    +-> ANSWERED (a delivery) --take
 *                     +---------------+  +--connection lost--+                    */
#include "client-lib/client.h"

#include <sodium.h>
#include <stdlib.h>

#include "client-lib/client_copy.h"
#include "client-lib/client_state.h"

struct mst_client *mst_client_new(const struct mst_client_config *config)
{
    struct mst_client *client = calloc(1, sizeof(*client));

    if (client == NULL) {
        return NULL;
    }
    client->name = mst_text_copy(mst_span_text(config->name));
    client->host = mst_text_copy(mst_span_text(config->host));
    client->pid = config->pid;
    client->ttl_ns = config->ttl_ns;
    client->in_flight_max = MST_IN_FLIGHT_MAX;
    client->silence_ns = MST_SILENCE_DEFAULT_NS;
    client->frame_bytes_max = MST_FRAME_BYTES_MAX;
    client->put_credit = MST_PUT_CREDIT;
    client->put_credit_bytes = MST_PUT_CREDIT_BYTES;
    client->trouble = "not connected yet";
    client->next_id = 1;
    client->receipt_due_ns = MST_FOREVER;
    client->since_large = MST_LARGE_AHEAD;
    client->notices_end = &client->notices;
    mst_buf_init(&client->in);
    mst_gather_init(&client->out);
    mst_arena_init(&client->arena);
    if (client->name == NULL || client->host == NULL) {
        mst_client_free(&client);
    }
    return client;
}

void mst_client_free(struct mst_client **client_in)
{
    struct mst_client *client = *client_in;
    struct mst_client_notice *notice;

    if (client == NULL) {
        return;
    }
    while ((notice = mst_client_next_notice(client)) != NULL) {
        mst_client_notice_free(&notice);
    }
    mst_handles_free(client);
    mst_timers_clear(&client->timers);
    mst_arena_clear(&client->arena);
    mst_pool_clear(&client->pool);
    mst_buf_clear(&client->in);
    mst_frame_drop(NULL, mst_large_leave(&client->large));
    mst_gather_clear(&client->out);
    mst_secure_clear(client);
    sodium_memzero(client->secret, sizeof(client->secret));
    free(client->name);
    free(client->host);
    free(client);
    *client_in = NULL;
}

struct mst_pool *mst_client_pool(struct mst_client *client)
{
    return &client->pool;
}

/* ---- where a call can be found ---- */

static void live_remove(struct mst_client *client, struct mst_call *call)
{
    *(call->live_prev == NULL ? &client->live_first : &call->live_prev->live_next) =
        call->live_next;
    *(call->live_next == NULL ? &client->live_last : &call->live_next->live_prev) = call->live_prev;
}

static void live_append(struct mst_client *client, struct mst_call *call)
{
    call->live_prev = client->live_last;
    call->live_next = NULL;
    *(client->live_last == NULL ? &client->live_first : &client->live_last->live_next) = call;
    client->live_last = call;
}

/* Mostly it is the first of a run, or alone: the others are looked for one by one. */
struct mst_call *mst_call_by_id(const struct mst_client *client, uint64_t id)
{
    struct mst_call *call = client->buckets[id % MST_BUCKETS];

    while (call != NULL && call->id != id) {
        call = call->chain;
    }
    if (call == NULL) {
        call = client->live_first;
        while (call != NULL &&
               (call->state != MST_CALL_SENT || call->id > id || id - call->id >= call->count)) {
            call = call->live_next;
        }
    }
    return call;
}

void mst_call_enter_id(struct mst_client *client, struct mst_call *call, uint64_t id)
{
    struct mst_call **bucket = &client->buckets[id % MST_BUCKETS];

    call->id = id;
    call->state = MST_CALL_SENT;
    call->chain = *bucket;
    *bucket = call;
}

void mst_call_leave_id(struct mst_client *client, struct mst_call *call)
{
    struct mst_call **link = &client->buckets[call->id % MST_BUCKETS];

    if (call->state != MST_CALL_SENT) {
        return;
    }
    while (*link != call) {
        link = &(*link)->chain;
    }
    *link = call->chain;
}

struct mst_call *mst_client_split(struct mst_client *client, struct mst_call *call, size_t n)
{
    uint64_t id = call->id;
    struct mst_handle_numbers used = mst_handles_of_call(call);
    struct mst_call *front = mst_call_split(&client->pool, call, n);

    if (front == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < used.count; i++) {
        mst_handle_ref(mst_handle_of(client, used.numbers[i]));
    }
    front->live_next = call;
    *(call->live_prev == NULL ? &client->live_first : &call->live_prev->live_next) = front;
    call->live_prev = front;
    if (call->state == MST_CALL_SENT) {
        mst_call_leave_id(client, call);
        mst_call_enter_id(client, front, id);
        mst_call_enter_id(client, call, id + n);
    }
    return front;
}

static int by_id(const void *a, const void *b)
{
    const struct mst_call *const *x = a;
    const struct mst_call *const *y = b;

    return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}

size_t mst_client_sort_sent(struct mst_client *client)
{
    size_t count = 0;

    for (struct mst_call *call = client->live_first; call != NULL; call = call->live_next) {
        if (call->state == MST_CALL_SENT && count < MST_IN_FLIGHT_MAX) {
            client->sorted[count++] = call;
        }
    }
    qsort(client->sorted, count, sizeof(struct mst_call *), by_id);
    return count;
}

/* ---- ends ---- */

void mst_call_completed(struct mst_client *client, struct mst_call *call)
{
    mst_call_list_remove(call);
    mst_call_list_append(call->by_callback ? &client->results : &client->woken, call);
}

void mst_call_end(struct mst_client *client, struct mst_call *call, enum mst_status status)
{
    struct mst_handle_numbers used = mst_handles_of_call(call);

    call->status = status;
    if (call->op == MST_OP_PUT && client->out.bodies_bytes > 0) {
        mst_send_own_bodies(client, call);
    }
    mst_timers_remove(&client->timers, call);
    mst_call_leave_id(client, call);
    call->id = 0;
    live_remove(client, call);
    client->asynchronous -= call->counted ? call->count : 0;
    client->callbacks -= call->by_callback ? call->count : 0;
    call->counted = false;
    for (size_t i = 0; i < used.count; i++) {
        mst_handle_unref(mst_handle_of(client, used.numbers[i]));
    }
    call->state = MST_CALL_OVER;
    mst_call_completed(client, call);
}

void mst_call_again(struct mst_client *client, struct mst_call *call)
{
    mst_call_list_remove(call);
    mst_call_leave_id(client, call);
    call->id = 0;
    call->state = MST_CALL_UNSENT;
    mst_call_list_append(&client->again, call);
}

void mst_call_abandon(struct mst_client *client, struct mst_call *call, enum mst_status status)
{
    for (size_t i = 0; i < call->count && client->abandoned_count < MST_IN_FLIGHT_MAX; i++) {
        client->abandoned[client->abandoned_count++] = call->id + i;
    }
    mst_call_end(client, call, status);
}

void mst_call_drop_messages(struct mst_client *client, struct mst_call *call)
{
    while (call->outcome.messages != NULL) {
        struct muster_message *message = call->outcome.messages;

        call->outcome.messages = message->next;
        mst_handle_unref(message->handle);
        mst_message_drop(&client->pool, message);
    }
}

/* ---- the application's side ---- */

static bool fits(const struct mst_client *client, const struct mst_call *call)
{
    size_t headers = call->request == NULL ? 0 : call->request->headers.len;

    /* Each body costs at most 5 bytes more, and the other fields less than 1 KiB together. */
    return mst_call_body_bytes(call) + headers + mst_call_bodies(call) * 5 + 1024 <=
           client->frame_bytes_max;
}

bool mst_call_goes_on(const struct mst_call *call)
{
    return call->op == MST_OP_GET || call->op == MST_OP_EVENT_WAIT;
}

static bool is_asynchronous(const struct mst_call *call)
{
    return !call->forgotten && (call->by_callback || call->owner == NULL);
}

static void set_deadline(struct mst_client *client, struct mst_call *call, int64_t now_ns)
{
    if (call->timeout_ns >= 0 && call->timeout_ns < MST_FOREVER - now_ns - MST_GRACE_NS) {
        call->deadline_ns = now_ns + call->timeout_ns;
        if (!mst_timers_add(&client->timers, call)) {
            call->verdict = MST_NO_MEMORY;
        }
    }
}

void mst_client_submit(struct mst_client *client, struct mst_call *call, int64_t now_ns)
{
    struct mst_handle_numbers used = mst_handles_of_call(call);

    mst_expire_if_due(client, now_ns);
    call->seq = ++client->seq;
    call->state = MST_CALL_UNSENT;
    live_append(client, call);
    call->counted = is_asynchronous(call);
    client->asynchronous += call->counted ? call->count : 0;
    client->callbacks += call->by_callback ? call->count : 0;
    for (size_t i = 0; i < used.count; i++) {
        mst_handle_ref(mst_handle_of(client, used.numbers[i]));
    }
    set_deadline(client, call, now_ns);
    if (call->op == MST_OP_EVENT_WAIT) {
        const struct mst_handle *event = mst_handle_of(client, used.numbers[0]);

        call->has_generation = event->has_generation;
        call->generation = event->generation;
        call->begun_ns = now_ns;
    }
    if (call->verdict != MST_OK) {
        mst_call_end(client, call, call->verdict);
    } else if (client->leaving) {
        mst_call_end(client, call, MST_UNAVAILABLE);
    } else if (client->denied) {
        mst_denied_end(client, call);
    } else if (!fits(client, call)) {
        mst_call_end(client, call, MST_VALUE);
    } else if (client->expired && !mst_call_goes_on(call)) {
        mst_call_end(client, call, MST_UNAVAILABLE);
    } else {
        mst_call_list_append(&client->ready, call);
    }
}

bool mst_client_extend(struct mst_client *client, const struct mst_flow_request *request,
                       muster_callback *callback, void *user)
{
    struct mst_call *call = client->ready.last;

    if (call == NULL || call->forgotten || call->callback != callback || call->user != user ||
        !mst_call_extend(&client->pool, call, request)) {
        return false;
    }
    client->asynchronous += call->counted ? 1 : 0;
    client->callbacks += call->by_callback ? 1 : 0;
    return true;
}

void mst_client_cancel(struct mst_client *client, struct mst_call *call, enum mst_status status,
                       int64_t now_ns)
{
    switch (call->state) {
    case MST_CALL_NEW: call->verdict = status; break;
    case MST_CALL_UNSENT: mst_call_end(client, call, status); break;
    case MST_CALL_SENT:
        call->verdict = status;
        if (client->phase == MST_CLIENT_UP && call->list == NULL) {
            mst_send_cancel(client, call, now_ns);
        } else if (client->phase == MST_CLIENT_DOWN && mst_call_may_be_abandoned(call)) {
            mst_call_abandon(client, call, status);
        }
        break;
    case MST_CALL_ANSWERED:
    case MST_CALL_OVER: break;
    }
}

/* An unwanted delivery goes back uncounted: a leased one by nack. One taken in auto mode would be
 * gone with its receipt, so the connection is renewed and the id named as abandoned. */
void mst_call_give_back(struct mst_client *client, struct mst_call *call, int64_t now_ns)
{
    struct mst_request nack;
    struct muster_message *message = call->outcome.messages;

    if (message->automatic) {
        client->renewing = true;
        client->trouble = "renewed to hand messages back that nobody took";
        return;
    }
    for (; message != NULL; message = message->next) {
        mst_request_init(&nack, MST_OP_NACK);
        nack.handle = mst_handle_number(message->handle);
        nack.message = message->id;
        nack.number = message->number;
        nack.uncounted = true;
        struct mst_call *back = mst_call_new_in(&client->pool, &nack, NULL);
        if (back == NULL) {
            client->renewing = true;
            return;
        }
        back->forgotten = true;
        mst_client_submit(client, back, now_ns);
    }
    mst_client_take(client, call, now_ns);
    mst_call_drop_messages(client, call);
    mst_call_completed(client, call);
}

void mst_client_forget(struct mst_client *client, struct mst_call *call, int64_t now_ns)
{
    client->callbacks -= call->by_callback ? call->count : 0;
    call->owner = NULL;
    call->by_callback = false;
    call->forgotten = true;
    if (call->state == MST_CALL_ANSWERED) {
        mst_call_list_remove(call);
        mst_call_give_back(client, call, now_ns);
    } else if ((mst_op_flags(call->op) & OPF_WAITS) != 0) {
        mst_client_cancel(client, call, MST_CANCELLED, now_ns);
    }
}

void mst_client_forget_all(struct mst_client *client, const void *owner, int64_t now_ns)
{
    struct mst_call *next;

    for (struct mst_call *call = client->live_first; call != NULL; call = next) {
        next = call->live_next;
        if (call->owner == owner) {
            mst_client_forget(client, call, now_ns);
        }
    }
}

struct mst_call *mst_client_next_woken(struct mst_client *client)
{
    struct mst_call *call = client->woken.first;

    if (call != NULL) {
        mst_call_list_remove(call);
    }
    return call;
}

struct mst_call *mst_client_next_result(struct mst_client *client, int64_t now_ns)
{
    struct mst_call *call = client->results.first;

    if (call != NULL) {
        mst_client_take(client, call, now_ns);
        mst_call_list_remove(call);
    }
    return call;
}

bool mst_client_has_results(const struct mst_client *client)
{
    return client->results.first != NULL;
}

bool mst_client_owes_callback(const struct mst_client *client)
{
    return client->callbacks > 0 || client->results.first != NULL;
}

bool mst_client_is_backed_up(const struct mst_client *client)
{
    return client->asynchronous > client->put_credit;
}

bool mst_client_is_busy_before(const struct mst_client *client, uint64_t seq)
{
    for (const struct mst_call *call = client->asynchronous == 0 ? NULL : client->live_first;
         call != NULL && call->seq <= seq; call = call->live_next) {
        if (call->counted) {
            return true;
        }
    }
    for (const struct mst_call *call = client->results.first; call != NULL; call = call->next) {
        if (call->seq <= seq) {
            return true;
        }
    }
    return false;
}

uint64_t mst_client_last_seq(const struct mst_client *client)
{
    return client->seq;
}

size_t mst_client_unsent(const struct mst_client *client)
{
    return client->ready.count + client->resend.count + client->again.count;
}
