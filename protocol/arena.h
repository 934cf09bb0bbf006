/* arena.h - memory for one step: taken piece by piece, given back all at once.
 *
 * Pieces are aligned for any type and valid until mst_arena_reset. The first chunk is kept. */
#ifndef MST_ARENA_H
#define MST_ARENA_H

#include <stddef.h>
#include "protocol/span.h"

struct mst_arena_chunk;

struct mst_arena {
    struct mst_arena_chunk *first;
    struct mst_arena_chunk *current;
};

void mst_arena_init(struct mst_arena *arena);
void mst_arena_clear(struct mst_arena *arena);
void mst_arena_reset(struct mst_arena *arena);
void *mst_arena_take(struct mst_arena *arena, size_t size);     /* zeroed; NULL: out of memory */
void *mst_arena_take_raw(struct mst_arena *arena, size_t size); /* the same, with any bytes */
struct mst_span mst_arena_copy(struct mst_arena *arena, struct mst_span bytes);
/* printf into the arena, with a NUL behind it; none when out of memory. */
struct mst_span mst_arena_printf(struct mst_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
