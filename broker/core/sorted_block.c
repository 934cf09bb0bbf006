/* sorted_block.c - see sorted_block.h. */
#include "broker/core/sorted_block.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FORESEEN_STEP 16u /* entries: two cache lines */

bool sorted_block_init(struct sorted_block *block, size_t room)
{
    *block = (struct sorted_block){.room = (uint16_t)room};
    block->entries = malloc(room * sizeof(*block->entries));
    return block->entries != NULL;
}

void sorted_block_clear(struct sorted_block *block)
{
    free(block->entries);
    *block = (struct sorted_block){0};
}

/* Copies n entries, to another block or within one; places count from where the memory begins. */
static void copy(const struct sorted_block *to, size_t to_place, const struct sorted_block *from,
                 size_t from_place, size_t n)
{
    memmove(to->entries + to_place, from->entries + from_place, n * sizeof(*to->entries));
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
    larger.base = block->base;
    larger.shift = block->shift;
    copy(&larger, 0, block, block->from, block->count);
    free(block->entries);
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

static uint64_t entry_of(uint32_t rough, void *item)
{
    uint64_t pointer = (uintptr_t)item;

    assert(pointer >> SORTED_ROUGH_SHIFT == 0 && rough <= SORTED_ROUGH_MAX);
    return (uint64_t)rough << SORTED_ROUGH_SHIFT | pointer;
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
    block->entries[block->from + place] = entry_of(rough, item);
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

void sorted_block_move_last(struct sorted_block *from, struct sorted_block *to, size_t n)
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

void sorted_block_move_first(struct sorted_block *from, struct sorted_block *to, size_t n)
{
    assert(to->count + n <= to->room && n <= from->count);
    if (to->from + to->count + n > to->room) {
        shift(to, (to->room - to->count - n) / 2);
    }
    copy(to, to->from + to->count, from, from->from, n);
    to->count = (uint16_t)(to->count + n);
    from->from = (uint16_t)(from->from + n);
    from->count = (uint16_t)(from->count - n);
}

void sorted_block_measure(struct sorted_block *block, uint64_t first, uint64_t last)
{
    block->base = first;
    block->shift = 0;
    while ((last - first) >> block->shift > SORTED_ROUGH_MAX / 2) {
        block->shift++;
    }
}

void sorted_block_set_rough(struct sorted_block *block, size_t place, uint32_t rough)
{
    block->entries[block->from + place] = entry_of(rough, sorted_block_item(block, place));
}

/* A block was mostly long not touched: what the first steps of a search look at comes from memory
 * all at once; two neighbouring cache lines have what the others look at. */
static void foresee(const struct sorted_block *block)
{
    for (size_t i = FORESEEN_STEP; i <= block->count; i += FORESEEN_STEP) {
        __builtin_prefetch(block->entries + block->from + i - 1, 1);
    }
}

/* By steps of powers of two, so that they are the same in every block. */
size_t sorted_block_below(const struct sorted_block *block, uint32_t rough)
{
    size_t below = 0;

    foresee(block);
    for (size_t step = (SORTED_BLOCK_MAX + 1) / 2; step > 0; step /= 2) {
        size_t more = below + step;

        below = more <= block->count && sorted_block_rough(block, more - 1) < rough ? more : below;
    }
    return below;
}
