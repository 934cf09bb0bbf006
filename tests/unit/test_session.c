/* test_session.c - one connection: bytes to requests at any split, receipts, held replies, and what
 * hostile bytes do. The core is played by the test: it welcomes every HELLO. */
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "broker/session/connection.h"
#include "protocol/frame.h"

#define FRAME_MAX  65536
#define OUTPUT_MAX 4096

struct bench {
    struct connection connection;
    struct mst_arena arena;
    struct mst_buf in; /* what the client says */
    struct mst_arena reply_arena;
    enum mst_status greeting; /* how the core answers HELLO and RESUME */
    uint64_t greeting_seq;
    char events[4096];
};

static int setup(void **state)
{
    struct connection_limits limits = {FRAME_MAX, OUTPUT_MAX};
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    connection_init(&bench->connection, &limits);
    mst_arena_init(&bench->arena);
    mst_arena_init(&bench->reply_arena);
    mst_buf_init(&bench->in);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    connection_clear(&bench->connection);
    mst_arena_clear(&bench->arena);
    mst_arena_clear(&bench->reply_arena);
    mst_buf_clear(&bench->in);
    free(bench);
    return 0;
}

static void start_over(struct bench *bench)
{
    struct connection_limits limits = {FRAME_MAX, OUTPUT_MAX};

    connection_clear(&bench->connection);
    connection_init(&bench->connection, &limits);
    bench->events[0] = '\0';
}

/* ---- what the client says ---- */

static void say_preamble(struct bench *bench)
{
    uint8_t preamble[MST_PREAMBLE_BYTES];

    mst_preamble_write(preamble, MST_CHANNEL_CLEAR);
    assert_true(mst_buf_append(&bench->in, preamble, sizeof(preamble)));
}

static void say_bytes(struct bench *bench, const void *bytes, size_t len)
{
    uint8_t word[4] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                       (uint8_t)len};

    assert_true(mst_buf_append(&bench->in, word, sizeof(word)));
    assert_true(mst_buf_append(&bench->in, bytes, len));
}

static void say(struct bench *bench, enum mst_op op, uint64_t id, uint64_t confirm)
{
    struct mst_request request;

    mst_request_init(&request, op);
    request.id = id;
    request.confirm = confirm;
    request.name = mst_span_text("jobs");
    assert_true(mst_request_encode(&bench->in, &request));
}

/* ---- what comes of it ---- */

static void note(struct bench *bench, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void note(struct bench *bench, const char *format, ...)
{
    size_t len = strlen(bench->events);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(bench->events + len, sizeof(bench->events) - len, format, arguments);
    va_end(arguments);
}

static void reply_to(struct bench *bench, enum mst_op op, uint64_t id, uint64_t answered,
                     uint64_t seq, uint64_t durable_seq)
{
    struct mst_reply reply;

    mst_reply_init(&reply, op);
    reply.id = id;
    reply.answered = answered;
    connection_reply(&bench->connection, &reply, seq, durable_seq);
}

static void greet(struct bench *bench, enum mst_op op)
{
    struct mst_reply reply;

    mst_reply_init(&reply, op);
    reply.status = bench->greeting;
    connection_reply(&bench->connection, &reply, bench->greeting_seq, 0);
}

static void hear(struct bench *bench, struct mst_span bytes)
{
    struct connection_input input;

    while (connection_next(&bench->connection, &bytes, &bench->arena, &input)) {
        for (size_t i = 0; i < input.confirmed_count; i++) {
            note(bench, "taken %d+%d ", (int)input.confirmed[i].first,
                 (int)input.confirmed[i].count);
        }
        if (input.has_request) {
            note(bench, "%s#%d ", mst_op_name(input.request.op), (int)input.request.id);
        }
        if (input.has_request && mst_op_flags(input.request.op) & OPF_CONNECTION &&
            (input.request.op == MST_OP_HELLO || input.request.op == MST_OP_RESUME)) {
            greet(bench, input.request.op);
        }
    }
}

static void hear_all(struct bench *bench)
{
    hear(bench, mst_buf_span(&bench->in));
    mst_buf_reset(&bench->in);
}

static void connect_and_greet(struct bench *bench)
{
    say_preamble(bench);
    say(bench, MST_OP_HELLO, 0, 0);
    hear_all(bench);
    assert_int_equal(bench->connection.phase, CONNECTION_RUNNING);
    bench->events[0] = '\0';
}

/* The replies in the output, as "OP#id STATUS "; takes them out. */
static const char *read_output(struct bench *bench, char *text, size_t cap)
{
    struct mst_span out = connection_output(&bench->connection);
    struct mst_span at = out;
    struct mst_span payload;
    size_t used;
    size_t need;

    text[0] = '\0';
    if (at.len >= MST_PREAMBLE_BYTES && at.data[0] == 0x89) {
        snprintf(text, cap, "preamble ");
        at = mst_span_of(at.data + MST_PREAMBLE_BYTES, at.len - MST_PREAMBLE_BYTES);
    }
    while (at.len > 0 && mst_frame_next(at, FRAME_MAX, &payload, &used, &need) == MST_FRAME_OK) {
        struct mst_reply reply;
        const char *why;
        bool malformed;
        size_t len = strlen(text);

        assert_int_equal(mst_reply_decode(payload, &bench->reply_arena, &reply, &malformed, &why),
                         MST_OK);
        snprintf(text + len, cap - len, "%s#%d %s ", mst_op_name(reply.op), (int)reply.id,
                 mst_status_name((int)reply.status));
        at = mst_span_of(at.data + used, at.len - used);
    }
    assert_int_equal(at.len, 0);
    connection_sent(&bench->connection, out.len);
    return text;
}

#define assert_output(bench, expected)                                                             \
    do {                                                                                           \
        char output_text[1024];                                                                    \
        assert_string_equal(read_output(bench, output_text, sizeof(output_text)), expected);       \
    } while (0)

static void assert_closed(const struct bench *bench, const char *why)
{
    assert_int_equal(bench->connection.phase, CONNECTION_CLOSING);
    assert_non_null(strstr(bench->connection.why, why));
}

/* ---- tests ---- */

static void bytes_may_be_cut_anywhere(void **state)
{
    struct bench *bench = *state;
    const char *expected = "HELLO#0 OPEN#0 PUT#1 QSIZE#2 GET#3 ";
    static const char body[3000];
    struct mst_span span = mst_span_of(body, sizeof(body));
    struct mst_request put;
    struct mst_span all;

    say_preamble(bench);
    say(bench, MST_OP_HELLO, 0, 0);
    say(bench, MST_OP_OPEN, 0, 0);
    mst_request_init(&put, MST_OP_PUT);
    put.id = 1;
    put.bodies = &span;
    put.bodies_count = 1;
    assert_true(mst_request_encode(&bench->in, &put));
    say(bench, MST_OP_HEARTBEAT, 0, 0);
    say(bench, MST_OP_QSIZE, 2, 0);
    say(bench, MST_OP_GET, 3, 0);
    all = mst_buf_span(&bench->in);
    for (size_t size = 1; size <= all.len; size++) {
        start_over(bench);
        for (size_t at = 0; at < all.len; at += size) {
            size_t left = all.len - at;

            hear(bench, mst_span_of(all.data + at, left < size ? left : size));
        }
        assert_string_equal(bench->events, expected);
        assert_int_equal(mst_buf_size(&bench->connection.input) - bench->connection.input_used, 0);
    }
}

static void memory_follows_what_came(void **state)
{
    struct bench *bench = *state;
    static const uint8_t word[4] = {0, 0, 0xff, 0xff};

    connect_and_greet(bench);
    hear(bench, mst_span_of(word, sizeof(word)));
    assert_int_equal(bench->connection.phase, CONNECTION_RUNNING);
    assert_true(bench->connection.input.cap <= 1024);
}

static void a_rest_gives_memory_back(void **state)
{
    struct bench *bench = *state;
    static const uint8_t noise[20000];

    connect_and_greet(bench);
    say_bytes(bench, noise, sizeof(noise));
    hear(bench, mst_span_of(mst_buf_span(&bench->in).data, 10000));
    assert_true(bench->connection.input.cap >= 10000);
    connection_rest(&bench->connection); /* half a frame is still needed */
    assert_true(bench->connection.input.cap >= 10000);

    start_over(bench);
    mst_buf_reset(&bench->in);
    connect_and_greet(bench);
    say(bench, MST_OP_PING, 1, 0);
    hear(bench, mst_span_of(mst_buf_span(&bench->in).data, 6));
    hear(bench, mst_span_of(mst_buf_span(&bench->in).data + 6, mst_buf_size(&bench->in) - 6));
    assert_string_equal(bench->events, "PING#1 ");
    connection_sent(&bench->connection, connection_output(&bench->connection).len);
    connection_rest(&bench->connection);
    assert_int_equal(bench->connection.input.cap, 0);
    assert_int_equal(bench->connection.output.cap, 0);
}

static void confirm_names_ids_in_order_of_sending(void **state)
{
    struct bench *bench = *state;

    connect_and_greet(bench);
    reply_to(bench, MST_OP_PUT, 5, 3, 0, 0);
    reply_to(bench, MST_OP_QSIZE, 9, 1, 0, 0);
    reply_to(bench, MST_OP_GET, 2, 2, 0, 0);
    say(bench, MST_OP_HEARTBEAT, 0, 2);
    say(bench, MST_OP_HEARTBEAT, 0, 2);
    say(bench, MST_OP_PING, 10, 5);
    hear_all(bench);
    assert_string_equal(bench->events, "taken 5+2 taken 7+1 taken 9+1 taken 2+1 PING#10 ");
    say(bench, MST_OP_HEARTBEAT, 0, 6);
    hear_all(bench);
    assert_int_equal(bench->connection.phase, CONNECTION_RUNNING);
    assert_int_equal(bench->connection.sent.ids, 0);
}

static void confirm_cannot_lie(void **state)
{
    struct bench *bench = *state;

    connect_and_greet(bench);
    reply_to(bench, MST_OP_QSIZE, 1, 1, 0, 0);
    say(bench, MST_OP_HEARTBEAT, 0, 2);
    hear_all(bench);
    assert_closed(bench, "confirms replies");

    start_over(bench);
    connect_and_greet(bench);
    reply_to(bench, MST_OP_QSIZE, 1, 1, 0, 0);
    say(bench, MST_OP_HEARTBEAT, 0, 1);
    say(bench, MST_OP_HEARTBEAT, 0, 0);
    hear_all(bench);
    assert_closed(bench, "takes some back");
}

static void strangers_are_turned_away(void **state)
{
    struct bench *bench = *state;
    uint8_t preamble[MST_PREAMBLE_BYTES];

    hear(bench, mst_span_text("GET / HTTP/1.1\r\n"));
    assert_closed(bench, "does not speak");
    assert_output(bench, "");

    start_over(bench);
    mst_preamble_write(preamble, MST_CHANNEL_CLEAR);
    preamble[6]++;
    hear(bench, mst_span_of(preamble, sizeof(preamble)));
    assert_closed(bench, "another version");
    assert_output(bench, "preamble ");

    start_over(bench);
    mst_preamble_write(preamble, MST_CHANNEL_NOISE);
    hear(bench, mst_span_of(preamble, sizeof(preamble)));
    assert_closed(bench, "channel");
    assert_output(bench, "preamble ");
}

static void malformed_frames_close(void **state)
{
    struct bench *bench = *state;
    static const uint8_t empty[4] = {0, 0, 0, 0};
    static const uint8_t too_long[4] = {0, 1, 0, 1};

    connect_and_greet(bench);
    hear(bench, mst_span_of(empty, sizeof(empty)));
    assert_closed(bench, "empty frame");
    start_over(bench);
    connect_and_greet(bench);
    hear(bench, mst_span_of(too_long, sizeof(too_long)));
    assert_closed(bench, "longer than the limit");
    start_over(bench);
    connect_and_greet(bench);
    say_bytes(bench, "\x93\x08\x01", 3); /* an array of three with two elements */
    say(bench, MST_OP_PING, 2, 0);
    hear_all(bench);
    assert_int_equal(bench->connection.phase, CONNECTION_CLOSING);
    assert_string_equal(bench->events, "");
}

static void a_wrong_request_is_answered(void **state)
{
    struct bench *bench = *state;

    connect_and_greet(bench);
    assert_output(bench, "preamble HELLO#0 OK ");
    say_bytes(bench, "\x93\x7f\x07\x00", 4);      /* no such operation */
    say_bytes(bench, "\x94\x17\x08\x00\xa1x", 6); /* QSIZE of handle "x" */
    say(bench, MST_OP_PING, 9, 2);
    hear_all(bench);
    assert_output(bench, "?#7 PROTOCOL QSIZE#8 PROTOCOL ");
    assert_string_equal(bench->events, "taken 7+2 PING#9 ");
    assert_int_equal(bench->connection.phase, CONNECTION_RUNNING);
}

static void sessions_come_first_and_once(void **state)
{
    struct bench *bench = *state;

    say_preamble(bench);
    say(bench, MST_OP_PING, 1, 0);
    hear_all(bench);
    assert_closed(bench, "before its session");

    start_over(bench);
    connect_and_greet(bench);
    say(bench, MST_OP_RESUME, 0, 0);
    hear_all(bench);
    assert_closed(bench, "second session");

    start_over(bench);
    bench->greeting = MST_LIMIT;
    say_preamble(bench);
    say(bench, MST_OP_HELLO, 0, 0);
    hear_all(bench);
    assert_closed(bench, "refused");
    assert_output(bench, "preamble HELLO#0 LIMIT ");
}

static void after_a_refused_resume_comes_hello(void **state)
{
    struct bench *bench = *state;

    bench->greeting = MST_NOT_FOUND;
    say_preamble(bench);
    say(bench, MST_OP_RESUME, 0, 0);
    say(bench, MST_OP_OPEN, 0, 0); /* pipelined for the session that is gone */
    say(bench, MST_OP_PING, 7, 0);
    hear_all(bench);
    assert_string_equal(bench->events, "RESUME#0 ");
    bench->greeting = MST_OK;
    say(bench, MST_OP_HELLO, 0, 0);
    say(bench, MST_OP_PING, 8, 0);
    hear_all(bench);
    assert_string_equal(bench->events, "RESUME#0 HELLO#0 PING#8 ");
    assert_output(bench, "preamble RESUME#0 NOT_FOUND HELLO#0 OK ");
}

static void replies_wait_for_their_record(void **state)
{
    struct bench *bench = *state;

    connect_and_greet(bench);
    assert_output(bench, "preamble HELLO#0 OK ");
    reply_to(bench, MST_OP_PUT, 1, 1, 10, 4);
    reply_to(bench, MST_OP_QSIZE, 2, 1, 0, 4); /* of a memory queue: at once */
    reply_to(bench, MST_OP_DONE, 3, 1, 12, 4);
    assert_output(bench, "QSIZE#2 OK ");
    connection_release(&bench->connection, 11);
    assert_output(bench, "PUT#1 OK ");
    assert_true(connection_holds(&bench->connection));
    connection_release(&bench->connection, 12);
    assert_output(bench, "DONE#3 OK ");
    assert_true(connection_is_empty(&bench->connection));
    say(bench, MST_OP_HEARTBEAT, 0, 2); /* numbered as they left: 2, 1, 3 */
    hear_all(bench);
    assert_string_equal(bench->events, "taken 2+1 taken 1+1 ");
}

static void nothing_overtakes_the_welcome(void **state)
{
    struct bench *bench = *state;

    bench->greeting_seq = 1;
    connect_and_greet(bench);
    reply_to(bench, MST_OP_QSIZE, 1, 1, 0, 0);
    assert_output(bench, "preamble ");
    connection_release(&bench->connection, 1);
    assert_output(bench, "HELLO#0 OK QSIZE#1 OK ");
    reply_to(bench, MST_OP_QSIZE, 2, 1, 0, 1);
    assert_output(bench, "QSIZE#2 OK ");
}

static void who_does_not_read_is_dropped(void **state)
{
    struct bench *bench = *state;

    connect_and_greet(bench);
    for (uint64_t id = 1; bench->connection.phase == CONNECTION_RUNNING; id++) {
        assert_true(id < OUTPUT_MAX);
        reply_to(bench, MST_OP_QSIZE, id, 1, 0, 0);
    }
    assert_closed(bench, "does not read");
    assert_true(connection_is_empty(&bench->connection));
}

static void who_does_not_confirm_is_dropped(void **state)
{
    struct bench *bench = *state;
    uint64_t sent = 0;

    connect_and_greet(bench);
    for (uint64_t id = 1; bench->connection.phase == CONNECTION_RUNNING; id += 2, sent++) {
        connection_sent(&bench->connection, connection_output(&bench->connection).len);
        reply_to(bench, MST_OP_QSIZE, id, 1, 0, 0);
    }
    assert_closed(bench, "does not confirm");
    assert_int_equal(sent, SESSION_UNCONFIRMED_MAX + 1);
}

static void random_bytes_do_no_harm(void **state)
{
    struct bench *bench = *state;
    uint64_t random = 88172645463325252ULL;

    for (int round = 0; round < 2000; round++) {
        uint8_t noise[64];

        start_over(bench);
        connect_and_greet(bench);
        for (size_t i = 0; i < sizeof(noise); i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            noise[i] = i % 16 < 3 ? 0 : (uint8_t)(random >> 32); /* often a short frame */
        }
        hear(bench, mst_span_of(noise, sizeof(noise)));
        assert_true(bench->connection.input.cap <= 1024);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(bytes_may_be_cut_anywhere),
        TEST(memory_follows_what_came),
        TEST(a_rest_gives_memory_back),
        TEST(confirm_names_ids_in_order_of_sending),
        TEST(confirm_cannot_lie),
        TEST(strangers_are_turned_away),
        TEST(malformed_frames_close),
        TEST(a_wrong_request_is_answered),
        TEST(sessions_come_first_and_once),
        TEST(after_a_refused_resume_comes_hello),
        TEST(replies_wait_for_their_record),
        TEST(nothing_overtakes_the_welcome),
        TEST(who_does_not_read_is_dropped),
        TEST(who_does_not_confirm_is_dropped),
        TEST(random_bytes_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
