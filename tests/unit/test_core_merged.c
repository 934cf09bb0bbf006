/* test_core_merged.c - answers to neighbouring requests share a reply only if they are alike, and
 * as far as a frame has room; asked again, a get is answered by the handle of today. */
#include <stdlib.h>

#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_queue.h"

static void open_world(struct world *w)
{
    world_open(w, WORLD_DURABLE);
    world_hello(w, "a");
    world_hello(w, "b");
}

static uint64_t put_key(struct world *w, const char *who, const char *queue, const char *key)
{
    struct mst_request *put = world_request(w, who, MST_OP_PUT, queue);

    put->bodies = mst_arena_take(&w->arena, sizeof(*put->bodies));
    assert_non_null(put->bodies);
    put->bodies[0] = mst_span_text("with a key");
    put->bodies_count = 1;
    put->dedup = mst_span_text(key);
    return world_send(w);
}

/* What the reply says of this one request of those it answers. */
static void expect_put(struct world *w, const char *who, uint64_t id, uint64_t message)
{
    const struct mst_reply *reply = expect_reply(w, who, id, MST_OK);

    assert_int_equal(reply->first + (id - reply->id), message);
    assert_true(reply->taken > id - reply->id);
}

static void puts_that_are_let_in_together_are_told_each_its_own(void **state)
{
    struct mst_fact most = {.name = mst_span_text("maxsize"), .number = 4};
    struct world w;
    uint64_t id;

    (void)state;
    open_world(&w);
    world_declare(&w, "a", "q", MST_KIND_FIFO, &most, 1);
    expect_reply(&w, "a", queue_put_all(&w, "a", "q", 4), MST_OK);
    id = queue_put(&w, "b", "q", "one");
    queue_put_all(&w, "b", "q", 2);
    queue_put(&w, "b", "q", "another");
    expect_waiting(&w, "b", id + 2);
    expect_reply(&w, "a", world_do(&w, "a", MST_OP_PURGE, "q"), MST_OK);
    expect_put(&w, "b", id, 5);
    assert_int_equal(expect_reply(&w, "b", id + 1, MST_OK)->taken, 2);
    expect_put(&w, "b", id + 1, 6);
    expect_put(&w, "b", id + 2, 8);
    world_close(&w);
}

static void a_duplicate_shares_no_reply(void **state)
{
    struct mst_fact most = {.name = mst_span_text("maxsize"), .number = 2};
    struct world w;
    uint64_t id;

    (void)state;
    open_world(&w);
    world_declare(&w, "a", "q", MST_KIND_FIFO, &most, 1);
    expect_reply(&w, "a", queue_put_all(&w, "a", "q", 2), MST_OK);
    put_key(&w, "a", "q", "k");
    id = put_key(&w, "b", "q", "k");
    put_key(&w, "b", "q", "k");
    queue_put(&w, "b", "q", "plain");
    expect_waiting(&w, "b", id);
    expect_reply(&w, "a", world_do(&w, "a", MST_OP_PURGE, "q"), MST_OK);
    for (uint64_t i = 0; i < 2; i++) {
        assert_int_equal(expect_reply(&w, "b", id + i, MST_OK)->duplicate, 3);
        assert_int_equal(expect_reply(&w, "b", id + i, MST_OK)->taken, 0);
    }
    expect_put(&w, "b", id + 2, 4);
    assert_int_equal(expect_reply(&w, "b", id + 2, MST_OK)->duplicate, 0);
    world_close(&w);
}

/* Both queues have room in one step, and the numbers of the messages follow each other. */
static void what_is_on_disk_shares_no_reply_with_what_is_not(void **state)
{
    struct mst_fact memory[] = {{.name = mst_span_text("durable")},
                                {.name = mst_span_text("maxsize"), .number = 2}};
    struct mst_fact disk[] = {{.name = mst_span_text("maxsize"), .number = 1}};
    struct world w;
    uint64_t id;

    (void)state;
    open_world(&w);
    world_declare(&w, "a", "disk", MST_KIND_FIFO, disk, 1);
    world_declare(&w, "a", "memory", MST_KIND_FIFO, memory, 2);
    for (int i = 0; i < 3; i++) {
        const char *name = i == 0 ? "disk" : "memory";
        struct mst_request *put = world_request(&w, "a", MST_OP_PUT, name);
        struct mst_span body = mst_span_text("short-lived");

        put->bodies = &body;
        put->bodies_count = 1;
        put->ttl_ns = SECOND;
        expect_reply(&w, "a", world_send(&w), MST_OK);
    }
    id = queue_put(&w, "b", "disk", "x");
    queue_put(&w, "b", "memory", "y");
    world_advance(&w, SECOND);
    assert_true(expect_reply(&w, "b", id, MST_OK)->durable);
    assert_false(expect_reply(&w, "b", id + 1, MST_OK)->durable);
    expect_put(&w, "b", id, 2);
    expect_put(&w, "b", id + 1, 3);
    world_close(&w);
}

/* ---- gets ---- */

static char *large(size_t bytes)
{
    char *text = calloc(1, bytes + 1);

    assert_non_null(text);
    memset(text, 'x', bytes);
    return text;
}

static void deliveries_share_a_reply_as_far_as_it_has_room(void **state)
{
    char *body = large(100000);
    struct world w;
    uint64_t id;

    (void)state;
    open_world(&w);
    for (int i = 0; i < 8; i++) {
        expect_reply(&w, "a", queue_put(&w, "a", "q", body), MST_OK);
    }
    id = queue_get(&w, "b", "q", 8);
    for (uint64_t i = 0; i < 8; i++) {
        assert_int_equal(queue_got(&w, "b", id + i)->id, i + 1);
        assert_in_range(expect_reply(&w, "b", id + i, MST_OK)->deliveries_count, 1, 3);
    }
    world_confirm(&w, "b", id, 8);
    world_close(&w);
    free(body);
}

/* A body as large as a frame goes alone: to a get of many, to who looks, and within a run. */
static void what_is_as_large_as_a_frame_goes_alone(void **state)
{
    char *body = large(5000);
    struct mst_request *get;
    struct world w;
    uint64_t id;

    (void)state;
    open_world(&w);
    w.config.frame_bytes_max = 4096;
    core_configure(w.core, &w.config);
    for (int i = 0; i < 6; i++) {
        expect_reply(&w, "a", queue_put(&w, "a", "q", body), MST_OK);
    }
    world_request(&w, "b", MST_OP_PEEK, "q")->count = 6;
    assert_int_equal(expect_reply(&w, "b", world_send(&w), MST_OK)->deliveries_count, 1);
    get = world_request(&w, "b", MST_OP_GET, "q");
    get->max = 6;
    get->timeout_ns = 0;
    assert_int_equal(expect_reply(&w, "b", world_send(&w), MST_OK)->deliveries_count, 1);
    id = queue_get(&w, "b", "q", 2);
    for (uint64_t i = 0; i < 2; i++) {
        assert_int_equal(expect_reply(&w, "b", id + i, MST_OK)->deliveries_count, 1);
        assert_int_equal(queue_got(&w, "b", id + i)->id, i + 2);
    }
    world_close(&w);
    free(body);
}

/* Its handles have other numbers on the new connection. */
static void a_get_that_is_answered_again_names_the_handle_of_today(void **state)
{
    struct mst_request *get;
    struct world_client *b;
    const char *first;
    uint64_t id;
    struct world w;

    (void)state;
    open_world(&w);
    expect_reply(&w, "a", queue_put(&w, "a", "q", "x"), MST_OK);
    world_handle(&w, "b", "q");
    world_handle(&w, "b", "other");
    id = queue_get(&w, "b", "q", 1);
    assert_int_equal(expect_reply(&w, "b", id, MST_OK)->handle, 0);
    world_lose(&w, "b");
    b = world_client(&w, "b");
    first = b->handles[0];
    b->handles[0] = b->handles[1];
    b->handles[1] = first;
    get = &world_request_of(&w, "b", id)->request;
    get->handles = mst_arena_take(&w.arena, 2 * sizeof(*get->handles));
    get->handles[0] = 0;
    get->handles[1] = 1;
    get->handles_count = 2;
    world_request_of(&w, "b", id)->reply = NULL; /* it was lost */
    world_resume(&w, "b");
    assert_int_equal(expect_reply(&w, "b", id, MST_OK)->handle, 1);
    assert_int_equal(queue_got(&w, "b", id)->id, 1);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_that_are_let_in_together_are_told_each_its_own),
        cmocka_unit_test(a_duplicate_shares_no_reply),
        cmocka_unit_test(what_is_on_disk_shares_no_reply_with_what_is_not),
        cmocka_unit_test(deliveries_share_a_reply_as_far_as_it_has_room),
        cmocka_unit_test(what_is_as_large_as_a_frame_goes_alone),
        cmocka_unit_test(a_get_that_is_answered_again_names_the_handle_of_today),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
