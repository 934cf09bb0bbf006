/* recover.c - a core made again from its records.
 *
 * Nothing here decides: records are applied in their order. What no record tells begins anew with
 * the first step after it: nobody is connected, sessions and leases get their full time. */
#include "broker/core/internal.h"

/* Bytes of bodies that may still be kept in memory. */
static uint64_t bodies_room(const struct core *core)
{
    uint64_t most = core->config.bodies_max;

    if (most == 0) {
        return UINT64_MAX;
    }
    return core->memory < most ? most - core->memory : 0;
}

static void put_drop(struct put_list *put)
{
    if (put == NULL) {
        return;
    }
    for (size_t i = 0; i < put->count; i++) {
        mst_blob_unref(&put->bodies[i]);
    }
    mst_blob_unref(&put->dedup);
    mst_blob_unref(&put->headers);
}

static bool carry_out(struct core *core, const struct record *record, struct record_bodies *bodies,
                      const uint8_t *start)
{
    if (record_is_state(record)) {
        if (bodies->place != 0 && record->state.len > 0) {
            bodies->place += (uint64_t)(record->state.data - start);
        }
        return state_apply(core, record, bodies);
    }
    if (!record_makes_sense(core, record)) {
        return false;
    }
    record_apply(core, record);
    return true;
}

/* Returns the bytes of the first of the records, 0: it is none, or makes no sense here. */
static size_t recover_one(struct core *core, struct mst_span records, uint64_t place,
                          struct mst_arena *arena, bool *no_memory)
{
    struct record_bodies bodies = {place, bodies_room(core), no_memory};
    struct record record;
    size_t used = record_decode(records, &bodies, arena, &record);
    bool is_ours;

    if (used == 0) {
        return 0;
    }
    core->now_ns = record.now_ns > core->now_ns ? record.now_ns : core->now_ns;
    core->wall_ns = record.wall_ns;
    core->record_seq = record.seq;
    is_ours = carry_out(core, &record, &bodies, records.data);
    put_drop(record.put);
    return is_ours ? used : 0;
}

enum mst_status core_recover(struct core *core, struct mst_span records, uint64_t place)
{
    struct mst_arena arena;
    bool no_memory = false;
    size_t used = 1;

    core->recovered = true;
    mst_arena_init(&arena);
    while (records.len > 0 && used > 0) {
        if (memory_is_short(core)) {
            no_memory = true;
            break;
        }
        mst_arena_reset(&arena);
        used = recover_one(core, records, place, &arena, &no_memory);
        records.data += used;
        records.len -= used;
        place += place == 0 ? 0 : used;
    }
    mst_arena_clear(&arena);
    if (no_memory) {
        return MST_NO_MEMORY;
    }
    return used > 0 ? MST_OK : MST_PROTOCOL;
}

/* ---- the first step after it ---- */

static void leases_begin_anew(struct core *core, struct queue *queue)
{
    for (struct link *l = queue->leases.next; l != &queue->leases; l = l->next) {
        struct lease *lease = OWNER(l, struct lease, in_queue);

        if (lease->taken) {
            lease->until_ns = time_after(core->now_ns, lease->lease_ns);
            timer_set(core, &lease->timer, lease->until_ns);
        }
    }
}

void core_begin_anew(struct core *core)
{
    core->recovered = false;
    figures_begin_anew(core);
    for (struct link *l = core->sessions_order.next; l != &core->sessions_order; l = l->next) {
        struct session *session = OWNER(l, struct session, in_core);

        timer_set(core, &session->timer, time_after(core->now_ns, session->ttl_ns));
    }
    for (struct link *l = core->objects_order.next; l != &core->objects_order; l = l->next) {
        struct object *object = OWNER(l, struct object, in_core);

        if (kind_is_queue(object->kind)) {
            leases_begin_anew(core, (struct queue *)object);
        }
    }
}

/* ---- salvage ---- */

static void drop_lost_of(struct core *core, struct queue *queue,
                         bool (*is_lost)(void *user, uint64_t place, size_t len), void *user)
{
    size_t count = queue->messages.count;
    struct message **messages = (struct message **)memory_sorted(core, &queue->messages);

    for (size_t i = 0; i < count; i++) {
        const struct mst_blob *body = message_blob(messages[i]);
        struct record record = {.what = RECORD_DROP,
                                .now_ns = core->now_ns,
                                .wall_ns = core->wall_ns,
                                .seq = queue->object.seq,
                                .object = queue->object.id,
                                .message = messages[i]->id,
                                .tally = MST_TALLY_LOST};

        if (body != NULL && mst_blob_is_away(body) &&
            is_lost(user, mst_blob_place(body), body->len)) {
            record_apply(core, &record);
        }
    }
    free(messages);
}

void core_drop_lost(struct core *core, bool (*is_lost)(void *user, uint64_t place, size_t len),
                    void *user)
{
    for (struct link *l = core->objects_order.next; l != &core->objects_order; l = l->next) {
        struct object *object = OWNER(l, struct object, in_core);

        if (kind_is_queue(object->kind)) {
            drop_lost_of(core, (struct queue *)object, is_lost, user);
        }
    }
}
