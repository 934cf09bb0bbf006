/* client_secure.c - the encrypted channel below a connection of the pure machine.
 *
 * Frames are sealed when the wire has taken all that was sealed before, so that what gathered
 * meanwhile becomes one record, and the bound on unsent bytes holds. With a channel nothing but the
 * preamble is ever sent or accepted in the clear. */
#include "client-lib/client_state.h"

#include <stdlib.h>

bool mst_client_secure(struct mst_client *client, const struct mst_channel_client *keys)
{
    struct mst_secure_channel *channel = malloc(sizeof(*channel));
    uint8_t preamble[MST_PREAMBLE_BYTES];
    struct mst_buf first;
    bool ok;

    if (channel == NULL) {
        return false;
    }
    mst_secure_clear(client);
    mst_buf_init(&first);
    mst_preamble_write(preamble, MST_CHANNEL_NOISE);
    ok =
        mst_channel_open(channel, keys) && mst_buf_append(&first, preamble, sizeof(preamble)) &&
        mst_buf_append(&first, mst_buf_span(&channel->output).data, mst_buf_size(&channel->output));
    if (!ok) {
        mst_buf_clear(&first);
        mst_channel_clear(channel);
        free(channel);
        return false;
    }
    mst_buf_clear(&channel->output);
    channel->output = first;
    client->channel = channel;
    return true;
}

void mst_secure_clear(struct mst_client *client)
{
    if (client->channel != NULL) {
        mst_channel_clear(client->channel);
        free(client->channel);
        client->channel = NULL;
    }
}

/* A broker that began to answer and then left has most likely judged: what it did not like is
 * known. */
const char *mst_secure_lost(struct mst_client *client, const char *why)
{
    const struct mst_secure_channel *channel = client->channel;

    if (channel == NULL || why == NULL || !client->preamble_read || channel->heard) {
        return why;
    }
    client->refusal = MST_DENIED;
    client->guessed = true;
    return mst_channel_cut(channel);
}

/* Nothing follows BYE: the end behind it tells the broker that this was no cut. Out of memory: a
 * new connection sends it again. */
static void seal(struct mst_client *client)
{
    struct mst_secure_channel *channel = client->channel;
    bool ok = true;

    while (ok && mst_gather_size(&client->out) > 0) {
        struct mst_span pieces[MST_GATHER_PIECES_MAX];
        size_t count = mst_gather_pieces(&client->out, pieces, MST_GATHER_PIECES_MAX);

        ok = mst_channel_seal_all(channel, pieces, count);
        mst_gather_consume(&client->out, mst_spans_len(pieces, count));
    }
    if (!ok || (client->leaving && !mst_channel_finish(channel))) {
        mst_gather_clear(&client->out);
        client->renewing = true;
    }
    mst_buf_shrink(&client->out.bytes, MST_OUT_KEPT_BYTES);
}

static bool may_seal(const struct mst_client *client)
{
    return mst_gather_size(&client->out) > 0 && client->channel->state == MST_CHANNEL_OPEN &&
           !client->channel->finished;
}

bool mst_client_has_output(const struct mst_client *client)
{
    if (client->channel == NULL) {
        return mst_gather_size(&client->out) > 0;
    }
    return mst_buf_size(&client->channel->output) > 0 || may_seal(client);
}

size_t mst_client_pieces(struct mst_client *client, struct mst_span *out, size_t max)
{
    struct mst_secure_channel *channel = client->channel;

    if (channel == NULL) {
        return mst_gather_pieces(&client->out, out, max);
    }
    if (mst_buf_size(&channel->output) == 0 && may_seal(client)) {
        seal(client);
    }
    out[0] = mst_buf_span(&channel->output);
    return out[0].len > 0;
}

struct mst_span mst_client_output(struct mst_client *client)
{
    struct mst_span first;

    return mst_client_pieces(client, &first, 1) == 0 ? MST_SPAN_NONE : first;
}

void mst_client_sent(struct mst_client *client, size_t bytes)
{
    if (client->channel == NULL) {
        mst_gather_consume(&client->out, bytes);
        mst_buf_shrink(&client->out.bytes, MST_OUT_KEPT_BYTES);
    } else {
        mst_buf_consume(&client->channel->output, bytes);
        mst_buf_shrink(&client->channel->output, MST_OUT_KEPT_BYTES);
    }
}

static bool refuse(struct mst_client *client, const char *why)
{
    client->trouble = why;
    return false;
}

/* The broker's preamble comes in the clear; takes bytes of it from *bytes. */
static bool take_preamble(struct mst_client *client, struct mst_span *bytes)
{
    while (!client->preamble_read && bytes->len > 0) {
        size_t used = 0;

        if (!mst_buf_append(&client->in, bytes->data, 1)) {
            return refuse(client, "out of memory for what the broker sent");
        }
        *bytes = mst_span_of(bytes->data + 1, bytes->len - 1);
        if (!mst_client_take_preamble(client, mst_buf_span(&client->in), &used)) {
            return false;
        }
        mst_buf_consume(&client->in, used);
    }
    return true;
}

bool mst_secure_receive(struct mst_client *client, struct mst_span bytes, int64_t now_ns)
{
    struct mst_secure_channel *channel = client->channel;
    enum mst_channel_state before;

    if (!take_preamble(client, &bytes)) {
        return false;
    }
    while (bytes.len > 0) {
        before = channel->state;
        mst_channel_receive(channel, &bytes, &client->in);
        if (channel->state == MST_CHANNEL_FAILED) {
            if (before == MST_CHANNEL_WAITS && !channel->starved) {
                client->refusal = MST_DENIED;
            }
            return refuse(client, channel->why);
        }
        if (!mst_client_take_kept(client, now_ns)) {
            return false;
        }
        if (channel->state == MST_CHANNEL_ENDED) {
            return refuse(client, "the broker ended the connection");
        }
    }
    return true;
}
