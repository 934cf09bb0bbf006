/* test_core_dump.c - the canonical text of the core's state tells of every change, and reading is
 * none. Tests of recovery compare these texts, so what the text leaves out they cannot see. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_world.h"

#include <stdlib.h>

struct dumps {
    struct world w;
    char *before;
};

static char *dump_now(struct world *w)
{
    struct mst_buf out;
    char *text;

    mst_buf_init(&out);
    assert_true(core_dump(w->core, false, &out));
    assert_true(mst_buf_append(&out, "", 1));
    text = strdup((const char *)mst_buf_span(&out).data);
    assert_non_null(text);
    mst_buf_clear(&out);
    return text;
}

static void dumps_open(struct dumps *dumps)
{
    world_open(&dumps->w, WORLD_DURABLE);
    dumps->before = dump_now(&dumps->w);
}

static void dumps_close(struct dumps *dumps)
{
    free(dumps->before);
    world_close(&dumps->w);
}

static void expect_changed(struct dumps *dumps, const char *what)
{
    char *now = dump_now(&dumps->w);

    if (strcmp(now, dumps->before) == 0) {
        fail_msg("the dump does not tell of %s", what);
    }
    free(dumps->before);
    dumps->before = now;
}

static void expect_unchanged(struct dumps *dumps)
{
    char *now = dump_now(&dumps->w);

    assert_string_equal(now, dumps->before);
    free(now);
}

/* The outcome is state of its own: it is taken at once, so that only the change itself counts. */
static uint64_t done_by(struct dumps *dumps, uint64_t id)
{
    expect_reply(&dumps->w, "a", id, MST_OK);
    world_confirm(&dumps->w, "a", id, 1);
    return id;
}

static uint64_t put(struct dumps *dumps, const char *queue, struct mst_span body, const char *dedup,
                    int64_t delay_ns)
{
    struct mst_request *request = world_request(&dumps->w, "a", MST_OP_PUT, queue);

    request->bodies = &body;
    request->bodies_count = 1;
    request->dedup = mst_span_text(dedup);
    request->delay_ns = delay_ns;
    return done_by(dumps, world_send(&dumps->w));
}

static void expect_change_by(struct dumps *dumps, enum mst_op op, const char *object)
{
    done_by(dumps, world_do(&dumps->w, "a", op, object));
    expect_changed(dumps, object);
}

static void it_tells_of_sessions_outcomes_and_puts(void **state)
{
    struct dumps dumps;
    char large[100];
    uint64_t id;

    (void)state;
    memset(large, 'x', sizeof(large));
    dumps_open(&dumps);
    world_hello(&dumps.w, "a");
    expect_changed(&dumps, "a session");
    world_declare(&dumps.w, "a", "q", MST_KIND_FIFO, NULL, 0);
    expect_changed(&dumps, "an object");
    put(&dumps, "q", mst_span_text("one"), NULL, 0);
    expect_changed(&dumps, "a message");
    put(&dumps, "q", mst_span_of(large, sizeof(large)), "key", 0);
    expect_changed(&dumps, "a large message with a key");
    put(&dumps, "q", mst_span_text("later"), NULL, 5 * SECOND);
    expect_changed(&dumps, "a delayed message");
    world_advance(&dumps.w, 5 * SECOND);
    expect_changed(&dumps, "the end of a delay");
    id = world_do(&dumps.w, "a", MST_OP_EVENT_SET, "go");
    expect_changed(&dumps, "an outcome");
    world_confirm(&dumps.w, "a", id, 1);
    expect_changed(&dumps, "a receipt");
    dumps_close(&dumps);
}

static void it_tells_of_deliveries(void **state)
{
    struct dumps dumps;
    struct mst_request *request;
    struct mst_run run = {1, 2, 1};
    uint64_t id;

    (void)state;
    dumps_open(&dumps);
    world_hello(&dumps.w, "a");
    put(&dumps, "q", mst_span_text("one"), NULL, 0);
    expect_changed(&dumps, "a message");
    id = world_do(&dumps.w, "a", MST_OP_GET, "q");
    expect_changed(&dumps, "a delivery on the way");
    world_confirm(&dumps.w, "a", id, 1);
    expect_changed(&dumps, "a delivery that was taken");
    request = world_request(&dumps.w, "a", MST_OP_NACK, "q");
    request->message = 1;
    request->number = 1;
    done_by(&dumps, world_send(&dumps.w));
    expect_changed(&dumps, "a return");
    done_by(&dumps, world_do(&dumps.w, "a", MST_OP_GET, "q"));
    expect_changed(&dumps, "the second delivery");
    request = world_request(&dumps.w, "a", MST_OP_EXTEND, "q");
    request->message = 1;
    request->number = 2;
    request->lease_ns = 60 * SECOND;
    done_by(&dumps, world_send(&dumps.w));
    expect_changed(&dumps, "a longer lease");
    request = world_request(&dumps.w, "a", MST_OP_DONE, "q");
    request->runs = &run;
    request->runs_count = 1;
    done_by(&dumps, world_send(&dumps.w));
    expect_changed(&dumps, "a finished message");
    put(&dumps, "q", mst_span_text("two"), NULL, 0);
    request = world_request(&dumps.w, "a", MST_OP_GET, "q");
    request->mode = MST_GET_AUTO;
    done_by(&dumps, world_send(&dumps.w));
    expect_changed(&dumps, "a message taken in auto mode");
    expect_change_by(&dumps, MST_OP_TASK_DONE, "q");
    dumps_close(&dumps);
}

static void it_tells_of_administration(void **state)
{
    struct dumps dumps;

    (void)state;
    dumps_open(&dumps);
    world_hello(&dumps.w, "a");
    put(&dumps, "q", mst_span_text("one"), NULL, 0);
    expect_changed(&dumps, "a message");
    expect_change_by(&dumps, MST_OP_PURGE, "q");
    expect_change_by(&dumps, MST_OP_PAUSE, "q");
    expect_change_by(&dumps, MST_OP_UNPAUSE, "q");
    expect_change_by(&dumps, MST_OP_SHUTDOWN, "q");
    expect_change_by(&dumps, MST_OP_REMOVE, "q");
    world_bye(&dumps.w, "a");
    expect_changed(&dumps, "the end of a session");
    dumps_close(&dumps);
}

static void it_tells_of_events_and_barriers(void **state)
{
    struct dumps dumps;
    const struct mst_fact settings[] = {
        {.name = mst_span_text("parties"), .number = 2},
        {.name = mst_span_text("action"), .number = 1},
    };

    (void)state;
    dumps_open(&dumps);
    world_hello(&dumps.w, "a");
    expect_change_by(&dumps, MST_OP_EVENT_SET, "go");
    expect_change_by(&dumps, MST_OP_EVENT_CLEAR, "go");
    world_declare(&dumps.w, "a", "gate", MST_KIND_BARRIER, settings, 2);
    expect_changed(&dumps, "a barrier");
    world_do(&dumps.w, "a", MST_OP_BARRIER_WAIT, "gate");
    expect_changed(&dumps, "an arrival");
    done_by(&dumps, world_do(&dumps.w, "a", MST_OP_BARRIER_WAIT, "gate"));
    expect_changed(&dumps, "a leader");
    expect_change_by(&dumps, MST_OP_BARRIER_DONE, "gate");
    expect_change_by(&dumps, MST_OP_BARRIER_ABORT, "gate");
    expect_change_by(&dumps, MST_OP_BARRIER_RESET, "gate");
    dumps_close(&dumps);
}

static void reading_changes_nothing(void **state)
{
    static const enum mst_op on_queue[] = {MST_OP_QSIZE, MST_OP_PEEK,     MST_OP_STAT,
                                           MST_OP_LIST,  MST_OP_SESSIONS, MST_OP_PING};
    struct dumps dumps;

    (void)state;
    dumps_open(&dumps);
    world_hello(&dumps.w, "a");
    put(&dumps, "q", mst_span_text("one"), NULL, 0);
    world_do(&dumps.w, "a", MST_OP_EVENT_SET, "go");
    expect_changed(&dumps, "what there is to read");
    for (size_t i = 0; i < sizeof(on_queue) / sizeof(on_queue[0]); i++) {
        expect_reply(&dumps.w, "a", world_do(&dumps.w, "a", on_queue[i], "q"), MST_OK);
        expect_unchanged(&dumps);
    }
    expect_reply(&dumps.w, "a", world_do(&dumps.w, "a", MST_OP_EVENT_IS_SET, "go"), MST_OK);
    expect_unchanged(&dumps);
    dumps_close(&dumps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_tells_of_sessions_outcomes_and_puts),
        cmocka_unit_test(it_tells_of_deliveries),
        cmocka_unit_test(it_tells_of_administration),
        cmocka_unit_test(it_tells_of_events_and_barriers),
        cmocka_unit_test(reading_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
