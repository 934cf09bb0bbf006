/* heap.h - an indexed binary heap of nodes that live inside their owners.
 *
 * The node knows its place, so any member can be removed in O(log n). Which node comes first is
 * told by before(), which must be a strict total order: ties are for the owner to break. */
#ifndef CORE_HEAP_H
#define CORE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    uint32_t place; /* 1 .. count; 0: in no heap */
};

typedef bool heap_before(const struct heap_node *a, const struct heap_node *b);

struct heap {
    struct heap_node **items; /* items[0] is the first */
    uint32_t count;
    uint32_t cap;
    heap_before *before;
};

void heap_init(struct heap *heap, heap_before *before);
void heap_clear(struct heap *heap); /* forgets its nodes; they are not touched */
bool heap_push(struct heap *heap, struct heap_node *node); /* false: out of memory */
void heap_remove(struct heap *heap, struct heap_node *node);

static inline struct heap_node *heap_first(const struct heap *heap)
{
    return heap->count == 0 ? NULL : heap->items[0];
}

/* The heap grows when three quarters of it are full; refused memory, it uses up the rest: */
static inline bool heap_is_tight(const struct heap *heap)
{
    return heap->count > heap->cap - heap->cap / 4;
}

static inline bool heap_holds(const struct heap_node *node)
{
    return node->place != 0;
}

/* The owner of an embedded member. */
#define OWNER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
#define OWNER_CONST(pointer, type, member)                                                         \
    ((const type *)(const void *)((const char *)(pointer)-offsetof(type, member)))

#endif
