/* mix.h - programs that do anything at all, a network and a broker that fail at any time, and what
 * must be true all the same.
 *
 * After each step all that the broker keeps is counted anew, from inside (core_sound.h). Now and
 * then, seen through STAT alone:
 *   - never a ready message beside a connected getter, unless the queue is paused
 *   - nobody waits for room beside an empty queue, for a set event, at a broken barrier, or in join
 *     of a finished queue
 *   - every message put is ready, delayed, leased, taken, or tallied under one cause
 *   - the records, and what the disk recovers, make the state that there is
 * and of what the programs were told:
 *   - no delivery is given to two calls, and its body is that of the put that was acknowledged
 *   - what was acknowledged as done never comes again
 * and in the end, when everybody has left, nothing is held and nobody waits; what is left is got,
 * and the history of all calls goes before the judges (judge.h).
 *
 * A seventh of the seeds is *calm*: nothing is under way when the next thing happens, so that a
 * model (model.h) can say after each step what everybody must have been told.
 *
 * All that happens is a line of the mix's script: a command of a program as in a story ("p3 get q0
 * auto"), or something that befalls them ("! cut p3"; mix_run.c). Chance writes the script (mix.c,
 * mix_deeds.c); the same script, or any part of it, can be run again without chance. */
#ifndef SIM_MIX_H
#define SIM_MIX_H

#include <stdio.h>

#include "tests/sim/history.h"
#include "tests/sim/model.h"
#include "tests/sim/world.h"

#define MIX_QUEUES   3
#define MIX_PROGRAMS 6
#define MIX_HELD     64
/* Between two things in a calm world: no two moments that follow from them by whole seconds are
 * nearer to each other than a receipt takes. */
#define MIX_CALM_NS (31 * MS / 10)

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
    bool failures;     /* connections break, programs die, the broker restarts */
    bool rough;        /* messages are purged, deleted, queues removed and shut down */
    bool calm;         /* the model goes along */
    bool rationed;     /* the broker's memory may run out */
    bool moves;        /* the broker goes on from a backup, now and then */
    bool hoards;       /* much is put and little taken, so that the journal has to move it about */
    uint64_t body_max; /* bytes; 0: bodies are as short as their names */
    bool aloud;
    struct mst_buf script; /* a line for each thing that happened */
    FILE *script_file;     /* NULL, or where each line is written before it is carried out */
    struct history *history;
    struct model *model; /* NULL: none goes along */
    char programs[MIX_PROGRAMS][PROGRAM_NAME];
    struct mix_delivery held[MIX_HELD]; /* the latest deliveries that somebody may finish */
    size_t held_next;
    uint64_t checks;
    struct mix_message *messages;
    size_t messages_count;
    size_t messages_cap;
};

/* mix.c */
void mix_begin(struct mix *m, uint64_t seed); /* a world, queues, programs */
void mix_step(struct mix *m);                 /* somebody does something, or something happens */

/* mix_run.c */
void mix_open(struct mix *m, bool aloud); /* aloud: tells all that happens */
void mix_do(struct mix *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
void mix_run(struct mix *m, const char *line); /* a line of a script */
/* The lines so far; NUL-terminated. */
const char *mix_script(struct mix *m);
void mix_close(struct mix *m);

/* mix_audit.c */
void mix_check(struct mix *m); /* what must be true of the broker now */
/* What it says of itself, what its records make, and what its disk recovers. */
void mix_ask(struct mix *m, bool recovers);
void mix_judge(struct mix *m); /* what must be true of what they were told */
void mix_watch(struct world *w, const struct program *program, const struct errand *errand);

#endif
