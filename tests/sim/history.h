/* history.h - what programs asked of a broker, what they were told, and when: all that an
 * observer from outside can know.
 *
 * Each call has two positions in one order of all that happened: where it began, and where its
 * outcome was seen. Whatever the broker did for it, it did between the two; a call whose outcome
 * was never seen may have been carried out at any time after it began, or never. The judges
 * (judge.h) read nothing else.
 *
 * It knows the public contract (docs/SEMANTICS.md, <muster.h>) and must not know anything of how
 * the broker keeps it. */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H

#include <muster.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_NEVER UINT64_MAX
#define HISTORY_BODY  16
#define HISTORY_NAME  24
#define HISTORY_FROM  4 /* queues of one get */

enum history_op {
    HISTORY_PUT,
    HISTORY_GET,
    HISTORY_DONE,
    HISTORY_TASK_DONE,
    HISTORY_NACK,
    HISTORY_EXTEND,
    HISTORY_JOIN,
    HISTORY_PURGE,
    HISTORY_DELETE,
    HISTORY_PAUSE,
    HISTORY_REDRIVE,
    HISTORY_SHUTDOWN,
    HISTORY_REMOVE,
    HISTORY_DECLARE, /* of a queue or a barrier; UPDATE too */
    HISTORY_SET,
    HISTORY_CLEAR,
    HISTORY_IS_SET,
    HISTORY_WAIT,
    HISTORY_BARRIER,
    HISTORY_REPORT,
    HISTORY_RESET,
    HISTORY_OTHER
};

enum history_kind { HISTORY_NO_QUEUE, HISTORY_FIFO, HISTORY_LIFO, HISTORY_PRIORITY };
enum history_full { HISTORY_BLOCK, HISTORY_REJECT, HISTORY_DROP_OLDEST };

/* A message that was put, or a delivery. */
struct history_message {
    char body[HISTORY_BODY];
    uint64_t size;
    size_t object; /* of a delivery */
    uint64_t id;
    uint64_t number; /* of a delivery, from 1 */
    int64_t priority;
    bool died_by_itself; /* a dead letter that was delivered too often */
};

struct history_call {
    enum history_op op;
    size_t program;
    uint64_t session; /* when it began; 0: none yet */
    uint64_t session_end;
    size_t objects[HISTORY_FROM];
    size_t objects_count;
    uint64_t begin;
    uint64_t end; /* HISTORY_NEVER: its outcome was not seen */
    int64_t begin_ns;
    int64_t end_ns;
    int64_t taken_ns; /* not before this did it take what it got: its leases began later */

    /* what was asked */
    int64_t timeout_ns;
    int64_t delay_ns;
    int64_t ttl_ns;
    int64_t lease_ns;
    uint64_t max; /* GET */
    bool all;     /* PUT: all of them, or a prefix that fits; else one */
    bool fit;
    bool automatic;
    bool detached;
    bool uncounted;
    bool dead;
    bool immediate;
    bool cut_off;     /* its program was not connected when it began, or stood still */
    bool puts, gets;  /* the sides of a pause */
    uint64_t message; /* DONE, NACK, EXTEND, DELETE */
    uint64_t number;
    char key[HISTORY_BODY]; /* dedup; "": none */
    enum history_kind kind; /* DECLARE, and what follows; -1: not named */
    int64_t maxsize;
    int64_t max_bytes;
    int64_t max_deliveries;
    int64_t full;
    int64_t dedup_window_ns;
    uint64_t parties;
    bool action;
    int64_t action_ns;

    /* what came of it */
    enum muster_status status;
    struct history_message *messages; /* PUT: what was put, or was to be; GET: deliveries */
    size_t messages_count;
    uint64_t taken; /* PUT: so many of them are in */
    uint64_t duplicate_of;
    bool already;   /* DONE */
    bool has_cause; /* something more was said */
    bool paused;    /* refused, or did not wait, as a side is paused */
    bool flag;      /* IS_SET, WAIT; PAUSE: the pause is over */
    bool leads;     /* BARRIER */
    uint64_t generation;
    uint64_t index;
};

struct history_program {
    char name[HISTORY_NAME];
    uint64_t ended; /* where its process ended, or its session by its own wish */
};

/* A connection was lost, a process stood still, or its outcomes were taken late. */
struct history_trouble {
    size_t program;
    uint64_t where;
    bool away; /* the broker knows from here on that it is not connected */
    bool back; /* it may be connected again from here on */
    bool all;  /* the broker ended: everybody lost the connection, and the lines begin anew */
};

struct history {
    uint64_t now; /* the next position */
    struct history_call *calls;
    size_t calls_count;
    size_t calls_cap;
    struct history_program *programs;
    size_t programs_count;
    struct history_trouble *troubles;
    size_t troubles_count;
    char (*objects)[HISTORY_NAME];
    size_t objects_count;
    uint64_t rest;    /* from here on nobody holds anything, and all that is there is got */
    bool wall_jumped; /* somebody moved the wall clock */
    /* Told through the library: who was killed may have taken something and not said so, and nobody
     * says how often an event was set. */
    bool gaps;
};

struct history *history_new(void);
void history_free(struct history **history);

size_t history_object(struct history *history, const char *name);
size_t history_program(struct history *history, const char *name);
/* A call begins: with its operation, objects, arguments. Valid until the next one begins; its place
 * in `calls` stays. */
struct history_call *history_begin(struct history *history, enum history_op op, size_t program,
                                   int64_t now_ns);
void history_end(struct history *history, struct history_call *call, int64_t now_ns);
struct history_message *history_message(struct history_call *call, const char *body);
struct history_trouble *history_trouble(struct history *history, size_t program);
void history_program_ends(struct history *history, size_t program);
void history_rests(struct history *history);

/* The same once more, to be changed by hand. */
struct history *history_copy(const struct history *history);
/* For people: one line per call. */
void history_print(const struct history *history);

#endif
