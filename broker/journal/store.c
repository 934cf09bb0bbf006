/* store.c - the journal on a disk as a whole: its table, and what its parts tell each other. */
#include "broker/journal/backup.h"
#include "broker/journal/compact.h"
#include "broker/journal/fetch.h"
#include "broker/journal/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct store *store_of(struct journal *journal)
{
    return (struct store *)journal;
}

const struct store *store_of_const(const struct journal *journal)
{
    return (const struct store *)journal;
}

/* ---- told ---- */

void store_error_text(int64_t error, char *out, size_t size)
{
    const char *text = strerrordesc_np((int)-error);

    snprintf(out, size, "%s (errno %d)", text == NULL ? "unknown error" : text, (int)-error);
}

void store_log(const struct store_ports *ports, enum store_log_level level, const char *format, ...)
{
    char text[STORE_ERROR_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    ports->log(ports->user, level, text);
}

void store_fail(struct store *store, const char *format, ...)
{
    va_list arguments;

    if (!store->failed) {
        store->failed = true;
        va_start(arguments, format);
        vsnprintf(store->failure, sizeof(store->failure), format, arguments);
        va_end(arguments);
    }
}

/* ---- shared ---- */

uint64_t store_take_number(struct store *store)
{
    if (store->next_number >= FETCH_BACKUP) {
        store_fail(store,
                   "the data directory has used up its %llu numbers of files; back it up and "
                   "restore the backup into an empty directory",
                   (unsigned long long)FETCH_BACKUP);
    }
    return store->next_number++;
}

void store_submit(struct store *store, struct job *job)
{
    store->ports.jobs.submit(store->ports.jobs.user, job);
}

/* ---- the table ---- */

static bool store_is_full(const struct journal *journal)
{
    const struct store *store = store_of_const(journal);
    uint64_t disk = store->room > 0 ? (uint64_t)store->room : 0;
    uint64_t reserved = store->config.room_reserved;
    uint64_t room = writer_room(store) + (disk > reserved ? disk - reserved : 0);

    /* To consume what is kept, to begin the segment behind a compaction, for its checkpoint. */
    return room <
           store->kept * STORE_CONSUME_BYTES + store->config.segment_bytes + store->live_bytes;
}

static const char *store_failure(const struct journal *journal)
{
    const struct store *store = store_of_const(journal);

    return store->failed ? store->failure : NULL;
}

static void store_turn(struct journal *journal, int64_t now_ns)
{
    struct store *store = store_of(journal);

    writer_turn(store, now_ns);
    store_backup_turn(store);
    compact_turn(store, now_ns);
    fetch_turn(store);
}

static int64_t store_next_deadline_ns(const struct journal *journal)
{
    int64_t writer = writer_deadline_ns(store_of_const(journal));
    int64_t compact = compact_deadline_ns(store_of_const(journal));

    if (fetch_wants_turn(store_of_const(journal))) {
        return 0; /* it was asked for when this turn's fetches had gone */
    }
    return writer < compact ? writer : compact;
}

static void store_figures(const struct journal *journal, struct journal_figures *out)
{
    const struct store *store = store_of_const(journal);

    *out = store->figures;
    out->files = store->files.count;
    out->file_bytes = files_bytes(&store->files);
    out->live_bytes = store->live_bytes;
    out->room_bytes = store->room > 0 ? (uint64_t)store->room : 0;
}

static void store_free(struct journal *journal)
{
    struct store *store = store_of(journal);

    writer_free(store);
    store_backup_free(store);
    compact_free(store);
    fetch_free(store);
    files_clear(&store->files);
    free(store);
}

const struct journal_table store_table = {
    .append = writer_append,
    .durable = writer_durable,
    .is_full = store_is_full,
    .failure = store_failure,
    .fetch = fetch_ask,
    .fetched = fetch_take,
    .turn = store_turn,
    .next_deadline_ns = store_next_deadline_ns,
    .backup_begin = store_backup_begin,
    .backup_size = store_backup_size,
    .backup_read = store_backup_read,
    .backup_end = store_backup_end,
    .figures = store_figures,
    .free = store_free,
};
