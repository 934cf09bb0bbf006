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
    mst_buf_clear(&client->plain);
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
    return mst_channel_cut(channel);
}

struct mst_span mst_client_output(struct mst_client *client)
{
    struct mst_secure_channel *channel = client->channel;

    if (channel == NULL) {
        return mst_buf_span(&client->out);
    }
    if (mst_buf_size(&channel->output) == 0 && mst_buf_size(&client->out) > 0 &&
        channel->state == MST_CHANNEL_OPEN && !channel->finished) {
        /* Nothing follows BYE: the end behind it tells the broker that this was no cut. */
        if (!mst_channel_seal(channel, mst_buf_span(&client->out)) ||
            (client->leaving && !mst_channel_finish(channel))) {
            client->renewing = true; /* out of memory: a new connection sends it again */
        }
        mst_buf_reset(&client->out);
        mst_buf_shrink(&client->out, MST_OUT_KEPT_BYTES);
    }
    return mst_buf_span(&channel->output);
}

void mst_client_sent(struct mst_client *client, size_t bytes)
{
    struct mst_buf *out = client->channel == NULL ? &client->out : &client->channel->output;

    mst_buf_consume(out, bytes);
    mst_buf_shrink(out, MST_OUT_KEPT_BYTES);
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
        mst_buf_reset(&client->plain);
        mst_channel_receive(channel, &bytes, &client->plain);
        if (channel->state == MST_CHANNEL_FAILED) {
            if (before == MST_CHANNEL_WAITS) {
                client->refusal = MST_DENIED;
            }
            return refuse(client, channel->why);
        }
        if (mst_buf_size(&client->plain) > 0 &&
            !mst_client_take_bytes(client, mst_buf_span(&client->plain), now_ns)) {
            return false;
        }
        if (channel->state == MST_CHANNEL_ENDED) {
            return refuse(client, "the broker ended the connection");
        }
    }
    mst_buf_shrink(&client->plain, MST_OUT_KEPT_BYTES);
    return true;
}
