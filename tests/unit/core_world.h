/* core_world.h - a world of one core and some clients, in which time moves only when told to.
 *
 *   struct world w;
 *   world_open(&w, WORLD_MEMORY);
 *   world_hello(&w, "a");
 *   world_request(&w, "a", MST_OP_EVENT_WAIT, "go")->timeout_ns = 5 * SECOND;
 *   uint64_t id = world_send(&w);
 *   expect_waiting(&w, "a", id);
 *   world_advance(&w, 5 * SECOND);
 *   expect_reply(&w, "a", id, MST_TIMEOUT);
 *   world_close(&w);
 *
 * Clients are known by name. Each keeps what it sent until it is answered, so that world_resume
 * sends again what is unanswered, as a library would. Everything the core hands out is copied and
 * stays valid until world_close. world_close also checks that the journal, applied to a new core,
 * gives the state that the old one has, and that a snapshot of it does: so every test of the core
 * is a test of recovery too.
 *
 * A restart makes two cores: one from a snapshot and the records after it, and its twin from all
 * records there ever were. From then on both are told the same and must do the same. */
#ifndef CORE_WORLD_H
#define CORE_WORLD_H

#include "tests/unit/core_store.h"

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

#define WORLD_CLIENTS 64
#define WORLD_HANDLES 16

enum world_storage { WORLD_MEMORY, WORLD_DURABLE };

struct world_request {
    struct mst_request request;
    const struct mst_reply *reply; /* the latest; NULL: none yet */
    size_t replies;                /* how often it was answered */
    bool given_up;
};

struct world_client {
    const char *name;
    uint64_t session;
    uint64_t conn; /* 0: not connected */
    int64_t ttl_ns;
    uint8_t secret[MST_SECRET_BYTES];
    const char *handles[WORLD_HANDLES];
    size_t handles_count;
    struct world_request *requests; /* requests[i] has id i+1 */
    size_t requests_count;
    size_t requests_cap;
    const char *closed;             /* why the broker closed the connection; NULL: it did not */
    const struct mst_reply *notice; /* the latest notice, welcome or other reply without an id */
};

struct world {
    struct core *core;
    struct core *twin; /* NULL: there was no restart yet */
    struct core_config config;
    struct effects effects;
    struct effects twin_effects;
    struct mst_arena arena;
    struct store store;
    uint64_t journal_seq;
    uint64_t bodies_max; /* of cores made by a restart */
    bool storage_full;
    bool memory_short;
    int64_t now_ns;
    uint64_t next_conn;
    struct world_client clients[WORLD_CLIENTS];
    size_t clients_count;
    struct world_client *asking; /* whose request is being filled */
    struct mst_request asked;
};

void world_open(struct world *w, enum world_storage storage);
void world_close(struct world *w);

/* The broker dies and starts again from its journal: nobody is connected. */
void world_restart(struct world *w);
/* The journal applied to a new core gives the same durable state. */
void expect_replay_is_equal(struct world *w);

/* Lets time pass, with a tick at every deadline on the way. */
void world_advance(struct world *w, int64_t ns);
void world_drain(struct world *w);
void world_step(struct world *w, struct event *event); /* it happens now */

/* ---- clients ---- */

void world_hello(struct world *w, const char *who); /* time-to-live: the default, 10 s */
void world_hello_ttl(struct world *w, const char *who, int64_t ttl_ns);
void world_lose(struct world *w, const char *who); /* its connection is gone */
/* Comes back and sends again what is unanswered. */
void world_resume(struct world *w, const char *who);
/* The two halves of it: between them nothing that was unanswered has been sent again. */
void world_reconnect(struct world *w, const char *who);
void world_resend(struct world *w, const char *who);
void world_bye(struct world *w, const char *who);
struct world_client *world_client(struct world *w, const char *who);
uint64_t world_handle(struct world *w, const char *who, const char *object); /* opens it if new */

/* A request with all defaults, to be filled before world_send; object may be NULL. What it points
 * to must live until it is answered. */
struct mst_request *world_request(struct world *w, const char *who, enum mst_op op,
                                  const char *object);
uint64_t world_send(struct world *w); /* its id, or the first of its ids */
/* Both at once, for requests without fields of their own. */
uint64_t world_do(struct world *w, const char *who, enum mst_op op, const char *object);
void world_cancel(struct world *w, const char *who, uint64_t id, enum mst_status status);
/* The application took the replies to count requests from id on. */
void world_confirm(struct world *w, const char *who, uint64_t id, uint64_t count);
/* The client forgets the request while it is not connected: world_resume does not name it. */
void world_give_up(struct world *w, const char *who, uint64_t id);

struct world_request *world_request_of(struct world *w, const char *who, uint64_t id);

/* ---- what they were told ---- */

/* The latest reply to the request, which must have this status. */
const struct mst_reply *expect_reply(struct world *w, const char *who, uint64_t id,
                                     enum mst_status status);
const struct mst_reply *expect_cause(struct world *w, const char *who, uint64_t id,
                                     enum mst_status status, const char *cause);
void expect_waiting(struct world *w, const char *who, uint64_t id); /* not answered yet */
void expect_replies(struct world *w, const char *who, uint64_t id, size_t times);
void expect_closed(struct world *w, const char *who);
const struct mst_reply *world_copy_reply(struct mst_arena *arena, const struct mst_reply *from);
bool span_is(struct mst_span span, const char *text);

/* ---- objects ---- */

void world_declare(struct world *w, const char *who, const char *object, enum mst_kind kind,
                   const struct mst_fact *settings, size_t count);
/* A number that STAT tells of the object. */
int64_t world_stat(struct world *w, const char *who, const char *object, const char *fact);

#endif
