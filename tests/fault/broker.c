/* broker.c - a broker for refused allocations. See broker.h. */
#include "tests/fault/broker.h"

#include <stdio.h>
#include <stdlib.h>

#include "protocol/frame.h"
#include "tests/unit/core_sound.h"

void must_hold(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

/* ---- ports ---- */

static int64_t now_ns(void *user)
{
    return ((struct broker *)user)->now_ns;
}

static void entropy(void *user, uint8_t *out, size_t len)
{
    memset(out, ++((struct broker *)user)->chance, len);
}

static struct peer *peer_of(struct broker *b, uint64_t conn)
{
    for (size_t i = 0; i < b->peers_count; i++) {
        if (b->peers[i].conn == conn) {
            return &b->peers[i];
        }
    }
    must_hold(false, "the engine speaks of a connection that is there");
    return NULL;
}

static ptrdiff_t send_pieces(void *user, uint64_t conn, const struct mst_span *pieces, size_t count)
{
    bool was = fault_arm(false);

    for (size_t i = 0; i < count; i++) {
        must_hold(mst_buf_append(&peer_of(user, conn)->in, pieces[i].data, pieces[i].len), "room");
    }
    fault_arm(was);
    return (ptrdiff_t)mst_spans_len(pieces, count);
}

static void close_conn(void *user, uint64_t conn)
{
    peer_of(user, conn)->conn = 0;
}

static void no_note(void *user, const struct engine_note *note)
{
    (void)user;
    must_hold(note->text != NULL, "a note has a text");
}

static void no_log(void *user, enum store_log_level level, const char *text)
{
    (void)user;
    (void)level;
    must_hold(text[0] != '\0', "a line of the journal has a text");
}

static enum store_status apply(void *user, struct mst_span records, uint64_t seq, uint64_t place)
{
    return engine_recovered(engine_recover(((struct broker *)user)->engine, records, seq, place));
}

/* ---- the broker ---- */

static enum store_status open_journal(struct broker *b)
{
    struct store_config config = {.segment_bytes = STORE_SEGMENT_BYTES_MIN};
    struct store_ports ports = {.disk = b->disk,
                                .jobs = sim_jobs_port(&b->jobs),
                                .user = b,
                                .entropy = entropy,
                                .log = no_log,
                                .now_ns = now_ns,
                                .replica = engine_replica()};
    struct store_recovery recovery = {.user = b, .apply = apply};
    char error[STORE_ERROR_MAX] = "";
    enum store_status status;

    sim_jobs_init(&b->jobs);
    ARMED(status = store_open(&config, &ports, &recovery, &b->journal, error));
    must_hold((status == STORE_OK) == (b->journal != NULL), "a journal or a reason");
    must_hold(status == STORE_OK || error[0] != '\0', "a line that says why");
    return status;
}

void broker_stop(struct broker *b)
{
    ARMED(engine_free(&b->engine));
    sim_jobs_drop(&b->jobs);
    journal_free(&b->journal);
    sim_disk_kill(b->disk);
    for (size_t i = 0; i < b->peers_count; i++) {
        must_hold(b->peers[i].conn == 0, "every connection is closed in the end");
        mst_channel_clear(&b->peers[i].channel);
        mst_buf_clear(&b->peers[i].in);
    }
    b->peers_count = 0;
}

void broker_start(struct broker *b)
{
    struct engine_ports ports = {b, now_ns, now_ns, entropy, send_pieces, close_conn, no_note};
    uint8_t secret[MST_NOISE_KEY] = {7};
    struct engine_security security = {
        .server_secret = secret,
        .texts = {.anonymous = true,
                  .permissions = {"permissions",
                                  mst_span_text("allow anonymous * **\n"
                                                "allow local * **\n"
                                                "deny local admin no/*\n"),
                                  true}}};
    char error[ACCESS_ERROR_MAX] = "";
    bool ok;

    ARMED(b->engine = engine_new(&b->config, &ports, NULL));
    if (b->engine == NULL) {
        return;
    }
    ARMED(ok = engine_secure(b->engine, &security, error));
    must_hold(ok || error[0] != '\0', "a line that says why");
    if (!ok || open_journal(b) != STORE_OK) {
        broker_stop(b);
        return;
    }
    ARMED(engine_attach(b->engine, b->journal));
}

/* Until nothing wants a turn: input, jobs, what has become due. */
void broker_turn(struct broker *b)
{
    for (int i = 0; i < 100; i++) {
        ARMED(engine_turn(b->engine));
        ARMED(sim_jobs_run(&b->jobs));
        if (engine_next_deadline_ns(b->engine) > b->now_ns) {
            break;
        }
    }
    expect_sound(engine_core(b->engine));
    if (engine_failure(b->engine) != NULL) {
        fprintf(stderr, "%s\n", engine_failure(b->engine));
        must_hold(false, "memory that comes back is no reason to end");
    }
}

void broker_pass(struct broker *b, int64_t ns)
{
    b->now_ns += ns;
    broker_turn(b);
}

/* ---- clients ---- */

static void receive(struct broker *b, struct peer *peer, struct mst_span bytes)
{
    if (peer->conn != 0) {
        ARMED(engine_receive(b->engine, peer->conn, bytes));
        broker_turn(b);
    }
}

static void read_frames(struct peer *peer, struct mst_buf *in)
{
    struct mst_span payload;
    size_t used = 0;
    size_t wanted = 0;
    struct mst_arena arena;
    struct mst_reply reply;
    bool malformed;
    const char *why;

    mst_arena_init(&arena);
    while (mst_frame_next(mst_buf_span(in), MST_FRAME_BYTES_MAX, &payload, &used, &wanted) ==
           MST_FRAME_OK) {
        must_hold(mst_reply_decode(payload, &arena, &reply, &malformed, &why) == MST_OK, "a reply");
        if (reply.op == MST_OP_HELLO && reply.secret.len == MST_SECRET_BYTES) {
            memcpy(peer->secret, reply.secret.data, MST_SECRET_BYTES);
        }
        peer->confirm += reply.id == 0 ? 0 : reply.answered;
        mst_buf_consume(in, used);
    }
    mst_arena_clear(&arena);
}

static void flush_secured(struct broker *b, struct peer *peer)
{
    struct mst_buf plain;

    mst_buf_init(&plain);
    for (int i = 0; i < 4; i++) {
        struct mst_span in = mst_buf_span(&peer->in);
        struct mst_buf out = peer->channel.output;

        mst_channel_receive(&peer->channel, &in, &plain);
        mst_buf_reset(&peer->in);
        out = peer->channel.output;
        mst_buf_init(&peer->channel.output);
        receive(b, peer, mst_buf_span(&out));
        mst_buf_clear(&out);
    }
    read_frames(peer, &plain);
    mst_buf_clear(&plain);
}

struct peer *broker_come(struct broker *b, bool secured)
{
    struct engine_peer from = {.address = "somewhere", .source = 5};
    struct peer *peer = &b->peers[b->peers_count++];
    uint8_t preamble[MST_PREAMBLE_BYTES];
    uint8_t public_key[MST_NOISE_KEY];
    uint8_t secret[MST_NOISE_KEY] = {7};
    struct mst_channel_client keys = {secret, secret, public_key, NULL};

    *peer = (struct peer){.secured = secured};
    ARMED(peer->conn = engine_accept(b->engine, &from));
    mst_preamble_write(preamble, secured ? MST_CHANNEL_NOISE : MST_CHANNEL_CLEAR);
    receive(b, peer, mst_span_of(preamble, sizeof(preamble)));
    if (secured) {
        mst_noise_public(public_key, secret);
        must_hold(mst_channel_open(&peer->channel, &keys), "a client's channel");
    }
    if (mst_buf_size(&peer->in) >= MST_PREAMBLE_BYTES) {
        mst_buf_consume(&peer->in, MST_PREAMBLE_BYTES);
    }
    if (secured) {
        flush_secured(b, peer);
    }
    return peer;
}

static uint64_t ids_of(const struct mst_request *request)
{
    switch (request->op) {
    case MST_OP_PUT: return request->mode == MST_PUT_EACH ? request->bodies_count : 1;
    case MST_OP_GET: return request->count;
    case MST_OP_DONE: return request->runs[0].count; /* the script has one run at a time */
    default: return 1;
    }
}

void broker_say(struct broker *b, struct peer *peer, struct mst_request *request)
{
    struct mst_buf frame;

    mst_buf_init(&frame);
    if ((mst_op_flags(request->op) & OPF_CONNECTION) == 0) {
        request->id = peer->id + 1;
        peer->id += ids_of(request);
    }
    request->confirm = peer->confirm;
    must_hold(mst_request_encode(&frame, request), "a frame");
    if (!peer->secured) {
        receive(b, peer, mst_buf_span(&frame));
        read_frames(peer, &peer->in);
    } else if (mst_channel_seal(&peer->channel, mst_buf_span(&frame))) {
        flush_secured(b, peer);
    }
    mst_buf_clear(&frame);
}

struct peer *broker_greet(struct broker *b, bool secured)
{
    static const char *const names[] = {"jobs", "urgent", "ready", "gate", "jobs.dead", "no/one"};
    struct peer *peer = broker_come(b, secured);

    SAY(peer, HELLO, r.name = mst_span_text("worker"), r.host = mst_span_text("mill"), r.pid = 3);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        SAY(peer, OPEN, r.handle = i + 1, r.name = mst_span_text(names[i]));
    }
    return peer;
}
