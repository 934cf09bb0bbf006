/* test_limits.c - what a peer must keep to, and what happens if it does not (SEMANTICS 1.2, DESIGN
 * 3). */
#include "tests/sim/raw.h"

static void begin(struct raw *r, struct world *w)
{
    raw_open(r, w, "r");
    raw_hello(r, 10 * SECOND);
    raw_name(r, 0, "jobs");
    expect(w, "r HELLO OK");
}

/* Comes back to the session of r, on a new connection of the same peer. */
static void come_back(struct raw *r, struct world *w, struct mst_range *pending, size_t count)
{
    struct raw old = *r;
    struct mst_request *resume;

    raw_close(r);
    raw_open(r, w, "r");
    memcpy(r->secret, old.secret, sizeof(r->secret));
    resume = raw_ask(r, MST_OP_RESUME, 0);
    resume->session = old.session;
    resume->secret = mst_span_of(r->secret, sizeof(r->secret));
    resume->pending = pending;
    resume->pending_count = count;
    raw_send(r);
}

/* ---- in flight ---- */

STORY(at_most_4096_requests_are_in_flight_and_that_is_told_at_open)
{
    struct raw r;

    begin(&r, w);
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

    begin(&r, w);
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

/* ---- ids ---- */

STORY(a_request_is_carried_out_once_however_often_it_is_sent)
{
    struct raw r;
    struct mst_range pending = {1, 1};

    begin(&r, w);
    for (int i = 0; i < 3; i++) {
        raw_ask(&r, MST_OP_PUT, 1);
        raw_send(&r);
    }
    expect(w, "r PUT 1 OK; r PUT 1 OK; r PUT 1 OK");
    come_back(&r, w, &pending, 1);
    raw_name(&r, 0, "jobs");
    raw_ask(&r, MST_OP_PUT, 1);
    raw_send(&r);
    expect(w, "r RESUME OK; r PUT 1 OK");
    assert_int_equal(fact(w, "jobs", "puts"), 1);
    raw_close(&r);
}

STORY(the_first_outcome_is_given_again_even_if_it_would_be_another_now)
{
    struct raw r;

    begin(&r, w);
    raw_ask(&r, MST_OP_GET, 1)->timeout_ns = 0;
    raw_send(&r);
    tell(w, "z put jobs x");
    raw_ask(&r, MST_OP_GET, 1)->timeout_ns = 0;
    raw_send(&r);
    expect(w, "r GET 1 EMPTY; z put OK 1; r GET 1 EMPTY");
    raw_close(&r);
}

STORY(what_was_confirmed_is_forgotten)
{
    struct raw r;

    begin(&r, w);
    raw_ask(&r, MST_OP_PUT, 1);
    raw_send(&r);
    raw_ask(&r, MST_OP_HEARTBEAT, 0)->confirm = 1;
    raw_send(&r);
    raw_ask(&r, MST_OP_PUT, 1);
    raw_send(&r);
    expect(w, "r PUT 1 OK; r closed");
    assert_int_equal(fact(w, "jobs", "puts"), 1);
    raw_close(&r);
}

STORY(an_id_that_falls_closes_the_connection)
{
    struct raw r;

    begin(&r, w);
    raw_ask(&r, MST_OP_PUT, 7);
    raw_send(&r);
    raw_ask(&r, MST_OP_PUT, 6);
    raw_send(&r);
    expect(w, "r PUT 7 OK; r closed");
    raw_close(&r);
}

STORY(an_ordinary_request_without_an_id_closes_the_connection)
{
    struct raw r;

    begin(&r, w);
    raw_ask(&r, MST_OP_PUT, 0);
    raw_send(&r);
    expect(w, "r closed");
    raw_close(&r);
}

STORY(a_receipt_for_what_was_never_sent_closes_the_connection)
{
    struct raw r;

    begin(&r, w);
    raw_ask(&r, MST_OP_HEARTBEAT, 0)->confirm = 1;
    raw_send(&r);
    expect(w, "r closed");
    raw_close(&r);
}

STORY(a_frame_stands_for_1_to_4096_requests)
{
    struct raw r;

    begin(&r, w);
    raw_ask(&r, MST_OP_GET, 1)->count = 4097;
    raw_send(&r);
    expect(w, "r GET 1 PROTOCOL (*); r closed");
    raw_close(&r);
    begin(&r, w);
    raw_ask(&r, MST_OP_GET, 1)->count = 0;
    raw_send(&r);
    expect(w, "r GET 1 PROTOCOL (*); r closed");
    raw_close(&r);
}

STORY(several_gets_in_one_frame_take_one_message_each)
{
    struct raw r;

    begin(&r, w);
    tell(w, "z put jobs 1 2");
    forget_transcript(w);
    raw_ask(&r, MST_OP_GET, 1)->count = 4;
    raw_send(&r);
    expect(w, "r GET 1-2 OK");
    tell(w, "z put jobs 3");
    raw_read(&r);
    tell(w, "z put jobs 4");
    raw_read(&r);
    expect(w, "z put OK 3; r GET 3 OK; z put OK 4; r GET 4 OK");
    raw_ask(&r, MST_OP_GET, 5)->count = 2;
    r.asked.max = 2;
    raw_send(&r);
    expect(w, "r GET 5-6 VALUE (*)");
    raw_close(&r);
}

/* ---- wrong requests ---- */

STORY(a_handle_that_was_never_opened_answers_protocol_and_the_connection_lives)
{
    struct raw r;

    begin(&r, w);
    raw_ask(&r, MST_OP_PUT, 1)->handle = 9;
    raw_send(&r);
    raw_ask(&r, MST_OP_PING, 2);
    raw_send(&r);
    expect(w, "r PUT 1 PROTOCOL (*); r PING 2 OK");
    raw_close(&r);
}

STORY(an_unknown_operation_answers_protocol_and_the_connection_lives)
{
    static const uint8_t frame[] = {0, 0, 0, 4, 0x93, 0x7e, 1, 0};
    struct raw r;

    begin(&r, w);
    raw_bytes(&r, frame, sizeof(frame));
    raw_ask(&r, MST_OP_PING, 2);
    raw_send(&r);
    expect(w, "r ? 1 PROTOCOL (*); r PING 2 OK");
    raw_close(&r);
}

STORY(a_malformed_frame_closes_the_connection)
{
    static const uint8_t frame[] = {0, 0, 0, 4, 0xc4, 0x02, 1, 0};
    struct raw r;

    begin(&r, w);
    raw_bytes(&r, frame, sizeof(frame));
    expect(w, "r closed");
    raw_close(&r);
}

STORY(handles_belong_to_the_connection)
{
    struct raw r;

    begin(&r, w);
    come_back(&r, w, NULL, 0);
    raw_ask(&r, MST_OP_PUT, 1);
    raw_send(&r);
    expect(w, "r RESUME OK; r PUT 1 PROTOCOL (*)");
    raw_close(&r);
}

STORY(a_handle_may_be_given_another_name)
{
    struct raw r;

    begin(&r, w);
    raw_ask(&r, MST_OP_PUT, 1);
    raw_send(&r);
    raw_name(&r, 0, "other");
    raw_ask(&r, MST_OP_PUT, 2);
    raw_send(&r);
    expect(w, "r PUT 1 OK; r PUT 2 OK");
    assert_int_equal(fact(w, "other", "puts"), 1);
    raw_close(&r);
}

STORY(a_cancel_of_what_does_not_wait_changes_nothing)
{
    struct raw r;

    begin(&r, w);
    raw_ask(&r, MST_OP_PUT, 1);
    raw_send(&r);
    raw_ask(&r, MST_OP_CANCEL, 0)->target = 1;
    raw_send(&r);
    raw_ask(&r, MST_OP_CANCEL, 0)->target = 77;
    raw_send(&r);
    raw_ask(&r, MST_OP_PING, 2);
    raw_send(&r);
    expect(w, "r PUT 1 OK; r PING 2 OK");
    raw_close(&r);
}

/* ---- coming back ---- */

STORY(resume_needs_the_sessions_secret)
{
    struct raw r;
    uint64_t session;

    begin(&r, w);
    session = r.session;
    raw_ask(&r, MST_OP_GET, 1);
    raw_send(&r);
    r.secret[5] ^= 1;
    come_back(&r, w, NULL, 0);
    expect(w, "r RESUME NOT_FOUND (*)");
    raw_hello(&r, 0); /* on the same connection */
    expect(w, "r HELLO OK");
    assert_true(r.session != session);
    assert_int_equal(fact(w, "jobs", "waiting_getters"), 1); /* of the first, untouched */
    raw_close(&r);
}

STORY(a_wait_that_is_not_named_on_the_way_back_is_withdrawn)
{
    struct raw r;

    begin(&r, w);
    raw_ask(&r, MST_OP_GET, 1);
    raw_send(&r);
    assert_int_equal(fact(w, "jobs", "waiting_getters"), 1);
    come_back(&r, w, NULL, 0);
    assert_int_equal(fact(w, "jobs", "waiting_getters"), 0);
    tell(w, "z put jobs x");
    tell(w, "z qsize jobs");
    expect(w, "r RESUME OK; z put OK 1; z qsize OK ready=1 kept=1");
    raw_close(&r);
}

STORY(what_is_pipelined_behind_a_refused_resume_is_discarded)
{
    struct raw r;

    raw_open(&r, w, "r");
    raw_ask(&r, MST_OP_RESUME, 0)->session = 99;
    r.asked.secret = mst_span_of(r.secret, sizeof(r.secret));
    raw_queue(&r);
    raw_ask(&r, MST_OP_OPEN, 0)->name = mst_span_text("jobs");
    raw_queue(&r);
    raw_ask(&r, MST_OP_PUT, 5);
    raw_send(&r);
    expect(w, "r RESUME NOT_FOUND (*)");
    raw_hello(&r, 0);
    raw_name(&r, 0, "jobs");
    raw_ask(&r, MST_OP_PUT, 6);
    raw_send(&r);
    expect(w, "r HELLO OK; r PUT 6 OK");
    assert_int_equal(fact(w, "jobs", "puts"), 1);
    raw_close(&r);
}

STORY(open_put_and_resume_pipeline)
{
    struct raw r;
    struct raw old;
    struct mst_range pending = {1, 1};

    begin(&r, w);
    r.wire->down.swallows = true;
    raw_ask(&r, MST_OP_PUT, 1);
    raw_send(&r);
    old = r;
    raw_close(&r);
    raw_open(&r, w, "r");
    raw_ask(&r, MST_OP_RESUME, 0)->session = old.session;
    r.asked.secret = mst_span_of(old.secret, sizeof(old.secret));
    r.asked.pending = &pending;
    r.asked.pending_count = 1;
    raw_queue(&r);
    raw_ask(&r, MST_OP_OPEN, 0)->name = mst_span_text("jobs");
    raw_queue(&r);
    raw_ask(&r, MST_OP_PUT, 1);
    raw_queue(&r);
    raw_ask(&r, MST_OP_PUT, 2);
    raw_send(&r);
    expect(w, "r RESUME OK; r PUT 1 OK; r PUT 2 OK");
    assert_int_equal(fact(w, "jobs", "puts"), 2);
    raw_close(&r);
}

/* ---- limits of the broker ---- */

STORY(a_put_beyond_the_credit_that_would_have_to_wait_is_limit_and_closes)
{
    struct raw r;

    tell(w, "z declare jobs fifo maxsize=1");
    forget_transcript(w);
    w->config.put_credit = 3;
    world_configure(w);
    begin(&r, w);
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
        UNIT(a_request_is_carried_out_once_however_often_it_is_sent),
        UNIT(the_first_outcome_is_given_again_even_if_it_would_be_another_now),
        UNIT(what_was_confirmed_is_forgotten),
        UNIT(an_id_that_falls_closes_the_connection),
        UNIT(an_ordinary_request_without_an_id_closes_the_connection),
        UNIT(a_receipt_for_what_was_never_sent_closes_the_connection),
        UNIT(a_frame_stands_for_1_to_4096_requests),
        UNIT(several_gets_in_one_frame_take_one_message_each),
        UNIT(a_handle_that_was_never_opened_answers_protocol_and_the_connection_lives),
        UNIT(an_unknown_operation_answers_protocol_and_the_connection_lives),
        UNIT(a_malformed_frame_closes_the_connection),
        UNIT(handles_belong_to_the_connection),
        UNIT(a_handle_may_be_given_another_name),
        UNIT(a_cancel_of_what_does_not_wait_changes_nothing),
        UNIT(resume_needs_the_sessions_secret),
        UNIT(a_wait_that_is_not_named_on_the_way_back_is_withdrawn),
        UNIT(what_is_pipelined_behind_a_refused_resume_is_discarded),
        UNIT(open_put_and_resume_pipeline),
        UNIT(a_put_beyond_the_credit_that_would_have_to_wait_is_limit_and_closes),
        UNIT(a_connection_without_a_session_is_closed_after_5_s),
        UNIT(who_does_not_read_is_dropped_and_nobody_else_notices),
        UNIT(limits_of_sessions_waits_and_connections_refuse_newcomers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
