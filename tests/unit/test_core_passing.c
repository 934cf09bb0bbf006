/* test_core_passing.c - what is on its way out: sessions that ended and still hold something,
 * messages that are cut off and not yet freed, objects that nobody uses, a broker that goes away;
 * nobody sees them, and nothing happens to them any more. */
#include <stdlib.h>

#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_queue.h"

#define CROWD 1100 /* more than goes in one slice */

static void open_world(struct world *w)
{
    world_open(w, WORLD_DURABLE);
    world_hello(w, "a");
    world_hello(w, "b");
}

static void crowd_put(struct world *w, const char *queue, int64_t ttl_ns)
{
    struct mst_request *put = world_request(w, "a", MST_OP_PUT, queue);

    put->bodies = mst_arena_take(&w->arena, CROWD * sizeof(*put->bodies));
    assert_non_null(put->bodies);
    for (size_t i = 0; i < CROWD; i++) {
        put->bodies[i] = mst_span_text("one of a crowd");
    }
    put->bodies_count = CROWD;
    put->mode = MST_PUT_ALL;
    put->ttl_ns = ttl_ns;
    expect_reply(w, "a", world_send(w), MST_OK);
}

static void a_session_that_ended_is_gone_for_everybody(void **state)
{
    struct mst_request resume;
    struct event event = {.kind = EVENT_RESUME, .conn = 60, .request = &resume};
    const struct world_client *b;
    const struct mst_reply *reply;
    struct world w;
    uint64_t id;

    (void)state;
    open_world(&w);
    crowd_put(&w, "q", MST_FOREVER);
    id = queue_get(&w, "b", "q", CROWD);
    world_confirm(&w, "b", id, CROWD);
    world_bye(&w, "b"); /* a slice of what it held is back */
    b = world_client(&w, "b");
    assert_int_equal(world_stat(&w, "a", "q", "leased"), CROWD - 1000);
    world_request(&w, "a", MST_OP_SESSIONS, NULL)->count = 10;
    reply = expect_reply(&w, "a", world_send(&w), MST_OK);
    assert_int_equal(reply->sessions_count, 1);
    world_request(&w, "a", MST_OP_KILL, NULL)->session = b->session;
    expect_reply(&w, "a", world_send(&w), MST_NOT_FOUND);
    mst_request_init(&resume, MST_OP_RESUME);
    resume.session = b->session;
    resume.secret = mst_span_of(b->secret, MST_SECRET_BYTES);
    world_step(&w, &event);
    assert_int_equal(w.effects.items[0].reply.status, MST_NOT_FOUND);
    world_advance(&w, 0);
    assert_int_equal(world_stat(&w, "a", "q", "ready"), CROWD);
    world_close(&w);
}

/* Their times come while they only wait to be freed, with their queue or without. */
static void the_time_of_what_was_cut_off_never_comes(void **state)
{
    struct event tick = {.kind = EVENT_TICK};
    struct world w;

    (void)state;
    for (int removed = 0; removed < 2; removed++) {
        open_world(&w);
        crowd_put(&w, "q", SECOND);
        expect_reply(&w, "a", world_do(&w, "a", removed ? MST_OP_REMOVE : MST_OP_PURGE, "q"),
                     MST_OK);
        w.now_ns += 2 * SECOND;
        world_step(&w, &tick);
        assert_int_equal(w.effects.records_seq, 0); /* no record tells of any of them */
        world_advance(&w, 0);
        assert_int_equal(core_figures(w.core).messages, 0);
        if (!removed) {
            assert_int_equal(world_stat(&w, "a", "q", "expired"), 0);
            assert_int_equal(world_stat(&w, "a", "q", "purged"), CROWD);
        }
        world_close(&w);
    }
}

/* ---- unused objects ---- */

static void an_idle_queue_stays_while_somebody_waits_to_put(void **state)
{
    struct mst_fact idle = {.name = mst_span_text("expire-idle"), .number = 5 * SECOND};
    struct world w;
    uint64_t id;

    (void)state;
    open_world(&w);
    world_declare(&w, "a", "q", MST_KIND_FIFO, &idle, 1);
    world_request(&w, "a", MST_OP_PAUSE, "q")->sides = MST_SIDE_PUT;
    expect_reply(&w, "a", world_send(&w), MST_OK);
    id = queue_put(&w, "b", "q", "x");
    world_advance(&w, 20 * SECOND);
    expect_waiting(&w, "b", id);
    world_cancel(&w, "b", id, MST_CANCELLED);
    world_advance(&w, 20 * SECOND);
    assert_int_equal(core_figures(w.core).objects, 0);
    world_close(&w);
}

static void an_idle_barrier_stays_while_a_party_may_come_back(void **state)
{
    struct mst_fact facts[] = {{.name = mst_span_text("expire-idle"), .number = 2 * SECOND},
                               {.name = mst_span_text("parties"), .number = 2}};
    struct world w;

    (void)state;
    open_world(&w);
    world_declare(&w, "a", "gate", MST_KIND_BARRIER, facts, 2);
    world_do(&w, "b", MST_OP_BARRIER_WAIT, "gate");
    world_restart(&w);
    world_resume(&w, "a");
    world_advance(&w, 8 * SECOND); /* b has ten */
    assert_int_equal(world_stat(&w, "a", "gate", "n_waiting"), 1);
    world_close(&w);
}

/* ---- the broker goes away ---- */

static void who_would_wait_hears_that_the_broker_goes_away(void **state)
{
    struct mst_fact most = {.name = mst_span_text("maxsize"), .number = 1};
    struct world w;

    (void)state;
    open_world(&w);
    world_declare(&w, "a", "q", MST_KIND_FIFO, &most, 1);
    expect_reply(&w, "a", queue_put(&w, "a", "q", "x"), MST_OK);
    world_drain(&w);
    expect_reply(&w, "a", queue_put(&w, "a", "q", "y"), MST_UNAVAILABLE);
    expect_reply(&w, "a", queue_put_all(&w, "a", "q", 1), MST_UNAVAILABLE);
    world_request(&w, "a", MST_OP_JOIN, "q");
    expect_reply(&w, "a", world_send(&w), MST_UNAVAILABLE);
    world_close(&w);
}

/* ---- deliveries ---- */

static void a_dead_letter_dies_no_more(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    expect_reply(&w, "a", queue_put(&w, "a", "q", "x"), MST_OK);
    expect_reply(&w, "a", queue_nack(&w, "a", "q", queue_take(&w, "a", "q"), true), MST_OK);
    expect_reply(&w, "a", queue_update(&w, "a", "q.dead", "max-deliveries", 1), MST_OK);
    for (int i = 0; i < 3; i++) {
        expect_reply(&w, "a", queue_nack(&w, "a", "q.dead", queue_take(&w, "a", "q.dead"), false),
                     MST_OK);
    }
    assert_int_equal(world_stat(&w, "a", "q.dead", "ready"), 1);
    world_close(&w);
}

static void one_done_finishes_messages_that_are_no_neighbours(void **state)
{
    struct mst_run runs[] = {{1, 1, 1}, {3, 1, 1}};
    struct world w;
    uint64_t id;

    (void)state;
    open_world(&w);
    expect_reply(&w, "a", queue_put_all(&w, "a", "q", 3), MST_OK);
    id = queue_get(&w, "a", "q", 3);
    world_confirm(&w, "a", id, 3);
    world_request(&w, "a", MST_OP_DONE, "q")->runs = runs;
    w.asked.runs_count = 2;
    id = world_send(&w);
    expect_reply(&w, "a", id, MST_OK);
    expect_reply(&w, "a", id + 1, MST_OK);
    assert_int_equal(world_stat(&w, "a", "q", "leased"), 1);
    expect_reply(&w, "a", queue_done(&w, "a", "q", 2, 1), MST_OK);
    world_close(&w);
}

/* Behind a message that somebody holds come the others that are held; behind one that came back
 * late come those that stand behind it. */
static void a_peek_goes_on_behind_any_message(void **state)
{
    struct mst_request *request;
    const struct mst_reply *reply;
    struct world w;

    (void)state;
    open_world(&w);
    expect_reply(&w, "a", queue_put_all(&w, "a", "q", 3), MST_OK);
    queue_take(&w, "b", "q");
    queue_take(&w, "b", "q");
    request = world_request(&w, "a", MST_OP_PEEK, "q");
    request->count = 10;
    request->message = 1;
    reply = expect_reply(&w, "a", world_send(&w), MST_OK);
    assert_int_equal(reply->deliveries_count, 1);
    assert_int_equal(reply->deliveries[0].id, 2);
    request = world_request(&w, "a", MST_OP_PUT, "q");
    request->bodies = mst_arena_take(&w.arena, sizeof(*request->bodies));
    request->bodies[0] = mst_span_text("late");
    request->bodies_count = 1;
    request->delay_ns = SECOND;
    expect_reply(&w, "a", world_send(&w), MST_OK);
    expect_reply(&w, "a", queue_put(&w, "a", "q", "last"), MST_OK);
    world_advance(&w, SECOND); /* number 4 is back between 3 and 5 */
    request = world_request(&w, "a", MST_OP_PEEK, "q");
    request->count = 1;
    request->message = 4;
    reply = expect_reply(&w, "a", world_send(&w), MST_OK);
    assert_int_equal(reply->deliveries[0].id, 5);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_that_ended_is_gone_for_everybody),
        cmocka_unit_test(the_time_of_what_was_cut_off_never_comes),
        cmocka_unit_test(an_idle_queue_stays_while_somebody_waits_to_put),
        cmocka_unit_test(an_idle_barrier_stays_while_a_party_may_come_back),
        cmocka_unit_test(who_would_wait_hears_that_the_broker_goes_away),
        cmocka_unit_test(a_dead_letter_dies_no_more),
        cmocka_unit_test(one_done_finishes_messages_that_are_no_neighbours),
        cmocka_unit_test(a_peek_goes_on_behind_any_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
