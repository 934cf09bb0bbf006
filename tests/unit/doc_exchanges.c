/* doc_exchanges.c - the worked exchanges of PROTOCOL.md: real messages, encoded by the real codec.
 *
 * Each line of hex is followed by the same bytes as text: what msgpack-c reads out of them. */
#include "tests/unit/cmocka_all.h"

#include <inttypes.h>
#include <msgpack/unpack.h>

#include "protocol/arena.h"
#include "protocol/frame.h"
#include "protocol/message.h"
#include "tests/unit/doc.h"

enum { HEX_PER_LINE = 28 };

/* ---- printing ---- */

static void put_hex(struct mst_buf *out, const char *side, struct mst_span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (i % HEX_PER_LINE == 0) {
            doc_put(out, "%s%-7s", i == 0 ? "" : "\n", i == 0 ? side : "");
        }
        doc_put(out, " %02x", bytes.data[i]);
    }
    doc_put(out, "\n");
}

static bool is_printable(const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] < 0x20 || data[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

static void put_bytes(struct mst_buf *out, const char *data, size_t len)
{
    if (is_printable(data, len)) {
        doc_put(out, "b\"%.*s\"", (int)len, data);
    } else {
        doc_put(out, "%zu bytes", len);
    }
}

static void put_object(struct mst_buf *out, const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_NIL: doc_put(out, "nil"); break;
    case MSGPACK_OBJECT_BOOLEAN: doc_put(out, object->via.boolean ? "true" : "false"); break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER: doc_put(out, "%" PRIu64, object->via.u64); break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER: doc_put(out, "%" PRId64, object->via.i64); break;
    case MSGPACK_OBJECT_STR:
        doc_put(out, "\"%.*s\"", (int)object->via.str.size, object->via.str.ptr);
        break;
    case MSGPACK_OBJECT_BIN: put_bytes(out, object->via.bin.ptr, object->via.bin.size); break;
    case MSGPACK_OBJECT_ARRAY:
        for (uint32_t i = 0; i < object->via.array.size; i++) {
            doc_put(out, i == 0 ? "[" : ", ");
            put_object(out, &object->via.array.ptr[i]);
        }
        doc_put(out, object->via.array.size == 0 ? "[]" : "]");
        break;
    case MSGPACK_OBJECT_MAP:
        for (uint32_t i = 0; i < object->via.map.size; i++) {
            doc_put(out, i == 0 ? "{" : ", ");
            put_object(out, &object->via.map.ptr[i].key);
            doc_put(out, ": ");
            put_object(out, &object->via.map.ptr[i].val);
        }
        doc_put(out, object->via.map.size == 0 ? "{}" : "}");
        break;
    default: fail_msg("a msgpack type that no message has");
    }
}

static void put_frame(struct mst_buf *out, const char *side, struct mst_span frame,
                      const char *what)
{
    struct mst_span payload = MST_SPAN_NONE;
    msgpack_zone zone;
    msgpack_object object;
    size_t used = 0;
    size_t need = 0;

    put_hex(out, side, frame);
    assert_int_equal(mst_frame_next(frame, MST_FRAME_BYTES_MAX, &payload, &used, &need),
                     MST_FRAME_OK);
    assert_true(msgpack_zone_init(&zone, 4096));
    used = 0;
    assert_int_equal(msgpack_unpack((const char *)payload.data, payload.len, &used, &zone, &object),
                     MSGPACK_UNPACK_SUCCESS);
    doc_put(out, "        ");
    put_object(out, &object);
    doc_put(out, "\n        %s\n", what);
    msgpack_zone_destroy(&zone);
}

static void client(struct mst_buf *out, const struct mst_request *request, const char *what)
{
    struct mst_buf frame;

    mst_buf_init(&frame);
    assert_true(mst_request_encode(&frame, request));
    put_frame(out, "client", mst_buf_span(&frame), what);
    mst_buf_clear(&frame);
}

static void broker(struct mst_buf *out, const struct mst_reply *reply, const char *what)
{
    struct mst_buf frame;

    mst_buf_init(&frame);
    assert_true(mst_reply_encode(&frame, reply));
    put_frame(out, "broker", mst_buf_span(&frame), what);
    mst_buf_clear(&frame);
}

static void preamble(struct mst_buf *out, const char *side)
{
    uint8_t bytes[MST_PREAMBLE_BYTES];

    mst_preamble_write(bytes, MST_CHANNEL_CLEAR);
    put_hex(out, side, mst_span_of(bytes, sizeof(bytes)));
    doc_put(out, "        preamble: version 1, clear\n");
}

/* ---- messages ---- */

static struct mst_request ask(enum mst_op op, uint64_t id, uint64_t confirm)
{
    struct mst_request request;

    mst_request_init(&request, op);
    request.id = id;
    request.confirm = confirm;
    return request;
}

static struct mst_reply say(enum mst_op op, uint64_t id)
{
    struct mst_reply reply;

    mst_reply_init(&reply, op);
    reply.id = id;
    return reply;
}

static struct mst_span text(const char *chars)
{
    return mst_span_text(chars);
}

static const uint8_t secret[MST_SECRET_BYTES] = {
    0x9b, 0x1f, 0x62, 0xd0, 0x37, 0xe4, 0x5a, 0x88, 0x0c, 0xf1, 0x6e, 0x43, 0xb9, 0x25, 0xd7, 0x70,
    0x14, 0xaa, 0x3c, 0x9f, 0xe2, 0x58, 0x81, 0x06, 0x7d, 0xc5, 0x4b, 0xf8, 0x29, 0x93, 0x6a, 0xde};
static const uint8_t boot[MST_BOOT_BYTES] = {0x51, 0xc8, 0x0e, 0x97, 0xaf, 0x24, 0x6d, 0xb3,
                                             0x1a, 0xf6, 0x42, 0xd9, 0x85, 0x30, 0xeb, 0x7c};

void doc_random(uint8_t *boot_out, uint8_t *secret_out)
{
    memcpy(boot_out, boot, sizeof(boot));
    memcpy(secret_out, secret, sizeof(secret));
}

static struct mst_reply welcome(enum mst_op op)
{
    struct mst_reply reply = say(op, 0);

    reply.session = 1;
    reply.secret = mst_span_of(secret, sizeof(secret));
    reply.boot = mst_span_of(boot, sizeof(boot));
    reply.version = text("0.1.0");
    return reply;
}

static void open_as(struct mst_buf *out, uint64_t handle, const char *name, const char *what)
{
    struct mst_request request = ask(MST_OP_OPEN, 0, 0);

    request.handle = handle;
    request.name = text(name);
    client(out, &request, what);
}

/* ---- exchanges ---- */

static void put_session(struct mst_buf *out)
{
    struct mst_request hello = ask(MST_OP_HELLO, 0, 0);
    struct mst_reply reply = welcome(MST_OP_HELLO);

    hello.name = text("worker");
    hello.host = text("mill");
    hello.pid = 4711;
    preamble(out, "client");
    client(out, &hello, "HELLO: worker on mill, process 4711, the default time-to-live");
    preamble(out, "broker");
    broker(out, &reply, "welcome: session 1, its secret, the boot id, default limits, the version");

    struct mst_request ping = ask(MST_OP_PING, 1, 0);
    client(out, &ping, "PING as request 1");
    struct mst_fact facts[] = {
        {text("objects"), false, 0, MST_SPAN_NONE},   {text("sessions"), false, 1, MST_SPAN_NONE},
        {text("connected"), false, 1, MST_SPAN_NONE}, {text("waits"), false, 0, MST_SPAN_NONE},
        {text("messages"), false, 0, MST_SPAN_NONE},  {text("memory"), false, 0, MST_SPAN_NONE}};
    reply = say(MST_OP_PING, 1);
    reply.version = text("0.1.0");
    reply.facts = facts;
    reply.facts_count = sizeof(facts) / sizeof(facts[0]);
    broker(out, &reply, "OK");
    struct mst_request heartbeat = ask(MST_OP_HEARTBEAT, 0, 1);
    client(out, &heartbeat, "HEARTBEAT: the answer to request 1 was taken");
    reply = say(MST_OP_HEARTBEAT, 0);
    broker(out, &reply, "HEARTBEAT: the broker is there");
    struct mst_request bye = ask(MST_OP_BYE, 0, 1);
    client(out, &bye, "BYE");
    reply = say(MST_OP_BYE, 0);
    broker(out, &reply, "OK; the broker closes");
}

static void put_and_get(struct mst_buf *out)
{
    struct mst_span bodies[] = {text("first"), text("second")};
    struct mst_delivery deliveries[] = {
        {.id = 1, .number = 1, .body = bodies[0], .age_ns = 250000},
        {.id = 2, .number = 1, .body = bodies[1], .age_ns = 250000},
    };
    uint64_t handles[] = {0};
    struct mst_request put = ask(MST_OP_PUT, 1, 0);
    struct mst_reply reply = say(MST_OP_PUT, 1);

    put.bodies = bodies;
    put.bodies_count = 2;
    client(out, &put, "PUT of two bodies, mode each: requests 1 and 2");
    reply.answered = reply.taken = 2;
    reply.first = 1;
    broker(out, &reply, "OK for both: messages 1 and 2 are in");

    struct mst_request get = ask(MST_OP_GET, 3, 2);
    get.handles = handles;
    get.handles_count = 1;
    get.count = 2;
    client(out, &get, "GET by lease, for ever, twice: requests 3 and 4; both puts are confirmed");
    reply = say(MST_OP_GET, 3);
    reply.answered = 2;
    reply.deliveries = deliveries;
    reply.deliveries_count = 2;
    broker(out, &reply, "OK for both: messages 1 and 2, each given for the first time");
}

static void put_queue(struct mst_buf *out)
{
    struct mst_run run = {1, 1, 2};
    uint64_t handles[] = {0};

    open_as(out, 0, "jobs", "OPEN: 0 stands for jobs");
    put_and_get(out);

    struct mst_request done = ask(MST_OP_DONE, 5, 4);
    done.runs = &run;
    done.runs_count = 1;
    client(out, &done, "DONE for delivery 1 of messages 1 and 2: requests 5 and 6");
    struct mst_reply reply = say(MST_OP_DONE, 5);
    reply.answered = 2;
    broker(out, &reply, "OK for both");

    struct mst_request get = ask(MST_OP_GET, 7, 6);
    get.handles = handles;
    get.handles_count = 1;
    get.timeout_ns = 0;
    client(out, &get, "GET without waiting: request 7");
    reply = say(MST_OP_GET, 7);
    reply.status = MST_EMPTY;
    broker(out, &reply, "EMPTY");
}

static void put_join(struct mst_buf *out)
{
    uint64_t tallies[MST_TALLY_COUNT] = {[MST_TALLY_DONE] = 2};
    struct mst_request request = ask(MST_OP_JOIN, 8, 7);
    struct mst_reply reply = say(MST_OP_JOIN, 8);

    request.timeout_ns = 5000000000;
    client(out, &request, "JOIN of handle 0, for 5 seconds at most: request 8");
    reply.tallies = tallies;
    reply.tallies_count = MST_TALLY_COUNT;
    broker(out, &reply, "OK: nothing is unfinished; 2 were finished, none left otherwise");
}

static void put_event(struct mst_buf *out)
{
    struct mst_request wait = ask(MST_OP_EVENT_WAIT, 1, 0);
    struct mst_request set = ask(MST_OP_EVENT_SET, 2, 0);
    struct mst_reply reply = say(MST_OP_EVENT_WAIT, 1);

    open_as(out, 1, "ready", "OPEN: 1 stands for ready");
    wait.handle = set.handle = 1;
    wait.timeout_ns = 1000000000;
    client(out, &wait, "EVENT_WAIT for a second: request 1");
    client(out, &set, "EVENT_SET: request 2");
    reply.flag = true;
    reply.generation = 1;
    reply.object_version = 2;
    broker(out, &reply, "OK: it is set, for the first time");
    reply.op = MST_OP_EVENT_SET;
    reply.id = 2;
    broker(out, &reply, "OK: it is set");
}

static void put_barrier(struct mst_buf *out)
{
    struct mst_request wait = ask(MST_OP_BARRIER_WAIT, 1, 0);
    struct mst_request abort = ask(MST_OP_BARRIER_ABORT, 3, 2);
    struct mst_reply reply = say(MST_OP_BARRIER_WAIT, 1);

    open_as(out, 2, "start", "OPEN: 2 stands for start");
    wait.handle = abort.handle = 2;
    wait.parties = 2;
    client(out, &wait, "BARRIER_WAIT for two parties: request 1");
    wait.id = 2;
    client(out, &wait, "the second party, here the same client: request 2");
    broker(out, &reply, "OK: it arrived first, in generation 0");
    reply.id = 2;
    reply.index = 1;
    broker(out, &reply, "OK: it arrived second");
    client(out, &abort, "BARRIER_ABORT: request 3");
    reply = say(MST_OP_BARRIER_ABORT, 3);
    broker(out, &reply, "OK");
    wait.id = 4;
    wait.confirm = 3;
    client(out, &wait, "BARRIER_WAIT: request 4");
    reply = say(MST_OP_BARRIER_WAIT, 4);
    reply.status = MST_BROKEN;
    reply.cause = text("abort");
    broker(out, &reply, "BROKEN: abort");
}

static void put_admin(struct mst_buf *out)
{
    struct mst_fact settings[] = {{.name = text("maxsize"), .number = 100},
                                  {.name = text("durable"), .number = 0}};
    struct mst_entry entry = {.name = text("orders"), .kind = MST_KIND_PRIORITY};
    struct mst_request declare = ask(MST_OP_DECLARE, 1, 0);
    struct mst_reply reply = say(MST_OP_DECLARE, 1);

    open_as(out, 3, "orders", "OPEN: 3 stands for orders");
    declare.handle = 3;
    declare.kind = MST_KIND_PRIORITY;
    declare.settings = settings;
    declare.settings_count = 2;
    client(out, &declare, "DECLARE: a priority queue in memory for 100 messages");
    reply.flag = true;
    broker(out, &reply, "OK: it was made");

    declare.id = 2;
    declare.confirm = 1;
    settings[0].number = 200;
    declare.settings_count = 1;
    client(out, &declare, "DECLARE with another maxsize");
    reply = say(MST_OP_DECLARE, 2);
    reply.status = MST_CONFLICT;
    reply.cause = text("maxsize is 100, not 200");
    broker(out, &reply, "CONFLICT: UPDATE would change it");

    struct mst_request list = ask(MST_OP_LIST, 3, 2);
    list.pattern = text("o*");
    client(out, &list, "LIST of all names that begin with o");
    reply = say(MST_OP_LIST, 3);
    reply.entries = &entry;
    reply.entries_count = 1;
    broker(out, &reply, "OK: orders, a priority queue, empty, nobody waits");
}

static void put_resume(struct mst_buf *out)
{
    uint64_t tallies[MST_TALLY_COUNT] = {[MST_TALLY_DONE] = 2};
    struct mst_range pending = {8, 1};
    struct mst_request resume = ask(MST_OP_RESUME, 0, 0);
    struct mst_reply reply = welcome(MST_OP_RESUME);

    resume.session = 1;
    resume.secret = mst_span_of(secret, sizeof(secret));
    resume.pending = &pending;
    resume.pending_count = 1;
    preamble(out, "client");
    client(out, &resume, "RESUME of session 1: request 8 will come again, nothing was given up");
    preamble(out, "broker");
    broker(out, &reply, "welcome back");
    open_as(out, 0, "jobs", "OPEN: handles belong to the connection");
    struct mst_request join = ask(MST_OP_JOIN, 8, 0);
    join.timeout_ns = 5000000000;
    client(out, &join, "the JOIN whose answer was lost with the connection, by its own id");
    reply = say(MST_OP_JOIN, 8);
    reply.tallies = tallies;
    reply.tallies_count = MST_TALLY_COUNT;
    broker(out, &reply, "its first and only outcome, again");
}

/* ---- by name ---- */

static const char *const names[] = {
    "exchange session", "exchange queue", "exchange join",   "exchange event",
    "exchange barrier", "exchange admin", "exchange resume", NULL};

const char *const *doc_exchange_names(void)
{
    return names;
}

bool doc_exchange(const char *name, struct mst_buf *out)
{
    static void (*const puts[])(struct mst_buf *) = {put_session, put_queue, put_join,  put_event,
                                                     put_barrier, put_admin, put_resume};

    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(name, names[i]) == 0) {
            doc_put(out, "```\n");
            puts[i](out);
            doc_put(out, "```\n");
            return true;
        }
    }
    return false;
}
