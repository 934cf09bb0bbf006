/* test_core_barrier_away.c - what a barrier promises to parties that are away, and after a restart
 * of the broker (SEMANTICS 1.7 and 4). */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_gate.h"

static void arrivals_survive_a_restart_and_waits_are_made_again(void **state)
{
    struct world w;
    uint64_t a;
    uint64_t b;
    uint64_t c;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    a = gate_arrive(&w, "a");
    b = gate_arrive(&w, "b");
    world_restart(&w);
    world_resume(&w, "b");
    world_resume(&w, "c");
    c = gate_arrive(&w, "c");
    expect_waiting(&w, "b", b); /* a is still away */
    world_reconnect(&w, "a");
    expect_waiting(&w, "c", c); /* connected, but not waiting again yet */
    world_resend(&w, "a");
    gate_expect_passed(&w, "a", a, 0, 0);
    gate_expect_passed(&w, "b", b, 1, 0);
    gate_expect_passed(&w, "c", c, 2, 0);
    world_close(&w);
}

static void a_party_that_was_away_at_the_break_finds_its_outcome(void **state)
{
    struct world w;
    uint64_t a;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    a = gate_arrive(&w, "a");
    world_restart(&w);
    world_resume(&w, "d");
    world_do(&w, "d", MST_OP_BARRIER_ABORT, "gate");
    world_do(&w, "d", MST_OP_BARRIER_RESET, "gate");
    world_resume(&w, "a");
    expect_cause(&w, "a", a, MST_BROKEN, "abort");
    assert_int_equal(world_stat(&w, "d", "gate", "n_waiting"), 0);
    world_close(&w);
}

static void who_comes_back_from_a_restart_without_its_wait_breaks_it(void **state)
{
    struct world w;
    uint64_t a;
    uint64_t b;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    a = gate_arrive(&w, "a");
    b = gate_arrive(&w, "b");
    world_restart(&w);
    world_resume(&w, "b");
    world_give_up(&w, "a", a);
    world_resume(&w, "a");
    expect_cause(&w, "b", b, MST_BROKEN, "cancelled");
    world_close(&w);
}

static void who_gives_up_while_it_is_away_breaks_it(void **state)
{
    struct world w;
    uint64_t a;
    uint64_t b;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    a = gate_arrive(&w, "a");
    b = gate_arrive(&w, "b");
    world_lose(&w, "a");
    world_give_up(&w, "a", a);
    world_resume(&w, "a");
    expect_cause(&w, "b", b, MST_BROKEN, "cancelled");
    expect_waiting(&w, "a", a); /* what was given up is not answered */
    world_close(&w);
}

static void a_trip_is_kept_for_a_party_that_lost_its_connection_right_after(void **state)
{
    struct world w;
    uint64_t a;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    a = gate_arrive(&w, "a");
    gate_arrive(&w, "b");
    gate_arrive(&w, "c");
    world_request_of(&w, "a", a)->reply = NULL; /* it was on its way when the connection broke */
    world_restart(&w);
    world_resume(&w, "a");
    gate_expect_passed(&w, "a", a, 0, 0);
    world_close(&w);
}

static void a_broker_that_goes_away_breaks_no_barrier(void **state)
{
    struct world w;
    uint64_t a;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    a = gate_arrive(&w, "a");
    world_drain(&w);
    expect_reply(&w, "a", a, MST_UNAVAILABLE);
    assert_int_equal(world_stat(&w, "d", "gate", "broken"), 0);
    expect_reply(&w, "b", gate_arrive(&w, "b"), MST_UNAVAILABLE);
    world_confirm(&w, "a", a, 1);
    world_do(&w, "d", MST_OP_BARRIER_ABORT, "gate");
    expect_replies(&w, "a", a, 1); /* it was answered, and is not told twice */
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrivals_survive_a_restart_and_waits_are_made_again),
        cmocka_unit_test(a_party_that_was_away_at_the_break_finds_its_outcome),
        cmocka_unit_test(who_comes_back_from_a_restart_without_its_wait_breaks_it),
        cmocka_unit_test(who_gives_up_while_it_is_away_breaks_it),
        cmocka_unit_test(a_trip_is_kept_for_a_party_that_lost_its_connection_right_after),
        cmocka_unit_test(a_broker_that_goes_away_breaks_no_barrier),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
