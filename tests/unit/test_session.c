/* test_session.c - one connection: bytes to requests at any split, receipts, held replies, and what
 * hostile bytes do. The core is played by the test: it welcomes every HELLO. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/session_bench.h"

#include <stdio.h>
#include <stdlib.h>

#include "protocol/frame.h"

/* ---- tests ---- */

static void bytes_may_be_cut_anywhere(void **state)
{
    struct bench *bench = *state;
    const char *expected = "HELLO#0 OPEN#0 PUT#1 QSIZE#2 GET#3 ";
    static const char body[3000];
    struct mst_span span = mst_span_of(body, sizeof(body));
    struct mst_request put;
    struct mst_span all;

    peer_say_preamble(bench);
    peer_say(bench, MST_OP_HELLO, 0, 0);
    peer_say(bench, MST_OP_OPEN, 0, 0);
    mst_request_init(&put, MST_OP_PUT);
    put.id = 1;
    put.bodies = &span;
    put.bodies_count = 1;
    assert_true(mst_request_encode(&bench->in, &put));
    peer_say(bench, MST_OP_HEARTBEAT, 0, 0);
    peer_say(bench, MST_OP_QSIZE, 2, 0);
    peer_say(bench, MST_OP_GET, 3, 0);
    all = mst_buf_span(&bench->in);
    for (size_t size = 1; size <= all.len; size++) {
        peer_start_over(bench);
        for (size_t at = 0; at < all.len; at += size) {
            size_t left = all.len - at;

            peer_hear(bench, mst_span_of(all.data + at, left < size ? left : size));
        }
        assert_string_equal(bench->events, expected);
        assert_int_equal(mst_buf_size(&bench->connection.input) - bench->connection.input_used, 0);
    }
}

static void memory_follows_what_came(void **state)
{
    struct bench *bench = *state;
    static const uint8_t word[4] = {0, 0, 0xff, 0xff};

    peer_connect_and_greet(bench);
    peer_hear(bench, mst_span_of(word, sizeof(word)));
    assert_int_equal(bench->connection.phase, CONNECTION_RUNNING);
    assert_true(bench->connection.input.cap <= 1024);
}

static void a_rest_gives_memory_back(void **state)
{
    struct bench *bench = *state;
    static const uint8_t noise[20000];

    peer_connect_and_greet(bench);
    peer_say_bytes(bench, noise, sizeof(noise));
    peer_hear(bench, mst_span_of(mst_buf_span(&bench->in).data, 10000));
    assert_true(bench->connection.input.cap >= 10000);
    connection_rest(&bench->connection); /* half a frame is still needed */
    assert_true(bench->connection.input.cap >= 10000);

    peer_start_over(bench);
    mst_buf_reset(&bench->in);
    peer_connect_and_greet(bench);
    peer_say(bench, MST_OP_PING, 1, 0);
    peer_hear(bench, mst_span_of(mst_buf_span(&bench->in).data, 6));
    peer_hear(bench, mst_span_of(mst_buf_span(&bench->in).data + 6, mst_buf_size(&bench->in) - 6));
    assert_string_equal(bench->events, "PING#1 ");
    peer_skip_output(bench);
    connection_rest(&bench->connection);
    assert_int_equal(bench->connection.input.cap, 0);
    assert_int_equal(bench->connection.output.bytes.cap, 0);
    assert_int_equal(bench->common.spares.count, 1); /* two were there, and somebody rested */
}

static void confirm_names_ids_in_order_of_sending(void **state)
{
    struct bench *bench = *state;

    peer_connect_and_greet(bench);
    peer_reply_to(bench, MST_OP_PUT, 5, 3, 0, 0);
    peer_reply_to(bench, MST_OP_QSIZE, 9, 1, 0, 0);
    peer_reply_to(bench, MST_OP_GET, 2, 2, 0, 0);
    peer_say(bench, MST_OP_HEARTBEAT, 0, 2);
    peer_say(bench, MST_OP_HEARTBEAT, 0, 2);
    peer_say(bench, MST_OP_PING, 10, 5);
    peer_hear_all(bench);
    assert_string_equal(bench->events, "taken 5+2 taken 7+1 taken 9+1 taken 2+1 PING#10 ");
    peer_say(bench, MST_OP_HEARTBEAT, 0, 6);
    peer_hear_all(bench);
    assert_int_equal(bench->connection.phase, CONNECTION_RUNNING);
    assert_int_equal(bench->connection.sent.ids, 0);
}

static void confirm_cannot_lie(void **state)
{
    struct bench *bench = *state;

    peer_connect_and_greet(bench);
    peer_reply_to(bench, MST_OP_QSIZE, 1, 1, 0, 0);
    peer_say(bench, MST_OP_HEARTBEAT, 0, 2);
    peer_hear_all(bench);
    peer_assert_closed(bench, "confirms replies");

    peer_start_over(bench);
    peer_connect_and_greet(bench);
    peer_reply_to(bench, MST_OP_QSIZE, 1, 1, 0, 0);
    peer_say(bench, MST_OP_HEARTBEAT, 0, 1);
    peer_say(bench, MST_OP_HEARTBEAT, 0, 0);
    peer_hear_all(bench);
    peer_assert_closed(bench, "takes some back");
}

static void strangers_are_turned_away(void **state)
{
    struct bench *bench = *state;
    uint8_t preamble[MST_PREAMBLE_BYTES];

    peer_hear(bench, mst_span_text("GET / HTTP/1.1\r\n"));
    peer_assert_closed(bench, "does not speak");
    assert_output(bench, "");

    peer_start_over(bench);
    mst_preamble_write(preamble, MST_CHANNEL_CLEAR);
    preamble[6]++;
    peer_hear(bench, mst_span_of(preamble, sizeof(preamble)));
    peer_assert_closed(bench, "another version");
    assert_output(bench, "preamble ");

    peer_start_over(bench);
    mst_preamble_write(preamble, MST_CHANNEL_NOISE);
    peer_hear(bench, mst_span_of(preamble, sizeof(preamble)));
    peer_assert_closed(bench, "channel");
    assert_output(bench, "preamble ");
}

static void malformed_frames_close(void **state)
{
    struct bench *bench = *state;
    static const uint8_t empty[4] = {0, 0, 0, 0};
    static const uint8_t too_long[4] = {0, 1, 0, 1};

    peer_connect_and_greet(bench);
    peer_hear(bench, mst_span_of(empty, sizeof(empty)));
    peer_assert_closed(bench, "empty frame");
    peer_start_over(bench);
    peer_connect_and_greet(bench);
    peer_hear(bench, mst_span_of(too_long, sizeof(too_long)));
    peer_assert_closed(bench, "longer than the limit");
    peer_start_over(bench);
    peer_connect_and_greet(bench);
    peer_say_bytes(bench, "\x93\x08\x01", 3); /* an array of three with two elements */
    peer_say(bench, MST_OP_PING, 2, 0);
    peer_hear_all(bench);
    assert_int_equal(bench->connection.phase, CONNECTION_CLOSING);
    assert_string_equal(bench->events, "");
}

static void a_wrong_request_is_answered(void **state)
{
    struct bench *bench = *state;

    peer_connect_and_greet(bench);
    assert_output(bench, "preamble HELLO#0 OK ");
    peer_say_bytes(bench, "\x93\x7f\x07\x00", 4);      /* no such operation */
    peer_say_bytes(bench, "\x94\x17\x08\x00\xa1x", 6); /* QSIZE of handle "x" */
    peer_say(bench, MST_OP_PING, 9, 2);
    peer_hear_all(bench);
    assert_output(bench, "?#7 PROTOCOL QSIZE#8 PROTOCOL ");
    assert_string_equal(bench->events, "taken 7+2 PING#9 ");
    assert_int_equal(bench->connection.phase, CONNECTION_RUNNING);
}

static void sessions_come_first_and_once(void **state)
{
    struct bench *bench = *state;

    peer_say_preamble(bench);
    peer_say(bench, MST_OP_PING, 1, 0);
    peer_hear_all(bench);
    peer_assert_closed(bench, "before its session");

    peer_start_over(bench);
    peer_connect_and_greet(bench);
    peer_say(bench, MST_OP_RESUME, 0, 0);
    peer_hear_all(bench);
    peer_assert_closed(bench, "second session");

    peer_start_over(bench);
    bench->greeting = MST_LIMIT;
    peer_say_preamble(bench);
    peer_say(bench, MST_OP_HELLO, 0, 0);
    peer_hear_all(bench);
    peer_assert_closed(bench, "refused");
    assert_output(bench, "preamble HELLO#0 LIMIT ");
}

static void after_a_refused_resume_comes_hello(void **state)
{
    struct bench *bench = *state;

    bench->greeting = MST_NOT_FOUND;
    peer_say_preamble(bench);
    peer_say(bench, MST_OP_RESUME, 0, 0);
    peer_say(bench, MST_OP_OPEN, 0, 0); /* pipelined for the session that is gone */
    peer_say(bench, MST_OP_PING, 7, 0);
    peer_hear_all(bench);
    assert_string_equal(bench->events, "RESUME#0 ");
    bench->greeting = MST_OK;
    peer_say(bench, MST_OP_HELLO, 0, 0);
    peer_say(bench, MST_OP_PING, 8, 0);
    peer_hear_all(bench);
    assert_string_equal(bench->events, "RESUME#0 HELLO#0 PING#8 ");
    assert_output(bench, "preamble RESUME#0 NOT_FOUND HELLO#0 OK ");
}

static void replies_wait_for_their_record(void **state)
{
    struct bench *bench = *state;

    peer_connect_and_greet(bench);
    assert_output(bench, "preamble HELLO#0 OK ");
    peer_reply_to(bench, MST_OP_PUT, 1, 1, 10, 4);
    peer_reply_to(bench, MST_OP_QSIZE, 2, 1, 0, 4); /* of a memory queue: at once */
    peer_reply_to(bench, MST_OP_DONE, 3, 1, 12, 4);
    assert_output(bench, "QSIZE#2 OK ");
    connection_release(&bench->connection, 11);
    assert_output(bench, "PUT#1 OK ");
    assert_true(connection_holds(&bench->connection));
    connection_release(&bench->connection, 12);
    assert_output(bench, "DONE#3 OK ");
    assert_true(connection_is_empty(&bench->connection));
    peer_say(bench, MST_OP_HEARTBEAT, 0, 2); /* numbered as they left: 2, 1, 3 */
    peer_hear_all(bench);
    assert_string_equal(bench->events, "taken 2+1 taken 1+1 ");
}

static void nothing_overtakes_the_welcome(void **state)
{
    struct bench *bench = *state;

    bench->greeting_seq = 1;
    peer_connect_and_greet(bench);
    peer_reply_to(bench, MST_OP_QSIZE, 1, 1, 0, 0);
    assert_output(bench, "preamble ");
    connection_release(&bench->connection, 1);
    assert_output(bench, "HELLO#0 OK QSIZE#1 OK ");
    peer_reply_to(bench, MST_OP_QSIZE, 2, 1, 0, 1);
    assert_output(bench, "QSIZE#2 OK ");
}

static void who_does_not_read_is_dropped(void **state)
{
    struct bench *bench = *state;

    peer_connect_and_greet(bench);
    for (uint64_t id = 1; bench->connection.phase == CONNECTION_RUNNING; id++) {
        assert_true(id < OUTPUT_MAX);
        peer_reply_to(bench, MST_OP_QSIZE, id, 1, 0, 0);
    }
    peer_assert_closed(bench, "does not read");
    assert_true(connection_is_empty(&bench->connection));
}

static void who_does_not_confirm_is_dropped(void **state)
{
    struct bench *bench = *state;
    uint64_t sent = 0;

    peer_connect_and_greet(bench);
    for (uint64_t id = 1; bench->connection.phase == CONNECTION_RUNNING; id += 2, sent++) {
        peer_skip_output(bench);
        peer_reply_to(bench, MST_OP_QSIZE, id, 1, 0, 0);
    }
    peer_assert_closed(bench, "does not confirm");
    assert_int_equal(sent, SESSION_UNCONFIRMED_MAX + 1);
}

static void random_bytes_do_no_harm(void **state)
{
    struct bench *bench = *state;
    uint64_t random = 88172645463325252ULL;

    for (int round = 0; round < 2000; round++) {
        uint8_t noise[64];

        peer_start_over(bench);
        peer_connect_and_greet(bench);
        for (size_t i = 0; i < sizeof(noise); i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            noise[i] = i % 16 < 3 ? 0 : (uint8_t)(random >> 32); /* often a short frame */
        }
        peer_hear(bench, mst_span_of(noise, sizeof(noise)));
        assert_true(bench->connection.input.cap <= 1024);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_setup, peer_teardown)
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
