/* replay.c - a checkpoint and the log behind it, read in order. See internal.h.
 *
 * Batches of the log are numbered without a gap. So whatever stands where a batch should be is
 * passed over if the next segment goes on with that very batch, is torn if nothing good follows at
 * all, and is damage if a later batch follows. Segments name the one before them, so that a missing
 * file shows even when it was the last with batches. Changes nothing on the disk. */
#include "broker/journal/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define RESCUE "restore a backup, or rescue what is readable with musterd --salvage"

/* Where the log could not be read on: the next batch should be there. */
struct hole {
    char name[DISK_NAME_MAX + 1];
    uint64_t offset;
    bool is_torn; /* something was begun there */
};

struct reader {
    struct replay *replay;
    struct scan scan;
    struct hole hole;
    char *error;
};

/* ---- what goes wrong ---- */

static enum store_status damaged(const struct reader *reader, const char *name, uint64_t offset,
                                 const char *what)
{
    snprintf(reader->error, STORE_ERROR_MAX, "'%s' is damaged at offset %llu: %s; " RESCUE, name,
             (unsigned long long)offset, what);
    return STORE_CORRUPT;
}

static enum store_status no_memory(const struct reader *reader)
{
    snprintf(reader->error, STORE_ERROR_MAX, "cannot read '%s': out of memory", reader->scan.name);
    return STORE_NO_MEMORY;
}

static enum store_status io_failed(const struct reader *reader, const char *what, int64_t error)
{
    char text[STORE_ERROR_TEXT_MAX];

    if (error == -ENOMEM) {
        return no_memory(reader);
    }
    store_error_text(error, text, sizeof(text));
    snprintf(reader->error, STORE_ERROR_MAX, "cannot %s '%s': %s", what, reader->scan.name, text);
    return STORE_IO;
}

static enum store_status missing(const struct reader *reader, const char *name, const char *why)
{
    snprintf(reader->error, STORE_ERROR_MAX, "'%s' is missing: %s; " RESCUE, name, why);
    return STORE_CORRUPT;
}

/* ---- the header of a file ---- */

static enum store_status judge_status(const struct reader *reader, enum format_status status)
{
    const char *name = reader->scan.name;

    switch (status) {
    case FORMAT_OK: return STORE_OK;
    case FORMAT_EMPTY: return damaged(reader, name, 0, "its header is empty");
    case FORMAT_DAMAGED: return damaged(reader, name, 0, "the checksum of its header is wrong");
    case FORMAT_VERSION_OTHER:
        snprintf(reader->error, STORE_ERROR_MAX,
                 "'%s' has version %u of the journal's format, this musterd reads version %d; use "
                 "the musterd that wrote it",
                 name, reader->scan.header.version, FORMAT_VERSION);
        return STORE_VERSION;
    case FORMAT_NOT_OURS: break;
    }
    snprintf(reader->error, STORE_ERROR_MAX,
             "'%s' is not a file of a muster journal; remove it if it does not belong here, "
             "otherwise " RESCUE,
             name);
    return STORE_CORRUPT;
}

static enum store_status judge_identity(struct reader *reader, enum file_kind kind, uint64_t number)
{
    const struct file_header *header = &reader->scan.header;
    struct replay *replay = reader->replay;
    const char *name = reader->scan.name;

    if (!replay->has_id) {
        replay->has_id = true;
        memcpy(replay->id, header->id, sizeof(replay->id));
    }
    if (memcmp(replay->id, header->id, sizeof(replay->id)) != 0) {
        snprintf(reader->error, STORE_ERROR_MAX,
                 "'%s' belongs to the journal of another data directory; " RESCUE, name);
        return STORE_CORRUPT;
    }
    if (header->kind != kind || header->number != number) {
        snprintf(reader->error, STORE_ERROR_MAX,
                 "'%s' is another file of this journal under a wrong name; " RESCUE, name);
        return STORE_CORRUPT;
    }
    if (kind == FILE_SEGMENT && header->bytes != reader->scan.size) {
        char what[64];

        snprintf(what, sizeof(what), "it should have %llu bytes",
                 (unsigned long long)header->bytes);
        return damaged(reader, name, reader->scan.size, what);
    }
    return STORE_OK;
}

/* The scan is open after STORE_OK alone. */
static enum store_status open_file(struct reader *reader, enum file_kind kind, uint64_t number)
{
    struct replay *replay = reader->replay;
    enum format_status format = FORMAT_OK;
    char name[DISK_NAME_MAX + 1];
    enum store_status status;
    int error;

    format_name(kind, number, name);
    error = scan_open(&reader->scan, replay->disk, name, &format);
    if (error != 0) {
        return io_failed(reader, "read", error);
    }
    status = judge_status(reader, format);
    if (status == STORE_OK) {
        status = judge_identity(reader, kind, number);
    }
    if (status == STORE_OK && replay->sync) {
        error = replay->disk->table->sync(replay->disk, reader->scan.file);
        status = error == 0 ? STORE_OK : io_failed(reader, "sync", error);
    }
    if (status != STORE_OK) {
        scan_close(&reader->scan);
    }
    return status;
}

/* ---- batches ---- */

static enum store_status take_batch(struct reader *reader, const struct batch_header *batch,
                                    struct mst_span payload)
{
    struct replay *replay = reader->replay;
    const struct store_recovery *to = replay->to;
    enum store_status status = STORE_OK;

    if (batch->seq < replay->seq) {
        return damaged(reader, reader->scan.name, reader->scan.at, "its records are out of order");
    }
    replay->seq = batch->seq;
    replay->batches++;
    replay->record_bytes += payload.len;
    replay->read_bytes += format_batch_bytes(payload.len);
    if (replay->progress != NULL) {
        replay->progress(replay);
    }
    if (to != NULL && payload.len > 0) {
        status = to->apply(to->user, payload, batch->seq, scan_place(&reader->scan));
    }
    if (status == STORE_NO_MEMORY) {
        return no_memory(reader);
    }
    if (status != STORE_OK) {
        snprintf(reader->error, STORE_ERROR_MAX,
                 "the records in '%s' at offset %llu make no sense to this musterd; " RESCUE,
                 reader->scan.name, (unsigned long long)reader->scan.at);
    }
    return status;
}

/* ---- the checkpoint ---- */

static enum store_status take_kept(struct reader *reader, struct mst_span payload)
{
    struct replay *replay = reader->replay;
    size_t count = payload.len / FILES_ENTRY_BYTES;
    size_t all = replay->kept_count + count;
    struct files_entry *kept = realloc(replay->kept, (all + 1) * sizeof(*kept));

    if (kept == NULL) {
        return no_memory(reader);
    }
    replay->kept = kept;
    for (size_t i = 0; i < count; i++) {
        struct files_entry entry = format_entry_decode(payload.data + i * FILES_ENTRY_BYTES);
        char name[DISK_NAME_MAX + 1];

        if (files_find(replay->files, entry.number) == NULL) {
            snprintf(name, sizeof(name), "...-%010llu", (unsigned long long)entry.number);
            return missing(reader, name, "message bodies stand in it");
        }
        kept[replay->kept_count++] = entry;
    }
    return STORE_OK;
}

/* It should go on. */
static enum store_status file_ended(struct reader *reader, enum scan_status scanned,
                                    const char *what)
{
    if (scanned == SCAN_IO || scanned == SCAN_NO_MEMORY) {
        return io_failed(reader, "read", scanned == SCAN_IO ? reader->scan.error : -ENOMEM);
    }
    return damaged(reader, reader->scan.name, reader->scan.offset, what);
}

static enum scan_status next_batch(struct reader *reader, struct batch_header *batch,
                                   struct mst_span *payload)
{
    const struct store_recovery *to = reader->replay->to;
    enum scan_status scanned;

    do {
        scanned = scan_next(&reader->scan, batch, payload);
    } while (scanned == SCAN_NO_MEMORY && to != NULL && to->lend_memory != NULL &&
             to->lend_memory(to->user));
    return scanned;
}

static enum store_status read_checkpoint(struct reader *reader)
{
    enum store_status status = STORE_OK;
    enum scan_status scanned = SCAN_BATCH;
    struct batch_header batch = {0};
    struct mst_span payload;

    reader->scan.index = 1;
    while (status == STORE_OK && (batch.flags & BATCH_LAST) == 0) {
        scanned = next_batch(reader, &batch, &payload);
        if (scanned != SCAN_BATCH) {
            status = file_ended(reader, scanned, "a part of the checkpoint is not readable");
        } else if ((batch.flags & BATCH_FILES) != 0) {
            status = take_kept(reader, payload);
        } else {
            status = take_batch(reader, &batch, payload);
        }
    }
    return status;
}

static enum store_status replay_checkpoint(struct reader *reader)
{
    struct replay *replay = reader->replay;
    enum store_status status = open_file(reader, FILE_CHECKPOINT, replay->checkpoint);

    if (status != STORE_OK) {
        return status;
    }
    replay->first_segment = reader->scan.header.next_segment;
    replay->index = reader->scan.header.next_batch - 1;
    status = read_checkpoint(reader);
    scan_close(&reader->scan);
    return status;
}

/* ---- the log ---- */

static void set_hole(struct reader *reader, bool is_torn)
{
    memcpy(reader->hole.name, reader->scan.name, sizeof(reader->hole.name));
    reader->hole.offset = reader->scan.offset;
    reader->hole.is_torn = is_torn;
}

/* A good batch follows, but not the next one. */
static enum store_status batches_missing(struct reader *reader, const struct batch_header *batch)
{
    char what[192];

    /* It is missing here, unless this file is whole: then it should be at the end of an earlier. */
    if (reader->scan.at != reader->scan.offset || reader->hole.name[0] == '\0') {
        set_hole(reader, true);
    }
    snprintf(what, sizeof(what),
             "batch %llu is not readable, but batch %llu follows in '%s' at %llu",
             (unsigned long long)reader->replay->index + 1, (unsigned long long)batch->index,
             reader->scan.name, (unsigned long long)reader->scan.at);
    return damaged(reader, reader->hole.name, reader->hole.offset, what);
}

static enum store_status segment_ended(struct reader *reader, enum scan_status scanned,
                                       const struct batch_header *batch,
                                       struct replay_segment *segment)
{
    segment->end = reader->scan.offset;
    if (scanned == SCAN_CORRUPT) {
        return batches_missing(reader, batch);
    }
    if (scanned == SCAN_TORN) {
        segment->dirty = reader->scan.dirty;
    } else if (scanned != SCAN_END) {
        return file_ended(reader, scanned, "");
    }
    /* Behind the last good batch; of several places the first where something was begun. */
    if (segment->end > STORE_SECTOR || reader->hole.name[0] == '\0' ||
        (scanned == SCAN_TORN && !reader->hole.is_torn)) {
        set_hole(reader, scanned == SCAN_TORN);
    }
    return STORE_OK;
}

static enum store_status read_segment(struct reader *reader, struct replay_segment *segment)
{
    struct replay *replay = reader->replay;
    struct batch_header batch;
    struct mst_span payload;
    enum scan_status scanned;

    reader->scan.index = replay->index + 1;
    while ((scanned = next_batch(reader, &batch, &payload)) == SCAN_BATCH) {
        enum store_status status = take_batch(reader, &batch, payload);

        if (status != STORE_OK) {
            return status;
        }
        replay->index = batch.index;
        replay->last_at = reader->scan.at;
        replay->active = segment->header.number;
        replay->is_closed = (batch.flags & BATCH_CLOSING) != 0;
    }
    return segment_ended(reader, scanned, &batch, segment);
}

/* Is the one before it the one that it names? */
static enum store_status judge_chain(const struct reader *reader,
                                     const struct replay_segment *segment)
{
    const struct replay *replay = reader->replay;
    uint64_t previous = segment->header.previous;
    bool is_first = replay->log_count == 1;
    char name[DISK_NAME_MAX + 1], why[DISK_NAME_MAX + 64];

    if (is_first ? previous == 0 || previous < replay->first_segment
                 : previous == segment[-1].header.number) {
        return STORE_OK;
    }
    format_name(FILE_SEGMENT, previous, name);
    snprintf(why, sizeof(why), "'%s' comes behind it in the log", reader->scan.name);
    return missing(reader, name, why);
}

static enum store_status replay_segment(struct reader *reader, uint64_t number)
{
    struct replay *replay = reader->replay;
    struct replay_segment *log;
    enum store_status status = open_file(reader, FILE_SEGMENT, number);

    if (status != STORE_OK) {
        return status;
    }
    log = realloc(replay->log, (replay->log_count + 1) * sizeof(*log));
    if (log == NULL) {
        scan_close(&reader->scan);
        return no_memory(reader);
    }
    replay->log = log;
    log += replay->log_count++;
    *log = (struct replay_segment){.header = reader->scan.header, .end = STORE_SECTOR};
    replay->active = replay->active == 0 ? number : replay->active;
    status = judge_chain(reader, log);
    if (status == STORE_OK) {
        status = read_segment(reader, log);
    }
    scan_close(&reader->scan);
    return status;
}

static enum store_status replay_log(struct reader *reader)
{
    struct replay *replay = reader->replay;
    enum store_status status = STORE_OK;
    char name[DISK_NAME_MAX + 1];

    for (size_t i = 0; i < replay->files->count && status == STORE_OK; i++) {
        const struct store_file *file = &replay->files->items[i];

        if (file->kind == FILE_SEGMENT && file->number >= replay->first_segment) {
            status = replay_segment(reader, file->number);
        }
    }
    if (status == STORE_OK && replay->log_count == 0 && replay->files->count > 0 &&
        !replay->is_part) {
        format_name(FILE_SEGMENT, replay->first_segment, name);
        return missing(reader, name, "the log goes on in it");
    }
    return status;
}

/* ---- the last batch ---- */

static enum store_status confirm(struct reader *reader)
{
    struct scan *scan = &reader->scan;
    struct batch_header batch;
    struct mst_span payload;
    enum scan_status scanned;

    scan->disk->table->forget(scan->disk, scan->file);
    scan->offset = reader->replay->last_at;
    scan->index = reader->replay->index;
    scanned = scan_next(scan, &batch, &payload);
    if (scanned == SCAN_BATCH) {
        return STORE_OK;
    }
    if (scanned == SCAN_IO || scanned == SCAN_NO_MEMORY) {
        return file_ended(reader, scanned, "");
    }
    snprintf(reader->error, STORE_ERROR_MAX,
             "the last batch in '%s', at offset %llu, never reached the disk because a sync of it "
             "failed; see to the disk and start again",
             scan->name, (unsigned long long)reader->replay->last_at);
    return STORE_IO;
}

enum store_status replay_confirm(struct replay *replay, char error[STORE_ERROR_MAX])
{
    struct reader reader = {.replay = replay, .error = error};
    enum store_status status;

    if (replay->last_at == 0 || replay->is_closed) {
        return STORE_OK;
    }
    status = open_file(&reader, FILE_SEGMENT, replay->active);
    if (status == STORE_OK) {
        status = confirm(&reader);
        scan_close(&reader.scan);
    }
    return status;
}

/* ---- older files with bodies ---- */

static enum store_status check_kept(struct reader *reader, const struct files_entry *entry)
{
    struct replay *replay = reader->replay;
    enum file_kind kind = files_find(replay->files, entry->number)->kind;
    enum store_status status = open_file(reader, kind, entry->number);
    enum scan_status scanned;
    struct batch_header batch;
    struct mst_span payload;

    if (status != STORE_OK) {
        return status;
    }
    while (reader->scan.offset < entry->end &&
           (scanned = next_batch(reader, &batch, &payload)) == SCAN_BATCH) {
        replay->batches++;
        replay->read_bytes += format_batch_bytes(payload.len);
    }
    if (reader->scan.offset < entry->end) {
        status = file_ended(reader, scanned, "message bodies stand there that are still wanted");
    }
    scan_close(&reader->scan);
    return status;
}

enum store_status replay_check_kept(struct replay *replay, char error[STORE_ERROR_MAX])
{
    struct reader reader = {.replay = replay, .error = error};
    enum store_status status = STORE_OK;

    for (size_t i = 0; i < replay->kept_count && status == STORE_OK; i++) {
        status = check_kept(&reader, &replay->kept[i]);
    }
    return status;
}

/* ---- all of it ---- */

enum store_status replay_run(struct replay *replay, char error[STORE_ERROR_MAX])
{
    struct reader reader = {.replay = replay, .error = error};
    enum store_status status = STORE_OK;

    error[0] = '\0';
    replay->is_closed = true;
    if (replay->checkpoint != 0) {
        status = replay_checkpoint(&reader);
    }
    return status == STORE_OK ? replay_log(&reader) : status;
}

void replay_clear(struct replay *replay)
{
    free(replay->kept);
    free(replay->log);
    replay->kept = NULL;
    replay->log = NULL;
    replay->kept_count = replay->log_count = 0;
}
