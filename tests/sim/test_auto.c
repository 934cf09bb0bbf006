/* test_auto.c - mode auto: receipts, task_done, what is lost with its taker (SEMANTICS 1.3, 2). */
#include <stdlib.h>

#include "tests/sim/world.h"

STORY(confirm_is_the_receipt_and_goes_alone_within_1_ms)
{
    tell(w, "z put jobs x");
    tell(w, "a get jobs auto");
    assert_int_equal(fact(w, "jobs", "kept"), 1); /* in the broker's care until then */
    pass(w, MS - 1);
    assert_int_equal(fact(w, "jobs", "kept"), 1);
    pass(w, 1);
    assert_int_equal(fact(w, "jobs", "kept"), 0);
    expect(w, "z put OK 1; a get OK 1.1 x");
}

STORY(the_receipt_rides_on_the_sessions_next_frame)
{
    tell(w, "z put jobs x");
    tell(w, "a get jobs auto");
    tell(w, "a ping");
    assert_int_equal(fact(w, "jobs", "kept"), 0);
}

STORY(no_message_leaves_the_broker_before_the_application_took_it)
{
    tell(w, "z put jobs x");
    tell(w, "a hold");
    tell(w, "a get jobs auto");
    pass(w, 60 * SECOND);
    assert_int_equal(fact(w, "jobs", "kept"), 1);
    tell(w, "a die");
    pass(w, 10 * SECOND);
    tell(w, "b get jobs");
    expect(w, "z put OK 1; b get OK 1.2 x");
}

STORY(what_was_not_taken_goes_back_to_its_own_place_uncounted)
{
    tell(w, "z declare jobs fifo max-deliveries=1");
    tell(w, "z put jobs 1 2 3");
    tell(w, "a hold");
    tell(w, "a get jobs auto");
    tell(w, "z get jobs auto");
    tell(w, "a die");
    forget_transcript(w);
    pass(w, 10 * SECOND);
    tell(w, "z get jobs max=9");
    expect(w, "z get OK 1.2 1, 3.1 3");
}

STORY(a_lost_connection_after_the_application_took_it_gives_it_once)
{
    tell(w, "z put jobs x");
    tell(w, "a get jobs auto");
    program_of(w, "a")->wire->up.swallows = true; /* the receipt gets lost */
    pass(w, 2 * MS);
    assert_int_equal(fact(w, "jobs", "kept"), 1);
    tell(w, "a vanish");
    tell(w, "a back"); /* what is not named as pending was taken */
    assert_int_equal(fact(w, "jobs", "kept"), 0);
    expect(w, "z put OK 1; a get OK 1.1 x");
}

STORY(task_done_lowers_the_unfinished_count)
{
    tell(w, "z put jobs 1 2 3");
    tell(w, "a get jobs auto");
    tell(w, "a get jobs auto");
    forget_transcript(w);
    tell(w, "a task_done jobs");
    tell(w, "a task_done jobs");
    expect(w, "a task_done OK 2 left; a task_done OK 1 left");
}

STORY(task_done_too_many_times_is_value)
{
    tell(w, "z put jobs 1 2");
    tell(w, "a get jobs auto");
    tell(w, "b get jobs auto");
    forget_transcript(w);
    tell(w, "a task_done jobs");
    tell(w, "a task_done jobs"); /* b's message is b's */
    tell(w, "c task_done jobs");
    tell(w, "b task_done jobs 2");
    tell(w, "b task_done jobs 1");
    expect(w, "a task_done OK 1 left; a task_done VALUE (task_done() called too many times); "
              "c task_done VALUE (task_done() called too many times); "
              "b task_done VALUE (task_done() called too many times); b task_done OK 0 left");
}

STORY(what_was_leased_is_not_for_task_done)
{
    tell(w, "z put jobs x");
    tell(w, "a get jobs");
    tell(w, "a task_done jobs");
    expect(w, "z put OK 1; a get OK 1.1 x; a task_done VALUE (*)");
}

STORY(several_are_done_with_one_request)
{
    tell(w, "z put jobs 1 2 3");
    tell(w, "a get jobs auto max=3");
    tell(w, "a task_done jobs 3");
    tell(w, "z join jobs");
    expect(w, "z put OK 1; z put OK 2; z put OK 3; a get OK 1.1 1, 2.1 2, 3.1 3; "
              "a task_done OK 0 left; z join OK done=3");
}

STORY(what_an_ended_session_took_is_tallied_lost_and_join_does_not_hang)
{
    tell(w, "z put jobs 1 2 3");
    tell(w, "a get jobs auto max=3");
    tell(w, "a task_done jobs");
    tell(w, "z join jobs");
    forget_transcript(w);
    tell(w, "a die");
    pass(w, 10 * SECOND);
    expect(w, "z join OK done=1 lost=2");
    assert_int_equal(fact(w, "jobs", "lost"), 2);
}

STORY(a_lease_time_or_detached_need_mode_lease)
{
    tell(w, "a get jobs auto lease=5s");
    tell(w, "a get jobs auto lease=5s detached");
    expect(w, "a get VALUE (*); a get VALUE (*)");
}

/* Nobody wants the message any more when it comes: it goes back, and the session goes on. */
STORY(a_message_that_nobody_waits_for_any_more_goes_back_uncounted)
{
    struct program *a = program_of(w, "a");
    struct errand *errand;

    w->back_after_ns = 10 * MS;
    tell(w, "z declare jobs fifo max-deliveries=1");
    tell(w, "a get jobs auto");
    a->wire->down.stalled = true;
    tell(w, "z put jobs x");
    forget_transcript(w);
    errand = a->errands;
    mst_client_forget(a->machine, errand->call, w->now_ns);
    a->errands = NULL;
    free(errand);
    a->wire->down.stalled = false;
    pass(w, SECOND);
    tell(w, "z get jobs");
    expect(w, "z get OK 1.2 x");
    tell(w, "a put jobs y");
    expect(w, "a put OK 2");
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(confirm_is_the_receipt_and_goes_alone_within_1_ms),
        UNIT(the_receipt_rides_on_the_sessions_next_frame),
        UNIT(no_message_leaves_the_broker_before_the_application_took_it),
        UNIT(what_was_not_taken_goes_back_to_its_own_place_uncounted),
        UNIT(a_lost_connection_after_the_application_took_it_gives_it_once),
        UNIT(task_done_lowers_the_unfinished_count),
        UNIT(task_done_too_many_times_is_value),
        UNIT(what_was_leased_is_not_for_task_done),
        UNIT(several_are_done_with_one_request),
        UNIT(what_an_ended_session_took_is_tallied_lost_and_join_does_not_hang),
        UNIT(a_lease_time_or_detached_need_mode_lease),
        UNIT(a_message_that_nobody_waits_for_any_more_goes_back_uncounted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
