/* record.h - what a step decided, as data: the only thing that changes the core's state.
 *
 * A record names everything by number, so that the same record gives the same state in the running
 * broker and in a recovery. Members that a kind does not use are zero. Encoded form: kind, seq,
 * now, wall, a bitmap of the members that are not zero, then these, numbers as LEB128. A message
 * body stands there as its length, its hash (protocol/body.h) and its bytes, so that it can be read
 * back by itself. */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

#include "broker/core/encoding.h"
#include "broker/core/state.h"

enum record_kind {
    RECORD_SESSION_OPEN = 1, /* session, name, host, pid, ttl_ns, secret_hash, identity */
    RECORD_SESSION_END,      /* session: what it holds is returned by the records that follow */
    RECORD_SESSION_GONE,     /* session: nothing is left of it */
    RECORD_CONFIRM,          /* session, list: (first request id, count) pairs that were taken */
    RECORD_ABANDON, /* session, request: its outcome is forgotten (deliveries returned before) */
    RECORD_OUTCOME, /* session, request, count, op, status, cause, value, numbers */

    RECORD_CREATE, /* object, kind, name, settings, flag = by use, message = first id */
    RECORD_UPDATE, /* object, kind, settings, flag = by use from now on */
    RECORD_REMOVE, /* object */

    RECORD_PUT,      /* object, message = first id, put */
    RECORD_GRANT,    /* object, session, request, count = requests, list = messages, mode, lease_ns,
                        detached */
    RECORD_DONE,     /* object, message, count = consecutive ones, number, session */
    RECORD_TASKDONE, /* object, session, count */
    RECORD_RETURN,   /* object, message, counted, ready_ns (0: at once) */
    RECORD_BURY,     /* object, message, target = dead letters' queue, new_id, cause */
    RECORD_REDRIVE,  /* object = dead letters' queue, message, target, new_id */
    RECORD_EXTEND,   /* object, message, until_ns (0: as long as the session) */
    RECORD_READY,    /* object, message: its delay is over */
    RECORD_DROP,     /* object, message, tally: leaves unfinished by whoever wanted it */
    RECORD_PURGE,    /* object: ready and delayed messages */
    RECORD_PAUSE,    /* object, sides = those that are paused now */
    RECORD_SHUTDOWN, /* object, flag = immediate */
    RECORD_LOSE,     /* object, session, count: taken in auto mode and never declared done */

    RECORD_EVENT_SET,   /* object */
    RECORD_EVENT_CLEAR, /* object */

    RECORD_BARRIER_ARRIVE, /* object, session, request, number = index */
    RECORD_BARRIER_ACT,    /* object: the last to arrive leads */
    RECORD_BARRIER_TRIP,   /* object */
    RECORD_BARRIER_BREAK,  /* object, cause */
    RECORD_BARRIER_RESET,  /* object */
    RECORD_BARRIER_LEAVE,  /* object, session, request: a party that will not come back is forgotten
                            */

    /* Only in snapshots: what the records above could tell only at length. */
    RECORD_STATE_CORE,     /* object, session, message = next numbers, number = timers armed */
    RECORD_STATE_QUEUE,    /* object, number = version, sides, flag = shut and how, list = numbers
                              and totals, numbers = tallies */
    RECORD_STATE_MESSAGES, /* object, state: snapshot_messages.c */
    RECORD_STATE_NOTES,    /* object, state: snapshot_messages.c; dedup keys, the oldest first */
    RECORD_STATE_ACCOUNTS, /* object, list: (session, taken) pairs */
    RECORD_STATE_EVENT,    /* object, number = version, flag, count = generation */
    RECORD_STATE_BARRIER,  /* object, number = version, mode = phase, count = generation, session
                              and request = leader, cause, ready_ns = acting since, until_ns,
                              target = action's place among timers */
    RECORD_STATE_PARTIES,  /* object, list: (session, request, index), in order of arrival */
    RECORD_STATE_SESSION,  /* session, request = highest, list: (object, message) of its leases in
                              order, numbers: (object, request) of its arrivals, the latest first;
                              both only if order of queues and barriers does not say so */
    RECORD_STATE_FINISHED, /* session, list: (object, message, number), the oldest first */
    RECORD_KINDS
};

struct record {
    enum record_kind what;
    uint64_t seq; /* 0: not durable */
    int64_t now_ns;
    int64_t wall_ns;
    uint64_t session;
    uint64_t request;
    uint64_t count;
    uint64_t object;
    uint64_t message;
    uint64_t number;
    uint64_t target;
    uint64_t new_id;
    uint64_t kind;
    uint64_t mode;
    uint64_t detached;
    uint64_t counted;
    uint64_t tally;
    uint64_t sides;
    uint64_t flag;
    uint64_t op;
    uint64_t status;
    uint64_t pid;
    int64_t ttl_ns;
    int64_t lease_ns;
    int64_t until_ns;
    int64_t ready_ns;
    struct mst_span name;
    struct mst_span host;
    struct mst_span identity;
    struct mst_span secret_hash;
    struct mst_span cause;
    struct mst_span value;
    const uint64_t *list;
    size_t list_count;
    const uint64_t *numbers;
    size_t numbers_count;
    const int64_t *settings;
    size_t settings_count;
    struct mst_span state;
    struct put_list *put; /* RECORD_PUT: apply takes what is in it, not the struct itself */
};

/* bodies: room for one per body of the put list, filled with where their hashes stand in out; NULL:
 * nobody wants to know. */
bool record_encode(struct mst_buf *out, const struct record *record, struct core_body *bodies);

/* Decodes the first record of in; arrays and the put list's are in arena, its blobs are new, its
 * bodies far.
 * Returns the bytes used, 0 when in is not a record or memory ran out (bodies->no_memory). */
size_t record_decode(struct mst_span in, const struct record_bodies *bodies,
                     struct mst_arena *arena, struct record *record);

#define RECORD_TIME_MAX (MST_FOREVER / 2) /* so that differences are numbers */

/* Could a core in this state have made the record, which is not one of STATE? If not, carrying it
 * out would break what holds. */
bool record_makes_sense(struct core *core, const struct record *record);

/* Carries out a record. Live and in recovery the same; memory that it is refused is taken from what
 * was set aside (internal.h). */
void record_apply(struct core *core, const struct record *record);

/* Carries out a record of STATE; bodies: of what record->state holds. false: it makes no sense. */
static inline bool record_is_state(const struct record *record)
{
    return record->what >= RECORD_STATE_CORE;
}
bool state_apply(struct core *core, const struct record *record,
                 const struct record_bodies *bodies);

#endif
