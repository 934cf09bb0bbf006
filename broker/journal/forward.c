/* forward.c - where bodies went. See forward.h. */
#include "broker/journal/forward.h"

#include <stdlib.h>

#include "broker/journal/format.h"

static int compare_from(const void *a, const void *b)
{
    const struct forward *one = a;
    const struct forward *other = b;

    return (one->from > other->from) - (one->from < other->from);
}

static int compare_number(const void *a, const void *b)
{
    const uint64_t *one = a;
    const uint64_t *other = b;

    return (*one > *other) - (*one < *other);
}

static struct forward *entry_of(const struct forwards *forwards, uint64_t place)
{
    struct forward key = {place, 0};

    return forwards->count == 0 ? NULL
                                : bsearch(&key, forwards->items, forwards->count,
                                          sizeof(*forwards->items), compare_from);
}

uint64_t forwards_find(const struct forwards *forwards, uint64_t place)
{
    const struct forward *entry = entry_of(forwards, place);

    return entry == NULL ? place : entry->to;
}

bool forwards_add(struct forwards *forwards, uint64_t from, uint64_t to)
{
    if (forwards->count == forwards->cap) {
        size_t cap = forwards->cap == 0 ? 256 : forwards->cap * 2;
        struct forward *items = realloc(forwards->items, cap * sizeof(*items));

        if (items == NULL) {
            return false;
        }
        forwards->items = items;
        forwards->cap = cap;
    }
    forwards->items[forwards->count++] = (struct forward){from, to};
    return true;
}

static void sort(struct forwards *forwards)
{
    if (forwards->count > 1) {
        qsort(forwards->items, forwards->count, sizeof(*forwards->items), compare_from);
    }
}

static bool is_kept(const uint64_t *kept, size_t count, uint64_t place)
{
    uint64_t number = place_file(place);

    return count > 0 && bsearch(&number, kept, count, sizeof(*kept), compare_number) != NULL;
}

/* Marks a move that an older entry leads to: its place before is known to nobody else. */
#define TAKEN 0

bool forwards_next(const struct forwards *before, struct forwards *moves, const uint64_t *kept,
                   size_t kept_count, struct forwards *out)
{
    bool ok = true;

    *out = (struct forwards){0};
    sort(moves);
    for (size_t i = 0; ok && i < before->count; i++) {
        const struct forward *old = &before->items[i];
        struct forward *move = entry_of(moves, old->to);

        if (move != NULL) {
            ok = forwards_add(out, old->from, move->to);
            move->to = TAKEN;
        } else if (is_kept(kept, kept_count, old->to)) {
            ok = forwards_add(out, old->from, old->to);
        }
    }
    for (size_t i = 0; ok && i < moves->count; i++) {
        if (moves->items[i].to != TAKEN) {
            ok = forwards_add(out, moves->items[i].from, moves->items[i].to);
        }
    }
    sort(out);
    if (!ok) {
        forwards_clear(out);
    }
    return ok;
}

void forwards_clear(struct forwards *forwards)
{
    free(forwards->items);
    *forwards = (struct forwards){0};
}
