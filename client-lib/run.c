/* run.c - one blocking call, from its request to its outcome. */
#include "client-lib/run.h"

#include <stdio.h>
#include <string.h>

#include "protocol/name.h"

/* ---- names ---- */

enum muster_status mst_object_open(muster_client *client, const char *name, size_t bytes_max,
                                   struct mst_object *object_out)
{
    if (name == NULL || strlen(name) > bytes_max || !mst_name_valid(mst_span_text(name))) {
        return mst_complain(MST_VALUE,
                            "open \"%.100s\": not a name; it has 1 to %zu bytes of UTF-8 without "
                            "control characters",
                            name == NULL ? "" : name, bytes_max);
    }
    enum muster_status status = mst_transport_enter(client, false, "open");
    if (status != MUSTER_OK) {
        return status;
    }
    struct mst_handle *handle = mst_client_open(client->machine, name);
    if (handle == NULL && mst_client_has_names_left(client->machine)) {
        status = mst_fail(MST_NO_MEMORY, NULL, "open \"%.100s\"", name);
    } else if (handle == NULL) {
        status = mst_complain(MST_LIMIT,
                              "open \"%.100s\": more names are open than a connection can have; "
                              "close some",
                              name);
    } else {
        client->references++;
        *object_out = (struct mst_object){client, handle};
    }
    mst_transport_leave(client);
    return status;
}

void mst_object_close(struct mst_object *object)
{
    mst_transport_drop_handle(object->client, object->handle);
}

const char *mst_object_name(const struct mst_object *object)
{
    return mst_handle_name(object->handle);
}

/* ---- a call ---- */

static bool is_decided(const void *of)
{
    const struct mst_call *call = of;

    return call->state == MST_CALL_ANSWERED || call->state == MST_CALL_OVER;
}

void mst_adopt_messages(muster_client *client, struct muster_message *messages)
{
    for (; messages != NULL; messages = messages->next) {
        messages->client = client;
        client->references++;
    }
}

static void run_locked(muster_client *client, struct mst_call *call, struct mst_waiter *waiter)
{
    mst_transport_send(client, call);
    mst_transport_wait(client, waiter, is_decided, call, MUSTER_FOREVER);
    mst_client_take(client->machine, call, client->now_ns);
    if (call->op == MST_OP_GET || call->op == MST_OP_PEEK) {
        mst_adopt_messages(client, call->outcome.messages);
    }
}

/* The call is made, without an owner. */
static enum muster_status run(muster_client *client, struct mst_call *call, muster_cancel *cancel,
                              const char *verb, const char *name)
{
    struct mst_waiter waiter = MST_WAITER_INIT;
    struct mst_cancel_link link = {.client = client, .call = call};

    call->owner = &waiter;
    if (!mst_cancel_join(cancel, &link)) {
        return mst_fail(MST_CANCELLED, NULL, "%s %s", verb, name);
    }
    enum muster_status status = mst_transport_enter(client, true, verb);
    if (status == MUSTER_OK) {
        run_locked(client, call, &waiter);
        status = (enum muster_status)call->status;
        mst_transport_leave(client);
        if (status != MUSTER_OK) {
            mst_fail(call->status, call->cause, "%s %s", verb, name);
        }
    }
    mst_cancel_leave(cancel, &link);
    pthread_cond_destroy(&waiter.cond);
    return status;
}

enum muster_status mst_run(muster_client *client, const struct mst_request *request,
                           muster_cancel *cancel, struct mst_call *call, const char *verb,
                           const char *name)
{
    mst_call_init(call, request, NULL);
    return run(client, call, cancel, verb, name);
}

enum muster_status mst_run_flow(muster_client *client, const struct mst_flow_request *flow,
                                muster_cancel *cancel, struct mst_call *call, const char *verb,
                                const char *name)
{
    mst_call_init_flow(call, flow, NULL);
    return run(client, call, cancel, verb, name);
}

enum muster_status mst_run_on(const struct mst_object *object, struct mst_request *request,
                              const char *verb)
{
    struct mst_call call;

    request->handle = mst_handle_number(object->handle);
    enum muster_status status =
        mst_run(object->client, request, NULL, &call, verb, mst_object_name(object));
    mst_call_clear(&call);
    return status;
}

/* ---- arguments ---- */

bool mst_read_options(void *to, size_t to_size, const void *from, const char *what)
{
    size_t size;

    if (from == NULL) {
        return true;
    }
    memcpy(&size, from, sizeof(size));
    if (size < sizeof(size) || size > 4096) {
        mst_complain(MST_VALUE,
                     "%s: options.size is %zu; initialise options with the macro of their name",
                     what, size);
        return false;
    }
    memcpy(to, from, size < to_size ? size : to_size);
    return true;
}

bool mst_time_is_valid(int64_t time_ns, const char *what)
{
    if (time_ns < 0) {
        mst_complain(MST_VALUE, "%s: a time is negative; it is nanoseconds, or MUSTER_FOREVER",
                     what);
    }
    return time_ns >= 0;
}
