/* test_core_sorted.c - the sorted set of the core, played at random beside a plain sorted array. */
#include "broker/core/sorted.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#define ITEMS_MAX 6000u

struct item {
    uint64_t major;
    uint64_t minor;
    uint64_t rest; /* what the key does not say */
    bool is_in;
};

static struct sorted_key key_of(const void *item)
{
    const struct item *of = item;

    return (struct sorted_key){of->major, of->minor};
}

static int compare(const void *a, const void *b)
{
    const struct item *left = *(const struct item *const *)a;
    const struct item *right = *(const struct item *const *)b;

    if (left->major != right->major) {
        return left->major < right->major ? -1 : 1;
    }
    if (left->minor != right->minor) {
        return left->minor < right->minor ? -1 : 1;
    }
    return left->rest < right->rest ? -1 : left->rest > right->rest;
}

static bool before(const void *a, const void *b)
{
    return compare(&a, &b) < 0;
}

static const struct sorted_order order = {key_of, before};

static uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (*seed >> 33) % below;
}

struct play {
    struct sorted sorted;
    struct item items[ITEMS_MAX];
    struct item *in_order[ITEMS_MAX];
    size_t count; /* of items that are in the set */
    uint64_t seed;
};

static void play_begin(struct play *play, uint64_t majors, uint64_t apart, uint64_t seed)
{
    memset(play, 0, sizeof(*play));
    play->seed = seed;
    sorted_init(&play->sorted, &order);
    for (size_t i = 0; i < ITEMS_MAX; i++) {
        play->items[i] =
            (struct item){draw(&play->seed, majors) * apart, draw(&play->seed, 3), i + 1, false};
    }
}

static void turn(struct play *play, struct item *item)
{
    if (item->is_in) {
        sorted_remove(&play->sorted, item);
        play->count--;
    } else {
        assert_true(sorted_insert(&play->sorted, item));
        play->count++;
    }
    item->is_in = !item->is_in;
    assert_int_equal(play->sorted.count, play->count);
}

/* From `from` on the walk tells what the array has behind it. */
static void walk(const struct play *play, size_t from, const void *behind)
{
    struct sorted_at at = sorted_behind(&play->sorted, behind);

    for (size_t i = from; i < play->count; i++) {
        assert_ptr_equal(sorted_next(&play->sorted, &at), play->in_order[i]);
    }
    assert_null(sorted_next(&play->sorted, &at));
    assert_null(sorted_next(&play->sorted, &at));
}

static void check(struct play *play)
{
    size_t n = 0;

    for (size_t i = 0; i < ITEMS_MAX; i++) {
        if (play->items[i].is_in) {
            play->in_order[n++] = &play->items[i];
        }
    }
    assert_int_equal(n, play->count);
    qsort(play->in_order, n, sizeof(play->in_order[0]), compare);
    walk(play, 0, NULL);
    assert_ptr_equal(sorted_first(&play->sorted), n == 0 ? NULL : play->in_order[0]);
    assert_ptr_equal(sorted_last(&play->sorted), n == 0 ? NULL : play->in_order[n - 1]);
    for (int i = 0; i < 5 && n > 0; i++) {
        size_t at = draw(&play->seed, n);
        struct item absent = *play->in_order[at];

        walk(play, at + 1, play->in_order[at]);
        absent.rest--; /* nobody has it, unless it is a neighbour's */
        walk(play,
             at > 0 && compare(&play->in_order[at - 1], &(struct item *){&absent}) > 0 ? at - 1
                                                                                       : at,
             &absent);
    }
}

/* Grows, is at rest, and shrinks, by majors that are many, few, or all the same, and near to one
 * another or as far apart as can be. */
static void it_has_the_order_of_a_sorted_array(void **state)
{
    static const struct {
        uint64_t count, apart;
    } majors[] = {{1, 1},
                  {4, 1},
                  {300, 1},
                  {1u << 20, 1},
                  {300, 100000},
                  {1u << 20, UINT64_C(1) << 44},
                  {3, UINT64_MAX / 2}};
    struct play *play = malloc(sizeof(*play));

    (void)state;
    assert_non_null(play);
    for (size_t m = 0; m < sizeof(majors) / sizeof(majors[0]); m++) {
        play_begin(play, majors[m].count, majors[m].apart, m + 1);
        for (unsigned i = 0; i < 40000; i++) {
            struct item *item = &play->items[draw(&play->seed, ITEMS_MAX)];
            bool grows = i < 15000;

            if (draw(&play->seed, 4) != 0 && item->is_in == grows && (grows || i > 25000)) {
                continue; /* so mostly in, then in and out, then mostly out */
            }
            turn(play, item);
            if (i % 997 == 0) {
                check(play);
            }
        }
        check(play);
        sorted_clear(&play->sorted);
    }
    free(play);
}

/* What goes in at one end comes out at the other, whatever room its blocks have. */
static void pass_all(struct play *play)
{
    for (size_t length = 1; length < ITEMS_MAX; length = length * 3 / 2 + 1) {
        for (size_t i = 0; i < ITEMS_MAX; i++) {
            turn(play, &play->items[i]);
            if (i >= length) {
                assert_ptr_equal(sorted_first(&play->sorted), &play->items[i - length]);
                turn(play, &play->items[i - length]);
            }
        }
        check(play);
        while (play->count > 0) {
            turn(play, sorted_first(&play->sorted));
        }
    }
    sorted_clear(&play->sorted);
}

static void first_in_is_first_out_for_any_length(void **state)
{
    struct play *play = malloc(sizeof(*play));

    (void)state;
    assert_non_null(play);
    for (uint64_t apart = 0; apart < 1000000; apart = apart * 1000 + 1) {
        play_begin(play, 1, 1, 1);
        for (size_t i = 0; i < ITEMS_MAX; i++) {
            play->items[i] = (struct item){7 + i * apart, i, 1, false};
        }
        pass_all(play);
    }
    free(play);
}

static void an_empty_set_has_no_first_and_no_last(void **state)
{
    struct item item = {1, 2, 3, false};
    struct sorted sorted;

    (void)state;
    sorted_init(&sorted, &order);
    assert_null(sorted_first(&sorted));
    assert_null(sorted_last(&sorted));
    assert_null(sorted_next(&sorted, &(struct sorted_at){0, 0}));
    assert_true(sorted_insert(&sorted, &item));
    sorted_remove(&sorted, &item);
    assert_null(sorted_first(&sorted));
    assert_null(sorted_next(&sorted, &(struct sorted_at){0, 0}));
    sorted_clear(&sorted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_the_order_of_a_sorted_array),
        cmocka_unit_test(first_in_is_first_out_for_any_length),
        cmocka_unit_test(an_empty_set_has_no_first_and_no_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
