/* test_waits.c - what a wait promises (SEMANTICS 1.4): one line, one order, one end. */
#include "tests/sim/world.h"

STORY(one_put_wakes_one_getter)
{
    tell(w, "a get jobs");
    tell(w, "b get jobs");
    tell(w, "c put jobs x");
    expect(w, "a get OK 1.1 x; c put OK 1");
    tell(w, "c put jobs y");
    expect(w, "b get OK 2.1 y; c put OK 2");
}

STORY(the_line_is_strictly_first_come)
{
    for (const char *name = "abcdef"; *name != '\0'; name++) {
        tellf(w, "%c get jobs", *name);
    }
    tell(w, "z put jobs 1 2 3 4 5 6 mode=all");
    expect(w, "a get OK 1.1 1; b get OK 2.1 2; c get OK 3.1 3; d get OK 4.1 4; e get OK 5.1 5; "
              "f get OK 6.1 6; z put OK 1-6");
}

STORY(a_newcomer_never_overtakes)
{
    tell(w, "a put jobs 1");
    tell(w, "b pause jobs get");
    tell(w, "b get jobs as=first");
    tell(w, "c get jobs as=second");
    forget_transcript(w);
    tell(w, "a unpause jobs get");
    expect(w, "a unpause OK; b first OK 1.1 1");
    tell(w, "a put jobs 2");
    expect(w, "a put OK 2; c second OK 2.1 2");
}

STORY(a_put_never_overtakes_a_blocked_put)
{
    tell(w, "a declare jobs fifo maxsize=2");
    tell(w, "a put jobs 1 2 mode=all");
    tell(w, "a put jobs 3 4 mode=all as=large");
    tell(w, "b put jobs 5 as=small");
    forget_transcript(w);
    tell(w, "c get jobs auto"); /* a place is free as soon as the receipt is there */
    pass(w, MS);
    expect(w, "c get OK 1.1 1");
    tell(w, "c get jobs auto");
    pass(w, MS);
    expect(w, "c get OK 2.1 2; a large OK 3-4");
    tell(w, "b put jobs 6 timeout=0 as=late"); /* also who would not wait stands behind */
    expect(w, "b late FULL");
    tell(w, "c get jobs auto max=2");
    pass(w, MS);
    expect(w, "c get OK 3.1 3, 4.1 4; b small OK 5");
}

STORY(a_timed_out_getter_never_swallows_a_message)
{
    tell(w, "a get jobs timeout=5s");
    tell(w, "b get jobs");
    pass(w, 5 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "a get TIMEOUT");
    tell(w, "c put jobs x");
    expect(w, "b get OK 1.1 x; c put OK 1");
}

STORY(a_cancelled_getter_never_swallows_a_message)
{
    tell(w, "a get jobs");
    tell(w, "b get jobs");
    tell(w, "a cancel get");
    expect(w, "a get CANCELLED");
    tell(w, "c put jobs x");
    expect(w, "b get OK 1.1 x; c put OK 1");
}

STORY(a_dead_getter_never_swallows_a_message)
{
    program_connect(program_new(w, "a", 0));
    tell(w, "a get jobs");
    tell(w, "b get jobs");
    tell(w, "a die");
    tell(w, "c put jobs x");
    expect(w, "b get OK 1.1 x; c put OK 1");
}

STORY(a_killed_getter_with_a_time_to_live_does_not_either)
{
    tell(w, "a get jobs");
    tell(w, "b get jobs");
    tell(w, "a die");
    tell(w, "c put jobs x");
    expect(w, "b get OK 1.1 x; c put OK 1");
    tell(w, "c put jobs y");
    pass(w, 10 * SECOND);
    tell(w, "b get jobs");
    expect(w, "c put OK 2; b get OK 2.1 y");
}

STORY(a_disconnected_getter_keeps_its_place_but_is_passed_over)
{
    tell(w, "a get jobs");
    tell(w, "b get jobs");
    tell(w, "c get jobs");
    tell(w, "a cut");
    tell(w, "z put jobs x");
    expect(w, "b get OK 1.1 x; z put OK 1");
    tell(w, "a back");
    tell(w, "z put jobs y");
    expect(w, "a get OK 2.1 y; z put OK 2");
    tell(w, "z put jobs z");
    expect(w, "c get OK 3.1 z; z put OK 3");
}

STORY(who_comes_back_is_given_what_nobody_else_took)
{
    tell(w, "a get jobs");
    tell(w, "a cut");
    tell(w, "z put jobs x");
    expect(w, "z put OK 1");
    tell(w, "a back");
    expect(w, "a get OK 1.1 x");
}

STORY(event_and_join_waiters_are_answered_while_disconnected)
{
    tell(w, "a wait go");
    tell(w, "a put jobs x");
    tell(w, "a join jobs");
    tell(w, "a cut");
    tell(w, "b set go");
    tell(w, "b clear go");
    tell(w, "b get jobs");
    tell(w, "b done jobs 1.1");
    tell(w, "b put jobs y"); /* unfinished again: the join has ended nevertheless */
    forget_transcript(w);
    tell(w, "a back");
    expect(w, "a wait OK; a join OK done=1");
}

STORY(a_blocked_put_is_let_in_while_its_program_is_disconnected)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs x");
    tell(w, "a put jobs y as=second");
    tell(w, "a cut");
    forget_transcript(w);
    tell(w, "b get jobs auto");
    pass(w, MS);
    tell(w, "b get jobs auto");
    expect(w, "b get OK 1.1 x; b get OK 2.1 y");
    tell(w, "a back");
    expect(w, "a second OK 2");
}

STORY(a_get_waits_in_several_lines_and_the_first_grant_withdraws_the_others)
{
    tell(w, "a get red,green,blue");
    tell(w, "b get blue");
    tell(w, "c put green x");
    expect(w, "a get OK green:1.1 x; c put OK 1");
    tell(w, "c put blue y");
    expect(w, "b get OK 1.1 y; c put OK 1");
    tell(w, "c put red z");
    tell(w, "c qsize red");
    expect(w, "c put OK 1; c qsize OK ready=1 kept=1");
    assert_int_equal(fact(w, "red", "waiting_getters"), 0);
}

STORY(a_timeout_withdraws_every_place_of_a_get)
{
    tell(w, "a get red,green timeout=1s");
    assert_int_equal(fact(w, "green", "waiting_getters"), 1);
    pass(w, SECOND);
    expect(w, "a get TIMEOUT");
    assert_int_equal(fact(w, "red", "waiting_getters"), 0);
    assert_int_equal(fact(w, "green", "waiting_getters"), 0);
}

STORY(the_end_of_a_session_withdraws_every_place_of_a_get)
{
    tell(w, "a get red,green");
    tell(w, "a die");
    pass(w, 10 * SECOND);
    assert_int_equal(fact(w, "red", "waiting_getters"), 0);
    assert_int_equal(fact(w, "green", "waiting_getters"), 0);
}

/* The client's timer fires first, because the broker's word is late; then the verdict counts. */
STORY(when_the_own_timer_fires_the_brokers_verdict_is_taken)
{
    w->latency_ns = 400 * MS;
    tell(w, "a ping");
    tell(w, "b ping");
    pass(w, 3 * SECOND); /* both have their sessions */
    expect(w, "a ping OK; b ping OK");
    tell(w, "a get jobs timeout=2s");
    pass(w, SECOND);
    tell(w, "b put jobs x"); /* arrives at 1.4 s, in time */
    program_of(w, "a")->wire->down.stalled = true;
    pass(w, 1300 * MS); /* a has asked for an end, and b's message is on the way to it */
    expect(w, "b put OK 1");
    program_of(w, "a")->wire->down.stalled = false;
    pass(w, SECOND);
    expect(w, "a get OK 1.1 x");
}

STORY(a_cancel_that_comes_too_late_leaves_the_grant)
{
    tell(w, "a get jobs");
    program_of(w, "a")->wire->down.stalled = true;
    tell(w, "b put jobs x");
    tell(w, "a cancel get");
    expect(w, "b put OK 1");
    program_of(w, "a")->wire->down.stalled = false;
    pass(w, 0);
    expect(w, "a get OK 1.1 x");
}

STORY(a_get_whose_time_is_up_while_disconnected_times_out_at_once)
{
    tell(w, "a get jobs timeout=5s");
    tell(w, "a cut");
    pass(w, 5 * SECOND);
    expect(w, "a get TIMEOUT");
}

STORY(an_event_wait_and_a_join_do_so_too)
{
    tell(w, "a put jobs x");
    tell(w, "a wait go timeout=5s");
    tell(w, "a join jobs timeout=6s");
    tell(w, "a cut");
    forget_transcript(w);
    pass(w, 5 * SECOND);
    expect(w, "a wait TIMEOUT");
    pass(w, SECOND);
    expect(w, "a join TIMEOUT");
}

STORY(a_late_grant_returns_uncounted)
{
    tell(w, "a declare jobs fifo max-deliveries=1");
    tell(w, "a get jobs timeout=5s");
    program_of(w, "a")->wire->down.swallows = true;
    tell(w, "b put jobs x"); /* granted, but a never hears of it */
    tell(w, "a vanish");
    pass(w, 5 * SECOND);
    expect(w, "a declare OK created; b put OK 1; a get TIMEOUT");
    tell(w, "c get jobs");
    expect(w, "");
    tell(w, "a back");
    expect(w, "c get OK 1.2 x");
}

STORY(a_put_in_flight_ends_with_unknown_when_the_session_has_ended)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs x");
    tell(w, "a put jobs y timeout=1s as=second");
    tell(w, "a barrier gate parties=2 timeout=1s");
    tell(w, "a cut");
    forget_transcript(w);
    pass(w, 10 * SECOND - 1);
    expect(w, ""); /* it cannot know; its time is long up */
    pass(w, 1);
    expect(w, "a second UNKNOWN; a barrier UNKNOWN");
    assert_int_equal(fact(w, "jobs", "waiting_putters"), 0);
    assert_int_equal(fact(w, "jobs", "kept"), 1); /* was not enqueued */
}

STORY(a_nack_or_task_done_in_flight_ends_with_unknown_when_the_session_has_ended)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    pass(w, MS);
    program_of(w, "a")->wire->up.swallows = true;
    tell(w, "a nack jobs 1.1");
    tell(w, "a task_done jobs");
    tell(w, "a get jobs auto as=more");
    forget_transcript(w);
    tell(w, "a vanish");
    pass(w, 10 * SECOND);
    expect(w, "a nack UNKNOWN; a task_done UNKNOWN");
    pass(w, 10 * SECOND);
    tell(w, "a back"); /* a get is simply made again */
    expect(w, "a lost its session; a more OK 1.2 x");
}

STORY(a_put_returns_when_its_program_is_back)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs x");
    tell(w, "a put jobs y timeout=5s as=second");
    tell(w, "a cut");
    forget_transcript(w);
    pass(w, 9 * SECOND);
    expect(w, "");
    tell(w, "a back");
    expect(w, "a second TIMEOUT");
}

STORY(a_wait_keeps_its_deadline_across_a_lost_connection)
{
    tell(w, "a get jobs timeout=5s");
    pass(w, 2 * SECOND);
    tell(w, "a cut");
    pass(w, SECOND);
    tell(w, "a back");
    pass(w, 2 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "a get TIMEOUT");
}

STORY(removal_ends_every_wait_with_gone)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs x");
    tell(w, "a put jobs y as=second");
    tell(w, "b join jobs");
    tell(w, "c get other,more");
    tell(w, "d wait go");
    tell(w, "e barrier gate parties=2");
    forget_transcript(w);
    tell(w, "z remove jobs");
    expect(w, "a second GONE (removed); b join GONE (removed); z remove OK");
    tell(w, "z remove more");
    expect(w, "c get GONE (removed); z remove OK");
    tell(w, "z remove go");
    expect(w, "d wait GONE (removed); z remove OK");
    tell(w, "z remove gate");
    expect(w, "e barrier GONE (removed); z remove OK");
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(one_put_wakes_one_getter),
        UNIT(the_line_is_strictly_first_come),
        UNIT(a_newcomer_never_overtakes),
        UNIT(a_put_never_overtakes_a_blocked_put),
        UNIT(a_timed_out_getter_never_swallows_a_message),
        UNIT(a_cancelled_getter_never_swallows_a_message),
        UNIT(a_dead_getter_never_swallows_a_message),
        UNIT(a_killed_getter_with_a_time_to_live_does_not_either),
        UNIT(a_disconnected_getter_keeps_its_place_but_is_passed_over),
        UNIT(who_comes_back_is_given_what_nobody_else_took),
        UNIT(event_and_join_waiters_are_answered_while_disconnected),
        UNIT(a_blocked_put_is_let_in_while_its_program_is_disconnected),
        UNIT(a_get_waits_in_several_lines_and_the_first_grant_withdraws_the_others),
        UNIT(a_timeout_withdraws_every_place_of_a_get),
        UNIT(the_end_of_a_session_withdraws_every_place_of_a_get),
        UNIT(when_the_own_timer_fires_the_brokers_verdict_is_taken),
        UNIT(a_cancel_that_comes_too_late_leaves_the_grant),
        UNIT(a_get_whose_time_is_up_while_disconnected_times_out_at_once),
        UNIT(an_event_wait_and_a_join_do_so_too),
        UNIT(a_late_grant_returns_uncounted),
        UNIT(a_put_in_flight_ends_with_unknown_when_the_session_has_ended),
        UNIT(a_nack_or_task_done_in_flight_ends_with_unknown_when_the_session_has_ended),
        UNIT(a_put_returns_when_its_program_is_back),
        UNIT(a_wait_keeps_its_deadline_across_a_lost_connection),
        UNIT(removal_ends_every_wait_with_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
