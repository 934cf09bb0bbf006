/* test_client_time.c - the pure client machine and its clock: verdicts and signs of life. */
#include "tests/unit/test_client_world.h"

static void an_unsent_call_is_cancelled_at_once(void **state)
{
    struct mst_call *call;
    struct world w;

    (void)state;
    world_up(&w);
    call = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    mst_client_cancel(w.client, call, MST_CANCELLED, w.now);
    assert_over(call, MST_CANCELLED);
    assert_said(&w, "");
    world_clear(&w);
    world_free(call);
}

static void the_brokers_verdict_is_taken(void **state)
{
    struct mst_call *lost;
    struct mst_call *won;
    struct world w;

    (void)state;
    world_up(&w);
    lost = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    won = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    world_said(&w);
    mst_client_cancel(w.client, lost, MST_CANCELLED, w.now);
    mst_client_cancel(w.client, won, MST_CANCELLED, w.now);
    assert_said(&w, "CANCEL #1 CANCELLED\nCANCEL #2 CANCELLED\n");
    assert_int_equal(lost->state, MST_CALL_SENT);
    broker_delivers(&w, 2, 1);
    broker_answers(&w, MST_OP_GET, 1, 1, MST_CANCELLED);
    assert_over(lost, MST_CANCELLED);
    assert_int_equal(won->state, MST_CALL_ANSWERED);
    mst_client_take(w.client, won, w.now);
    assert_over(won, MST_OK);
    world_clear(&w);
    world_free(lost);
    world_free(won);
}

static void a_late_broker_is_asked_to_decide(void **state)
{
    struct mst_call *call;
    struct world w;

    (void)state;
    world_up(&w);
    call = world_get(&w, "jobs", MST_GET_LEASE, 500 * MS);
    assert_said(&w, "OPEN 0=jobs\nGET #1 n=1 t=500 h0\n");
    world_move(&w, 600 * MS);
    assert_said(&w, "");
    world_move(&w, 200 * MS);
    assert_said(&w, "CANCEL #1 TIMEOUT\n");
    world_move(&w, 200 * MS);
    assert_said(&w, "");
    assert_int_equal(call->state, MST_CALL_SENT);
    broker_answers(&w, MST_OP_GET, 1, 1, MST_TIMEOUT);
    assert_over(call, MST_TIMEOUT);
    world_clear(&w);
    world_free(call);
}

/* FULL after waiting is TIMEOUT; FULL at once, from a queue that rejects, stays FULL. */
static void full_means_timeout_only_after_waiting(void **state)
{
    struct mst_call *at_once;
    struct mst_call *waited;
    struct world w;

    (void)state;
    world_up(&w);
    at_once = world_put(&w, "jobs", "a", 100 * MS);
    waited = world_put(&w, "jobs", "b", 50 * MS);
    world_said(&w);
    broker_answers(&w, MST_OP_PUT, 1, 1, MST_FULL);
    world_move(&w, 60 * MS);
    broker_answers(&w, MST_OP_PUT, 2, 1, MST_FULL);
    assert_over(at_once, MST_FULL);
    assert_over(waited, MST_TIMEOUT);
    world_clear(&w);
    world_free(at_once);
    world_free(waited);
}

static void signs_of_life_and_silence(void **state)
{
    struct mst_reply heartbeat;
    struct world w;

    (void)state;
    world_init(&w, 10 * S);
    w.welcome.silence_ns = 3 * S;
    world_said(&w);
    world_welcome(&w, MST_OP_HELLO);
    assert_int_equal(mst_client_deadline_ns(w.client), w.now + S);
    world_move(&w, S);
    assert_said(&w, "HEARTBEAT\n");
    world_move(&w, S);
    assert_said(&w, "HEARTBEAT\n");
    mst_reply_init(&heartbeat, MST_OP_HEARTBEAT);
    world_reply(&w, &heartbeat);
    world_move(&w, 2 * S);
    assert_false(mst_client_is_silent(w.client, w.now));
    world_move(&w, S);
    assert_true(mst_client_is_silent(w.client, w.now));
    world_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unsent_call_is_cancelled_at_once),
        cmocka_unit_test(the_brokers_verdict_is_taken),
        cmocka_unit_test(a_late_broker_is_asked_to_decide),
        cmocka_unit_test(full_means_timeout_only_after_waiting),
        cmocka_unit_test(signs_of_life_and_silence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
