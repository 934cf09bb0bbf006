/* test_dead.c - redelivery, dead letters and redrive (SEMANTICS 2). */
#include "tests/sim/world.h"

static void fail_once(struct world *w, const char *queue)
{
    const struct mst_reply *reply;

    tellf(w, "f get %s", queue);
    pass(w, MS);
    reply = ask(w, "stat jobs");
    assert_true(reply->who_count == 1);
    tellf(w, "f nack %s %.*s", queue, (int)reply->who[0].detail.len,
          (const char *)reply->who[0].detail.data);
}

STORY(after_max_deliveries_counted_ones_a_message_moves_to_the_dead_letters)
{
    tell(w, "a declare jobs fifo max-deliveries=3");
    tell(w, "a put jobs x");
    forget_transcript(w);
    fail_once(w, "jobs");
    fail_once(w, "jobs");
    tell(w, "a list");
    expect(w, "f get OK 1.1 x; f nack OK; f get OK 1.2 x; f nack OK; a list OK jobs");
    fail_once(w, "jobs");
    tell(w, "a list");
    tell(w, "a peek jobs.dead");
    expect(w, "f get OK 1.3 x; f nack OK; a list OK jobs, jobs.dead; "
              "a peek OK 1 x (max-deliveries 3 reached, the last: nack, f@host:*)");
}

STORY(the_default_is_20_and_0_is_never)
{
    tell(w, "a put jobs x");
    assert_int_equal(fact(w, "jobs", "max-deliveries"), 20);
    tell(w, "a update jobs max-deliveries=0");
    for (int i = 0; i < 25; i++) {
        fail_once(w, "jobs");
    }
    tell(w, "a update jobs max-deliveries=26");
    forget_transcript(w);
    fail_once(w, "jobs");
    expect(w, "f get OK 1.26 x; f nack OK");
    tell(w, "a get jobs timeout=0");
    expect(w, "a get EMPTY");
}

STORY(a_lease_that_ran_out_counts)
{
    tell(w, "a declare jobs fifo max-deliveries=1");
    tell(w, "a put jobs x");
    tell(w, "a get jobs lease=1s");
    pass(w, 2 * SECOND);
    forget_transcript(w);
    tell(w, "a peek jobs.dead");
    expect(w,
           "a peek OK 1 x (max-deliveries 1 reached, the last: its lease time ran out, a@host:1)");
}

STORY(nack_dead_sends_it_there_at_once_with_a_reason)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    tell(w, "a nack jobs 1.1 dead value=broken");
    tell(w, "a peek jobs.dead");
    expect(w, "a put OK 1; a get OK 1.1 x; a nack OK; a peek OK 1 x (broken, a@host:1)");
}

STORY(a_dead_letter_counts_as_finished_for_join)
{
    tell(w, "a put jobs x y");
    tell(w, "b join jobs");
    tell(w, "a get jobs max=2");
    tell(w, "a nack jobs 1.1 dead");
    tell(w, "a done jobs 2.1");
    expect(w, "*; *; *; a nack OK; a done OK; b join OK done=1 dead=1");
}

STORY(the_dead_letters_are_unbounded_and_as_durable_as_their_queue)
{
    tell(w, "a declare jobs fifo maxsize=1");
    for (int i = 1; i <= 5; i++) {
        tell(w, "a put jobs x");
        tell(w, "a get jobs");
        tellf(w, "a nack jobs %d.1 dead", i);
    }
    assert_int_equal(fact(w, "jobs.dead", "ready"), 5);
    assert_int_equal(fact(w, "jobs.dead", "maxsize"), 0);
    assert_int_equal(fact(w, "jobs.dead", "durable"), w->storage == WORLD_JOURNAL ? 1 : 0);
    if (w->storage == WORLD_JOURNAL) {
        tell(w, "a declare light fifo durable=0");
        tell(w, "a put light x");
        tell(w, "a get light");
        tell(w, "a nack light 1.1 dead");
        assert_int_equal(fact(w, "light.dead", "durable"), 0);
    }
}

STORY(a_dead_letter_has_no_dead_letters_of_its_own)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    tell(w, "a nack jobs 1.1 dead");
    forget_transcript(w);
    for (int i = 1; i <= 30; i++) {
        tell(w, "a get jobs.dead");
        tellf(w, "a nack jobs.dead 1.%d", i);
    }
    forget_transcript(w);
    tell(w, "a get jobs.dead as=last");
    tell(w, "a nack jobs.dead 1.31 dead");
    tell(w, "a list");
    expect(w, "a last OK 1.31 x (nack, a@host:1); a nack VALUE (*); a list OK jobs, jobs.dead");
}

STORY(the_ending_is_reserved)
{
    tell(w, "a put jobs.dead x");
    tell(w, "a declare jobs.dead fifo");
    tell(w, "a get jobs.dead timeout=0");
    expect(w, "a put VALUE (*); a declare VALUE (*); a get NOT_FOUND (*)");
    tell(w, "b put jobs x");
    tell(w, "b get jobs");
    tell(w, "b nack jobs 1.1 dead");
    tell(w, "b put jobs.dead x as=into");
    expect(w, "b put OK 1; b get OK 1.1 x; b nack OK; b into VALUE (*)");
}

STORY(a_dead_letter_is_taken_and_finished_as_usual)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    tell(w, "a nack jobs 1.1 dead");
    forget_transcript(w);
    tell(w, "b get jobs.dead");
    tell(w, "b done jobs.dead 1.1");
    tell(w, "b join jobs.dead");
    expect(w, "b get OK 1.1 x (nack, a@host:1); b done OK; b join OK done=1");
}

STORY(redrive_is_a_new_put_that_keeps_the_history)
{
    tell(w, "a put jobs x y z");
    tell(w, "a get jobs max=2");
    tell(w, "a nack jobs 2.1 dead value=second");
    tell(w, "a nack jobs 1.1 dead value=first");
    forget_transcript(w);
    tell(w, "b redrive jobs");
    tell(w, "b get jobs max=9");
    expect(w, "b redrive OK 2; b get OK 3.1 z, 4.1 y (second, a@host:1), 5.1 x (first, a@host:1)");
    assert_int_equal(fact(w, "jobs.dead", "kept"), 0);
}

STORY(redrive_wakes_waiters_and_begins_deliveries_anew)
{
    tell(w, "a declare jobs fifo max-deliveries=2");
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    tell(w, "a nack jobs 1.1 dead");
    tell(w, "c get jobs");
    forget_transcript(w);
    tell(w, "b redrive jobs");
    tell(w, "c nack jobs 2.1");
    tell(w, "c get jobs timeout=0");
    expect(w, "c get OK 2.1 x (nack, a@host:1); b redrive OK 1; c nack OK; "
              "c get OK 2.2 x (nack, a@host:1)");
}

STORY(redrive_stops_when_the_queue_is_full_or_at_its_count)
{
    tell(w, "a put jobs 1 2 3 4");
    tell(w, "a get jobs max=4");
    for (int i = 1; i <= 4; i++) {
        tellf(w, "a nack jobs %d.1 dead", i);
    }
    tell(w, "a update jobs maxsize=3");
    forget_transcript(w);
    tell(w, "a redrive jobs 1");
    tell(w, "a redrive jobs");
    tell(w, "a redrive jobs");
    tell(w, "a redrive jobs.dead");
    tell(w, "a redrive none");
    expect(w, "a redrive OK 1; a redrive OK 2; a redrive OK 0; a redrive VALUE (*); "
              "a redrive NOT_FOUND*");
}

STORY(a_dead_letters_ttl_no_longer_counts)
{
    tell(w, "a put jobs x ttl=5s");
    tell(w, "a get jobs");
    tell(w, "a nack jobs 1.1 dead");
    pass(w, 60 * SECOND);
    forget_transcript(w);
    tell(w, "a get jobs.dead");
    expect(w, "a get OK 1.1 x (nack, a@host:1)");
}

STORY(the_note_tells_where_when_and_after_how_many_deliveries)
{
    const struct mst_reply *reply;

    tell(w, "a put jobs x headers=h");
    pass(w, 5 * SECOND);
    fail_once(w, "jobs");
    tell(w, "a get jobs");
    tell(w, "a nack jobs 1.2 dead");
    tell(w, "b get jobs.dead");
    reply = ask(w, "stat jobs.dead");
    assert_int_equal(reply->who_count, 1);
    expect(w, "a put OK 1; f get OK 1.1 x; f nack OK; a get OK 1.2 x; a nack OK; "
              "b get OK 1.1 x (nack, a@host:*)");
    assert_int_equal(fact(w, "jobs", "dead"), 1);
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(after_max_deliveries_counted_ones_a_message_moves_to_the_dead_letters),
        UNIT(the_default_is_20_and_0_is_never),
        UNIT(a_lease_that_ran_out_counts),
        UNIT(nack_dead_sends_it_there_at_once_with_a_reason),
        UNIT(a_dead_letter_counts_as_finished_for_join),
        UNIT(the_dead_letters_are_unbounded_and_as_durable_as_their_queue),
        UNIT(a_dead_letter_has_no_dead_letters_of_its_own),
        UNIT(the_ending_is_reserved),
        UNIT(a_dead_letter_is_taken_and_finished_as_usual),
        UNIT(redrive_is_a_new_put_that_keeps_the_history),
        UNIT(redrive_wakes_waiters_and_begins_deliveries_anew),
        UNIT(redrive_stops_when_the_queue_is_full_or_at_its_count),
        UNIT(a_dead_letters_ttl_no_longer_counts),
        UNIT(the_note_tells_where_when_and_after_how_many_deliveries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
