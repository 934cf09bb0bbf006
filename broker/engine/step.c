/* step.c - what the core is told, and what it wants done.
 *
 * Every event passes core_step here, and its effects are carried out before the next: replies go to
 * their connections, records into the batch. Must not know: bytes, time. */
#include "broker/engine/internal.h"

#include <stdlib.h>

/* The engine cannot go on as if nothing had happened: what a client was told, or what the journal
 * should have kept, would be missing. */
static void must(struct engine *engine, bool ok, const char *what)
{
    if (!ok) {
        engine_log(engine, ENGINE_ERROR, "out of memory for %s; the broker ends at once", what);
        abort();
    }
}

static void carry_out_one(struct engine *engine, const struct effect *effect,
                          const struct mst_request *request)
{
    struct member *member = member_find(engine, effect->conn);
    const struct mst_reply *reply = &effect->reply;

    if (member == NULL) {
        return; /* it ended earlier in this turn; the outcome is kept for its session's return */
    }
    if (effect->kind == EFFECT_CLOSE) {
        connection_close(&member->connection, effect->why, false);
        member_settle(engine, member);
        return;
    }
    if (reply->op == MST_OP_BACKUP && reply->status == MST_OK) {
        backup_ask(engine, member, request);
        return;
    }
    member_reply(engine, member, reply, effect->seq);
    if (reply->status == MST_DENIED) {
        engine->metrics.denials++;
    }
    member_tell_outcome(engine, member, request, reply);
    if ((reply->op == MST_OP_HELLO || reply->op == MST_OP_RESUME) && reply->id == 0 &&
        reply->status == MST_OK && member->connection.phase == CONNECTION_RUNNING) {
        member_welcomed(engine, member, reply->session);
    }
}

static void step(struct engine *engine, struct event *event)
{
    struct effects *effects = &engine->effects;

    event->now_ns = engine->now_ns;
    event->wall_ns = engine->wall_ns;
    event->storage_full = engine->storage_full;
    core_step(engine->core, event, effects);
    must(engine, !effects->out_of_memory, "a reply");
    if (mst_buf_size(&effects->records) > 0) {
        struct mst_span records = mst_buf_span(&effects->records);

        for (size_t i = 0; i < effects->bodies_count; i++) {
            must(engine,
                 bodies_add(&engine->bodies, &effects->bodies[i], mst_buf_size(&engine->batch)),
                 "a record");
        }
        must(engine, mst_buf_append(&engine->batch, records.data, records.len), "a record");
        engine->batch_seq = effects->records_seq;
    }
    for (size_t i = 0; i < effects->count; i++) {
        carry_out_one(engine, &effects->items[i], event->request);
    }
}

void step_request(struct engine *engine, struct member *member, const struct mst_request *request)
{
    uint8_t secret[MST_SECRET_BYTES];
    struct event event = {.kind = EVENT_REQUEST,
                          .conn = member->number,
                          .session = member->session,
                          .request = request,
                          .identity = member_identity(member),
                          .permit = member_permit(member)};

    if (member->connection.stranger) {
        member_refuse(engine, member, request);
        return;
    }
    if (request->op == MST_OP_HELLO) {
        engine->ports.entropy(engine->ports.user, secret, sizeof(secret));
        event.kind = EVENT_HELLO;
        event.secret = mst_span_of(secret, sizeof(secret));
    } else if (request->op == MST_OP_RESUME) {
        event.kind = EVENT_RESUME;
    }
    step(engine, &event);
}

void step_confirm(struct engine *engine, struct member *member, const struct mst_range *confirmed,
                  size_t count)
{
    struct event event = {.kind = EVENT_CONFIRM,
                          .conn = member->number,
                          .session = member->session,
                          .confirmed = confirmed,
                          .confirmed_count = count};

    step(engine, &event);
}

void step_lost(struct engine *engine, struct member *member)
{
    struct event event = {.kind = EVENT_LOST, .conn = member->number, .session = member->session};

    if (member->session != 0) {
        member->session = 0;
        step(engine, &event);
    }
}

static bool is_welcome(const void *of, struct mst_span identity)
{
    return access_knows(of, identity);
}

void step_expel(struct engine *engine)
{
    struct event event = {.kind = EVENT_EXPEL, .welcome = {is_welcome, engine->access}};

    step(engine, &event);
}

void step_plain(struct engine *engine, enum event_kind kind)
{
    struct event event = {.kind = kind};

    step(engine, &event);
}
