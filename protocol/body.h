/* body.h - how a message body stands in the journal: its hash, then its bytes.
 *
 * A batch has a checksum of its own; this one lets a body be read back by itself. SipHash-2-4 under
 * a fixed key: it guards against decay, not against people. Pure; thread-safe. */
#ifndef MST_BODY_H
#define MST_BODY_H

#include <sodium.h>
#include "protocol/span.h"

#define MST_BODY_HASH_BYTES crypto_shorthash_BYTES

static inline void mst_body_hash(struct mst_span body, uint8_t out[MST_BODY_HASH_BYTES])
{
    static const uint8_t key[crypto_shorthash_KEYBYTES] = "muster body hash";

    crypto_shorthash(out, body.data, body.len, key);
}

#endif
