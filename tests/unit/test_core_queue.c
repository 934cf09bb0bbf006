/* test_core_queue.c - queues: what is on disk and what is not, room, and replies that fit a frame.
 */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_queue.h"

#include <string.h>

static const struct mst_fact in_memory = {.name = {(const uint8_t *)"durable", 7}, .number = 0};

static uint64_t declare(struct world *w, const char *who, const char *queue,
                        const struct mst_fact *setting)
{
    struct mst_request *request = world_request(w, who, MST_OP_DECLARE, queue);

    request->settings = mst_arena_take(&w->arena, sizeof(*request->settings));
    assert_non_null(request->settings);
    request->settings[0] = *setting;
    request->settings_count = 1;
    return world_send(w);
}

static void nack_dead(struct world *w, const char *who, const char *queue,
                      const struct mst_delivery *delivery)
{
    struct mst_request *nack = world_request(w, who, MST_OP_NACK, queue);

    nack->message = delivery->id;
    nack->number = delivery->number;
    nack->dead = true;
    expect_reply(w, who, world_send(w), MST_OK);
}

/* ---- on disk or in memory ---- */

static void a_queue_is_as_durable_as_the_dead_letters_of_its_name(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    queue_put(&w, "a", "q", "x");
    nack_dead(&w, "a", "q", queue_got(&w, "a", queue_get(&w, "a", "q", 1)));
    world_do(&w, "a", MST_OP_REMOVE, "q");
    expect_reply(&w, "a", declare(&w, "a", "q", &in_memory), MST_CONFLICT);
    world_do(&w, "a", MST_OP_REMOVE, "q.dead");
    expect_reply(&w, "a", declare(&w, "a", "q", &in_memory), MST_OK);
    queue_put(&w, "a", "q", "y");
    nack_dead(&w, "a", "q", queue_got(&w, "a", queue_get(&w, "a", "q", 1)));
    world_do(&w, "a", MST_OP_REMOVE, "q");
    queue_put(&w, "a", "q", "z");
    assert_int_equal(world_stat(&w, "a", "q", "durable"), 0);
    id = world_do(&w, "a", MST_OP_REDRIVE, "q");
    assert_int_equal(expect_reply(&w, "a", id, MST_OK)->number, 1);
    world_close(&w);
}

static void a_queue_declared_to_be_in_memory_after_its_first_use_does_not_come_back(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    world_do(&w, "a", MST_OP_GET, "q"); /* waits, in a queue that is durable by default */
    expect_reply(&w, "a", declare(&w, "a", "q", &in_memory), MST_OK);
    queue_put(&w, "a", "q", "x");
    assert_true(span_is(queue_got(&w, "a", 1)->body, "x"));
    world_do(&w, "a", MST_OP_REMOVE, "q");
    queue_put(&w, "a", "q", "y");
    assert_int_equal(world_stat(&w, "a", "q", "durable"), 1);
    world_restart(&w);
    world_resume(&w, "a");
    assert_int_equal(core_figures(w.core).objects, 1);
    assert_true(span_is(queue_got(&w, "a", queue_get(&w, "a", "q", 1))->body, "y"));
    world_close(&w);
}

static void a_removal_that_was_answered_is_not_carried_out_again(void **state)
{
    struct world w;
    uint64_t removal;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    queue_put(&w, "a", "q", "x");
    removal = world_do(&w, "a", MST_OP_REMOVE, "q");
    expect_reply(&w, "a", removal, MST_OK);
    queue_put(&w, "a", "q", "y");
    world_restart(&w);
    world_request_of(&w, "a", removal)->reply = NULL;
    world_resume(&w, "a");
    expect_reply(&w, "a", removal, MST_OK);
    assert_true(span_is(queue_got(&w, "a", queue_get(&w, "a", "q", 1))->body, "y"));
    world_close(&w);
}

static void duplicates_are_counted_across_a_restart(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    for (int i = 0; i < 3; i++) {
        struct mst_span body = mst_span_text("x");
        struct mst_request *put = world_request(&w, "a", MST_OP_PUT, "q");

        put->bodies = &body;
        put->bodies_count = 1;
        put->dedup = mst_span_text("key");
        world_send(&w);
    }
    assert_int_equal(world_stat(&w, "a", "q", "duplicates"), 2);
    world_restart(&w);
    world_resume(&w, "a");
    assert_int_equal(world_stat(&w, "a", "q", "duplicates"), 2);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_is_as_durable_as_the_dead_letters_of_its_name),
        cmocka_unit_test(a_queue_declared_to_be_in_memory_after_its_first_use_does_not_come_back),
        cmocka_unit_test(a_removal_that_was_answered_is_not_carried_out_again),
        cmocka_unit_test(duplicates_are_counted_across_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
