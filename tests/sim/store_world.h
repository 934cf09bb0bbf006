/* store_world.h - a journal on a simulated disk, its jobs, and what a recovery finds.
 *
 * A world appends batches whose bytes follow from their number, so that a recovery can be checked
 * against what was handed over: what was durable must be there, in order, exactly; of what was not,
 * a whole batch more at most. What a compaction writes down is how many batches there were. */
#ifndef SIM_STORE_WORLD_H
#define SIM_STORE_WORLD_H

#include "broker/journal/store.h"
#include "tests/sim/disk.h"
#include "tests/sim/jobs.h"
#include "tests/unit/cmocka_all.h"

struct store_world {
    struct disk *disk;
    struct sim_jobs jobs;
    struct store_config config;
    struct journal *journal; /* NULL: closed */
    uint64_t chance;
    int64_t now_ns;
    char error[STORE_ERROR_MAX]; /* of the last open or verify */
    char log[4096];              /* lines since store_world_forget */
    size_t warnings;
    /* Handed over so far: batch i (from 1) has record number i. */
    uint64_t handed;
    uint64_t
        live_bytes; /* told with each; 0: all that is on the disk, so that nothing is compacted */
    /* Found by the last open. */
    uint64_t found;
    uint64_t found_bytes;
    uint64_t last_place;
};

void store_world_init(struct store_world *world, uint64_t segment_bytes); /* an empty disk */
void store_world_clear(struct store_world *world);
void store_world_forget(struct store_world *world); /* what was logged */

/* Recovers; checks that batches 1, 2, 3 ... come, each with its bytes. */
enum store_status store_world_open(struct store_world *world);
void store_world_must_open(struct store_world *world);
/* The journal goes without a word, the disk stays. */
void store_world_close(struct store_world *world);
/* Power fails, and the journal is gone. */
void store_world_crash(struct store_world *world, uint64_t seed);

/* How large batch i is, and its bytes. */
size_t store_world_size(uint64_t i);
/* Hands over the next batch; it is durable after its job. Returns its place. */
uint64_t store_world_append(struct store_world *world);
uint64_t store_world_append_sized(struct store_world *world, size_t len);
/* Hands over n, each durable before the next. */
void store_world_put(struct store_world *world, uint64_t n);
void store_world_turn(struct store_world *world, int64_t later_ns);
uint64_t store_world_durable(const struct store_world *world);
bool store_world_is_busy(const struct store_world *world); /* the last one is not durable */
/* Nothing happens for so long that the log is closed. */
void store_world_idle(struct store_world *world);
const char *store_world_failure(const struct store_world *world);

#endif
