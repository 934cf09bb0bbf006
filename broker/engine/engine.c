/* engine.c - the whole broker, deterministic: made, freed, and told what comes in.
 *
 * See engine.h; what goes out is in turn.c. Must not know: sockets, files, the system's clock. */
#include "broker/engine/internal.h"

#include <sodium.h>
#include <stdlib.h>

#define WALL_CLOCK_NS 10000000 /* the wall clock is looked at no more often */

/* ---- made and freed ---- */

void engine_config_init(struct engine_config *config)
{
    struct core_config core;

    core_config_init(&core);
    *config = (struct engine_config){
        .connections_max = 10000,
        .unauthenticated_max = 4096,
        .per_address_max = 1024,
        .sessions_max = core.sessions_max,
        .objects_max = core.objects_max,
        .waits_max = core.waits_max,
        .queues_apart_max = core.queues_apart_max,
        .memory_max = core.memory_max,
        .reserve_bytes = core.reserve_bytes,
        .frame_bytes_max = core.frame_bytes_max,
        .output_bytes_max = SESSION_OUTPUT_BYTES_MAX,
        .put_credit = core.put_credit,
        .put_credit_bytes = core.put_credit_bytes,
        .silence_ns = core.silence_ns,
        .ttl_max_ns = core.ttl_max_ns,
        .version = "",
    };
}

static struct core_config core_config_of(const struct engine *engine)
{
    const struct engine_config *config = &engine->config;
    struct core_config core;

    core_config_init(&core);
    core.strict = config->strict;
    core.has_storage = config->has_storage || engine->journal != NULL;
    core.bodies_max = engine_bodies_max(config);
    core.memory_max = config->memory_max;
    core.reserve_bytes = config->reserve_bytes;
    core.objects_max = config->objects_max;
    core.sessions_max = config->sessions_max;
    core.waits_max = config->waits_max;
    core.queues_apart_max = config->queues_apart_max;
    core.put_credit = config->put_credit;
    core.put_credit_bytes = config->put_credit_bytes;
    core.frame_bytes_max = config->frame_bytes_max;
    if (core.body_bytes_max > config->frame_bytes_max / ENGINE_BODY_PER_FRAME_MAX) {
        core.body_bytes_max = config->frame_bytes_max / ENGINE_BODY_PER_FRAME_MAX;
    }
    core.silence_ns = config->silence_ns;
    core.ttl_max_ns = config->ttl_max_ns;
    core.version = config->version;
    memcpy(core.boot, engine->boot, sizeof(core.boot));
    return core;
}

static bool lend_memory(void *engine) /* for struct connection_common */
{
    return engine_lend_memory(engine);
}

struct engine *engine_new(const struct engine_config *config, const struct engine_ports *ports,
                          struct journal *journal)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    struct core_config core;

    if (engine == NULL) {
        return NULL;
    }
    engine->config = *config;
    engine->ports = *ports;
    engine->journal = journal;
    ports->entropy(ports->user, engine->boot, sizeof(engine->boot));
    core = core_config_of(engine);
    engine->core = core_new(&core);
    engine->common.lend_memory = lend_memory;
    engine->common.lender = engine;
    effects_init(&engine->effects);
    mst_arena_init(&engine->scratch);
    mst_buf_init(&engine->batch);
    idmap_init(&engine->origins);
    list_init(&engine->greeting);
    list_init(&engine->heard);
    list_init(&engine->closing);
    list_init(&engine->beat);
    list_init(&engine->asked);
    list_init(&engine->waited);
    list_init(&engine->resting);
    list_init(&engine->holding);
    list_init(&engine->leaving);
    engine_look_at_clock(engine);
    engine->turn_ns = engine->now_ns;
    engine->metrics.turn_began_ns = 0; /* no turn has begun */
    if (engine->core == NULL) {
        engine_free(&engine);
    }
    return engine;
}

void engine_free(struct engine **owner)
{
    struct engine *engine = *owner;

    if (engine == NULL) {
        return;
    }
    for (uint32_t i = 0; i < engine->places_count; i++) {
        if (engine->places[i].member != NULL) {
            member_finish(engine, engine->places[i].member);
        }
    }
    idmap_clear(&engine->origins);
    core_free(&engine->core);
    access_free(&engine->access);
    sodium_memzero(engine->secret, sizeof(engine->secret));
    effects_clear(&engine->effects);
    mst_arena_clear(&engine->scratch);
    mst_buf_clear(&engine->batch);
    if (engine->journal != NULL) {
        fetches_take(engine); /* they are ours to free */
    }
    backup_clear(engine);
    bodies_clear(&engine->bodies);
    bodies_clear(&engine->flight_bodies);
    free(engine->bodies.items);
    free(engine->flight_bodies.items);
    spares_clear(&engine->common.spares);
    free(engine->places);
    free(engine);
    *owner = NULL;
}

enum mst_status engine_recover(struct engine *engine, struct mst_span records, uint64_t seq,
                               uint64_t place)
{
    engine->flight_seq = engine->durable_seq = seq;
    return core_recover(engine->core, records, place);
}

bool engine_lend_memory(struct engine *engine)
{
    return core_lend_memory(engine->core);
}

void engine_attach(struct engine *engine, struct journal *journal)
{
    int64_t passed_ns = engine->wall_ns - core_wall_ns(engine->core);
    int64_t now_ns = core_now_ns(engine->core) + (passed_ns > 0 ? passed_ns : 0);

    engine->journal = journal;
    if (now_ns > engine->now_ns) {
        engine->shift_ns += now_ns - engine->now_ns;
        engine->now_ns = engine->turn_ns = now_ns;
        engine->wall_said_ns = 0; /* it did not leap with this one */
    }
}

void engine_configure(struct engine *engine, const struct engine_config *config)
{
    struct core_config core;

    engine->config = *config;
    core = core_config_of(engine);
    core_configure(engine->core, &core);
}

const struct core *engine_core(const struct engine *engine)
{
    return engine->core;
}

size_t engine_connections(const struct engine *engine)
{
    return engine->members_count;
}

/* The wall clock is only shown and recorded: between two looks it goes on as the other one does. */
void engine_look_at_clock(struct engine *engine)
{
    int64_t now_ns = engine->ports.now_ns(engine->ports.user) + engine->shift_ns;

    if (now_ns > engine->now_ns) {
        engine->now_ns = now_ns;
    }
    if (engine->wall_said_ns == 0 || engine->now_ns - engine->wall_asked_ns >= WALL_CLOCK_NS) {
        engine->wall_said_ns = engine->ports.wall_ns(engine->ports.user);
        engine->wall_asked_ns = engine->now_ns;
    }
    engine->wall_ns = engine->wall_said_ns + (engine->now_ns - engine->wall_asked_ns);
    metrics_begin_turn(engine);
}

/* ---- what comes in ---- */

/* Who has a session already is not touched by any of this. */
static bool is_crowded(struct engine *engine, const struct engine_peer *peer)
{
    bool here = peer->source != 0 &&
                member_new_from(engine, peer->source) >= engine->config.per_address_max;

    if (!here && engine->new_count < engine->config.unauthenticated_max) {
        return false;
    }
    engine->metrics.refused[here ? REFUSAL_ADDRESS : REFUSAL_UNAUTHENTICATED]++;
    engine_tell(engine, ENGINE_WARNING,
                &(struct topic){.peer = peer->address, .limiter = &engine->crowded},
                "connection refused: %llu connections %shave no session yet; if they are wanted, "
                "raise %s",
                (unsigned long long)(here ? engine->config.per_address_max
                                          : engine->config.unauthenticated_max),
                here ? "from there " : "", here ? "--max-per-address" : "--max-unauthenticated");
    return true;
}

uint64_t engine_accept(struct engine *engine, const struct engine_peer *peer)
{
    struct member *member;

    engine_look_at_clock(engine);
    if (is_crowded(engine, peer)) {
        return 0;
    }
    if (engine->members_count >= engine->config.connections_max) {
        engine->metrics.refused[REFUSAL_FULL]++;
        engine_tell(engine, ENGINE_WARNING,
                    &(struct topic){.peer = peer->address, .limiter = &engine->full},
                    "connection refused: all %llu connections are in use; raise --max-connections",
                    (unsigned long long)engine->config.connections_max);
        return 0;
    }
    member = member_new(engine, peer);
    if (member == NULL) {
        return 0;
    }
    engine->metrics.accepted++;
    engine_tell(engine, ENGINE_DEBUG, &(struct topic){.member = member}, "connection accepted");
    return member->number;
}

bool engine_takes(const struct engine *engine, uint64_t conn)
{
    const struct member *member = member_find(engine, conn);

    return engine->handshakes < ENGINE_HANDSHAKES || member == NULL || !member_is_securing(member);
}

/* What was not authentic cost as much as what was. */
static void count_handshake(struct engine *engine, const struct member *member, bool was_securing)
{
    const struct connection *connection = &member->connection;

    if (was_securing && connection->channel != NULL && connection->phase == CONNECTION_CLOSING) {
        engine->handshakes++;
    }
}

struct mst_room engine_room(struct engine *engine, uint64_t conn)
{
    struct member *member = member_find(engine, conn);

    return member == NULL ? (struct mst_room){NULL, 0} : connection_room(&member->connection);
}

void engine_filled(struct engine *engine, uint64_t conn, size_t n)
{
    struct member *member = member_find(engine, conn);

    if (member != NULL) {
        connection_filled(&member->connection, n);
        member_settle(engine, member);
    }
}

void engine_receive(struct engine *engine, uint64_t conn, struct mst_span bytes)
{
    struct member *member = member_find(engine, conn);
    struct connection_input input;
    bool securing;

    engine->input_seen = true;
    if (member == NULL || (engine->draining && engine->journal != NULL)) {
        return; /* what comes after the end is for the broker that follows */
    }
    engine_look_at_clock(engine);
    engine->asker = member;
    member_heard(engine, member);
    securing = member_is_securing(member);
    while (connection_next(&member->connection, &bytes, &engine->scratch, &input)) {
        if (input.news == CONNECTION_ASKS) {
            engine->handshakes++;
            member_answer(engine, member);
            continue;
        }
        if (input.news == CONNECTION_SECURED) {
            engine->handshakes++;
            securing = false;
            member_identify(engine, member);
            continue;
        }
        if (input.has_request) {
            step_request(engine, member, &input);
        } else if (input.confirmed_count > 0) {
            step_confirm(engine, member, input.confirmed, input.confirmed_count);
        }
    }
    count_handshake(engine, member, securing);
    member_settle(engine, member);
    engine->asker = NULL;
}

void engine_closed(struct engine *engine, uint64_t conn)
{
    struct member *member = member_find(engine, conn);

    if (member != NULL) {
        engine_look_at_clock(engine);
        connection_drop(&member->connection, "closed by the peer", false);
        member_settle(engine, member);
    }
}

void engine_writable(struct engine *engine, uint64_t conn)
{
    struct member *member = member_find(engine, conn);

    if (member != NULL) {
        member->blocked = false;
        member_mark_dirty(engine, member);
    }
}
