/* secure_peer.c - a client of an engine behind the encrypted channel. See secure_peer.h. */
#include "tests/unit/secure_peer.h"

#include <stdio.h>
#include <string.h>

#include "protocol/frame.h"
#include "protocol/keys.h"

const uint8_t *secure_peer_secret(uint8_t seed)
{
    static uint8_t keys[256][MST_NOISE_KEY];

    memset(keys[seed], seed, MST_NOISE_KEY);
    return keys[seed];
}

void secure_peer_admit(struct pipes *pipes, const char *names, const char *permissions,
                       bool anonymous)
{
    char keys[600] = "";
    uint8_t public_key[MST_NOISE_KEY];
    char text[MST_KEY_TEXT + 1];
    char error[ACCESS_ERROR_MAX];
    struct engine_security security = {.server_secret = secure_peer_secret(201)};

    for (; *names != '\0'; names++) {
        mst_noise_public(public_key, secure_peer_secret((uint8_t)*names));
        mst_key_write(text, MST_KEY_PUBLIC, public_key);
        snprintf(keys + strlen(keys), sizeof(keys) - strlen(keys), "%c %s\n", *names, text);
    }
    security.texts.keys = (struct access_text){"keys", mst_span_text(keys), true};
    security.texts.tokens = (struct access_text){"tokens", MST_SPAN_NONE, false};
    security.texts.permissions =
        (struct access_text){"permissions", mst_span_text(permissions), permissions != NULL};
    security.texts.anonymous = anonymous;
    assert_true(engine_secure(pipes->engine, &security, error));
}

void secure_peer_begin(struct pipes *pipes, struct peer *peer, char name)
{
    struct engine_peer from = {.address = "far away", .clear_refused = true};
    uint8_t server[MST_NOISE_KEY];
    uint8_t preamble[MST_PREAMBLE_BYTES];
    struct mst_channel_client keys = {.secret = secure_peer_secret((uint8_t)name),
                                      .ephemeral = secure_peer_secret(7),
                                      .server_key = server};

    mst_noise_public(server, secure_peer_secret(201));
    assert_true(mst_channel_open(&peer->channel, &keys));
    peer->client = &pipes->clients[pipes->clients_count++];
    peer->client->room = SIZE_MAX;
    peer->client->conn = engine_accept(pipes->engine, &from);
    assert_true(peer->client->conn != 0);
    mst_buf_init(&peer->wire);
    mst_preamble_write(preamble, MST_CHANNEL_NOISE);
    assert_true(mst_buf_append(&peer->wire, preamble, sizeof(preamble)));
}

void secure_peer_end(struct peer *peer)
{
    mst_channel_clear(&peer->channel);
    mst_buf_clear(&peer->wire);
}

/* Sends what the peer has to say, `step` bytes at a time. */
void secure_peer_flush(struct pipes *pipes, struct peer *peer, size_t step)
{
    struct mst_span more = mst_buf_span(&peer->channel.output);

    assert_true(mst_buf_append(&peer->wire, more.data, more.len));
    mst_buf_consume(&peer->channel.output, more.len);
    while (mst_buf_size(&peer->wire) > 0) {
        struct mst_span bytes = mst_buf_span(&peer->wire);

        bytes.len = bytes.len < step ? bytes.len : step;
        engine_receive(pipes->engine, peer->client->conn, bytes);
        mst_buf_consume(&peer->wire, bytes.len);
    }
    pipes_turn(pipes);
}

/* Opens what the broker sent; the plaintext is left in client->in for pipes_read. */
void secure_peer_receive(struct peer *peer, bool handshake)
{
    struct mst_buf plain;
    struct mst_span bytes = mst_buf_span(&peer->client->in);

    mst_buf_init(&plain);
    if (handshake) {
        assert_true(bytes.len >= MST_PREAMBLE_BYTES);
        bytes = mst_span_of(bytes.data + MST_PREAMBLE_BYTES, bytes.len - MST_PREAMBLE_BYTES);
    }
    while (bytes.len > 0 && peer->channel.state < MST_CHANNEL_ENDED) {
        mst_channel_receive(&peer->channel, &bytes, &plain);
    }
    mst_buf_clear(&peer->client->in);
    peer->client->in = plain;
}

void secure_peer_say(struct peer *peer, struct mst_request *request)
{
    struct mst_buf frame;

    mst_buf_init(&frame);
    request->confirm = peer->client->confirm;
    assert_true(mst_request_encode(&frame, request));
    assert_true(mst_channel_seal(&peer->channel, mst_buf_span(&frame)));
    mst_buf_clear(&frame);
}

void secure_peer_say_hello(struct peer *peer)
{
    struct mst_request request;

    mst_request_init(&request, MST_OP_HELLO);
    request.name = mst_span_text("tester");
    request.host = mst_span_text("host");
    secure_peer_say(peer, &request);
    mst_request_init(&request, MST_OP_OPEN);
    request.handle = 1;
    request.name = mst_span_text("jobs");
    secure_peer_say(peer, &request);
}

void secure_peer_say_put(struct peer *peer, uint64_t id)
{
    struct mst_span body = mst_span_text("x");
    struct mst_request request;

    mst_request_init(&request, MST_OP_PUT);
    request.id = id;
    request.handle = 1;
    request.bodies = &body;
    request.bodies_count = 1;
    secure_peer_say(peer, &request);
}

/* As far as a session, and one put behind it in the same packet. */
void secure_peer_come(struct pipes *pipes, struct peer *peer, char name, size_t step)
{
    secure_peer_begin(pipes, peer, name);
    secure_peer_flush(pipes, peer, step);
    secure_peer_receive(peer, true);
    assert_int_equal(peer->channel.state, MST_CHANNEL_OPEN);
    secure_peer_say_hello(peer);
    secure_peer_say_put(peer, 1);
    secure_peer_flush(pipes, peer, step);
    secure_peer_receive(peer, false);
}
