/* test_core_snapshot.c - what a snapshot keeps of messages, deliveries and outcomes, one story for
 * each kind of state; test_core_snapshot_objects.c has the others.
 *
 * world_restart makes its core from a snapshot, and from then on compares it with a twin that has
 * replayed every record: whatever the one answers or writes, the other must too. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_queue.h"

static void open_world(struct world *w)
{
    world_open(w, WORLD_DURABLE);
    world_hello(w, "a");
    world_hello(w, "b");
}

/* The broker is killed and comes back; so do a and b. */
static void restart(struct world *w)
{
    world_restart(w);
    world_resume(w, "a");
    world_resume(w, "b");
}

static void expect_bodies(struct world *w, const char *queue, const char *const *bodies, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_true(span_is(queue_take(w, "b", queue)->body, bodies[i]));
    }
    expect_reply(w, "b", queue_get(w, "b", queue, 1), MST_EMPTY);
}

/* ---- messages ---- */

static void messages_keep_their_order_and_what_came_back_its_place(void **state)
{
    static const char *const order[] = {"one", "two", "three", "four"};
    const struct mst_delivery *first;
    struct world w;

    (void)state;
    open_world(&w);
    for (size_t i = 0; i < 4; i++) {
        queue_put(&w, "a", "q", order[i]);
    }
    first = queue_take(&w, "a", "q");
    queue_take(&w, "b", "q");
    expect_reply(&w, "a", queue_nack(&w, "a", "q", first, false), MST_OK);
    world_bye(&w, "b");
    world_hello(&w, "c");
    world_restart(&w);
    world_resume(&w, "a");
    world_resume(&w, "c");
    for (size_t i = 0; i < 4; i++) {
        const struct mst_delivery *delivery = queue_take(&w, "c", "q");

        assert_true(span_is(delivery->body, order[i]));
        assert_int_equal(delivery->number, i < 2 ? 2 : 1);
    }
    world_close(&w);
}

/* Small counts are in the message itself, larger ones beside it. */
static void deliveries_are_counted_however_often_it_comes_back(void **state)
{
    enum { TIMES = 1100, LIMIT = TIMES + 3 };
    struct mst_request *peek;
    struct world w;

    (void)state;
    open_world(&w);
    queue_put(&w, "a", "q", "hot potato");
    queue_update(&w, "a", "q", "max-deliveries", LIMIT);
    for (uint64_t i = 1; i <= TIMES; i++) {
        const struct mst_delivery *delivery = queue_take(&w, "a", "q");

        assert_int_equal(delivery->number, i);
        expect_reply(&w, "a", queue_nack(&w, "a", "q", delivery, false), MST_OK);
        if (i == 255 || i == 256 || i == 511 || i == 512) {
            restart(&w);
        }
    }
    restart(&w);
    peek = world_request(&w, "a", MST_OP_PEEK, "q");
    peek->count = 1;
    assert_int_equal(expect_reply(&w, "a", world_send(&w), MST_OK)->deliveries[0].number, TIMES);
    for (uint64_t i = TIMES + 1; i <= LIMIT; i++) {
        const struct mst_delivery *delivery = queue_take(&w, "b", "q");

        assert_int_equal(delivery->number, i);
        expect_reply(&w, "b", queue_nack(&w, "b", "q", delivery, false), MST_OK);
    }
    expect_reply(&w, "b", queue_get(&w, "b", "q", 1), MST_EMPTY);
    assert_int_equal(queue_take(&w, "b", "q.dead")->number, 1); /* it begins anew */
    world_close(&w);
}

static void priorities_and_headers_are_kept(void **state)
{
    static const char *const order[] = {"urgent", "early", "late"};
    static const int64_t priorities[] = {-1, 5, 5};
    struct world w;

    (void)state;
    open_world(&w);
    world_declare(&w, "a", "q", MST_KIND_PRIORITY, NULL, 0);
    for (size_t i = 3; i > 0; i--) {
        struct mst_request *put = world_request(&w, "a", MST_OP_PUT, "q");
        struct mst_span body = mst_span_text(order[i == 3 ? 1 : i == 2 ? 2 : 0]);

        put->bodies = &body;
        put->bodies_count = 1;
        put->priority = priorities[i == 1 ? 0 : 1];
        put->headers = mst_span_text("like this");
        expect_reply(&w, "a", world_send(&w), MST_OK);
    }
    restart(&w);
    for (size_t i = 0; i < 3; i++) {
        const struct mst_delivery *delivery = queue_take(&w, "b", "q");

        assert_true(span_is(delivery->body, order[i]));
        assert_true(span_is(delivery->headers, "like this"));
        assert_int_equal(delivery->priority, priorities[i]);
    }
    world_close(&w);
}

static void delays_and_times_to_live_run_on(void **state)
{
    static const char *const left[] = {"in time", "delayed"};
    struct world w;

    (void)state;
    open_world(&w);
    for (size_t i = 0; i < 3; i++) {
        struct mst_request *put = world_request(&w, "a", MST_OP_PUT, "q");
        struct mst_span body = mst_span_text(i == 2 ? "too late" : left[i]);

        put->bodies = &body;
        put->bodies_count = 1;
        put->delay_ns = i == 1 ? 3 * SECOND : 0;
        put->ttl_ns = i == 2 ? 2 * SECOND : MST_FOREVER;
        expect_reply(&w, "a", world_send(&w), MST_OK);
    }
    world_advance(&w, SECOND);
    restart(&w);
    world_advance(&w, SECOND);
    assert_int_equal(world_stat(&w, "a", "q", "expired"), 1);
    assert_int_equal(world_stat(&w, "a", "q", "delayed"), 1);
    world_advance(&w, SECOND);
    expect_bodies(&w, "q", left, 2);
    world_close(&w);
}

static void dead_letters_keep_their_history_and_can_be_redriven(void **state)
{
    const struct mst_delivery *delivery;
    struct world w;

    (void)state;
    open_world(&w);
    queue_put(&w, "a", "q", "unlucky");
    expect_reply(&w, "b", queue_nack(&w, "b", "q", queue_take(&w, "b", "q"), true), MST_OK);
    restart(&w);
    delivery = queue_got(&w, "a", queue_get(&w, "a", "q.dead", 1));
    assert_non_null(delivery->history);
    assert_true(span_is(delivery->history->queue, "q"));
    assert_true(span_is(delivery->history->cause, "nack"));
    assert_true(span_is(delivery->history->holder, "b@host:2"));
    assert_int_equal(delivery->history->deliveries, 1);
    expect_reply(&w, "a", queue_nack(&w, "a", "q.dead", delivery, false), MST_OK);
    world_request(&w, "a", MST_OP_REDRIVE, "q")->count = 1;
    assert_int_equal(expect_reply(&w, "a", world_send(&w), MST_OK)->number, 1);
    assert_true(span_is(queue_take(&w, "b", "q")->body, "unlucky"));
    world_close(&w);
}

static void keys_are_remembered_as_long_as_they_were(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    open_world(&w);
    for (int i = 0; i < 4; i++) {
        struct mst_span body = mst_span_text("x");

        world_request(&w, "a", MST_OP_PUT, "q")->dedup = mst_span_text(i % 2 == 0 ? "k0" : "k1");
        w.asked.bodies = &body;
        w.asked.bodies_count = 1;
        id = world_send(&w);
        assert_int_equal(expect_reply(&w, "a", id, MST_OK)->duplicate, i < 2 ? 0 : i - 1);
        if (i == 1) {
            world_advance(&w, 200 * SECOND);
            world_hello(&w, "c"); /* a has gone meanwhile */
            world_restart(&w);
            w.asking = NULL;
            world_resume(&w, "a");
        }
    }
    assert_int_equal(world_stat(&w, "a", "q", "duplicates"), 2);
    world_close(&w);
}

/* ---- deliveries ---- */

static void who_held_messages_finishes_them_and_hears_twice_the_same(void **state)
{
    const struct mst_delivery *one, *two;
    struct world w;
    uint64_t on_the_way;

    (void)state;
    open_world(&w);
    queue_put_all(&w, "a", "q", 3);
    one = queue_take(&w, "b", "q");
    two = queue_take(&w, "b", "q");
    expect_reply(&w, "b", queue_done(&w, "b", "q", one->id, one->number), MST_OK);
    on_the_way = queue_get(&w, "b", "q", 1);
    world_request_of(&w, "b", on_the_way)->reply = NULL; /* it never arrived */
    restart(&w);
    assert_int_equal(queue_got(&w, "b", on_the_way)->id, 3);
    assert_true(
        expect_reply(&w, "b", queue_done(&w, "b", "q", one->id, one->number), MST_OK)->already);
    expect_reply(&w, "b", queue_done(&w, "b", "q", two->id, two->number), MST_OK);
    expect_reply(&w, "a", queue_done(&w, "a", "q", 3, 1), MST_NOT_OWNER);
    assert_int_equal(world_stat(&w, "a", "q", "unfinished"), 1);
    world_close(&w);
}

static void leases_of_several_queues_return_in_the_order_in_which_they_were_given(void **state)
{
    static const char *const queues[] = {"r", "q", "r", "s", "q"};
    struct world w;

    (void)state;
    open_world(&w);
    for (size_t i = 0; i < 5; i++) {
        queue_put(&w, "a", queues[i], "x");
        expect_reply(&w, "a", queue_update(&w, "a", queues[i], "max-deliveries", 1), MST_OK);
    }
    for (size_t i = 0; i < 5; i++) {
        queue_take(&w, "b", queues[i]);
    }
    world_restart(&w);
    world_resume(&w, "a");
    world_advance(&w, MST_TTL_DEFAULT_NS); /* each dies in its turn, as the twin's do */
    assert_int_equal(world_stat(&w, "a", "r.dead", "ready"), 2);
    assert_int_equal(world_stat(&w, "a", "s.dead", "ready"), 1);
    world_close(&w);
}

static void a_detached_lease_outlives_its_session_and_its_time_begins_anew(void **state)
{
    struct mst_request *get;
    struct world w;
    uint64_t id;

    (void)state;
    open_world(&w);
    queue_put(&w, "a", "q", "x");
    get = world_request(&w, "b", MST_OP_GET, "q");
    get->lease_ns = 60 * SECOND;
    get->detached = true;
    id = world_send(&w);
    queue_got(&w, "b", id);
    world_confirm(&w, "b", id, 1);
    world_bye(&w, "b");
    world_restart(&w);
    world_resume(&w, "a");
    world_advance(&w, 59 * SECOND);
    assert_int_equal(world_stat(&w, "a", "q", "leased"), 1);
    expect_reply(&w, "a", queue_done(&w, "a", "q", 1, 1), MST_OK);
    world_close(&w);
}

static void a_session_that_was_ending_goes_on_ending(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    open_world(&w);
    queue_put_all(&w, "a", "q", 2500);
    world_request(&w, "b", MST_OP_GET, "q")->max = 2500;
    id = world_send(&w);
    expect_reply(&w, "b", id, MST_OK);
    world_confirm(&w, "b", id, 1);
    world_bye(&w, "b"); /* returns 1,000 at once, the others bit by bit */
    world_restart(&w);
    world_resume(&w, "a");
    assert_true(world_stat(&w, "a", "q", "leased") >= 1000);
    world_advance(&w, 0);
    assert_int_equal(world_stat(&w, "a", "q", "ready"), 2500);
    assert_int_equal(core_figures(w.core).sessions, 1);
    world_close(&w);
}

static void what_was_taken_in_auto_mode_is_owed(void **state)
{
    struct world w;
    uint64_t id, join;

    (void)state;
    open_world(&w);
    queue_put_all(&w, "a", "q", 2);
    world_request(&w, "b", MST_OP_GET, "q")->mode = MST_GET_AUTO;
    w.asked.max = 2;
    id = world_send(&w);
    queue_got(&w, "b", id);
    world_confirm(&w, "b", id, 1);
    join = world_do(&w, "a", MST_OP_JOIN, "q");
    restart(&w);
    expect_waiting(&w, "a", join);
    world_request(&w, "b", MST_OP_TASK_DONE, "q")->count = 3;
    expect_reply(&w, "b", world_send(&w), MST_VALUE);
    world_request(&w, "b", MST_OP_TASK_DONE, "q")->count = 2;
    expect_reply(&w, "b", world_send(&w), MST_OK);
    assert_int_equal(expect_reply(&w, "a", join, MST_OK)->tallies[MST_TALLY_DONE], 2);
    world_close(&w);
}

/* ---- outcomes ---- */

static void answers_that_were_not_taken_are_given_again(void **state)
{
    struct mst_span bodies[5];
    struct world w;
    uint64_t puts, refused;

    (void)state;
    open_world(&w);
    world_declare(&w, "a", "q", MST_KIND_FIFO, NULL, 0);
    for (size_t i = 0; i < 5; i++) {
        bodies[i] = mst_span_text("x");
    }
    world_request(&w, "a", MST_OP_PUT, "q")->bodies = bodies;
    w.asked.bodies_count = 5;
    puts = world_send(&w);
    refused = queue_done(&w, "a", "q", 77, 1);
    for (uint64_t id = puts; id <= refused; id++) {
        world_request_of(&w, "a", id)->reply = NULL;
    }
    world_restart(&w);
    world_reconnect(&w, "a");
    for (uint64_t id = puts; id <= refused; id++) {
        struct mst_request again = world_request_of(&w, "a", puts)->request;
        struct event event = {.kind = EVENT_REQUEST, .request = &again};

        again = id == refused ? world_request_of(&w, "a", id)->request : again;
        again.id = id;
        again.bodies_count = id == refused ? 0 : 1;
        event.conn = world_client(&w, "a")->conn;
        event.session = world_client(&w, "a")->session;
        world_step(&w, &event);
        if (id < refused) {
            assert_int_equal(expect_reply(&w, "a", id, MST_OK)->first, id - puts + 1);
        }
    }
    expect_reply(&w, "a", refused, MST_NOT_FOUND);
    assert_int_equal(world_stat(&w, "a", "q", "puts"), 5);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_keep_their_order_and_what_came_back_its_place),
        cmocka_unit_test(deliveries_are_counted_however_often_it_comes_back),
        cmocka_unit_test(priorities_and_headers_are_kept),
        cmocka_unit_test(delays_and_times_to_live_run_on),
        cmocka_unit_test(dead_letters_keep_their_history_and_can_be_redriven),
        cmocka_unit_test(keys_are_remembered_as_long_as_they_were),
        cmocka_unit_test(who_held_messages_finishes_them_and_hears_twice_the_same),
        cmocka_unit_test(leases_of_several_queues_return_in_the_order_in_which_they_were_given),
        cmocka_unit_test(a_detached_lease_outlives_its_session_and_its_time_begins_anew),
        cmocka_unit_test(a_session_that_was_ending_goes_on_ending),
        cmocka_unit_test(what_was_taken_in_auto_mode_is_owed),
        cmocka_unit_test(answers_that_were_not_taken_are_given_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
