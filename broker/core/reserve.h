/* reserve.h - memory set aside, for what cannot be refused when the system has none left.
 *
 * Blocks that nobody uses: spending one gives it back to the allocator, so that whoever was refused
 * asks again. Who may spend, and what has to wait until the reserve is full again, is for the core:
 * see internal.h. Blocks are never touched, so they cost addresses, not pages. */
#ifndef CORE_RESERVE_H
#define CORE_RESERVE_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/limits.h"

#define RESERVE_BLOCKS 16u

struct reserve {
    void *blocks[RESERVE_BLOCKS];
    size_t block_bytes;
    unsigned count;
};

void reserve_init(struct reserve *reserve, size_t bytes); /* empty, to be filled with so many */
void reserve_clear(struct reserve *reserve);
bool reserve_fill(struct reserve *reserve);  /* true: it is full */
bool reserve_spend(struct reserve *reserve); /* one block; false: none was left */

static inline bool reserve_is_full(const struct reserve *reserve)
{
    return reserve->count == RESERVE_BLOCKS;
}

/* Less than half is left. */
static inline bool reserve_is_low(const struct reserve *reserve)
{
    return reserve->count < RESERVE_BLOCKS / 2;
}

#endif
