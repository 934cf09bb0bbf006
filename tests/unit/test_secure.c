/* test_secure.c - the engine behind the encrypted channel: who gets a session, what it may do. */
#include "tests/unit/secure_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/frame.h"

static void assert_heard(struct peer *peer, const char *expected)
{
    assert_string_equal(pipes_read(peer->client), expected);
}

/* ---- who ---- */

static void a_known_key_gets_a_session_over_any_split(void **state)
{
    static const size_t steps[] = {SIZE_MAX, 1, 2, 3, 7, 50, 64, 100};

    secure_peer_admit(*state, "a", NULL, false);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct peer peer;

        secure_peer_come(*state, &peer, 'a', steps[i]);
        assert_heard(&peer, "HELLO#0 OK PUT#1 OK ");
        secure_peer_end(&peer);
    }
}

static void a_stranger_is_told_its_key_and_nothing_else(void **state)
{
    struct pipes *pipes = *state;
    struct peer peer;

    secure_peer_admit(pipes, "a", NULL, false);
    secure_peer_come(pipes, &peer, 'b', SIZE_MAX);
    assert_heard(&peer, "HELLO#0 DENIED ");
    assert_int_equal(peer.channel.state, MST_CHANNEL_ENDED);
    assert_true(peer.client->closed);
    assert_int_equal(core_figures(engine_core(pipes->engine)).sessions, 0);
    assert_int_equal(core_figures(engine_core(pipes->engine)).messages, 0);
    secure_peer_end(&peer);
}

static void clear_text_is_refused_where_it_must_not_be(void **state)
{
    struct pipes *pipes = *state;
    struct peer peer;
    uint8_t preamble[MST_PREAMBLE_BYTES];

    secure_peer_admit(pipes, "a", NULL, false);
    secure_peer_begin(pipes, &peer, 'a');
    mst_preamble_write(preamble, MST_CHANNEL_CLEAR);
    engine_receive(pipes->engine, peer.client->conn, mst_span_of(preamble, sizeof(preamble)));
    pipes_turn(pipes);
    assert_true(peer.client->closed);
    mst_preamble_write(preamble, MST_CHANNEL_NOISE);
    assert_int_equal(mst_buf_size(&peer.client->in), sizeof(preamble));
    assert_memory_equal(mst_buf_span(&peer.client->in).data, preamble, sizeof(preamble));
    secure_peer_end(&peer);
}

/* Every bit of what a client sends until it has its session, flipped in turn. */
static void a_flipped_bit_gets_no_session(void **state)
{
    struct pipes *pipes = *state;
    size_t first = MST_PREAMBLE_BYTES + 2 + 56;
    size_t bits = 8 * (first + 2 + 64 + 2 + 20);

    secure_peer_admit(pipes, "a", NULL, false);
    for (size_t bit = 0; bit < bits; bit++) {
        struct peer peer;
        bool early = bit < 8 * first;

        pipes->clients_count = 0;
        memset(pipes->clients, 0, sizeof(pipes->clients));
        secure_peer_begin(pipes, &peer, 'a');
        struct mst_buf *out = &peer.channel.output;

        if (early && bit < 8 * MST_PREAMBLE_BYTES) {
            peer.wire.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        } else if (early) {
            out->data[out->start + bit / 8 - MST_PREAMBLE_BYTES] ^= (uint8_t)(1u << bit % 8);
        }
        secure_peer_flush(pipes, &peer, SIZE_MAX);
        if (!early) {
            secure_peer_receive(&peer, true);
            secure_peer_say_hello(&peer);
            out->data[out->start + bit / 8 - first] ^= (uint8_t)(1u << bit % 8);
            secure_peer_flush(pipes, &peer, SIZE_MAX);
        }
        assert_int_equal(core_figures(engine_core(pipes->engine)).sessions, 0);
        if (!peer.client->closed) {
            engine_closed(pipes->engine, peer.client->conn);
            pipes_turn(pipes);
        }
        assert_true(peer.client->closed);
        secure_peer_end(&peer);
        mst_buf_clear(&peer.client->in);
        mst_arena_clear(&peer.client->arena);
    }
    pipes->clients_count = 0;
}

static void who_does_not_finish_the_handshake_is_gone_after_five_seconds(void **state)
{
    struct pipes *pipes = *state;
    struct peer peer;

    secure_peer_admit(pipes, "a", NULL, false);
    secure_peer_begin(pipes, &peer, 'a');
    secure_peer_flush(pipes, &peer, SIZE_MAX);
    pipes_pass(pipes, 4 * SECOND);
    assert_false(peer.client->closed);
    pipes_pass(pipes, 2 * SECOND);
    assert_true(peer.client->closed);
    secure_peer_end(&peer);
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

    secure_peer_admit(pipes, "a", NULL, false);
    secure_peer_come(pipes, &old, 'a', SIZE_MAX);
    assert_heard(&old, "HELLO#0 OK PUT#1 OK ");
    for (size_t i = 0; i <= ENGINE_HANDSHAKES; i++) {
        struct peer *peer = &waiting[i];
        struct mst_span first;

        secure_peer_begin(pipes, peer, 'a');
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
    secure_peer_say_put(&old, 2);
    secure_peer_flush(pipes, &old, SIZE_MAX); /* with a turn */
    secure_peer_receive(&old, false);
    assert_heard(&old, "PUT#2 OK ");
    assert_true(engine_takes(pipes->engine, waiting[ENGINE_HANDSHAKES].client->conn));
    assert_true(waiting[0].client->closed);
    assert_false(waiting[1].client->closed);
    for (size_t i = 0; i <= ENGINE_HANDSHAKES; i++) {
        secure_peer_end(&waiting[i]);
    }
    secure_peer_end(&old);
}

/* ---- what ---- */

static void permissions_hold_and_a_reload_changes_them(void **state)
{
    struct pipes *pipes = *state;
    struct peer peer;
    struct mst_request request;

    secure_peer_admit(pipes, "a", "allow a get,create **\n", false);
    secure_peer_come(pipes, &peer, 'a', SIZE_MAX);
    assert_heard(&peer, "HELLO#0 OK PUT#1 DENIED ");
    assert_non_null(strstr(pipes->log, "a has no permission 'put' on jobs"));
    secure_peer_admit(pipes, "a", "allow a put **\n", false);
    secure_peer_say_put(&peer, 2);
    secure_peer_flush(pipes, &peer, SIZE_MAX);
    secure_peer_receive(&peer, false);
    assert_heard(&peer, "PUT#2 DENIED "); /* it would have to be made, which wants create */
    secure_peer_admit(pipes, "a", "allow a put,create **\ndeny a create other\n", false);
    secure_peer_say_put(&peer, 3);
    mst_request_init(&request, MST_OP_SESSIONS);
    request.id = 4;
    secure_peer_say(&peer, &request);
    secure_peer_flush(pipes, &peer, SIZE_MAX);
    secure_peer_receive(&peer, false);
    assert_heard(&peer, "PUT#3 OK SESSIONS#4 DENIED ");
    secure_peer_end(&peer);
}

static void whose_key_is_removed_is_closed(void **state)
{
    struct pipes *pipes = *state;
    struct peer stays;
    struct peer goes;
    struct peer away;

    secure_peer_admit(pipes, "ab", NULL, false);
    secure_peer_come(pipes, &stays, 'a', SIZE_MAX);
    secure_peer_come(pipes, &goes, 'b', SIZE_MAX);
    secure_peer_come(pipes, &away, 'b', SIZE_MAX);
    engine_closed(pipes->engine, away.client->conn);
    pipes_turn(pipes);
    assert_int_equal(core_figures(engine_core(pipes->engine)).sessions, 3);
    secure_peer_admit(pipes, "a", NULL, false);
    pipes_turn(pipes);
    assert_true(goes.client->closed);
    assert_false(stays.client->closed);
    assert_int_equal(core_figures(engine_core(pipes->engine)).sessions, 1);
    secure_peer_end(&away);
    secure_peer_end(&stays);
    secure_peer_end(&goes);
}

static void anonymous_may_come_and_do_nothing(void **state)
{
    struct peer peer;

    secure_peer_admit(*state, "a", NULL, true);
    secure_peer_come(*state, &peer, 'b', SIZE_MAX);
    assert_heard(&peer, "HELLO#0 OK PUT#1 DENIED ");
    secure_peer_end(&peer);
}

/* The secret of a session is of no use to somebody else. */
static void a_session_is_resumed_under_its_own_name_only(void **state)
{
    struct pipes *pipes = *state;
    struct peer owner;
    struct peer other;
    struct mst_request request;

    secure_peer_admit(pipes, "ab", NULL, false);
    secure_peer_come(pipes, &owner, 'a', SIZE_MAX);
    assert_heard(&owner, "HELLO#0 OK PUT#1 OK ");
    for (int i = 0; i < 2; i++) {
        secure_peer_begin(pipes, &other, i == 0 ? 'b' : 'a');
        secure_peer_flush(pipes, &other, SIZE_MAX);
        secure_peer_receive(&other, true);
        mst_request_init(&request, MST_OP_RESUME);
        request.session = owner.client->session;
        request.secret = mst_span_of(owner.client->secret, MST_SECRET_BYTES);
        secure_peer_say(&other, &request);
        secure_peer_flush(pipes, &other, SIZE_MAX);
        secure_peer_receive(&other, false);
        assert_heard(&other, i == 0 ? "RESUME#0 NOT_FOUND " : "RESUME#0 OK ");
        secure_peer_end(&other);
    }
    secure_peer_end(&owner);
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
