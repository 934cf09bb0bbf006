/* test_client_denied.c - the pure client that is refused when it comes back: which calls end, how,
 * and what is only a chance of the network. Over encrypted connections: tests/sim/test_secure.c. */
#include "tests/unit/test_client_world.h"

#define WHY "no key of that name"

/* The broker answers RESUME or HELLO so; the connection is of no more use then. */
static void refuse(struct world *w, enum mst_op op, enum mst_status status)
{
    struct mst_reply reply;
    struct mst_buf bytes;

    world_connect(w);
    world_said(w);
    mst_reply_init(&reply, op);
    reply.status = status;
    reply.cause = mst_span_text(WHY);
    mst_buf_init(&bytes);
    assert_true(mst_reply_encode(&bytes, &reply));
    assert_false(mst_client_receive(w->client, mst_buf_span(&bytes), w->now));
    mst_buf_clear(&bytes);
    mst_client_lost(w->client, NULL, w->now);
}

/* What answers there speaks only encrypted, and nothing proves that it is the broker. */
static void refuse_without_a_word(struct world *w)
{
    uint8_t preamble[MST_PREAMBLE_BYTES];

    mst_client_connected(w->client, w->now);
    world_said(w);
    mst_preamble_write(preamble, MST_CHANNEL_NOISE);
    assert_false(mst_client_receive(w->client, mst_span_of(preamble, sizeof(preamble)), w->now));
    mst_client_lost(w->client, NULL, w->now);
}

static void a_denied_resume_ends_every_call(void **state)
{
    struct world w;
    struct mst_call *get;
    struct mst_call *put;
    struct mst_call *join;
    struct mst_call *later;

    (void)state;
    world_up(&w);
    get = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    put = world_put(&w, "jobs", "x", MST_FOREVER);
    join = world_op(&w, MST_OP_JOIN, "jobs");
    world_said(&w);
    mst_client_lost(w.client, "cut", w.now);
    later = world_put(&w, "jobs", "not sent yet", MST_FOREVER);
    refuse(&w, MST_OP_RESUME, MST_DENIED);
    assert_over(get, MST_DENIED);
    assert_string_equal(get->cause, WHY);
    assert_over(put, MST_UNKNOWN); /* it may be in the queue */
    assert_string_equal(put->cause, WHY);
    assert_over(join, MST_DENIED);
    assert_over(later, MST_DENIED);
    assert_int_equal(mst_client_refusal(w.client), MST_DENIED);
    assert_string_equal(mst_client_trouble(w.client), WHY);
    world_settle(&w);
    world_free(get);
    world_free(put);
    world_free(join);
    world_free(later);
    world_clear(&w);
}

static void until_it_is_welcome_again_calls_are_denied_at_once(void **state)
{
    struct world w;
    struct mst_call *get;

    (void)state;
    world_up(&w);
    mst_client_lost(w.client, "cut", w.now);
    refuse(&w, MST_OP_RESUME, MST_DENIED);
    get = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    assert_over(get, MST_DENIED);
    assert_string_equal(get->cause, WHY);
    world_settle(&w);
    world_free(get);
    world_connect(&w);
    assert_said(&w, "RESUME session=7\n");
    world_welcome(&w, MST_OP_RESUME);
    get = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    assert_int_equal(get->state, MST_CALL_UNSENT);
    assert_said(&w, "OPEN 0=jobs\nGET #1 n=1 h0\n");
    mst_client_cancel(w.client, get, MST_CANCELLED, w.now);
    broker_answers(&w, MST_OP_GET, 1, 1, MST_CANCELLED);
    world_settle(&w);
    world_free(get);
    world_clear(&w);
}

/* It named the call as abandoned, so a grant that it never saw goes back. */
static void what_was_denied_is_abandoned_when_it_resumes(void **state)
{
    struct world w;
    struct mst_call *get;

    (void)state;
    world_up(&w);
    get = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    world_said(&w);
    mst_client_lost(w.client, "cut", w.now);
    refuse(&w, MST_OP_RESUME, MST_DENIED);
    assert_over(get, MST_DENIED);
    world_settle(&w);
    world_free(get);
    world_connect(&w);
    assert_said(&w, "RESUME session=7 abandoned 1*1\n");
    world_clear(&w);
}

/* The broker has no room for the moment, or goes away: that passes. */
static void another_refusal_is_waited_out(void **state)
{
    static const enum mst_status passing[] = {MST_LIMIT, MST_UNAVAILABLE, MST_NO_MEMORY};
    struct world w;
    struct mst_call *get;

    (void)state;
    world_up(&w);
    get = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    world_said(&w);
    mst_client_lost(w.client, "cut", w.now);
    for (size_t i = 0; i < 9; i++) {
        refuse(&w, MST_OP_RESUME, passing[i % 3]);
        assert_int_equal(get->state, MST_CALL_SENT);
    }
    mst_client_cancel(w.client, get, MST_CANCELLED, w.now);
    assert_over(get, MST_CANCELLED);
    world_settle(&w);
    world_free(get);
    world_clear(&w);
}

static void what_the_broker_did_not_say_is_believed_the_third_time_in_a_row(void **state)
{
    struct world w;
    struct mst_call *get;

    (void)state;
    world_up(&w);
    get = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    world_said(&w);
    mst_client_lost(w.client, "cut", w.now);
    for (int i = 0; i < 10; i++) { /* never three in a row */
        refuse_without_a_word(&w);
        refuse_without_a_word(&w);
        world_connect(&w);
        mst_client_lost(w.client, "the broker closed the connection", w.now);
    }
    assert_int_equal(get->state, MST_CALL_SENT);
    refuse_without_a_word(&w);
    refuse_without_a_word(&w);
    assert_int_equal(get->state, MST_CALL_SENT);
    refuse_without_a_word(&w);
    assert_over(get, MST_DENIED);
    assert_non_null(strstr(get->cause, "give its server key"));
    world_settle(&w);
    world_free(get);
    world_clear(&w);
}

/* Of a client that was told its broker's key, which is kept in `server`. */
static struct mst_channel_client keys_for(uint8_t server[MST_NOISE_KEY])
{
    static const uint8_t key[MST_NOISE_KEY] = {9};

    mst_noise_public(server, key);
    return (struct mst_channel_client){.secret = key, .ephemeral = key, .server_key = server};
}

/* Nor does it when what answers there would have it so. */
static void who_has_a_server_key_says_nothing_in_the_clear(void **state)
{
    struct mst_client_config config = {"test", "here", 1, 10 * S};
    uint8_t server[MST_NOISE_KEY];
    struct mst_channel_client keys = keys_for(server);
    uint8_t preamble[MST_PREAMBLE_BYTES];
    struct world w = {.now = 1000 * S};

    (void)state;
    w.client = mst_client_new(&config);
    assert_non_null(w.client);
    assert_true(mst_client_secure(w.client, &keys));
    mst_client_connected(w.client, w.now);
    mst_client_pump(w.client, w.now);
    assert_int_equal(mst_client_output(w.client).len, MST_PREAMBLE_BYTES + 2 + 56);
    mst_client_sent(w.client, MST_PREAMBLE_BYTES + 2 + 56);
    mst_preamble_write(preamble, MST_CHANNEL_CLEAR);
    assert_false(mst_client_receive(w.client, mst_span_of(preamble, sizeof(preamble)), w.now));
    assert_int_equal(mst_client_output(w.client).len, 0);
    assert_int_equal(mst_client_refusal(w.client), MST_DENIED);
    assert_non_null(strstr(mst_client_trouble(w.client), "nothing is sent in the clear"));
    mst_client_lost(w.client, NULL, w.now);
    assert_int_equal(mst_client_output(w.client).len, 0);
    world_clear(&w);
}

/* It may have been busy, and sees the client only when the next connection is being made. */
static void who_looks_late_sees_the_refusal_as_well(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 10 * S);
    mst_client_lost(w.client, "reset", w.now);
    refuse_without_a_word(&w);
    assert_true(mst_client_is_hopeless(w.client));
    mst_client_connected(w.client, w.now);
    assert_true(mst_client_is_hopeless(w.client));
    assert_int_equal(mst_client_refusal(w.client), MST_DENIED);

    /* This one ends otherwise: what was there has gone, and something else may come. */
    mst_client_lost(w.client, "reset", w.now);
    assert_false(mst_client_is_hopeless(w.client));
    assert_int_equal(mst_client_refusal(w.client), MST_OK);
    refuse_without_a_word(&w);
    world_connect(&w);
    world_said(&w);
    world_welcome(&w, MST_OP_HELLO);
    assert_false(mst_client_is_hopeless(w.client));
    assert_int_equal(mst_client_refusal(w.client), MST_OK);
    world_clear(&w);
}

/* A network does that too, and a broker that restarts. */
static void a_first_handshake_that_only_ends_is_tried_again(void **state)
{
    struct mst_client_config config = {"test", "here", 1, 10 * S};
    uint8_t server[MST_NOISE_KEY];
    struct mst_channel_client keys = keys_for(server);
    uint8_t preamble[MST_PREAMBLE_BYTES];
    struct world w = {.now = 1000 * S};

    (void)state;
    mst_preamble_write(preamble, MST_CHANNEL_NOISE);
    w.client = mst_client_new(&config);
    assert_non_null(w.client);
    for (int i = 1; i <= 3; i++) {
        assert_true(mst_client_secure(w.client, &keys));
        mst_client_connected(w.client, w.now);
        assert_true(mst_client_receive(w.client, mst_span_of(preamble, sizeof(preamble)), w.now));
        mst_client_lost(w.client, "the broker closed the connection", w.now);
        assert_int_equal(mst_client_refusal(w.client), MST_DENIED);
        assert_int_equal(mst_client_is_hopeless(w.client), i == 3);
    }
    world_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_handshake_that_only_ends_is_tried_again),
        cmocka_unit_test(who_looks_late_sees_the_refusal_as_well),
        cmocka_unit_test(who_has_a_server_key_says_nothing_in_the_clear),
        cmocka_unit_test(a_denied_resume_ends_every_call),
        cmocka_unit_test(until_it_is_welcome_again_calls_are_denied_at_once),
        cmocka_unit_test(what_was_denied_is_abandoned_when_it_resumes),
        cmocka_unit_test(another_refusal_is_waited_out),
        cmocka_unit_test(what_the_broker_did_not_say_is_believed_the_third_time_in_a_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
