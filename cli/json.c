/* json.c - JSON objects on one line, with correct escapes and base64 for what is no text.
 *
 * A comma is needed unless the buffer ends with an opening bracket, so no state is kept. */
#include "cli/output.h"

#include <string.h>

/* Bytes of the UTF-8 character at data; 0: there is none (overlong, surrogate, cut off). */
static size_t utf8_length(const unsigned char *data, size_t size)
{
    unsigned char c = data[0];
    if (c < 0x80) {
        return 1;
    }
    size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || size < len) {
        return 0;
    }
    unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (data[1] < low || data[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((data[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

static bool is_utf8(const unsigned char *data, size_t size)
{
    for (size_t i = 0; i < size;) {
        size_t len = utf8_length(data + i, size - i);
        if (len == 0) {
            return false;
        }
        i += len;
    }
    return true;
}

static void escape(struct out *out, unsigned char c)
{
    static const char letters[] = "\"\"\\\\\nn\tt\rr\bb\ff";
    for (size_t i = 0; letters[i] != '\0'; i += 2) {
        if (c == (unsigned char)letters[i]) {
            out_printf(out, "\\%c", letters[i + 1]);
            return;
        }
    }
    out_printf(out, "\\u%04x", c);
}

/* What is no UTF-8 becomes the replacement character. */
static void quoted(struct out *out, const void *text, size_t size)
{
    const unsigned char *data = text;
    size_t plain = 0; /* from here on nothing was written yet */
    out_text(out, "\"");
    for (size_t i = 0; i < size;) {
        size_t len = utf8_length(data + i, size - i);
        if (len > 0 && data[i] >= 0x20 && data[i] != '"' && data[i] != '\\') {
            i += len;
            continue;
        }
        out_bytes(out, data + plain, i - plain);
        if (len == 0) {
            out_text(out, "\xef\xbf\xbd");
        } else {
            escape(out, data[i]);
        }
        plain = ++i;
    }
    out_bytes(out, data + plain, size - plain);
    out_text(out, "\"");
}

static void base64(struct out *out, const unsigned char *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t have = size - i < 3 ? size - i : 3;
        uint32_t group = (uint32_t)data[i] << 16;
        group |= have > 1 ? (uint32_t)data[i + 1] << 8 : 0;
        group |= have > 2 ? data[i + 2] : 0;
        char four[4] = {digits[group >> 18], digits[group >> 12 & 63],
                        have > 1 ? digits[group >> 6 & 63] : '=',
                        have > 2 ? digits[group & 63] : '='};
        out_bytes(out, four, sizeof(four));
    }
}

static void separate(struct out *out)
{
    char last = out->len > 0 ? out->data[out->len - 1] : '{';
    if (last != '{' && last != '[' && last != '\n') {
        out_text(out, ",");
    }
}

void json_open(struct out *out)
{
    separate(out);
    out_text(out, "{");
}

void json_close(struct out *out)
{
    out_text(out, "}");
}

void json_end(struct out *out)
{
    out_text(out, "}\n");
}

void json_key(struct out *out, const char *key)
{
    separate(out);
    quoted(out, key, strlen(key));
    out_text(out, ":");
}

void json_text(struct out *out, const char *key, const char *text)
{
    json_key(out, key);
    if (text == NULL) {
        out_text(out, "null");
    } else {
        quoted(out, text, strlen(text));
    }
}

void json_number(struct out *out, const char *key, int64_t number)
{
    json_key(out, key);
    out_printf(out, "%lld", (long long)number);
}

void json_count(struct out *out, const char *key, uint64_t number)
{
    json_key(out, key);
    out_printf(out, "%llu", (unsigned long long)number);
}

void json_bool(struct out *out, const char *key, bool flag)
{
    json_key(out, key);
    out_text(out, flag ? "true" : "false");
}

void json_seconds(struct out *out, const char *key, int64_t ns)
{
    json_key(out, key);
    out_seconds(out, ns);
}

void json_body(struct out *out, const void *data, size_t size)
{
    if (is_utf8(data, size)) {
        json_key(out, "body");
        quoted(out, data, size);
        return;
    }
    json_key(out, "body_base64");
    out_text(out, "\"");
    base64(out, data, size);
    out_text(out, "\"");
}
