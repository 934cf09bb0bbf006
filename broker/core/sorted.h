/* sorted.h - a set of pointers in order, which can be walked from anywhere.
 *
 * The pointers stand in blocks of up to some hundred, each with a rough part of its item's key; a
 * table has a row for each block. So a look-up searches the table, then a block, and touches items
 * only where keys are roughly the same; the first item is there at once. An item costs 8 bytes and
 * what its block has free, a fifth of that or so.
 *
 * What is rough is for each block to say: it measures its own keys, when items come to it from
 * another, so that they differ wherever that can be.
 *
 * What comes first is told by the key, and where that is the same by before(), which knows the
 * whole order: strict and total, and an item must not move in it while it is in the set. */
#ifndef CORE_SORTED_H
#define CORE_SORTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "broker/core/sorted_block.h"

struct sorted_key {
    uint64_t major, minor;
};

struct sorted_order {
    struct sorted_key (*key)(const void *item);
    bool (*before)(const void *a, const void *b); /* NULL: keys are never the same */
};

struct sorted_row {
    uint64_t major, minor; /* a key: no item of the block comes before it, and all of the last do */
    struct sorted_block block;
};

struct sorted {
    const struct sorted_order *order;
    struct sorted_row *table; /* what was allocated; the rows begin at `from` */
    size_t from, rows, room;
    size_t count;              /* of items */
    struct sorted_block spare; /* kept for a set that is filled and emptied by turns */
};

/* Where a walk stands; true until the set changes. */
struct sorted_at {
    size_t row, place;
};

void sorted_init(struct sorted *sorted, const struct sorted_order *order);
void sorted_clear(struct sorted *sorted);              /* forgets its items; they are not touched */
bool sorted_insert(struct sorted *sorted, void *item); /* false: out of memory */
void sorted_remove(struct sorted *sorted, const void *item); /* that is in the set */

void *sorted_first(const struct sorted *sorted); /* NULL: it is empty */
void *sorted_last(const struct sorted *sorted);
/* So many behind the first, if that is known without looking far; its item is not touched. */
void *sorted_near(const struct sorted *sorted, size_t n);
/* Behind `item`, which need not be in the set; NULL: at the first of all. */
struct sorted_at sorted_behind(const struct sorted *sorted, const void *item);
void *sorted_next(const struct sorted *sorted, struct sorted_at *at); /* NULL: that was the last */

#endif
