/* test_client_resume.c - the pure client machine when connections and sessions are lost. */
#include "tests/unit/test_client_world.h"

static void lose(struct world *w)
{
    mst_client_lost(w->client, "test", w->now);
}

/* On a new connection, in the same session. */
static void come_back(struct world *w)
{
    world_connect(w);
    world_said(w);
    world_welcome(w, MST_OP_RESUME);
}

static void refuse_resume(struct world *w)
{
    struct mst_reply reply;

    mst_reply_init(&reply, MST_OP_RESUME);
    reply.status = MST_NOT_FOUND;
    world_reply(w, &reply);
}

static int count_notices(struct world *w, enum muster_notice kind)
{
    struct mst_client_notice *notice;
    int count = 0;

    while ((notice = mst_client_next_notice(w->client)) != NULL) {
        count += notice->kind == kind;
        mst_client_notice_free(&notice);
    }
    return count;
}

static void what_was_not_answered_is_sent_again_in_order(void **state)
{
    struct mst_call *calls[5];
    struct world w;

    (void)state;
    world_up(&w);
    calls[0] = world_put(&w, "jobs", "a", MST_FOREVER);
    calls[1] = world_put(&w, "jobs", "b", MST_FOREVER);
    calls[2] = world_get(&w, "work", MST_GET_LEASE, MST_FOREVER);
    calls[3] = world_put(&w, "jobs", "c", MST_FOREVER);
    world_said(&w);
    broker_answers(&w, MST_OP_PUT, 2, 1, MST_OK);
    lose(&w);
    calls[4] = world_put(&w, "jobs", "new", MST_FOREVER);
    world_connect(&w);
    assert_said(&w, "RESUME session=7 pending 1*1 pending 3*2\n");
    world_welcome(&w, MST_OP_RESUME);
    assert_said(&w, "OPEN 0=jobs\nPUT #1 h0 a\nOPEN 1=work\nGET #3 n=1 h1\nPUT #4 h0 c\n"
                    "PUT #5 h0 new\n");
    assert_int_equal(count_notices(&w, MUSTER_RESUMED), 1);
    broker_answers(&w, MST_OP_PUT, 1, 1, MST_OK);
    assert_over(calls[0], MST_OK);
    world_clear(&w);
    for (size_t i = 0; i < 5; i++) {
        world_free(calls[i]);
    }
}

/* A delivery that nobody has taken yet is asked for again; one that was taken is not. */
static void an_untaken_delivery_is_pending_again(void **state)
{
    struct mst_call *calls[3];
    struct world w;

    (void)state;
    world_up(&w);
    for (size_t i = 0; i < 3; i++) {
        calls[i] = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    }
    world_said(&w);
    broker_delivers(&w, 1, 3);
    mst_client_take(w.client, calls[1], w.now);
    lose(&w);
    assert_int_equal(calls[0]->state, MST_CALL_SENT);
    world_connect(&w);
    assert_said(&w, "RESUME session=7 pending 1*1 pending 3*1\n");
    world_welcome(&w, MST_OP_RESUME);
    assert_said(&w, "OPEN 0=jobs\nGET #1 n=1 h0\nGET #3 n=1 h0\n");
    broker_delivers(&w, 3, 1);
    mst_client_take(w.client, calls[2], w.now);
    world_move(&w, 2 * MS);
    assert_said(&w, "HEARTBEAT confirm=1\n");
    broker_delivers(&w, 1, 1);
    mst_client_take(w.client, calls[0], w.now);
    world_move(&w, 2 * MS);
    assert_said(&w, "HEARTBEAT confirm=2\n");
    world_clear(&w);
    for (size_t i = 0; i < 3; i++) {
        world_free(calls[i]);
    }
}

static void a_resume_that_was_not_heard_is_said_again(void **state)
{
    struct mst_call *put;
    struct world w;

    (void)state;
    world_up(&w);
    put = world_put(&w, "jobs", "a", MST_FOREVER);
    world_said(&w);
    lose(&w);
    world_connect(&w);
    assert_said(&w, "RESUME session=7 pending 1*1\n");
    lose(&w);
    world_connect(&w);
    assert_said(&w, "RESUME session=7 pending 1*1\n");
    world_welcome(&w, MST_OP_RESUME);
    assert_said(&w, "OPEN 0=jobs\nPUT #1 h0 a\n");
    assert_int_equal(count_notices(&w, MUSTER_CONNECTION_LOST), 1);
    world_clear(&w);
    world_free(put);
}

static void times_run_out_while_disconnected(void **state)
{
    struct mst_call *get;
    struct mst_call *unsent;
    struct mst_call *put;
    struct world w;

    (void)state;
    world_up(&w);
    get = world_get(&w, "jobs", MST_GET_LEASE, S);
    put = world_put(&w, "jobs", "a", S);
    world_said(&w);
    lose(&w);
    unsent = world_get(&w, "jobs", MST_GET_LEASE, 2 * S);
    assert_int_equal(mst_client_deadline_ns(w.client), w.now + S);
    world_move(&w, S);
    assert_over(get, MST_TIMEOUT);
    assert_int_equal(put->state, MST_CALL_SENT);
    world_move(&w, S);
    assert_over(unsent, MST_TIMEOUT);
    world_connect(&w);
    assert_said(&w, "RESUME session=7 pending 2*1 abandoned 1*1\n");
    world_welcome(&w, MST_OP_RESUME);
    assert_said(&w, "OPEN 0=jobs\nPUT #2 h0 t=0 a\nCANCEL #2 TIMEOUT\n");
    broker_answers(&w, MST_OP_PUT, 2, 1, MST_FULL);
    assert_over(put, MST_TIMEOUT);
    lose(&w);
    world_connect(&w);
    assert_said(&w, "RESUME session=7\n");
    world_clear(&w);
    world_free(get);
    world_free(put);
    world_free(unsent);
}

static void the_time_that_is_left_is_sent(void **state)
{
    struct mst_call *get;
    struct world w;

    (void)state;
    world_up(&w);
    get = world_get(&w, "jobs", MST_GET_LEASE, 5 * S);
    assert_said(&w, "OPEN 0=jobs\nGET #1 n=1 t=5000 h0\n");
    world_move(&w, S);
    lose(&w);
    world_move(&w, S);
    come_back(&w);
    assert_said(&w, "OPEN 0=jobs\nGET #1 n=1 t=3000 h0\n");
    world_clear(&w);
    world_free(get);
}

static void the_end_of_the_session_is_known_without_the_broker(void **state)
{
    struct mst_call *sent;
    struct mst_call *unsent;
    struct mst_call *size;
    struct mst_call *get;
    struct mst_call *late;
    struct world w;

    (void)state;
    world_up(&w);
    sent = world_put(&w, "jobs", "a", MST_FOREVER);
    size = world_op(&w, MST_OP_QSIZE, "jobs");
    get = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    world_said(&w);
    lose(&w);
    unsent = world_put(&w, "jobs", "b", MST_FOREVER);
    world_move(&w, 9 * S);
    assert_int_equal(sent->state, MST_CALL_SENT);
    world_move(&w, S);
    assert_over(sent, MST_UNKNOWN);
    assert_over(unsent, MST_UNAVAILABLE);
    assert_over(size, MST_UNAVAILABLE);
    assert_int_equal(get->state, MST_CALL_SENT);
    late = world_put(&w, "jobs", "c", MST_FOREVER);
    assert_over(late, MST_UNAVAILABLE);
    world_clear(&w);
    world_free(sent);
    world_free(unsent);
    world_free(size);
    world_free(get);
    world_free(late);
}

static void a_new_session_begins_when_the_old_one_is_unknown(void **state)
{
    struct mst_call *put;
    struct mst_call *get;
    struct mst_call *join;
    struct mst_call *unsent;
    struct world w;

    (void)state;
    world_up(&w);
    put = world_put(&w, "jobs", "a", MST_FOREVER);
    get = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    join = world_op(&w, MST_OP_JOIN, "jobs");
    world_said(&w);
    lose(&w);
    unsent = world_put(&w, "jobs", "b", MST_FOREVER);
    world_connect(&w);
    assert_said(&w, "RESUME session=7 pending 1*3\n");
    refuse_resume(&w);
    assert_said(&w, "HELLO ttl=10000\n");
    assert_over(put, MST_UNKNOWN);
    assert_over(join, MST_UNKNOWN);
    w.welcome.session = 8;
    world_welcome(&w, MST_OP_HELLO);
    assert_int_equal(count_notices(&w, MUSTER_SESSION_LOST), 1);
    assert_said(&w, "OPEN 0=jobs\nGET #4 n=1 h0\nPUT #5 h0 b\n");
    broker_answers(&w, MST_OP_PUT, 5, 1, MST_OK);
    assert_over(unsent, MST_OK);
    assert_int_equal(mst_client_session(w.client), 8);
    world_clear(&w);
    world_free(put);
    world_free(get);
    world_free(join);
    world_free(unsent);
}

static void without_a_time_to_live_the_session_ends_with_its_connection(void **state)
{
    struct mst_call *put;
    struct mst_call *get;
    struct world w;

    (void)state;
    world_init(&w, 0);
    world_said(&w);
    world_welcome(&w, MST_OP_HELLO);
    put = world_put(&w, "jobs", "a", MST_FOREVER);
    get = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    world_said(&w);
    lose(&w);
    assert_over(put, MST_UNKNOWN);
    world_connect(&w);
    assert_said(&w, "HELLO ttl=0\n");
    world_welcome(&w, MST_OP_HELLO);
    assert_said(&w, "OPEN 0=jobs\nGET #3 n=1 h0\n");
    world_clear(&w);
    world_free(put);
    world_free(get);
}

static void a_cancelled_call_stays_cancelled_across_connections(void **state)
{
    struct mst_call *get;
    struct mst_call *put;
    struct world w;

    (void)state;
    world_up(&w);
    get = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    put = world_put(&w, "jobs", "a", MST_FOREVER);
    world_said(&w);
    lose(&w);
    mst_client_cancel(w.client, get, MST_CANCELLED, w.now);
    mst_client_cancel(w.client, put, MST_CANCELLED, w.now);
    assert_over(get, MST_CANCELLED);
    assert_int_equal(put->state, MST_CALL_SENT);
    world_connect(&w);
    assert_said(&w, "RESUME session=7 pending 2*1 abandoned 1*1\n");
    world_welcome(&w, MST_OP_RESUME);
    assert_said(&w, "OPEN 0=jobs\nPUT #2 h0 a\nCANCEL #2 CANCELLED\n");
    broker_answers(&w, MST_OP_PUT, 2, 1, MST_CANCELLED);
    assert_over(put, MST_CANCELLED);
    world_clear(&w);
    world_free(get);
    world_free(put);
}

/* A wait that comes back tells where the event stood when it began, within one run of the
 * broker. */
static void an_event_wait_remembers_its_generation(void **state)
{
    struct mst_call *set;
    struct mst_call *wait;
    struct mst_reply reply;
    struct world w;

    (void)state;
    world_up(&w);
    set = world_op(&w, MST_OP_EVENT_CLEAR, "go");
    world_said(&w);
    mst_reply_init(&reply, MST_OP_EVENT_CLEAR);
    reply.id = 1;
    reply.generation = 4;
    world_reply(&w, &reply);
    wait = world_op(&w, MST_OP_EVENT_WAIT, "go");
    assert_said(&w, "EVENT_WAIT #2 confirm=1 h0\n");
    lose(&w);
    world_connect(&w);
    world_said(&w);
    refuse_resume(&w);
    world_said(&w);
    world_welcome(&w, MST_OP_HELLO);
    assert_said(&w, "OPEN 0=go\nEVENT_WAIT #3 h0 since=4\n");
    lose(&w);
    w.welcome.boot = mst_span_of("boot 2", 6);
    world_connect(&w);
    world_said(&w);
    refuse_resume(&w);
    world_said(&w);
    world_welcome(&w, MST_OP_HELLO);
    assert_said(&w, "OPEN 0=go\nEVENT_WAIT #4 h0\n");
    world_clear(&w);
    world_free(set);
    world_free(wait);
}

/* A session that came back has an event whose generation still counts, whichever broker runs. */
static void a_resumed_event_wait_remembers_it_too(void **state)
{
    struct mst_call *set;
    struct mst_call *wait;
    struct mst_reply reply;
    struct world w;

    (void)state;
    world_up(&w);
    set = world_op(&w, MST_OP_EVENT_SET, "go");
    world_said(&w);
    mst_reply_init(&reply, MST_OP_EVENT_SET);
    reply.id = 1;
    reply.generation = 9;
    world_reply(&w, &reply);
    wait = world_op(&w, MST_OP_EVENT_WAIT, "go");
    world_said(&w);
    lose(&w);
    w.welcome.boot = mst_span_of("boot 2", 6);
    come_back(&w);
    assert_said(&w, "OPEN 0=go\nEVENT_WAIT #2 h0 since=9\n");
    world_clear(&w);
    world_free(set);
    world_free(wait);
}

static void an_unwanted_lease_goes_back_uncounted(void **state)
{
    struct mst_call *here;
    struct mst_call *coming;
    struct world w;

    (void)state;
    world_up(&w);
    here = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    coming = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    world_said(&w);
    broker_delivers(&w, 1, 1);
    mst_client_forget(w.client, here, w.now);
    mst_client_forget(w.client, coming, w.now);
    assert_said(&w, "CANCEL confirm=1 #2 CANCELLED\nNACK #3 confirm=1 1001.1 uncounted\n");
    broker_delivers(&w, 2, 1);
    assert_said(&w, "NACK #4 confirm=2 1002.1 uncounted\n");
    world_settle(&w);
    world_free(here);
    world_free(coming);
    broker_answers(&w, MST_OP_NACK, 3, 1, MST_OK);
    broker_answers(&w, MST_OP_NACK, 4, 1, MST_OK);
    for (int i = 0; i < 2; i++) {
        world_free(mst_client_next_woken(w.client));
    }
    world_clear(&w);
}

/* In auto mode a receipt would be the end of the message: only a new connection can hand it
 * back. */
static void an_unwanted_message_goes_back_with_the_connection(void **state)
{
    struct mst_call *get;
    struct world w;

    (void)state;
    world_up(&w);
    get = world_get(&w, "jobs", MST_GET_AUTO, MST_FOREVER);
    world_said(&w);
    broker_delivers(&w, 1, 1);
    mst_client_forget(w.client, get, w.now);
    assert_said(&w, "");
    assert_true(mst_client_is_silent(w.client, w.now));
    lose(&w);
    world_settle(&w);
    assert_over(get, MST_CANCELLED);
    world_free(get);
    world_connect(&w);
    assert_said(&w, "RESUME session=7 abandoned 1*1\n");
    world_welcome(&w, MST_OP_RESUME);
    assert_false(mst_client_has_notices(w.client));
    world_clear(&w);
}

static void bye_ends_everything(void **state)
{
    struct mst_call *get;
    struct mst_call *here;
    struct mst_call *late;
    struct mst_reply bye;
    struct world w;

    (void)state;
    world_up(&w);
    get = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    here = world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER);
    world_said(&w);
    broker_delivers(&w, 2, 1);
    mst_client_bye(w.client, w.now);
    assert_over(get, MST_CANCELLED);
    assert_over(here, MST_CANCELLED);
    assert_null(here->outcome.messages);
    assert_said(&w, "BYE\n");
    late = world_put(&w, "jobs", "a", MST_FOREVER);
    assert_over(late, MST_UNAVAILABLE);
    assert_false(mst_client_is_finished(w.client));
    mst_reply_init(&bye, MST_OP_BYE);
    world_reply(&w, &bye);
    assert_true(mst_client_is_finished(w.client));
    world_clear(&w);
    world_free(get);
    world_free(here);
    world_free(late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_answered_is_sent_again_in_order),
        cmocka_unit_test(an_untaken_delivery_is_pending_again),
        cmocka_unit_test(a_resume_that_was_not_heard_is_said_again),
        cmocka_unit_test(times_run_out_while_disconnected),
        cmocka_unit_test(the_time_that_is_left_is_sent),
        cmocka_unit_test(the_end_of_the_session_is_known_without_the_broker),
        cmocka_unit_test(a_new_session_begins_when_the_old_one_is_unknown),
        cmocka_unit_test(without_a_time_to_live_the_session_ends_with_its_connection),
        cmocka_unit_test(a_cancelled_call_stays_cancelled_across_connections),
        cmocka_unit_test(an_event_wait_remembers_its_generation),
        cmocka_unit_test(a_resumed_event_wait_remembers_it_too),
        cmocka_unit_test(an_unwanted_lease_goes_back_uncounted),
        cmocka_unit_test(an_unwanted_message_goes_back_with_the_connection),
        cmocka_unit_test(bye_ends_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
