/* core.h - the one door into the broker's objects and sessions.
 *
 * core_step is told everything (what happened, when, who, and any randomness) and returns
 * everything that must be done (replies, closes, records). It knows no socket, file, clock or wire
 * byte, never calls upward, and the same events give the same effects on every machine.
 * State changes only through records that are applied; see record.h. Not thread-safe. */
#ifndef CORE_H
#define CORE_H

#include "broker/core/figures.h"
#include "protocol/arena.h"
#include "protocol/buf.h"
#include "protocol/message.h"

struct core;

struct core_config {
    bool strict;            /* nothing is created by use, only by DECLARE */
    bool has_storage;       /* durable objects may exist, and are the default */
    uint64_t memory_max;    /* bytes charged for messages and waits; 0 = no limit */
    uint64_t reserve_bytes; /* set aside for what cannot be refused when the system has none left */
    uint64_t
        bodies_max; /* recovery leaves bodies in the journal beyond so much memory; 0 = never */
    uint64_t objects_max;
    uint64_t sessions_max;
    uint64_t waits_max;
    uint64_t queues_apart_max; /* whose figures are counted apart */
    uint64_t put_credit;       /* blocked puts of one session into one queue */
    uint64_t put_credit_bytes; /* and their body bytes */
    uint64_t frame_bytes_max;  /* a reply must fit; told in the welcome */
    uint64_t body_bytes_max;
    int64_t silence_ns; /* told in the welcome; the engine watches it */
    int64_t ttl_max_ns; /* longest time-to-live a session may ask for */
    uint8_t boot[MST_BOOT_BYTES];
    const char *version;
};

void core_config_init(struct core_config *config); /* defaults from limits.h */

enum event_kind {
    EVENT_HELLO,   /* request is HELLO; conn, secret, identity are set */
    EVENT_RESUME,  /* request is RESUME; conn, identity are set */
    EVENT_REQUEST, /* any other request of a session; OPEN, CANCEL and BYE too; receipts first */
    EVENT_CONFIRM, /* receipts alone */
    EVENT_LOST,    /* the session's connection is gone */
    EVENT_EXPEL,   /* sessions whose identity is not welcome any more end */
    EVENT_TICK,    /* time passed: carry out what is due, go on with what was sliced */
    EVENT_DRAIN    /* the broker is going away: end every wait with UNAVAILABLE, accept none */
};

/* What the client may do: a pure function of what it is given. The name of an object, or none for
 * the broker itself. */
struct core_permit {
    bool (*may)(const void *of, enum mst_verb verb, struct mst_span name); /* NULL: everything */
    const void *of;
};

/* Is who the channel says it is still somebody? A pure function of what it is given. */
struct core_welcome {
    bool (*is)(const void *of, struct mst_span identity);
    const void *of;
};

struct event {
    int64_t now_ns;  /* the deadline line: never goes back */
    int64_t wall_ns; /* since 1970; only recorded and shown */
    enum event_kind kind;
    uint64_t conn;                     /* number of the connection, never 0, never reused */
    uint64_t session;                  /* 0 for HELLO, RESUME, EXPEL, TICK and DRAIN */
    const struct mst_request *request; /* borrowed until core_step returns */
    const struct mst_range *confirmed; /* receipts: what the application has taken, by request id */
    size_t confirmed_count;
    struct mst_span secret;   /* HELLO: MST_SECRET_BYTES fresh random bytes */
    struct mst_span identity; /* who the channel says it is; clear text: empty */
    struct core_permit permit;
    struct core_welcome welcome; /* EXPEL */
    bool storage_full; /* what would add to durable objects is refused with NO_SPACE, or waits */
    bool memory_short; /* the journal's batch has no room for the request: NO_MEMORY, if it adds */
};

enum effect_kind {
    EFFECT_REPLY, /* encode reply and send it on conn once record seq is durable */
    EFFECT_CLOSE  /* send what is pending on conn, then close it; why is for the log */
};

struct effect {
    enum effect_kind kind;
    uint64_t conn;
    uint64_t seq;            /* record to wait for; 0 = leave at once */
    uint64_t delivery_bytes; /* what the reply's deliveries take in a frame, about */
    size_t delivery_room;    /* so many deliveries have room in the reply's array */
    struct mst_reply reply;
    const char *why;
};

/* A body in the encoded records. */
struct core_body {
    struct mst_blob *blob; /* far; it gets its place in the journal from whoever has written it */
    size_t offset;         /* of its hash (protocol/body.h), in the records */
};

/* What a step wants done. Everything in it borrows from the core or from the arena, and is valid
 * until the next core_step. A reply to HELLO or RESUME with status OK carries the session that conn
 * now belongs to; another connection that had it gets EFFECT_CLOSE in the same step. */
struct effects {
    struct effect *items;
    size_t count;
    size_t cap;
    struct mst_arena arena;
    struct mst_buf records; /* durable records, encoded, for the journal: one atomic batch */
    uint64_t records_seq;   /* number of the last of them */
    /* Bodies in records that are still kept when the step ends. Borrowed: take a reference to keep
     * a blob; later, one that only you refer to is one whose message is gone. */
    struct core_body *bodies;
    size_t bodies_count;
    size_t bodies_cap;
};

void effects_init(struct effects *effects);
void effects_clear(struct effects *effects);

struct core *core_new(const struct core_config *config); /* NULL: out of memory */
void core_free(struct core **core);

/* effects is emptied first. */
void core_step(struct core *core, const struct event *event, struct effects *effects);

/* For who carries out effects and is refused memory that it cannot do without: gives some of what
 * the core set aside to the allocator, to try again. If nothing is left the process ends. */
void core_spare_memory(struct core *core);

/* For who is refused memory that it can do without, at a price: the same, but half of it is kept
 * for the core's own steps. Until it is whole again, requests that add are refused. false: no
 * more. */
bool core_lend_memory(struct core *core);

/* When the next EVENT_TICK is wanted: a time on the deadline line, 0 = now, MST_FOREVER = never. */
int64_t core_next_deadline_ns(const struct core *core);

/* Recovery: applies the encoded records of one batch, which stand at `place` in the journal: a body
 * in them has the place plus its offset. 0: they stand nowhere, bodies stay in memory. Returns
 * MST_OK; or, at the first that is no record or makes no sense here, MST_PROTOCOL: those before it
 * are applied, and the core can be used; or MST_NO_MEMORY, somewhere. */
enum mst_status core_recover(struct core *core, struct mst_span records, uint64_t place);
/* Salvage: messages whose body is away, and lost at its place, leave their queues under the tally
 * of the lost. */
void core_drop_lost(struct core *core, bool (*is_lost)(void *user, uint64_t place, size_t len),
                    void *user);
/* Where the time of the last record left off; core_step takes nothing earlier. */
int64_t core_now_ns(const struct core *core);
int64_t core_wall_ns(const struct core *core);

/* The durable state, written down as records: core_recover of all pieces makes an empty core equal
 * to this one, but for what no record tells (core_dump). Changes nothing. */
struct core_snapshot_body {
    size_t offset; /* of its hash, in the records */
    uint64_t from; /* its place before */
};
struct core_snapshot_port {
    void *user;
    /* Is the body that stands at place to be written into the snapshot? true: *bytes are its bytes
     * until the next call. false: its place goes into the snapshot. Not asked for bodies without a
     * place, which are always written. */
    bool (*moves)(void *user, uint64_t place, size_t len, struct mst_span *bytes);
    /* About 256 KiB of records, to be applied as a whole. bodies: those that moves gave. false:
     * the snapshot ends. */
    bool (*put)(void *user, struct mst_span records, const struct core_snapshot_body *bodies,
                size_t bodies_count);
};
/* false: put said so, or out of memory. */
bool core_snapshot(const struct core *core, const struct core_snapshot_port *port);
/* Number of the last durable record. */
uint64_t core_record_seq(const struct core *core);

/* The body of a durable message stands in the journal now, at the place that was set: it may be
 * sent away from here on. */
void core_shelve(struct core *core, struct mst_blob *body);
/* Sends such bodies away, the newest first, until at most so much memory is in use, or none is left
 * that nobody else refers to. */
void core_shed(struct core *core, uint64_t most);

/* A canonical text of the state that records make: equal texts, equal states; but of a body that is
 * away only the length is told, so whoever compares fetches all bodies first. */
bool core_dump(const struct core *core, bool durable_only, struct mst_buf *out);

/* Figures for logs and metrics. */
struct core_figures {
    uint64_t objects, sessions, connected, waits, messages, memory;
    uint64_t durable_messages;
    uint64_t durable_bytes; /* about what core_snapshot would write, bodies included */
};
struct core_figures core_figures(const struct core *core);
/* "NAME@HOST:PID" of a session, borrowed until the next step; none: there is no such session. */
struct mst_span core_label(const struct core *core, uint64_t session);
/* The name of the object that the session calls by this handle; none: it is not open. */
struct mst_span core_handle_name(const struct core *core, uint64_t session, uint64_t handle);

/* All queues, looked at a few at a time between other calls: core_walk_begin, then core_walk until
 * it returns false. Each looks at up to max objects more; queues that are counted apart come out
 * one by one, at most max, the others are added to rest. One walk at a time; changes nothing that
 * records make. */
void core_walk_begin(struct core *core, struct queue_figures *rest);
bool core_walk(struct core *core, int64_t now_ns, size_t max, struct queue_figures *out,
               size_t *count_out, struct queue_figures *rest);

/* HUP and tests: new limits from now on; nothing that exists is cut off. */
void core_configure(struct core *core, const struct core_config *config);

#endif
