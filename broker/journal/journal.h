/* journal.h - which records are durable, and bodies that are not in memory: what the engine needs
 * of a journal.
 *
 * The engine hands over one batch of encoded records at a time, and the next only when that one is
 * durable; records that come meanwhile wait for the next batch (group commit). Nothing calls back:
 * after any `done` of a job (job.h) the engine's turn looks what has become durable, which bodies
 * have been read. Must not know: what the records say, who waits for them. */
#ifndef JOURNAL_H
#define JOURNAL_H

#include "protocol/buf.h"
#include "protocol/span.h"

struct journal;

/* A place is where bytes stand in the journal: the number of the file and the offset in it. 0 is
 * nowhere. Adding an offset within a batch to the batch's place gives the place of a part of it. */
#define JOURNAL_PLACE_OFFSET_BITS 40
#define JOURNAL_FILE_BYTES_MAX    (UINT64_C(1) << JOURNAL_PLACE_OFFSET_BITS)
#define JOURNAL_FILES_MAX         (UINT64_C(1) << 24) /* numbers that a data directory may use up */

struct journal_batch {
    struct mst_buf *records; /* taken: empty afterwards, with other memory or none */
    uint64_t seq;            /* number of the last of them */
    uint64_t live_bytes;     /* about what the durable state takes in records */
    uint64_t kept;           /* durable messages: consuming each must stay possible */
};

#define JOURNAL_BACKUP_FAILED UINT64_MAX

/* A body that is to be read back. The memory is the caller's and stays until it comes back out of
 * journal_fetched. A body stands in the journal as its hash (protocol/body.h) and its bytes; place
 * is that of the hash. */
struct journal_fetch {
    uint64_t place;
    size_t len;   /* of the body */
    uint8_t *out; /* len bytes */
    void *user;   /* the caller's */
    struct journal_fetch *next;
};

/* The figures of a journal, for logs and metrics. */
struct journal_figures {
    uint64_t files, file_bytes, live_bytes, batches, records_bytes, compactions, syncs;
    uint64_t room_bytes;  /* that the disk has left, as it was looked at last */
    int64_t sync_ns_last; /* how long the last write and sync took; 0: there was none */
};

struct journal_table {
    /* Takes a batch that is applied as a whole or not at all, and empties its buffer; left full, it
     * was not taken for want of memory: come again. Returns the place of the first byte of the
     * records; 0: bodies cannot be read back from here. */
    uint64_t (*append)(struct journal *journal, const struct journal_batch *batch);
    /* The number up to which all is durable now. */
    uint64_t (*durable)(const struct journal *journal);
    /* Little room is left: what puts more in is to be refused, what takes out goes on. */
    bool (*is_full)(const struct journal *journal);
    /* A write or a sync failed: nothing may be acknowledged any more, the broker is to end with
     * this message. NULL: all is well. */
    const char *(*failure)(const struct journal *journal);
    void (*fetch)(struct journal *journal, struct journal_fetch *fetch);
    /* One that is there, or NULL. place 0: it could not be read; failure says why. */
    struct journal_fetch *(*fetched)(struct journal *journal);
    /* Once a turn, also when nothing is to be written: closing batches, compaction. */
    void (*turn)(struct journal *journal, int64_t now_ns);
    int64_t (*next_deadline_ns)(const struct journal *journal); /* when turn is wanted */
    /* A backup. begin: false: one is being made already. size: 0: not ready yet;
     * JOURNAL_BACKUP_FAILED: there will be none, the log says why; otherwise the bytes of the file.
     * These are read as they are, offset from 0, and come out of fetched. end: also after a
     * failure, and at any time before; what was asked for with read came out before. */
    bool (*backup_begin)(struct journal *journal);
    uint64_t (*backup_size)(const struct journal *journal);
    void (*backup_read)(struct journal *journal, uint64_t offset, struct journal_fetch *fetch);
    void (*backup_end)(struct journal *journal);
    void (*figures)(const struct journal *journal, struct journal_figures *out); /* NULL: none */
    void (*free)(struct journal *journal);
};

/* First member of every journal. */
struct journal {
    const struct journal_table *table;
};

/* Nulls the caller's pointer; NULL is fine. No job of it may be under way. */
static inline void journal_free(struct journal **journal)
{
    if (*journal != NULL) {
        (*journal)->table->free(*journal);
        *journal = NULL;
    }
}

#endif
