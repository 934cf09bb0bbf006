/* test_compact_forward.c - where bodies went: the table through several compactions. */
#include "tests/unit/cmocka_all.h"

#include "broker/journal/format.h"
#include "broker/journal/forward.h"

#define P(file, offset) format_place(file, offset)

static struct forwards table; /* the one in use */

static int begin(void **state)
{
    (void)state;
    table = (struct forwards){0};
    return 0;
}

static int end(void **state)
{
    (void)state;
    forwards_clear(&table);
    return 0;
}

/* A compaction: pairs of places, and the files that are left. */
static void moved(const uint64_t (*pairs)[2], size_t count, const uint64_t *kept, size_t kept_count)
{
    struct forwards moves = {0}, next;

    for (size_t i = 0; i < count; i++) {
        assert_true(forwards_add(&moves, pairs[i][0], pairs[i][1]));
    }
    assert_true(forwards_next(&table, &moves, kept, kept_count, &next));
    forwards_clear(&moves);
    forwards_clear(&table);
    table = next;
}

static void what_never_moved_is_where_it_was(void **state)
{
    (void)state;
    assert_int_equal(forwards_find(&table, P(3, 100)), P(3, 100));
    moved((const uint64_t[][2]){{P(1, 50), P(4, 60)}}, 1, NULL, 0);
    assert_int_equal(forwards_find(&table, P(1, 51)), P(1, 51));
}

static void a_body_is_followed_through_three_compactions(void **state)
{
    (void)state;
    moved((const uint64_t[][2]){{P(1, 500), P(3, 10)}, {P(1, 50), P(3, 600)}, {P(2, 9), P(3, 70)}},
          3, NULL, 0);
    assert_int_equal(forwards_find(&table, P(1, 50)), P(3, 600));
    assert_int_equal(forwards_find(&table, P(1, 500)), P(3, 10));
    assert_int_equal(forwards_find(&table, P(2, 9)), P(3, 70));
    moved((const uint64_t[][2]){{P(3, 600), P(6, 1)}, {P(3, 70), P(6, 2)}, {P(4, 5), P(6, 3)}}, 3,
          NULL, 0);
    assert_int_equal(forwards_find(&table, P(1, 50)), P(6, 1));
    assert_int_equal(forwards_find(&table, P(2, 9)), P(6, 2));
    assert_int_equal(forwards_find(&table, P(4, 5)), P(6, 3));
    moved((const uint64_t[][2]){{P(6, 1), P(9, 8)}}, 1, (const uint64_t[]){6}, 1);
    assert_int_equal(forwards_find(&table, P(1, 50)), P(9, 8));
    assert_int_equal(forwards_find(&table, P(2, 9)), P(6, 2));
}

static void the_table_is_bounded_by_what_is_alive(void **state)
{
    (void)state;
    moved((const uint64_t[][2]){{P(1, 1), P(3, 1)}, {P(1, 2), P(3, 2)}}, 2, NULL, 0);
    assert_int_equal(table.count, 2);
    /* One moves on, and is known by one place still; the other is dead, as its file is gone. */
    moved((const uint64_t[][2]){{P(3, 1), P(5, 1)}}, 1, NULL, 0);
    assert_int_equal(table.count, 1);
    assert_int_equal(forwards_find(&table, P(1, 1)), P(5, 1));
    /* Its file stays: nothing is forgotten. */
    moved(NULL, 0, (const uint64_t[]){2, 5, 7}, 3);
    assert_int_equal(table.count, 1);
    moved(NULL, 0, (const uint64_t[]){2, 7}, 2);
    assert_int_equal(table.count, 0);
}

static void thousands_are_found(void **state)
{
    enum { MANY = 5000 };
    static uint64_t pairs[MANY][2];

    (void)state;
    for (uint64_t i = 0; i < MANY; i++) {
        pairs[i][0] = P(1 + i * 7919 % MANY, i);
        pairs[i][1] = P(MANY + 1, i);
    }
    moved((const uint64_t(*)[2])pairs, MANY, NULL, 0);
    assert_int_equal(table.count, MANY);
    for (uint64_t i = 0; i < MANY; i++) {
        assert_int_equal(forwards_find(&table, pairs[i][0]), pairs[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_never_moved_is_where_it_was, begin, end),
        cmocka_unit_test_setup_teardown(a_body_is_followed_through_three_compactions, begin, end),
        cmocka_unit_test_setup_teardown(the_table_is_bounded_by_what_is_alive, begin, end),
        cmocka_unit_test_setup_teardown(thousands_are_found, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
