/* fuzz_codec.c - frames and messages: what the check accepts, msgpack-c unpacks; what is decoded
 * can be encoded, and says the same again. */
#include <msgpack/unpack.h>

#include "protocol/buf.h"
#include "protocol/check.h"
#include "protocol/frame.h"
#include "tests/fuzz/input.h"
#include "tests/unit/sample.h"

static void cut(struct mst_span stream)
{
    struct mst_span payload;
    size_t used = 0;
    size_t need = 0;
    enum mst_channel channel;

    mst_preamble_read(stream, &channel);
    while (mst_frame_next(stream, MST_FRAME_BYTES_MAX, &payload, &used, &need) == MST_FRAME_OK) {
        require(used == payload.len + MST_FRAME_HEADER_BYTES && used <= stream.len);
        require(payload.data == stream.data + MST_FRAME_HEADER_BYTES);
        stream = mst_span_of(stream.data + used, stream.len - used);
    }
    require(need == 0 || need > stream.len);
}

static bool is_unpacked(struct mst_span payload)
{
    msgpack_object object;
    msgpack_zone zone;
    size_t used = 0;
    bool ok;

    require(msgpack_zone_init(&zone, 4096));
    ok = msgpack_unpack((const char *)payload.data, payload.len, &used, &zone, &object) ==
             MSGPACK_UNPACK_SUCCESS &&
         used == payload.len && object.type == MSGPACK_OBJECT_ARRAY;
    msgpack_zone_destroy(&zone);
    return ok;
}

static struct mst_span payload_of(const struct mst_buf *frame)
{
    struct mst_span span = mst_buf_span(frame);

    return mst_span_of(span.data + MST_FRAME_HEADER_BYTES, span.len - MST_FRAME_HEADER_BYTES);
}

/* What is wrong inside an accepted frame must have a reason, and a malformed one is known as such
 * by the check alone, but for its head. */
static void judged(enum mst_status status, bool malformed, bool accepted, const char *why)
{
    require(status == MST_OK || status == MST_PROTOCOL);
    require(status == MST_OK || why != NULL);
    require(accepted || (status == MST_PROTOCOL && malformed));
}

static void request(struct mst_span payload, struct mst_arena arenas[2], bool accepted)
{
    struct mst_request one;
    struct mst_request other;
    struct mst_buf frame;
    struct mst_buf again;
    bool malformed;
    const char *why = NULL;
    enum mst_status status = mst_request_decode(payload, &arenas[0], &one, &malformed, &why);

    judged(status, malformed, accepted, why);
    if (status != MST_OK) {
        return;
    }
    mst_buf_init(&frame);
    mst_buf_init(&again);
    require(mst_request_encode(&frame, &one));
    require(mst_request_decode(payload_of(&frame), &arenas[1], &other, &malformed, &why) == MST_OK);
    require(one.op == other.op && one.id == other.id && one.confirm == other.confirm);
    require(sample_difference(mst_request_layout(one.op), &one, &other) == NULL);
    require(mst_request_encode(&again, &other));
    require(mst_span_equal(mst_buf_span(&frame), mst_buf_span(&again)));
    mst_buf_clear(&frame);
    mst_buf_clear(&again);
}

static void reply(struct mst_span payload, struct mst_arena arenas[2], bool accepted)
{
    struct mst_reply one;
    struct mst_reply other;
    struct mst_buf frame;
    struct mst_buf again;
    bool malformed;
    const char *why = NULL;
    enum mst_status status = mst_reply_decode(payload, &arenas[0], &one, &malformed, &why);

    judged(status, malformed, accepted, why);
    if (status != MST_OK) {
        return;
    }
    mst_buf_init(&frame);
    mst_buf_init(&again);
    require(mst_reply_encode(&frame, &one));
    require(mst_reply_decode(payload_of(&frame), &arenas[1], &other, &malformed, &why) == MST_OK);
    require(one.op == other.op && one.id == other.id && one.status == other.status);
    require(mst_span_equal(one.cause, other.cause));
    require(sample_difference(mst_reply_layout(one.op), &one, &other) == NULL);
    require(mst_reply_encode(&again, &other));
    require(mst_span_equal(mst_buf_span(&frame), mst_buf_span(&again)));
    mst_buf_clear(&frame);
    mst_buf_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mst_span payload = mst_span_of(data, size);
    struct mst_arena arenas[2];
    const char *why = NULL;
    bool accepted = mst_check(payload, &why);

    require(accepted || why != NULL);
    require(!accepted || is_unpacked(payload));
    cut(payload);
    for (int i = 0; i < 2; i++) {
        mst_arena_init(&arenas[i]);
    }
    request(payload, arenas, accepted);
    for (int i = 0; i < 2; i++) {
        mst_arena_reset(&arenas[i]);
    }
    reply(payload, arenas, accepted);
    for (int i = 0; i < 2; i++) {
        mst_arena_clear(&arenas[i]);
    }
    return 0;
}
