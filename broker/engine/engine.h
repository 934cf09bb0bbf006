/* engine.h - the whole broker, deterministic: connections, core and journal.
 *
 * Everything impure comes in through the ports, and nothing happens but inside the calls below: the
 * same calls with the same clock and the same randomness give the same bytes and the same closes.
 * One turn of its driver (broker/io, or a test) is:
 *
 *   engine_accept, engine_receive, engine_closed, engine_writable, engine_durable   as it comes
 *   engine_turn                                                                      then once
 *   sleep until engine_next_deadline_ns, or until something comes
 *
 * All that can be read is to be given before engine_turn: only then is it judged who was silent and
 * what has expired. After a pause of more than a second the engine asks for turns without sleep
 * (engine_next_deadline_ns = 0) until one brought no input, and expires nothing before.
 * Must not know: libevent, files, the system's clock. Not thread-safe, no re-entry from a port. */
#ifndef ENGINE_H
#define ENGINE_H

#include <stddef.h>
#include "broker/journal/store.h"
#include "broker/session/access.h"
#include "protocol/large.h"
#include "protocol/message.h"

struct engine;
struct core;
struct journal;
struct journal_replica;

#define ENGINE_GREETING_NS        5000000000LL /* from accept until the session is there */
#define ENGINE_CLOSING_NS         5000000000LL /* for a closing connection to take its output */
#define ENGINE_DRAIN_NS           9000000000LL /* for all when it goes away: in 10 s it is gone */
#define ENGINE_BATCH_AGAIN_NS     10000000LL   /* until a batch is handed over once more */
#define ENGINE_PAUSE_NS           1000000000LL /* longer without a turn: input goes first */
#define ENGINE_LATELY_NS          2000000LL    /* so long somebody counts as served */
#define ENGINE_HEARTBEATS         3            /* signs of life within the silence time */
#define ENGINE_PEER_TEXT_MAX      64
#define ENGINE_HANDSHAKES         16 /* steps of handshakes that a turn may do */
#define ENGINE_CONNECTIONS_LIMIT  1000000
#define ENGINE_BODY_PER_FRAME_MAX 2 /* a body has at most this part of a frame */

enum engine_log_level { ENGINE_ERROR, ENGINE_WARNING, ENGINE_INFO, ENGINE_DEBUG };

struct engine_config {
    bool strict;
    bool has_storage; /* a journal will be attached */
    uint64_t connections_max;
    uint64_t unauthenticated_max; /* connections without a session, and those of one address */
    uint64_t per_address_max;
    uint64_t sessions_max;
    uint64_t objects_max;
    uint64_t waits_max;
    uint64_t queues_apart_max; /* whose figures are counted apart; the rest is summed */
    uint64_t memory_max;       /* 0: no limit */
    uint64_t reserve_bytes;    /* set aside for what cannot be refused when memory is gone */
    uint64_t frame_bytes_max;
    uint64_t output_bytes_max; /* waiting for one client to read; beyond it the client is dropped */
    uint64_t put_credit;
    uint64_t put_credit_bytes;
    int64_t silence_ns;
    int64_t ttl_max_ns;
    const char *version; /* static text */
};

void engine_config_init(struct engine_config *config); /* limits.h, no limit where it has none */

/* One event worth knowing. Texts are borrowed until the port returns, and may hold any bytes. */
struct engine_note {
    enum engine_log_level level;
    const char *text;
    const char *peer;   /* address of the connection that it is about; NULL: of none */
    const char *client; /* who that is, "mill/worker@host:4711"; NULL: not known */
    uint64_t missed;    /* so many of the kind were left out since the last one */
};

struct engine_ports {
    void *user;                    /* first argument of each */
    int64_t (*now_ns)(void *user); /* the line that deadlines run on; never goes back */
    int64_t (*wall_ns)(void *user);
    void (*entropy)(void *user, uint8_t *out, size_t len);
    /* Returns how many bytes of the pieces were taken, -1 when the connection is broken. After
     * fewer than all the engine waits for engine_writable. */
    ptrdiff_t (*send)(void *user, uint64_t conn, const struct mst_span *pieces, size_t count);
    /* The connection is over. Called once for each that was accepted, also after engine_closed and,
     * for those that are left, by engine_free. The number is never used again. */
    void (*close)(void *user, uint64_t conn);
    void (*log)(void *user, const struct engine_note *note);
};

/* Who is at the other end, for logs. */
struct engine_peer {
    const char *address; /* as text */
    bool is_unix;
    uint32_t uid;       /* Unix sockets */
    uint64_t source;    /* stands for its address; 0: no limit per address, as on Unix sockets */
    bool clear_refused; /* it must come through the encrypted channel */
};

/* Who may come and what they may do. Keys and texts are copied. */
struct engine_security {
    const uint8_t *server_secret; /* NULL: there is no encrypted channel */
    struct access_texts texts;
};

/* journal: NULL = memory objects only; else it stays the caller's and must outlive the engine. NULL
 * when out of memory. */
struct engine *engine_new(const struct engine_config *config, const struct engine_ports *ports,
                          struct journal *journal);
void engine_free(struct engine **engine);

/* Before the first turn: applies one batch of an earlier run; seq is the number of its last record,
 * place where it stands in the journal, 0: nowhere. As core_recover. */
enum mst_status engine_recover(struct engine *engine, struct mst_span records, uint64_t seq,
                               uint64_t place);
/* Reading them needs memory, and there is none: gives some of what is set aside for later to the
 * allocator. false: no more. */
bool engine_lend_memory(struct engine *engine);
/* After the recovery: the journal that has_storage promised; it stays the caller's and must outlive
 * the engine. The deadline line goes on where the last record left it, and by as much as the wall
 * clock says has passed. */
void engine_attach(struct engine *engine, struct journal *journal);
/* Why the broker must end: nothing can be made durable any more. NULL: all is well. */
const char *engine_failure(const struct engine *engine);
/* Who recovers records and writes down what they make, for the journal. */
struct journal_replica engine_replica(void);
enum store_status engine_recovered(enum mst_status status); /* the same, as the journal says it */

/* A number for a new connection, 0 when a limit is reached: then close it. Numbers are never used
 * twice; engine_slot of those in use are distinct, to index a table by: a slot that was never in
 * use before is given only when all smaller ones are in use. */
uint64_t engine_accept(struct engine *engine, const struct engine_peer *peer);
static inline uint32_t engine_slot(uint64_t conn)
{
    return (uint32_t)conn;
}
/* false: it wants a step of a handshake, and this turn did as many as it may. Its bytes are to be
 * left in the system's buffer, and offered again in the next turn. */
bool engine_takes(const struct engine *engine, uint64_t conn);
/* Where the next bytes should be read to: see protocol/large.h. Who reads to the room says with
 * engine_filled how many bytes that were, and then with engine_receive what came besides, be it
 * none. */
struct mst_room engine_room(struct engine *engine, uint64_t conn);
void engine_filled(struct engine *engine, uint64_t conn, size_t n);
void engine_receive(struct engine *engine, uint64_t conn, struct mst_span bytes);
void engine_closed(struct engine *engine, uint64_t conn); /* by the peer; port close follows */
void engine_writable(struct engine *engine, uint64_t conn);
void engine_durable(struct engine *engine, uint64_t seq); /* the journal: all up to seq is safe */

/* The next turn will hand a batch of records to the journal. */
bool engine_has_batch(const struct engine *engine);
/* Lately (ENGINE_LATELY_NS) somebody was answered without waiting for the journal. */
bool engine_serves_others(const struct engine *engine);
void engine_turn(struct engine *engine);
/* When engine_turn is wanted at the latest: 0 = now, MST_FOREVER = when something comes. */
int64_t engine_next_deadline_ns(const struct engine *engine);

/* The broker goes away. Without a journal everybody is told and every wait ends with UNAVAILABLE;
 * with one nothing more is taken in, and all goes on with the broker that follows. Then drive turns
 * until engine_drained: all replies have left, or all records are durable, or ENGINE_DRAIN_NS have
 * passed. */
void engine_drain(struct engine *engine);
bool engine_drained(const struct engine *engine);

/* New limits from now on; nothing that exists is cut off. */
void engine_configure(struct engine *engine, const struct engine_config *config);

/* Before the first connection, and again to replace what was said then; the server's key stays. All
 * or nothing: false leaves everything as it is, and error says why. Who is not welcome any more, or
 * has another name now, is closed. */
bool engine_secure(struct engine *engine, const struct engine_security *security,
                   char error[ACCESS_ERROR_MAX]);

/* For tests and figures; the core is the engine's. */
const struct core *engine_core(const struct engine *engine);
size_t engine_connections(const struct engine *engine);

#endif
