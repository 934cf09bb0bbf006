/* core_copy.c - replies that outlive the step that made them. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_world.h"

static void *copy_array(struct mst_arena *arena, const void *from, size_t bytes)
{
    void *to = mst_arena_take(arena, bytes + 1);

    assert_non_null(to);
    if (bytes > 0) {
        memcpy(to, from, bytes);
    }
    return to;
}

static void keep(struct mst_arena *arena, struct mst_span *span)
{
    if (span->data != NULL) {
        span->data = copy_array(arena, span->data, span->len);
    }
}

#define KEEP_ARRAY(arena, reply, member)                                                           \
    ((reply)->member =                                                                             \
         copy_array(arena, (reply)->member, (reply)->member##_count * sizeof(*(reply)->member)))

static void keep_deliveries(struct mst_arena *arena, struct mst_reply *reply)
{
    KEEP_ARRAY(arena, reply, deliveries);
    for (size_t i = 0; i < reply->deliveries_count; i++) {
        struct mst_delivery *delivery = &reply->deliveries[i];
        struct mst_history *history;

        keep(arena, &delivery->body);
        keep(arena, &delivery->headers);
        if (delivery->history == NULL) {
            continue;
        }
        history = copy_array(arena, delivery->history, sizeof(*history));
        keep(arena, &history->cause);
        keep(arena, &history->queue);
        keep(arena, &history->holder);
        delivery->history = history;
    }
}

static void keep_rows(struct mst_arena *arena, struct mst_reply *reply)
{
    KEEP_ARRAY(arena, reply, facts);
    KEEP_ARRAY(arena, reply, who);
    KEEP_ARRAY(arena, reply, entries);
    KEEP_ARRAY(arena, reply, sessions);
    for (size_t i = 0; i < reply->facts_count; i++) {
        keep(arena, &reply->facts[i].name);
        keep(arena, &reply->facts[i].text);
    }
    for (size_t i = 0; i < reply->who_count; i++) {
        keep(arena, &reply->who[i].name);
        keep(arena, &reply->who[i].host);
        keep(arena, &reply->who[i].detail);
    }
    for (size_t i = 0; i < reply->entries_count; i++) {
        keep(arena, &reply->entries[i].name);
    }
    for (size_t i = 0; i < reply->sessions_count; i++) {
        keep(arena, &reply->sessions[i].name);
        keep(arena, &reply->sessions[i].host);
    }
}

const struct mst_reply *world_copy_reply(struct mst_arena *arena, const struct mst_reply *from)
{
    struct mst_reply *reply = copy_array(arena, from, sizeof(*from));

    keep(arena, &reply->cause);
    keep(arena, &reply->secret);
    keep(arena, &reply->boot);
    keep(arena, &reply->version);
    keep(arena, &reply->name);
    keep(arena, &reply->value);
    KEEP_ARRAY(arena, reply, tallies);
    keep_deliveries(arena, reply);
    keep_rows(arena, reply);
    return reply;
}
