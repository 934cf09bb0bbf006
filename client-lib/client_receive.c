/* client_receive.c - bytes to frames to outcomes. */
#include <stdlib.h>

#include "client-lib/client_copy.h"
#include "client-lib/client_state.h"

#define IN_KEPT_BYTES (256u << 10) /* memory for beginnings of frames, while it is in use */

static bool refuse(struct mst_client *client, const char *why)
{
    client->trouble = why;
    return false;
}

/* ---- outcomes ---- */

static void fill_put(struct mst_call *call, const struct mst_reply *reply, uint64_t index)
{
    bool each = call->request == NULL || call->request->mode == MST_PUT_EACH;
    muster_put_result *put = &call->outcome.put;

    put->id = reply->first + (reply->first == 0 ? 0 : index);
    put->count = each && reply->answered > 1 && reply->status == MST_OK ? 1 : reply->taken;
    put->duplicate_of = reply->duplicate;
    put->durable = reply->durable != 0;
}

static struct mst_handle *queue_of_delivery(const struct mst_client *client,
                                            const struct mst_call *call,
                                            const struct mst_reply *reply)
{
    struct mst_handle_numbers used = mst_handles_of_call(call);

    for (size_t i = 0; i < used.count; i++) {
        if (used.count == 1 || used.numbers[i] == reply->handle) {
            return mst_handle_of(client, used.numbers[i]);
        }
    }
    return NULL;
}

static uint64_t mode_of_get(const struct mst_call *call)
{
    return call->request == NULL ? call->flow.get.mode : call->request->mode;
}

/* The only message of a frame that was read to its own place, and is little else, keeps it. */
static bool stays_in_frame(const struct mst_client *client, const struct mst_reply *reply)
{
    return client->large.is_cut && reply->deliveries_count == 1 &&
           reply->deliveries[0].body.len > client->large.frame->len / 2;
}

/* Copies deliveries [from, to) out of the frame, but for a body that stays. */
static bool fill_messages(struct mst_client *client, struct mst_call *call,
                          const struct mst_reply *reply, size_t from, size_t to)
{
    struct mst_handle *queue = queue_of_delivery(client, call, reply);
    struct muster_message **end = &call->outcome.messages;

    if (queue == NULL) {
        return refuse(client, "the broker sent a message of a queue that was not asked for");
    }
    bool automatic = call->op == MST_OP_GET && mode_of_get(call) == MST_GET_AUTO;
    bool stays = stays_in_frame(client, reply);

    for (size_t i = from; i < to; i++) {
        struct muster_message *message = mst_message_new(&client->pool, &reply->deliveries[i],
                                                         stays ? client->large.frame : NULL);

        if (message == NULL) {
            mst_call_drop_messages(client, call);
            return refuse(client, "out of memory for a message");
        }
        if (stays) {
            mst_large_leave(&client->large);
        }
        message->automatic = automatic;
        message->handle = queue;
        mst_handle_ref(queue);
        *end = message;
        end = &message->next;
    }
    return true;
}

static void learn_generation(const struct mst_client *client, const struct mst_call *call,
                             const struct mst_reply *reply)
{
    switch (call->op) {
    case MST_OP_EVENT_SET:
    case MST_OP_EVENT_CLEAR:
    case MST_OP_EVENT_IS_SET:
    case MST_OP_EVENT_WAIT: {
        struct mst_handle *event = mst_handle_of(client, mst_handles_of_call(call).numbers[0]);

        event->generation = reply->generation;
        event->has_generation = true;
        break;
    }
    default: break;
    }
}

/* false: out of memory, or not what was asked for. */
static bool fill_outcome(struct mst_client *client, struct mst_call *call,
                         const struct mst_reply *reply, uint64_t index)
{
    switch (call->op) {
    case MST_OP_PUT: fill_put(call, reply, index); return true;
    case MST_OP_DONE: call->already = reply->already; return true;
    case MST_OP_GET: return true;
    case MST_OP_PEEK: return fill_messages(client, call, reply, 0, reply->deliveries_count);
    default: break;
    }
    call->outcome.reply = mst_reply_copy(reply);
    if (call->outcome.reply == NULL) {
        return refuse(client, "out of memory for a reply");
    }
    if (reply->status == MST_OK) {
        learn_generation(client, call, reply);
    }
    return true;
}

/* A broker asked to decide at once says EMPTY or FULL; to the caller, who waited, time ran out. */
static enum mst_status status_of(const struct mst_call *call, const struct mst_reply *reply,
                                 int64_t now_ns)
{
    bool waited = call->timeout_ns > 0 && call->deadline_ns <= now_ns;

    if (waited && (reply->status == MST_EMPTY || reply->status == MST_FULL)) {
        return MST_TIMEOUT;
    }
    return reply->status;
}

/* A delivery came: it is the application's only when it takes it. */
static bool deliver(struct mst_client *client, struct mst_call *call, const struct mst_reply *reply,
                    uint64_t index, int64_t now_ns)
{
    /* A reply to several requests has one delivery for each; one to a single request may have more,
     * if that asked for them. */
    bool whole = call->request != NULL && reply->answered == 1;
    size_t from = whole ? 0 : (size_t)index;
    size_t to = whole ? reply->deliveries_count : from + call->count;

    if (to > reply->deliveries_count || from >= to) {
        return refuse(client, "the broker sent fewer messages than it said");
    }
    if (!fill_messages(client, call, reply, from, to)) {
        return false;
    }
    mst_call_leave_id(client, call);
    call->state = MST_CALL_ANSWERED;
    call->status = MST_OK;
    if (call->forgotten) {
        mst_call_give_back(client, call, now_ns);
    } else {
        mst_call_completed(client, call);
    }
    return true;
}

static bool answer(struct mst_client *client, struct mst_call *call, const struct mst_reply *reply,
                   uint64_t index, int64_t now_ns)
{
    mst_uncharge(client, call);
    call->position = client->arrived;
    client->arrived += call->count;
    if (call->op == MST_OP_GET && reply->status == MST_OK) {
        return deliver(client, call, reply, index, now_ns);
    }
    /* All but a delivery is taken when it is here: nothing is lost if this process ends now. */
    mst_positions_taken(client, call->position, call->count);
    if (!fill_outcome(client, call, reply, index)) {
        mst_call_end(client, call, MST_NO_MEMORY);
        return false;
    }
    if (reply->cause.len > 0) {
        call->cause = mst_text_copy(reply->cause);
    }
    mst_call_end(client, call, status_of(call, reply, now_ns));
    return true;
}

/* ---- frames ---- */

/* The call that a reply answers with at most `most` ids from its index-th on; if these are only a
 * part of a run, that part. NULL: none, or out of memory. */
static struct mst_call *answered(struct mst_client *client, const struct mst_reply *reply,
                                 uint64_t index, uint64_t most, bool *memory)
{
    uint64_t id = reply->id + index;
    struct mst_call *call = mst_call_by_id(client, id);

    if (call == NULL || call->state != MST_CALL_SENT || call->list != NULL ||
        call->op != reply->op) {
        return NULL;
    }
    if (id != call->id) {
        *memory = mst_client_split(client, call, (size_t)(id - call->id)) != NULL;
    }
    if (*memory && call->count > most) {
        call = mst_client_split(client, call, (size_t)most);
        *memory = call != NULL;
    }
    return *memory ? call : NULL;
}

static bool take_reply(struct mst_client *client, const struct mst_reply *reply, int64_t now_ns)
{
    bool counts = reply->op == MST_OP_PUT || reply->op == MST_OP_GET || reply->op == MST_OP_DONE;
    uint64_t count = counts ? reply->answered : 1;

    if (client->leaving) {
        return true; /* every call has ended already */
    }
    if (count == 0 || count > MST_IN_FLIGHT_MAX) {
        return refuse(client, "the broker sent a reply that answers nothing");
    }
    for (uint64_t done = 0; done < count;) {
        bool memory = true;
        struct mst_call *call = answered(client, reply, done, count - done, &memory);

        if (call == NULL) {
            return refuse(client, memory ? "the broker answered a request that was not made"
                                         : "out of memory for a reply");
        }
        size_t requests = call->count;
        if (!answer(client, call, reply, done, now_ns)) {
            return false;
        }
        done += requests;
    }
    return true;
}

/* Between large replies there are small ones, of what is put or finished meanwhile. */
static void note_size(struct mst_client *client, size_t payload_len)
{
    if (payload_len >= MST_LARGE_MIN) {
        client->since_large = 0;
    } else if (client->since_large < MST_LARGE_AHEAD) {
        client->since_large += payload_len;
    }
}

static bool take_frame(struct mst_client *client, struct mst_span payload, int64_t now_ns)
{
    struct mst_reply reply;
    bool malformed = false;
    const char *why = "";

    mst_arena_reset(&client->arena);
    note_size(client, payload.len);
    enum mst_status status = mst_reply_decode(payload, &client->arena, &reply, &malformed, &why);
    if (status == MST_NO_MEMORY) {
        return refuse(client, "out of memory for a reply");
    }
    if (status != MST_OK) {
        return refuse(client, "the broker sent a frame that is not of this protocol");
    }
    return reply.id == 0 ? mst_session_reply(client, &reply, now_ns)
                         : take_reply(client, &reply, now_ns);
}

bool mst_client_take_preamble(struct mst_client *client, struct mst_span bytes, size_t *used)
{
    enum mst_channel channel;

    switch (mst_preamble_read(bytes, &channel)) {
    case MST_PREAMBLE_MORE: return true;
    case MST_PREAMBLE_OK:
        if (channel == MST_CHANNEL_NOISE && client->channel == NULL) {
            client->refusal = MST_DENIED;
            return refuse(client, "the broker speaks only encrypted there; give its server key");
        }
        if (channel == MST_CHANNEL_CLEAR && client->channel != NULL) {
            client->refusal = MST_DENIED;
            return refuse(client, "the broker has no encrypted channel, and with a server key "
                                  "nothing is sent in the clear");
        }
        client->preamble_read = true;
        *used = MST_PREAMBLE_BYTES;
        return true;
    case MST_PREAMBLE_VERSION:
        client->refusal = MST_PROTOCOL;
        return refuse(client, "the broker speaks another version of the protocol");
    case MST_PREAMBLE_FOREIGN:
    case MST_PREAMBLE_CHANNEL: break;
    }
    client->refusal = MST_PROTOCOL;
    return refuse(client, "what answers there is no muster broker");
}

/* Takes every whole frame; *used_out bytes are done with. */
static bool take_frames(struct mst_client *client, struct mst_span bytes, size_t *used_out,
                        int64_t now_ns)
{
    size_t used = 0;

    if (!client->preamble_read && !mst_client_take_preamble(client, bytes, &used)) {
        return false;
    }
    while (client->preamble_read) {
        struct mst_span rest = mst_span_of(bytes.data + used, bytes.len - used);
        struct mst_span payload;
        size_t frame = 0;
        size_t need = 0;
        enum mst_frame_verdict verdict =
            mst_frame_next(rest, client->frame_bytes_max, &payload, &frame, &need);

        if (verdict == MST_FRAME_MORE) {
            break;
        }
        if (verdict != MST_FRAME_OK) {
            return refuse(client, "the broker sent a frame of a length that is not allowed");
        }
        used += frame;
        if (!take_frame(client, payload, now_ns)) {
            return false;
        }
    }
    *used_out = used;
    return true;
}

bool mst_client_take_kept(struct mst_client *client, int64_t now_ns)
{
    size_t used = 0;

    if (!take_frames(client, mst_buf_span(&client->in), &used, now_ns)) {
        return false;
    }
    mst_buf_consume(&client->in, used);
    mst_buf_shrink(&client->in, IN_KEPT_BYTES);
    return true;
}

/* Keeps the first n of *bytes. */
static bool keep(struct mst_client *client, struct mst_span *bytes, size_t n)
{
    if (!mst_buf_append(&client->in, bytes->data, n)) {
        return refuse(client, "out of memory for what the broker sent");
    }
    *bytes = mst_span_of(bytes->data + n, bytes->len - n);
    return true;
}

/* How many bytes the kept beginning lacks until more can be said of it. */
static size_t lacking(const struct mst_client *client)
{
    struct mst_span kept = mst_buf_span(&client->in);
    struct mst_span payload;
    size_t whole = client->preamble_read ? MST_FRAME_HEADER_BYTES : MST_PREAMBLE_BYTES;
    size_t used;
    size_t need = 0;

    if (client->preamble_read) {
        mst_frame_next(kept, client->frame_bytes_max, &payload, &used, &need);
    }
    whole = need > whole ? need : whole;
    return whole > kept.len ? whole - kept.len : 0;
}

struct mst_room mst_client_room(struct mst_client *client, struct mst_blob **frame_out)
{
    size_t wanted;

    *frame_out = NULL;
    if (client->phase != MST_CLIENT_UP || client->channel != NULL) {
        return (struct mst_room){NULL, 0};
    }
    wanted = mst_large_wanted(&client->large, &client->in, client->frame_bytes_max);
    if (wanted > 0) {
        *frame_out = mst_frame_new(&client->pool, wanted);
    }
    if (*frame_out != NULL) {
        mst_large_begin(&client->large, *frame_out, &client->in);
    }
    if (client->large.frame != NULL) {
        *frame_out = mst_blob_ref(client->large.frame);
    }
    return mst_large_room(&client->large, &client->in, client->frame_bytes_max);
}

bool mst_client_expects_large(const struct mst_client *client)
{
    return client->channel == NULL && client->since_large < MST_LARGE_AHEAD &&
           mst_buf_size(&client->in) == 0;
}

void mst_client_filled(struct mst_client *client, struct mst_blob *frame, size_t n)
{
    bool is_there = frame != NULL && client->large.frame == frame; /* the connection too */

    mst_frame_drop(&client->pool, frame);
    if (is_there && !mst_large_filled(&client->large, n, &client->in)) {
        client->renewing = true;
        client->trouble = "out of memory for what the broker sent";
    }
}

/* The rest of a large frame. */
static bool take_large(struct mst_client *client, struct mst_span *bytes, int64_t now_ns)
{
    struct mst_span payload;

    if (!mst_large_cut(&client->large, bytes, &payload)) {
        return true;
    }
    bool ok = take_frame(client, payload, now_ns);
    mst_frame_drop(&client->pool, mst_large_leave(&client->large));
    return ok;
}

/* Whole frames are read where they are; only a beginning is kept, until the rest of it has come. */
bool mst_client_take_bytes(struct mst_client *client, struct mst_span bytes, int64_t now_ns)
{
    size_t used = 0;

    if (client->large.frame != NULL && !take_large(client, &bytes, now_ns)) {
        return false;
    }
    while (mst_buf_size(&client->in) > 0 && bytes.len > 0) {
        size_t n = lacking(client);

        if (!keep(client, &bytes, n < bytes.len ? n : bytes.len) ||
            !mst_client_take_kept(client, now_ns)) {
            return false;
        }
    }
    if (bytes.len == 0) {
        return true;
    }
    if (!take_frames(client, bytes, &used, now_ns)) {
        return false;
    }
    bytes = mst_span_of(bytes.data + used, bytes.len - used);
    return keep(client, &bytes, bytes.len);
}

bool mst_client_receive(struct mst_client *client, struct mst_span bytes, int64_t now_ns)
{
    if (client->phase == MST_CLIENT_DOWN) {
        return false;
    }
    client->heard_ns = now_ns;
    if (!(client->channel == NULL ? mst_client_take_bytes(client, bytes, now_ns)
                                  : mst_secure_receive(client, bytes, now_ns))) {
        return false;
    }
    return !client->renewing;
}
