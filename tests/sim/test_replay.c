/* test_replay.c - decide, then apply: the journal's records alone make the state (DESIGN 2.2).
 *
 * Every world with a journal holds this after each command; here is a script that makes every kind
 * of record, with a restart after each step, and a recovery of all of it from the beginning. */
#include <stdio.h>
#include <stdlib.h>

#include "broker/core/core.h"
#include "broker/journal/memory.h"
#include "tests/sim/world.h"

static const char *const script[] = {
    "a declare jobs fifo maxsize=9 max-deliveries=2",
    "a declare top lifo",
    "a declare first priority full=drop-oldest maxsize=3",
    "a declare light fifo durable=0",
    "a put light x",
    "a put jobs 1 2 3",
    "a put jobs 4 delay=20s ttl=60s headers=h",
    "a put jobs 5 dedup=k",
    "b put jobs 5 dedup=k",
    "a put top 1 2 3 mode=all",
    "a put first 1 2 3 4 5 mode=fit priority=5,4,3,2,1",
    "b get jobs max=2",
    "b get top auto",
    "b get first lease=30s",
    "c get first lease=30s detached",
    "b done jobs 1.1",
    "b nack jobs 2.1",
    "b get jobs",
    "b nack jobs 2.2",
    "b task_done top",
    "b extend first 3.1 lease=90s",
    "c get top",
    "c nack top 2.1 dead value=broken",
    "a redrive top",
    "a delete top 1",
    "a pause top get",
    "a unpause top get",
    "a update jobs maxsize=2",
    "d put jobs 6",
    "a purge jobs",
    "a join top timeout=1s",
    "a set go",
    "a clear go",
    "a wait go timeout=1s",
    "a barrier gate parties=2",
    "b barrier gate",
    "a barrier gate",
    "c abort gate",
    "c reset gate",
    "a declare act barrier parties=1 action=1",
    "a barrier act",
    "a report act value=v",
    "a barrier act",
    "a report act failed",
    "c get first auto",
    "c bye",
    "a shutdown top",
    "a shutdown first immediate",
    "a remove go",
    "a remove first",
    "b kill a",
};

static char *dump(const struct core *core)
{
    struct mst_buf out;

    mst_buf_init(&out);
    assert_true(core_dump(core, true, &out));
    assert_true(mst_buf_append(&out, "", 1));
    return (char *)out.data; /* the caller's, with free() */
}

static void check_recovery(const struct world *w)
{
    struct core_config config;
    struct core *core;
    char *live = dump(engine_core(w->engine));
    char *made;

    core_config_init(&config);
    config.has_storage = true;
    core = core_new(&config);
    assert_non_null(core);
    for (size_t i = 0; i < journal_memory_batches(w->journal); i++) {
        assert_int_equal(core_recover(core, journal_memory_batch(w->journal, i), 0), MST_OK);
    }
    made = dump(core);
    assert_string_equal(live, made);
    free(live);
    free(made);
    core_free(&core);
}

STORY_IN(WORLD_JOURNAL, the_records_make_the_state_after_each_step)
{
    for (size_t i = 0; i < sizeof(script) / sizeof(script[0]); i++) {
        tell(w, script[i]);
        check_recovery(w);
        pass(w, MS);
        check_recovery(w);
    }
    pass(w, 100 * SECOND);
    check_recovery(w);
}

static void come_back(struct world *w)
{
    for (size_t i = 0; i < w->programs_count; i++) {
        if (w->programs[i]->wire == NULL && !mst_client_is_finished(w->programs[i]->machine)) {
            program_connect(w->programs[i]);
        }
    }
    world_settle(w);
}

static void restart(struct world *w)
{
    char *before;
    char *after;

    before = dump(engine_core(w->engine));
    world_stop(w);
    world_start(w);
    after = dump(engine_core(w->engine));
    assert_string_equal(before, after);
    free(before);
    free(after);
    come_back(w);
    pass(w, MS);
}

static char *tell_all(bool restarting)
{
    struct world *w = world_open(WORLD_JOURNAL);
    char *told;

    for (size_t i = 0; i < sizeof(script) / sizeof(script[0]); i++) {
        tell(w, script[i]);
        pass(w, MS);
        if (restarting) {
            restart(w);
        }
    }
    come_back(w);
    told = strdup(transcript(w));
    assert_non_null(told);
    world_close(&w);
    return told;
}

static void a_restart_after_each_step_changes_nothing(void **state)
{
    char *expected = tell_all(false);
    char *told = tell_all(true);

    (void)state;
    if (strcmp(told, expected) != 0) {
        fprintf(stderr, "expected %s\nhappened %s\n", expected, told);
        fail();
    }
    free(told);
    free(expected);
}

static void records_that_are_not_ours_are_refused(void **state)
{
    struct core_config config;
    struct core *core;
    uint8_t bytes[64];

    (void)state;
    core_config_init(&config);
    core = core_new(&config);
    assert_non_null(core);
    memset(bytes, 0xee, sizeof(bytes));
    assert_int_equal(core_recover(core, mst_span_of(bytes, sizeof(bytes)), 0), MST_PROTOCOL);
    core_free(&core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_records_make_the_state_after_each_step),
        cmocka_unit_test(a_restart_after_each_step_changes_nothing),
        cmocka_unit_test(records_that_are_not_ours_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
