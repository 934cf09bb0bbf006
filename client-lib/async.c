/* async.c - asynchronous calls: submitted here, finished by whoever runs the callbacks. */
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
};

/* ---- results ---- */

const char *muster_result_cause(const muster_result *result)
{
    return result->call->cause == NULL ? "" : result->call->cause;
}

muster_put_result muster_result_put(const muster_result *result)
{
    muster_put_result none = {0, 0, 0, false};

    return result->call->op == MST_OP_PUT ? result->call->outcome.put : none;
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

void mst_async_finish(muster_client *client, struct mst_call *call)
{
    struct muster_call *async = call->owner;
    struct muster_result result = {call};
    bool got = call->op == MST_OP_GET && call->status == MST_OK;

    async->call = NULL;
    if (got) {
        mst_adopt_messages(client, call->outcome.messages);
    } else if (async->callback == NULL && call->status != MST_OK) {
        mst_transport_note_failure(client, call);
    }
    pthread_mutex_unlock(&client->lock);
    mst_cancel_leave(async->cancel, &async->link);
    if (async->callback != NULL) {
        mst_enter_callback(1);
        async->callback((enum muster_status)call->status, &result, async->user);
        mst_enter_callback(-1);
    }
    if (got) {
        muster_message_free(&call->outcome.messages);
    }
    pthread_mutex_lock(&client->lock);
    mst_call_give(mst_client_pool(client->machine), call);
    release(async);
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
    async->callback = options->callback;
    async->user = options->user;
    return async;
}

/* The token must know the call, and its lock comes before the client's: so both are made before the
 * client is entered. */
static struct muster_call *make_with_token(const struct mst_object *object,
                                           const struct mst_request *request,
                                           const struct mst_async_options *options)
{
    struct muster_call *async = make(NULL, object, options);

    if (async == NULL) {
        return NULL;
    }
    async->call = mst_call_new(request, async);
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

/* With the lock held. Fire and forget keeps nothing but the request. */
static enum muster_status submit(const struct mst_object *object, const struct mst_request *request,
                                 struct muster_call *async, const struct mst_async_options *options)
{
    bool bare = options->callback == NULL && options->call_out == NULL && options->cancel == NULL;
    struct mst_pool *pool = mst_client_pool(object->client->machine);
    struct mst_call *call = NULL;

    if (async != NULL) {
        call = async->call;
    } else if (bare || (async = make(pool, object, options)) != NULL) {
        call = mst_call_new_in(pool, request, async);
    }
    if (call == NULL) {
        if (async != NULL) {
            mst_pool_give(pool, async, async->room);
        }
        return MUSTER_NO_MEMORY;
    }
    if (async != NULL) {
        async->call = call;
        call->by_callback = true;
        object->client->references++;
    }
    if (options->call_out != NULL) {
        *options->call_out = async;
    }
    mst_transport_submit(object->client, call);
    mst_transport_gather(object->client);
    return MUSTER_OK;
}

enum muster_status mst_async(const struct mst_object *object, const struct mst_request *request,
                             const struct mst_async_options *options, const char *verb)
{
    muster_client *client = object->client;
    struct muster_call *async = NULL;

    if (options->cancel != NULL && (async = make_with_token(object, request, options)) == NULL) {
        return mst_fail(MST_NO_MEMORY, NULL, "%s %s", verb, mst_object_name(object));
    }
    enum muster_status status = mst_transport_enter(client, false, verb);
    if (status == MUSTER_OK) {
        status = submit(object, request, async, options);
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
