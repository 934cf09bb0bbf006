/* test_core_figures.c - what is counted of queues: each thing in its place, and none falls. */
#include "tests/unit/core_queue.h"

#include "tests/unit/cmocka_all.h"

#define OTHERS ""

/* All queues by slices of the smallest kind. The figures of one of them, or of all others. */
static struct queue_figures figures_of(struct world *w, const char *name)
{
    struct queue_figures found = {.queues = 0};
    struct queue_figures rest;
    struct queue_figures one;
    size_t count = 1;
    bool more = true;

    core_walk_begin(w->core, &rest);
    while (more) {
        more = core_walk(w->core, w->now_ns, 1, &one, &count, &rest);
        if (count == 1 && span_is(one.name, name)) {
            found = one;
        }
    }
    found = strcmp(name, OTHERS) == 0 ? rest : found;
    return found;
}

static uint64_t observed(const struct histogram *histogram, int64_t at_most_ns)
{
    uint64_t count = 0;

    for (size_t i = 0; i < HISTOGRAM_BOUNDS && histogram_message_ns[i] <= at_most_ns; i++) {
        count += histogram->counts[i];
    }
    return count;
}

static void begin(struct world *w, enum world_storage storage, uint64_t queues_apart)
{
    world_open(w, storage);
    w->config.queues_apart_max = queues_apart;
    core_configure(w->core, &w->config);
    world_hello(w, "a");
}

static struct mst_delivery take(struct world *w, const char *who, const char *queue)
{
    uint64_t id = queue_get(w, who, queue, 1);
    struct mst_delivery delivery = *queue_got(w, who, id);

    world_confirm(w, who, id, 1);
    return delivery;
}

static void nack(struct world *w, const char *queue, struct mst_delivery delivery, bool dead)
{
    struct mst_request *request = world_request(w, "a", MST_OP_NACK, queue);

    request->message = delivery.id;
    request->number = delivery.number;
    request->dead = dead;
    expect_reply(w, "a", world_send(w), MST_OK);
}

/* ---- what is counted ---- */

static void a_message_is_counted_and_timed_on_its_way(void **state)
{
    struct queue_figures q;
    struct mst_delivery delivery;
    struct world w;

    (void)state;
    begin(&w, WORLD_DURABLE, 10);
    queue_put_all(&w, "a", "q", 3);
    world_advance(&w, 2 * SECOND);
    delivery = take(&w, "a", "q");
    q = figures_of(&w, "q");
    assert_int_equal(q.ready, 2);
    assert_int_equal(q.leased, 1);
    assert_int_equal(q.unfinished, 3);
    assert_int_equal(q.bytes, 3 * strlen("one of many"));
    assert_int_equal(q.oldest_age_ns, 2 * SECOND);
    world_advance(&w, 30 * MS);
    queue_done(&w, "a", "q", delivery.id, delivery.number);
    q = figures_of(&w, "q");
    assert_int_equal(q.counts.puts, 3);
    assert_int_equal(q.counts.gets, 1);
    assert_int_equal(q.counts.left[MST_TALLY_DONE], 1);
    assert_int_equal(q.counts.waited.sum, 2 * SECOND);
    assert_int_equal(observed(&q.counts.waited, SECOND), 0);
    assert_int_equal(observed(&q.counts.waited, 5 * SECOND), 1);
    assert_int_equal(q.counts.held.sum, 30 * MS);
    assert_int_equal(observed(&q.counts.held, 25 * MS), 0);
    assert_int_equal(observed(&q.counts.held, 100 * MS), 1);
    world_close(&w);
}

static void who_waits_is_counted(void **state)
{
    struct queue_figures q;
    struct world w;

    (void)state;
    begin(&w, WORLD_MEMORY, 10);
    queue_put(&w, "a", "q", "x");
    queue_update(&w, "a", "q", "maxsize", 1);
    queue_put(&w, "a", "q", "y");
    queue_put(&w, "a", "q", "z");
    world_request(&w, "a", MST_OP_JOIN, "q")->timeout_ns = SECOND;
    world_send(&w);
    queue_get_wait(&w, "a", "empty", SECOND);
    q = figures_of(&w, "q");
    assert_int_equal(q.putters, 2);
    assert_int_equal(q.joiners, 1);
    assert_int_equal(q.getters, 0);
    assert_int_equal(figures_of(&w, "empty").getters, 1);
    world_close(&w);
}

static void each_redelivery_has_its_cause(void **state)
{
    struct queue_figures q;
    struct mst_request *get;
    struct world w;

    (void)state;
    begin(&w, WORLD_DURABLE, 10);
    world_hello_ttl(&w, "mortal", 0);
    world_hello_ttl(&w, "hasty", 0);
    queue_put(&w, "a", "q", "x");
    nack(&w, "q", take(&w, "a", "q"), false);
    get = world_request(&w, "a", MST_OP_GET, "q");
    get->timeout_ns = 0;
    get->lease_ns = SECOND;
    world_confirm(&w, "a", world_send(&w), 1);
    world_advance(&w, SECOND);
    take(&w, "mortal", "q");
    world_lose(&w, "mortal");
    world_advance(&w, 0);
    queue_get(&w, "hasty", "q", 1);
    world_lose(&w, "hasty");
    world_advance(&w, 0);
    q = figures_of(&w, "q");
    for (int why = 0; why < REDELIVERY_COUNT; why++) {
        assert_int_equal(q.counts.redeliveries[why], 1);
    }
    assert_int_equal(q.counts.nacks, 1);
    assert_int_equal(q.counts.gets, 4);
    assert_int_equal(observed(&q.counts.waited, MST_FOREVER), 1);
    assert_int_equal(observed(&q.counts.held, MST_FOREVER), 3);
    assert_int_equal(q.ready, 1);
    world_close(&w);
}

static void each_way_out_has_its_own_count(void **state)
{
    struct queue_figures q;
    uint64_t id;
    struct world w;

    (void)state;
    begin(&w, WORLD_MEMORY, 10);
    world_hello_ttl(&w, "mortal", 0);
    queue_put(&w, "a", "q", "dies");
    nack(&w, "q", take(&w, "a", "q"), true);
    world_request(&w, "a", MST_OP_DELETE, "q")->message =
        expect_reply(&w, "a", queue_put(&w, "a", "q", "deleted"), MST_OK)->first;
    world_send(&w);
    world_request(&w, "a", MST_OP_PUT, "q")->ttl_ns = SECOND;
    w.asked.bodies = &(struct mst_span){(const uint8_t *)"expires", 7};
    w.asked.bodies_count = 1;
    world_send(&w);
    world_advance(&w, SECOND);
    queue_put(&w, "a", "q", "lost");
    world_request(&w, "mortal", MST_OP_GET, "q")->mode = MST_GET_AUTO;
    id = world_send(&w);
    world_confirm(&w, "mortal", id, 1);
    world_lose(&w, "mortal");
    world_advance(&w, 0);
    queue_put_all(&w, "a", "q", 2);
    queue_update(&w, "a", "q", "maxsize", 2);
    queue_update(&w, "a", "q", "full", 2);
    queue_put(&w, "a", "q", "drops the oldest");
    world_do(&w, "a", MST_OP_PURGE, "q");
    q = figures_of(&w, "q");
    assert_int_equal(q.counts.left[MST_TALLY_DEAD], 1);
    assert_int_equal(q.counts.left[MST_TALLY_DELETED], 1);
    assert_int_equal(q.counts.left[MST_TALLY_EXPIRED], 1);
    assert_int_equal(q.counts.left[MST_TALLY_LOST], 1);
    assert_int_equal(q.counts.left[MST_TALLY_DROPPED], 1);
    assert_int_equal(q.counts.left[MST_TALLY_PURGED], 2);
    assert_int_equal(q.counts.left[MST_TALLY_DONE], 0);
    assert_int_equal(q.dead, 1);
    assert_int_equal(figures_of(&w, "q.dead").ready, 1);
    world_close(&w);
}

/* ---- apart, or summed ---- */

static void beyond_the_number_queues_are_summed_and_the_sum_never_falls(void **state)
{
    struct queue_figures rest;
    struct world w;

    (void)state;
    begin(&w, WORLD_MEMORY, 1);
    queue_put_all(&w, "a", "first", 2);
    queue_put_all(&w, "a", "second", 3);
    world_advance(&w, SECOND);
    queue_put_all(&w, "a", "third", 4);
    rest = figures_of(&w, OTHERS);
    assert_int_equal(rest.queues, 2);
    assert_int_equal(rest.ready, 7);
    assert_int_equal(rest.oldest_age_ns, SECOND);
    assert_int_equal(rest.counts.puts, 7);
    assert_int_equal(figures_of(&w, "second").queues, 0);
    world_do(&w, "a", MST_OP_REMOVE, "third");
    world_do(&w, "a", MST_OP_REMOVE, "first");
    rest = figures_of(&w, OTHERS);
    assert_int_equal(rest.queues, 1);
    assert_int_equal(rest.ready, 3);
    assert_int_equal(rest.counts.puts, 7);
    queue_put_all(&w, "a", "fourth", 5);
    assert_int_equal(figures_of(&w, "fourth").counts.puts, 5);
    assert_int_equal(figures_of(&w, OTHERS).counts.puts, 7);
    world_close(&w);
}

static void a_walk_goes_on_when_the_queue_it_stands_on_is_removed(void **state)
{
    struct queue_figures rest;
    struct queue_figures one;
    struct world w;
    size_t count;

    (void)state;
    begin(&w, WORLD_MEMORY, 10);
    queue_put(&w, "a", "first", "x");
    queue_put(&w, "a", "second", "x");
    queue_put(&w, "a", "third", "x");
    core_walk_begin(w.core, &rest);
    assert_true(core_walk(w.core, w.now_ns, 1, &one, &count, &rest));
    assert_true(span_is(one.name, "first"));
    world_do(&w, "a", MST_OP_REMOVE, "second");
    assert_false(core_walk(w.core, w.now_ns, 1, &one, &count, &rest));
    assert_true(count == 1 && span_is(one.name, "third"));
    world_close(&w);
}

static void counts_begin_anew_with_the_broker_and_what_is_kept_does_not(void **state)
{
    struct queue_figures q;
    struct world w;

    (void)state;
    begin(&w, WORLD_DURABLE, 10);
    queue_put_all(&w, "a", "q", 3);
    take(&w, "a", "q");
    assert_int_equal(figures_of(&w, "q").counts.gets, 1);
    world_restart(&w);
    world_resume(&w, "a");
    q = figures_of(&w, "q");
    assert_int_equal(q.ready, 2);
    assert_int_equal(q.leased, 1);
    assert_int_equal(q.counts.puts, 0);
    assert_int_equal(q.counts.gets, 0);
    assert_int_equal(q.counts.waited.sum, 0);
    world_close(&w);
}

/* ---- histograms ---- */

static void a_value_falls_into_the_first_bucket_that_holds_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        struct histogram histogram = {.sum = 0};
        int64_t bound = histogram_loop_ns[i];

        histogram_observe(&histogram, histogram_loop_ns, bound);
        histogram_observe(&histogram, histogram_loop_ns, bound + 1);
        assert_int_equal(histogram.counts[i], 1);
        assert_int_equal(histogram.counts[i + 1], 1);
        assert_int_equal(histogram.sum, 2 * bound + 1);
        assert_true(i == 0 || bound > histogram_loop_ns[i - 1]);
        assert_true(i == 0 || histogram_message_ns[i] > histogram_message_ns[i - 1]);
    }
}

static void a_clock_that_went_back_is_no_time_at_all(void **state)
{
    struct histogram histogram = {.sum = 0};

    (void)state;
    histogram_observe(&histogram, histogram_loop_ns, -5);
    assert_int_equal(histogram.counts[0], 1);
    assert_int_equal(histogram.sum, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_counted_and_timed_on_its_way),
        cmocka_unit_test(who_waits_is_counted),
        cmocka_unit_test(each_redelivery_has_its_cause),
        cmocka_unit_test(each_way_out_has_its_own_count),
        cmocka_unit_test(beyond_the_number_queues_are_summed_and_the_sum_never_falls),
        cmocka_unit_test(a_walk_goes_on_when_the_queue_it_stands_on_is_removed),
        cmocka_unit_test(counts_begin_anew_with_the_broker_and_what_is_kept_does_not),
        cmocka_unit_test(a_value_falls_into_the_first_bucket_that_holds_it),
        cmocka_unit_test(a_clock_that_went_back_is_no_time_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
