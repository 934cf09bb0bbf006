/* test_protocol.c - ids, handles, wrong requests, coming back, by hand (SEMANTICS 1.1, 1.2). */
#include "tests/sim/raw.h"

/* ---- ids ---- */

STORY(a_request_is_carried_out_once_however_often_it_is_sent)
{
    struct raw r;
    struct mst_range pending = {1, 1};

    raw_begin(&r, w);
    for (int i = 0; i < 3; i++) {
        raw_ask(&r, MST_OP_PUT, 1);
        raw_send(&r);
    }
    expect(w, "r PUT 1 OK; r PUT 1 OK; r PUT 1 OK");
    raw_come_back(&r, &pending, 1);
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

    raw_begin(&r, w);
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

    raw_begin(&r, w);
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

    raw_begin(&r, w);
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

    raw_begin(&r, w);
    raw_ask(&r, MST_OP_PUT, 0);
    raw_send(&r);
    expect(w, "r closed");
    raw_close(&r);
}

STORY(a_receipt_for_what_was_never_sent_closes_the_connection)
{
    struct raw r;

    raw_begin(&r, w);
    raw_ask(&r, MST_OP_HEARTBEAT, 0)->confirm = 1;
    raw_send(&r);
    expect(w, "r closed");
    raw_close(&r);
}

STORY(a_frame_stands_for_1_to_4096_requests)
{
    struct raw r;

    raw_begin(&r, w);
    raw_ask(&r, MST_OP_GET, 1)->count = 4097;
    raw_send(&r);
    expect(w, "r GET 1 PROTOCOL (*); r closed");
    raw_close(&r);
    raw_begin(&r, w);
    raw_ask(&r, MST_OP_GET, 1)->count = 0;
    raw_send(&r);
    expect(w, "r GET 1 PROTOCOL (*); r closed");
    raw_close(&r);
}

STORY(several_gets_in_one_frame_take_one_message_each)
{
    struct raw r;

    raw_begin(&r, w);
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

    raw_begin(&r, w);
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

    raw_begin(&r, w);
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

    raw_begin(&r, w);
    raw_bytes(&r, frame, sizeof(frame));
    expect(w, "r closed");
    raw_close(&r);
}

STORY(handles_belong_to_the_connection)
{
    struct raw r;

    raw_begin(&r, w);
    raw_come_back(&r, NULL, 0);
    raw_ask(&r, MST_OP_PUT, 1);
    raw_send(&r);
    expect(w, "r RESUME OK; r PUT 1 PROTOCOL (*)");
    raw_close(&r);
}

STORY(a_handle_may_be_given_another_name)
{
    struct raw r;

    raw_begin(&r, w);
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

    raw_begin(&r, w);
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

    raw_begin(&r, w);
    session = r.session;
    raw_ask(&r, MST_OP_GET, 1);
    raw_send(&r);
    r.secret[5] ^= 1;
    raw_come_back(&r, NULL, 0);
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

    raw_begin(&r, w);
    raw_ask(&r, MST_OP_GET, 1);
    raw_send(&r);
    assert_int_equal(fact(w, "jobs", "waiting_getters"), 1);
    raw_come_back(&r, NULL, 0);
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

    raw_begin(&r, w);
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

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
