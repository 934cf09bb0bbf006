/* engine_pipes.c - an engine under a virtual clock. See engine_pipes.h. */
#include "tests/unit/engine_pipes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/frame.h"

#define TURNS_MAX 1000 /* more without sleep than this is spinning */

/* ---- ports ---- */

static int64_t now_ns(void *user)
{
    return ((struct pipes *)user)->now_ns;
}

static void entropy(void *user, uint8_t *out, size_t len)
{
    memset(out, ++((struct pipes *)user)->chance, len);
}

static struct client *client_of(struct pipes *pipes, uint64_t conn)
{
    for (size_t i = 0; i < pipes->clients_count; i++) {
        if (pipes->clients[i].conn == conn) {
            return &pipes->clients[i];
        }
    }
    fail_msg("the engine speaks of connection %llu", (unsigned long long)conn);
    return NULL;
}

static ptrdiff_t send_pieces(void *user, uint64_t conn, const struct mst_span *pieces, size_t count)
{
    struct client *client = client_of(user, conn);
    size_t room = client->room;

    assert_false(client->closed);
    assert_true(count > 0);
    client->sends++;
    client->place = ++((struct pipes *)user)->sends;
    if (client->broken) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        size_t n = pieces[i].len < client->room ? pieces[i].len : client->room;

        assert_true(pieces[i].len > 0);
        client->room -= n;
        assert_true(mst_buf_append(&client->in, pieces[i].data, n));
    }
    return (ptrdiff_t)(room - client->room);
}

static void close_conn(void *user, uint64_t conn)
{
    struct client *client = client_of(user, conn);

    assert_false(client->closed);
    client->closed = true;
}

static void log_text(void *user, const struct engine_note *note)
{
    struct pipes *pipes = user;
    size_t len = strlen(pipes->log);

    if (note->level != ENGINE_DEBUG) {
        snprintf(pipes->log + len, sizeof(pipes->log) - len, "%s\n", note->text);
    }
}

/* ---- the pipes ---- */

static void start(struct pipes *pipes)
{
    struct engine_ports ports = {pipes, now_ns, now_ns, entropy, send_pieces, close_conn, log_text};

    pipes->engine = engine_new(&pipes->config, &ports, pipes->journal);
    assert_non_null(pipes->engine);
}

static int set_up(void **state, bool with_journal)
{
    struct pipes *pipes = calloc(1, sizeof(*pipes));

    assert_non_null(pipes);
    engine_config_init(&pipes->config);
    pipes->config.reserve_bytes = 1 << 16; /* large blocks cost time under sanitizers */
    pipes->now_ns = 1000 * SECOND;
    pipes->journal = with_journal ? journal_memory_new(false) : NULL;
    start(pipes);
    *state = pipes;
    return 0;
}

int pipes_setup(void **state)
{
    return set_up(state, false);
}

int pipes_setup_journal(void **state)
{
    return set_up(state, true);
}

int pipes_teardown(void **state)
{
    struct pipes *pipes = *state;

    engine_free(&pipes->engine);
    journal_free(&pipes->journal);
    for (size_t i = 0; i < pipes->clients_count; i++) {
        assert_true(pipes->clients[i].closed);
        mst_buf_clear(&pipes->clients[i].in);
        mst_arena_clear(&pipes->clients[i].arena);
    }
    free(pipes);
    return 0;
}

void pipes_restart(struct pipes *pipes)
{
    engine_free(&pipes->engine);
    journal_memory_crash(pipes->journal);
    for (size_t i = 0; i < pipes->clients_count; i++) {
        pipes->clients[i].conn = 0; /* the new process numbers anew */
    }
    start(pipes);
    for (size_t i = 0; i < journal_memory_batches(pipes->journal); i++) {
        assert_int_equal(engine_recover(pipes->engine, journal_memory_batch(pipes->journal, i),
                                        journal_memory_durable(pipes->journal), 0),
                         MST_OK);
    }
}

/* ---- clients ---- */

struct client *pipes_connect(struct pipes *pipes)
{
    struct client *client = &pipes->clients[pipes->clients_count];
    struct engine_peer peer = {.address = "a client"};
    uint8_t preamble[MST_PREAMBLE_BYTES];

    assert_true(pipes->clients_count < CLIENTS_MAX);
    client->conn = engine_accept(pipes->engine, &peer);
    if (client->conn == 0) {
        return NULL;
    }
    pipes->clients_count++;
    client->room = SIZE_MAX;
    mst_preamble_write(preamble, MST_CHANNEL_CLEAR);
    engine_receive(pipes->engine, client->conn, mst_span_of(preamble, sizeof(preamble)));
    return client;
}

void pipes_say(struct pipes *pipes, struct client *client, struct mst_request *request)
{
    struct mst_buf frame;

    mst_buf_init(&frame);
    request->confirm = client->confirm;
    assert_true(mst_request_encode(&frame, request));
    engine_receive(pipes->engine, client->conn, mst_buf_span(&frame));
    mst_buf_clear(&frame);
}

void pipes_hello(struct pipes *pipes, struct client *client, int64_t ttl_ns)
{
    struct mst_request request;

    mst_request_init(&request, MST_OP_HELLO);
    request.name = mst_span_text("tester");
    request.ttl_ns = ttl_ns;
    pipes_say(pipes, client, &request);
    mst_request_init(&request, MST_OP_OPEN);
    request.handle = 1;
    request.name = mst_span_text("jobs");
    pipes_say(pipes, client, &request);
}

struct client *pipes_client(struct pipes *pipes)
{
    struct client *client = pipes_connect(pipes);

    assert_non_null(client);
    pipes_hello(pipes, client, MST_TTL_DEFAULT_NS);
    pipes_turn(pipes);
    if (pipes->journal != NULL) {
        pipes_sync(pipes);
    }
    assert_read(client, "HELLO#0 OK ");
    return client;
}

void pipes_resume(struct pipes *pipes, struct client *client, const struct client *old)
{
    struct mst_request request;

    mst_request_init(&request, MST_OP_RESUME);
    request.session = old->session;
    request.secret = mst_span_of(old->secret, sizeof(old->secret));
    pipes_say(pipes, client, &request);
}

void pipes_simple(struct pipes *pipes, struct client *client, enum mst_op op, uint64_t id)
{
    struct mst_request request;

    mst_request_init(&request, op);
    request.id = id;
    request.handle = 1;
    pipes_say(pipes, client, &request);
}

void pipes_put(struct pipes *pipes, struct client *client, uint64_t id, const char *body)
{
    struct mst_span span = mst_span_text(body);
    struct mst_request request;

    mst_request_init(&request, MST_OP_PUT);
    request.id = id;
    request.handle = 1;
    request.bodies = &span;
    request.bodies_count = 1;
    pipes_say(pipes, client, &request);
}

void pipes_get(struct pipes *pipes, struct client *client, uint64_t id, enum mst_get_mode mode)
{
    uint64_t handle = 1;
    struct mst_request request;

    mst_request_init(&request, MST_OP_GET);
    request.id = id;
    request.handles = &handle;
    request.handles_count = 1;
    request.mode = mode;
    pipes_say(pipes, client, &request);
}

/* ---- time ---- */

void pipes_turn(struct pipes *pipes)
{
    int turns = 0;

    do {
        engine_turn(pipes->engine);
        assert_true(++turns < TURNS_MAX);
    } while (engine_next_deadline_ns(pipes->engine) <= pipes->now_ns);
}

void pipes_pass(struct pipes *pipes, int64_t ns)
{
    int64_t until_ns = pipes->now_ns + ns;
    int64_t next_ns;

    while ((next_ns = engine_next_deadline_ns(pipes->engine)) <= until_ns) {
        if (next_ns > pipes->now_ns) {
            pipes->now_ns = next_ns;
        }
        pipes_turn(pipes);
    }
    pipes->now_ns = until_ns;
}

void pipes_sync(struct pipes *pipes)
{
    engine_durable(pipes->engine, journal_memory_sync(pipes->journal));
    pipes_turn(pipes);
}

/* ---- what a client was sent ---- */

static size_t describe(struct client *client, const struct mst_reply *reply, char *out, size_t cap)
{
    int n = snprintf(out, cap, "%s#%d %s ", mst_op_name(reply->op), (int)reply->id,
                     mst_status_name((int)reply->status));

    for (size_t i = 0; i < reply->deliveries_count; i++) {
        const struct mst_delivery *delivery = &reply->deliveries[i];

        n += snprintf(out + n, cap - (size_t)n, "%.*s.%d ", (int)delivery->body.len,
                      (const char *)delivery->body.data, (int)delivery->number);
    }
    if ((reply->op == MST_OP_HELLO || reply->op == MST_OP_RESUME) && reply->status == MST_OK) {
        client->session = reply->session;
        assert_int_equal(reply->secret.len, MST_SECRET_BYTES);
        memcpy(client->secret, reply->secret.data, MST_SECRET_BYTES);
    }
    client->confirm += reply->id == 0 ? 0 : reply->answered;
    return (size_t)n;
}

const char *pipes_read(struct client *client)
{
    static char text[8192];
    struct mst_span at = mst_buf_span(&client->in);
    size_t whole = at.len;
    struct mst_span payload;
    size_t used = 0;
    size_t need = 0;
    size_t len = 0;

    text[0] = '\0';
    if (at.len >= MST_PREAMBLE_BYTES && at.data[0] == 0x89) {
        at = mst_span_of(at.data + MST_PREAMBLE_BYTES, at.len - MST_PREAMBLE_BYTES);
    }
    while (mst_frame_next(at, MST_FRAME_BYTES_MAX, &payload, &used, &need) == MST_FRAME_OK) {
        struct mst_reply reply;
        const char *why;
        bool malformed;

        assert_int_equal(mst_reply_decode(payload, &client->arena, &reply, &malformed, &why),
                         MST_OK);
        len += describe(client, &reply, text + len, sizeof(text) - len);
        assert_true(len < sizeof(text) - 512);
        at = mst_span_of(at.data + used, at.len - used);
    }
    mst_buf_consume(&client->in, whole - at.len);
    return text;
}
