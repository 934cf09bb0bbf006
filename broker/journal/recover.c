/* recover.c - store_open: from what stands in a directory to a journal that can be appended to.
 *
 * The order is what makes a second crash harmless: everything is read and judged before anything is
 * changed; what was read is durable before it is built upon; torn bytes are overwritten before the
 * log goes on; files that nobody refers to go last. Must not know: what records say. */
#include "broker/journal/backup.h"
#include "broker/journal/compact.h"
#include "broker/journal/fetch.h"
#include "broker/journal/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MEGABYTE 1000000.0

struct opening {
    const struct store_ports *ports;
    struct store *store;
    struct store_files found;
    char (*leftovers)[DISK_NAME_MAX + 1];
    size_t leftovers_count;
    struct replay replay;
    uint64_t total_bytes; /* of the files that are read */
    int64_t started_ns;
    int64_t told_ns;
    char *error;
};

/* ---- what goes wrong ---- */

static enum store_status failed(const struct opening *opening, const char *what, const char *name,
                                int64_t error)
{
    char text[STORE_ERROR_TEXT_MAX];

    if (error == -ENOMEM) {
        snprintf(opening->error, STORE_ERROR_MAX, "cannot open the data directory: out of memory");
        return STORE_NO_MEMORY;
    }
    store_error_text(error, text, sizeof(text));
    snprintf(opening->error, STORE_ERROR_MAX, "cannot %s '%s' in the data directory: %s", what,
             name, text);
    return STORE_IO;
}

/* ---- what is there ---- */

static bool take_leftover(void *user, const char *name)
{
    struct opening *opening = user;
    size_t bytes = (opening->leftovers_count + 1) * sizeof(*opening->leftovers);
    char(*grown)[DISK_NAME_MAX + 1] = realloc(opening->leftovers, bytes);

    if (grown == NULL) {
        return true; /* it is found again at the next start */
    }
    opening->leftovers = grown;
    snprintf(grown[opening->leftovers_count++], DISK_NAME_MAX + 1, "%s", name);
    return true;
}

static enum store_status look(struct opening *opening)
{
    struct disk *disk = opening->ports->disk;
    int error = disk->table->sync_dir(disk);

    error = error != 0 ? error : files_list(disk, &opening->found, take_leftover, opening);
    if (error == -EEXIST) {
        snprintf(opening->error, STORE_ERROR_MAX,
                 "the data directory has a segment and a checkpoint of the same number; files of "
                 "two journals are mixed in it");
        return STORE_CORRUPT;
    }
    return error == 0 ? STORE_OK : failed(opening, "list", ".", error);
}

static enum store_status look_at_size(struct opening *opening, struct store_file *file)
{
    struct disk *disk = opening->ports->disk;
    char name[DISK_NAME_MAX + 1];
    int64_t size;
    int number;

    format_name(file->kind, file->number, name);
    number = disk->table->open(disk, name, DISK_READ);
    size = number < 0 ? number : disk->table->size(disk, number);
    if (number >= 0) {
        disk->table->close(disk, number);
    }
    file->bytes = size < 0 ? 0 : (uint64_t)size;
    return size < 0 ? failed(opening, "read", name, size) : STORE_OK;
}

static enum store_status look_at_sizes(struct opening *opening)
{
    enum store_status status = STORE_OK;

    for (size_t i = 0; i < opening->found.count && status == STORE_OK; i++) {
        struct store_file *file = &opening->found.items[i];

        status = look_at_size(opening, file);
        opening->total_bytes += file->bytes;
    }
    return status;
}

/* ---- read ---- */

static void tell_progress(struct replay *replay)
{
    struct opening *opening = replay->user;
    int64_t now_ns = opening->ports->now_ns(opening->ports->user);

    if (now_ns - opening->told_ns >= STORE_PROGRESS_NS) {
        opening->told_ns = now_ns;
        store_log(opening->ports, STORE_LOG_INFO, "reading the journal: %.0f of at most %.0f MB",
                  (double)replay->read_bytes / MEGABYTE, (double)opening->total_bytes / MEGABYTE);
    }
}

static enum store_status read_all(struct opening *opening, const struct store_recovery *recovery)
{
    struct replay *replay = &opening->replay;
    enum store_status status;

    opening->started_ns = opening->told_ns = opening->ports->now_ns(opening->ports->user);
    replay->disk = opening->ports->disk;
    replay->to = recovery;
    replay->files = &opening->found;
    replay->checkpoint = files_newest_checkpoint(&opening->found);
    replay->sync = true;
    replay->progress = tell_progress;
    replay->user = opening;
    status = replay_run(replay, opening->error);
    status = status == STORE_OK ? replay_confirm(replay, opening->error) : status;
    if (status == STORE_OK && opening->found.count > 0) {
        int64_t took_ns = opening->ports->now_ns(opening->ports->user) - opening->started_ns;

        store_log(opening->ports, STORE_LOG_INFO, "journal read: %llu batches, %.1f MB in %.0f ms",
                  (unsigned long long)replay->batches, (double)replay->read_bytes / MEGABYTE,
                  (double)took_ns / MEGABYTE);
    }
    return status;
}

/* ---- set right ---- */

/* What is torn was never acknowledged. It is blanked before the log goes on, so that it cannot be
 * taken for anything later. */
static enum store_status cut(struct opening *opening, const struct replay_segment *segment)
{
    char name[DISK_NAME_MAX + 1];
    int error;

    if (segment->dirty == 0) {
        return STORE_OK;
    }
    format_name(FILE_SEGMENT, segment->header.number, name);
    error = segment_blank(opening->ports->disk, name, segment->end, segment->dirty);
    if (error != 0) {
        return failed(opening, "cut the torn end of", name, error);
    }
    store_log(opening->ports, STORE_LOG_WARNING,
              "cut %llu torn bytes at the end of '%s', at offset %llu: a write that was under way "
              "when the broker ended",
              (unsigned long long)(segment->dirty - segment->end), name,
              (unsigned long long)segment->end);
    return STORE_OK;
}

static enum store_status cut_all(struct opening *opening)
{
    enum store_status status = STORE_OK;

    for (size_t i = 0; i < opening->replay.log_count && status == STORE_OK; i++) {
        const struct replay_segment *segment = &opening->replay.log[i];

        /* Behind batches that others follow nothing is torn: those are old bytes. */
        if (segment->header.number >= opening->replay.active) {
            status = cut(opening, segment);
        }
    }
    return status;
}

static bool is_kept(const struct replay *replay, struct store_file *file)
{
    if (file->number == replay->checkpoint ||
        (file->kind == FILE_SEGMENT && file->number >= replay->first_segment)) {
        return true;
    }
    for (size_t i = 0; i < replay->kept_count; i++) {
        if (replay->kept[i].number == file->number) {
            file->end = replay->kept[i].end;
            return true;
        }
    }
    return false;
}

static enum store_status take_files(struct opening *opening)
{
    struct replay *replay = &opening->replay;

    for (size_t i = 0; i < opening->found.count; i++) {
        struct store_file file = opening->found.items[i];

        file.end = file.bytes;
        for (size_t k = 0; k < replay->log_count; k++) {
            if (replay->log[k].header.number == file.number) {
                file.end = replay->log[k].end;
                file.is_spare = file.end == STORE_SECTOR;
            }
        }
        if (is_kept(replay, &file) && !files_add(&opening->store->files, &file)) {
            return failed(opening, "open", ".", -ENOMEM);
        }
    }
    return STORE_OK;
}

static enum store_status remove_others(struct opening *opening)
{
    struct disk *disk = opening->ports->disk;
    char name[DISK_NAME_MAX + 1];
    int error = 0;

    for (size_t i = 0; i < opening->leftovers_count; i++) {
        error = disk->table->remove(disk, opening->leftovers[i]);
        if (error != 0) {
            return failed(opening, "remove the unfinished", opening->leftovers[i], error);
        }
    }
    for (size_t i = 0; i < opening->found.count; i++) {
        const struct store_file *file = &opening->found.items[i];

        if (files_find(&opening->store->files, file->number) != NULL) {
            continue;
        }
        format_name(file->kind, file->number, name);
        error = disk->table->remove(disk, name);
        if (error != 0) {
            return failed(opening, "remove the outdated", name, error);
        }
    }
    error = disk->table->sync_dir(disk);
    return error == 0 ? STORE_OK : failed(opening, "sync", ".", error);
}

/* ---- the writer ---- */

static enum store_status add_segment(struct opening *opening, const struct replay_segment *found)
{
    struct disk *disk = opening->ports->disk;
    struct segment *segment = calloc(1, sizeof(*segment));
    struct segment **end = &opening->store->writer.active;
    char name[DISK_NAME_MAX + 1];

    if (segment == NULL) {
        return failed(opening, "open", ".", -ENOMEM);
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = segment;
    segment->state = SEGMENT_READY;
    segment->number = found->header.number;
    segment->bytes = found->header.bytes;
    segment->previous = found->header.previous;
    segment->offset = found->end;
    memcpy(segment->key, found->header.key, sizeof(segment->key));
    format_name(FILE_SEGMENT, segment->number, name);
    segment->file = disk->table->open(disk, name, DISK_UPDATE);
    return segment->file < 0 ? failed(opening, "open", name, segment->file) : STORE_OK;
}

/* A new journal: an identity, and a first segment. */
static enum store_status begin(struct opening *opening)
{
    struct store *store = opening->store;
    struct segment *segment;
    char name[DISK_NAME_MAX + 1];
    int error;

    opening->ports->entropy(opening->ports->user, store->id, sizeof(store->id));
    segment = segment_want(store, 0);
    error = segment == NULL ? -ENOMEM : segment_make_now(store, segment);
    format_name(FILE_SEGMENT, 1, name);
    store->first_segment = 1;
    return error == 0 ? STORE_OK : failed(opening, "make", name, error);
}

static enum store_status go_on(struct opening *opening)
{
    const struct replay *replay = &opening->replay;
    struct writer *writer = &opening->store->writer;
    enum store_status status = STORE_OK;

    memcpy(opening->store->id, replay->id, sizeof(replay->id));
    opening->store->checkpoint = replay->checkpoint;
    opening->store->first_segment =
        replay->first_segment != 0 ? replay->first_segment : replay->log[0].header.number;
    for (size_t i = 0; i < replay->log_count && status == STORE_OK; i++) {
        if (replay->log[i].header.number >= replay->active) {
            status = add_segment(opening, &replay->log[i]);
        }
    }
    writer->index = replay->index;
    writer->seq = writer->durable = replay->seq;
    writer->is_closed = replay->is_closed;
    return status;
}

static void set_sizes(struct opening *opening, const struct store_config *config)
{
    struct disk *disk = opening->ports->disk;
    struct store *store = opening->store;
    int64_t room = disk->table->room(disk);
    uint64_t most =
        room < 0 ? UINT64_MAX : (opening->total_bytes + (uint64_t)room) / STORE_SEGMENTS_PER_DISK;
    uint64_t bytes = config->segment_bytes;

    store->room = room;
    if (bytes == 0) {
        bytes = most < STORE_SEGMENT_BYTES ? most : STORE_SEGMENT_BYTES;
        bytes = bytes < STORE_SEGMENT_BYTES_MIN ? STORE_SEGMENT_BYTES_MIN : bytes;
    }
    store->config = *config;
    store->config.segment_bytes = bytes / STORE_SECTOR * STORE_SECTOR;
    store->config.idle_ns = config->idle_ns != 0 ? config->idle_ns : STORE_IDLE_NS;
    store->writer.first_bytes =
        config->segment_bytes == 0 ? STORE_SEGMENT_BYTES_FIRST : store->config.segment_bytes;
}

static enum store_status set_up(struct opening *opening, const struct store_config *config)
{
    struct store *store = calloc(1, sizeof(*store));
    size_t count = opening->found.count;
    enum store_status status;

    if (store == NULL) {
        return failed(opening, "open", ".", -ENOMEM);
    }
    opening->store = store;
    store->journal.table = &store_table;
    store->ports = *opening->ports;
    store->next_number = count == 0 ? 1 : opening->found.items[count - 1].number + 1;
    store->writer.is_closed = true;
    store->writer.was_busy = true;
    set_sizes(opening, config);
    status = take_files(opening);
    if (status == STORE_OK) {
        status = remove_others(opening);
    }
    if (status == STORE_OK) {
        status = count == 0 ? begin(opening) : go_on(opening);
    }
    if (status == STORE_OK &&
        !(store_backup_new(store) && compact_new(store) && fetch_new(store))) {
        status = failed(opening, "open", ".", -ENOMEM);
    }
    return status;
}

enum store_status store_open(const struct store_config *config, const struct store_ports *ports,
                             const struct store_recovery *recovery, struct journal **journal_out,
                             char error[STORE_ERROR_MAX])
{
    struct opening opening = {.ports = ports, .error = error};
    enum store_status status = look(&opening);

    *journal_out = NULL;
    if (status == STORE_OK) {
        status = look_at_sizes(&opening);
    }
    if (status == STORE_OK) {
        status = read_all(&opening, recovery);
    }
    if (status == STORE_OK) {
        status = cut_all(&opening);
    }
    if (status == STORE_OK) {
        status = set_up(&opening, config);
    }
    *journal_out = opening.store == NULL ? NULL : &opening.store->journal;
    if (status != STORE_OK) {
        journal_free(journal_out);
    }
    replay_clear(&opening.replay);
    files_clear(&opening.found);
    free(opening.leftovers);
    return status;
}
