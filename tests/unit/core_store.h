/* core_store.h - a pretended journal for a world of one core: its records, and checkpoints made of
 * them by snapshots of a replica.
 *
 * Bodies have places: in the records of the journal, and in each checkpoint. Which of them move
 * into a new checkpoint is drawn, so that later ones refer to earlier ones. */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include "broker/core/core.h"

#define STORE_CHECKPOINTS 64
#define STORE_PIECES      512

struct checkpoint {
    struct mst_buf bytes;
    size_t ends[STORE_PIECES];
    size_t pieces;
};

struct store {
    struct mst_buf journal; /* every durable record so far */
    struct checkpoint *checkpoints[STORE_CHECKPOINTS];
    size_t count;
    size_t tail; /* of the journal: what the latest checkpoint does not have */
    uint64_t random;
};

void store_init(struct store *store);
void store_clear(struct store *store);

/* Adds the records of a step, and gives its bodies their places. */
void store_append(struct store *store, const struct effects *effects);
/* The same records came out of another core: its bodies stand there too. */
void store_place(const struct store *store, const struct effects *effects);
/* The bytes of the body that stands there, whose hash must be right. */
struct mst_span store_body(const struct store *store, uint64_t place, size_t len);
/* All bodies of the core that are away are here again. */
void store_fetch(const struct store *store, struct core *core);
/* Sends some bodies of the core away, as an engine does that is short of memory. */
void store_send_away(struct store *store, struct core *core);

/* A new core of the whole journal; or of the latest checkpoint and what came after it. */
struct core *store_replay(const struct store *store, const struct core_config *config);
struct core *store_recover(const struct store *store, const struct core_config *config);
/* Makes a checkpoint of a replica of what the last one and the records since have told. */
void store_compact(struct store *store, const struct core_config *config);
/* What a snapshot of the core makes, as a new core. */
struct core *store_copy(struct store *store, const struct core *core,
                        const struct core_config *config);

/* The durable state as core_dump tells it, with all bodies; to be freed. */
char *store_dump(const struct store *store, struct core *core);

#endif
