/* format.h - the bytes of the journal's files; JOURNAL.md says the same for an independent reader.
 *
 *   file     a header of one sector, then batches, each beginning at a multiple of the sector
 *   batch    a header of BATCH_HEADER_BYTES, the payload, zeros up to the next sector
 *
 * A segment is written full of zeros, or of an older segment's bytes, beforehand: what is there is
 * a batch only if its checksum, keyed with the key of the file's header, is right. Batches are
 * numbered through all segments without a gap. Little-endian. Must not know: disks, records. */
#ifndef JOURNAL_FORMAT_H
#define JOURNAL_FORMAT_H

#include "broker/journal/store.h"

#define FORMAT_VERSION     1
#define FORMAT_KEY_BYTES   16
#define FORMAT_ID_BYTES    16
#define BATCH_HEADER_BYTES 48
#define BATCH_PAYLOAD_MAX  (1u << 30)

enum file_kind { FILE_SEGMENT = 1, FILE_CHECKPOINT = 2, FILE_BACKUP = 3 };

struct file_header {
    uint32_t version; /* of the format; what is encoded has FORMAT_VERSION */
    enum file_kind kind;
    uint64_t number;               /* segments and checkpoints share one row of numbers */
    uint64_t bytes;                /* segment: its whole size */
    uint64_t previous;             /* segment: number of the one before it in the log; 0: none */
    bool is_recycled;              /* segment: behind its batches stand an older one's bytes */
    uint64_t next_segment;         /* checkpoint: replay goes on with the first segment >= this */
    uint64_t next_batch;           /* checkpoint: and with this batch */
    uint8_t id[FORMAT_ID_BYTES];   /* of the data directory: files of another one are not ours */
    uint8_t key[FORMAT_KEY_BYTES]; /* of its checksums; random, new when a segment is recycled */
};

enum batch_flag {
    BATCH_CLOSING = 1, /* empty: all before it was durable when it was written */
    BATCH_FILES = 2,   /* payload: the older files that a checkpoint refers to, and their ends */
    BATCH_LAST = 4     /* the last of a checkpoint: it is complete */
};

struct batch_header {
    uint64_t index; /* 1, 2, 3 ... within the log; within a checkpoint from 1 again */
    uint64_t seq;   /* number of the last record up to here */
    uint32_t len;   /* of the payload */
    uint32_t flags;
};

enum format_status {
    FORMAT_OK,
    FORMAT_EMPTY,
    FORMAT_NOT_OURS,
    FORMAT_VERSION_OTHER,
    FORMAT_DAMAGED
};

void format_header_encode(const struct file_header *header, uint8_t out[STORE_SECTOR]);
enum format_status format_header_decode(struct mst_span sector, struct file_header *out);

/* Header with checksum over itself and the payload. */
void format_batch_encode(const uint8_t key[FORMAT_KEY_BYTES], const struct batch_header *header,
                         struct mst_span payload, uint8_t out[BATCH_HEADER_BYTES]);
/* Reads the header alone: plausible or not; its length is bounded by BATCH_PAYLOAD_MAX. */
bool format_batch_peek(struct mst_span bytes, struct batch_header *out);
/* bytes: header and payload. */
bool format_batch_check(const uint8_t key[FORMAT_KEY_BYTES], struct mst_span bytes);
static inline uint64_t format_batch_bytes(uint64_t payload_len) /* on disk */
{
    return (BATCH_HEADER_BYTES + payload_len + STORE_SECTOR - 1) / STORE_SECTOR * STORE_SECTOR;
}

/* The payload of a BATCH_FILES batch: so many of these, numbers rising. */
#define FILES_ENTRY_BYTES 16
struct files_entry {
    uint64_t number;
    uint64_t end; /* behind its last batch */
};
void format_entry_encode(const struct files_entry *entry, uint8_t out[FILES_ENTRY_BYTES]);
struct files_entry format_entry_decode(const uint8_t in[FILES_ENTRY_BYTES]);

/* "segment-0000000012", "checkpoint-0000000013", "backup"; while it is made with ".new" behind */
void format_name(enum file_kind kind, uint64_t number, char out[DISK_NAME_MAX + 1]);
void format_name_new(enum file_kind kind, uint64_t number, char out[DISK_NAME_MAX + 1]);
bool format_name_is_new(const char *name); /* a file that was not finished */
bool format_name_parse(const char *name, enum file_kind *kind, uint64_t *number);

static inline uint64_t format_place(uint64_t file, uint64_t offset)
{
    return file << JOURNAL_PLACE_OFFSET_BITS | offset;
}
static inline uint64_t place_file(uint64_t place)
{
    return place >> JOURNAL_PLACE_OFFSET_BITS;
}
static inline uint64_t place_offset(uint64_t place)
{
    return place & (JOURNAL_FILE_BYTES_MAX - 1);
}

#endif
