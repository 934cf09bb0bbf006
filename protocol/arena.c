/* arena.c - memory for one step: taken piece by piece, given back all at once.
 *
 *   first -> chunk -> chunk (current): pieces come from the end of `current`
 *
 * Invariant: used <= cap in every chunk, and `current` is the last of the list. Must not know what
 * the pieces hold. */
#include "protocol/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHUNK_CAP_FIRST = 8192, CHUNK_CAP_KEPT = 1 << 16, CHUNK_CAP_LARGEST = 1 << 20 };

struct mst_arena_chunk {
    struct mst_arena_chunk *next;
    size_t used;
    size_t cap;
    alignas(max_align_t) uint8_t bytes[];
};

void mst_arena_init(struct mst_arena *arena)
{
    *arena = (struct mst_arena){0};
}

static void chunks_free(struct mst_arena_chunk *chunk)
{
    while (chunk != NULL) {
        struct mst_arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

void mst_arena_clear(struct mst_arena *arena)
{
    chunks_free(arena->first);
    mst_arena_init(arena);
}

/* Who needed more than the first chunk will do so again: the second takes its place, unless it is
 * large. So a step like the one before allocates nothing. */
static struct mst_arena_chunk *keep_best(struct mst_arena_chunk *first)
{
    struct mst_arena_chunk *second = first->next;

    if (second == NULL || second->cap > CHUNK_CAP_KEPT) {
        return first;
    }
    free(first);
    return second;
}

void mst_arena_reset(struct mst_arena *arena)
{
    struct mst_arena_chunk *first = arena->first;

    if (first != NULL) {
        first = keep_best(first);
        arena->first = first;
        chunks_free(first->next);
        first->next = NULL;
        first->used = 0;
        arena->current = first;
    }
}

/* Later chunks are larger, so that a big step takes few of them. The first one begins small: one is
 * kept for as long as the arena lives. */
static bool chunk_add(struct mst_arena *arena, size_t size)
{
    size_t cap = CHUNK_CAP_FIRST;

    if (arena->current != NULL && arena->current->cap < CHUNK_CAP_LARGEST) {
        cap = arena->current->cap * 2;
    } else if (arena->current != NULL) {
        cap = CHUNK_CAP_LARGEST;
    }
    if (arena->current != NULL && cap < size) {
        cap = size;
    }
    struct mst_arena_chunk *chunk = malloc(sizeof(*chunk) + cap);
    if (chunk == NULL) {
        return false;
    }
    chunk->next = NULL;
    chunk->used = 0;
    chunk->cap = cap;
    if (arena->current == NULL) {
        arena->first = chunk;
    } else {
        arena->current->next = chunk;
    }
    arena->current = chunk;
    return cap >= size || chunk_add(arena, size);
}

void *mst_arena_take_raw(struct mst_arena *arena, size_t size)
{
    size_t align = alignof(max_align_t);

    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size_t rounded = (size + align - 1) / align * align;
    if ((arena->current == NULL || rounded > arena->current->cap - arena->current->used) &&
        !chunk_add(arena, rounded)) {
        return NULL;
    }
    void *piece = arena->current->bytes + arena->current->used;
    arena->current->used += rounded;
    return piece;
}

void *mst_arena_take(struct mst_arena *arena, size_t size)
{
    void *piece = mst_arena_take_raw(arena, size);

    if (piece != NULL) {
        memset(piece, 0, size);
    }
    return piece;
}

struct mst_span mst_arena_copy(struct mst_arena *arena, struct mst_span bytes)
{
    void *piece = bytes.data == NULL ? NULL : mst_arena_take_raw(arena, bytes.len);

    if (piece == NULL) {
        return MST_SPAN_NONE;
    }
    memcpy(piece, bytes.data, bytes.len);
    return mst_span_of(piece, bytes.len);
}

struct mst_span mst_arena_printf(struct mst_arena *arena, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : mst_arena_take_raw(arena, (size_t)len + 1);
    if (text == NULL) {
        return MST_SPAN_NONE;
    }
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return mst_span_of(text, (size_t)len);
}
