/* checkpoint.h - a checkpoint on its way to the disk: for compaction, backup and salvage.
 *
 * Written under a temporary name, batch by batch; it has its own name only when all of it is
 * durable, so whoever sees the name sees the whole. Blocks: for jobs. Must not know: what is in
 * it, why it is written. */
#ifndef JOURNAL_CHECKPOINT_H
#define JOURNAL_CHECKPOINT_H

#include "broker/journal/format.h"
#include "protocol/buf.h"

#define CHECKPOINT_SYNC_BYTES (16u << 20) /* synced so often, so that no sync is a long one */

struct checkpoint {
    struct disk *disk;
    struct file_header header;
    char name[DISK_NAME_MAX + 1];
    char temporary[DISK_NAME_MAX + 1]; /* empty: it has its own name */
    int file;                          /* -1: none */
    uint64_t offset; /* where the next batch goes; in the end, the size of the file */
    uint64_t index;  /* of the last batch */
    uint64_t synced;
    struct mst_buf buffer;
    int error;         /* the first that happened; -ENOMEM too */
    const char *tried; /* what failed: "write" */
};

/* All of them: false, and error and tried are set. After false nothing more is done. */
bool checkpoint_begin(struct checkpoint *checkpoint, struct disk *disk,
                      const struct file_header *header);
bool checkpoint_put(struct checkpoint *checkpoint, uint32_t flags, uint64_t seq,
                    struct mst_span payload);
bool checkpoint_end(struct checkpoint *checkpoint, uint64_t seq);
/* Lets go of everything, and of the file if it has not its own name yet. */
void checkpoint_clear(struct checkpoint *checkpoint);

/* Place of the first payload byte of the batch that is put next. */
uint64_t checkpoint_place(const struct checkpoint *checkpoint);

#endif
