/* channel.c - one side of an encrypted connection. See channel.h.
 *
 * A state is left in one place each: WAITS in take_message, ASKED in mst_channel_answer, OPEN in
 * take_record, all of them in fail. */
#include "protocol/channel.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

#include "protocol/frame.h"

enum {
    MESSAGE_1 = MST_NOISE_KEY + MST_TOKEN_ID + MST_NOISE_TAG,
    MESSAGE_2 = MST_NOISE_KEY + MST_NOISE_TAG,
    MESSAGE_3 = MST_NOISE_KEY + 2 * MST_NOISE_TAG,
    KEPT_BYTES_MAX = 128 << 10, /* memory that an empty input keeps while it is in use */
    PIECE_BYTES_MIN = 16 << 10, /* a smaller piece has no record of its own: it is copied */
};

static const size_t message_bytes[] = {MESSAGE_1, MESSAGE_2, MESSAGE_3};
static const uint8_t no_token[MST_NOISE_KEY];

/* ---- beginning and end ---- */

void mst_channel_prologue(uint8_t out[MST_CHANNEL_PROLOGUE])
{
    mst_preamble_write(out, MST_CHANNEL_NOISE);
    mst_preamble_write(out + MST_PREAMBLE_BYTES, MST_CHANNEL_NOISE);
}

void mst_token_id(uint8_t out[MST_TOKEN_ID], const uint8_t token[MST_NOISE_KEY])
{
    uint8_t hash[MST_NOISE_KEY];

    crypto_generichash(hash, sizeof(hash), token, MST_NOISE_KEY, NULL, 0);
    memcpy(out, hash, MST_TOKEN_ID);
}

static void free_noise(struct mst_secure_channel *channel)
{
    if (channel->noise != NULL) {
        mst_noise_wipe(channel->noise);
        free(channel->noise);
        channel->noise = NULL;
    }
}

static void wipe_keys(struct mst_secure_channel *channel)
{
    free_noise(channel);
    mst_noise_cipher_wipe(&channel->send);
    mst_noise_cipher_wipe(&channel->receive);
}

static enum mst_channel_state fail(struct mst_secure_channel *channel, const char *why)
{
    if (channel->state != MST_CHANNEL_FAILED) {
        channel->state = MST_CHANNEL_FAILED;
        channel->why = why;
        wipe_keys(channel);
        mst_buf_clear(&channel->input);
    }
    return MST_CHANNEL_FAILED;
}

static enum mst_channel_state starve(struct mst_secure_channel *channel)
{
    channel->starved = channel->starved || channel->state != MST_CHANNEL_FAILED;
    return fail(channel, "out of memory");
}

static void begin(struct mst_secure_channel *channel, bool initiator,
                  const struct mst_noise_keys *keys)
{
    uint8_t prologue[MST_CHANNEL_PROLOGUE];

    memset(channel, 0, sizeof(*channel));
    mst_buf_init(&channel->input);
    mst_buf_init(&channel->output);
    mst_channel_prologue(prologue);
    channel->noise = malloc(sizeof(*channel->noise));
    if (channel->noise == NULL) {
        starve(channel);
    } else if (!mst_noise_init(channel->noise, MST_NOISE_PROTOCOL, initiator,
                               mst_span_of(prologue, sizeof(prologue)), keys)) {
        fail(channel, "the keys cannot be used");
    }
}

void mst_channel_clear(struct mst_secure_channel *channel)
{
    fail(channel, "closed");
    mst_buf_clear(&channel->output);
}

/* ---- bytes out ---- */

static bool put_header(struct mst_secure_channel *channel, size_t len)
{
    uint8_t header[MST_CHANNEL_HEADER] = {(uint8_t)(len >> 8), (uint8_t)len};

    return mst_buf_append(&channel->output, header, sizeof(header));
}

static bool put_message(struct mst_secure_channel *channel, struct mst_span payload)
{
    struct mst_buf *out = &channel->output;
    size_t len = message_bytes[channel->noise->at];

    /* The room comes first: a message that was written cannot be written again. */
    if (!mst_buf_reserve(out, MST_CHANNEL_HEADER + len)) {
        starve(channel);
        return false;
    }
    if (!put_header(channel, len) || !mst_noise_write(channel->noise, payload, out)) {
        fail(channel, "the handshake cannot go on");
        return false;
    }
    return true;
}

/* The nonce counts the records of a direction and goes on rising over a change of keys. */
static void count_record(struct mst_noise_cipher *cipher)
{
    if (cipher->nonce % MST_CHANNEL_REKEY == 0) {
        mst_noise_rekey(cipher);
    }
}

static bool put_record(struct mst_secure_channel *channel, struct mst_span plain)
{
    if (!mst_buf_reserve(&channel->output, MST_CHANNEL_HEADER + plain.len + MST_NOISE_TAG)) {
        starve(channel);
        return false;
    }
    if (!put_header(channel, plain.len + MST_NOISE_TAG) ||
        !mst_noise_seal(&channel->send, plain, &channel->output)) {
        fail(channel, "a record could not be sealed");
        return false;
    }
    count_record(&channel->send);
    return true;
}

static bool may_seal(const struct mst_secure_channel *channel)
{
    return (channel->state == MST_CHANNEL_OPEN || channel->state == MST_CHANNEL_ENDED) &&
           !channel->finished;
}

/* What is still to be sealed. */
struct pieces {
    const struct mst_span *next;
    const struct mst_span *end;
    struct mst_span first; /* what is left of the one before next */
};

/* At most max bytes of what stands first, without an end between them; none: it is all done. */
static struct mst_span first_of(struct pieces *pieces, size_t max)
{
    while (pieces->first.len == 0 && pieces->next < pieces->end) {
        pieces->first = *pieces->next++;
    }
    return mst_span_of(pieces->first.data, pieces->first.len < max ? pieces->first.len : max);
}

static void done_with(struct pieces *pieces, size_t n)
{
    pieces->first = mst_span_of(pieces->first.data + n, pieces->first.len - n);
}

/* Small pieces share a record: they are copied to where it is sealed, which is in place then. There
 * is room. Returns how many bytes the record has. */
static size_t put_small(struct mst_secure_channel *channel, struct pieces *pieces)
{
    struct mst_buf *out = &channel->output;
    uint8_t *at = out->data + out->len + MST_CHANNEL_HEADER;
    struct mst_span small = first_of(pieces, MST_CHANNEL_PLAIN);
    size_t len = 0;

    while (small.len > 0 && small.len < PIECE_BYTES_MIN) {
        memcpy(at + len, small.data, small.len);
        len += small.len;
        done_with(pieces, small.len);
        small = first_of(pieces, MST_CHANNEL_PLAIN - len);
    }
    put_record(channel, mst_span_of(at, len));
    return len;
}

bool mst_channel_seal_all(struct mst_secure_channel *channel, const struct mst_span *pieces,
                          size_t count)
{
    struct pieces left = {pieces, pieces + count, MST_SPAN_NONE};
    size_t len = mst_spans_len(pieces, count);
    size_t records = len / MST_CHANNEL_PLAIN + 2 * count + 1; /* at most */

    if (!may_seal(channel)) {
        return false;
    }
    if (!mst_buf_reserve(&channel->output, len + records * (MST_CHANNEL_HEADER + MST_NOISE_TAG))) {
        starve(channel);
        return false;
    }
    while (len > 0 && channel->state != MST_CHANNEL_FAILED) {
        struct mst_span first = first_of(&left, MST_CHANNEL_PLAIN);

        if (first.len < PIECE_BYTES_MIN) {
            len -= put_small(channel, &left);
        } else if (put_record(channel, first)) {
            done_with(&left, first.len);
            len -= first.len;
        }
    }
    return channel->state != MST_CHANNEL_FAILED;
}

bool mst_channel_seal(struct mst_secure_channel *channel, struct mst_span plain)
{
    return mst_channel_seal_all(channel, &plain, 1);
}

bool mst_channel_finish(struct mst_secure_channel *channel)
{
    if (!may_seal(channel) || !put_record(channel, MST_SPAN_NONE)) {
        return false;
    }
    channel->finished = true;
    return true;
}

/* ---- the handshake ---- */

bool mst_channel_open(struct mst_secure_channel *channel, const struct mst_channel_client *client)
{
    const uint8_t *token = client->token == NULL ? no_token : client->token;
    uint8_t psk[1][MST_NOISE_KEY];
    struct mst_noise_keys keys = {
        .static_secret = mst_span_of(client->secret, MST_NOISE_KEY),
        .ephemeral_secret = mst_span_of(client->ephemeral, MST_NOISE_KEY),
        .remote_static = mst_span_of(client->server_key, MST_NOISE_KEY),
        .psks = (const uint8_t(*)[MST_NOISE_KEY])psk,
        .psks_count = 1,
    };

    memcpy(psk[0], token, MST_NOISE_KEY);
    begin(channel, true, &keys);
    sodium_memzero(psk, sizeof(psk));
    if (client->token != NULL) {
        mst_token_id(channel->token_id, client->token);
    }
    return channel->state == MST_CHANNEL_WAITS &&
           put_message(channel, mst_span_of(channel->token_id, MST_TOKEN_ID));
}

void mst_channel_accept(struct mst_secure_channel *channel, const uint8_t secret[MST_NOISE_KEY],
                        const uint8_t public_key[MST_NOISE_KEY])
{
    struct mst_noise_keys keys = {
        .static_secret = mst_span_of(secret, MST_NOISE_KEY),
        .static_public = mst_span_of(public_key, MST_NOISE_KEY),
    };

    begin(channel, false, &keys);
}

bool mst_channel_answer(struct mst_secure_channel *channel, const uint8_t token[MST_NOISE_KEY],
                        const uint8_t ephemeral[MST_NOISE_KEY])
{
    assert(channel->state == MST_CHANNEL_ASKED);
    channel->state = MST_CHANNEL_WAITS;
    mst_noise_set_ephemeral(channel->noise, ephemeral);
    mst_noise_set_psk(channel->noise, token);
    return put_message(channel, MST_SPAN_NONE);
}

static void finish_handshake(struct mst_secure_channel *channel)
{
    mst_noise_split(channel->noise, &channel->send, &channel->receive);
    memcpy(channel->remote, channel->noise->rs, MST_NOISE_KEY);
    free_noise(channel);
    channel->state = MST_CHANNEL_OPEN;
}

static const char *message_trouble(unsigned at)
{
    switch (at) {
    case 0: return "its first message was not made for this server's key";
    case 1: return "the broker does not prove that it has the server key; look at the server key";
    default: return "it does not have the token that it names, or named none that is known";
    }
}

static enum mst_channel_state take_message(struct mst_secure_channel *channel,
                                           struct mst_span message)
{
    unsigned at = channel->noise->at;
    struct mst_buf payload;
    bool ok;

    mst_buf_init(&payload);
    if (!mst_buf_reserve(&payload, message.len)) {
        return starve(channel);
    }
    ok = mst_noise_read(channel->noise, message, &payload);
    if (ok && at == 0) {
        memcpy(channel->token_id, mst_buf_span(&payload).data, MST_TOKEN_ID);
        channel->state = MST_CHANNEL_ASKED;
    }
    mst_buf_clear(&payload);
    if (!ok) {
        return fail(channel, message_trouble(at));
    }
    if (at == 1 && !put_message(channel, MST_SPAN_NONE)) {
        return MST_CHANNEL_FAILED;
    }
    if (mst_noise_done(channel->noise)) {
        finish_handshake(channel);
    }
    return channel->state;
}

/* ---- bytes in ---- */

static enum mst_channel_state take_record(struct mst_secure_channel *channel,
                                          struct mst_span record, struct mst_buf *plain)
{
    if (!mst_buf_reserve(plain, record.len)) {
        return starve(channel);
    }
    if (!mst_noise_open(&channel->receive, record, plain)) {
        return fail(channel, "a record is not authentic");
    }
    count_record(&channel->receive);
    channel->heard = true;
    if (record.len == MST_NOISE_TAG) {
        channel->state = MST_CHANNEL_ENDED;
    }
    return channel->state;
}

/* Moves bytes into the kept beginning until that has `size` of them, or all are moved. */
static bool keep(struct mst_secure_channel *channel, struct mst_span *in, size_t size)
{
    size_t held = mst_buf_size(&channel->input);
    size_t n = size > held ? size - held : 0;

    n = n < in->len ? n : in->len;
    if (!mst_buf_append(&channel->input, in->data, n)) {
        starve(channel);
        return false;
    }
    *in = mst_span_of(in->data + n, in->len - n);
    return mst_buf_size(&channel->input) >= size;
}

/* How long the next message or record is, by its header; 0: it cannot be that long. */
static size_t declared(struct mst_secure_channel *channel, struct mst_span header)
{
    size_t len = (size_t)header.data[0] << 8 | header.data[1];
    bool fits = channel->state == MST_CHANNEL_OPEN ? len >= MST_NOISE_TAG
                                                   : len == message_bytes[channel->noise->at];

    if (!fits) {
        fail(channel, "it does not speak the encrypted channel, or its bytes were changed");
        return 0;
    }
    return len;
}

/* The next message or record: where it came, unless its beginning was kept. false: not all of it is
 * there, or failed. *used_out of the kept bytes are to be consumed after it. */
static bool cut(struct mst_secure_channel *channel, struct mst_span *in, struct mst_span *out,
                size_t *used_out)
{
    size_t len;

    *used_out = 0;
    if (mst_buf_size(&channel->input) == 0 && in->len >= MST_CHANNEL_HEADER) {
        len = declared(channel, *in);
        if (len > 0 && in->len - MST_CHANNEL_HEADER >= len) {
            *out = mst_span_of(in->data + MST_CHANNEL_HEADER, len);
            *in = mst_span_of(out->data + len, in->len - MST_CHANNEL_HEADER - len);
            return true;
        }
    }
    if (channel->state == MST_CHANNEL_FAILED || !keep(channel, in, MST_CHANNEL_HEADER)) {
        return false;
    }
    len = declared(channel, mst_buf_span(&channel->input));
    if (len == 0 || !keep(channel, in, MST_CHANNEL_HEADER + len)) {
        return false;
    }
    *used_out = MST_CHANNEL_HEADER + len;
    *out = mst_span_of(mst_buf_span(&channel->input).data + MST_CHANNEL_HEADER, len);
    return true;
}

enum mst_channel_state mst_channel_receive(struct mst_secure_channel *channel, struct mst_span *in,
                                           struct mst_buf *plain)
{
    enum mst_channel_state before = channel->state;
    size_t had = mst_buf_size(plain);
    struct mst_span next;
    size_t used;

    if (before == MST_CHANNEL_ENDED && in->len > 0) {
        return fail(channel, "it sends on after its end");
    }
    if (before != MST_CHANNEL_WAITS && before != MST_CHANNEL_OPEN) {
        return before;
    }
    /* A long record is used while it is in the processor's cache, and plain stays small. */
    while (channel->state == before && mst_buf_size(plain) - had < MST_CHANNEL_CHUNK &&
           cut(channel, in, &next, &used)) {
        if (before == MST_CHANNEL_WAITS) {
            take_message(channel, next);
        } else {
            take_record(channel, next, plain);
        }
        if (channel->state != MST_CHANNEL_FAILED) {
            mst_buf_consume(&channel->input, used);
        }
    }
    /* After the handshake many say nothing for long. */
    mst_buf_shrink(&channel->input, before == MST_CHANNEL_WAITS ? 0 : KEPT_BYTES_MAX);
    return channel->state;
}

/* ---- for people ---- */

const char *mst_channel_cut(const struct mst_secure_channel *channel)
{
    if (channel->state == MST_CHANNEL_FAILED) {
        return channel->why;
    }
    if (channel->state == MST_CHANNEL_WAITS) {
        return "the broker ended the handshake at its first message: most likely the server key "
               "is not this broker's; look at the server key";
    }
    if (channel->state == MST_CHANNEL_OPEN && !channel->heard) {
        return "the broker ended the connection before its first answer: it does not accept this "
               "token or key; look at the token, then at the key";
    }
    return "the connection was cut";
}
