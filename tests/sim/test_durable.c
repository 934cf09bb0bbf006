/* test_durable.c - what may be seen before it is durable: nothing (SEMANTICS 1.5). */
#include "tests/sim/world.h"

#define STORY_ON_DISK(name) STORY_IN(WORLD_SLOW_DISK, name)

/* Everything so far is durable, and so are the receipts, which ride on signs of life. */
static void rest(struct world *w)
{
    for (int i = 0; i < 4; i++) {
        pass(w, 4 * SECOND);
        world_sync(w);
    }
}

static void connect_all(struct world *w)
{
    tell(w, "a ping");
    tell(w, "b ping");
    tell(w, "m declare light fifo durable=0");
    rest(w);
    tell(w, "a get jobs timeout=0");
    rest(w);
    forget_transcript(w);
}

STORY_ON_DISK(a_welcome_waits_for_the_record_of_its_session)
{
    tell(w, "a ping");
    assert_int_equal(mst_client_phase(program_of(w, "a")->machine), MST_CLIENT_GREETING);
    world_sync(w);
    assert_int_equal(mst_client_phase(program_of(w, "a")->machine), MST_CLIENT_UP);
    expect(w, "a ping OK");
}

STORY_ON_DISK(a_put_is_acknowledged_when_it_is_durable)
{
    connect_all(w);
    tell(w, "a put jobs x");
    pass(w, SECOND);
    expect(w, "");
    world_sync(w);
    expect(w, "a put OK 1");
}

STORY_ON_DISK(a_message_reaches_a_waiter_with_the_batch_of_its_put_never_before_it)
{
    connect_all(w);
    tell(w, "b get jobs");
    tell(w, "a put jobs x");
    pass(w, MS);
    expect(w, "");
    world_sync(w);
    expect(w, "a put OK 1; b get OK 1.1 x");
}

STORY_ON_DISK(a_reply_that_only_reads_waits_for_the_last_record_of_its_object)
{
    connect_all(w);
    tell(w, "a put jobs x");
    tell(w, "b qsize jobs");
    tell(w, "b stat jobs");
    tell(w, "b peek jobs");
    expect(w, "");
    world_sync(w);
    expect(w, "a put OK 1; b qsize OK ready=1 kept=1; b stat OK; b peek OK 1 x");
    tell(w, "b qsize jobs");
    expect(w, "b qsize OK ready=1 kept=1");
}

STORY_ON_DISK(a_refusal_waits_for_the_record_that_it_is_based_on)
{
    connect_all(w);
    tell(w, "a put jobs x");
    rest(w);
    forget_transcript(w);
    tell(w, "a get jobs");
    tell(w, "b get jobs timeout=0");
    expect(w, "");
    world_sync(w);
    expect(w, "a get OK 1.1 x; b get EMPTY");
}

STORY_ON_DISK(a_refusal_of_several_queues_waits_for_the_records_of_all_of_them)
{
    connect_all(w);
    tell(w, "a put jobs x");
    rest(w);
    forget_transcript(w);
    tell(w, "a get jobs");
    tell(w, "b get jobs,light timeout=0");
    expect(w, "");
    world_sync(w);
    expect(w, "a get OK 1.1 x; b get EMPTY");
}

STORY_ON_DISK(a_time_limit_at_several_queues_waits_for_the_records_of_all_of_them)
{
    connect_all(w);
    tell(w, "a get jobs");
    tell(w, "b get light,jobs timeout=1s as=both");
    tell(w, "a put jobs x"); /* a stood first */
    pass(w, SECOND);
    expect(w, "");
    world_sync(w);
    expect(w, "a put OK 1; a get OK 1.1 x; b both TIMEOUT");
}

STORY_ON_DISK(a_waiter_is_told_of_a_shutdown_when_that_is_durable)
{
    connect_all(w);
    tell(w, "b get jobs");
    tell(w, "b get jobs,light as=both");
    tell(w, "a shutdown jobs");
    expect(w, "");
    world_sync(w);
    expect(w, "a shutdown OK 0; b get SHUTDOWN");
    tell(w, "m shutdown light");
    expect(w, "b both SHUTDOWN; m shutdown OK 0");
}

STORY_ON_DISK(a_waiter_is_told_of_a_removal_when_that_is_durable)
{
    connect_all(w);
    tell(w, "b get jobs");
    tell(w, "a remove jobs");
    expect(w, "");
    world_sync(w);
    expect(w, "a remove OK; b get GONE (removed)");
}

STORY_ON_DISK(a_join_ends_when_the_last_done_is_durable)
{
    connect_all(w);
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    rest(w);
    tell(w, "b join jobs");
    forget_transcript(w);
    tell(w, "a done jobs 1.1");
    expect(w, "");
    world_sync(w);
    expect(w, "a done OK; b join OK done=1");
}

STORY_ON_DISK(an_event_releases_when_its_flag_is_durable)
{
    connect_all(w);
    tell(w, "b wait go");
    world_sync(w);
    tell(w, "a set go");
    expect(w, "");
    world_sync(w);
    expect(w, "a set OK; b wait OK");
}

STORY_ON_DISK(a_barrier_trips_for_its_parties_when_that_is_durable)
{
    connect_all(w);
    tell(w, "a barrier gate parties=2");
    world_sync(w);
    tell(w, "b barrier gate");
    expect(w, "");
    world_sync(w);
    expect(w, "a barrier OK 0; b barrier OK 1");
}

STORY_ON_DISK(replies_about_memory_objects_do_not_wait_behind_durable_ones)
{
    connect_all(w);
    tell(w, "a put jobs x");
    tell(w, "m put light y");
    tell(w, "m get light");
    expect(w, "m put OK 1; m get OK 1.1 y"); /* another connection */
    tell(w, "a put light z as=light");
    expect(w, "a light OK 2"); /* and the same */
    world_sync(w);
    expect(w, "a put OK 1");
}

STORY_ON_DISK(what_was_not_durable_never_was)
{
    connect_all(w);
    tell(w, "a put jobs x");
    world_sync(w);
    tell(w, "a put jobs y as=second");
    tell(w, "b get jobs");
    forget_transcript(w);
    world_restart(w); /* power fails */
    tell(w, "b back");
    tell(w, "a back");
    world_sync(w);
    world_sync(w);
    expect(w, "b get OK 1.1 x; a second OK 2"); /* both were asked again */
}

static void the_broker_dies_and_b_finds_it(struct world *w)
{
    world_restart(w);
    tell(w, "a back");
    tell(w, "b back");
    rest(w);
    tell(w, "b get jobs timeout=0");
    rest(w);
    expect(w, "b get OK 1.2 x");
}

/* A client that was welcomed forgets what it gave up; had the broker forgotten it too, it would
 * take the message for one that was taken. Found by the judge of losses. */
STORY_ON_DISK(what_was_given_up_stays_given_up_when_the_broker_dies_at_the_welcome)
{
    connect_all(w);
    tell(w, "a get jobs auto");
    tell(w, "a vanish");
    tell(w, "b put jobs x"); /* given to a, who does not hear of it */
    world_sync(w);
    expect(w, "b put OK 1");
    tell(w, "a cancel");
    expect(w, "a get CANCELLED");
    tell(w, "a back"); /* and gives it up: that is not durable yet */
    the_broker_dies_and_b_finds_it(w);
}

/* It was welcomed by another resume than the one that gave it up, whose record that waits for all
 * the same. Found by the judge of losses. */
STORY_ON_DISK(what_was_given_up_at_a_welcome_that_was_never_heard_stays_given_up_too)
{
    connect_all(w);
    tell(w, "a get jobs auto");
    tell(w, "a vanish");
    tell(w, "b put jobs x");
    world_sync(w);
    tell(w, "a cancel");
    forget_transcript(w);
    tell(w, "a back"); /* gives it up */
    tell(w, "a cut");  /* before it was welcomed */
    tell(w, "a back"); /* and again, when there is nothing left to give up */
    the_broker_dies_and_b_finds_it(w);
}

/* All requests of one turn share a batch, and the next batch waits for that one. */
STORY_ON_DISK(one_batch_is_in_flight_and_the_next_gathers_meanwhile)
{
    connect_all(w);
    tell(w, "a put jobs 1");
    tell(w, "b put jobs 2");
    tell(w, "a put jobs 3");
    expect(w, "");
    world_sync(w);
    expect(w, "a put OK 1");
    world_sync(w);
    expect(w, "a put OK 3; b put OK 2");
}

static void tell_durability(struct world *w, const struct program *program,
                            const struct errand *errand)
{
    note(w, "%s %s", program->name, errand->call->outcome.put.durable ? "durable" : "in memory");
}

STORY_ON_DISK(a_put_tells_the_durability_that_it_reached)
{
    connect_all(w);
    w->watch = tell_durability;
    tell(w, "a put light x");
    tell(w, "a put jobs x");
    world_sync(w);
    expect(w, "a in memory; a put OK 1; a durable; a put OK 1");
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(a_welcome_waits_for_the_record_of_its_session),
        UNIT(a_put_is_acknowledged_when_it_is_durable),
        UNIT(a_message_reaches_a_waiter_with_the_batch_of_its_put_never_before_it),
        UNIT(a_reply_that_only_reads_waits_for_the_last_record_of_its_object),
        UNIT(a_refusal_waits_for_the_record_that_it_is_based_on),
        UNIT(a_refusal_of_several_queues_waits_for_the_records_of_all_of_them),
        UNIT(a_time_limit_at_several_queues_waits_for_the_records_of_all_of_them),
        UNIT(a_waiter_is_told_of_a_shutdown_when_that_is_durable),
        UNIT(a_waiter_is_told_of_a_removal_when_that_is_durable),
        UNIT(a_join_ends_when_the_last_done_is_durable),
        UNIT(an_event_releases_when_its_flag_is_durable),
        UNIT(a_barrier_trips_for_its_parties_when_that_is_durable),
        UNIT(replies_about_memory_objects_do_not_wait_behind_durable_ones),
        UNIT(what_was_not_durable_never_was),
        UNIT(what_was_given_up_stays_given_up_when_the_broker_dies_at_the_welcome),
        UNIT(what_was_given_up_at_a_welcome_that_was_never_heard_stays_given_up_too),
        UNIT(one_batch_is_in_flight_and_the_next_gathers_meanwhile),
        UNIT(a_put_tells_the_durability_that_it_reached),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
