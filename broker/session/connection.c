/* connection.c - one connection: bytes in become requests; its beginning and end.
 *
 * See connection.h for its phases and invariants; replies are in reply.c. */
#include "broker/session/connection.h"

#include <stdlib.h>

#include "broker/session/secure.h"
#include "protocol/frame.h"

#define STRANGER_BYTES_MAX 1024u /* of a frame that will only be refused */

void connection_init(struct connection *connection, const struct connection_limits *limits,
                     struct connection_common *common)
{
    *connection =
        (struct connection){.phase = CONNECTION_PREAMBLE, .limits = *limits, .common = common};
    mst_buf_init(&connection->input);
    mst_gather_init(&connection->output);
    sent_init(&connection->sent);
}

static void free_held(struct connection *connection)
{
    if (connection->held != NULL) {
        held_clear(connection->held);
        free(connection->held);
        connection->held = NULL;
    }
}

static void free_large(struct connection *connection)
{
    struct mst_blob *frame = mst_large_leave(&connection->large);

    mst_blob_unref(&frame);
}

void connection_clear(struct connection *connection)
{
    free_large(connection);
    mst_buf_clear(&connection->input);
    mst_gather_clear(&connection->output);
    secure_clear(connection);
    free_held(connection);
    sent_clear(&connection->sent);
}

void connection_close(struct connection *connection, const char *why, bool fault)
{
    if (connection->phase == CONNECTION_CLOSING) {
        return;
    }
    connection->phase = CONNECTION_CLOSING;
    connection->why = why == NULL ? "closed by the broker" : why;
    connection->fault = fault;
}

/* ---- bytes out ---- */

size_t connection_output(struct connection *connection, struct mst_span *out, size_t max)
{
    if (connection->channel == NULL) {
        return mst_gather_pieces(&connection->output, out, max);
    }
    secure_seal(connection);
    out[0] = mst_buf_span(&connection->channel->output);
    return out[0].len > 0;
}

void connection_sent(struct connection *connection, size_t len)
{
    struct spares *spares = &connection->common->spares;

    if (connection->channel == NULL) {
        mst_gather_consume(&connection->output, len);
        spares_take(spares, &connection->output.bytes);
    } else {
        mst_buf_consume(&connection->channel->output, len);
        spares_take(spares, &connection->channel->output);
    }
}

bool connection_is_empty(const struct connection *connection)
{
    return !connection_holds(connection) && mst_gather_size(&connection->output) == 0 &&
           secure_is_empty(connection);
}

/* The frame that the last event was made of is not needed any more. */
static void forget_frame(struct connection *connection)
{
    if (connection->input_used > 0) {
        mst_buf_consume(&connection->input, connection->input_used);
        connection->input_used = 0;
    }
    if (connection->large.is_cut) {
        free_large(connection);
    }
}

void connection_rest(struct connection *connection)
{
    if (!connection_holds(connection)) {
        free_held(connection);
    }
    if (connection->sent.ids == 0) {
        sent_clear(&connection->sent);
    }
    mst_buf_shrink(&connection->output.bodies, 0);
    spares_rest(&connection->common->spares);
}

void connection_drop(struct connection *connection, const char *why, bool fault)
{
    connection_close(connection, why, fault);
    mst_gather_clear(&connection->output);
    free_held(connection);
    secure_drop(connection);
}

/* ---- bytes in ---- */

static bool is_greeting(enum mst_op op)
{
    return op == MST_OP_HELLO || op == MST_OP_RESUME;
}

/* The broker refused memory where a client waits: who is hung up on would only come again. */
static bool memory_is_lent(struct connection *connection)
{
    const struct connection_common *common = connection->common;

    if (common->lend_memory != NULL && common->lend_memory(common->lender)) {
        return true;
    }
    connection_close(connection, "out of memory", false);
    return false;
}

/* Moves bytes into the kept beginning until that has `size` of them, or all are moved. */
static bool keep(struct connection *connection, struct mst_span *in, size_t size)
{
    size_t missing = size - mst_buf_size(&connection->input);
    size_t n = in->len < missing ? in->len : missing;

    if (n == 0) {
        return true; /* no bytes may have no address, to which nothing is added */
    }
    spares_lend(&connection->common->spares, &connection->input);
    while (!mst_buf_append(&connection->input, in->data, n)) {
        if (!memory_is_lent(connection)) {
            return false;
        }
    }
    in->data += n;
    in->len -= n;
    return true;
}

struct mst_room connection_room(struct connection *connection)
{
    size_t max = connection->limits.frame_bytes_max;
    struct mst_blob *frame = NULL;
    size_t wanted;

    if (connection->phase != CONNECTION_RUNNING || connection->channel != NULL) {
        return (struct mst_room){NULL, 0};
    }
    wanted = mst_large_wanted(&connection->large, &connection->input, max);
    frame = wanted == 0 ? NULL : mst_blob_new_blank(wanted);
    if (frame != NULL) {
        mst_large_begin(&connection->large, frame, &connection->input);
        spares_take(&connection->common->spares, &connection->input);
    }
    return mst_large_room(&connection->large, &connection->input, max);
}

void connection_filled(struct connection *connection, size_t n)
{
    if (connection->large.frame == NULL) {
        return; /* it was closed meanwhile */
    }
    spares_lend(&connection->common->spares, &connection->input);
    while (!mst_large_filled(&connection->large, n, &connection->input) &&
           memory_is_lent(connection)) {
        n = 0; /* they have come; only keeping them is tried again */
    }
    spares_take(&connection->common->spares, &connection->input);
}

static void answer_preamble(struct connection *connection)
{
    uint8_t preamble[MST_PREAMBLE_BYTES];

    mst_preamble_write(preamble, connection->clear_refused ? MST_CHANNEL_NOISE : MST_CHANNEL_CLEAR);
    if (!mst_buf_append(&connection->output.bytes, preamble, sizeof(preamble))) {
        connection_close(connection, "out of memory", false);
    }
}

static void read_preamble(struct connection *connection, struct mst_span *in)
{
    enum mst_channel channel = MST_CHANNEL_CLEAR;
    enum mst_preamble_verdict verdict;

    if (!keep(connection, in, MST_PREAMBLE_BYTES)) {
        return;
    }
    verdict = mst_preamble_read(mst_buf_span(&connection->input), &channel);
    if (verdict == MST_PREAMBLE_MORE) {
        return;
    }
    if (verdict == MST_PREAMBLE_FOREIGN) {
        connection_close(connection, "it does not speak muster's protocol", true);
        return;
    }
    if (verdict == MST_PREAMBLE_OK && channel == MST_CHANNEL_NOISE &&
        connection->common->secret != NULL) {
        mst_buf_reset(&connection->input);
        secure_begin(connection);
        return;
    }
    /* The own preamble tells a peer of another version or channel what is spoken here. */
    answer_preamble(connection);
    if (verdict == MST_PREAMBLE_VERSION) {
        connection_close(connection, "it speaks another version of the protocol", true);
    } else if (verdict == MST_PREAMBLE_CHANNEL || channel != MST_CHANNEL_CLEAR) {
        connection_close(connection, "it asks for a channel that this broker does not have", true);
    } else if (connection->clear_refused) {
        connection_close(connection, "it speaks clear text, which is refused here", true);
    } else if (connection->phase == CONNECTION_PREAMBLE) {
        mst_buf_reset(&connection->input);
        connection->phase = CONNECTION_GREETING;
    }
}

static bool frame_verdict(struct connection *connection, enum mst_frame_verdict verdict)
{
    if (verdict == MST_FRAME_LONG) {
        connection_close(connection, "a frame longer than the limit", true);
    } else if (verdict == MST_FRAME_EMPTY) {
        connection_close(connection, "an empty frame", true);
    }
    return verdict == MST_FRAME_OK;
}

/* The next whole frame: straight from the bytes that came, unless its beginning was kept, or they
 * came out of a channel. */
static bool cut_frame(struct connection *connection, struct mst_span *in, struct mst_span *payload)
{
    size_t max = connection->phase == CONNECTION_GREETING ? SESSION_GREETING_BYTES_MAX
                                                          : connection->limits.frame_bytes_max;
    enum mst_frame_verdict verdict = MST_FRAME_MORE;
    size_t used = 0;
    size_t need = 0;

    max = connection->stranger ? STRANGER_BYTES_MAX : max;
    forget_frame(connection);
    if (connection->large.frame != NULL) {
        return mst_large_cut(&connection->large, in, payload);
    }
    if (mst_buf_size(&connection->input) == 0) {
        if (in->len == 0) {
            return false;
        }
        verdict = mst_frame_next(*in, max, payload, &used, &need);
        if (verdict == MST_FRAME_OK) {
            in->data += used;
            in->len -= used;
        } else if (verdict == MST_FRAME_MORE) {
            keep(connection, in, in->len);
        }
        return frame_verdict(connection, verdict);
    }
    verdict = mst_frame_next(mst_buf_span(&connection->input), max, payload, &used, &need);
    while (verdict == MST_FRAME_MORE && in->len > 0) {
        if (!keep(connection, in, need == 0 ? MST_FRAME_HEADER_BYTES : need)) {
            return false;
        }
        verdict = mst_frame_next(mst_buf_span(&connection->input), max, payload, &used, &need);
    }
    if (verdict == MST_FRAME_OK) {
        connection->input_used = used;
    }
    return frame_verdict(connection, verdict);
}

/* The receipts that a frame carries. RESUME speaks of another connection's, which are settled by
 * what it says is pending. */
static bool take_confirm(struct connection *connection, struct mst_arena *scratch,
                         struct connection_input *out)
{
    struct sent *sent = &connection->sent;
    uint64_t confirm = out->request.confirm;
    uint64_t n = confirm - connection->confirmed;
    size_t runs_max = n < sent->count ? (size_t)n : sent->count;

    if (is_greeting(out->request.op) || confirm == connection->confirmed) {
        return true;
    }
    if (confirm < connection->confirmed || n > sent->ids) {
        connection_close(connection, "it confirms replies that it did not get, or takes some back",
                         true);
        return false;
    }
    out->confirmed = mst_arena_take(scratch, runs_max * sizeof(*out->confirmed));
    if (out->confirmed == NULL) {
        connection_close(connection, "out of memory", false);
        return false;
    }
    out->confirmed_count = sent_pop(sent, n, out->confirmed);
    connection->confirmed = confirm;
    return true;
}

/* Well-formed but wrong: its id is answered. Without an id there is nobody to answer, but for the
 * greeting, which is answered before the connection ends. */
static void answer_wrong(struct connection *connection, const struct mst_request *request,
                         enum mst_status status, const char *why)
{
    struct mst_reply reply;

    if (connection->phase == CONNECTION_DISCARDING && !is_greeting(request->op)) {
        return;
    }
    if (is_greeting(request->op) ? connection->phase == CONNECTION_RUNNING
                                 : connection->phase != CONNECTION_RUNNING || request->id == 0) {
        connection_close(connection, why, true);
        return;
    }
    mst_reply_init(&reply, request->op);
    reply.id = is_greeting(request->op) ? 0 : request->id;
    reply.status = status;
    reply.cause = mst_span_text(why);
    connection_reply(connection, &reply, 0, 0);
    if (is_greeting(request->op)) {
        connection_close(connection, why, true);
    }
}

/* Is this the time for the request? Sessions are opened once, and before everything else.
 * Permissions are to be judged here too: it is the one place that every request passes. */
static bool is_admitted(struct connection *connection, const struct mst_request *request)
{
    bool greeting = is_greeting(request->op);

    if (connection->phase == CONNECTION_RUNNING) {
        if (greeting) {
            connection_close(connection, "a second session on one connection", true);
        }
        return !greeting;
    }
    if (connection->phase == CONNECTION_DISCARDING && request->op != MST_OP_HELLO) {
        return false;
    }
    if (!greeting) {
        connection_close(connection, "a request before its session was opened", true);
    }
    return greeting;
}

/* true: the frame has something for the core. */
static bool read_frame(struct connection *connection, struct mst_span payload,
                       struct mst_arena *scratch, struct connection_input *out)
{
    bool malformed = false;
    const char *why = "malformed";
    enum mst_status status;

    mst_arena_reset(scratch);
    out->confirmed = NULL;
    out->confirmed_count = 0;
    out->has_request = false;
    status = mst_request_decode(payload, scratch, &out->request, &malformed, &why);
    if (malformed) {
        connection_close(connection, why, true);
        return false;
    }
    if (status != MST_OK) {
        answer_wrong(connection, &out->request, status, why);
        return false;
    }
    out->request.frame = connection->large.frame;
    if (!is_admitted(connection, &out->request) || !take_confirm(connection, scratch, out)) {
        return false;
    }
    out->has_request = out->request.op != MST_OP_HEARTBEAT;
    return out->has_request || out->confirmed_count > 0;
}

static bool next_frame(struct connection *connection, struct mst_span *in,
                       struct mst_arena *scratch, struct connection_input *out)
{
    struct mst_span payload;

    while (connection->phase != CONNECTION_CLOSING && cut_frame(connection, in, &payload)) {
        if (read_frame(connection, payload, scratch, out)) {
            return true;
        }
    }
    return false;
}

/* With a channel: news of it, or a frame of what came out of it. */
static bool next_opened(struct connection *connection, struct mst_span *in,
                        struct mst_arena *scratch, struct connection_input *out)
{
    struct mst_span none = MST_SPAN_NONE;

    for (;;) {
        if (connection->phase != CONNECTION_SECURING &&
            next_frame(connection, &none, scratch, out)) {
            return true;
        }
        if (!secure_open(connection, in, &out->news)) {
            return false;
        }
        if (out->news != CONNECTION_SPEAKS) {
            return true;
        }
    }
}

bool connection_next(struct connection *connection, struct mst_span *in, struct mst_arena *scratch,
                     struct connection_input *out)
{
    bool more;

    out->news = CONNECTION_SPEAKS;
    if (connection->phase == CONNECTION_PREAMBLE && in->len > 0) {
        read_preamble(connection, in);
    }
    if (connection->phase == CONNECTION_PREAMBLE) {
        return false;
    }
    more = connection->channel == NULL ? next_frame(connection, in, scratch, out)
                                       : next_opened(connection, in, scratch, out);
    if (connection->phase == CONNECTION_CLOSING) {
        mst_buf_reset(
            &connection->input); /* only now: what closed it may have been read from there */
        connection->input_used = 0;
        free_large(connection);
    }
    if (!more) {
        spares_take(&connection->common->spares, &connection->input);
    }
    return more;
}
