/* mix.c - what happens in a mix, by chance: the same for the same seed. See mix.h.
 *
 * No two throws of the dice in one list of arguments: compilers differ in which comes first. */
#include "tests/sim/mix_chance.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- programs ---- */

static void new_program(struct mix *m, size_t i)
{
    static const int64_t ttls[] = {0, 3 * SECOND, 10 * SECOND, 10 * SECOND};

    snprintf(m->programs[i], PROGRAM_NAME, "p%u", m->next_program++);
    mix_do(m, "! new %s %lld", m->programs[i], (long long)ttls[below(m, 4)]);
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
        mix_do_something(m, any_program(m));
    }
}

/* Somebody gives up while nobody hears it, and the broker dies as soon as it was told. */
static void give_up_unheard(struct mix *m)
{
    const char *who = any_program(m);

    mix_do(m, "%s vanish", who);
    for (int i = 0; i < 2; i++) {
        mix_do_something(m, any_program(m));
    }
    mix_do(m, "%s cancel", who);
    mix_do(m, "! back %s", who);
}

/* What was said has arrived, and is durable. */
static void let_it_sink_in(struct mix *m)
{
    wait_a_little(m);
    mix_do(m, "! sync");
    mix_do(m, "! sync");
}

/* Somebody is given a message while it hears nothing, gives up, and comes back, once or twice; the
 * broker dies when it was welcomed, and what it gave up may not be durable. */
static void give_up_on_the_way(struct mix *m)
{
    size_t first = below(m, MIX_PROGRAMS);
    const char *who = m->programs[first];
    const char *other = m->programs[(first + 1) % MIX_PROGRAMS];
    int queue = (int)below(m, MIX_QUEUES);

    mix_do(m, "! back %s", who);
    mix_do(m, "! back %s", other);
    let_it_sink_in(m);
    mix_do(m, "%s get q%d %s timeout=60s", who, queue, one_in(m, 2) ? "auto" : "");
    wait_a_little(m);
    mix_do(m, "%s vanish", who);
    mix_do(m, "%s put q%d b%u timeout=0", other, queue, m->next_body++);
    let_it_sink_in(m);
    mix_do(m, "%s cancel", who);
    mix_do(m, "! back %s", who);
    wait_a_little(m);
    if (one_in(m, 2)) {
        mix_do(m, "%s cut", who);
        mix_do(m, "! back %s", who);
        wait_a_little(m);
    }
    mix_do(m, "! restart");
}

/* Others take the machine's memory for a while: what adds is refused, what gives back goes on. */
static void starve(struct mix *m)
{
    static const int64_t left[] = {0, 0, 200, 1000, 8000};

    mix_do(m, "! memory %lld", (long long)left[below(m, 5)]);
    for (int i = 0; i < 10; i++) {
        mix_do_something(m, any_program(m));
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
        if (one_in(m, 4)) {
            mix_do(m, "! drain"); /* it is told to end */
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
            mix_do_something(m, any_program(m));
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
    } else if (m->failures && m->world->storage == WORLD_SLOW_DISK && one_in(m, 60)) {
        give_up_on_the_way(m);
    } else {
        mix_do_something(m, any_program(m));
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
