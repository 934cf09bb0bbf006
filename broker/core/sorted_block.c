/* sorted_block.c - see sorted_block.h. */
#include "broker/core/sorted_block.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE 64u

bool sorted_block_init(struct sorted_block *block, size_t room)
{
    *block = (struct sorted_block){.room = (uint16_t)room};
    block->items = malloc(room * (sizeof(void *) + sizeof(uint32_t)));
    return block->items != NULL;
}

void sorted_block_clear(struct sorted_block *block)
{
    free(block->items);
    *block = (struct sorted_block){0};
}

/* Copies n items with their rough keys, to another block or within one; places count from where
 * the memory begins. */
static void copy(const struct sorted_block *to, size_t to_place, const struct sorted_block *from,
                 size_t from_place, size_t n)
{
    memmove(to->items + to_place, from->items + from_place, n * sizeof(*to->items));
    memmove(sorted_block_roughs(to) + to_place, sorted_block_roughs(from) + from_place,
            n * sizeof(uint32_t));
}

/* All items begin at another place. */
static void shift(struct sorted_block *block, size_t place)
{
    copy(block, place, block, block->from, block->count);
    block->from = (uint16_t)place;
}

static bool enlarge(struct sorted_block *block, size_t room)
{
    struct sorted_block larger;

    if (!sorted_block_init(&larger, room)) {
        return false;
    }
    larger.count = block->count;
    copy(&larger, 0, block, block->from, block->count);
    free(block->items);
    *block = larger;
    return true;
}

static size_t twice(size_t room)
{
    return room * 2 < SORTED_BLOCK_MAX ? room * 2 : SORTED_BLOCK_MAX;
}

bool sorted_block_reserve(struct sorted_block *block, size_t more)
{
    size_t room = block->room;

    if (block->count + more <= room) {
        return true;
    }
    while (room < SORTED_BLOCK_MAX && block->count + more > room / 4 * 3) {
        room = twice(room);
    }
    return enlarge(block, room);
}

bool sorted_block_reserve_behind(struct sorted_block *block)
{
    if (block->from + block->count < block->room) {
        return true;
    }
    if (block->room < SORTED_BLOCK_MAX && block->count >= block->room / 4 * 3) {
        return enlarge(block, twice(block->room));
    }
    shift(block, 0);
    return true;
}

void sorted_block_put(struct sorted_block *block, size_t place, uint32_t rough, void *item)
{
    size_t behind = block->count - place;
    bool has_room_behind = block->from + block->count < block->room;

    assert(block->count < block->room);
    if (block->from > 0 && (place < behind || !has_room_behind)) {
        copy(block, block->from - 1u, block, block->from, place);
        block->from--;
    } else {
        copy(block, block->from + place + 1, block, block->from + place, behind);
    }
    block->count++;
    block->items[block->from + place] = item;
    sorted_block_roughs(block)[block->from + place] = rough;
}

void sorted_block_take(struct sorted_block *block, size_t place)
{
    size_t behind = --block->count - place;

    if (place < behind) {
        copy(block, block->from + 1u, block, block->from, place);
        block->from++;
    } else {
        copy(block, block->from + place, block, block->from + place + 1, behind);
    }
}

void sorted_block_move(struct sorted_block *from, struct sorted_block *to, size_t n)
{
    assert(to->count + n <= to->room && n <= from->count);
    if (to->from < n) {
        shift(to, n + (to->room - to->count - n) / 2);
    }
    to->from = (uint16_t)(to->from - n);
    to->count = (uint16_t)(to->count + n);
    from->count = (uint16_t)(from->count - n);
    copy(to, to->from, from, from->from + from->count, n);
}

size_t sorted_block_below(const struct sorted_block *block, uint64_t rough)
{
    size_t first = 0;
    size_t end = block->count;

    while (first < end) {
        size_t middle = first + (end - first) / 2;

        if (sorted_block_rough(block, middle) < rough) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first;
}

void sorted_block_foresee(const struct sorted_block *block)
{
    const uint32_t *roughs = sorted_block_roughs(block);

    for (size_t i = 0; i < block->room; i += CACHE_LINE / sizeof(*roughs)) {
        __builtin_prefetch(roughs + i, 1);
    }
}
