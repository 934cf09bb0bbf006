/* pool.h - pieces of one size, taken and given back at a few instructions each.
 *
 * Pieces come from chunks that are kept until the pool is cleared, so a broker that once held many
 * messages keeps that memory for the next ones. A piece is zeroed when it is taken. */
#ifndef CORE_POOL_H
#define CORE_POOL_H

#include <stddef.h>

struct pool_chunk;

struct pool {
    size_t size;
    void *free; /* the first free piece; each begins with a pointer to the next */
    struct pool_chunk *chunks;
};

void pool_init(struct pool *pool, size_t size); /* size: of a struct that holds a pointer or more */
void pool_clear(struct pool *pool);             /* frees every piece, also those that are out */
void *pool_take(struct pool *pool);             /* NULL: out of memory */
void pool_give(struct pool *pool, void *piece);

#endif
