/* test_limits.c - how much a peer may ask for, and what comes beyond it (SEMANTICS 1.2, 2). */
#include "tests/sim/raw.h"

/* ---- in flight ---- */

STORY(at_most_4096_requests_are_in_flight_and_that_is_told_at_open)
{
    struct raw r;

    raw_begin(&r, w);
    assert_int_equal(r.in_flight_max, 4096);
    raw_ask(&r, MST_OP_GET, 1)->count = 4096;
    raw_send(&r);
    expect(w, "");
    assert_int_equal(fact(w, "jobs", "waiting_getters"), 4096);
    raw_ask(&r, MST_OP_PUT, 4097);
    raw_send(&r);
    expect(w, "r PUT 4097 LIMIT (*); r closed");
    assert_int_equal(fact(w, "jobs", "puts"), 0);
    raw_close(&r);
}

STORY(answered_requests_count_until_they_are_confirmed)
{
    struct raw r;
    struct mst_request *put;
    struct mst_span bodies[4096];

    raw_begin(&r, w);
    for (int i = 0; i < 4096; i++) {
        bodies[i] = mst_span_text("x");
    }
    put = raw_ask(&r, MST_OP_PUT, 1);
    put->bodies = bodies;
    put->bodies_count = 4096;
    raw_send(&r);
    expect(w, "r PUT 1-4096 OK");
    raw_ask(&r, MST_OP_PING, 4097)->confirm = 1;
    raw_send(&r);
    raw_ask(&r, MST_OP_PING, 4098)->confirm = 2;
    raw_send(&r);
    raw_ask(&r, MST_OP_PING, 4099)->confirm = 2;
    raw_send(&r);
    expect(w, "r PING 4097 OK; r PING 4098 OK; r PING 4099 LIMIT (*); r closed");
    raw_close(&r);
}

STORY(the_library_holds_back_what_is_beyond)
{
    w->quiet = true;
    w->unchecked = true;
    tell(w, "a put jobs x times=10000");
    tell(w, "a get jobs times=10000");
    pass(w, SECOND);
    assert_int_equal(w->counts[MST_OK], 20000);
    tell(w, "a get jobs times=10000");
    tell(w, "a ping"); /* waits leave room for what would end them */
    assert_int_equal(w->counts[MST_OK], 20001);
    assert_true(fact(w, "jobs", "waiting_getters") <= 4096);
}

/* ---- limits of the broker ---- */

STORY(a_put_beyond_the_credit_that_would_have_to_wait_is_limit_and_closes)
{
    struct raw r;

    tell(w, "z declare jobs fifo maxsize=1");
    forget_transcript(w);
    w->config.put_credit = 3;
    world_configure(w);
    raw_begin(&r, w);
    for (uint64_t id = 1; id <= 4; id++) {
        raw_ask(&r, MST_OP_PUT, id);
        raw_send(&r);
    }
    expect(w, "r PUT 1 OK");
    raw_ask(&r, MST_OP_PUT, 5);
    raw_send(&r);
    expect(w, "r PUT 5 LIMIT (*); r closed");
    raw_close(&r);
}

STORY(a_connection_without_a_session_is_closed_after_5_s)
{
    struct raw r;

    raw_open(&r, w, "r");
    pass(w, 5 * SECOND - 1);
    raw_read(&r);
    expect(w, "");
    pass(w, 1);
    raw_read(&r);
    expect(w, "r closed");
    raw_close(&r);
}

STORY(who_does_not_read_is_dropped_and_nobody_else_notices)
{
    struct program *a;

    w->unchecked = true;
    w->config.output_bytes_max = 100000;
    world_configure(w);
    tell(w, "z ping");
    a = program_of(w, "a");
    a->wire->down.room = 1000;
    world_settle(w);
    a->stopped = true;
    tell(w, "a get jobs times=1000");
    a->stopped = false;
    world_settle(w);
    a->stopped = true;
    w->quiet = true;
    for (int i = 0; i < 1000; i++) {
        tellf(w, "z put jobs %0300d", i);
    }
    w->quiet = false;
    assert_true(world_serves(w, program_of(w, "z")->wire->conn));
    assert_false(world_serves(w, a->wire->conn));
    forget_transcript(w);
    a->wire->down.room = 0;
    tell(w, "z ping");
    expect(w, "z ping OK");
}

STORY(limits_of_sessions_waits_and_connections_refuse_newcomers)
{
    w->config.sessions_max = 2;
    world_configure(w);
    tell(w, "a ping");
    tell(w, "b ping");
    tell(w, "c ping");
    expect(w, "a ping OK; b ping OK");
    assert_int_equal(mst_client_refusal(program_of(w, "c")->machine), MST_LIMIT);
    w->config.waits_max = 1;
    world_configure(w);
    tell(w, "a get jobs");
    tell(w, "b get jobs");
    tell(w, "b wait go");
    tell(w, "b get jobs timeout=0");
    expect(w, "b get LIMIT (*); b wait LIMIT (*); b get EMPTY");
    w->config.connections_max = 2;
    world_configure(w);
    tell(w, "c back");
    expect(w, "c refused");
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(at_most_4096_requests_are_in_flight_and_that_is_told_at_open),
        UNIT(answered_requests_count_until_they_are_confirmed),
        UNIT(the_library_holds_back_what_is_beyond),
        UNIT(a_put_beyond_the_credit_that_would_have_to_wait_is_limit_and_closes),
        UNIT(a_connection_without_a_session_is_closed_after_5_s),
        UNIT(who_does_not_read_is_dropped_and_nobody_else_notices),
        UNIT(limits_of_sessions_waits_and_connections_refuse_newcomers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
