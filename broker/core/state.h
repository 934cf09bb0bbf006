/* state.h - what the core consists of; for the files of broker/core only.
 *
 *   core -- slots (names) -- object: queue | event | barrier
 *     \---- sessions -- entries (requests with a wait or an unconfirmed outcome)
 *                    \- leases (deliveries on the way or taken) -- message -- queue
 *
 * Invariants
 *   1. Only record_apply changes objects, messages, leases, sessions and recorded outcomes. Waits,
 *      handles, connections, timers and unrecorded outcomes are volatile.
 *   2. After core_settle no queue that is not paused has a ready message beside a connected getter.
 *   3. kept = ready + delayed + leased; unfinished = kept + taken in auto mode and not yet done.
 *   4. Every order is total: timers (time, sequence), places (sequence), priorities (priority, id).
 */
#ifndef CORE_STATE_H
#define CORE_STATE_H

#include "broker/core/core.h"
#include "broker/core/heap.h"
#include "broker/core/idmap.h"
#include "broker/core/list.h"
#include "broker/core/message.h"
#include "broker/core/pool.h"
#include "broker/core/reserve.h"
#include "broker/core/slab.h"
#include "broker/core/sorted.h"
#include "broker/core/strmap.h"
#include "protocol/blob.h"

struct session;
struct queue;
struct object;
struct wait;
struct lease;

/* ---- time ---- */

enum timer_kind {
    TIMER_WAIT,    /* a wait's time is up */
    TIMER_SESSION, /* a disconnected session's time-to-live is up */
    TIMER_LEASE,
    TIMER_DELAY, /* a message becomes ready */
    TIMER_TTL,   /* a message expires */
    TIMER_IDLE,  /* an object may have been unused for long */
    TIMER_ACTION /* a barrier's leader takes too long */
};

struct timer {
    struct heap_node node;
    enum timer_kind kind;
    int64_t at_ns;
    uint64_t seq; /* ties are broken by the order of arming */
};

/* ---- waits and the lines they stand in ---- */

enum wait_kind { WAIT_GET, WAIT_PUT, WAIT_JOIN, WAIT_EVENT, WAIT_BARRIER };

/* A line is strictly first come, first served. Places of disconnected sessions that were passed
 * over stand aside; when their session comes back they go into `returned`, which is ordered by
 * sequence like the list, and goes before it: only the head is ever passed over. So handing over is
 * O(1). */
struct line {
    struct link places;
    struct link aside;
    struct heap returned;
    size_t count; /* all places, also those aside */
};

struct place {
    struct link link;      /* in line->places or line->aside, or in none */
    bool aside;            /* which of the two */
    struct heap_node node; /* in line->returned, or in none */
    uint64_t seq;
    struct line *line; /* NULL: stands in no line */
    struct wait *wait;
    struct object *object;
    uint64_t handle; /* by which its session knows the object */
};

struct wait {
    enum wait_kind kind;
    struct session *session;
    struct entry *entry;
    struct link in_session;
    struct timer timer;
    int64_t since_ns;
    int64_t timeout_ns; /* as asked for */
    struct place place; /* the place, or the first of a get from several queues */
    struct place *more; /* the others; owned */
    size_t more_count;
    /* WAIT_GET */
    enum mst_get_mode mode;
    uint64_t max;
    int64_t lease_ns;
    bool detached;
    /* WAIT_PUT: what is to be put; owned */
    struct put_list *put;
    /* WAIT_BARRIER */
    uint64_t index;
    uint64_t generation; /* WAIT_EVENT too */
};

/* Messages to be put as one: a blocked put, or one record. */
struct put_list {
    size_t count;
    uint64_t bytes;               /* of the bodies */
    uint64_t charge;              /* against the memory limit while it waits */
    struct mst_blob **bodies;     /* or NULL: */
    const struct mst_span *texts; /* bodies that messages will have inside */
    int64_t *priorities;          /* one per body, or NULL: `priority` for all */
    int64_t priority;
    int64_t delay_ns;
    int64_t ttl_ns;
    struct mst_blob *dedup;
    struct mst_blob *headers;
};

/* ---- sessions ---- */

enum entry_state {
    ENTRY_WAITS,    /* entry->wait stands in a line */
    ENTRY_ANSWERED, /* the outcome is kept until it is confirmed */
    ENTRY_READ      /* answered, but carried out again when resent */
};

#define OUTCOME_NUMBERS MST_TALLY_COUNT

/* The outcome of one request; what the numbers mean is said by reply_from_entry. */
struct outcome {
    enum mst_op op;
    enum mst_status status;
    struct mst_blob *cause;
    struct mst_blob *value;
    uint64_t numbers[OUTCOME_NUMBERS];
};

/* Of the requests id .. id+count-1, which ended alike: entry.c. */
struct entry {
    uint64_t id;
    uint64_t count;
    enum entry_state state;
    bool recorded; /* a record made this outcome: it survives a restart */
    bool awaited;  /* the client is about to send it again: not answered, not served before */
    uint64_t seq;  /* record that made it; 0 if none is durable */
    struct wait *wait;
    struct outcome outcome; /* of the first of them */
    struct link leases;     /* deliveries on the way in these replies, in order */
};

/* What a session took from a queue in auto mode, and its blocked puts there. */
struct account {
    struct session *session;
    struct queue *queue;
    struct link in_queue;
    uint64_t taken; /* in auto mode, not yet declared done */
    uint64_t blocked;
    uint64_t blocked_bytes;
};

struct finished { /* a delivery this session finished */
    uint64_t object;
    uint64_t message;
    uint64_t number;
};

struct finished_ring { /* the last ones */
    struct finished *items;
    size_t count; /* all that ever were */
    size_t cap;
};

struct session {
    uint64_t id;
    uint8_t secret_hash[32];
    struct mst_blob *name;
    struct mst_blob *host;
    struct mst_blob *identity;
    struct mst_blob *label; /* "name@host:pid", shared by what it holds */
    uint64_t pid;
    int64_t ttl_ns;
    int64_t opened_ns;
    uint64_t conn;                         /* 0: disconnected */
    uint64_t put_credit, put_credit_bytes; /* the most that a welcome told it */
    bool ended;                            /* what it held is being freed, in slices */
    struct timer timer;
    struct link in_core;    /* core->sessions_order, or core->ending */
    struct idmap entries;   /* by request id */
    uint64_t highest;       /* request id seen */
    uint64_t abandoned_seq; /* last durable record of a request that its client gave up */
    struct idmap handles;   /* handle number -> struct handle */
    struct link waits;
    struct link leases;
    size_t leases_count;
    size_t waits_count;
    struct idmap accounts;            /* by object id */
    struct finished_ring finished[2]; /* of objects in memory, of durable ones: as after a replay */
    struct barrier_party *parties;    /* its arrivals at barriers, the latest first */
    bool has_recovered_parties;       /* some arrived before a restart: they will wait again */
};

/* ---- names, handles, objects ---- */

struct slot {
    struct strmap_node node; /* key: the name */
    struct mst_blob *name;
    struct object *object; /* NULL: nothing of that name exists now */
    bool gone;             /* there was one and it was removed */
    uint32_t handles;      /* that refer to the slot */
};

struct handle {
    struct slot *slot; /* NULL: the name was not valid */
    enum mst_status refusal;
};

struct settings { /* by enum setting_code */
    int64_t values[MST_SETTINGS_MAX];
};
enum setting_code {
#define SETTING(code, name, type, kinds, absent, change, help) SETTING_##code,
#include "protocol/settings.def"
#undef SETTING
    SETTINGS_COUNT
};

struct object {
    uint64_t id;
    enum mst_kind kind;
    struct slot *slot;
    struct link in_core; /* core->objects_order, by creation */
    struct settings settings;
    bool by_use;      /* made by first use and never declared */
    uint64_t version; /* rises with every change */
    uint64_t seq;     /* last durable record that speaks of it */
    uint64_t stored;  /* bytes in a snapshot, about; counted whether durable or not */
    int64_t created_ns;
    int64_t used_ns;
    struct timer idle;
    struct link dirty; /* in core->dirty, or in none */
};

/* ---- queues ---- */

/* What few messages have. */
struct extra {
    uint64_t object; /* the queue by number: it may be gone before a discarded message is */
    struct message *message;
    int64_t put_ns; /* of the message: where it stood in that is a pointer to here */
    struct timer ttl;
    struct timer delay;
    int64_t expires_ns;                /* MST_FOREVER: never */
    int64_t ready_ns;                  /* end of the delay */
    uint32_t given_more, counted_more; /* beyond what the message's own counts can hold */
    struct mst_blob *headers;
    struct dead_note *dead;
};

struct dead_note {
    struct mst_blob *cause;
    struct mst_blob *queue;
    struct mst_blob *holder;
    uint64_t id;
    uint64_t deliveries;
    int64_t put_wall_ns;
    int64_t died_wall_ns;
};

/* One delivery: on the way (entry set), then taken (entry NULL). */
struct lease {
    struct message *message;
    struct queue *queue;
    struct session *session; /* NULL once detached */
    struct entry *entry;
    uint64_t request; /* that it was given to */
    struct link in_entry;
    struct link in_session;
    struct link in_queue;
    struct timer timer;
    enum mst_get_mode mode;
    bool detached;
    bool taken;
    int64_t priority; /* of the message */
    int64_t lease_ns;
    int64_t since_ns;
    int64_t until_ns;
    struct mst_blob *holder; /* label of the session that let go of it, or NULL */
    uint64_t session_id;
};

/* Ready messages. What arrives is in a list by id, which is no more than marks in the map of
 * messages; what comes back out of order, and all of a priority queue, is in a sorted set. */
struct pile {
    struct idmap *messages; /* the queue's */
    struct idmap_marks arrived;
    struct sorted by_order; /* of delivery: what came back, or all of a priority queue */
    struct sorted by_age;   /* what came back to a priority queue */
    enum mst_kind kind;
    size_t count;
    uint64_t bytes; /* of their bodies */
};

struct dedup_note {
    struct strmap_node node;
    struct link in_order;
    struct mst_blob *key;
    uint64_t message;
    int64_t at_ns;
};

struct queue {
    struct object object; /* first: a queue is an object */
    struct pile ready;
    struct idmap messages;
    struct link leases;
    struct link accounts;
    uint64_t next_id;
    uint64_t first_id; /* where numbering began */
    uint64_t leased;
    uint64_t delayed;
    uint64_t kept_bytes;
    uint64_t messages_stored; /* the part of object.stored that its messages are */
    uint64_t unfinished;
    uint64_t tallies[MST_TALLY_COUNT]; /* since unfinished last was 0 */
    uint64_t totals[MST_TALLY_COUNT];  /* since creation */
    uint64_t puts, gets, returns, duplicates;
    unsigned paused; /* enum mst_side bits */
    bool shut;
    bool shut_now; /* immediate: what comes back is purged */
    bool is_dead;  /* holds dead letters */
    struct line getters;
    struct line putters;
    struct line joiners;
    struct strmap dedup;
    struct link dedup_order;
    struct queue_counts *counts; /* its own, or core->rest */
};

static inline int64_t message_put_ns(const struct message *message)
{
    return message->has_extra ? message->more.extra->put_ns : message->more.put_ns;
}

static inline int64_t message_priority(const struct message *message)
{
    return message->state == MST_LEASED ? message->in.lease->priority : message->in.priority;
}

/* Given out so often: the number of the last delivery. */
static inline uint32_t message_deliveries(const struct message *message)
{
    return message->given + (message->has_extra ? message->more.extra->given_more : 0);
}

/* Of these, those that count towards max-deliveries. */
static inline uint32_t message_counted(const struct message *message)
{
    return message->counted + (message->has_extra ? message->more.extra->counted_more : 0);
}

static inline bool message_expired(const struct message *message, int64_t now_ns)
{
    return message->has_extra && message->more.extra->expires_ns <= now_ns;
}

static inline uint64_t queue_kept(const struct queue *queue)
{
    return queue->ready.count + queue->leased + queue->delayed;
}

static inline bool kind_is_queue(enum mst_kind kind)
{
    return kind == MST_KIND_FIFO || kind == MST_KIND_LIFO || kind == MST_KIND_PRIORITY;
}

/* ---- events and barriers ---- */

struct event_object {
    struct object object; /* first */
    bool set;
    uint64_t generation; /* rises with every false-to-true change */
    int64_t set_ns;      /* when it did so last in this run; not durable, as no wait is */
    struct line waiters;
};

enum barrier_phase { BARRIER_FILLING, BARRIER_ACTING, BARRIER_BROKEN };

struct barrier_party { /* an arrival of the generation that fills, or whose leader acts */
    struct link in_barrier;
    struct barrier *barrier;
    struct barrier_party *next_of_session;
    uint64_t session;
    uint64_t request;
    uint64_t index;
};

struct barrier {
    struct object object; /* first */
    enum barrier_phase phase;
    uint64_t generation; /* of those who arrive now */
    uint64_t arrived;
    struct link parties;    /* struct barrier_party, in order of arrival */
    struct mst_blob *cause; /* why it is broken */
    uint64_t leader;        /* session of the leader while ACTING */
    uint64_t leader_request;
    struct timer action;
    int64_t acting_since_ns;
    struct line waiters;
};

/* ---- the whole ---- */

struct discarded { /* messages and notes cut off in O(1), freed in slices */
    struct discarded *next;
    struct idmap messages;
    size_t at;         /* pages before this are freed */
    struct link notes; /* struct dedup_note */
};

struct core {
    struct core_config config;
    struct strmap slots;
    struct sorted names;  /* of objects: slots that have one */
    struct idmap objects; /* by object id */
    struct link objects_order;
    struct idmap sessions;
    struct link sessions_order;
    struct link ending; /* sessions that ended and still hold something, in order of their end */
    struct link dirty;  /* objects that changed in this step and are to be settled */
    struct heap timers;
    struct reserve reserve;      /* memory set aside */
    struct mst_blob_shelf shelf; /* bodies that can be sent away */
    struct slab messages;        /* all of them */
    struct pool lease_pool;
    struct pool entry_pool;
    struct discarded *discarded;
    uint64_t timer_seq;
    uint64_t place_seq;
    uint64_t record_seq; /* number of the last durable record */
    uint64_t next_object;
    uint64_t next_session;
    uint64_t next_message; /* numbering of a new queue begins here: ids are never used again */
    uint64_t memory;
    struct { /* what is durable, as a snapshot would have it, about */
        uint64_t messages;
        uint64_t bytes;
    } stored;
    uint64_t messages_count;
    uint64_t waits_count;
    uint64_t connected;
    int64_t now_ns;
    int64_t wall_ns;
    bool draining;
    bool storage_full;        /* as the last event said */
    bool memory_short;        /* this too */
    bool recovered;           /* and no step since: times are still to begin anew */
    struct queue_counts rest; /* of all queues that have no counters of their own */
    uint64_t counted_apart;   /* queues that have */
    struct link *figures_at;  /* the object that a walk looks at next; NULL: there was none yet */
};

/* One core_step on its way through the core's files. */
struct step {
    struct core *core;
    const struct event *event;
    struct effects *effects;
    struct object *object; /* the one that is spoken of: a refusal waits for its last record too */
};

#endif
