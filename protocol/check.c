/* check.c - is this one bounded msgpack array?
 *
 * Iterative: one counter of missing values for each open container. Every turn of the loop uses
 * at least one byte, so the time is linear in the payload whatever it says. Allocates nothing, and
 * must not know what the values mean. */
#include "protocol/check.h"

/* One msgpack value without its children. */
struct token {
    size_t bytes;      /* of the header and, for strings and numbers, of what follows */
    uint64_t children; /* values inside */
    bool is_container;
    bool is_array;
    const char *why; /* not NULL: not allowed */
};

static uint64_t big_endian(const uint8_t *data, size_t width)
{
    uint64_t value = 0;

    for (size_t i = 0; i < width; i++) {
        value = value << 8 | data[i];
    }
    return value;
}

static struct token plain(size_t bytes)
{
    return (struct token){.bytes = bytes};
}

static struct token refused(const char *why)
{
    return (struct token){.why = why};
}

static struct token container(size_t bytes, uint64_t count, bool is_array)
{
    return (struct token){.bytes = bytes,
                          .children = is_array ? count : 2 * count,
                          .is_container = true,
                          .is_array = is_array};
}

/* A header with a length of `width` bytes behind the first one. */
static bool length_read(struct mst_span in, size_t width, uint64_t *length_out)
{
    if (in.len < 1 + width) {
        return false;
    }
    *length_out = big_endian(in.data + 1, width);
    return true;
}

static struct token sized(struct mst_span in, size_t width)
{
    uint64_t length = 0;

    if (!length_read(in, width, &length)) {
        return refused("a length is cut off");
    }
    return plain(1 + width + (size_t)length);
}

static struct token counted(struct mst_span in, size_t width, bool is_array)
{
    uint64_t count = 0;

    if (!length_read(in, width, &count)) {
        return refused("a length is cut off");
    }
    return container(1 + width, count, is_array);
}

static struct token token_read(struct mst_span in)
{
    uint8_t byte = in.data[0];

    if (byte < 0x80 || byte >= 0xe0) {
        return plain(1);
    }
    if (byte < 0xa0) {
        return container(1, byte & 0x0f, byte >= 0x90);
    }
    if (byte < 0xc0) {
        return plain(1 + (size_t)(byte & 0x1f));
    }
    switch (byte) {
    case 0xc0:
    case 0xc2:
    case 0xc3: return plain(1);
    case 0xc4:
    case 0xd9: return sized(in, 1);
    case 0xc5:
    case 0xda: return sized(in, 2);
    case 0xc6:
    case 0xdb: return sized(in, 4);
    case 0xcc:
    case 0xd0: return plain(2);
    case 0xcd:
    case 0xd1: return plain(3);
    case 0xca:
    case 0xce:
    case 0xd2: return plain(5);
    case 0xcb:
    case 0xcf:
    case 0xd3: return plain(9);
    case 0xdc: return counted(in, 2, true);
    case 0xdd: return counted(in, 4, true);
    case 0xde: return counted(in, 2, false);
    case 0xdf: return counted(in, 4, false);
    default: return refused("a type byte is reserved or stands for an extension");
    }
}

/* What is wrong with this value at this place, or NULL. `left`: bytes from its first on. */
static const char *token_problem(const struct token *token, size_t left, size_t depth,
                                 size_t elements)
{
    if (token->why != NULL) {
        return token->why;
    }
    if (token->bytes > left) {
        return "a value is cut off";
    }
    if (depth == 0 && !token->is_array) {
        return "not an array";
    }
    if (token->is_container && depth == MST_FRAME_DEPTH_MAX) {
        return "nested too deep";
    }
    if (token->children > left - token->bytes) {
        return "more values declared than there are bytes";
    }
    if (elements + token->children > MST_FRAME_ELEMENTS_MAX) {
        return "too many values";
    }
    return NULL;
}

bool mst_check(struct mst_span payload, const char **why_out)
{
    uint64_t missing[MST_FRAME_DEPTH_MAX];
    size_t depth = 0;
    size_t at = 0;
    size_t elements = 1; /* declared so far, the array itself included */

    if (payload.len == 0) {
        *why_out = "empty";
        return false;
    }
    do {
        if (at == payload.len) {
            *why_out = "a value is missing";
            return false;
        }
        struct token token = token_read(mst_span_of(payload.data + at, payload.len - at));
        const char *why = token_problem(&token, payload.len - at, depth, elements);
        if (why != NULL) {
            *why_out = why;
            return false;
        }
        at += token.bytes;
        elements += token.children;
        if (depth > 0) {
            missing[depth - 1]--;
        }
        if (token.is_container) {
            missing[depth] = token.children;
            depth++;
        }
        while (depth > 0 && missing[depth - 1] == 0) {
            depth--;
        }
    } while (depth > 0);
    if (at != payload.len) {
        *why_out = "bytes behind the end";
        return false;
    }
    return true;
}
