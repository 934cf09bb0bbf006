/* test_core_lost.c - salvage: what becomes of messages whose bodies are lost. */
#include <stdlib.h>

#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_queue.h"

struct damage {
    const struct store *store;
    const char *lost; /* the body that cannot be read any more */
};

static bool is_lost(void *user, uint64_t place, size_t len)
{
    const struct damage *damage = user;

    return mst_span_equal(store_body(damage->store, place, len), mst_span_text(damage->lost));
}

/* A replica that has the whole journal, all bodies away, as salvage makes one. */
static struct core *replica_of(struct world *w)
{
    struct core_config config = w->config;

    config.bodies_max = 1;
    return store_replay(&w->store, &config);
}

static char *durable_state(const struct core *core)
{
    struct mst_buf text;

    mst_buf_init(&text);
    assert_true(core_dump(core, true, &text));
    assert_true(mst_buf_append(&text, "", 1));
    return (char *)text.data;
}

static void what_has_no_body_any_more_is_counted_as_lost(void **state)
{
    struct world w;
    struct core *core;
    struct damage damage = {.lost = "second"};
    char *before, *after;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    expect_reply(&w, "a", queue_put(&w, "a", "q", "first"), MST_OK);
    expect_reply(&w, "a", queue_put(&w, "a", "q", "second"), MST_OK);
    expect_reply(&w, "a", queue_put(&w, "a", "q", "third"), MST_OK);
    core = replica_of(&w);
    damage.store = &w.store;
    before = durable_state(core);
    assert_non_null(strstr(before, "message 2 "));
    assert_non_null(strstr(before, "unfinished=3"));
    core_drop_lost(core, is_lost, &damage);
    after = durable_state(core);
    assert_null(strstr(after, "message 2 "));
    assert_non_null(strstr(after, "message 1 "));
    assert_non_null(strstr(after, "message 3 "));
    assert_non_null(strstr(after, "unfinished=2"));
    assert_non_null(strstr(after, "lost=1/1"));
    free(before);
    free(after);
    core_free(&core);
    world_close(&w);
}

static void also_what_somebody_held(void **state)
{
    struct world w;
    struct core *core;
    struct damage damage = {.lost = "held"};
    char *after;

    (void)state;
    world_open(&w, WORLD_DURABLE);
    world_hello(&w, "a");
    expect_reply(&w, "a", queue_put(&w, "a", "q", "held"), MST_OK);
    expect_reply(&w, "a", queue_get(&w, "a", "q", 1), MST_OK);
    core = replica_of(&w);
    damage.store = &w.store;
    core_drop_lost(core, is_lost, &damage);
    after = durable_state(core);
    assert_null(strstr(after, "message 1 "));
    assert_non_null(strstr(after, "leased=0"));
    assert_non_null(strstr(after, "unfinished=0"));
    free(after);
    core_free(&core);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_no_body_any_more_is_counted_as_lost),
        cmocka_unit_test(also_what_somebody_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
