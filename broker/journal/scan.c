/* scan.c - the batches of one file, in order. See scan.h.
 *
 * Invariant: the buffer holds the file's bytes from buffer_at on; a batch is given out only when
 * its checksum is right and its index is the one that comes next. Must not know: other files. */
#include "broker/journal/scan.h"

#define READ_AHEAD_BYTES ((size_t)1 << 20)

enum verdict { GOOD, BAD, FAILED };

int scan_open(struct scan *scan, struct disk *disk, const char *name,
              enum format_status *header_out)
{
    uint8_t sector[STORE_SECTOR];
    int64_t n;

    *scan = (struct scan){.disk = disk, .offset = STORE_SECTOR, .buffer_at = STORE_SECTOR};
    memcpy(scan->name, name, strnlen(name, DISK_NAME_MAX));
    mst_buf_init(&scan->buffer);
    scan->file = disk->table->open(disk, name, DISK_READ);
    if (scan->file < 0) {
        return scan->file;
    }
    n = disk->table->size(disk, scan->file);
    if (n >= 0) {
        scan->size = (uint64_t)n;
        n = disk->table->read(disk, scan->file, 0, sector, sizeof(sector));
    }
    if (n < 0) {
        scan_close(scan);
        return (int)n;
    }
    *header_out = format_header_decode(mst_span_of(sector, (size_t)n), &scan->header);
    return 0;
}

/* ---- the buffer ---- */

/* Lets go of what is before offset, and reads until len bytes are there or the file ends. */
static bool fill(struct scan *scan, uint64_t offset, size_t len, enum scan_status *trouble)
{
    size_t held = mst_buf_size(&scan->buffer);
    uint64_t passed = offset - scan->buffer_at;
    uint64_t rest;
    size_t more;
    int64_t n;

    mst_buf_consume(&scan->buffer, passed < held ? (size_t)passed : held);
    scan->buffer_at = offset;
    held = mst_buf_size(&scan->buffer);
    if (held >= len || offset >= scan->size) {
        return true;
    }
    more = len - held > READ_AHEAD_BYTES ? len - held : READ_AHEAD_BYTES;
    rest = scan->size - offset - held;
    more = rest < more ? (size_t)rest : more;
    if (!mst_buf_reserve(&scan->buffer, more)) {
        *trouble = SCAN_NO_MEMORY;
        return false;
    }
    n = scan->disk->table->read(scan->disk, scan->file, offset + held,
                                scan->buffer.data + scan->buffer.len, more);
    if (n < 0) {
        scan->error = (int)n;
        *trouble = SCAN_IO;
        return false;
    }
    scan->buffer.len += (size_t)n;
    return true;
}

/* ---- one batch ---- */

static enum verdict judge(struct scan *scan, uint64_t offset, struct batch_header *batch,
                          struct mst_span *payload, enum scan_status *trouble)
{
    struct mst_span bytes;

    if (!fill(scan, offset, BATCH_HEADER_BYTES, trouble)) {
        return FAILED;
    }
    if (!format_batch_peek(mst_buf_span(&scan->buffer), batch) ||
        format_batch_bytes(batch->len) > scan->size - offset) {
        return BAD;
    }
    if (!fill(scan, offset, BATCH_HEADER_BYTES + (size_t)batch->len, trouble)) {
        return FAILED;
    }
    bytes = mst_buf_span(&scan->buffer);
    if (!format_batch_check(scan->header.key, bytes) || batch->index < scan->index) {
        return BAD;
    }
    *payload = mst_span_of(bytes.data + BATCH_HEADER_BYTES, batch->len);
    return GOOD;
}

/* ---- nothing good is at offset: what is behind it? ---- */

static bool is_zero(struct mst_span bytes) /* at least one */
{
    return bytes.data[0] == 0 && memcmp(bytes.data, bytes.data + 1, bytes.len - 1) == 0;
}

/* Behind the batches of a recycled segment there are always old bytes: there it takes the beginning
 * of the batch that comes next to tell that one was begun, and what it takes is dirty. Elsewhere
 * whatever is not zero tells. */
static uint64_t begun_until(const struct scan *scan, struct mst_span sector)
{
    struct batch_header batch;
    uint64_t rest = scan->size - scan->offset;

    if (!format_batch_peek(sector, &batch) || batch.index != scan->index) {
        return 0;
    }
    return scan->offset +
           (format_batch_bytes(batch.len) < rest ? format_batch_bytes(batch.len) : rest);
}

static enum scan_status look_behind(struct scan *scan, struct batch_header *batch)
{
    enum scan_status trouble = SCAN_END;
    struct mst_span payload, sector;
    bool is_recycled = scan->header.is_recycled;

    scan->dirty = 0;
    for (uint64_t at = scan->offset; at < scan->size; at += STORE_SECTOR) {
        enum verdict verdict = judge(scan, at, batch, &payload, &trouble);

        if (verdict == GOOD) {
            scan->at = at;
            return SCAN_CORRUPT;
        }
        if (verdict == FAILED || !fill(scan, at, STORE_SECTOR, &trouble)) {
            return trouble;
        }
        sector = mst_buf_span(&scan->buffer);
        sector.len = sector.len < STORE_SECTOR ? sector.len : STORE_SECTOR;
        if (is_recycled && at == scan->offset) {
            scan->dirty = begun_until(scan, sector);
        } else if (!is_recycled && !is_zero(sector)) {
            scan->dirty = at + sector.len;
        }
    }
    return scan->dirty != 0 ? SCAN_TORN : SCAN_END;
}

enum scan_status scan_next(struct scan *scan, struct batch_header *batch, struct mst_span *payload)
{
    enum scan_status trouble = SCAN_END;
    enum verdict verdict;

    if (scan->offset >= scan->size) {
        return SCAN_END;
    }
    verdict = judge(scan, scan->offset, batch, payload, &trouble);
    if (verdict == FAILED) {
        return trouble;
    }
    if (verdict == BAD || (scan->index != 0 && batch->index != scan->index)) {
        return look_behind(scan, batch);
    }
    scan->at = scan->offset;
    scan->offset += format_batch_bytes(batch->len);
    scan->index = batch->index + 1;
    return SCAN_BATCH;
}

uint64_t scan_place(const struct scan *scan)
{
    return format_place(scan->header.number, scan->at + BATCH_HEADER_BYTES);
}

void scan_close(struct scan *scan)
{
    mst_buf_clear(&scan->buffer);
    scan->disk->table->close(scan->disk, scan->file);
    scan->file = -1;
}
