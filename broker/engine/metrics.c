/* metrics.c - what the broker tells of itself. See metrics.h.
 *
 * One table says which metrics there are: name, help, and where the figure stands. */
#include "broker/engine/internal.h"

#include <stdlib.h>

#include "broker/engine/metrics_text.h"

#define WALK_SLICE  250 /* objects looked at in one go: some 100 us */
#define LINES_SLICE 500

/* ---- counting ---- */

void metrics_begin_turn(struct engine *engine)
{
    if (engine->metrics.turn_began_ns == 0) {
        engine->metrics.turn_began_ns = engine->now_ns;
    }
}

void metrics_end_turn(struct engine *engine)
{
    int64_t now_ns = engine->ports.now_ns(engine->ports.user) + engine->shift_ns;

    histogram_observe(&engine->metrics.turn, histogram_loop_ns,
                      now_ns - engine->metrics.turn_began_ns);
    engine->metrics.turn_began_ns = 0;
}

void metrics_begin_batch(struct engine *engine)
{
    engine->metrics.batch_began_ns = engine->now_ns;
}

void metrics_end_batch(struct engine *engine)
{
    histogram_observe(&engine->metrics.sync, histogram_loop_ns,
                      engine->now_ns - engine->metrics.batch_began_ns);
}

void metrics_count_fault(struct engine *engine, const struct member *member)
{
    const struct mst_secure_channel *channel = member->connection.channel;
    bool failed = channel != NULL && channel->state == MST_CHANNEL_FAILED;

    engine->metrics.faults++;
    if (member->is_new) {
        engine->metrics.handshake_failures[failed ? HANDSHAKE_CHANNEL : HANDSHAKE_PROTOCOL]++;
    }
}

bool metrics_recovering(const struct engine *engine)
{
    return engine->config.has_storage && engine->journal == NULL;
}

const char *metrics_unready(const struct engine *engine)
{
    return engine->draining             ? "the broker is going away"
           : metrics_recovering(engine) ? "the broker recovers its data"
                                        : engine_failure(engine);
}

/* ---- the table ---- */

/* The broker's figures at one moment. */
struct broker_figures {
    struct core_figures core;
    struct engine_config limits;
    struct metrics counted;
    struct journal_figures journal;
    uint64_t ready, full, queues, summed, connections, unauthenticated;
};

enum kind { COUNTER, GAUGE, HISTOGRAM };
enum unit { PLAIN, SECONDS };

struct metric {
    const char *name;
    enum kind kind;
    enum unit unit; /* of what is kept in ns: SECONDS */
    size_t offset;
    const char *help;
    const char *label; /* of an array: one line for each of its elements; or NULL */
    const char *const *values;
    size_t values_count;
    const int64_t *bounds_ns; /* of a histogram */
};

static const char *const refusal_names[REFUSAL_COUNT] = {"full", "unauthenticated", "address"};
static const char *const failure_names[HANDSHAKE_FAILURE_COUNT] = {"protocol", "channel", "unknown",
                                                                   "timeout"};

#define OF_QUEUE(member)          offsetof(struct queue_figures, member)
#define OF_BROKER(member)         offsetof(struct broker_figures, member)
#define EACH(label, names, count) label, names, count, NULL
#define TIMES(bounds_ns)          NULL, NULL, 0, bounds_ns
#define ALONE                     NULL, NULL, 0, NULL

static const struct metric queue_metrics[] = {
    {"muster_queue_ready", GAUGE, PLAIN, OF_QUEUE(ready), "Messages that wait to be taken.", ALONE},
    {"muster_queue_leased", GAUGE, PLAIN, OF_QUEUE(leased),
     "Messages that somebody has, or that are on the way to somebody.", ALONE},
    {"muster_queue_delayed", GAUGE, PLAIN, OF_QUEUE(delayed), "Messages whose delay still runs.",
     ALONE},
    {"muster_queue_dead", GAUGE, PLAIN, OF_QUEUE(dead), "Messages in the queue's dead letters.",
     ALONE},
    {"muster_queue_unfinished", GAUGE, PLAIN, OF_QUEUE(unfinished),
     "Messages that join waits for: kept, or taken in auto mode and not yet done.", ALONE},
    {"muster_queue_bytes", GAUGE, PLAIN, OF_QUEUE(bytes), "Bytes of the bodies that are kept.",
     ALONE},
    {"muster_queue_oldest_age_seconds", GAUGE, SECONDS, OF_QUEUE(oldest_age_ns),
     "Age of the oldest ready message; of several queues, the greatest.", ALONE},
    {"muster_queue_waiting_getters", GAUGE, PLAIN, OF_QUEUE(getters), "Gets that wait.", ALONE},
    {"muster_queue_waiting_putters", GAUGE, PLAIN, OF_QUEUE(putters),
     "Puts that wait for room, or for a paused queue.", ALONE},
    {"muster_queue_waiting_joiners", GAUGE, PLAIN, OF_QUEUE(joiners), "Joins that wait.", ALONE},
    {"muster_queue_puts_total", COUNTER, PLAIN, OF_QUEUE(counts.puts),
     "Messages that came in; dead letters and redriven ones too.", ALONE},
    {"muster_queue_duplicates_total", COUNTER, PLAIN, OF_QUEUE(counts.duplicates),
     "Puts that were left out, for their dedup key was there.", ALONE},
    {"muster_queue_gets_total", COUNTER, PLAIN, OF_QUEUE(counts.gets), "Deliveries.", ALONE},
    {"muster_queue_done_total", COUNTER, PLAIN, OF_QUEUE(counts.left[MST_TALLY_DONE]),
     "Messages that were finished.", ALONE},
    {"muster_queue_nacks_total", COUNTER, PLAIN, OF_QUEUE(counts.nacks),
     "Deliveries that were given back by nack.", ALONE},
    {"muster_queue_redeliveries_total", COUNTER, PLAIN, OF_QUEUE(counts.redeliveries),
     "Deliveries that went back to their place in the queue, by cause.",
     EACH("cause", redelivery_names, REDELIVERY_COUNT)},
    {"muster_queue_drops_total", COUNTER, PLAIN, OF_QUEUE(counts.left[MST_TALLY_DEAD]),
     "Messages that left otherwise than finished, by cause.",
     EACH("cause", mst_tally_names + MST_TALLY_DEAD, MST_TALLY_COUNT - MST_TALLY_DEAD)},
    {"muster_queue_wait_seconds", HISTOGRAM, SECONDS, OF_QUEUE(counts.waited),
     "Time in the queue, from put to the first delivery.", TIMES(histogram_message_ns)},
    {"muster_queue_lease_seconds", HISTOGRAM, SECONDS, OF_QUEUE(counts.held),
     "Time that leases lasted, from being taken to their end.", TIMES(histogram_message_ns)},
};

static const struct metric broker_metrics[] = {
    {"muster_ready", GAUGE, PLAIN, OF_BROKER(ready),
     "1 if the broker should be given work, as /readyz says.", ALONE},
    {"muster_queues", GAUGE, PLAIN, OF_BROKER(queues), "Queues.", ALONE},
    {"muster_queues_summed", GAUGE, PLAIN, OF_BROKER(summed),
     "Queues without a row of their own, summed among the others; see --http-queues.", ALONE},
    {"muster_objects", GAUGE, PLAIN, OF_BROKER(core.objects), "Queues, events and barriers.",
     ALONE},
    {"muster_objects_limit", GAUGE, PLAIN, OF_BROKER(limits.objects_max), "--max-objects.", ALONE},
    {"muster_messages", GAUGE, PLAIN, OF_BROKER(core.messages), "Messages of all queues.", ALONE},
    {"muster_memory_bytes", GAUGE, PLAIN, OF_BROKER(core.memory),
     "Memory charged for messages and puts that wait.", ALONE},
    {"muster_memory_limit_bytes", GAUGE, PLAIN, OF_BROKER(limits.memory_max),
     "--max-memory; 0: no limit.", ALONE},
    {"muster_waiters", GAUGE, PLAIN, OF_BROKER(core.waits), "Requests that wait for something.",
     ALONE},
    {"muster_waiters_limit", GAUGE, PLAIN, OF_BROKER(limits.waits_max), "--max-waiters.", ALONE},
    {"muster_sessions", GAUGE, PLAIN, OF_BROKER(core.sessions),
     "Sessions, those without a connection included.", ALONE},
    {"muster_sessions_connected", GAUGE, PLAIN, OF_BROKER(core.connected),
     "Sessions that have a connection.", ALONE},
    {"muster_sessions_limit", GAUGE, PLAIN, OF_BROKER(limits.sessions_max), "--max-sessions.",
     ALONE},
    {"muster_connections", GAUGE, PLAIN, OF_BROKER(connections), "Connections.", ALONE},
    {"muster_connections_limit", GAUGE, PLAIN, OF_BROKER(limits.connections_max),
     "--max-connections.", ALONE},
    {"muster_connections_unauthenticated", GAUGE, PLAIN, OF_BROKER(unauthenticated),
     "Connections that have no session yet.", ALONE},
    {"muster_connections_unauthenticated_limit", GAUGE, PLAIN,
     OF_BROKER(limits.unauthenticated_max), "--max-unauthenticated.", ALONE},
    {"muster_connections_accepted_total", COUNTER, PLAIN, OF_BROKER(counted.accepted),
     "Connections that were accepted.", ALONE},
    {"muster_connections_refused_total", COUNTER, PLAIN, OF_BROKER(counted.refused),
     "Connections that were closed at once, by the limit that was reached.",
     EACH("reason", refusal_names, REFUSAL_COUNT)},
    {"muster_connections_faults_total", COUNTER, PLAIN, OF_BROKER(counted.faults),
     "Connections that were closed because the peer did what it must not.", ALONE},
    {"muster_handshake_failures_total", COUNTER, PLAIN, OF_BROKER(counted.handshake_failures),
     "Connections that failed before they had a session, by reason.",
     EACH("reason", failure_names, HANDSHAKE_FAILURE_COUNT)},
    {"muster_denials_total", COUNTER, PLAIN, OF_BROKER(counted.denials),
     "Requests that the permissions refused.", ALONE},
    {"muster_loop_turn_seconds", HISTOGRAM, SECONDS, OF_BROKER(counted.turn),
     "Time that turns of the loop took: nobody is served meanwhile.", TIMES(histogram_loop_ns)},
    {"muster_journal_full", GAUGE, PLAIN, OF_BROKER(full),
     "1 if little room is left for the journal: puts into durable queues are refused.", ALONE},
    {"muster_journal_files", GAUGE, PLAIN, OF_BROKER(journal.files),
     "Files of the journal; 0 without --data-dir.", ALONE},
    {"muster_journal_bytes", GAUGE, PLAIN, OF_BROKER(journal.file_bytes),
     "Bytes of the files of the journal.", ALONE},
    {"muster_journal_live_bytes", GAUGE, PLAIN, OF_BROKER(journal.live_bytes),
     "Bytes that what is kept would take in the journal, about.", ALONE},
    {"muster_journal_room_bytes", GAUGE, PLAIN, OF_BROKER(journal.room_bytes),
     "Bytes that the disk has left, as the journal saw it last.", ALONE},
    {"muster_journal_batches_total", COUNTER, PLAIN, OF_BROKER(journal.batches),
     "Batches that were written: each is one write and one sync.", ALONE},
    {"muster_journal_written_bytes_total", COUNTER, PLAIN, OF_BROKER(journal.records_bytes),
     "Bytes of the batches.", ALONE},
    {"muster_journal_compactions_total", COUNTER, PLAIN, OF_BROKER(journal.compactions),
     "Compactions that were finished.", ALONE},
    {"muster_journal_sync_seconds", HISTOGRAM, SECONDS, OF_BROKER(counted.sync),
     "Time from a batch's way to the journal until it was on stable storage.",
     TIMES(histogram_loop_ns)},
};
#define QUEUE_METRICS  (sizeof(queue_metrics) / sizeof(queue_metrics[0]))
#define BROKER_METRICS (sizeof(broker_metrics) / sizeof(broker_metrics[0]))

static void write_header(struct metrics_text *text, const struct metric *metric)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};

    metrics_write_family(text, metric->name, types[metric->kind], metric->help);
}

/* figures: struct queue_figures or struct broker_figures, as the table it stands in says. */
static void write_values(struct metrics_text *text, const struct metric *metric,
                         struct mst_span labels, const void *figures)
{
    const void *at = (const char *)figures + metric->offset;
    const uint64_t *numbers = at;
    size_t count = metric->label == NULL ? 1 : metric->values_count;

    if (metric->kind == HISTOGRAM) {
        metrics_write_histogram(text, metric->name, labels, at, metric->bounds_ns);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct metrics_labels all = {labels, metric->label,
                                           metric->label == NULL ? NULL : metric->values[i]};

        if (metric->unit == SECONDS) {
            metrics_write_seconds(text, metric->name, &all, numbers[i]);
        } else {
            metrics_write_count(text, metric->name, &all, numbers[i]);
        }
    }
}

/* ---- a page ---- */

struct row {
    struct mst_buf labels;
    struct queue_figures figures;
};

struct metrics_page {
    struct engine *engine;
    bool walking;     /* through the queues; then it is written */
    struct row *rows; /* the last one is that of all others */
    size_t count;
    size_t cap;
    struct queue_figures rest;
    struct queue_figures *found; /* of one slice */
    size_t metric, row;          /* what is written next */
    struct metrics_text text;
};

struct metrics_page *metrics_page_new(struct engine *engine)
{
    struct metrics_page *page = calloc(1, sizeof(*page));

    if (page == NULL) {
        return NULL;
    }
    page->engine = engine;
    page->walking = true;
    metrics_text_init(&page->text);
    page->found = calloc(WALK_SLICE, sizeof(*page->found));
    page->text.failed = page->found == NULL;
    core_walk_begin(engine->core, &page->rest);
    return page;
}

void metrics_page_free(struct metrics_page **owner)
{
    struct metrics_page *page = *owner;

    if (page == NULL) {
        return;
    }
    for (size_t i = 0; i < page->count; i++) {
        mst_buf_clear(&page->rows[i].labels);
    }
    free(page->rows);
    free(page->found);
    metrics_text_clear(&page->text);
    free(page);
    *owner = NULL;
}

static void add_row(struct metrics_page *page, struct mst_span name,
                    const struct queue_figures *figures)
{
    size_t cap = page->cap == 0 ? 64 : page->cap * 2;
    struct row *row;

    if (page->count == page->cap) {
        struct row *rows = realloc(page->rows, cap * sizeof(*rows));

        if (rows == NULL) {
            page->text.failed = true;
            return;
        }
        page->rows = rows;
        page->cap = cap;
    }
    row = &page->rows[page->count++];
    row->figures = *figures;
    mst_buf_init(&row->labels);
    page->text.failed = !metrics_write_label(&row->labels, "queue", name) || page->text.failed;
}

static void walk_slice(struct metrics_page *page)
{
    const struct engine *engine = page->engine;
    size_t count = 0;
    bool more =
        core_walk(engine->core, engine->now_ns, WALK_SLICE, page->found, &count, &page->rest);

    for (size_t i = 0; i < count; i++) {
        add_row(page, page->found[i].name, &page->found[i]);
    }
    if (!more) {
        add_row(page, mst_span_text(METRICS_OTHERS), &page->rest);
        page->walking = false;
    }
}

static void write_broker(struct metrics_page *page)
{
    const struct engine *engine = page->engine;
    struct broker_figures figures = {
        .core = core_figures(engine->core),
        .limits = engine->config,
        .counted = engine->metrics,
        .ready = metrics_unready(engine) == NULL,
        .full = engine->storage_full,
        .queues = page->count - 1 + page->rest.queues,
        .summed = page->rest.queues,
        .connections = engine->members_count,
        .unauthenticated = engine->new_count,
    };
    const struct journal *journal = engine->journal;
    const struct metrics_labels version = {MST_SPAN_NONE, "version", engine->config.version};

    if (journal != NULL && journal->table->figures != NULL) {
        journal->table->figures(journal, &figures.journal);
    }
    metrics_write_family(&page->text, "muster_build_info", "gauge", "Which broker this is.");
    metrics_write_count(&page->text, "muster_build_info", &version, 1);
    for (size_t i = 0; i < BROKER_METRICS; i++) {
        write_header(&page->text, &broker_metrics[i]);
        write_values(&page->text, &broker_metrics[i], MST_SPAN_NONE, &figures);
    }
}

/* One metric of one queue. */
static void write_row(struct metrics_page *page)
{
    const struct metric *metric = &queue_metrics[page->metric];
    const struct row *row = &page->rows[page->row];

    if (page->row == 0) {
        write_header(&page->text, metric);
    }
    write_values(&page->text, metric, mst_buf_span(&row->labels), &row->figures);
    page->row++;
    if (page->row == page->count) {
        page->row = 0;
        page->metric++;
    }
}

bool metrics_page_go_on(struct metrics_page *page)
{
    uint64_t enough = page->text.lines + LINES_SLICE;

    engine_look_at_clock(page->engine);
    if (page->text.failed) {
        return false;
    }
    if (page->walking) {
        walk_slice(page);
        return true;
    }
    if (page->metric == 0 && page->row == 0) {
        write_broker(page);
    }
    while (page->metric < QUEUE_METRICS && page->text.lines < enough && !page->text.failed) {
        write_row(page);
    }
    return page->metric < QUEUE_METRICS && !page->text.failed;
}

struct mst_span metrics_page_text(const struct metrics_page *page)
{
    return page->text.failed ? MST_SPAN_NONE : mst_buf_span(&page->text.out);
}
