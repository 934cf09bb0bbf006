/* queue.c - putting and getting. */
#include <stdlib.h>

#include "client-lib/async.h"
#include "client-lib/headers.h"
#include "protocol/utf8.h"

/* ---- opening ---- */

enum muster_status muster_queue_open(muster_client *client, const char *name,
                                     muster_queue **queue_out)
{
    muster_queue *queue = malloc(sizeof(*queue));

    if (queue == NULL) {
        return mst_fail(MST_NO_MEMORY, NULL, "open");
    }
    enum muster_status status = mst_object_open(client, name, MST_NAME_BYTES_MAX, &queue->object);
    if (status != MUSTER_OK) {
        free(queue);
        return status;
    }
    *queue_out = queue;
    return MUSTER_OK;
}

void muster_queue_close(muster_queue **queue)
{
    if (*queue != NULL) {
        mst_object_close(&(*queue)->object);
        free(*queue);
        *queue = NULL;
    }
}

const char *muster_queue_name(const muster_queue *queue)
{
    return mst_object_name(&queue->object);
}

/* ---- putting ---- */

/* A put as a whole request, with its options read; packed headers are in `headers`, to be
 * cleared. */
struct put {
    muster_put_options options;
    struct mst_buf headers;
    struct mst_request request;
};

static enum muster_status read_put_options(muster_put_options *options,
                                           const muster_put_options *options_in)
{
    *options = (muster_put_options)MUSTER_PUT_OPTIONS;
    if (!mst_read_options(options, sizeof(*options), options_in, "put") ||
        !mst_time_is_valid(options->timeout_ns, "put: timeout") ||
        !mst_time_is_valid(options->delay_ns, "put: delay") ||
        !mst_time_is_valid(options->ttl_ns, "put: ttl")) {
        return MUSTER_VALUE;
    }
    if (options->dedup != NULL &&
        (options->dedup_size == 0 || options->dedup_size > MST_DEDUP_KEY_MAX)) {
        return mst_complain(MST_VALUE, "put: a dedup key has 1 to %d bytes, not %zu",
                            MST_DEDUP_KEY_MAX, options->dedup_size);
    }
    return MUSTER_OK;
}

/* The options are read. */
static enum muster_status put_init(struct put *put, const muster_queue *queue)
{
    mst_buf_init(&put->headers);
    enum muster_status status =
        mst_headers_pack(&put->headers, put->options.headers, put->options.headers_count);
    mst_request_init(&put->request, MST_OP_PUT);
    put->request.handle = mst_handle_number(queue->object.handle);
    put->request.timeout_ns = put->options.timeout_ns;
    put->request.priority = put->options.priority;
    put->request.delay_ns = put->options.delay_ns;
    put->request.ttl_ns = put->options.ttl_ns;
    if (put->options.dedup != NULL) {
        put->request.dedup = mst_span_of(put->options.dedup, put->options.dedup_size);
    }
    if (mst_buf_size(&put->headers) > 0) {
        put->request.headers = mst_buf_span(&put->headers);
    }
    return status;
}

static bool body_is_valid(const void *body, size_t size)
{
    if (size > MST_BODY_BYTES_MAX) {
        mst_complain(MST_VALUE, "put: the body has %zu bytes, and %u are allowed", size,
                     MST_BODY_BYTES_MAX);
    } else if (body == NULL && size > 0) {
        mst_complain(MST_VALUE, "put: the body is NULL, but its size is not 0");
    }
    return size <= MST_BODY_BYTES_MAX && (body != NULL || size == 0);
}

/* An empty body is there, which is not the same as none. */
static struct mst_span body_span(const void *body, size_t size)
{
    return mst_span_of(size == 0 ? "" : body, size);
}

/* Only a whole request can say so much. */
static bool needs_whole(const muster_put_options *options)
{
    return options->dedup != NULL || options->headers_count > 0;
}

static struct mst_flow_request put_flow(const muster_queue *queue,
                                        const muster_put_options *options, struct mst_span body)
{
    return (struct mst_flow_request){.op = MST_OP_PUT,
                                     .handle = mst_handle_number(queue->object.handle),
                                     .timeout_ns = options->timeout_ns,
                                     .count = 1,
                                     .flow.put = {.body = body,
                                                  .priority = options->priority,
                                                  .delay_ns = options->delay_ns,
                                                  .ttl_ns = options->ttl_ns}};
}

/* Tells the result, if anybody wants it. */
static enum muster_status end_put(struct mst_call *call, enum muster_status status,
                                  muster_put_result *result_out)
{
    if (status == MUSTER_OK && result_out != NULL) {
        *result_out = call->outcome.put;
    }
    mst_call_clear(call);
    return status;
}

/* mode and bodies: what is put. */
static enum muster_status put_whole(const muster_queue *queue, struct put *put, uint64_t mode,
                                    struct mst_span *bodies, size_t count,
                                    muster_put_result *result_out)
{
    struct mst_call call;
    enum muster_status status = put_init(put, queue);

    if (status == MUSTER_OK) {
        put->request.mode = mode;
        put->request.bodies = bodies;
        put->request.bodies_count = count;
        status = mst_run(queue->object.client, &put->request, put->options.cancel, &call,
                         "put into", mst_object_name(&queue->object));
        status = end_put(&call, status, result_out);
    }
    mst_buf_clear(&put->headers);
    return status;
}

enum muster_status muster_put(muster_queue *queue, const void *body, size_t size,
                              const muster_put_options *options, muster_put_result *result_out)
{
    struct mst_span span = body_span(body, size);
    struct mst_call call;
    struct put put;

    if (!body_is_valid(body, size)) {
        return MUSTER_VALUE;
    }
    enum muster_status status = read_put_options(&put.options, options);
    if (status != MUSTER_OK) {
        return status;
    }
    if (needs_whole(&put.options)) {
        return put_whole(queue, &put, MST_PUT_EACH, &span, 1, result_out);
    }
    struct mst_flow_request flow = put_flow(queue, &put.options, span);
    status = mst_run_flow(queue->object.client, &flow, put.options.cancel, &call, "put into",
                          mst_object_name(&queue->object));
    return end_put(&call, status, result_out);
}

static enum muster_status put_async_whole(muster_queue *queue, struct put *put,
                                          struct mst_span body, const struct mst_async_options *how)
{
    enum muster_status status = put_init(put, queue);

    if (status == MUSTER_OK) {
        put->request.bodies = &body;
        put->request.bodies_count = 1;
        status = mst_async(&queue->object, &put->request, how, "put into");
    }
    mst_buf_clear(&put->headers);
    return status;
}

enum muster_status muster_put_async(muster_queue *queue, const void *body, size_t size,
                                    const muster_put_options *options, muster_callback *callback,
                                    void *user, muster_call **call_out)
{
    struct put put;

    if (!body_is_valid(body, size)) {
        return MUSTER_VALUE;
    }
    enum muster_status status = read_put_options(&put.options, options);
    if (status != MUSTER_OK) {
        return status;
    }
    struct mst_async_options how = {put.options.cancel, callback, user, call_out};
    if (needs_whole(&put.options)) {
        return put_async_whole(queue, &put, body_span(body, size), &how);
    }
    struct mst_flow_request flow = put_flow(queue, &put.options, body_span(body, size));
    return mst_async_flow(&queue->object, &flow, &how, "put into");
}

enum muster_status muster_put_many(muster_queue *queue, const muster_bytes *bodies, size_t count,
                                   enum muster_put_mode mode, const muster_put_options *options,
                                   muster_put_result *result_out)
{
    struct put put;

    if (count == 0 || count > MUSTER_MANY_MAX ||
        (mode != MUSTER_PUT_ALL && mode != MUSTER_PUT_FIT)) {
        return mst_complain(MST_VALUE,
                            "put_many: 1 to %d bodies can be put at once, mode ALL or FIT",
                            MUSTER_MANY_MAX);
    }
    struct mst_span *spans = malloc(count * sizeof(*spans));
    if (spans == NULL) {
        return mst_fail(MST_NO_MEMORY, NULL, "put_many");
    }
    enum muster_status status = MUSTER_OK;
    for (size_t i = 0; i < count && status == MUSTER_OK; i++) {
        spans[i] = body_span(bodies[i].data, bodies[i].size);
        if (!body_is_valid(bodies[i].data, bodies[i].size)) {
            status = MUSTER_VALUE;
        }
    }
    if (status == MUSTER_OK) {
        status = read_put_options(&put.options, options);
    }
    if (status == MUSTER_OK) {
        status = put_whole(queue, &put, (uint64_t)mode, spans, count, result_out);
    }
    free(spans);
    return status;
}

/* ---- getting ---- */

/* false: the options are wrong, and the error told. */
static bool read_get_options(muster_get_options *options, const muster_get_options *options_in)
{
    *options = (muster_get_options)MUSTER_GET_OPTIONS;
    if (!mst_read_options(options, sizeof(*options), options_in, "get") ||
        !mst_time_is_valid(options->timeout_ns, "get: timeout") ||
        !mst_time_is_valid(options->lease_ns, "get: lease")) {
        return false;
    }
    if (options->mode != MUSTER_LEASE && options->mode != MUSTER_AUTO) {
        mst_complain(MST_VALUE, "get: the mode is neither LEASE nor AUTO");
        return false;
    }
    return true;
}

static uint64_t mode_of(const muster_get_options *options)
{
    return options->mode == MUSTER_LEASE ? MST_GET_LEASE : MST_GET_AUTO;
}

static struct mst_flow_request get_flow(const muster_queue *queue,
                                        const muster_get_options *options)
{
    return (struct mst_flow_request){
        .op = MST_OP_GET,
        .handle = mst_handle_number(queue->object.handle),
        .timeout_ns = options->timeout_ns,
        .count = 1,
        .flow.get = {options->lease_ns, mode_of(options), options->detached}};
}

/* Messages of several queues, or more than one: only a whole request can say so much. */
static void get_whole(struct mst_request *request, const muster_get_options *options)
{
    mst_request_init(request, MST_OP_GET);
    request->timeout_ns = options->timeout_ns;
    request->mode = mode_of(options);
    request->lease_ns = options->lease_ns;
    request->detached = options->detached;
}

static enum muster_status end_get(struct mst_call *call, enum muster_status status,
                                  muster_message **messages_out, size_t *count_out)
{
    size_t count = 0;

    if (status == MUSTER_OK) {
        for (muster_message *message = call->outcome.messages; message != NULL;
             message = message->next) {
            messages_out[count++] = message;
        }
        *count_out = count;
    }
    mst_call_clear(call);
    return status;
}

enum muster_status muster_get(muster_queue *queue, const muster_get_options *options_in,
                              muster_message **message_out)
{
    muster_get_options options;
    struct mst_call call;
    size_t count;

    if (!read_get_options(&options, options_in)) {
        return MUSTER_VALUE;
    }
    struct mst_flow_request flow = get_flow(queue, &options);
    enum muster_status status = mst_run_flow(queue->object.client, &flow, options.cancel, &call,
                                             "get from", mst_object_name(&queue->object));
    return end_get(&call, status, message_out, &count);
}

enum muster_status muster_get_many(muster_queue *queue, size_t max,
                                   const muster_get_options *options_in,
                                   muster_message **messages_out, size_t *count_out)
{
    uint64_t handle = mst_handle_number(queue->object.handle);
    muster_get_options options;
    struct mst_request request;
    struct mst_call call;

    if (max == 0 || max > MUSTER_MANY_MAX) {
        return mst_complain(MST_VALUE, "get_many: 1 to %d messages can be taken at once",
                            MUSTER_MANY_MAX);
    }
    if (!read_get_options(&options, options_in)) {
        return MUSTER_VALUE;
    }
    get_whole(&request, &options);
    request.handles = &handle;
    request.handles_count = 1;
    request.max = max;
    enum muster_status status = mst_run(queue->object.client, &request, options.cancel, &call,
                                        "get from", mst_object_name(&queue->object));
    return end_get(&call, status, messages_out, count_out);
}

enum muster_status muster_get_from(muster_queue *const *queues, size_t count,
                                   const muster_get_options *options_in,
                                   muster_message **message_out)
{
    uint64_t handles[MST_GET_QUEUES_MAX];
    muster_get_options options;
    struct mst_request request;
    struct mst_call call;

    if (count == 0 || count > MST_GET_QUEUES_MAX) {
        return mst_complain(MST_VALUE, "get_from: 1 to %d queues can be named at once",
                            MST_GET_QUEUES_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        if (queues[i]->object.client != queues[0]->object.client) {
            return mst_complain(MST_VALUE, "get_from: the queues are of different clients");
        }
        handles[i] = mst_handle_number(queues[i]->object.handle);
    }
    if (!read_get_options(&options, options_in)) {
        return MUSTER_VALUE;
    }
    get_whole(&request, &options);
    request.handles = handles;
    request.handles_count = count;
    enum muster_status status = mst_run(queues[0]->object.client, &request, options.cancel, &call,
                                        "get from", mst_object_name(&queues[0]->object));
    return end_get(&call, status, message_out, &count);
}

enum muster_status muster_get_async(muster_queue *queue, const muster_get_options *options_in,
                                    muster_callback *callback, void *user, muster_call **call_out)
{
    muster_get_options options;

    if (callback == NULL) {
        return mst_complain(MST_VALUE, "get_async: without a callback the message would be lost");
    }
    if (!read_get_options(&options, options_in)) {
        return MUSTER_VALUE;
    }
    struct mst_async_options how = {options.cancel, callback, user, call_out};
    struct mst_flow_request flow = get_flow(queue, &options);
    return mst_async_flow(&queue->object, &flow, &how, "get from");
}
