/* test_secure.c - the engine behind the encrypted channel: who gets a session, what it may do. */
#include "tests/unit/engine_pipes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/frame.h"
#include "protocol/keys.h"

/* A client at the other end of an encrypted connection. */
struct peer {
    struct client *client;
    struct mst_secure_channel channel;
    struct mst_buf wire; /* what it sends: preamble, handshake, records */
};

static const uint8_t *secret_of(uint8_t seed)
{
    static uint8_t keys[256][MST_NOISE_KEY];

    memset(keys[seed], seed, MST_NOISE_KEY);
    return keys[seed];
}

static void secure(struct pipes *pipes, const char *names, const char *permissions, bool anonymous)
{
    char keys[600] = "";
    uint8_t public_key[MST_NOISE_KEY];
    char text[MST_KEY_TEXT + 1];
    char error[ACCESS_ERROR_MAX];
    struct engine_security security = {.server_secret = secret_of(201)};

    for (; *names != '\0'; names++) {
        mst_noise_public(public_key, secret_of((uint8_t)*names));
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

static void begin(struct pipes *pipes, struct peer *peer, char name)
{
    struct engine_peer from = {.address = "far away", .clear_refused = true};
    uint8_t server[MST_NOISE_KEY];
    uint8_t preamble[MST_PREAMBLE_BYTES];
    struct mst_channel_client keys = {
        .secret = secret_of((uint8_t)name), .ephemeral = secret_of(7), .server_key = server};

    mst_noise_public(server, secret_of(201));
    assert_true(mst_channel_open(&peer->channel, &keys));
    peer->client = &pipes->clients[pipes->clients_count++];
    peer->client->room = SIZE_MAX;
    peer->client->conn = engine_accept(pipes->engine, &from);
    assert_true(peer->client->conn != 0);
    mst_buf_init(&peer->wire);
    mst_preamble_write(preamble, MST_CHANNEL_NOISE);
    assert_true(mst_buf_append(&peer->wire, preamble, sizeof(preamble)));
}

static void end(struct peer *peer)
{
    mst_channel_clear(&peer->channel);
    mst_buf_clear(&peer->wire);
}

/* Sends what the peer has to say, `step` bytes at a time. */
static void flush(struct pipes *pipes, struct peer *peer, size_t step)
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
static void receive(struct peer *peer, bool handshake)
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

static void say(struct peer *peer, struct mst_request *request)
{
    struct mst_buf frame;

    mst_buf_init(&frame);
    request->confirm = peer->client->confirm;
    assert_true(mst_request_encode(&frame, request));
    assert_true(mst_channel_seal(&peer->channel, mst_buf_span(&frame)));
    mst_buf_clear(&frame);
}

static void say_hello(struct peer *peer)
{
    struct mst_request request;

    mst_request_init(&request, MST_OP_HELLO);
    request.name = mst_span_text("tester");
    request.host = mst_span_text("host");
    say(peer, &request);
    mst_request_init(&request, MST_OP_OPEN);
    request.handle = 1;
    request.name = mst_span_text("jobs");
    say(peer, &request);
}

static void say_put(struct peer *peer, uint64_t id)
{
    struct mst_span body = mst_span_text("x");
    struct mst_request request;

    mst_request_init(&request, MST_OP_PUT);
    request.id = id;
    request.handle = 1;
    request.bodies = &body;
    request.bodies_count = 1;
    say(peer, &request);
}

/* As far as a session, and one put behind it in the same packet. */
static void come(struct pipes *pipes, struct peer *peer, char name, size_t step)
{
    begin(pipes, peer, name);
    flush(pipes, peer, step);
    receive(peer, true);
    assert_int_equal(peer->channel.state, MST_CHANNEL_OPEN);
    say_hello(peer);
    say_put(peer, 1);
    flush(pipes, peer, step);
    receive(peer, false);
}

static void assert_heard(struct peer *peer, const char *expected)
{
    assert_string_equal(pipes_read(peer->client), expected);
}

/* ---- who ---- */

static void a_known_key_gets_a_session_over_any_split(void **state)
{
    static const size_t steps[] = {SIZE_MAX, 1, 2, 3, 7, 50, 64, 100};

    secure(*state, "a", NULL, false);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct peer peer;

        come(*state, &peer, 'a', steps[i]);
        assert_heard(&peer, "HELLO#0 OK PUT#1 OK ");
        end(&peer);
    }
}

static void a_stranger_is_told_its_key_and_nothing_else(void **state)
{
    struct pipes *pipes = *state;
    struct peer peer;

    secure(pipes, "a", NULL, false);
    come(pipes, &peer, 'b', SIZE_MAX);
    assert_heard(&peer, "HELLO#0 DENIED ");
    assert_int_equal(peer.channel.state, MST_CHANNEL_ENDED);
    assert_true(peer.client->closed);
    assert_int_equal(core_figures(engine_core(pipes->engine)).sessions, 0);
    assert_int_equal(core_figures(engine_core(pipes->engine)).messages, 0);
    end(&peer);
}

static void clear_text_is_refused_where_it_must_not_be(void **state)
{
    struct pipes *pipes = *state;
    struct peer peer;
    uint8_t preamble[MST_PREAMBLE_BYTES];

    secure(pipes, "a", NULL, false);
    begin(pipes, &peer, 'a');
    mst_preamble_write(preamble, MST_CHANNEL_CLEAR);
    engine_receive(pipes->engine, peer.client->conn, mst_span_of(preamble, sizeof(preamble)));
    pipes_turn(pipes);
    assert_true(peer.client->closed);
    mst_preamble_write(preamble, MST_CHANNEL_NOISE);
    assert_int_equal(mst_buf_size(&peer.client->in), sizeof(preamble));
    assert_memory_equal(mst_buf_span(&peer.client->in).data, preamble, sizeof(preamble));
    end(&peer);
}

/* Every bit of what a client sends until it has its session, flipped in turn. */
static void a_flipped_bit_gets_no_session(void **state)
{
    struct pipes *pipes = *state;
    size_t first = MST_PREAMBLE_BYTES + 2 + 56;
    size_t bits = 8 * (first + 2 + 64 + 2 + 20);

    secure(pipes, "a", NULL, false);
    for (size_t bit = 0; bit < bits; bit++) {
        struct peer peer;
        bool early = bit < 8 * first;

        pipes->clients_count = 0;
        memset(pipes->clients, 0, sizeof(pipes->clients));
        begin(pipes, &peer, 'a');
        struct mst_buf *out = &peer.channel.output;

        if (early && bit < 8 * MST_PREAMBLE_BYTES) {
            peer.wire.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        } else if (early) {
            out->data[out->start + bit / 8 - MST_PREAMBLE_BYTES] ^= (uint8_t)(1u << bit % 8);
        }
        flush(pipes, &peer, SIZE_MAX);
        if (!early) {
            receive(&peer, true);
            say_hello(&peer);
            out->data[out->start + bit / 8 - first] ^= (uint8_t)(1u << bit % 8);
            flush(pipes, &peer, SIZE_MAX);
        }
        assert_int_equal(core_figures(engine_core(pipes->engine)).sessions, 0);
        if (!peer.client->closed) {
            engine_closed(pipes->engine, peer.client->conn);
            pipes_turn(pipes);
        }
        assert_true(peer.client->closed);
        end(&peer);
        mst_buf_clear(&peer.client->in);
        mst_arena_clear(&peer.client->arena);
    }
    pipes->clients_count = 0;
}

static void who_does_not_finish_the_handshake_is_gone_after_five_seconds(void **state)
{
    struct pipes *pipes = *state;
    struct peer peer;

    secure(pipes, "a", NULL, false);
    begin(pipes, &peer, 'a');
    flush(pipes, &peer, SIZE_MAX);
    pipes_pass(pipes, 4 * SECOND);
    assert_false(peer.client->closed);
    pipes_pass(pipes, 2 * SECOND);
    assert_true(peer.client->closed);
    end(&peer);
}

/* ---- how many ---- */

static uint64_t accept_from(struct pipes *pipes, uint64_t source)
{
    struct client *client = &pipes->clients[pipes->clients_count];
    struct engine_peer from = {.address = "far away", .source = source};

    client->room = SIZE_MAX;
    client->conn = engine_accept(pipes->engine, &from);
    pipes->clients_count += client->conn == 0 ? 0 : 1;
    return client->conn;
}

static void who_has_no_session_is_limited_in_all_and_by_address(void **state)
{
    struct pipes *pipes = *state;
    struct client *local;

    pipes->config.unauthenticated_max = 5;
    pipes->config.per_address_max = 2;
    engine_configure(pipes->engine, &pipes->config);
    assert_true(accept_from(pipes, 7) != 0);
    assert_true(accept_from(pipes, 7) != 0);
    assert_int_equal(accept_from(pipes, 7), 0);
    assert_non_null(strstr(pipes->log, "raise --max-per-address"));
    assert_true(accept_from(pipes, 8) != 0);
    local = pipes_client(pipes); /* who has a session does not count, and has no source */
    assert_true(accept_from(pipes, 0) != 0);
    assert_true(accept_from(pipes, 0) != 0);
    pipes_pass(pipes, SECOND);
    assert_int_equal(accept_from(pipes, 0), 0);
    assert_int_equal(accept_from(pipes, 9), 0);
    assert_non_null(strstr(pipes->log, "raise --max-unauthenticated"));
    pipes_put(pipes, local, 1, "x");
    pipes_pass(pipes, 5 * SECOND); /* they are gone, and others have room */
    assert_read(local, "PUT#1 OK HEARTBEAT#0 OK ");
    assert_true(accept_from(pipes, 7) != 0);
    assert_true(accept_from(pipes, 7) != 0);
    assert_int_equal(accept_from(pipes, 7), 0);
}

/* One more than a turn may do wait, each with its first message; one of them with a false one. */
static void a_turn_does_some_handshakes_and_serves_everybody_else(void **state)
{
    static struct peer waiting[ENGINE_HANDSHAKES + 1];
    struct pipes *pipes = *state;
    struct peer old;

    secure(pipes, "a", NULL, false);
    come(pipes, &old, 'a', SIZE_MAX);
    assert_heard(&old, "HELLO#0 OK PUT#1 OK ");
    for (size_t i = 0; i <= ENGINE_HANDSHAKES; i++) {
        struct peer *peer = &waiting[i];
        struct mst_span first;

        begin(pipes, peer, 'a');
        first = mst_buf_span(&peer->channel.output);
        assert_true(mst_buf_append(&peer->wire, first.data, first.len));
        peer->wire.data[peer->wire.len - 1] ^= i == 0 ? 1 : 0;
        mst_buf_consume(&peer->channel.output, first.len);
        assert_int_equal(engine_takes(pipes->engine, peer->client->conn), i < ENGINE_HANDSHAKES);
        if (i < ENGINE_HANDSHAKES) {
            engine_receive(pipes->engine, peer->client->conn, mst_buf_span(&peer->wire));
        }
    }
    assert_true(engine_takes(pipes->engine, old.client->conn));
    say_put(&old, 2);
    flush(pipes, &old, SIZE_MAX); /* with a turn */
    receive(&old, false);
    assert_heard(&old, "PUT#2 OK ");
    assert_true(engine_takes(pipes->engine, waiting[ENGINE_HANDSHAKES].client->conn));
    assert_true(waiting[0].client->closed);
    assert_false(waiting[1].client->closed);
    for (size_t i = 0; i <= ENGINE_HANDSHAKES; i++) {
        end(&waiting[i]);
    }
    end(&old);
}

/* ---- what ---- */

static void permissions_hold_and_a_reload_changes_them(void **state)
{
    struct pipes *pipes = *state;
    struct peer peer;
    struct mst_request request;

    secure(pipes, "a", "allow a get,create **\n", false);
    come(pipes, &peer, 'a', SIZE_MAX);
    assert_heard(&peer, "HELLO#0 OK PUT#1 DENIED ");
    assert_non_null(strstr(pipes->log, "a has no permission 'put' on jobs"));
    secure(pipes, "a", "allow a put **\n", false);
    say_put(&peer, 2);
    flush(pipes, &peer, SIZE_MAX);
    receive(&peer, false);
    assert_heard(&peer, "PUT#2 DENIED "); /* it would have to be made, which wants create */
    secure(pipes, "a", "allow a put,create **\ndeny a create other\n", false);
    say_put(&peer, 3);
    mst_request_init(&request, MST_OP_SESSIONS);
    request.id = 4;
    say(&peer, &request);
    flush(pipes, &peer, SIZE_MAX);
    receive(&peer, false);
    assert_heard(&peer, "PUT#3 OK SESSIONS#4 DENIED ");
    end(&peer);
}

static void whose_key_is_removed_is_closed(void **state)
{
    struct pipes *pipes = *state;
    struct peer stays;
    struct peer goes;
    struct peer away;

    secure(pipes, "ab", NULL, false);
    come(pipes, &stays, 'a', SIZE_MAX);
    come(pipes, &goes, 'b', SIZE_MAX);
    come(pipes, &away, 'b', SIZE_MAX);
    engine_closed(pipes->engine, away.client->conn);
    pipes_turn(pipes);
    assert_int_equal(core_figures(engine_core(pipes->engine)).sessions, 3);
    secure(pipes, "a", NULL, false);
    pipes_turn(pipes);
    assert_true(goes.client->closed);
    assert_false(stays.client->closed);
    assert_int_equal(core_figures(engine_core(pipes->engine)).sessions, 1);
    end(&away);
    end(&stays);
    end(&goes);
}

static void anonymous_may_come_and_do_nothing(void **state)
{
    struct peer peer;

    secure(*state, "a", NULL, true);
    come(*state, &peer, 'b', SIZE_MAX);
    assert_heard(&peer, "HELLO#0 OK PUT#1 DENIED ");
    end(&peer);
}

/* The secret of a session is of no use to somebody else. */
static void a_session_is_resumed_under_its_own_name_only(void **state)
{
    struct pipes *pipes = *state;
    struct peer owner;
    struct peer other;
    struct mst_request request;

    secure(pipes, "ab", NULL, false);
    come(pipes, &owner, 'a', SIZE_MAX);
    assert_heard(&owner, "HELLO#0 OK PUT#1 OK ");
    for (int i = 0; i < 2; i++) {
        begin(pipes, &other, i == 0 ? 'b' : 'a');
        flush(pipes, &other, SIZE_MAX);
        receive(&other, true);
        mst_request_init(&request, MST_OP_RESUME);
        request.session = owner.client->session;
        request.secret = mst_span_of(owner.client->secret, MST_SECRET_BYTES);
        say(&other, &request);
        flush(pipes, &other, SIZE_MAX);
        receive(&other, false);
        assert_heard(&other, i == 0 ? "RESUME#0 NOT_FOUND " : "RESUME#0 OK ");
        end(&other);
    }
    end(&owner);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, pipes_setup, pipes_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_known_key_gets_a_session_over_any_split),
        TEST(a_stranger_is_told_its_key_and_nothing_else),
        TEST(clear_text_is_refused_where_it_must_not_be),
        TEST(a_flipped_bit_gets_no_session),
        TEST(who_does_not_finish_the_handshake_is_gone_after_five_seconds),
        TEST(who_has_no_session_is_limited_in_all_and_by_address),
        TEST(a_turn_does_some_handshakes_and_serves_everybody_else),
        TEST(permissions_hold_and_a_reload_changes_them),
        TEST(whose_key_is_removed_is_closed),
        TEST(anonymous_may_come_and_do_nothing),
        TEST(a_session_is_resumed_under_its_own_name_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
