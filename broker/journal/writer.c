/* writer.c - batches into the log, one at a time. See internal.h.
 *
 * A batch is taken, gets its place, waits for its segment, is written and synced by a job, and then
 * is durable. The next is taken only when it is; but for a closing batch, which the writer makes
 * itself when nothing happens, and behind which a batch may wait.
 * Invariant: at most one write is under way; `active` is the segment of the last batch that was
 * written or is being written; `target`, where the batch that waits goes, is it or a later. */
#include "broker/journal/internal.h"

#include <assert.h>
#include <stdlib.h>

/* ---- a job: one write, one sync ---- */

static void close_retired(struct disk *disk, struct segment *retired)
{
    for (; retired != NULL; retired = retired->next) {
        segment_close(disk, retired);
    }
}

static void write_work(struct job *given)
{
    struct writer_job *job = (struct writer_job *)given;
    struct disk *disk = job->disk;
    int64_t started_ns = job->ports->now_ns(job->ports->user);
    struct mst_span payload = mst_span_of(job->bytes + BATCH_HEADER_BYTES, job->header.len);

    close_retired(disk, job->retired);
    format_batch_encode(job->key, &job->header, payload, job->bytes);
    job->error = disk->table->write(disk, job->file, job->offset, job->bytes, job->len);
    if (job->error == 0) {
        job->error = disk->table->sync(disk, job->file);
        job->is_sync = job->error != 0;
    }
    job->room = disk->table->room(disk);
    job->took_ns = job->ports->now_ns(job->ports->user) - started_ns;
}

static void free_row(struct segment **row)
{
    while (*row != NULL) {
        struct segment *segment = *row;

        *row = segment->next;
        free(segment);
    }
}

static void write_failed(struct store *store, const struct writer_job *job)
{
    char text[STORE_ERROR_TEXT_MAX], name[DISK_NAME_MAX + 1];

    store_error_text(job->error, text, sizeof(text));
    format_name(FILE_SEGMENT, job->number, name);
    store_fail(store, "cannot %s '%s' in the data directory at offset %llu: %s",
               job->is_sync ? "sync" : "write", name, (unsigned long long)job->offset, text);
}

static void write_done(struct job *given)
{
    struct writer_job *job = (struct writer_job *)given;
    struct store *store = job->store;
    struct writer *writer = &store->writer;

    free_row(&job->retired);
    writer->is_writing = false;
    store->room = job->room;
    if (job->error != 0) {
        write_failed(store, job);
    }
    if (store->failed) {
        return;
    }
    writer->durable = job->header.seq;
    writer->was_busy = true;
    store->figures.batches++;
    store->figures.syncs++;
    store->figures.records_bytes += job->header.len;
    store->figures.sync_ns_last = job->took_ns;
    writer_pump(store);
}

/* ---- the active segment ---- */

/* Its successor is the active one. */
static void retire_active(struct writer *writer)
{
    struct segment *active = writer->active;

    writer->active = active->next;
    active->next = writer->retired;
    writer->retired = active;
}

static uint64_t rest_of(const struct segment *segment)
{
    return segment->bytes - segment->offset;
}

/* The first in the row that has room; one that is still to be made, if there is none. */
static struct segment *place_batch(struct store *store, uint64_t bytes)
{
    struct segment *segment = store->writer.active;

    while (segment != NULL && rest_of(segment) < bytes) {
        segment = segment->next;
    }
    return segment != NULL ? segment : segment_want(store, STORE_SECTOR + bytes);
}

/* ---- writing ---- */

static void submit_write(struct store *store, const struct batch_header *header, uint8_t *bytes)
{
    struct writer *writer = &store->writer;
    struct segment *active = writer->active;
    struct writer_job *job = &writer->write;
    struct store_file *file = files_find(&store->files, active->number);

    *job = (struct writer_job){
        .job = {.work = write_work, .done = write_done, .lane = JOB_WRITE},
        .store = store,
        .ports = &store->ports,
        .disk = store->ports.disk,
        .header = *header,
        .number = active->number,
        .file = active->file,
        .offset = active->offset,
        .bytes = bytes,
        .len = (size_t)format_batch_bytes(header->len),
        .retired = writer->retired,
    };
    memcpy(job->key, active->key, sizeof(job->key));
    active->offset += job->len;
    file->is_spare = false;
    file->end = active->offset;
    writer->retired = NULL;
    writer->is_writing = true;
    writer->is_closed = (header->flags & BATCH_CLOSING) != 0;
    store_submit(store, &job->job);
}

static void write_waiting(struct store *store)
{
    struct writer *writer = &store->writer;
    struct batch_header header = {
        .index = writer->index, .seq = writer->seq, .len = writer->waiting_len};

    while (writer->active != writer->target) {
        retire_active(writer);
    }
    writer->target = NULL;
    submit_write(store, &header, writer->buffer.data + writer->buffer.start);
}

/* ---- a seal ---- */

static void try_seal(struct store *store)
{
    struct writer *writer = &store->writer;
    bool is_fresh = writer->active->offset == STORE_SECTOR;

    if (!writer->seal.is_wanted || writer->seal.is_done || writer->is_writing ||
        writer->target != NULL) {
        return;
    }
    if (!is_fresh && writer->active->next == NULL) {
        segment_want(store, 0);
    }
    if (!is_fresh &&
        (writer->active->next == NULL || writer->active->next->state != SEGMENT_READY)) {
        return;
    }
    if (!is_fresh) {
        retire_active(writer);
    }
    writer->seal.is_done = true;
    writer->seal.next_segment = writer->active->number;
    writer->seal.next_batch = writer->index + 1;
    writer->seal.seq = writer->seq;
}

void writer_seal(struct store *store)
{
    assert(!store->writer.seal.is_wanted);
    store->writer.seal = (struct seal){.is_wanted = true};
    writer_pump(store);
}

void writer_unseal(struct store *store)
{
    store->writer.seal = (struct seal){0};
}

/* ---- what can go on ---- */

void writer_pump(struct store *store)
{
    struct writer *writer = &store->writer;
    const struct segment *active;

    if (store->failed) {
        return;
    }
    if (!writer->is_writing && writer->target != NULL && writer->target->state == SEGMENT_READY) {
        write_waiting(store);
    }
    try_seal(store);
    active = writer->active;
    if (active->next == NULL && active->offset > active->bytes / STORE_SPARE_AT_PART) {
        segment_want(store, 0);
    }
    segment_make_next(store);
}

/* ---- batches ---- */

/* The bytes go into `buffer`, behind room for the header; the caller gets the memory of the batch
 * before, with such room at its front, so that in the steady state nothing is copied. */
static bool take_records(struct writer *writer, struct mst_buf *records)
{
    struct mst_buf free_one = writer->buffer;
    size_t len = mst_buf_size(records);
    size_t padding = (size_t)format_batch_bytes(len) - BATCH_HEADER_BYTES - len;

    if (!mst_buf_reserve(records, BATCH_HEADER_BYTES + padding)) {
        return false;
    }
    writer->buffer = *records;
    mst_buf_reset(&free_one);
    if (free_one.cap >= BATCH_HEADER_BYTES) {
        free_one.start = free_one.len = BATCH_HEADER_BYTES;
    }
    *records = free_one;
    if (writer->buffer.start < BATCH_HEADER_BYTES) {
        memmove(writer->buffer.data + BATCH_HEADER_BYTES,
                writer->buffer.data + writer->buffer.start, len);
        writer->buffer.start = BATCH_HEADER_BYTES;
        writer->buffer.len = BATCH_HEADER_BYTES + len;
    }
    writer->buffer.start -= BATCH_HEADER_BYTES;
    memset(writer->buffer.data + writer->buffer.len, 0, padding);
    return true;
}

/* Counts it, and says where it goes. */
static uint64_t take_batch(struct store *store, const struct journal_batch *batch, size_t len,
                           struct segment *target)
{
    struct writer *writer = &store->writer;

    writer->target = target;
    writer->waiting_len = (uint32_t)len;
    writer->index++;
    writer->seq = batch->seq;
    return format_place(target->number, target->offset + BATCH_HEADER_BYTES);
}

uint64_t writer_append(struct journal *journal, const struct journal_batch *batch)
{
    struct store *store = store_of(journal);
    struct writer *writer = &store->writer;
    size_t len = mst_buf_size(batch->records);
    struct segment *target;
    uint64_t place;

    assert(writer->target == NULL && writer->durable == writer->seq && batch->seq >= writer->seq);
    store->live_bytes = batch->live_bytes;
    store->kept = batch->kept;
    if (len > BATCH_PAYLOAD_MAX) {
        store_fail(store, "a batch of %zu bytes is too large for the journal", len);
    }
    if (store->failed) {
        mst_buf_reset(batch->records);
        return 0;
    }
    target = place_batch(store, format_batch_bytes(len));
    if (target == NULL || !take_records(writer, batch->records)) {
        return 0; /* out of memory: it is the caller's still */
    }
    place = take_batch(store, batch, len, target);
    writer_pump(store);
    return place;
}

uint64_t writer_durable(const struct journal *journal)
{
    return store_of_const(journal)->writer.durable;
}

uint64_t writer_room(const struct store *store)
{
    uint64_t room = 0;

    for (const struct segment *segment = store->writer.active; segment != NULL;
         segment = segment->next) {
        room += segment->state == SEGMENT_READY ? rest_of(segment) : 0;
    }
    return room;
}

/* ---- time ---- */

/* Nothing is under way, and the last batch could be taken for a torn one if it were damaged. */
static bool wants_closing(const struct writer *writer)
{
    return !writer->is_closed && !writer->is_writing && writer->target == NULL;
}

/* Otherwise a turn can do nothing before a segment is made. */
static bool has_room_ready(const struct writer *writer, uint64_t bytes)
{
    const struct segment *segment = writer->active;

    while (segment != NULL && rest_of(segment) < bytes) {
        segment = segment->next;
    }
    return segment == NULL || segment->state == SEGMENT_READY;
}

static void write_closing(struct store *store)
{
    struct writer *writer = &store->writer;
    struct segment *segment = place_batch(store, STORE_SECTOR);
    struct batch_header header = {
        .index = writer->index + 1, .seq = writer->seq, .flags = BATCH_CLOSING};

    if (segment == NULL || segment->state != SEGMENT_READY) {
        return; /* when it is there */
    }
    while (writer->active != segment) {
        retire_active(writer);
    }
    writer->index++;
    submit_write(store, &header, writer->closing);
}

void writer_turn(struct store *store, int64_t now_ns)
{
    struct writer *writer = &store->writer;

    store->now_ns = now_ns;
    if (store->failed) {
        return;
    }
    if (writer->was_busy) {
        writer->was_busy = false;
        writer->idle_since_ns = now_ns;
    }
    if (writer->retry_ns != 0 && now_ns >= writer->retry_ns) {
        writer->retry_ns = 0;
    }
    if (wants_closing(writer) && now_ns - writer->idle_since_ns >= store->config.idle_ns) {
        mst_buf_reset(&writer->buffer);
        mst_buf_shrink(&writer->buffer, STORE_IDLE_BUFFER_BYTES);
        write_closing(store);
    }
    writer_pump(store);
}

int64_t writer_deadline_ns(const struct store *store)
{
    const struct writer *writer = &store->writer;
    int64_t retry_ns = writer->retry_ns != 0 ? writer->retry_ns : INT64_MAX;
    int64_t closing_ns = INT64_MAX;

    if (store->failed) {
        return INT64_MAX;
    }
    if (wants_closing(writer) && has_room_ready(writer, STORE_SECTOR)) {
        closing_ns = writer->was_busy ? 0 : writer->idle_since_ns + store->config.idle_ns;
    }
    return retry_ns < closing_ns ? retry_ns : closing_ns;
}

void writer_free(struct store *store)
{
    struct writer *writer = &store->writer;

    for (struct segment *segment = writer->active; segment != NULL; segment = segment->next) {
        segment_close(store->ports.disk, segment);
    }
    close_retired(store->ports.disk, writer->retired);
    close_retired(store->ports.disk, writer->write.retired);
    free_row(&writer->active);
    free_row(&writer->retired);
    free_row(&writer->write.retired);
    mst_buf_clear(&writer->buffer);
}
