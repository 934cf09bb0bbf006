/* replica.c - a core without clients, for the journal: it recovers records and writes down what
 * they make. See broker/journal/store.h. Used by one thread at a time beside the running engine. */
#include "broker/engine/engine.h"

#include <stdlib.h>

#include "broker/core/core.h"
#include "broker/journal/store.h"

/* In a replica no body is ever in memory: it knows where they stand. */
#define REPLICA_BODIES_MAX 1

static void *replica_open(void *user)
{
    struct core_config config;

    (void)user;
    core_config_init(&config);
    config.has_storage = true;
    config.bodies_max = REPLICA_BODIES_MAX;
    return core_new(&config);
}

enum store_status engine_recovered(enum mst_status status)
{
    switch (status) {
    case MST_OK: return STORE_OK;
    case MST_NO_MEMORY: return STORE_NO_MEMORY;
    default: return STORE_REFUSED;
    }
}

static enum store_status replica_apply(void *replica, struct mst_span records, uint64_t place)
{
    return engine_recovered(core_recover(replica, records, place));
}

/* One snapshot on its way from the core to the journal. */
struct passage {
    const struct core *core;
    const struct snapshot_port *port;
    struct snapshot_body *bodies;
    size_t cap;
};

static bool pass_moves(void *user, uint64_t place, size_t len, struct mst_span *bytes)
{
    const struct passage *passage = user;

    return passage->port->moves(passage->port->user, place, len, bytes);
}

static bool pass_put(void *user, struct mst_span records, const struct core_snapshot_body *bodies,
                     size_t count)
{
    struct passage *passage = user;
    struct snapshot_piece piece = {
        .records = records, .seq = core_record_seq(passage->core), .bodies_count = count};

    if (count > passage->cap) {
        struct snapshot_body *more = realloc(passage->bodies, count * sizeof(*more));

        if (more == NULL) {
            return false;
        }
        passage->bodies = more;
        passage->cap = count;
    }
    for (size_t i = 0; i < count; i++) {
        passage->bodies[i] = (struct snapshot_body){bodies[i].offset, bodies[i].from};
    }
    piece.bodies = passage->bodies;
    return passage->port->put(passage->port->user, &piece);
}

static bool replica_snapshot(void *replica, const struct snapshot_port *port)
{
    struct passage passage = {.core = replica, .port = port};
    struct core_snapshot_port through = {&passage, pass_moves, pass_put};
    bool ok = core_snapshot(replica, &through);

    free(passage.bodies);
    return ok;
}

static void replica_drop_lost(void *replica,
                              bool (*is_lost)(void *user, uint64_t place, size_t len), void *user)
{
    core_drop_lost(replica, is_lost, user);
}

static void replica_close(void *replica)
{
    struct core *core = replica;

    core_free(&core);
}

struct journal_replica engine_replica(void)
{
    static const struct journal_replica_table table = {.open = replica_open,
                                                       .apply = replica_apply,
                                                       .snapshot = replica_snapshot,
                                                       .drop_lost = replica_drop_lost,
                                                       .close = replica_close};

    return (struct journal_replica){&table, NULL};
}
