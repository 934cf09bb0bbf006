/* test_engine_turn.c - what a turn sends: in which order, and which receipts may wait for more. */
#include "tests/unit/engine_pipes.h"

static void a_message_is_with_its_getter_before_the_putter_is_told(void **state)
{
    struct pipes *pipes = *state;
    struct client *putter = pipes_client(pipes);
    struct client *getter = pipes_client(pipes);

    pipes_get(pipes, getter, 1, MST_GET_AUTO);
    pipes_turn(pipes);
    pipes_put(pipes, putter, 1, "hello");
    pipes_turn(pipes);
    assert_read(getter, "GET#1 OK hello.1 ");
    assert_read(putter, "PUT#1 OK ");
    assert_int_equal(getter->place + 1, putter->place);
}

static void who_releases_many_does_not_wait_for_all_of_them(void **state)
{
    struct pipes *pipes = *state;
    struct client *waiter[3];
    struct client *setter = pipes_client(pipes);

    for (size_t i = 0; i < 3; i++) {
        waiter[i] = pipes_client(pipes);
        pipes_simple(pipes, waiter[i], MST_OP_EVENT_WAIT, 1);
    }
    pipes_turn(pipes);
    pipes_simple(pipes, setter, MST_OP_EVENT_SET, 1);
    pipes_turn(pipes);
    assert_read(setter, "EVENT_SET#1 OK ");
    for (size_t i = 0; i < 3; i++) {
        assert_read(waiter[i], "EVENT_WAIT#1 OK ");
    }
    assert_int_equal(waiter[0]->place + 1, setter->place);
    assert_int_equal(waiter[0]->place + 2, waiter[1]->place);
    assert_int_equal(waiter[0]->place + 3, waiter[2]->place);
}

static void those_who_ask_are_answered_in_the_order_of_their_coming(void **state)
{
    struct pipes *pipes = *state;
    struct client *putter[3];

    for (size_t i = 0; i < 3; i++) {
        putter[i] = pipes_client(pipes);
    }
    for (size_t i = 0; i < 3; i++) {
        pipes_put(pipes, putter[2 - i], 1, "x");
    }
    pipes_turn(pipes);
    assert_int_equal(putter[2]->place + 1, putter[1]->place);
    assert_int_equal(putter[2]->place + 2, putter[0]->place);
}

/* ---- receipts that may travel with the next message ---- */

static void append(struct mst_buf *bytes, struct client *client, struct mst_request *request)
{
    request->confirm = client->confirm;
    assert_true(mst_request_encode(bytes, request));
}

/* Delivery 1 of a message is finished. The next is asked for in the same breath, or it is not. */
static void finish(struct pipes *pipes, struct client *client, uint64_t id, uint64_t message,
                   bool asks)
{
    uint64_t handle = 1;
    struct mst_run run = {message, 1, 1};
    struct mst_request done;
    struct mst_request get;
    struct mst_buf bytes;

    mst_request_init(&done, MST_OP_DONE);
    done.id = id;
    done.handle = 1;
    done.runs = &run;
    done.runs_count = 1;
    mst_request_init(&get, MST_OP_GET);
    get.id = id + 1;
    get.handles = &handle;
    get.handles_count = 1;
    mst_buf_init(&bytes);
    append(&bytes, client, &done);
    if (asks) {
        append(&bytes, client, &get);
    }
    engine_receive(pipes->engine, client->conn, mst_buf_span(&bytes));
    mst_buf_clear(&bytes);
}

/* A getter that has message 1. */
static struct client *holder(struct pipes *pipes, struct client *putter)
{
    struct client *getter = pipes_client(pipes);

    pipes_put(pipes, putter, 1, "one");
    pipes_get(pipes, getter, 1, MST_GET_LEASE);
    pipes_turn(pipes);
    assert_read(putter, "PUT#1 OK ");
    assert_read(getter, "GET#1 OK one.1 ");
    return getter;
}

static void a_receipt_travels_with_the_next_message(void **state)
{
    struct pipes *pipes = *state;
    struct client *putter = pipes_client(pipes);
    struct client *getter = holder(pipes, putter);
    size_t before = getter->sends;

    finish(pipes, getter, 2, 1, true);
    engine_turn(pipes->engine);
    assert_int_equal(engine_next_deadline_ns(pipes->engine), 0); /* it does not sleep over it */
    pipes_put(pipes, putter, 2, "two");
    engine_turn(pipes->engine);
    assert_int_equal(getter->sends, before + 1);
    assert_read(getter, "DONE#2 OK GET#3 OK two.1 ");
    assert_true(getter->place < putter->place);
}

static void a_receipt_waits_for_nothing_when_nothing_more_comes(void **state)
{
    struct pipes *pipes = *state;
    struct client *getter = holder(pipes, pipes_client(pipes));

    finish(pipes, getter, 2, 1, true);
    engine_turn(pipes->engine);
    assert_read(getter, "");
    engine_turn(pipes->engine);
    assert_read(getter, "DONE#2 OK ");
}

static void a_receipt_waits_a_moment_at_most(void **state)
{
    struct pipes *pipes = *state;
    struct client *putter = pipes_client(pipes);
    struct client *getter = holder(pipes, putter);
    int64_t begin_ns = pipes->now_ns;

    finish(pipes, getter, 2, 1, true);
    engine_turn(pipes->engine);
    while (mst_buf_size(&getter->in) == 0) {
        pipes->now_ns += MS / 20;
        assert_true(pipes->now_ns - begin_ns < 3 * MS);
        pipes_simple(pipes, putter, MST_OP_HEARTBEAT, 0); /* others go on speaking */
        engine_turn(pipes->engine);
    }
    assert_read(getter, "DONE#2 OK ");
}

static void who_asks_for_nothing_else_is_told_at_once(void **state)
{
    struct pipes *pipes = *state;
    struct client *putter = pipes_client(pipes);
    struct client *getter = holder(pipes, putter);

    finish(pipes, getter, 2, 1, false);
    engine_turn(pipes->engine);
    assert_read(getter, "DONE#2 OK ");

    /* Nor does who waits already, in another thread of the same program. */
    pipes_put(pipes, putter, 2, "two");
    pipes_get(pipes, getter, 3, MST_GET_LEASE);
    pipes_get(pipes, getter, 4, MST_GET_LEASE);
    engine_turn(pipes->engine);
    assert_read(getter, "GET#3 OK two.1 ");
    finish(pipes, getter, 5, 2, false);
    engine_turn(pipes->engine);
    assert_read(getter, "DONE#5 OK ");
}

static void a_finish_that_is_refused_is_told_at_once(void **state)
{
    struct pipes *pipes = *state;
    struct client *getter = holder(pipes, pipes_client(pipes));

    finish(pipes, getter, 2, 7, true);
    engine_turn(pipes->engine);
    assert_read(getter, "DONE#2 NOT_FOUND ");
}

static void who_goes_meanwhile_takes_its_receipt_along(void **state)
{
    struct pipes *pipes = *state;
    struct client *putter = pipes_client(pipes);
    struct client *getter = holder(pipes, putter);

    finish(pipes, getter, 2, 1, true);
    engine_turn(pipes->engine);
    engine_closed(pipes->engine, getter->conn);
    pipes_put(pipes, putter, 2, "two");
    engine_turn(pipes->engine);
    assert_true(getter->closed);
    pipes_turn(pipes);
    assert_read(putter, "PUT#2 OK ");
}

/* What waited for the disk leaves together: nothing else has to wait for a message. */
static void an_answer_beside_a_receipt_does_not_rest(void **state)
{
    struct pipes *pipes = *state;
    struct client *putter = pipes_client(pipes);
    struct client *worker = pipes_client(pipes);
    struct mst_span body = mst_span_text("made of it");
    struct mst_request request;

    pipes_put(pipes, putter, 1, "one");
    pipes_get(pipes, worker, 1, MST_GET_LEASE);
    pipes_turn(pipes);
    pipes_sync(pipes);
    assert_read(worker, "GET#1 OK one.1 ");
    mst_request_init(&request, MST_OP_OPEN);
    request.handle = 2;
    request.name = mst_span_text("results");
    pipes_say(pipes, worker, &request);
    mst_request_init(&request, MST_OP_PUT);
    request.id = 2;
    request.handle = 2;
    request.bodies = &body;
    request.bodies_count = 1;
    pipes_say(pipes, worker, &request);
    finish(pipes, worker, 3, 1, true);
    engine_turn(pipes->engine);
    assert_read(worker, "");
    engine_durable(pipes->engine, journal_memory_sync(pipes->journal));
    pipes_simple(pipes, putter, MST_OP_HEARTBEAT, 0); /* something comes in */
    engine_turn(pipes->engine);
    assert_read(worker, "PUT#2 OK DONE#3 OK ");
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, pipes_setup, pipes_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_message_is_with_its_getter_before_the_putter_is_told),
        STORY(who_releases_many_does_not_wait_for_all_of_them),
        STORY(those_who_ask_are_answered_in_the_order_of_their_coming),
        STORY(a_receipt_travels_with_the_next_message),
        STORY(a_receipt_waits_for_nothing_when_nothing_more_comes),
        STORY(a_receipt_waits_a_moment_at_most),
        STORY(who_asks_for_nothing_else_is_told_at_once),
        STORY(a_finish_that_is_refused_is_told_at_once),
        STORY(who_goes_meanwhile_takes_its_receipt_along),
        cmocka_unit_test_setup_teardown(an_answer_beside_a_receipt_does_not_rest,
                                        pipes_setup_journal, pipes_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
