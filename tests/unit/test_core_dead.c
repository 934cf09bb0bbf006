/* test_core_dead.c - dead letters: their names are kept for them, and what a message keeps. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_world.h"

static uint64_t put(struct world *w, const char *queue, const char *body, int64_t priority)
{
    struct mst_request *request = world_request(w, "a", MST_OP_PUT, queue);
    struct mst_span span = mst_span_text(body);

    request->bodies = &span;
    request->bodies_count = 1;
    request->priority = priority;
    return world_send(w);
}

static const struct mst_delivery *get(struct world *w, const char *queue)
{
    uint64_t id;

    world_request(w, "a", MST_OP_GET, queue)->timeout_ns = 0;
    id = world_send(w);
    return &expect_reply(w, "a", id, MST_OK)->deliveries[0];
}

static void bury(struct world *w, const char *queue, const struct mst_delivery *delivery)
{
    struct mst_request *request = world_request(w, "a", MST_OP_NACK, queue);

    request->message = delivery->id;
    request->number = delivery->number;
    request->dead = true;
    expect_reply(w, "a", world_send(w), MST_OK);
}

static void names_of_dead_letters_are_kept_for_them_whatever_the_kind(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    world_request(&w, "a", MST_OP_EVENT_SET, "q.dead");
    expect_reply(&w, "a", world_send(&w), MST_VALUE);
    world_request(&w, "a", MST_OP_BARRIER_WAIT, "q.dead")->parties = 1;
    expect_reply(&w, "a", world_send(&w), MST_VALUE);
    world_request(&w, "a", MST_OP_DECLARE, "q.dead")->kind = MST_KIND_EVENT;
    expect_reply(&w, "a", world_send(&w), MST_VALUE);
    expect_reply(&w, "a", put(&w, "q.dead", "x", 0), MST_VALUE);
    world_request(&w, "a", MST_OP_GET, "q.dead")->timeout_ns = 0;
    expect_reply(&w, "a", world_send(&w), MST_NOT_FOUND);
    expect_reply(&w, "a", put(&w, "q", "x", 0), MST_OK);
    bury(&w, "q", get(&w, "q"));
    assert_non_null(get(&w, "q.dead")->history);
    world_close(&w);
}

static void a_redriven_message_keeps_its_priority_and_its_note(void **state)
{
    const struct mst_delivery *delivery;
    struct world w;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    world_declare(&w, "a", "q", MST_KIND_PRIORITY, NULL, 0);
    expect_reply(&w, "a", put(&w, "q", "late", 7), MST_OK);
    bury(&w, "q", get(&w, "q"));
    expect_reply(&w, "a", put(&w, "q", "later", 9), MST_OK);
    world_request(&w, "a", MST_OP_REDRIVE, "q");
    assert_int_equal(expect_reply(&w, "a", world_send(&w), MST_OK)->number, 1);
    delivery = get(&w, "q");
    assert_int_equal(delivery->priority, 7);
    assert_int_equal(delivery->number, 1);
    assert_memory_equal(delivery->history->cause.data, "nack", 4);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_dead_letters_are_kept_for_them_whatever_the_kind),
        cmocka_unit_test(a_redriven_message_keeps_its_priority_and_its_note),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
