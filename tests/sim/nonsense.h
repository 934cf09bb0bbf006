/* nonsense.h - a stranger who says what no client says. */
#ifndef SIM_NONSENSE_H
#define SIM_NONSENSE_H

#include "tests/sim/world.h"

/* Connects, says something that chance (the number) chooses, and goes. Whatever it was, it changes
 * nothing: the objects of q0 .. q2 and the sessions of others stay as they are. */
void nonsense(struct world *w, uint64_t chance);

#endif
