/* session_bench.c - see session_bench.h. */
#include "tests/unit/session_bench.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "protocol/frame.h"

int peer_setup(void **state)
{
    struct connection_limits limits = {FRAME_MAX, OUTPUT_MAX};
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    connection_init(&bench->connection, &limits, &bench->common);
    mst_arena_init(&bench->arena);
    mst_arena_init(&bench->reply_arena);
    mst_buf_init(&bench->in);
    *state = bench;
    return 0;
}

int peer_teardown(void **state)
{
    struct bench *bench = *state;

    connection_clear(&bench->connection);
    spares_clear(&bench->common.spares);
    mst_arena_clear(&bench->arena);
    mst_arena_clear(&bench->reply_arena);
    mst_buf_clear(&bench->in);
    free(bench);
    return 0;
}

void peer_start_over(struct bench *bench)
{
    struct connection_limits limits = {FRAME_MAX, OUTPUT_MAX};

    connection_clear(&bench->connection);
    connection_init(&bench->connection, &limits, &bench->common);
    bench->events[0] = '\0';
}

/* ---- what the client says ---- */

void peer_say_preamble(struct bench *bench)
{
    uint8_t preamble[MST_PREAMBLE_BYTES];

    mst_preamble_write(preamble, MST_CHANNEL_CLEAR);
    assert_true(mst_buf_append(&bench->in, preamble, sizeof(preamble)));
}

void peer_say_bytes(struct bench *bench, const void *bytes, size_t len)
{
    uint8_t word[4] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                       (uint8_t)len};

    assert_true(mst_buf_append(&bench->in, word, sizeof(word)));
    assert_true(mst_buf_append(&bench->in, bytes, len));
}

void peer_say(struct bench *bench, enum mst_op op, uint64_t id, uint64_t confirm)
{
    struct mst_request request;

    mst_request_init(&request, op);
    request.id = id;
    request.confirm = confirm;
    request.name = mst_span_text("jobs");
    assert_true(mst_request_encode(&bench->in, &request));
}

/* ---- what comes of it ---- */

static void peer_note(struct bench *bench, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void peer_note(struct bench *bench, const char *format, ...)
{
    size_t len = strlen(bench->events);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(bench->events + len, sizeof(bench->events) - len, format, arguments);
    va_end(arguments);
}

void peer_reply_to(struct bench *bench, enum mst_op op, uint64_t id, uint64_t answered,
                   uint64_t seq, uint64_t durable_seq)
{
    struct mst_reply reply;

    mst_reply_init(&reply, op);
    reply.id = id;
    reply.answered = answered;
    connection_reply(&bench->connection, &reply, seq, durable_seq);
}

static void peer_greet(struct bench *bench, enum mst_op op)
{
    struct mst_reply reply;

    mst_reply_init(&reply, op);
    reply.status = bench->greeting;
    connection_reply(&bench->connection, &reply, bench->greeting_seq, 0);
}

void peer_hear(struct bench *bench, struct mst_span bytes)
{
    struct connection_input input;

    while (connection_next(&bench->connection, &bytes, &bench->arena, &input)) {
        for (size_t i = 0; i < input.confirmed_count; i++) {
            peer_note(bench, "taken %d+%d ", (int)input.confirmed[i].first,
                      (int)input.confirmed[i].count);
        }
        if (input.has_request) {
            peer_note(bench, "%s#%d ", mst_op_name(input.request.op), (int)input.request.id);
        }
        if (input.has_request && mst_op_flags(input.request.op) & OPF_CONNECTION &&
            (input.request.op == MST_OP_HELLO || input.request.op == MST_OP_RESUME)) {
            peer_greet(bench, input.request.op);
        }
    }
}

void peer_hear_all(struct bench *bench)
{
    peer_hear(bench, mst_buf_span(&bench->in));
    mst_buf_reset(&bench->in);
}

void peer_connect_and_greet(struct bench *bench)
{
    peer_say_preamble(bench);
    peer_say(bench, MST_OP_HELLO, 0, 0);
    peer_hear_all(bench);
    assert_int_equal(bench->connection.phase, CONNECTION_RUNNING);
    bench->events[0] = '\0';
}

void peer_skip_output(struct bench *bench)
{
    struct mst_span pieces[MST_GATHER_PIECES_MAX];
    size_t count = connection_output(&bench->connection, pieces, MST_GATHER_PIECES_MAX);

    connection_sent(&bench->connection, mst_spans_len(pieces, count));
}

/* The replies in the output, as "OP#id STATUS "; takes them out. */
const char *peer_read_output(struct bench *bench, char *text, size_t cap)
{
    struct mst_span pieces[MST_GATHER_PIECES_MAX];
    size_t count = connection_output(&bench->connection, pieces, MST_GATHER_PIECES_MAX);
    struct mst_span at = count == 0 ? MST_SPAN_NONE : pieces[0];
    struct mst_span payload;
    size_t used;
    size_t need;

    text[0] = '\0';
    if (at.len >= MST_PREAMBLE_BYTES && at.data[0] == 0x89) {
        snprintf(text, cap, "preamble ");
        at = mst_span_of(at.data + MST_PREAMBLE_BYTES, at.len - MST_PREAMBLE_BYTES);
    }
    while (at.len > 0 && mst_frame_next(at, FRAME_MAX, &payload, &used, &need) == MST_FRAME_OK) {
        struct mst_reply reply;
        const char *why;
        bool malformed;
        size_t len = strlen(text);

        assert_int_equal(mst_reply_decode(payload, &bench->reply_arena, &reply, &malformed, &why),
                         MST_OK);
        snprintf(text + len, cap - len, "%s#%d %s ", mst_op_name(reply.op), (int)reply.id,
                 mst_status_name((int)reply.status));
        at = mst_span_of(at.data + used, at.len - used);
    }
    assert_int_equal(at.len, 0);
    connection_sent(&bench->connection, mst_spans_len(pieces, count));
    return text;
}

void peer_assert_closed(const struct bench *bench, const char *why)
{
    assert_int_equal(bench->connection.phase, CONNECTION_CLOSING);
    assert_non_null(strstr(bench->connection.why, why));
}
