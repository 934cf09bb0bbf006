/* codec.c - typed messages to frames and back.
 *
 * A frame is [op, id, confirm, fields...] from a client and [op, id, status, cause, fields...] from
 * the broker. The head is done here, the fields by the tables of messages.c. Must not know which
 * fields an operation has, nor what they mean. */
#include "protocol/arena.h"
#include "protocol/buf.h"
#include "protocol/check.h"
#include "protocol/fields.h"
#include "protocol/message.h"
#include "protocol/utf8.h"
#include "protocol/value.h"

enum { HEAD = 3, OP_CODE_MAX = 0xffff };

void mst_request_init(struct mst_request *request, enum mst_op op)
{
    mst_zero(request, sizeof(*request));
    request->op = op;
    mst_fields_init(request, mst_request_layout(op));
}

void mst_reply_init(struct mst_reply *reply, enum mst_op op)
{
    mst_zero(reply, sizeof(*reply));
    reply->op = op;
    reply->answered = 1; /* most operations have no such field: their replies always answer one */
    mst_fields_init(reply, mst_reply_layout(op));
}

/* ---- encoding ---- */

/* A frame that is being written. The length word is filled in at the end. */
struct draft {
    struct mst_pack pack;
    size_t at;                   /* own bytes before it */
    struct mst_gather_mark mark; /* gathering: what was there before it */
    size_t bodies_bytes;
};

static struct draft draft_begin(struct mst_pack pack)
{
    static const uint8_t length_word[MST_FRAME_HEADER_BYTES] = {0};
    struct draft draft = {.pack = pack, .at = mst_buf_size(pack.out)};

    if (pack.gather != NULL) {
        draft.mark = mst_gather_mark(pack.gather);
        draft.bodies_bytes = pack.gather->bodies_bytes;
    }
    draft.pack.failed = !mst_buf_append(pack.out, length_word, sizeof(length_word));
    return draft;
}

static void draft_undo(struct draft *draft)
{
    struct mst_buf *out = draft->pack.out;

    if (draft->pack.gather != NULL) {
        mst_gather_cut(draft->pack.gather, draft->mark);
    } else {
        out->len = out->start + draft->at;
    }
}

static bool draft_end(struct draft *draft)
{
    struct mst_buf *out = draft->pack.out;
    size_t len = mst_buf_size(out) - draft->at;

    if (draft->pack.gather != NULL) {
        len += draft->pack.gather->bodies_bytes - draft->bodies_bytes;
    }
    if (draft->pack.failed || len - MST_FRAME_HEADER_BYTES > MST_FRAME_BYTES_MAX) {
        draft_undo(draft);
        return false;
    }
    size_t declared = len - MST_FRAME_HEADER_BYTES;
    uint8_t *word = out->data + out->start + draft->at;
    word[0] = (uint8_t)(declared >> 24);
    word[1] = (uint8_t)(declared >> 16);
    word[2] = (uint8_t)(declared >> 8);
    word[3] = (uint8_t)declared;
    return true;
}

static bool request_encode(struct mst_pack pack, const struct mst_request *request)
{
    struct mst_layout layout = mst_request_layout(request->op);
    size_t used = mst_fields_used(request, layout);
    struct draft draft = draft_begin(pack);

    mst_pack_array(&draft.pack, HEAD + used);
    mst_pack_u64(&draft.pack, request->op);
    mst_pack_u64(&draft.pack, request->id);
    mst_pack_u64(&draft.pack, request->confirm);
    mst_fields_encode(&draft.pack, request, layout, used);
    return draft_end(&draft);
}

bool mst_request_encode(struct mst_buf *out, const struct mst_request *request)
{
    return request_encode(mst_pack_into(out), request);
}

bool mst_request_gather(struct mst_gather *out, const struct mst_request *request)
{
    return request_encode(mst_pack_gather(out), request);
}

static bool reply_encode(struct mst_pack pack, const struct mst_reply *reply)
{
    struct mst_layout layout = mst_reply_layout(reply->op);
    size_t used = mst_fields_used(reply, layout);
    bool has_cause = reply->cause.data != NULL;
    bool has_place = has_cause || used > 0;
    struct draft draft = draft_begin(pack);

    mst_pack_array(&draft.pack, HEAD + (size_t)has_place + used);
    mst_pack_u64(&draft.pack, reply->op);
    mst_pack_u64(&draft.pack, reply->id);
    mst_pack_u64(&draft.pack, reply->status);
    if (has_cause) {
        /* A cause may quote two names of full length: what is too long for a line is cut. */
        mst_pack_str(&draft.pack, mst_utf8_cut(reply->cause, MST_CAUSE_BYTES_MAX));
    } else if (has_place) {
        mst_pack_nil(&draft.pack);
    }
    mst_fields_encode(&draft.pack, reply, layout, used);
    return draft_end(&draft);
}

bool mst_reply_encode(struct mst_buf *out, const struct mst_reply *reply)
{
    return reply_encode(mst_pack_into(out), reply);
}

bool mst_reply_gather(struct mst_gather *out, const struct mst_reply *reply)
{
    return reply_encode(mst_pack_gather(out), reply);
}

/* ---- decoding ---- */

/* The three numbers each frame begins with. */
struct head {
    uint64_t op;
    uint64_t id;
    uint64_t third; /* confirm or status */
    uint64_t more;  /* so many values come behind them */
};

static inline bool number_read(struct mst_span *rest, uint64_t *number_out)
{
    struct mst_value value = {.type = MST_V_RESERVED};

    if (rest->len > 0) {
        mst_value_read(rest, &value);
    }
    *number_out = value.number;
    return value.type == MST_V_UNSIGNED;
}

/* Leaves in *rest what comes behind the head. false: malformed. */
static bool head_decode(struct mst_span *rest, struct head *head)
{
    struct mst_value array = {.type = MST_V_RESERVED};

    if (rest->len > 0) {
        mst_value_read(rest, &array);
    }
    if (array.type != MST_V_ARRAY || array.number < HEAD || !number_read(rest, &head->op) ||
        !number_read(rest, &head->id) || !number_read(rest, &head->third) ||
        head->op > OP_CODE_MAX) {
        return false;
    }
    head->more = array.number - HEAD;
    return true;
}

static enum mst_status head_is_wrong(struct mst_span payload, const char **why_out)
{
    if (mst_check(payload, why_out)) {
        *why_out = "the first three elements are no operation, id and number";
    }
    return MST_PROTOCOL;
}

/* What the tables name, all of it and nothing else, is within every bound of the check: then the
 * bytes need not be walked twice. Otherwise the check says whether they are malformed. */
static bool is_malformed(const struct mst_decoder *decoder, struct mst_span payload,
                         enum mst_status status, const char **why_out)
{
    bool whole = status == MST_OK && !decoder->skipped && decoder->rest.len == 0;

    return !whole && !mst_check(payload, why_out);
}

static enum mst_status decoder_verdict(const struct mst_decoder *decoder, const char **why_out)
{
    if (decoder->out_of_memory) {
        *why_out = "out of memory";
        return MST_NO_MEMORY;
    }
    *why_out = decoder->why;
    return decoder->why == NULL ? MST_OK : MST_PROTOCOL;
}

static enum mst_status request_decode(struct mst_decoder *decoder, const struct head *head,
                                      struct mst_request *request, const char **why_out)
{
    mst_request_init(request, (enum mst_op)head->op);
    request->id = head->id;
    request->confirm = head->third;
    if (!mst_op_known(head->op)) {
        *why_out = "no such operation";
        return MST_PROTOCOL;
    }
    mst_fields_decode(decoder, head->more, mst_request_layout(request->op), request);
    return decoder_verdict(decoder, why_out);
}

enum mst_status mst_request_decode(struct mst_span payload, struct mst_arena *arena,
                                   struct mst_request *request, bool *malformed_out,
                                   const char **why_out)
{
    struct head head = {0};
    struct mst_decoder decoder = {.arena = arena, .rest = payload};
    enum mst_status status;

    *malformed_out = !head_decode(&decoder.rest, &head);
    status = *malformed_out ? head_is_wrong(payload, why_out)
                            : request_decode(&decoder, &head, request, why_out);
    if (*malformed_out || is_malformed(&decoder, payload, status, why_out)) {
        *malformed_out = true;
        mst_request_init(request, 0);
        return MST_PROTOCOL;
    }
    return status;
}

static bool cause_decode(struct mst_decoder *decoder, struct mst_reply *reply)
{
    struct mst_value value = {.type = MST_V_RESERVED};

    if (decoder->rest.len > 0) {
        mst_value_read(&decoder->rest, &value);
    }
    return mst_text_decode(&value, MST_CAUSE_BYTES_MAX, &reply->cause);
}

static enum mst_status reply_decode(struct mst_decoder *decoder, const struct head *head,
                                    struct mst_reply *reply, const char **why_out)
{
    mst_reply_init(reply, (enum mst_op)head->op);
    reply->id = head->id;
    if (head->third >= MST_STATUS_COUNT) {
        *why_out = "no such status";
        return MST_PROTOCOL;
    }
    reply->status = (enum mst_status)head->third;
    if (head->more == 0) {
        *why_out = NULL;
        return MST_OK;
    }
    if (!cause_decode(decoder, reply)) {
        *why_out = "field cause: wrong type or too long";
        return MST_PROTOCOL;
    }
    /* An operation of a newer broker has no fields here, but a status and a cause. */
    mst_fields_decode(decoder, head->more - 1, mst_reply_layout(reply->op), reply);
    return decoder_verdict(decoder, why_out);
}

enum mst_status mst_reply_decode(struct mst_span payload, struct mst_arena *arena,
                                 struct mst_reply *reply, bool *malformed_out, const char **why_out)
{
    struct head head = {0};
    struct mst_decoder decoder = {.arena = arena, .rest = payload};
    enum mst_status status;

    *malformed_out = !head_decode(&decoder.rest, &head);
    status = *malformed_out ? head_is_wrong(payload, why_out)
                            : reply_decode(&decoder, &head, reply, why_out);
    if (*malformed_out || is_malformed(&decoder, payload, status, why_out)) {
        *malformed_out = true;
        mst_reply_init(reply, 0);
        return MST_PROTOCOL;
    }
    return status;
}
