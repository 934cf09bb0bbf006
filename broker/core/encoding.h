/* encoding.h - numbers, texts and bodies as bytes, as records hold them; record.c has the records.
 *
 * Numbers are LEB128. Signed ones are zigzag moved up by two, so that MST_FOREVER, the commonest of
 * them, takes one byte. A body is its length, its hash (protocol/body.h) and its bytes.
 *
 * The decoder believes no length: each is compared with the bytes that are left before memory is
 * taken. It must not know what a number means. */
#ifndef CORE_ENCODING_H
#define CORE_ENCODING_H

#include "protocol/arena.h"
#include "protocol/blob.h"
#include "protocol/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* false: out of memory */
bool encode_u64(struct mst_buf *out, uint64_t value);
bool encode_i64(struct mst_buf *out, int64_t value);
bool encode_span(struct mst_buf *out, struct mst_span span);
bool encode_body(struct mst_buf *out, struct mst_span body, size_t *hash_at_out);

/* Bodies that are decoded: where they stand, and how many bytes of them may be in memory. */
struct record_bodies {
    uint64_t place;  /* of the first byte that is decoded; 0: nowhere */
    uint64_t room;   /* a body that goes beyond it is away, if it stands somewhere */
    bool *no_memory; /* set when that, not the bytes, was at fault; or NULL */
};

/* Sticky: after the first fault every further read gives zero, and `ok` says so at the end. */
struct decoder {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    struct record_bodies bodies;
    struct mst_arena *arena; /* for whoever decodes arrays */
    bool ok;
};

static inline size_t decode_left(const struct decoder *in)
{
    return (size_t)(in->end - in->at);
}

uint64_t decode_fail(struct decoder *in);  /* 0 */
void decode_no_memory(struct decoder *in); /* fails as well */
uint64_t decode_u64(struct decoder *in);
int64_t decode_i64(struct decoder *in);
size_t decode_count(struct decoder *in); /* of things that take at least one byte each */
struct mst_span decode_span(struct decoder *in);
struct mst_blob *decode_blob(struct decoder *in); /* NULL: not ok */
/* Far. Its hash is not compared: the batch that brought it has a checksum of its own. */
struct mst_blob *decode_body(struct decoder *in);

#endif
