/* client_pool.c - free lists by size. See client_pool.h.
 *
 * Invariant: a block of class c has exactly the size that rounding gives to c, so the first of a
 * list always fits; kept is the sum of what is in the lists. */
#include "client-lib/client_pool.h"

#include <stdlib.h>
#include <string.h>

#define SIZE_FIRST 64u /* the smallest block */

/* Rounds up to a quarter of the power of two below it. Returns the class. */
static size_t class_of(size_t size, size_t *room_out)
{
    size_t base = SIZE_FIRST;
    size_t octave = 0;

    while (base * 2 <= size) {
        base *= 2;
        octave++;
    }
    size_t quarters = size <= base ? 0 : (size - base + base / 4 - 1) / (base / 4);

    *room_out = base + quarters * (base / 4);
    return octave * 4 + quarters;
}

void *mst_pool_take(struct mst_pool *pool, size_t size, size_t *room_out)
{
    if (size > MST_POOL_BLOCK_MAX) {
        *room_out = size;
        return malloc(size);
    }
    size_t class = class_of(size, room_out);
    void *block = pool == NULL ? NULL : pool->blocks[class];

    if (block == NULL) {
        return malloc(*room_out);
    }
    memcpy(&pool->blocks[class], block, sizeof(void *));
    pool->kept -= *room_out;
    return block;
}

void mst_pool_give(struct mst_pool *pool, void *block, size_t room)
{
    if (pool == NULL || block == NULL || room > MST_POOL_BLOCK_MAX ||
        pool->kept + room > MST_POOL_KEPT_MAX) {
        free(block);
        return;
    }
    size_t class = class_of(room, &room);

    memcpy(block, &pool->blocks[class], sizeof(void *));
    pool->blocks[class] = block;
    pool->kept += room;
}

void mst_pool_clear(struct mst_pool *pool)
{
    for (size_t i = 0; i < MST_POOL_CLASSES; i++) {
        while (pool->blocks[i] != NULL) {
            void *block = pool->blocks[i];

            memcpy(&pool->blocks[i], block, sizeof(void *));
            free(block);
        }
    }
    pool->kept = 0;
}
