/* pack.h - writes msgpack values at the end of a buf.
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

void mst_pack_array(struct mst_pack *pack, size_t count); /* the count values come next */
void mst_pack_map(struct mst_pack *pack, size_t count);   /* then count times key and value */
void mst_pack_nil(struct mst_pack *pack);
void mst_pack_bool(struct mst_pack *pack, bool value);
void mst_pack_u64(struct mst_pack *pack, uint64_t value);
void mst_pack_i64(struct mst_pack *pack, int64_t value);
void mst_pack_str(struct mst_pack *pack, struct mst_span text); /* none is written as empty */
void mst_pack_bin(struct mst_pack *pack, struct mst_span bytes);
/* The same, but when gathering the bytes are not copied. blob has them, or NULL: borrowed. */
void mst_pack_body(struct mst_pack *pack, struct mst_span bytes, struct mst_blob *blob);

#endif
