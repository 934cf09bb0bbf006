/* linear.h - is there an order of these calls, one after the other, that explains all outcomes?
 *
 * The search of Wing and Gong: of all calls that could come next (nothing that ended before they
 * began is left) one is tried, then the rest, with a memory of what was visited: a set of calls
 * done and the state they led to need not be looked at twice. It decides exactly where the judges
 * only look for contradictions, but for small histories of one object alone.
 *
 * A call without an outcome may be placed anywhere after it began, or nowhere.
 * Must not know: what the object is; a model says what a call does to its state. */
#ifndef SIM_LINEAR_H
#define SIM_LINEAR_H

#include "tests/sim/history.h"

#define LINEAR_CALLS 40
#define LINEAR_STATE 3

/* Must have no padding: states are compared byte by byte. */
struct linear_state {
    uint64_t numbers[LINEAR_STATE];
};

/* Carries the call out in state, if it could have had its outcome there; else false. */
typedef bool linear_model(struct linear_state *state, const struct history_call *call);

/* Of calls of one object; false: no order explains them. */
bool linear_explains(const struct history *history, linear_model *model);

linear_model linear_event; /* set, clear, is_set, wait */
linear_model linear_fifo;  /* put, and get of one message that never comes back */
linear_model linear_barrier;

#endif
