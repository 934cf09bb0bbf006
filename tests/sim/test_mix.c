/* test_mix.c - many programs do anything at all under many seeds; see mix.h for what must hold.
 *
 * SEED=n in the environment runs that one alone, and tells all that happened. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/mix.h"

#define SEEDS 200
#define STEPS 120

struct run {
    struct mix mix;
    uint64_t seed;
    bool over;
};

static void run_seed(struct run *run, uint64_t seed, bool aloud)
{
    struct mix *m = &run->mix;

    run->seed = seed;
    run->over = false;
    mix_open(m, seed, aloud);
    for (int i = 0; i < STEPS; i++) {
        mix_step(m);
        if (m->world->storage != WORLD_SLOW_DISK || i % 10 == 0) {
            mix_check(m);
        }
    }
    mix_leave(m);
    run->over = true;
}

static void the_promises_hold_under_every_seed(void **state)
{
    struct run *run = *state;
    const char *chosen = getenv("SEED");

    if (chosen != NULL) {
        run_seed(run, strtoull(chosen, NULL, 10), true);
        mix_close(&run->mix);
        return;
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run_seed(run, seed, false);
        mix_close(&run->mix);
    }
}

/* The same seed gives the same transcript, whatever the machine. */
static void the_same_seed_gives_the_same_story(void **state)
{
    struct run *run = *state;

    for (uint64_t seed = 1; seed <= 6; seed++) {
        char *first;

        run_seed(run, seed, false);
        first = strdup(transcript(run->mix.world));
        mix_close(&run->mix);
        run_seed(run, seed, false);
        assert_string_equal(transcript(run->mix.world), first);
        mix_close(&run->mix);
        free(first);
    }
}

static int begin(void **state)
{
    *state = calloc(1, sizeof(struct run));
    return *state == NULL ? -1 : 0;
}

static int end(void **state)
{
    struct run *run = *state;

    if (!run->over) {
        const char *told = transcript(run->mix.world);
        size_t len = strlen(told);

        fprintf(stderr, "... %s\nSEED=%llu runs this one again\n",
                told + (len > 2000 ? len - 2000 : 0), (unsigned long long)run->seed);
    }
    free(run);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_promises_hold_under_every_seed, begin, end),
        cmocka_unit_test_setup_teardown(the_same_seed_gives_the_same_story, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
