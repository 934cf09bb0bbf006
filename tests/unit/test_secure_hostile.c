/* test_secure_hostile.c - the library's client and the broker's engine, and somebody between them
 * who changes any bit of their handshake, or lets only the beginning of it through.
 *
 * Whatever is done: no session, nothing in a queue, no outcome that claims success, a line for the
 * user; and from the broker not one byte that tells the reason. */
#include "tests/unit/engine_pipes.h"

#include <stdio.h>
#include <string.h>

#include "client-lib/client.h"
#include "protocol/frame.h"
#include "protocol/keys.h"

enum {
    UP_1 = MST_PREAMBLE_BYTES,              /* where the first message begins */
    UP_3 = UP_1 + MST_CHANNEL_HEADER + 56,  /* and the third */
    UP = UP_3 + MST_CHANNEL_HEADER + 64,    /* records follow */
    DOWN_2 = MST_PREAMBLE_BYTES,            /* where the second one begins */
    DOWN = DOWN_2 + MST_CHANNEL_HEADER + 48 /* records follow */
};

struct trial {
    bool up;        /* what goes to the broker suffers, else what comes from it */
    bool truncated; /* only `at` bytes get through, else one bit is changed: */
    size_t at;
    unsigned bit;
};

/* One way through which the bytes go. */
struct way {
    bool up;
    size_t passed;
};

static const uint8_t server_secret[MST_NOISE_KEY] = {1};
static const uint8_t client_secret[MST_NOISE_KEY] = {2};
static const uint8_t ephemeral[MST_NOISE_KEY] = {3};
static const uint8_t token[MST_NOISE_KEY] = {4};

static void secure(struct pipes *pipes)
{
    struct engine_security security = {.server_secret = server_secret};
    char error[ACCESS_ERROR_MAX];
    char lines[100] = "fleet ";

    mst_key_write(lines + strlen(lines), MST_KEY_TOKEN, token);
    security.texts.tokens = (struct access_text){"tokens", mst_span_text(lines), true};
    assert_true(engine_secure(pipes->engine, &security, error));
}

static struct client *accept_one(struct pipes *pipes)
{
    struct engine_peer from = {.address = "far away", .clear_refused = true};
    struct client *peer = &pipes->clients[0];

    pipes->clients_count = 1;
    memset(peer, 0, sizeof(*peer));
    peer->room = SIZE_MAX;
    peer->conn = engine_accept(pipes->engine, &from);
    assert_true(peer->conn != 0);
    return peer;
}

static struct mst_client *library_new(const struct pipes *pipes)
{
    struct mst_client_config config = {"test", "here", 1, MST_TTL_DEFAULT_NS};
    struct mst_client *library = mst_client_new(&config);
    uint8_t server[MST_NOISE_KEY];
    struct mst_channel_client keys = {
        .secret = client_secret, .ephemeral = ephemeral, .server_key = server, .token = token};

    assert_non_null(library);
    mst_noise_public(server, server_secret);
    assert_true(mst_client_secure(library, &keys));
    mst_client_connected(library, pipes->now_ns);
    return library;
}

static struct mst_call *put(struct pipes *pipes, struct mst_client *library)
{
    struct mst_handle *queue = mst_client_open(library, "jobs");
    struct mst_span body = mst_span_text("payload");
    struct mst_request request;
    struct mst_call *call;

    assert_non_null(queue);
    mst_request_init(&request, MST_OP_PUT);
    request.handle = mst_handle_number(queue);
    request.bodies = &body;
    request.bodies_count = 1;
    call = mst_call_new(&request, library);
    assert_non_null(call);
    mst_client_submit(library, call, pipes->now_ns);
    mst_handle_unref(queue);
    return call;
}

/* What is left of the bytes when the one between has had them. */
static void tamper(const struct trial *trial, struct way *way, struct mst_buf *bytes)
{
    size_t len = mst_buf_size(bytes);
    size_t from = way->passed;

    way->passed += len;
    if (trial->up != way->up || way->passed <= trial->at) {
        return;
    }
    if (trial->truncated) {
        bytes->len -= from >= trial->at ? len : way->passed - trial->at;
    } else if (from <= trial->at) {
        bytes->data[bytes->start + trial->at - from] ^= (uint8_t)(1u << trial->bit);
    }
}

static bool speak(struct pipes *pipes, const struct trial *trial, struct way *up,
                  struct mst_client *library)
{
    struct client *peer = &pipes->clients[0];
    struct mst_span out;
    struct mst_buf bytes;

    mst_client_pump(library, pipes->now_ns);
    out = mst_client_output(library);
    mst_buf_init(&bytes);
    assert_true(mst_buf_append(&bytes, out.data, out.len));
    mst_client_sent(library, out.len);
    tamper(trial, up, &bytes);
    if (mst_buf_size(&bytes) > 0 && !peer->closed) {
        engine_receive(pipes->engine, peer->conn, mst_buf_span(&bytes));
    }
    pipes_turn(pipes);
    mst_buf_clear(&bytes);
    return out.len > 0;
}

/* false: the client has seen enough. */
static bool hear(struct pipes *pipes, const struct trial *trial, struct way *down,
                 struct mst_client *library)
{
    struct client *peer = &pipes->clients[0];
    bool good;

    tamper(trial, down, &peer->in);
    good = mst_buf_size(&peer->in) == 0 ||
           mst_client_receive(library, mst_buf_span(&peer->in), pipes->now_ns);
    mst_buf_clear(&peer->in);
    return good;
}

/* Until nothing moves any more, and everybody's patience is at its end. */
static void run(struct pipes *pipes, const struct trial *trial, struct way ways[2],
                struct mst_client *library)
{
    struct client *peer = &pipes->clients[0];
    bool good = true;

    for (int i = 0; i < 6 && good; i++) {
        speak(pipes, trial, &ways[0], library);
        good = hear(pipes, trial, &ways[1], library);
    }
    if (good) {
        pipes_pass(pipes, 6 * SECOND);
        good = hear(pipes, trial, &ways[1], library);
    }
    if (!peer->closed) {
        engine_closed(pipes->engine, peer->conn);
        pipes_turn(pipes);
    }
    if (mst_client_phase(library) != MST_CLIENT_UP) {
        mst_client_lost(library, good ? "the broker closed the connection" : NULL, pipes->now_ns);
    }
}

static void leave(struct pipes *pipes, struct mst_client *library, struct mst_call *call)
{
    struct client *peer = &pipes->clients[0];
    struct mst_client_notice *notice;

    mst_client_lost(library, NULL, pipes->now_ns);
    mst_client_bye(library, pipes->now_ns);
    while (mst_client_next_woken(library) != NULL) {
    }
    while ((notice = mst_client_next_notice(library)) != NULL) {
        mst_client_notice_free(&notice);
    }
    mst_call_clear(call);
    mst_client_free(&library);
    mst_buf_clear(&peer->in);
    mst_arena_clear(&peer->arena);
    pipes->clients_count = 0;
}

/* What is done, for a message of this test. */
static const char *described(const struct trial *trial)
{
    static char text[100];

    snprintf(text, sizeof(text), "%s byte %zu bit %u%s", trial->up ? "to the broker" : "back",
             trial->at, trial->bit, trial->truncated ? ", truncated" : "");
    return text;
}

/* Where the user is told to look, by what was changed. */
static const char *advice(const struct trial *trial)
{
    if (trial->truncated) {
        return "";
    }
    if (trial->up) {
        return trial->at < UP_1   ? ""
               : trial->at < UP_3 ? "look at the server key"
                                  : "look at the token";
    }
    return trial->at < DOWN_2 + MST_CHANNEL_HEADER ? "" : "look at the server key";
}

static void attempt(struct pipes *pipes, const struct trial *trial)
{
    struct way ways[2] = {{.up = true}, {.up = false}};
    struct client *peer = accept_one(pipes);
    struct mst_client *library = library_new(pipes);
    struct mst_call *call = put(pipes, library);
    struct core_figures figures;

    run(pipes, trial, ways, library);
    figures = core_figures(engine_core(pipes->engine));
    if (figures.sessions != 0 || figures.messages != 0 ||
        mst_client_phase(library) != MST_CLIENT_DOWN || call->state != MST_CALL_UNSENT ||
        !peer->closed || strstr(mst_client_trouble(library), advice(trial)) == NULL ||
        mst_client_trouble(library)[0] == '\0') {
        fail_msg("%s: %d sessions, %d messages, told: %s", described(trial), (int)figures.sessions,
                 (int)figures.messages, mst_client_trouble(library));
    }
    /* The broker says what it says to everybody, and no more. */
    if (ways[1].passed > DOWN || (trial->up && trial->at < UP_3 && ways[1].passed > DOWN_2)) {
        fail_msg("%s: %zu bytes from the broker", described(trial), ways[1].passed);
    }
    leave(pipes, library, call);
}

static void undisturbed_there_is_a_session_and_a_message(void **state)
{
    struct pipes *pipes = *state;
    struct trial none = {.up = true, .at = SIZE_MAX};
    struct way ways[2] = {{.up = true}, {.up = false}};
    struct mst_client *library;
    struct mst_call *call;

    secure(pipes);
    accept_one(pipes);
    library = library_new(pipes);
    call = put(pipes, library);
    speak(pipes, &none, &ways[0], library);
    assert_int_equal(ways[0].passed, UP_3);
    assert_true(hear(pipes, &none, &ways[1], library));
    assert_int_equal(ways[1].passed, DOWN);
    run(pipes, &none, ways, library);
    assert_int_equal(mst_client_phase(library), MST_CLIENT_UP);
    assert_int_equal(call->state, MST_CALL_OVER);
    assert_int_equal(call->status, MST_OK);
    assert_int_equal(core_figures(engine_core(pipes->engine)).messages, 1);
    leave(pipes, library, call);
}

static void every_flipped_bit_of_a_handshake_gets_no_session(void **state)
{
    struct pipes *pipes = *state;

    secure(pipes);
    for (size_t bit = 0; bit < 8 * (UP + DOWN); bit++) {
        bool up = bit < 8 * UP;
        struct trial trial = {
            .up = up, .at = up ? bit / 8 : bit / 8 - UP, .bit = (unsigned)(bit % 8)};

        attempt(pipes, &trial);
    }
}

static void every_truncation_of_a_handshake_gets_no_session(void **state)
{
    struct pipes *pipes = *state;

    secure(pipes);
    for (size_t at = 0; at < UP + DOWN; at++) {
        struct trial trial = {.up = at < UP, .truncated = true, .at = at < UP ? at : at - UP};

        attempt(pipes, &trial);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, pipes_setup, pipes_teardown)
    const struct CMUnitTest tests[] = {
        TEST(undisturbed_there_is_a_session_and_a_message),
        TEST(every_flipped_bit_of_a_handshake_gets_no_session),
        TEST(every_truncation_of_a_handshake_gets_no_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
