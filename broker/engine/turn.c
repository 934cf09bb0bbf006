/* turn.c - a turn of the engine: what time brings, then what goes out.
 *
 * The order: what is due, then who is leaving, then the journal's batch, then each connection's
 * output with one send, to one that waited and to one that asked, in turn. Must not know: sockets,
 * files, the system's clock. */
#include "broker/engine/internal.h"

#define RECEIPT_REST_NS 1000000 /* at most, and only while input keeps coming */
#define CATCH_UP_TURNS  16      /* a pause is over by then, however many clients want to speak */

/* ---- what time brings ---- */

/* When the first of a list is due that waits as long as all the others in it. */
static int64_t first_due_ns(const struct link *list, int64_t wait_ns)
{
    if (list_empty(list)) {
        return MST_FOREVER;
    }
    return OWNER(list->next, struct member, timed)->timed_ns + wait_ns;
}

static int64_t first_beat_ns(const struct engine *engine)
{
    if (list_empty(&engine->beat)) {
        return MST_FOREVER;
    }
    return OWNER(engine->beat.next, struct member, beat)->sent_ns +
           engine->config.silence_ns / ENGINE_HEARTBEATS;
}

static void drop_due(struct engine *engine, struct link *list, int64_t wait_ns, const char *why)
{
    while (first_due_ns(list, wait_ns) <= engine->now_ns) {
        struct member *member = OWNER(list->next, struct member, timed);

        engine->metrics.handshake_failures[HANDSHAKE_TIMEOUT] += list == &engine->greeting;
        connection_drop(&member->connection, why, false);
        member_settle(engine, member);
    }
}

static void finish_due(struct engine *engine)
{
    while (first_due_ns(&engine->closing, ENGINE_CLOSING_NS) <= engine->now_ns) {
        struct member *member = OWNER(engine->closing.next, struct member, timed);

        step_lost(engine, member);
        member_finish(engine, member);
    }
}

static void send_heartbeats(struct engine *engine)
{
    while (first_beat_ns(engine) <= engine->now_ns) {
        struct member *member = OWNER(engine->beat.next, struct member, beat);

        member_sent(engine, member);
        connection_rest(&member->connection);
        /* Bytes that wait already are a sign of life as soon as the peer reads them. */
        if (connection_is_empty(&member->connection)) {
            struct mst_reply reply;

            mst_reply_init(&reply, MST_OP_HEARTBEAT);
            member_reply(engine, member, &reply, 0);
        }
    }
}

/* After a pause, or a long sleep, input that waits comes before anything expires. */
static bool is_catching_up(struct engine *engine)
{
    bool paused = engine->now_ns - engine->turn_ns > ENGINE_PAUSE_NS;

    if (engine->catch_up == 0) {
        engine->catch_up = paused ? CATCH_UP_TURNS : 0;
    } else {
        engine->catch_up = engine->input_seen || paused ? engine->catch_up - 1 : 0;
    }
    engine->turn_ns = engine->now_ns;
    engine->input_seen = false;
    return engine->catch_up > 0;
}

static void expire(struct engine *engine)
{
    if (core_next_deadline_ns(engine->core) <= engine->now_ns) {
        step_plain(engine, EVENT_TICK);
    }
    drop_due(engine, &engine->greeting, ENGINE_GREETING_NS, "no session within five seconds");
    drop_due(engine, &engine->heard, engine->config.silence_ns, "silent for too long");
    finish_due(engine);
    send_heartbeats(engine);
}

/* ---- what goes out ---- */

/* The core learns who is gone only between steps. What it then does may close others. */
static void tell_lost(struct engine *engine)
{
    while (!list_empty(&engine->leaving)) {
        struct member *member = OWNER(engine->leaving.next, struct member, leaving);

        list_remove(&member->leaving);
        step_lost(engine, member);
    }
}

static void send_output(struct engine *engine, struct member *member)
{
    struct mst_span pieces[MST_GATHER_PIECES_MAX];
    size_t count = connection_output(&member->connection, pieces, MST_GATHER_PIECES_MAX);

    if (count > 0) {
        ptrdiff_t taken = engine->ports.send(engine->ports.user, member->number, pieces, count);

        if (taken < 0) {
            connection_drop(&member->connection, "the peer is gone", false);
            member_settle(engine, member);
            return;
        }
        member->blocked = (size_t)taken < mst_spans_len(pieces, count);
        connection_sent(&member->connection, (size_t)taken);
        if (taken > 0) {
            member_sent(engine, member);
        }
        if (count == MST_GATHER_PIECES_MAX) {
            member_settle(engine, member); /* there may be more, for the next turn */
        }
    }
    if (member->ends && !list_holds(&member->leaving) && connection_is_empty(&member->connection)) {
        member_finish(engine, member);
    }
}

/* Who finishes a message and asks for the next in one breath sleeps until that is there, so it is
 * not woken for a receipt as long as others bring messages: both then travel together. Who asked
 * for nothing else is told at once, and so is everybody when nothing more comes in. */
static bool may_rest(const struct engine *engine, const struct member *member)
{
    return member->receipts && member->awaits && member->connection.phase == CONNECTION_RUNNING &&
           (member->rests_ns == 0 || engine->now_ns - member->rests_ns < RECEIPT_REST_NS);
}

static void send_first(struct engine *engine, struct link *round, bool more)
{
    struct member *member;

    if (list_empty(round)) {
        return;
    }
    member = OWNER(round->next, struct member, dirty);
    list_remove(&member->dirty);
    if (more && may_rest(engine, member)) {
        member->rests_ns = member->rests_ns == 0 ? engine->now_ns : member->rests_ns;
        list_insert(&engine->resting, &member->dirty);
    } else {
        member->rests_ns = 0;
        send_output(engine, member);
    }
}

/* A send that wakes a process takes as long as all the rest of a short turn, and the first one
 * finds a processor free. So it is for who waited: what a putter brought is with its getter first,
 * and the putter only learns that it is. But who released many does not wait for all of them: one
 * that waited and one that asked, in turn. Each once: who becomes dirty meanwhile is for the next
 * turn. */
static void send_all(struct engine *engine, bool more)
{
    struct link waited, asked;

    list_init(&waited);
    list_init(&asked);
    list_move_all(&waited, &engine->waited);
    list_move_all(&asked, &engine->resting);
    list_move_all(&asked, &engine->asked);
    while (!list_empty(&waited) || !list_empty(&asked)) {
        send_first(engine, &waited, more);
        send_first(engine, &asked, more);
    }
}

void engine_turn(struct engine *engine)
{
    bool more = engine->input_seen && !engine->draining; /* it is likely that more follows */

    if (!engine->input_seen) {
        engine_look_at_clock(engine); /* else the input has, and who expires can wait for a turn */
    }
    engine->handshakes = 0;
    if (!is_catching_up(engine)) {
        expire(engine);
    }
    tell_lost(engine);
    journal_turn(engine);
    if (engine_failure(engine) == NULL) {
        send_all(engine, more);
    }
    metrics_end_turn(engine);
}

static int64_t sooner(int64_t a_ns, int64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

int64_t engine_next_deadline_ns(const struct engine *engine)
{
    int64_t next_ns = core_next_deadline_ns(engine->core);

    if (!list_empty(&engine->waited) || !list_empty(&engine->asked) ||
        !list_empty(&engine->resting) || !list_empty(&engine->leaving) || engine->catch_up > 0 ||
        batch_can_go(engine)) {
        return 0;
    }
    next_ns = sooner(next_ns, first_due_ns(&engine->greeting, ENGINE_GREETING_NS));
    next_ns = sooner(next_ns, first_due_ns(&engine->heard, engine->config.silence_ns));
    next_ns = sooner(next_ns, first_due_ns(&engine->closing, ENGINE_CLOSING_NS));
    next_ns = sooner(next_ns, first_beat_ns(engine));
    if (mst_buf_size(&engine->batch) > 0 && engine->batch_again_ns > engine->now_ns) {
        next_ns = sooner(next_ns, engine->batch_again_ns);
    }
    if (engine->draining && engine->now_ns < engine->drain_until_ns) {
        next_ns = sooner(next_ns, engine->drain_until_ns);
    }
    if (engine->journal != NULL) {
        next_ns = sooner(next_ns, engine->journal->table->next_deadline_ns(engine->journal));
    }
    return next_ns <= 0 || next_ns == MST_FOREVER ? next_ns : next_ns - engine->shift_ns;
}

/* ---- going away ---- */

/* What waits stays open: its client comes back to the broker that follows, as after a crash. */
static void drain_to_disk(struct engine *engine)
{
    engine_log(engine, ENGINE_INFO, "what waits goes on when the broker is back");
}

static void drain_memory(struct engine *engine)
{
    struct mst_reply notice;

    mst_reply_init(&notice, MST_OP_NOTICE);
    notice.notice = MST_NOTICE_GOING_AWAY;
    for (uint32_t i = 0; i < engine->places_count; i++) {
        struct member *member = engine->places[i].member;

        if (member != NULL && member->connection.phase == CONNECTION_RUNNING) {
            member_reply(engine, member, &notice, 0);
        }
    }
    step_plain(engine, EVENT_DRAIN);
}

void engine_drain(struct engine *engine)
{
    if (engine->draining) {
        return;
    }
    engine_look_at_clock(engine);
    engine->draining = true;
    engine->drain_until_ns = engine->now_ns + ENGINE_DRAIN_NS;
    if (engine->journal != NULL) {
        drain_to_disk(engine);
    } else {
        drain_memory(engine);
    }
}

static bool all_is_sent(const struct engine *engine)
{
    for (uint32_t i = 0; i < engine->places_count; i++) {
        const struct member *member = engine->places[i].member;

        if (member != NULL && !connection_is_empty(&member->connection)) {
            return false;
        }
    }
    return true;
}

bool engine_drained(const struct engine *engine)
{
    if (!engine->draining || engine->now_ns >= engine->drain_until_ns) {
        return engine->draining;
    }
    if (engine->journal != NULL) {
        /* Replies that were not sent are kept with their sessions. */
        return mst_buf_size(&engine->batch) == 0 && engine->durable_seq >= engine->flight_seq;
    }
    return core_next_deadline_ns(engine->core) != 0 && all_is_sent(engine);
}
