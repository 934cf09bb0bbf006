/* test_barriers.c - what a barrier promises (SEMANTICS 4). */
#include "tests/sim/world.h"

STORY(a_barrier_releases_all_together_with_an_index_each_in_order_of_arrival)
{
    at(w, 0, "a barrier gate parties=3");
    at(w, 5, "b barrier gate parties=3");
    at(w, 9, "c barrier gate");
    expect(w, "[9] a barrier OK 0; [9] b barrier OK 1; [9] c barrier OK 2");
}

STORY(each_generation_has_the_indices_once)
{
    tell(w, "a barrier gate parties=2");
    tell(w, "b barrier gate");
    tell(w, "b barrier gate");
    tell(w, "a barrier gate");
    expect(w, "a barrier OK 0; b barrier OK 1; a barrier OK 1; b barrier OK 0");
    assert_int_equal(fact(w, "gate", "generation"), 2);
}

STORY(who_arrives_after_the_trip_belongs_to_the_next_generation)
{
    tell(w, "a barrier gate parties=2");
    tell(w, "b barrier gate");
    tell(w, "c barrier gate");
    expect(w, "a barrier OK 0; b barrier OK 1");
    assert_int_equal(fact(w, "gate", "n_waiting"), 1);
    tell(w, "d barrier gate");
    expect(w, "c barrier OK 0; d barrier OK 1");
}

STORY(of_one_party_it_trips_at_once)
{
    tell(w, "a barrier gate parties=1 timeout=0");
    expect(w, "a barrier OK 0");
}

STORY(it_needs_a_number_of_parties_and_another_one_is_conflict)
{
    tell(w, "a barrier gate");
    tell(w, "a declare gate barrier parties=0");
    tell(w, "a declare gate barrier parties=2");
    tell(w, "a barrier gate parties=3");
    expect(w, "a barrier NOT_FOUND*; a declare VALUE (*); a declare OK created; "
              "a barrier CONFLICT (parties is 2, not 3)");
}

STORY(a_timeout_breaks_it_for_all_and_for_all_later_ones_until_reset)
{
    tell(w, "a barrier gate parties=3 timeout=5s");
    tell(w, "b barrier gate timeout=60s");
    pass(w, 5 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "a barrier BROKEN (timeout); b barrier BROKEN (timeout)");
    tell(w, "c barrier gate");
    expect(w, "c barrier BROKEN (timeout)");
    assert_int_equal(fact(w, "gate", "broken"), 1);
    tell(w, "c reset gate");
    tell(w, "a barrier gate");
    tell(w, "b barrier gate");
    tell(w, "c barrier gate");
    expect(w, "c reset OK; a barrier OK 0; b barrier OK 1; c barrier OK 2");
}

STORY(the_default_timeout_is_the_barriers)
{
    tell(w, "a declare gate barrier parties=2 timeout=5s");
    tell(w, "a barrier gate");
    pass(w, 5 * SECOND);
    expect(w, "a declare OK created; a barrier BROKEN (timeout)");
    tell(w, "a reset gate");
    tell(w, "a barrier gate timeout=forever");
    pass(w, 60 * SECOND);
    expect(w, "a reset OK");
}

STORY(wait_0_that_is_not_the_last_party_breaks_it)
{
    tell(w, "a barrier gate parties=3");
    tell(w, "b barrier gate timeout=0");
    expect(w, "a barrier BROKEN (timeout); b barrier BROKEN (timeout)");
}

STORY(wait_0_as_the_last_party_trips_it)
{
    tell(w, "a barrier gate parties=2");
    tell(w, "b barrier gate timeout=0");
    expect(w, "a barrier OK 0; b barrier OK 1");
}

STORY(a_cancelled_party_breaks_it)
{
    tell(w, "a barrier gate parties=3");
    tell(w, "b barrier gate");
    tell(w, "b cancel barrier");
    expect(w, "a barrier BROKEN (cancelled); b barrier CANCELLED");
}

STORY(the_end_of_a_waiting_partys_session_breaks_it_and_tells_who)
{
    tell(w, "a barrier gate parties=3");
    tell(w, "b barrier gate");
    tell(w, "b die");
    pass(w, 10 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "a barrier BROKEN (party died: b@host:2)");
}

STORY(during_the_time_to_live_its_place_is_kept)
{
    tell(w, "a barrier gate parties=3");
    tell(w, "b barrier gate");
    tell(w, "a cut");
    pass(w, 9 * SECOND);
    tell(w, "a back");
    tell(w, "c barrier gate");
    expect(w, "a barrier OK 0; b barrier OK 1; c barrier OK 2");
}

STORY(it_trips_only_when_all_its_parties_are_connected)
{
    tell(w, "a barrier gate parties=2");
    tell(w, "a cut");
    tell(w, "b barrier gate");
    pass(w, SECOND);
    expect(w, "");
    assert_int_equal(fact(w, "gate", "n_waiting"), 2);
    tell(w, "a back");
    expect(w, "a barrier OK 0; b barrier OK 1");
}

STORY(who_comes_while_it_is_complete_belongs_to_the_next_generation)
{
    tell(w, "a barrier gate parties=2");
    tell(w, "a cut");
    tell(w, "b barrier gate");
    tell(w, "c barrier gate");
    tell(w, "a back");
    expect(w, "a barrier OK 0; b barrier OK 1");
    tell(w, "d barrier gate");
    expect(w, "c barrier OK 0; d barrier OK 1");
}

STORY(abort_breaks_it_now)
{
    tell(w, "a barrier gate parties=3");
    tell(w, "z abort gate");
    tell(w, "b barrier gate");
    expect(w, "a barrier BROKEN (abort); z abort OK; b barrier BROKEN (abort)");
}

STORY(abort_cannot_touch_a_generation_that_has_tripped)
{
    tell(w, "a barrier gate parties=2");
    program_of(w, "a")->wire->down.stalled = true;
    tell(w, "b barrier gate");
    tell(w, "z abort gate"); /* a's release is still on the way */
    program_of(w, "a")->wire->down.stalled = false;
    world_settle(w);
    expect(w, "b barrier OK 1; z abort OK; a barrier OK 0");
}

STORY(reset_breaks_it_for_those_who_wait_and_makes_it_whole)
{
    tell(w, "a barrier gate parties=3");
    tell(w, "b barrier gate");
    tell(w, "z reset gate");
    expect(w, "a barrier BROKEN (reset); b barrier BROKEN (reset); z reset OK");
    assert_int_equal(fact(w, "gate", "broken"), 0);
    assert_int_equal(fact(w, "gate", "n_waiting"), 0);
    assert_int_equal(fact(w, "gate", "generation"), 1);
}

STORY(stat_tells_parties_n_waiting_broken_and_generation)
{
    tell(w, "a barrier gate parties=3");
    tell(w, "b barrier gate");
    tell(w, "b cut");
    tell(w, "c stat gate");
    expect(w, "c stat OK waits a, waits b away");
    assert_int_equal(fact(w, "gate", "parties"), 3);
    assert_int_equal(fact(w, "gate", "n_waiting"), 2);
    assert_int_equal(fact(w, "gate", "broken"), 0);
    assert_int_equal(fact(w, "gate", "generation"), 0);
}

/* ---- action ---- */

static void gather(struct world *w)
{
    tell(w, "a declare gate barrier parties=3 action=1 timeout=20s");
    tell(w, "a barrier gate");
    tell(w, "b barrier gate");
    forget_transcript(w);
    tell(w, "c barrier gate");
}

STORY(the_last_to_arrive_leads_and_is_released_first_and_alone)
{
    gather(w);
    expect(w, "c barrier OK 2 leads");
    assert_int_equal(fact(w, "gate", "acting"), 1);
    tell(w, "c report gate value=42");
    expect(w, "a barrier OK 0 42; b barrier OK 1 42; c report OK");
    assert_int_equal(fact(w, "gate", "generation"), 1);
}

STORY(failure_breaks_it)
{
    gather(w);
    tell(w, "c report gate failed");
    expect(w, "c barrier OK 2 leads; a barrier BROKEN (action failed); "
              "b barrier BROKEN (action failed); c report OK");
}

STORY(the_leaders_end_breaks_it)
{
    gather(w);
    tell(w, "c die");
    pass(w, 10 * SECOND);
    expect(w, "c barrier OK 2 leads; a barrier BROKEN (leader died: c@host:3); "
              "b barrier BROKEN (leader died: c@host:3)");
}

STORY(its_action_timeout_breaks_it_and_the_report_is_too_late)
{
    gather(w);
    pass(w, 20 * SECOND - 1); /* by default the barrier's */
    expect(w, "c barrier OK 2 leads");
    pass(w, 1);
    tell(w, "c report gate");
    expect(w, "a barrier BROKEN (action timeout); b barrier BROKEN (action timeout); "
              "c report BROKEN (action timeout)");
}

STORY(the_action_timeout_is_a_setting)
{
    tell(w, "a declare gate barrier parties=1 action=1 timeout=20s action-timeout=2s");
    tell(w, "a barrier gate");
    pass(w, 2 * SECOND);
    tell(w, "a report gate");
    expect(w, "a declare OK created; a barrier OK 0 leads; a report BROKEN (action timeout)");
}

STORY(abort_or_a_members_end_before_the_report_break_it)
{
    gather(w);
    tell(w, "z abort gate");
    expect(w, "c barrier OK 2 leads; a barrier BROKEN (abort); b barrier BROKEN (abort); "
              "z abort OK");
    tell(w, "z reset gate");
    gather(w);
    tell(w, "b bye");
    expect(w, "c barrier OK 2 leads; b barrier CANCELLED; "
              "a barrier BROKEN (party died: b@host:2); b closed by the broker");
}

STORY(the_others_timeouts_stand_still_meanwhile)
{
    tell(w, "a declare gate barrier parties=2 action=1 action-timeout=1h");
    tell(w, "a barrier gate timeout=5s");
    tell(w, "b barrier gate timeout=5s");
    forget_transcript(w);
    pass(w, 600 * SECOND);
    expect(w, "");
    tell(w, "b report gate");
    expect(w, "a barrier OK 0; b report OK");
}

STORY(only_the_leader_reports_and_only_while_it_acts)
{
    gather(w);
    forget_transcript(w);
    tell(w, "z report gate");
    tell(w, "c report gate gen=7");
    tell(w, "c report gate gen=0");
    tell(w, "c report gate gen=0");
    tell(w, "c report gate");
    expect(w, "z report NOT_OWNER (*); c report CONFLICT (*); a barrier OK 0; b barrier OK 1; "
              "c report OK; c report CONFLICT (*); c report CONFLICT (*)");
}

STORY(who_comes_during_the_action_belongs_to_the_next_generation)
{
    gather(w);
    tell(w, "d barrier gate");
    tell(w, "c report gate");
    expect(w, "c barrier OK 2 leads; a barrier OK 0; b barrier OK 1; c report OK");
    tell(w, "a barrier gate");
    tell(w, "b barrier gate");
    expect(w, "b barrier OK 2 leads");
    tell(w, "b report gate");
    expect(w, "a barrier OK 1; b report OK; d barrier OK 0");
}

/* ---- arrivals and trips are records ---- */

STORY_IN(WORLD_JOURNAL, parties_come_back_after_a_restart_and_the_barrier_trips)
{
    tell(w, "a barrier gate parties=3");
    tell(w, "b barrier gate");
    world_restart(w);
    tell(w, "c barrier gate");
    tell(w, "b back");
    expect(w, "");
    tell(w, "a back");
    expect(w, "a barrier OK 0; b barrier OK 1; c barrier OK 2");
}

STORY_IN(WORLD_JOURNAL, a_release_that_was_lost_in_a_restart_is_given_again)
{
    tell(w, "a barrier gate parties=2");
    program_of(w, "a")->wire->down.swallows = true;
    tell(w, "b barrier gate");
    expect(w, "b barrier OK 1");
    world_restart(w);
    tell(w, "a back");
    expect(w, "a barrier OK 0");
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(a_barrier_releases_all_together_with_an_index_each_in_order_of_arrival),
        UNIT(each_generation_has_the_indices_once),
        UNIT(who_arrives_after_the_trip_belongs_to_the_next_generation),
        UNIT(of_one_party_it_trips_at_once),
        UNIT(it_needs_a_number_of_parties_and_another_one_is_conflict),
        UNIT(a_timeout_breaks_it_for_all_and_for_all_later_ones_until_reset),
        UNIT(the_default_timeout_is_the_barriers),
        UNIT(wait_0_that_is_not_the_last_party_breaks_it),
        UNIT(wait_0_as_the_last_party_trips_it),
        UNIT(a_cancelled_party_breaks_it),
        UNIT(the_end_of_a_waiting_partys_session_breaks_it_and_tells_who),
        UNIT(during_the_time_to_live_its_place_is_kept),
        UNIT(it_trips_only_when_all_its_parties_are_connected),
        UNIT(who_comes_while_it_is_complete_belongs_to_the_next_generation),
        UNIT(abort_breaks_it_now),
        UNIT(abort_cannot_touch_a_generation_that_has_tripped),
        UNIT(reset_breaks_it_for_those_who_wait_and_makes_it_whole),
        UNIT(stat_tells_parties_n_waiting_broken_and_generation),
        UNIT(the_last_to_arrive_leads_and_is_released_first_and_alone),
        UNIT(failure_breaks_it),
        UNIT(the_leaders_end_breaks_it),
        UNIT(its_action_timeout_breaks_it_and_the_report_is_too_late),
        UNIT(the_action_timeout_is_a_setting),
        UNIT(abort_or_a_members_end_before_the_report_break_it),
        UNIT(the_others_timeouts_stand_still_meanwhile),
        UNIT(only_the_leader_reports_and_only_while_it_acts),
        UNIT(who_comes_during_the_action_belongs_to_the_next_generation),
        UNIT(parties_come_back_after_a_restart_and_the_barrier_trips),
        UNIT(a_release_that_was_lost_in_a_restart_is_given_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
