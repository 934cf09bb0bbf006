/* connection.c - one connection: bytes in become requests, replies become bytes out.
 *
 * See connection.h for its phases and invariants. */
#include "broker/session/connection.h"

#include "broker/session/secure.h"
#include "protocol/frame.h"

#define STRANGER_BYTES_MAX 1024u /* of a frame that will only be refused */

void connection_init(struct connection *connection, const struct connection_limits *limits)
{
    *connection = (struct connection){.phase = CONNECTION_PREAMBLE, .limits = *limits};
    mst_buf_init(&connection->input);
    mst_buf_init(&connection->output);
    mst_buf_init(&connection->plain);
    held_init(&connection->held);
    sent_init(&connection->sent);
}

void connection_offer(struct connection *connection, const struct connection_offer *offer)
{
    connection->offer = *offer;
}

void connection_clear(struct connection *connection)
{
    mst_buf_clear(&connection->input);
    mst_buf_clear(&connection->output);
    secure_clear(connection);
    held_clear(&connection->held);
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
    mst_buf_clear(&connection->input);
    connection->input_used = 0;
}

/* ---- bytes out ---- */

struct mst_span connection_output(struct connection *connection)
{
    if (connection->channel != NULL) {
        secure_seal(connection);
    }
    return mst_buf_span(connection->channel == NULL ? &connection->output
                                                    : &connection->channel->output);
}

void connection_sent(struct connection *connection, size_t len)
{
    struct mst_buf *out =
        connection->channel == NULL ? &connection->output : &connection->channel->output;

    mst_buf_consume(out, len);
    mst_buf_shrink(out, SESSION_KEPT_BYTES_MAX);
}

bool connection_is_empty(const struct connection *connection)
{
    return connection->held.count == 0 && mst_buf_size(&connection->output) == 0 &&
           secure_is_empty(connection);
}

/* The frame that the last event was made of is not needed any more. */
static void forget_frame(struct connection *connection, size_t keep_cap)
{
    mst_buf_consume(&connection->input, connection->input_used);
    connection->input_used = 0;
    mst_buf_shrink(&connection->input, keep_cap);
}

void connection_rest(struct connection *connection)
{
    mst_buf_shrink(&connection->output, 0);
    mst_buf_shrink(&connection->held.bytes, 0);
    secure_rest(connection);
    forget_frame(connection, 0);
}

void connection_drop(struct connection *connection, const char *why, bool fault)
{
    connection_close(connection, why, fault);
    mst_buf_clear(&connection->output);
    held_clear(&connection->held);
    secure_drop(connection);
}

/* More waits than may wait, or than can be stored: what is short is memory, so it is freed now. */
static void give_up(struct connection *connection, const char *why)
{
    connection_drop(connection, why, true);
}

static void number_ids(struct connection *connection, struct mst_range ids)
{
    if (!sent_push(&connection->sent, ids)) {
        give_up(connection, "out of memory");
    } else if (connection->sent.ids > SESSION_UNCONFIRMED_MAX) {
        give_up(connection, "LIMIT: the client does not confirm what it receives");
    }
}

/* Whether the client may now speak, and of what, is what the core answered to its greeting. */
static void greeting_answered(struct connection *connection, const struct mst_reply *reply)
{
    if (reply->status == MST_OK) {
        connection->phase = CONNECTION_RUNNING;
    } else if (reply->op == MST_OP_RESUME && reply->status == MST_NOT_FOUND) {
        connection->phase = CONNECTION_DISCARDING;
    } else {
        connection_close(connection, "its session was refused", false);
    }
}

static bool is_greeting(enum mst_op op)
{
    return op == MST_OP_HELLO || op == MST_OP_RESUME;
}

/* Bodies that are still to be read. */
static size_t count_gaps(const struct mst_reply *reply)
{
    size_t gaps = 0;

    for (size_t i = 0; i < reply->deliveries_count; i++) {
        gaps += reply->deliveries[i].place != 0;
    }
    return gaps;
}

void connection_reply(struct connection *connection, const struct mst_reply *reply, uint64_t seq,
                      uint64_t durable_seq)
{
    struct mst_range ids = {reply->id, reply->id == 0 ? 0 : reply->answered};
    size_t gaps = count_gaps(reply);
    /* What follows a reply that waits for bodies waits too: deliveries keep their order. */
    bool leaves =
        seq <= durable_seq && !connection->welcome_held && gaps == 0 && connection->held.gaps == 0;
    struct mst_buf *out = leaves ? &connection->output : &connection->held.bytes;
    size_t before = mst_buf_size(out);

    if (connection->phase == CONNECTION_CLOSING) {
        return;
    }
    if (mst_buf_size(&connection->output) + mst_buf_size(&connection->held.bytes) +
            secure_waiting(connection) >
        connection->limits.output_bytes_max) {
        give_up(connection, "LIMIT: the client does not read its replies");
        return;
    }
    if (!mst_reply_encode(out, reply)) {
        give_up(connection, "a reply could not be encoded");
        return;
    }
    if (leaves) {
        number_ids(connection, ids);
    } else if (!held_push(&connection->held, seq, mst_buf_size(out) - before, ids, gaps)) {
        give_up(connection, "out of memory");
    }
    if (is_greeting(reply->op) && reply->id == 0 && connection->phase != CONNECTION_CLOSING) {
        connection->welcome_held = !leaves;
        greeting_answered(connection, reply);
    }
}

void connection_release(struct connection *connection, uint64_t durable_seq)
{
    struct held *held = &connection->held;
    struct held_reply reply;

    while (held_pop(held, durable_seq, &reply)) {
        struct mst_span bytes = mst_span_of(mst_buf_span(&held->bytes).data, reply.len);

        if (!mst_buf_append(&connection->output, bytes.data, bytes.len)) {
            give_up(connection, "out of memory");
            return;
        }
        mst_buf_consume(&held->bytes, reply.len);
        number_ids(connection, reply.ids);
    }
    if (held->count == 0) {
        connection->welcome_held = false;
        mst_buf_shrink(&held->bytes, SESSION_KEPT_BYTES_MAX);
    }
}

/* ---- bytes in ---- */

/* Moves bytes into the kept beginning until that has `size` of them, or all are moved. */
static bool keep(struct connection *connection, struct mst_span *in, size_t size)
{
    size_t missing = size - mst_buf_size(&connection->input);
    size_t n = in->len < missing ? in->len : missing;

    if (n == 0) {
        return true; /* no bytes may have no address, to which nothing is added */
    }
    if (!mst_buf_append(&connection->input, in->data, n)) {
        connection_close(connection, "out of memory", false);
        return false;
    }
    in->data += n;
    in->len -= n;
    return true;
}

static void answer_preamble(struct connection *connection)
{
    uint8_t preamble[MST_PREAMBLE_BYTES];

    mst_preamble_write(preamble,
                       connection->offer.clear_refused ? MST_CHANNEL_NOISE : MST_CHANNEL_CLEAR);
    if (!mst_buf_append(&connection->output, preamble, sizeof(preamble))) {
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
        connection->offer.secret != NULL) {
        mst_buf_clear(&connection->input); /* few ever need it again */
        secure_begin(connection);
        return;
    }
    /* The own preamble tells a peer of another version or channel what is spoken here. */
    answer_preamble(connection);
    if (verdict == MST_PREAMBLE_VERSION) {
        connection_close(connection, "it speaks another version of the protocol", true);
    } else if (verdict == MST_PREAMBLE_CHANNEL || channel != MST_CHANNEL_CLEAR) {
        connection_close(connection, "it asks for a channel that this broker does not have", true);
    } else if (connection->offer.clear_refused) {
        connection_close(connection, "it speaks clear text, which is refused here", true);
    } else if (connection->phase == CONNECTION_PREAMBLE) {
        mst_buf_clear(&connection->input);
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

/* The next whole frame: straight from the bytes that came, unless its beginning was kept. */
static bool cut_frame(struct connection *connection, struct mst_span *in, struct mst_span *payload)
{
    size_t max = connection->phase == CONNECTION_GREETING ? SESSION_GREETING_BYTES_MAX
                                                          : connection->limits.frame_bytes_max;
    enum mst_frame_verdict verdict = MST_FRAME_MORE;
    size_t used = 0;
    size_t need = 0;

    max = connection->stranger ? STRANGER_BYTES_MAX : max;
    forget_frame(connection, SESSION_KEPT_BYTES_MAX);
    if (mst_buf_size(&connection->input) == 0) {
        verdict = mst_frame_next(*in, max, payload, &used, &need);
        if (verdict == MST_FRAME_OK) {
            in->data += used;
            in->len -= used;
        } else if (verdict == MST_FRAME_MORE) {
            keep(connection, in, in->len);
        }
        return frame_verdict(connection, verdict);
    }
    while (verdict == MST_FRAME_MORE && in->len > 0) {
        size_t want = need == 0 ? MST_FRAME_HEADER_BYTES : need;

        if (want > mst_buf_size(&connection->input) && !keep(connection, in, want)) {
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
    mst_request_init(&out->request, MST_OP_HEARTBEAT);
    status = mst_request_decode(payload, scratch, &out->request, &malformed, &why);
    if (malformed) {
        connection_close(connection, why, true);
        return false;
    }
    if (status != MST_OK) {
        answer_wrong(connection, &out->request, status, why);
        return false;
    }
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

bool connection_next(struct connection *connection, struct mst_span *in, struct mst_arena *scratch,
                     struct connection_input *out)
{
    out->news = CONNECTION_SPEAKS;
    if (connection->phase == CONNECTION_PREAMBLE && in->len > 0) {
        read_preamble(connection, in);
    }
    if (connection->phase == CONNECTION_PREAMBLE) {
        return false;
    }
    if (connection->channel == NULL) {
        return next_frame(connection, in, scratch, out);
    }
    for (;;) {
        if (connection->phase != CONNECTION_SECURING &&
            next_frame(connection, &connection->pending, scratch, out)) {
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
