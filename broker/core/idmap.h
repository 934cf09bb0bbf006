/* idmap.h - from numbers that mostly follow one another to pointers.
 *
 * Numbers are grouped in pages of IDMAP_PAGE; a small open-addressed directory finds the page. So
 * consecutive numbers cost one pointer each, a look-up touches two cache lines, and growing moves
 * only the directory. idmap_sorted gives the rising order.
 *
 * Numbers can be marked, each above all that are marked already: one bit each, and the pages with
 * marks stand in order. So a list of them by number costs next to nothing. */
#ifndef CORE_IDMAP_H
#define CORE_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDMAP_PAGE 32u

struct idmap_page {
    uint64_t number;
    uint32_t used;
    uint32_t marked;                  /* one bit per value */
    struct idmap_page *before, *next; /* with marks; meaningless without */
    void *values[IDMAP_PAGE];
};

struct idmap {
    struct idmap_page **pages; /* by hash of the page's number; NULL: free place */
    size_t places;             /* a power of two, or 0 */
    size_t used;
    size_t count;            /* of numbers that are set */
    struct idmap_page *last; /* the page touched last */
    struct idmap_page *idle; /* one that is empty may stay, until another one is: so a window that
                                moves on neither allocates, nor makes a page for each number */
};

struct idmap_marks {
    struct idmap_page *first, *last; /* pages with marks, by rising number */
};

void idmap_init(struct idmap *map);
void idmap_clear(struct idmap *map);
/* value is not NULL; false: no memory */
bool idmap_set(struct idmap *map, uint64_t key, void *value);
/* The same for count keys from this one on, which may be set or not; false: no memory, and some of
 * them are set. */
bool idmap_set_run(struct idmap *map, uint64_t key, uint64_t count, void *value);
void idmap_remove_run(struct idmap *map, uint64_t key, uint64_t count); /* all of them are set */
/* The directory grows when half of it is in use. Refused memory, it goes on with what it has, which
 * may soon be too little: */
static inline bool idmap_is_tight(const struct idmap *map)
{
    return map->used > map->places - map->places / 4;
}
/* The page of that number; NULL: there is none. */
struct idmap_page *idmap_look_up(struct idmap *map, uint64_t number);

/* NULL: not set */
static inline void *idmap_get(struct idmap *map, uint64_t key)
{
    struct idmap_page *page = map->last;

    if (page == NULL || page->number != key / IDMAP_PAGE) {
        page = idmap_look_up(map, key / IDMAP_PAGE);
    }
    return page == NULL ? NULL : page->values[key % IDMAP_PAGE];
}

void *idmap_remove(struct idmap *map, uint64_t key); /* what was there, or NULL */

/* A key that is set will be looked up soon: memory may bring the page's place in the directory, or,
 * when that has come, the page. */
void idmap_foresee(const struct idmap *map, uint64_t key, bool place_only);

/* The key is set, and above all that are marked. */
void idmap_mark(struct idmap *map, struct idmap_marks *marks, uint64_t key);
void idmap_unmark(struct idmap *map, struct idmap_marks *marks, uint64_t key);
/* Values of marked keys; NULL: there is none, or none behind (before) that key, which is marked. */
void *idmap_marked_first(const struct idmap_marks *marks);
void *idmap_marked_last(const struct idmap_marks *marks);
void *idmap_marked_after(struct idmap *map, uint64_t key);
void *idmap_marked_before(struct idmap *map, uint64_t key);

/* The values in rising order of their numbers: an array of map->count pointers that the caller
 * frees; NULL when empty or out of memory. O(n log n): for looking and ending, not for hot paths.
 */
void **idmap_sorted(const struct idmap *map);

/* Takes a map apart page by page: gives the values of the next page behind *at and frees it;
 * returns how many, 0 at the end. The map must not be used for anything else afterwards but
 * idmap_clear. */
size_t idmap_take_page(struct idmap *map, size_t *at, void *values[IDMAP_PAGE]);

#endif
