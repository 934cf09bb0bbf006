/* test_delay_ttl.c - delay and time to live of messages (SEMANTICS 2), and what time is (1.6). */
#include "tests/sim/world.h"

STORY(a_delayed_message_is_kept_but_not_ready)
{
    tell(w, "a put jobs x delay=5s");
    tell(w, "a qsize jobs");
    tell(w, "a get jobs timeout=0");
    expect(w, "a put OK 1; a qsize OK ready=0 kept=1; a get EMPTY");
    assert_int_equal(fact(w, "jobs", "delayed"), 1);
    assert_int_equal(fact(w, "jobs", "unfinished"), 1);
}

STORY(it_becomes_ready_at_its_time_and_wakes_a_waiter)
{
    tell(w, "a put jobs x delay=5s");
    tell(w, "b get jobs");
    pass(w, 5 * SECOND - 1);
    expect(w, "a put OK 1");
    pass(w, 1);
    expect(w, "b get OK 1.1 x");
}

STORY(an_expired_message_is_never_delivered)
{
    tell(w, "a put jobs x ttl=5s");
    tell(w, "a put jobs y");
    pass(w, 5 * SECOND);
    tell(w, "b get jobs max=9");
    expect(w, "a put OK 1; a put OK 2; b get OK 2.1 y");
    assert_int_equal(fact(w, "jobs", "expired"), 1);
}

STORY(a_moment_before_it_is_still_delivered)
{
    tell(w, "a put jobs x ttl=5s");
    pass(w, 5 * SECOND - 1);
    tell(w, "b get jobs");
    expect(w, "a put OK 1; b get OK 1.1 x");
}

STORY(a_message_that_expires_makes_room_and_counts_as_finished)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs x ttl=5s");
    tell(w, "b put jobs y ttl=1s");
    tell(w, "c join jobs");
    forget_transcript(w);
    pass(w, 5 * SECOND);
    expect(w, "b put OK 2"); /* its own time begins now */
    pass(w, SECOND);
    expect(w, "c join OK expired=1"); /* y came at the moment x went: the count never was 0 */
}

STORY(a_held_message_may_be_finished_after_its_time_but_expires_when_it_comes_back)
{
    tell(w, "a put jobs x y ttl=5s");
    tell(w, "a get jobs max=2");
    pass(w, 10 * SECOND);
    forget_transcript(w);
    tell(w, "a done jobs 1.1");
    tell(w, "a nack jobs 2.1");
    tell(w, "a get jobs timeout=0");
    expect(w, "a done OK; a nack OK; a get EMPTY");
    assert_int_equal(fact(w, "jobs", "expired"), 1);
    assert_int_equal(fact(w, "jobs", "done"), 1);
}

STORY(a_delay_longer_than_its_ttl_never_ends)
{
    tell(w, "a put jobs x delay=10s ttl=5s");
    tell(w, "a join jobs");
    pass(w, 5 * SECOND);
    expect(w, "a put OK 1; a join OK expired=1");
}

STORY(a_delivery_brings_priority_headers_and_age)
{
    const struct mst_call *call;

    tell(w, "a declare jobs priority");
    tell(w, "a put jobs x priority=-7 headers=h");
    pass(w, 7 * SECOND);
    tell(w, "b hold");
    tell(w, "b get jobs");
    call = program_of(w, "b")->errands->call;
    assert_int_equal(call->outcome.messages->age_ns, 7 * SECOND);
    assert_int_equal(call->outcome.messages->priority, -7);
    assert_true(mst_span_equal(call->outcome.messages->headers, mst_span_text("h")));
    assert_int_equal(fact(w, "jobs", "leased"), 1);
}

/* ---- time ---- */

STORY(zero_is_try_once_and_forever_never_ends)
{
    tell(w, "a get jobs timeout=0");
    tell(w, "a join jobs");
    tell(w, "a get jobs timeout=forever as=long");
    pass(w, 5 * 3600 * SECOND);
    expect(w, "a get EMPTY; a join OK");
    tell(w, "a get jobs timeout=default as=other");
    pass(w, 3600 * SECOND);
    expect(w, "");
}

STORY(other_negative_times_are_value)
{
    tell(w, "a put jobs x");
    forget_transcript(w);
    tell(w, "a put jobs x timeout=-2");
    tell(w, "a put jobs x delay=-1");
    tell(w, "a put jobs x ttl=-1");
    tell(w, "a put jobs x ttl=0");
    tell(w, "a get jobs timeout=-2");
    tell(w, "a get jobs lease=-1");
    tell(w, "a get jobs lease=0");
    tell(w, "a join jobs timeout=-2");
    tell(w, "a wait go timeout=-2");
    tell(w, "a barrier gate parties=2 timeout=-2");
    expect(w, "a put VALUE (*); a put VALUE (*); a put VALUE (*); a put VALUE (*); "
              "a get VALUE (*); a get VALUE (*); a get VALUE (*); a join VALUE*; a wait VALUE (*); "
              "a barrier VALUE (*)");
}

STORY(stepping_the_wall_clock_changes_nothing)
{
    tell(w, "a put jobs x delay=5s");
    tell(w, "a put jobs y ttl=20s");
    tell(w, "a get jobs lease=10s");
    tell(w, "b get other timeout=7s");
    tell(w, "c get jobs");
    pass(w, MS);
    forget_transcript(w);
    w->wall_ahead_ns = 1000 * 3600 * SECOND;
    pass(w, 5 * SECOND - MS - 1);
    w->wall_ahead_ns = -1000 * 3600 * SECOND;
    expect(w, "");
    pass(w, 1);
    expect(w, "c get OK 1.1 x");
    pass(w, 2 * SECOND);
    expect(w, "b get TIMEOUT");
    w->wall_ahead_ns = 0;
    pass(w, 3 * SECOND + MS);
    expect(w, "a lost lease jobs:2.1");
}

/* A broker that stood still for over a second reads what waits before anything expires. */
STORY(after_a_pause_of_the_broker_input_comes_before_anything_expires)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs lease=5s");
    tell(w, "b get jobs timeout=5s");
    pass(w, MS);
    forget_transcript(w);
    w->broker_stands_still = true;
    pass(w, 4 * SECOND);
    tell(w, "a extend jobs 1.1 lease=60s"); /* in time, but nobody reads it */
    pass(w, 4 * SECOND);
    w->broker_stands_still = false;
    world_settle(w);
    expect(w, "a extend OK; b get TIMEOUT");
    tell(w, "a done jobs 1.1");
    expect(w, "a done OK");
}

STORY(a_paused_broker_loses_nobody_who_was_not_silent)
{
    struct wire *wire;

    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    pass(w, MS);
    wire = program_of(w, "a")->wire;
    w->broker_stands_still = true;
    pass(w, 9 * SECOND); /* its signs of life wait in the socket */
    w->broker_stands_still = false;
    pass(w, SECOND);
    assert_ptr_equal(program_of(w, "a")->wire, wire);
    tell(w, "a done jobs 1.1");
    expect(w, "a put OK 1; a get OK 1.1 x; a done OK");
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(a_delayed_message_is_kept_but_not_ready),
        UNIT(it_becomes_ready_at_its_time_and_wakes_a_waiter),
        UNIT(an_expired_message_is_never_delivered),
        UNIT(a_moment_before_it_is_still_delivered),
        UNIT(a_message_that_expires_makes_room_and_counts_as_finished),
        UNIT(a_held_message_may_be_finished_after_its_time_but_expires_when_it_comes_back),
        UNIT(a_delay_longer_than_its_ttl_never_ends),
        UNIT(a_delivery_brings_priority_headers_and_age),
        UNIT(zero_is_try_once_and_forever_never_ends),
        UNIT(other_negative_times_are_value),
        UNIT(stepping_the_wall_clock_changes_nothing),
        UNIT(after_a_pause_of_the_broker_input_comes_before_anything_expires),
        UNIT(a_paused_broker_loses_nobody_who_was_not_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
