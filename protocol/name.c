/* name.c - what an object may be called, and which names a pattern means.
 *
 * Must not know which objects exist. */
#include "protocol/name.h"

#include "protocol/limits.h"
#include "protocol/utf8.h"

/* C0, DEL, and C1, which UTF-8 writes as c2 80 .. c2 9f. */
static bool has_control(struct mst_span name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = name.data[i];
        bool c1 = byte == 0xc2 && i + 1 < name.len && name.data[i + 1] < 0xa0;
        if (byte < 0x20 || byte == 0x7f || c1) {
            return true;
        }
    }
    return false;
}

bool mst_name_valid(struct mst_span name)
{
    return name.len >= 1 && name.len <= MST_NAME_BYTES_MAX && !has_control(name) &&
           mst_utf8_valid(name);
}

bool mst_queue_name_valid(struct mst_span name)
{
    struct mst_span suffix = mst_span_text(MST_DEAD_SUFFIX);
    bool dead = name.len >= suffix.len &&
                memcmp(name.data + name.len - suffix.len, suffix.data, suffix.len) == 0;

    return mst_name_valid(name) && name.len <= MST_QUEUE_NAME_BYTES_MAX && !dead;
}

/* One element of a pattern. */
struct element {
    enum { LITERAL, WITHIN_PART, ANYTHING } kind;
    size_t len; /* bytes of the pattern */
};

static struct element element_at(struct mst_span pattern, size_t at)
{
    if (pattern.data[at] != '*') {
        return (struct element){LITERAL, 1};
    }
    if (at + 1 < pattern.len && pattern.data[at + 1] == '*') {
        return (struct element){ANYTHING, 2};
    }
    return (struct element){WITHIN_PART, 1};
}

/* reached[i]: the first i bytes of the pattern can stand for the name read so far. */
typedef bool positions[MST_NAME_BYTES_MAX + 1];

static void start(struct mst_span pattern, positions reached)
{
    size_t at = 0;

    memset(reached, 0, sizeof(positions));
    reached[0] = true;
    while (at < pattern.len && pattern.data[at] == '*') {
        at += element_at(pattern, at).len;
        reached[at] = true;
    }
}

static void advance(struct mst_span pattern, uint8_t byte, const bool *reached, bool *next)
{
    struct element element;

    memset(next, 0, sizeof(positions));
    for (size_t at = 0; at < pattern.len; at += element.len) {
        element = element_at(pattern, at);
        size_t end = at + element.len;
        if (element.kind == LITERAL) {
            next[end] = reached[at] && pattern.data[at] == byte;
            continue;
        }
        bool takes = element.kind == ANYTHING || byte != '/';
        /* reached[at] implies reached[end], for a wildcard may stand for nothing. */
        next[end] = (reached[end] && takes) || next[at];
    }
}

bool mst_name_matches(struct mst_span pattern, struct mst_span name)
{
    positions one;
    positions other;
    bool *reached = one;
    bool *next = other;
    size_t same = 0;

    if (pattern.len > MST_NAME_BYTES_MAX) {
        return false;
    }
    /* Most patterns begin with plain text, and most names differ there. */
    while (same < pattern.len && pattern.data[same] != '*') {
        if (same == name.len || name.data[same] != pattern.data[same]) {
            return false;
        }
        same++;
    }
    pattern = mst_span_of(pattern.data + same, pattern.len - same);
    start(pattern, one);
    for (size_t i = same; i < name.len; i++) {
        advance(pattern, name.data[i], reached, next);
        bool *done = reached;
        reached = next;
        next = done;
    }
    return reached[pattern.len];
}
