/* value.h - msgpack values, read one after the other from where they stand.
 *
 * Nothing is trusted: no byte behind the end is read, whatever a length says, and nothing is
 * allocated. Of an array or a map the header is a value, and those inside come next. Must not know
 * what the values mean. */
#ifndef MST_VALUE_H
#define MST_VALUE_H

#include "protocol/span.h"

enum mst_value_type {
    MST_V_RESERVED, /* a byte that stands for nothing, or for an extension, which nobody sends */
    MST_V_CUT,      /* a length, or what it promises, ends behind the end */
    MST_V_NIL,
    MST_V_BOOL,
    MST_V_UNSIGNED,
    MST_V_NEGATIVE,
    MST_V_FLOAT,
    MST_V_STR,
    MST_V_BIN,
    MST_V_ARRAY,
    MST_V_MAP
};

struct mst_value {
    enum mst_value_type type;
    uint64_t number;     /* NEGATIVE: its bits; STR, BIN: bytes; ARRAY: values; MAP: pairs */
    const uint8_t *data; /* STR, BIN; the address is not NULL, even if there are no bytes */
};

/* What mst_value_read does with more than a small number. */
void mst_value_read_long(struct mst_span *in, struct mst_value *out);

/* The value at the front of `in`, which goes on behind it; in->len > 0. Of RESERVED and CUT nothing
 * can be said but that. Inlined on purpose: most values are numbers of one byte. */
static inline void mst_value_read(struct mst_span *in, struct mst_value *out)
{
    uint8_t first = in->data[0];

    if (first < 0x80) {
        out->type = MST_V_UNSIGNED;
        out->number = first;
        in->data++;
        in->len--;
    } else {
        mst_value_read_long(in, out);
    }
}

/* Goes past a number of 0 to 2^64 - 1, and past nothing else; in->len > 0. false: it did not. */
static inline bool mst_value_pass(struct mst_span *in)
{
    uint8_t first = in->data[0];
    size_t bytes = 1;

    if (first >= 0x80) {
        bytes += (size_t)1 << (first & 3u);
        if ((first & 0xfcu) != 0xcc || bytes > in->len) {
            return false;
        }
    }
    in->data += bytes;
    in->len -= bytes;
    return true;
}

/* So many values with all that is in them. false: they are not all there. */
bool mst_values_skip(struct mst_span *in, uint64_t count);

#endif
