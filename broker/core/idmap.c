/* idmap.c - see idmap.h. The directory uses linear probing with backward-shift deletion. */
#include "broker/core/idmap.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void idmap_init(struct idmap *map)
{
    memset(map, 0, sizeof(*map));
}

void idmap_clear(struct idmap *map)
{
    for (size_t i = 0; i < map->places; i++) {
        free(map->pages[i]);
    }
    free(map->pages);
    idmap_init(map);
}

/* Page numbers are small and consecutive: a multiplication spreads them well enough, and who picks
 * numbers on purpose only slows its own session or queue. */
static size_t home(const struct idmap *map, uint64_t number)
{
    return (size_t)((number * 0x9e3779b97f4a7c15ull) >> 20) & (map->places - 1);
}

struct idmap_page *idmap_look_up(struct idmap *map, uint64_t number)
{
    size_t at;

    if (map->places == 0) {
        return NULL;
    }
    for (at = home(map, number); map->pages[at] != NULL; at = (at + 1) & (map->places - 1)) {
        if (map->pages[at]->number == number) {
            map->last = map->pages[at];
            return map->last;
        }
    }
    return NULL;
}

void idmap_foresee(const struct idmap *map, uint64_t key, bool place_only)
{
    struct idmap_page *const *place = &map->pages[home(map, key / IDMAP_PAGE)];

    if (place_only) {
        __builtin_prefetch(place);
    } else if (*place != NULL) {
        __builtin_prefetch(*place, 1);
        __builtin_prefetch(&(*place)->values[key % IDMAP_PAGE], 1);
    }
}

static inline struct idmap_page *find_page(struct idmap *map, uint64_t number)
{
    return map->last != NULL && map->last->number == number ? map->last
                                                            : idmap_look_up(map, number);
}

static void insert_page(struct idmap *map, struct idmap_page *page)
{
    size_t at = home(map, page->number);

    while (map->pages[at] != NULL) {
        at = (at + 1) & (map->places - 1);
    }
    map->pages[at] = page;
}

static bool grow(struct idmap *map)
{
    struct idmap_page **old = map->pages;
    size_t old_places = map->places;
    size_t places = old_places == 0 ? 8 : old_places * 2;
    struct idmap_page **pages;

    if (map->used * 2 < old_places) {
        return true;
    }
    pages = calloc(places, sizeof(struct idmap_page *));
    if (pages == NULL) {
        return map->used < old_places - old_places / 8; /* look-ups must end at a free place */
    }
    map->pages = pages;
    map->places = places;
    for (size_t i = 0; i < old_places; i++) {
        if (old[i] != NULL) {
            insert_page(map, old[i]);
        }
    }
    free(old);
    return true;
}

/* Out of the directory, and what stands behind it closer to home. */
static void take_page(struct idmap *map, struct idmap_page *page)
{
    size_t mask = map->places - 1;
    size_t hole = home(map, page->number);
    size_t at;

    while (map->pages[hole] != page) {
        hole = (hole + 1) & mask;
    }
    map->pages[hole] = NULL;
    for (at = (hole + 1) & mask; map->pages[at] != NULL; at = (at + 1) & mask) {
        size_t want = home(map, map->pages[at]->number);

        if (((at - want) & mask) >= ((at - hole) & mask)) {
            map->pages[hole] = map->pages[at];
            map->pages[at] = NULL;
            hole = at;
        }
    }
    map->used--;
    map->last = map->last == page ? NULL : map->last;
}

/* The one that was idle, if it still is; it becomes another one. */
static struct idmap_page *take_idle(struct idmap *map)
{
    struct idmap_page *page = map->idle;

    map->idle = NULL;
    if (page == NULL || page->used > 0) {
        return NULL;
    }
    take_page(map, page);
    return page;
}

static struct idmap_page *make_page(struct idmap *map, uint64_t number)
{
    struct idmap_page *page;

    if (!grow(map)) {
        return NULL;
    }
    page = take_idle(map);
    if (page == NULL) {
        page = calloc(1, sizeof(*page));
    }
    if (page == NULL) {
        return NULL;
    }
    page->number = number;
    page->marked = 0;
    insert_page(map, page);
    map->used++;
    map->last = page;
    return page;
}

/* It has no values any more. */
static void leave_idle(struct idmap *map, struct idmap_page *page)
{
    if (map->idle != page) {
        free(take_idle(map));
        map->idle = page;
    }
}

static struct idmap_page *ensure_page(struct idmap *map, uint64_t number)
{
    struct idmap_page *page = find_page(map, number);

    return page != NULL ? page : make_page(map, number);
}

bool idmap_set(struct idmap *map, uint64_t key, void *value)
{
    struct idmap_page *page = ensure_page(map, key / IDMAP_PAGE);

    assert(value != NULL);
    if (page == NULL) {
        return false;
    }
    if (page->values[key % IDMAP_PAGE] == NULL) {
        page->used++;
        map->count++;
    }
    page->values[key % IDMAP_PAGE] = value;
    return true;
}

void *idmap_remove(struct idmap *map, uint64_t key)
{
    struct idmap_page *page = find_page(map, key / IDMAP_PAGE);
    void *value;

    if (page == NULL || page->values[key % IDMAP_PAGE] == NULL) {
        return NULL;
    }
    value = page->values[key % IDMAP_PAGE];
    page->values[key % IDMAP_PAGE] = NULL;
    map->count--;
    page->used--;
    if (page->used == 0) {
        leave_idle(map, page);
    }
    return value;
}

/* ---- runs ---- */

/* How many of the keys, from this one on, are in its page. */
static uint32_t part_of_page(uint64_t key, uint64_t count)
{
    uint32_t room = IDMAP_PAGE - (uint32_t)(key % IDMAP_PAGE);

    return count < room ? (uint32_t)count : room;
}

bool idmap_set_run(struct idmap *map, uint64_t key, uint64_t count, void *value)
{
    assert(value != NULL);
    if (count == 1) {
        return idmap_set(map, key, value); /* most are, and need no loop */
    }
    while (count > 0) {
        struct idmap_page *page = ensure_page(map, key / IDMAP_PAGE);
        uint32_t part = part_of_page(key, count);
        uint32_t added = 0;

        if (page == NULL) {
            return false;
        }
        for (uint32_t i = 0; i < part; i++) {
            added += page->values[key % IDMAP_PAGE + i] == NULL;
            page->values[key % IDMAP_PAGE + i] = value;
        }
        page->used += added;
        map->count += added;
        key += part;
        count -= part;
    }
    return true;
}

void idmap_remove_run(struct idmap *map, uint64_t key, uint64_t count)
{
    if (count == 1) {
        void *was = idmap_remove(map, key);

        assert(was != NULL);
        (void)was;
        return;
    }
    while (count > 0) {
        struct idmap_page *page = find_page(map, key / IDMAP_PAGE);
        uint32_t part = part_of_page(key, count);

        assert(page != NULL && page->used >= part);
        memset(&page->values[key % IDMAP_PAGE], 0, part * sizeof(page->values[0]));
        map->count -= part;
        page->used -= part;
        if (page->used == 0) {
            leave_idle(map, page);
        }
        key += part;
        count -= part;
    }
}

/* ---- marks ---- */

#define BIT(key) (1u << ((key) % IDMAP_PAGE))

void idmap_mark(struct idmap *map, struct idmap_marks *marks, uint64_t key)
{
    struct idmap_page *page = find_page(map, key / IDMAP_PAGE);

    assert(page != NULL && page->values[key % IDMAP_PAGE] != NULL && page->marked < BIT(key));
    if (page->marked == 0) {
        assert(marks->last == NULL || marks->last->number < page->number);
        page->before = marks->last;
        page->next = NULL;
        *(marks->last == NULL ? &marks->first : &marks->last->next) = page;
        marks->last = page;
    }
    page->marked |= BIT(key);
}

void idmap_unmark(struct idmap *map, struct idmap_marks *marks, uint64_t key)
{
    struct idmap_page *page = find_page(map, key / IDMAP_PAGE);

    assert(page != NULL && (page->marked & BIT(key)) != 0);
    page->marked &= ~BIT(key);
    if (page->marked == 0) {
        *(page->before == NULL ? &marks->first : &page->before->next) = page->next;
        *(page->next == NULL ? &marks->last : &page->next->before) = page->before;
    }
}

static void *lowest(const struct idmap_page *page, uint32_t marked)
{
    return page->values[__builtin_ctz(marked)];
}

static void *highest(const struct idmap_page *page, uint32_t marked)
{
    return page->values[31 - __builtin_clz(marked)];
}

void *idmap_marked_first(const struct idmap_marks *marks)
{
    return marks->first == NULL ? NULL : lowest(marks->first, marks->first->marked);
}

void *idmap_marked_last(const struct idmap_marks *marks)
{
    return marks->last == NULL ? NULL : highest(marks->last, marks->last->marked);
}

void *idmap_marked_after(struct idmap *map, uint64_t key)
{
    const struct idmap_page *page = find_page(map, key / IDMAP_PAGE);
    uint32_t above = page->marked & ~(BIT(key) | (BIT(key) - 1));

    if (above != 0) {
        return lowest(page, above);
    }
    return page->next == NULL ? NULL : lowest(page->next, page->next->marked);
}

void *idmap_marked_before(struct idmap *map, uint64_t key)
{
    const struct idmap_page *page = find_page(map, key / IDMAP_PAGE);
    uint32_t below = page->marked & (BIT(key) - 1);

    if (below != 0) {
        return highest(page, below);
    }
    return page->before == NULL ? NULL : highest(page->before, page->before->marked);
}

/* ---- all of them ---- */

static int compare_pages(const void *a, const void *b)
{
    const struct idmap_page *const *left = a;
    const struct idmap_page *const *right = b;

    return (*left)->number < (*right)->number ? -1 : (*left)->number > (*right)->number;
}

static size_t copy_values(const struct idmap_page *page, void **out)
{
    size_t n = 0;

    for (unsigned i = 0; i < IDMAP_PAGE; i++) {
        if (page->values[i] != NULL) {
            out[n++] = page->values[i];
        }
    }
    return n;
}

void **idmap_sorted(const struct idmap *map)
{
    struct idmap_page **pages;
    void **values;
    size_t n = 0;
    size_t filled = 0;

    if (map->count == 0) {
        return NULL;
    }
    pages = malloc(map->used * sizeof(struct idmap_page *));
    values = malloc(map->count * sizeof(void *));
    if (pages == NULL || values == NULL) {
        free(pages);
        free(values);
        return NULL;
    }
    for (size_t i = 0; i < map->places; i++) {
        if (map->pages[i] != NULL) {
            pages[n++] = map->pages[i];
        }
    }
    qsort(pages, n, sizeof(pages[0]), compare_pages);
    for (size_t i = 0; i < n; i++) {
        filled += copy_values(pages[i], values + filled);
    }
    assert(filled == map->count);
    free(pages);
    return values;
}

size_t idmap_take_page(struct idmap *map, size_t *at, void *values[IDMAP_PAGE])
{
    size_t n;

    map->last = NULL;
    for (; *at < map->places; ++*at) {
        struct idmap_page *page = map->pages[*at];

        if (page != NULL) {
            map->pages[*at] = NULL;
            n = copy_values(page, values);
            free(page);
            if (n > 0) {
                return n;
            }
        }
    }
    return 0;
}
