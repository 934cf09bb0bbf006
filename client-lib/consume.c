/* consume.c - a window of messages ahead of the application.
 *
 * The window is so many gets in flight; those that are asked for together are one run. What has an
 * outcome comes into the waiter's list. A message that has come is still the broker's until the
 * application takes it, so a lost connection takes it back, and out of the list, by itself.
 *
 * What muster_consume has finished is told without waiting for the answer, so it travels with the
 * next gets; its outcome comes into the same list, and whoever waits for a message hears of it. */
#include <stdlib.h>
#include <string.h>

#include "client-lib/run.h"

#define WINDOW_MAX 4096u

struct muster_consumer {
    struct mst_object object; /* counted */
    muster_consume_options options;
    struct mst_waiter waiter;   /* of every get of the window, and of what is pending */
    size_t count;               /* gets under way, or with a message */
    size_t pending;             /* finishes without an answer */
    enum muster_status failure; /* the first of them; that somebody else has it now is none */
};

static enum muster_status check(const muster_consume_options *options)
{
    if (options->window == 0 || options->window > WINDOW_MAX) {
        return mst_complain(MST_VALUE, "consume: a window is 1 to %u messages wide, not %u",
                            WINDOW_MAX, options->window);
    }
    if (options->mode != MUSTER_LEASE && options->mode != MUSTER_AUTO) {
        return mst_complain(MST_VALUE, "consume: the mode is neither LEASE nor AUTO");
    }
    return mst_time_is_valid(options->lease_ns, "consume: lease") ? MUSTER_OK : MUSTER_VALUE;
}

enum muster_status muster_consumer_open(muster_queue *queue,
                                        const muster_consume_options *options_in,
                                        muster_consumer **consumer_out)
{
    muster_consume_options options = MUSTER_CONSUME_OPTIONS;

    if (!mst_read_options(&options, sizeof(options), options_in, "consume")) {
        return MUSTER_VALUE;
    }
    enum muster_status status = check(&options);
    if (status != MUSTER_OK) {
        return status;
    }
    muster_consumer *consumer = calloc(1, sizeof(*consumer));
    if (consumer == NULL) {
        return mst_fail(MST_NO_MEMORY, NULL, "consume");
    }
    status = mst_object_open(queue->object.client, mst_object_name(&queue->object),
                             MST_NAME_BYTES_MAX, &consumer->object);
    if (status != MUSTER_OK) {
        free(consumer);
        return status;
    }
    consumer->options = options;
    consumer->waiter.collects = true;
    pthread_cond_init(&consumer->waiter.cond, NULL);
    *consumer_out = consumer;
    return MUSTER_OK;
}

/* So much is free that it is worth a frame. */
static bool wants_more(const muster_consumer *consumer)
{
    return consumer->count <= consumer->options.window / 2;
}

/* Asks for more: one run of gets. The lock is held. false: out of memory. */
static bool fill_window(muster_consumer *consumer)
{
    struct mst_client *machine = consumer->object.client->machine;
    const muster_consume_options *options = &consumer->options;
    struct mst_flow_request gets = {.op = MST_OP_GET,
                                    .handle = mst_handle_number(consumer->object.handle),
                                    .timeout_ns = MUSTER_FOREVER,
                                    .count = options->window - consumer->count};

    gets.flow.get.mode = options->mode == MUSTER_LEASE ? MST_GET_LEASE : MST_GET_AUTO;
    gets.flow.get.lease_ns = options->lease_ns;
    struct mst_call *call = mst_call_new_flow(mst_client_pool(machine), &gets, &consumer->waiter);
    if (call == NULL) {
        return false;
    }
    consumer->count = options->window;
    mst_client_submit(machine, call, mst_clock_ns());
    return true;
}

/* Takes the answers to finishes out of the list. The lock is held. */
static void sort_out_finishes(muster_consumer *consumer)
{
    struct mst_pool *pool = mst_client_pool(consumer->object.client->machine);
    struct mst_call *next;

    for (struct mst_call *call = consumer->pending == 0 ? NULL : consumer->waiter.arrived.first;
         call != NULL; call = next) {
        next = call->next;
        if (call->op == MST_OP_GET) {
            continue;
        }
        mst_call_list_remove(call);
        consumer->pending--;
        if (call->status != MST_OK && call->status != MST_LOST && consumer->failure == MUSTER_OK) {
            consumer->failure = mst_fail(call->status, call->cause, "finish in %s",
                                         mst_object_name(&consumer->object));
        }
        mst_call_give(pool, call);
    }
}

static bool has_one(const void *of)
{
    const muster_consumer *consumer = of;

    return consumer->waiter.fired || consumer->waiter.arrived.first != NULL;
}

/* Takes what came first out of the window; a message or a failure is the application's. */
static enum muster_status take(muster_consumer *consumer, muster_message **message_out)
{
    muster_client *client = consumer->object.client;
    struct mst_call *call = consumer->waiter.arrived.first;
    enum muster_status status = (enum muster_status)call->status;

    if (status == MUSTER_OK) {
        *message_out = mst_transport_take_first(client, call);
        mst_adopt_messages(client, *message_out);
        consumer->count--;
    } else {
        mst_fail(call->status, call->cause, "get from %s", mst_object_name(&consumer->object));
        consumer->count -= call->count; /* all of its gets have failed alike */
        mst_call_list_remove(call);
    }
    if (call->state == MST_CALL_OVER) {
        mst_call_give(mst_client_pool(client->machine), call);
    }
    return status;
}

/* Nothing has arrived: asks for it, and waits. */
static bool await(muster_consumer *consumer, int64_t timeout_ns)
{
    muster_client *client = consumer->object.client;
    int64_t now_ns = mst_clock_ns();
    int64_t until_ns = timeout_ns > MUSTER_FOREVER - now_ns ? MUSTER_FOREVER : now_ns + timeout_ns;

    if (wants_more(consumer) && !fill_window(consumer) && consumer->count == 0) {
        return false;
    }
    mst_transport_settle(client);
    do {
        mst_transport_wait(client, &consumer->waiter, has_one, consumer, until_ns);
        sort_out_finishes(consumer);
    } while (!has_one(consumer) && consumer->failure == MUSTER_OK &&
             mst_transport_look_at_clock(client) < until_ns);
    return true;
}

/* While messages are here, nothing is written but for a window that is half empty: what was
 * finished meanwhile goes along with that, or is sent within a millisecond by the background thread
 * or when the application's own loop comes round. */
static enum muster_status next_locked(muster_consumer *consumer, int64_t timeout_ns,
                                      muster_message **message_out)
{
    sort_out_finishes(consumer);
    if (!has_one(consumer) && !await(consumer, timeout_ns)) {
        return mst_fail(MST_NO_MEMORY, NULL, "consume");
    }
    if (consumer->failure != MUSTER_OK) {
        return consumer->failure;
    }
    if (consumer->waiter.fired) {
        return mst_fail(MST_CANCELLED, NULL, "get from %s", mst_object_name(&consumer->object));
    }
    if (!has_one(consumer)) {
        return mst_fail(timeout_ns == 0 ? MST_EMPTY : MST_TIMEOUT, NULL, "get from %s",
                        mst_object_name(&consumer->object));
    }
    enum muster_status status = take(consumer, message_out);
    if (status == MUSTER_OK && wants_more(consumer) && fill_window(consumer)) {
        mst_transport_settle(consumer->object.client);
    }
    return status;
}

enum muster_status muster_consumer_next(muster_consumer *consumer, int64_t timeout_ns,
                                        muster_message **message_out)
{
    muster_client *client = consumer->object.client;
    struct mst_cancel_link link = {.client = client, .waiter = &consumer->waiter};

    if (!mst_time_is_valid(timeout_ns, "consume")) {
        return MUSTER_VALUE;
    }
    if (!mst_cancel_join(consumer->options.cancel, &link)) {
        return mst_fail(MST_CANCELLED, NULL, "get from %s", mst_object_name(&consumer->object));
    }
    enum muster_status status = mst_transport_enter(client, true, "consume");
    if (status == MUSTER_OK) {
        status = next_locked(consumer, timeout_ns, message_out);
        mst_transport_leave(client);
    }
    mst_cancel_leave(consumer->options.cancel, &link);
    consumer->waiter.fired = false;
    return status;
}

void muster_consumer_close(muster_consumer **consumer_in)
{
    muster_consumer *consumer = *consumer_in;

    if (consumer == NULL) {
        return;
    }
    *consumer_in = NULL;
    muster_client *client = consumer->object.client;
    if (!mst_transport_is_foreign(client)) {
        pthread_mutex_lock(&client->lock);
        struct mst_call *call;

        mst_transport_settle(client); /* all that has an outcome is in the list */
        mst_client_forget_all(client->machine, &consumer->waiter, mst_clock_ns());
        while ((call = consumer->waiter.arrived.first) != NULL) {
            mst_call_list_remove(call);
            mst_call_give(mst_client_pool(client->machine), call);
        }
        mst_transport_settle(client);
        pthread_mutex_unlock(&client->lock);
    }
    pthread_cond_destroy(&consumer->waiter.cond);
    mst_object_close(&consumer->object);
    free(consumer);
}

/* ---- handing each message to a function ---- */

static struct mst_call *finish_call(muster_consumer *consumer, const muster_message *message)
{
    struct mst_pool *pool = mst_client_pool(consumer->object.client->machine);
    uint64_t handle = mst_handle_number(consumer->object.handle);
    struct mst_request task_done;

    if (consumer->options.mode == MUSTER_LEASE) {
        struct mst_flow_request done = {.op = MST_OP_DONE,
                                        .handle = handle,
                                        .timeout_ns = MUSTER_FOREVER,
                                        .count = 1,
                                        .flow.done = {message->id, message->number}};

        return mst_call_new_flow(pool, &done, &consumer->waiter);
    }
    mst_request_init(&task_done, MST_OP_TASK_DONE);
    task_done.handle = handle;
    return mst_call_new_in(pool, &task_done, &consumer->waiter);
}

/* In the application's own loop nobody else would send it while the handler is busy. */
static enum muster_status finish_soon(muster_consumer *consumer, const muster_message *message)
{
    muster_client *client = consumer->object.client;
    enum muster_status status = mst_transport_enter(client, true, "consume");

    if (status != MUSTER_OK) {
        return status;
    }
    struct mst_call *call = finish_call(consumer, message);
    if (call == NULL) {
        status = mst_fail(MST_NO_MEMORY, NULL, "finish in %s", mst_object_name(&consumer->object));
    } else {
        consumer->pending++;
        mst_transport_submit(client, call);
        if (client->own_loop) {
            mst_transport_settle(client);
        } else {
            mst_transport_gather(client);
        }
    }
    mst_transport_leave(client);
    return status;
}

static bool has_finish(const void *of)
{
    const muster_consumer *consumer = of;
    const struct mst_call *call = consumer->waiter.arrived.first;

    while (call != NULL && call->op == MST_OP_GET) {
        call = call->next;
    }
    return call != NULL;
}

/* Waits for what is not answered. A failure is told unless there was one before: status. */
static enum muster_status finish_all(muster_consumer *consumer, enum muster_status status)
{
    muster_client *client = consumer->object.client;

    if (mst_transport_is_foreign(client)) {
        return status;
    }
    pthread_mutex_lock(&client->lock);
    consumer->failure = status;
    mst_transport_settle(client);
    while (consumer->pending > 0) {
        mst_transport_wait(client, &consumer->waiter, has_finish, consumer, MUSTER_FOREVER);
        sort_out_finishes(consumer);
    }
    status = consumer->failure;
    pthread_mutex_unlock(&client->lock);
    return status;
}

static enum muster_status settle_message(muster_consumer *consumer, muster_message *message,
                                         enum muster_verdict verdict)
{
    muster_nack_options back = MUSTER_NACK_OPTIONS;

    if (verdict == MUSTER_FINISHED || verdict == MUSTER_STOP) {
        return finish_soon(consumer, message);
    }
    back.dead = verdict == MUSTER_DEAD_LETTER;
    enum muster_status status = muster_nack(message, &back);
    return status == MUSTER_LOST ? MUSTER_OK : status; /* somebody else has it; the next is ours */
}

enum muster_status
muster_consume(muster_queue *queue, const muster_consume_options *options,
               enum muster_verdict (*handler)(muster_message *message, void *user), void *user)
{
    muster_consumer *consumer = NULL;
    enum muster_verdict verdict = MUSTER_FINISHED;
    enum muster_status status = muster_consumer_open(queue, options, &consumer);

    if (status != MUSTER_OK) {
        return status;
    }
    while (status == MUSTER_OK && verdict != MUSTER_STOP) {
        muster_message *message = NULL;

        status = muster_consumer_next(consumer, MUSTER_FOREVER, &message);
        if (status == MUSTER_OK) {
            verdict = handler(message, user);
            status = settle_message(consumer, message, verdict);
            muster_message_free(&message);
        }
    }
    status = finish_all(consumer, status);
    muster_consumer_close(&consumer);
    return status;
}
