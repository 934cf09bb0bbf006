/* plan.c - when to compact, and what: policy alone. See compact.h.
 *
 * What is to hold: all files take at most twice the live data and two segments, also while a
 * compaction writes. So it begins while there is room for what it writes: the records, which every
 * checkpoint repeats, and as many bodies as may move. That is a few segments or a part of the live
 * data, for two reasons: a file that was written at once can be moved at once later, and where two
 * thirds of the bytes are live at most, as much is freed as the log has brought meanwhile. With
 * little live data all of it can move, and two segments take turns.
 *
 * Where the records outweigh the bodies by far, which takes bodies shorter than their bookkeeping,
 * that would mean compacting without an end: of much live data a quarter as garbage is always let
 * be, and the files may take that much more for a while. */
#include "broker/journal/compact.h"

#include <stdlib.h>

#define SEGMENTS_ALLOWED 2  /* one that is written to, and the next */
#define MOVED_SEGMENTS   3  /* so much may move in any case */
#define MUCH_SEGMENTS    8  /* more live data than so many is much */
#define PADDING_PART     16 /* of what is written at most this is zeros behind batches */

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t less(uint64_t a, uint64_t b) /* not below 0 */
{
    return a > b ? a - b : 0;
}

static uint64_t allowed(const struct plan_figures *figures)
{
    return SEGMENTS_ALLOWED * figures->segment;
}

/* What is above a few segments: only of much live data something may be given away. */
static uint64_t much(const struct plan_figures *figures)
{
    return less(figures->live, MUCH_SEGMENTS * figures->segment);
}

/* Bodies of one compaction. */
static uint64_t moved_most(const struct plan_figures *figures)
{
    return larger(MOVED_SEGMENTS * figures->segment, figures->live / 8);
}

static bool is_little(const struct plan_figures *figures)
{
    return figures->live <= moved_most(figures);
}

/* Of live data and garbage, without the segments that are allowed, before a compaction begins. */
static uint64_t used_most(const struct plan_figures *figures)
{
    uint64_t live = figures->live;
    uint64_t room = figures->records + larger(moved_most(figures), live / 4);
    uint64_t most = smaller(live + live / 2, less(2 * live, room));

    return larger(most, live + much(figures) / 4);
}

uint64_t plan_excess(const struct plan_figures *figures)
{
    return less(figures->used + figures->segment, used_most(figures) + allowed(figures));
}

bool plan_is_time(const struct plan_figures *figures, uint64_t excess_after)
{
    uint64_t excess = plan_excess(figures);
    uint64_t more = larger(figures->segment / 2, figures->live / 4);

    return excess > 0 && (excess_after == 0 || excess >= excess_after + more);
}

struct plan_budget plan_budget(const struct plan_figures *figures)
{
    uint64_t room = less(2 * figures->live + allowed(figures), figures->used);
    uint64_t spare = less(room, figures->records);
    /* Of little live data all; and never so little that nothing is ever won. */
    uint64_t least =
        larger(figures->segment / 2, is_little(figures) ? moved_most(figures) : figures->live / 8);
    struct plan_budget budget;

    spare -= spare / PADDING_PART;
    budget.moved = larger(smaller(spare, moved_most(figures)), least);
    budget.growth = larger(less(spare, budget.moved), much(figures) / 8);
    budget.growth -= budget.growth % figures->segment;
    return budget;
}

bool plan_was_worth_it(uint64_t written, uint64_t freed)
{
    return freed >= written + written / 4;
}

/* ---- which files go ---- */

static int compare_density(const void *a, const void *b)
{
    const struct plan_file *one = *(struct plan_file *const *)a;
    const struct plan_file *other = *(struct plan_file *const *)b;
    double one_density = (double)one->live / (double)larger(one->bytes, 1);
    double other_density = (double)other->live / (double)larger(other->bytes, 1);

    if (one_density != other_density) {
        return one_density > other_density ? 1 : -1;
    }
    return (one->number > other->number) - (one->number < other->number); /* the oldest first */
}

struct choice {
    bool is_little; /* little live data: the dense move as well */
    uint64_t moved_max, moved;
    uint64_t over; /* bytes that are still to be freed */
    uint64_t freed;
};

static bool fits(const struct choice *choice, const struct plan_file *file)
{
    uint64_t least = file->bytes / (choice->is_little ? 32 : 8);

    return !file->goes && less(file->bytes, file->live) >= least &&
           choice->moved + file->live <= choice->moved_max;
}

static void let_go(struct choice *choice, struct plan_file *file)
{
    file->goes = true;
    choice->moved += file->live;
    choice->freed += file->bytes - file->live;
    choice->over = less(choice->over, file->bytes - file->live);
}

/* The one that frees most of those that fit. */
static struct plan_file *largest(const struct choice *choice, struct plan_file **order,
                                 size_t count)
{
    struct plan_file *best = NULL;

    for (size_t i = 0; i < count; i++) {
        if (fits(choice, order[i]) &&
            (best == NULL || order[i]->bytes - order[i]->live > best->bytes - best->live)) {
            best = order[i];
        }
    }
    return best;
}

/* first: goes in any case, if there is one. */
static struct choice choose(struct choice choice, struct plan_file *first, struct plan_file **order,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        order[i]->goes = order[i]->live == 0;
    }
    if (first != NULL) {
        let_go(&choice, first);
    }
    for (size_t i = 0; i < count && choice.over > 0; i++) {
        if (fits(&choice, order[i])) {
            let_go(&choice, order[i]);
        }
    }
    return choice;
}

/* The sparsest first wins most for what is moved; but small ones can keep out the one large file
 * that is worth more than all of them. */
uint64_t plan_choose(const struct plan_figures *figures, uint64_t moved_max,
                     struct plan_file *files, size_t count)
{
    uint64_t target =
        figures->live + less(used_most(figures), figures->live) * 2 / 5 + allowed(figures);
    uint64_t total = figures->used + figures->segment;
    struct plan_file **order = malloc((count + 1) * sizeof(struct plan_file *));
    struct choice none = {.moved_max = moved_max}, sparse;
    struct plan_file *first;
    uint64_t moved;

    for (size_t i = 0; i < count; i++) {
        files[i].goes = files[i].live == 0;
        total = less(total, files[i].goes ? files[i].bytes : 0);
        if (order != NULL) {
            order[i] = &files[i];
        }
    }
    if (order == NULL) {
        return 0; /* what holds nothing goes all the same */
    }
    none.over = less(total, target);
    none.is_little = is_little(figures);
    qsort(order, count, sizeof(struct plan_file *), compare_density);
    first = largest(&none, order, count);
    sparse = choose(none, NULL, order, count);
    if (sparse.over > 0 && choose(none, first, order, count).freed <= sparse.freed) {
        first = NULL;
    }
    moved = choose(none, sparse.over > 0 ? first : NULL, order, count).moved;
    free(order);
    return moved;
}
