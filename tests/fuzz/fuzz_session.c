/* fuzz_session.c - clients behind a valid handshake who may say anything, to a whole engine with a
 * journal in memory: operations with fields by the tables, sensible ids and foolish ones, raw
 * bytes, splits, lost connections, resumes, passing time, restarts. After each step the core is
 * sound, and whatever the broker sends can be decoded. */
#include <stdlib.h>

#include "protocol/frame.h"
#include "tests/fuzz/input.h"
#include "tests/unit/core_sound.h"
#include "tests/unit/engine_pipes.h"

#define STEPS_MAX 200

struct game {
    struct pipes *pipes;
    struct input in;
    struct mst_arena arena;
    uint64_t next_id[CLIENTS_MAX]; /* what a library would use */
    bool preamble_taken[CLIENTS_MAX];
};

/* ---- what clients were sent ---- */

static void took(struct client *client, const struct mst_reply *reply)
{
    if ((reply->op == MST_OP_HELLO || reply->op == MST_OP_RESUME) && reply->status == MST_OK) {
        require(reply->secret.len == MST_SECRET_BYTES);
        client->session = reply->session;
        memcpy(client->secret, reply->secret.data, MST_SECRET_BYTES);
    }
    client->confirm += reply->id == 0 ? 0 : reply->answered;
}

static void read_replies(struct game *game, struct client *client)
{
    bool *preamble = &game->preamble_taken[client - game->pipes->clients];
    struct mst_span payload;
    size_t used = 0;
    size_t need = 0;
    bool malformed;
    const char *why;

    if (!*preamble && mst_buf_size(&client->in) >= MST_PREAMBLE_BYTES) {
        mst_buf_consume(&client->in, MST_PREAMBLE_BYTES);
        *preamble = true;
    }
    while (*preamble && mst_frame_next(mst_buf_span(&client->in), MST_FRAME_BYTES_MAX, &payload,
                                       &used, &need) == MST_FRAME_OK) {
        struct mst_reply reply;

        mst_arena_reset(&client->arena);
        require(mst_reply_decode(payload, &client->arena, &reply, &malformed, &why) == MST_OK);
        took(client, &reply);
        mst_buf_consume(&client->in, used);
    }
}

/* ---- what clients do ---- */

static struct client *someone(struct game *game)
{
    struct pipes *pipes = game->pipes;
    size_t which = pipes->clients_count == 0 ? 0 : input_below(&game->in, pipes->clients_count);

    return pipes->clients_count == 0 || pipes->clients[which].closed ? NULL
                                                                     : &pipes->clients[which];
}

/* As broker/io reads: what belongs to a large frame goes straight to its place. */
static void read_in(struct pipes *pipes, const struct client *client, struct mst_span bytes)
{
    struct mst_room room = engine_room(pipes->engine, client->conn);
    size_t there = room.data == NULL ? 0 : bytes.len < room.len ? bytes.len : room.len;

    if (room.data != NULL) {
        memcpy(room.data, bytes.data, there);
        engine_filled(pipes->engine, client->conn, there);
    }
    engine_receive(pipes->engine, client->conn, mst_span_of(bytes.data + there, bytes.len - there));
}

/* In one piece, or in two with a turn of the loop between. */
static void send_bytes(struct game *game, struct client *client, struct mst_span bytes)
{
    size_t first = input_byte(&game->in);

    first = first < bytes.len ? first : bytes.len;
    read_in(game->pipes, client, mst_span_of(bytes.data, first));
    if (first < bytes.len) {
        pipes_turn(game->pipes);
        if (!client->closed) {
            read_in(game->pipes, client, mst_span_of(bytes.data + first, bytes.len - first));
        }
    }
}

static void say(struct game *game, struct client *client, const struct mst_request *request)
{
    struct mst_buf frame;

    mst_buf_init(&frame);
    if (mst_request_encode(&frame, request)) {
        send_bytes(game, client, mst_buf_span(&frame));
    }
    mst_buf_clear(&frame);
}

static void connect_one(struct game *game)
{
    struct pipes *pipes = game->pipes;
    struct client *client = pipes->clients_count < CLIENTS_MAX ? pipes_connect(pipes) : NULL;

    if (client != NULL && (input_byte(&game->in) & 3) != 0) {
        pipes_hello(pipes, client, input_time(&game->in));
    }
}

static uint64_t ids_of(const struct mst_request *request)
{
    switch (request->op) {
    case MST_OP_PUT: return request->mode == MST_PUT_EACH ? request->bodies_count : 1;
    case MST_OP_GET: return request->count;
    default: return 1;
    }
}

static void ask(struct game *game, struct client *client)
{
    uint64_t *next_id = &game->next_id[client - game->pipes->clients];
    uint8_t choice = input_byte(&game->in);
    uint64_t handle = 1;
    struct mst_request request;

    mst_request_init(&request, input_op(&game->in));
    request.handle = 1;
    request.handles = &handle;
    request.handles_count = 1;
    request.id = (mst_op_flags(request.op) & OPF_CONNECTION) != 0 ? 0 : *next_id + 1;
    request.confirm = client->confirm;
    input_fields(&game->in, mst_request_layout(request.op), &request);
    if (choice >= 0xf0) {
        request.id = input_number(&game->in);
        request.confirm = input_number(&game->in);
    } else if ((choice & 1) != 0) {
        request.confirm = 0;
    }
    if (request.id == *next_id + 1) {
        *next_id += ids_of(&request);
    }
    say(game, client, &request);
}

static void put_or_get(struct game *game, struct client *client)
{
    uint8_t choice = input_byte(&game->in);
    uint64_t id = ++game->next_id[client - game->pipes->clients];

    switch (choice % 4) {
    case 0:
    case 1: pipes_put(game->pipes, client, id, "body"); break;
    case 2: pipes_get(game->pipes, client, id, MST_GET_AUTO); break;
    default: pipes_get(game->pipes, client, id, MST_GET_LEASE); break;
    }
}

/* A new connection for the session of another one, lost or not. */
static void resume(struct game *game, const struct client *old)
{
    struct pipes *pipes = game->pipes;
    struct client *client = pipes->clients_count < CLIENTS_MAX ? pipes_connect(pipes) : NULL;
    struct mst_request request;

    if (client == NULL) {
        return;
    }
    mst_request_init(&request, MST_OP_RESUME);
    request.session = old->session;
    request.secret = mst_span_of(old->secret, MST_SECRET_BYTES);
    input_fields(&game->in, mst_request_layout(MST_OP_RESUME), &request);
    if ((input_byte(&game->in) & 3) != 0) {
        request.session = old->session;
        request.secret = mst_span_of(old->secret, MST_SECRET_BYTES);
    }
    game->next_id[client - pipes->clients] = game->next_id[old - pipes->clients];
    say(game, client, &request);
}

static void with_someone(struct game *game, uint8_t what)
{
    struct client *client = someone(game);

    if (client == NULL) {
        connect_one(game);
        return;
    }
    switch (what) {
    case 0: engine_closed(game->pipes->engine, client->conn); break;
    case 1: send_bytes(game, client, input_bytes(&game->in, 4096)); break;
    case 2: client->broken = true; break;
    case 3:
        client->room = input_number(&game->in);
        engine_writable(game->pipes->engine, client->conn);
        break;
    case 4: read_replies(game, client); break;
    case 5: put_or_get(game, client); break;
    case 6: resume(game, client); break;
    default: ask(game, client); break;
    }
}

/* ---- what happens to the broker ---- */

static void restart(struct game *game)
{
    struct pipes *pipes = game->pipes;

    pipes_restart(pipes);
    for (size_t i = 0; i < pipes->clients_count; i++) {
        pipes->clients[i].closed = true;
    }
}

static void configure(struct game *game)
{
    struct engine_config *config = &game->pipes->config;

    config->strict = (input_byte(&game->in) & 1) != 0;
    config->memory_max = input_byte(&game->in) * 64ull;
    config->waits_max = input_byte(&game->in);
    config->objects_max = input_byte(&game->in);
    config->put_credit = 1 + input_below(&game->in, 16);
    config->output_bytes_max = UINT64_C(1) << (10 + input_below(&game->in, 16));
    engine_configure(game->pipes->engine, config);
}

static void step(struct game *game)
{
    struct pipes *pipes = game->pipes;
    uint8_t what = input_byte(&game->in);

    switch (what & 0x1f) {
    case 0: connect_one(game); break;
    case 1: pipes_pass(pipes, input_byte(&game->in) * 100 * MS); break;
    case 2: pipes_turn(pipes); break;
    case 3: pipes_sync(pipes); break;
    case 4: restart(game); break;
    case 5: journal_memory_fill(pipes->journal, (input_byte(&game->in) & 1) != 0); break;
    case 6: configure(game); break;
    case 7:
        if (what == 0xe7) {
            engine_drain(pipes->engine);
        }
        break;
    default: with_someone(game, (what & 0x1f) - 8); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct game game = {.in = {mst_span_of(data, size), NULL}};
    void *pipes = NULL;

    mst_arena_init(&game.arena);
    game.in.arena = &game.arena;
    pipes_setup_journal(&pipes);
    game.pipes = pipes;
    pipes_client(game.pipes);
    game.preamble_taken[0] = true;
    for (int i = 0; i < STEPS_MAX && input_more(&game.in); i++) {
        step(&game);
        pipes_turn(game.pipes);
        expect_sound(engine_core(game.pipes->engine));
        game.pipes->log[0] = '\0';
        mst_arena_reset(&game.arena);
    }
    pipes_teardown(&pipes);
    mst_arena_clear(&game.arena);
    return 0;
}
