/* disk_file.h - one file of the simulated disk: what is read, and what a power failure leaves.
 *
 * Invariant: `stable` differs from `bytes` only in sectors that are dirty, or that a failed sync
 * has lost. Must not know: names. */
#ifndef SIM_DISK_FILE_H
#define SIM_DISK_FILE_H

#include "tests/sim/disk.h"

struct file {
    size_t references; /* names, durable names, numbers of open files */
    uint8_t *bytes;
    size_t len;
    uint8_t *stable;
    size_t stable_len;
    bool *dirty; /* by sector */
    size_t sectors;
};

void *need(void *memory); /* ends the test if there is none */
uint64_t next_chance(uint64_t *seed);

struct file *file_new(void); /* nobody refers to it yet */
void file_drop(struct file *file);
void file_grow(struct file *file, size_t len); /* by zeros; never shorter */
void file_sync(struct file *file, bool works); /* false: what was dirty is lost */
void file_power(struct file *file, uint64_t *seed);
void file_forget(struct file *file); /* what a failed sync has lost is not seen any more */
void file_settle(struct file *file); /* all of it is durable */

#endif
