/* test_core_queue_room.c - queues that are full, keys that are remembered, and what is unused. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_queue.h"

#include <stdio.h>

/* ---- room ---- */

static void set(struct world *w, const char *setting, int64_t value)
{
    expect_reply(w, "a", queue_update(w, "a", "q", setting, value), MST_OK);
}

static void nothing_is_dropped_for_a_put_that_does_not_fit_even_so(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    queue_put_all(&w, "a", "q", 4);
    set(&w, "maxsize", 4);
    set(&w, "full", 2);
    queue_got(&w, "a", queue_get(&w, "a", "q", 2)); /* two are held: two can be dropped */
    expect_reply(&w, "a", queue_put_all(&w, "a", "q", 3), MST_FULL);
    assert_int_equal(world_stat(&w, "a", "q", "dropped"), 0);
    expect_reply(&w, "a", queue_put_all(&w, "a", "q", 2), MST_OK);
    assert_int_equal(world_stat(&w, "a", "q", "dropped"), 2);
    world_close(&w);
}

static void nothing_is_dropped_for_bytes_that_do_not_fit_even_so(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    queue_put(&w, "a", "q", "0123456789");
    queue_put(&w, "a", "q", "0123456789");
    set(&w, "max-bytes", 20);
    set(&w, "full", 2);
    queue_got(&w, "a", queue_get(&w, "a", "q", 1));
    expect_reply(&w, "a", queue_put(&w, "a", "q", "0123456789+"), MST_FULL);
    assert_int_equal(world_stat(&w, "a", "q", "dropped"), 0);
    expect_reply(&w, "a", queue_put(&w, "a", "q", "0123456789"), MST_OK);
    assert_int_equal(world_stat(&w, "a", "q", "dropped"), 1);
    world_close(&w);
}

/* Of five of 10 bytes, as many as fit 35 bytes when what is ready has made way. */
static void as_many_as_fit_when_others_make_way(void **state)
{
    struct mst_request *put;
    struct mst_span bodies[5];
    struct world w;
    uint64_t id;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    queue_put(&w, "a", "q", "0123456789");
    queue_put(&w, "a", "q", "0123456789");
    set(&w, "max-bytes", 35);
    set(&w, "full", 2);
    put = world_request(&w, "a", MST_OP_PUT, "q");
    for (size_t i = 0; i < 5; i++) {
        bodies[i] = mst_span_text("0123456789");
    }
    put->bodies = bodies;
    put->bodies_count = 5;
    put->mode = MST_PUT_FIT;
    id = world_send(&w);
    assert_int_equal(expect_reply(&w, "a", id, MST_OK)->taken, 3);
    assert_int_equal(world_stat(&w, "a", "q", "dropped"), 2);
    world_close(&w);
}

static void a_blocked_put_that_can_no_longer_fit_ends_and_lets_others_through(void **state)
{
    struct world w;
    uint64_t large;
    uint64_t small;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    queue_put_all(&w, "a", "q", 2);
    set(&w, "maxsize", 4);
    large = queue_put_all(&w, "a", "q", 3);
    small = queue_put_all(&w, "a", "q", 1);
    expect_waiting(&w, "a", small);
    set(&w, "maxsize", 3);
    expect_waiting(&w, "a", large);
    expect_waiting(&w, "a", small);
    set(&w, "maxsize", 2);
    expect_reply(&w, "a", large, MST_VALUE);
    expect_waiting(&w, "a", small);
    world_do(&w, "a", MST_OP_PURGE, "q");
    expect_reply(&w, "a", small, MST_OK);
    world_close(&w);
}

/* The first of the two would have to wait, and there is no memory for that. */
static void a_put_does_not_wait_behind_one_that_was_refused(void **state)
{
    static const char text[900];
    struct mst_span bodies[2] = {mst_span_of(text, 900)};
    struct mst_request *put;
    struct world w;
    uint64_t id;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    w.config.memory_max = 1600;
    core_configure(w.core, &w.config);
    world_hello(&w, "a");
    queue_get(&w, "a", "q", 1);
    set(&w, "max-bytes", 1000);
    for (size_t i = 0; i < 2; i++) {
        put = world_request(&w, "a", MST_OP_PUT, "q");
        put->bodies = bodies;
        put->bodies_count = i + 1;
        id = world_send(&w);
        bodies[0] = mst_span_of(text, 500);
        bodies[1] = mst_span_of(text, 50);
    }
    expect_reply(&w, "a", id, MST_NO_MEMORY);
    expect_reply(&w, "a", id + 1, MST_OK);
    world_close(&w);
}

/* The operator may lower the credit while clients use what their welcome told them. */
static void a_credit_that_was_told_stays_good(void **state)
{
    struct world w;
    uint64_t id = 0;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    w.config.put_credit = 3;
    core_configure(w.core, &w.config);
    world_hello(&w, "a");
    queue_put(&w, "a", "q", "x");
    set(&w, "maxsize", 1);
    w.config.put_credit = 1;
    core_configure(w.core, &w.config);
    world_hello(&w, "b");
    for (int i = 0; i < 3; i++) {
        id = queue_put(&w, "a", "q", "x");
        expect_waiting(&w, "a", id);
    }
    expect_waiting(&w, "b", queue_put(&w, "b", "q", "x"));
    expect_reply(&w, "b", queue_put(&w, "b", "q", "x"), MST_LIMIT);
    expect_waiting(&w, "a", id);
    world_close(&w);
}

static void headers_of_a_put_that_waits_count_as_memory(void **state)
{
    static const char headers[50000];
    struct mst_span body = mst_span_text("x");
    struct mst_request *put;
    struct world w;
    uint64_t before;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    queue_put(&w, "a", "q", "x");
    set(&w, "maxsize", 1);
    before = core_figures(w.core).memory;
    put = world_request(&w, "a", MST_OP_PUT, "q");
    put->bodies = &body;
    put->bodies_count = 1;
    put->headers = mst_span_of(headers, sizeof(headers));
    world_send(&w);
    assert_true(core_figures(w.core).memory > before + sizeof(headers));
    world_close(&w);
}

/* ---- keys ---- */

static uint64_t put_key(struct world *w, const char *key)
{
    struct mst_request *put = world_request(w, "a", MST_OP_PUT, "q");
    struct mst_span body = mst_span_text("x");
    struct mst_span text = mst_span_text(key);

    put->bodies = &body;
    put->bodies_count = 1;
    put->dedup = mst_arena_copy(&w->arena, text);
    return world_send(w);
}

static void keys_are_charged_to_memory_and_forgotten_with_their_queue(void **state)
{
    struct world w;
    uint64_t memory;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    put_key(&w, "a key that is remembered");
    world_do(&w, "a", MST_OP_PURGE, "q");
    world_advance(&w, 0);
    memory = core_figures(w.core).memory;
    assert_in_range(memory, 24, 500);
    put_key(&w, "a key");
    assert_true(core_figures(w.core).memory > memory);
    world_do(&w, "a", MST_OP_REMOVE, "q");
    world_advance(&w, 0);
    assert_int_equal(core_figures(w.core).memory, 0);
    world_close(&w);
}

/* Old keys are forgotten a few at a time: those that are still there must not count. */
static void a_key_past_its_window_is_new_and_remembered_anew(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    for (int i = 0; i < 100; i++) {
        char key[8];

        snprintf(key, sizeof(key), "k%d", i);
        put_key(&w, key);
    }
    world_advance(&w, 300 * SECOND);
    assert_int_equal(expect_reply(&w, "a", put_key(&w, "k99"), MST_OK)->duplicate, 0);
    for (int i = 0; i < 20; i++) { /* the table of keys grows, and turns its chains round */
        char key[8];

        snprintf(key, sizeof(key), "n%d", i);
        put_key(&w, key);
    }
    assert_int_equal(expect_reply(&w, "a", put_key(&w, "k99"), MST_OK)->duplicate, 101);
    world_close(&w);
}

/* ---- time ---- */

static void a_shorter_time_of_idleness_counts_at_once(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello_ttl(&w, "a", 0);
    queue_get(&w, "a", "q", 1);
    set(&w, "expire-idle", 1000 * SECOND);
    world_advance(&w, SECOND);
    set(&w, "expire-idle", 10 * SECOND);
    world_advance(&w, 9 * SECOND);
    assert_int_equal(core_figures(w.core).objects, 1);
    world_advance(&w, 2 * SECOND);
    assert_int_equal(core_figures(w.core).objects, 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_dropped_for_a_put_that_does_not_fit_even_so),
        cmocka_unit_test(nothing_is_dropped_for_bytes_that_do_not_fit_even_so),
        cmocka_unit_test(as_many_as_fit_when_others_make_way),
        cmocka_unit_test(a_blocked_put_that_can_no_longer_fit_ends_and_lets_others_through),
        cmocka_unit_test(a_put_does_not_wait_behind_one_that_was_refused),
        cmocka_unit_test(a_credit_that_was_told_stays_good),
        cmocka_unit_test(headers_of_a_put_that_waits_count_as_memory),
        cmocka_unit_test(keys_are_charged_to_memory_and_forgotten_with_their_queue),
        cmocka_unit_test(a_key_past_its_window_is_new_and_remembered_anew),
        cmocka_unit_test(a_shorter_time_of_idleness_counts_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
