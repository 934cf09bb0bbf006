/* test_protocol_live.c - the exchanges of PROTOCOL.md, played against the real broker.
 *
 * The client's bytes of the document go into an engine, and what the engine sends must be the
 * broker's bytes of the document, one by one. Clock and randomness are ours: each frame of the
 * client takes 250 microseconds, and when nothing comes, the time goes on to the next deadline. */
#include "tests/unit/cmocka_all.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/engine/engine.h"
#include "protocol/buf.h"
#include "protocol/frame.h"
#include "tests/unit/doc.h"

#define FRAME_NS 250000

/* ---- the world around the engine ---- */

struct world {
    struct engine *engine;
    int64_t now_ns;
    uint64_t conn;
    struct mst_buf out; /* what conn was sent */
    bool closed;
    struct mst_buf random; /* bytes to hand out as random ones, in order */
};

static int64_t port_now(void *user)
{
    return ((const struct world *)user)->now_ns;
}

static void port_entropy(void *user, uint8_t *out, size_t len)
{
    struct world *world = user;

    assert_true(mst_buf_size(&world->random) >= len);
    memcpy(out, mst_buf_span(&world->random).data, len);
    mst_buf_consume(&world->random, len);
}

static ptrdiff_t port_send(void *user, uint64_t conn, const struct mst_span *pieces, size_t count)
{
    struct world *world = user;

    for (size_t i = 0; conn == world->conn && i < count; i++) {
        assert_true(mst_buf_append(&world->out, pieces[i].data, pieces[i].len));
    }
    return (ptrdiff_t)mst_spans_len(pieces, count);
}

static void port_close(void *user, uint64_t conn)
{
    struct world *world = user;

    world->closed = world->closed || conn == world->conn;
}

static void port_log(void *user, const struct engine_note *note)
{
    (void)user;
    (void)note;
}

static void world_connect(struct world *world)
{
    const struct engine_peer peer = {.address = "test"};

    world->conn = engine_accept(world->engine, &peer);
    assert_true(world->conn != 0);
    world->closed = false;
    mst_buf_reset(&world->out);
}

static void world_open(struct world *world, struct mst_span random)
{
    const struct engine_ports ports = {world,     port_now,   port_now, port_entropy,
                                       port_send, port_close, port_log};
    struct engine_config config;

    *world = (struct world){.now_ns = 1000000000};
    mst_buf_init(&world->out);
    mst_buf_init(&world->random);
    assert_true(mst_buf_append(&world->random, random.data, random.len));
    engine_config_init(&config);
    config.version = "0.1.0";
    world->engine = engine_new(&config, &ports, NULL);
    assert_non_null(world->engine);
    world_connect(world);
}

static void world_close(struct world *world)
{
    engine_free(&world->engine);
    mst_buf_clear(&world->out);
    mst_buf_clear(&world->random);
}

static void client_sends(struct world *world, struct mst_span bytes)
{
    world->now_ns += FRAME_NS;
    engine_receive(world->engine, world->conn, bytes);
    engine_turn(world->engine);
}

static void broker_sends(struct world *world, struct mst_span bytes, const char *exchange)
{
    for (int i = 0; i < 10 && mst_buf_size(&world->out) < bytes.len; i++) {
        int64_t deadline_ns = engine_next_deadline_ns(world->engine);
        if (deadline_ns > world->now_ns && deadline_ns != MST_FOREVER) {
            world->now_ns = deadline_ns;
        }
        engine_turn(world->engine);
    }
    struct mst_span sent = mst_buf_span(&world->out);
    if (sent.len < bytes.len || memcmp(sent.data, bytes.data, bytes.len) != 0) {
        fprintf(stderr, "exchange %s: the broker sent", exchange);
        for (size_t i = 0; i < sent.len; i++) {
            fprintf(stderr, " %02x", sent.data[i]);
        }
        fail_msg("exchange %s: the broker answers otherwise than PROTOCOL.md says", exchange);
    }
    mst_buf_consume(&world->out, bytes.len);
}

/* ---- the document ---- */

static uint8_t digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static bool is_hex(char c)
{
    return isdigit((unsigned char)c) || (c >= 'a' && c <= 'f');
}

/* Bytes written as " xx xx ..." up to the end of the line; false and nothing: another line. */
static bool hex_read(const char *line, struct mst_buf *bytes)
{
    size_t before = bytes->len;

    for (; *line == ' ' && is_hex(line[1]) && is_hex(line[2]); line += 3) {
        uint8_t byte = (uint8_t)(digit(line[1]) << 4 | digit(line[2]));
        assert_true(mst_buf_append(bytes, &byte, 1));
    }
    if (*line != '\n') {
        bytes->len = before;
    }
    return *line == '\n';
}

enum side { NOBODY, CLIENT, BROKER };

struct player {
    struct world *world;
    const char *exchange;
    enum side side; /* whose bytes are being gathered */
    struct mst_buf bytes;
    int frames;
};

static void player_flush(struct player *player)
{
    if (player->side == CLIENT) {
        client_sends(player->world, mst_buf_span(&player->bytes));
    } else if (player->side == BROKER) {
        broker_sends(player->world, mst_buf_span(&player->bytes), player->exchange);
    }
    player->frames += player->side != NOBODY;
    player->side = NOBODY;
    mst_buf_reset(&player->bytes);
}

static void player_line(struct player *player, const char *line)
{
    bool client = strncmp(line, "client ", 7) == 0;

    if (client || strncmp(line, "broker ", 7) == 0) {
        player_flush(player);
        player->side = client ? CLIENT : BROKER;
        assert_true(hex_read(line + 7, &player->bytes));
    } else if (player->side == NOBODY || !hex_read(line + 7, &player->bytes)) {
        player_flush(player);
    }
}

/* Plays an exchange. What is played is what the document must say: test_protocol_md compares. */
static void play(struct world *world, const char *exchange)
{
    struct player player = {.world = world, .exchange = exchange};
    struct mst_buf text;
    const char *line;

    mst_buf_init(&text);
    mst_buf_init(&player.bytes);
    assert_true(doc_exchange(exchange, &text) && mst_buf_append(&text, "", 1));
    for (line = (const char *)text.data; *line != '\0'; line = strchr(line, '\n') + 1) {
        player_line(&player, line);
    }
    player_flush(&player);
    assert_true(player.frames >= 2);
    if (mst_buf_size(&world->out) > 0) {
        fail_msg("exchange %s: the broker sends more than PROTOCOL.md says", exchange);
    }
    mst_buf_clear(&player.bytes);
    mst_buf_clear(&text);
}

/* ---- requests that the document does not show ---- */

static void request_send(struct world *world, const struct mst_request *request)
{
    struct mst_buf frame;

    mst_buf_init(&frame);
    assert_true(mst_request_encode(&frame, request));
    client_sends(world, mst_buf_span(&frame));
    mst_buf_clear(&frame);
}

static void hello(struct world *world)
{
    struct mst_request request;
    uint8_t preamble[MST_PREAMBLE_BYTES];

    mst_preamble_write(preamble, MST_CHANNEL_CLEAR);
    client_sends(world, mst_span_of(preamble, sizeof(preamble)));
    mst_request_init(&request, MST_OP_HELLO);
    request_send(world, &request);
    mst_buf_reset(&world->out);
}

/* The welcome of the document gives away what the broker's randomness was. */
static struct mst_span randomness(void)
{
    static uint8_t bytes[MST_BOOT_BYTES + 2 * MST_SECRET_BYTES];

    doc_random(bytes, bytes + MST_BOOT_BYTES);
    return mst_span_of(bytes, sizeof(bytes));
}

/* How many replies of an operation the connection was sent. */
static int replies_to(const struct world *world, enum mst_op op)
{
    struct mst_span in = mst_buf_span(&world->out);
    struct mst_span payload = MST_SPAN_NONE;
    size_t used = MST_PREAMBLE_BYTES;
    size_t need = 0;
    int count = 0;

    do {
        in = mst_span_of(in.data + used, in.len - used);
        if (payload.len > 1) {
            count += payload.data[1] == op;
        }
    } while (mst_frame_next(in, MST_FRAME_BYTES_MAX, &payload, &used, &need) == MST_FRAME_OK);
    return count;
}

/* ---- tests ---- */

static void open_jobs(struct world *world)
{
    struct mst_request request;

    mst_request_init(&request, MST_OP_OPEN);
    request.name = mst_span_text("jobs");
    request_send(world, &request);
}

static void get_nine(struct world *world)
{
    struct mst_request request;
    uint64_t handles[] = {0};

    mst_request_init(&request, MST_OP_GET);
    request.id = 9;
    request.handles = handles;
    request.handles_count = 1;
    request_send(world, &request);
}

/* A wait that is granted between RESUME and the request sent again is answered once. */
static void a_pending_request_is_answered_once(void **state)
{
    struct world world;
    struct mst_request request;
    struct mst_span body = mst_span_text("third");
    struct mst_range pending = {9, 1};
    uint8_t preamble[MST_PREAMBLE_BYTES];

    (void)state;
    world_open(&world, randomness());
    hello(&world);
    open_jobs(&world);
    get_nine(&world);
    engine_closed(world.engine, world.conn);
    world_connect(&world);
    hello(&world);
    open_jobs(&world);
    mst_request_init(&request, MST_OP_PUT);
    request.id = 1;
    request.bodies = &body;
    request.bodies_count = 1;
    request_send(&world, &request);
    world_connect(&world);
    mst_preamble_write(preamble, MST_CHANNEL_CLEAR);
    client_sends(&world, mst_span_of(preamble, sizeof(preamble)));
    mst_request_init(&request, MST_OP_RESUME);
    request.session = 1;
    request.secret = mst_span_of(randomness().data + MST_BOOT_BYTES, MST_SECRET_BYTES);
    request.pending = &pending;
    request.pending_count = 1;
    request_send(&world, &request);
    open_jobs(&world);
    assert_int_equal(replies_to(&world, MST_OP_GET), 0);
    get_nine(&world);
    assert_int_equal(replies_to(&world, MST_OP_GET), 1);
    world_close(&world);
}

static void a_session(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, randomness());
    play(&world, "exchange session");
    assert_true(world.closed);
    world_close(&world);
}

static void a_queue_join_and_resume(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, randomness());
    hello(&world);
    play(&world, "exchange queue");
    play(&world, "exchange join");
    engine_closed(world.engine, world.conn); /* with the answer to request 8 */
    world_connect(&world);
    play(&world, "exchange resume");
    assert_false(world.closed);
    world_close(&world);
}

static void play_alone(const char *exchange)
{
    struct world world;

    world_open(&world, randomness());
    hello(&world);
    play(&world, exchange);
    assert_false(world.closed);
    world_close(&world);
}

static void an_event(void **state)
{
    (void)state;
    play_alone("exchange event");
}

static void a_barrier(void **state)
{
    (void)state;
    play_alone("exchange barrier");
}

static void administration(void **state)
{
    (void)state;
    play_alone("exchange admin");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session),      cmocka_unit_test(a_queue_join_and_resume),
        cmocka_unit_test(an_event),       cmocka_unit_test(a_barrier),
        cmocka_unit_test(administration), cmocka_unit_test(a_pending_request_is_answered_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
