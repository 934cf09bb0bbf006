/* ration.h - the memory that the code under test may take, in a simulation.
 *
 * All programs of tests/sim are linked with protocol, client-lib and broker whose calls of malloc
 * and its kin have other names (tests/fault/fault.mk) and end up here. Nothing is refused until a
 * test says so, and only while it is *armed*: the world's own pipes and notes come from the same
 * objects, and are none of the broker's business. Two ways to refuse:
 *
 *   one spot   ration_refuse: the nth allocation from now on, and some behind it
 *   a limit    ration_count, ration_limit: so many bytes and no more, until something is given back
 *
 * What is counted are the bytes asked for, so that the same happens under every allocator. One
 * thread. Must not know: who allocates. */
#ifndef SIM_RATION_H
#define SIM_RATION_H

#include <stdbool.h>
#include <stdint.h>

/* Returns what it was before. */
bool ration_arm(bool on);
#define RATIONED(call)                                                                             \
    do {                                                                                           \
        bool was_armed = ration_arm(true);                                                         \
        call;                                                                                      \
        (void)ration_arm(was_armed);                                                               \
    } while (0)

/* 0: none, and no more of those behind it. */
void ration_refuse(uint64_t nth, uint64_t more);
uint64_t ration_refused(void); /* so many, one way or the other, since the program began */

/* From now on the bytes of what is allocated while armed are counted; false: no more, and there is
 * no limit. */
void ration_count(bool on);
uint64_t ration_used(void);
/* So many more than are used now; UINT64_MAX: as many as one likes. */
void ration_limit(uint64_t more);

#endif
