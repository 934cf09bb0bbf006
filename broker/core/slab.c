/* slab.c - see slab.h. A chunk stands at a multiple of its size, so that a piece's address tells
 * it. Invariant: a chunk is in `partial` of its size if it has a free piece, else in no list: then
 * its neighbours in one would be touched for nothing; an empty one is the only one of its size in
 * `partial`, or spare. What was given back last is taken first, for it is still in the cache. */
#include "broker/core/slab.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "broker/core/heap.h"

#define CHUNK_ALIGNMENT 16384u
#define CHUNK_BYTES     (CHUNK_ALIGNMENT - 16u) /* malloc's own header fits between two of them */
#define SPARE_MAX       64u

struct chunk {
    struct link link;
    void *free; /* pieces that were given back; each begins with a pointer to the next */
    uint32_t size;
    uint32_t used;
    uint32_t fresh; /* offset of what was never taken */
    uint32_t end;   /* where the last piece ends */
};

void slab_init(struct slab *slab)
{
    for (size_t i = 0; i < SLAB_SIZES; i++) {
        list_init(&slab->partial[i]);
    }
    list_init(&slab->spare);
    slab->spare_count = slab->full_count = 0;
}

static void free_all(struct link *chunks)
{
    while (!list_empty(chunks)) {
        struct chunk *chunk = OWNER(chunks->next, struct chunk, link);

        list_remove(&chunk->link);
        free(chunk);
    }
}

void slab_clear(struct slab *slab)
{
    assert(slab->full_count == 0);
    for (size_t i = 0; i < SLAB_SIZES; i++) {
        free_all(&slab->partial[i]);
    }
    free_all(&slab->spare);
    slab->spare_count = 0;
}

static struct chunk *chunk_new(struct slab *slab, uint32_t size)
{
    void *memory = NULL;
    struct chunk *chunk;

    if (!list_empty(&slab->spare)) {
        chunk = OWNER(slab->spare.next, struct chunk, link);
        list_remove(&chunk->link);
        slab->spare_count--;
    } else if (posix_memalign(&memory, CHUNK_ALIGNMENT, CHUNK_BYTES) == 0) {
        chunk = memory;
    } else {
        return NULL;
    }
    chunk->free = NULL;
    chunk->size = size;
    chunk->used = 0;
    chunk->fresh = sizeof(*chunk);
    chunk->end = chunk->fresh + (CHUNK_BYTES - chunk->fresh) / size * size;
    list_insert(&slab->partial[size / SLAB_UNIT - 1], &chunk->link);
    return chunk;
}

static bool is_full(const struct chunk *chunk)
{
    return chunk->free == NULL && chunk->fresh == chunk->end;
}

void *slab_take(struct slab *slab, size_t size)
{
    uint32_t rounded = ((uint32_t)size + SLAB_UNIT - 1) / SLAB_UNIT * SLAB_UNIT;
    struct link *partial = &slab->partial[rounded / SLAB_UNIT - 1];
    struct chunk *chunk;
    void *piece;

    assert(size > 0 && size <= SLAB_PIECE_MAX);
    chunk =
        list_empty(partial) ? chunk_new(slab, rounded) : OWNER(partial->next, struct chunk, link);
    if (chunk == NULL) {
        return NULL;
    }
    piece = chunk->free;
    if (piece != NULL) {
        memcpy(&chunk->free, piece, sizeof(chunk->free));
    } else {
        piece = (char *)chunk + chunk->fresh;
        chunk->fresh += rounded;
    }
    chunk->used++;
    if (is_full(chunk)) {
        list_remove(&chunk->link);
        slab->full_count++;
    }
    return piece;
}

/* Nothing in it is used any more. One of each size stays, for a queue that is filled and emptied by
 * turns. */
static void chunk_empty(struct slab *slab, struct chunk *chunk)
{
    if (chunk->link.prev == chunk->link.next) {
        return;
    }
    list_remove(&chunk->link);
    if (slab->spare_count == SPARE_MAX) {
        free(chunk);
    } else {
        list_insert(slab->spare.next, &chunk->link);
        slab->spare_count++;
    }
}

/* The distance of a piece from its chunk. */
static size_t offset_of(const void *piece)
{
    return (uintptr_t)piece % CHUNK_ALIGNMENT;
}

void slab_foresee(const void *piece)
{
    __builtin_prefetch((const char *)piece - offset_of(piece), 1);
}

void slab_give(struct slab *slab, void *piece)
{
    struct chunk *chunk = (struct chunk *)(void *)((char *)piece - offset_of(piece));

    assert(chunk->used > 0);
    if (is_full(chunk)) {
        slab->full_count--;
        list_insert(slab->partial[chunk->size / SLAB_UNIT - 1].next, &chunk->link);
    }
    memcpy(piece, &chunk->free, sizeof(chunk->free));
    chunk->free = piece;
    chunk->used--;
    if (chunk->used == 0) {
        chunk_empty(slab, chunk);
    }
}
