/* pack.h - writes msgpack values at the end of a buf, by msgpack-c's packer.
 *
 * Sticky: after a failure the rest is skipped; the writer looks at `failed` once, at the end. */
#ifndef MST_PACK_H
#define MST_PACK_H

#include "protocol/gather.h"

struct mst_pack {
    struct mst_buf *out;
    struct mst_gather *gather; /* out is its own bytes; NULL: everything is copied */
    bool failed;
};

static inline struct mst_pack mst_pack_into(struct mst_buf *out)
{
    return (struct mst_pack){out, NULL, false};
}

static inline struct mst_pack mst_pack_gather(struct mst_gather *gather)
{
    return (struct mst_pack){&gather->bytes, gather, false};
}

/* What is of one byte: most values are, so it is written in a few instructions. */
static inline void mst_pack_byte(struct mst_pack *pack, uint8_t byte)
{
    if (!pack->failed && mst_buf_reserve(pack->out, 1)) {
        pack->out->data[pack->out->len++] = byte;
    } else {
        pack->failed = true;
    }
}

static inline void mst_pack_nil(struct mst_pack *pack)
{
    mst_pack_byte(pack, 0xc0);
}

static inline void mst_pack_bool(struct mst_pack *pack, bool value)
{
    mst_pack_byte(pack, value ? 0xc3 : 0xc2);
}

void mst_pack_long_array(struct mst_pack *pack, size_t count);
void mst_pack_long_u64(struct mst_pack *pack, uint64_t value);

/* The count values come next. */
static inline void mst_pack_array(struct mst_pack *pack, size_t count)
{
    if (count < 16) {
        mst_pack_byte(pack, (uint8_t)(0x90 | count));
    } else {
        mst_pack_long_array(pack, count);
    }
}

static inline void mst_pack_u64(struct mst_pack *pack, uint64_t value)
{
    if (value < 128) {
        mst_pack_byte(pack, (uint8_t)value);
    } else {
        mst_pack_long_u64(pack, value);
    }
}

void mst_pack_i64(struct mst_pack *pack, int64_t value);
void mst_pack_map(struct mst_pack *pack, size_t count); /* count times key and value come next */
void mst_pack_str(struct mst_pack *pack, struct mst_span text); /* none is written as empty */
void mst_pack_bin(struct mst_pack *pack, struct mst_span bytes);
/* The same, but when gathering the bytes are not copied. blob has them, or NULL: borrowed. */
void mst_pack_body(struct mst_pack *pack, struct mst_span bytes, struct mst_blob *blob);

#endif
