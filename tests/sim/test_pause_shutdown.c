/* test_pause_shutdown.c - pausing, shutting down and removing a queue (SEMANTICS 2). */
#include "tests/sim/world.h"

STORY(a_paused_put_side_behaves_as_full)
{
    tell(w, "a pause jobs put as=none");
    tell(w, "a declare jobs fifo");
    tell(w, "a pause jobs put");
    forget_transcript(w);
    tell(w, "b put jobs x timeout=0 as=now");
    tell(w, "b put jobs x timeout=1s as=soon");
    tell(w, "b put jobs x as=later");
    pass(w, SECOND);
    expect(w, "b now FULL (paused); b soon TIMEOUT (paused)");
    tell(w, "a unpause jobs put");
    expect(w, "a unpause OK; b later OK 1");
}

STORY(a_paused_get_side_behaves_as_empty)
{
    tell(w, "a put jobs x");
    tell(w, "a pause jobs get");
    forget_transcript(w);
    tell(w, "b get jobs timeout=0 as=now");
    tell(w, "b get jobs timeout=1s as=soon");
    tell(w, "b get jobs as=later");
    pass(w, SECOND);
    expect(w, "b now EMPTY (paused); b soon TIMEOUT (paused)");
    tell(w, "a unpause jobs get");
    expect(w, "a unpause OK; b later OK 1.1 x");
}

STORY(each_side_is_paused_apart)
{
    tell(w, "a put jobs x");
    tell(w, "a pause jobs both");
    tell(w, "a unpause jobs get");
    tell(w, "b get jobs");
    tell(w, "b put jobs y timeout=0");
    tell(w, "a pause jobs get");
    tell(w, "a unpause jobs put");
    tell(w, "b put jobs y timeout=0");
    tell(w, "b get jobs timeout=0");
    expect(w, "a put OK 1; a pause OK; a unpause OK; b get OK 1.1 x; b put FULL (paused); "
              "a pause OK; a unpause OK; b put OK 2; b get EMPTY (paused)");
}

STORY(what_is_held_can_be_finished_while_paused)
{
    tell(w, "a put jobs x y");
    tell(w, "a get jobs max=2");
    tell(w, "a pause jobs both");
    tell(w, "a done jobs 1.1");
    tell(w, "a nack jobs 2.1");
    tell(w, "b get jobs timeout=0");
    expect(w, "*; *; *; a pause OK; a done OK; a nack OK; b get EMPTY (paused)");
}

STORY(puts_fail_at_once_after_a_shutdown_blocked_ones_too)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs x");
    tell(w, "b put jobs y");
    forget_transcript(w);
    tell(w, "a shutdown jobs");
    tell(w, "a put jobs z");
    tell(w, "a put jobs z timeout=0");
    expect(w, "a shutdown OK 0; b put SHUTDOWN; a put SHUTDOWN; a put SHUTDOWN");
}

STORY(gets_drain_then_get_shutdown)
{
    tell(w, "a put jobs x y");
    tell(w, "a shutdown jobs");
    tell(w, "b get jobs auto");
    tell(w, "b get jobs auto");
    pass(w, MS);
    tell(w, "b get jobs");
    tell(w, "b get jobs timeout=0");
    expect(w, "*; *; *; b get OK 1.1 x; b get OK 2.1 y; b get SHUTDOWN; b get SHUTDOWN");
}

STORY(waiting_gets_end_when_the_queue_is_drained)
{
    tell(w, "b get jobs");
    tell(w, "c get jobs");
    tell(w, "a shutdown jobs");
    expect(w, "b get SHUTDOWN; c get SHUTDOWN; a shutdown OK 0");
}

STORY(draining_ends_only_when_nothing_is_ready_delayed_or_leased)
{
    tell(w, "a put jobs leased");
    tell(w, "a put jobs late delay=5s");
    tell(w, "a get jobs");
    pass(w, MS);
    tell(w, "a shutdown jobs");
    tell(w, "b get jobs as=first");
    tell(w, "c get jobs as=second");
    forget_transcript(w);
    pass(w, 5 * SECOND);
    expect(w, "b first OK 2.1 late");
    tell(w, "b done jobs 2.1");
    tell(w, "a nack jobs 1.1"); /* a leased message may come back */
    expect(w, "b done OK; a nack OK; c second OK 1.2 leased");
    tell(w, "b get jobs as=third");
    expect(w, "");
    tell(w, "c done jobs 1.2");
    expect(w, "b third SHUTDOWN; c done OK");
}

STORY(immediate_purges_ready_and_delayed_ones_and_ends_gets_at_once)
{
    tell(w, "a put jobs leased1 leased2");
    tell(w, "a get jobs max=2");
    pass(w, MS);
    tell(w, "a put jobs late delay=5s");
    tell(w, "b get jobs");
    forget_transcript(w);
    tell(w, "a shutdown jobs immediate");
    tell(w, "b get jobs timeout=0 as=after");
    expect(w, "a shutdown OK 1; b get SHUTDOWN; b after SHUTDOWN");
    tell(w, "c join jobs");
    tell(w, "a done jobs 1.1"); /* leased ones stay with their holder */
    tell(w, "a nack jobs 2.1"); /* and are purged if they come back */
    expect(w, "a done OK; a nack OK; c join OK done=1 purged=2");
}

STORY(an_immediate_shutdown_of_a_lease_purges_it_when_its_session_ends)
{
    tell(w, "a put jobs x");
    tell(w, "b get jobs");
    pass(w, MS);
    tell(w, "a shutdown jobs immediate");
    tell(w, "a join jobs");
    forget_transcript(w);
    tell(w, "b die");
    pass(w, 10 * SECOND);
    expect(w, "a join OK purged=1");
}

STORY(a_shutdown_may_become_immediate_later)
{
    tell(w, "a put jobs x y");
    tell(w, "a shutdown jobs");
    tell(w, "a get jobs");
    tell(w, "a shutdown jobs immediate");
    tell(w, "a get jobs as=more");
    expect(w, "*; *; a shutdown OK 0; a get OK 1.1 x; a shutdown OK 1; a more SHUTDOWN");
}

STORY(only_remove_and_a_new_declare_reopen_the_name)
{
    tell(w, "a put jobs x");
    tell(w, "a shutdown jobs");
    tell(w, "a declare jobs fifo");
    tell(w, "a put jobs y");
    tell(w, "a remove jobs");
    tell(w, "a declare jobs fifo");
    tell(w, "a put jobs z");
    tell(w, "a get jobs");
    expect(w, "a put OK 1; a shutdown OK 0; a declare OK; a put SHUTDOWN; a remove OK; "
              "a declare OK created; a put OK 2; a get OK 2.1 z");
}

STORY(a_get_from_two_queues_ends_only_when_the_last_is_shut_and_drained)
{
    tell(w, "a get red,green");
    tell(w, "b get red,green");
    tell(w, "z shutdown red");
    expect(w, "z shutdown OK 0");
    tell(w, "z put green x");
    expect(w, "a get OK green:1.1 x; z put OK 1");
    tell(w, "z shutdown green");
    expect(w, "z shutdown OK 0");
    tell(w, "a done green 1.1");
    expect(w, "a done OK; b get SHUTDOWN");
}

STORY(that_holds_while_its_program_is_away)
{
    tell(w, "a get red,green");
    tell(w, "a cut");
    tell(w, "z put red x"); /* passes over a */
    tell(w, "z get red auto");
    pass(w, MS);
    tell(w, "z shutdown red");
    forget_transcript(w);
    tell(w, "a back");
    expect(w, "");
    tell(w, "z put green y");
    expect(w, "a get OK green:1.1 y; z put OK 1");
}

STORY_IN(WORLD_JOURNAL, a_shutdown_is_durable)
{
    tell(w, "a put jobs x");
    tell(w, "a shutdown jobs");
    world_restart(w);
    tell(w, "b put jobs y");
    tell(w, "b get jobs");
    tell(w, "b done jobs 1.1");
    tell(w, "b get jobs");
    expect(w, "a put OK 1; a shutdown OK 0; b put SHUTDOWN; b get OK 1.1 x; b done OK; "
              "b get SHUTDOWN");
}

STORY(a_removed_queue_is_gone_with_its_messages_and_who_held_one_gets_gone)
{
    tell(w, "a put jobs x y");
    tell(w, "a get jobs");
    pass(w, MS);
    forget_transcript(w);
    tell(w, "b remove jobs");
    tell(w, "a done jobs 1.1");
    tell(w, "a nack jobs 1.1");
    tell(w, "a join jobs");
    expect(w, "b remove OK; a done GONE*; a nack GONE*; a join GONE*");
    tell(w, "b put jobs z");
    tell(w, "a done jobs 1.1");
    tell(w, "b qsize jobs");
    expect(w, "b put OK 3; a done NOT_FOUND*; b qsize OK ready=1 kept=1"); /* ids are not reused */
}

STORY(what_was_on_the_way_when_its_queue_was_removed_is_gone)
{
    tell(w, "a get jobs");
    program_of(w, "a")->wire->down.swallows = true;
    tell(w, "b put jobs x");
    tell(w, "b remove jobs");
    tell(w, "a vanish");
    forget_transcript(w);
    tell(w, "a back");
    expect(w, "a get GONE*");
}

STORY(what_was_taken_in_auto_mode_from_a_removed_queue_troubles_nobody)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs auto");
    pass(w, MS);
    tell(w, "b remove jobs");
    forget_transcript(w);
    tell(w, "a task_done jobs");
    tell(w, "a bye");
    expect(w, "a task_done GONE*; a closed by the broker");
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(a_paused_put_side_behaves_as_full),
        UNIT(a_paused_get_side_behaves_as_empty),
        UNIT(each_side_is_paused_apart),
        UNIT(what_is_held_can_be_finished_while_paused),
        UNIT(puts_fail_at_once_after_a_shutdown_blocked_ones_too),
        UNIT(gets_drain_then_get_shutdown),
        UNIT(waiting_gets_end_when_the_queue_is_drained),
        UNIT(draining_ends_only_when_nothing_is_ready_delayed_or_leased),
        UNIT(immediate_purges_ready_and_delayed_ones_and_ends_gets_at_once),
        UNIT(an_immediate_shutdown_of_a_lease_purges_it_when_its_session_ends),
        UNIT(a_shutdown_may_become_immediate_later),
        UNIT(only_remove_and_a_new_declare_reopen_the_name),
        UNIT(a_get_from_two_queues_ends_only_when_the_last_is_shut_and_drained),
        UNIT(that_holds_while_its_program_is_away),
        UNIT(a_shutdown_is_durable),
        UNIT(a_removed_queue_is_gone_with_its_messages_and_who_held_one_gets_gone),
        UNIT(what_was_on_the_way_when_its_queue_was_removed_is_gone),
        UNIT(what_was_taken_in_auto_mode_from_a_removed_queue_troubles_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
