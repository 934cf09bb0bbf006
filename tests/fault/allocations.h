/* allocations.h - the memory of our own objects, refused when a test says so.
 *
 * Objects that are linked through fault.mk call these in place of malloc and its kin. While armed
 * they count; at each allocation that is chosen the process forks: the child is refused this one
 * and perhaps some behind it, then has memory again and goes on alone; the parent waits for its end
 * and goes on as if nothing had been. So one walk through a script tries every allocation in it. */
#ifndef FAULT_ALLOCATIONS_H
#define FAULT_ALLOCATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fault_result {
    uint64_t allocations; /* while armed */
    uint64_t tried;
    uint64_t survived; /* the child came to the end of the script */
    uint64_t failed;   /* it did not */
};

/* Every `step`th from `first` on is tried: it is refused, and `more` behind it. */
void fault_begin(uint64_t first, uint64_t step, uint64_t more);
/* Returns what it was before. */
bool fault_arm(bool on);
bool fault_is_child(void); /* something was refused */
struct fault_result fault_end(void);

#endif
