/* test_core_barrier.c - what a barrier without an action promises (SEMANTICS 4). */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_gate.h"

static void it_trips_when_all_parties_wait_and_indices_follow_the_order_of_arrival(void **state)
{
    struct world w;
    uint64_t ids[3];

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    for (uint64_t generation = 0; generation < 3; generation++) {
        ids[0] = gate_arrive(&w, "b");
        ids[1] = gate_arrive(&w, "c");
        expect_waiting(&w, "b", ids[0]);
        assert_int_equal(world_stat(&w, "d", "gate", "n_waiting"), 2);
        ids[2] = gate_arrive(&w, "a");
        gate_expect_passed(&w, "b", ids[0], 0, generation);
        gate_expect_passed(&w, "c", ids[1], 1, generation);
        gate_expect_passed(&w, "a", ids[2], 2, generation);
        assert_int_equal(world_stat(&w, "d", "gate", "n_waiting"), 0);
    }
    world_close(&w);
}

static void one_party_passes_alone(void **state)
{
    struct world w;
    struct mst_request *request;

    (void)state;
    gate_open(&w, WORLD_MEMORY);
    for (uint64_t generation = 0; generation < 2; generation++) {
        request = world_request(&w, "a", MST_OP_BARRIER_WAIT, "alone");
        request->parties = 1;
        request->timeout_ns = 0;
        gate_expect_passed(&w, "a", world_send(&w), 0, generation);
    }
    world_close(&w);
}

static void a_missing_barrier_needs_parties_and_other_parties_are_a_conflict(void **state)
{
    struct world w;
    struct mst_request *request;

    (void)state;
    gate_open(&w, WORLD_MEMORY);
    expect_reply(&w, "a", world_do(&w, "a", MST_OP_BARRIER_WAIT, "gate"), MST_NOT_FOUND);
    gate_arrive(&w, "a");
    request = world_request(&w, "b", MST_OP_BARRIER_WAIT, "gate");
    request->parties = 4;
    expect_cause(&w, "b", world_send(&w), MST_CONFLICT, "parties is 3, not 4");
    expect_waiting(&w, "b", world_do(&w, "b", MST_OP_BARRIER_WAIT, "gate"));
    request = world_request(&w, "c", MST_OP_BARRIER_WAIT, "huge");
    request->parties = MST_PARTIES_MAX + 1;
    expect_reply(&w, "c", world_send(&w), MST_VALUE);
    request = world_request(&w, "c", MST_OP_BARRIER_WAIT, "gate");
    request->timeout_ns = -2;
    expect_reply(&w, "c", world_send(&w), MST_VALUE);
    expect_reply(&w, "c", world_do(&w, "c", MST_OP_BARRIER_ABORT, "none"), MST_NOT_FOUND);
    world_close(&w);
}

static void a_strict_broker_makes_no_barrier_by_use(void **state)
{
    struct world w;

    (void)state;
    gate_open(&w, WORLD_MEMORY);
    w.config.strict = true;
    core_configure(w.core, &w.config);
    expect_reply(&w, "a", gate_arrive(&w, "a"), MST_NOT_FOUND);
    world_close(&w);
}

static void a_party_whose_time_runs_out_breaks_it_for_all(void **state)
{
    struct world w;
    uint64_t a;
    uint64_t b;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    a = gate_arrive_for(&w, "a", 5 * SECOND);
    b = gate_arrive_for(&w, "b", 9 * SECOND);
    world_advance(&w, 5 * SECOND - 1);
    expect_waiting(&w, "a", a);
    world_advance(&w, 1);
    expect_cause(&w, "a", a, MST_BROKEN, "timeout");
    expect_cause(&w, "b", b, MST_BROKEN, "timeout");
    expect_cause(&w, "c", gate_arrive(&w, "c"), MST_BROKEN, "timeout");
    assert_int_equal(world_stat(&w, "d", "gate", "broken"), 1);
    world_close(&w);
}

static void the_barriers_own_timeout_holds_for_waits_that_name_none(void **state)
{
    struct world w;
    const struct mst_fact settings[] = {
        {.name = mst_span_text("parties"), .number = 2},
        {.name = mst_span_text("timeout"), .number = 3 * SECOND},
    };
    uint64_t a;

    (void)state;
    gate_open(&w, WORLD_MEMORY);
    world_declare(&w, "d", "timed", MST_KIND_BARRIER, settings, 2);
    a = world_do(&w, "a", MST_OP_BARRIER_WAIT, "timed");
    world_advance(&w, 3 * SECOND);
    expect_cause(&w, "a", a, MST_BROKEN, "timeout");
    world_close(&w);
}

static void a_wait_with_timeout_zero_breaks_it_unless_it_is_the_last(void **state)
{
    struct world w;
    uint64_t a;
    uint64_t b;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    a = gate_arrive(&w, "a");
    b = gate_arrive(&w, "b");
    gate_expect_passed(&w, "c", gate_arrive_for(&w, "c", 0), 2, 0);
    gate_expect_passed(&w, "a", a, 0, 0);
    gate_expect_passed(&w, "b", b, 1, 0);
    a = gate_arrive(&w, "a");
    expect_cause(&w, "b", gate_arrive_for(&w, "b", 0), MST_BROKEN, "timeout");
    expect_cause(&w, "a", a, MST_BROKEN, "timeout");
    world_close(&w);
}

static void a_cancelled_party_breaks_it(void **state)
{
    struct world w;
    uint64_t a;
    uint64_t b;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    a = gate_arrive(&w, "a");
    b = gate_arrive(&w, "b");
    world_cancel(&w, "a", a, MST_CANCELLED);
    expect_reply(&w, "a", a, MST_CANCELLED);
    expect_cause(&w, "b", b, MST_BROKEN, "cancelled");
    world_close(&w);
}

static void the_end_of_a_waiting_partys_session_breaks_it_and_names_it(void **state)
{
    struct world w;
    uint64_t b;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    gate_arrive(&w, "a");
    b = gate_arrive(&w, "b");
    world_lose(&w, "a");
    world_advance(&w, MST_TTL_DEFAULT_NS - 1);
    expect_waiting(&w, "b", b); /* during the time-to-live its place is kept */
    world_advance(&w, 1);
    expect_cause(&w, "b", b, MST_BROKEN, "party died: a@host:1");
    world_close(&w);
}

static void a_clean_goodbye_breaks_it_at_once(void **state)
{
    struct world w;
    uint64_t b;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    gate_arrive(&w, "a");
    b = gate_arrive(&w, "b");
    world_bye(&w, "a");
    expect_cause(&w, "b", b, MST_BROKEN, "party died: a@host:1");
    world_close(&w);
}

static void two_waits_of_one_session_are_two_parties_and_die_together(void **state)
{
    struct world w;
    uint64_t a;
    uint64_t b;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    a = gate_arrive(&w, "a");
    b = gate_arrive(&w, "a");
    gate_expect_passed(&w, "c", gate_arrive(&w, "c"), 2, 0);
    gate_expect_passed(&w, "a", a, 0, 0);
    gate_expect_passed(&w, "a", b, 1, 0);
    gate_arrive(&w, "a");
    gate_arrive(&w, "a");
    world_bye(&w, "a");
    expect_cause(&w, "c", gate_arrive(&w, "c"), MST_BROKEN, "party died: a@host:1");
    world_close(&w);
}

static void it_trips_only_when_all_its_parties_are_connected(void **state)
{
    struct world w;
    uint64_t a;
    uint64_t b;
    uint64_t c;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    a = gate_arrive(&w, "a");
    b = gate_arrive(&w, "b");
    world_lose(&w, "a");
    c = gate_arrive(&w, "c");
    expect_waiting(&w, "b", b);
    expect_waiting(&w, "c", c);
    world_resume(&w, "a");
    gate_expect_passed(&w, "a", a, 0, 0);
    gate_expect_passed(&w, "b", b, 1, 0);
    gate_expect_passed(&w, "c", c, 2, 0);
    world_close(&w);
}

static void who_comes_after_the_last_belongs_to_the_next_generation(void **state)
{
    struct world w;
    uint64_t next;
    uint64_t a;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    a = gate_arrive(&w, "a");
    world_lose(&w, "a");
    gate_arrive(&w, "b");
    gate_arrive(&w, "c");
    next = gate_arrive(&w, "d"); /* the generation is complete, but a is away */
    assert_int_equal(world_stat(&w, "d", "gate", "n_waiting"), 3);
    assert_int_equal(world_stat(&w, "d", "gate", "waiting"), 4);
    world_resume(&w, "a");
    gate_expect_passed(&w, "a", a, 0, 0);
    expect_waiting(&w, "d", next);
    assert_int_equal(world_stat(&w, "d", "gate", "n_waiting"), 1);
    gate_arrive(&w, "a");
    gate_arrive(&w, "b");
    gate_expect_passed(&w, "d", next, 0, 1);
    world_close(&w);
}

static void who_is_not_yet_counted_may_leave_without_breaking_it(void **state)
{
    struct world w;
    uint64_t a;
    uint64_t timed;
    uint64_t cancelled;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    a = gate_arrive(&w, "a");
    world_lose(&w, "a");
    gate_arrive(&w, "b");
    gate_arrive(&w, "c");
    timed = gate_arrive_for(&w, "d", 1 * SECOND);
    cancelled = gate_arrive(&w, "d");
    expect_reply(&w, "d", gate_arrive_for(&w, "d", 0), MST_TIMEOUT);
    world_cancel(&w, "d", cancelled, MST_CANCELLED);
    world_advance(&w, 1 * SECOND);
    expect_reply(&w, "d", timed, MST_TIMEOUT);
    expect_reply(&w, "d", cancelled, MST_CANCELLED);
    world_resume(&w, "a");
    gate_expect_passed(&w, "a", a, 0, 0);
    world_close(&w);
}

static void abort_breaks_it_and_keeps_the_first_cause(void **state)
{
    struct world w;
    uint64_t a;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    a = gate_arrive_for(&w, "a", 1 * SECOND);
    expect_reply(&w, "d", world_do(&w, "d", MST_OP_BARRIER_ABORT, "gate"), MST_OK);
    expect_cause(&w, "a", a, MST_BROKEN, "abort");
    world_do(&w, "d", MST_OP_BARRIER_RESET, "gate");
    a = gate_arrive_for(&w, "a", 1 * SECOND);
    world_advance(&w, 1 * SECOND);
    expect_reply(&w, "d", world_do(&w, "d", MST_OP_BARRIER_ABORT, "gate"), MST_OK);
    expect_cause(&w, "b", gate_arrive(&w, "b"), MST_BROKEN, "timeout");
    world_close(&w);
}

static void abort_cannot_touch_a_generation_that_has_tripped(void **state)
{
    struct world w;
    uint64_t a;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    a = gate_arrive(&w, "a");
    gate_arrive(&w, "b");
    gate_arrive(&w, "c");
    world_do(&w, "d", MST_OP_BARRIER_ABORT, "gate");
    gate_expect_passed(&w, "a", a, 0, 0);
    expect_replies(&w, "a", a, 1);
    world_close(&w);
}

static void reset_breaks_who_waits_and_makes_it_whole_in_a_new_generation(void **state)
{
    struct world w;
    uint64_t a;
    uint64_t b;
    uint64_t c;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    a = gate_arrive(&w, "a");
    expect_reply(&w, "d", world_do(&w, "d", MST_OP_BARRIER_RESET, "gate"), MST_OK);
    expect_cause(&w, "a", a, MST_BROKEN, "reset");
    assert_int_equal(world_stat(&w, "d", "gate", "broken"), 0);
    a = gate_arrive(&w, "a");
    b = gate_arrive(&w, "b");
    c = gate_arrive(&w, "c");
    gate_expect_passed(&w, "a", a, 0, 1);
    gate_expect_passed(&w, "b", b, 1, 1);
    gate_expect_passed(&w, "c", c, 2, 1);
    world_close(&w);
}

static void who_waits_at_a_removed_barrier_gets_gone(void **state)
{
    struct world w;
    uint64_t a;

    (void)state;
    gate_open(&w, WORLD_DURABLE);
    a = gate_arrive(&w, "a");
    expect_reply(&w, "d", world_do(&w, "d", MST_OP_REMOVE, "gate"), MST_OK);
    expect_reply(&w, "a", a, MST_GONE);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_trips_when_all_parties_wait_and_indices_follow_the_order_of_arrival),
        cmocka_unit_test(one_party_passes_alone),
        cmocka_unit_test(a_missing_barrier_needs_parties_and_other_parties_are_a_conflict),
        cmocka_unit_test(a_strict_broker_makes_no_barrier_by_use),
        cmocka_unit_test(a_party_whose_time_runs_out_breaks_it_for_all),
        cmocka_unit_test(the_barriers_own_timeout_holds_for_waits_that_name_none),
        cmocka_unit_test(a_wait_with_timeout_zero_breaks_it_unless_it_is_the_last),
        cmocka_unit_test(a_cancelled_party_breaks_it),
        cmocka_unit_test(the_end_of_a_waiting_partys_session_breaks_it_and_names_it),
        cmocka_unit_test(a_clean_goodbye_breaks_it_at_once),
        cmocka_unit_test(two_waits_of_one_session_are_two_parties_and_die_together),
        cmocka_unit_test(it_trips_only_when_all_its_parties_are_connected),
        cmocka_unit_test(who_comes_after_the_last_belongs_to_the_next_generation),
        cmocka_unit_test(who_is_not_yet_counted_may_leave_without_breaking_it),
        cmocka_unit_test(abort_breaks_it_and_keeps_the_first_cause),
        cmocka_unit_test(abort_cannot_touch_a_generation_that_has_tripped),
        cmocka_unit_test(reset_breaks_who_waits_and_makes_it_whole_in_a_new_generation),
        cmocka_unit_test(who_waits_at_a_removed_barrier_gets_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
