/* message.c - what an application asks of a message it holds. */
#include <stdlib.h>

#include "client-lib/async.h"
#include "client-lib/headers.h"
#include "client-lib/run.h"

const void *muster_message_body(const muster_message *message)
{
    return message->body;
}

size_t muster_message_size(const muster_message *message)
{
    return message->size;
}

uint64_t muster_message_id(const muster_message *message)
{
    return message->id;
}

uint64_t muster_message_delivery(const muster_message *message)
{
    return message->number;
}

int64_t muster_message_priority(const muster_message *message)
{
    return message->priority;
}

int64_t muster_message_age_ns(const muster_message *message)
{
    return message->age_ns;
}

const char *muster_message_queue(const muster_message *message)
{
    return mst_handle_name(message->handle);
}

const char *muster_message_state(const muster_message *message)
{
    switch (message->state) {
    case MST_LEASED: return "leased";
    case MST_DELAYED: return "delayed";
    default: return "ready";
    }
}

const void *muster_message_header(const muster_message *message, const char *name, size_t *size_out)
{
    struct mst_span value = mst_headers_find(message->headers, mst_span_text(name));

    if (value.data != NULL && size_out != NULL) {
        *size_out = value.len;
    }
    return value.data;
}

const char *muster_message_died_of(const muster_message *message)
{
    return message->died_of;
}

const char *muster_message_last_holder(const muster_message *message)
{
    return message->last_holder;
}

void muster_message_free(muster_message **message_in)
{
    muster_message *message = *message_in;

    if (message != NULL) {
        *message_in = NULL;
        mst_transport_drop_message(message->client, message);
    }
}

/* ---- finishing, and the opposite ---- */

static struct mst_object origin_of(const muster_message *message)
{
    return (struct mst_object){message->client, message->handle};
}

static bool is_leased(const muster_message *message, const char *verb)
{
    if (message->automatic) {
        mst_complain(MST_VALUE,
                     "%s: the message was taken in auto mode, so nothing is leased; see "
                     "muster_task_done",
                     verb);
    }
    return !message->automatic;
}

static enum muster_status finish(const struct mst_object *object, uint64_t id, uint64_t delivery,
                                 bool *already_out)
{
    struct mst_flow_request done = {.op = MST_OP_DONE,
                                    .handle = mst_handle_number(object->handle),
                                    .timeout_ns = MUSTER_FOREVER,
                                    .count = 1,
                                    .flow.done = {id, delivery}};
    struct mst_call call;
    enum muster_status status =
        mst_run_flow(object->client, &done, NULL, &call, "done in", mst_object_name(object));

    if (status == MUSTER_OK && already_out != NULL) {
        *already_out = call.already;
    }
    mst_call_clear(&call);
    return status;
}

enum muster_status muster_done(muster_message *message)
{
    struct mst_object object = origin_of(message);

    return is_leased(message, "done") ? finish(&object, message->id, message->number, NULL)
                                      : MUSTER_VALUE;
}

enum muster_status muster_done_by_id(muster_queue *queue, uint64_t id, uint64_t delivery,
                                     bool *already_out)
{
    return finish(&queue->object, id, delivery, already_out);
}

enum muster_status muster_done_async(muster_message *message, muster_callback *callback, void *user,
                                     muster_call **call_out)
{
    struct mst_object object = origin_of(message);
    struct mst_async_options how = {NULL, callback, user, call_out};
    struct mst_flow_request done = {.op = MST_OP_DONE,
                                    .handle = mst_handle_number(message->handle),
                                    .timeout_ns = MUSTER_FOREVER,
                                    .count = 1,
                                    .flow.done = {message->id, message->number}};

    return is_leased(message, "done") ? mst_async_flow(&object, &done, &how, "done in")
                                      : MUSTER_VALUE;
}

/* false: the options are wrong, and the error told. */
static bool nack_request(const struct mst_object *object, uint64_t id, uint64_t delivery,
                         const muster_nack_options *options_in, struct mst_request *request)
{
    muster_nack_options options = MUSTER_NACK_OPTIONS;

    if (!mst_read_options(&options, sizeof(options), options_in, "nack") ||
        !mst_time_is_valid(options.delay_ns, "nack")) {
        return false;
    }
    mst_request_init(request, MST_OP_NACK);
    request->handle = mst_handle_number(object->handle);
    request->message = id;
    request->number = delivery;
    request->delay_ns = options.delay_ns;
    request->uncounted = options.uncounted;
    request->dead = options.dead;
    request->value = mst_span_text(options.reason);
    if (request->value.len > MST_CAUSE_BYTES_MAX) {
        mst_complain(MST_VALUE, "nack: the reason has %zu bytes, and %d are allowed",
                     request->value.len, MST_CAUSE_BYTES_MAX);
        return false;
    }
    return true;
}

enum muster_status muster_nack_by_id(muster_queue *queue, uint64_t id, uint64_t delivery,
                                     const muster_nack_options *options)
{
    struct mst_request request;

    return nack_request(&queue->object, id, delivery, options, &request)
               ? mst_run_on(&queue->object, &request, "nack in")
               : MUSTER_VALUE;
}

enum muster_status muster_nack(muster_message *message, const muster_nack_options *options)
{
    struct mst_object object = origin_of(message);
    struct mst_request request;

    return is_leased(message, "nack") &&
                   nack_request(&object, message->id, message->number, options, &request)
               ? mst_run_on(&object, &request, "nack in")
               : MUSTER_VALUE;
}

enum muster_status muster_nack_async(muster_message *message, const muster_nack_options *options,
                                     muster_callback *callback, void *user, muster_call **call_out)
{
    struct mst_object object = origin_of(message);
    struct mst_async_options how = {NULL, callback, user, call_out};
    struct mst_request request;

    return is_leased(message, "nack") &&
                   nack_request(&object, message->id, message->number, options, &request)
               ? mst_async(&object, &request, &how, "nack in")
               : MUSTER_VALUE;
}

static enum muster_status extend(const struct mst_object *object, uint64_t id, uint64_t delivery,
                                 int64_t lease_ns)
{
    struct mst_request request;

    if (!mst_time_is_valid(lease_ns, "extend")) {
        return MUSTER_VALUE;
    }
    mst_request_init(&request, MST_OP_EXTEND);
    request.message = id;
    request.number = delivery;
    request.lease_ns = lease_ns;
    return mst_run_on(object, &request, "extend in");
}

enum muster_status muster_extend_by_id(muster_queue *queue, uint64_t id, uint64_t delivery,
                                       int64_t lease_ns)
{
    return extend(&queue->object, id, delivery, lease_ns);
}

enum muster_status muster_extend(muster_message *message, int64_t lease_ns)
{
    struct mst_object object = origin_of(message);

    return is_leased(message, "extend") ? extend(&object, message->id, message->number, lease_ns)
                                        : MUSTER_VALUE;
}
