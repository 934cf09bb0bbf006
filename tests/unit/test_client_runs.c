/* test_client_runs.c - calls that stand for many requests: what a broker may do to them, byte by
 * byte, and what the application still sees. */
#include "tests/unit/test_client_world.h"

static void ignore(enum muster_status status, muster_result *result, void *user)
{
    (void)status;
    (void)result;
    (void)user;
}

/* As the library submits what has a callback and nothing else of its own. */
static void ask(struct world *w, const struct mst_flow_request *request)
{
    if (mst_client_extend(w->client, request, ignore, w)) {
        return;
    }
    struct mst_call *call = mst_call_new_flow(mst_client_pool(w->client), request, NULL);

    assert_non_null(call);
    call->callback = ignore;
    call->user = w;
    call->by_callback = true;
    mst_client_submit(w->client, call, w->now);
}

static void put(struct world *w, const char *body, int64_t priority)
{
    struct mst_flow_request request = {
        .op = MST_OP_PUT, .handle = world_handle(w, "q"), .timeout_ns = MST_FOREVER, .count = 1};

    request.flow.put = (struct mst_flow_put){
        .body = mst_span_text(body), .priority = priority, .ttl_ns = MST_FOREVER};
    ask(w, &request);
}

static void done(struct world *w, uint64_t message, uint64_t number)
{
    struct mst_flow_request request = {.op = MST_OP_DONE,
                                       .handle = world_handle(w, "q"),
                                       .timeout_ns = MST_FOREVER,
                                       .count = 1,
                                       .flow.done = {message, number}};

    ask(w, &request);
}

/* A window: somebody waits for it. */
static struct mst_call *get_many(struct world *w, size_t count, uint64_t mode)
{
    struct mst_flow_request request = {.op = MST_OP_GET,
                                       .handle = world_handle(w, "q"),
                                       .timeout_ns = MST_FOREVER,
                                       .count = count};

    request.flow.get.mode = mode;
    request.flow.get.lease_ns = MST_FOREVER;
    struct mst_call *call = mst_call_new_flow(mst_client_pool(w->client), &request, &w->owner);
    assert_non_null(call);
    mst_client_submit(w->client, call, w->now);
    return call;
}

/* The next result, as "PUT OK 102*3"; "" if there is none. */
static const char *result(struct world *w)
{
    struct mst_call *call = mst_client_next_result(w->client, w->now);

    w->said[0] = '\0';
    if (call != NULL) {
        world_add(w, "%s %s", mst_op_name(call->op), mst_status_name((int)call->status));
        if (call->op == MST_OP_PUT && call->status == MST_OK) {
            world_add(w, " %d", (int)call->outcome.put.id);
        }
        world_add(w, "*%d", (int)call->count);
        mst_call_give(mst_client_pool(w->client), call);
    }
    return w->said;
}

/* The message that the application takes first out of a run. */
static int take_one(struct world *w, struct mst_call *call)
{
    struct muster_message *message = mst_client_take_first(w->client, call, w->now);
    int id = (int)message->id;

    mst_handle_unref(message->handle);
    mst_pool_give(mst_client_pool(w->client), message, message->room);
    return id;
}

static struct mst_call *woken(struct world *w)
{
    struct mst_call *call = mst_client_next_woken(w->client);

    assert_non_null(call);
    return call;
}

/* Like world_clear; what has an outcome by then is freed here. */
static void clear(struct world *w)
{
    struct mst_call *call;

    mst_client_forget_all(w->client, &w->owner, w->now);
    mst_client_bye(w->client, w->now);
    while (result(w)[0] != '\0') {
    }
    while ((call = mst_client_next_woken(w->client)) != NULL) {
        mst_call_give(mst_client_pool(w->client), call);
    }
    world_clear(w);
}

static void lose_and_come_back(struct world *w)
{
    mst_client_lost(w->client, "cut", w->now);
    world_connect(w);
}

/* ---- puts and finishes ---- */

static void puts_of_a_kind_are_one_call_and_one_frame(void **state)
{
    struct world w;

    (void)state;
    world_up(&w);
    put(&w, "a", 0);
    put(&w, "", 0);
    put(&w, "ccc", 0);
    assert_int_equal(mst_client_unsent(w.client), 3);
    assert_said(&w, "OPEN 0=q\nPUT #1 h0 a  ccc\n");
    put(&w, "d", 0);
    assert_said(&w, "PUT #4 h0 d\n");
    broker_answers(&w, MST_OP_PUT, 1, 4, MST_OK);
    assert_string_equal(result(&w), "PUT OK 101*3");
    assert_string_equal(result(&w), "PUT OK 104*1");
    assert_string_equal(result(&w), "");
    assert_false(mst_client_is_busy_before(w.client, UINT64_MAX));
    clear(&w);
}

static void each_keeps_its_priority(void **state)
{
    struct world w;

    (void)state;
    world_up(&w);
    put(&w, "a", 0);
    put(&w, "b", 7);
    put(&w, "c", -1);
    assert_said(&w, "OPEN 0=q\nPUT #1 h0 a b c p0 p7 p-1\n");
    broker_answers(&w, MST_OP_PUT, 1, 3, MST_OK);
    assert_string_equal(result(&w), "PUT OK 101*3");
    clear(&w);
}

static void a_large_body_is_a_call_of_its_own(void **state)
{
    char large[5001];
    struct world w;

    (void)state;
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    world_up(&w);
    put(&w, "small", 0);
    put(&w, large, 0);
    put(&w, "small", 0);
    put(&w, "small", 0);
    mst_client_pump(w.client, w.now);
    while (mst_client_output(w.client).len > 0) { /* pieces, the large one apart */
        mst_client_sent(w.client, mst_client_output(w.client).len);
    }
    broker_answers(&w, MST_OP_PUT, 1, 4, MST_OK);
    assert_string_equal(result(&w), "PUT OK 101*1");
    assert_string_equal(result(&w), "PUT OK 102*1");
    assert_string_equal(result(&w), "PUT OK 103*2");
    clear(&w);
}

static void a_run_is_answered_in_parts_from_any_place(void **state)
{
    struct world w;

    (void)state;
    world_up(&w);
    for (int i = 0; i < 6; i++) {
        put(&w, "x", 0);
    }
    world_said(&w);
    broker_answers(&w, MST_OP_PUT, 3, 2, MST_FULL);
    broker_answers(&w, MST_OP_PUT, 1, 1, MST_OK);
    assert_string_equal(result(&w), "PUT FULL*2");
    assert_string_equal(result(&w), "PUT OK 101*1");
    assert_string_equal(result(&w), "");
    broker_answers(&w, MST_OP_PUT, 5, 2, MST_OK);
    broker_answers(&w, MST_OP_PUT, 2, 1, MST_OK);
    assert_string_equal(result(&w), "PUT OK 105*2");
    assert_string_equal(result(&w), "PUT OK 102*1");
    clear(&w);
}

static void what_was_not_answered_is_sent_again_with_its_bodies(void **state)
{
    struct world w;

    (void)state;
    world_up(&w);
    put(&w, "one", 0);
    put(&w, "two", 2);
    put(&w, "three", 0);
    put(&w, "four", 0);
    world_said(&w);
    broker_answers(&w, MST_OP_PUT, 1, 2, MST_OK);
    broker_answers(&w, MST_OP_PUT, 4, 1, MST_OK);
    lose_and_come_back(&w);
    assert_said(&w, "RESUME session=7 pending 3*1\n");
    world_welcome(&w, MST_OP_RESUME);
    assert_said(&w, "OPEN 0=q\nPUT #3 h0 three\n");
    broker_answers(&w, MST_OP_PUT, 3, 1, MST_OK);
    clear(&w);
}

static void an_answer_to_what_has_one_already_ends_the_connection(void **state)
{
    struct mst_reply reply;
    struct mst_buf bytes;
    struct world w;

    (void)state;
    world_up(&w);
    put(&w, "x", 0);
    put(&w, "y", 0);
    world_said(&w);
    broker_answers(&w, MST_OP_PUT, 1, 1, MST_OK);
    mst_reply_init(&reply, MST_OP_PUT);
    reply.id = 1;
    reply.answered = 2;
    mst_buf_init(&bytes);
    assert_true(mst_reply_encode(&bytes, &reply));
    assert_false(mst_client_receive(w.client, mst_buf_span(&bytes), w.now));
    mst_buf_clear(&bytes);
    assert_string_equal(result(&w), "PUT OK 101*1");
    assert_string_equal(result(&w), "");
    clear(&w);
}

static void finishes_in_a_row_are_one_run_and_others_are_not(void **state)
{
    struct world w;

    (void)state;
    world_up(&w);
    done(&w, 5, 1);
    done(&w, 6, 1);
    done(&w, 7, 1);
    done(&w, 8, 2);
    done(&w, 20, 1);
    done(&w, 22, 1);
    assert_said(&w, "OPEN 0=q\nDONE #1 5.1*3 8.2*1 20.1*1 22.1*1\n");
    broker_answers(&w, MST_OP_DONE, 1, 2, MST_OK);
    broker_answers(&w, MST_OP_DONE, 3, 1, MST_LOST);
    broker_answers(&w, MST_OP_DONE, 4, 3, MST_OK);
    assert_string_equal(result(&w), "DONE OK*2");
    assert_string_equal(result(&w), "DONE LOST*1");
    assert_string_equal(result(&w), "DONE OK*1");
    assert_string_equal(result(&w), "DONE OK*1");
    assert_string_equal(result(&w), "DONE OK*1");
    clear(&w);
}

static void finishes_that_were_not_answered_are_sent_again(void **state)
{
    struct world w;

    (void)state;
    world_up(&w);
    for (uint64_t message = 5; message < 10; message++) {
        done(&w, message, 1);
    }
    world_said(&w);
    broker_answers(&w, MST_OP_DONE, 1, 2, MST_OK);
    lose_and_come_back(&w);
    assert_said(&w, "RESUME session=7 pending 3*3\n");
    world_welcome(&w, MST_OP_RESUME);
    assert_said(&w, "OPEN 0=q\nDONE #3 7.1*3\n");
    broker_answers(&w, MST_OP_DONE, 3, 3, MST_OK);
    assert_string_equal(result(&w), "DONE OK*2");
    assert_string_equal(result(&w), "DONE OK*3");
    clear(&w);
}

/* ---- limits ---- */

static void a_run_goes_as_far_as_the_credit_reaches(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 10 * S);
    w.welcome.put_credit = 4;
    w.welcome.put_credit_bytes = 10;
    world_said(&w);
    world_welcome(&w, MST_OP_HELLO);
    put(&w, "1", 0);
    put(&w, "2", 0);
    put(&w, "3", 0);
    put(&w, "4", 0);
    put(&w, "fifth", 0);
    put(&w, "sixth", 0);
    put(&w, "longer than all credit", 0);
    put(&w, "8", 0);
    assert_said(&w, "OPEN 0=q\nPUT #1 h0 1 2 3 4\n");
    broker_answers(&w, MST_OP_PUT, 1, 2, MST_OK);
    assert_said(&w, "PUT #5 confirm=2 h0 fifth\n");
    broker_answers(&w, MST_OP_PUT, 3, 3, MST_OK);
    assert_said(&w, "PUT #6 confirm=5 h0 sixth\n");
    broker_answers(&w, MST_OP_PUT, 6, 1, MST_OK);
    assert_said(&w, "PUT #7 confirm=6 h0 longer than all cred\n");
    broker_answers(&w, MST_OP_PUT, 7, 1, MST_OK);
    assert_said(&w, "PUT #8 confirm=7 h0 8\n");
    broker_answers(&w, MST_OP_PUT, 8, 1, MST_OK);
    clear(&w);
}

/* What was sent and what still waits have their bodies in one place. */
static void a_run_does_not_grow_where_a_part_of_it_was_sent(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 10 * S);
    w.welcome.in_flight_max = 2;
    world_said(&w);
    world_welcome(&w, MST_OP_HELLO);
    put(&w, "one", 0);
    put(&w, "two", 0);
    put(&w, "three", 0);
    assert_said(&w, "OPEN 0=q\nPUT #1 h0 one two\n");
    for (int i = 0; i < 20; i++) {
        put(&w, "much more than there is room for, so that it needs another place", 0);
    }
    done(&w, 1, 1);
    put(&w, "xxx", 0); /* a run that would take its place */
    put(&w, "yyy", 0);
    lose_and_come_back(&w);
    assert_said(&w, "RESUME session=7 pending 1*2\n");
    world_welcome(&w, MST_OP_RESUME);
    assert_said(&w, "OPEN 0=q\nPUT #1 h0 one two\n");
    broker_answers(&w, MST_OP_PUT, 1, 2, MST_OK);
    world_move(&w, 0);
    assert_said(&w, "HEARTBEAT confirm=2\nPUT #3 confirm=2 h0 three much more than there\n");
    clear(&w);
}

static void a_window_leaves_room_for_what_is_no_get(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 10 * S);
    w.welcome.in_flight_max = 8;
    world_said(&w);
    world_welcome(&w, MST_OP_HELLO);
    get_many(&w, 6, MST_GET_LEASE);
    assert_said(&w, "OPEN 0=q\nGET #1 n=4 h0\n");
    put(&w, "x", 0);
    assert_said(&w, "PUT #5 h0 x\n");
    broker_delivers(&w, 1, 3);
    struct mst_call *first = woken(&w);
    assert_int_equal(first->count, 3);
    assert_int_equal(take_one(&w, first), 1001);
    assert_int_equal(take_one(&w, first), 1002);
    assert_int_equal(take_one(&w, first), 1003);
    assert_over(first, MST_OK);
    mst_call_give(mst_client_pool(w.client), first);
    assert_said(&w, "GET #6 confirm=3 n=2 h0\n");
    clear(&w);
}

/* ---- gets ---- */

static void what_came_and_was_not_taken_is_pending_again(void **state)
{
    struct world w;

    (void)state;
    world_up(&w);
    get_many(&w, 6, MST_GET_LEASE);
    world_said(&w);
    broker_delivers(&w, 1, 4);
    struct mst_call *came = woken(&w);
    assert_int_equal(take_one(&w, came), 1001);
    assert_int_equal(came->count, 3);
    lose_and_come_back(&w);
    assert_int_equal(came->state, MST_CALL_SENT);
    assert_said(&w, "RESUME session=7 pending 2*5\n");
    world_welcome(&w, MST_OP_RESUME);
    assert_said(&w, "OPEN 0=q\nGET #2 n=5 h0\n");
    broker_delivers(&w, 2, 5);
    assert_ptr_equal(woken(&w), came);
    for (int id = 1002; id <= 1004; id++) {
        assert_int_equal(take_one(&w, came), id);
    }
    assert_over(came, MST_OK);
    mst_call_give(mst_client_pool(w.client), came);
    struct mst_call *rest = woken(&w);
    assert_int_equal(take_one(&w, rest), 1005);
    assert_int_equal(take_one(&w, rest), 1006);
    mst_call_give(mst_client_pool(w.client), rest);
    clear(&w);
}

static void who_closes_a_window_hands_back_what_came_and_withdraws_the_rest(void **state)
{
    struct world w;

    (void)state;
    world_up(&w);
    get_many(&w, 4, MST_GET_LEASE);
    world_said(&w);
    broker_delivers(&w, 1, 2);
    woken(&w);
    mst_client_forget_all(w.client, &w.owner, w.now);
    assert_said(&w, "CANCEL confirm=2 #3 CANCELLED\nCANCEL confirm=2 #4 CANCELLED\n"
                    "NACK #5 confirm=2 1001.1 uncounted\nNACK #6 confirm=2 1002.1 uncounted\n");
    clear(&w);
    world_up(&w);
    get_many(&w, 4, MST_GET_AUTO);
    world_said(&w);
    broker_delivers(&w, 1, 2);
    assert_int_equal(take_one(&w, woken(&w)), 1001);
    mst_client_forget_all(w.client, &w.owner, w.now);
    assert_true(mst_client_is_silent(w.client, w.now));
    lose_and_come_back(&w);
    assert_said(&w, "RESUME session=7 abandoned 2*3\n");
    clear(&w);
}

static void gets_are_made_again_and_puts_are_unknown_when_the_session_is_lost(void **state)
{
    struct world w;

    (void)state;
    world_up(&w);
    put(&w, "x", 0);
    put(&w, "y", 0);
    get_many(&w, 3, MST_GET_LEASE);
    world_said(&w);
    lose_and_come_back(&w);
    assert_said(&w, "RESUME session=7 pending 1*5\n");
    struct mst_reply unknown;
    mst_reply_init(&unknown, MST_OP_RESUME);
    unknown.status = MST_NOT_FOUND;
    world_reply(&w, &unknown);
    world_said(&w);
    world_welcome(&w, MST_OP_HELLO);
    assert_string_equal(result(&w), "PUT UNKNOWN*2");
    assert_said(&w, "OPEN 0=q\nGET #6 n=3 h0\n");
    clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_of_a_kind_are_one_call_and_one_frame),
        cmocka_unit_test(each_keeps_its_priority),
        cmocka_unit_test(a_large_body_is_a_call_of_its_own),
        cmocka_unit_test(a_run_is_answered_in_parts_from_any_place),
        cmocka_unit_test(what_was_not_answered_is_sent_again_with_its_bodies),
        cmocka_unit_test(an_answer_to_what_has_one_already_ends_the_connection),
        cmocka_unit_test(finishes_in_a_row_are_one_run_and_others_are_not),
        cmocka_unit_test(finishes_that_were_not_answered_are_sent_again),
        cmocka_unit_test(a_run_does_not_grow_where_a_part_of_it_was_sent),
        cmocka_unit_test(a_run_goes_as_far_as_the_credit_reaches),
        cmocka_unit_test(a_window_leaves_room_for_what_is_no_get),
        cmocka_unit_test(what_came_and_was_not_taken_is_pending_again),
        cmocka_unit_test(who_closes_a_window_hands_back_what_came_and_withdraws_the_rest),
        cmocka_unit_test(gets_are_made_again_and_puts_are_unknown_when_the_session_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
