/* guard.c - work that is always the same, for counting instructions: put, get, done.
 *
 *   guard core|engine|waiting MESSAGES BATCH
 *
 * `core` tells events to the core; `engine` gives bytes to the whole broker and takes bytes from
 * it, in memory, under a clock that stands still: no socket, no file, no chance; so does `waiting`,
 * where each get waits for its put. guard.sh counts what guard_work does, and nothing else. With a
 * batch above 1 so many requests travel in one frame. That no message is left in the end shows that
 * the work was done. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/crew.h"
#include "broker/core/core.h"
#include "broker/engine/engine.h"
#include "protocol/frame.h"

enum { WARM = 2000, BODY = 100, BATCH_MAX = 1000, HANDLE = 1 };

struct guard {
    struct engine *engine; /* NULL: the core alone */
    bool gets_first;
    uint64_t waiting; /* gets without an answer */
    struct core *core;
    struct effects effects;
    uint64_t conn;
    uint64_t session;
    uint64_t next_id;
    uint64_t confirmed;
    uint64_t next_message;
    size_t batch;
    size_t sent; /* bytes that the engine gave out */
    struct mst_buf frame;
    struct mst_span bodies[BATCH_MAX];
};

void guard_work(struct guard *guard, size_t messages);

/* ---- ports ---- */

static int64_t now_ns(void *user)
{
    (void)user;
    return 1000 * NS_PER_S;
}

static void entropy(void *user, uint8_t *out, size_t len)
{
    (void)user;
    memset(out, 7, len);
}

static ptrdiff_t send_pieces(void *user, uint64_t conn, const struct mst_span *pieces, size_t count)
{
    size_t len = mst_spans_len(pieces, count);

    (void)conn;
    ((struct guard *)user)->sent += len;
    return (ptrdiff_t)len;
}

static void close_conn(void *user, uint64_t conn)
{
    (void)user;
    (void)conn;
}

static void log_text(void *user, const struct engine_note *note)
{
    (void)user;
    (void)note;
}

/* ---- telling the core ---- */

static void tell(struct guard *guard, enum event_kind kind, const struct mst_request *request,
                 const struct mst_range *confirmed)
{
    uint8_t secret[MST_SECRET_BYTES] = {1};
    struct event event = {.now_ns = now_ns(guard), .kind = kind, .conn = guard->conn};
    event.session = guard->session;
    event.request = request;
    event.confirmed = confirmed;
    event.confirmed_count = confirmed->count > 0;
    event.secret = mst_span_of(secret, sizeof(secret));
    core_step(guard->core, &event, &guard->effects);
    if (kind == EVENT_HELLO) {
        guard->session = guard->effects.items[0].reply.session;
    }
}

/* ---- one request, by either way ---- */

static void say(struct guard *guard, struct mst_request *request)
{
    uint64_t before = guard->next_id - 1 - guard->waiting;
    request->confirm = before;
    if (guard->engine != NULL) {
        guard->frame.len = 0;
        if (!mst_request_encode(&guard->frame, request)) {
            die("guard: out of memory");
        }
        engine_receive(guard->engine, guard->conn, mst_buf_span(&guard->frame));
        engine_turn(guard->engine);
        return;
    }
    struct mst_range confirmed = {guard->confirmed + 1, before - guard->confirmed};
    guard->confirmed = before;
    tell(guard, request->op == MST_OP_HELLO ? EVENT_HELLO : EVENT_REQUEST, request, &confirmed);
}

static uint64_t ids(struct guard *guard)
{
    uint64_t first = guard->next_id;
    guard->next_id += guard->batch;
    return first;
}

static void say_counted(struct guard *guard, struct mst_request *request)
{
    request->id = guard->next_id;
    request->handle = HANDLE;
    say(guard, request);
    ids(guard);
}

static void put(struct guard *guard)
{
    struct mst_request request;
    mst_request_init(&request, MST_OP_PUT);
    request.bodies = guard->bodies;
    request.bodies_count = guard->batch;
    say_counted(guard, &request);
}

static void get(struct guard *guard)
{
    struct mst_request request;
    uint64_t handle = HANDLE;
    mst_request_init(&request, MST_OP_GET);
    request.handles = &handle;
    request.handles_count = 1;
    request.mode = MST_GET_LEASE;
    request.count = guard->batch;
    say_counted(guard, &request);
}

static void finish(struct guard *guard)
{
    struct mst_request request;
    struct mst_run run = {guard->next_message, 1, guard->batch};
    mst_request_init(&request, MST_OP_DONE);
    request.runs = &run;
    request.runs_count = 1;
    say_counted(guard, &request);
    guard->next_message += guard->batch;
}

static void pass_batch(struct guard *guard)
{
    if (guard->gets_first) {
        get(guard);
        guard->waiting = guard->batch;
        put(guard);
        guard->waiting = 0;
    } else {
        put(guard);
        get(guard);
    }
    finish(guard);
}

static void greet(struct guard *guard)
{
    struct mst_request request;
    mst_request_init(&request, MST_OP_HELLO);
    request.name = mst_span_text("guard");
    request.ttl_ns = NS_PER_S;
    say(guard, &request);
    mst_request_init(&request, MST_OP_OPEN);
    request.handle = HANDLE;
    request.name = mst_span_text("jobs");
    say(guard, &request);
}

static void start(struct guard *guard, bool engine)
{
    uint8_t preamble[MST_PREAMBLE_BYTES];
    struct engine_config config;
    struct core_config core_config;
    struct engine_peer peer = {.address = "guard"};
    struct engine_ports ports = {guard, now_ns, now_ns, entropy, send_pieces, close_conn, log_text};
    core_config_init(&core_config);
    engine_config_init(&config);
    guard->conn = 1;
    if (!engine) {
        guard->core = need(core_new(&core_config));
        return;
    }
    guard->engine = need(engine_new(&config, &ports, NULL));
    guard->conn = engine_accept(guard->engine, &peer);
    mst_preamble_write(preamble, MST_CHANNEL_CLEAR);
    engine_receive(guard->engine, guard->conn, mst_span_of(preamble, sizeof(preamble)));
}

__attribute__((noinline)) static void pass(struct guard *guard, size_t messages)
{
    for (size_t i = 0; i < messages / guard->batch; i++) {
        pass_batch(guard);
    }
}

/* Counting begins when this is entered and ends when it is left. */
__attribute__((noinline)) void guard_work(struct guard *guard, size_t messages)
{
    pass(guard, messages);
}

static void check(const struct guard *guard)
{
    const struct core *core = guard->engine != NULL ? engine_core(guard->engine) : guard->core;
    struct core_figures figures = core_figures(core);
    if (figures.messages != 0 || figures.connected != 1 || guard->next_message <= WARM ||
        (guard->engine != NULL && guard->sent == 0)) {
        die("guard: the work was not done: %llu messages are left",
            (unsigned long long)figures.messages);
    }
}

int main(int count, char **words)
{
    static const char body[BODY] = "what the message says does not matter";
    struct guard *guard = need(calloc(1, sizeof(*guard)));
    if (count != 4) {
        die("usage: guard core|engine|waiting MESSAGES BATCH");
    }
    size_t messages = strtoull(words[2], NULL, 10);
    guard->batch = strtoull(words[3], NULL, 10);
    if (guard->batch < 1 || guard->batch > BATCH_MAX) {
        die("guard: a batch has 1 to %d messages", BATCH_MAX);
    }
    guard->next_id = 1;
    guard->next_message = 1;
    mst_buf_init(&guard->frame);
    effects_init(&guard->effects);
    for (size_t i = 0; i < guard->batch; i++) {
        guard->bodies[i] = mst_span_of(body, sizeof(body));
    }
    guard->gets_first = strcmp(words[1], "waiting") == 0;
    start(guard, strcmp(words[1], "core") != 0);
    greet(guard);
    pass(guard, WARM);
    guard_work(guard, messages);
    check(guard);
    return 0;
}
