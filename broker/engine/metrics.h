/* metrics.h - what the broker tells of itself to those who watch it.
 *
 * A page of all metrics is made in slices, each a bounded piece of work, between turns of the loop;
 * no core_step is taken for it, so looking changes nothing. Queues beyond the number that is
 * counted apart (engine_config) are summed in one row, whose label no queue can have.
 * Must not know: HTTP, sockets, files. */
#ifndef ENGINE_METRICS_H
#define ENGINE_METRICS_H

#include "broker/core/figures.h"
#include "protocol/span.h"

struct engine;
struct metrics_page;

#define METRICS_OTHERS "others\t" /* no name has a control character; "." of a regex matches it */

/* ---- what the engine counts ---- */

enum metrics_refusal { REFUSAL_FULL, REFUSAL_UNAUTHENTICATED, REFUSAL_ADDRESS, REFUSAL_COUNT };

/* Why a connection ended before it had a session. */
enum metrics_handshake_failure {
    HANDSHAKE_PROTOCOL, /* what it spoke is not the protocol, or not allowed there */
    HANDSHAKE_CHANNEL,  /* its part of the encrypted handshake was not authentic */
    HANDSHAKE_UNKNOWN,  /* neither its key nor its token is known */
    HANDSHAKE_TIMEOUT,  /* it took too long */
    HANDSHAKE_FAILURE_COUNT
};

struct metrics {
    uint64_t accepted;
    uint64_t refused[REFUSAL_COUNT];
    uint64_t faults;
    uint64_t handshake_failures[HANDSHAKE_FAILURE_COUNT];
    uint64_t denials;
    struct histogram turn;
    struct histogram sync;
    int64_t turn_began_ns;  /* 0: nothing has come since the last turn */
    int64_t batch_began_ns; /* when the journal was given its last batch */
};

/* ---- for others ---- */

/* Why the broker should be given no work now, in one line; NULL: all is well. */
const char *metrics_unready(const struct engine *engine);
/* It has data, and has not read all of them yet: there is no page of metrics. */
bool metrics_recovering(const struct engine *engine);

/* One page at a time. NULL: out of memory. */
struct metrics_page *metrics_page_new(struct engine *engine);
bool metrics_page_go_on(struct metrics_page *page); /* a slice; false: nothing is left to do */
/* As far as it is made; never empty at the end, but when memory ran out. Until the next slice. */
struct mst_span metrics_page_text(const struct metrics_page *page);
void metrics_page_free(struct metrics_page **page);

#endif
