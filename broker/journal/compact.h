/* compact.h - room is won back: files that hold little that is live are read for the last time.
 *
 * A compaction reads the newest checkpoint and all full segments into a replica and writes a new
 * checkpoint, in lane COMPACT; the loop only takes over what it found. Its policy is apart: pure
 * functions from figures of the files to what is to be done. Must not know: what records say. */
#ifndef JOURNAL_COMPACT_H
#define JOURNAL_COMPACT_H

#include "broker/journal/forward.h"
#include "broker/journal/internal.h"

/* ---- plan.c: the policy ---- */

struct plan_figures {
    uint64_t used;    /* bytes of all files, without segments that have no batch yet */
    uint64_t live;    /* bytes of live data, records and bodies */
    uint64_t records; /* of these: what a checkpoint has to repeat each time, about */
    uint64_t segment; /* of a segment */
};

/* Bytes beyond what the files may have before there is something to be won, with the segment that
 * is wanted next; 0: none. */
uint64_t plan_excess(const struct plan_figures *figures);
/* Is it time? excess_after: what the last compaction left that was not worth it, otherwise 0: it is
 * not repeated before there is more to win. */
bool plan_is_time(const struct plan_figures *figures, uint64_t excess_after);

struct plan_budget {
    uint64_t moved;  /* bytes of bodies that may be written anew */
    uint64_t growth; /* bytes of new segments meanwhile */
};
/* used: here with segments that have no batch yet, as a compaction begins. */
struct plan_budget plan_budget(const struct plan_figures *figures);

/* Did a compaction win more than it cost? Otherwise it is not repeated at once. */
bool plan_was_worth_it(uint64_t written, uint64_t freed);

/* A file that live bodies may stand in. */
struct plan_file {
    uint64_t number;
    uint64_t bytes; /* on disk */
    uint64_t end;   /* behind its last batch */
    uint64_t live;  /* of bodies */
    bool goes;      /* decided: its bodies move, it is removed */
};
/* Decides which files go: those without anything live, then the sparsest, until the rest is dense
 * enough or `moved` is used up. figures.used: as for plan_excess, and the new records. Returns
 * the bytes of the bodies that move. Does not change the order of the files. */
uint64_t plan_choose(const struct plan_figures *figures, uint64_t moved, struct plan_file *files,
                     size_t count);

/* ---- compact.c: the loop's side ---- */

bool compact_new(struct store *store); /* false: no memory */
void compact_free(struct store *store);
/* Once a turn: begins a compaction if it is time, removes what nobody reads any more. */
void compact_turn(struct store *store, int64_t now_ns);
int64_t compact_deadline_ns(const struct store *store);
bool compact_is_working(const struct store *store);
/* Where the body stands now that the broker knows at place. */
uint64_t compact_place(const struct store *store, uint64_t place);
/* May the log have a new segment of so many bytes now? Not while a compaction that is about to end
 * makes one free, or is due: disk use is bounded. */
bool compact_may_grow(const struct store *store, uint64_t bytes);

#endif
