/* fetch.c - replies with bodies that are away: they are read back from the journal.
 *
 * Such a reply is encoded with zeros where the bodies belong and held by its connection; each body
 * is put in when it has been read. The core has done its part already and does not know of it. */
#include "broker/engine/internal.h"

#include <stdlib.h>

#include "protocol/frame.h"

struct fetch {
    struct journal_fetch read; /* first: it comes back as this */
    uint64_t member;
    uint64_t position; /* in what its connection holds */
    uint8_t body[];
};

bool reply_has_gaps(const struct mst_reply *reply)
{
    for (size_t i = 0; i < reply->deliveries_count; i++) {
        if (reply->deliveries[i].place != 0) {
            return true;
        }
    }
    return false;
}

/* The same reply with zeros for the bodies that are missing. */
static bool fill_with_zeros(struct mst_arena *arena, const struct mst_reply *reply,
                            struct mst_reply *filled)
{
    size_t count = reply->deliveries_count;
    size_t longest = 0;
    void *zeros;

    *filled = *reply;
    filled->deliveries = mst_arena_take(arena, count * sizeof(*filled->deliveries));
    for (size_t i = 0; i < count; i++) {
        size_t len = reply->deliveries[i].place != 0 ? reply->deliveries[i].body.len : 0;

        longest = len > longest ? len : longest;
    }
    zeros = mst_arena_take(arena, longest);
    if (filled->deliveries == NULL || zeros == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        filled->deliveries[i] = reply->deliveries[i];
        if (reply->deliveries[i].place != 0) {
            filled->deliveries[i].body.data = zeros;
        }
    }
    return true;
}

static bool fetch_body(struct engine *engine, const struct member *member, uint64_t position,
                       uint64_t place, size_t len)
{
    struct fetch *fetch = malloc(sizeof(*fetch) + len);

    if (fetch == NULL) {
        return false;
    }
    fetch->read = (struct journal_fetch){.place = place, .len = len, .out = fetch->body};
    fetch->member = member->number;
    fetch->position = position;
    engine->journal->table->fetch(engine->journal, &fetch->read);
    return true;
}

/* Where the bodies stand in the encoded reply is what decoding it again says. */
static bool fetch_all(struct engine *engine, struct member *member, struct mst_arena *arena,
                      const struct mst_reply *reply)
{
    struct mst_span frame, payload;
    struct mst_reply decoded;
    uint64_t position;
    size_t used, need;
    const char *why;
    bool malformed;
    bool ok;

    frame = held_last(&member->connection.held, &position);
    ok = mst_frame_next(frame, frame.len, &payload, &used, &need) == MST_FRAME_OK &&
         mst_reply_decode(payload, arena, &decoded, &malformed, &why) == MST_OK;
    for (size_t i = 0; ok && i < reply->deliveries_count; i++) {
        const struct mst_delivery *wanted = &reply->deliveries[i];

        if (wanted->place != 0) {
            const struct mst_delivery *gap = &decoded.deliveries[i];

            ok = fetch_body(engine, member, position + (uint64_t)(gap->body.data - frame.data),
                            wanted->place, wanted->body.len);
        }
    }
    return ok;
}

void member_reply_fetched(struct engine *engine, struct member *member,
                          const struct mst_reply *reply, uint64_t seq)
{
    struct connection *connection = &member->connection;
    struct mst_reply filled;
    struct mst_arena arena;
    size_t gaps = connection->held.gaps;
    bool ok;

    mst_arena_init(&arena);
    ok = fill_with_zeros(&arena, reply, &filled);
    if (ok) {
        connection_reply(connection, &filled, seq, engine->durable_seq);
    }
    if (ok && connection->held.gaps > gaps) {
        ok = fetch_all(engine, member, &arena, reply);
    }
    mst_arena_clear(&arena);
    if (!ok) {
        connection_drop(connection, "out of memory", true);
    }
    member_settle(engine, member);
}

void fetches_take(struct engine *engine)
{
    struct journal_fetch *read;

    while ((read = engine->journal->table->fetched(engine->journal)) != NULL) {
        struct fetch *fetch = (struct fetch *)(void *)read;
        struct member *member;

        if (backup_takes(engine, read)) {
            continue;
        }
        member = member_find(engine, fetch->member);
        /* Without a place it could not be read: the broker is about to end, and says nothing. */
        if (member != NULL && read->place != 0) {
            held_fill(&member->connection.held, fetch->position,
                      mst_span_of(fetch->body, read->len));
            member_release(engine, member);
        }
        free(fetch);
    }
}
