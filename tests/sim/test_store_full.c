/* test_store_full.c - a small disk is filled: puts are refused in time, so that all that is kept
 * can still be taken out, one by one; then puts work again. */
#include "tests/sim/toy.h"

#include <stdio.h>
#include <stdlib.h>

#define DISK (1u << 20)

struct filling {
    uint64_t capacity;
    size_t len;       /* of a body */
    uint64_t at_once; /* puts in a batch */
    uint64_t seed;
};

static bool is_full(const struct toy *toy)
{
    return toy->journal->table->is_full(toy->journal);
}

/* Whatever is under way ends; time goes on if it has to. */
static void settle(struct toy *toy)
{
    toy_settle(toy);
    for (int i = 0; i < 20 && toy->seq > toy->journal->table->durable(toy->journal); i++) {
        toy_turn(toy, 1000000000);
        toy_settle(toy);
    }
    if (toy_failure(toy) != NULL) {
        fail_msg("%s", toy_failure(toy));
    }
    assert_int_equal(toy->journal->table->durable(toy->journal), toy->seq);
}

static uint64_t fill(struct toy *toy, const struct filling *filling)
{
    uint64_t bytes = 0;

    while (!is_full(toy)) {
        for (uint64_t i = 0; i < filling->at_once; i++) {
            toy_put(toy, filling->len);
            bytes += filling->len;
        }
        settle(toy);
        assert_true(bytes < filling->capacity);
    }
    return bytes;
}

static void take_all_out(struct toy *toy)
{
    while (toy->state->count > 0) {
        toy_done(toy, toy_any(toy));
        settle(toy);
        toy_turn(toy, STORE_IDLE_NS); /* slowly: each is followed by a closing batch */
        settle(toy);
    }
}

static void fill_and_empty(const struct filling *filling)
{
    struct toy toy;
    uint64_t least = UINT64_MAX;

    toy_init(&toy, 0, filling->seed);
    sim_disk_set_capacity(toy.disk, filling->capacity);
    toy_must_open(&toy);
    for (int round = 0; round < 3; round++) {
        uint64_t bytes = fill(&toy, filling);

        least = bytes < least ? bytes : least;
        toy_fetch_all(&toy);
        if (round == 1) {
            toy_restart(&toy);
        }
        take_all_out(&toy);
        for (int i = 0; i < 5 && is_full(&toy); i++) {
            toy_turn(&toy, 1000000000);
            settle(&toy);
        }
        assert_false(is_full(&toy));
    }
    print_message("%llu of %llu bytes in bodies of %zu\n", (unsigned long long)least,
                  (unsigned long long)filling->capacity, filling->len);
    assert_true(least > filling->capacity / 10);
    toy_clear(&toy);
}

static void what_is_kept_can_be_taken_out_of_a_full_disk(void **state)
{
    static const struct filling fillings[] = {
        {.capacity = DISK, .len = 1000, .at_once = 1, .seed = 1},
        {.capacity = DISK, .len = 1000, .at_once = 10, .seed = 2},
        {.capacity = DISK, .len = 100, .at_once = 50, .seed = 3},
        {.capacity = DISK, .len = 9000, .at_once = 1, .seed = 4},
        {.capacity = 2 * DISK, .len = 4000, .at_once = 5, .seed = 5},
        {.capacity = 8 * DISK, .len = 4000, .at_once = 5, .seed = 6},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(fillings) / sizeof(*fillings); i++) {
        fill_and_empty(&fillings[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_can_be_taken_out_of_a_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
