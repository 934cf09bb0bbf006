/* snapshot.h - a snapshot on its way, and how messages stand in it.
 *
 * snapshot.c and snapshot_messages.c write, snapshot_apply.c and snapshot_restore.c read.
 *
 *   messages   of a queue: those that nobody holds by id, then those that are held, in the order in
 *              which they were given
 *   message    flags, id and put time (differences to the message before in the record), body, then
 *              what the flags name: priority; deliveries, counted; extra; headers; dead; lease
 *   body       length, hash, bytes (encoding.h); ELSEWHERE: length, place in the journal
 *   extra      expires, ready, places of the two timers among those of their times
 *   dead       cause, queue, holder, id, deliveries, put and died (wall)
 *   lease      flags, session, request (if on the way), lease time, since (difference to put),
 *              until, place of its timer (0: not armed), holder (if its session has let go of it)
 *   note       message, at (difference to the note before), key
 *
 * Differences wrap around, so none is out of range. */
#ifndef CORE_SNAPSHOT_H
#define CORE_SNAPSHOT_H

#include "broker/core/internal.h"

struct snapshot {
    const struct core *core;
    const struct core_snapshot_port *port;
    struct mst_buf out;                /* the piece so far */
    struct mst_buf state;              /* what the next record has of its own */
    struct core_snapshot_body *bodies; /* in the piece; of the last ones the offset is in state */
    size_t bodies_count;
    size_t bodies_cap;
    size_t bodies_out; /* so many are in out */
    bool ok;
};

#define QUEUE_NUMBERS  6u /* in front of the totals */
#define QUEUE_SHUT     1u
#define QUEUE_SHUT_NOW 2u

/* With what is in snapshot->state, if anything is. */
void snapshot_record(struct snapshot *snapshot, struct record *record);
void snapshot_messages(struct snapshot *snapshot, const struct queue *queue);
void snapshot_notes(struct snapshot *snapshot, const struct queue *queue);
bool state_messages_apply(struct core *core, struct queue *queue, struct decoder *in);
bool state_notes_apply(struct core *core, struct queue *queue, struct decoder *in);

/* ---- messages and dedup keys ---- */

enum message_flag {
    MESSAGE_PRIORITY = 1,
    MESSAGE_DELIVERED = 2,
    MESSAGE_DELAYED = 4,
    MESSAGE_LEASED = 8,
    MESSAGE_EXTRA = 16,
    MESSAGE_HEADERS = 32,
    MESSAGE_ELSEWHERE = 64,
    MESSAGE_DEAD = 128,
    MESSAGE_RETURNED = 256, /* in a fifo or lifo: it takes its place out of order (pile.c) */
    MESSAGE_FLAGS_ALL = 511
};

enum lease_flag {
    LEASE_MODE = 1, /* enum mst_get_mode, 0 or 1 */
    LEASE_DETACHED = 2,
    LEASE_TAKEN = 4,
    LEASE_FREE = 8, /* of its session */
    LEASE_FLAGS_ALL = 15
};

/* What the next message or note differs from. */
struct before {
    uint64_t id;
    int64_t at_ns;
};

static inline int64_t difference(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static inline int64_t sum(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

#endif
