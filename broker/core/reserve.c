/* reserve.c - see reserve.h. */
#include "broker/core/reserve.h"

#include <stdlib.h>

void reserve_init(struct reserve *reserve, size_t bytes)
{
    *reserve = (struct reserve){.block_bytes = bytes / RESERVE_BLOCKS + 1};
}

void reserve_clear(struct reserve *reserve)
{
    while (reserve_spend(reserve)) {
    }
}

bool reserve_fill(struct reserve *reserve)
{
    while (reserve->count < RESERVE_BLOCKS) {
        void *block = malloc(reserve->block_bytes);

        if (block == NULL) {
            return false;
        }
        reserve->blocks[reserve->count++] = block;
    }
    return true;
}

bool reserve_spend(struct reserve *reserve)
{
    if (reserve->count == 0) {
        return false;
    }
    free(reserve->blocks[--reserve->count]);
    return true;
}
