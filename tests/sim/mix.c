/* mix.c - what happens in a mix, by chance: the same for the same seed. See mix.h.
 *
 * No two throws of the dice in one list of arguments: compilers differ in which comes first. */
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

static void new_program(struct mix *m, size_t i)
{
    static const int64_t ttls[] = {0, 3 * SECOND, 10 * SECOND, 10 * SECOND};

    snprintf(m->programs[i], PROGRAM_NAME, "p%u", m->next_program++);
    mix_do(m, "! new %s %lld", m->programs[i], (long long)ttls[below(m, 4)]);
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

/* In a calm world who does something is there. */
static void be_there(struct mix *m, const char *who)
{
    if (m->calm && program_of(m->world, who)->wire == NULL) {
        mix_do(m, "! back %s", who);
    }
}

/* Nothing need happen meanwhile; a calm world has its own measure. */
static void wait_a_little(struct mix *m)
{
    if (!m->calm) {
        mix_do(m, "! pass %lld", (long long)(300 * MS));
    }
}

static void do_put(struct mix *m, const char *who)
{
    uint64_t queue = below(m, MIX_QUEUES);
    char more[128] = "";
    char bodies[64];
    size_t count = one_in(m, 5) ? 1 + below(m, 3) : 1;
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(bodies + len, sizeof(bodies) - len, "b%u", m->next_body++);
        if (m->body_max > 0 && !one_in(m, 3)) {
            len += (size_t)snprintf(bodies + len, sizeof(bodies) - len, "*%d",
                                    (int)below(m, m->body_max));
        }
        len += (size_t)snprintf(bodies + len, sizeof(bodies) - len, " ");
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
    mix_do(m, "%s put q%d %s%s %s", who, (int)queue, bodies, any_timeout(m), more);
}

static void do_get(struct mix *m, const char *who)
{
    static const char *const modes[] = {"auto", "", "", "lease=3s", "lease=20s detached"};
    static const char *const from[] = {"q0", "q1", "q2", "q0,q1", "q2,q0,q1"};

    const char *source = from[below(m, 5)];
    const char *mode = modes[below(m, 5)];
    const char *timeout = any_timeout(m);

    mix_do(m, "%s get %s %s %s max=%d", who, source, mode, timeout, one_in(m, 4) ? 3 : 1);
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
    be_there(m, who);
    mix_do(m, "%s %s q%d %d.%d %s", who, verbs[way], delivery->queue, (int)delivery->id,
           (int)delivery->number, more[way]);
}

static void do_administer(struct mix *m, const char *who)
{
    int queue = (int)below(m, MIX_QUEUES);

    if (!m->rough && one_in(m, 2)) { /* what takes messages away hides what loses them */
        mix_do(m, "%s unpause q%d both", who, queue);
        return;
    }
    switch (m->rough ? below(m, 8) : 2 + below(m, 3)) {
    case 0: mix_do(m, "%s purge q%d", who, queue); break;
    case 1: mix_do(m, "%s delete q%d %d", who, queue, (int)below(m, 40)); break;
    case 2: mix_do(m, "%s pause q%d %s", who, queue, one_in(m, 2) ? "put" : "get"); break;
    case 3: mix_do(m, "%s update q%d maxsize=%d", who, queue, (int)below(m, 5)); break;
    case 4: mix_do(m, "%s redrive q%d", who, queue); break;
    case 5:
        if (one_in(m, 10)) {
            mix_do(m, "%s shutdown q%d%s", who, queue, one_in(m, 2) ? " immediate" : "");
        }
        break;
    case 6:
        if (one_in(m, 10) && !m->calm) {
            mix_do(m, "%s remove q%d", who, queue);
        }
        break;
    default: mix_do(m, "%s unpause q%d both", who, queue); break;
    }
}

/* Says what is answered at once: whatever it asked before has arrived. */
static void say_something(struct mix *m, const char *who)
{
    mix_do(m, "%s ping", who);
    wait_a_little(m);
}

/* Several wait in one line, go away, and come back in turn, while others wait behind them. */
static void line_up(struct mix *m)
{
    size_t first = below(m, MIX_PROGRAMS);
    int queue = (int)below(m, MIX_QUEUES);
    size_t turn = below(m, 3);

    for (size_t i = 0; i < 4; i++) {
        const char *who = m->programs[(first + i) % MIX_PROGRAMS];

        mix_do(m, "! back %s", who);
        wait_a_little(m);
        mix_do(m, "%s get q%d auto timeout=60s", who, queue);
        say_something(m, who);
    }
    for (size_t i = 0; i < 3 && m->failures; i++) {
        mix_do(m, "%s cut", m->programs[(first + i) % MIX_PROGRAMS]);
    }
    for (size_t i = 0; i < 3; i++) {
        const char *who = m->programs[(first + (turn + i) % 3) % MIX_PROGRAMS];

        mix_do(m, "! back %s", who);
        wait_a_little(m);
        say_something(m, who);
        if (one_in(m, 2)) {
            be_there(m, m->programs[(first + 4) % MIX_PROGRAMS]);
            mix_do(m, "%s put q%d b%u timeout=0", m->programs[(first + 4) % MIX_PROGRAMS], queue,
                   m->next_body++);
        }
    }
}

/* A put too large for the room that is left stands at the head of the line, and smaller ones that
 * would fit come later. */
static void pile_up(struct mix *m)
{
    size_t first = below(m, MIX_PROGRAMS);
    int queue = (int)below(m, MIX_QUEUES);
    const char *large = m->programs[first];
    const char *small = m->programs[(first + 1) % MIX_PROGRAMS];
    unsigned body = m->next_body;

    m->next_body += 6;
    mix_do(m, "! back %s", large);
    mix_do(m, "! back %s", small);
    mix_do(m, "%s update q%d maxsize=%d full=0", small, queue, 3 + (int)below(m, 2));
    mix_do(m, "%s put q%d b%u timeout=0", small, queue, body);
    say_something(m, small);
    mix_do(m, "%s put q%d b%u b%u b%u mode=all timeout=40s", large, queue, body + 1, body + 2,
           body + 3);
    say_something(m, large);
    if (m->failures && one_in(m, 3)) {
        mix_do(m, "%s cut", large);
    }
    mix_do(m, "%s put q%d b%u timeout=%ds", small, queue, body + 4, one_in(m, 2) ? 0 : 30);
    say_something(m, small);
    mix_do(m, "%s get q%d timeout=0 auto", small, queue);
    say_something(m, small);
    mix_do(m, "%s put q%d b%u timeout=30s", small, queue, body + 5);
}

/* As many as it takes, one of whom may be away for a while. */
static void meet(struct mix *m, const char *who)
{
    size_t first = below(m, MIX_PROGRAMS);

    mix_do(m, "%s reset gate", who);
    for (size_t i = 0; i < 3; i++) {
        const char *party = m->programs[(first + i) % MIX_PROGRAMS];

        mix_do(m, "! back %s", party);
        wait_a_little(m);
        mix_do(m, "%s barrier gate timeout=9s", party);
        if (m->failures && one_in(m, 4)) {
            wait_a_little(m);
            mix_do(m, "%s cut", party);
        }
    }
}

static void do_together(struct mix *m, const char *who)
{
    switch (below(m, 8)) {
    case 0: mix_do(m, "%s set go", who); break;
    case 1: mix_do(m, "%s clear go", who); break;
    case 2: mix_do(m, "%s wait go %s", who, any_timeout(m)); break;
    case 3: mix_do(m, "%s reset gate", who); break;
    case 4: mix_do(m, "%s report gate", who); break;
    case 5: mix_do(m, "%s is_set go", who); break;
    case 6: meet(m, who); break;
    default: mix_do(m, "%s barrier gate %s", who, any_timeout(m)); break;
    }
}

static void do_something(struct mix *m, const char *who)
{
    struct program *p = program_of(m->world, who);
    const char *timeout;

    be_there(m, who);
    switch (m->hoards && one_in(m, 2) ? 0 : below(m, 16)) {
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
    case 11: mix_do(m, "%s task_done q%d", who, (int)below(m, MIX_QUEUES)); break;
    case 12:
        timeout = any_timeout(m);
        mix_do(m, "%s join q%d %s", who, (int)below(m, MIX_QUEUES), timeout);
        break;
    case 13: do_administer(m, who); break;
    case 14: do_together(m, who); break;
    case 15:
        if (one_in(m, 3)) {
            one_in(m, 2) ? line_up(m) : pile_up(m);
            break;
        }
        /* fallthrough */
    default:
        if (program_find(p, NULL) != NULL) {
            mix_do(m, "%s cancel", who);
        }
        break;
    }
}

/* ---- what happens to them ---- */

static void suffer(struct mix *m)
{
    size_t i = below(m, MIX_PROGRAMS);
    const char *who = m->programs[i];

    switch (m->calm ? 7 * below(m, 2) : below(m, 8)) {
    case 0: mix_do(m, "%s cut", who); break;
    case 1: mix_do(m, "%s vanish", who); break;
    case 2: mix_do(m, "%s stop", who); break;
    case 3: mix_do(m, "%s hold", who); break;
    case 4: mix_do(m, "! hear-nothing %s", who); break;
    case 5: mix_do(m, "! say-nothing %s", who); break;
    case 6: mix_do(m, "! break %s %d", who, 1 + (int)below(m, 30)); break; /* amid a frame */
    default:
        if (one_in(m, 2)) {
            mix_do(m, "%s bye", who);
        }
        mix_do(m, "%s die", who);
        new_program(m, i);
        break;
    }
}

static void declare(struct mix *m)
{
    static const char *const kinds[] = {"fifo", "lifo", "priority"};
    static const char *const full[] = {"block", "reject", "drop-oldest"};
    int parties;

    for (int i = 0; i < MIX_QUEUES; i++) {
        int maxsize = (int)below(m, 6);
        int max_deliveries = (int)below(m, 4);
        const char *when_full = full[below(m, 5) % 3];

        int max_bytes = m->body_max == 0 || m->hoards ? 0 : (int)m->body_max * 2;

        mix_do(m,
               "z declare q%d %s maxsize=%d max-bytes=%d max-deliveries=%d full=%s "
               "dedup-window=%ds",
               i, kinds[i], m->hoards ? 0 : maxsize, max_bytes, max_deliveries, when_full,
               5 + 5 * (int)below(m, 4));
    }
    mix_do(m, "z set go");
    parties = 2 + (int)below(m, 2);
    mix_do(m, "z declare gate barrier parties=%d action=%d action-timeout=5s", parties,
           (int)below(m, 2));
}

/* Its disk is full for a while, or fails once: then the broker ends and comes back. */
static void fail_the_disk(struct mix *m)
{
    static const char *const calls[] = {"write", "sync", "sync", "sync-dir", "rename", "create"};
    const char *call = calls[below(m, 6)];

    if (m->world->storage != WORLD_DISK) {
        return;
    }
    if (one_in(m, 2)) {
        mix_do(m, "! fail-%s %d", call, 1 + (int)below(m, 4));
    } else {
        mix_do(m, "! room %d", one_in(m, 3) ? -1 : (int)below(m, 300000));
    }
    for (int i = 0; i < 4; i++) {
        do_something(m, any_program(m));
    }
}

/* Somebody gives up while nobody hears it, and the broker dies as soon as it was told. */
static void give_up_unheard(struct mix *m)
{
    const char *who = any_program(m);

    mix_do(m, "%s vanish", who);
    for (int i = 0; i < 2; i++) {
        do_something(m, any_program(m));
    }
    mix_do(m, "%s cancel", who);
    mix_do(m, "! back %s", who);
}

/* Others take the machine's memory for a while: what adds is refused, what gives back goes on. */
static void starve(struct mix *m)
{
    static const int64_t left[] = {0, 0, 200, 1000, 8000};

    mix_do(m, "! memory %lld", (long long)left[below(m, 5)]);
    for (int i = 0; i < 10; i++) {
        do_something(m, any_program(m));
        wait_a_little(m);
    }
    if (!one_in(m, 3)) {
        mix_do(m, "! memory -1");
    }
}

static void fail_the_broker(struct mix *m)
{
    if (m->rationed && one_in(m, 2)) {
        starve(m);
        return;
    }
    if (m->moves && one_in(m, 3)) {
        mix_do(m, "! move");
        return;
    }
    switch (below(m, 5)) {
    case 0:
        if (one_in(m, 2)) {
            give_up_unheard(m);
        }
        mix_do(m, "! restart");
        if (m->world->storage == WORLD_MEMORY) { /* with the broker all is gone */
            mix_do(m, "! back z");
            declare(m);
        }
        break;
    case 1: mix_do(m, "! wall %lld", (long long)(((int64_t)below(m, 7) - 3) * 20 * SECOND)); break;
    case 2: mix_do(m, "! still"); break;
    case 3: fail_the_disk(m); break;
    default:
        if (m->world->storage != WORLD_DISK) {
            break;
        }
        mix_do(m, "! power %d", 1 + (int)below(m, 12)); /* in the middle of something */
        for (int i = 0; i < 4; i++) {
            do_something(m, any_program(m));
        }
        break;
    }
}

void mix_step(struct mix *m)
{
    static const int64_t times[] = {0, MS, MS, 100 * MS, SECOND, 3 * SECOND, 12 * SECOND};
    static const int64_t calm_times[] = {SECOND, SECOND, 3 * SECOND, 12 * SECOND};

    if (m->world->broker_stands_still && one_in(m, 4)) {
        mix_do(m, "! moves");
    } else if (m->world->is_hungry && one_in(m, 6)) {
        mix_do(m, "! memory -1");
    } else if (m->failures && one_in(m, 60)) {
        mix_do(m, "! nonsense %d", (int)below(m, 1000));
    } else if (m->failures && one_in(m, 12)) {
        suffer(m);
    } else if (one_in(m, 5)) {
        mix_do(m, "! back %s", any_program(m));
    } else if (m->calm && one_in(m, 4)) {
        mix_do(m, "! pass %lld", (long long)calm_times[below(m, 4)]);
    } else if (!m->calm && one_in(m, 4)) {
        mix_do(m, "! pass %lld", (long long)times[below(m, m->failures ? 7 : 5)]);
    } else if (m->failures && !m->calm && one_in(m, 12)) {
        fail_the_broker(m);
    } else {
        do_something(m, any_program(m));
    }
    if (m->world->storage == WORLD_SLOW_DISK && one_in(m, 2)) {
        mix_do(m, "! sync");
    }
}

/* ---- beginning ---- */

void mix_begin(struct mix *m, uint64_t seed)
{
    static const int memories[] = {0, 0, 0, 20000};
    int storage = (int)(seed % 4);
    int piece, memory, credit;

    m->calm = seed % 7 == 6;
    if (m->calm && storage == WORLD_SLOW_DISK) {
        storage = WORLD_JOURNAL;
    }

    m->random = seed * 0x9e3779b97f4a7c15u + 1;
    m->failures = seed % 5 != 0;
    m->rough = seed % 3 == 0;
    piece = seed % 5 < 2 ? 0 : (int)below(m, 9);
    memory = m->calm ? 0 : memories[below(m, 4)];
    credit = one_in(m, 4) && !m->calm ? 2 : 0;
    m->body_max = one_in(m, 4) ? 400 : 0;
    m->hoards = storage == WORLD_DISK && one_in(m, 3) && !m->calm;
    if (m->hoards) {
        m->body_max = 30000;
        memory = 150000;
        piece = 0;
    }
    m->rationed = seed % 3 == 2 && !m->calm && (storage == WORLD_MEMORY || storage == WORLD_DISK);
    m->moves = storage == WORLD_DISK && seed % 5 == 3 && !m->calm;
    mix_do(m,
           "! world %d encrypted=%d killed=%d piece=%d memory=%d credit=%d bytes=%d calm=%d "
           "rationed=%d random=%llu",
           storage, seed % 3 == 1, seed % 2 == 0, piece, memory, credit, credit * 300, m->calm,
           m->rationed, (unsigned long long)m->random);
    declare(m);
    for (int i = 0; i < 4 && storage == WORLD_SLOW_DISK; i++) {
        mix_do(m, "! pass %lld", (long long)(4 * SECOND));
        mix_do(m, "! sync");
    }
    mix_do(m, "! latency %lld",
           (long long)(seed % 7 < 3 || m->calm ? 0 : (int64_t)below(m, 120) * MS));
    for (size_t i = 0; i < MIX_PROGRAMS; i++) {
        new_program(m, i);
    }
}
