/* heap.c - see heap.h. Each move keeps node->place true. */
#include "broker/core/heap.h"

#include <assert.h>
#include <stdlib.h>

#define CAP_FIRST  16u
#define SHRINK_MIN 4096u

void heap_init(struct heap *heap, heap_before *before)
{
    *heap = (struct heap){NULL, 0, 0, before};
}

void heap_clear(struct heap *heap)
{
    free(heap->items);
    heap->items = NULL;
    heap->count = heap->cap = 0;
}

static bool grow(struct heap *heap, uint32_t cap)
{
    struct heap_node **items;

    items = realloc(heap->items, (size_t)cap * sizeof(*items));
    if (items == NULL) {
        return false;
    }
    heap->items = items;
    heap->cap = cap;
    return true;
}

static void set(struct heap *heap, uint32_t place, struct heap_node *node)
{
    heap->items[place - 1] = node;
    node->place = place;
}

static void sift_up(struct heap *heap, uint32_t place, struct heap_node *node)
{
    while (place > 1 && heap->before(node, heap->items[place / 2 - 1])) {
        set(heap, place, heap->items[place / 2 - 1]);
        place /= 2;
    }
    set(heap, place, node);
}

static void sift_down(struct heap *heap, uint32_t place, struct heap_node *node)
{
    uint32_t child;

    while ((child = place * 2) <= heap->count) {
        if (child < heap->count && heap->before(heap->items[child], heap->items[child - 1])) {
            child++;
        }
        if (!heap->before(heap->items[child - 1], node)) {
            break;
        }
        set(heap, place, heap->items[child - 1]);
        place = child;
    }
    set(heap, place, node);
}

bool heap_push(struct heap *heap, struct heap_node *node)
{
    assert(node->place == 0);
    if (heap->count >= heap->cap - heap->cap / 4 &&
        !grow(heap, heap->cap == 0 ? CAP_FIRST : heap->cap * 2) && heap->count == heap->cap) {
        return false;
    }
    heap->count++;
    sift_up(heap, heap->count, node);
    return true;
}

/* What a crowd needed is given back when it is gone; failing to do so does no harm. */
static void shrink(struct heap *heap)
{
    uint32_t cap = heap->cap / 2;
    struct heap_node **items;

    if (heap->cap < SHRINK_MIN || heap->count > heap->cap / 4) {
        return;
    }
    items = realloc(heap->items, (size_t)cap * sizeof(*items));
    if (items != NULL) {
        heap->items = items;
        heap->cap = cap;
    }
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    uint32_t place = node->place;
    struct heap_node *last;

    assert(place != 0 && place <= heap->count && heap->items[place - 1] == node);
    last = heap->items[heap->count - 1];
    heap->count--;
    node->place = 0;
    if (last == node) {
        shrink(heap);
        return;
    }
    if (place > 1 && heap->before(last, heap->items[place / 2 - 1])) {
        sift_up(heap, place, last);
    } else {
        sift_down(heap, place, last);
    }
    shrink(heap);
}
