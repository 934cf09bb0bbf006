/* disk.h - a disk in memory for tests: it loses power, runs full, and fails when told to.
 *
 * What was written since the last sync of a file, and names since the last sync_dir, survive a
 * power failure by chance only: each sector of SIM_DISK_SECTOR bytes is kept, dropped or garbage,
 * and of the changes to the directory a random first part is kept. A failed sync loses what it was
 * to write, for good, though reading still shows it; as real systems do. */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "broker/journal/disk.h"

#define SIM_DISK_SECTOR 512

enum sim_disk_call {
    SIM_DISK_READ,
    SIM_DISK_OPEN, /* of any mode */
    /* Those from here on change something. */
    SIM_DISK_WRITE,
    SIM_DISK_SYNC,
    SIM_DISK_RENAME,
    SIM_DISK_REMOVE,
    SIM_DISK_SYNC_DIR,
    SIM_DISK_CREATE,
    SIM_DISK_CALLS
};

struct disk *sim_disk_new(void); /* empty; ends the test if there is no memory */
struct disk *
sim_disk_copy(const struct disk *disk); /* the same files, all durable, all open ones closed */
void sim_disk_free(struct disk **disk);

/* ---- trouble ---- */

/* The nth call of this kind from now on (1: the next) fails with error (as EIO), once. A write has
 * written some first bytes then; what a sync was to make durable is lost. */
void sim_disk_fail(struct disk *disk, enum sim_disk_call call, uint64_t nth, int error);
/* Every call fails with this error from now on; 0: no more. */
void sim_disk_fail_all(struct disk *disk, enum sim_disk_call call, int error);
bool sim_disk_has_failed(const struct disk *disk); /* a call that was to fail has been made */
/* The machine stops before the nth call that changes something (1: the next): it and all calls
 * after it fail with EIO and do nothing, until sim_disk_power. */
void sim_disk_stop(struct disk *disk, uint64_t nth);
bool sim_disk_has_stopped(const struct disk *disk);
/* Power fails, and comes back: files that were open are closed, what was not synced is decided by
 * the seed. Faults that were set are forgotten. */
void sim_disk_power(struct disk *disk, uint64_t seed);
/* Only the process ends: files that were open are closed, all that was written stays. */
void sim_disk_kill(struct disk *disk);
/* So many bytes fit into all files together; UINT64_MAX: as many as one likes. */
void sim_disk_set_capacity(struct disk *disk, uint64_t bytes);

/* ---- looking, and meddling ---- */

uint64_t sim_disk_count(const struct disk *disk, enum sim_disk_call call); /* calls so far */
uint64_t sim_disk_changes(const struct disk *disk); /* calls so far that change something */
uint64_t sim_disk_bytes(const struct disk *disk);   /* in all files */
size_t sim_disk_files(const struct disk *disk);
/* The bytes of a file as they are read, to look at or to change for good (call sim_disk_settle
 * then); NULL: no such file. */
uint8_t *sim_disk_file(struct disk *disk, const char *name, size_t *len);
void sim_disk_settle(struct disk *disk); /* all that is there now is durable */
/* Makes a file, or replaces one, durably. */
void sim_disk_put(struct disk *disk, const char *name, struct mst_span bytes);
void sim_disk_delete(struct disk *disk, const char *name); /* durably; it must be there */

#endif
