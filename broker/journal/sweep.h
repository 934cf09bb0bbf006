/* sweep.h - files that nothing refers to any more are removed, or become the log's next segment.
 *
 * A dead file goes when nobody reads it. If it cannot be removed, the next start tries again. Must
 * not know: why they are dead. */
#ifndef JOURNAL_SWEEP_H
#define JOURNAL_SWEEP_H

#include "broker/journal/internal.h"

struct swept {
    uint64_t number;
    enum file_kind kind;
};

struct sweep {
    struct job job; /* first */
    struct store *store;
    struct disk *disk;
    size_t dead; /* files that are marked so, whoever marks them counts them */
    bool is_removing;
    struct swept *items; /* the job's */
    size_t count;
    int error;
    char name[DISK_NAME_MAX + 1]; /* of the first that could not be removed */
};

void sweep_turn(struct sweep *sweep, struct store *store);
void sweep_clear(struct sweep *sweep);

#endif
