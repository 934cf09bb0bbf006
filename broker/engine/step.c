/* step.c - what the core is told, and what it wants done.
 *
 * Every event passes core_step here, and its effects are carried out before the next: replies go to
 * their connections, records into the batch. Must not know: bytes, time. */
#include "broker/engine/internal.h"

#define BATCH_ROOM_FOR_BODY 32u /* what a record has beside a body */

/* Room for what a put would add to the batch. Whatever else is recorded is small. */
static bool batch_has_room(struct engine *engine, const struct mst_request *request)
{
    size_t bytes = 0;

    if (request->op != MST_OP_PUT || engine->journal == NULL) {
        return true;
    }
    for (size_t i = 0; i < request->bodies_count; i++) {
        bytes += request->bodies[i].len + BATCH_ROOM_FOR_BODY;
    }
    return mst_buf_reserve(&engine->batch, bytes);
}

/* What was decided is kept, whatever it takes: the core spares memory for it. */
static void take_records(struct engine *engine)
{
    struct effects *effects = &engine->effects;
    struct mst_span records = mst_buf_span(&effects->records);

    for (size_t i = 0; i < effects->bodies_count; i++) {
        while (!bodies_add(&engine->bodies, &effects->bodies[i], mst_buf_size(&engine->batch))) {
            core_spare_memory(engine->core);
        }
    }
    while (!mst_buf_append(&engine->batch, records.data, records.len)) {
        core_spare_memory(engine->core);
    }
    engine->batch_seq = effects->records_seq;
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
        reply->status == MST_OK) {
        member->session = reply->session; /* also where its welcome finds no memory, and all ends */
        if (member->connection.phase == CONNECTION_RUNNING) {
            member_welcomed(engine, member);
        }
    }
}

static void step(struct engine *engine, struct event *event)
{
    struct effects *effects = &engine->effects;

    event->now_ns = engine->now_ns;
    event->wall_ns = engine->wall_ns;
    event->storage_full = engine->storage_full;
    core_step(engine->core, event, effects);
    if (mst_buf_size(&effects->records) > 0) {
        take_records(engine);
    }
    for (size_t i = 0; i < effects->count; i++) {
        carry_out_one(engine, &effects->items[i], event->request);
    }
}

void step_request(struct engine *engine, struct member *member,
                  const struct connection_input *input)
{
    const struct mst_request *request = &input->request;
    uint8_t secret[MST_SECRET_BYTES];
    struct event event = {.kind = EVENT_REQUEST,
                          .conn = member->number,
                          .session = member->session,
                          .request = request,
                          .confirmed = input->confirmed,
                          .confirmed_count = input->confirmed_count,
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
    event.memory_short = !batch_has_room(engine, request);
    member->awaits = request->op == MST_OP_GET; /* until it is answered */
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
