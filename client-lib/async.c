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

/* Takes the lock for a moment; the last reference frees. call is over, or NULL. */
static void release(struct muster_call *async, struct mst_call *call)
{
    muster_client *client = async->client;

    if (mst_transport_is_foreign(client)) {
        return;
    }
    pthread_mutex_lock(&client->lock);
    if (call != NULL) {
        mst_call_give(mst_client_pool(client->machine), call);
    }
    if (--async->references == 0) {
        free(async);
        mst_transport_leave(client);
    } else {
        pthread_mutex_unlock(&client->lock);
    }
}

void mst_async_finish(muster_client *client, struct mst_call *call)
{
    struct muster_call *async = call->owner;
    struct muster_result result = {call};
    bool got = call->op == MST_OP_GET && call->status == MST_OK;

    pthread_mutex_lock(&client->lock);
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
    release(async, call);
}

static struct muster_call *make(const struct mst_object *object, const struct mst_request *request,
                                const struct mst_async_options *options)
{
    struct muster_call *async = calloc(1, sizeof(*async));

    if (async == NULL) {
        return NULL;
    }
    async->client = object->client;
    async->references = options->call_out != NULL ? 2 : 1;
    async->callback = options->callback;
    async->user = options->user;
    if (options->cancel == NULL) {
        return async;
    }
    /* The token must know the call, and its lock comes before the client's. */
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

/* With the lock held. async is NULL for fire and forget: nothing but the request is kept. */
static enum muster_status submit(muster_client *client, const struct mst_request *request,
                                 struct muster_call *async, muster_call **call_out)
{
    struct mst_call *call = async == NULL ? NULL : async->call;

    if (call == NULL) {
        call = mst_call_new_in(mst_client_pool(client->machine), request, async);
    }
    if (call == NULL) {
        return MUSTER_NO_MEMORY;
    }
    if (async != NULL) {
        async->call = call;
        call->by_callback = true;
        client->references++;
    }
    if (call_out != NULL) {
        *call_out = async;
    }
    mst_transport_submit(client, call);
    mst_transport_gather(client);
    return MUSTER_OK;
}

enum muster_status mst_async(const struct mst_object *object, const struct mst_request *request,
                             const struct mst_async_options *options, const char *verb)
{
    muster_client *client = object->client;
    bool bare = options->callback == NULL && options->call_out == NULL && options->cancel == NULL;
    struct muster_call *async = bare ? NULL : make(object, request, options);

    if (async == NULL && !bare) {
        return mst_fail(MST_NO_MEMORY, NULL, "%s %s", verb, mst_object_name(object));
    }
    enum muster_status status = mst_transport_enter(client, false, verb);
    if (status == MUSTER_OK) {
        status = submit(client, request, async, options->call_out);
        mst_transport_leave(client);
        if (status != MUSTER_OK) {
            mst_fail((enum mst_status)status, NULL, "%s %s", verb, mst_object_name(object));
        }
    }
    if (status != MUSTER_OK && async != NULL) {
        mst_cancel_leave(async->cancel, &async->link);
        if (async->call != NULL) {
            mst_call_clear(async->call);
        }
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
    if (*async != NULL) {
        release(*async, NULL);
        *async = NULL;
    }
}
