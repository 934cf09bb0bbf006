/* disk.h - the small storage table: all that the journal may do to a disk.
 *
 * One directory of plain files. The calls block; they are made in jobs (job.h) that run beside the
 * loop, and by one thread at a time for each file. Whatever was written is certain only after sync
 * of the file, and a name (made, renamed, removed) only after sync_dir: an implementation for tests
 * may lose the rest when its power fails. broker/io has the real one. Every call that can fail
 * returns a negative errno. Must not know: what the bytes mean. */
#ifndef JOURNAL_DISK_H
#define JOURNAL_DISK_H

#include "protocol/span.h"

#define DISK_NAME_MAX 63

struct disk;

enum disk_mode {
    DISK_READ,   /* it must be there */
    DISK_UPDATE, /* it must be there; read and write */
    DISK_CREATE  /* it must not be there; read and write */
};

/* Called for each name in the directory; false ends the list. */
typedef bool disk_name_fn(void *user, const char *name);

struct disk_table {
    int (*open)(struct disk *disk, const char *name, enum disk_mode mode); /* a number >= 0 */
    void (*close)(struct disk *disk, int file);
    /* Bytes read: fewer than len only where the file ends. */
    int64_t (*read)(struct disk *disk, int file, uint64_t offset, void *out, size_t len);
    int (*write)(struct disk *disk, int file, uint64_t offset, const void *bytes, size_t len);
    int64_t (*size)(struct disk *disk, int file);
    int (*sync)(struct disk *disk, int file); /* its data and its size */
    /* What is read of the file from now on comes from the disk: a failed sync may have left bytes
     * in memory that never got there. */
    void (*forget)(struct disk *disk, int file);
    int (*rename)(struct disk *disk, const char *from, const char *to);
    int (*remove)(struct disk *disk, const char *name);
    int (*sync_dir)(struct disk *disk);
    int (*list)(struct disk *disk, disk_name_fn *name, void *user); /* in no order */
    int64_t (*room)(struct disk *disk); /* bytes that may still be written to new files */
};

/* First member of every disk. */
struct disk {
    const struct disk_table *table;
};

#endif
