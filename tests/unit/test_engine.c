/* test_engine.c - the whole broker over byte pipes and under a virtual clock: sessions, messages,
 * signs of life, pauses, slow readers, limits, and going away. */
#include "tests/unit/engine_pipes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void messages_pass(void **state)
{
    struct pipes *pipes = *state;
    struct client *putter = pipes_client(pipes);
    struct client *getter = pipes_client(pipes);

    pipes_get(pipes, getter, 1, MST_GET_AUTO);
    pipes_turn(pipes);
    assert_read(getter, "");
    pipes_put(pipes, putter, 1, "hello");
    pipes_put(pipes, putter, 2, "again");
    pipes_turn(pipes);
    assert_read(putter, "PUT#1 OK PUT#2 OK ");
    assert_read(getter, "GET#1 OK hello.1 ");
    pipes_get(pipes, getter, 2, MST_GET_LEASE);
    pipes_turn(pipes);
    assert_read(getter, "GET#2 OK again.1 ");
}

static void a_turn_sends_once(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_client(pipes);
    size_t before = client->sends;

    for (uint64_t id = 1; id <= 100; id++) {
        pipes_put(pipes, client, id, "x");
    }
    pipes_turn(pipes);
    assert_int_equal(client->sends, before + 1);
    pipes_turn(pipes);
    assert_int_equal(client->sends, before + 1);
}

static void a_lost_connection_returns_what_was_on_the_way(void **state)
{
    struct pipes *pipes = *state;
    struct client *putter = pipes_client(pipes);
    struct client *first = pipes_connect(pipes);
    struct client *second = pipes_client(pipes);

    pipes_hello(pipes, first, 0);
    pipes_get(pipes, first, 1, MST_GET_LEASE);
    pipes_put(pipes, putter, 1, "job");
    pipes_turn(pipes);
    assert_read(first, "HELLO#0 OK GET#1 OK job.1 ");
    engine_closed(pipes->engine, first->conn);
    pipes_get(pipes, second, 1, MST_GET_LEASE);
    pipes_turn(pipes);
    assert_true(first->closed);
    assert_read(second, "GET#1 OK job.2 ");
}

static void sessions_resume_and_displace(void **state)
{
    struct pipes *pipes = *state;
    struct client *old = pipes_client(pipes);
    struct client *putter = pipes_client(pipes);
    struct client *again = pipes_connect(pipes);

    pipes_get(pipes, old, 1, MST_GET_AUTO);
    pipes_turn(pipes);
    pipes_resume(pipes, again, old);
    pipes_turn(pipes);
    assert_read(again, "RESUME#0 OK ");
    assert_true(old->closed);
    pipes_put(pipes, putter, 1, "x");
    pipes_turn(pipes);
    /* What concerns the old connection concerns nobody any more. */
    engine_receive(pipes->engine, old->conn, mst_span_text("late"));
    engine_writable(pipes->engine, old->conn);
    engine_closed(pipes->engine, old->conn);
    pipes_turn(pipes);
    assert_false(again->closed);
    assert_int_equal(engine_connections(pipes->engine), 2);
}

static void hello_follows_a_refused_resume(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_connect(pipes);
    struct client nobody = {.session = 77};

    pipes_resume(pipes, client, &nobody);
    pipes_put(pipes, client, 1, "pipelined");
    pipes_hello(pipes, client, 0);
    pipes_put(pipes, client, 2, "y");
    pipes_turn(pipes);
    assert_read(client, "RESUME#0 NOT_FOUND HELLO#0 OK PUT#2 OK ");
}

static void both_sides_show_signs_of_life(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_client(pipes);
    struct client *silent = pipes_client(pipes);

    for (int i = 0; i < 12; i++) {
        pipes_pass(pipes, 3 * SECOND);
        pipes_simple(pipes, client, MST_OP_HEARTBEAT, 0);
    }
    assert_false(client->closed);
    assert_true(silent->closed);
    assert_read(silent, "HEARTBEAT#0 OK HEARTBEAT#0 OK HEARTBEAT#0 OK ");
    assert_true(strlen(pipes_read(client)) >= 10 * strlen("HEARTBEAT#0 OK "));
}

static void no_heartbeat_while_replies_flow(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_client(pipes);

    for (uint64_t id = 1; id <= 20; id++) {
        pipes_simple(pipes, client, MST_OP_PING, id);
        pipes_pass(pipes, SECOND);
        assert_null(strstr(pipes_read(client), "HEARTBEAT"));
    }
}

static void a_session_is_wanted_in_time(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_connect(pipes);

    pipes_pass(pipes, ENGINE_GREETING_NS - 1);
    assert_false(client->closed);
    pipes_pass(pipes, 1);
    assert_true(client->closed);
}

static void input_goes_before_expiry_after_a_pause(void **state)
{
    struct pipes *pipes = *state;
    struct client *alive = pipes_client(pipes);
    struct client *late = pipes_client(pipes);
    struct client *dead = pipes_client(pipes);

    pipes_pass(pipes, SECOND);
    pipes->now_ns += 60 * SECOND; /* the process was stopped */
    pipes_simple(pipes, alive, MST_OP_HEARTBEAT, 0);
    engine_turn(pipes->engine);
    assert_int_equal(engine_next_deadline_ns(pipes->engine), 0);
    pipes_simple(pipes, late, MST_OP_HEARTBEAT, 0); /* it could not all be read in one turn */
    engine_turn(pipes->engine);
    assert_false(dead->closed);
    pipes_turn(pipes);
    assert_false(alive->closed);
    assert_false(late->closed);
    assert_true(dead->closed);
}

static void endless_input_does_not_stop_time(void **state)
{
    struct pipes *pipes = *state;
    struct client *alive = pipes_client(pipes);
    struct client *dead = pipes_client(pipes);

    for (int i = 0; i < 100 && !dead->closed; i++) {
        pipes->now_ns += 2 * SECOND; /* every turn takes that long */
        pipes_simple(pipes, alive, MST_OP_HEARTBEAT, 0);
        engine_turn(pipes->engine);
    }
    assert_true(dead->closed);
    assert_false(alive->closed);
}

static void a_slow_reader_delays_nobody(void **state)
{
    struct pipes *pipes = *state;
    struct client *slow = pipes_client(pipes);
    struct client *other = pipes_client(pipes);
    size_t sends;

    slow->room = 5;
    pipes_simple(pipes, slow, MST_OP_PING, 1);
    pipes_turn(pipes);
    sends = slow->sends;
    pipes_simple(pipes, slow, MST_OP_PING, 2);
    pipes_simple(pipes, other, MST_OP_PING, 1);
    pipes_turn(pipes);
    assert_read(slow, "");
    assert_read(other, "PING#1 OK ");
    assert_int_equal(slow->sends, sends); /* it is not tried again before it is told */
    slow->room = SIZE_MAX;
    engine_writable(pipes->engine, slow->conn);
    pipes_turn(pipes);
    assert_read(slow, "PING#1 OK PING#2 OK ");
}

#define LARGE_BYTES 6000 /* enough to be sent from where the queue has it */

static const char *large_text(char fill)
{
    static char text[LARGE_BYTES + 1];

    memset(text, fill, LARGE_BYTES);
    return text;
}

/* The message has left the queue long before its last byte is read, and others came after it. */
static void a_large_body_is_whole_however_it_leaves(void **state)
{
    struct pipes *pipes = *state;
    struct client *putter = pipes_client(pipes);
    struct client *getter = pipes_client(pipes);
    char expected[LARGE_BYTES + 64];

    for (uint64_t id = 1; id <= 20; id++) {
        size_t step = 1 + (size_t)id * 97;

        getter->room = step;
        pipes_get(pipes, getter, id, MST_GET_AUTO);
        pipes_put(pipes, putter, 3 * id - 2, large_text((char)('a' + id)));
        pipes_turn(pipes);
        pipes_put(pipes, putter, 3 * id - 1, large_text('-'));
        pipes_simple(pipes, putter, MST_OP_PURGE, 3 * id);
        while (getter->room == 0) {
            getter->room = step;
            engine_writable(pipes->engine, getter->conn);
            pipes_turn(pipes);
        }
        snprintf(expected, sizeof(expected), "GET#%d OK %s.1 ", (int)id,
                 large_text((char)('a' + id)));
        assert_read(getter, expected);
        pipes_read(putter);
    }
}

static void large_bodies_that_nobody_reads_are_bounded(void **state)
{
    struct pipes *pipes = *state;
    struct client *putter = pipes_client(pipes);
    struct client *getter;

    pipes->config.output_bytes_max = 4 * LARGE_BYTES;
    engine_configure(pipes->engine, &pipes->config);
    getter = pipes_client(pipes);
    getter->room = 100;
    for (uint64_t id = 1; id < 100 && !getter->closed; id++) {
        pipes_get(pipes, getter, id, MST_GET_LEASE);
        pipes_put(pipes, putter, id, large_text('x'));
        pipes_turn(pipes);
        assert_true(id < 10);
    }
    assert_true(getter->closed);
    assert_non_null(strstr(pipes->log, "does not read"));
}

static void who_never_reads_is_dropped(void **state)
{
    struct pipes *pipes = *state;
    struct client *client;

    pipes->config.output_bytes_max = 4096;
    engine_configure(pipes->engine, &pipes->config);
    client = pipes_client(pipes);
    client->room = 0;
    for (uint64_t id = 1; id < 1000 && !client->closed; id++) {
        pipes_simple(pipes, client, MST_OP_PING, id);
        pipes_turn(pipes);
    }
    assert_true(client->closed);
    assert_non_null(strstr(pipes->log, "does not read"));
}

static void a_broken_pipe_is_a_lost_connection(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_client(pipes);

    client->broken = true;
    pipes_simple(pipes, client, MST_OP_PING, 1);
    pipes_turn(pipes);
    assert_true(client->closed);
    assert_int_equal(core_figures(engine_core(pipes->engine)).connected, 0);
    assert_int_equal(core_figures(engine_core(pipes->engine)).sessions, 1);
    pipes_pass(pipes, 11 * SECOND); /* its time-to-live */
    assert_int_equal(core_figures(engine_core(pipes->engine)).sessions, 0);
}

static void a_closing_connection_has_its_time(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_client(pipes);

    client->room = 0;
    pipes_simple(pipes, client, MST_OP_BYE, 0);
    pipes_turn(pipes);
    assert_false(client->closed);
    assert_int_equal(core_figures(engine_core(pipes->engine)).sessions, 0);
    pipes_pass(pipes, ENGINE_CLOSING_NS);
    assert_true(client->closed);
}

static void goodbye_is_answered(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_client(pipes);

    pipes_simple(pipes, client, MST_OP_BYE, 0);
    pipes_turn(pipes);
    assert_read(client, "BYE#0 OK ");
    assert_true(client->closed);
    assert_string_equal(pipes->log, "");
}

static void connections_have_a_limit(void **state)
{
    struct pipes *pipes = *state;
    struct client *first;
    struct client *second;
    uint64_t number;

    pipes->config.connections_max = 2;
    engine_configure(pipes->engine, &pipes->config);
    first = pipes_client(pipes);
    second = pipes_client(pipes);
    assert_null(pipes_connect(pipes));
    assert_null(pipes_connect(pipes));
    assert_non_null(strstr(pipes->log, "--max-connections"));
    assert_null(strstr(strstr(pipes->log, "--max-connections") + 1, "--max-connections"));
    number = first->conn;
    engine_closed(pipes->engine, first->conn);
    pipes_turn(pipes);
    first = pipes_client(pipes);
    assert_int_equal(engine_slot(first->conn), engine_slot(number));
    assert_true(first->conn != number);
    assert_false(second->closed);
}

static void faults_are_logged_but_not_by_the_thousand(void **state)
{
    struct pipes *pipes = *state;

    for (int i = 0; i < 10; i++) {
        struct client *client = pipes_connect(pipes);

        engine_receive(pipes->engine, client->conn, mst_span_of("\0\0\0\0", 4));
        pipes_turn(pipes);
        assert_true(client->closed);
    }
    assert_non_null(strstr(pipes->log, "an empty frame"));
    assert_ptr_equal(strchr(pipes->log, '\n') + 1, pipes->log + strlen(pipes->log));
}

static void going_away_is_told(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_client(pipes);
    struct client *stuck = pipes_client(pipes);

    pipes_get(pipes, client, 1, MST_GET_AUTO);
    pipes_turn(pipes);
    stuck->room = 0;
    engine_drain(pipes->engine);
    assert_false(engine_drained(pipes->engine));
    pipes_turn(pipes);
    assert_read(client, "NOTICE#0 OK GET#1 UNAVAILABLE ");
    assert_false(engine_drained(pipes->engine));
    stuck->room = SIZE_MAX;
    engine_writable(pipes->engine, stuck->conn);
    pipes_turn(pipes);
    assert_true(engine_drained(pipes->engine));
}

static void going_away_has_an_end(void **state)
{
    struct pipes *pipes = *state;
    struct client *stuck = pipes_client(pipes);

    stuck->room = 0;
    engine_drain(pipes->engine);
    pipes_pass(pipes, ENGINE_DRAIN_NS - 1);
    assert_false(engine_drained(pipes->engine));
    pipes_pass(pipes, 1);
    assert_true(engine_drained(pipes->engine));
}

/* ---- with a journal ---- */

static void nothing_is_seen_before_it_is_durable(void **state)
{
    struct pipes *pipes = *state;
    struct client *putter = pipes_client(pipes);
    struct client *getter = pipes_client(pipes);

    pipes_get(pipes, getter, 1, MST_GET_LEASE);
    pipes_turn(pipes);
    pipes_sync(pipes); /* the queue was made */
    pipes_put(pipes, putter, 1, "kept");
    pipes_turn(pipes);
    assert_read(putter, "");
    assert_read(getter, "");
    assert_int_equal(engine_next_deadline_ns(pipes->engine) > pipes->now_ns, 1);
    pipes_sync(pipes);
    assert_read(putter, "PUT#1 OK ");
    assert_read(getter, "GET#1 OK kept.1 ");
}

static void one_batch_is_on_its_way_at_a_time(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_client(pipes);

    pipes_put(pipes, client, 1, "a");
    pipes_turn(pipes);
    pipes_put(pipes, client, 2, "b");
    pipes_put(pipes, client, 3, "c");
    pipes_turn(pipes);
    pipes_sync(pipes); /* the batch of the first; the others now go together */
    assert_read(client, "PUT#1 OK ");
    pipes_sync(pipes);
    assert_read(client, "PUT#2 OK PUT#3 OK ");
}

static void what_was_seen_survives_a_crash(void **state)
{
    struct pipes *pipes = *state;
    struct client *client = pipes_client(pipes);
    struct client *again;

    pipes_put(pipes, client, 1, "a");
    pipes_turn(pipes);
    pipes_sync(pipes);
    assert_read(client, "PUT#1 OK ");
    pipes_put(pipes, client, 2, "never acknowledged");
    pipes_restart(pipes);
    again = pipes_connect(pipes);
    pipes_resume(pipes, again, client);
    pipes_turn(pipes);
    assert_read(again, "RESUME#0 OK ");
    pipes_sync(pipes);
    again = pipes_client(pipes);
    pipes_get(pipes, again, 1, MST_GET_LEASE);
    pipes_turn(pipes);
    pipes_sync(pipes);
    assert_read(again, "GET#1 OK a.1 ");
}

int main(void)
{
#define TEST(name)    cmocka_unit_test_setup_teardown(name, pipes_setup, pipes_teardown)
#define DURABLE(name) cmocka_unit_test_setup_teardown(name, pipes_setup_journal, pipes_teardown)
    const struct CMUnitTest tests[] = {
        TEST(messages_pass),
        TEST(a_turn_sends_once),
        TEST(a_lost_connection_returns_what_was_on_the_way),
        TEST(sessions_resume_and_displace),
        TEST(hello_follows_a_refused_resume),
        TEST(both_sides_show_signs_of_life),
        TEST(no_heartbeat_while_replies_flow),
        TEST(a_session_is_wanted_in_time),
        TEST(input_goes_before_expiry_after_a_pause),
        TEST(endless_input_does_not_stop_time),
        TEST(a_slow_reader_delays_nobody),
        TEST(a_large_body_is_whole_however_it_leaves),
        TEST(large_bodies_that_nobody_reads_are_bounded),
        TEST(who_never_reads_is_dropped),
        TEST(a_broken_pipe_is_a_lost_connection),
        TEST(a_closing_connection_has_its_time),
        TEST(goodbye_is_answered),
        TEST(connections_have_a_limit),
        TEST(faults_are_logged_but_not_by_the_thousand),
        TEST(going_away_is_told),
        TEST(going_away_has_an_end),
        DURABLE(nothing_is_seen_before_it_is_durable),
        DURABLE(one_batch_is_on_its_way_at_a_time),
        DURABLE(what_was_seen_survives_a_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
