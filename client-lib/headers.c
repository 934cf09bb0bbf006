/* headers.c - packing headers, and finding one without trusting the bytes. */
#include "client-lib/headers.h"

#include <string.h>

#include "client-lib/error.h"
#include "protocol/limits.h"
#include "protocol/pack.h"
#include "protocol/utf8.h"

enum muster_status mst_headers_pack(struct mst_buf *out, const muster_header *headers, size_t count)
{
    struct mst_pack pack = mst_pack_into(out);

    if (count == 0) {
        return MUSTER_OK;
    }
    mst_pack_map(&pack, count);
    for (size_t i = 0; i < count; i++) {
        struct mst_span name = mst_span_text(headers[i].name);

        if (name.len == 0 || !mst_utf8_valid(name)) {
            return mst_complain(MST_VALUE, "put: header %zu has no name, or one that is not UTF-8",
                                i + 1);
        }
        if (headers[i].value == NULL && headers[i].value_size > 0) {
            return mst_complain(
                MST_VALUE, "put: the value of header %zu is NULL, but its size is not 0", i + 1);
        }
        mst_pack_str(&pack, name);
        mst_pack_bin(&pack, mst_span_of(headers[i].value, headers[i].value_size));
    }
    if (pack.failed) {
        return mst_complain(MST_NO_MEMORY, "put: out of memory for the headers");
    }
    if (mst_buf_size(out) > MST_HEADERS_BYTES_MAX) {
        return mst_complain(MST_VALUE, "put: the headers have %zu bytes, and %u are allowed",
                            mst_buf_size(out), MST_HEADERS_BYTES_MAX);
    }
    return MUSTER_OK;
}

/* Reads at the front of what is left; once something is wrong, all else is. */
struct reader {
    struct mst_span left;
    bool wrong;
};

static uint32_t take_number(struct reader *in, size_t bytes)
{
    uint32_t number = 0;

    if (in->wrong || in->left.len < bytes) {
        in->wrong = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++) {
        number = number << 8 | in->left.data[i];
    }
    in->left.data += bytes;
    in->left.len -= bytes;
    return number;
}

static uint32_t take_map(struct reader *in)
{
    uint32_t tag = take_number(in, 1);

    if (tag >= 0x80 && tag <= 0x8f) {
        return tag & 0x0f;
    }
    if (tag == 0xde || tag == 0xdf) {
        return take_number(in, tag == 0xde ? 2 : 4);
    }
    in->wrong = true;
    return 0;
}

/* A str or a bin. */
static struct mst_span take_bytes(struct reader *in)
{
    uint32_t tag = take_number(in, 1);
    uint32_t len = 0;

    switch (tag) {
    case 0xc4:
    case 0xd9: len = take_number(in, 1); break;
    case 0xc5:
    case 0xda: len = take_number(in, 2); break;
    case 0xc6:
    case 0xdb: len = take_number(in, 4); break;
    default:
        in->wrong = in->wrong || tag < 0xa0 || tag > 0xbf;
        len = tag & 0x1f;
        break;
    }
    if (in->wrong || len > in->left.len) {
        in->wrong = true;
        return MST_SPAN_NONE;
    }
    struct mst_span bytes = mst_span_of(in->left.data, len);
    in->left.data += len;
    in->left.len -= len;
    return bytes;
}

struct mst_span mst_headers_find(struct mst_span headers, struct mst_span name)
{
    struct reader in = {headers, false};

    for (uint32_t count = take_map(&in); count > 0 && !in.wrong; count--) {
        struct mst_span key = take_bytes(&in);
        struct mst_span value = take_bytes(&in);

        if (!in.wrong && mst_span_equal(key, name)) {
            return value;
        }
    }
    return MST_SPAN_NONE;
}
