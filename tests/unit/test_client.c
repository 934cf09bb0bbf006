/* test_client.c - the pure client machine while its connection holds: frames, credit
 * and receipts. */
#include "tests/unit/test_client_world.h"

static void says_hello_and_waits_for_the_welcome(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 10 * S);
    struct mst_call *put = world_put(&w, "jobs", "a", MST_FOREVER);
    assert_said(&w, "HELLO ttl=10000\n");
    world_welcome(&w, MST_OP_HELLO);
    assert_int_equal(mst_client_session(w.client), 7);
    assert_said(&w, "OPEN 0=jobs\nPUT #1 h0 a\n");
    broker_answers(&w, MST_OP_PUT, 1, 1, MST_OK);
    assert_over(put, MST_OK);
    assert_int_equal(put->outcome.put.id, 101);
    assert_int_equal(put->outcome.put.count, 1);
    world_clear(&w);
    world_free(put);
}

static void puts_in_a_row_share_a_frame(void **state)
{
    struct world w;
    struct mst_call *calls[4];

    (void)state;
    world_up(&w);
    calls[0] = world_put(&w, "jobs", "a", MST_FOREVER);
    calls[1] = world_put(&w, "jobs", "b", MST_FOREVER);
    calls[2] = world_put(&w, "jobs", "c", 0);
    calls[3] = world_put(&w, "other", "d", 0);
    assert_said(&w, "OPEN 0=jobs\nPUT #1 h0 a b\nPUT #3 h0 t=0 c\nOPEN 1=other\n"
                    "PUT #4 h1 t=0 d\n");
    broker_answers(&w, MST_OP_PUT, 1, 2, MST_OK);
    broker_answers(&w, MST_OP_PUT, 3, 1, MST_FULL);
    broker_answers(&w, MST_OP_PUT, 4, 1, MST_OK);
    assert_int_equal(calls[0]->outcome.put.id, 101);
    assert_int_equal(calls[1]->outcome.put.id, 102);
    assert_over(calls[2], MST_FULL);
    world_clear(&w);
    for (size_t i = 0; i < 4; i++) {
        world_free(calls[i]);
    }
}

static void priorities_may_differ_in_a_frame(void **state)
{
    struct mst_span body = mst_span_text("x");
    struct mst_call *calls[2];
    struct mst_request put;
    struct world w;

    (void)state;
    world_up(&w);
    mst_request_init(&put, MST_OP_PUT);
    put.handle = world_handle(&w, "jobs");
    put.bodies = &body;
    put.bodies_count = 1;
    for (int i = 0; i < 2; i++) {
        put.priority = 5 - i;
        calls[i] = world_submit(&w, &put);
    }
    assert_said(&w, "OPEN 0=jobs\nPUT #1 h0 x x p5 p4\n");
    world_clear(&w);
    world_free(calls[0]);
    world_free(calls[1]);
}

static void gets_and_dones_share_frames(void **state)
{
    uint64_t finished[] = {10, 11, 12, 20};
    struct mst_call *calls[7];
    struct world w;

    (void)state;
    world_up(&w);
    for (size_t i = 0; i < 3; i++) {
        calls[i] = world_get(&w, "jobs", i < 2 ? MST_GET_LEASE : MST_GET_AUTO, MST_FOREVER);
    }
    for (size_t i = 0; i < 4; i++) {
        struct mst_run run = {finished[i], 1, 1};
        struct mst_request done;

        mst_request_init(&done, MST_OP_DONE);
        done.handle = world_handle(&w, "jobs");
        done.runs = &run;
        done.runs_count = 1;
        calls[3 + i] = world_submit(&w, &done);
    }
    assert_said(&w, "OPEN 0=jobs\nGET #1 n=2 h0\nGET #3 n=1 h0\nDONE #4 10.1*3 20.1*1\n");
    broker_answers(&w, MST_OP_DONE, 4, 1, MST_LOST);
    broker_answers(&w, MST_OP_DONE, 5, 3, MST_OK);
    assert_over(calls[3], MST_LOST);
    assert_over(calls[6], MST_OK);
    broker_delivers(&w, 1, 2);
    assert_int_equal(calls[0]->state, MST_CALL_ANSWERED);
    assert_int_equal(calls[1]->outcome.messages->id, 1002);
    mst_client_take(w.client, calls[0], w.now);
    mst_client_take(w.client, calls[1], w.now);
    world_clear(&w);
    for (size_t i = 0; i < 7; i++) {
        world_free(calls[i]);
    }
}

static void puts_beyond_the_credit_wait_and_hold_up_nobody_else(void **state)
{
    const char *bodies[] = {"a", "b", "c", "d", "e"};
    struct mst_call *calls[7];
    struct world w;

    (void)state;
    world_init(&w, 10 * S);
    w.welcome.put_credit = 2;
    world_said(&w);
    world_welcome(&w, MST_OP_HELLO);
    for (size_t i = 0; i < 5; i++) {
        calls[i] = world_put(&w, "full", bodies[i], MST_FOREVER);
    }
    calls[5] = world_put(&w, "other", "x", MST_FOREVER);
    calls[6] = world_get(&w, "full", MST_GET_LEASE, MST_FOREVER);
    assert_said(&w, "OPEN 0=full\nPUT #1 h0 a b\nOPEN 1=other\nPUT #3 h1 x\nGET #4 n=1 h0\n");
    broker_answers(&w, MST_OP_PUT, 1, 1, MST_OK);
    assert_said(&w, "PUT #5 confirm=1 h0 c\n");
    broker_answers(&w, MST_OP_PUT, 2, 1, MST_OK);
    broker_answers(&w, MST_OP_PUT, 5, 1, MST_OK);
    assert_said(&w, "PUT #6 confirm=3 h0 d e\n");
    world_clear(&w);
    for (size_t i = 0; i < 7; i++) {
        world_free(calls[i]);
    }
}

static void one_put_alone_may_exceed_the_credit_of_bytes(void **state)
{
    struct mst_call *calls[3];
    struct world w;

    (void)state;
    world_init(&w, 10 * S);
    w.welcome.put_credit_bytes = 5;
    world_said(&w);
    world_welcome(&w, MST_OP_HELLO);
    calls[0] = world_put(&w, "jobs", "ten bytes!", MST_FOREVER);
    calls[1] = world_put(&w, "jobs", "abc", MST_FOREVER);
    calls[2] = world_put(&w, "jobs", "def", MST_FOREVER);
    assert_said(&w, "OPEN 0=jobs\nPUT #1 h0 ten bytes!\n");
    broker_answers(&w, MST_OP_PUT, 1, 1, MST_OK);
    assert_said(&w, "PUT #2 confirm=1 h0 abc\n");
    broker_answers(&w, MST_OP_PUT, 2, 1, MST_OK);
    assert_said(&w, "PUT #3 confirm=2 h0 def\n");
    world_clear(&w);
    for (size_t i = 0; i < 3; i++) {
        world_free(calls[i]);
    }
}

/* A put of many counts as many; alone it may be as large as it likes. */
static void a_put_of_many_counts_as_many(void **state)
{
    struct mst_span bodies[3] = {mst_span_text("x"), mst_span_text("y"), mst_span_text("z")};
    struct mst_call *calls[3];
    struct mst_request many;
    struct world w;

    (void)state;
    world_init(&w, 10 * S);
    w.welcome.put_credit = 2;
    world_said(&w);
    world_welcome(&w, MST_OP_HELLO);
    mst_request_init(&many, MST_OP_PUT);
    many.handle = world_handle(&w, "jobs");
    many.mode = MST_PUT_ALL;
    many.bodies = bodies;
    many.bodies_count = 3;
    calls[0] = world_put(&w, "jobs", "a", MST_FOREVER);
    calls[1] = world_submit(&w, &many);
    calls[2] = world_put(&w, "jobs", "b", MST_FOREVER);
    assert_said(&w, "OPEN 0=jobs\nPUT #1 h0 a\n");
    broker_answers(&w, MST_OP_PUT, 1, 1, MST_OK);
    assert_said(&w, "PUT #2 confirm=1 h0 x y z\n");
    broker_answers(&w, MST_OP_PUT, 2, 1, MST_OK);
    assert_said(&w, "PUT #3 confirm=2 h0 b\n");
    world_clear(&w);
    for (size_t i = 0; i < 3; i++) {
        world_free(calls[i]);
    }
}

static void a_million_puts_are_held_back_in_order(void **state)
{
    enum { COUNT = 1000000 };
    struct world w;
    uint64_t sent = 0;

    (void)state;
    world_up(&w);
    for (int i = 0; i < COUNT; i++) {
        struct mst_call *call = world_put(&w, "jobs", "x", MST_FOREVER);

        call->owner = NULL;
    }
    while (sent < COUNT) {
        uint64_t n = COUNT - sent < MST_PUT_CREDIT ? COUNT - sent : MST_PUT_CREDIT;
        struct mst_call *call;

        world_said(&w);
        assert_null(strstr(w.said, "\nPUT") == NULL ? NULL
                                                    : strstr(strstr(w.said, "\nPUT") + 1, "\nPUT"));
        broker_answers(&w, MST_OP_PUT, sent + 1, n, MST_OK);
        sent += n;
        while ((call = mst_client_next_woken(w.client)) != NULL) {
            world_free(call);
        }
    }
    assert_false(mst_client_is_busy_before(w.client, UINT64_MAX));
    world_clear(&w);
}

/* What the application took early counts only once everything before it is taken. */
static void the_receipt_is_the_longest_prefix(void **state)
{
    struct mst_call *calls[4];
    struct world w;

    (void)state;
    world_up(&w);
    for (size_t i = 0; i < 3; i++) {
        calls[i] = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    }
    calls[3] = world_put(&w, "jobs", "a", MST_FOREVER);
    world_said(&w);
    broker_answers(&w, MST_OP_PUT, 4, 1, MST_OK);
    broker_delivers(&w, 1, 3);
    mst_client_take(w.client, calls[1], w.now);
    mst_client_take(w.client, calls[2], w.now);
    world_move(&w, 2 * MS);
    assert_said(&w, "HEARTBEAT confirm=1\n");
    mst_client_take(w.client, calls[0], w.now);
    assert_true(mst_client_deadline_ns(w.client) <= w.now + MS);
    assert_said(&w, "");
    world_move(&w, MS);
    assert_said(&w, "HEARTBEAT confirm=4\n");
    world_move(&w, MS);
    assert_said(&w, "");
    world_clear(&w);
    for (size_t i = 0; i < 4; i++) {
        world_free(calls[i]);
    }
}

static void a_receipt_rides_on_the_next_frame(void **state)
{
    struct mst_call *get;
    struct mst_call *next;
    struct world w;

    (void)state;
    world_up(&w);
    get = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    world_said(&w);
    broker_delivers(&w, 1, 1);
    mst_client_take(w.client, get, w.now);
    next = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    assert_said(&w, "GET #2 confirm=1 n=1 h0\n");
    world_move(&w, 2 * MS);
    assert_said(&w, "");
    world_clear(&w);
    world_free(get);
    world_free(next);
}

/* A quarter of what may be in flight is not left unconfirmed, even if nothing else is said. */
static void many_outcomes_are_confirmed_at_once(void **state)
{
    struct mst_call *calls[6];
    struct world w;

    (void)state;
    world_init(&w, 10 * S);
    w.welcome.in_flight_max = 16;
    world_said(&w);
    world_welcome(&w, MST_OP_HELLO);
    for (size_t i = 0; i < 6; i++) {
        calls[i] = world_put(&w, "jobs", "a", MST_FOREVER);
    }
    world_said(&w);
    broker_answers(&w, MST_OP_PUT, 1, 4, MST_OK);
    world_move(&w, 2 * MS);
    assert_said(&w, "");
    broker_answers(&w, MST_OP_PUT, 5, 2, MST_OK);
    world_move(&w, 0);
    assert_said(&w, "HEARTBEAT confirm=6\n");
    world_clear(&w);
    for (size_t i = 0; i < 6; i++) {
        world_free(calls[i]);
    }
}

/* Waits leave room in flight for the calls that end them. */
static void waits_do_not_fill_what_may_be_in_flight(void **state)
{
    struct mst_call *gets[20];
    struct mst_call *set;
    struct world w;

    (void)state;
    world_init(&w, 10 * S);
    w.welcome.in_flight_max = 16;
    world_said(&w);
    world_welcome(&w, MST_OP_HELLO);
    for (size_t i = 0; i < 20; i++) {
        gets[i] = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    }
    set = world_op(&w, MST_OP_EVENT_SET, "go");
    assert_said(&w, "OPEN 0=jobs\nGET #1 n=8 h0\nOPEN 1=go\nEVENT_SET #9\n");
    broker_answers(&w, MST_OP_EVENT_SET, 9, 1, MST_OK);
    broker_answers(&w, MST_OP_GET, 1, 2, MST_SHUTDOWN);
    assert_said(&w, "GET #10 confirm=3 n=2 h0\n");
    world_clear(&w);
    world_free(set);
    for (size_t i = 0; i < 20; i++) {
        world_free(gets[i]);
    }
}

static void bytes_may_come_one_by_one(void **state)
{
    struct mst_call *put;
    struct mst_reply reply;
    struct mst_buf bytes;
    struct world w;

    (void)state;
    world_up(&w);
    put = world_put(&w, "jobs", "a", MST_FOREVER);
    world_said(&w);
    mst_reply_init(&reply, MST_OP_PUT);
    reply.id = 1;
    reply.first = 55;
    reply.taken = 1;
    mst_buf_init(&bytes);
    assert_true(mst_reply_encode(&bytes, &reply));
    for (size_t i = 0; i < mst_buf_size(&bytes); i++) {
        assert_int_equal(put->state, MST_CALL_SENT);
        assert_true(mst_client_receive(w.client, mst_span_of(bytes.data + i, 1), w.now));
    }
    assert_over(put, MST_OK);
    assert_int_equal(put->outcome.put.id, 55);
    mst_buf_clear(&bytes);
    world_clear(&w);
    world_free(put);
}

static void a_foreign_peer_is_dropped(void **state)
{
    struct world w;
    struct mst_reply reply;
    struct mst_buf bytes;

    (void)state;
    world_init(&w, 10 * S);
    mst_client_lost(w.client, NULL, w.now);
    mst_client_connected(w.client, w.now);
    assert_false(mst_client_receive(w.client, mst_span_text("HTTP/1.1 400 Bad Request"), w.now));
    assert_int_equal(mst_client_refusal(w.client), MST_PROTOCOL);
    mst_client_lost(w.client, NULL, w.now);

    world_connect(&w);
    world_said(&w);
    world_welcome(&w, MST_OP_HELLO);
    mst_buf_init(&bytes);
    mst_reply_init(&reply, MST_OP_PUT);
    reply.id = 99;
    assert_true(mst_reply_encode(&bytes, &reply));
    assert_false(mst_client_receive(w.client, mst_buf_span(&bytes), w.now));
    mst_buf_clear(&bytes);
    world_clear(&w);
}

static void what_is_too_big_for_a_frame_is_refused_here(void **state)
{
    struct mst_call *put;
    struct world w;

    (void)state;
    world_init(&w, 10 * S);
    w.welcome.frame_bytes_max = 2000;
    world_said(&w);
    world_welcome(&w, MST_OP_HELLO);
    char *body = calloc(1, 2001);
    memset(body, 'x', 2000);
    put = world_put(&w, "jobs", body, MST_FOREVER);
    assert_over(put, MST_VALUE);
    assert_said(&w, "");
    free(body);
    world_clear(&w);
    world_free(put);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_hello_and_waits_for_the_welcome),
        cmocka_unit_test(puts_in_a_row_share_a_frame),
        cmocka_unit_test(priorities_may_differ_in_a_frame),
        cmocka_unit_test(gets_and_dones_share_frames),
        cmocka_unit_test(puts_beyond_the_credit_wait_and_hold_up_nobody_else),
        cmocka_unit_test(one_put_alone_may_exceed_the_credit_of_bytes),
        cmocka_unit_test(a_put_of_many_counts_as_many),
        cmocka_unit_test(a_million_puts_are_held_back_in_order),
        cmocka_unit_test(the_receipt_is_the_longest_prefix),
        cmocka_unit_test(a_receipt_rides_on_the_next_frame),
        cmocka_unit_test(many_outcomes_are_confirmed_at_once),
        cmocka_unit_test(waits_do_not_fill_what_may_be_in_flight),
        cmocka_unit_test(bytes_may_come_one_by_one),
        cmocka_unit_test(a_foreign_peer_is_dropped),
        cmocka_unit_test(what_is_too_big_for_a_frame_is_refused_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
