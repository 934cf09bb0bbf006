/* test_join.c - unfinished, join and its tallies; causes are kept apart (SEMANTICS 1.11, 2). */
#include "tests/sim/world.h"

STORY(join_waits_until_nothing_is_unfinished)
{
    tell(w, "a put jobs x y");
    tell(w, "b join jobs");
    tell(w, "c join jobs");
    tell(w, "d get jobs");
    tell(w, "d get jobs auto");
    forget_transcript(w);
    tell(w, "d done jobs 1.1");
    expect(w, "d done OK");
    tell(w, "d task_done jobs");
    expect(w, "b join OK done=2; c join OK done=2; d task_done OK 0 left");
}

STORY(join_of_a_finished_queue_returns_at_once)
{
    tell(w, "a get jobs timeout=0");
    tell(w, "a join jobs");
    tell(w, "a join jobs timeout=0");
    expect(w, "a get EMPTY; a join OK; a join OK");
}

STORY(join_of_no_queue_is_not_found)
{
    tell(w, "a join jobs");
    expect(w, "a join NOT_FOUND*");
}

STORY(unfinished_counts_kept_messages_and_those_taken_in_auto_mode)
{
    tell(w, "a put jobs ready");
    tell(w, "a put jobs late delay=1h");
    tell(w, "a put jobs leased auto taken");
    tell(w, "b get jobs");
    tell(w, "b get jobs auto");
    tell(w, "b ping");
    assert_int_equal(fact(w, "jobs", "kept"), 4);
    assert_int_equal(fact(w, "jobs", "unfinished"), 5);
}

STORY(a_join_whose_time_is_up_ends_with_timeout)
{
    tell(w, "a put jobs x");
    tell(w, "a join jobs timeout=0");
    tell(w, "a join jobs timeout=5s");
    pass(w, 5 * SECOND - 1);
    expect(w, "a put OK 1; a join TIMEOUT");
    pass(w, 1);
    expect(w, "a join TIMEOUT");
}

STORY(a_join_can_be_cancelled)
{
    tell(w, "a put jobs x");
    tell(w, "a join jobs");
    tell(w, "a cancel join");
    expect(w, "a put OK 1; a join CANCELLED");
    assert_int_equal(fact(w, "jobs", "waiting_joiners"), 0);
}

STORY(every_cause_has_a_tally_of_its_own)
{
    tell(w, "a declare jobs fifo maxsize=8 full=drop-oldest");
    tell(w, "a put jobs dropped");
    tell(w, "a put jobs done task_done dead deleted lost");
    tell(w, "a put jobs expired ttl=1s");
    tell(w, "a put jobs purged");
    tell(w, "a put jobs purged"); /* drops the first */
    tell(w, "b get jobs");
    tell(w, "b get jobs auto");
    tell(w, "b get jobs as=dead");
    tell(w, "a delete jobs 5");
    tell(w, "c get jobs auto");
    tell(w, "b done jobs 2.1");
    tell(w, "b task_done jobs");
    tell(w, "b nack jobs 4.1 dead");
    pass(w, SECOND);
    tell(w, "c bye");
    tell(w, "z join jobs");
    forget_transcript(w);
    tell(w, "a purge jobs");
    expect(w,
           "a purge OK 2; z join OK done=2 dead=1 purged=2 deleted=1 expired=1 dropped=1 lost=1");
    assert_int_equal(fact(w, "jobs", "done"), 2);
    assert_int_equal(fact(w, "jobs", "dead"), 1);
    assert_int_equal(fact(w, "jobs", "purged"), 2);
    assert_int_equal(fact(w, "jobs", "deleted"), 1);
    assert_int_equal(fact(w, "jobs", "expired"), 1);
    assert_int_equal(fact(w, "jobs", "dropped"), 1);
    assert_int_equal(fact(w, "jobs", "lost"), 1);
    assert_int_equal(fact(w, "jobs", "puts"), 9);
}

STORY(the_tallies_count_since_the_count_last_left_0)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    tell(w, "a done jobs 1.1");
    tell(w, "a join jobs");
    tell(w, "a join jobs as=again");
    tell(w, "a put jobs y");
    tell(w, "a purge jobs");
    tell(w, "a join jobs as=then");
    expect(w, "a put OK 1; a get OK 1.1 x; a done OK; a join OK done=1; a again OK done=1; "
              "a put OK 2; a purge OK 1; a then OK purged=1");
    assert_int_equal(fact(w, "jobs", "done"), 1); /* stat: since the queue was made */
    assert_int_equal(fact(w, "jobs", "purged"), 1);
}

STORY(a_join_ends_at_the_first_moment_even_if_a_put_follows_at_once)
{
    tell(w, "a put jobs x");
    tell(w, "b get jobs");
    pass(w, MS);
    tell(w, "c join jobs");
    forget_transcript(w);
    program_of(w, "b")->stopped = true;
    tell(w, "b done jobs 1.1");
    tell(w, "b put jobs y");
    tell(w, "b go"); /* both arrive in one turn */
    expect(w, "b done OK; b put OK 2; c join OK done=1");
}

STORY(purge_drops_ready_and_delayed_messages_and_leaves_leased_ones)
{
    tell(w, "a put jobs 1 2 3");
    tell(w, "a put jobs 4 delay=1h");
    tell(w, "b get jobs");
    pass(w, MS);
    forget_transcript(w);
    tell(w, "a purge jobs");
    tell(w, "b done jobs 1.1");
    tell(w, "b join jobs");
    tell(w, "a purge none");
    expect(w, "a purge OK 3; b done OK; b join OK done=1 purged=3; a purge NOT_FOUND*");
}

STORY(delete_drops_one_but_not_one_that_is_held)
{
    tell(w, "a put jobs 1 2");
    tell(w, "a put jobs 3 delay=1h");
    tell(w, "b get jobs");
    pass(w, MS);
    forget_transcript(w);
    tell(w, "a delete jobs 1");
    tell(w, "a delete jobs 2");
    tell(w, "a delete jobs 3");
    tell(w, "a delete jobs 3");
    expect(w, "a delete CONFLICT (*); a delete OK; a delete OK; a delete NOT_FOUND (*)");
}

STORY(purge_and_delete_let_blocked_puts_in)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs 1");
    tell(w, "b put jobs 2");
    tell(w, "c put jobs 3");
    forget_transcript(w);
    tell(w, "a purge jobs");
    tell(w, "a delete jobs 2");
    expect(w, "a purge OK 1; b put OK 2; a delete OK; c put OK 3");
}

STORY(qsize_tells_ready_messages_as_in_python)
{
    tell(w, "a put jobs 1 2 3");
    tell(w, "a put jobs 4 delay=1h");
    tell(w, "b get jobs");
    forget_transcript(w);
    tell(w, "a qsize jobs");
    tell(w, "a qsize none");
    expect(w, "a qsize OK ready=2 kept=4; a qsize NOT_FOUND*");
}

STORY(counts_carry_the_objects_version_which_rises_with_every_change)
{
    uint64_t before;

    tell(w, "a put jobs 1");
    before = ask(w, "qsize jobs")->object_version;
    assert_int_equal(ask(w, "qsize jobs")->object_version, before);
    tell(w, "a put jobs 2");
    assert_true(ask(w, "qsize jobs")->object_version > before);
    before = ask(w, "qsize jobs")->object_version;
    tell(w, "a get jobs");
    assert_true(ask(w, "qsize jobs")->object_version > before);
}

STORY(stat_tells_all_and_who_waits)
{
    tell(w, "a declare jobs fifo maxsize=2 max-bytes=100");
    tell(w, "a put jobs 123 45");
    pass(w, 3 * SECOND);
    tell(w, "b get jobs");
    tell(w, "c put jobs 6");
    tell(w, "d join jobs");
    tell(w, "d cut");
    tell(w, "e get jobs auto");
    pass(w, MS);
    forget_transcript(w);
    tell(w, "a stat jobs");
    expect(w, "a stat OK holds b 1.1, took e 1, joins d away");
    tell(w, "f get jobs max=2");
    tell(w, "g get jobs");
    tell(w, "h pause jobs get");
    tell(w, "i put jobs 78");
    forget_transcript(w);
    tell(w, "a stat jobs");
    expect(w, "a stat OK holds b 1.1, holds f 3.1, took e 1, gets g, puts i, joins d away");
    assert_int_equal(fact(w, "jobs", "bytes"), 4);
    assert_int_equal(fact(w, "jobs", "leased"), 2);
    assert_int_equal(fact(w, "jobs", "waiting_getters"), 1);
    assert_int_equal(fact(w, "jobs", "waiting_putters"), 1);
    assert_int_equal(fact(w, "jobs", "waiting_joiners"), 1);
    assert_int_equal(fact(w, "jobs", "puts"), 3);
    assert_int_equal(fact(w, "jobs", "gets"), 3);
}

STORY(a_purge_of_very_many_is_answered_at_once_and_freed_in_slices)
{
    w->unchecked = true;
    w->quiet = true;
    for (int i = 0; i < 10; i++) {
        tell(w, "a put jobs x times=2000");
    }
    w->quiet = false;
    tell(w, "a purge jobs");
    tell(w, "a qsize jobs");
    tell(w, "a put jobs y");
    expect(w, "a purge OK 20000; a qsize OK ready=0 kept=0; a put OK 20001");
    assert_int_equal(fact(w, "jobs", "purged"), 20000);
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(join_waits_until_nothing_is_unfinished),
        UNIT(join_of_a_finished_queue_returns_at_once),
        UNIT(join_of_no_queue_is_not_found),
        UNIT(unfinished_counts_kept_messages_and_those_taken_in_auto_mode),
        UNIT(a_join_whose_time_is_up_ends_with_timeout),
        UNIT(a_join_can_be_cancelled),
        UNIT(every_cause_has_a_tally_of_its_own),
        UNIT(the_tallies_count_since_the_count_last_left_0),
        UNIT(a_join_ends_at_the_first_moment_even_if_a_put_follows_at_once),
        UNIT(purge_drops_ready_and_delayed_messages_and_leaves_leased_ones),
        UNIT(delete_drops_one_but_not_one_that_is_held),
        UNIT(purge_and_delete_let_blocked_puts_in),
        UNIT(qsize_tells_ready_messages_as_in_python),
        UNIT(counts_carry_the_objects_version_which_rises_with_every_change),
        UNIT(stat_tells_all_and_who_waits),
        UNIT(a_purge_of_very_many_is_answered_at_once_and_freed_in_slices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
