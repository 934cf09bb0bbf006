/* sorted_block.h - a piece of a sorted set: pointers in a row, and a rough key for each.
 *
 * One piece of memory has the pointers, and behind them the rough keys, so that a search touches
 * nothing else. Items stand anywhere in it, with room on either side, so that whichever are fewer
 * make way. Must not know what the items are, nor their order. */
#ifndef CORE_SORTED_BLOCK_H
#define CORE_SORTED_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SORTED_BLOCK_MAX 340u /* items: with malloc's head, a page of memory */

struct sorted_block {
    void **items;               /* room for so many; the rough keys follow */
    uint16_t from, count, room; /* items are at from .. from + count - 1 */
};

bool sorted_block_init(struct sorted_block *block, size_t room); /* false: out of memory */
void sorted_block_clear(struct sorted_block *block);
/* Room for `more` items, at most SORTED_BLOCK_MAX in all. false: out of memory. */
bool sorted_block_reserve(struct sorted_block *block, size_t more);
/* Room behind the last, when many are added there: no item is moved but rarely. The block is not
 * full, or not of the full size. false: out of memory. */
bool sorted_block_reserve_behind(struct sorted_block *block);
/* There is room. */
void sorted_block_put(struct sorted_block *block, size_t place, uint32_t rough, void *item);
void sorted_block_take(struct sorted_block *block, size_t place);
/* Moves the last n items to the beginning of another block, which has room for them. */
void sorted_block_move(struct sorted_block *from, struct sorted_block *to, size_t n);
/* How many items have a rough key below the given one. */
size_t sorted_block_below(const struct sorted_block *block, uint64_t rough);
/* It will be searched: its rough keys come from memory all at once. */
void sorted_block_foresee(const struct sorted_block *block);

static inline void *sorted_block_item(const struct sorted_block *block, size_t place)
{
    return block->items[block->from + place];
}

static inline uint32_t *sorted_block_roughs(const struct sorted_block *block)
{
    return (uint32_t *)(void *)(block->items + block->room);
}

static inline uint32_t sorted_block_rough(const struct sorted_block *block, size_t place)
{
    return sorted_block_roughs(block)[block->from + place];
}

#endif
