/* test_session_wrong.c - what is well-formed and wrong, at each stage of a connection's life; and
 * what happens to a connection that has been closed. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/session_bench.h"

#include <stdio.h>
#include <string.h>

#include "broker/session/access.h"
#include "protocol/keys.h"

/* QSIZE of handle "x", HELLO whose name is a number: good arrays with bad fields. */
static const char wrong_qsize[] = "\x94\x17\x08\x00\xa1x";
static const char wrong_hello[] = "\x94\x01\x00\x00\x05";

static void say_wrong(struct bench *bench, const char *bytes, size_t size)
{
    peer_say_bytes(bench, bytes, size - 1);
}

/* ---- stages ---- */

static void before_its_session_a_wrong_request_ends_the_connection(void **state)
{
    struct bench *bench = *state;

    peer_say_preamble(bench);
    say_wrong(bench, wrong_qsize, sizeof(wrong_qsize));
    peer_hear_all(bench);
    assert_int_equal(bench->connection.phase, CONNECTION_CLOSING);
    assert_string_equal(bench->events, "");
}

static void a_wrong_greeting_is_answered_and_ends_the_connection(void **state)
{
    struct bench *bench = *state;

    peer_say_preamble(bench);
    say_wrong(bench, wrong_hello, sizeof(wrong_hello));
    peer_hear_all(bench);
    assert_int_equal(bench->connection.phase, CONNECTION_CLOSING);
    assert_output(bench, "preamble HELLO#0 PROTOCOL ");
}

static void a_wrong_greeting_amid_a_session_ends_it_without_an_answer(void **state)
{
    struct bench *bench = *state;

    peer_connect_and_greet(bench);
    assert_output(bench, "preamble HELLO#0 OK ");
    say_wrong(bench, wrong_hello, sizeof(wrong_hello));
    peer_hear_all(bench);
    assert_int_equal(bench->connection.phase, CONNECTION_CLOSING);
    assert_output(bench, "");
}

/* What was pipelined for a session that is gone is passed over, also if it is wrong. */
static void between_a_refused_resume_and_hello_nothing_is_wrong(void **state)
{
    struct bench *bench = *state;

    bench->greeting = MST_NOT_FOUND;
    peer_say_preamble(bench);
    peer_say(bench, MST_OP_RESUME, 0, 0);
    say_wrong(bench, wrong_qsize, sizeof(wrong_qsize));
    peer_say(bench, MST_OP_RESUME, 0, 0); /* nor is a second one answered */
    peer_hear_all(bench);
    assert_string_equal(bench->events, "RESUME#0 ");
    bench->greeting = MST_OK;
    peer_say(bench, MST_OP_HELLO, 0, 0);
    peer_say(bench, MST_OP_PING, 8, 0);
    peer_hear_all(bench);
    assert_string_equal(bench->events, "RESUME#0 HELLO#0 PING#8 ");
}

/* A request with id 0 has no answer to be told by. */
static void what_is_wrong_and_has_no_id_ends_the_connection(void **state)
{
    struct bench *bench = *state;

    peer_connect_and_greet(bench);
    peer_say_bytes(bench, "\x94\x17\x00\x00\xa1x", 6);
    peer_hear_all(bench);
    assert_int_equal(bench->connection.phase, CONNECTION_CLOSING);
}

/* ---- afterwards ---- */

static void a_closed_connection_neither_hears_nor_says_more(void **state)
{
    struct bench *bench = *state;

    peer_connect_and_greet(bench);
    peer_skip_output(bench);
    peer_reply_to(bench, MST_OP_PUT, 1, 1, 10, 4); /* held: its record is not durable */
    connection_close(&bench->connection, NULL, false);
    peer_assert_closed(bench, "closed by the broker");
    connection_close(&bench->connection, "somebody else's reason", true);
    peer_assert_closed(bench, "closed by the broker"); /* the first one counts */
    peer_reply_to(bench, MST_OP_QSIZE, 2, 1, 0, 0);
    peer_say(bench, MST_OP_PING, 3, 0);
    peer_hear_all(bench);
    assert_string_equal(bench->events, "");
}

/* ---- the files of who is welcome ---- */

static void add_line(char *text, size_t cap, unsigned who, enum mst_key_kind kind, uint8_t seed)
{
    uint8_t key[MST_NOISE_KEY];
    char word[MST_KEY_TEXT + 1];

    memset(key, seed, sizeof(key));
    mst_key_write(word, kind, key);
    snprintf(text + strlen(text), cap - strlen(text), "name%u %s\n", who, word);
}

/* The same key twice, among others, in any two places: both are named, the later one first. */
static void a_key_that_stands_twice_is_found_wherever_it_stands(void **state)
{
    enum { LINES = 9 };

    (void)state;
    for (unsigned i = 0; i < LINES * LINES * 2; i++) {
        unsigned one = i % LINES, other = i / LINES % LINES;
        enum mst_key_kind kind = i < LINES * LINES ? MST_KEY_PUBLIC : MST_KEY_TOKEN;
        char text[LINES * 100] = "", error[ACCESS_ERROR_MAX], wanted[100];
        struct access_texts texts = {0};
        struct access_text *file = kind == MST_KEY_TOKEN ? &texts.tokens : &texts.keys;

        for (unsigned line = 0; line < LINES; line++) {
            uint8_t seed = (uint8_t)(line == one || line == other ? 100 : 101 + line * 17 % 50);

            add_line(text, sizeof(text), line, kind, seed);
        }
        *file = (struct access_text){"a file", mst_span_text(text), true};
        if (one == other) {
            struct access *access = access_new(&texts, error);

            assert_non_null(access);
            access_free(&access);
            continue;
        }
        assert_null(access_new(&texts, error));
        snprintf(wanted, sizeof(wanted), "line %u: the same %s stands on line %u already",
                 (one > other ? one : other) + 1, kind == MST_KEY_TOKEN ? "token" : "key",
                 (one < other ? one : other) + 1);
        assert_non_null(strstr(error, wanted));
    }
}

static void permissions_of_anonymous_are_used_if_anonymous_is_let_in(void **state)
{
    (void)state;
    for (int let_in = 0; let_in < 2; let_in++) {
        struct access_texts texts = {.anonymous = let_in != 0};
        char error[ACCESS_ERROR_MAX];
        struct access *access;

        texts.permissions =
            (struct access_text){"p", mst_span_text("allow anonymous get jobs\n"), true};
        access = access_new(&texts, error);
        assert_non_null(access);
        assert_null(access_unused_name(access));
        assert_int_equal(access_knows(access, mst_span_text("anonymous")), let_in);
        assert_false(access_knows(access, mst_span_text("somebody")));
        access_free(&access);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_setup, peer_teardown)
    const struct CMUnitTest tests[] = {
        TEST(before_its_session_a_wrong_request_ends_the_connection),
        TEST(a_wrong_greeting_is_answered_and_ends_the_connection),
        TEST(a_wrong_greeting_amid_a_session_ends_it_without_an_answer),
        TEST(between_a_refused_resume_and_hello_nothing_is_wrong),
        TEST(what_is_wrong_and_has_no_id_ends_the_connection),
        TEST(a_closed_connection_neither_hears_nor_says_more),
        cmocka_unit_test(a_key_that_stands_twice_is_found_wherever_it_stands),
        cmocka_unit_test(permissions_of_anonymous_are_used_if_anonymous_is_let_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
