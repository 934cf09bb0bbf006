/* async.c - asynchronous calls: submitted here, finished by whoever runs the callbacks.
 *
 * Who only gives a callback needs no object of its own: the call carries it, and calls of a kind
 * that follow each other become one run. */
#include "client-lib/async.h"

#include <stdlib.h>
#include <string.h>

#include "client-lib/outcome.h"

static _Thread_local int callback_depth;

bool mst_in_callback(void)
{
    return callback_depth > 0;
}

void mst_enter_callback(int step)
{
    callback_depth += step;
}

struct muster_result {
    struct mst_call *call;
    size_t index; /* in its run */
};

/* ---- results ---- */

const char *muster_result_cause(const muster_result *result)
{
    return result->call->cause == NULL ? "" : result->call->cause;
}

muster_put_result muster_result_put(const muster_result *result)
{
    muster_put_result put = {0, 0, 0, false};

    if (result->call->op == MST_OP_PUT) {
        put = result->call->outcome.put;
        put.id += put.id == 0 ? 0 : result->index;
    }
    return put;
}

muster_message *muster_result_take_message(muster_result *result)
{
    struct mst_call *call = result->call;
    struct muster_message *message = NULL;

    if (call->op == MST_OP_GET && call->status == MST_OK) {
        message = call->outcome.messages;
        call->outcome.messages = NULL;
    }
    return message;
}

muster_tallies muster_result_tallies(const muster_result *result)
{
    return mst_outcome_tallies(result->call);
}

muster_barrier_result muster_result_barrier(const muster_result *result)
{
    return mst_outcome_barrier(result->call);
}

/* ---- the life of a muster_call ---- */

/* With the lock held. The last reference frees, and gives back the client's. */
static void release(struct muster_call *async)
{
    muster_client *client = async->client;

    if (--async->references == 0) {
        mst_pool_give(mst_client_pool(client->machine), async, async->room);
        client->references--;
    }
}

static void run_callback(struct mst_call *call)
{
    struct muster_result result = {call, 0};

    mst_enter_callback(1);
    for (; result.index < call->count; result.index++) {
        call->callback((enum muster_status)call->status, &result, call->user);
    }
    mst_enter_callback(-1);
}

void mst_async_finish(muster_client *client, struct mst_call *call)
{
    struct muster_call *async = call->owner;
    bool got = call->op == MST_OP_GET && call->status == MST_OK;

    if (async != NULL) {
        async->call = NULL;
    }
    if (got) {
        mst_adopt_messages(client, call->outcome.messages);
    } else if (call->callback == NULL && call->status != MST_OK) {
        mst_transport_note_failure(client, call);
    }
    pthread_mutex_unlock(&client->lock);
    if (async != NULL) {
        mst_cancel_leave(async->cancel, &async->link);
    }
    if (call->callback != NULL) {
        run_callback(call);
    }
    if (got) {
        muster_message_free(&call->outcome.messages);
    }
    pthread_mutex_lock(&client->lock);
    mst_call_give(mst_client_pool(client->machine), call);
    if (async != NULL) {
        release(async);
    }
}

/* What is asked, in one of two forms. */
struct asked {
    const struct mst_request *request; /* NULL: flow */
    const struct mst_flow_request *flow;
};

static struct mst_call *new_call(struct mst_pool *pool, const struct asked *asked,
                                 const struct mst_async_options *options, void *owner)
{
    struct mst_call *call = asked->request != NULL ? mst_call_new_in(pool, asked->request, owner)
                                                   : mst_call_new_flow(pool, asked->flow, owner);

    if (call != NULL) {
        call->callback = options->callback;
        call->user = options->user;
        call->by_callback = owner != NULL || options->callback != NULL;
    }
    return call;
}

static struct muster_call *make(struct mst_pool *pool, const struct mst_object *object,
                                const struct mst_async_options *options)
{
    size_t room;
    struct muster_call *async = mst_pool_take(pool, sizeof(*async), &room);

    if (async == NULL) {
        return NULL;
    }
    memset(async, 0, sizeof(*async));
    async->room = room;
    async->client = object->client;
    async->references = options->call_out != NULL ? 2 : 1;
    return async;
}

/* The token must know the call, and its lock comes before the client's: so both are made before the
 * client is entered. */
static struct muster_call *make_with_token(const struct mst_object *object,
                                           const struct asked *asked,
                                           const struct mst_async_options *options)
{
    struct muster_call *async = make(NULL, object, options);

    if (async == NULL) {
        return NULL;
    }
    async->call = new_call(NULL, asked, options, async);
    if (async->call == NULL) {
        free(async);
        return NULL;
    }
    async->cancel = options->cancel;
    async->link.client = object->client;
    async->link.call = async->call;
    /* A token that was fired already ends the call as if it were fired now. */
    if (!mst_cancel_join(async->cancel, &async->link)) {
        async->cancel = NULL;
        async->call->verdict = MST_CANCELLED;
    }
    return async;
}

/* With the lock held: a call that the application can refer to. async: made before, or NULL. */
static enum muster_status submit_known(const struct mst_object *object, const struct asked *asked,
                                       struct muster_call *async,
                                       const struct mst_async_options *options)
{
    struct mst_pool *pool = mst_client_pool(object->client->machine);

    if (async == NULL) {
        async = make(pool, object, options);
        if (async == NULL) {
            return MUSTER_NO_MEMORY;
        }
        async->call = new_call(pool, asked, options, async);
        if (async->call == NULL) {
            mst_pool_give(pool, async, async->room);
            return MUSTER_NO_MEMORY;
        }
    }
    object->client->references++;
    if (options->call_out != NULL) {
        *options->call_out = async;
    }
    mst_transport_submit(object->client, async->call);
    return MUSTER_OK;
}

/* With the lock held: nobody can refer to it, so it may join others. */
static enum muster_status submit_plain(const struct mst_object *object, const struct asked *asked,
                                       const struct mst_async_options *options)
{
    struct mst_client *machine = object->client->machine;

    if (asked->request == NULL &&
        mst_client_extend(machine, asked->flow, options->callback, options->user)) {
        return MUSTER_OK;
    }
    struct mst_call *call = new_call(mst_client_pool(machine), asked, options, NULL);
    if (call == NULL) {
        return MUSTER_NO_MEMORY;
    }
    mst_transport_submit(object->client, call);
    return MUSTER_OK;
}

static enum muster_status ask(const struct mst_object *object, const struct asked *asked,
                              const struct mst_async_options *options, const char *verb)
{
    muster_client *client = object->client;
    struct muster_call *async = NULL;

    if (options->cancel != NULL && (async = make_with_token(object, asked, options)) == NULL) {
        return mst_fail(MST_NO_MEMORY, NULL, "%s %s", verb, mst_object_name(object));
    }
    enum muster_status status = mst_transport_enter(client, false, verb);
    if (status == MUSTER_OK) {
        status = async != NULL || options->call_out != NULL
                     ? submit_known(object, asked, async, options)
                     : submit_plain(object, asked, options);
        if (status == MUSTER_OK) {
            mst_transport_gather(client);
        }
        mst_transport_leave(client);
        if (status != MUSTER_OK) {
            mst_fail((enum mst_status)status, NULL, "%s %s", verb, mst_object_name(object));
        }
    } else if (async != NULL) {
        mst_cancel_leave(async->cancel, &async->link);
        mst_call_clear(async->call);
        free(async);
    }
    return status;
}

enum muster_status mst_async(const struct mst_object *object, const struct mst_request *request,
                             const struct mst_async_options *options, const char *verb)
{
    struct asked asked = {request, NULL};

    return ask(object, &asked, options, verb);
}

enum muster_status mst_async_flow(const struct mst_object *object,
                                  const struct mst_flow_request *request,
                                  const struct mst_async_options *options, const char *verb)
{
    struct asked asked = {NULL, request};

    return ask(object, &asked, options, verb);
}

void muster_call_cancel(muster_call *async)
{
    muster_client *client = async->client;

    if (mst_transport_enter(client, false, "cancel") != MUSTER_OK) {
        return;
    }
    if (async->call != NULL) {
        mst_client_cancel(client->machine, async->call, MST_CANCELLED, mst_clock_ns());
        mst_transport_settle(client);
    }
    mst_transport_leave(client);
}

void muster_call_release(muster_call **async)
{
    muster_client *client = *async == NULL ? NULL : (*async)->client;

    if (client != NULL && !mst_transport_is_foreign(client)) {
        pthread_mutex_lock(&client->lock);
        client->references++;
        release(*async);
        mst_transport_leave(client);
    }
    *async = NULL;
}
