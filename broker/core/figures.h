/* figures.h - what is counted for metrics: numbers that no decision looks at.
 *
 * A queue counts into counters of its own, or, when so many queues have theirs already, into those
 * that all the rest share; it keeps what it got when it was made until it is removed. So neither
 * kind ever falls while the process runs, whatever queues come and go. Figures are volatile: no
 * record makes them, core_dump leaves them out, and they begin at 0 with each start.
 * Must not know: how metrics are written, who reads them. */
#ifndef CORE_FIGURES_H
#define CORE_FIGURES_H

#include "protocol/message.h"

/* ---- histograms ---- */

#define HISTOGRAM_BUCKETS 16
#define HISTOGRAM_BOUNDS  (HISTOGRAM_BUCKETS - 1)

/* How many values were at most bounds[i] and more than the bound before; the last: more than all.
 */
struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t sum;
};

/* In ns, rising: of what happens to messages, and of what the loop does. */
extern const int64_t histogram_message_ns[HISTOGRAM_BOUNDS];
extern const int64_t histogram_loop_ns[HISTOGRAM_BOUNDS];

/* Four comparisons, no branch, no division: it stands on the way of every message. */
static inline void histogram_observe(struct histogram *histogram, const int64_t *bounds,
                                     int64_t value)
{
    size_t at = 0;

    for (size_t step = HISTOGRAM_BUCKETS / 2; step > 0; step /= 2) {
        at += value > bounds[at + step - 1] ? step : 0;
    }
    histogram->counts[at]++;
    histogram->sum += value > 0 ? (uint64_t)value : 0;
}

/* ---- queues ---- */

/* Why a delivery went back to its queue. */
enum redelivery {
    REDELIVERY_NACK,
    REDELIVERY_TIMEOUT, /* its lease time ran out */
    REDELIVERY_SESSION, /* its holder's session ended */
    REDELIVERY_UNTAKEN, /* it was on the way, and nobody took it */
    REDELIVERY_COUNT
};
extern const char *const redelivery_names[REDELIVERY_COUNT];

struct queue_counts {
    uint64_t puts;
    uint64_t gets;
    uint64_t nacks;
    uint64_t duplicates;
    uint64_t redeliveries[REDELIVERY_COUNT];
    uint64_t left[MST_TALLY_COUNT]; /* by enum mst_tally: done, or otherwise */
    struct histogram waited;        /* from put to the first delivery */
    struct histogram held;          /* from when a lease was taken to its end */
};

/* A queue as metrics show it, or the sum of many. */
struct queue_figures {
    struct mst_span name; /* borrowed until the next core_step */
    uint64_t ready, leased, delayed, unfinished, bytes;
    uint64_t dead; /* kept in its queue of dead letters */
    int64_t oldest_age_ns;
    uint64_t getters, putters, joiners; /* that wait */
    uint64_t queues;                    /* of which this is the sum */
    struct queue_counts counts;
};

#endif
