/* model_state.h - what the model remembers. Private to model*.c; see model.h.
 *
 * Lines are not kept: a line is the calls that wait, in the order in which they came. */
#ifndef SIM_MODEL_STATE_H
#define SIM_MODEL_STATE_H

#include "tests/sim/model.h"

enum model_tally {
    MODEL_DONE,
    MODEL_DEAD,
    MODEL_PURGED,
    MODEL_DELETED,
    MODEL_EXPIRED,
    MODEL_DROPPED,
    MODEL_LOST,
    MODEL_TALLIES
};

enum model_place {
    MODEL_READY,
    MODEL_DELAYED,
    MODEL_LEASED,
    MODEL_GIVEN, /* in auto mode, and the receipt has not come yet */
    MODEL_TAKEN, /* in auto mode, and not done */
    MODEL_GONE
};

struct model_message {
    char body[HISTORY_BODY];
    uint64_t size;
    uint64_t id;
    int64_t priority;
    enum model_place place;
    uint64_t deliveries;
    uint64_t counted;
    int64_t ready_ns;
    int64_t expires_ns;
    int64_t until_ns; /* of the lease */
    size_t holder;    /* session */
    bool detached;
    uint64_t given; /* orders what was given */
};

struct model_key {
    char key[HISTORY_BODY];
    uint64_t id;
    int64_t at_ns;
};

/* A delivery that was finished, for "already done". */
struct model_finish {
    size_t session;
    uint64_t id;
    uint64_t number;
};

struct model_queue {
    char name[HISTORY_NAME];
    enum history_kind kind;
    bool is_dead; /* holds dead letters */
    int64_t maxsize, max_bytes, max_deliveries, full, window_ns;
    bool paused_put, paused_get, shut, shut_now;
    uint64_t next_id;
    uint64_t unfinished;
    uint64_t puts;
    uint64_t tallies[MODEL_TALLIES];
    struct model_message *messages;
    size_t messages_count;
    struct model_key *keys;
    size_t keys_count;
    struct model_finish *finishes;
    size_t finishes_count;
};

struct model_event {
    char name[HISTORY_NAME];
    bool set;
    uint64_t generation;
};

enum model_phase { MODEL_FILLING, MODEL_ACTING, MODEL_BROKEN };

struct model_barrier {
    char name[HISTORY_NAME];
    uint64_t parties;
    bool has_action;
    int64_t action_ns;
    enum model_phase phase;
    uint64_t generation;
    uint64_t arrived;
    size_t leader; /* session */
    int64_t action_until_ns;
};

enum model_state {
    MODEL_WAITS,
    MODEL_AGAIN,   /* its session ended: it begins anew with the next one */
    MODEL_DECIDED, /* its program is away, and will be told when it is back */
    MODEL_TOLD,
    MODEL_NOBODYS /* its program is gone */
};

struct model_call {
    size_t number; /* in the history */
    size_t session;
    enum model_state state;
    int64_t deadline_ns;
    bool counted; /* it has arrived at the barrier */
    bool knows_generation;
    uint64_t generation; /* of the event, when it began */
    struct history_call told;
};

struct model_session {
    size_t program;
    int64_t ttl_ns;
    bool is_away;
    bool is_over;
    int64_t until_ns; /* it ends then; INT64_MAX: not */
};

struct model_program {
    size_t program; /* in the history */
    size_t session; /* its latest */
    int64_t ttl_ns;
    bool gone;
    bool knows_generation; /* of the event */
    uint64_t generation;
};

struct model {
    const struct history *history;
    int64_t now_ns;
    uint64_t given;
    struct model_program *programs;
    size_t programs_count;
    struct model_session *sessions;
    size_t sessions_count;
    struct model_call *calls;
    size_t calls_count;
    struct model_queue queues[16];
    size_t queues_count;
    size_t touched[16]; /* queues, in the order in which something happened to them */
    size_t touched_count;
    struct model_event event;
    struct model_barrier barrier;
};

void *model_grown(void *items, size_t count, size_t size); /* room for one more, or the test ends */

/* ---- model.c ---- */

/* The call as it was asked; what came of it is not there yet, or not to be looked at. */
const struct history_call *model_asked(const struct model *model, const struct model_call *call);
const char *model_object(const struct model *model, const struct model_call *call, size_t i);
bool model_is_about(const struct model *model, const struct model_call *call, const char *name);
bool model_is_here(const struct model *model, const struct model_call *call);
/* It has this outcome; who is here is told at once. */
void model_decide(struct model *model, struct model_call *call, enum muster_status status);

/* ---- model_queue.c, model_due.c ---- */

struct model_queue *model_queue_of(struct model *model, const char *name);
void model_queue_call(struct model *model, struct model_call *call);
void model_queue_touch(struct model *model, const struct model_queue *queue);
void model_queues_settle(struct model *model);
void model_queues_take(struct model *model); /* receipts have come */
int64_t model_queues_due(const struct model *model);
void model_queues_fire(struct model *model); /* what is due now */
void model_queues_lose(struct model *model, size_t session);
int64_t model_queue_fact(const struct model_queue *queue, const char *fact);

/* model_put.c */
void model_put(struct model *model, struct model_queue *queue, struct model_call *call);
bool model_serve_putters(struct model *model, struct model_queue *queue);

/* model_finish.c */
void model_done(struct model *model, struct model_queue *queue, struct model_call *call);
void model_nack(struct model *model, struct model_queue *queue, struct model_call *call);
void model_extend(struct model *model, struct model_queue *queue, struct model_call *call);
void model_task_done(struct model *model, struct model_queue *queue, struct model_call *call);
void model_redrive(struct model *model, struct model_queue *queue, struct model_call *call);
void model_return(struct model *model, struct model_queue *queue, struct model_message *message,
                  bool counted, int64_t delay_ns);

/* For all of them. */
struct model_message *model_message_of(struct model_queue *queue, uint64_t id);
uint64_t model_count(const struct model_queue *queue, enum model_place place);
uint64_t model_kept(const struct model_queue *queue);
bool model_has_room(const struct model_queue *queue, uint64_t messages, uint64_t bytes);
struct model_message *model_first(const struct model *model, struct model_queue *queue);
struct model_message *model_add(struct model *model, struct model_queue *queue,
                                const struct model_message *message);
void model_remove(struct model_queue *queue, struct model_message *message, enum model_tally tally);
int64_t model_after(int64_t now_ns, int64_t ns); /* INT64_MAX: for ever */

/* ---- model_together.c ---- */

void model_event_call(struct model *model, struct model_call *call);
void model_barrier_call(struct model *model, struct model_call *call);
void model_barrier_settle(struct model *model);
/* A party's time is up, it was cancelled, or its session ended (MUSTER_UNKNOWN). */
void model_barrier_gone(struct model *model, struct model_call *call, enum muster_status status);
void model_barrier_fire(struct model *model); /* the action's time is up */
void model_barrier_session_over(struct model *model, size_t session);

#endif
