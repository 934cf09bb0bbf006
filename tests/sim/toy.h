/* toy.h - a small broker of its own for tests of the journal: keys with bodies, put and taken away.
 *
 * Its state is a set of keys, each with a body that follows from the key, so that any byte that
 * comes back can be judged. It is the running state, the recovered one, and the replica of a
 * compaction. A world has one of them on a simulated disk, and beside it what is durable for
 * certain: after a crash the state must be that, or with the batch that was on its way.
 *
 * The journal's own allocations, and those of its replica, are rationed (ration.h). */
#ifndef SIM_TOY_H
#define SIM_TOY_H

#include "broker/journal/store.h"
#include "tests/sim/disk.h"
#include "tests/sim/jobs.h"
#include "tests/unit/cmocka_all.h"

#define TOY_KEYS         200000
#define TOY_RECORD_BYTES 40 /* of live data beside a body: its record, its part of zeros */

struct toy_entry {
    uint64_t place;
    uint32_t len;
    bool is_there;
};

struct toy_state {
    struct toy_entry entries[TOY_KEYS]; /* by key */
    uint64_t end;                       /* behind the highest key */
    uint64_t count;
    uint64_t bytes; /* live */
};

#define TOY_NUMBER_BYTES 8u
#define TOY_HASH_OFFSET  (1 + 2 * TOY_NUMBER_BYTES) /* in the record of a put */

/* toy_state.c */
struct toy_state *toy_state_new(void);
bool toy_state_put(struct toy_state *state, uint64_t key, uint64_t len, uint64_t place);
bool toy_state_done(struct toy_state *state, uint64_t key);
bool toy_state_same(const struct toy_state *a, const struct toy_state *b); /* but for places */
bool toy_state_apply(struct toy_state *state, struct mst_span records, uint64_t place);
/* false: no memory */
bool toy_add_number(struct mst_buf *out, uint64_t number);
bool toy_add_body(struct mst_buf *out, uint64_t key, struct mst_span body);
extern const struct journal_replica_table toy_replica;

/* A body that is read back. */
struct toy_read {
    struct journal_fetch fetch; /* first */
    uint64_t key;
    uint8_t body[];
};

struct toy {
    struct disk *disk;
    struct sim_jobs jobs;
    struct store_config config;
    struct journal *journal; /* NULL: closed */
    uint64_t chance;
    int64_t now_ns;
    char error[STORE_ERROR_MAX];
    char log[16384];
    struct toy_state *state;   /* of the running broker, with the places that it knows */
    struct toy_state *durable; /* without places */
    struct mst_buf records;    /* the batch that is being made */
    struct mst_buf flight;     /* a copy of the one that is on its way */
    uint64_t *placed;          /* keys put in the batch, and where in it */
    size_t placed_count;
    bool (*lends)(void *toy); /* memory set aside for a start; NULL: none */
    uint64_t seq;
    uint64_t next_key;
    uint64_t reads_under_way;
    uint64_t read; /* bodies that came back right */
};

void toy_init(struct toy *toy, uint64_t segment_bytes, uint64_t seed);
void toy_clear(struct toy *toy);
uint64_t toy_chance(struct toy *toy, uint64_t below);
struct store_ports toy_ports(struct toy *toy);

enum store_status toy_open(struct toy *toy);
void toy_must_open(struct toy *toy); /* and the state is that of before */
void toy_crash(struct toy *toy, uint64_t seed);
void toy_restart(struct toy *toy); /* the process ends, and another begins */

/* Into the batch that is being made. */
uint64_t toy_put(struct toy *toy, size_t len); /* returns its key */
void toy_done(struct toy *toy, uint64_t key);
bool toy_has(const struct toy *toy, uint64_t key);
uint64_t toy_any(struct toy *toy); /* a key that is there */

/* What a broker's turn does: hands over the batch if the one before is durable, takes what was
 * read. Time goes on by so much. */
void toy_turn(struct toy *toy, int64_t later_ns);
/* Turns and jobs until nothing is left to do. Time stands still. */
void toy_settle(struct toy *toy);
const char *toy_failure(const struct toy *toy);

void toy_fetch(struct toy *toy, uint64_t key); /* judged when it comes back, in some turn */
void toy_fetch_all(struct toy *toy);           /* and waits: every body must be right */
/* Waits until so many compactions more have ended, putting and taking away meanwhile. */
void toy_stream(struct toy *toy, uint64_t live, size_t len, uint64_t compactions);
/* Puts and finishes until a compaction has been handed to its job, with nothing else under way. */
void toy_until_it_compacts(struct toy *toy);
/* Begins one whose older files, dense with bodies, stay when what is around them is compacted. */
void toy_dense(struct toy *toy, uint64_t segment_bytes);
uint64_t toy_compactions(const struct toy *toy);

#endif
