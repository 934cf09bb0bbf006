/* crew.h - many client processes that begin at one moment, and what they tell afterwards.
 *
 * Each member is a process of its own with one page of shared memory to write its figures in: a
 * client that shares a process with another would share its locks and its scheduler's fate. All
 * wait at a gate until everybody is connected. Must not know any peer. */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_S 1000000000LL

void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void *need(void *memory); /* memory, or the end */
int64_t clock_ns(void);
void pause_ms(int ms);

/* ---- a histogram of times: buckets of less than 1 % ---- */

enum { SPREAD_FINE = 7, SPREAD_BUCKETS = (64 - SPREAD_FINE + 1) << SPREAD_FINE };
struct spread {
    uint64_t count;
    uint64_t bucket[SPREAD_BUCKETS];
};
void spread_add(struct spread *spread, int64_t ns, uint64_t times);
void spread_merge(struct spread *spread, const struct spread *other);
double spread_us(const struct spread *spread, double quantile); /* 0 when there is nothing */

/* ---- the crew ---- */

struct member {
    int pid;
    int64_t end_ns; /* when its work was done */
    uint64_t sum;   /* of what it was told to add up */
    uint64_t count;
    struct spread spread;
};

struct crew {
    unsigned size;
    atomic_uint ready; /* members at the gate */
    atomic_uint stage; /* the gate: how many times it was opened */
    atomic_uint noted; /* progress of the scenario, for pacing: the low half of finished */
    atomic_uint_fast64_t finished;
    atomic_uint_fast64_t wanted; /* a producer sleeps until finished is so much; 0: none does */
    int64_t begin_ns;
    struct member member[];
};

struct crew *crew_new(unsigned size);
/* Forks a member that runs work(crew, index, user) and ends. */
void crew_fork(struct crew *crew, unsigned index,
               void (*work)(struct crew *crew, unsigned index, void *user), void *user);
/* A member: I am here; goes on when the gate opens for the n-th time. */
void crew_gate(struct crew *crew, unsigned stage);
/* The parent: waits until `members` are at the gate, then opens it. */
void crew_open(struct crew *crew, unsigned members);
void crew_await(struct crew *crew, unsigned members); /* only waits for them */
void crew_join(struct crew *crew);                    /* ends if any of them failed */
int64_t crew_end_ns(const struct crew *crew);         /* of the last */
void crew_free(struct crew **crew);

/* Pacing: a producer waits until all but `ahead` of what it has produced is finished. */
void crew_finish(struct crew *crew, uint64_t n);
void crew_pace(struct crew *crew, uint64_t finished);

/* ---- the server as the system sees it ---- 0 when pid is 0 ---- */

int64_t server_cpu_ns(int pid);
int64_t server_rss(int pid); /* bytes */

#endif
