/* test_mix.c - many programs do anything at all under many seeds; see mix.h for what must hold.
 *
 * SEED=n in the environment runs that one alone, and tells all that happened; SEEDS=n runs so many,
 * from FIRST_SEED on, each of STEPS=n steps; PROGRESS names a file for the seed that is run now;
 * SCRIPT one for all that happens under SEED; REPLAY a script to be run alone. */
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#include "tests/sim/mix.h"
#include "tests/sim/ration.h"

#define SEEDS_DEFAULT 300
#define STEPS_DEFAULT 120
/* What follows from its lines by whole seconds stays apart (MIX_CALM_NS) for a second of lines. */
#define STEPS_CALM_MAX 120
#define REGRESSIONS    "tests/sim/regressions"
#define HASHES         "tests/sim/hashes.txt"
#define HASHED         12
#define MEMORY_KEPT    (64 << 20)
#define SEED_SECONDS   30 /* of processor time, for what takes a hundredth of one: it hangs */

struct run {
    struct mix mix;
    uint64_t seed;
    bool over;
};

/* Only the seeds, or the script, that somebody asked for. */
static bool is_alone(void)
{
    return getenv("REPLAY") != NULL || getenv("PROGRESS") != NULL;
}

/* So that whoever started us knows where we were, even when the broker ends the process. */
static void write_progress(uint64_t seed)
{
    const char *path = getenv("PROGRESS");
    FILE *file = path == NULL ? NULL : fopen(path, "w");

    if (file != NULL) {
        fprintf(file, "%llu\n", (unsigned long long)seed);
        fclose(file);
    }
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

/* Whoever does not end is ended, and PROGRESS tells who it was. */
static void watch_time(void)
{
    const struct itimerval timer = {.it_value = {.tv_sec = SEED_SECONDS}};

    assert_int_equal(setitimer(ITIMER_VIRTUAL, &timer, NULL), 0);
}

static void run_seed(struct run *run, uint64_t seed, bool aloud)
{
    struct mix *m = &run->mix;
    uint64_t steps = from_environment("STEPS", STEPS_DEFAULT);

    run->seed = seed;
    run->over = false;
    watch_time();
    write_progress(seed);
    mix_open(m, aloud);
    m->script_file = aloud && getenv("SCRIPT") != NULL ? fopen(getenv("SCRIPT"), "w") : NULL;
    mix_begin(m, seed);
    if (m->calm && steps > STEPS_CALM_MAX) {
        steps = STEPS_CALM_MAX;
    }
    for (uint64_t i = 0; i < steps; i++) {
        mix_step(m);
        mix_do(m, "! check");
    }
    mix_do(m, "! leave");
    if (m->script_file != NULL) {
        fclose(m->script_file);
    }
    run->over = true;
}

static void replay(struct run *run, const char *path, bool aloud)
{
    FILE *file = fopen(path, "r");
    char line[1024];

    assert_non_null(file);
    run->seed = 0;
    run->over = false;
    watch_time();
    mix_open(&run->mix, aloud);
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        mix_run(&run->mix, line);
    }
    fclose(file);
    mix_close(&run->mix);
    run->over = true;
}

static void the_promises_hold_under_every_seed(void **state)
{
    struct run *run = *state;
    const char *chosen = getenv("SEED");
    uint64_t seeds = from_environment("SEEDS", SEEDS_DEFAULT);
    uint64_t first = from_environment("FIRST_SEED", 1);
    uint64_t crashes = 0, moves = 0;

    if (getenv("REPLAY") != NULL) {
        replay(run, getenv("REPLAY"), getenv("ALOUD") != NULL);
        return;
    }
    if (chosen != NULL) {
        run_seed(run, strtoull(chosen, NULL, 10), true);
        mix_close(&run->mix);
        return;
    }
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        run_seed(run, seed, false);
        crashes += run->mix.world->crashes;
        moves += run->mix.world->moves;
        mix_close(&run->mix);
    }
    print_message("%llu seeds from %llu, %llu crashes of a broker with a disk, %llu moves to a "
                  "backup, %llu allocations refused\n",
                  (unsigned long long)seeds, (unsigned long long)first, (unsigned long long)crashes,
                  (unsigned long long)moves, (unsigned long long)ration_refused());
}

/* The same seed gives the same transcript, whatever the machine. */
static void the_same_seed_gives_the_same_story(void **state)
{
    struct run *run = *state;

    for (uint64_t seed = 1; seed <= 6 && !is_alone(); seed++) {
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

static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */

    for (; *text != '\0'; text++) {
        hash = (hash ^ (uint8_t)*text) * UINT64_C(1099511628211);
    }
    return hash;
}

/* Nor whatever the compiler, how it optimises, and what watches it. A change of what the broker
 * says, or of the mix, changes them: then HASHES names a file for the new ones. */
static void the_same_seed_gives_the_same_story_everywhere(void **state)
{
    struct run *run = *state;
    const char *path = getenv("HASHES");
    FILE *file = fopen(path == NULL ? HASHES : path, path == NULL ? "r" : "w");
    unsigned long long expected;

    assert_non_null(file);
    for (uint64_t seed = 1; seed <= HASHED && !is_alone(); seed++) {
        unsigned long long hash;

        run_seed(run, seed, false);
        hash = (unsigned long long)hash_of(transcript(run->mix.world));
        mix_close(&run->mix);
        if (path != NULL) {
            fprintf(file, "%016llx\n", hash);
        } else if (fscanf(file, "%llx", &expected) != 1 || expected != hash) {
            fail_msg("the story of seed %llu has hash %016llx, not that of " HASHES
                     "; if it was to change, HASHES=" HASHES " %s writes the new ones",
                     (unsigned long long)seed, hash, "test_mix");
        }
    }
    fclose(file);
}

/* Scripts that failed once, made as short as they could be (tests/sim/minimise). */
static void what_failed_once_does_not_fail_again(void **state)
{
    DIR *dir = opendir(REGRESSIONS);
    const struct dirent *entry;
    char path[512];
    size_t count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL && !is_alone()) {
        if (strstr(entry->d_name, ".mix") != NULL) {
            snprintf(path, sizeof(path), REGRESSIONS "/%s", entry->d_name);
            replay(*state, path, false);
            count++;
        }
    }
    closedir(dir);
    assert_true(count > 0 || is_alone());
}

static int begin(void **state)
{
    *state = calloc(1, sizeof(struct run));
    return *state == NULL ? -1 : 0;
}

static int end(void **state)
{
    struct run *run = *state;

    if (!run->over && run->mix.world != NULL) {
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
        cmocka_unit_test_setup_teardown(the_same_seed_gives_the_same_story_everywhere, begin, end),
        cmocka_unit_test_setup_teardown(what_failed_once_does_not_fail_again, begin, end),
    };

    /* A world takes and gives back the same memory again and again: no news for the system. */
    mallopt(M_TRIM_THRESHOLD, MEMORY_KEPT);
    mallopt(M_MMAP_THRESHOLD, MEMORY_KEPT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
