/* messages.c - which fields each operation has, in which order they are on the wire.
 *
 * One table per operation and direction. New fields go at the end: a missing trailing element is
 * nil and an unknown extra one is ignored, so old and new peers understand each other. Everything
 * that speaks of fields (codec, PROTOCOL.md, fuzzing) reads these tables. */
#include "protocol/message.h"

const char *const mst_tally_names[MST_TALLY_COUNT] = {"done",    "dead",    "purged", "deleted",
                                                      "expired", "dropped", "lost"};
const char *const mst_kind_names[MST_KIND_BARRIER + 1] = {"none",     "fifo",  "lifo",
                                                          "priority", "event", "barrier"};

#define FIELD(owner, type, member, absent, max)                                                    \
    {                                                                                              \
        MST_F_##type, offsetof(struct owner, member), 0, absent, max, #member,                     \
            "field " #member ": wrong type, out of range or too long"                              \
    }
#define BODY(owner, member, holder, max)                                                           \
    {                                                                                              \
        MST_F_BIN, offsetof(struct owner, member), offsetof(struct owner, holder), 0, max,         \
            #member, "field " #member ": wrong type, out of range or too long"                     \
    }
#define QF(type, member, absent, max) FIELD(mst_request, type, member, absent, max)
#define RF(type, member, absent, max) FIELD(mst_reply, type, member, absent, max)
#define COUNT(table)                  (sizeof(table) / sizeof((table)[0]))

/* ---- requests: after [op, id, confirm] ---- */

static const struct mst_field q_hello[] = {
    QF(STR, name, 0, MST_CLIENT_NAME_MAX),
    QF(STR, host, 0, MST_HOST_NAME_MAX),
    QF(U64, pid, 0, 0),
    QF(I64, ttl_ns, MST_TTL_DEFAULT_NS, 0),
};
static const struct mst_field q_resume[] = {
    QF(U64, session, 0, 0),
    QF(BIN, secret, 0, MST_SECRET_BYTES),
    QF(RANGES, abandoned, 0, MST_IN_FLIGHT_MAX),
    QF(RANGES, pending, 0, MST_IN_FLIGHT_MAX),
};
static const struct mst_field q_open[] = {
    QF(U64, handle, 0, 0),
    QF(STR, name, 0, MST_NAME_BYTES_MAX),
};
static const struct mst_field q_cancel[] = {
    QF(U64, target, 0, 0),
    QF(U64, status, MST_CANCELLED, 0),
};
static const struct mst_field q_put[] = {
    QF(U64, handle, 0, 0),
    QF(SPANS, bodies, 0, MST_MESSAGES_MAX),
    QF(U64, mode, MST_PUT_EACH, 0),
    QF(I64, timeout_ns, MST_FOREVER, 0),
    QF(I64, priority, 0, 0),
    QF(I64S, priorities, 0, MST_MESSAGES_MAX),
    QF(I64, delay_ns, 0, 0),
    QF(I64, ttl_ns, MST_FOREVER, 0),
    QF(BIN, dedup, 0, MST_DEDUP_KEY_MAX),
    QF(BIN, headers, 0, MST_HEADERS_BYTES_MAX),
};
static const struct mst_field q_get[] = {
    QF(U64S, handles, 0, MST_GET_QUEUES_MAX),
    QF(U64, mode, MST_GET_LEASE, 0),
    QF(I64, timeout_ns, MST_FOREVER, 0),
    QF(U64, max, 1, 0),
    QF(U64, count, 1, 0),
    QF(I64, lease_ns, MST_FOREVER, 0),
    QF(BOOL, detached, 0, 0),
};
static const struct mst_field q_done[] = {
    QF(U64, handle, 0, 0),
    QF(RUNS, runs, 0, MST_MESSAGES_MAX),
};
static const struct mst_field q_task_done[] = {
    QF(U64, handle, 0, 0),
    QF(U64, count, 1, 0),
};
static const struct mst_field q_nack[] = {
    QF(U64, handle, 0, 0),
    QF(U64, message, 0, 0),
    QF(U64, number, 0, 0),
    QF(I64, delay_ns, 0, 0),
    QF(BOOL, uncounted, 0, 0),
    QF(BOOL, dead, 0, 0),
    QF(STR, value, 0, MST_CAUSE_BYTES_MAX),
};
static const struct mst_field q_extend[] = {
    QF(U64, handle, 0, 0),
    QF(U64, message, 0, 0),
    QF(U64, number, 0, 0),
    QF(I64, lease_ns, MST_FOREVER, 0),
};
static const struct mst_field q_handle_timeout[] = {
    QF(U64, handle, 0, 0),
    QF(I64, timeout_ns, MST_FOREVER, 0),
};
static const struct mst_field q_handle[] = {
    QF(U64, handle, 0, 0),
};
static const struct mst_field q_peek[] = {
    QF(U64, handle, 0, 0),
    QF(U64, count, 1, 0),
    QF(U64, message, 0, 0),
};
static const struct mst_field q_delete[] = {
    QF(U64, handle, 0, 0),
    QF(U64, message, 0, 0),
};
static const struct mst_field q_sides[] = {
    QF(U64, handle, 0, 0),
    QF(U64, sides, MST_SIDE_BOTH, 0),
};
static const struct mst_field q_shutdown[] = {
    QF(U64, handle, 0, 0),
    QF(BOOL, immediate, 0, 0),
};
static const struct mst_field q_redrive[] = {
    QF(U64, handle, 0, 0),
    QF(U64, count, MST_MESSAGES_MAX, 0),
};
static const struct mst_field q_event_wait[] = {
    QF(U64, handle, 0, 0),
    QF(I64, timeout_ns, MST_FOREVER, 0),
    QF(GENERATION, generation, 0, 0),
    QF(I64, waited_ns, MST_FOREVER, 0),
};
static const struct mst_field q_barrier_wait[] = {
    QF(U64, handle, 0, 0),
    QF(U64, parties, 0, 0),
    QF(I64, timeout_ns, MST_DEFAULT_TIMEOUT, 0),
};
static const struct mst_field q_barrier_done[] = {
    QF(U64, handle, 0, 0),
    QF(GENERATION, generation, 0, 0),
    QF(BOOL, failed, 0, 0),
    QF(BIN, value, 0, MST_VALUE_BYTES_MAX),
};
static const struct mst_field q_declare[] = {
    QF(U64, handle, 0, 0),
    QF(U64, kind, MST_KIND_FIFO, 0),
    QF(FACTS, settings, 0, MST_SETTINGS_MAX),
};
static const struct mst_field q_update[] = {
    QF(U64, handle, 0, 0),
    QF(FACTS, settings, 0, MST_SETTINGS_MAX),
};
static const struct mst_field q_list[] = {
    QF(STR, pattern, 0, MST_NAME_BYTES_MAX),
    QF(STR, after, 0, MST_NAME_BYTES_MAX),
    QF(U64, count, MST_LIST_MAX, 0),
    QF(U64, kind, 0, 0),
};
static const struct mst_field q_sessions[] = {
    QF(U64, session, 0, 0), /* those with a larger id */
    QF(U64, count, MST_LIST_MAX, 0),
};
static const struct mst_field q_kill[] = {
    QF(U64, session, 0, 0),
};
static const struct mst_field q_backup[] = {
    QF(U64, offset, 0, 0),
    QF(U64, count, MST_BACKUP_PIECE_MAX, 0),
};

/* ---- replies: after [op, id, status, cause] ---- */

static const struct mst_field r_welcome[] = {
    RF(U64, session, 0, 0),
    RF(BIN, secret, 0, MST_SECRET_BYTES),
    RF(BIN, boot, 0, MST_BOOT_BYTES),
    RF(U64, in_flight_max, MST_IN_FLIGHT_MAX, 0),
    RF(I64, silence_ns, MST_SILENCE_DEFAULT_NS, 0),
    RF(U64, frame_bytes_max, MST_FRAME_BYTES_MAX, 0),
    RF(U64, put_credit, MST_PUT_CREDIT, 0),
    RF(U64, put_credit_bytes, MST_PUT_CREDIT_BYTES, 0),
    RF(STR, version, 0, MST_VERSION_BYTES_MAX),
};
static const struct mst_field r_notice[] = {
    RF(U64, notice, 0, 0),
    RF(STR, name, 0, MST_NAME_BYTES_MAX),
    RF(U64, first, 0, 0),
    RF(U64, number, 0, 0),
};
static const struct mst_field r_ping[] = {
    RF(STR, version, 0, MST_VERSION_BYTES_MAX),
    RF(FACTS, facts, 0, MST_FACTS_MAX),
};
static const struct mst_field r_put[] = {
    RF(U64, answered, 1, 0), RF(U64, first, 0, 0),     RF(U64, taken, 0, 0),
    RF(U64, durable, 0, 0),  RF(U64, duplicate, 0, 0),
};
static const struct mst_field r_get[] = {
    RF(U64, answered, 1, 0),
    RF(U64, handle, 0, 0),
    RF(DELIVERIES, deliveries, 0, MST_MESSAGES_MAX),
};
static const struct mst_field r_done[] = {
    RF(U64, answered, 1, 0),
    RF(BOOL, already, 0, 0),
    RF(U64, durable, 0, 0),
};
static const struct mst_field r_join[] = {
    RF(U64S, tallies, 0, MST_TALLIES_MAX),
};
static const struct mst_field r_qsize[] = {
    RF(U64, ready, 0, 0),
    RF(U64, kept, 0, 0),
    RF(U64, maxsize, 0, 0),
    RF(U64, object_version, 0, 0),
};
static const struct mst_field r_peek[] = {
    RF(DELIVERIES, deliveries, 0, MST_MESSAGES_MAX),
};
static const struct mst_field r_number[] = {
    RF(U64, number, 0, 0),
    RF(U64, durable, 0, 0),
};
static const struct mst_field r_durable[] = {
    RF(U64, durable, 0, 0),
};
static const struct mst_field r_event[] = {
    RF(BOOL, flag, 0, 0),
    RF(U64, generation, 0, 0),
    RF(U64, object_version, 0, 0),
};
static const struct mst_field r_barrier_wait[] = {
    RF(U64, index, 0, 0),
    RF(U64, generation, 0, 0),
    RF(BOOL, leader, 0, 0),
    RF(BIN, value, 0, MST_VALUE_BYTES_MAX),
};
static const struct mst_field r_backup[] = {
    RF(U64, number, 0, 0),
    RF(BIN, value, 0, MST_BACKUP_PIECE_MAX),
};
static const struct mst_field r_declare[] = {
    RF(BOOL, flag, 0, 0),
    RF(U64, durable, 0, 0),
};
static const struct mst_field r_stat[] = {
    RF(U64, kind, 0, 0),
    RF(FACTS, facts, 0, MST_FACTS_MAX),
    RF(PARTIES, who, 0, MST_WHO_MAX),
};
static const struct mst_field r_list[] = {
    RF(ENTRIES, entries, 0, MST_LIST_MAX),
};
static const struct mst_field r_sessions[] = {
    RF(SESSIONS, sessions, 0, MST_LIST_MAX),
};

/* ---- rows: each is an array in an array ---- */

static const struct mst_field w_range[] = {
    FIELD(mst_range, U64, first, 0, 0),
    FIELD(mst_range, U64, count, 1, 0),
};
static const struct mst_field w_run[] = {
    FIELD(mst_run, U64, first, 0, 0),
    FIELD(mst_run, U64, number, 1, 0),
    FIELD(mst_run, U64, count, 1, 0),
};
static const struct mst_field w_history[] = {
    FIELD(mst_history, STR, cause, 0, MST_CAUSE_BYTES_MAX),
    FIELD(mst_history, STR, queue, 0, MST_NAME_BYTES_MAX),
    FIELD(mst_history, U64, id, 0, 0),
    FIELD(mst_history, U64, deliveries, 0, 0),
    FIELD(mst_history, I64, put_wall_ns, 0, 0),
    FIELD(mst_history, I64, died_wall_ns, 0, 0),
    FIELD(mst_history, STR, holder, 0, MST_HOLDER_BYTES_MAX),
};
static const struct mst_field w_delivery[] = {
    FIELD(mst_delivery, U64, id, 0, 0),
    FIELD(mst_delivery, U64, number, 0, 0),
    BODY(mst_delivery, body, blob, MST_FRAME_BYTES_MAX),
    FIELD(mst_delivery, I64, priority, 0, 0),
    FIELD(mst_delivery, I64, age_ns, 0, 0),
    FIELD(mst_delivery, BIN, headers, 0, MST_HEADERS_BYTES_MAX),
    FIELD(mst_delivery, U64, state, MST_READY, 0),
    FIELD(mst_delivery, HISTORY, history, 0, 0),
};
static const struct mst_field w_party[] = {
    FIELD(mst_party, STR, role, 0, MST_DETAIL_BYTES_MAX),
    FIELD(mst_party, STR, name, 0, MST_CLIENT_NAME_MAX),
    FIELD(mst_party, STR, host, 0, MST_HOST_NAME_MAX),
    FIELD(mst_party, U64, pid, 0, 0),
    FIELD(mst_party, U64, session, 0, 0),
    FIELD(mst_party, I64, since_ns, 0, 0),
    FIELD(mst_party, BOOL, connected, 0, 0),
    FIELD(mst_party, STR, detail, 0, MST_DETAIL_BYTES_MAX),
};
static const struct mst_field w_entry[] = {
    FIELD(mst_entry, STR, name, 0, MST_NAME_BYTES_MAX),
    FIELD(mst_entry, U64, kind, 0, 0),
    FIELD(mst_entry, U64, ready, 0, 0),
    FIELD(mst_entry, U64, unfinished, 0, 0),
    FIELD(mst_entry, U64, waiting, 0, 0),
    FIELD(mst_entry, U64, leased, 0, 0),
    FIELD(mst_entry, U64, delayed, 0, 0),
    FIELD(mst_entry, U64, puts, 0, 0),
    FIELD(mst_entry, U64, gets, 0, 0),
    FIELD(mst_entry, I64, oldest_age_ns, 0, 0),
};
static const struct mst_field w_session[] = {
    FIELD(mst_session_row, U64, id, 0, 0),
    FIELD(mst_session_row, STR, name, 0, MST_CLIENT_NAME_MAX),
    FIELD(mst_session_row, STR, host, 0, MST_HOST_NAME_MAX),
    FIELD(mst_session_row, U64, pid, 0, 0),
    FIELD(mst_session_row, I64, age_ns, 0, 0),
    FIELD(mst_session_row, BOOL, connected, 0, 0),
    FIELD(mst_session_row, U64, leases, 0, 0),
    FIELD(mst_session_row, U64, waits, 0, 0),
};

#define LAYOUT(table) ((struct mst_layout){table, COUNT(table)})
#define EMPTY_LAYOUT  ((struct mst_layout){NULL, 0})

struct mst_layout mst_request_layout(enum mst_op op)
{
    switch (op) {
    case MST_OP_HELLO: return LAYOUT(q_hello);
    case MST_OP_RESUME: return LAYOUT(q_resume);
    case MST_OP_OPEN: return LAYOUT(q_open);
    case MST_OP_CANCEL: return LAYOUT(q_cancel);
    case MST_OP_PUT: return LAYOUT(q_put);
    case MST_OP_GET: return LAYOUT(q_get);
    case MST_OP_DONE: return LAYOUT(q_done);
    case MST_OP_TASK_DONE: return LAYOUT(q_task_done);
    case MST_OP_NACK: return LAYOUT(q_nack);
    case MST_OP_EXTEND: return LAYOUT(q_extend);
    case MST_OP_JOIN: return LAYOUT(q_handle_timeout);
    case MST_OP_QSIZE: return LAYOUT(q_handle);
    case MST_OP_PEEK: return LAYOUT(q_peek);
    case MST_OP_PURGE: return LAYOUT(q_handle);
    case MST_OP_DELETE: return LAYOUT(q_delete);
    case MST_OP_PAUSE:
    case MST_OP_UNPAUSE: return LAYOUT(q_sides);
    case MST_OP_SHUTDOWN: return LAYOUT(q_shutdown);
    case MST_OP_REDRIVE: return LAYOUT(q_redrive);
    case MST_OP_EVENT_SET:
    case MST_OP_EVENT_CLEAR:
    case MST_OP_EVENT_IS_SET: return LAYOUT(q_handle);
    case MST_OP_EVENT_WAIT: return LAYOUT(q_event_wait);
    case MST_OP_BARRIER_WAIT: return LAYOUT(q_barrier_wait);
    case MST_OP_BARRIER_DONE: return LAYOUT(q_barrier_done);
    case MST_OP_BARRIER_ABORT:
    case MST_OP_BARRIER_RESET: return LAYOUT(q_handle);
    case MST_OP_DECLARE: return LAYOUT(q_declare);
    case MST_OP_UPDATE: return LAYOUT(q_update);
    case MST_OP_REMOVE:
    case MST_OP_STAT: return LAYOUT(q_handle);
    case MST_OP_LIST: return LAYOUT(q_list);
    case MST_OP_SESSIONS: return LAYOUT(q_sessions);
    case MST_OP_BACKUP: return LAYOUT(q_backup);
    case MST_OP_KILL: return LAYOUT(q_kill);
    case MST_OP_HEARTBEAT:
    case MST_OP_BYE:
    case MST_OP_NOTICE:
    case MST_OP_PING: break;
    }
    return EMPTY_LAYOUT;
}

struct mst_layout mst_reply_layout(enum mst_op op)
{
    switch (op) {
    case MST_OP_HELLO:
    case MST_OP_RESUME: return LAYOUT(r_welcome);
    case MST_OP_NOTICE: return LAYOUT(r_notice);
    case MST_OP_PING: return LAYOUT(r_ping);
    case MST_OP_PUT: return LAYOUT(r_put);
    case MST_OP_GET: return LAYOUT(r_get);
    case MST_OP_DONE: return LAYOUT(r_done);
    case MST_OP_TASK_DONE: return LAYOUT(r_number);
    case MST_OP_JOIN: return LAYOUT(r_join);
    case MST_OP_QSIZE: return LAYOUT(r_qsize);
    case MST_OP_PEEK: return LAYOUT(r_peek);
    case MST_OP_PURGE:
    case MST_OP_SHUTDOWN:
    case MST_OP_REDRIVE: return LAYOUT(r_number);
    case MST_OP_EVENT_SET:
    case MST_OP_EVENT_CLEAR:
    case MST_OP_EVENT_IS_SET:
    case MST_OP_EVENT_WAIT: return LAYOUT(r_event);
    case MST_OP_BARRIER_WAIT: return LAYOUT(r_barrier_wait);
    case MST_OP_DECLARE: return LAYOUT(r_declare);
    case MST_OP_STAT: return LAYOUT(r_stat);
    case MST_OP_LIST: return LAYOUT(r_list);
    case MST_OP_SESSIONS: return LAYOUT(r_sessions);
    case MST_OP_BACKUP: return LAYOUT(r_backup);
    case MST_OP_NACK:
    case MST_OP_EXTEND:
    case MST_OP_DELETE:
    case MST_OP_PAUSE:
    case MST_OP_UNPAUSE:
    case MST_OP_BARRIER_DONE:
    case MST_OP_BARRIER_ABORT:
    case MST_OP_BARRIER_RESET:
    case MST_OP_UPDATE:
    case MST_OP_REMOVE: return LAYOUT(r_durable);
    case MST_OP_OPEN:
    case MST_OP_HEARTBEAT:
    case MST_OP_BYE:
    case MST_OP_CANCEL:
    case MST_OP_KILL: break;
    }
    return EMPTY_LAYOUT;
}

#define ROW(owner, table) (*size_out = sizeof(struct owner), LAYOUT(table))

struct mst_layout mst_row_layout(enum mst_field_type type, size_t *size_out)
{
    switch (type) {
    case MST_F_RANGES: return ROW(mst_range, w_range);
    case MST_F_RUNS: return ROW(mst_run, w_run);
    case MST_F_DELIVERIES: return ROW(mst_delivery, w_delivery);
    case MST_F_PARTIES: return ROW(mst_party, w_party);
    case MST_F_ENTRIES: return ROW(mst_entry, w_entry);
    case MST_F_SESSIONS: return ROW(mst_session_row, w_session);
    case MST_F_HISTORY: return ROW(mst_history, w_history);
    default: *size_out = 0; return EMPTY_LAYOUT;
    }
}
