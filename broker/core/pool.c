/* pool.c - see pool.h. */
#include "broker/core/pool.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 16384u

struct pool_chunk {
    struct pool_chunk *next;
    max_align_t pieces[];
};

void pool_init(struct pool *pool, size_t size)
{
    size_t unit = sizeof(void *);

    *pool = (struct pool){(size + unit - 1) / unit * unit, NULL, NULL};
}

void pool_clear(struct pool *pool)
{
    while (pool->chunks != NULL) {
        struct pool_chunk *next = pool->chunks->next;

        free(pool->chunks);
        pool->chunks = next;
    }
    pool->free = NULL;
}

static void put_back(struct pool *pool, void *piece)
{
    memcpy(piece, &pool->free, sizeof(pool->free));
    pool->free = piece;
}

/* Pieces of a new chunk are threaded from the last on, so that they are taken in order of address.
 */
static int grow(struct pool *pool)
{
    size_t count = CHUNK_BYTES / pool->size;
    struct pool_chunk *chunk = malloc(sizeof(*chunk) + count * pool->size);

    if (chunk == NULL) {
        return 0;
    }
    chunk->next = pool->chunks;
    pool->chunks = chunk;
    while (count > 0) {
        count--;
        put_back(pool, (char *)chunk->pieces + count * pool->size);
    }
    return 1;
}

void *pool_take(struct pool *pool)
{
    void *piece;

    if (pool->free == NULL && !grow(pool)) {
        return NULL;
    }
    piece = pool->free;
    memcpy(&pool->free, piece, sizeof(pool->free));
    memset(piece, 0, pool->size);
    return piece;
}

void pool_give(struct pool *pool, void *piece)
{
    put_back(pool, piece);
}
