/* durable.c - the engine and its journal: batches go out, numbers of what is durable come back.
 *
 * All records of a turn and of the time that the journal was busy form one batch (group commit).
 * Once it is durable, its bodies stand in the journal, and beyond a share of the memory they are
 * sent away. Must not know: what records say, where the journal is. */
#include "broker/engine/internal.h"

#include <stdlib.h>

#include "protocol/blob.h"

#define BATCH_IDLE_BYTES (1u << 20)
/* Of --max-memory: beyond it bodies of durable messages are not kept in memory. */
#define BODIES_SHARE_OF_4 3

/* ---- bodies of a batch ---- */

void bodies_clear(struct bodies *bodies)
{
    for (size_t i = 0; i < bodies->count; i++) {
        mst_blob_unref(&bodies->items[i].blob);
    }
    bodies->count = 0;
}

bool bodies_add(struct bodies *bodies, const struct core_body *body, size_t offset)
{
    if (bodies->count == bodies->cap) {
        size_t cap = bodies->cap == 0 ? 64 : bodies->cap * 2;
        struct core_body *items = realloc(bodies->items, cap * sizeof(*items));

        if (items == NULL) {
            return false;
        }
        bodies->items = items;
        bodies->cap = cap;
    }
    bodies->items[bodies->count++] =
        (struct core_body){mst_blob_ref(body->blob), offset + body->offset};
    return true;
}

static void bodies_shrink(struct bodies *bodies)
{
    if (bodies->count == 0 && bodies->cap * sizeof(*bodies->items) > BATCH_IDLE_BYTES) {
        free(bodies->items);
        *bodies = (struct bodies){0};
    }
}

uint64_t engine_bodies_max(const struct engine_config *config)
{
    return config->memory_max / 4 * BODIES_SHARE_OF_4;
}

/* Those of the batch that is durable now may be sent away when memory is short. */
static void shelve_bodies(struct engine *engine)
{
    for (size_t i = 0; i < engine->flight_bodies.count; i++) {
        struct mst_blob *blob = engine->flight_bodies.items[i].blob;

        /* Ours alone: its message is gone. */
        if (blob->references > 1) {
            core_shelve(engine->core, blob);
        }
    }
    bodies_clear(&engine->flight_bodies);
    bodies_shrink(&engine->flight_bodies);
}

static void send_bodies_away(struct engine *engine)
{
    uint64_t most = engine_bodies_max(&engine->config);

    if (most != 0) {
        core_shed(engine->core, most);
    }
}

/* ---- batches ---- */

bool batch_can_go(const struct engine *engine)
{
    return engine->journal != NULL && mst_buf_size(&engine->batch) > 0 &&
           engine->durable_seq >= engine->flight_seq && engine->now_ns >= engine->batch_again_ns;
}

bool engine_has_batch(const struct engine *engine)
{
    return engine->journal != NULL && mst_buf_size(&engine->batch) > 0 &&
           engine->journal->table->durable(engine->journal) >= engine->flight_seq &&
           engine->now_ns >= engine->batch_again_ns;
}

bool engine_serves_others(const struct engine *engine)
{
    return engine->now_ns - engine->at_once_ns < ENGINE_LATELY_NS;
}

static void hand_over(struct engine *engine)
{
    struct core_figures figures = core_figures(engine->core);
    struct journal_batch batch = {&engine->batch, engine->batch_seq, figures.durable_bytes,
                                  figures.durable_messages};
    struct bodies none = engine->flight_bodies;
    uint64_t place;

    metrics_begin_batch(engine);
    place = engine->journal->table->append(engine->journal, &batch);
    if (mst_buf_size(&engine->batch) > 0) { /* it has no memory for it now */
        engine->batch_again_ns = engine->now_ns + ENGINE_BATCH_AGAIN_NS;
        return;
    }
    engine->flight_seq = engine->batch_seq;
    mst_buf_shrink(&engine->batch, BATCH_IDLE_BYTES);
    engine->flight_bodies = engine->bodies;
    engine->bodies = none;
    for (size_t i = 0; place != 0 && i < engine->flight_bodies.count; i++) {
        struct core_body *body = &engine->flight_bodies.items[i];

        mst_blob_set_place(body->blob, place + body->offset);
    }
}

void journal_turn(struct engine *engine)
{
    const struct journal_table *journal;

    if (engine->journal == NULL) {
        return;
    }
    journal = engine->journal->table;
    journal->turn(engine->journal, engine->now_ns);
    engine->storage_full = journal->is_full(engine->journal);
    if (journal->failure(engine->journal) != NULL) {
        return;
    }
    engine_durable(engine, journal->durable(engine->journal));
    if (batch_can_go(engine)) {
        hand_over(engine);
        engine_durable(engine, journal->durable(engine->journal));
    }
    send_bodies_away(engine);
    fetches_take(engine);
    backup_turn(engine);
}

void member_release(struct engine *engine, struct member *member)
{
    connection_release(&member->connection, engine->durable_seq);
    if (!connection_holds(&member->connection) && list_holds(&member->holding)) {
        list_remove(&member->holding);
    }
    member_settle(engine, member);
}

void engine_durable(struct engine *engine, uint64_t seq)
{
    struct link *link = engine->holding.next;

    if (seq <= engine->durable_seq) {
        return;
    }
    engine->durable_seq = seq;
    if (seq >= engine->flight_seq) {
        metrics_end_batch(engine);
        shelve_bodies(engine);
    }
    while (link != &engine->holding) {
        struct member *member = OWNER(link, struct member, holding);

        link = link->next;
        member_release(engine, member);
    }
}

const char *engine_failure(const struct engine *engine)
{
    return engine->journal == NULL ? NULL : engine->journal->table->failure(engine->journal);
}
