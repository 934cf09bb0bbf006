/* barrier.c - places where a number of parties wait for each other. */
#include <stdlib.h>

#include "client-lib/async.h"
#include "client-lib/outcome.h"

#define VALUE_BYTES_MAX sizeof(((muster_barrier_result *)NULL)->value)

enum muster_status muster_barrier_open(muster_client *client, const char *name, unsigned parties,
                                       muster_barrier **barrier_out)
{
    if (parties > MST_PARTIES_MAX) {
        return mst_complain(MST_VALUE, "open barrier: at most %d parties can meet",
                            MST_PARTIES_MAX);
    }
    muster_barrier *barrier = malloc(sizeof(*barrier));
    if (barrier == NULL) {
        return mst_fail(MST_NO_MEMORY, NULL, "open");
    }
    barrier->parties = parties;
    enum muster_status status = mst_object_open(client, name, MST_NAME_BYTES_MAX, &barrier->object);
    if (status != MUSTER_OK) {
        free(barrier);
        return status;
    }
    *barrier_out = barrier;
    return MUSTER_OK;
}

void muster_barrier_close(muster_barrier **barrier)
{
    if (*barrier != NULL) {
        mst_object_close(&(*barrier)->object);
        free(*barrier);
        *barrier = NULL;
    }
}

/* MUSTER_DEFAULT is allowed here: what the barrier was declared with. */
static bool wait_request(const muster_barrier *barrier, int64_t timeout_ns,
                         struct mst_request *request)
{
    if (timeout_ns != MUSTER_DEFAULT && !mst_time_is_valid(timeout_ns, "barrier wait")) {
        return false;
    }
    mst_request_init(request, MST_OP_BARRIER_WAIT);
    request->handle = mst_handle_number(barrier->object.handle);
    request->parties = barrier->parties;
    request->timeout_ns = timeout_ns;
    return true;
}

enum muster_status muster_barrier_wait(muster_barrier *barrier, int64_t timeout_ns,
                                       muster_cancel *cancel, muster_barrier_result *result_out)
{
    struct mst_request request;
    struct mst_call call;

    if (!wait_request(barrier, timeout_ns, &request)) {
        return MUSTER_VALUE;
    }
    enum muster_status status = mst_run(barrier->object.client, &request, cancel, &call,
                                        "wait at barrier", mst_object_name(&barrier->object));
    if (status == MUSTER_OK && result_out != NULL) {
        *result_out = mst_outcome_barrier(&call);
    }
    mst_call_clear(&call);
    return status;
}

enum muster_status muster_barrier_wait_async(muster_barrier *barrier, int64_t timeout_ns,
                                             muster_callback *callback, void *user,
                                             muster_call **call_out)
{
    struct mst_async_options how = {NULL, callback, user, call_out};
    struct mst_request request;

    if (callback == NULL) {
        return mst_complain(MST_VALUE, "barrier wait: without a callback there is nothing to do");
    }
    if (!wait_request(barrier, timeout_ns, &request)) {
        return MUSTER_VALUE;
    }
    return mst_async(&barrier->object, &request, &how, "wait at barrier");
}

enum muster_status muster_barrier_done(muster_barrier *barrier, uint64_t generation, bool failed,
                                       const void *value, size_t size)
{
    struct mst_request request;

    if (size > VALUE_BYTES_MAX) {
        return mst_complain(MST_VALUE, "barrier done: the value has %zu bytes, and %zu are allowed",
                            size, VALUE_BYTES_MAX);
    }
    if (value == NULL && size > 0) {
        return mst_complain(MST_VALUE, "barrier done: the value is NULL, but its size is not 0");
    }
    mst_request_init(&request, MST_OP_BARRIER_DONE);
    request.generation = generation;
    request.has_generation = true;
    request.failed = failed;
    if (size > 0) {
        request.value = mst_span_of(value, size);
    }
    return mst_run_on(&barrier->object, &request, "report to barrier");
}

enum muster_status muster_barrier_abort(muster_barrier *barrier)
{
    struct mst_request request;

    mst_request_init(&request, MST_OP_BARRIER_ABORT);
    return mst_run_on(&barrier->object, &request, "abort barrier");
}

enum muster_status muster_barrier_reset(muster_barrier *barrier)
{
    struct mst_request request;

    mst_request_init(&request, MST_OP_BARRIER_RESET);
    return mst_run_on(&barrier->object, &request, "reset barrier");
}
