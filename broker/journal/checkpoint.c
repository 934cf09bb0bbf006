/* checkpoint.c - a checkpoint on its way to the disk. See checkpoint.h. */
#include "broker/journal/checkpoint.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

static bool is_good(struct checkpoint *checkpoint, int result, const char *tried)
{
    if (result < 0) {
        checkpoint->error = result;
        checkpoint->tried = tried;
    }
    return result >= 0;
}

static bool write_there(struct checkpoint *checkpoint, struct mst_span bytes)
{
    struct disk *disk = checkpoint->disk;

    if (!is_good(
            checkpoint,
            disk->table->write(disk, checkpoint->file, checkpoint->offset, bytes.data, bytes.len),
            "write")) {
        return false;
    }
    checkpoint->offset += bytes.len;
    if (checkpoint->offset - checkpoint->synced >= CHECKPOINT_SYNC_BYTES) {
        checkpoint->synced = checkpoint->offset;
        return is_good(checkpoint, disk->table->sync(disk, checkpoint->file), "sync");
    }
    return true;
}

bool checkpoint_begin(struct checkpoint *checkpoint, struct disk *disk,
                      const struct file_header *header)
{
    uint8_t sector[STORE_SECTOR];

    *checkpoint = (struct checkpoint){.disk = disk, .header = *header, .file = -1};
    mst_buf_init(&checkpoint->buffer);
    format_name(header->kind, header->number, checkpoint->name);
    format_name_new(header->kind, header->number, checkpoint->temporary);
    checkpoint->file = disk->table->open(disk, checkpoint->temporary, DISK_CREATE);
    if (!is_good(checkpoint, checkpoint->file, "make")) {
        return false;
    }
    format_header_encode(header, sector);
    return write_there(checkpoint, mst_span_of(sector, sizeof(sector)));
}

uint64_t checkpoint_place(const struct checkpoint *checkpoint)
{
    return format_place(checkpoint->header.number, checkpoint->offset + BATCH_HEADER_BYTES);
}

bool checkpoint_put(struct checkpoint *checkpoint, uint32_t flags, uint64_t seq,
                    struct mst_span payload)
{
    struct batch_header header = {
        .index = checkpoint->index + 1, .seq = seq, .len = (uint32_t)payload.len, .flags = flags};
    size_t bytes = (size_t)format_batch_bytes(payload.len);
    uint8_t *out;

    /* After the first trouble nothing is put; and pieces are far shorter than batches may be. */
    assert(checkpoint->error == 0 && payload.len <= BATCH_PAYLOAD_MAX);
    mst_buf_reset(&checkpoint->buffer);
    if (!mst_buf_reserve(&checkpoint->buffer, bytes)) {
        return is_good(checkpoint, -ENOMEM, "write");
    }
    out = checkpoint->buffer.data;
    memset(out, 0, bytes);
    format_batch_encode(checkpoint->header.key, &header, payload, out);
    if (payload.len > 0) {
        memcpy(out + BATCH_HEADER_BYTES, payload.data, payload.len);
    }
    checkpoint->index++;
    return write_there(checkpoint, mst_span_of(out, bytes));
}

bool checkpoint_end(struct checkpoint *checkpoint, uint64_t seq)
{
    struct disk *disk = checkpoint->disk;

    if (!checkpoint_put(checkpoint, BATCH_LAST, seq, MST_SPAN_NONE) ||
        !is_good(checkpoint, disk->table->sync(disk, checkpoint->file), "sync")) {
        return false;
    }
    disk->table->close(disk, checkpoint->file);
    checkpoint->file = -1;
    if (!is_good(checkpoint, disk->table->rename(disk, checkpoint->temporary, checkpoint->name),
                 "rename")) {
        return false;
    }
    checkpoint->temporary[0] = '\0';
    return is_good(checkpoint, disk->table->sync_dir(disk), "sync the directory of");
}

void checkpoint_clear(struct checkpoint *checkpoint)
{
    if (checkpoint->file >= 0) {
        checkpoint->disk->table->close(checkpoint->disk, checkpoint->file);
        checkpoint->file = -1;
    }
    if (checkpoint->temporary[0] != '\0') {
        checkpoint->disk->table->remove(checkpoint->disk, checkpoint->temporary);
    }
    mst_buf_clear(&checkpoint->buffer);
}
