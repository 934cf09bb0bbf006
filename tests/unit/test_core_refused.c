/* test_core_refused.c - requests that make no sense: each is refused with a line that says what is
 * wrong with it, and changes nothing; a connection that breaks the rules of ids is hung up on. */
#include <stdio.h>

#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_queue.h"

static void open_world(struct world *w)
{
    world_open(w, WORLD_DURABLE);
    world_hello(w, "a");
}

/* What is being asked is refused with these words. */
static void refused(struct world *w, enum mst_status status, const char *cause)
{
    expect_cause(w, "a", world_send(w), status, cause);
}

static struct mst_request *ask(struct world *w, enum mst_op op, const char *object)
{
    return world_request(w, "a", op, object);
}

static void a_put_says_what_and_how(void **state)
{
    static const char *const modes = "a put has at least one body, and mode each, all or fit";
    struct mst_span bodies[] = {mst_span_text("one"), mst_span_text("two")};
    int64_t priorities[] = {1, 2};
    struct mst_request *put;
    struct world w;

    (void)state;
    open_world(&w);
    w.config.body_bytes_max = 3;
    core_configure(w.core, &w.config);
    world_declare(&w, "a", "urgent", MST_KIND_PRIORITY, NULL, 0);
    ask(&w, MST_OP_PUT, "q")->mode = MST_PUT_ALL;
    refused(&w, MST_VALUE, modes);
    put = ask(&w, MST_OP_PUT, "q");
    put->mode = MST_PUT_FIT + 1;
    put->bodies = bodies;
    put->bodies_count = 1;
    refused(&w, MST_VALUE, modes);
    put = ask(&w, MST_OP_PUT, "urgent");
    put->bodies = bodies;
    put->bodies_count = 1;
    put->priorities = priorities;
    put->priorities_count = 2;
    refused(&w, MST_VALUE, "there must be one priority per body, or one for all");
    put = ask(&w, MST_OP_PUT, "q");
    put->bodies = bodies;
    put->bodies_count = put->priorities_count = 1;
    put->priorities = priorities;
    refused(&w, MST_VALUE, "only a priority queue takes priorities");
    expect_cause(&w, "a", queue_put(&w, "a", "q", "four"), MST_VALUE,
                 "a body is larger than the broker takes");
    assert_int_equal(world_stat(&w, "a", "q", "puts"), 0);
    world_close(&w);
}

static void the_other_requests_of_queues_too(void **state)
{
    static const char *const sides = "the sides are put, get or both";
    const struct mst_delivery *delivery;
    struct world w;

    (void)state;
    open_world(&w);
    expect_reply(&w, "a", queue_put(&w, "a", "q", "x"), MST_OK);
    ask(&w, MST_OP_GET, "q")->handles_count = 0;
    refused(&w, MST_VALUE, "a get names at least one queue");
    delivery = queue_take(&w, "a", "q");
    ask(&w, MST_OP_NACK, "q")->delay_ns = -1;
    w.asked.message = delivery->id;
    w.asked.number = delivery->number;
    refused(&w, MST_VALUE, "a negative delay");
    ask(&w, MST_OP_PAUSE, "q")->sides = 0;
    refused(&w, MST_VALUE, sides);
    ask(&w, MST_OP_PAUSE, "q")->sides = MST_SIDE_BOTH + 1;
    refused(&w, MST_VALUE, sides);
    assert_int_equal(world_stat(&w, "a", "q", "leased"), 1);
    world_close(&w);
}

static void times_of_a_wait_for_an_event_are_none_before_now(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    ask(&w, MST_OP_EVENT_WAIT, "go")->timeout_ns = -7;
    refused(&w, MST_VALUE, "a timeout is 0 or more");
    ask(&w, MST_OP_EVENT_WAIT, "go")->waited_ns = -1;
    refused(&w, MST_VALUE, "waited_ns is 0 or more");
    assert_int_equal(core_figures(w.core).waits, 0);
    world_close(&w);
}

/* ---- declaring ---- */

static void declare(struct world *w, enum mst_kind kind, struct mst_fact fact, const char *cause)
{
    struct mst_request *request = ask(w, MST_OP_DECLARE, "new");

    request->kind = (uint64_t)kind;
    request->settings = mst_arena_take(&w->arena, sizeof(fact));
    assert_non_null(request->settings);
    request->settings[0] = fact;
    request->settings_count = 1;
    refused(w, MST_VALUE, cause);
}

static struct mst_fact fact_of(const char *name, int64_t number)
{
    return (struct mst_fact){.name = mst_span_text(name), .number = number};
}

static void what_is_declared_has_a_kind_and_values_that_it_knows(void **state)
{
    static const char *const parties = "a barrier needs parties between 1 and 1000000";
    char name[100] = {0};
    char cause[200];
    struct mst_fact text = fact_of("maxsize", 0);
    struct world w;

    (void)state;
    open_world(&w);
    ask(&w, MST_OP_DECLARE, "new")->kind = 0;
    refused(&w, MST_VALUE, "no such kind of object");
    ask(&w, MST_OP_DECLARE, "new")->kind = MST_KIND_BARRIER + 1;
    refused(&w, MST_VALUE, "no such kind of object");
    memset(name, 'n', sizeof(name) - 1);
    snprintf(cause, sizeof(cause), "%.64s is no setting of a fifo", name); /* no more of it */
    declare(&w, MST_KIND_FIFO, fact_of(name, 1), cause);
    text.is_text = true;
    declare(&w, MST_KIND_FIFO, text, "maxsize has a value outside what is allowed for a fifo");
    for (int64_t full = -1; full <= 3; full += 4) {
        declare(&w, MST_KIND_LIFO, fact_of("full", full),
                "full has a value outside what is allowed for a lifo");
    }
    for (int64_t durable = -1; durable <= 2; durable += 3) {
        declare(&w, MST_KIND_EVENT, fact_of("durable", durable),
                "durable has a value outside what is allowed for a event");
    }
    declare(&w, MST_KIND_BARRIER, fact_of("parties", 0), parties);
    declare(&w, MST_KIND_BARRIER, fact_of("parties", 1000001), parties);
    assert_int_equal(core_figures(w.core).objects, 0);
    world_close(&w);
}

static void what_is_there_already_is_of_one_kind(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    open_world(&w);
    queue_get(&w, "a", "q", 1);
    ask(&w, MST_OP_DECLARE, "q")->kind = MST_KIND_EVENT;
    refused(&w, MST_CONFLICT, "it is of kind fifo");
    queue_put(&w, "a", "q", "x"); /* from now on it is a fifo for good */
    ask(&w, MST_OP_DECLARE, "q")->kind = MST_KIND_LIFO;
    refused(&w, MST_CONFLICT, "it is of kind fifo");
    world_do(&w, "a", MST_OP_EVENT_SET, "go");
    ask(&w, MST_OP_DECLARE, "go")->kind = MST_KIND_EVENT;
    id = world_send(&w);
    assert_false(expect_reply(&w, "a", id, MST_OK)->flag); /* it was there */
    world_close(&w);
}

/* A queue is as durable as the dead letters of its name that are left. */
static void a_queue_follows_its_dead_letters(void **state)
{
    static const struct mst_fact durable[] = {
        {.name = {(const uint8_t *)"durable", 7}, .number = 1}};
    static const struct mst_fact memory[] = {
        {.name = {(const uint8_t *)"durable", 7}, .number = 0}};
    struct world w;

    (void)state;
    open_world(&w);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "kept" : "passing";

        world_declare(&w, "a", name, MST_KIND_FIFO, i == 0 ? durable : memory, 1);
        queue_put(&w, "a", name, "x");
        expect_reply(&w, "a", queue_nack(&w, "a", name, queue_take(&w, "a", name), true), MST_OK);
        expect_reply(&w, "a", world_do(&w, "a", MST_OP_REMOVE, name), MST_OK);
    }
    world_declare(&w, "a", "kept", MST_KIND_FIFO, durable, 1);
    world_declare(&w, "a", "passing", MST_KIND_FIFO, NULL, 0);
    assert_int_equal(world_stat(&w, "a", "kept", "durable"), 1);
    assert_int_equal(world_stat(&w, "a", "passing", "durable"), 0);
    world_close(&w);
}

/* ---- ids ---- */

/* A request as a client's library would never send it. */
static void say(struct world *w, struct mst_request *request)
{
    const struct world_client *client = world_client(w, "a");
    struct event event = {.kind = EVENT_REQUEST,
                          .conn = client->conn,
                          .session = client->session,
                          .request = request};

    world_step(w, &event);
}

static void a_frame_stands_for_so_many_requests(void **state)
{
    static const char *const so_many = "a frame stands for 1 to 4096 requests";
    struct world w;

    (void)state;
    for (uint64_t first = 4096; first <= 5000; first += 904) {
        struct mst_run runs[] = {{1, 1, first}, {1, 2, 1}};

        open_world(&w);
        ask(&w, MST_OP_DONE, "q")->runs = runs;
        w.asked.runs_count = 2;
        refused(&w, MST_PROTOCOL, so_many);
        expect_closed(&w, "a");
        world_close(&w);
    }
    open_world(&w);
    ask(&w, MST_OP_PUT, "q");
    refused(&w, MST_PROTOCOL, so_many);
    expect_closed(&w, "a");
    world_close(&w);
}

static void what_is_no_request_is_none(void **state)
{
    struct mst_request request;
    struct world w;

    (void)state;
    open_world(&w);
    for (uint64_t op = 200; op <= 300; op += 100) {
        w.asking = world_client(&w, "a");
        mst_request_init(&w.asked, (enum mst_op)op);
        refused(&w, MST_PROTOCOL, "an operation that is no request");
    }
    mst_request_init(&request, MST_OP_HEARTBEAT);
    say(&w, &request);
    assert_int_equal(w.effects.count, 0);
    mst_request_init(&request, MST_OP_OPEN);
    request.handle = MST_HANDLE_MAX + 1;
    request.name = mst_span_text("q");
    say(&w, &request);
    expect_closed(&w, "a");
    world_close(&w);
}

static void a_frame_of_several_runs_is_answered_again(void **state)
{
    struct mst_run runs[] = {{1, 1, 2}, {3, 1, 1}};
    struct world w;
    uint64_t id;

    (void)state;
    open_world(&w);
    expect_reply(&w, "a", queue_put_all(&w, "a", "q", 3), MST_OK);
    id = queue_get(&w, "a", "q", 3);
    world_confirm(&w, "a", id, 3);
    ask(&w, MST_OP_DONE, "q")->runs = runs;
    w.asked.runs_count = 2;
    id = world_send(&w);
    say(&w, &world_request_of(&w, "a", id)->request);
    for (uint64_t i = 0; i < 3; i++) {
        assert_false(expect_reply(&w, "a", id + i, MST_OK)->already);
        expect_replies(&w, "a", id + i, 2);
    }
    assert_int_equal(world_stat(&w, "a", "q", "done"), 3);
    world_close(&w);
}

static void who_asks_again_while_it_waits_goes_on_waiting(void **state)
{
    struct world w;
    uint64_t id;

    (void)state;
    open_world(&w);
    id = queue_get_wait(&w, "a", "q", MST_FOREVER);
    say(&w, &world_request_of(&w, "a", id)->request);
    world_confirm(&w, "a", id, 1); /* nor is there anything to confirm */
    expect_waiting(&w, "a", id);
    assert_int_equal(world_stat(&w, "a", "q", "waiting_getters"), 1);
    queue_put(&w, "a", "q", "x");
    queue_got(&w, "a", id);
    expect_replies(&w, "a", id, 1);
    world_close(&w);
}

static void what_comes_late_on_an_old_connection_is_not_heard(void **state)
{
    enum event_kind kinds[] = {EVENT_REQUEST, EVENT_CONFIRM, EVENT_LOST};
    struct mst_range one = {1, 1};
    struct mst_request ping;
    struct world w;

    (void)state;
    open_world(&w);
    queue_put(&w, "a", "q", "x");
    mst_request_init(&ping, MST_OP_PING);
    ping.id = 9;
    for (size_t i = 0; i < 3 * 2; i++) {
        struct event event = {.kind = kinds[i / 2],
                              .conn = 77,
                              .session = i % 2 == 0 ? world_client(&w, "a")->session : 12345,
                              .request = &ping,
                              .confirmed = &one,
                              .confirmed_count = 1};

        world_step(&w, &event);
        assert_int_equal(w.effects.count, 0);
        assert_int_equal(w.effects.records_seq, 0);
    }
    assert_int_equal(core_figures(w.core).connected, 1);
    assert_null(core_label(w.core, 12345).data);
    assert_null(core_handle_name(w.core, 12345, 0).data);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_put_says_what_and_how),
        cmocka_unit_test(the_other_requests_of_queues_too),
        cmocka_unit_test(times_of_a_wait_for_an_event_are_none_before_now),
        cmocka_unit_test(what_is_declared_has_a_kind_and_values_that_it_knows),
        cmocka_unit_test(what_is_there_already_is_of_one_kind),
        cmocka_unit_test(a_queue_follows_its_dead_letters),
        cmocka_unit_test(a_frame_stands_for_so_many_requests),
        cmocka_unit_test(what_is_no_request_is_none),
        cmocka_unit_test(a_frame_of_several_runs_is_answered_again),
        cmocka_unit_test(who_asks_again_while_it_waits_goes_on_waiting),
        cmocka_unit_test(what_comes_late_on_an_old_connection_is_not_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
