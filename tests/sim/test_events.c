/* test_events.c - what an event promises (SEMANTICS 3). */
#include "tests/sim/world.h"

STORY(an_event_is_clear_at_first_and_set_and_clear_are_idempotent)
{
    tell(w, "a is_set go");
    tell(w, "a set go");
    tell(w, "a set go");
    tell(w, "b is_set go");
    tell(w, "b clear go");
    tell(w, "b clear go");
    tell(w, "a is_set go");
    expect(w, "a is_set OK false; a set OK; a set OK; b is_set OK true; b clear OK; b clear OK; "
              "a is_set OK false");
    assert_int_equal(fact(w, "go", "generation"), 1);
}

STORY(wait_on_a_set_event_returns_at_once)
{
    tell(w, "a set go");
    tell(w, "b wait go");
    tell(w, "b wait go timeout=0");
    expect(w, "a set OK; b wait OK; b wait OK");
}

STORY(wait_answers_timeout_when_its_time_is_up_with_0_too)
{
    tell(w, "a wait go timeout=0");
    tell(w, "a wait go timeout=5s");
    pass(w, 5 * SECOND - 1);
    expect(w, "a wait TIMEOUT");
    pass(w, 1);
    expect(w, "a wait TIMEOUT");
}

STORY(every_waiter_in_line_is_released_even_if_clear_follows_at_once)
{
    tell(w, "a wait go");
    tell(w, "b wait go");
    tell(w, "c wait go");
    tell(w, "z ping");
    forget_transcript(w);
    program_of(w, "z")->stopped = true;
    tell(w, "z set go");
    tell(w, "z clear go");
    tell(w, "z wait go timeout=0");
    tell(w, "z go"); /* all in one turn */
    expect(w, "a wait OK; b wait OK; c wait OK; z set OK; z clear OK; z wait TIMEOUT");
}

STORY(the_generation_rises_with_every_change_from_clear_to_set)
{
    for (int i = 1; i <= 3; i++) {
        tell(w, "a set go");
        assert_int_equal(fact(w, "go", "generation"), i);
        tell(w, "a set go");
        tell(w, "a clear go");
        tell(w, "a clear go");
        assert_int_equal(fact(w, "go", "generation"), i);
    }
}

STORY(the_flag_carries_the_objects_version)
{
    uint64_t before;

    tell(w, "a set go");
    before = ask(w, "is_set go")->object_version;
    tell(w, "a set go");
    assert_int_equal(ask(w, "is_set go")->object_version, before);
    tell(w, "a clear go");
    assert_true(ask(w, "is_set go")->object_version > before);
}

STORY(a_waiter_that_is_away_finds_the_answer_when_it_comes_back)
{
    tell(w, "a wait go");
    tell(w, "a cut");
    tell(w, "b set go");
    tell(w, "b clear go");
    tell(w, "a back");
    expect(w, "b set OK; b clear OK; a wait OK");
}

/* Its answer is lost on the way, and while it is cut off the event is cleared. */
STORY(a_lost_answer_is_given_again)
{
    tell(w, "a wait go");
    program_of(w, "a")->wire->down.swallows = true;
    tell(w, "b set go");
    tell(w, "b clear go");
    tell(w, "a vanish");
    tell(w, "a back");
    expect(w, "b set OK; b clear OK; a wait OK");
}

/* The session is gone, the broker is the same: the wait is made again and tells its generation. */
STORY(a_waiter_whose_session_ended_does_not_miss_a_set_then_clear)
{
    tell(w, "a is_set go");
    tell(w, "a wait go");
    tell(w, "a vanish");
    pass(w, 21 * SECOND);
    tell(w, "b set go");
    tell(w, "b clear go");
    tell(w, "a back");
    expect(w, "a is_set OK false; b set OK; b clear OK; a lost its session; a wait OK");
}

STORY(a_wait_that_was_never_sent_before_does_not_count_an_older_set)
{
    tell(w, "a is_set go");
    tell(w, "b set go");
    tell(w, "b clear go");
    tell(w, "a wait go timeout=1s");
    pass(w, SECOND);
    expect(w, "a is_set OK false; b set OK; b clear OK; a wait TIMEOUT");
}

STORY_IN(WORLD_MEMORY, generations_are_void_after_a_boot_without_a_journal)
{
    tell(w, "a set go");
    tell(w, "a clear go");
    tell(w, "a wait go timeout=60s");
    world_restart(w);
    tell(w, "a back");
    forget_transcript(w);
    tell(w, "b is_set go");
    tell(w, "b set go");
    expect(w, "b is_set OK false; a wait OK; b set OK");
}

STORY_IN(WORLD_JOURNAL, with_a_journal_the_flag_is_durable)
{
    tell(w, "a set go");
    tell(w, "a set stop");
    tell(w, "a clear stop");
    world_restart(w);
    tell(w, "b is_set go");
    tell(w, "b is_set stop");
    expect(w, "a set OK; a set OK; a clear OK; b is_set OK true; b is_set OK false");
    assert_int_equal(fact(w, "stop", "generation"), 1);
}

STORY_IN(WORLD_JOURNAL, a_waiter_that_comes_back_after_a_restart_does_not_miss_a_set_then_clear)
{
    tell(w, "a is_set go");
    tell(w, "a wait go");
    world_restart(w);
    tell(w, "b set go");
    tell(w, "b clear go");
    tell(w, "a back");
    expect(w, "a is_set OK false; b set OK; b clear OK; a wait OK");
}

STORY(a_wait_can_be_cancelled_and_leaves_nothing_behind)
{
    tell(w, "a wait go");
    tell(w, "a cancel wait");
    expect(w, "a wait CANCELLED");
    assert_int_equal(fact(w, "go", "waiting"), 0);
}

STORY(a_release_of_very_many_reaches_everybody)
{
    w->unchecked = true;
    w->quiet = true;
    for (int i = 0; i < 20; i++) {
        tellf(w, "p%d wait go times=1000", i);
    }
    assert_int_equal(fact(w, "go", "waiting"), 20000);
    tell(w, "z set go");
    assert_int_equal(fact(w, "go", "waiting"), 0);
    assert_true(w->counts[MST_OK] >= 20001);
}

#define UNIT(name) cmocka_unit_test(name)

/* What a client knows of an event may be long out of date when it begins to wait. */
STORY_IN(WORLD_JOURNAL, a_waiter_that_comes_back_does_not_count_a_set_from_before_its_wait)
{
    tell(w, "a is_set go");
    tell(w, "b set go");
    tell(w, "b clear go");
    pass(w, SECOND);
    tell(w, "a wait go");
    pass(w, SECOND);
    world_restart(w);
    tell(w, "a back");
    tell(w, "b back");
    tell(w, "b is_set go");
    tell(w, "b set go");
    expect(w, "a is_set OK false; b set OK; b clear OK; b is_set OK false; a wait OK; b set OK");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(an_event_is_clear_at_first_and_set_and_clear_are_idempotent),
        UNIT(wait_on_a_set_event_returns_at_once),
        UNIT(wait_answers_timeout_when_its_time_is_up_with_0_too),
        UNIT(every_waiter_in_line_is_released_even_if_clear_follows_at_once),
        UNIT(the_generation_rises_with_every_change_from_clear_to_set),
        UNIT(the_flag_carries_the_objects_version),
        UNIT(a_waiter_that_is_away_finds_the_answer_when_it_comes_back),
        UNIT(a_lost_answer_is_given_again),
        UNIT(a_waiter_whose_session_ended_does_not_miss_a_set_then_clear),
        UNIT(a_wait_that_was_never_sent_before_does_not_count_an_older_set),
        UNIT(generations_are_void_after_a_boot_without_a_journal),
        UNIT(with_a_journal_the_flag_is_durable),
        UNIT(a_waiter_that_comes_back_does_not_count_a_set_from_before_its_wait),
        UNIT(a_waiter_that_comes_back_after_a_restart_does_not_miss_a_set_then_clear),
        UNIT(a_wait_can_be_cancelled_and_leaves_nothing_behind),
        UNIT(a_release_of_very_many_reaches_everybody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
