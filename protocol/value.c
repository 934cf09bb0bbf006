/* value.c - msgpack values, read one after the other. See value.h. */
#include "protocol/value.h"

#define FIRST_SHAPE 0xc0u
#define NEGATIVES   0xe0u /* from here on the byte is a small negative number */

/* What follows a first byte from 0xc0 to 0xdf: a number of so many bytes. It is the value itself,
 * or a length. NEGATIVE: it may be. */
struct shape {
    uint8_t type; /* enum mst_value_type */
    uint8_t width;
};

static const struct shape shapes[NEGATIVES - FIRST_SHAPE] = {
    [0xc0 - FIRST_SHAPE] = {MST_V_NIL, 0},      [0xc2 - FIRST_SHAPE] = {MST_V_BOOL, 0},
    [0xc3 - FIRST_SHAPE] = {MST_V_BOOL, 0},     [0xc4 - FIRST_SHAPE] = {MST_V_BIN, 1},
    [0xc5 - FIRST_SHAPE] = {MST_V_BIN, 2},      [0xc6 - FIRST_SHAPE] = {MST_V_BIN, 4},
    [0xca - FIRST_SHAPE] = {MST_V_FLOAT, 4},    [0xcb - FIRST_SHAPE] = {MST_V_FLOAT, 8},
    [0xcc - FIRST_SHAPE] = {MST_V_UNSIGNED, 1}, [0xcd - FIRST_SHAPE] = {MST_V_UNSIGNED, 2},
    [0xce - FIRST_SHAPE] = {MST_V_UNSIGNED, 4}, [0xcf - FIRST_SHAPE] = {MST_V_UNSIGNED, 8},
    [0xd0 - FIRST_SHAPE] = {MST_V_NEGATIVE, 1}, [0xd1 - FIRST_SHAPE] = {MST_V_NEGATIVE, 2},
    [0xd2 - FIRST_SHAPE] = {MST_V_NEGATIVE, 4}, [0xd3 - FIRST_SHAPE] = {MST_V_NEGATIVE, 8},
    [0xd9 - FIRST_SHAPE] = {MST_V_STR, 1},      [0xda - FIRST_SHAPE] = {MST_V_STR, 2},
    [0xdb - FIRST_SHAPE] = {MST_V_STR, 4},      [0xdc - FIRST_SHAPE] = {MST_V_ARRAY, 2},
    [0xdd - FIRST_SHAPE] = {MST_V_ARRAY, 4},    [0xde - FIRST_SHAPE] = {MST_V_MAP, 2},
    [0xdf - FIRST_SHAPE] = {MST_V_MAP, 4},
};

/* Of no bytes: what the first one says of itself, which is of interest only for false and true. */
static inline uint64_t number_behind(const uint8_t *first, size_t width)
{
    uint64_t high;

    switch (width) {
    case 0: return *first & 1u;
    case 1: return first[1];
    case 2: return (uint64_t)first[1] << 8 | first[2];
    default: break;
    }
    high = (uint64_t)first[1] << 24 | (uint64_t)first[2] << 16 | (uint64_t)first[3] << 8 | first[4];
    if (width == 4) {
        return high;
    }
    return high << 32 | (uint64_t)first[5] << 24 | (uint64_t)first[6] << 16 |
           (uint64_t)first[7] << 8 | first[8];
}

/* The first byte says all: a short text, array or map, or a small negative number. */
static void read_fixed(uint8_t first, struct mst_value *out)
{
    if (first >= NEGATIVES) {
        out->type = MST_V_NEGATIVE;
        out->number = UINT64_MAX - (0xffu - first);
    } else if (first >= 0xa0) {
        out->type = MST_V_STR;
        out->number = first & 0x1fu;
    } else {
        out->type = first >= 0x90 ? MST_V_ARRAY : MST_V_MAP;
        out->number = first & 0x0fu;
    }
}

/* A number that may be negative and is not is like any other. */
static void read_sign(size_t width, struct mst_value *out)
{
    uint64_t sign = 1ull << (8 * width - 1);

    if ((out->number & sign) == 0) {
        out->type = MST_V_UNSIGNED;
    } else {
        out->number |= ~(sign - 1);
    }
}

/* Most of what is longer than a byte is a number that is never negative. */
static inline bool read_unsigned(struct mst_span *in, struct mst_value *out)
{
    size_t width = (size_t)1 << (*in->data & 3u);

    if ((*in->data & 0xfcu) != 0xcc || in->len <= width) {
        return false;
    }
    out->type = MST_V_UNSIGNED;
    out->number = number_behind(in->data, width);
    in->data += 1 + width;
    in->len -= 1 + width;
    return true;
}

void mst_value_read_long(struct mst_span *in, struct mst_value *out)
{
    const uint8_t *data = in->data;
    size_t left = in->len - 1;
    size_t width = 0;

    if (read_unsigned(in, out)) {
        return;
    }
    if (*data < FIRST_SHAPE || *data >= NEGATIVES) {
        read_fixed(*data, out);
    } else {
        const struct shape *shape = &shapes[*data - FIRST_SHAPE];

        width = shape->width;
        out->type = left < width ? MST_V_CUT : (enum mst_value_type)shape->type;
        out->number = left < width ? 0 : number_behind(data, width);
        width = left < width ? left : width;
        if (out->type == MST_V_NEGATIVE) {
            read_sign(width, out);
        }
    }
    data += 1 + width;
    left -= width;
    if (out->type == MST_V_STR || out->type == MST_V_BIN) {
        size_t len = out->number <= left ? (size_t)out->number : left;

        out->type = len < out->number ? MST_V_CUT : out->type;
        out->data = data;
        data += len;
        left -= len;
    }
    *in = (struct mst_span){data, left};
}

bool mst_values_skip(struct mst_span *in, uint64_t count)
{
    for (; count > 0; count--) {
        struct mst_value value;

        if (count > in->len) {
            return false; /* each takes a byte at least; so the count cannot run over either */
        }
        mst_value_read(in, &value);
        if (value.type <= MST_V_CUT) {
            return false;
        }
        count += value.type == MST_V_ARRAY ? value.number : 0;
        count += value.type == MST_V_MAP ? 2 * value.number : 0;
    }
    return true;
}
