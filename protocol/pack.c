/* pack.c - writes msgpack values at the end of a buf, by msgpack-c's packer. See pack.h. */
#include "protocol/pack.h"

#include <msgpack/pack.h>

/* Inlined on purpose: most values are one to nine bytes, written in a few instructions then. */
__attribute__((always_inline)) static inline int append(void *data, const char *bytes, size_t len)
{
    struct mst_pack *pack = data;

    if (!pack->failed && !mst_buf_append(pack->out, bytes, len)) {
        pack->failed = true;
    }
    return pack->failed ? -1 : 0;
}

static msgpack_packer packer_of(struct mst_pack *pack)
{
    return (msgpack_packer){.data = pack, .callback = append};
}

/* Lengths are 32 bits on the wire. */
static bool fits(struct mst_pack *pack, size_t len)
{
    if (len > UINT32_MAX) {
        pack->failed = true;
    }
    return !pack->failed;
}

void mst_pack_long_array(struct mst_pack *pack, size_t count)
{
    msgpack_packer packer = packer_of(pack);

    if (fits(pack, count)) {
        msgpack_pack_array(&packer, count);
    }
}

void mst_pack_map(struct mst_pack *pack, size_t count)
{
    msgpack_packer packer = packer_of(pack);

    if (fits(pack, count)) {
        msgpack_pack_map(&packer, count);
    }
}

void mst_pack_long_u64(struct mst_pack *pack, uint64_t value)
{
    msgpack_packer packer = packer_of(pack);

    msgpack_pack_uint64(&packer, value);
}

void mst_pack_i64(struct mst_pack *pack, int64_t value)
{
    msgpack_packer packer = packer_of(pack);

    msgpack_pack_int64(&packer, value);
}

void mst_pack_str(struct mst_pack *pack, struct mst_span text)
{
    msgpack_packer packer = packer_of(pack);

    if (fits(pack, text.len)) {
        msgpack_pack_str(&packer, text.len);
        append(pack, (const char *)text.data, text.len);
    }
}

void mst_pack_body(struct mst_pack *pack, struct mst_span bytes, struct mst_blob *blob)
{
    msgpack_packer packer = packer_of(pack);

    if (pack->gather == NULL) {
        mst_pack_bin(pack, bytes);
    } else if (fits(pack, bytes.len)) {
        msgpack_pack_bin(&packer, bytes.len);
        pack->failed = pack->failed || !mst_gather_body(pack->gather, bytes, blob);
    }
}

void mst_pack_bin(struct mst_pack *pack, struct mst_span bytes)
{
    msgpack_packer packer = packer_of(pack);

    if (fits(pack, bytes.len)) {
        msgpack_pack_bin(&packer, bytes.len);
        append(pack, (const char *)bytes.data, bytes.len);
    }
}
