/* span.h - borrowed bytes: a view that owns nothing. Valid as long as what it looks at. */
#ifndef MST_SPAN_H
#define MST_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct mst_span {
    const uint8_t *data; /* NULL: none, which is not the same as empty */
    size_t len;
};

#define MST_SPAN_NONE ((struct mst_span){NULL, 0})

static inline struct mst_span mst_span_of(const void *data, size_t len)
{
    return (struct mst_span){(const uint8_t *)data, len};
}

static inline struct mst_span mst_span_text(const char *text)
{
    return (struct mst_span){(const uint8_t *)text, text == NULL ? 0 : strlen(text)};
}

static inline size_t mst_spans_len(const struct mst_span *spans, size_t count)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        len += spans[i].len;
    }
    return len;
}

static inline bool mst_span_equal(struct mst_span a, struct mst_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Order by bytes, the shorter first when one begins with the other. */
static inline int mst_span_compare(struct mst_span a, struct mst_span b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n == 0 ? 0 : memcmp(a.data, b.data, n);

    if (order != 0) {
        return order;
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

#endif
