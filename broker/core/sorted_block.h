/* sorted_block.h - a piece of a sorted set: pointers in a row, each with a rough key of 16 bits.
 *
 * A pointer needs 48 bits of its word; the rough key has the others, so that a search touches
 * nothing but a few of the words. Items stand anywhere in the piece, with room on either side, so
 * that whichever are fewer make way. Must not know what the items are, nor their order. */
#ifndef CORE_SORTED_BLOCK_H
#define CORE_SORTED_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SORTED_BLOCK_MAX 255u /* items: with malloc's head, half a page of memory */
#define SORTED_ROUGH_MAX 0xffffu

struct sorted_block {
    uint64_t *entries;          /* room for so many */
    uint64_t base;              /* a rough key is how far the key is above it, */
    uint16_t shift;             /* shifted so far, and at most SORTED_ROUGH_MAX */
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
/* Moves the last n items to the beginning of the block behind it, or the first n to the end of the
 * one in front, which have room for them. */
void sorted_block_move_last(struct sorted_block *from, struct sorted_block *to, size_t n);
void sorted_block_move_first(struct sorted_block *from, struct sorted_block *to, size_t n);
void sorted_block_set_rough(struct sorted_block *block, size_t place, uint32_t rough);
/* How many items have a rough key below the given one. */
size_t sorted_block_below(const struct sorted_block *block, uint32_t rough);

/* From now on rough keys are for keys from first to last, with as much room behind, so that they
 * differ wherever they can. Those of the items are to be set anew. */
void sorted_block_measure(struct sorted_block *block, uint64_t first, uint64_t last);

#define SORTED_ROUGH_SHIFT 48

static inline uint32_t sorted_block_rough_of(const struct sorted_block *block, uint64_t key)
{
    uint64_t above = key > block->base ? (key - block->base) >> block->shift : 0;

    return above < SORTED_ROUGH_MAX ? (uint32_t)above : SORTED_ROUGH_MAX;
}

static inline void *sorted_block_item(const struct sorted_block *block, size_t place)
{
    uint64_t entry = block->entries[block->from + place];

    return (void *)(uintptr_t)(entry & ((UINT64_C(1) << SORTED_ROUGH_SHIFT) - 1));
}

static inline uint32_t sorted_block_rough(const struct sorted_block *block, size_t place)
{
    return (uint32_t)(block->entries[block->from + place] >> SORTED_ROUGH_SHIFT);
}

#endif
