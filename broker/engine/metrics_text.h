/* metrics_text.h - figures as lines of Prometheus' text format.
 *
 *   # HELP muster_queue_ready Messages that wait to be taken.
 *   # TYPE muster_queue_ready gauge
 *   muster_queue_ready{queue="jobs"} 7
 *
 * Integers throughout: what is kept in nanoseconds is written as seconds with a fraction. Must not
 * know: what the figures mean, where they come from. */
#ifndef ENGINE_METRICS_TEXT_H
#define ENGINE_METRICS_TEXT_H

#include "broker/core/figures.h"
#include "protocol/buf.h"

struct metrics_text {
    struct mst_buf out;
    uint64_t lines;
    bool failed; /* out of memory: the text is not whole */
};

/* Labels without braces, as in queue="jobs"; empty: none. One more can stand behind them. */
struct metrics_labels {
    struct mst_span first;
    const char *name; /* NULL: no other */
    const char *value;
};

void metrics_text_init(struct metrics_text *text);
void metrics_text_clear(struct metrics_text *text);

/* type: "counter", "gauge" or "histogram" */
void metrics_write_family(struct metrics_text *text, const char *name, const char *type,
                          const char *help);
void metrics_write_count(struct metrics_text *text, const char *name,
                         const struct metrics_labels *labels, uint64_t value);
void metrics_write_seconds(struct metrics_text *text, const char *name,
                           const struct metrics_labels *labels, uint64_t ns);
void metrics_write_histogram(struct metrics_text *text, const char *name, struct mst_span labels,
                             const struct histogram *histogram, const int64_t *bounds_ns);

/* Appends name="value" with what the format wants escaped. false: out of memory. */
bool metrics_write_label(struct mst_buf *out, const char *name, struct mst_span value);

#endif
