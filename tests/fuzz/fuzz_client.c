/* fuzz_client.c - the library's pure machine before a broker that may say anything, in whatever
 * order: replies with fields by the tables, to calls that are there and to none, raw bytes, lost
 * connections, time. Every call ends exactly once, with a status; what the client says can be
 * decoded. */
#include <stdlib.h>

#include "client-lib/client.h"
#include "protocol/frame.h"
#include "tests/fuzz/input.h"

#define STEPS_MAX 100
#define CALLS_MAX 64   /* that are asked for */
#define PARTS_MAX 8192 /* and what a broker may make of them by answering parts */

struct game {
    struct mst_client *client;
    struct input in;
    struct mst_arena arena;
    struct mst_call *calls[PARTS_MAX];
    size_t calls_count;
    size_t unowned; /* made so far */
    bool is_connected;
    bool preamble_read;
    bool gone; /* it said goodbye */
    uint64_t last_id;
    int64_t now_ns;
};

/* ---- what the client says ---- */

static void read_output(struct game *game)
{
    struct mst_span out;
    struct mst_span payload;
    size_t used = 0;
    size_t need = 0;

    mst_client_pump(game->client, game->now_ns);
    out = mst_client_output(game->client);
    if (!game->preamble_read && out.len >= MST_PREAMBLE_BYTES) {
        mst_client_sent(game->client, MST_PREAMBLE_BYTES);
        game->preamble_read = true;
        out = mst_client_output(game->client);
    }
    while (mst_frame_next(out, MST_FRAME_BYTES_MAX, &payload, &used, &need) == MST_FRAME_OK) {
        struct mst_request request;
        bool malformed;
        const char *why;

        /* What the public functions would refuse is made here as well: then a field is wrong. */
        require(mst_request_decode(payload, &game->arena, &request, &malformed, &why) == MST_OK ||
                !malformed);
        game->last_id = request.id > game->last_id ? request.id : game->last_id;
        mst_client_sent(game->client, used);
        out = mst_client_output(game->client);
    }
}

/* ---- its connection ---- */

static void lose(struct game *game)
{
    if (game->is_connected) {
        game->is_connected = false;
        mst_client_lost(game->client, NULL, game->now_ns);
    }
}

/* As a transport reads: what belongs to a large frame goes to its place. */
static void receive(struct game *game, struct mst_span bytes)
{
    struct mst_blob *frame = NULL;
    struct mst_room room = {NULL, 0};

    if (game->is_connected) {
        room = mst_client_room(game->client, &frame);
        room.len = room.data == NULL ? 0 : room.len < bytes.len ? room.len : bytes.len;
    }
    if (room.len > 0) {
        memcpy(room.data, bytes.data, room.len);
    }
    mst_client_filled(game->client, frame, room.len);
    bytes = mst_span_of(bytes.data + room.len, bytes.len - room.len);
    if (game->is_connected && !mst_client_receive(game->client, bytes, game->now_ns)) {
        require(mst_client_trouble(game->client)[0] != '\0');
        lose(game);
    }
}

static void connect_it(struct game *game)
{
    uint8_t preamble[MST_PREAMBLE_BYTES];

    lose(game);
    mst_client_connected(game->client, game->now_ns);
    game->is_connected = true;
    game->preamble_read = false;
    mst_preamble_write(preamble, MST_CHANNEL_CLEAR);
    receive(game, mst_span_of(preamble, sizeof(preamble)));
    read_output(game);
}

static void say(struct game *game, const struct mst_reply *reply)
{
    struct mst_buf frame;

    mst_buf_init(&frame);
    if (mst_reply_encode(&frame, reply)) {
        receive(game, mst_buf_span(&frame));
    }
    mst_buf_clear(&frame);
}

static void welcome(struct game *game)
{
    struct mst_reply reply;

    mst_reply_init(&reply, (input_byte(&game->in) & 1) != 0 ? MST_OP_RESUME : MST_OP_HELLO);
    reply.session = 7;
    reply.secret = mst_span_text("0123456789abcdef0123456789abcdef");
    reply.boot = mst_span_text("boot of the one");
    say(game, &reply);
}

/* To the latest ids mostly, in the words of their operation. */
static void answer(struct game *game)
{
    uint8_t choice = input_byte(&game->in);
    const struct mst_call *call =
        game->calls_count == 0 ? NULL : game->calls[input_below(&game->in, game->calls_count)];
    struct mst_reply reply;

    mst_reply_init(&reply, call == NULL || choice >= 0xe0 ? input_op(&game->in) : call->op);
    reply.id = call == NULL || choice >= 0xd0 ? input_number(&game->in) : call->id;
    reply.status = (enum mst_status)(choice & 1 ? MST_OK : input_below(&game->in, MST_UNKNOWN));
    input_fields(&game->in, mst_reply_layout(reply.op), &reply);
    reply.answered = choice < 0xc0 ? 1 : reply.answered;
    say(game, &reply);
}

/* ---- what the application does ---- */

/* Every other of those that may be part of a run is nobody's, and joins the one before. */
static bool submit_unowned(struct game *game, const struct mst_request *request)
{
    struct mst_flow_request flow;
    struct mst_call *call;

    if (!mst_flow_from(request, &flow) || request->op == MST_OP_GET || game->unowned++ % 2 == 0) {
        return false;
    }
    if (!mst_client_extend(game->client, &flow, NULL, NULL)) {
        call = mst_call_new_flow(mst_client_pool(game->client), &flow, NULL);
        require(call != NULL);
        mst_client_submit(game->client, call, game->now_ns);
    }
    return true;
}

static void submit(struct game *game)
{
    static const char *const names[] = {"jobs", "a", "b"};
    struct mst_handle *handle = mst_client_open(game->client, names[input_below(&game->in, 3)]);
    struct mst_request request;
    uint64_t number;
    struct mst_call *call;

    require(handle != NULL);
    number = mst_handle_number(handle);
    mst_request_init(&request, input_op(&game->in));
    if ((mst_op_flags(request.op) & OPF_CONNECTION) == 0 && game->calls_count < CALLS_MAX) {
        input_fields(&game->in, mst_request_layout(request.op), &request);
        request.handle = number;
        request.handles = &number;
        request.handles_count = 1;
        if (submit_unowned(game, &request)) {
            mst_handle_unref(handle);
            return;
        }
        call = mst_call_new_in(mst_client_pool(game->client), &request, game);
        require(call != NULL);
        game->calls[game->calls_count++] = call;
        mst_client_submit(game->client, call, game->now_ns);
    }
    mst_handle_unref(handle);
}

static void free_call(struct mst_call *call)
{
    bool has_messages = call->op == MST_OP_GET || call->op == MST_OP_PEEK;

    while (has_messages && call->outcome.messages != NULL) {
        struct muster_message *message = call->outcome.messages;

        call->outcome.messages = message->next;
        mst_handle_unref(message->handle);
        mst_message_drop(NULL, message);
    }
    mst_call_clear(call);
}

/* A broker that answered a part of a run has made a call of it. */
static void adopt(struct game *game, struct mst_call *call)
{
    for (size_t i = 0; i < game->calls_count; i++) {
        if (game->calls[i] == call) {
            return;
        }
    }
    require(game->calls_count < PARTS_MAX);
    game->calls[game->calls_count++] = call;
}

/* Those that are over leave. */
static void reap(struct game *game)
{
    struct mst_call *call;
    size_t kept = 0;

    while ((call = mst_client_next_woken(game->client)) != NULL) {
        if (call->owner != NULL) {
            adopt(game, call);
        } else if (call->state == MST_CALL_OVER) {
            free_call(call); /* nobody waits for it */
        }
    }
    for (size_t i = 0; i < game->calls_count; i++) {
        call = game->calls[i];
        if (call->state == MST_CALL_OVER) {
            free_call(call);
        } else {
            game->calls[kept++] = call;
        }
    }
    game->calls_count = kept;
}

static void with_a_call(struct game *game, uint8_t what)
{
    size_t which = game->calls_count == 0 ? 0 : input_below(&game->in, game->calls_count);
    struct mst_call *call = game->calls_count == 0 ? NULL : game->calls[which];

    if (call == NULL) {
        return;
    }
    if (what == 0) {
        mst_client_cancel(game->client, call, MST_CANCELLED, game->now_ns);
    } else if (what == 1) {
        mst_client_take(game->client, call, game->now_ns);
    } else if (call->state != MST_CALL_OVER) {
        game->calls[which] = game->calls[--game->calls_count];
        mst_client_forget(game->client, call, game->now_ns);
    }
}

static void notices(struct game *game)
{
    struct mst_client_notice *notice;

    while ((notice = mst_client_next_notice(game->client)) != NULL) {
        mst_client_notice_free(&notice);
    }
}

static void step(struct game *game)
{
    uint8_t what = input_byte(&game->in) % 16;

    switch (what) {
    case 0: connect_it(game); break;
    case 1: welcome(game); break;
    case 2: lose(game); break;
    case 3: receive(game, input_bytes(&game->in, 4096)); break;
    case 4:
        game->now_ns += input_byte(&game->in) * INT64_C(50000000);
        mst_client_tick(game->client, game->now_ns);
        break;
    case 5:
    case 6:
    case 7: with_a_call(game, what - 5); break;
    case 8: reap(game); break;
    case 9:
    case 10:
    case 11:
    case 12: answer(game); break;
    default: submit(game); break;
    }
    read_output(game);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mst_client_config config = {"fuzz", "here", 1, 10000000000};
    struct game game = {.in = {mst_span_of(data, size), NULL}, .now_ns = 1000000000000};

    mst_arena_init(&game.arena);
    game.in.arena = &game.arena;
    game.client = mst_client_new(&config);
    require(game.client != NULL);
    connect_it(&game);
    for (int i = 0; i < STEPS_MAX && input_more(&game.in); i++) {
        step(&game);
        notices(&game);
        mst_arena_reset(&game.arena);
    }
    mst_client_bye(game.client, game.now_ns);
    reap(&game);
    require(game.calls_count == 0);
    notices(&game);
    mst_client_free(&game.client);
    mst_arena_clear(&game.arena);
    return 0;
}
