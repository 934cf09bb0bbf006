/* sorted.c - see sorted.h.
 *
 * Invariants: no block is empty; all items of a block come before all of the next, and not before
 * the key of its row, which was that of its first item once. */
#include "broker/core/sorted.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MAX SORTED_BLOCK_MAX
#define BLOCK_MIN 8u
#define SPARE_MAX 64u                 /* items a block has room for that is kept */
#define LEND_MAX  (BLOCK_MAX / 8 * 7) /* a block with fewer takes over from a full neighbour */
#define MERGE_MAX (BLOCK_MAX / 2)     /* two that have no more together become one */
#define TABLE_MIN 4u
#define COARSE    (SORTED_ROUGH_MAX / 16) /* when the rough keys of a block are no further apart */
#define AHEAD     8u                      /* items that are on their way from memory at once */

void sorted_init(struct sorted *sorted, const struct sorted_order *order)
{
    *sorted = (struct sorted){.order = order};
}

void sorted_clear(struct sorted *sorted)
{
    for (size_t i = 0; i < sorted->rows; i++) {
        sorted_block_clear(&sorted->table[sorted->from + i].block);
    }
    free(sorted->table);
    sorted_block_clear(&sorted->spare);
    sorted_init(sorted, sorted->order);
}

static struct sorted_row *row_at(const struct sorted *sorted, size_t row)
{
    return &sorted->table[sorted->from + row];
}

static struct sorted_block *block_at(const struct sorted *sorted, size_t row)
{
    return &row_at(sorted, row)->block;
}

static struct sorted_key key_of(const struct sorted_row *row)
{
    return (struct sorted_key){row->major, row->minor};
}

static void set_key(struct sorted_row *row, struct sorted_key key)
{
    row->major = key.major;
    row->minor = key.minor;
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
    struct sorted_key from = key_of(row);

    return key_same(sought->key, from)
               ? comes_before(sorted, sought, sorted_block_item(&row->block, 0))
               : key_before(sought->key, from);
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

/* ---- what is rough ---- */

static uint64_t major_of(const struct sorted *sorted, const struct sorted_block *block,
                         size_t place)
{
    return sorted->order->key(sorted_block_item(block, place)).major;
}

/* The rough keys of a block anew, by the items that it has now. */
static void measure(const struct sorted *sorted, struct sorted_block *block)
{
    size_t last = block->count - 1u;

    sorted_block_measure(block, major_of(sorted, block, 0), major_of(sorted, block, last));
    for (size_t i = 0; i <= last; i++) {
        __builtin_prefetch(sorted_block_item(block, i + AHEAD < last ? i + AHEAD : last));
        sorted_block_set_rough(block, i, sorted_block_rough_of(block, major_of(sorted, block, i)));
    }
}

static void measure_if_coarse(const struct sorted *sorted, struct sorted_block *block)
{
    if (sorted_block_rough(block, block->count - 1u) - sorted_block_rough(block, 0) < COARSE) {
        measure(sorted, block);
    }
}

/* How many items of the block do not come behind the one that is sought. Of those that are roughly
 * the same the last is asked first: what arrives often comes behind its like. */
static size_t search_block(const struct sorted *sorted, const struct sorted_block *block,
                           const struct sought *sought)
{
    uint32_t rough = sorted_block_rough_of(block, sought->key.major);
    size_t end = sorted_block_below(block, rough + 1);
    size_t first;

    if (end == 0 || sorted_block_rough(block, end - 1) != rough ||
        !comes_before(sorted, sought, sorted_block_item(block, end - 1))) {
        return end;
    }
    first = sorted_block_below(block, rough);
    for (end--; first < end;) {
        size_t middle = first + (end - first) / 2;

        if (comes_before(sorted, sought, sorted_block_item(block, middle))) {
            end = middle;
        } else {
            first = middle + 1;
        }
    }
    return first;
}

/* ---- the table ---- */

/* The last n items of a block go to the beginning of the next. */
static void move_to_next(const struct sorted *sorted, size_t row, size_t n)
{
    struct sorted_row *next = row_at(sorted, row + 1);

    sorted_block_move_last(block_at(sorted, row), &next->block, n);
    set_key(next, sorted->order->key(sorted_block_item(&next->block, 0)));
    measure(sorted, &next->block);
}

/* The first n items of a block go to the end of the one before, and others stay. */
static void move_to_last(const struct sorted *sorted, size_t row, size_t n)
{
    struct sorted_row *at = row_at(sorted, row);

    sorted_block_move_first(&at->block, block_at(sorted, row - 1), n);
    set_key(at, sorted->order->key(sorted_block_item(&at->block, 0)));
    measure(sorted, block_at(sorted, row - 1));
}

static bool block_make(struct sorted *sorted, size_t room, struct sorted_block *out)
{
    if (sorted->spare.room < room) {
        return sorted_block_init(out, room);
    }
    *out = sorted->spare;
    sorted->spare = (struct sorted_block){0};
    return true;
}

static void block_end(struct sorted *sorted, struct sorted_block *block)
{
    if (sorted->spare.room == 0 && block->room <= SPARE_MAX) {
        sorted->spare = (struct sorted_block){.entries = block->entries, .room = block->room};
    } else {
        sorted_block_clear(block);
    }
}

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
static bool insert_row(struct sorted *sorted, size_t row, size_t room)
{
    struct sorted_block block;
    struct sorted_row *at;

    if (!table_reserve(sorted) || !block_make(sorted, room, &block)) {
        return false;
    }
    at = row_at(sorted, row);
    memmove(at + 1, at, (sorted->rows - row) * sizeof(*at));
    *at = (struct sorted_row){.block = block};
    sorted->rows++;
    return true;
}

static void remove_row(struct sorted *sorted, size_t row)
{
    struct sorted_row *at = row_at(sorted, row);

    block_end(sorted, &at->block);
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

/* Two full neighbours become three blocks. */
static bool split_two(struct sorted *sorted, size_t row)
{
    size_t third = BLOCK_MAX / 3;

    if (!insert_row(sorted, row + 1, BLOCK_MAX)) {
        return false;
    }
    move_to_next(sorted, row, third);
    move_to_last(sorted, row + 2, third);
    measure_if_coarse(sorted, block_at(sorted, row));
    measure_if_coarse(sorted, block_at(sorted, row + 2));
    return true;
}

/* Takes from a full block: to a neighbour that has room, or to a new block, with a neighbour that
 * is as full. */
static bool relieve(struct sorted *sorted, size_t row)
{
    bool has_next = row + 1 < sorted->rows;
    size_t neighbour = has_next || row == 0 ? row + 1 : row - 1;
    size_t n;

    if (sorted->rows == 1) {
        n = BLOCK_MAX / 2;
        if (!insert_row(sorted, 1, BLOCK_MAX)) {
            return false;
        }
        move_to_next(sorted, 0, n);
        measure(sorted, block_at(sorted, 0));
        return true;
    }
    if (block_at(sorted, neighbour)->count >= LEND_MAX) {
        return split_two(sorted, has_next ? row : neighbour);
    }
    n = (BLOCK_MAX - block_at(sorted, neighbour)->count) / 2u;
    if (!sorted_block_reserve(block_at(sorted, neighbour), n)) {
        return false;
    }
    if (has_next) {
        move_to_next(sorted, row, n);
    } else {
        move_to_last(sorted, row, n);
    }
    measure_if_coarse(sorted, block_at(sorted, row));
    return true;
}

/* Into a block that is not full, or will not be when it was relieved. */
static bool place_item(struct sorted *sorted, const struct sought *sought, void *item)
{
    size_t at = search_table(sorted, sought);
    struct sorted_row *row;
    size_t place;

    if (block_at(sorted, at)->count == BLOCK_MAX) {
        if (!relieve(sorted, at)) {
            return false;
        }
        at = search_table(sorted, sought);
    }
    row = row_at(sorted, at);
    if (!sorted_block_reserve(&row->block, 1)) {
        return false;
    }
    place = search_block(sorted, &row->block, sought);
    sorted_block_put(&row->block, place, sorted_block_rough_of(&row->block, sought->key.major),
                     item);
    if (place == 0 && key_before(sought->key, key_of(row))) {
        set_key(row, sought->key);
    }
    return true;
}

/* Its items reach the end of a page, and to move them to its beginning would not make much room. */
static bool is_used_up(const struct sorted_block *block)
{
    return block->from + block->count == BLOCK_MAX && block->from < BLOCK_MAX / 2;
}

/* Behind the last of all, where a full block is not split: those that come in order fill it. What
 * is further than was measured is measured each time that there are twice as many. */
static bool append(struct sorted *sorted, const struct sought *sought, void *item)
{
    size_t row = sorted->rows - 1;
    struct sorted_block *block;
    uint32_t rough;

    if (sorted->rows == 0 || is_used_up(block_at(sorted, row))) {
        row = sorted->rows;
        if (!insert_row(sorted, row, row == 0 ? BLOCK_MIN : BLOCK_MAX)) {
            return false;
        }
        set_key(row_at(sorted, row), sought->key);
    }
    block = block_at(sorted, row);
    if (!sorted_block_reserve_behind(block)) {
        return false;
    }
    rough = sorted_block_rough_of(block, sought->key.major);
    sorted_block_put(block, block->count, rough, item);
    if (rough == SORTED_ROUGH_MAX && (block->count & (block->count - 1u)) == 0) {
        measure(sorted, block);
    }
    return true;
}

static bool is_behind_all(const struct sorted *sorted, const struct sought *sought)
{
    const struct sorted_row *row = sorted->rows == 0 ? NULL : row_at(sorted, sorted->rows - 1);

    return row == NULL ||
           (!key_before(sought->key, key_of(row)) &&
            !comes_before(sorted, sought, sorted_block_item(&row->block, row->block.count - 1u)));
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
    size_t count = block_at(sorted, row)->count;

    if (row + 1 < sorted->rows && block_at(sorted, row + 1)->count + count <= MERGE_MAX &&
        sorted_block_reserve(block_at(sorted, row + 1), count)) {
        move_to_next(sorted, row, count);
        remove_row(sorted, row);
    }
}

static void take_out(struct sorted *sorted, size_t row, size_t place)
{
    struct sorted_block *block = block_at(sorted, row);

    sorted_block_take(block, place);
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
        place = search_block(sorted, block_at(sorted, row), &sought) - 1;
    }
    assert(sorted->count > 0 && sorted_block_item(block_at(sorted, row), place) == item);
    sorted->count--;
    take_out(sorted, row, place);
}

/* ---- looking ---- */

void *sorted_first(const struct sorted *sorted)
{
    return sorted_near(sorted, 0);
}

void *sorted_near(const struct sorted *sorted, size_t n)
{
    const struct sorted_block *block = sorted->rows == 0 ? NULL : block_at(sorted, 0);

    return block != NULL && n < block->count ? sorted_block_item(block, n) : NULL;
}

void *sorted_last(const struct sorted *sorted)
{
    const struct sorted_block *block =
        sorted->rows == 0 ? NULL : block_at(sorted, sorted->rows - 1);

    return block == NULL ? NULL : sorted_block_item(block, block->count - 1u);
}

struct sorted_at sorted_behind(const struct sorted *sorted, const void *item)
{
    struct sorted_at at = {0, 0};

    if (item != NULL && sorted->rows > 0) {
        struct sought sought = {sorted->order->key(item), item};

        at.row = search_table(sorted, &sought);
        at.place = search_block(sorted, block_at(sorted, at.row), &sought);
    }
    return at;
}

void *sorted_next(const struct sorted *sorted, struct sorted_at *at)
{
    if (at->row < sorted->rows && at->place == block_at(sorted, at->row)->count) {
        at->row++;
        at->place = 0;
    }
    return at->row < sorted->rows ? sorted_block_item(block_at(sorted, at->row), at->place++)
                                  : NULL;
}
