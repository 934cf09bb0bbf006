/* mix.h - programs that do anything at all, a network and a broker that fail at any time, and what
 * must be true all the same.
 *
 * After each step, seen through STAT alone:
 *   - never a ready message beside a connected getter, unless the queue is paused
 *   - nobody waits for room beside an empty queue, for a set event, at a broken barrier, or in join
 *     of a finished queue
 *   - every message put is ready, delayed, leased, taken, or tallied under one cause
 * and of what the programs were told:
 *   - no delivery is given to two calls, and its body is that of the put that was acknowledged
 *   - what was acknowledged as done never comes again
 * and in the end, when everybody has left, nothing is held and nobody waits. */
#ifndef SIM_MIX_H
#define SIM_MIX_H

#include "broker/core/core.h"
#include "tests/sim/world.h"

#define MIX_QUEUES   3
#define MIX_PROGRAMS 6
#define MIX_HELD     64

struct mix_delivery {
    char program[PROGRAM_NAME];
    int queue;
    uint64_t id;
    uint64_t number;
};

struct mix_message {
    int queue;
    uint64_t id;
    char body[16];        /* "": the put is not acknowledged yet */
    uint64_t numbers[64]; /* of its deliveries */
    size_t numbers_count;
    bool done;
};

struct mix {
    struct world *world;
    uint64_t random;
    unsigned next_program;
    unsigned next_body;
    bool failures; /* connections break, programs die, the broker restarts */
    char programs[MIX_PROGRAMS][PROGRAM_NAME];
    struct mix_delivery held[MIX_HELD]; /* the latest deliveries that somebody may finish */
    size_t held_next;
    uint64_t checks;
    struct mix_message *messages;
    size_t messages_count;
    size_t messages_cap;
};

void mix_open(struct mix *m, uint64_t seed, bool aloud); /* aloud: tells all that happens */
void mix_step(struct mix *m);  /* somebody does something, or something happens */
void mix_check(struct mix *m); /* what must be true of the broker now */
void mix_leave(struct mix *m); /* everybody leaves, then nothing is left */
void mix_close(struct mix *m);

/* mix_audit.c */
void mix_watch(struct world *w, const struct program *program, const struct errand *errand);

#endif
