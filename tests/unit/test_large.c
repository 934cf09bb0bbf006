/* test_large.c - large frames are read to where they are to stay: whatever a read brings, the bytes
 * are the same, and memory follows what came, not what was declared. */
#include "tests/unit/engine_pipes.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/frame.h"

#define BODY_MAX    (300u << 10)
#define MESSAGES    24
#define LARGE_BYTES (64u << 10)
#define READ_BYTES  (256u << 10)

/* ---- a socket, as broker/io reads one ---- */

/* One read of at most n bytes; returns how many it took. Half of the reads do not ask for the
 * room, which is allowed. */
static size_t read_once(struct pipes *pipes, uint64_t conn, struct mst_span bytes, bool asks,
                        size_t *to_their_place)
{
    struct mst_room room = asks ? engine_room(pipes->engine, conn) : (struct mst_room){NULL, 0};
    size_t beyond = room.len == 0 ? READ_BYTES : room.len + MST_LARGE_AHEAD;
    size_t n = bytes.len < beyond ? bytes.len : beyond;
    size_t there = room.data == NULL ? 0 : n < room.len ? n : room.len;

    if (room.data != NULL) {
        memcpy(room.data, bytes.data, there);
        engine_filled(pipes->engine, conn, there);
        *to_their_place += there;
    }
    engine_receive(pipes->engine, conn, mst_span_of(bytes.data + there, n - there));
    return n;
}

static size_t read_all(struct pipes *pipes, uint64_t conn, struct mst_span bytes, size_t most)
{
    size_t to_their_place = 0;

    while (bytes.len > 0) {
        size_t n = 1 + (size_t)rand() % most;
        size_t taken =
            read_once(pipes, conn, mst_span_of(bytes.data, n < bytes.len ? n : bytes.len),
                      rand() % 8 > 0, &to_their_place);

        bytes = mst_span_of(bytes.data + taken, bytes.len - taken);
    }
    return to_their_place;
}

/* ---- messages ---- */

static uint8_t letter(size_t message, size_t at)
{
    return (uint8_t)(message % MESSAGES * 7 + at * 31 + at / 256);
}

static void encode_put(struct mst_buf *out, uint64_t id, size_t size)
{
    uint8_t *body = malloc(size + 1);
    struct mst_span span = mst_span_of(body, size);
    struct mst_request request;

    assert_non_null(body);
    for (size_t i = 0; i < size; i++) {
        body[i] = letter(id, i);
    }
    mst_request_init(&request, MST_OP_PUT);
    request.id = id;
    request.handle = 1;
    request.bodies = &span;
    request.bodies_count = 1;
    assert_true(mst_request_encode(out, &request));
    free(body);
}

static void assert_body(const struct mst_delivery *delivery, size_t size)
{
    assert_int_equal(delivery->body.len, size);
    for (size_t i = 0; i < size; i++) {
        if (delivery->body.data[i] != letter(delivery->id, i)) {
            fail_msg("byte %zu of message %d is another", i, (int)delivery->id);
        }
    }
}

static size_t look_at(struct client *getter, const struct mst_reply *reply, const size_t *sizes)
{
    for (size_t i = 0; i < reply->deliveries_count; i++) {
        assert_body(&reply->deliveries[i], sizes[reply->deliveries[i].id % MESSAGES]);
    }
    getter->confirm += reply->id == 0 ? 0 : reply->answered;
    return reply->deliveries_count;
}

/* What the getter was sent. Returns how many messages these were. */
static size_t read_messages(struct client *getter, const size_t *sizes)
{
    size_t count = 0;
    size_t used = 0;
    size_t need = 0;
    struct mst_span payload;
    struct mst_reply reply;
    bool malformed;
    const char *why;

    if (mst_buf_span(&getter->in).data[0] == 0x89) {
        mst_buf_consume(&getter->in, MST_PREAMBLE_BYTES);
    }
    while (mst_frame_next(mst_buf_span(&getter->in), MST_FRAME_BYTES_MAX, &payload, &used, &need) ==
           MST_FRAME_OK) {
        assert_int_equal(mst_reply_decode(payload, &getter->arena, &reply, &malformed, &why),
                         MST_OK);
        count += look_at(getter, &reply, sizes);
        mst_buf_consume(&getter->in, used);
    }
    return count;
}

static void say_get(struct pipes *pipes, struct client *getter, uint64_t count)
{
    uint64_t handle = 1;
    struct mst_request request;

    mst_request_init(&request, MST_OP_GET);
    request.id = 1;
    request.handles = &handle;
    request.handles_count = 1;
    request.count = count;
    request.mode = MST_GET_AUTO;
    pipes_say(pipes, getter, &request);
}

static uint64_t memory_of(const struct pipes *pipes)
{
    return core_figures(engine_core(pipes->engine)).memory;
}

/* Puts them with reads of at most so many bytes; returns how many bytes went to their place. */
static size_t put_all(struct pipes *pipes, const size_t *sizes, size_t most)
{
    struct client *putter = pipes_client(pipes);
    struct mst_buf frames;
    size_t to_their_place;

    mst_buf_init(&frames);
    for (size_t i = 1; i <= MESSAGES; i++) {
        encode_put(&frames, i, sizes[i % MESSAGES]);
    }
    to_their_place = read_all(pipes, putter->conn, mst_buf_span(&frames), most);
    mst_buf_clear(&frames);
    return to_their_place;
}

static void take_all(struct pipes *pipes, const size_t *sizes)
{
    struct client *getter = pipes_client(pipes);

    say_get(pipes, getter, MESSAGES);
    pipes_turn(pipes);
    assert_int_equal(read_messages(getter, sizes), MESSAGES);
    pipes_simple(pipes, getter, MST_OP_HEARTBEAT, 0);
    pipes_turn(pipes);
}

static void whatever_a_read_brings_the_bytes_are_the_same(void **state)
{
    static const size_t most[] = {700, 5000, 40000, 100000, 400000};
    struct pipes *pipes = *state;
    size_t sizes[MESSAGES];

    srand(4);
    for (size_t round = 0; round < sizeof(most) / sizeof(most[0]); round++) {
        uint64_t before = memory_of(pipes);

        for (size_t i = 0; i < MESSAGES; i++) {
            sizes[i] = i % 3 == 0 ? (size_t)rand() % 200 : (size_t)rand() % BODY_MAX;
        }
        put_all(pipes, sizes, most[round]);
        assert_int_equal(core_figures(engine_core(pipes->engine)).messages, MESSAGES);
        take_all(pipes, sizes);
        assert_int_equal(memory_of(pipes), before);
    }
}

/* Not all of them, for some reads did not ask. */
static void large_bodies_go_to_their_place(void **state)
{
    struct pipes *pipes = *state;
    size_t sizes[MESSAGES];
    size_t all = 0;

    srand(5);
    for (size_t i = 0; i < MESSAGES; i++) {
        all += sizes[i] = LARGE_BYTES;
    }
    assert_in_range(put_all(pipes, sizes, SIZE_MAX / 2), all / 4, all);
    take_all(pipes, sizes);
}

/* What a message is charged is what is in memory for it, wherever its body stands. */
static void a_message_is_charged_what_it_holds(void **state)
{
    struct pipes *pipes = *state;
    uint64_t before = memory_of(pipes);
    size_t sizes[MESSAGES];

    srand(6);
    for (size_t i = 0; i < MESSAGES; i++) {
        sizes[i] = LARGE_BYTES;
    }
    put_all(pipes, sizes, SIZE_MAX / 2);
    assert_in_range(memory_of(pipes) - before, MESSAGES * LARGE_BYTES,
                    MESSAGES * (LARGE_BYTES + LARGE_BYTES / 8 + 512));
    take_all(pipes, sizes);
    assert_int_equal(memory_of(pipes), before);
}

/* ---- who announces much and sends little ---- */

static void announce(struct pipes *pipes, struct client *client, uint32_t bytes)
{
    uint8_t header[] = {(uint8_t)(bytes >> 24), (uint8_t)(bytes >> 16), (uint8_t)(bytes >> 8),
                        (uint8_t)bytes};

    engine_receive(pipes->engine, client->conn, mst_span_of(header, sizeof(header)));
}

static void an_announced_frame_has_no_memory_yet(void **state)
{
    static uint8_t bytes[LARGE_BYTES];
    struct pipes *pipes = *state;
    struct client *client = pipes_client(pipes);
    struct mst_room room;

    memset(bytes, 0xc0, sizeof(bytes));
    announce(pipes, client, LARGE_BYTES);
    room = engine_room(pipes->engine, client->conn);
    assert_non_null(room.data); /* for this one read */
    assert_int_equal(room.len, LARGE_BYTES);
    memcpy(room.data, bytes, MST_LARGE_AHEAD);
    engine_filled(pipes->engine, client->conn, MST_LARGE_AHEAD);
    engine_receive(pipes->engine, client->conn, MST_SPAN_NONE);
    /* It brought less than half: the next has to find its place elsewhere, until half is there. */
    room = engine_room(pipes->engine, client->conn);
    assert_null(room.data);
    assert_int_equal(room.len, LARGE_BYTES - MST_LARGE_AHEAD);
    engine_receive(pipes->engine, client->conn, mst_span_of(bytes, LARGE_BYTES / 2));
    room = engine_room(pipes->engine, client->conn);
    assert_non_null(room.data);
    assert_int_equal(room.len, LARGE_BYTES / 2 - MST_LARGE_AHEAD);
    engine_filled(pipes->engine, client->conn, 0);
    engine_closed(pipes->engine, client->conn);
    pipes_turn(pipes);
    assert_true(client->closed);
}

static void a_huge_frame_has_to_be_half_there(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_client(pipes);
    struct mst_room room;

    announce(pipes, client, MST_FRAME_BYTES_MAX);
    room = engine_room(pipes->engine, client->conn);
    assert_null(room.data);
    assert_int_equal(room.len, MST_FRAME_BYTES_MAX);
}

static void nobody_gets_room_before_the_welcome(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_connect(pipes);

    announce(pipes, client, LARGE_BYTES);
    assert_int_equal(engine_room(pipes->engine, client->conn).len, 0);
    assert_int_equal(engine_room(pipes->engine, client->conn + 77).len, 0);
}

static void a_large_frame_of_nonsense_ends_the_connection(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_client(pipes);
    struct mst_room room;

    announce(pipes, client, LARGE_BYTES);
    room = engine_room(pipes->engine, client->conn);
    memset(room.data, 0xc1, room.len);
    engine_filled(pipes->engine, client->conn, room.len);
    engine_receive(pipes->engine, client->conn, mst_span_text("and more"));
    assert_int_equal(engine_room(pipes->engine, client->conn).len, 0);
    pipes_turn(pipes);
    assert_true(client->closed);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, pipes_setup, pipes_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whatever_a_read_brings_the_bytes_are_the_same),
        TEST(large_bodies_go_to_their_place),
        TEST(a_message_is_charged_what_it_holds),
        TEST(an_announced_frame_has_no_memory_yet),
        TEST(a_huge_frame_has_to_be_half_there),
        TEST(nobody_gets_room_before_the_welcome),
        TEST(a_large_frame_of_nonsense_ends_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
