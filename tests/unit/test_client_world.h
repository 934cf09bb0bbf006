/* test_client_world.h - a scripted broker around one pure client machine, under a clock that moves
 * when told to. What the client says is compared as text: a line per frame. */
#ifndef TEST_CLIENT_WORLD_H
#define TEST_CLIENT_WORLD_H

#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "client-lib/client.h"
#include "protocol/arena.h"
#include "protocol/buf.h"
#include "protocol/frame.h"

#define MS 1000000LL
#define S  1000000000LL

struct world {
    struct mst_client *client;
    int64_t now;
    struct mst_reply welcome; /* what the broker answers to HELLO and RESUME */
    char said[4000];
    int owner; /* stands for a thread that waits */
};

static inline void world_reply(struct world *w, const struct mst_reply *reply)
{
    struct mst_buf bytes;

    mst_buf_init(&bytes);
    assert_true(mst_reply_encode(&bytes, reply));
    assert_true(mst_client_receive(w->client, mst_buf_span(&bytes), w->now));
    mst_buf_clear(&bytes);
}

__attribute__((format(printf, 2, 3))) static inline void world_add(struct world *w,
                                                                   const char *format, ...)
{
    size_t used = strlen(w->said);
    va_list args;

    va_start(args, format);
    vsnprintf(w->said + used, sizeof(w->said) - used, format, args);
    va_end(args);
}

static inline void world_add_lists(struct world *w, const struct mst_request *q)
{
    for (size_t i = 0; i < q->handles_count; i++) {
        world_add(w, " h%d", (int)q->handles[i]);
    }
    for (size_t i = 0; i < q->bodies_count && i < 4; i++) {
        world_add(w, " %.*s", (int)q->bodies[i].len < 20 ? (int)q->bodies[i].len : 20,
                  (const char *)q->bodies[i].data);
    }
    if (q->bodies_count > 4) {
        world_add(w, " and %d more", (int)q->bodies_count - 4);
    }
    for (size_t i = 0; i < q->priorities_count; i++) {
        world_add(w, " p%d", (int)q->priorities[i]);
    }
    for (size_t i = 0; i < q->runs_count; i++) {
        world_add(w, " %d.%d*%d", (int)q->runs[i].first, (int)q->runs[i].number,
                  (int)q->runs[i].count);
    }
    for (size_t i = 0; i < q->pending_count; i++) {
        world_add(w, " pending %d*%d", (int)q->pending[i].first, (int)q->pending[i].count);
    }
    for (size_t i = 0; i < q->abandoned_count; i++) {
        world_add(w, " abandoned %d*%d", (int)q->abandoned[i].first, (int)q->abandoned[i].count);
    }
}

static inline void world_describe(struct world *w, const struct mst_request *q)
{
    world_add(w, "%s", mst_op_name(q->op));
    if (q->id != 0) {
        world_add(w, " #%d", (int)q->id);
    }
    if (q->confirm != 0) {
        world_add(w, " confirm=%d", (int)q->confirm);
    }
    switch (q->op) {
    case MST_OP_OPEN:
        world_add(w, " %d=%.*s", (int)q->handle, (int)q->name.len, (const char *)q->name.data);
        break;
    case MST_OP_CANCEL:
        world_add(w, " #%d %s", (int)q->target, mst_status_name((int)q->status));
        break;
    case MST_OP_HELLO: world_add(w, " ttl=%d", (int)(q->ttl_ns / MS)); break;
    case MST_OP_RESUME: world_add(w, " session=%d", (int)q->session); break;
    case MST_OP_GET: world_add(w, " n=%d", (int)q->count); break;
    case MST_OP_NACK:
        world_add(w, " %d.%d%s", (int)q->message, (int)q->number, q->uncounted ? " uncounted" : "");
        break;
    case MST_OP_PUT:
    case MST_OP_EVENT_WAIT: world_add(w, " h%d", (int)q->handle); break;
    default: break;
    }
    if ((mst_op_flags(q->op) & OPF_WAITS) != 0 && q->timeout_ns != MST_FOREVER) {
        world_add(w, " t=%d", (int)(q->timeout_ns / MS));
    }
    if (q->has_generation) {
        world_add(w, " since=%d", (int)q->generation);
    }
    world_add_lists(w, q);
    world_add(w, "\n");
}

/* Everything the client has said since the last time, a line per frame. */
static inline const char *world_said(struct world *w)
{
    struct mst_arena arena;
    struct mst_span out;

    mst_client_pump(w->client, w->now);
    out = mst_client_output(w->client);
    w->said[0] = '\0';
    mst_arena_init(&arena);
    if (out.len >= MST_PREAMBLE_BYTES && out.data[0] == 0x89) {
        mst_client_sent(w->client, MST_PREAMBLE_BYTES);
        out = mst_client_output(w->client);
    }
    while (out.len > 0) {
        struct mst_request request;
        struct mst_span payload;
        bool malformed;
        const char *why;
        size_t used;
        size_t need;

        assert_int_equal(mst_frame_next(out, MST_FRAME_BYTES_MAX, &payload, &used, &need),
                         MST_FRAME_OK);
        assert_int_equal(mst_request_decode(payload, &arena, &request, &malformed, &why), MST_OK);
        world_describe(w, &request);
        mst_client_sent(w->client, used);
        out = mst_client_output(w->client);
    }
    mst_arena_clear(&arena);
    return w->said;
}

static inline void world_connect(struct world *w)
{
    uint8_t preamble[MST_PREAMBLE_BYTES];

    mst_client_connected(w->client, w->now);
    mst_preamble_write(preamble, MST_CHANNEL_CLEAR);
    assert_true(mst_client_receive(w->client, mst_span_of(preamble, sizeof(preamble)), w->now));
}

static inline void world_welcome(struct world *w, enum mst_op op)
{
    w->welcome.op = op;
    world_reply(w, &w->welcome);
    assert_int_equal(mst_client_phase(w->client), MST_CLIENT_UP);
}

/* A client that is connected, and has said so. */
static inline void world_init(struct world *w, int64_t ttl_ns)
{
    struct mst_client_config config = {"test", "here", 1, ttl_ns};

    memset(w, 0, sizeof(*w));
    w->now = 1000 * S;
    w->client = mst_client_new(&config);
    assert_non_null(w->client);
    mst_reply_init(&w->welcome, MST_OP_HELLO);
    w->welcome.session = 7;
    w->welcome.secret = mst_span_of("secret", 6);
    w->welcome.boot = mst_span_of("boot 1", 6);
    world_connect(w);
}

static inline void world_up(struct world *w)
{
    world_init(w, 10 * S);
    world_said(w);
    world_welcome(w, MST_OP_HELLO);
}

static inline void world_move(struct world *w, int64_t by_ns)
{
    w->now += by_ns;
    mst_client_tick(w->client, w->now);
}

/* Takes the outcomes that somebody waits for off the list, as a transport would. */
static inline void world_settle(struct world *w)
{
    while (mst_client_next_woken(w->client) != NULL) {
    }
}

static inline void world_clear(struct world *w)
{
    struct mst_client_notice *notice;

    mst_client_bye(w->client, w->now);
    world_settle(w);
    while ((notice = mst_client_next_notice(w->client)) != NULL) {
        mst_client_notice_free(&notice);
    }
    mst_client_free(&w->client);
}

/* ---- calls: with a copy of the request; to be freed with world_free ---- */

static inline struct mst_call *world_submit(struct world *w, const struct mst_request *request)
{
    struct mst_call *call = mst_call_new(request, &w->owner);

    assert_non_null(call);
    mst_client_submit(w->client, call, w->now);
    return call;
}

static inline uint64_t world_handle(struct world *w, const char *name)
{
    struct mst_handle *handle = mst_client_open(w->client, name);

    assert_non_null(handle);
    return mst_handle_number(handle);
}

static inline struct mst_call *world_put(struct world *w, const char *queue, const char *body,
                                         int64_t timeout_ns)
{
    struct mst_span span = mst_span_text(body);
    struct mst_request put;

    mst_request_init(&put, MST_OP_PUT);
    put.handle = world_handle(w, queue);
    put.bodies = &span;
    put.bodies_count = 1;
    put.timeout_ns = timeout_ns;
    return world_submit(w, &put);
}

static inline struct mst_call *world_get(struct world *w, const char *queue, uint64_t mode,
                                         int64_t timeout_ns)
{
    uint64_t handle = world_handle(w, queue);
    struct mst_request get;

    mst_request_init(&get, MST_OP_GET);
    get.handles = &handle;
    get.handles_count = 1;
    get.mode = mode;
    get.timeout_ns = timeout_ns;
    return world_submit(w, &get);
}

static inline struct mst_call *world_op(struct world *w, enum mst_op op, const char *name)
{
    struct mst_request request;

    mst_request_init(&request, op);
    request.handle = world_handle(w, name);
    return world_submit(w, &request);
}

static inline void world_free(struct mst_call *call)
{
    assert_int_equal(call->state, MST_CALL_OVER);
    if (call->op == MST_OP_GET) {
        while (call->outcome.messages != NULL) {
            struct muster_message *message = call->outcome.messages;

            call->outcome.messages = message->next;
            mst_message_drop(NULL, message);
        }
    }
    mst_call_clear(call);
}

/* ---- what the broker says ---- */

static inline void broker_answers(struct world *w, enum mst_op op, uint64_t id, uint64_t answered,
                                  enum mst_status status)
{
    struct mst_reply reply;

    mst_reply_init(&reply, op);
    reply.id = id;
    reply.answered = answered;
    reply.status = status;
    reply.first = status == MST_OK ? 100 + id : 0;
    reply.taken = status == MST_OK ? answered : 0;
    world_reply(w, &reply);
}

/* Messages 1000+id, one for each of count gets. */
static inline void broker_delivers(struct world *w, uint64_t id, uint64_t count)
{
    struct mst_delivery deliveries[8];
    struct mst_reply reply;

    assert_true(count <= 8);
    mst_reply_init(&reply, MST_OP_GET);
    reply.id = id;
    reply.answered = count;
    memset(deliveries, 0, sizeof(deliveries));
    for (uint64_t i = 0; i < count; i++) {
        deliveries[i].id = 1000 + id + i;
        deliveries[i].number = 1;
        deliveries[i].body = mst_span_of("body", 4);
    }
    reply.deliveries = deliveries;
    reply.deliveries_count = (size_t)count;
    world_reply(w, &reply);
}

#define assert_said(w, text) assert_string_equal(world_said(w), text)
#define assert_over(call, expected)                                                                \
    do {                                                                                           \
        assert_int_equal((call)->state, MST_CALL_OVER);                                            \
        assert_string_equal(mst_status_name((int)(call)->status), mst_status_name(expected));      \
    } while (0)

#endif
