/* message.h - typed requests and replies: what a frame says, free of how it is packed.
 *
 * One flat struct serves every operation; an operation uses the members that its row in messages.c
 * names, in that order on the wire, and the others hold their defaults. A decoded message borrows
 * from the frame and from the arena it was decoded into: it is valid until either changes.
 * An encoder only reads. Must not know: sockets, sessions, objects. */
#ifndef MST_MESSAGE_H
#define MST_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/limits.h"
#include "protocol/ops.h"
#include "protocol/span.h"
#include "protocol/status.h"

enum mst_put_mode { MST_PUT_EACH = 0, MST_PUT_ALL = 1, MST_PUT_FIT = 2 };
enum mst_get_mode { MST_GET_AUTO = 0, MST_GET_LEASE = 1 };
enum mst_side { MST_SIDE_PUT = 1, MST_SIDE_GET = 2, MST_SIDE_BOTH = 3 };
enum mst_message_state { MST_READY = 0, MST_LEASED = 1, MST_DELAYED = 2 };
enum mst_notice {
    MST_NOTICE_GOING_AWAY = 1,
    MST_NOTICE_SESSION_ENDED = 2,
    MST_NOTICE_LEASE_LOST = 3
};

/* Object kinds are numbers on the wire. */
enum mst_kind {
    MST_KIND_NONE = 0,
    MST_KIND_FIFO = 1,
    MST_KIND_LIFO = 2,
    MST_KIND_PRIORITY = 3,
    MST_KIND_EVENT = 4,
    MST_KIND_BARRIER = 5
};

/* A run of consecutive numbers: first, first+1, ... first+count-1. Wire: [first, count]; count is 1
 * when left out. A decoded range or run has a count of at least 1 and never passes 2^64 - 1. */
struct mst_range {
    uint64_t first;
    uint64_t count;
};

/* Deliveries of consecutive messages with the same delivery number.
 * Wire: [first message id, delivery number, count]; 1 and 1 when left out. */
struct mst_run {
    uint64_t first;
    uint64_t number;
    uint64_t count;
};

/* How a dead letter came to be. Wall times are ns since 1970.
 * Wire: [cause, queue, id, deliveries, put_wall_ns, died_wall_ns, holder]. */
struct mst_history {
    struct mst_span cause;
    struct mst_span queue;
    uint64_t id;
    uint64_t deliveries;
    int64_t put_wall_ns;
    int64_t died_wall_ns;
    struct mst_span holder; /* "name@host:pid" of the last holder, or none */
};

/* One message on its way to a taker, or shown by peek.
 * Wire: [id, number, body, priority, age_ns, headers, state, history]; trailing defaults are left
 * out. */
struct mst_delivery {
    uint64_t id;
    uint64_t number; /* first delivery = 1; peek: deliveries counted so far */
    struct mst_span body;
    struct mst_blob *blob; /* not on the wire. It has the body's bytes, which need not be copied on
                              their way out; NULL: they are */
    uint64_t place; /* not on the wire. body has no data yet: it stands there in the journal */
    int64_t priority;
    int64_t age_ns;
    struct mst_span headers; /* opaque to the broker; data == NULL: none */
    uint64_t state;          /* enum mst_message_state; peek only */
    const struct mst_history *history;
};

/* A setting or a fact: a name with a number or a text. Wire: one entry of a map. */
struct mst_fact {
    struct mst_span name;
    bool is_text;
    int64_t number;
    struct mst_span text;
};

/* Who holds or waits. Wire: [role, name, host, pid, session, since_ns, connected, detail]. */
struct mst_party {
    struct mst_span role; /* "holds", "took", "gets", "puts", "joins", "waits", "leads" */
    struct mst_span name;
    struct mst_span host;
    uint64_t pid;
    uint64_t session;
    int64_t since_ns; /* how long ago it began; -1: not known */
    bool connected;
    struct mst_span detail; /* "holds": ID.N of the delivery; "took": how many; may be empty */
};

/* A row of LIST. Wire: [name, kind, ready, unfinished, waiting, leased, delayed, puts, gets,
 * oldest_age_ns]; what comes after waiting is of queues only. For events ready is the flag; for
 * barriers ready is how many arrived and unfinished is parties. */
struct mst_entry {
    struct mst_span name;
    uint64_t kind;
    uint64_t ready;
    uint64_t unfinished;
    uint64_t waiting;
    uint64_t leased;
    uint64_t delayed;
    uint64_t puts; /* since the queue was made; so are gets, which count deliveries */
    uint64_t gets;
    int64_t oldest_age_ns; /* of the ready messages; 0: there is none */
};

/* A row of SESSIONS. Wire: [id, name, host, pid, age_ns, connected, leases, waits]. */
struct mst_session_row {
    uint64_t id;
    struct mst_span name;
    struct mst_span host;
    uint64_t pid;
    int64_t age_ns;
    bool connected;
    uint64_t leases;
    uint64_t waits;
};

struct mst_request {
    enum mst_op op;
    struct mst_blob
        *frame;       /* has all its bytes, and may be referred to; NULL: they are elsewhere */
    uint64_t id;      /* 0: about the connection, no outcome is remembered */
    uint64_t confirm; /* replies of this connection that the application has taken so far */

    /* HELLO, RESUME */
    struct mst_span name; /* the client's name; OPEN: the object's name */
    struct mst_span host;
    uint64_t pid;
    int64_t ttl_ns;              /* HELLO: of the session; PUT: of the messages */
    uint64_t session;            /* RESUME, KILL */
    struct mst_span secret;      /* RESUME */
    struct mst_range *abandoned; /* RESUME: requests the client gave up while it was disconnected */
    size_t abandoned_count;
    struct mst_range *pending; /* RESUME: requests that will be sent again, by id; outcomes that the
                                  broker remembers and that are in neither list were taken */
    size_t pending_count;

    uint64_t handle;
    uint64_t target; /* CANCEL: id of the request */
    uint64_t status; /* CANCEL: what to answer if undecided: TIMEOUT or CANCELLED */

    int64_t timeout_ns; /* MST_FOREVER, 0 = try once, MST_DEFAULT_TIMEOUT */

    /* PUT */
    uint64_t mode; /* enum mst_put_mode; GET: enum mst_get_mode */
    struct mst_span *bodies;
    size_t bodies_count;
    int64_t priority;
    int64_t *priorities; /* one per body, or none: then `priority` holds for all */
    size_t priorities_count;
    int64_t delay_ns; /* NACK too */
    struct mst_span dedup;
    struct mst_span headers;

    /* GET */
    uint64_t *handles;
    size_t handles_count;
    uint64_t max;
    int64_t lease_ns; /* EXTEND too; MST_FOREVER: as long as the session */
    bool detached;
    uint64_t count; /* GET: so many requests id, id+1, ... in one frame; TASK_DONE, PEEK, REDRIVE */

    /* DONE, NACK, EXTEND, DELETE, PEEK, LIST */
    struct mst_run *runs;
    size_t runs_count;
    uint64_t message; /* NACK, EXTEND, DELETE: message id; PEEK: after this one */
    uint64_t number;  /* NACK, EXTEND: delivery number */
    bool uncounted;   /* NACK: the delivery does not count */
    bool dead;        /* NACK: straight to the dead letters */

    uint64_t sides;      /* PAUSE, UNPAUSE: enum mst_side */
    bool immediate;      /* SHUTDOWN */
    uint64_t generation; /* EVENT_WAIT: the one the waiter started from; BARRIER_DONE */
    bool has_generation; /* set by the decoder when generation was not nil */
    int64_t waited_ns;   /* EVENT_WAIT asked again: it began so long ago */
    uint64_t parties;    /* BARRIER_WAIT: 0 = as declared */
    bool failed;         /* BARRIER_DONE */
    struct mst_span value;

    uint64_t kind; /* DECLARE; LIST: only this kind */
    struct mst_fact *settings;
    size_t settings_count;
    struct mst_span pattern; /* LIST: `*` within a part, `**` the rest; none = all */
    struct mst_span after;   /* LIST: names after this one */
    uint64_t offset;         /* BACKUP: where the piece begins */
};

struct mst_reply {
    enum mst_op op;
    uint64_t id;
    enum mst_status status;
    struct mst_span cause; /* why, for people and programs; may be none */

    /* welcome to HELLO and RESUME */
    uint64_t session;
    struct mst_span secret;
    struct mst_span boot;
    uint64_t in_flight_max;
    int64_t silence_ns;
    uint64_t frame_bytes_max;
    uint64_t put_credit;
    uint64_t put_credit_bytes;
    struct mst_span version; /* of the broker, text; PING too */

    /* NOTICE */
    uint64_t notice;      /* enum mst_notice */
    struct mst_span name; /* LEASE_LOST: the queue */

    uint64_t
        answered;   /* this reply answers requests id .. id+answered-1; 1 but for PUT, GET, DONE */
    uint64_t first; /* PUT: id of the first message; the others follow by one */
    uint64_t taken; /* PUT: how many messages are in */
    uint64_t durable;   /* PUT and others: 1 = on stable storage, 0 = in memory */
    uint64_t duplicate; /* PUT: id of the message that has this dedup key; 0 = none */

    uint64_t handle; /* GET: which of the queues */
    struct mst_delivery *deliveries;
    size_t deliveries_count;
    bool already; /* DONE: it was finished before */

    uint64_t *tallies; /* JOIN: MST_TALLY_COUNT numbers, by enum mst_tally */
    size_t tallies_count;

    uint64_t ready; /* QSIZE */
    uint64_t kept;
    uint64_t maxsize;
    uint64_t object_version;
    uint64_t number; /* PURGE, REDRIVE, SHUTDOWN: how many; TASK_DONE: still unfinished; BACKUP:
                        its size */

    bool flag;           /* EVENT_IS_SET, EVENT_WAIT; DECLARE: created */
    uint64_t generation; /* events and barriers */
    uint64_t index;      /* BARRIER_WAIT */
    bool leader;         /* BARRIER_WAIT: run the action, then send BARRIER_DONE */
    struct mst_span value;
    uint64_t kind; /* STAT */

    struct mst_fact *facts; /* STAT, PING */
    size_t facts_count;
    struct mst_party *who;
    size_t who_count;
    struct mst_entry *entries;
    size_t entries_count;
    struct mst_session_row *sessions;
    size_t sessions_count;
};

/* Causes of leaving a queue, each tallied under its own name (SEMANTICS 1.11). */
enum mst_tally {
    MST_TALLY_DONE = 0,
    MST_TALLY_DEAD,
    MST_TALLY_PURGED,
    MST_TALLY_DELETED,
    MST_TALLY_EXPIRED,
    MST_TALLY_DROPPED,
    MST_TALLY_LOST,
    MST_TALLY_COUNT
};
extern const char *const mst_tally_names[MST_TALLY_COUNT];
extern const char *const mst_kind_names[MST_KIND_BARRIER + 1];

/* ---- the tables: messages.c ---- */

enum mst_field_type {
    MST_F_U64,
    MST_F_I64,
    MST_F_BOOL,
    MST_F_STR,        /* struct mst_span, UTF-8 text */
    MST_F_BIN,        /* struct mst_span, bytes */
    MST_F_GENERATION, /* uint64_t, followed in the struct by the bool: was it given */
    MST_F_SPANS,      /* struct mst_span *, count: array of bin */
    MST_F_I64S,
    MST_F_U64S,
    MST_F_RANGES,
    MST_F_RUNS,
    MST_F_DELIVERIES,
    MST_F_FACTS,
    MST_F_PARTIES,
    MST_F_ENTRIES,
    MST_F_SESSIONS,
    MST_F_HISTORY /* const struct mst_history *, no list: one row or NULL */
};

/* A position of a message. Lists are a pointer member followed directly by its size_t count. */
struct mst_field {
    enum mst_field_type type;
    size_t offset;  /* into struct mst_request or struct mst_reply */
    size_t blob;    /* offset of the pointer to the blob that may have a BIN's bytes; 0: none */
    int64_t absent; /* what nil or a missing element means, for numbers */
    uint32_t max;   /* bytes of a string, elements of a list */
    const char *name;
    const char *why; /* what to tell a peer that got this field wrong */
};

struct mst_layout {
    const struct mst_field *fields;
    size_t count;
};

/* Fields after [op, id, confirm]. */
struct mst_layout mst_request_layout(enum mst_op op);
/* Fields after [op, id, status, cause]; sent whatever the status is. */
struct mst_layout mst_reply_layout(enum mst_op op);
/* Fields of one row of a list of rows (ranges, runs, deliveries, parties, entries, sessions) or of
 * a history, and its size in memory; empty for other types. */
struct mst_layout mst_row_layout(enum mst_field_type type, size_t *size_out);

/* ---- the codec: codec.c ---- */

struct mst_buf;
struct mst_gather;
struct mst_arena;

void mst_request_init(struct mst_request *request, enum mst_op op); /* every member its default */
void mst_reply_init(struct mst_reply *reply, enum mst_op op);

/* Appends a whole frame (length word and array). false: out of memory or over frame_bytes_max;
 * then out is as it was. */
bool mst_request_encode(struct mst_buf *out, const struct mst_request *request);
bool mst_reply_encode(struct mst_buf *out, const struct mst_reply *reply); /* cuts a long cause */
/* The same, but bodies are not copied: of a request those of at least MST_BLOB_SHARED_MIN bytes,
 * which are borrowed; of a reply those that have a blob. */
bool mst_request_gather(struct mst_gather *out, const struct mst_request *request);
bool mst_reply_gather(struct mst_gather *out, const struct mst_reply *reply);

/* Decodes one frame's payload that mst_check has accepted or not: the check is run inside.
 * Returns MST_OK; MST_PROTOCOL when the bytes are malformed (*malformed_out = true: close the
 * connection) or well-formed but wrong (*malformed_out = false: answer PROTOCOL; op and id are set
 * when they could be read); MST_NO_MEMORY. *why_out is a short static text. Arrays are in arena. */
enum mst_status mst_request_decode(struct mst_span payload, struct mst_arena *arena,
                                   struct mst_request *request, bool *malformed_out,
                                   const char **why_out);
enum mst_status mst_reply_decode(struct mst_span payload, struct mst_arena *arena,
                                 struct mst_reply *reply, bool *malformed_out,
                                 const char **why_out);

#endif
