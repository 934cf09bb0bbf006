/* mix.c - what happens in a mix, by chance: the same for the same seed. See mix.h. */
#include "tests/sim/mix.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t below(struct mix *m, uint64_t n)
{
    m->random ^= m->random >> 12;
    m->random ^= m->random << 25;
    m->random ^= m->random >> 27;
    return ((m->random * UINT64_C(2685821657736338717)) >> 20) % n;
}

static bool one_in(struct mix *m, uint64_t n)
{
    return below(m, n) == 0;
}

/* ---- programs ---- */

static const char *new_program(struct mix *m, size_t i)
{
    static const int64_t ttls[] = {0, 3 * SECOND, 10 * SECOND, 10 * SECOND};
    struct program *p;

    snprintf(m->programs[i], PROGRAM_NAME, "p%u", m->next_program++);
    p = program_new(m->world, m->programs[i], ttls[below(m, 4)]);
    program_connect(p);
    return m->programs[i];
}

static const char *any_program(struct mix *m)
{
    return m->programs[below(m, MIX_PROGRAMS)];
}

/* ---- what programs do ---- */

static const char *any_timeout(struct mix *m)
{
    static const char *const words[] = {"timeout=0", "timeout=1s", "timeout=7s", ""};

    return words[below(m, 4)];
}

static void do_put(struct mix *m, const char *who)
{
    uint64_t queue = below(m, MIX_QUEUES);
    char more[128] = "";
    char bodies[64];
    size_t count = one_in(m, 5) ? 1 + below(m, 3) : 1;
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(bodies + len, sizeof(bodies) - len, "b%u ", m->next_body++);
    }
    if (count > 1) {
        strcat(more, one_in(m, 2) ? " mode=all" : " mode=fit");
    } else if (one_in(m, 8)) {
        snprintf(more, sizeof(more), " dedup=k%d", (int)below(m, 3));
    }
    strcat(more, one_in(m, 6) ? " delay=2s" : "");
    strcat(more, one_in(m, 6) ? " ttl=4s" : "");
    if (queue == 2) { /* the priority queue */
        snprintf(more + strlen(more), sizeof(more) - strlen(more), " priority=%d",
                 (int)below(m, 3));
    }
    tellf(m->world, "%s put q%d %s%s %s", who, (int)queue, bodies, any_timeout(m), more);
}

static void do_get(struct mix *m, const char *who)
{
    static const char *const modes[] = {"auto", "", "", "lease=3s", "lease=20s detached"};
    static const char *const from[] = {"q0", "q1", "q2", "q0,q1", "q2,q0,q1"};

    tellf(m->world, "%s get %s %s %s max=%d", who, from[below(m, 5)], modes[below(m, 5)],
          any_timeout(m), one_in(m, 4) ? 3 : 1);
}

/* Something with a delivery that was given lately, mostly by the one who got it. */
static void do_finish(struct mix *m, const char *who)
{
    static const char *const verbs[] = {"done", "done", "done", "nack",
                                        "nack", "nack", "nack", "extend"};
    static const char *const more[] = {"", "", "", "", "delay=2s", "uncounted", "dead", "lease=5s"};
    const struct mix_delivery *delivery = &m->held[below(m, MIX_HELD)];
    size_t way = below(m, 8);

    if (delivery->program[0] == '\0') {
        return;
    }
    for (size_t i = 0; i < MIX_PROGRAMS && !one_in(m, 20); i++) {
        if (strcmp(m->programs[i], delivery->program) == 0) {
            who = m->programs[i];
        }
    }
    tellf(m->world, "%s %s q%d %d.%d %s", who, verbs[way], delivery->queue, (int)delivery->id,
          (int)delivery->number, more[way]);
}

static void do_administer(struct mix *m, const char *who)
{
    int queue = (int)below(m, MIX_QUEUES);

    switch (below(m, 8)) {
    case 0: tellf(m->world, "%s purge q%d", who, queue); break;
    case 1: tellf(m->world, "%s delete q%d %d", who, queue, (int)below(m, 40)); break;
    case 2: tellf(m->world, "%s pause q%d %s", who, queue, one_in(m, 2) ? "put" : "get"); break;
    case 3: tellf(m->world, "%s update q%d maxsize=%d", who, queue, (int)below(m, 5)); break;
    case 4: tellf(m->world, "%s redrive q%d", who, queue); break;
    case 5:
        if (one_in(m, 10)) {
            tellf(m->world, "%s shutdown q%d%s", who, queue, one_in(m, 2) ? " immediate" : "");
        }
        break;
    case 6:
        if (one_in(m, 10)) {
            tellf(m->world, "%s remove q%d", who, queue);
        }
        break;
    default: tellf(m->world, "%s unpause q%d both", who, queue); break;
    }
}

static void do_together(struct mix *m, const char *who)
{
    switch (below(m, 7)) {
    case 0: tellf(m->world, "%s set go", who); break;
    case 1: tellf(m->world, "%s clear go", who); break;
    case 2: tellf(m->world, "%s wait go %s", who, any_timeout(m)); break;
    case 3: tellf(m->world, "%s reset gate", who); break;
    case 4: tellf(m->world, "%s report gate", who); break;
    default: tellf(m->world, "%s barrier gate %s", who, any_timeout(m)); break;
    }
}

static void do_something(struct mix *m, const char *who)
{
    struct program *p = program_of(m->world, who);

    switch (below(m, 16)) {
    case 0:
    case 1:
    case 2:
    case 3: do_put(m, who); break;
    case 4:
    case 5:
    case 6:
    case 7: do_get(m, who); break;
    case 8:
    case 9:
    case 10: do_finish(m, who); break;
    case 11: tellf(m->world, "%s task_done q%d", who, (int)below(m, MIX_QUEUES)); break;
    case 12:
        tellf(m->world, "%s join q%d %s", who, (int)below(m, MIX_QUEUES), any_timeout(m));
        break;
    case 13: do_administer(m, who); break;
    case 14: do_together(m, who); break;
    default:
        if (p->errands != NULL) {
            tellf(m->world, "%s cancel", who);
        }
        break;
    }
}

/* ---- what happens to them ---- */

static void come_back(struct mix *m, struct program *p)
{
    tellf(m->world, "%s go", p->name);
    p->holds = false;
    for (int i = 0; i < 20; i++) {
        program_take(p);
    }
    if (p->wire != NULL) {
        p->wire->up.stalled = p->wire->down.stalled = false;
    } else {
        tellf(m->world, "%s back", p->name);
    }
    world_settle(m->world);
}

static void suffer(struct mix *m)
{
    size_t i = below(m, MIX_PROGRAMS);
    struct program *p = program_of(m->world, m->programs[i]);

    switch (below(m, 8)) {
    case 0: tellf(m->world, "%s cut", p->name); break;
    case 1: tellf(m->world, "%s vanish", p->name); break;
    case 2: tellf(m->world, "%s stop", p->name); break;
    case 3: tellf(m->world, "%s hold", p->name); break;
    case 4:
        if (p->wire != NULL) {
            p->wire->down.stalled = true;
        }
        break;
    case 5:
        if (p->wire != NULL) {
            p->wire->up.stalled = true;
        }
        break;
    case 6:
        if (p->wire != NULL) { /* somewhere in the middle of a frame */
            p->wire->down.break_after = p->wire->down.passed + 1 + below(m, 30);
        }
        break;
    default:
        if (one_in(m, 2)) {
            tellf(m->world, "%s bye", p->name);
        }
        tellf(m->world, "%s die", m->programs[i]);
        new_program(m, i);
        break;
    }
    world_settle(m->world);
}

static void restart(struct mix *m)
{
    if (m->world->storage == WORLD_MEMORY) { /* with the broker all is gone, also its numbers */
        m->messages_count = 0;
        memset(m->held, 0, sizeof(m->held));
    }
    world_restart(m->world);
}

void mix_step(struct mix *m)
{
    static const int64_t times[] = {0, MS, MS, 100 * MS, SECOND, 3 * SECOND, 12 * SECOND};

    if (m->failures && one_in(m, 12)) {
        suffer(m);
    } else if (one_in(m, 5)) {
        come_back(m, program_of(m->world, any_program(m)));
    } else if (one_in(m, 4)) {
        pass(m->world, times[below(m, m->failures ? 7 : 5)]);
    } else if (m->failures && one_in(m, 120)) {
        restart(m);
    } else if (m->failures && m->world->storage == WORLD_DISK && one_in(m, 12)) {
        world_stop_disk(m->world, 1 + below(m, 12)); /* in the middle of something */
        for (int i = 0; i < 4; i++) {
            do_something(m, any_program(m));
        }
    } else {
        do_something(m, any_program(m));
    }
    if (m->world->storage == WORLD_SLOW_DISK && one_in(m, 2)) {
        world_sync(m->world);
    }
}

/* ---- beginning and end ---- */

void mix_open(struct mix *m, uint64_t seed, bool aloud)
{
    static const char *const kinds[] = {"fifo", "lifo", "priority"};
    static const char *const full[] = {"block", "reject", "drop-oldest"};
    enum world_storage storage = (enum world_storage)(seed % 4);
    struct world *w = world_open(storage);

    memset(m, 0, sizeof(*m));
    m->world = w;
    if (seed % 3 == 1) {
        sim_encrypt(w);
    }
    w->aloud = aloud;
    m->random = seed * 0x9e3779b97f4a7c15u + 1;
    m->failures = seed % 5 != 0;
    w->piece_max = seed % 5 < 2 ? 0 : below(m, 9);
    w->random = m->random;
    w->watch = mix_watch;
    w->watcher = m;
    w->only_killed = seed % 3 == 0;
    w->unchecked = true; /* but in mix_check */
    for (int i = 0; i < MIX_QUEUES; i++) {
        tellf(w, "z declare q%d %s maxsize=%d max-deliveries=%d full=%s", i, kinds[i],
              (int)below(m, 6), (int)below(m, 4), full[below(m, 5) % 3]);
    }
    tell(w, "z set go");
    tellf(w, "z declare gate barrier parties=%d action=%d action-timeout=5s", 2 + (int)below(m, 2),
          (int)below(m, 2));
    for (int i = 0; i < 4 && storage == WORLD_SLOW_DISK; i++) {
        pass(w, 4 * SECOND);
        world_sync(w);
    }
    w->latency_ns = seed % 7 < 3 ? 0 : (int64_t)below(m, 120) * MS;
    for (size_t i = 0; i < MIX_PROGRAMS; i++) {
        new_program(m, i);
    }
    world_settle(w);
}

void mix_leave(struct mix *m)
{
    struct world *w = m->world;
    struct core_figures figures;

    for (size_t i = 0; i < MIX_PROGRAMS; i++) {
        struct program *p = program_of(w, m->programs[i]);

        come_back(m, p);
        mst_client_bye(p->machine, w->now_ns);
        world_settle(w);
        program_die(&p);
    }
    for (int i = 0; i < 10; i++) {
        pass(w, 15 * SECOND);
        if (w->storage == WORLD_SLOW_DISK) {
            world_sync(w);
        }
    }
    mix_check(m);
    figures = core_figures(engine_core(w->engine));
    assert_true(figures.sessions <= 2); /* z and the onlooker */
    assert_int_equal(figures.waits, 0);
}

void mix_close(struct mix *m)
{
    world_close(&m->world);
    free(m->messages);
}
