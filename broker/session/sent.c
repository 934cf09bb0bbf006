/* sent.c - the ids that were answered on one connection and not yet confirmed. See sent.h. */
#include "broker/session/sent.h"

#include <assert.h>
#include <stdlib.h>

enum { SENT_CAP_FIRST = 8 }; /* a power of two, as all that follow: places are the low bits */

void sent_init(struct sent *sent)
{
    *sent = (struct sent){0};
}

void sent_clear(struct sent *sent)
{
    free(sent->runs);
    sent_init(sent);
}

static struct mst_range *run_at(struct sent *sent, size_t i)
{
    return &sent->runs[(sent->first + i) & (sent->cap - 1)];
}

static bool grow(struct sent *sent)
{
    size_t cap = sent->cap == 0 ? SENT_CAP_FIRST : sent->cap * 2;
    struct mst_range *runs = calloc(cap, sizeof(*runs));

    if (runs == NULL) {
        return false;
    }
    for (size_t i = 0; i < sent->count; i++) {
        runs[i] = *run_at(sent, i);
    }
    free(sent->runs);
    sent->runs = runs;
    sent->cap = cap;
    sent->first = 0;
    return true;
}

bool sent_push(struct sent *sent, struct mst_range ids)
{
    struct mst_range *last = sent->count == 0 ? NULL : run_at(sent, sent->count - 1);

    if (ids.count == 0) {
        return true;
    }
    if (last != NULL && last->first + last->count == ids.first) {
        last->count += ids.count;
        sent->ids += ids.count;
        return true;
    }
    if (sent->count == sent->cap && !grow(sent)) {
        return false;
    }
    *run_at(sent, sent->count) = ids;
    sent->count++;
    sent->ids += ids.count;
    return true;
}

size_t sent_pop(struct sent *sent, uint64_t n, struct mst_range *out)
{
    size_t runs = 0;

    assert(n <= sent->ids);
    sent->ids -= n;
    while (n > 0) {
        struct mst_range *first = run_at(sent, 0);
        uint64_t part = n < first->count ? n : first->count;

        out[runs++] = (struct mst_range){first->first, part};
        n -= part;
        first->first += part;
        first->count -= part;
        if (first->count == 0) {
            sent->first = (sent->first + 1) & (sent->cap - 1);
            sent->count--;
        }
    }
    return runs;
}
