/* metrics_text.c - figures as lines of Prometheus' text format. See metrics_text.h. */
#include "broker/engine/metrics_text.h"

#define DIGITS_MAX   20 /* of 2^64 */
#define NS_DIGITS    9
#define NUMBER_BYTES (DIGITS_MAX + 1 + NS_DIGITS + 1)

void metrics_text_init(struct metrics_text *text)
{
    *text = (struct metrics_text){0};
    mst_buf_init(&text->out);
}

void metrics_text_clear(struct metrics_text *text)
{
    mst_buf_clear(&text->out);
}

/* ---- pieces ---- */

static void put(struct metrics_text *text, const void *bytes, size_t len)
{
    text->failed = text->failed || (len > 0 && !mst_buf_append(&text->out, bytes, len));
}

static void put_text(struct metrics_text *text, const char *piece)
{
    put(text, piece, strlen(piece));
}

/* At least `width` digits, the last of them before out + NUMBER_BYTES; returns the first. */
static char *digits(char *end, uint64_t value, int width)
{
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
        width--;
    } while (value > 0 || width > 0);
    return end;
}

static void put_number(struct metrics_text *text, uint64_t value)
{
    char bytes[NUMBER_BYTES];
    char *end = bytes + sizeof(bytes);
    char *start = digits(end, value, 1);

    put(text, start, (size_t)(end - start));
}

/* 2500000 is 0.0025 */
static void put_seconds(struct metrics_text *text, uint64_t ns)
{
    char bytes[NUMBER_BYTES];
    char *end = bytes + sizeof(bytes);
    char *start = digits(end, ns % 1000000000, NS_DIGITS);

    while (end > start && end[-1] == '0') {
        end--;
    }
    put_number(text, ns / 1000000000);
    if (end > start) {
        put_text(text, ".");
        put(text, start, (size_t)(end - start));
    }
}

bool metrics_write_label(struct mst_buf *out, const char *name, struct mst_span value)
{
    bool ok = mst_buf_append(out, name, strlen(name)) && mst_buf_append(out, "=\"", 2);
    size_t from = 0;

    for (size_t i = 0; ok && i < value.len; i++) {
        uint8_t byte = value.data[i];

        if (byte != '\\' && byte != '"' && byte != '\n') {
            continue;
        }
        ok = (i == from || mst_buf_append(out, value.data + from, i - from)) &&
             mst_buf_append(out, "\\", 1);
        from = i;
        if (ok && byte == '\n') {
            ok = mst_buf_append(out, "n", 1);
            from = i + 1;
        }
    }
    ok = ok && (from >= value.len || mst_buf_append(out, value.data + from, value.len - from));
    return ok && mst_buf_append(out, "\"", 1);
}

/* ---- lines ---- */

/* All of a line but its value. */
static void begin_line(struct metrics_text *text, const char *name, const char *suffix,
                       const struct metrics_labels *labels)
{
    put_text(text, name);
    put_text(text, suffix);
    if (labels->first.len > 0 || labels->name != NULL) {
        put_text(text, "{");
        put(text, labels->first.data, labels->first.len);
        if (labels->name != NULL) {
            put_text(text, labels->first.len > 0 ? "," : "");
            put_text(text, labels->name);
            put_text(text, "=\"");
            put_text(text, labels->value);
            put_text(text, "\"");
        }
        put_text(text, "}");
    }
    put_text(text, " ");
}

static void end_line(struct metrics_text *text)
{
    put_text(text, "\n");
    text->lines++;
}

void metrics_write_family(struct metrics_text *text, const char *name, const char *type,
                          const char *help)
{
    const char *const pieces[] = {"# HELP ", name, " ", help, "\n# TYPE ", name, " ", type};

    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        put_text(text, pieces[i]);
    }
    end_line(text);
}

void metrics_write_count(struct metrics_text *text, const char *name,
                         const struct metrics_labels *labels, uint64_t value)
{
    begin_line(text, name, "", labels);
    put_number(text, value);
    end_line(text);
}

void metrics_write_seconds(struct metrics_text *text, const char *name,
                           const struct metrics_labels *labels, uint64_t ns)
{
    begin_line(text, name, "", labels);
    put_seconds(text, ns);
    end_line(text);
}

/* The bucket's `le` needs no escape, but it is a number. */
static void write_bucket(struct metrics_text *text, const char *name, struct mst_span labels,
                         const int64_t *bound_ns, uint64_t count)
{
    put_text(text, name);
    put_text(text, "_bucket{");
    put(text, labels.data, labels.len);
    put_text(text, labels.len > 0 ? ",le=\"" : "le=\"");
    if (bound_ns == NULL) {
        put_text(text, "+Inf");
    } else {
        put_seconds(text, (uint64_t)*bound_ns);
    }
    put_text(text, "\"} ");
    put_number(text, count);
    end_line(text);
}

void metrics_write_histogram(struct metrics_text *text, const char *name, struct mst_span labels,
                             const struct histogram *histogram, const int64_t *bounds_ns)
{
    const struct metrics_labels plain = {.first = labels};
    uint64_t count = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        count += histogram->counts[i];
        write_bucket(text, name, labels, i < HISTOGRAM_BOUNDS ? &bounds_ns[i] : NULL, count);
    }
    begin_line(text, name, "_sum", &plain);
    put_seconds(text, histogram->sum);
    end_line(text);
    begin_line(text, name, "_count", &plain);
    put_number(text, count);
    end_line(text);
}
