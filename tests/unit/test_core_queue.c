/* test_core_queue.c - queues: what is on disk and what is not, finishing, order, and replies that
 * fit a frame. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_queue.h"

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

/* ---- finishing ---- */

static void each_delivery_of_a_frame_is_finished_once(void **state)
{
    struct mst_run runs[] = {{1, 1, 2}, {2, 1, 1}, {9, 1, 1}, {3, 1, 1}, {4, 2, 1}, {4, 1, 1}};
    static const enum mst_status statuses[] = {MST_OK, MST_OK,        MST_OK, MST_NOT_FOUND,
                                               MST_OK, MST_NOT_FOUND, MST_OK};
    struct mst_request *done;
    struct world w;
    uint64_t id;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    queue_put_all(&w, "a", "q", 5);
    queue_got(&w, "a", queue_get(&w, "a", "q", 5));
    done = world_request(&w, "a", MST_OP_DONE, "q");
    done->runs = runs;
    done->runs_count = sizeof(runs) / sizeof(runs[0]);
    id = world_send(&w);
    for (uint64_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        assert_int_equal(expect_reply(&w, "a", id + i, statuses[i])->already, i == 2);
    }
    assert_int_equal(world_stat(&w, "a", "q", "done"), 4);
    assert_int_equal(world_stat(&w, "a", "q", "unfinished"), 1);
    world_restart(&w);
    world_resume(&w, "a");
    assert_true(expect_reply(&w, "a", queue_done(&w, "a", "q", 3, 1), MST_OK)->already);
    assert_false(expect_reply(&w, "a", queue_done(&w, "a", "q", 5, 1), MST_OK)->already);
    world_close(&w);
}

static void finish_many(struct world *w, const char *queue, uint64_t count)
{
    struct mst_run run = {1, 1, count};
    struct mst_request *done;
    uint64_t id = queue_put_all(w, "a", queue, count);

    world_confirm(w, "a", id, 1);
    id = queue_get(w, "a", queue, count);
    world_confirm(w, "a", id, count);
    done = world_request(w, "a", MST_OP_DONE, queue);
    run.first = queue_got(w, "a", id)->id;
    done->runs = &run;
    done->runs_count = 1;
    id = world_send(w);
    expect_reply(w, "a", id + count - 1, MST_OK);
    world_confirm(w, "a", id, count);
}

/* world_close compares what a restart would remember. */
static void what_was_finished_in_memory_drives_out_nothing_that_is_on_disk(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    world_declare(&w, "a", "m", MST_KIND_FIFO, &in_memory, 1);
    finish_many(&w, "q", 800);
    finish_many(&w, "m", 800);
    assert_true(expect_reply(&w, "a", queue_done(&w, "a", "q", 1, 1), MST_OK)->already);
    finish_many(&w, "q", 800);
    expect_reply(&w, "a", queue_done(&w, "a", "q", 1, 1), MST_LOST);
    world_close(&w);
}

/* ---- order ---- */

#define MANY 2500

static void put_priorities(struct world *w)
{
    static struct mst_span bodies[MANY];
    static int64_t priorities[MANY];
    struct mst_request *put = world_request(w, "a", MST_OP_PUT, "q");

    for (uint64_t i = 0; i < MANY; i++) {
        bodies[i] = mst_span_text("x");
        priorities[i] = (int64_t)(i * 7919 % 100) - 50;
    }
    put->mode = MST_PUT_ALL;
    put->bodies = bodies;
    put->bodies_count = MANY;
    put->priorities = priorities;
    put->priorities_count = MANY;
    expect_reply(w, "a", world_send(w), MST_OK);
}

static void the_pages_of_a_peek_show_the_order_of_delivery(void **state)
{
    uint64_t seen[MANY];
    size_t n = 0;
    struct world w;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    world_declare(&w, "a", "q", MST_KIND_PRIORITY, NULL, 0);
    put_priorities(&w);
    while (n < MANY) {
        struct mst_request *peek = world_request(&w, "a", MST_OP_PEEK, "q");
        const struct mst_reply *reply;

        peek->count = 700;
        peek->message = n == 0 ? 0 : seen[n - 1];
        reply = expect_reply(&w, "a", world_send(&w), MST_OK);
        assert_in_range(reply->deliveries_count, 1, MANY - n);
        for (size_t i = 0; i < reply->deliveries_count; i++) {
            seen[n++] = reply->deliveries[i].id;
        }
    }
    for (n = 0; n < MANY; n++) {
        assert_int_equal(queue_got(&w, "a", queue_get(&w, "a", "q", 1))->id, seen[n]);
    }
    world_close(&w);
}

/* ---- what fits a frame ---- */

#define FRAME (256u << 10)

static size_t frame_bytes(const struct mst_reply *reply)
{
    struct mst_buf out;
    size_t bytes;

    mst_buf_init(&out);
    assert_true(mst_reply_encode(&out, reply));
    bytes = mst_buf_size(&out) - MST_FRAME_HEADER_BYTES;
    mst_buf_clear(&out);
    return bytes;
}

static void open_small_frames(struct world *w)
{
    world_open(w, WORLD_MEMORY);
    w->config.frame_bytes_max = FRAME;
    core_configure(w->core, &w->config);
    world_hello(w, "a");
}

static void put_large(struct world *w, size_t count, size_t body, size_t headers)
{
    static char text[FRAME];

    for (size_t i = 0; i < count; i++) {
        struct mst_request *put = world_request(w, "a", MST_OP_PUT, "q");
        struct mst_span span = mst_span_of(text, body);

        put->bodies = &span;
        put->bodies_count = 1;
        put->headers = mst_span_of(text, headers);
        expect_reply(w, "a", world_send(w), MST_OK);
    }
}

static const struct mst_reply *get_max(struct world *w, uint64_t max)
{
    world_request(w, "a", MST_OP_GET, "q")->max = max;
    return expect_reply(w, "a", world_send(w), MST_OK);
}

static void a_get_of_many_takes_as_many_as_fit_a_frame(void **state)
{
    const struct mst_reply *reply;
    struct world w;

    (void)state;
    open_small_frames(&w);
    put_large(&w, 100, 10000, 0);
    reply = get_max(&w, 100);
    assert_in_range(reply->deliveries_count, 10, FRAME / 10000);
    assert_in_range(frame_bytes(reply), 100000, FRAME);
    world_close(&w);
}

static void headers_count_towards_the_frame(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    open_small_frames(&w);
    put_large(&w, 20, 1, MST_HEADERS_BYTES_MAX);
    assert_in_range(frame_bytes(get_max(&w, 10)), 1, FRAME);
    id = queue_get(&w, "a", "q", 8); /* replies to neighbours are merged */
    for (uint64_t i = 0; i < 8; i++) {
        assert_in_range(frame_bytes(expect_reply(&w, "a", id + i, MST_OK)), 1, FRAME);
    }
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_is_as_durable_as_the_dead_letters_of_its_name),
        cmocka_unit_test(a_queue_declared_to_be_in_memory_after_its_first_use_does_not_come_back),
        cmocka_unit_test(a_removal_that_was_answered_is_not_carried_out_again),
        cmocka_unit_test(duplicates_are_counted_across_a_restart),
        cmocka_unit_test(each_delivery_of_a_frame_is_finished_once),
        cmocka_unit_test(what_was_finished_in_memory_drives_out_nothing_that_is_on_disk),
        cmocka_unit_test(the_pages_of_a_peek_show_the_order_of_delivery),
        cmocka_unit_test(a_get_of_many_takes_as_many_as_fit_a_frame),
        cmocka_unit_test(headers_count_towards_the_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
