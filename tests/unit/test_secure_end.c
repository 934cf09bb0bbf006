/* test_secure_end.c - the pure client of the library against the engine, encrypted: how it ends. */
#include "tests/unit/engine_pipes.h"

#include "client-lib/client.h"

static const uint8_t server_secret[MST_NOISE_KEY] = {1};
static const uint8_t client_secret[MST_NOISE_KEY] = {2};
static const uint8_t ephemeral[MST_NOISE_KEY] = {3};

/* A connection to an engine that has a key and lets everybody in. */
static struct client *connect_secured(struct pipes *pipes)
{
    struct client *client = &pipes->clients[pipes->clients_count++];
    struct engine_peer from = {.address = "far away", .clear_refused = true};
    struct engine_security security = {.server_secret = server_secret};
    char error[ACCESS_ERROR_MAX];

    security.texts.anonymous = true;
    assert_true(engine_secure(pipes->engine, &security, error));
    client->room = SIZE_MAX;
    client->conn = engine_accept(pipes->engine, &from);
    assert_true(client->conn != 0);
    return client;
}

/* What the library has to say goes to the broker; what that answers stays in peer->in. */
static void library_speaks(struct pipes *pipes, struct client *peer, struct mst_client *library)
{
    struct mst_span bytes = mst_client_output(library);

    if (bytes.len > 0) {
        engine_receive(pipes->engine, peer->conn, bytes);
        mst_client_sent(library, bytes.len);
    }
    pipes_turn(pipes);
}

static bool library_hears(struct pipes *pipes, struct client *peer, struct mst_client *library)
{
    struct mst_buf *in = &peer->in;
    bool ok = mst_client_receive(library, mst_buf_span(in), pipes->now_ns);

    mst_buf_reset(in);
    return ok;
}

/* A library's client, encrypted, that has its session. */
static struct mst_client *library_comes(struct pipes *pipes, struct client *peer)
{
    struct mst_client_config config = {"test", "here", 1, MST_TTL_DEFAULT_NS};
    struct mst_client *library = mst_client_new(&config);
    uint8_t server[MST_NOISE_KEY];
    struct mst_channel_client keys = {
        .secret = client_secret, .ephemeral = ephemeral, .server_key = server};

    assert_non_null(library);
    mst_noise_public(server, server_secret);
    assert_true(mst_client_secure(library, &keys));
    mst_client_connected(library, pipes->now_ns);
    for (int i = 0; i < 4 && mst_client_phase(library) != MST_CLIENT_UP; i++) {
        library_speaks(pipes, peer, library);
        assert_true(library_hears(pipes, peer, library));
    }
    assert_int_equal(mst_client_phase(library), MST_CLIENT_UP);
    assert_int_equal(core_figures(engine_core(pipes->engine)).sessions, 1);
    return library;
}

static void a_library_that_leaves_says_the_end_and_hears_it(void **state)
{
    struct pipes *pipes = *state;
    struct client *peer = connect_secured(pipes);
    struct mst_client *library;
    struct mst_span bytes;

    library = library_comes(pipes, peer);
    mst_client_bye(library, pipes->now_ns);
    bytes = mst_client_output(library);
    assert_true(bytes.len > MST_CHANNEL_HEADER + MST_NOISE_TAG);
    bytes.data += bytes.len - MST_CHANNEL_HEADER - MST_NOISE_TAG; /* an empty record is last */
    assert_int_equal(bytes.data[0] << 8 | bytes.data[1], MST_NOISE_TAG);
    library_speaks(pipes, peer, library);
    assert_true(peer->closed);
    assert_int_equal(core_figures(engine_core(pipes->engine)).sessions, 0);
    assert_false(library_hears(pipes, peer, library)); /* the broker's end */
    assert_string_equal(mst_client_trouble(library), "the broker ended the connection");
    assert_true(mst_client_is_finished(library));
    mst_client_free(&library);
}

static void a_session_whose_connection_was_cut_waits_to_be_resumed(void **state)
{
    struct pipes *pipes = *state;
    struct client *peer = connect_secured(pipes);
    struct mst_client *library;

    library = library_comes(pipes, peer);
    engine_closed(pipes->engine, peer->conn);
    pipes_turn(pipes);
    assert_true(peer->closed);
    assert_int_equal(core_figures(engine_core(pipes->engine)).sessions, 1);
    mst_client_free(&library);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, pipes_setup, pipes_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_library_that_leaves_says_the_end_and_hears_it),
        TEST(a_session_whose_connection_was_cut_waits_to_be_resumed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
