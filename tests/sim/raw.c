/* raw.c - a peer that speaks the protocol by hand. See raw.h. */
#include "tests/sim/raw.h"

#include <stdio.h>

#include "protocol/arena.h"
#include "protocol/frame.h"

void raw_open(struct raw *r, struct world *w, const char *name)
{
    uint8_t preamble[MST_PREAMBLE_BYTES];
    uint64_t conn = world_accept(w);

    memset(r, 0, sizeof(*r));
    r->world = w;
    r->name = name;
    mst_buf_init(&r->in);
    assert_true(conn != 0);
    r->wire = world_wire(w, conn);
    r->wire->raw = true;
    mst_preamble_write(preamble, MST_CHANNEL_CLEAR);
    raw_bytes(r, preamble, sizeof(preamble));
}

void raw_close(struct raw *r)
{
    if (r->wire->broker_has_it) {
        engine_closed(r->world->engine, r->wire->conn);
    }
    r->wire->raw = false;
    r->wire = NULL;
    mst_buf_clear(&r->in);
    world_settle(r->world);
}

/* ---- what it says ---- */

struct mst_request *raw_ask(struct raw *r, enum mst_op op, uint64_t id)
{
    mst_request_init(&r->asked, op);
    r->asked.id = id;
    r->body = mst_span_text("x");
    r->handle = 0;
    if (op == MST_OP_PUT) {
        r->asked.bodies = &r->body;
        r->asked.bodies_count = 1;
    } else if (op == MST_OP_GET) {
        r->asked.handles = &r->handle;
        r->asked.handles_count = 1;
    }
    return &r->asked;
}

void raw_queue(struct raw *r)
{
    struct mst_buf out;

    mst_buf_init(&out);
    assert_true(mst_request_encode(&out, &r->asked));
    pipe_give(&r->wire->up, mst_buf_span(&out), r->world->now_ns);
    mst_buf_clear(&out);
}

void raw_send(struct raw *r)
{
    raw_queue(r);
    world_settle(r->world);
    raw_read(r);
}

void raw_bytes(struct raw *r, const void *bytes, size_t len)
{
    pipe_give(&r->wire->up, mst_span_of(bytes, len), r->world->now_ns);
    world_settle(r->world);
    raw_read(r);
}

void raw_hello(struct raw *r, int64_t ttl_ns)
{
    struct mst_request *hello = raw_ask(r, MST_OP_HELLO, 0);

    hello->name = mst_span_text(r->name);
    hello->ttl_ns = ttl_ns;
    raw_send(r);
}

void raw_name(struct raw *r, uint64_t handle, const char *object)
{
    struct mst_request *open = raw_ask(r, MST_OP_OPEN, 0);

    open->handle = handle;
    open->name = mst_span_text(object);
    raw_send(r);
}

/* ---- what it hears ---- */

static void keep_welcome(struct raw *r, const struct mst_reply *reply)
{
    if (reply->status == MST_OK && reply->session != 0) {
        r->session = reply->session;
        assert_int_equal(reply->secret.len, MST_SECRET_BYTES);
        memcpy(r->secret, reply->secret.data, MST_SECRET_BYTES);
        r->in_flight_max = reply->in_flight_max;
    }
}

static void write_down(struct raw *r, const struct mst_reply *reply)
{
    char ids[64] = "";
    bool counts = reply->op == MST_OP_PUT || reply->op == MST_OP_GET || reply->op == MST_OP_DONE;
    uint64_t count = counts ? reply->answered : 1;

    if (reply->id != 0) {
        r->answered += count;
        snprintf(ids, sizeof(ids), count > 1 ? " %llu-%llu" : " %llu",
                 (unsigned long long)reply->id, (unsigned long long)(reply->id + count - 1));
    }
    if (reply->op == MST_OP_HELLO || reply->op == MST_OP_RESUME) {
        keep_welcome(r, reply);
    }
    if (reply->op != MST_OP_HEARTBEAT) {
        note(r->world, "%s %s%s %s%s%.*s%s", r->name, mst_op_name(reply->op), ids,
             mst_status_name((int)reply->status), reply->cause.len > 0 ? " (" : "",
             (int)reply->cause.len, (const char *)reply->cause.data,
             reply->cause.len > 0 ? ")" : "");
    }
}

static bool read_frame(struct raw *r, struct mst_arena *arena)
{
    struct mst_reply reply;
    struct mst_span payload;
    const char *why = NULL;
    bool malformed;
    size_t used;
    size_t need;

    if (mst_frame_next(mst_buf_span(&r->in), MST_FRAME_BYTES_MAX, &payload, &used, &need) !=
        MST_FRAME_OK) {
        return false;
    }
    assert_int_equal(mst_reply_decode(payload, arena, &reply, &malformed, &why), MST_OK);
    write_down(r, &reply);
    mst_buf_consume(&r->in, used);
    return true;
}

void raw_read(struct raw *r)
{
    struct mst_arena arena;
    struct mst_span bytes;

    while ((bytes = pipe_look(&r->wire->down, 0, r->world->now_ns)).len > 0) {
        assert_true(mst_buf_append(&r->in, bytes.data, bytes.len));
        pipe_take(&r->wire->down, bytes.len);
    }
    if (!r->greeted && mst_buf_size(&r->in) >= MST_PREAMBLE_BYTES) {
        mst_buf_consume(&r->in, MST_PREAMBLE_BYTES);
        r->greeted = true;
    }
    mst_arena_init(&arena);
    while (r->greeted && read_frame(r, &arena)) {
        mst_arena_reset(&arena);
    }
    mst_arena_clear(&arena);
    if (!r->wire->broker_has_it && !r->ended) {
        r->ended = true;
        note(r->world, "%s closed", r->name);
    }
}

/* ---- how stories begin ---- */

void raw_begin(struct raw *r, struct world *w)
{
    raw_open(r, w, "r");
    raw_hello(r, 10 * SECOND);
    raw_name(r, 0, "jobs");
    expect(w, "r HELLO OK");
}

void raw_come_back(struct raw *r, struct mst_range *pending, size_t count)
{
    struct world *w = r->world;
    struct raw old = *r;
    struct mst_request *resume;

    raw_close(r);
    raw_open(r, w, "r");
    memcpy(r->secret, old.secret, sizeof(r->secret));
    resume = raw_ask(r, MST_OP_RESUME, 0);
    resume->session = old.session;
    resume->secret = mst_span_of(r->secret, sizeof(r->secret));
    resume->pending = pending;
    resume->pending_count = count;
    raw_send(r);
}
