/* core_gate.h - a world with a barrier "gate" for 3 parties, and who arrives there. */
#ifndef CORE_GATE_H
#define CORE_GATE_H

#include "tests/unit/core_world.h"

/* The clients a, b, c, and d who only looks on. */
void gate_open(struct world *w, enum world_storage storage);
uint64_t gate_arrive_for(struct world *w, const char *who, int64_t timeout_ns);
uint64_t gate_arrive(struct world *w, const char *who);
void gate_expect_passed(struct world *w, const char *who, uint64_t id, uint64_t index,
                        uint64_t generation);

#endif
