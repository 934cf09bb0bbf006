/* reply.c - replies of one connection: encoded, held until they may leave, and numbered when they
 * enter the output. See connection.h. */
#include <stdlib.h>

#include "broker/session/connection.h"
#include "broker/session/secure.h"

/* More waits than may wait, or than can be stored: what is short is memory, so it is freed now. */
static void give_up(struct connection *connection, const char *why)
{
    connection_drop(connection, why, true);
}

static void number_ids(struct connection *connection, struct mst_range ids)
{
    if (!sent_push(&connection->sent, ids)) {
        give_up(connection, "out of memory");
    } else if (connection->sent.ids > SESSION_UNCONFIRMED_MAX) {
        give_up(connection, "LIMIT: the client does not confirm what it receives");
    }
}

/* Whether the client may now speak, and of what, is what the core answered to its greeting. */
static void greeting_answered(struct connection *connection, const struct mst_reply *reply)
{
    if (reply->status == MST_OK) {
        connection->phase = CONNECTION_RUNNING;
    } else if (reply->op == MST_OP_RESUME && reply->status == MST_NOT_FOUND) {
        connection->phase = CONNECTION_DISCARDING;
    } else {
        connection_close(connection, "its session was refused", false);
    }
}

static bool is_greeting(enum mst_op op)
{
    return op == MST_OP_HELLO || op == MST_OP_RESUME;
}

/* Bodies that are still to be read. */
static size_t count_gaps(const struct mst_reply *reply)
{
    size_t gaps = 0;

    for (size_t i = 0; i < reply->deliveries_count; i++) {
        gaps += reply->deliveries[i].place != 0;
    }
    return gaps;
}

/* NULL: out of memory. */
static struct held *held_of(struct connection *connection)
{
    if (connection->held == NULL) {
        connection->held = malloc(sizeof(*connection->held));
        if (connection->held != NULL) {
            held_init(connection->held);
        }
    }
    return connection->held;
}

static bool is_full(const struct connection *connection)
{
    size_t waiting = mst_gather_size(&connection->output) + secure_waiting(connection);

    if (connection->held != NULL) {
        waiting += mst_gather_size(&connection->held->bytes);
    }
    return waiting > connection->limits.output_bytes_max;
}

static void reply_now(struct connection *connection, const struct mst_reply *reply,
                      struct mst_range ids)
{
    spares_lend(&connection->common->spares, &connection->output.bytes);
    if (mst_reply_gather(&connection->output, reply)) {
        number_ids(connection, ids);
    } else {
        give_up(connection, "a reply could not be encoded");
    }
}

static void reply_later(struct connection *connection, const struct mst_reply *reply,
                        struct mst_range ids, uint64_t seq)
{
    struct held *held = held_of(connection);
    size_t before;

    if (held == NULL) {
        give_up(connection, "out of memory");
        return;
    }
    before = mst_gather_size(&held->bytes);
    spares_lend(&connection->common->spares, &held->bytes.bytes);
    if (!mst_reply_gather(&held->bytes, reply)) {
        give_up(connection, "a reply could not be encoded");
    } else if (!held_push(held, seq, mst_gather_size(&held->bytes) - before, ids,
                          count_gaps(reply))) {
        give_up(connection, "out of memory");
    }
}

void connection_reply(struct connection *connection, const struct mst_reply *reply, uint64_t seq,
                      uint64_t durable_seq)
{
    struct mst_range ids = {reply->id, reply->id == 0 ? 0 : reply->answered};
    /* What follows a reply that waits for bodies waits too: deliveries keep their order. */
    bool leaves = seq <= durable_seq && !connection->welcome_held && count_gaps(reply) == 0 &&
                  (connection->held == NULL || connection->held->gaps == 0);

    if (connection->phase == CONNECTION_CLOSING) {
        return;
    }
    if (is_full(connection)) {
        give_up(connection, "LIMIT: the client does not read its replies");
        return;
    }
    if (leaves) {
        reply_now(connection, reply, ids);
    } else {
        reply_later(connection, reply, ids, seq);
    }
    if (is_greeting(reply->op) && reply->id == 0 && connection->phase != CONNECTION_CLOSING) {
        connection->welcome_held = !leaves;
        greeting_answered(connection, reply);
    }
}

void connection_release(struct connection *connection, uint64_t durable_seq)
{
    struct held *held = connection->held;
    struct spares *spares = &connection->common->spares;
    struct held_reply reply;

    while (held != NULL && held_pop(held, durable_seq, &reply)) {
        spares_lend(spares, &connection->output.bytes);
        if (!mst_gather_move(&held->bytes, reply.len, &connection->output)) {
            give_up(connection, "out of memory");
            return;
        }
        number_ids(connection, reply.ids);
        held = connection->held; /* gone if that was one too many */
    }
    if (!connection_holds(connection)) {
        connection->welcome_held = false;
    }
    if (held != NULL) {
        spares_take(spares, &held->bytes.bytes);
    }
}
