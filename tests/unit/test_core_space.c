/* test_core_space.c - the disk is full: nothing is added, all can be taken out, and then it goes
 * on. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_queue.h"

static const char *const full =
    "the broker's disk is full; take messages out, or give it more room";

static void open_world(struct world *w)
{
    world_open(w, WORLD_DURABLE);
    world_hello(w, "a");
    world_hello(w, "b");
}

static void declare_memory(struct world *w, const char *queue)
{
    struct mst_fact durable = {.name = mst_span_text("durable"), .number = 0};

    world_declare(w, "a", queue, MST_KIND_FIFO, &durable, 1);
}

static void puts_are_refused_whatever_their_timeout_and_say_what_to_do(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    expect_reply(&w, "a", queue_put(&w, "a", "q", "before"), MST_OK);
    w.storage_full = true;
    expect_cause(&w, "a", queue_put(&w, "a", "q", "x"), MST_NO_SPACE, full);
    world_request(&w, "a", MST_OP_PUT, "q")->timeout_ns = 0;
    w.asked.bodies = (struct mst_span[]){mst_span_text("x")};
    w.asked.bodies_count = 1;
    expect_cause(&w, "a", world_send(&w), MST_NO_SPACE, full);
    expect_cause(&w, "a", queue_put_all(&w, "a", "q", 3), MST_NO_SPACE, full);
    assert_int_equal(world_stat(&w, "a", "q", "ready"), 1);
    w.storage_full = false;
    expect_reply(&w, "a", queue_put(&w, "a", "q", "after"), MST_OK);
    world_close(&w);
}

static void nothing_durable_is_made(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    w.storage_full = true;
    expect_cause(&w, "a", queue_put(&w, "a", "new", "x"), MST_NO_SPACE, full);
    expect_cause(&w, "a", queue_get(&w, "a", "new", 1), MST_NO_SPACE, full);
    expect_cause(&w, "a", world_do(&w, "a", MST_OP_EVENT_SET, "go"), MST_NO_SPACE, full);
    world_request(&w, "a", MST_OP_BARRIER_WAIT, "gate")->parties = 2;
    expect_cause(&w, "a", world_send(&w), MST_NO_SPACE, full);
    world_request(&w, "a", MST_OP_DECLARE, "new")->kind = MST_KIND_LIFO;
    expect_cause(&w, "a", world_send(&w), MST_NO_SPACE, full);
    assert_int_equal(core_figures(w.core).objects, 0);
    world_close(&w);
}

static void queues_in_memory_do_not_mind(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    w.storage_full = true;
    declare_memory(&w, "m");
    expect_reply(&w, "a", queue_put(&w, "a", "m", "x"), MST_OK);
    queue_got(&w, "b", queue_get(&w, "b", "m", 1));
    world_close(&w);
}

static void a_known_key_is_a_duplicate_still(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    open_world(&w);
    for (int i = 0; i < 2; i++) {
        world_request(&w, "a", MST_OP_PUT, "q")->dedup = mst_span_text("once");
        w.asked.bodies = (struct mst_span[]){mst_span_text("x")};
        w.asked.bodies_count = 1;
        id = world_send(&w);
        assert_int_equal(expect_reply(&w, "a", id, MST_OK)->duplicate, i);
        w.storage_full = true;
    }
    world_close(&w);
}

static void everything_that_takes_out_goes_on(void **state)
{
    const struct mst_delivery *delivery;
    struct mst_request *nack;
    struct world w;
    uint64_t join;

    (void)state;
    open_world(&w);
    expect_reply(&w, "a", queue_put_all(&w, "a", "q", 3), MST_OK);
    expect_reply(&w, "a", world_do(&w, "a", MST_OP_EVENT_SET, "go"), MST_OK);
    w.storage_full = true;
    delivery = queue_got(&w, "b", queue_get(&w, "b", "q", 1));
    nack = world_request(&w, "b", MST_OP_NACK, "q");
    nack->message = delivery->id;
    nack->number = delivery->number;
    nack->dead = true;
    expect_reply(&w, "b", world_send(&w), MST_OK); /* it makes a queue of dead letters, too */
    world_request(&w, "b", MST_OP_REDRIVE, "q")->count = 1;
    assert_int_equal(expect_reply(&w, "b", world_send(&w), MST_OK)->number, 1);
    join = world_do(&w, "a", MST_OP_JOIN, "q");
    for (int i = 0; i < 3; i++) {
        delivery = queue_got(&w, "b", queue_get(&w, "b", "q", 1));
        expect_reply(&w, "b", queue_done(&w, "b", "q", delivery->id, delivery->number), MST_OK);
    }
    expect_reply(&w, "a", join, MST_OK);
    expect_reply(&w, "a", world_do(&w, "a", MST_OP_EVENT_CLEAR, "go"), MST_OK);
    expect_reply(&w, "a", world_do(&w, "a", MST_OP_EVENT_SET, "go"), MST_OK);
    world_hello(&w, "c");
    world_close(&w);
}

static void puts_in_line_keep_their_places_and_go_in_when_there_is_room(void **state)
{
    const struct mst_delivery *delivery;
    struct world w;
    uint64_t first, second;

    (void)state;
    open_world(&w);
    expect_reply(&w, "a", queue_put(&w, "a", "q", "one"), MST_OK);
    expect_reply(&w, "a", queue_update(&w, "a", "q", "maxsize", 1), MST_OK);
    first = queue_put(&w, "a", "q", "two");
    second = queue_put(&w, "b", "q", "three");
    w.storage_full = true;
    delivery = queue_got(&w, "b", queue_get(&w, "b", "q", 1));
    expect_reply(&w, "b", queue_done(&w, "b", "q", delivery->id, delivery->number), MST_OK);
    expect_waiting(&w, "a", first); /* the queue has room, the disk has not */
    expect_reply(&w, "a", queue_update(&w, "a", "q", "maxsize", 9), MST_OK);
    world_advance(&w, SECOND);
    expect_waiting(&w, "a", first);
    expect_waiting(&w, "b", second);
    w.storage_full = false;
    world_advance(&w, SECOND); /* nobody asks for anything: the core wants to be told */
    expect_reply(&w, "a", first, MST_OK);
    expect_reply(&w, "b", second, MST_OK);
    assert_true(span_is(queue_got(&w, "a", queue_get(&w, "a", "q", 1))->body, "two"));
    world_close(&w);
}

static void who_waits_too_long_hears_why(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    open_world(&w);
    expect_reply(&w, "a", queue_put(&w, "a", "q", "one"), MST_OK);
    expect_reply(&w, "a", queue_update(&w, "a", "q", "maxsize", 1), MST_OK);
    world_request(&w, "b", MST_OP_PUT, "q")->timeout_ns = 2 * SECOND;
    w.asked.bodies = (struct mst_span[]){mst_span_text("x")};
    w.asked.bodies_count = 1;
    id = world_send(&w);
    w.storage_full = true;
    world_advance(&w, 2 * SECOND);
    expect_cause(&w, "b", id, MST_TIMEOUT, full);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_are_refused_whatever_their_timeout_and_say_what_to_do),
        cmocka_unit_test(nothing_durable_is_made),
        cmocka_unit_test(queues_in_memory_do_not_mind),
        cmocka_unit_test(a_known_key_is_a_duplicate_still),
        cmocka_unit_test(everything_that_takes_out_goes_on),
        cmocka_unit_test(puts_in_line_keep_their_places_and_go_in_when_there_is_room),
        cmocka_unit_test(who_waits_too_long_hears_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
