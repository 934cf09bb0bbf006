/* sorted.c - see sorted.h.
 *
 * Invariants: no block is empty; a row's key is that of the block's first item; all items of a
 * block come before all of the next. */
#include "broker/core/sorted.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MAX 508u /* items: with its head, and malloc's, a page of memory */
#define BLOCK_MIN 8u
#define SPARE_MAX 64u                 /* items a block has room for that is kept */
#define LEND_MAX  (BLOCK_MAX / 4 * 3) /* a block with fewer takes over from a full neighbour */
#define MERGE_MAX (BLOCK_MAX / 2)     /* two that have no more together become one */
#define AHEAD     8u /* so many items are asked from memory at once: three steps of a search */
#define TABLE_MIN 4u

struct sorted_block {
    uint32_t from, count, room; /* items stand at from .. from + count - 1 */
    void *items[];
};

void sorted_init(struct sorted *sorted, const struct sorted_order *order)
{
    *sorted = (struct sorted){.order = order};
}

void sorted_clear(struct sorted *sorted)
{
    for (size_t i = 0; i < sorted->rows; i++) {
        free(sorted->table[sorted->from + i].block);
    }
    free(sorted->table);
    free(sorted->spare);
    sorted_init(sorted, sorted->order);
}

static struct sorted_row *row_at(const struct sorted *sorted, size_t row)
{
    return &sorted->table[sorted->from + row];
}

static void *item_at(const struct sorted_block *block, size_t place)
{
    return block->items[block->from + place];
}

/* ---- searching ---- */

/* An item that is looked for. */
struct sought {
    struct sorted_key key;
    const void *item;
};

static bool key_before(struct sorted_key a, struct sorted_key b)
{
    return a.major != b.major ? a.major < b.major : a.minor < b.minor;
}

static bool comes_before(const struct sorted *sorted, const struct sought *sought,
                         struct sorted_key key, const void *item)
{
    if (sought->key.major != key.major || sought->key.minor != key.minor) {
        return key_before(sought->key, key);
    }
    return sorted->order->before != NULL && sorted->order->before(sought->item, item);
}

/* The block that the item belongs to: the last whose first item does not come behind it. */
static size_t search_table(const struct sorted *sorted, const struct sought *sought)
{
    size_t first = 0; /* the answer is in first .. end - 1 */
    size_t end = sorted->rows;

    while (end - first > 1) {
        size_t middle = first + (end - first) / 2;
        const struct sorted_row *row = row_at(sorted, middle);

        if (comes_before(sorted, sought, row->first, item_at(row->block, 0))) {
            end = middle;
        } else {
            first = middle;
        }
    }
    return first;
}

/* The steps of a search wait for memory one after the other, unless it was asked before. */
static void ask_ahead(const struct sorted_block *block, size_t first, size_t end)
{
    for (size_t i = 1; i < AHEAD; i++) {
        __builtin_prefetch(item_at(block, first + (end - first) * i / AHEAD));
    }
}

/* How many items of the block do not come behind the one that is sought. */
static size_t search_block(const struct sorted *sorted, const struct sorted_block *block,
                           const struct sought *sought)
{
    size_t first = 0;
    size_t end = block->count;

    for (unsigned step = 0; first < end; step++) {
        size_t middle;
        const void *item;

        if (step % 3 == 0 && end - first > 1) {
            ask_ahead(block, first, end);
        }
        middle = first + (end - first) / 2;
        item = item_at(block, middle);
        if (comes_before(sorted, sought, sorted->order->key(item), item)) {
            end = middle;
        } else {
            first = middle + 1;
        }
    }
    return first;
}

/* ---- blocks ---- */

static struct sorted_block *block_new(struct sorted *sorted, uint32_t room)
{
    struct sorted_block *block = sorted->spare;

    if (block != NULL && block->room >= room) {
        sorted->spare = NULL;
        return block;
    }
    block = malloc(sizeof(*block) + room * sizeof(block->items[0]));
    if (block != NULL) {
        *block = (struct sorted_block){0, 0, room};
    }
    return block;
}

static void block_free(struct sorted *sorted, struct sorted_block *block)
{
    if (sorted->spare == NULL && block->room <= SPARE_MAX) {
        block->from = block->count = 0;
        sorted->spare = block;
    } else {
        free(block);
    }
}

/* Items begin at the first place again. */
static void block_align(struct sorted_block *block)
{
    memmove(block->items, block->items + block->from, block->count * sizeof(void *));
    block->from = 0;
}

/* The block of a row with room for `more` items behind its last. NULL: out of memory. */
static struct sorted_block *block_reserve(struct sorted_row *row, uint32_t more)
{
    struct sorted_block *block = row->block;
    uint32_t room = block->room;

    if (block->from + block->count + more <= room) {
        return block;
    }
    block_align(block);
    while (room < BLOCK_MAX && block->count + more > room / 4 * 3) {
        room = room * 2 < BLOCK_MAX ? room * 2 : BLOCK_MAX;
    }
    if (room > block->room) {
        block = realloc(block, sizeof(*block) + room * sizeof(block->items[0]));
        if (block == NULL) {
            return NULL;
        }
        block->room = room;
        row->block = block;
    }
    return block;
}

static void update_key(const struct sorted *sorted, size_t row)
{
    row_at(sorted, row)->first = sorted->order->key(item_at(row_at(sorted, row)->block, 0));
}

/* Moves the last n items of a block to the beginning of the next, which has room for them. */
static void move_to_next(const struct sorted *sorted, size_t row, uint32_t n)
{
    struct sorted_block *from = row_at(sorted, row)->block;
    struct sorted_block *to = row_at(sorted, row + 1)->block;

    assert(to->from + to->count + n <= to->room && n <= from->count);
    memmove(to->items + to->from + n, to->items + to->from, to->count * sizeof(void *));
    memcpy(to->items + to->from, from->items + from->from + from->count - n, n * sizeof(void *));
    from->count -= n;
    to->count += n;
    update_key(sorted, row + 1);
}

/* ---- the table ---- */

static bool table_reserve(struct sorted *sorted)
{
    size_t room = sorted->room == 0 ? TABLE_MIN : sorted->room * 2;
    struct sorted_row *table;

    if (sorted->from + sorted->rows < sorted->room) {
        return true;
    }
    if (sorted->from > sorted->room / 4) {
        memmove(sorted->table, sorted->table + sorted->from, sorted->rows * sizeof(*table));
        sorted->from = 0;
        return true;
    }
    table = realloc(sorted->table, room * sizeof(*table));
    if (table == NULL) {
        return false;
    }
    sorted->table = table;
    sorted->room = room;
    return true;
}

/* A row with an empty block, which the caller fills; its key is the caller's too. */
static bool insert_row(struct sorted *sorted, size_t row, uint32_t room)
{
    struct sorted_block *block;
    struct sorted_row *at;

    if (!table_reserve(sorted) || (block = block_new(sorted, room)) == NULL) {
        return false;
    }
    at = row_at(sorted, row);
    memmove(at + 1, at, (sorted->rows - row) * sizeof(*at));
    at->block = block;
    sorted->rows++;
    return true;
}

static void remove_row(struct sorted *sorted, size_t row)
{
    struct sorted_row *at = row_at(sorted, row);

    block_free(sorted, at->block);
    sorted->rows--;
    if (row == 0) {
        sorted->from++;
    } else {
        memmove(at, at + 1, (sorted->rows - row) * sizeof(*at));
    }
    if (sorted->rows == 0) {
        free(sorted->table);
        sorted->table = NULL;
        sorted->from = sorted->room = 0;
    }
}

/* ---- changing ---- */

/* A full block gives some of its items to the next, or half of them to a new one. */
static bool split(struct sorted *sorted, size_t row)
{
    uint32_t count = row_at(sorted, row)->block->count;
    bool has_next = row + 1 < sorted->rows;
    uint32_t next_count = has_next ? row_at(sorted, row + 1)->block->count : BLOCK_MAX;

    if (next_count < LEND_MAX) {
        uint32_t n = (count - next_count) / 2;

        if (block_reserve(row_at(sorted, row + 1), n) == NULL) {
            return false;
        }
        move_to_next(sorted, row, n);
        return true;
    }
    if (!insert_row(sorted, row + 1, BLOCK_MAX)) {
        return false;
    }
    move_to_next(sorted, row, count / 2);
    return true;
}

/* Into a block that is not full, or will not be when a neighbour has helped. */
static bool place_item(struct sorted *sorted, const struct sought *sought, void *item)
{
    size_t row = search_table(sorted, sought);
    struct sorted_block *block = row_at(sorted, row)->block;
    size_t place;

    if (block->count == BLOCK_MAX) {
        if (!split(sorted, row)) {
            return false;
        }
        row = search_table(sorted, sought);
    }
    block = block_reserve(row_at(sorted, row), 1);
    if (block == NULL) {
        return false;
    }
    place = search_block(sorted, block, sought);
    memmove(block->items + block->from + place + 1, block->items + block->from + place,
            (block->count - place) * sizeof(void *));
    block->items[block->from + place] = item;
    block->count++;
    if (place == 0) {
        row_at(sorted, row)->first = sought->key;
    }
    return true;
}

/* Its items reach the end of a page, and to move them to its beginning would not make much room. */
static bool is_used_up(const struct sorted_block *block)
{
    return block->from + block->count == BLOCK_MAX && block->from < BLOCK_MAX / 2;
}

/* Behind the last of all, where a full block is not split: those that come in order fill it. */
static bool append(struct sorted *sorted, const struct sought *sought, void *item)
{
    size_t row = sorted->rows - 1;
    struct sorted_block *block;

    if (sorted->rows == 0 || is_used_up(row_at(sorted, row)->block)) {
        row = sorted->rows;
        if (!insert_row(sorted, row, row == 0 ? BLOCK_MIN : BLOCK_MAX)) {
            return false;
        }
        row_at(sorted, row)->first = sought->key;
    }
    block = block_reserve(row_at(sorted, row), 1);
    if (block != NULL) {
        block->items[block->from + block->count++] = item;
    }
    return block != NULL;
}

static bool is_behind_all(const struct sorted *sorted, const struct sought *sought)
{
    const void *last = sorted_last(sorted);

    return last == NULL || (!key_before(sought->key, row_at(sorted, sorted->rows - 1)->first) &&
                            !comes_before(sorted, sought, sorted->order->key(last), last));
}

bool sorted_insert(struct sorted *sorted, void *item)
{
    struct sought sought = {sorted->order->key(item), item};
    bool is_last = is_behind_all(sorted, &sought);

    if (!(is_last ? append(sorted, &sought, item) : place_item(sorted, &sought, item))) {
        return false;
    }
    sorted->count++;
    return true;
}

/* Two blocks that have become small. What cannot be had for it does no harm. */
static void merge(struct sorted *sorted, size_t row)
{
    uint32_t count = row_at(sorted, row)->block->count;

    if (row + 1 < sorted->rows && row_at(sorted, row + 1)->block->count + count <= MERGE_MAX &&
        block_reserve(row_at(sorted, row + 1), count) != NULL) {
        move_to_next(sorted, row, count);
        remove_row(sorted, row);
    }
}

static void take_out(struct sorted *sorted, size_t row, size_t place)
{
    struct sorted_block *block = row_at(sorted, row)->block;

    block->count--;
    if (place == 0) {
        block->from++;
    } else {
        memmove(block->items + block->from + place, block->items + block->from + place + 1,
                (block->count - place) * sizeof(void *));
    }
    if (block->count == 0) {
        remove_row(sorted, row);
        return;
    }
    if (place == 0) {
        update_key(sorted, row);
    }
    if (block->count < MERGE_MAX / 2) {
        merge(sorted, row);
    }
}

void sorted_remove(struct sorted *sorted, const void *item)
{
    struct sought sought = {sorted->order->key(item), item};
    size_t row = 0;
    size_t place = 0;

    if (sorted_first(sorted) != item) {
        row = search_table(sorted, &sought);
        place = search_block(sorted, row_at(sorted, row)->block, &sought) - 1;
    }
    assert(sorted->count > 0 && item_at(row_at(sorted, row)->block, place) == item);
    sorted->count--;
    take_out(sorted, row, place);
}

/* ---- looking ---- */

void *sorted_first(const struct sorted *sorted)
{
    return sorted->rows == 0 ? NULL : item_at(row_at(sorted, 0)->block, 0);
}

void *sorted_last(const struct sorted *sorted)
{
    const struct sorted_block *block;

    if (sorted->rows == 0) {
        return NULL;
    }
    block = row_at(sorted, sorted->rows - 1)->block;
    return item_at(block, block->count - 1);
}

struct sorted_at sorted_behind(const struct sorted *sorted, const void *item)
{
    struct sorted_at at = {0, 0};

    if (item != NULL && sorted->rows > 0) {
        struct sought sought = {sorted->order->key(item), item};

        at.row = search_table(sorted, &sought);
        at.place = search_block(sorted, row_at(sorted, at.row)->block, &sought);
    }
    return at;
}

void *sorted_next(const struct sorted *sorted, struct sorted_at *at)
{
    if (at->row < sorted->rows && at->place == row_at(sorted, at->row)->block->count) {
        at->row++;
        at->place = 0;
    }
    return at->row < sorted->rows ? item_at(row_at(sorted, at->row)->block, at->place++) : NULL;
}
