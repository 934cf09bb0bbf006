/* compact.c - compaction, the loop's side: when it begins, what is taken over
 * when it has ended.
 *
 * What happens on the loop's thread is in proportion to the number of files,
 * never to what is in them. Invariants: one compaction at a time; a file that a
 * compaction looks at stays until it has ended; a dead file is removed only
 * when no fetch reads it. Must not know: how a checkpoint is made
 * (compaction.c). */
#include "broker/journal/compact.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "broker/journal/backup.h"
#include "broker/journal/compaction.h"
#include "broker/journal/sweep.h"

#define COMPACT_REPORT_NS    10000000000LL /* one line about all compactions in so long */
#define COMPACT_RETRY_MAX_NS 60000000000LL /* one that failed is tried again after at most this */

struct compaction {
    struct compaction_work work;
    struct sweep sweep;
    struct forwards forwards;
    bool is_working;
    bool is_sealing;  /* the writer was asked for a seal */
    uint64_t records; /* of the newest checkpoint, without the bodies that moved
                       into it */
    uint64_t excess_after;
    bool goes_on;     /* the last one was worth it, and there is more to win */
    uint64_t ceiling; /* what all files may take while it works */
    /* As they were looked at last. */
    bool has_looked;
    uint64_t looked_index, looked_segment, looked_live;
    int64_t retry_ns; /* after a failure: not before; 0: at once */
    int64_t retry_wait_ns;
    /* For the log: since the last line. */
    uint64_t told_count, told_moved, told_freed;
    int64_t told_took_ns;
    int64_t told_ns; /* when; 0: never */
    int64_t began_ns;
};

/* ---- figures ---- */

static uint64_t active_segment(const struct store *store)
{
    return store->writer.active->number;
}

/* used: with or without segments that are empty or being made, and what is to be removed. */
static struct plan_figures figures_of(const struct store *store, bool all)
{
    const struct writer *writer = &store->writer;
    struct plan_figures figures = {.live = store->live_bytes,
                                   .segment = store->config.segment_bytes,
                                   .records = store->compaction->records};

    if (figures.records > figures.live) {
        figures.records = figures.live;
    }
    for (size_t i = 0; i < store->files.count; i++) {
        const struct store_file *file = &store->files.items[i];

        bool is_ahead = file->is_spare && file->number > active_segment(store);

        figures.used += all || (!is_ahead && !file->is_dead) ? file->bytes : 0;
    }
    if (all) {
        figures.used += writer->is_making ? writer->make.header.bytes : 0;
        figures.used += writer->recyclable != 0 ? writer->recyclable_bytes : 0;
    }
    return figures;
}

/* Bytes of the segments that no checkpoint has yet, and that no batch will be added to. */
static uint64_t full_segments(const struct store *store)
{
    uint64_t active = active_segment(store);
    uint64_t bytes = 0;

    for (size_t i = 0; i < store->files.count; i++) {
        const struct store_file *file = &store->files.items[i];
        bool is_full = file->kind == FILE_SEGMENT && file->number >= store->first_segment &&
                       file->number < active;

        bytes += is_full ? file->bytes : 0;
    }
    return bytes;
}

/* ---- the log's lines ---- */

static double megabytes(uint64_t bytes)
{
    return (double)bytes / 1e6;
}

static void report(struct store *store, int64_t now_ns)
{
    struct compaction *compaction = store->compaction;

    if (compaction->told_count == 0 ||
        (compaction->told_ns != 0 && now_ns < compaction->told_ns + COMPACT_REPORT_NS)) {
        return;
    }
    store_log(&store->ports, STORE_LOG_INFO,
              "journal compacted (%" PRIu64 " times): %.1f MB moved, %.1f MB freed, %.1f MB in %zu "
              "files now for %.1f MB of live data; it took %" PRId64 " ms",
              compaction->told_count, megabytes(compaction->told_moved),
              megabytes(compaction->told_freed), megabytes(files_bytes(&store->files)),
              store->files.count, megabytes(store->live_bytes), compaction->told_took_ns / 1000000);
    compaction->told_count = compaction->told_moved = compaction->told_freed = 0;
    compaction->told_took_ns = 0;
    compaction->told_ns = now_ns;
}

/* ---- the end of a compaction ---- */

/* What the checkpoint does not refer to is dead. Returns the bytes. */
static uint64_t bury(struct store *store, const struct compaction_work *work)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < work->files.count; i++) {
        if (work->plan[i].goes) {
            files_find(&store->files, work->plan[i].number)->is_dead = true;
            store->compaction->sweep.dead++;
            bytes += work->plan[i].bytes;
        }
    }
    return bytes;
}

static void install(struct store *store, const struct compaction_work *work)
{
    struct compaction *compaction = store->compaction;
    struct store_file file = {.number = work->header.number,
                              .kind = FILE_CHECKPOINT,
                              .bytes = work->bytes,
                              .end = work->bytes};
    struct forwards before = compaction->forwards;
    uint64_t freed = bury(store, work);
    struct plan_figures figures;
    bool has_room;

    has_room = files_add(&store->files, &file);
    assert(has_room); /* which was reserved */
    store->checkpoint = work->header.number;
    store->first_segment = work->header.next_segment;
    compaction->forwards = work->forwards;
    compaction->work.forwards = before; /* freed with the rest */
    compaction->records = work->records;
    compaction->retry_ns = compaction->retry_wait_ns = 0;
    compaction->told_freed += freed > work->bytes ? freed - work->bytes : 0;
    compaction->told_moved += work->moved;
    compaction->told_count++;
    store->figures.compactions++;
    figures = figures_of(store, false);
    figures.used -= full_segments(store); /* which came meanwhile */
    compaction->excess_after = plan_excess(&figures);
    compaction->goes_on = false;
    if (plan_was_worth_it(work->bytes, freed)) {
        compaction->goes_on = compaction->excess_after >= figures.segment;
        compaction->excess_after = 0;
    }
}

/* Nothing has changed, and it is tried again. */
static void give_up(struct store *store, const struct compaction_work *work)
{
    struct compaction *compaction = store->compaction;
    int64_t wait = compaction->retry_wait_ns * 2;

    wait = wait < STORE_RETRY_NS ? STORE_RETRY_NS : wait;
    compaction->retry_wait_ns = wait > COMPACT_RETRY_MAX_NS ? COMPACT_RETRY_MAX_NS : wait;
    compaction->retry_ns = store->now_ns + compaction->retry_wait_ns;
    store_log(&store->ports, STORE_LOG_WARNING,
              "the journal was not compacted: %s; tried again in %" PRId64 " s", work->error,
              (int64_t)(compaction->retry_wait_ns / STORE_RETRY_NS));
}

static void compaction_work_done(struct job *job)
{
    struct compaction_work *work = (struct compaction_work *)job;
    struct store *store = work->store;
    struct compaction *compaction = store->compaction;

    compaction->is_working = false;
    compaction->told_took_ns += store->ports.now_ns(store->ports.user) - compaction->began_ns;
    if (work->status == STORE_OK) {
        install(store, work);
    } else if (work->no_room || work->status == STORE_NO_MEMORY) {
        give_up(store, work);
    } else {
        store_fail(store, "%s", work->error);
    }
    compaction_clear(work);
    sweep_turn(&compaction->sweep, store);
}

/* ---- the beginning ---- */

static void compaction_work_work(struct job *job)
{
    compaction_carry_out((struct compaction_work *)job);
}

/* Up to the segments before next_segment. */
static void begin(struct store *store, uint64_t next_segment)
{
    struct compaction *compaction = store->compaction;
    struct compaction_work *work = &compaction->work;
    struct plan_figures all = figures_of(store, true);
    struct plan_budget budget = plan_budget(&all);

    *work = (struct compaction_work){
        .job = {compaction_work_work, compaction_work_done, JOB_COMPACT, NULL},
        .store = store,
        .disk = store->ports.disk,
        .replica = store->ports.replica,
        .checkpoint = store->checkpoint,
        .last_segment = next_segment - 1,
        .header = {.kind = FILE_CHECKPOINT,
                   .number = store_take_number(store),
                   .next_segment = next_segment},
        .figures = figures_of(store, false),
        .moved_max = budget.moved,
        .before = &compaction->forwards,
    };
    memcpy(work->journal_id, store->id, FORMAT_ID_BYTES);
    memcpy(work->header.id, store->id, FORMAT_ID_BYTES);
    store->ports.entropy(store->ports.user, work->header.key, FORMAT_KEY_BYTES);
    if (store->failed || !files_reserve(&store->files, FILES_AHEAD) ||
        !compaction_take_files(work, &store->files)) {
        compaction_clear(work); /* out of memory: the next full segment tries again */
        return;
    }
    compaction->ceiling = all.used + budget.growth;
    compaction->began_ns = store->ports.now_ns(store->ports.user);
    compaction->is_working = true;
    store_submit(store, &work->job);
}

/* The log waits for a segment, maybe because compact_may_grow says no. */
static bool log_waits(const struct store *store)
{
    const struct segment *segment = store->writer.active;

    while (segment != NULL && segment->state != SEGMENT_WANTED) {
        segment = segment->next;
    }
    return segment != NULL && !store->writer.is_making;
}

/* Was there anything since that may have changed the answer? Says also whether
 * much died at once, so that the segment that is written to now is worth being
 * compacted as well. */
static bool has_changed(struct store *store, bool *much_died)
{
    struct compaction *compaction = store->compaction;
    uint64_t fell = compaction->looked_live > store->live_bytes
                        ? compaction->looked_live - store->live_bytes
                        : 0;
    bool first = !compaction->has_looked && store->writer.index != compaction->looked_index;
    bool moved_on = compaction->has_looked && active_segment(store) != compaction->looked_segment;
    bool is_due = compaction->retry_ns != 0 || compaction->goes_on || log_waits(store);

    *much_died = compaction->has_looked && fell > compaction->looked_live / 2 &&
                 fell > store->config.segment_bytes;
    if (!first && !moved_on && !is_due && !*much_died) {
        if (store->live_bytes > compaction->looked_live) {
            compaction->looked_live = store->live_bytes;
        }
        return false;
    }
    compaction->has_looked = true;
    compaction->retry_ns = 0;
    compaction->looked_segment = active_segment(store);
    compaction->looked_live = store->live_bytes;
    return true;
}

static bool is_time(const struct store *store)
{
    struct plan_figures figures = figures_of(store, false);

    return plan_is_time(&figures, store->compaction->excess_after);
}

static void consider(struct store *store)
{
    struct compaction *compaction = store->compaction;
    bool much_died;

    if (!has_changed(store, &much_died) || !is_time(store)) {
        compaction->goes_on = false;
        return;
    }
    if (much_died && !store->writer.seal.is_wanted) {
        compaction->is_sealing = true;
        writer_seal(store);
    } else if (full_segments(store) > 0 || compaction->goes_on) {
        begin(store, active_segment(store));
    }
}

/* Without somebody who knows what records say the log only grows. */
static bool can_compact(const struct store *store)
{
    return store->ports.replica.table != NULL;
}

static void begin_sealed(struct store *store)
{
    const struct writer *writer = &store->writer;

    if (writer->seal.is_done) {
        assert(!store_backup_holds_files(store)); /* there is one seal at a time */
        store->compaction->is_sealing = false;
        begin(store, writer->seal.next_segment);
        writer_unseal(store);
    } else if (writer->retry_ns != 0 && full_segments(store) > 0 &&
               store->now_ns >= store->compaction->retry_ns) {
        store->compaction->retry_ns = 0;
        begin(store, active_segment(store)); /* no room for the next segment: this may make some */
    }
}

void compact_turn(struct store *store, int64_t now_ns)
{
    struct compaction *compaction = store->compaction;

    report(store, now_ns);
    if (store->failed || !can_compact(store)) {
        return;
    }
    sweep_turn(&compaction->sweep, store);
    if (compaction->is_working) {
        return;
    }
    if (compaction->is_sealing) {
        begin_sealed(store);
    } else if (now_ns >= compaction->retry_ns && !store_backup_holds_files(store)) {
        consider(store);
    }
}

int64_t compact_deadline_ns(const struct store *store)
{
    const struct compaction *compaction = store->compaction;
    bool may_retry = compaction->retry_ns > 0 && !compaction->is_working &&
                     !compaction->is_sealing && !store_backup_holds_files(store);
    int64_t deadline = may_retry ? compaction->retry_ns : INT64_MAX;
    int64_t line = compaction->told_ns + COMPACT_REPORT_NS;

    return compaction->told_count > 0 && line < deadline ? line : deadline;
}

bool compact_may_grow(const struct store *store, uint64_t bytes)
{
    const struct compaction *compaction = store->compaction;
    struct plan_figures all = figures_of(store, true);

    if (!can_compact(store)) {
        return true;
    }
    if (compaction->is_working) {
        return all.used + bytes <= compaction->ceiling;
    }
    if (compaction->is_sealing || compaction->retry_ns != 0 || store_backup_holds_files(store)) {
        return true;
    }
    if (compaction->sweep.dead > 0) {
        return all.used + bytes <= 2 * all.live + 2 * all.segment;
    }
    return full_segments(store) == 0 || !is_time(store);
}

bool compact_is_working(const struct store *store)
{
    return store->compaction->is_working;
}

uint64_t compact_place(const struct store *store, uint64_t place)
{
    return forwards_find(&store->compaction->forwards, place);
}

bool compact_new(struct store *store)
{
    const struct store_file *file = files_find(&store->files, store->checkpoint);

    store->compaction = calloc(1, sizeof(*store->compaction));
    if (store->compaction == NULL) {
        return false;
    }
    store->compaction->records = file == NULL ? 0 : file->bytes;
    store->compaction->looked_index = store->writer.index;
    store->compaction->looked_segment = active_segment(store);
    return true;
}

void compact_free(struct store *store)
{
    if (store->compaction != NULL) {
        compaction_clear(&store->compaction->work);
        forwards_clear(&store->compaction->forwards);
        sweep_clear(&store->compaction->sweep);
        free(store->compaction);
        store->compaction = NULL;
    }
}
