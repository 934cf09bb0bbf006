/* internal.h - what the files of broker/engine offer one another.
 *
 * Invariants
 *   1. A member is freed in one place, at the end of a turn (member_finish), never while input or
 *      effects are being worked on; so a pointer to one is good for the whole call.
 *   2. Each member is in exactly one of the lists greeting, heard, closing. Each of these has one
 *      waiting time for all, so its order is the order in which its members become due: whatever
 *      time brings is found at the head, and a sign of life costs O(1). */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "broker/core/core.h"
#include "broker/core/idmap.h"
#include "broker/core/list.h"
#include "broker/engine/engine.h"
#include "broker/engine/metrics.h"
#include "broker/journal/journal.h"
#include "broker/session/connection.h"

#define OWNER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* One connection among the engine's. */
struct member {
    struct connection connection;
    struct engine *engine;
    uint64_t number;
    uint64_t session;       /* the core's number; 0: none, or the core knows that it was lost */
    struct link timed;      /* in engine->greeting, heard or closing */
    int64_t timed_ns;       /* since when; heard: when it was last heard */
    struct link beat;       /* in engine->beat once its session is there */
    int64_t sent_ns;        /* when it was last sent something */
    struct link dirty;      /* in engine->asked or waited: the turn has something to do for it */
    struct link holding;    /* in engine->holding: replies wait for the journal */
    struct link leaving;    /* in engine->leaving: closing, and the core is to be told */
    bool blocked;           /* the system takes no more until engine_writable */
    bool receipts;          /* its output is receipts of what it has finished, and nothing else */
    bool awaits;            /* its last request is a get, and that waits */
    int64_t rests_ns;       /* since when they rest, for its message; 0: they do not */
    bool ends;              /* its connection is closing, and that was logged */
    bool is_new;            /* no session was there yet: it counts among the unauthenticated */
    uint64_t source;        /* of engine_peer */
    struct access_who *who; /* what its channel proved; NULL: it has proved nothing */
    struct grant **grants;  /* what it may do, by name, as far as it was asked; or NULL */
    char *client;           /* "NAME@HOST:PID" since its session is there, for notes; or NULL */
    char peer[];
};

struct place {             /* a slot of the table of members */
    struct member *member; /* NULL: free */
    uint32_t generation;   /* of the number given last */
    uint32_t next_free;
};

/* At most one line a second of a kind that strangers can cause. */
struct limiter {
    int64_t next_ns;
    uint64_t missed;
};

/* Far bodies, each referred to, and where in the batch they stand. */
struct bodies {
    struct core_body *items;
    size_t count;
    size_t cap;
};

/* A backup that a client fetches; member 0: none. */
struct backup {
    uint64_t member;
    bool has_begun; /* in the journal, which may be busy at first */
    bool waits;     /* a request does */
    bool is_reading;
    uint64_t id, offset, count; /* of the request */
    uint8_t *piece;
    struct journal_fetch read;
};

struct engine {
    struct engine_config config;
    struct engine_ports ports;
    struct journal *journal; /* borrowed; may be NULL */
    struct core *core;
    uint8_t boot[MST_BOOT_BYTES];
    struct effects effects;
    struct mst_arena scratch; /* what one frame is decoded into */

    struct place *places;
    uint32_t places_count;
    uint32_t free_place; /* first of the free ones; places_count: none */
    size_t members_count;
    size_t new_count;     /* of members that are new */
    struct idmap origins; /* of those, by source: struct origin */
    unsigned handshakes;  /* steps done in this turn */
    struct link greeting, heard, closing;
    struct link beat, holding, leaving;
    struct link asked, waited;  /* dirty: who spoke in this turn, and all others */
    struct link resting;        /* dirty: whose receipts may travel with its message */
    const struct member *asker; /* whose input is being worked on; NULL: nobody's */

    struct mst_buf batch;        /* records that wait for the journal */
    struct bodies bodies;        /* in it */
    struct bodies flight_bodies; /* in the batch that the journal is writing */
    struct backup backup;
    uint64_t batch_seq;     /* the last of them */
    int64_t batch_again_ns; /* the journal had no memory for it: not before then */
    uint64_t flight_seq;    /* the last that was handed to the journal */
    uint64_t durable_seq;
    int64_t at_once_ns; /* when a request was answered last that did not wait for the journal */

    int64_t shift_ns; /* our deadline line is the clock's plus this: it goes on after a restart */
    int64_t now_ns;
    int64_t wall_ns;
    int64_t wall_asked_ns; /* when the wall clock was last looked at, and what it said */
    int64_t wall_said_ns;
    bool storage_full;
    int64_t turn_ns;   /* when the last turn was */
    bool input_seen;   /* since the last turn */
    unsigned catch_up; /* turns that may still go to reading after a pause; 0: time is judged */
    bool draining;
    int64_t drain_until_ns;
    struct limiter full, crowded, faults, strangers, denied, refused, deeds;
    struct metrics metrics;

    struct access *access;  /* NULL: local is welcome, and may do everything */
    uint64_t access_number; /* rises with each reload */
    bool has_key;
    uint8_t secret[MST_NOISE_KEY], public_key[MST_NOISE_KEY];
    struct connection_common common; /* what its connections share */
};

/* ---- engine.c ---- */

/* Whenever something comes in: a turn may be long, or the process be stopped within one, and a time
 * limit that began too early would end too early. */
void engine_look_at_clock(struct engine *engine);

/* ---- note.c: for whoever runs the broker ---- */

/* What a note is about; each may be NULL. */
struct topic {
    const struct member *member;
    const char *peer;        /* where there is no member */
    struct limiter *limiter; /* at most one a second with this one */
};

void engine_tell(struct engine *engine, enum engine_log_level level, const struct topic *topic,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));
#define engine_log(engine, level, ...) engine_tell(engine, level, &(struct topic){0}, __VA_ARGS__)
/* Outcomes that whoever runs the broker wants to know of; nothing of all others. request may be
 * NULL, or another one than that which is answered. */
void member_tell_outcome(struct engine *engine, const struct member *member,
                         const struct mst_request *request, const struct mst_reply *reply);

/* ---- member.c: the table, and each member's way through the lists ---- */

/* NULL: out of memory */
struct member *member_new(struct engine *engine, const struct engine_peer *peer);
size_t member_new_from(struct engine *engine, uint64_t source); /* new ones, of one address */
struct member *member_find(const struct engine *engine, uint64_t number);
void member_finish(struct engine *engine, struct member *member); /* port close, then freed */
void member_mark_dirty(struct engine *engine, struct member *member);
void member_heard(struct engine *engine, struct member *member);
void member_sent(struct engine *engine, struct member *member);
/* Its session is there, and set: from now on both sides show signs of life. */
void member_welcomed(struct engine *engine, struct member *member);
/* After anything that may have closed or filled its connection. */
void member_settle(struct engine *engine, struct member *member);
void member_reply(struct engine *engine, struct member *member, const struct mst_reply *reply,
                  uint64_t seq);

/* ---- secure.c: who a member is, and what it may do ---- */

void member_forget_rights(struct member *member);
struct mst_span member_identity(const struct member *member); /* empty: it has proved none */
/* Does it want a step of a handshake? */
bool member_is_securing(const struct member *member);
void member_answer(struct engine *engine, struct member *member);
void member_identify(struct engine *engine, struct member *member);
struct core_permit member_permit(struct member *member);
void member_refuse(struct engine *engine, struct member *member,
                   const struct mst_request *request); /* a stranger */

/* ---- durable.c: batches, and what is durable ---- */

bool bodies_add(struct bodies *bodies, const struct core_body *body, size_t offset);
void bodies_clear(struct bodies *bodies);
uint64_t engine_bodies_max(const struct engine_config *config);
bool batch_can_go(const struct engine *engine);
void journal_turn(struct engine *engine);
/* Lets out what its connection held and may leave now. */
void member_release(struct engine *engine, struct member *member);

/* ---- fetch.c: bodies that are read back ---- */

bool reply_has_gaps(const struct mst_reply *reply);
void member_reply_fetched(struct engine *engine, struct member *member,
                          const struct mst_reply *reply, uint64_t seq);
void fetches_take(struct engine *engine);

/* ---- metrics.c: what is counted on the way ---- */

void metrics_begin_turn(struct engine *engine); /* something came in; more than once is fine */
void metrics_end_turn(struct engine *engine);
void metrics_begin_batch(struct engine *engine); /* it was given to the journal */
void metrics_end_batch(struct engine *engine);   /* it is durable */
void metrics_count_fault(struct engine *engine, const struct member *member); /* it is closed */

/* ---- backup.c ---- */

/* The core has answered that the member may. */
void backup_ask(struct engine *engine, struct member *member, const struct mst_request *request);
bool backup_takes(struct engine *engine, struct journal_fetch *read); /* true: it was its own */
void backup_turn(struct engine *engine);
void backup_clear(struct engine *engine);

/* ---- step.c: what the core is told, and what it wants done ---- */

void step_request(struct engine *engine, struct member *member,
                  const struct connection_input *input);
void step_confirm(struct engine *engine, struct member *member, const struct mst_range *confirmed,
                  size_t count);
void step_lost(struct engine *engine, struct member *member);
void step_expel(struct engine *engine);                       /* who is not welcome any more */
void step_plain(struct engine *engine, enum event_kind kind); /* TICK, DRAIN */

#endif
