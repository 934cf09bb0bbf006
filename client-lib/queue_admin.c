/* queue_admin.c - joining, counting, looking at and administering queues. */
#include <stdlib.h>

#include "client-lib/async.h"
#include "client-lib/outcome.h"

/* ---- finishing what was taken in auto mode, and waiting for all ---- */

enum muster_status muster_task_done(muster_queue *queue)
{
    struct mst_request request;

    mst_request_init(&request, MST_OP_TASK_DONE);
    return mst_run_on(&queue->object, &request, "task_done in");
}

enum muster_status muster_join(muster_queue *queue, int64_t timeout_ns, muster_cancel *cancel,
                               muster_tallies *tallies_out)
{
    struct mst_request request;
    struct mst_call call;

    if (!mst_time_is_valid(timeout_ns, "join")) {
        return MUSTER_VALUE;
    }
    mst_request_init(&request, MST_OP_JOIN);
    request.handle = mst_handle_number(queue->object.handle);
    request.timeout_ns = timeout_ns;
    enum muster_status status = mst_run(queue->object.client, &request, cancel, &call, "join",
                                        mst_object_name(&queue->object));
    if (status == MUSTER_OK && tallies_out != NULL) {
        *tallies_out = mst_outcome_tallies(&call);
    }
    mst_call_clear(&call);
    return status;
}

enum muster_status muster_join_async(muster_queue *queue, int64_t timeout_ns,
                                     muster_callback *callback, void *user, muster_call **call_out)
{
    struct mst_async_options how = {NULL, callback, user, call_out};
    struct mst_request request;

    if (!mst_time_is_valid(timeout_ns, "join")) {
        return MUSTER_VALUE;
    }
    if (callback == NULL) {
        return mst_complain(MST_VALUE, "join_async: without a callback there is nothing to do");
    }
    mst_request_init(&request, MST_OP_JOIN);
    request.handle = mst_handle_number(queue->object.handle);
    request.timeout_ns = timeout_ns;
    return mst_async(&queue->object, &request, &how, "join");
}

/* ---- snapshots ---- */

static enum muster_status count(muster_queue *queue, uint64_t *ready_out, uint64_t *kept_out,
                                uint64_t *maxsize_out)
{
    struct mst_request request;
    struct mst_call call;

    mst_request_init(&request, MST_OP_QSIZE);
    request.handle = mst_handle_number(queue->object.handle);
    enum muster_status status = mst_run(queue->object.client, &request, NULL, &call, "count",
                                        mst_object_name(&queue->object));
    if (status == MUSTER_OK) {
        *ready_out = call.outcome.reply->ready;
        *kept_out = call.outcome.reply->kept;
        *maxsize_out = call.outcome.reply->maxsize;
    }
    mst_call_clear(&call);
    return status;
}

enum muster_status muster_qsize(muster_queue *queue, uint64_t *ready_out)
{
    uint64_t kept;
    uint64_t maxsize;

    return count(queue, ready_out, &kept, &maxsize);
}

enum muster_status muster_empty(muster_queue *queue, bool *empty_out)
{
    uint64_t ready;
    uint64_t kept;
    uint64_t maxsize;
    enum muster_status status = count(queue, &ready, &kept, &maxsize);

    if (status == MUSTER_OK) {
        *empty_out = ready == 0;
    }
    return status;
}

enum muster_status muster_full(muster_queue *queue, bool *full_out)
{
    uint64_t ready;
    uint64_t kept;
    uint64_t maxsize;
    enum muster_status status = count(queue, &ready, &kept, &maxsize);

    if (status == MUSTER_OK) {
        *full_out = maxsize > 0 && kept >= maxsize;
    }
    return status;
}

enum muster_status muster_peek(muster_queue *queue, size_t max, uint64_t after,
                               muster_message **messages_out, size_t *count_out)
{
    struct mst_request request;
    struct mst_call call;
    size_t found = 0;

    if (max == 0) {
        return mst_complain(MST_VALUE, "peek: at least one message has to be asked for");
    }
    mst_request_init(&request, MST_OP_PEEK);
    request.handle = mst_handle_number(queue->object.handle);
    request.count = max < MST_LIST_MAX ? max : MST_LIST_MAX;
    request.message = after;
    enum muster_status status = mst_run(queue->object.client, &request, NULL, &call, "peek into",
                                        mst_object_name(&queue->object));
    for (muster_message *message = call.outcome.messages, *next; message != NULL; message = next) {
        next = message->next;
        if (status == MUSTER_OK && found < max) {
            messages_out[found++] = message;
        } else {
            muster_message_free(&message);
        }
    }
    if (status == MUSTER_OK) {
        *count_out = found;
    }
    mst_call_clear(&call);
    return status;
}

/* ---- administration ---- */

/* Operations that answer with a number of messages. */
static enum muster_status run_counting(muster_queue *queue, struct mst_request *request,
                                       const char *verb, uint64_t *number_out)
{
    struct mst_call call;

    request->handle = mst_handle_number(queue->object.handle);
    enum muster_status status =
        mst_run(queue->object.client, request, NULL, &call, verb, mst_object_name(&queue->object));
    if (status == MUSTER_OK && number_out != NULL) {
        *number_out = call.outcome.reply->number;
    }
    mst_call_clear(&call);
    return status;
}

enum muster_status muster_purge(muster_queue *queue, uint64_t *purged_out)
{
    struct mst_request request;

    mst_request_init(&request, MST_OP_PURGE);
    return run_counting(queue, &request, "purge", purged_out);
}

enum muster_status muster_delete_message(muster_queue *queue, uint64_t id)
{
    struct mst_request request;

    mst_request_init(&request, MST_OP_DELETE);
    request.message = id;
    return mst_run_on(&queue->object, &request, "delete a message from");
}

static enum muster_status turn(muster_queue *queue, enum mst_op op, enum muster_side sides,
                               const char *verb)
{
    struct mst_request request;

    if (sides < MUSTER_SIDE_PUT || sides > MUSTER_SIDE_BOTH) {
        return mst_complain(MST_VALUE, "%s: the sides of a queue are PUT, GET or BOTH", verb);
    }
    mst_request_init(&request, op);
    request.sides = (uint64_t)sides;
    return mst_run_on(&queue->object, &request, verb);
}

enum muster_status muster_pause(muster_queue *queue, enum muster_side sides)
{
    return turn(queue, MST_OP_PAUSE, sides, "pause");
}

enum muster_status muster_resume(muster_queue *queue, enum muster_side sides)
{
    return turn(queue, MST_OP_UNPAUSE, sides, "resume");
}

enum muster_status muster_shutdown(muster_queue *queue, bool immediate)
{
    struct mst_request request;

    mst_request_init(&request, MST_OP_SHUTDOWN);
    request.immediate = immediate;
    return mst_run_on(&queue->object, &request, "shut down");
}

/* The broker moves so many at a time; a batch that is not full was the last. */
enum muster_status muster_redrive(muster_queue *queue, uint64_t *moved_out)
{
    struct mst_request request;
    uint64_t moved = 0;
    uint64_t batch = 0;
    enum muster_status status;

    do {
        mst_request_init(&request, MST_OP_REDRIVE);
        request.count = MST_MESSAGES_MAX;
        status = run_counting(queue, &request, "redrive", &batch);
        moved += status == MUSTER_OK ? batch : 0;
    } while (status == MUSTER_OK && batch == MST_MESSAGES_MAX);
    if (status == MUSTER_OK && moved_out != NULL) {
        *moved_out = moved;
    }
    return status;
}
