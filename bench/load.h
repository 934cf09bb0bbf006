/* load.h - what is asked on the command line of a load program, and its scenarios. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/crew.h"
#include "bench/driver.h"

struct plan {
    const struct driver *driver;
    struct target target;
    int server;         /* its process; 0: not known */
    uint64_t messages;  /* in all */
    unsigned producers; /* clients, in the scenarios that know but one sort */
    unsigned consumers;
    unsigned batch; /* messages of one put and at most of one take */
    uint64_t fill;  /* messages that wait already when the clock starts */
    uint64_t ahead; /* messages put and not yet acknowledged, in all; 0: no bound */
    bool random;    /* priorities */
};

/* Each prints one JSON object on stdout. */
void scenario_flow(const struct plan *plan);
void scenario_puts(const struct plan *plan);
void scenario_turn(const struct plan *plan);
void scenario_pile(const struct plan *plan);
void scenario_idle(const struct plan *plan);
void scenario_wake(const struct plan *plan);
void scenario_broadcast(const struct plan *plan);

/* Makes what the driver needs on the server; in a process of its own, so that the clients that are
 * started afterwards inherit no library that has been in use (its threads, its random names). */
void prepare_server(const struct plan *plan);
/* Puts what waits already when a scenario begins. */
void fill_queue(const struct plan *plan);

/* ---- bodies: the time and the number of the message, then filler ---- */

enum { BODY_MARK = 16 };
struct bodies {
    char *memory;
    struct message *messages;
    size_t size;
};
void bodies_init(struct bodies *bodies, const struct plan *plan);
/* Fills in n messages: numbers from first on, all put now. */
void bodies_mark(struct bodies *bodies, uint64_t first, size_t n, bool random);
void bodies_clear(struct bodies *bodies);
uint64_t body_number(const struct message *message, size_t size, int64_t *put_ns);

/* ---- the line that is printed ---- */

void print_begin(const struct plan *plan, const char *scenario);
void print_number(const char *name, double number);
void print_end(void);

#endif
