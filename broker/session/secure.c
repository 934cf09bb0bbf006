/* secure.c - the encrypted channel of one connection. See secure.h. */
#include "broker/session/secure.h"

#include <stdlib.h>

#include "protocol/frame.h"

void secure_begin(struct connection *connection)
{
    const struct connection_common *common = connection->common;
    uint8_t preamble[MST_PREAMBLE_BYTES];

    connection->channel = malloc(sizeof(*connection->channel));
    if (connection->channel == NULL) {
        connection_close(connection, "out of memory", false);
        return;
    }
    connection->phase = CONNECTION_SECURING;
    mst_channel_accept(connection->channel, common->secret, common->public_key);
    mst_preamble_write(preamble, MST_CHANNEL_NOISE);
    if (connection->channel->state == MST_CHANNEL_FAILED ||
        !mst_buf_append(&connection->channel->output, preamble, sizeof(preamble))) {
        connection_close(connection, "out of memory", false);
    }
}

void secure_clear(struct connection *connection)
{
    if (connection->channel != NULL) {
        mst_channel_clear(connection->channel);
    }
    free(connection->channel);
    connection->channel = NULL;
}

/* The channel itself stays: it says that nothing is to be sent in the clear. */
void secure_drop(struct connection *connection)
{
    if (connection->channel != NULL) {
        mst_channel_clear(connection->channel);
    }
}

/* ---- the handshake ---- */

void connection_answer(struct connection *connection, const uint8_t token[MST_NOISE_KEY],
                       const uint8_t ephemeral[MST_NOISE_KEY])
{
    if (connection->phase == CONNECTION_SECURING &&
        !mst_channel_answer(connection->channel, token, ephemeral)) {
        connection_close(connection, connection->channel->why, true);
    }
}

void connection_identified(struct connection *connection, bool stranger)
{
    if (connection->phase == CONNECTION_SECURING) {
        connection->phase = CONNECTION_GREETING;
        connection->stranger = stranger;
    }
}

/* ---- bytes in ---- */

bool secure_open(struct connection *connection, struct mst_span *in, enum connection_news *news)
{
    struct mst_secure_channel *channel = connection->channel;
    enum mst_channel_state before = channel->state;

    *news = CONNECTION_SPEAKS;
    if (connection->phase == CONNECTION_CLOSING) {
        return false;
    }
    if (before == MST_CHANNEL_ENDED) {
        connection_close(connection, "closed by the peer", false);
        return false;
    }
    if (in->len == 0) {
        return false;
    }
    spares_lend(&connection->common->spares, &connection->input);
    switch (mst_channel_receive(channel, in, &connection->input)) {
    case MST_CHANNEL_ASKED: *news = CONNECTION_ASKS; break;
    case MST_CHANNEL_OPEN:
        if (before == MST_CHANNEL_WAITS) {
            *news = CONNECTION_SECURED;
        }
        break;
    case MST_CHANNEL_FAILED: connection_close(connection, channel->why, true); return false;
    case MST_CHANNEL_WAITS:
    case MST_CHANNEL_ENDED: break;
    }
    return true;
}

/* ---- bytes out ---- */

static bool can_seal(const struct mst_secure_channel *channel)
{
    return (channel->state == MST_CHANNEL_OPEN || channel->state == MST_CHANNEL_ENDED) &&
           !channel->finished;
}

/* A connection that ends says so, for otherwise it was cut. */
static bool owes_end(const struct connection *connection)
{
    return connection->phase == CONNECTION_CLOSING && can_seal(connection->channel);
}

static bool seal_output(struct connection *connection)
{
    struct spares *spares = &connection->common->spares;
    struct mst_gather *output = &connection->output;
    bool ok = true;

    spares_lend(spares, &connection->channel->output);
    while (ok && mst_gather_size(output) > 0) {
        struct mst_span pieces[MST_GATHER_PIECES_MAX];
        size_t count = mst_gather_pieces(output, pieces, MST_GATHER_PIECES_MAX);

        ok = mst_channel_seal_all(connection->channel, pieces, count);
        mst_gather_consume(output, mst_spans_len(pieces, count));
    }
    spares_take(spares, &output->bytes);
    return ok;
}

void secure_seal(struct connection *connection)
{
    struct mst_secure_channel *channel = connection->channel;
    bool ok = true;

    if (!can_seal(channel)) {
        /* After a failure nothing can be said any more, and never in the clear. */
        if (channel->state == MST_CHANNEL_FAILED) {
            mst_gather_clear(&connection->output);
        }
        return;
    }
    if (mst_gather_size(&connection->output) > 0) {
        ok = seal_output(connection);
    }
    if (ok && owes_end(connection) && !connection_holds(connection)) {
        ok = mst_channel_finish(channel);
    }
    if (!ok) {
        connection_drop(connection, "out of memory", false);
    }
}

bool secure_is_empty(const struct connection *connection)
{
    return connection->channel == NULL ||
           (mst_buf_size(&connection->channel->output) == 0 && !owes_end(connection));
}

size_t secure_waiting(const struct connection *connection)
{
    return connection->channel == NULL ? 0 : mst_buf_size(&connection->channel->output);
}
