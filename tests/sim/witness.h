/* witness.h - writes down in a history what programs of a world ask and are told. */
#ifndef SIM_WITNESS_H
#define SIM_WITNESS_H

#include "tests/sim/history.h"
#include "tests/sim/world.h"

void witness_begins(struct history *history, const struct program *program, struct errand *errand);
void witness_ends(struct history *history, const struct program *program,
                  const struct errand *errand);

#endif
