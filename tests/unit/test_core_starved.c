/* test_core_starved.c - memory is short: nothing is added, all can be taken out, whoever comes may
 * help, and then it goes on. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_queue.h"

static const char *const used_up =
    "the broker's memory is used up; take messages out, then try again";

static void open_world(struct world *w)
{
    world_open(w, WORLD_DURABLE);
    world_hello(w, "a");
    world_hello(w, "b");
}

static void what_adds_is_refused_before_anything_changes(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    expect_reply(&w, "a", queue_put(&w, "a", "q", "before"), MST_OK);
    w.memory_short = true;
    expect_cause(&w, "a", queue_put(&w, "a", "q", "x"), MST_NO_MEMORY, used_up);
    expect_cause(&w, "a", queue_put_all(&w, "a", "q", 3), MST_NO_MEMORY, used_up);
    expect_cause(&w, "a", queue_get(&w, "a", "new", 1), MST_NO_MEMORY, used_up);
    expect_cause(&w, "a", world_do(&w, "a", MST_OP_EVENT_SET, "go"), MST_NO_MEMORY, used_up);
    world_request(&w, "a", MST_OP_DECLARE, "new")->kind = MST_KIND_LIFO;
    expect_cause(&w, "a", world_send(&w), MST_NO_MEMORY, used_up);
    world_request(&w, "a", MST_OP_BARRIER_WAIT, "gate")->parties = 2;
    expect_cause(&w, "a", world_send(&w), MST_NO_MEMORY, used_up);
    assert_int_equal(world_stat(&w, "a", "q", "ready"), 1);
    assert_int_equal(core_figures(w.core).objects, 1);
    w.memory_short = false;
    expect_reply(&w, "a", queue_put(&w, "a", "q", "after"), MST_OK);
    world_close(&w);
}

static void nobody_new_waits_but_who_waits_is_served(void **state)
{
    struct world w;
    uint64_t waits, id;

    (void)state;
    open_world(&w);
    expect_reply(&w, "a", queue_put(&w, "a", "q", "x"), MST_OK);
    queue_got(&w, "a", queue_get(&w, "a", "q", 1));
    waits = queue_get_wait(&w, "b", "q", MST_FOREVER);
    expect_waiting(&w, "b", waits);
    w.memory_short = true;
    id = queue_get_wait(&w, "a", "q", MST_FOREVER);
    expect_cause(&w, "a", id, MST_NO_MEMORY, used_up);
    expect_reply(&w, "a", world_do(&w, "a", MST_OP_JOIN, "q"), MST_NO_MEMORY);
    world_bye(&w, "a"); /* what it held goes to who waits */
    queue_got(&w, "b", waits);
    world_close(&w);
}

static void all_can_be_taken_out_by_whoever_comes(void **state)
{
    const struct mst_delivery *delivery;
    struct world w;

    (void)state;
    open_world(&w);
    expect_reply(&w, "a", queue_put_all(&w, "a", "q", 3), MST_OK);
    w.memory_short = true;
    world_hello(&w, "c");
    delivery = queue_got(&w, "c", queue_get(&w, "c", "q", 1));
    expect_reply(&w, "c", queue_nack(&w, "c", "q", delivery, false), MST_OK);
    for (int i = 0; i < 3; i++) {
        delivery = queue_got(&w, "c", queue_get(&w, "c", "q", 1));
        expect_reply(&w, "c", queue_done(&w, "c", "q", delivery->id, delivery->number), MST_OK);
    }
    assert_int_equal(world_stat(&w, "c", "q", "unfinished"), 0);
    expect_reply(&w, "c", world_do(&w, "c", MST_OP_REMOVE, "q"), MST_OK);
    world_close(&w);
}

/* A session that took in auto mode, holds, waits and leads; then memory is short. */
static void what_gives_back_goes_on_whatever_it_is(void **state)
{
    static const struct mst_fact acting[] = {{.name = {(const uint8_t *)"parties", 7}, .number = 2},
                                             {.name = {(const uint8_t *)"action", 6}, .number = 1}};
    const struct mst_delivery *held;
    struct world w;
    uint64_t id;

    (void)state;
    open_world(&w);
    world_declare(&w, "a", "gate", MST_KIND_BARRIER, acting, 2);
    expect_reply(&w, "a", queue_put_all(&w, "a", "q", 5), MST_OK);
    world_request(&w, "a", MST_OP_GET, "q")->mode = MST_GET_AUTO;
    id = world_send(&w);
    world_confirm(&w, "a", id, 1);
    held = queue_take(&w, "a", "q");
    id = world_do(&w, "a", MST_OP_BARRIER_WAIT, "gate");
    expect_reply(&w, "b", world_do(&w, "b", MST_OP_BARRIER_WAIT, "gate"), MST_OK);
    w.memory_short = true;
    world_request(&w, "a", MST_OP_TASK_DONE, "q")->count = 1;
    expect_reply(&w, "a", world_send(&w), MST_OK);
    world_request(&w, "a", MST_OP_EXTEND, "q")->lease_ns = SECOND;
    w.asked.message = held->id;
    w.asked.number = held->number;
    expect_reply(&w, "a", world_send(&w), MST_OK);
    world_request(&w, "a", MST_OP_DELETE, "q")->message = held->id + 1;
    expect_reply(&w, "a", world_send(&w), MST_OK);
    expect_reply(&w, "a", world_do(&w, "a", MST_OP_PURGE, "q"), MST_OK);
    expect_cause(&w, "a", world_do(&w, "a", MST_OP_REDRIVE, "q"), MST_NO_MEMORY, used_up);
    expect_reply(&w, "b", world_do(&w, "b", MST_OP_BARRIER_DONE, "gate"), MST_OK);
    expect_reply(&w, "a", id, MST_OK);
    expect_reply(&w, "a", world_do(&w, "a", MST_OP_BARRIER_ABORT, "gate"), MST_OK);
    expect_reply(&w, "a", world_do(&w, "a", MST_OP_BARRIER_RESET, "gate"), MST_OK);
    expect_reply(&w, "a", world_do(&w, "a", MST_OP_SHUTDOWN, "q"), MST_OK);
    world_request(&w, "a", MST_OP_KILL, NULL)->session = world_client(&w, "b")->session;
    expect_reply(&w, "a", world_send(&w), MST_OK);
    assert_int_equal(world_stat(&w, "a", "q", "unfinished"), 1);
    world_close(&w);
}

/* ---- not even half of what was set aside is left ---- */

static void spend_most(struct world *w)
{
    w->memory_short = true;
    for (int i = 0; i < 9; i++) {
        core_spare_memory(w->core);
    }
}

static void who_does_more_than_give_back_is_hung_up_on(void **state)
{
    static const enum mst_op asks[] = {MST_OP_GET, MST_OP_PING, MST_OP_OPEN};
    const struct mst_delivery *held;
    struct world w;

    (void)state;
    for (size_t i = 0; i < sizeof(asks) / sizeof(*asks); i++) {
        open_world(&w);
        expect_reply(&w, "a", queue_put(&w, "a", "q", "x"), MST_OK);
        held = queue_take(&w, "a", "q");
        spend_most(&w);
        expect_reply(&w, "a", queue_done(&w, "a", "q", held->id, held->number), MST_OK);
        if (asks[i] == MST_OP_OPEN) {
            struct mst_request open;
            struct event event = {.kind = EVENT_REQUEST,
                                  .conn = world_client(&w, "a")->conn,
                                  .session = world_client(&w, "a")->session,
                                  .request = &open};

            mst_request_init(&open, MST_OP_OPEN);
            open.handle = 9;
            open.name = mst_span_text("new");
            world_step(&w, &event);
        } else {
            world_do(&w, "a", asks[i], asks[i] == MST_OP_GET ? "q" : NULL);
        }
        expect_closed(&w, "a");
        world_close(&w);
    }
}

static void who_comes_may_try_again(void **state)
{
    struct mst_request ask;
    struct event event = {.kind = EVENT_HELLO, .conn = 50, .request = &ask};
    uint8_t secret[MST_SECRET_BYTES] = {1};
    struct world w;

    (void)state;
    open_world(&w);
    world_lose(&w, "b");
    spend_most(&w);
    event.secret = mst_span_of(secret, sizeof(secret));
    mst_request_init(&ask, MST_OP_HELLO);
    world_step(&w, &event);
    assert_int_equal(w.effects.count, 1);
    assert_int_equal(w.effects.items[0].reply.status, MST_NO_MEMORY);
    mst_request_init(&ask, MST_OP_RESUME);
    ask.session = world_client(&w, "b")->session;
    ask.secret = mst_span_of(world_client(&w, "b")->secret, MST_SECRET_BYTES);
    event.kind = EVENT_RESUME;
    world_step(&w, &event);
    assert_int_equal(w.effects.count, 1);
    assert_int_equal(w.effects.items[0].kind, EFFECT_CLOSE);
    w.memory_short = false; /* and what was set aside is whole again */
    world_resume(&w, "b");
    world_hello(&w, "c");
    world_close(&w);
}

static void what_a_session_held_comes_back_one_by_one(void **state)
{
    struct event tick = {.kind = EVENT_TICK};
    struct world w;

    (void)state;
    open_world(&w);
    expect_reply(&w, "a", queue_put_all(&w, "a", "q", 4), MST_OK);
    for (int i = 0; i < 4; i++) {
        queue_take(&w, "b", "q");
    }
    spend_most(&w);
    world_bye(&w, "b");
    w.memory_short = false;
    assert_int_equal(world_stat(&w, "a", "q", "leased"), 3);
    world_step(&w, &tick); /* there is memory again */
    assert_int_equal(world_stat(&w, "a", "q", "leased"), 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_adds_is_refused_before_anything_changes),
        cmocka_unit_test(nobody_new_waits_but_who_waits_is_served),
        cmocka_unit_test(all_can_be_taken_out_by_whoever_comes),
        cmocka_unit_test(what_gives_back_goes_on_whatever_it_is),
        cmocka_unit_test(who_does_more_than_give_back_is_hung_up_on),
        cmocka_unit_test(who_comes_may_try_again),
        cmocka_unit_test(what_a_session_held_comes_back_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
