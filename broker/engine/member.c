/* member.c - the engine's connections: found by number, moved between lists as they live.
 *
 * A number is (generation << 32 | slot): the slot finds the member, the generation tells an old
 * number from the one in use. Must not know: what the bytes say. */
#include "broker/engine/internal.h"

#include <assert.h>
#include <stdlib.h>

enum { PLACES_FIRST = 64 };

/* ---- the table ---- */

static bool places_grow(struct engine *engine)
{
    uint32_t count = engine->places_count == 0 ? PLACES_FIRST : engine->places_count * 2;
    struct place *places = realloc(engine->places, count * sizeof(*places));

    if (places == NULL) {
        return false;
    }
    for (uint32_t i = engine->places_count; i < count; i++) {
        places[i] = (struct place){NULL, 0, i + 1};
    }
    engine->places = places;
    engine->free_place = engine->places_count;
    engine->places_count = count;
    return true;
}

/* ---- the new ones: no session was there yet ---- */

/* Who does not end what it began is limited by where it comes from. */
struct origin {
    size_t count;
};

size_t member_new_from(struct engine *engine, uint64_t source)
{
    struct origin *origin = idmap_get(&engine->origins, source);

    return origin == NULL ? 0 : origin->count;
}

static bool begin_new(struct engine *engine, struct member *member, uint64_t source)
{
    struct origin *origin = source == 0 ? NULL : idmap_get(&engine->origins, source);

    if (source != 0 && origin == NULL) {
        origin = calloc(1, sizeof(*origin));
        if (origin == NULL || !idmap_set(&engine->origins, source, origin)) {
            free(origin);
            return false;
        }
    }
    if (origin != NULL) {
        origin->count++;
    }
    member->source = source;
    member->is_new = true;
    engine->new_count++;
    return true;
}

static void end_new(struct engine *engine, struct member *member)
{
    struct origin *origin;

    if (!member->is_new) {
        return;
    }
    member->is_new = false;
    engine->new_count--;
    origin = member->source == 0 ? NULL : idmap_get(&engine->origins, member->source);
    if (origin != NULL && --origin->count == 0) {
        free(idmap_remove(&engine->origins, member->source));
    }
}

/* ---- made and freed ---- */

struct member *member_new(struct engine *engine, const struct engine_peer *peer)
{
    struct connection_limits limits = {(size_t)engine->config.frame_bytes_max,
                                       (size_t)engine->config.output_bytes_max};
    size_t peer_size = strlen(peer->address) + 1;
    struct member *member = calloc(1, sizeof(*member) + peer_size);
    uint32_t slot;

    if (member == NULL || (engine->free_place == engine->places_count && !places_grow(engine)) ||
        !begin_new(engine, member, peer->source)) {
        free(member);
        return NULL;
    }
    slot = engine->free_place;
    engine->free_place = engine->places[slot].next_free;
    engine->places[slot].member = member;
    engine->places[slot].generation++;
    engine->members_count++;
    connection_init(&member->connection, &limits, &engine->common);
    member->connection.clear_refused = peer->clear_refused;
    member->engine = engine;
    member->number = (uint64_t)engine->places[slot].generation << 32 | slot;
    member->timed_ns = member->sent_ns = engine->now_ns;
    list_insert(&engine->greeting, &member->timed);
    memcpy(member->peer, peer->address, peer_size);
    return member;
}

struct member *member_find(const struct engine *engine, uint64_t number)
{
    uint32_t slot = engine_slot(number);

    if (slot >= engine->places_count || engine->places[slot].generation != number >> 32) {
        return NULL;
    }
    return engine->places[slot].member;
}

static void leave(struct link *link)
{
    if (list_holds(link)) {
        list_remove(link);
    }
}

void member_finish(struct engine *engine, struct member *member)
{
    uint32_t slot = engine_slot(member->number);

    engine->ports.close(engine->ports.user, member->number);
    end_new(engine, member);
    leave(&member->timed);
    leave(&member->beat);
    leave(&member->dirty);
    leave(&member->holding);
    leave(&member->leaving);
    connection_clear(&member->connection);
    member_forget_rights(member);
    free(member->client);
    engine->places[slot].member = NULL;
    engine->places[slot].next_free = engine->free_place;
    engine->free_place = slot;
    engine->members_count--;
    free(member);
}

/* ---- the lists ---- */

void member_mark_dirty(struct engine *engine, struct member *member)
{
    if (member->rests_ns != 0 && !member->receipts) {
        leave(&member->dirty); /* what it rested for is there */
        member->rests_ns = 0;
    }
    if (!list_holds(&member->dirty) && !member->blocked) {
        list_insert(member == engine->asker ? &engine->asked : &engine->waited, &member->dirty);
    }
}

static void stamp(struct link *list, struct link *link, int64_t *stamp_ns, int64_t now_ns)
{
    *stamp_ns = now_ns;
    leave(link);
    list_insert(list, link);
}

void member_heard(struct engine *engine, struct member *member)
{
    if (member->connection.phase == CONNECTION_RUNNING && member->timed_ns != engine->now_ns) {
        stamp(&engine->heard, &member->timed, &member->timed_ns, engine->now_ns);
    }
}

void member_sent(struct engine *engine, struct member *member)
{
    if (list_holds(&member->beat) && member->sent_ns != engine->now_ns) {
        stamp(&engine->beat, &member->beat, &member->sent_ns, engine->now_ns);
    }
}

static void name_client(struct member *member, struct mst_span label)
{
    free(member->client);
    member->client = malloc(label.len + 1);
    if (member->client != NULL) { /* without it, it is not told */
        memcpy(member->client, label.data, label.len);
        member->client[label.len] = '\0';
    }
}

void member_welcomed(struct engine *engine, struct member *member)
{
    name_client(member, core_label(engine->core, member->session));
    end_new(engine, member);
    stamp(&engine->heard, &member->timed, &member->timed_ns, engine->now_ns);
    stamp(&engine->beat, &member->beat, &member->sent_ns, engine->now_ns);
}

static void tell_closing(struct engine *engine, const struct member *member)
{
    bool fault = member->connection.fault;
    struct topic topic = {.member = member, .limiter = fault ? &engine->faults : NULL};

    engine_tell(engine, fault ? ENGINE_WARNING : ENGINE_DEBUG, &topic, "connection %s: %s",
                fault ? "closed" : "ends", member->connection.why);
}

void member_settle(struct engine *engine, struct member *member)
{
    struct connection *connection = &member->connection;

    if (connection_holds(connection) && !list_holds(&member->holding)) {
        list_insert(&engine->holding, &member->holding);
    }
    if (connection->phase != CONNECTION_CLOSING) {
        if (!connection_is_empty(connection)) {
            member_mark_dirty(engine, member);
        }
        return;
    }
    if (connection_is_empty(connection)) {
        member->blocked = false; /* nothing is left that the system could refuse */
    }
    member_mark_dirty(engine, member);
    if (!member->ends) {
        member->ends = true;
        if (connection->fault) {
            metrics_count_fault(engine, member);
        }
        tell_closing(engine, member);
        leave(&member->beat);
        stamp(&engine->closing, &member->timed, &member->timed_ns, engine->now_ns);
        list_insert(&engine->leaving, &member->leaving);
    }
}

void member_reply(struct engine *engine, struct member *member, const struct mst_reply *reply,
                  uint64_t seq)
{
    if (reply_has_gaps(reply)) {
        member_reply_fetched(engine, member, reply, seq);
        return;
    }
    if (reply->id != 0 && seq <= engine->durable_seq) {
        engine->at_once_ns = engine->now_ns;
    }
    member->receipts = reply->op == MST_OP_DONE && reply->status == MST_OK &&
                       (member->receipts || connection_is_empty(&member->connection));
    member->awaits = member->awaits && reply->op != MST_OP_GET;
    connection_reply(&member->connection, reply, seq, engine->durable_seq);
    member_settle(engine, member);
}
