/* plan.c - when to compact, and what: policy alone. See compact.h.
 *
 * What is to hold: all files take at most twice the live data and two segments, also while a
 * compaction writes. So it begins while there is room for what it writes, the records (which every
 * checkpoint repeats) and the bodies that move; and it moves no more than is worth it. Where the
 * records outweigh three quarters of the live data, which takes bodies shorter than their
 * bookkeeping, that would mean compacting without an end: a quarter of the live data as garbage is
 * always let be, and the files may take that much more for a while. */
#include "broker/journal/compact.h"

#include <stdlib.h>

#define SEGMENTS_ALLOWED 2 /* one that is written to, and the next */

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

static uint64_t wanted_most(const struct plan_figures *figures) /* before a compaction begins */
{
    uint64_t live = figures->live;
    uint64_t most = smaller(live + live / 2, less(2 * live, figures->records));

    return larger(most, live + live / 4) + allowed(figures);
}

uint64_t plan_excess(const struct plan_figures *figures)
{
    return less(figures->used + figures->segment, wanted_most(figures));
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
    uint64_t growth = larger(spare / 2, figures->live / 8);

    growth -= growth % figures->segment;
    return (struct plan_budget){
        .moved = larger(less(spare, growth), figures->segment / 2),
        .growth = growth,
    };
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
    return one->number > other->number ? 1 : -1; /* the oldest first */
}

static bool is_worth_it(const struct plan_file *file)
{
    return less(file->bytes, file->live) >= file->bytes / 8;
}

uint64_t plan_choose(const struct plan_figures *figures, uint64_t moved_max,
                     struct plan_file *files, size_t count)
{
    uint64_t target = figures->live + figures->live / 5 + allowed(figures);
    uint64_t total = figures->used;
    uint64_t moved = 0;
    struct plan_file **order = malloc((count + 1) * sizeof(struct plan_file *));

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
    qsort(order, count, sizeof(struct plan_file *), compare_density);
    for (size_t i = 0; i < count && total > target; i++) {
        struct plan_file *file = order[i];

        if (!file->goes && is_worth_it(file) && moved + file->live <= moved_max) {
            file->goes = true;
            moved += file->live;
            total = less(total, file->bytes - file->live);
        }
    }
    free(order);
    return moved;
}
