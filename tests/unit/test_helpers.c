/* test_helpers.c - the threads beside the loop, and the writes that the loop may do itself. */
#include "tests/unit/cmocka_all.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "broker/io/helpers.h"

#define TRIES_MAX 100000 /* a busy machine makes short writes long, but not for ever */

/* A job that notes who carried it out, and in which place. */
struct deed {
    struct job job; /* first */
    pthread_t by;
    int64_t takes_ns; /* of work; 0: next to nothing */
    unsigned *places; /* given to those that are done, one after the other */
    unsigned place;   /* its own; 0: it is not done */
};

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void work(struct job *job)
{
    struct deed *deed = (struct deed *)job;
    int64_t until_ns = now_ns() + deed->takes_ns;

    deed->by = pthread_self();
    while (deed->takes_ns > 0 && now_ns() < until_ns) {
    }
}

static void done(struct job *job)
{
    struct deed *deed = (struct deed *)job;

    deed->place = ++*deed->places;
}

static struct deed deed_of(enum job_lane lane, unsigned *places)
{
    return (struct deed){.job = {.work = work, .done = done, .lane = lane}, .places = places};
}

static bool was_mine(const struct deed *deed)
{
    return pthread_equal(deed->by, pthread_self()) != 0;
}

static void wait_for_all(struct helpers *helpers)
{
    while (!helpers_idle(helpers)) {
        helpers_wait(helpers);
    }
}

/* How many writes went to the thread before one was kept, which has been done here. */
static unsigned writes_until_one_is_kept(struct helpers *helpers)
{
    unsigned places = 0;

    for (unsigned i = 0; i < TRIES_MAX; i++) {
        struct deed write = deed_of(JOB_WRITE, &places);

        helpers_submit(helpers, &write.job);
        if (helpers_release(helpers, true)) {
            assert_true(was_mine(&write));
            assert_int_equal(write.place, i + 1);
            return i;
        }
        wait_for_all(helpers);
        assert_false(was_mine(&write));
        assert_int_equal(write.place, i + 1);
    }
    fail_msg("no write was ever kept");
    return 0;
}

static int set_up(void **state)
{
    struct helpers *helpers = helpers_new();

    assert_non_null(helpers);
    *state = helpers;
    return 0;
}

static int tear_down(void **state)
{
    struct helpers *helpers = *state;

    helpers_free(&helpers);
    assert_null(helpers);
    return 0;
}

static void writes_are_left_to_the_loop_once_a_row_of_them_was_short(void **state)
{
    assert_true(writes_until_one_is_kept(*state) >= HELPERS_SHORT_ROW);
    assert_true(helpers_idle(*state));
    assert_false(helpers_release(*state, true)); /* there is none */
}

static void after_a_long_one_a_row_must_be_short_again(void **state)
{
    struct helpers *helpers = *state;
    unsigned places = 0;
    struct deed stalls = deed_of(JOB_WRITE, &places);

    stalls.takes_ns = HELPERS_SHORT_NS + 1;
    writes_until_one_is_kept(helpers);
    helpers_submit(helpers, &stalls.job);
    wait_for_all(helpers);
    assert_true(writes_until_one_is_kept(helpers) >= HELPERS_SHORT_ROW);
}

static void one_that_is_long_on_the_thread_counts_too(void **state)
{
    struct helpers *helpers = *state;
    unsigned places = 0;
    struct deed stalls = deed_of(JOB_WRITE, &places);

    stalls.takes_ns = HELPERS_SHORT_NS + 1;
    writes_until_one_is_kept(helpers);
    helpers_submit(helpers, &stalls.job);
    helpers_release(helpers, false);
    wait_for_all(helpers);
    assert_false(was_mine(&stalls));
    assert_true(writes_until_one_is_kept(helpers) >= HELPERS_SHORT_ROW);
}

/* Only writes are: all else may take long. */
static void other_jobs_are_never_kept(void **state)
{
    struct helpers *helpers = *state;
    unsigned places = 0;
    struct deed read = deed_of(JOB_READ, &places);
    struct deed prepare = deed_of(JOB_PREPARE, &places);
    struct deed compact = deed_of(JOB_COMPACT, &places);

    writes_until_one_is_kept(helpers);
    helpers_submit(helpers, &read.job);
    helpers_submit(helpers, &prepare.job);
    helpers_submit(helpers, &compact.job);
    assert_false(helpers_release(helpers, true));
    wait_for_all(helpers);
    assert_false(was_mine(&read) || was_mine(&prepare) || was_mine(&compact));
    assert_int_equal(places, 3);
}

static void writes_keep_their_order(void **state)
{
    struct helpers *helpers = *state;
    unsigned places = 0;
    struct deed first = deed_of(JOB_WRITE, &places);
    struct deed second = deed_of(JOB_WRITE, &places);

    writes_until_one_is_kept(helpers);
    helpers_submit(helpers, &first.job);
    helpers_submit(helpers, &second.job);
    assert_false(helpers_release(helpers, true)); /* the first is the thread's: so is the second */
    wait_for_all(helpers);
    assert_int_equal(first.place, 1);
    assert_int_equal(second.place, 2);
}

static void one_that_is_kept_is_done_before_the_end(void **state)
{
    struct helpers *helpers = helpers_new();
    unsigned places = 0;
    struct deed last = deed_of(JOB_WRITE, &places);

    (void)state;
    assert_non_null(helpers);
    writes_until_one_is_kept(helpers);
    helpers_submit(helpers, &last.job);
    helpers_free(&helpers);
    assert_int_equal(last.place, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_are_left_to_the_loop_once_a_row_of_them_was_short,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(after_a_long_one_a_row_must_be_short_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_long_on_the_thread_counts_too, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(other_jobs_are_never_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_keep_their_order, set_up, tear_down),
        cmocka_unit_test(one_that_is_kept_is_done_before_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
