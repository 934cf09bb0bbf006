/* utf8.c - is this text?
 *
 * One pass, no table; must not know what the text is for. */
#include "protocol/utf8.h"

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Bytes of the character at the start of text, 0 when it is none. */
static size_t character_len(struct mst_span text)
{
    uint8_t first = text.data[0];
    size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    if (len == 0 || first > 0xf4 || len > text.len) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if (!is_continuation(text.data[i])) {
            return 0;
        }
    }
    if (len < 3) {
        return len;
    }
    uint8_t second = text.data[1];
    bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    bool surrogate = first == 0xed && second >= 0xa0;
    bool too_large = first == 0xf4 && second >= 0x90;
    return overlong || surrogate || too_large ? 0 : len;
}

bool mst_utf8_valid(struct mst_span text)
{
    size_t at = 0;

    while (at < text.len) {
        if (text.data[at] < 0x80) {
            at++;
            continue;
        }
        size_t len = character_len(mst_span_of(text.data + at, text.len - at));
        if (len == 0) {
            return false;
        }
        at += len;
    }
    return true;
}

struct mst_span mst_utf8_cut(struct mst_span text, size_t len_max)
{
    if (text.len <= len_max) {
        return text;
    }
    while (len_max > 0 && is_continuation(text.data[len_max])) {
        len_max--;
    }
    return mst_span_of(text.data, len_max);
}
