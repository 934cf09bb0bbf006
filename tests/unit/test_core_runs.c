/* test_core_runs.c - requests that ended together go their own ways: some of their replies are
 * taken, others are asked for again, given up, or lose what they brought. Each keeps its own
 * outcome, whichever neighbours it shared it with, also across a restart. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_queue.h"

#define RUN 8

/* Eight messages "0" .. "7", in eight requests of one frame. */
static uint64_t put_run(struct world *w, const char *who)
{
    static const char *const texts[RUN] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    struct mst_request *put = world_request(w, who, MST_OP_PUT, "q");
    struct mst_span *bodies = mst_arena_take(&w->arena, RUN * sizeof(*bodies));

    assert_non_null(bodies);
    for (size_t i = 0; i < RUN; i++) {
        bodies[i] = mst_span_text(texts[i]);
    }
    put->bodies = bodies;
    put->bodies_count = RUN;
    return world_send(w);
}

/* The network swallowed the replies to these. */
static void was_not_heard(struct world *w, const char *who, uint64_t id, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        world_request_of(w, who, id + i)->reply = NULL;
    }
}

static void come_back(struct world *w, const char *who, bool restart)
{
    if (restart) {
        world_restart(w);
        world_resume(w, "b");
    } else {
        world_lose(w, who);
    }
    world_reconnect(w, who);
}

/* Sends `count` requests of the frame that began with id `first` again, from that one on. */
static void ask_again(struct world *w, const char *who, uint64_t first, uint64_t from,
                      uint64_t count)
{
    struct world_client *client = world_client(w, who);
    struct mst_request request = world_request_of(w, who, first)->request;
    struct mst_run run = {0, 0, count};
    struct event event = {.kind = EVENT_REQUEST,
                          .conn = client->conn,
                          .session = client->session,
                          .request = &request};

    request.id = first + from;
    if (request.op == MST_OP_PUT) {
        request.bodies += from;
        request.bodies_count = count;
    } else if (request.op == MST_OP_GET) {
        request.count = count;
    } else {
        run.first = request.runs[0].first + from;
        run.number = request.runs[0].number;
        request.runs = &run;
    }
    world_step(w, &event);
}

static bool brought(struct world *w, const char *who, uint64_t id, const char *body)
{
    return span_is(queue_got(w, who, id)->body, body);
}

static void open_with(struct world *w, enum world_storage storage)
{
    world_open(w, storage);
    world_hello(w, "a");
    world_hello(w, "b");
}

static void check_puts(enum world_storage storage, bool restart)
{
    struct world w;
    uint64_t id;

    open_with(&w, storage);
    id = put_run(&w, "a");
    world_confirm(&w, "a", id + 2, 3);
    world_confirm(&w, "a", id, 1);
    was_not_heard(&w, "a", id + 1, 1);
    was_not_heard(&w, "a", id + 5, 2);
    come_back(&w, "a", restart);
    ask_again(&w, "a", id, 1, 1);
    ask_again(&w, "a", id, 5, 2);
    assert_int_equal(expect_reply(&w, "a", id + 1, MST_OK)->first, 2);
    assert_int_equal(expect_reply(&w, "a", id + 5, MST_OK)->first + 1, 7);
    assert_int_equal(expect_reply(&w, "a", id + 6, MST_OK)->taken, 2);
    assert_int_equal(world_stat(&w, "b", "q", "puts"), RUN);
    world_close(&w);
}

static void each_put_of_a_run_has_its_own_message(void **state)
{
    (void)state;
    check_puts(WORLD_MEMORY, false);
    check_puts(WORLD_DURABLE, false);
    check_puts(WORLD_DURABLE, true);
}

static void check_gets(enum world_storage storage, bool restart)
{
    struct world w;
    uint64_t id;

    open_with(&w, storage);
    put_run(&w, "b");
    id = queue_get(&w, "a", "q", RUN);
    world_confirm(&w, "a", id + 3, 2);
    was_not_heard(&w, "a", id, 2);
    was_not_heard(&w, "a", id + 7, 1);
    come_back(&w, "a", restart);
    ask_again(&w, "a", id, 0, 2);
    ask_again(&w, "a", id, 7, 1);
    assert_true(brought(&w, "a", id + 7, "7"));
    assert_int_equal(expect_reply(&w, "a", id + 1, MST_OK)->deliveries_count, 2);
    assert_true(span_is(expect_reply(&w, "a", id, MST_OK)->deliveries[1].body, "1"));
    world_confirm(&w, "a", id, 1);
    world_bye(&w, "a");
    /* All come back; what was taken counts, what was on the way does not. */
    assert_int_equal(world_stat(&w, "b", "q", "ready"), RUN);
    expect_reply(&w, "b", queue_update(&w, "b", "q", "max-deliveries", 2), MST_OK);
    id = queue_get(&w, "b", "q", RUN);
    world_confirm(&w, "b", id, RUN);
    world_bye(&w, "b");
    world_hello(&w, "c");
    assert_int_equal(world_stat(&w, "c", "q", "ready"), 2);
    assert_int_equal(queue_got(&w, "c", queue_get(&w, "c", "q", 1))->id, 2);
    world_close(&w);
}

static void each_get_of_a_run_has_its_own_delivery(void **state)
{
    (void)state;
    check_gets(WORLD_MEMORY, false);
    check_gets(WORLD_DURABLE, false);
    check_gets(WORLD_DURABLE, true);
}

static void check_given_up(bool restart)
{
    struct world w;
    uint64_t id;

    open_with(&w, WORLD_DURABLE);
    put_run(&w, "b");
    id = queue_get(&w, "a", "q", RUN);
    was_not_heard(&w, "a", id, RUN);
    world_give_up(&w, "a", id + 4);
    come_back(&w, "a", restart);
    ask_again(&w, "a", id, 0, 4);
    ask_again(&w, "a", id, 5, 3);
    assert_true(brought(&w, "a", id + 5, "5"));
    assert_true(brought(&w, "b", queue_get(&w, "b", "q", 1), "4"));
    world_close(&w);
}

static void one_of_a_run_is_given_up_and_its_message_alone_returns(void **state)
{
    (void)state;
    check_given_up(false);
    check_given_up(true);
}

static void what_is_finished_early_is_missing_from_its_own_reply_only(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    open_with(&w, WORLD_DURABLE);
    put_run(&w, "b");
    id = queue_get(&w, "a", "q", RUN);
    expect_reply(&w, "a", queue_done(&w, "a", "q", 4, 1), MST_OK);
    was_not_heard(&w, "a", id, RUN);
    come_back(&w, "a", true);
    ask_again(&w, "a", id, 0, RUN);
    expect_reply(&w, "a", id + 3, MST_LOST);
    assert_true(brought(&w, "a", id + 4, "4"));
    world_close(&w);
}

static void a_queue_that_goes_takes_from_a_run_only_what_was_not_taken(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    open_with(&w, WORLD_DURABLE);
    put_run(&w, "b");
    id = queue_get(&w, "a", "q", RUN);
    world_confirm(&w, "a", id + 1, 1);
    expect_reply(&w, "a", queue_done(&w, "a", "q", 8, 1), MST_OK);
    expect_reply(&w, "b", world_do(&w, "b", MST_OP_REMOVE, "q"), MST_OK);
    was_not_heard(&w, "a", id, 1);
    was_not_heard(&w, "a", id + 6, 2);
    come_back(&w, "a", true);
    ask_again(&w, "a", id, 0, 1);
    ask_again(&w, "a", id, 6, 2);
    expect_reply(&w, "a", id, MST_GONE);
    expect_reply(&w, "a", id + 6, MST_GONE);
    expect_reply(&w, "a", id + 7, MST_LOST);
    world_close(&w);
}

static void a_run_of_dones_is_taken_bit_by_bit(void **state)
{
    struct mst_run run = {1, 1, RUN};
    struct mst_request *done;
    struct world w;
    uint64_t id;

    (void)state;
    open_with(&w, WORLD_DURABLE);
    put_run(&w, "b");
    queue_got(&w, "a", queue_get(&w, "a", "q", RUN));
    done = world_request(&w, "a", MST_OP_DONE, "q");
    done->runs = &run;
    done->runs_count = 1;
    id = world_send(&w);
    for (uint64_t i = 0; i < RUN; i += 2) {
        world_confirm(&w, "a", id + i, 1);
        was_not_heard(&w, "a", id + i + 1, 1);
    }
    come_back(&w, "a", true);
    for (uint64_t i = 1; i < RUN; i += 2) {
        ask_again(&w, "a", id, i, 1);
        assert_false(expect_reply(&w, "a", id + i, MST_OK)->already);
    }
    assert_int_equal(world_stat(&w, "a", "q", "done"), RUN);
    world_close(&w);
}

/* ---- gets that wait together ---- */

static uint64_t wait_run(struct world *w, const char *who, int64_t timeout_ns)
{
    struct mst_request *get = world_request(w, who, MST_OP_GET, "q");

    get->count = RUN;
    get->timeout_ns = timeout_ns;
    return world_send(w);
}

static void gets_that_wait_together_are_served_cancelled_and_end_one_by_one(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    open_with(&w, WORLD_DURABLE);
    id = wait_run(&w, "a", 5 * SECOND);
    assert_int_equal(world_stat(&w, "b", "q", "waiting_getters"), RUN);
    queue_put_all(&w, "b", "q", 2);
    assert_int_equal(queue_got(&w, "a", id + 1)->id, 2);
    expect_waiting(&w, "a", id + 2);
    world_cancel(&w, "a", id + 4, MST_CANCELLED);
    expect_reply(&w, "a", id + 4, MST_CANCELLED);
    expect_waiting(&w, "a", id + 3);
    expect_waiting(&w, "a", id + 5);
    assert_int_equal(world_stat(&w, "b", "q", "waiting_getters"), RUN - 3);
    queue_put_all(&w, "b", "q", 3);
    assert_int_equal(queue_got(&w, "a", id + 3)->id, 4);
    assert_int_equal(queue_got(&w, "a", id + 5)->id, 5);
    assert_int_equal(core_figures(w.core).waits, 2);
    world_advance(&w, 5 * SECOND);
    expect_reply(&w, "a", id + 6, MST_TIMEOUT);
    expect_reply(&w, "a", id + 7, MST_TIMEOUT);
    for (uint64_t i = 0; i < RUN; i++) {
        expect_replies(&w, "a", id + i, 1);
    }
    world_close(&w);
}

static void who_came_behind_a_run_is_served_behind_it(void **state)
{
    struct world w;
    uint64_t of_a;
    uint64_t of_b;

    (void)state;
    open_with(&w, WORLD_MEMORY);
    world_hello(&w, "c");
    of_a = wait_run(&w, "a", MST_FOREVER);
    of_b = wait_run(&w, "b", MST_FOREVER);
    queue_put_all(&w, "c", "q", 4);
    world_cancel(&w, "a", of_a + 6, MST_CANCELLED);
    queue_put_all(&w, "c", "q", 5);
    assert_int_equal(queue_got(&w, "a", of_a + 7)->id, 7);
    assert_int_equal(queue_got(&w, "b", of_b)->id, 8);
    assert_int_equal(queue_got(&w, "b", of_b + 1)->id, 9);
    expect_waiting(&w, "b", of_b + 2);
    world_close(&w);
}

static void a_run_that_was_away_has_its_place_again(void **state)
{
    struct world w;
    uint64_t of_a;
    uint64_t of_b;

    (void)state;
    open_with(&w, WORLD_DURABLE);
    world_hello(&w, "c");
    of_a = wait_run(&w, "a", MST_FOREVER);
    of_b = wait_run(&w, "b", MST_FOREVER);
    queue_put_all(&w, "c", "q", 1);
    world_lose(&w, "a");
    queue_put_all(&w, "c", "q", 2); /* it is passed over */
    assert_int_equal(queue_got(&w, "b", of_b + 1)->id, 3);
    world_give_up(&w, "a", of_a + 2);
    world_reconnect(&w, "a");
    ask_again(&w, "a", of_a, 1, 1);
    ask_again(&w, "a", of_a, 3, 5);
    queue_put_all(&w, "c", "q", 7);
    assert_int_equal(queue_got(&w, "a", of_a + 1)->id, 4);
    assert_int_equal(queue_got(&w, "a", of_a + 3)->id, 5);
    assert_int_equal(queue_got(&w, "a", of_a + 7)->id, 9);
    assert_int_equal(queue_got(&w, "b", of_b + 2)->id, 10);
    assert_int_equal(core_figures(w.core).waits, RUN - 3);
    world_close(&w);
}

static void a_run_waits_in_several_queues(void **state)
{
    uint64_t handles[2];
    struct mst_request *get;
    struct world w;
    uint64_t id;

    (void)state;
    open_with(&w, WORLD_MEMORY);
    handles[0] = world_handle(&w, "a", "p");
    handles[1] = world_handle(&w, "a", "q");
    get = world_request(&w, "a", MST_OP_GET, NULL);
    get->handles = handles;
    get->handles_count = 2;
    get->count = RUN;
    id = world_send(&w);
    queue_put_all(&w, "b", "q", 2);
    queue_put_all(&w, "b", "p", 3);
    assert_int_equal(expect_reply(&w, "a", id + 1, MST_OK)->handle, handles[1]);
    assert_int_equal(queue_got(&w, "a", id + 4)->id, 3);
    assert_int_equal(world_stat(&w, "b", "p", "waiting_getters"), RUN - 5);
    assert_int_equal(world_stat(&w, "b", "q", "waiting_getters"), RUN - 5);
    expect_reply(&w, "b", world_do(&w, "b", MST_OP_REMOVE, "p"), MST_OK);
    assert_int_equal(world_stat(&w, "b", "q", "waiting_getters"), 0);
    expect_reply(&w, "a", id + 7, MST_GONE);
    world_close(&w);
}

static void as_many_of_a_run_wait_as_may(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    open_with(&w, WORLD_MEMORY);
    w.config.waits_max = 3;
    core_configure(w.core, &w.config);
    id = wait_run(&w, "a", MST_FOREVER);
    expect_waiting(&w, "a", id + 2);
    expect_cause(&w, "a", id + 3, MST_LIMIT, "the broker's limit of waits is reached");
    expect_reply(&w, "a", id + 7, MST_LIMIT);
    queue_put_all(&w, "b", "q", 4);
    assert_int_equal(queue_got(&w, "a", id + 2)->id, 3);
    assert_int_equal(world_stat(&w, "b", "q", "ready"), 1);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_put_of_a_run_has_its_own_message),
        cmocka_unit_test(each_get_of_a_run_has_its_own_delivery),
        cmocka_unit_test(one_of_a_run_is_given_up_and_its_message_alone_returns),
        cmocka_unit_test(what_is_finished_early_is_missing_from_its_own_reply_only),
        cmocka_unit_test(a_queue_that_goes_takes_from_a_run_only_what_was_not_taken),
        cmocka_unit_test(a_run_of_dones_is_taken_bit_by_bit),
        cmocka_unit_test(gets_that_wait_together_are_served_cancelled_and_end_one_by_one),
        cmocka_unit_test(who_came_behind_a_run_is_served_behind_it),
        cmocka_unit_test(a_run_that_was_away_has_its_place_again),
        cmocka_unit_test(a_run_waits_in_several_queues),
        cmocka_unit_test(as_many_of_a_run_wait_as_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
