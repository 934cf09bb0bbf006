/* test_core_snapshot_objects.c - what a snapshot keeps of queues, events and barriers; in what
 * pieces it comes, and which bodies are in it. See test_core_snapshot.c. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_queue.h"

#include "protocol/body.h"

static void open_world(struct world *w)
{
    world_open(w, WORLD_DURABLE);
    world_hello(w, "a");
    world_hello(w, "b");
}

/* The broker is killed and comes back; so do a and b. */
static void restart(struct world *w)
{
    world_restart(w);
    world_resume(w, "a");
    world_resume(w, "b");
}

/* ---- queues ---- */

static void paused_stays_paused_and_shut_stays_shut(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    queue_put(&w, "a", "paused", "x");
    world_request(&w, "a", MST_OP_PAUSE, "paused")->sides = MST_SIDE_GET;
    world_send(&w);
    queue_put(&w, "a", "shut", "x");
    world_do(&w, "a", MST_OP_SHUTDOWN, "shut");
    restart(&w);
    expect_cause(&w, "b", queue_get(&w, "b", "paused", 1), MST_EMPTY, "paused");
    expect_reply(&w, "b", queue_put(&w, "b", "paused", "y"), MST_OK);
    expect_reply(&w, "b", queue_put(&w, "b", "shut", "y"), MST_SHUTDOWN);
    queue_done(&w, "b", "shut", queue_take(&w, "b", "shut")->id, 1);
    expect_reply(&w, "b", queue_get(&w, "b", "shut", 1), MST_SHUTDOWN);
    world_close(&w);
}

static void ids_of_a_removed_queue_are_never_used_again(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    queue_put_all(&w, "a", "q", 5);
    expect_reply(&w, "a", world_do(&w, "a", MST_OP_REMOVE, "q"), MST_OK);
    restart(&w);
    assert_true(expect_reply(&w, "a", queue_put(&w, "a", "q", "x"), MST_OK)->first > 5);
    world_close(&w);
}

static void settings_and_counts_are_told_as_before(void **state)
{
    static const char *const facts[] = {"maxsize", "puts",       "gets",    "returns", "done",
                                        "dead",    "unfinished", "version", "bytes",   "purged"};
    int64_t before[10];
    struct world w;

    (void)state;
    open_world(&w);
    queue_put_all(&w, "a", "q", 6);
    queue_update(&w, "a", "q", "maxsize", 9);
    queue_done(&w, "b", "q", queue_take(&w, "b", "q")->id, 1);
    queue_nack(&w, "b", "q", queue_take(&w, "b", "q"), true);
    queue_nack(&w, "b", "q", queue_take(&w, "b", "q"), false);
    for (size_t i = 0; i < 10; i++) {
        before[i] = world_stat(&w, "a", "q", facts[i]);
    }
    restart(&w);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(world_stat(&w, "a", "q", facts[i]), before[i]);
    }
    world_close(&w);
}

/* ---- events and barriers ---- */

static void an_events_flag_and_generation_are_kept(void **state)
{
    const struct mst_reply *reply;
    struct world w;

    (void)state;
    open_world(&w);
    world_do(&w, "a", MST_OP_EVENT_SET, "go");
    world_do(&w, "a", MST_OP_EVENT_CLEAR, "go");
    world_do(&w, "a", MST_OP_EVENT_SET, "go");
    restart(&w);
    reply = expect_reply(&w, "b", world_do(&w, "b", MST_OP_EVENT_IS_SET, "go"), MST_OK);
    assert_true(reply->flag);
    assert_int_equal(reply->generation, 2);
    world_close(&w);
}

static uint64_t arrive(struct world *w, const char *who, const char *barrier)
{
    world_request(w, who, MST_OP_BARRIER_WAIT, barrier)->parties = 3;
    return world_send(w);
}

static void two_of_three_parties_wait_on_for_the_third(void **state)
{
    struct world w;
    uint64_t a, b, c;

    (void)state;
    open_world(&w);
    world_hello(&w, "c");
    a = arrive(&w, "a", "gate");
    b = arrive(&w, "b", "gate");
    restart(&w);
    expect_waiting(&w, "a", a);
    world_resume(&w, "c");
    c = arrive(&w, "c", "gate");
    assert_int_equal(expect_reply(&w, "a", a, MST_OK)->index, 0);
    assert_int_equal(expect_reply(&w, "b", b, MST_OK)->index, 1);
    assert_int_equal(expect_reply(&w, "c", c, MST_OK)->index, 2);
    world_close(&w);
}

static void who_ends_breaks_all_its_barriers_the_latest_first(void **state)
{
    struct world w;
    uint64_t at_one, at_two;

    (void)state;
    open_world(&w);
    world_hello(&w, "c");
    at_two = arrive(&w, "a", "two");
    arrive(&w, "c", "two");
    at_one = arrive(&w, "a", "one");
    arrive(&w, "c", "one");
    restart(&w);
    world_advance(&w, MST_TTL_DEFAULT_NS); /* c never came back */
    expect_cause(&w, "a", at_one, MST_BROKEN, "party died: c@host:3");
    expect_cause(&w, "a", at_two, MST_BROKEN, "party died: c@host:3");
    restart(&w);
    expect_cause(&w, "b", arrive(&w, "b", "one"), MST_BROKEN, "party died: c@host:3");
    world_close(&w);
}

static void a_leader_acts_on_and_its_time_runs(void **state)
{
    const struct mst_fact settings[] = {
        {.name = mst_span_text("parties"), .number = 2},
        {.name = mst_span_text("action"), .number = 1},
        {.name = mst_span_text("action-timeout"), .number = 5 * SECOND}};
    struct world w;
    uint64_t a, b;

    (void)state;
    open_world(&w);
    world_declare(&w, "a", "gate", MST_KIND_BARRIER, settings, 3);
    a = world_do(&w, "a", MST_OP_BARRIER_WAIT, "gate");
    b = world_do(&w, "b", MST_OP_BARRIER_WAIT, "gate");
    assert_true(expect_reply(&w, "b", b, MST_OK)->leader);
    world_advance(&w, 3 * SECOND);
    restart(&w);
    expect_waiting(&w, "a", a);
    world_advance(&w, 2 * SECOND);
    expect_cause(&w, "a", a, MST_BROKEN, "action timeout");
    world_close(&w);
}

/* ---- pieces and bodies ---- */

#define MANY       20000u
#define BODY_BYTES 100u

struct weighing {
    const struct store *store;
    bool moves;
    size_t bytes;
    size_t pieces;
    size_t asked;
    size_t moved;
};

static bool weigh_moves(void *user, uint64_t place, size_t len, struct mst_span *bytes)
{
    struct weighing *weighing = user;

    weighing->asked++;
    assert_int_equal(len, BODY_BYTES);
    *bytes = store_body(weighing->store, place, len);
    return weighing->moves;
}

static bool weigh_piece(void *user, struct mst_span records,
                        const struct core_snapshot_body *bodies, size_t bodies_count)
{
    struct weighing *weighing = user;

    assert_in_range(records.len, 1, 400u << 10);
    for (size_t i = 0; i < bodies_count; i++) {
        uint8_t hash[MST_BODY_HASH_BYTES];

        mst_body_hash(mst_span_of(records.data + bodies[i].offset + sizeof(hash), BODY_BYTES),
                      hash);
        assert_memory_equal(records.data + bodies[i].offset, hash, sizeof(hash));
    }
    weighing->bytes += records.len;
    weighing->pieces++;
    weighing->moved += bodies_count;
    return true;
}

static bool put_nothing(void *user, struct mst_span records,
                        const struct core_snapshot_body *bodies, size_t bodies_count)
{
    struct weighing *weighing = user;

    (void)records;
    (void)bodies;
    (void)bodies_count;
    weighing->pieces++;
    return false;
}

static void put_many(struct world *w)
{
    static uint8_t body[BODY_BYTES];
    static struct mst_span bodies[1000];

    for (size_t i = 0; i < 1000; i++) {
        bodies[i] = mst_span_of(body, sizeof(body));
    }
    for (size_t i = 0; i < MANY / 1000; i++) {
        world_request(w, "a", MST_OP_PUT, "q")->bodies = bodies;
        w->asked.bodies_count = 1000;
        w->asked.mode = MST_PUT_ALL;
        expect_reply(w, "a", world_send(w), MST_OK);
        w->now_ns += 12345678;
    }
}

static void a_deep_queue_is_told_in_pieces_that_weigh_what_was_said(void **state)
{
    struct weighing weighing = {.moves = true};
    struct core_snapshot_port port = {&weighing, weigh_moves, weigh_piece};
    struct core_figures figures;
    struct world w;

    (void)state;
    open_world(&w);
    put_many(&w);
    weighing.store = &w.store;
    assert_true(core_snapshot(w.core, &port));
    figures = core_figures(w.core);
    assert_int_equal(figures.durable_messages, MANY);
    assert_int_equal(weighing.moved, MANY);
    assert_in_range(weighing.pieces, MANY * BODY_BYTES / (400u << 10), 20);
    assert_in_range(figures.durable_bytes, weighing.bytes, weighing.bytes + weighing.bytes / 20);
    weighing = (struct weighing){.store = &w.store, .moves = false};
    assert_true(core_snapshot(w.core, &port)); /* all stay where they are */
    assert_int_equal(weighing.asked, MANY);
    assert_int_equal(weighing.moved, 0);
    assert_in_range(weighing.bytes, MANY, MANY * 20);
    weighing.pieces = 0;
    port.put = put_nothing;
    assert_false(core_snapshot(w.core, &port)); /* and it ends when it is told to */
    assert_int_equal(weighing.pieces, 1);
    world_close(&w);
}

static void bodies_beyond_the_limit_stay_in_the_journal_and_are_given_all_the_same(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    put_many(&w);
    w.bodies_max = MANY * 150;
    restart(&w);
    assert_in_range(core_figures(w.core).memory, w.bodies_max, core_figures(w.twin).memory - 1);
    for (int i = 0; i < 20; i++) { /* the world reads what the reply only has a place of */
        assert_int_equal(queue_take(&w, "b", "q")->body.len, BODY_BYTES);
    }
    store_send_away(&w.store, w.core);
    world_request(&w, "a", MST_OP_PEEK, "q")->count = 100;
    assert_int_equal(expect_reply(&w, "a", world_send(&w), MST_OK)->deliveries_count, 100);
    expect_reply(&w, "a", world_do(&w, "a", MST_OP_PURGE, "q"), MST_OK);
    world_bye(&w, "b");
    world_advance(&w, 0);
    expect_reply(&w, "a", world_do(&w, "a", MST_OP_PURGE, "q"), MST_OK);
    world_advance(&w, 0);
    assert_int_equal(core_figures(w.core).memory, 0); /* nothing was subtracted twice */
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paused_stays_paused_and_shut_stays_shut),
        cmocka_unit_test(ids_of_a_removed_queue_are_never_used_again),
        cmocka_unit_test(settings_and_counts_are_told_as_before),
        cmocka_unit_test(an_events_flag_and_generation_are_kept),
        cmocka_unit_test(two_of_three_parties_wait_on_for_the_third),
        cmocka_unit_test(who_ends_breaks_all_its_barriers_the_latest_first),
        cmocka_unit_test(a_leader_acts_on_and_its_time_runs),
        cmocka_unit_test(a_deep_queue_is_told_in_pieces_that_weigh_what_was_said),
        cmocka_unit_test(bodies_beyond_the_limit_stay_in_the_journal_and_are_given_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
