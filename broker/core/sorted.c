/* sorted.c - see sorted.h.
 *
 * Invariants: no block is empty; all items of a block come before all of the next, and not before
 * the key of its row, which was that of its first item once. */
#include "broker/core/sorted.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MAX 338u /* items: with its head, and malloc's, a page of memory */
#define BLOCK_MIN 8u
#define SPARE_MAX 64u                   /* items a block has room for that is kept */
#define LEND_MAX  (BLOCK_MAX / 16 * 15) /* a block with fewer takes over from a full neighbour */
#define MERGE_MAX (BLOCK_MAX / 2)       /* two that have no more together become one */
#define TABLE_MIN 4u

struct sorted_entry {
    uint32_t rough;
    uint8_t item[sizeof(void *)]; /* the pointer: not aligned, so that an entry has 12 bytes */
};

struct sorted_block {
    uint32_t from, count, room; /* entries are at from .. from + count - 1 */
    struct sorted_entry entries[];
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

static struct sorted_entry *entry_at(struct sorted_block *block, size_t place)
{
    return &block->entries[block->from + place];
}

static uint32_t rough_at(const struct sorted_block *block, size_t place)
{
    return block->entries[block->from + place].rough;
}

static void *item_at(const struct sorted_block *block, size_t place)
{
    void *item;

    memcpy(&item, block->entries[block->from + place].item, sizeof(item));
    return item;
}

static struct sorted_entry entry_of(struct sorted_key key, void *item)
{
    struct sorted_entry entry = {.rough = key.rough};

    memcpy(entry.item, &item, sizeof(item));
    return entry;
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

static bool key_same(struct sorted_key a, struct sorted_key b)
{
    return a.major == b.major && a.minor == b.minor;
}

static bool comes_before(const struct sorted *sorted, const struct sought *sought, const void *item)
{
    struct sorted_key key = sorted->order->key(item);

    return key_same(sought->key, key) && sorted->order->before != NULL
               ? sorted->order->before(sought->item, item)
               : key_before(sought->key, key);
}

/* Items are touched only if their keys are the same: the table is small, they are everywhere. */
static bool comes_before_row(const struct sorted *sorted, const struct sought *sought,
                             const struct sorted_row *row)
{
    return key_same(sought->key, row->from) ? comes_before(sorted, sought, item_at(row->block, 0))
                                            : key_before(sought->key, row->from);
}

/* The block that the item belongs to: the last that does not begin behind it. */
static size_t search_table(const struct sorted *sorted, const struct sought *sought)
{
    size_t first = 0; /* the answer is in first .. end - 1 */
    size_t end = sorted->rows;

    while (end - first > 1) {
        size_t middle = first + (end - first) / 2;

        if (comes_before_row(sorted, sought, row_at(sorted, middle))) {
            end = middle;
        } else {
            first = middle;
        }
    }
    return first;
}

/* How many entries have a rough key below the given one. */
static size_t count_below(const struct sorted_block *block, uint64_t rough)
{
    size_t first = 0;
    size_t end = block->count;

    while (first < end) {
        size_t middle = first + (end - first) / 2;

        if (rough_at(block, middle) < rough) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first;
}

/* How many items of the block do not come behind the one that is sought. Of those that are roughly
 * the same the last is asked first: what arrives often comes behind its like. */
static size_t search_block(const struct sorted *sorted, const struct sorted_block *block,
                           const struct sought *sought)
{
    size_t end = count_below(block, (uint64_t)sought->key.rough + 1);
    size_t first;

    if (end == 0 || rough_at(block, end - 1) != sought->key.rough ||
        !comes_before(sorted, sought, item_at(block, end - 1))) {
        return end;
    }
    first = count_below(block, sought->key.rough);
    for (end--; first < end;) {
        size_t middle = first + (end - first) / 2;

        if (comes_before(sorted, sought, item_at(block, middle))) {
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
    block = malloc(sizeof(*block) + room * sizeof(block->entries[0]));
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

static void move_entries(struct sorted_entry *to, const struct sorted_entry *from, size_t n)
{
    memmove(to, from, n * sizeof(*to));
}

/* Entries begin at the first place again. */
static void block_align(struct sorted_block *block)
{
    move_entries(block->entries, entry_at(block, 0), block->count);
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
        block = realloc(block, sizeof(*block) + room * sizeof(block->entries[0]));
        if (block == NULL) {
            return NULL;
        }
        block->room = room;
        row->block = block;
    }
    return block;
}

/* Moves the last n entries of a block to the beginning of the next, which has room for them. */
static void move_to_next(const struct sorted *sorted, size_t row, uint32_t n)
{
    struct sorted_block *from = row_at(sorted, row)->block;
    struct sorted_block *to = row_at(sorted, row + 1)->block;

    assert(to->from + to->count + n <= to->room && n <= from->count);
    move_entries(entry_at(to, n), entry_at(to, 0), to->count);
    move_entries(entry_at(to, 0), entry_at(from, from->count - n), n);
    from->count -= n;
    to->count += n;
    row_at(sorted, row + 1)->from = sorted->order->key(item_at(to, 0));
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
    move_entries(entry_at(block, place + 1), entry_at(block, place), block->count - place);
    *entry_at(block, place) = entry_of(sought->key, item);
    block->count++;
    if (place == 0 && key_before(sought->key, row_at(sorted, row)->from)) {
        row_at(sorted, row)->from = sought->key;
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
        row_at(sorted, row)->from = sought->key;
    }
    block = block_reserve(row_at(sorted, row), 1);
    if (block != NULL) {
        *entry_at(block, block->count++) = entry_of(sought->key, item);
    }
    return block != NULL;
}

static bool is_behind_all(const struct sorted *sorted, const struct sought *sought)
{
    const void *last = sorted_last(sorted);

    return last == NULL || (!key_before(sought->key, row_at(sorted, sorted->rows - 1)->from) &&
                            !comes_before(sorted, sought, last));
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
        move_entries(entry_at(block, place), entry_at(block, place + 1), block->count - place);
    }
    if (block->count == 0) {
        remove_row(sorted, row);
    } else if (block->count < MERGE_MAX / 2) {
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
    __builtin_prefetch(sorted_first(sorted)); /* which is wanted next, and was long not touched */
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
