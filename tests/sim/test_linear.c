/* test_linear.c - small histories of one object, explained exactly (linear.h): of the real broker
 * under many seeds, and of nobody, spoiled by hand. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/linear.h"
#include "tests/sim/witness.h"

#define SEEDS    150
#define PROGRAMS 4
#define CALLS    28
#define PARTIES  2

/* ---- the real broker ---- */

struct scene {
    struct world *world;
    struct history *history;
    uint64_t random;
};

static uint64_t below(struct scene *s, uint64_t n)
{
    s->random = s->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (s->random >> 33) % n;
}

static void begins(struct world *w, const struct program *program, struct errand *errand)
{
    struct scene *s = w->watcher;

    witness_begins(s->history, program, errand);
    s->history->calls[errand->number].parties = PARTIES;
}

static void ends(struct world *w, const struct program *program, const struct errand *errand)
{
    struct scene *s = w->watcher;

    if (errand->call->status != MST_UNKNOWN) {
        witness_ends(s->history, program, errand);
    }
}

/* What it is told of calls under way may be the word of its own clock. */
static void lost(struct world *w, const struct program *program)
{
    struct scene *s = w->watcher;

    for (const struct errand *e = program->errands; e != NULL && program->name[0] == 'p';
         e = e->next) {
        s->history->calls[e->number].cut_off = true;
    }
}

static void act_on_event(struct scene *s, unsigned who)
{
    static const char *const does[] = {"set go", "clear go", "is_set go", "wait go timeout=0",
                                       "wait go"};

    tellf(s->world, "p%u %s", who, does[below(s, 5)]);
}

static void act_on_queue(struct scene *s, unsigned who)
{
    if (below(s, 2) == 0) {
        tellf(s->world, "p%u put jobs b%u", who, (unsigned)s->history->calls_count);
    } else {
        tellf(s->world, "p%u get jobs auto%s", who, below(s, 2) == 0 ? " timeout=0" : "");
    }
}

static void act_on_barrier(struct scene *s, unsigned who)
{
    tellf(s->world, "p%u barrier gate", who);
}

static void play(uint64_t seed, const char *opening, void (*act)(struct scene *s, unsigned who),
                 linear_model *model)
{
    struct scene s = {world_open(seed % 2 == 0 ? WORLD_MEMORY : WORLD_JOURNAL), history_new(),
                      seed};

    tell(s.world, opening);
    s.world->watch_begin = begins;
    s.world->watch = ends;
    s.world->watch_lost = lost;
    s.world->watcher = &s;
    s.world->latency_ns = (int64_t)(1 + seed % 50) * MS;
    s.world->back_after_ns = 100 * MS;
    for (int i = 0; i < CALLS; i++) {
        unsigned who = (unsigned)below(&s, PROGRAMS);

        act(&s, who);
        if (below(&s, 3) == 0) {
            pass(s.world, (int64_t)below(&s, 80) * MS);
        }
        /* A message that went to nobody comes back to its own place, out of any order. */
        if (below(&s, 8) == 0 && model != linear_fifo) {
            tellf(s.world, "p%u cut", (unsigned)below(&s, PROGRAMS)); /* replies are lost */
        }
    }
    pass(s.world, SECOND);
    if (!linear_explains(s.history, model)) {
        history_print(s.history);
        fail_msg("no order explains this; seed %llu", (unsigned long long)seed);
    }
    s.world->watch = NULL;
    s.world->watch_begin = NULL;
    s.world->watch_lost = NULL;
    world_close(&s.world);
    history_free(&s.history);
}

static void an_event_is_linearizable(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        play(seed, "z clear go", act_on_event, linear_event);
    }
}

static void a_small_queue_is_linearizable(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        play(seed, "z declare jobs fifo", act_on_queue, linear_fifo);
    }
}

static void a_barrier_is_linearizable(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        play(seed, "z declare gate barrier parties=2", act_on_barrier, linear_barrier);
    }
}

/* ---- nobody ---- */

static struct history_call *at_once(struct history *h, enum history_op op)
{
    struct history_call *call = history_begin(h, op, history_program(h, "a"), 0);

    history_end(h, call, 0);
    return call;
}

static void what_no_order_explains_is_noticed(void **state)
{
    struct history *h = history_new();

    (void)state;
    at_once(h, HISTORY_SET);
    at_once(h, HISTORY_IS_SET)->flag = true;
    assert_true(linear_explains(h, linear_event));
    at_once(h, HISTORY_CLEAR);
    at_once(h, HISTORY_IS_SET)->flag = true; /* late */
    assert_false(linear_explains(h, linear_event));
    history_free(&h);

    h = history_new();
    history_message(at_once(h, HISTORY_PUT), "x")->id = 1;
    history_message(at_once(h, HISTORY_PUT), "y")->id = 2;
    at_once(h, HISTORY_GET)->status = MUSTER_EMPTY; /* early */
    assert_false(linear_explains(h, linear_fifo));
    h->calls[2].begin = 0;
    assert_true(linear_explains(h, linear_fifo)); /* but not if it began before */
    history_message(at_once(h, HISTORY_GET), "y")->id = 2;
    assert_false(linear_explains(h, linear_fifo));
    history_free(&h);

    h = history_new();
    at_once(h, HISTORY_BARRIER)->parties = 2;
    at_once(h, HISTORY_BARRIER)->parties = 2; /* two with index 0 */
    assert_false(linear_explains(h, linear_barrier));
    history_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_linearizable),
        cmocka_unit_test(a_small_queue_is_linearizable),
        cmocka_unit_test(a_barrier_is_linearizable),
        cmocka_unit_test(what_no_order_explains_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
