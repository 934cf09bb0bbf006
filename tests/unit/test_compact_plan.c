/* test_compact_plan.c - when to compact, how much may move, which files go: from figures alone. */
#include "tests/unit/cmocka_all.h"

#include "broker/journal/compact.h"

#define MB      (UINT64_C(1) << 20)
#define SEGMENT (64 * MB)

static struct plan_figures figures(uint64_t used, uint64_t live, uint64_t records)
{
    return (struct plan_figures){
        .used = used, .live = live, .records = records, .segment = SEGMENT};
}

static bool is_time(uint64_t used, uint64_t live, uint64_t records)
{
    struct plan_figures f = figures(used, live, records);

    return plan_is_time(&f, 0);
}

static void two_segments_are_always_allowed(void **state)
{
    (void)state;
    assert_false(is_time(0, 0, 0));
    assert_false(is_time(SEGMENT, 0, 0));
    assert_true(is_time(2 * SEGMENT, 0, 0)); /* and a third would come next */
}

static void much_live_data_is_compacted_from_half_of_it_as_garbage(void **state)
{
    (void)state;
    assert_false(is_time(14000 * MB, 10000 * MB, 500 * MB));
    assert_true(is_time(15100 * MB, 10000 * MB, 500 * MB));
    /* Room for the records is left, as they are written each time. */
    assert_true(is_time(14000 * MB, 10000 * MB, 4500 * MB));
    /* But never from less than a quarter: it would not end. */
    assert_false(is_time(12000 * MB, 10000 * MB, 10000 * MB));
}

static void what_was_not_worth_it_is_not_repeated_at_once(void **state)
{
    struct plan_figures f = figures(16000 * MB, 10000 * MB, 500 * MB);
    uint64_t excess = plan_excess(&f);

    (void)state;
    assert_true(excess > 0);
    assert_true(plan_is_time(&f, 0));
    assert_false(plan_is_time(&f, excess));
    f.used += 2400 * MB;
    assert_false(plan_is_time(&f, excess));
    f.used += 200 * MB;
    assert_true(plan_is_time(&f, excess));
    assert_true(plan_was_worth_it(100, 125));
    assert_false(plan_was_worth_it(100, 124));
}

/* What is written while a compaction works fits under twice the live data and two segments. */
static void the_budget_keeps_the_bound(void **state)
{
    (void)state;
    for (uint64_t live = 10 * MB; live < 100000 * MB; live += live / 3) {
        for (uint64_t part = 2; part < 20; part += 3) {
            uint64_t records = live / part / 2;
            struct plan_figures f = figures(0, live, records);
            struct plan_budget budget;

            while (!plan_is_time(&f, 0)) {
                f.used += SEGMENT / 8; /* as it begins */
            }
            budget = plan_budget(&f);
            assert_true(budget.growth % SEGMENT == 0);
            if (live >
                3 * SEGMENT) { /* otherwise all of it may move, and it is no more than that */
                assert_true(f.used + records + budget.moved + budget.growth <=
                            2 * live + 2 * SEGMENT);
                assert_true(budget.moved >= SEGMENT);
            } else {
                assert_true(budget.moved >= live);
            }
        }
    }
}

static void the_sparsest_go_and_the_empty_always(void **state)
{
    struct plan_file files[] = {
        {.number = 1, .bytes = 1000 * MB, .live = 900 * MB},
        {.number = 2, .bytes = 1000 * MB, .live = 100 * MB},
        {.number = 3, .bytes = 1000 * MB, .live = 0},
        {.number = 4, .bytes = 1000 * MB, .live = 400 * MB},
        {.number = 5, .bytes = 1000 * MB, .live = 300 * MB},
    };
    struct plan_figures f = figures(5000 * MB, 1800 * MB, 100 * MB);
    uint64_t moved = plan_choose(&f, 10000 * MB, files, 5);

    (void)state;
    assert_false(files[0].goes);
    assert_true(files[1].goes && files[2].goes && files[4].goes);
    assert_int_equal(moved, (files[1].live + files[4].live) + (files[3].goes ? files[3].live : 0));
    for (size_t i = 0; i < 5; i++) { /* it keeps their order */
        assert_int_equal(files[i].number, i + 1);
    }
}

static void no_more_moves_than_may(void **state)
{
    struct plan_file files[] = {
        {.number = 1, .bytes = 1000 * MB, .live = 300 * MB},
        {.number = 2, .bytes = 1000 * MB, .live = 200 * MB},
        {.number = 3, .bytes = 1000 * MB, .live = 100 * MB},
    };
    struct plan_figures f = figures(3000 * MB, 600 * MB, 0);

    (void)state;
    assert_int_equal(plan_choose(&f, 350 * MB, files, 3), 300 * MB);
    assert_false(files[0].goes);
    assert_int_equal(plan_choose(&f, 0, files, 3), 0);
    assert_false(files[0].goes || files[1].goes || files[2].goes);
}

static void a_large_file_is_not_kept_out_by_small_ones(void **state)
{
    struct plan_file files[] = {
        {.number = 1, .bytes = 100 * MB, .live = 10 * MB},
        {.number = 2, .bytes = 2000 * MB, .live = 500 * MB},
    };
    struct plan_figures f = figures(2100 * MB, 510 * MB, 0);

    (void)state;
    assert_int_equal(plan_choose(&f, 505 * MB, files, 2), 500 * MB);
    assert_true(files[1].goes);
    assert_false(files[0].goes);
}

static void dense_files_stay_where_they_are(void **state)
{
    struct plan_file files[] = {
        {.number = 1, .bytes = 1000 * MB, .live = 990 * MB},
        {.number = 2, .bytes = 1000 * MB, .live = 940 * MB},
    };
    struct plan_figures f = figures(5000 * MB, 1930 * MB, 0);

    (void)state;
    assert_int_equal(plan_choose(&f, 10000 * MB, files, 2), 0);
    assert_false(files[0].goes || files[1].goes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_segments_are_always_allowed),
        cmocka_unit_test(much_live_data_is_compacted_from_half_of_it_as_garbage),
        cmocka_unit_test(what_was_not_worth_it_is_not_repeated_at_once),
        cmocka_unit_test(the_budget_keeps_the_bound),
        cmocka_unit_test(the_sparsest_go_and_the_empty_always),
        cmocka_unit_test(no_more_moves_than_may),
        cmocka_unit_test(a_large_file_is_not_kept_out_by_small_ones),
        cmocka_unit_test(dense_files_stay_where_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
