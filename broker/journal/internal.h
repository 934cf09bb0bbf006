/* internal.h - what the parts of the journal on a disk share.
 *
 *   format    bytes of headers and batches        scan      the batches of one file
 *   files     which files there are               replay    checkpoint and log, read in order
 *   segment   the log's segments, made beforehand writer    batches into them, one at a time
 *   recover   store_open                          verify    store_verify
 *   store     the table, and what the parts tell each other
 *   compact, forward, fetch, salvage, backup: as they are called
 *
 * All of struct store is the loop's thread's. A job's work touches the job and the disk alone: what
 * it needs is copied into it before, what it found is taken over in `done`. Entropy is asked for on
 * the loop's thread only. Must not know: what records say. */
#ifndef JOURNAL_INTERNAL_H
#define JOURNAL_INTERNAL_H

#include "broker/journal/format.h"
#include "broker/journal/scan.h"

#define STORE_SEGMENT_BYTES_FIRST (4ull << 20) /* a new log begins small: each is twice as large */
#define STORE_SPARE_AT_PART       4            /* the next is made when so much of one is used */
#define STORE_RETRY_NS            1000000000LL /* a disk that is full is asked again */
#define STORE_CONSUME_BYTES       256          /* of log: one grant, one return, one done */
#define STORE_IDLE_BUFFER_BYTES   (1u << 20)   /* memory kept between batches */
#define STORE_COMPLAINT_NS        60000000000LL
#define STORE_PROGRESS_NS         1000000000LL

/* ---- files.c: which files there are ---- */

/* A file of the journal that has its final name. */
struct store_file {
    uint64_t number;
    enum file_kind kind;
    bool is_spare;    /* segment: it has no batch yet */
    bool is_dead;     /* nothing refers to it: it goes when nobody reads it */
    uint32_t readers; /* fetches under way */
    uint64_t bytes;   /* on disk */
    uint64_t end;     /* behind its last batch; of the active segment: that was handed over */
};

struct store_files {
    struct store_file *items; /* number rises */
    size_t count;
    size_t cap;
};

/* NULL: there is none of that number. Valid until one is added or dropped. */
struct store_file *files_find(const struct store_files *files, uint64_t number);
/* Room for so many more (FILES_AHEAD at most) that adding them cannot fail. */
#define FILES_AHEAD 2u /* a segment, and the checkpoint of a compaction */
bool files_reserve(struct store_files *files, size_t more);
bool files_add(struct store_files *files, const struct store_file *file); /* false: no memory */
void files_drop(struct store_files *files, uint64_t number);              /* from the table alone */
uint64_t files_bytes(const struct store_files *files);                    /* of all of them */
uint64_t files_newest_checkpoint(const struct store_files *files);        /* 0: there is none */
void files_clear(struct store_files *files);

/* What stands in a directory, by name alone: kind and number, no sizes. Names that are not the
 * journal's are passed over; temporary ones and backups come out of `leftover`, if it is not NULL.
 * 0 or a negative errno (-ENOMEM too). */
int files_list(struct disk *disk, struct store_files *files, disk_name_fn *leftover, void *user);

/* ---- replay.c: a checkpoint and the log behind it, read in order ---- */

/* A segment of the log, as it was found. */
struct replay_segment {
    struct file_header header;
    uint64_t end;   /* behind its last batch */
    uint64_t dirty; /* torn bytes stand between end and this; 0: none */
};

struct replay {
    /* Given. */
    struct disk *disk;
    const struct store_recovery *to; /* NULL: only looked at */
    const struct store_files *files; /* those that are there; only read */
    uint64_t checkpoint;             /* its number; 0: none */
    bool is_part; /* of a journal, up to some segment, so that there may be none */
    bool sync;    /* what is read is made durable first */
    void (*progress)(struct replay *replay); /* NULL: not told; called after each batch */
    void *user;
    /* Found. */
    bool has_id;                 /* may be given: files of another directory are refused */
    uint8_t id[FORMAT_ID_BYTES]; /* of the directory */
    uint64_t first_segment;      /* of the log behind the checkpoint */
    uint64_t active;             /* number of the segment that the log goes on in */
    uint64_t index;              /* of the last batch; 0: none */
    uint64_t last_at;            /* its offset in the active segment; 0: it is not there */
    uint64_t seq;                /* of the last record */
    bool is_closed;              /* the last batch is a closing one, or there is none */
    struct files_entry *kept;    /* older files that the checkpoint refers to */
    size_t kept_count;
    struct replay_segment *log;
    size_t log_count;
    uint64_t batches, record_bytes;
    uint64_t read_bytes; /* of all batches, headers and zeros with them */
};

/* error has one line unless STORE_OK. Fills in what was found; applies to `to`. */
enum store_status replay_run(struct replay *replay, char error[STORE_ERROR_MAX]);
/* Is the last batch on the disk? All before it are, because it was written after they were. It may
 * be in memory alone when the broker ended because a sync had failed. After replay_run. */
enum store_status replay_confirm(struct replay *replay, char error[STORE_ERROR_MAX]);
/* The older files that the checkpoint refers to, all of their batches: nothing is applied. After
 * replay_run. */
enum store_status replay_check_kept(struct replay *replay, char error[STORE_ERROR_MAX]);
void replay_clear(struct replay *replay);

/* ---- segment.c, writer.c: the log ---- */

enum segment_state {
    SEGMENT_WANTED, /* it has a number and a size */
    SEGMENT_MAKING, /* its job is under way */
    SEGMENT_READY   /* durable, empty, and open for writing; or the active one */
};

struct segment {
    struct segment *next; /* in the log */
    enum segment_state state;
    uint64_t number;
    uint64_t bytes;
    uint64_t previous;
    uint64_t offset; /* where its next batch goes */
    uint8_t key[FORMAT_KEY_BYTES];
    int file;
};

/* The log ends here for whoever takes a checkpoint: what comes later stands in other segments. */
struct seal {
    bool is_wanted;
    bool is_done; /* then these are set, and all up to them is durable */
    uint64_t next_segment;
    uint64_t next_batch;
    uint64_t seq;
};

struct writer_job {
    struct job job; /* first */
    struct store *store;
    const struct store_ports *ports; /* now_ns alone */
    struct disk *disk;
    struct batch_header header;
    uint8_t key[FORMAT_KEY_BYTES];
    uint64_t number; /* of the segment */
    int file;
    uint64_t offset;
    uint8_t *bytes; /* header, payload, zeros */
    size_t len;
    struct segment *retired; /* they are full: their files are closed */
    int64_t took_ns;
    int64_t room; /* of the disk afterwards; negative: not known */
    int error;
    bool is_sync; /* the sync failed, not the write */
};

struct segment_job {
    struct job job; /* first */
    struct store *store;
    struct disk *disk;
    struct file_header header;
    uint64_t recycled; /* number of the file whose bytes are used; 0: a new one */
    int file;
    int64_t room;
    int error;
};

struct writer {
    struct segment *active;  /* and behind it, in the order of the log, those made beforehand */
    struct segment *target;  /* where the batch that waits goes; NULL: none waits */
    struct segment *retired; /* to be closed */
    bool is_writing;
    bool is_making;
    bool was_busy;         /* something happened since the last turn */
    bool is_closed;        /* the last batch is a closing one, or there is none */
    struct mst_buf buffer; /* the batch that waits or is on its way */
    uint8_t closing[STORE_SECTOR];
    uint32_t waiting_len; /* payload of the batch that waits */
    uint64_t waiting_seq;
    uint64_t index;       /* of the last batch that was taken */
    uint64_t seq;         /* of the last record that was taken */
    uint64_t durable;     /* all up to it is durable */
    uint64_t previous;    /* number that the first segment of the row names */
    uint64_t first_bytes; /* of the first segment of a new log */
    uint64_t recyclable;  /* file whose bytes the next segment may use; 0: none */
    uint64_t recyclable_bytes;
    int64_t idle_since_ns;
    int64_t retry_ns; /* when a segment that found no room is tried again; 0: not so */
    bool has_complained;
    int64_t complained_ns; /* when that was said last */
    struct seal seal;
    struct writer_job write;
    struct segment_job make;
};

uint64_t writer_append(struct journal *journal, const struct journal_batch *batch);
uint64_t writer_durable(const struct journal *journal);
void writer_turn(struct store *store, int64_t now_ns);
int64_t writer_deadline_ns(const struct store *store);
/* Bytes of log that are there already: the rest of the active segment and the spare ones. */
uint64_t writer_room(const struct store *store);
/* Goes on with whatever can go on: after a job, a seal, a file to recycle. */
void writer_pump(struct store *store);
void writer_free(struct store *store);
/* Asks for a seal, one at a time; writer.seal tells when it is done, at once or after some job.
 * Who asked gives it back with writer_unseal. */
void writer_seal(struct store *store);
void writer_unseal(struct store *store);

/* Adds one to the row, of this size at least; its file is still to be made. NULL: store_fail. */
struct segment *segment_want(struct store *store, uint64_t bytes);
/* Makes the first that is wanted, unless one is being made. */
void segment_make_next(struct store *store);
/* Makes it here and now; for a start. 0 or a negative errno. */
int segment_make_now(struct store *store, struct segment *segment);
void segment_close(struct disk *disk, struct segment *segment);
/* Zeros from an offset to another of a file that is there, durably. 0 or a negative errno. */
int segment_blank(struct disk *disk, const char *name, uint64_t from, uint64_t to);
/* A segment that nothing refers to any more and nobody reads: true: it is the writer's from now on
 * and gone from the files; false: there is no use for it, remove it. */
bool writer_recycle(struct store *store, uint64_t number);

/* ---- store.c: the whole ---- */

struct compaction; /* compact.c */
struct fetches;    /* fetch.c */
struct backup;     /* backup.c */

struct store {
    struct journal journal; /* first */
    struct store_config config;
    struct store_ports ports;
    uint8_t id[FORMAT_ID_BYTES];
    struct store_files files;
    uint64_t next_number;   /* that a new file gets */
    uint64_t checkpoint;    /* number of the newest; 0: none */
    uint64_t first_segment; /* replay begins with it: the checkpoint's next_segment */
    uint64_t live_bytes;    /* from the last append */
    uint64_t kept;
    int64_t room;   /* of the disk, as of the last job that looked */
    int64_t now_ns; /* of the last turn */
    struct writer writer;
    struct compaction *compaction;
    struct fetches *fetches;
    struct backup *backup;
    struct journal_figures figures;
    bool failed;
    char failure[STORE_ERROR_MAX];
};

extern const struct journal_table store_table;
struct store *store_of(struct journal *journal);
const struct store *store_of_const(const struct journal *journal);
uint64_t store_take_number(struct store *store); /* fails the store when they are used up */
void store_submit(struct store *store, struct job *job);
/* Nothing is acknowledged from now on. The first message stays. */
__attribute__((format(printf, 2, 3))) void store_fail(struct store *store, const char *format, ...);
__attribute__((format(printf, 3, 4))) void
store_log(const struct store_ports *ports, enum store_log_level level, const char *format, ...);
/* "No space left on device (errno 28)"; error as in disk.h. */
#define STORE_ERROR_TEXT_MAX 128
void store_error_text(int64_t error, char *out, size_t size);

#endif
