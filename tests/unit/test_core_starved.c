/* test_core_starved.c - memory is short: nothing is added, all can be taken out, whoever comes may
 * help, and then it goes on. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_queue.h"

static const char *const used_up =
    "the broker's memory is used up; take messages out, then try again";

static void open_world(struct world *w)
{
    world_open(w, WORLD_DURABLE);
    world_hello(w, "a");
    world_hello(w, "b");
}

static void what_adds_is_refused_before_anything_changes(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    expect_reply(&w, "a", queue_put(&w, "a", "q", "before"), MST_OK);
    w.memory_short = true;
    expect_cause(&w, "a", queue_put(&w, "a", "q", "x"), MST_NO_MEMORY, used_up);
    expect_cause(&w, "a", queue_put_all(&w, "a", "q", 3), MST_NO_MEMORY, used_up);
    expect_cause(&w, "a", queue_get(&w, "a", "new", 1), MST_NO_MEMORY, used_up);
    expect_cause(&w, "a", world_do(&w, "a", MST_OP_EVENT_SET, "go"), MST_NO_MEMORY, used_up);
    world_request(&w, "a", MST_OP_DECLARE, "new")->kind = MST_KIND_LIFO;
    expect_cause(&w, "a", world_send(&w), MST_NO_MEMORY, used_up);
    world_request(&w, "a", MST_OP_BARRIER_WAIT, "gate")->parties = 2;
    expect_cause(&w, "a", world_send(&w), MST_NO_MEMORY, used_up);
    assert_int_equal(world_stat(&w, "a", "q", "ready"), 1);
    assert_int_equal(core_figures(w.core).objects, 1);
    w.memory_short = false;
    expect_reply(&w, "a", queue_put(&w, "a", "q", "after"), MST_OK);
    world_close(&w);
}

static void nobody_new_waits_but_who_waits_is_served(void **state)
{
    struct world w;
    uint64_t waits, id;

    (void)state;
    open_world(&w);
    expect_reply(&w, "a", queue_put(&w, "a", "q", "x"), MST_OK);
    queue_got(&w, "a", queue_get(&w, "a", "q", 1));
    waits = queue_get_wait(&w, "b", "q", MST_FOREVER);
    expect_waiting(&w, "b", waits);
    w.memory_short = true;
    id = queue_get_wait(&w, "a", "q", MST_FOREVER);
    expect_cause(&w, "a", id, MST_NO_MEMORY, used_up);
    expect_reply(&w, "a", world_do(&w, "a", MST_OP_JOIN, "q"), MST_NO_MEMORY);
    world_bye(&w, "a"); /* what it held goes to who waits */
    queue_got(&w, "b", waits);
    world_close(&w);
}

static void all_can_be_taken_out_by_whoever_comes(void **state)
{
    const struct mst_delivery *delivery;
    struct world w;

    (void)state;
    open_world(&w);
    expect_reply(&w, "a", queue_put_all(&w, "a", "q", 3), MST_OK);
    w.memory_short = true;
    world_hello(&w, "c");
    delivery = queue_got(&w, "c", queue_get(&w, "c", "q", 1));
    expect_reply(&w, "c", queue_nack(&w, "c", "q", delivery, false), MST_OK);
    for (int i = 0; i < 3; i++) {
        delivery = queue_got(&w, "c", queue_get(&w, "c", "q", 1));
        expect_reply(&w, "c", queue_done(&w, "c", "q", delivery->id, delivery->number), MST_OK);
    }
    assert_int_equal(world_stat(&w, "c", "q", "unfinished"), 0);
    expect_reply(&w, "c", world_do(&w, "c", MST_OP_REMOVE, "q"), MST_OK);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_adds_is_refused_before_anything_changes),
        cmocka_unit_test(nobody_new_waits_but_who_waits_is_served),
        cmocka_unit_test(all_can_be_taken_out_by_whoever_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
