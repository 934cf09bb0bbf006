/* test_luck.c - whoever looks in vain looks less often, and as often as ever once it finds
 * something. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/luck.h"

static unsigned looks_of(struct mst_luck *luck, unsigned waits, bool found)
{
    unsigned looks = 0;

    for (unsigned i = 0; i < waits; i++) {
        if (mst_luck_says_look(luck)) {
            looks++;
            mst_luck_learn(luck, found);
        }
    }
    return looks;
}

static void who_finds_always_looks(void **state)
{
    struct mst_luck luck = {0};

    (void)state;
    assert_int_equal(looks_of(&luck, 1000, true), 1000);
}

static void who_finds_nothing_looks_less_and_less(void **state)
{
    struct mst_luck luck = {0};

    (void)state;
    /* Waits 1, 3, 7, 15, 31, 63, 127: each look is followed by a longer rest. */
    assert_int_equal(looks_of(&luck, 127, false), 7);
    looks_of(&luck, MST_LUCK_REST_MAX, false);
    assert_int_equal(looks_of(&luck, 100 * (MST_LUCK_REST_MAX + 1), false), 100);
}

static void one_find_ends_the_rests(void **state)
{
    struct mst_luck luck = {0};

    (void)state;
    looks_of(&luck, 127, false);
    assert_int_equal(looks_of(&luck, MST_LUCK_REST_MAX + 10, true), 10);
    assert_int_equal(looks_of(&luck, 100, true), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_finds_always_looks),
        cmocka_unit_test(who_finds_nothing_looks_less_and_less),
        cmocka_unit_test(one_find_ends_the_rests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
