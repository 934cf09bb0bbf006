/* core_world.c - the world that core_world.h describes; core_copy.c and
 * core_expect.c have the rest of it. */
#include "tests/unit/core_world.h"

#include "protocol/ops.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#define WALL_NS INT64_C(1700000000000000000)

/* ---- steps ---- */

static struct world_client *client_of_conn(struct world *w, uint64_t conn)
{
    for (size_t i = 0; i < w->clients_count && conn != 0; i++) {
        if (w->clients[i].conn == conn) {
            return &w->clients[i];
        }
    }
    return NULL;
}

static void take_reply(struct world *w, const struct effect *effect)
{
    struct world_client *client = client_of_conn(w, effect->conn);
    const struct mst_reply *reply = world_copy_reply(&w->arena, &effect->reply);
    uint64_t answered = reply->answered > 0 ? reply->answered : 1;

    assert_true(effect->seq <= w->journal_seq); /* it waits for a record that exists */
    if (client == NULL) {
        return; /* to a connection that was displaced in this step */
    }
    if (reply->id == 0) {
        client->notice = reply;
        return;
    }
    for (uint64_t i = 0; i < answered; i++) {
        size_t at = (size_t)(reply->id + i - 1);

        assert_true(at < client->requests_count); /* nobody is told what it did not ask */
        client->requests[at].reply = reply;
        client->requests[at].replies++;
    }
}

/* Bodies that are away are read where they stand. */
static void fill_bodies(const struct world *w, const struct effects *effects)
{
    for (size_t i = 0; i < effects->count; i++) {
        const struct mst_reply *reply = &effects->items[i].reply;

        for (size_t j = 0; effects->items[i].kind == EFFECT_REPLY && j < reply->deliveries_count;
             j++) {
            struct mst_delivery *delivery = &reply->deliveries[j];

            if (delivery->place != 0) {
                assert_null(delivery->body.data);
                delivery->body = store_body(&w->store, delivery->place, delivery->body.len);
                delivery->place = 0;
            }
        }
    }
}

static void expect_same_reply(const struct mst_reply *a, const struct mst_reply *b)
{
    struct mst_buf encoded[2];

    mst_buf_init(&encoded[0]);
    mst_buf_init(&encoded[1]);
    assert_true(mst_reply_encode(&encoded[0], a) && mst_reply_encode(&encoded[1], b));
    assert_true(mst_span_equal(mst_buf_span(&encoded[0]), mst_buf_span(&encoded[1])));
    mst_buf_clear(&encoded[0]);
    mst_buf_clear(&encoded[1]);
}

/* The twin has another past, and the same present. */
static void step_twin(struct world *w, const struct event *event)
{
    const struct effects *a = &w->effects;
    const struct effects *b = &w->twin_effects;

    core_step(w->twin, event, &w->twin_effects);
    assert_true(mst_span_equal(mst_buf_span(&a->records), mst_buf_span(&b->records)));
    store_place(&w->store, b);
    fill_bodies(w, b);
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(a->items[i].kind, b->items[i].kind);
        assert_true(a->items[i].conn == b->items[i].conn);
        /* Only a ping tells how much is in memory, and that may differ. */
        if (a->items[i].kind == EFFECT_REPLY &&
            (w->bodies_max == 0 || a->items[i].reply.op != MST_OP_PING)) {
            expect_same_reply(&a->items[i].reply, &b->items[i].reply);
        }
    }
}

void world_step(struct world *w, struct event *event)
{
    event->now_ns = w->now_ns;
    event->wall_ns = WALL_NS + w->now_ns;
    event->storage_full = w->storage_full;
    event->memory_short = w->memory_short;
    core_step(w->core, event, &w->effects);
    store_append(&w->store, &w->effects);
    fill_bodies(w, &w->effects);
    if (w->effects.records_seq != 0) {
        w->journal_seq = w->effects.records_seq;
    }
    if (w->twin != NULL) {
        step_twin(w, event);
    }
    for (size_t i = 0; i < w->effects.count; i++) {
        const struct effect *effect = &w->effects.items[i];
        struct world_client *client = client_of_conn(w, effect->conn);

        if (effect->kind == EFFECT_REPLY) {
            take_reply(w, effect);
        } else if (client != NULL) {
            client->closed = effect->why;
            client->conn = 0;
        }
    }
}

static void step_request(struct world *w, struct world_client *client,
                         const struct mst_request *request)
{
    struct event event = {.kind = EVENT_REQUEST,
                          .conn = client->conn,
                          .session = client->session,
                          .request = request};

    assert_true(client->conn != 0);
    world_step(w, &event);
}

/* ---- the world ---- */

void world_open(struct world *w, enum world_storage storage)
{
    memset(w, 0, sizeof(*w));
    core_config_init(&w->config);
    w->config.reserve_bytes = 1 << 16; /* large blocks cost time under sanitizers */
    w->config.has_storage = storage == WORLD_DURABLE;
    memset(w->config.boot, 1, sizeof(w->config.boot));
    w->now_ns = 1000 * SECOND;
    w->next_conn = 1;
    effects_init(&w->effects);
    mst_arena_init(&w->arena);
    effects_init(&w->twin_effects);
    store_init(&w->store);
    w->core = core_new(&w->config);
    assert_non_null(w->core);
}

/* Takes the other core. */
static void expect_like(const struct world *w, const char *text, struct core *other)
{
    char *of_other = store_dump(&w->store, other);

    assert_string_equal(text, of_other);
    assert_int_equal(core_figures(other).durable_messages, core_figures(w->core).durable_messages);
    assert_int_equal(core_figures(other).durable_bytes, core_figures(w->core).durable_bytes);
    free(of_other);
    core_free(&other);
}

void expect_replay_is_equal(struct world *w)
{
    char *live = w->config.has_storage ? store_dump(&w->store, w->core) : strdup("");

    assert_non_null(live);
    expect_like(w, live, store_replay(&w->store, &w->config));
    expect_like(w, live, store_recover(&w->store, &w->config));
    if (w->config.has_storage) {
        expect_like(w, live, store_copy(&w->store, w->core, &w->config));
    }
    free(live);
}

void world_close(struct world *w)
{
    expect_replay_is_equal(w);
    core_free(&w->core);
    core_free(&w->twin);
    for (size_t i = 0; i < w->clients_count; i++) {
        free(w->clients[i].requests);
    }
    effects_clear(&w->effects);
    effects_clear(&w->twin_effects);
    mst_arena_clear(&w->arena);
    store_clear(&w->store);
}

void world_restart(struct world *w)
{
    struct core_config config;

    expect_replay_is_equal(w);
    core_free(&w->core);
    core_free(&w->twin);
    w->config.boot[0]++;
    config = w->config;
    config.bodies_max = w->bodies_max;
    if (w->store.count < STORE_CHECKPOINTS) {
        store_compact(&w->store, &config);
    }
    w->core = store_recover(&w->store, &config);
    w->twin = store_replay(&w->store, &w->config);
    if (w->bodies_max == 0) { /* with the same memory, both take the same */
        store_fetch(&w->store, w->core);
        assert_int_equal(core_figures(w->core).memory, core_figures(w->twin).memory);
    }
    for (size_t i = 0; i < w->clients_count; i++) {
        w->clients[i].conn = 0;
    }
}

void world_advance(struct world *w, int64_t ns)
{
    int64_t until_ns = w->now_ns + ns;
    int64_t deadline_ns = core_next_deadline_ns(w->core);

    while (deadline_ns <= until_ns) {
        struct event event = {.kind = EVENT_TICK};

        w->now_ns = deadline_ns > w->now_ns ? deadline_ns : w->now_ns;
        world_step(w, &event);
        deadline_ns = core_next_deadline_ns(w->core);
    }
    w->now_ns = until_ns;
}

void world_drain(struct world *w)
{
    struct event event = {.kind = EVENT_DRAIN};

    world_step(w, &event);
}

/* ---- clients ---- */

struct world_client *world_client(struct world *w, const char *who)
{
    for (size_t i = 0; i < w->clients_count; i++) {
        if (strcmp(w->clients[i].name, who) == 0) {
            return &w->clients[i];
        }
    }
    fail_msg("nobody is called %s", who);
    return NULL;
}

void world_hello_ttl(struct world *w, const char *who, int64_t ttl_ns)
{
    struct world_client *client = &w->clients[w->clients_count++];
    struct mst_request hello;
    struct event event = {.kind = EVENT_HELLO, .conn = w->next_conn++, .request = &hello};

    assert_true(w->clients_count <= WORLD_CLIENTS);
    client->name = who;
    client->conn = event.conn;
    client->ttl_ns = ttl_ns;
    memset(client->secret, (int)w->clients_count, sizeof(client->secret));
    mst_request_init(&hello, MST_OP_HELLO);
    hello.name = mst_span_text(who);
    hello.host = mst_span_text("host");
    hello.pid = w->clients_count;
    hello.ttl_ns = ttl_ns;
    event.secret = mst_span_of(client->secret, sizeof(client->secret));
    world_step(w, &event);
    assert_non_null(client->notice);
    assert_int_equal(client->notice->status, MST_OK);
    client->session = client->notice->session;
}

void world_hello(struct world *w, const char *who)
{
    world_hello_ttl(w, who, MST_TTL_DEFAULT_NS);
}

void world_lose(struct world *w, const char *who)
{
    struct world_client *client = world_client(w, who);
    struct event event = {.kind = EVENT_LOST, .conn = client->conn, .session = client->session};

    assert_true(client->conn != 0);
    client->conn = 0;
    world_step(w, &event);
}

static void open_handle(struct world *w, struct world_client *client, size_t handle)
{
    struct mst_request open;

    mst_request_init(&open, MST_OP_OPEN);
    open.handle = handle;
    open.name = mst_span_text(client->handles[handle]);
    step_request(w, client, &open);
}

uint64_t world_handle(struct world *w, const char *who, const char *object)
{
    struct world_client *client = world_client(w, who);

    for (size_t i = 0; i < client->handles_count; i++) {
        if (strcmp(client->handles[i], object) == 0) {
            return i;
        }
    }
    assert_true(client->handles_count < WORLD_HANDLES);
    client->handles[client->handles_count++] = object;
    open_handle(w, client, client->handles_count - 1);
    return client->handles_count - 1;
}

static bool is_pending(const struct world_request *request)
{
    return request->reply == NULL && !request->given_up && request->request.id != 0;
}

static size_t ranges_of(struct world *w, const struct world_client *client, bool given_up,
                        struct mst_range **out)
{
    size_t n = 0;

    *out = mst_arena_take(&w->arena, (client->requests_count + 1) * sizeof(**out));
    assert_non_null(*out);
    for (size_t i = 0; i < client->requests_count; i++) {
        const struct world_request *request = &client->requests[i];

        if (given_up ? request->given_up : request->reply == NULL && !request->given_up) {
            (*out)[n++] = (struct mst_range){i + 1, 1};
        }
    }
    return n;
}

void world_reconnect(struct world *w, const char *who)
{
    struct world_client *client = world_client(w, who);
    struct mst_request resume;
    struct event event = {.kind = EVENT_RESUME, .conn = w->next_conn++, .request = &resume};

    client->conn = event.conn;
    client->closed = NULL;
    client->notice = NULL;
    mst_request_init(&resume, MST_OP_RESUME);
    resume.session = client->session;
    resume.secret = mst_span_of(client->secret, sizeof(client->secret));
    resume.pending_count = ranges_of(w, client, false, &resume.pending);
    resume.abandoned_count = ranges_of(w, client, true, &resume.abandoned);
    world_step(w, &event);
    assert_non_null(client->notice);
    assert_int_equal(client->notice->status, MST_OK);
    for (size_t i = 0; i < client->handles_count; i++) {
        open_handle(w, client, i);
    }
}

void world_resend(struct world *w, const char *who)
{
    struct world_client *client = world_client(w, who);

    for (size_t i = 0; i < client->requests_count && client->conn != 0; i++) {
        if (is_pending(&client->requests[i])) {
            step_request(w, client, &client->requests[i].request);
        }
    }
}

void world_resume(struct world *w, const char *who)
{
    world_reconnect(w, who);
    world_resend(w, who);
}

void world_bye(struct world *w, const char *who)
{
    struct mst_request bye;

    mst_request_init(&bye, MST_OP_BYE);
    step_request(w, world_client(w, who), &bye);
}

/* ---- requests ---- */

struct mst_request *world_request(struct world *w, const char *who, enum mst_op op,
                                  const char *object)
{
    uint64_t handle = object == NULL ? 0 : world_handle(w, who, object);

    w->asking = world_client(w, who);
    mst_request_init(&w->asked, op);
    if (op == MST_OP_GET) {
        w->asked.handles = mst_arena_take(&w->arena, sizeof(handle));
        assert_non_null(w->asked.handles);
        w->asked.handles[0] = handle;
        w->asked.handles_count = 1;
    } else {
        w->asked.handle = handle;
    }
    return &w->asked;
}

static size_t ids_of(const struct mst_request *request)
{
    size_t count = 0;

    if (request->op == MST_OP_PUT && request->mode == MST_PUT_EACH) {
        return request->bodies_count > 0 ? request->bodies_count : 1;
    }
    if (request->op == MST_OP_GET) {
        return (size_t)request->count;
    }
    for (size_t i = 0; request->op == MST_OP_DONE && i < request->runs_count; i++) {
        count += (size_t)request->runs[i].count;
    }
    return count > 0 ? count : 1;
}

static void reserve_requests(struct world_client *client, size_t more)
{
    size_t cap = client->requests_cap == 0 ? 16 : client->requests_cap;

    while (cap < client->requests_count + more) {
        cap *= 2;
    }
    if (cap > client->requests_cap) {
        client->requests = realloc(client->requests, cap * sizeof(*client->requests));
        assert_non_null(client->requests);
        memset(client->requests + client->requests_cap, 0,
               (cap - client->requests_cap) * sizeof(*client->requests));
        client->requests_cap = cap;
    }
}

uint64_t world_send(struct world *w)
{
    struct world_client *client = w->asking;
    size_t ids = ids_of(&w->asked);

    reserve_requests(client, ids);
    w->asked.id = client->requests_count + 1;
    client->requests[client->requests_count].request = w->asked;
    client->requests_count += ids;
    step_request(w, client, &w->asked);
    return w->asked.id;
}

uint64_t world_do(struct world *w, const char *who, enum mst_op op, const char *object)
{
    world_request(w, who, op, object);
    return world_send(w);
}

void world_cancel(struct world *w, const char *who, uint64_t id, enum mst_status status)
{
    struct mst_request cancel;

    mst_request_init(&cancel, MST_OP_CANCEL);
    cancel.target = id;
    cancel.status = (uint64_t)status;
    step_request(w, world_client(w, who), &cancel);
}

void world_confirm(struct world *w, const char *who, uint64_t id, uint64_t count)
{
    struct world_client *client = world_client(w, who);
    struct mst_range range = {id, count};
    struct event event = {.kind = EVENT_CONFIRM,
                          .conn = client->conn,
                          .session = client->session,
                          .confirmed = &range,
                          .confirmed_count = 1};

    world_step(w, &event);
}

struct world_request *world_request_of(struct world *w, const char *who, uint64_t id)
{
    struct world_client *client = world_client(w, who);

    assert_true(id > 0 && id <= client->requests_count);
    return &client->requests[id - 1];
}

void world_give_up(struct world *w, const char *who, uint64_t id)
{
    world_request_of(w, who, id)->given_up = true;
}
