/* test_core_look.c - peek, list and stat: what is there, told without touching it (SEMANTICS 2). */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_world.h"

#include <stdio.h>

static uint64_t put(struct world *w, const char *queue, const char *body, int64_t priority,
                    int64_t delay_ns)
{
    struct mst_request *request = world_request(w, "a", MST_OP_PUT, queue);
    struct mst_span span = mst_span_text(body);

    request->bodies = &span;
    request->bodies_count = 1;
    request->priority = priority;
    request->delay_ns = delay_ns;
    return expect_reply(w, "a", world_send(w), MST_OK)->first;
}

static uint64_t get(struct world *w, const char *who, const char *queue, int64_t timeout_ns)
{
    world_request(w, who, MST_OP_GET, queue)->timeout_ns = timeout_ns;
    return world_send(w);
}

static const struct mst_reply *peek(struct world *w, const char *queue, uint64_t count,
                                    uint64_t after)
{
    struct mst_request *request = world_request(w, "a", MST_OP_PEEK, queue);

    request->count = count;
    request->message = after;
    return expect_reply(w, "a", world_send(w), MST_OK);
}

static void expect_bodies(const struct mst_reply *reply, const char *bodies)
{
    size_t n = strlen(bodies);

    assert_int_equal(reply->deliveries_count, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(reply->deliveries[i].body.len, 1);
        assert_int_equal(reply->deliveries[i].body.data[0], bodies[i]);
    }
}

static void open_two(struct world *w)
{
    world_open(w, WORLD_DURABLE);
    world_hello(w, "a");
    world_hello(w, "b");
}

/* ---- peek ---- */

static void peek_shows_the_order_of_delivery(void **state)
{
    struct world w;

    (void)state;
    open_two(&w);
    world_declare(&w, "a", "stack", MST_KIND_LIFO, NULL, 0);
    world_declare(&w, "a", "urgent", MST_KIND_PRIORITY, NULL, 0);
    put(&w, "line", "1", 0, 0);
    put(&w, "line", "2", 0, 0);
    put(&w, "stack", "1", 0, 0);
    put(&w, "stack", "2", 0, 0);
    put(&w, "urgent", "1", 5, 0);
    put(&w, "urgent", "2", -5, 0);
    put(&w, "urgent", "3", 5, 0);
    expect_bodies(peek(&w, "line", 10, 0), "12");
    expect_bodies(peek(&w, "stack", 10, 0), "21");
    expect_bodies(peek(&w, "urgent", 10, 0), "213");
    assert_int_equal(peek(&w, "urgent", 1, 0)->deliveries[0].priority, -5);
    world_close(&w);
}

static void peek_shows_ready_then_delayed_then_leased_with_their_state(void **state)
{
    struct world w;
    const struct mst_reply *reply;
    uint64_t id;

    (void)state;
    open_two(&w);
    put(&w, "q", "1", 0, 0);
    put(&w, "q", "2", 0, 5 * SECOND);
    put(&w, "q", "3", 0, 0);
    id = get(&w, "b", "q", 0);
    expect_reply(&w, "b", id, MST_OK);
    world_advance(&w, 2 * SECOND);
    reply = peek(&w, "q", 10, 0);
    expect_bodies(reply, "321");
    assert_int_equal(reply->deliveries[0].state, MST_READY);
    assert_int_equal(reply->deliveries[1].state, MST_DELAYED);
    assert_int_equal(reply->deliveries[2].state, MST_LEASED);
    assert_int_equal(reply->deliveries[0].number, 0);
    assert_int_equal(reply->deliveries[2].number, 0);
    assert_true(reply->deliveries[0].age_ns == 2 * SECOND);
    world_close(&w);
}

static void peek_goes_on_after_a_message(void **state)
{
    struct world w;
    uint64_t ids[5];
    uint64_t gone;

    (void)state;
    open_two(&w);
    for (int i = 0; i < 5; i++) {
        char body[2] = {(char)('1' + i), '\0'};

        ids[i] = put(&w, "q", body, 0, i >= 3 ? SECOND : 0);
    }
    expect_bodies(peek(&w, "q", 2, 0), "12");
    expect_bodies(peek(&w, "q", 2, ids[1]), "34");
    expect_bodies(peek(&w, "q", 2, ids[3]), "5");
    expect_bodies(peek(&w, "q", 2, ids[4]), "");
    expect_bodies(peek(&w, "q", 0, 0), "");
    gone = world_do(&w, "a", MST_OP_PURGE, "q");
    expect_reply(&w, "a", gone, MST_OK);
    world_request(&w, "a", MST_OP_PEEK, "q")->message = ids[0];
    expect_reply(&w, "a", world_send(&w), MST_NOT_FOUND);
    world_close(&w);
}

static void peek_changes_no_order_counter_or_lease(void **state)
{
    struct world w;
    int64_t version;

    (void)state;
    open_two(&w);
    put(&w, "q", "1", 0, 0);
    version = world_stat(&w, "a", "q", "version");
    expect_bodies(peek(&w, "q", 1, 0), "1");
    assert_int_equal(world_stat(&w, "a", "q", "version"), version);
    assert_int_equal(world_stat(&w, "a", "q", "gets"), 0);
    assert_int_equal(peek(&w, "q", 1, 0)->deliveries[0].number, 0);
    world_close(&w);
}

static void peek_fills_at_most_one_frame(void **state)
{
    struct world w;
    struct mst_request *request;
    char body[400];
    struct mst_span span = mst_span_of(body, sizeof(body));

    (void)state;
    memset(body, 'x', sizeof(body));
    open_two(&w);
    w.config.frame_bytes_max = 1000;
    core_configure(w.core, &w.config);
    for (int i = 0; i < 5; i++) {
        request = world_request(&w, "a", MST_OP_PUT, "q");
        request->bodies = &span;
        request->bodies_count = 1;
        world_send(&w);
    }
    assert_int_equal(peek(&w, "q", 5, 0)->deliveries_count, 2);
    world_close(&w);
}

static void peek_and_stat_create_nothing(void **state)
{
    struct world w;

    (void)state;
    open_two(&w);
    expect_reply(&w, "a", world_do(&w, "a", MST_OP_PEEK, "none"), MST_NOT_FOUND);
    expect_reply(&w, "a", world_do(&w, "a", MST_OP_STAT, "none"), MST_NOT_FOUND);
    assert_int_equal(
        expect_reply(&w, "a", world_do(&w, "a", MST_OP_LIST, NULL), MST_OK)->entries_count, 0);
    world_close(&w);
}

/* ---- list ---- */

static const struct mst_reply *list(struct world *w, const char *pattern, const char *after,
                                    uint64_t count, enum mst_kind kind)
{
    struct mst_request *request = world_request(w, "a", MST_OP_LIST, NULL);

    request->pattern = mst_span_text(pattern);
    request->after = mst_span_text(after);
    request->count = count;
    request->kind = (uint64_t)kind;
    return expect_reply(w, "a", world_send(w), MST_OK);
}

static void expect_names(const struct mst_reply *reply, size_t count, const char *const *names)
{
    assert_int_equal(reply->entries_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(span_is(reply->entries[i].name, names[i]));
    }
}

static void list_is_in_order_of_name_and_matches_patterns_and_kinds(void **state)
{
    struct world w;

    (void)state;
    open_two(&w);
    world_declare(&w, "a", "b/2", MST_KIND_FIFO, NULL, 0);
    world_declare(&w, "a", "b/10", MST_KIND_EVENT, NULL, 0);
    world_declare(&w, "a", "a", MST_KIND_LIFO, NULL, 0);
    world_declare(&w, "a", "b", MST_KIND_EVENT, NULL, 0);
    expect_names(list(&w, NULL, NULL, 100, MST_KIND_NONE), 4,
                 (const char *const[]){"a", "b", "b/10", "b/2"});
    expect_names(list(&w, "b/*", NULL, 100, MST_KIND_NONE), 2,
                 (const char *const[]){"b/10", "b/2"});
    expect_names(list(&w, NULL, NULL, 100, MST_KIND_EVENT), 2, (const char *const[]){"b", "b/10"});
    expect_names(list(&w, NULL, NULL, 2, MST_KIND_NONE), 2, (const char *const[]){"a", "b"});
    expect_names(list(&w, NULL, "b", 2, MST_KIND_NONE), 2, (const char *const[]){"b/10", "b/2"});
    expect_names(list(&w, NULL, "b/2", 2, MST_KIND_NONE), 0, NULL);
    world_close(&w);
}

#define LONG_PREFIX "names/that/differ/in/their/end/"

static void pages_of_a_list_show_every_name_once_in_order(void **state)
{
    enum { NAMES = 500 };
    struct world w;
    char names[NAMES][40];
    char after[40] = "";
    size_t seen = 0;

    (void)state;
    world_open(&w, WORLD_MEMORY);
    world_hello(&w, "a");
    for (unsigned i = 0; i < NAMES; i++) { /* made in an order that is none of the names */
        snprintf(names[i], sizeof(names[i]), LONG_PREFIX "%03u", i * 277u % NAMES);
        world_client(&w, "a")->handles_count = 0;
        world_declare(&w, "a", names[i], MST_KIND_EVENT, NULL, 0);
    }
    for (;;) {
        const struct mst_reply *reply = list(&w, NULL, after, 7, MST_KIND_NONE);

        for (size_t i = 0; i < reply->entries_count; i++) {
            char expected[40];

            snprintf(expected, sizeof(expected), LONG_PREFIX "%03zu", seen++);
            assert_true(span_is(reply->entries[i].name, expected));
            memcpy(after, expected, sizeof(after));
        }
        if (reply->entries_count < 7) {
            break;
        }
        world_client(&w, "a")->handles_count = 0;
        world_do(&w, "a", MST_OP_REMOVE, after); /* the list goes on behind a name that is gone */
    }
    assert_int_equal(seen, NAMES);
    world_close(&w);
}

static void a_row_counts_what_is_ready_unfinished_and_waiting(void **state)
{
    struct world w;
    const struct mst_reply *reply;
    struct mst_request *request;

    (void)state;
    open_two(&w);
    world_do(&w, "a", MST_OP_EVENT_SET, "event");
    request = world_request(&w, "b", MST_OP_BARRIER_WAIT, "gate");
    request->parties = 2;
    world_send(&w);
    put(&w, "queue", "1", 0, 0);
    world_do(&w, "b", MST_OP_JOIN, "queue");
    reply = list(&w, NULL, NULL, 100, MST_KIND_NONE);
    assert_int_equal(reply->entries_count, 3);
    assert_int_equal(reply->entries[0].kind, MST_KIND_EVENT);
    assert_int_equal(reply->entries[0].ready, 1);
    assert_int_equal(reply->entries[1].kind, MST_KIND_BARRIER);
    assert_int_equal(reply->entries[1].ready, 1);
    assert_int_equal(reply->entries[1].unfinished, 2);
    assert_int_equal(reply->entries[1].waiting, 1);
    assert_int_equal(reply->entries[2].ready, 1);
    assert_int_equal(reply->entries[2].unfinished, 1);
    assert_int_equal(reply->entries[2].waiting, 1);
    world_close(&w);
}

static void the_row_of_a_queue_counts_what_a_live_view_shows(void **state)
{
    struct world w;
    const struct mst_reply *reply;

    (void)state;
    open_two(&w);
    put(&w, "q", "1", 0, 0);
    world_advance(&w, SECOND);
    put(&w, "q", "2", 0, 0);
    put(&w, "q", "3", 0, 9 * SECOND);
    expect_reply(&w, "b", get(&w, "b", "q", 0), MST_OK);
    world_advance(&w, SECOND);
    reply = list(&w, NULL, NULL, 100, MST_KIND_NONE);
    assert_int_equal(reply->entries_count, 1);
    assert_int_equal(reply->entries[0].leased, 1);
    assert_int_equal(reply->entries[0].delayed, 1);
    assert_int_equal(reply->entries[0].puts, 3);
    assert_int_equal(reply->entries[0].gets, 1);
    assert_true(reply->entries[0].oldest_age_ns == SECOND);
    world_close(&w);
}

/* ---- stat ---- */

static void stat_counts_ready_leased_delayed_and_what_happened(void **state)
{
    struct world w;

    (void)state;
    open_two(&w);
    put(&w, "q", "1", 0, 0);
    put(&w, "q", "2", 0, 0);
    put(&w, "q", "3", 0, 9 * SECOND);
    expect_reply(&w, "b", get(&w, "b", "q", 0), MST_OK);
    world_advance(&w, SECOND);
    assert_int_equal(world_stat(&w, "a", "q", "ready"), 1);
    assert_int_equal(world_stat(&w, "a", "q", "leased"), 1);
    assert_int_equal(world_stat(&w, "a", "q", "delayed"), 1);
    assert_int_equal(world_stat(&w, "a", "q", "kept"), 3);
    assert_int_equal(world_stat(&w, "a", "q", "unfinished"), 3);
    assert_int_equal(world_stat(&w, "a", "q", "bytes"), 3);
    assert_int_equal(world_stat(&w, "a", "q", "puts"), 3);
    assert_int_equal(world_stat(&w, "a", "q", "gets"), 1);
    assert_true(world_stat(&w, "a", "q", "oldest_age_ns") == SECOND);
    assert_true(world_stat(&w, "a", "q", "age_ns") == SECOND);
    assert_int_equal(world_stat(&w, "a", "q", "max-deliveries"), 20);
    assert_int_equal(world_stat(&w, "a", "q", "durable"), 1);
    world_do(&w, "a", MST_OP_PURGE, "q");
    assert_int_equal(world_stat(&w, "a", "q", "purged"), 2);
    world_close(&w);
}

static void stat_tells_settings_of_its_kind_only(void **state)
{
    struct world w;
    const struct mst_reply *reply;

    (void)state;
    open_two(&w);
    world_do(&w, "a", MST_OP_EVENT_SET, "go");
    reply = expect_reply(&w, "a", world_do(&w, "a", MST_OP_STAT, "go"), MST_OK);
    assert_int_equal(reply->kind, MST_KIND_EVENT);
    for (size_t i = 0; i < reply->facts_count; i++) {
        assert_false(span_is(reply->facts[i].name, "maxsize"));
        for (size_t j = 0; j < i; j++) { /* every name once: they are keys */
            assert_false(mst_span_equal(reply->facts[i].name, reply->facts[j].name));
        }
    }
    assert_int_equal(world_stat(&w, "a", "go", "set"), 1);
    assert_int_equal(world_stat(&w, "a", "go", "generation"), 1);
    world_close(&w);
}

static void expect_party(const struct mst_party *party, const char *role, const char *name,
                         const char *detail, bool connected)
{
    assert_true(span_is(party->role, role));
    assert_true(span_is(party->name, name));
    assert_true(span_is(party->host, "host"));
    assert_true(span_is(party->detail, detail));
    assert_true(party->connected == connected);
}

static void stat_tells_who_holds_and_who_waits_in_order(void **state)
{
    struct world w;
    const struct mst_reply *reply;

    (void)state;
    open_two(&w);
    world_hello(&w, "c");
    put(&w, "q", "1", 0, 0);
    get(&w, "b", "q", 0);
    get(&w, "b", "q", MST_FOREVER);
    get(&w, "c", "q", MST_FOREVER);
    world_lose(&w, "b");
    world_advance(&w, SECOND);
    put(&w, "q", "2", 0, 0); /* passes b over, which is away, and goes to c */
    get(&w, "c", "q", MST_FOREVER);
    world_do(&w, "c", MST_OP_JOIN, "q");
    reply = expect_reply(&w, "a", world_do(&w, "a", MST_OP_STAT, "q"), MST_OK);
    assert_int_equal(reply->who_count, 5);
    expect_party(&reply->who[0], "holds", "b", "1.1", false);
    expect_party(&reply->who[1], "holds", "c", "2.1", true);
    expect_party(&reply->who[2], "gets", "b", "", false);
    expect_party(&reply->who[3], "gets", "c", "", true);
    expect_party(&reply->who[4], "joins", "c", "", true);
    assert_true(reply->who[2].since_ns == SECOND);
    assert_true(reply->who[3].since_ns == 0);
    assert_int_equal(reply->who[2].session, world_client(&w, "b")->session);
    world_close(&w);
}

/* A join waits for them, but they have left the queue, so no lease tells of them. */
static void stat_tells_who_took_in_mode_auto_and_is_not_done(void **state)
{
    struct world w;
    const struct mst_reply *reply;
    uint64_t id;

    (void)state;
    open_two(&w);
    for (int i = 0; i < 3; i++) {
        put(&w, "q", "1", 0, 0);
        world_request(&w, "b", MST_OP_GET, "q")->mode = MST_GET_AUTO;
        id = world_send(&w);
        expect_reply(&w, "b", id, MST_OK);
        world_confirm(&w, "b", id, 1);
    }
    expect_reply(&w, "b", world_do(&w, "b", MST_OP_TASK_DONE, "q"), MST_OK);
    reply = expect_reply(&w, "a", world_do(&w, "a", MST_OP_STAT, "q"), MST_OK);
    assert_int_equal(reply->who_count, 1);
    expect_party(&reply->who[0], "took", "b", "2", true);
    assert_int_equal(reply->who[0].since_ns, -1);
    world_close(&w);
}

static void the_holder_of_a_detached_lease_is_named_after_its_end(void **state)
{
    struct world w;
    struct mst_request *request;
    const struct mst_reply *reply;
    uint64_t id;

    (void)state;
    open_two(&w);
    put(&w, "q", "1", 0, 0);
    request = world_request(&w, "b", MST_OP_GET, "q");
    request->lease_ns = 60 * SECOND;
    request->detached = true;
    id = world_send(&w);
    expect_reply(&w, "b", id, MST_OK);
    world_confirm(&w, "b", id, 1);
    world_bye(&w, "b");
    reply = expect_reply(&w, "a", world_do(&w, "a", MST_OP_STAT, "q"), MST_OK);
    assert_int_equal(reply->who_count, 1);
    expect_party(&reply->who[0], "holds", "b", "1.1", false);
    assert_int_equal(reply->who[0].pid, 2);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peek_shows_the_order_of_delivery),
        cmocka_unit_test(peek_shows_ready_then_delayed_then_leased_with_their_state),
        cmocka_unit_test(peek_goes_on_after_a_message),
        cmocka_unit_test(peek_changes_no_order_counter_or_lease),
        cmocka_unit_test(peek_fills_at_most_one_frame),
        cmocka_unit_test(peek_and_stat_create_nothing),
        cmocka_unit_test(list_is_in_order_of_name_and_matches_patterns_and_kinds),
        cmocka_unit_test(pages_of_a_list_show_every_name_once_in_order),
        cmocka_unit_test(a_row_counts_what_is_ready_unfinished_and_waiting),
        cmocka_unit_test(the_row_of_a_queue_counts_what_a_live_view_shows),
        cmocka_unit_test(stat_counts_ready_leased_delayed_and_what_happened),
        cmocka_unit_test(stat_tells_settings_of_its_kind_only),
        cmocka_unit_test(stat_tells_who_holds_and_who_waits_in_order),
        cmocka_unit_test(stat_tells_who_took_in_mode_auto_and_is_not_done),
        cmocka_unit_test(the_holder_of_a_detached_lease_is_named_after_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
