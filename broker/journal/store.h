/* store.h - the journal on a disk: segments, recovery, compaction, bodies read back, backups.
 *
 * Pure over the storage table (disk.h) and jobs (job.h); the format is in JOURNAL.md. It does not
 * know what the records say: whoever does is asked through a replica, a second broker without
 * clients that a compaction recovers the records into.
 *
 * In short. The log is a row of segments, numbered upward. Compaction takes a checkpoint, all
 * sealed segments after it, recovers them into a replica, and writes a new checkpoint: what is
 * live, as records. Bodies that stand in dense older files stay where they are and are referred to
 * by place; those in sparse files are written anew into the checkpoint, and the sparse file is
 * removed or recycled. A read of a body that was written anew since finds it through a table of
 * forwards. */
#ifndef JOURNAL_STORE_H
#define JOURNAL_STORE_H

#include "broker/journal/disk.h"
#include "broker/journal/job.h"
#include "broker/journal/journal.h"

/* A piece of a snapshot: records, and where in them bodies stand that came from elsewhere. */
struct snapshot_body {
    size_t offset; /* of its hash, in the records */
    uint64_t from; /* its place before */
};
struct snapshot_piece {
    struct mst_span records;
    uint64_t seq; /* of the state that is written down: the same in all pieces */
    const struct snapshot_body *bodies; /* those that were written anew */
    size_t bodies_count;
};
/* What a snapshot asks of whoever writes it down. */
struct snapshot_port {
    void *user;
    /* Is the body at this place to be written anew? true: *bytes has its bytes (not its hash) until
     * the next call; without data (NULL): the body is lost, its message is left out; false: it is
     * referred to. Called for each live body, in whatever order, and may be called for all of them
     * again. On trouble it returns false, and the next put fails. */
    bool (*moves)(void *user, uint64_t place, size_t len, struct mst_span *bytes);
    /* false: it cannot be written; the snapshot ends. Pieces have about 256 KiB. */
    bool (*put)(void *user, const struct snapshot_piece *piece);
};

enum store_status {
    STORE_OK,
    STORE_CORRUPT,   /* exit code 65 */
    STORE_VERSION,   /* of another version: 65 */
    STORE_IO,        /* 74 */
    STORE_NO_MEMORY, /* 70 */
    STORE_REFUSED    /* the records make no sense to who was to apply them: 65 */
};

/* Who knows what records say. Used in jobs: thread-safe against the running broker. */
struct journal_replica_table {
    void *(*open)(void *user);
    enum store_status (*apply)(void *replica, struct mst_span records, uint64_t place);
    bool (*snapshot)(void *replica, const struct snapshot_port *port);
    void (*close)(void *replica);
    /* Salvage, before the snapshot: whatever has a body that is lost at its place is left out, and
     * counted as lost. NULL: it refers to no bodies. */
    void (*drop_lost)(void *replica, bool (*is_lost)(void *user, uint64_t place, size_t len),
                      void *user);
};
struct journal_replica {
    const struct journal_replica_table *table;
    void *user;
};

struct store_config {
    uint64_t segment_bytes; /* 0: STORE_SEGMENT_BYTES, less on a small disk */
    int64_t idle_ns;        /* of idleness before a closing batch; 0: STORE_IDLE_NS */
    uint64_t room_reserved; /* bytes of the disk that are left alone; 0: none but the reserve */
};

#define STORE_SECTOR                                                                               \
    4096u /* batches begin at its multiples: written ones are never touched again */
#define STORE_SEGMENT_BYTES     (64ull << 20)
#define STORE_SEGMENT_BYTES_MIN (64ull << 10)
#define STORE_SEGMENTS_PER_DISK 16 /* a segment takes at most this part of a disk */
#define STORE_IDLE_NS           100000000LL
#define STORE_ERROR_MAX         512

enum store_log_level { STORE_LOG_ERROR, STORE_LOG_WARNING, STORE_LOG_INFO };

struct store_ports {
    struct disk *disk;
    struct jobs jobs;
    void *user;
    void (*entropy)(void *user, uint8_t *out, size_t len);
    void (*log)(void *user, enum store_log_level level, const char *text);
    int64_t (*now_ns)(void *user);  /* for figures only: callable from any thread */
    struct journal_replica replica; /* no table: nothing is compacted, no backup made */
};

/* Recovery: gives every durable batch to apply, in order, the checkpoint's first; place is that of
 * the records' first byte. A torn tail is cut, with one log line; after STORE_OK the journal can be
 * appended to. error (STORE_ERROR_MAX) has one line: file, offset, what is wrong, what to do.
 * Blocks; progress is logged. An empty directory becomes a new journal. */
struct store_recovery {
    void *user;
    /* OK, REFUSED or NO_MEMORY */
    enum store_status (*apply)(void *user, struct mst_span records, uint64_t seq, uint64_t place);
    /* Gives the allocator memory that was set aside, when there is none to read a batch; then it is
     * tried again. false: no more. NULL: there is none. */
    bool (*lend_memory)(void *user);
};
enum store_status store_open(const struct store_config *config, const struct store_ports *ports,
                             const struct store_recovery *recovery, struct journal **journal_out,
                             char error[STORE_ERROR_MAX]);

/* What a look at a data directory found, for --verify-data and --salvage; applies nothing. */
struct store_report {
    uint64_t files, batches, record_bytes;
    uint64_t torn_bytes; /* behind the last good batch, which a start would cut */
    uint64_t lost_bytes; /* salvage: what could not be read */
};
enum store_status store_verify(struct disk *disk, struct store_report *report,
                               char error[STORE_ERROR_MAX]);
/* Copies what is readable into an empty directory so that store_open accepts it; says through log
 * which file and which bytes were lost. Records that build upon lost ones are left out by `apply`
 * of a replica that refuses them. */
enum store_status store_salvage(struct disk *from, struct disk *into,
                                const struct store_ports *ports, struct store_report *report,
                                char error[STORE_ERROR_MAX]);
/* Makes an empty directory a journal from the file of a backup, which `name` in it is. */
enum store_status store_restore(struct disk *disk, const char *name, char error[STORE_ERROR_MAX]);

#endif
