/* test_restart.c - the broker goes away and comes back (SEMANTICS 1.6, 1.7). */
#include "broker/core/core.h"
#include "tests/sim/world.h"

/* ---- without a journal ---- */

STORY_IN(WORLD_MEMORY, when_the_session_is_unknown_gets_and_event_waits_are_made_again)
{
    tell(w, "a get jobs");
    tell(w, "b wait go");
    tell(w, "c get jobs,more max=2");
    world_restart(w);
    tell(w, "a back");
    tell(w, "b back");
    tell(w, "c back");
    expect(w, "a lost its session; b lost its session; c lost its session");
    tell(w, "z set go");
    tell(w, "z put jobs 1 2 3 mode=all");
    expect(w, "b wait OK; z set OK; a get OK 1.1 1; c get OK jobs:2.1 2, jobs:3.1 3; "
              "z put OK 1-3");
}

STORY_IN(WORLD_MEMORY, all_else_in_flight_ends_with_unknown)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs x");
    tell(w, "a put jobs y as=second");
    tell(w, "a join jobs");
    tell(w, "a barrier gate parties=2");
    forget_transcript(w);
    world_restart(w);
    tell(w, "a back");
    expect(w, "a second UNKNOWN; a join UNKNOWN; a barrier UNKNOWN; a lost its session");
    tell(w, "a list");
    expect(w, "a list OK");
}

STORY_IN(WORLD_MEMORY, a_put_whose_answer_was_lost_ends_with_unknown)
{
    tell(w, "a ping");
    program_of(w, "a")->wire->down.swallows = true;
    tell(w, "a put jobs x");
    world_restart(w);
    tell(w, "a back");
    expect(w, "a ping OK; a put UNKNOWN; a lost its session");
}

STORY_IN(WORLD_MEMORY, what_had_not_been_sent_is_sent_to_the_next_broker)
{
    tell(w, "a ping");
    world_stop(w);
    tell(w, "a put jobs x");
    world_start(w);
    tell(w, "a back");
    expect(w, "a ping OK; a lost its session; a put OK 1");
}

STORY_IN(WORLD_MEMORY, a_get_keeps_its_deadline_when_it_is_made_again)
{
    tell(w, "a get jobs timeout=8s");
    pass(w, 5 * SECOND);
    world_restart(w);
    tell(w, "a back");
    pass(w, 3 * SECOND - 1);
    expect(w, "a lost its session");
    pass(w, 1);
    expect(w, "a get TIMEOUT");
}

STORY_IN(WORLD_MEMORY, a_program_with_no_broker_for_its_time_to_live_gives_up)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs x");
    tell(w, "a put jobs y as=second");
    tell(w, "a get other timeout=30s");
    forget_transcript(w);
    world_stop(w);
    tell(w, "a put more z as=new");
    pass(w, 10 * SECOND);
    expect(w, "a second UNKNOWN; a new UNAVAILABLE");
    tell(w, "a put more z as=later");
    expect(w, "a later UNAVAILABLE");
    pass(w, 20 * SECOND);
    expect(w, "a get TIMEOUT");
}

/* ---- with one ---- */

STORY_IN(WORLD_JOURNAL, sessions_that_come_back_in_time_are_resumed)
{
    tell(w, "a put jobs x y");
    tell(w, "a get jobs");
    pass(w, MS);
    world_restart(w);
    pass(w, 9 * SECOND);
    tell(w, "a back");
    tell(w, "a done jobs 1.1");
    tell(w, "a get jobs");
    expect(w, "a put OK 1; a put OK 2; a get OK 1.1 x; a done OK; a get OK 2.1 y");
}

STORY_IN(WORLD_JOURNAL, waits_are_made_again_with_the_time_that_is_left)
{
    tell(w, "a declare full fifo maxsize=1");
    tell(w, "a put full x");
    tell(w, "a get jobs timeout=8s");
    tell(w, "a put full y timeout=8s as=second");
    tell(w, "a join full timeout=9s");
    forget_transcript(w);
    pass(w, 5 * SECOND);
    world_restart(w);
    tell(w, "a back");
    pass(w, 3 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "a get TIMEOUT; a second TIMEOUT");
    pass(w, SECOND);
    expect(w, "a join TIMEOUT");
}

STORY_IN(WORLD_JOURNAL, a_wait_goes_on_after_the_restart)
{
    tell(w, "a get jobs");
    tell(w, "b declare full fifo maxsize=1");
    tell(w, "b put full x");
    tell(w, "b put full y as=second");
    tell(w, "c join full");
    forget_transcript(w);
    world_restart(w);
    tell(w, "a back");
    tell(w, "b back");
    tell(w, "c back");
    tell(w, "z put jobs x");
    expect(w, "a get OK 1.1 x; z put OK 1");
    tell(w, "z get full auto");
    pass(w, MS);
    expect(w, "z get OK 1.1 x; b second OK 2");
    tell(w, "z task_done full");
    tell(w, "z get full");
    tell(w, "z done full 2.1");
    expect(w, "z task_done OK 1 left; z get OK 2.1 y; c join OK done=2; z done OK");
}

STORY_IN(WORLD_JOURNAL, a_stored_outcome_is_given_again_after_the_restart)
{
    tell(w, "a ping");
    program_of(w, "a")->wire->down.swallows = true;
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    world_restart(w);
    tell(w, "a back");
    tell(w, "a done jobs 1.1");
    tell(w, "a qsize jobs");
    expect(w, "a ping OK; a put OK 1; a get OK 1.1 x; a done OK; a qsize OK ready=0 kept=0");
}

STORY_IN(WORLD_JOURNAL, every_acknowledged_put_is_there_in_its_place)
{
    tell(w, "a declare top lifo");
    tell(w, "a put top 1 2 3");
    tell(w, "a declare first priority");
    tell(w, "a put first 1 2 3 mode=all priority=3,1,2");
    tell(w, "a put jobs 1 2 3");
    tell(w, "a put jobs 4 delay=5s");
    tell(w, "a get jobs");
    tell(w, "a done jobs 1.1");
    tell(w, "a put jobs 5 ttl=3s");
    forget_transcript(w);
    world_restart(w);
    tell(w, "b get top max=9");
    tell(w, "b get first max=9");
    tell(w, "b peek jobs 9");
    expect(w, "b get OK 3.1 3, 2.1 2, 1.1 1; b get OK 2.1 2, 3.1 3, 1.1 1; "
              "b peek OK 2 2, 3 3, 5 5, 4 4 delayed");
    pass(w, 5 * SECOND);
    tell(w, "b peek jobs 9");
    expect(w, "b peek OK 2 2, 3 3, 4 4");
}

STORY_IN(WORLD_JOURNAL, memory_objects_do_not_survive)
{
    tell(w, "a declare jobs fifo durable=0");
    tell(w, "a put jobs x");
    tell(w, "a put kept y");
    world_restart(w);
    tell(w, "b list");
    expect(w, "a declare OK created; a put OK 1; a put OK 1; b list OK kept");
}

STORY_IN(WORLD_JOURNAL, a_session_that_never_comes_back_ends_its_full_time_after_the_restart)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    tell(w, "c put jobs y");
    tell(w, "c get jobs auto");
    pass(w, MS);
    tell(w, "a cut");
    pass(w, 9 * SECOND);
    world_restart(w);
    tell(w, "b get jobs");
    tell(w, "b join jobs");
    forget_transcript(w);
    pass(w, 10 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "b get OK 1.2 x");
    tell(w, "b done jobs 1.2");
    expect(w, "b done OK; b join OK done=1 lost=1");
}

STORY_IN(WORLD_JOURNAL, a_lease_gets_its_full_time_anew)
{
    tell(w, "a put jobs x y");
    tell(w, "a get jobs lease=20s");
    tell(w, "a get jobs lease=20s detached");
    pass(w, 15 * SECOND);
    world_restart(w);
    tell(w, "a back");
    tell(w, "b get jobs max=2 as=first");
    tell(w, "b get jobs max=2 as=second");
    forget_transcript(w);
    pass(w, 20 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "a lost lease jobs:1.1; b first OK 1.2 x; b second OK 2.2 y");
}

STORY_IN(WORLD_JOURNAL, a_barriers_leader_may_report_after_the_restart)
{
    tell(w, "a declare gate barrier parties=2 action=1 action-timeout=20s");
    tell(w, "a barrier gate");
    tell(w, "b barrier gate");
    world_restart(w);
    tell(w, "a back");
    tell(w, "b back");
    tell(w, "b report gate value=v");
    expect(w, "a declare OK created; b barrier OK 1 leads; a barrier OK 0 v; b report OK");
}

STORY_IN(WORLD_JOURNAL, an_idle_object_still_expires_after_a_restart)
{
    tell(w, "a declare jobs fifo expire-idle=60s");
    world_restart(w);
    pass(w, 61 * SECOND);
    tell(w, "b list");
    expect(w, "a declare OK created; b list OK");
}

STORY_IN(WORLD_JOURNAL, what_is_not_durable_never_was)
{
    tell(w, "a put jobs x");
    tell(w, "a purge jobs");
    tell(w, "a put jobs y");
    world_restart(w);
    world_restart(w); /* twice gives the same */
    tell(w, "b peek jobs 9");
    expect(w, "a put OK 1; a purge OK 1; a put OK 2; b peek OK 2 y");
}

/* ---- going away in an orderly way ---- */

STORY_IN(WORLD_MEMORY, a_broker_that_goes_away_tells_everybody_and_ends_every_wait)
{
    tell(w, "a declare full fifo maxsize=1");
    tell(w, "a put full x");
    tell(w, "a put full y as=second");
    tell(w, "b get jobs,more");
    tell(w, "c barrier gate parties=2");
    tell(w, "c join full");
    tell(w, "c wait go");
    forget_transcript(w);
    world_drain(w);
    expect(w, "a second UNAVAILABLE (*); a is told: going away; b get UNAVAILABLE (*); "
              "b is told: going away; c barrier UNAVAILABLE (*); c join UNAVAILABLE (*); "
              "c wait UNAVAILABLE (*); c is told: going away");
    assert_true(engine_drained(w->engine));
    assert_int_equal(core_figures(engine_core(w->engine)).waits, 0);
}

STORY_IN(WORLD_MEMORY, meanwhile_it_carries_out_what_need_not_wait)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    world_drain(w);
    forget_transcript(w);
    tell(w, "a done jobs 1.1");
    tell(w, "a put jobs y");
    tell(w, "a get more");
    expect(w, "a done OK; a put OK 2; a get UNAVAILABLE*");
}

STORY_IN(WORLD_MEMORY, a_newcomer_is_told_that_it_goes_away)
{
    world_drain(w);
    tell(w, "a put jobs x");
    assert_int_equal(mst_client_refusal(program_of(w, "a")->machine), MST_UNAVAILABLE);
}

STORY_IN(WORLD_JOURNAL, with_storage_a_broker_that_goes_away_leaves_every_wait_open)
{
    tell(w, "a get jobs,more");
    tell(w, "b barrier gate parties=2");
    tell(w, "c wait go");
    world_drain(w);
    assert_true(engine_drained(w->engine));
    tell(w, "d put jobs lost"); /* nothing is taken in any more: it is sent again */
    expect(w, "");
    world_restart(w);
    tell(w, "a back");
    tell(w, "b back");
    tell(w, "c back");
    tell(w, "d back");
    tell(w, "d set go");
    tell(w, "d barrier gate");
    expect(w, "a get OK jobs:1.1 lost; d put OK 1; c wait OK; d set OK; b barrier OK 0; "
              "d barrier OK 1");
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(when_the_session_is_unknown_gets_and_event_waits_are_made_again),
        UNIT(all_else_in_flight_ends_with_unknown),
        UNIT(a_put_whose_answer_was_lost_ends_with_unknown),
        UNIT(what_had_not_been_sent_is_sent_to_the_next_broker),
        UNIT(a_get_keeps_its_deadline_when_it_is_made_again),
        UNIT(a_program_with_no_broker_for_its_time_to_live_gives_up),
        UNIT(sessions_that_come_back_in_time_are_resumed),
        UNIT(waits_are_made_again_with_the_time_that_is_left),
        UNIT(a_wait_goes_on_after_the_restart),
        UNIT(a_stored_outcome_is_given_again_after_the_restart),
        UNIT(every_acknowledged_put_is_there_in_its_place),
        UNIT(memory_objects_do_not_survive),
        UNIT(a_session_that_never_comes_back_ends_its_full_time_after_the_restart),
        UNIT(a_lease_gets_its_full_time_anew),
        UNIT(a_barriers_leader_may_report_after_the_restart),
        UNIT(an_idle_object_still_expires_after_a_restart),
        UNIT(what_is_not_durable_never_was),
        UNIT(a_broker_that_goes_away_tells_everybody_and_ends_every_wait),
        UNIT(meanwhile_it_carries_out_what_need_not_wait),
        UNIT(a_newcomer_is_told_that_it_goes_away),
        UNIT(with_storage_a_broker_that_goes_away_leaves_every_wait_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
