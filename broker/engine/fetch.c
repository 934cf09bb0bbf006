/* fetch.c - replies with bodies that are away: they are read back from the journal.
 *
 * Each such body gets a blob, whose bytes are still to be read, and the reply is held by its
 * connection until they have been. The core has done its part already and does not know of it. */
#include "broker/engine/internal.h"

#include <stdlib.h>

#include "protocol/blob.h"

struct fetch {
    struct journal_fetch read; /* first: it comes back as this */
    uint64_t member;
    uint64_t reply; /* its number among those that the connection holds */
    struct mst_blob *blob;
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

static void drop_blobs(struct mst_reply *reply)
{
    for (size_t i = 0; i < reply->deliveries_count; i++) {
        if (reply->deliveries[i].place != 0) {
            mst_blob_unref(&reply->deliveries[i].blob);
        }
    }
}

/* The same reply with blobs for the bodies that are missing. false: out of memory. */
static bool make_blobs(struct mst_arena *arena, const struct mst_reply *reply,
                       struct mst_reply *filled)
{
    size_t count = reply->deliveries_count;
    bool ok = true;

    *filled = *reply;
    filled->deliveries = mst_arena_take(arena, count * sizeof(*filled->deliveries));
    if (filled->deliveries == NULL) {
        filled->deliveries_count = 0;
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct mst_delivery *delivery = &filled->deliveries[i];

        *delivery = reply->deliveries[i];
        if (delivery->place != 0) {
            delivery->blob = mst_blob_new_blank(delivery->body.len);
            delivery->body = mst_blob_span(delivery->blob);
            ok = ok && delivery->blob != NULL;
        }
    }
    return ok;
}

static bool fetch_body(struct engine *engine, const struct member *member,
                       const struct mst_delivery *delivery)
{
    struct fetch *fetch = malloc(sizeof(*fetch));

    if (fetch == NULL) {
        return false;
    }
    fetch->blob = mst_blob_ref(delivery->blob);
    fetch->read = (struct journal_fetch){
        .place = delivery->place, .len = fetch->blob->len, .out = fetch->blob->bytes};
    fetch->member = member->number;
    fetch->reply = held_last(member->connection.held);
    engine->journal->table->fetch(engine->journal, &fetch->read);
    return true;
}

void member_reply_fetched(struct engine *engine, struct member *member,
                          const struct mst_reply *reply, uint64_t seq)
{
    struct connection *connection = &member->connection;
    struct mst_reply filled;
    struct mst_arena arena;
    bool ok;

    mst_arena_init(&arena);
    ok = make_blobs(&arena, reply, &filled);
    if (ok) {
        connection_reply(connection, &filled, seq, engine->durable_seq);
    }
    /* Else it was not encoded, and the connection is closing. */
    for (size_t i = 0; ok && connection->phase != CONNECTION_CLOSING && i < filled.deliveries_count;
         i++) {
        if (filled.deliveries[i].place != 0) {
            ok = fetch_body(engine, member, &filled.deliveries[i]);
        }
    }
    drop_blobs(&filled);
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
        if (member != NULL && read->place != 0 && member->connection.held != NULL) {
            held_filled(member->connection.held, fetch->reply);
            member_release(engine, member);
        }
        mst_blob_unref(&fetch->blob);
        free(fetch);
    }
}
