/* test_client_memory.c - the pure client machine without memory: what it was to say is said later,
 * and what it tells the application is whole or not told at all. Each of its allocations is refused
 * once. */
#include "tests/sim/ration.h"
#include "tests/unit/test_client_world.h"

#define GETS 30 /* with as many puts: their cancels do not fit the memory that there is */
#define ALL  (2 * GETS)

/* Does so while the nth allocation is refused. Returns whether there were so many. */
static bool without(uint64_t nth, void (*act)(struct world *w, void *with), struct world *w,
                    void *with)
{
    uint64_t before = ration_refused();

    RATIONED({
        ration_refuse(nth, 0);
        act(w, with);
        ration_refuse(0, 0);
    });
    return ration_refused() > before;
}

/* ---- a cancel ---- */

static void cancel_all(struct world *w, void *with)
{
    struct mst_call **calls = with;

    for (size_t i = 0; i < ALL; i++) {
        mst_client_cancel(w->client, calls[i], MST_CANCELLED, w->now);
    }
}

/* From the first call on; what is said may be more. */
static void expect_cancels(struct world *w, int first)
{
    const char *said = world_said(w);

    for (int i = first; i <= ALL; i++) {
        char line[40];

        snprintf(line, sizeof(line), "CANCEL #%d CANCELLED\n", i);
        assert_non_null(strstr(said, line));
    }
}

/* The gets are given up by the way, the puts are sent again and their cancels with them. */
static void come_back(struct world *w)
{
    mst_client_lost(w->client, NULL, w->now);
    world_connect(w);
    assert_said(w, "RESUME session=7 pending 31*30 abandoned 1*30\n");
    world_welcome(w, MST_OP_RESUME);
    expect_cancels(w, GETS + 1);
}

/* Returns whether memory was refused. */
static bool cancel_without(uint64_t nth)
{
    struct mst_call *calls[ALL];
    struct world w;

    world_up(&w);
    for (size_t i = 0; i < ALL; i++) {
        calls[i] = i < GETS ? world_get(&w, "jobs", MST_GET_LEASE, MST_FOREVER)
                            : world_put(&w, "full", "body", MST_FOREVER);
    }
    world_said(&w);
    bool refused = without(nth, cancel_all, &w, calls);

    /* Nobody would hear of them on this connection. */
    assert_int_equal(mst_client_is_silent(w.client, w.now), refused);
    if (refused) {
        come_back(&w);
    } else {
        expect_cancels(&w, 1);
        broker_answers(&w, MST_OP_GET, 1, GETS, MST_CANCELLED);
    }
    broker_answers(&w, MST_OP_PUT, GETS + 1, GETS, MST_CANCELLED);
    for (size_t i = 0; i < ALL; i++) {
        assert_over(calls[i], MST_CANCELLED);
    }
    world_clear(&w);
    for (size_t i = 0; i < ALL; i++) {
        world_free(calls[i]);
    }
    return refused;
}

static void a_cancel_without_memory_is_said_on_the_next_connection(void **state)
{
    uint64_t nth = 1;

    (void)state;
    while (cancel_without(nth)) {
        nth++;
    }
    assert_true(nth > 1);
}

/* ---- a notice ---- */

static void hear(struct world *w, void *with)
{
    (void)mst_client_receive(w->client, mst_buf_span(with), w->now);
}

static bool lose_a_lease_without(uint64_t nth)
{
    struct mst_client_notice *notice;
    struct mst_reply reply;
    struct mst_buf bytes;
    struct world w;

    world_up(&w);
    mst_reply_init(&reply, MST_OP_NOTICE);
    reply.notice = MST_NOTICE_LEASE_LOST;
    reply.name = mst_span_text("jobs");
    reply.first = 3;
    reply.number = 1;
    mst_buf_init(&bytes);
    assert_true(mst_reply_encode(&bytes, &reply));
    bool refused = without(nth, hear, &w, &bytes);

    notice = mst_client_next_notice(w.client);
    assert_int_equal(notice == NULL, refused);
    if (notice != NULL) {
        assert_int_equal(notice->kind, MUSTER_LEASE_LOST);
        assert_string_equal(notice->queue, "jobs");
        assert_int_equal(notice->message, 3);
        assert_true(notice->text[0] != '\0');
    }
    mst_client_notice_free(&notice);
    mst_buf_clear(&bytes);
    world_clear(&w);
    return refused;
}

static void a_lost_lease_is_told_with_its_queue_or_not_at_all(void **state)
{
    uint64_t nth = 1;

    (void)state;
    while (lose_a_lease_without(nth)) {
        nth++;
    }
    assert_true(nth > 2); /* the notice, and its queue's name */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cancel_without_memory_is_said_on_the_next_connection),
        cmocka_unit_test(a_lost_lease_is_told_with_its_queue_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
