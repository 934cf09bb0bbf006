/* forward.h - where bodies went: a table from the places that the running broker knows to those
 * where the bodies stand now.
 *
 * A compaction writes bodies anew and the broker is not told; whoever reads one back asks here
 * first. Sorted by the place before, one entry for each body that ever moved and still stands in a
 * file that exists. A table never changes: a compaction makes the next one beside the loop while
 * this one is in use. Must not know: files, stores. */
#ifndef JOURNAL_FORWARD_H
#define JOURNAL_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct forward {
    uint64_t from;
    uint64_t to;
};

struct forwards {
    struct forward *items;
    size_t count;
    size_t cap;
};

/* Where the body stands now that stood at place: there, if it never moved. */
uint64_t forwards_find(const struct forwards *forwards, uint64_t place);

bool forwards_add(struct forwards *forwards, uint64_t from, uint64_t to); /* false: no memory */

/* The table after one more compaction, which moved what `moves` lists (in any order; sorted here).
 * kept: numbers of the files that bodies may stand in from now on, rising; what was in others and
 * did not move is dead. A place that was only known through the table before is rewritten there;
 * the others are new. false: no memory. */
bool forwards_next(const struct forwards *before, struct forwards *moves, const uint64_t *kept,
                   size_t kept_count, struct forwards *out);

void forwards_clear(struct forwards *forwards);

#endif
