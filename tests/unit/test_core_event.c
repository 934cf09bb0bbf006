/* test_core_event.c - what an event promises (SEMANTICS 3). */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_world.h"

static uint64_t wait_for(struct world *w, const char *who, const char *event, int64_t timeout_ns)
{
    world_request(w, who, MST_OP_EVENT_WAIT, event)->timeout_ns = timeout_ns;
    return world_send(w);
}

static bool is_set(struct world *w, const char *who, const char *event)
{
    return expect_reply(w, who, world_do(w, who, MST_OP_EVENT_IS_SET, event), MST_OK)->flag;
}

static void set_and_clear_are_idempotent(void **state)
{
    struct world w;
    const struct mst_reply *first;
    const struct mst_reply *second;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    assert_false(is_set(&w, "a", "go"));
    first = expect_reply(&w, "a", world_do(&w, "a", MST_OP_EVENT_SET, "go"), MST_OK);
    second = expect_reply(&w, "a", world_do(&w, "a", MST_OP_EVENT_SET, "go"), MST_OK);
    assert_true(first->flag && second->flag);
    assert_int_equal(first->generation, 1);
    assert_int_equal(second->generation, 1);
    assert_int_equal(second->object_version, first->object_version);
    assert_true(is_set(&w, "a", "go"));
    assert_false(expect_reply(&w, "a", world_do(&w, "a", MST_OP_EVENT_CLEAR, "go"), MST_OK)->flag);
    assert_false(expect_reply(&w, "a", world_do(&w, "a", MST_OP_EVENT_CLEAR, "go"), MST_OK)->flag);
    assert_false(is_set(&w, "a", "go"));
    world_close(&w);
}

static void a_wait_for_a_set_event_returns_at_once(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    world_do(&w, "a", MST_OP_EVENT_SET, "go");
    assert_true(expect_reply(&w, "a", wait_for(&w, "a", "go", 0), MST_OK)->flag);
    assert_true(expect_reply(&w, "a", wait_for(&w, "a", "go", MST_FOREVER), MST_OK)->flag);
    world_close(&w);
}

static void a_wait_ends_with_timeout_when_its_time_is_up_and_not_before(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    id = wait_for(&w, "a", "go", 5 * SECOND);
    world_advance(&w, 5 * SECOND - 1);
    expect_waiting(&w, "a", id);
    world_advance(&w, 1);
    assert_false(expect_reply(&w, "a", id, MST_TIMEOUT)->flag);
    assert_false(expect_reply(&w, "a", wait_for(&w, "a", "go", 0), MST_TIMEOUT)->flag);
    expect_reply(&w, "a", wait_for(&w, "a", "go", -5), MST_VALUE);
    world_close(&w);
}

static void everybody_in_line_is_released_even_if_clear_follows_at_once(void **state)
{
    struct world w;
    uint64_t a;
    uint64_t b;
    uint64_t late;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    world_hello(&w, "b");
    world_hello(&w, "c");
    a = wait_for(&w, "a", "go", MST_FOREVER);
    b = wait_for(&w, "b", "go", MST_DEFAULT_TIMEOUT);
    assert_int_equal(world_stat(&w, "c", "go", "waiting"), 2);
    world_do(&w, "c", MST_OP_EVENT_SET, "go");
    world_do(&w, "c", MST_OP_EVENT_CLEAR, "go");
    assert_true(expect_reply(&w, "a", a, MST_OK)->flag);
    assert_true(expect_reply(&w, "b", b, MST_OK)->flag);
    late = wait_for(&w, "b", "go", MST_FOREVER);
    expect_waiting(&w, "b", late);
    world_close(&w);
}

static void a_disconnected_waiter_is_answered_and_the_reply_is_kept(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    world_hello(&w, "b");
    id = wait_for(&w, "a", "go", MST_FOREVER);
    world_lose(&w, "a");
    world_do(&w, "b", MST_OP_EVENT_SET, "go");
    world_do(&w, "b", MST_OP_EVENT_CLEAR, "go");
    expect_waiting(&w, "a", id);
    world_resume(&w, "a");
    assert_true(expect_reply(&w, "a", id, MST_OK)->flag);
    world_close(&w);
}

static void a_disconnected_waiter_whose_time_is_up_answers_timeout(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    world_hello(&w, "b");
    id = wait_for(&w, "a", "go", 2 * SECOND);
    world_lose(&w, "a");
    world_advance(&w, 3 * SECOND);
    world_do(&w, "b", MST_OP_EVENT_SET, "go");
    world_resume(&w, "a");
    expect_reply(&w, "a", id, MST_TIMEOUT);
    world_close(&w);
}

static void a_waiter_that_comes_back_with_its_generation_misses_no_set(void **state)
{
    struct world w;
    struct mst_request *request;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    world_do(&w, "a", MST_OP_EVENT_SET, "go");
    world_do(&w, "a", MST_OP_EVENT_CLEAR, "go");
    request = world_request(&w, "a", MST_OP_EVENT_WAIT, "go");
    request->has_generation = true;
    request->generation = 0;
    assert_true(expect_reply(&w, "a", world_send(&w), MST_OK)->flag);
    request = world_request(&w, "a", MST_OP_EVENT_WAIT, "go");
    request->has_generation = true;
    request->generation = 1;
    expect_waiting(&w, "a", world_send(&w));
    world_close(&w);
}

static void a_release_survives_a_restart_although_the_event_was_cleared(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    world_hello(&w, "b");
    id = wait_for(&w, "a", "go", MST_FOREVER);
    world_lose(&w, "a");
    world_do(&w, "b", MST_OP_EVENT_SET, "go");
    world_do(&w, "b", MST_OP_EVENT_CLEAR, "go");
    world_restart(&w);
    world_resume(&w, "a");
    assert_true(expect_reply(&w, "a", id, MST_OK)->flag);
    world_close(&w);
}

static void the_flag_is_durable_and_waits_are_made_again_after_a_restart(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    world_hello(&w, "b");
    world_do(&w, "b", MST_OP_EVENT_SET, "lamp");
    id = wait_for(&w, "a", "go", MST_FOREVER);
    world_restart(&w);
    world_resume(&w, "a");
    world_resume(&w, "b");
    assert_true(is_set(&w, "b", "lamp"));
    expect_waiting(&w, "a", id);
    world_do(&w, "b", MST_OP_EVENT_SET, "go");
    assert_true(expect_reply(&w, "a", id, MST_OK)->flag);
    world_close(&w);
}

static void a_cancelled_wait_and_that_of_a_dead_session_leave_the_line(void **state)
{
    struct world w;
    uint64_t cancelled;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    world_hello_ttl(&w, "b", 0);
    world_hello(&w, "c");
    cancelled = wait_for(&w, "a", "go", MST_FOREVER);
    wait_for(&w, "b", "go", MST_FOREVER);
    world_cancel(&w, "a", cancelled, MST_CANCELLED);
    expect_reply(&w, "a", cancelled, MST_CANCELLED);
    world_lose(&w, "b");
    assert_int_equal(world_stat(&w, "c", "go", "waiting"), 0);
    world_do(&w, "c", MST_OP_EVENT_SET, "go");
    expect_replies(&w, "a", cancelled, 1);
    world_close(&w);
}

static void who_waits_on_a_removed_event_gets_gone(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    world_hello(&w, "b");
    id = wait_for(&w, "a", "go", MST_FOREVER);
    expect_reply(&w, "b", world_do(&w, "b", MST_OP_REMOVE, "go"), MST_OK);
    expect_reply(&w, "a", id, MST_GONE);
    world_close(&w);
}

static void a_name_of_another_kind_is_a_conflict_that_says_what_it_is(void **state)
{
    struct world w;
    const struct mst_reply *reply;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    world_do(&w, "a", MST_OP_EVENT_SET, "go");
    reply = expect_reply(&w, "a", world_do(&w, "a", MST_OP_BARRIER_WAIT, "go"), MST_CONFLICT);
    assert_non_null(memmem(reply->cause.data, reply->cause.len, "event", 5));
    world_close(&w);
}

static void a_broker_that_goes_away_ends_waits_and_takes_no_new_ones(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    id = wait_for(&w, "a", "go", MST_FOREVER);
    world_drain(&w);
    expect_reply(&w, "a", id, MST_UNAVAILABLE);
    expect_reply(&w, "a", wait_for(&w, "a", "go", MST_FOREVER), MST_UNAVAILABLE);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_and_clear_are_idempotent),
        cmocka_unit_test(a_wait_for_a_set_event_returns_at_once),
        cmocka_unit_test(a_wait_ends_with_timeout_when_its_time_is_up_and_not_before),
        cmocka_unit_test(everybody_in_line_is_released_even_if_clear_follows_at_once),
        cmocka_unit_test(a_disconnected_waiter_is_answered_and_the_reply_is_kept),
        cmocka_unit_test(a_disconnected_waiter_whose_time_is_up_answers_timeout),
        cmocka_unit_test(a_waiter_that_comes_back_with_its_generation_misses_no_set),
        cmocka_unit_test(a_release_survives_a_restart_although_the_event_was_cleared),
        cmocka_unit_test(the_flag_is_durable_and_waits_are_made_again_after_a_restart),
        cmocka_unit_test(a_cancelled_wait_and_that_of_a_dead_session_leave_the_line),
        cmocka_unit_test(who_waits_on_a_removed_event_gets_gone),
        cmocka_unit_test(a_broker_that_goes_away_ends_waits_and_takes_no_new_ones),
        cmocka_unit_test(a_name_of_another_kind_is_a_conflict_that_says_what_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
