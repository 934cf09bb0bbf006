/* event.c - flags that many wait for. */
#include <stdlib.h>

#include "client-lib/async.h"

enum muster_status muster_event_open(muster_client *client, const char *name,
                                     muster_event **event_out)
{
    muster_event *event = malloc(sizeof(*event));

    if (event == NULL) {
        return mst_fail(MST_NO_MEMORY, NULL, "open");
    }
    enum muster_status status = mst_object_open(client, name, MST_NAME_BYTES_MAX, &event->object);
    if (status != MUSTER_OK) {
        free(event);
        return status;
    }
    *event_out = event;
    return MUSTER_OK;
}

void muster_event_close(muster_event **event)
{
    if (*event != NULL) {
        mst_object_close(&(*event)->object);
        free(*event);
        *event = NULL;
    }
}

enum muster_status muster_event_set(muster_event *event)
{
    struct mst_request request;

    mst_request_init(&request, MST_OP_EVENT_SET);
    return mst_run_on(&event->object, &request, "set event");
}

enum muster_status muster_event_clear(muster_event *event)
{
    struct mst_request request;

    mst_request_init(&request, MST_OP_EVENT_CLEAR);
    return mst_run_on(&event->object, &request, "clear event");
}

enum muster_status muster_event_is_set(muster_event *event, bool *set_out)
{
    struct mst_request request;
    struct mst_call call;

    mst_request_init(&request, MST_OP_EVENT_IS_SET);
    request.handle = mst_handle_number(event->object.handle);
    enum muster_status status = mst_run(event->object.client, &request, NULL, &call, "ask event",
                                        mst_object_name(&event->object));
    if (status == MUSTER_OK) {
        *set_out = call.outcome.reply->flag;
    }
    mst_call_clear(&call);
    return status;
}

enum muster_status muster_event_wait(muster_event *event, int64_t timeout_ns, muster_cancel *cancel)
{
    struct mst_request request;
    struct mst_call call;

    if (!mst_time_is_valid(timeout_ns, "event wait")) {
        return MUSTER_VALUE;
    }
    mst_request_init(&request, MST_OP_EVENT_WAIT);
    request.handle = mst_handle_number(event->object.handle);
    request.timeout_ns = timeout_ns;
    enum muster_status status = mst_run(event->object.client, &request, cancel, &call,
                                        "wait for event", mst_object_name(&event->object));
    mst_call_clear(&call);
    return status;
}

enum muster_status muster_event_wait_async(muster_event *event, int64_t timeout_ns,
                                           muster_callback *callback, void *user,
                                           muster_call **call_out)
{
    struct mst_async_options how = {NULL, callback, user, call_out};
    struct mst_request request;

    if (!mst_time_is_valid(timeout_ns, "event wait")) {
        return MUSTER_VALUE;
    }
    if (callback == NULL) {
        return mst_complain(MST_VALUE, "event wait: without a callback there is nothing to do");
    }
    mst_request_init(&request, MST_OP_EVENT_WAIT);
    request.handle = mst_handle_number(event->object.handle);
    request.timeout_ns = timeout_ns;
    return mst_async(&event->object, &request, &how, "wait for event");
}
