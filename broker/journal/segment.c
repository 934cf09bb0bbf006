/* segment.c - the segments that the log will go on in, made before they are needed. See internal.h.
 *
 * A new one is written full of zeros under a temporary name, because overwriting written blocks
 * syncs faster than extending a file; one that has served is given a new header with a new key, so
 * that nothing in it is a batch any more. Once a segment has its final name its header is durable.
 * Invariant: of the row, only the last can be without a successor that names it. */
#include "broker/journal/compact.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define ZEROS_BYTES ((size_t)1 << 20)

/* ---- the files ---- */

static int write_zeros(struct disk *disk, int file, uint64_t from, uint64_t to)
{
    uint8_t *memory = calloc(1, ZEROS_BYTES + STORE_SECTOR);
    /* Whole sectors of memory go to the disk as they are, and leave the page cache alone. */
    size_t before = STORE_SECTOR - (uintptr_t)memory % STORE_SECTOR;
    int error = memory == NULL ? -ENOMEM : 0;

    while (error == 0 && from < to) {
        size_t len = to - from < ZEROS_BYTES ? (size_t)(to - from) : ZEROS_BYTES;

        /* Synced piece by piece: a batch that is synced meanwhile does not wait for all of it. */
        error = disk->table->write(disk, file, from, memory + before, len);
        error = error != 0 ? error : disk->table->sync(disk, file);
        from += len;
    }
    free(memory);
    return error;
}

int segment_blank(struct disk *disk, const char *name, uint64_t from, uint64_t to)
{
    int file = disk->table->open(disk, name, DISK_UPDATE);
    int error = file < 0 ? file : write_zeros(disk, file, from, to);

    if (file >= 0) {
        disk->table->close(disk, file);
    }
    return error;
}

static int write_header(struct disk *disk, int file, const struct file_header *header)
{
    uint8_t sector[STORE_SECTOR];
    int error;

    format_header_encode(header, sector);
    error = disk->table->write(disk, file, 0, sector, sizeof(sector));
    return error != 0 ? error : disk->table->sync(disk, file);
}

/* The file has everything but its final name: name it. */
static int install(struct segment_job *job, const char *from)
{
    char name[DISK_NAME_MAX + 1];
    int error;

    format_name(FILE_SEGMENT, job->header.number, name);
    error = job->disk->table->rename(job->disk, from, name);
    return error != 0 ? error : job->disk->table->sync_dir(job->disk);
}

static int make_new(struct segment_job *job)
{
    struct disk *disk = job->disk;
    char name[DISK_NAME_MAX + 1];
    int error;

    format_name_new(FILE_SEGMENT, job->header.number, name);
    job->file = disk->table->open(disk, name, DISK_CREATE);
    if (job->file < 0) {
        return job->file;
    }
    error = write_zeros(disk, job->file, STORE_SECTOR, job->header.bytes);
    error = error != 0 ? error : write_header(disk, job->file, &job->header);
    error = error != 0 ? error : install(job, name);
    if (error != 0) {
        disk->table->close(disk, job->file);
        disk->table->remove(disk, name); /* what could not be finished is in the way of the next */
    }
    return error;
}

static int make_recycled(struct segment_job *job)
{
    struct disk *disk = job->disk;
    char name[DISK_NAME_MAX + 1];
    int error;

    format_name(FILE_SEGMENT, job->recycled, name);
    job->file = disk->table->open(disk, name, DISK_UPDATE);
    if (job->file < 0) {
        return job->file;
    }
    error = write_header(disk, job->file, &job->header);
    error = error != 0 ? error : install(job, name);
    if (error != 0) {
        disk->table->close(disk, job->file);
    }
    return error;
}

static void make_work(struct job *given)
{
    struct segment_job *job = (struct segment_job *)given;

    job->error = job->recycled != 0 ? make_recycled(job) : make_new(job);
    job->room = job->disk->table->room(job->disk);
}

/* ---- the row ---- */

static struct segment *row_end(const struct store *store)
{
    struct segment *segment = store->writer.active;

    while (segment != NULL && segment->next != NULL) {
        segment = segment->next;
    }
    return segment;
}

static struct segment *first_wanted(const struct store *store)
{
    struct segment *segment = store->writer.active;

    while (segment != NULL && segment->state != SEGMENT_WANTED) {
        segment = segment->next;
    }
    return segment;
}

/* A new log begins with small ones; each is twice as large as the one before. */
static uint64_t next_bytes(const struct store *store)
{
    const struct segment *end = row_end(store);
    uint64_t bytes = end == NULL ? 0 : 2 * end->bytes;

    bytes = bytes < store->writer.first_bytes ? store->writer.first_bytes : bytes;
    return bytes < store->config.segment_bytes ? bytes : store->config.segment_bytes;
}

struct segment *segment_want(struct store *store, uint64_t bytes)
{
    struct segment *segment = calloc(1, sizeof(*segment));
    struct segment *end = row_end(store);

    if (segment == NULL) {
        return NULL;
    }
    segment->bytes = bytes > next_bytes(store) ? bytes : next_bytes(store);
    segment->previous = end == NULL ? store->writer.previous : end->number;
    segment->number = store_take_number(store);
    segment->offset = STORE_SECTOR;
    segment->state = SEGMENT_WANTED;
    segment->file = -1;
    store->ports.entropy(store->ports.user, segment->key, sizeof(segment->key));
    if (end == NULL) {
        store->writer.active = segment;
    } else {
        end->next = segment;
    }
    return segment;
}

/* ---- made by a job ---- */

static void job_init(struct store *store, struct segment *segment)
{
    struct segment_job *job = &store->writer.make;

    *job = (struct segment_job){.job = {.work = make_work, .lane = JOB_PREPARE},
                                .store = store,
                                .disk = store->ports.disk,
                                .file = -1};
    job->header = (struct file_header){.kind = FILE_SEGMENT,
                                       .number = segment->number,
                                       .bytes = segment->bytes,
                                       .previous = segment->previous};
    memcpy(job->header.id, store->id, sizeof(store->id));
    memcpy(job->header.key, segment->key, sizeof(segment->key));
    if (store->writer.recyclable != 0 && store->writer.recyclable_bytes == segment->bytes) {
        job->recycled = store->writer.recyclable;
        job->header.is_recycled = true;
        store->writer.recyclable = 0;
    }
    segment->state = SEGMENT_MAKING;
}

/* 0, or what went wrong, which is the store's failure if it is more than a lack of room. */
static int take_over(struct store *store, struct segment *segment)
{
    const struct segment_job *job = &store->writer.make;
    struct store_file file = {.number = segment->number,
                              .kind = FILE_SEGMENT,
                              .is_spare = true,
                              .bytes = segment->bytes,
                              .end = STORE_SECTOR};

    bool has_room;

    store->room = job->room;
    segment->state = job->error == 0 ? SEGMENT_READY : SEGMENT_WANTED;
    segment->file = job->error == 0 ? job->file : -1;
    if (job->error == 0) {
        has_room = files_add(&store->files, &file);
        assert(has_room); /* which was reserved */
    }
    return job->error;
}

static void complain(struct store *store, int error, const struct segment *segment)
{
    struct writer *writer = &store->writer;
    char text[STORE_ERROR_TEXT_MAX], name[DISK_NAME_MAX + 1];

    store_error_text(error, text, sizeof(text));
    format_name(FILE_SEGMENT, segment->number, name);
    if (error != -ENOSPC && error != -EDQUOT && error != -ENOMEM) {
        store_fail(store, "cannot make '%s' of %llu bytes in the data directory: %s", name,
                   (unsigned long long)segment->bytes, text);
        return;
    }
    writer->retry_ns = store->now_ns + STORE_RETRY_NS;
    if (!writer->has_complained || store->now_ns - writer->complained_ns > STORE_COMPLAINT_NS) {
        writer->has_complained = true;
        writer->complained_ns = store->now_ns;
        store_log(&store->ports, STORE_LOG_WARNING,
                  "cannot make '%s' of %llu bytes in the data directory: %s; trying again, free "
                  "some %s",
                  name, (unsigned long long)segment->bytes, text,
                  error == -ENOMEM ? "memory" : "space");
    }
}

static void make_done(struct job *given)
{
    struct segment_job *job = (struct segment_job *)given;
    struct store *store = job->store;
    struct segment *segment = store->writer.active;
    int error;

    while (segment->number != job->header.number) {
        segment = segment->next; /* it stays in the row until it is written to */
    }
    store->writer.is_making = false;
    error = take_over(store, segment);
    if (error != 0) {
        complain(store, error, segment);
    }
    writer_pump(store);
}

void segment_make_next(struct store *store)
{
    struct writer *writer = &store->writer;
    struct segment *segment = first_wanted(store);

    if (writer->is_making || segment == NULL || writer->retry_ns != 0 || store->failed) {
        return;
    }
    if (!files_reserve(&store->files, FILES_AHEAD)) {
        complain(store, -ENOMEM, segment);
        return;
    }
    if (writer->recyclable == 0 && !compact_may_grow(store, segment->bytes)) {
        return; /* compaction is about to make one free */
    }
    job_init(store, segment);
    writer->make.job.done = make_done;
    writer->is_making = true;
    store_submit(store, &writer->make.job);
}

int segment_make_now(struct store *store, struct segment *segment)
{
    if (!files_reserve(&store->files, FILES_AHEAD)) {
        return -ENOMEM;
    }
    job_init(store, segment);
    make_work(&store->writer.make.job);
    return take_over(store, segment);
}

void segment_close(struct disk *disk, struct segment *segment)
{
    if (segment->file >= 0) {
        disk->table->close(disk, segment->file);
        segment->file = -1;
    }
}

bool writer_recycle(struct store *store, uint64_t number)
{
    struct writer *writer = &store->writer;
    const struct store_file *file = files_find(&store->files, number);
    const struct segment *wanted = first_wanted(store);
    uint64_t bytes = wanted != NULL ? wanted->bytes : next_bytes(store);

    assert(file != NULL && file->kind == FILE_SEGMENT && file->readers == 0);
    /* One is of use if the next is not made already. */
    if (writer->recyclable != 0 || file->bytes != bytes || store->failed ||
        (wanted == NULL && writer->active->next != NULL)) {
        return false;
    }
    writer->recyclable = number;
    writer->recyclable_bytes = bytes;
    files_drop(&store->files, number);
    writer->retry_ns = 0;
    writer_pump(store);
    return true;
}
