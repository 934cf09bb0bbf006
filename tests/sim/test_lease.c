/* test_lease.c - mode lease: done, nack, extend, and whose a delivery is (SEMANTICS 1.3, 2). */
#include "tests/sim/world.h"

STORY(lease_is_the_default_and_the_message_stays_unseen_until_it_is_done)
{
    tell(w, "a put jobs x");
    tell(w, "b get jobs");
    pass(w, MS);
    tell(w, "c get jobs timeout=0");
    tell(w, "c stat jobs");
    expect(w, "a put OK 1; b get OK 1.1 x; c get EMPTY; c stat OK holds b 1.1");
    tell(w, "b done jobs 1.1");
    tell(w, "c stat jobs");
    expect(w, "b done OK; c stat OK");
    assert_int_equal(fact(w, "jobs", "kept"), 0);
    assert_int_equal(fact(w, "jobs", "done"), 1);
}

STORY(done_again_for_the_same_delivery_is_already_done)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    tell(w, "a done jobs 1.1");
    tell(w, "a done jobs 1.1");
    expect(w, "a put OK 1; a get OK 1.1 x; a done OK; a done OK already");
    assert_int_equal(fact(w, "jobs", "done"), 1);
}

STORY(the_last_1024_are_remembered)
{
    w->unchecked = true;
    w->quiet = true;
    tell(w, "a put jobs x times=1025");
    tell(w, "a get jobs max=1025");
    for (int i = 1; i <= 1025; i++) {
        tellf(w, "a done jobs %d.1", i);
    }
    w->quiet = false;
    tell(w, "a done jobs 2.1");
    tell(w, "a done jobs 1.1");
    expect(w, "a done OK already; a done LOST (*)");
}

STORY(a_lapsed_delivery_is_lost_and_one_never_given_is_not_found)
{
    tell(w, "a put jobs x y");
    tell(w, "a get jobs lease=5s");
    pass(w, 5 * SECOND + MS);
    forget_transcript(w);
    tell(w, "a done jobs 1.1");
    tell(w, "a done jobs 1.2");
    tell(w, "a done jobs 2.1");
    tell(w, "a done jobs 3.1");
    tell(w, "a done jobs 1.0");
    expect(w, "a done LOST (*); a done NOT_FOUND (*); a done NOT_FOUND (*); a done NOT_FOUND (*); "
              "a done NOT_FOUND (*)");
}

STORY(somebody_elses_delivery_is_not_owner)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    pass(w, MS);
    forget_transcript(w);
    tell(w, "b done jobs 1.1");
    tell(w, "b nack jobs 1.1");
    tell(w, "b extend jobs 1.1 lease=1s");
    tell(w, "a done jobs 1.1");
    expect(w, "b done NOT_OWNER (*); b nack NOT_OWNER (*); b extend NOT_OWNER (*); a done OK");
}

STORY(done_after_lost_disturbs_nobody)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs lease=5s");
    pass(w, 6 * SECOND);
    tell(w, "b get jobs");
    pass(w, MS);
    forget_transcript(w);
    tell(w, "a done jobs 1.1");
    tell(w, "b done jobs 1.2");
    expect(w, "a done LOST (*); b done OK");
}

STORY(many_are_done_in_one_frame_each_with_its_own_outcome)
{
    tell(w, "a put jobs 1 2 3 4");
    tell(w, "b get jobs");
    tell(w, "a get jobs max=3");
    pass(w, MS);
    forget_transcript(w);
    tell(w, "a done jobs 2.1 as=two");
    program_of(w, "a")->stopped = true;
    tell(w, "a done jobs 1.1 as=theirs");
    tell(w, "a done jobs 2.1 as=again");
    tell(w, "a done jobs 3.1 as=three");
    tell(w, "a done jobs 4.1 as=four");
    tell(w, "a go"); /* one frame */
    expect(w, "a two OK; a theirs NOT_OWNER (*); a again OK already; a three OK; a four OK");
}

STORY(nack_gives_back_to_its_own_place)
{
    tell(w, "a put jobs 1 2");
    tell(w, "a get jobs");
    tell(w, "a nack jobs 1.1");
    tell(w, "a get jobs");
    tell(w, "a nack jobs 1.1 as=old");
    expect(w, "a put OK 1; a put OK 2; a get OK 1.1 1; a nack OK; a get OK 1.2 1; "
              "a old LOST (*)");
}

STORY(nack_with_a_delay_gives_back_after_it)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    tell(w, "a nack jobs 1.1 delay=5s");
    tell(w, "b get jobs");
    forget_transcript(w);
    pass(w, 5 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "b get OK 1.2 x");
}

STORY(a_lease_without_a_time_lasts_as_long_as_its_session)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    pass(w, 5 * 3600 * SECOND);
    tell(w, "a done jobs 1.1");
    expect(w, "a put OK 1; a get OK 1.1 x; a done OK");
}

STORY(a_lease_time_ends_it_and_its_holder_is_told)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs lease=5s");
    tell(w, "b get jobs");
    pass(w, MS); /* the receipt: from now on it runs */
    forget_transcript(w);
    pass(w, 5 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "a lost lease jobs:1.1; b get OK 1.2 x");
}

STORY(a_lease_time_starts_when_the_application_takes_the_message)
{
    tell(w, "a hold");
    tell(w, "a get jobs lease=5s");
    tell(w, "b put jobs x");
    tell(w, "b get jobs");
    pass(w, 60 * SECOND); /* it lies in the library */
    expect(w, "b put OK 1");
    tell(w, "a take");
    pass(w, MS);
    pass(w, 5 * SECOND - 1);
    expect(w, "a get OK 1.1 x");
    pass(w, 1);
    expect(w, "a lost lease jobs:1.1; b get OK 1.2 x");
}

STORY(extend_sets_the_time_anew)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs lease=5s");
    pass(w, 3 * SECOND);
    tell(w, "a extend jobs 1.1 lease=10s");
    forget_transcript(w);
    pass(w, 10 * SECOND - 1);
    expect(w, "");
    tell(w, "a extend jobs 1.1 lease=1s");
    pass(w, SECOND);
    expect(w, "a extend OK; a lost lease jobs:1.1");
    tell(w, "a extend jobs 1.1 lease=1s");
    expect(w, "a extend LOST (*)");
}

STORY(extend_can_take_the_time_away)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs lease=5s");
    tell(w, "a extend jobs 1.1 lease=forever");
    pass(w, 3600 * SECOND);
    tell(w, "a extend jobs 1.1 lease=0");
    tell(w, "a done jobs 1.1");
    expect(w, "a put OK 1; a get OK 1.1 x; a extend OK; a extend VALUE (*); a done OK");
}

STORY(a_detached_lease_belongs_to_no_session_and_ends_only_by_its_time)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs detached lease=60s");
    pass(w, MS);
    tell(w, "a bye");
    tell(w, "b get jobs");
    forget_transcript(w);
    pass(w, 60 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "b get OK 1.2 x");
}

STORY(any_session_may_finish_a_detached_lease_by_naming_the_delivery)
{
    tell(w, "a put jobs x y z");
    tell(w, "a get jobs detached lease=60s max=3");
    pass(w, MS);
    tell(w, "a bye");
    forget_transcript(w);
    tell(w, "b stat jobs");
    tell(w, "b done jobs 1.1");
    tell(w, "b extend jobs 2.1 lease=90s");
    tell(w, "c nack jobs 3.1");
    expect(w, "b stat OK holds a away 1.1, holds a away 2.1, holds a away 3.1; b done OK; "
              "b extend OK; c nack OK");
}

STORY(a_detached_lease_needs_a_time)
{
    tell(w, "a get jobs detached");
    tell(w, "a put jobs x");
    tell(w, "a get jobs detached lease=1s as=timed");
    tell(w, "a extend jobs 1.1 lease=forever");
    expect(w, "a get VALUE (*); a put OK 1; a timed OK 1.1 x; a extend VALUE (*)");
}

/* ---- counted, or not ---- */

STORY(what_was_taken_comes_back_counted_when_its_session_ends)
{
    tell(w, "z declare jobs fifo max-deliveries=2");
    tell(w, "z put jobs x");
    for (int i = 0; i < 2; i++) {
        tell(w, "a get jobs");
        pass(w, MS);
        tell(w, "a die");
        pass(w, 10 * SECOND);
    }
    forget_transcript(w);
    tell(w, "z get jobs timeout=0");
    tell(w, "z peek jobs.dead");
    expect(w, "z get EMPTY; z peek OK 1 x (max-deliveries 2 reached, the last: its holder's "
              "session ended, a@host:2)");
}

STORY(what_was_only_on_the_way_comes_back_uncounted)
{
    tell(w, "z declare jobs fifo max-deliveries=1");
    tell(w, "z put jobs x");
    for (int i = 0; i < 3; i++) {
        tell(w, "a hold");
        tell(w, "a get jobs");
        tell(w, "a die"); /* before it took it */
        pass(w, 10 * SECOND);
    }
    forget_transcript(w);
    tell(w, "z get jobs");
    expect(w, "z get OK 1.4 x");
}

STORY(an_uncounted_nack_does_not_count_and_another_does)
{
    tell(w, "z declare jobs fifo max-deliveries=2");
    tell(w, "z put jobs x");
    forget_transcript(w);
    for (int i = 1; i <= 5; i++) {
        tell(w, "a get jobs");
        tellf(w, "a nack jobs 1.%d uncounted", i);
    }
    tell(w, "a get jobs");
    tell(w, "a nack jobs 1.6");
    tell(w, "a get jobs");
    tell(w, "a nack jobs 1.7");
    tell(w, "a get jobs timeout=0");
    expect(w, "a get OK 1.1 x; a nack OK; a get OK 1.2 x; a nack OK; a get OK 1.3 x; a nack OK; "
              "a get OK 1.4 x; a nack OK; a get OK 1.5 x; a nack OK; a get OK 1.6 x; a nack OK; "
              "a get OK 1.7 x; a nack OK; a get EMPTY");
}

STORY(a_window_of_messages_ahead_comes_back_uncounted)
{
    tell(w, "z declare jobs fifo max-deliveries=1");
    tell(w, "z put jobs 1 2 3 4");
    tell(w, "a hold");
    tell(w, "a get jobs times=3"); /* the window */
    tell(w, "a take");
    pass(w, MS);
    tell(w, "a die");
    forget_transcript(w);
    pass(w, 10 * SECOND);
    tell(w, "z get jobs max=9");
    tell(w, "z peek jobs.dead 9");
    expect(w, "z get OK 2.2 2, 3.2 3, 4.1 4; z peek OK 1 1 (*)");
}

STORY(the_receipt_may_be_out_of_order)
{
    struct program *a = program_of(w, "a");
    struct errand *last;

    tell(w, "z put jobs 1 2 3");
    tell(w, "a hold");
    tell(w, "a get jobs as=one");
    tell(w, "a get jobs as=two");
    last = program_find(a, "two");
    mst_client_take(a->machine, last->call, w->now_ns);
    pass(w, SECOND); /* confirm counts the longest prefix, so nothing is confirmed yet */
    assert_int_equal(fact(w, "jobs", "kept"), 3);
    tell(w, "a take");
    tell(w, "a done jobs 1.1");
    tell(w, "a done jobs 2.1");
    expect(w, "*; *; *; a * OK 1.1 1; a done OK; a done OK");
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(lease_is_the_default_and_the_message_stays_unseen_until_it_is_done),
        UNIT(done_again_for_the_same_delivery_is_already_done),
        UNIT(the_last_1024_are_remembered),
        UNIT(a_lapsed_delivery_is_lost_and_one_never_given_is_not_found),
        UNIT(somebody_elses_delivery_is_not_owner),
        UNIT(done_after_lost_disturbs_nobody),
        UNIT(many_are_done_in_one_frame_each_with_its_own_outcome),
        UNIT(nack_gives_back_to_its_own_place),
        UNIT(nack_with_a_delay_gives_back_after_it),
        UNIT(a_lease_without_a_time_lasts_as_long_as_its_session),
        UNIT(a_lease_time_ends_it_and_its_holder_is_told),
        UNIT(a_lease_time_starts_when_the_application_takes_the_message),
        UNIT(extend_sets_the_time_anew),
        UNIT(extend_can_take_the_time_away),
        UNIT(a_detached_lease_belongs_to_no_session_and_ends_only_by_its_time),
        UNIT(any_session_may_finish_a_detached_lease_by_naming_the_delivery),
        UNIT(a_detached_lease_needs_a_time),
        UNIT(what_was_taken_comes_back_counted_when_its_session_ends),
        UNIT(what_was_only_on_the_way_comes_back_uncounted),
        UNIT(an_uncounted_nack_does_not_count_and_another_does),
        UNIT(a_window_of_messages_ahead_comes_back_uncounted),
        UNIT(the_receipt_may_be_out_of_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
