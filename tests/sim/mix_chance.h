/* mix_chance.h - the dice of a mix, for the files that throw them. See mix.h.
 *
 * No two throws of the dice in one list of arguments: compilers differ in which comes first. */
#ifndef SIM_MIX_CHANCE_H
#define SIM_MIX_CHANCE_H

#include "tests/sim/mix.h"

static inline uint64_t below(struct mix *m, uint64_t n)
{
    m->random ^= m->random >> 12;
    m->random ^= m->random << 25;
    m->random ^= m->random >> 27;
    return ((m->random * UINT64_C(2685821657736338717)) >> 20) % n;
}

static inline bool one_in(struct mix *m, uint64_t n)
{
    return below(m, n) == 0;
}

static inline const char *any_program(struct mix *m)
{
    return m->programs[below(m, MIX_PROGRAMS)];
}

/* Nothing need happen meanwhile; a calm world has its own measure. */
static inline void wait_a_little(struct mix *m)
{
    if (!m->calm) {
        mix_do(m, "! pass %lld", (long long)(300 * MS));
    }
}

/* mix_deeds.c: a call, or a few that belong together. */
void mix_do_something(struct mix *m, const char *who);

#endif
