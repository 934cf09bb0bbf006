/* test_core_session.c - sessions: what they hold across connections and restarts, and their limits.
 */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_queue.h"

static uint64_t sessions(struct world *w)
{
    return core_figures(w->core).sessions;
}

static void a_session_that_does_not_return_after_a_restart_ends(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    world_hello(&w, "b");
    queue_put(&w, "a", "q", "x");
    queue_got(&w, "a", queue_get(&w, "a", "q", 1));
    world_confirm(&w, "a", 1, 2);
    world_advance(&w, 60 * SECOND);
    world_restart(&w);
    world_resume(&w, "b");
    assert_int_equal(sessions(&w), 2);
    world_advance(&w, 9 * SECOND); /* it has its full time again */
    assert_int_equal(sessions(&w), 2);
    world_advance(&w, 2 * SECOND);
    assert_int_equal(sessions(&w), 1);
    assert_int_equal(queue_got(&w, "b", queue_get(&w, "b", "q", 1))->number, 2);
    world_close(&w);
}

static void a_session_without_a_time_to_live_ends_with_the_broker(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello_ttl(&w, "a", 0);
    queue_put(&w, "a", "q", "x");
    world_restart(&w);
    world_advance(&w, 0);
    assert_int_equal(sessions(&w), 0);
    world_close(&w);
}

static void a_lease_gets_its_full_time_anew_after_a_restart(void **state)
{
    struct world w;
    uint64_t get;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    queue_put(&w, "a", "q", "x");
    world_request(&w, "a", MST_OP_GET, "q")->lease_ns = 5 * SECOND;
    get = world_send(&w);
    queue_got(&w, "a", get);
    world_confirm(&w, "a", get, 1);
    world_advance(&w, 4 * SECOND);
    world_restart(&w);
    world_resume(&w, "a");
    world_advance(&w, 4 * SECOND);
    expect_reply(&w, "a", queue_get(&w, "a", "q", 1), MST_EMPTY);
    world_advance(&w, 2 * SECOND);
    assert_int_equal(queue_got(&w, "a", queue_get(&w, "a", "q", 1))->number, 2);
    world_close(&w);
}

/* Both gets are answered; the second message is finished although its get was never confirmed. */
static void a_get_whose_delivery_is_over_says_so_when_asked_again(void **state)
{
    struct world w;
    uint64_t gets;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    queue_put(&w, "a", "q", "x");
    queue_put(&w, "a", "q", "y");
    gets = queue_get(&w, "a", "q", 2);
    queue_got(&w, "a", gets + 1);
    expect_reply(&w, "a", queue_done(&w, "a", "q", 2, 1), MST_OK);
    world_lose(&w, "a");
    world_request_of(&w, "a", gets)->reply = NULL;
    world_request_of(&w, "a", gets + 1)->reply = NULL;
    world_resume(&w, "a");
    assert_true(span_is(queue_got(&w, "a", gets)->body, "x"));
    expect_reply(&w, "a", gets + 1, MST_LOST);
    world_close(&w);
}

static void ids_sent_again_together_with_new_ones_count_as_in_flight(void **state)
{
    struct world w;
    struct mst_request *get;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    queue_get(&w, "a", "q", MST_IN_FLIGHT_MAX);
    get = world_request(&w, "a", MST_OP_GET, "q");
    get->count = MST_IN_FLIGHT_MAX;
    get->timeout_ns = 0;
    world_client(&w, "a")->requests_count--; /* its first id is the last of those before */
    world_send(&w);
    expect_closed(&w, "a");
    expect_reply(&w, "a", MST_IN_FLIGHT_MAX + 1, MST_LIMIT);
    world_close(&w);
}

static void step_request(struct world *w, const char *who, struct mst_request *request)
{
    struct world_client *client = world_client(w, who);
    struct event event = {.now_ns = w->now_ns,
                          .kind = EVENT_REQUEST,
                          .conn = client->conn,
                          .session = client->session,
                          .request = request};

    core_step(w->core, &event, &w->effects);
}

/* ---- frames that are sent again as they were, although parts of them are known ---- */

static void send_again(struct world *w, const char *who, uint64_t id, size_t count)
{
    struct world_client *client = world_client(w, who);
    struct event event = {.kind = EVENT_REQUEST, .session = client->session};

    for (size_t i = 0; i < count; i++) {
        world_request_of(w, who, id + i)->reply = NULL;
    }
    world_reconnect(w, who);
    event.now_ns = w->now_ns;
    event.conn = client->conn;
    event.request = &world_request_of(w, who, id)->request;
    world_step(w, &event);
}

static void expect_answers(const struct world *w, size_t replies, uint64_t answered)
{
    uint64_t n = 0;

    assert_int_equal(w->effects.count, replies);
    for (size_t i = 0; i < replies; i++) {
        assert_int_equal(w->effects.items[i].reply.status, MST_OK);
        n += w->effects.items[i].reply.answered;
    }
    assert_int_equal(n, answered);
}

static void a_frame_of_gets_brings_the_same_again_and_goes_on_waiting(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    world_hello(&w, "b");
    queue_put_all(&w, "b", "q", 2);
    world_request(&w, "a", MST_OP_GET, "q")->count = 4;
    id = world_send(&w);
    world_lose(&w, "a");
    send_again(&w, "a", id, 4);
    expect_answers(&w, 1, 2);
    assert_int_equal(w.effects.items[0].reply.deliveries[1].id, 2);
    assert_int_equal(w.effects.items[0].reply.deliveries[1].number, 1);
    assert_int_equal(core_figures(w.core).waits, 2);
    queue_put_all(&w, "b", "q", 2);
    assert_int_equal(queue_got(&w, "a", id + 3)->id, 4);
    world_close(&w);
}

static void a_frame_of_puts_of_which_some_are_on_disk_puts_the_others(void **state)
{
    struct mst_span bodies[4];
    struct mst_request *put;
    struct world w;
    uint64_t id;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    queue_get(&w, "a", "q", 1);
    expect_reply(&w, "a", queue_update(&w, "a", "q", "maxsize", 2), MST_OK);
    put = world_request(&w, "a", MST_OP_PUT, "q");
    for (size_t i = 0; i < 4; i++) {
        bodies[i] = mst_span_text(i < 2 ? "early" : "late");
    }
    put->bodies = bodies;
    put->bodies_count = 4;
    id = world_send(&w);
    world_restart(&w); /* two are in, two stood in line */
    send_again(&w, "a", id, 4);
    expect_answers(&w, 1, 2);
    assert_int_equal(world_stat(&w, "a", "q", "puts"), 2);
    expect_reply(&w, "a", queue_update(&w, "a", "q", "maxsize", 4), MST_OK);
    assert_int_equal(world_stat(&w, "a", "q", "puts"), 4);
    expect_reply(&w, "a", id + 3, MST_OK);
    world_close(&w);
}

static void a_frame_of_dones_finishes_nothing_twice(void **state)
{
    struct mst_request *done;
    struct mst_run run = {1, 1, 3};
    struct world w;
    uint64_t id;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    queue_put_all(&w, "a", "q", 3);
    queue_got(&w, "a", queue_get(&w, "a", "q", 3));
    done = world_request(&w, "a", MST_OP_DONE, "q");
    done->runs = &run;
    done->runs_count = 1;
    id = world_send(&w);
    world_restart(&w);
    send_again(&w, "a", id, 3);
    expect_answers(&w, 1, 3);
    assert_false(w.effects.items[0].reply.already); /* its first outcome */
    assert_int_equal(world_stat(&w, "a", "q", "done"), 3);
    world_close(&w);
}

static void ids_do_not_run_past_the_last_number(void **state)
{
    struct world w;
    struct mst_request request;
    struct mst_span body = mst_span_text("x");

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    mst_request_init(&request, MST_OP_PUT);
    request.handle = world_handle(&w, "a", "q");
    request.id = UINT64_MAX - 1;
    request.bodies = (struct mst_span[]){body, body, body};
    request.bodies_count = 3;
    step_request(&w, "a", &request);
    assert_int_equal(w.effects.items[w.effects.count - 1].kind, EFFECT_CLOSE);
    assert_int_equal(core_figures(w.core).messages, 0);
    world_close(&w);
}

static void receipts_of_a_displaced_connection_are_not_heard(void **state)
{
    struct world w;
    struct mst_range range = {2, 1};
    struct event event = {.kind = EVENT_CONFIRM, .confirmed = &range, .confirmed_count = 1};

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    queue_put(&w, "a", "q", "x");
    queue_got(&w, "a", queue_get(&w, "a", "q", 1));
    event.now_ns = w.now_ns;
    event.conn = world_client(&w, "a")->conn;
    event.session = world_client(&w, "a")->session;
    world_request_of(&w, "a", 2)->reply = NULL;
    world_resume(&w, "a");
    world_step(&w, &event);
    world_request_of(&w, "a", 2)->reply = NULL;
    world_resume(&w, "a");
    assert_int_equal(queue_got(&w, "a", 2)->number, 1);
    world_close(&w);
}

/* What a get brought leaves the queue when its receipt comes, which lets a blocked put in; and the
 * get in the same frame finds that. */
static void receipts_come_before_the_request_that_they_came_with(void **state)
{
    struct world w;
    struct mst_range receipt = {1, 1};
    struct event event = {.kind = EVENT_REQUEST, .confirmed = &receipt, .confirmed_count = 1};
    struct world_client *a;
    struct mst_request get;
    const struct mst_reply *last;
    uint64_t blocked;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    world_hello(&w, "b");
    queue_put(&w, "b", "q", "x");
    queue_update(&w, "b", "q", "maxsize", 1);
    world_request(&w, "a", MST_OP_GET, "q")->mode = MST_GET_AUTO;
    receipt.first = world_send(&w);
    get = world_request_of(&w, "a", receipt.first)->request;
    blocked = queue_put(&w, "b", "q", "y");
    assert_null(world_request_of(&w, "b", blocked)->reply);

    a = world_client(&w, "a");
    get.id = receipt.first + 1;
    get.timeout_ns = 0;
    a->requests[a->requests_count++].request = get;
    event.conn = a->conn;
    event.session = a->session;
    event.request = &get;
    world_step(&w, &event);
    last = world_request_of(&w, "a", get.id)->reply;
    assert_non_null(last);
    assert_int_equal(last->status, MST_OK);
    assert_memory_equal(last->deliveries[0].body.data, "y", 1);
    assert_non_null(world_request_of(&w, "b", blocked)->reply);
    world_close(&w);
}

static uint64_t wait_often(struct world *w, const char *who)
{
    world_request(w, who, MST_OP_GET, "q")->count = 1500;
    return world_send(w);
}

/* A crowd is told in slices, and nobody is left out. */
static void all_waits_end_when_the_broker_goes_away(void **state)
{
    struct world w;
    uint64_t of_a;
    uint64_t of_b;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    world_hello(&w, "b");
    of_a = wait_often(&w, "a");
    of_b = wait_often(&w, "b");
    world_drain(&w);
    assert_int_equal(core_figures(w.core).waits, 1500);
    assert_int_equal(core_next_deadline_ns(w.core), 0);
    world_advance(&w, 0);
    for (uint64_t i = 0; i < 1500; i++) {
        expect_reply(&w, "a", of_a + i, MST_UNAVAILABLE);
        expect_reply(&w, "b", of_b + i, MST_UNAVAILABLE);
    }
    assert_true(core_next_deadline_ns(w.core) > 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_that_does_not_return_after_a_restart_ends),
        cmocka_unit_test(a_session_without_a_time_to_live_ends_with_the_broker),
        cmocka_unit_test(a_lease_gets_its_full_time_anew_after_a_restart),
        cmocka_unit_test(a_get_whose_delivery_is_over_says_so_when_asked_again),
        cmocka_unit_test(ids_sent_again_together_with_new_ones_count_as_in_flight),
        cmocka_unit_test(a_frame_of_gets_brings_the_same_again_and_goes_on_waiting),
        cmocka_unit_test(a_frame_of_puts_of_which_some_are_on_disk_puts_the_others),
        cmocka_unit_test(a_frame_of_dones_finishes_nothing_twice),
        cmocka_unit_test(ids_do_not_run_past_the_last_number),
        cmocka_unit_test(all_waits_end_when_the_broker_goes_away),
        cmocka_unit_test(receipts_of_a_displaced_connection_are_not_heard),
        cmocka_unit_test(receipts_come_before_the_request_that_they_came_with),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
