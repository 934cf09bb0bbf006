/* encoding.c - see encoding.h. */
#include "broker/core/encoding.h"

#include "protocol/body.h"

/* ---- writing ---- */

#define LEB_BYTES_MAX 10

bool encode_u64(struct mst_buf *out, uint64_t value)
{
    uint8_t bytes[LEB_BYTES_MAX];
    size_t n = 0;

    while (value >= 0x80u) {
        bytes[n++] = (uint8_t)(value | 0x80u);
        value >>= 7;
    }
    bytes[n++] = (uint8_t)value;
    return mst_buf_append(out, bytes, n);
}

bool encode_i64(struct mst_buf *out, int64_t value)
{
    uint64_t zigzag = ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);

    return encode_u64(out, zigzag + 2);
}

bool encode_span(struct mst_buf *out, struct mst_span span)
{
    return encode_u64(out, span.len) && (span.len == 0 || mst_buf_append(out, span.data, span.len));
}

bool encode_body(struct mst_buf *out, struct mst_span body, size_t *hash_at_out)
{
    uint8_t hash[MST_BODY_HASH_BYTES];

    if (!encode_u64(out, body.len)) {
        return false;
    }
    *hash_at_out = mst_buf_size(out);
    mst_body_hash(body, hash);
    return mst_buf_append(out, hash, sizeof(hash)) &&
           (body.len == 0 || mst_buf_append(out, body.data, body.len));
}

/* ---- reading ---- */

uint64_t decode_fail(struct decoder *in)
{
    in->ok = false;
    in->at = in->end;
    return 0;
}

void decode_no_memory(struct decoder *in)
{
    if (in->bodies.no_memory != NULL) {
        *in->bodies.no_memory = true;
    }
    decode_fail(in);
}

uint64_t decode_u64(struct decoder *in)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte;

        if (in->at == in->end) {
            return decode_fail(in);
        }
        byte = *in->at++;
        if (shift == 63 && byte > 1) {
            return decode_fail(in);
        }
        value |= (uint64_t)(byte & 0x7fu) << shift;
        if ((byte & 0x80u) == 0) {
            return value;
        }
    }
    return decode_fail(in);
}

int64_t decode_i64(struct decoder *in)
{
    uint64_t zigzag = decode_u64(in) - 2;

    return (int64_t)(zigzag >> 1 ^ ((zigzag & 1u) != 0 ? UINT64_MAX : 0));
}

size_t decode_count(struct decoder *in)
{
    uint64_t count = decode_u64(in);

    return count <= decode_left(in) ? (size_t)count : (size_t)decode_fail(in);
}

struct mst_span decode_span(struct decoder *in)
{
    size_t len = decode_count(in);
    struct mst_span span = mst_span_of(in->at, len);

    in->at += len;
    return span;
}

struct mst_blob *decode_blob(struct decoder *in)
{
    struct mst_span span = decode_span(in);
    struct mst_blob *blob = in->ok ? mst_blob_new(span) : NULL;

    if (in->ok && blob == NULL) {
        decode_no_memory(in);
    }
    return blob;
}

struct mst_blob *decode_body(struct decoder *in)
{
    uint64_t len = decode_u64(in);
    uint64_t place = in->bodies.place == 0 ? 0 : in->bodies.place + (uint64_t)(in->at - in->start);
    struct mst_blob *blob;
    bool is_away = place != 0 && len > in->bodies.room;

    if (decode_left(in) < MST_BODY_HASH_BYTES || len > decode_left(in) - MST_BODY_HASH_BYTES) {
        decode_fail(in);
        return NULL;
    }
    in->at += MST_BODY_HASH_BYTES;
    blob = is_away ? mst_blob_new_away((size_t)len, place)
                   : mst_blob_new_far(mst_span_of(in->at, (size_t)len), place);
    if (blob == NULL) {
        decode_no_memory(in);
        return NULL;
    }
    in->at += len;
    in->bodies.room -= is_away || place == 0 ? 0 : len;
    return blob;
}
