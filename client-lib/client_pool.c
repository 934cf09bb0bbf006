/* client_pool.c - free lists by size. See client_pool.h.
 *
 * Invariant: a block of class c has exactly the size that rounding gives to c, so the first of a
 * list always fits; kept is the sum of what is in the lists. */
#include "client-lib/client_pool.h"

#include <stdlib.h>
#include <string.h>

#define SIZE_FIRST_BITS  6u
#define SIZE_FIRST       ((size_t)1 << SIZE_FIRST_BITS) /* the smallest block */
#define SIZE_FIRST_ZEROS (63u - SIZE_FIRST_BITS)        /* leading zeros of its size */

/* Rounds up to a quarter of the power of two below it. Returns the class. */
static size_t class_of(size_t size, size_t *room_out)
{
    if (size <= SIZE_FIRST) {
        *room_out = SIZE_FIRST;
        return 0;
    }
    unsigned octave = SIZE_FIRST_ZEROS - (unsigned)__builtin_clzll(size);
    unsigned shift = octave + SIZE_FIRST_BITS - 2; /* of a quarter */
    size_t quarters = (size + (((size_t)1 << shift) - 1)) >> shift;

    *room_out = quarters << shift;
    return (size_t)octave * 4 + quarters - 4;
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
