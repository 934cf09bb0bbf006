/* test_core_barrier_action.c - what a barrier with an action promises (SEMANTICS 4). */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_world.h"

/* A barrier "gate" for 3 whose action may take 7 s; clients a, b, c, and d who only looks on. */
static void open_gate(struct world *w, enum world_storage storage)
{
    const struct mst_fact settings[] = {
        {.name = mst_span_text("parties"), .number = 3},
        {.name = mst_span_text("action"), .number = 1},
        {.name = mst_span_text("action-timeout"), .number = 7 * SECOND},
    };

    world_open(w, storage);
    world_hello(w, "a");
    world_hello(w, "b");
    world_hello(w, "c");
    world_hello(w, "d");
    world_declare(w, "d", "gate", MST_KIND_BARRIER, settings, 3);
}

static uint64_t arrive_for(struct world *w, const char *who, int64_t timeout_ns)
{
    world_request(w, who, MST_OP_BARRIER_WAIT, "gate")->timeout_ns = timeout_ns;
    return world_send(w);
}

static uint64_t arrive(struct world *w, const char *who)
{
    return arrive_for(w, who, MST_DEFAULT_TIMEOUT);
}

static uint64_t report(struct world *w, const char *who, uint64_t generation, bool failed,
                       const char *value)
{
    struct mst_request *request = world_request(w, who, MST_OP_BARRIER_DONE, "gate");

    request->has_generation = true;
    request->generation = generation;
    request->failed = failed;
    request->value = mst_span_text(value);
    return world_send(w);
}

/* a and b wait, c leads. */
struct acting {
    struct world w;
    uint64_t a, b, c;
};

static void start_acting(struct acting *it, enum world_storage storage)
{
    const struct mst_reply *reply;

    open_gate(&it->w, storage);
    it->a = arrive(&it->w, "a");
    it->b = arrive_for(&it->w, "b", 2 * SECOND);
    it->c = arrive(&it->w, "c");
    reply = expect_reply(&it->w, "c", it->c, MST_OK);
    assert_true(reply->leader);
    assert_int_equal(reply->index, 2);
    assert_int_equal(reply->generation, 0);
    expect_waiting(&it->w, "a", it->a);
    expect_waiting(&it->w, "b", it->b);
    assert_int_equal(world_stat(&it->w, "d", "gate", "acting"), 1);
}

static void expect_broken(struct acting *it, const char *cause)
{
    expect_cause(&it->w, "a", it->a, MST_BROKEN, cause);
    expect_cause(&it->w, "b", it->b, MST_BROKEN, cause);
    expect_cause(&it->w, "d", arrive(&it->w, "d"), MST_BROKEN, cause);
}

static void expect_passed(struct acting *it, const char *who, uint64_t id, uint64_t index,
                          const char *value)
{
    const struct mst_reply *reply = expect_reply(&it->w, who, id, MST_OK);

    assert_int_equal(reply->index, index);
    assert_int_equal(reply->generation, 0);
    assert_false(reply->leader);
    assert_true(span_is(reply->value, value));
}

static void the_last_to_arrive_leads_and_its_value_reaches_each_party(void **state)
{
    struct acting it;

    (void)state;
    start_acting(&it, WORLD_DURABLE);
    expect_reply(&it.w, "c", report(&it.w, "c", 0, false, "result"), MST_OK);
    expect_passed(&it, "a", it.a, 0, "result");
    expect_passed(&it, "b", it.b, 1, "result");
    expect_replies(&it.w, "c", it.c, 1);
    assert_int_equal(world_stat(&it.w, "d", "gate", "generation"), 1);
    world_close(&it.w);
}

static void one_party_leads_itself(void **state)
{
    struct world w;
    struct mst_request *request;
    const struct mst_fact settings[] = {
        {.name = mst_span_text("parties"), .number = 1},
        {.name = mst_span_text("action"), .number = 1},
    };

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    world_declare(&w, "a", "alone", MST_KIND_BARRIER, settings, 2);
    for (uint64_t generation = 0; generation < 2; generation++) {
        uint64_t id = world_do(&w, "a", MST_OP_BARRIER_WAIT, "alone");

        assert_true(expect_reply(&w, "a", id, MST_OK)->leader);
        request = world_request(&w, "a", MST_OP_BARRIER_DONE, "alone");
        request->has_generation = true;
        request->generation = generation;
        expect_reply(&w, "a", world_send(&w), MST_OK);
    }
    world_close(&w);
}

static void the_others_time_stands_still_while_the_leader_acts(void **state)
{
    struct acting it;

    (void)state;
    start_acting(&it, WORLD_DURABLE);
    world_advance(&it.w, 3 * SECOND); /* b gave itself 2 s */
    world_cancel(&it.w, "b", it.b, MST_TIMEOUT);
    expect_waiting(&it.w, "b", it.b);
    report(&it.w, "c", 0, false, "");
    expect_passed(&it, "b", it.b, 1, "");
    world_close(&it.w);
}

static void a_failed_action_breaks_it(void **state)
{
    struct acting it;

    (void)state;
    start_acting(&it, WORLD_DURABLE);
    expect_reply(&it.w, "c", report(&it.w, "c", 0, true, NULL), MST_OK);
    expect_broken(&it, "action failed");
    world_close(&it.w);
}

static void an_action_that_takes_too_long_breaks_it(void **state)
{
    struct acting it;

    (void)state;
    start_acting(&it, WORLD_DURABLE);
    world_advance(&it.w, 7 * SECOND - 1);
    expect_waiting(&it.w, "a", it.a);
    world_advance(&it.w, 1);
    expect_broken(&it, "action timeout");
    expect_cause(&it.w, "c", report(&it.w, "c", 0, false, NULL), MST_BROKEN, "action timeout");
    world_close(&it.w);
}

static void the_end_of_the_leader_breaks_it_and_names_it(void **state)
{
    struct acting it;

    (void)state;
    start_acting(&it, WORLD_DURABLE);
    world_bye(&it.w, "c");
    expect_broken(&it, "leader died: c@host:3");
    world_close(&it.w);
}

static void any_members_end_before_done_breaks_it(void **state)
{
    struct acting it;

    (void)state;
    start_acting(&it, WORLD_DURABLE);
    world_bye(&it.w, "a");
    expect_cause(&it.w, "b", it.b, MST_BROKEN, "party died: a@host:1");
    expect_cause(&it.w, "c", report(&it.w, "c", 0, false, NULL), MST_BROKEN,
                 "party died: a@host:1");
    world_close(&it.w);
}

static void a_member_that_cancels_before_done_breaks_it(void **state)
{
    struct acting it;

    (void)state;
    start_acting(&it, WORLD_DURABLE);
    world_cancel(&it.w, "a", it.a, MST_CANCELLED);
    expect_reply(&it.w, "a", it.a, MST_CANCELLED);
    expect_cause(&it.w, "b", it.b, MST_BROKEN, "cancelled");
    world_close(&it.w);
}

static void abort_before_done_breaks_it(void **state)
{
    struct acting it;

    (void)state;
    start_acting(&it, WORLD_DURABLE);
    world_do(&it.w, "d", MST_OP_BARRIER_ABORT, "gate");
    expect_broken(&it, "abort");
    world_close(&it.w);
}

static void a_reset_ends_the_action_and_the_leaders_report_comes_too_late(void **state)
{
    struct acting it;

    (void)state;
    start_acting(&it, WORLD_DURABLE);
    world_do(&it.w, "d", MST_OP_BARRIER_RESET, "gate");
    expect_cause(&it.w, "a", it.a, MST_BROKEN, "reset");
    expect_cause(&it.w, "b", it.b, MST_BROKEN, "reset");
    expect_reply(&it.w, "c", report(&it.w, "c", 0, false, NULL), MST_CONFLICT);
    world_advance(&it.w, 60 * SECOND); /* and no clock of the action is left behind */
    assert_int_equal(world_stat(&it.w, "d", "gate", "broken"), 0);
    world_close(&it.w);
}

static void only_the_leader_may_report_and_only_while_it_acts(void **state)
{
    struct acting it;

    (void)state;
    start_acting(&it, WORLD_DURABLE);
    expect_reply(&it.w, "a", report(&it.w, "a", 0, false, NULL), MST_NOT_OWNER);
    expect_reply(&it.w, "c", report(&it.w, "c", 1, false, NULL), MST_CONFLICT);
    expect_waiting(&it.w, "a", it.a);
    expect_reply(&it.w, "c", report(&it.w, "c", 0, false, NULL), MST_OK);
    expect_reply(&it.w, "c", report(&it.w, "c", 0, false, NULL), MST_CONFLICT);
    expect_reply(&it.w, "c", report(&it.w, "c", 1, false, NULL), MST_CONFLICT);
    world_close(&it.w);
}

static void who_comes_while_the_leader_acts_belongs_to_the_next_generation(void **state)
{
    struct acting it;
    uint64_t d;

    (void)state;
    start_acting(&it, WORLD_DURABLE);
    d = arrive(&it.w, "d");
    assert_int_equal(world_stat(&it.w, "d", "gate", "n_waiting"), 3);
    report(&it.w, "c", 0, false, NULL);
    expect_waiting(&it.w, "d", d);
    assert_int_equal(world_stat(&it.w, "d", "gate", "n_waiting"), 1);
    arrive(&it.w, "a");
    assert_true(expect_reply(&it.w, "b", arrive(&it.w, "b"), MST_OK)->leader);
    report(&it.w, "b", 1, false, NULL);
    assert_int_equal(expect_reply(&it.w, "d", d, MST_OK)->index, 0);
    world_close(&it.w);
}

static void a_crowd_that_came_meanwhile_makes_whole_generations(void **state)
{
    struct acting it;
    uint64_t ids[4];

    (void)state;
    start_acting(&it, WORLD_DURABLE);
    for (size_t i = 0; i < 4; i++) {
        ids[i] = arrive(&it.w, "d");
    }
    report(&it.w, "c", 0, false, NULL);
    assert_true(expect_reply(&it.w, "d", ids[2], MST_OK)->leader);
    report(&it.w, "d", 1, false, NULL);
    assert_int_equal(expect_reply(&it.w, "d", ids[0], MST_OK)->index, 0);
    assert_int_equal(expect_reply(&it.w, "d", ids[1], MST_OK)->index, 1);
    expect_waiting(&it.w, "d", ids[3]);
    assert_int_equal(world_stat(&it.w, "d", "gate", "n_waiting"), 1);
    world_close(&it.w);
}

static void a_broken_action_answers_also_those_of_the_next_generation(void **state)
{
    struct acting it;
    uint64_t d;

    (void)state;
    start_acting(&it, WORLD_DURABLE);
    d = arrive(&it.w, "d");
    report(&it.w, "c", 0, true, NULL);
    expect_cause(&it.w, "d", d, MST_BROKEN, "action failed");
    world_close(&it.w);
}

static void stat_tells_who_leads(void **state)
{
    struct acting it;
    const struct mst_reply *reply;

    (void)state;
    start_acting(&it, WORLD_DURABLE);
    reply = expect_reply(&it.w, "d", world_do(&it.w, "d", MST_OP_STAT, "gate"), MST_OK);
    assert_int_equal(reply->who_count, 3);
    assert_true(span_is(reply->who[0].role, "leads"));
    assert_true(span_is(reply->who[0].name, "c"));
    assert_true(span_is(reply->who[1].role, "waits"));
    assert_true(span_is(reply->who[2].name, "b"));
    world_close(&it.w);
}

/* ---- restarts ---- */

static void an_action_goes_on_across_a_restart(void **state)
{
    struct acting it;

    (void)state;
    start_acting(&it, WORLD_DURABLE);
    world_restart(&it.w);
    world_resume(&it.w, "b");
    world_resume(&it.w, "c");
    expect_waiting(&it.w, "b", it.b);
    world_advance(&it.w, 3 * SECOND); /* its time still stands still */
    expect_waiting(&it.w, "b", it.b);
    expect_reply(&it.w, "c", report(&it.w, "c", 0, false, "kept"), MST_OK);
    expect_passed(&it, "b", it.b, 1, "kept");
    world_resume(&it.w, "a"); /* it was away at the trip */
    expect_passed(&it, "a", it.a, 0, "kept");
    world_close(&it.w);
}

static void the_leaders_answer_is_kept_across_a_restart(void **state)
{
    struct acting it;

    (void)state;
    start_acting(&it, WORLD_DURABLE);
    world_request_of(&it.w, "c", it.c)->reply = NULL; /* it was lost on the way */
    world_restart(&it.w);
    world_resume(&it.w, "c");
    assert_true(expect_reply(&it.w, "c", it.c, MST_OK)->leader);
    world_close(&it.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_to_arrive_leads_and_its_value_reaches_each_party),
        cmocka_unit_test(one_party_leads_itself),
        cmocka_unit_test(the_others_time_stands_still_while_the_leader_acts),
        cmocka_unit_test(a_failed_action_breaks_it),
        cmocka_unit_test(an_action_that_takes_too_long_breaks_it),
        cmocka_unit_test(the_end_of_the_leader_breaks_it_and_names_it),
        cmocka_unit_test(any_members_end_before_done_breaks_it),
        cmocka_unit_test(a_member_that_cancels_before_done_breaks_it),
        cmocka_unit_test(abort_before_done_breaks_it),
        cmocka_unit_test(a_reset_ends_the_action_and_the_leaders_report_comes_too_late),
        cmocka_unit_test(only_the_leader_may_report_and_only_while_it_acts),
        cmocka_unit_test(who_comes_while_the_leader_acts_belongs_to_the_next_generation),
        cmocka_unit_test(a_crowd_that_came_meanwhile_makes_whole_generations),
        cmocka_unit_test(a_broken_action_answers_also_those_of_the_next_generation),
        cmocka_unit_test(stat_tells_who_leads),
        cmocka_unit_test(an_action_goes_on_across_a_restart),
        cmocka_unit_test(the_leaders_answer_is_kept_across_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
