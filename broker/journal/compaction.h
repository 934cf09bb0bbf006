/* compaction.h - the work of a compaction, beside the loop; a backup is one in which all moves.
 *
 * Replays the checkpoint and the full segments into a replica, looks what is live in which file,
 * decides which files go, and writes the new checkpoint. Until its rename nothing refers to what it
 * writes: it may fail at any time and has changed nothing. Must not know: the running store. */
#ifndef JOURNAL_COMPACTION_H
#define JOURNAL_COMPACTION_H

#include "broker/journal/checkpoint.h"
#include "broker/journal/compact.h"

struct compaction_work {
    struct job job; /* first */
    /* Given. */
    struct store *store; /* for `done` */
    struct disk *disk;
    struct journal_replica replica;
    struct store_files files; /* a copy: the checkpoint's, itself, and the full segments */
    uint64_t checkpoint;      /* the one that it begins with; 0: none */
    uint64_t last_segment;    /* the last full one */
    uint8_t journal_id[FORMAT_ID_BYTES];
    struct file_header header; /* of the new file; next_batch of a checkpoint is found */
    bool moves_all;            /* the new file refers to no other */
    struct plan_figures figures;
    uint64_t moved_max;
    const struct forwards *before; /* NULL: nobody will ask for moved bodies */
    /* Found. */
    enum store_status status;
    bool no_room; /* with STORE_IO: there was no room for it */
    char error[STORE_ERROR_MAX];
    struct plan_file *plan; /* of the files, the same order */
    uint64_t seq;
    uint64_t bytes;   /* of the new file */
    uint64_t records; /* of these: not bodies that moved */
    uint64_t live;    /* bytes of records and bodies */
    uint64_t moved;
    struct forwards forwards; /* the table from now on */
};

/* The job's work: reads the given, sets the found. */
void compaction_carry_out(struct compaction_work *work);
/* A copy of the files that a checkpoint up to last_segment is made of. false: no memory. */
bool compaction_take_files(struct compaction_work *work, const struct store_files *files);
void compaction_clear(struct compaction_work *work);

#endif
