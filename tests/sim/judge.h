/* judge.h - judges a history: could a broker that keeps its contract have told this?
 *
 * Written from docs/SEMANTICS.md alone. Each judge looks for a contradiction between what several
 * programs were told, and is sound: as calls take effect somewhere between their two positions, it
 * speaks only when no choice of those moments explains what was seen. What it cannot know (the way
 * of bytes, the moment at which a session ended) it takes in favour of the broker.
 *
 * Must not know: how the broker works, nor the world that it runs in. */
#ifndef SIM_JUDGE_H
#define SIM_JUDGE_H

#include "tests/sim/history.h"

#define VERDICT_TEXT 400

struct verdict {
    bool guilty;
    const char *judge;       /* the one who spoke */
    char text[VERDICT_TEXT]; /* why */
};

/* All judges, one after the other, until one speaks. false: no contradiction. */
bool judge(const struct history *history, struct verdict *verdict);

typedef void judge_fn(const struct history *history, struct verdict *verdict);

/* judge_messages.c: what became of each message */
judge_fn judge_phantoms;   /* nothing is delivered that was not put, or was refused */
judge_fn judge_ids;        /* of puts: rise, and are never used twice */
judge_fn judge_deliveries; /* numbers rise; each but the first is explained by the end of another */
judge_fn judge_loss;       /* what was put and not taken out is there in the end */
judge_fn judge_dedup;      /* one message per key and window */
/* judge_finish.c: done, nack, leases */
judge_fn judge_done;   /* what was finished never comes back, and is finished once, by its holder */
judge_fn judge_holder; /* who holds a message may finish it */
judge_fn judge_deaths; /* dead letters: neither too early nor too late */
/* judge_order.c: what lay there meanwhile */
judge_fn judge_order; /* fifo, lifo, priority */
judge_fn judge_empty; /* no EMPTY beside a ready message */
judge_fn judge_join;  /* only when nothing is unfinished */
/* judge_room.c */
judge_fn judge_room;  /* never more than maxsize */
judge_fn judge_full;  /* never FULL with room */
judge_fn judge_drops; /* who makes way is the oldest */
/* judge_status.c */
judge_fn judge_statuses; /* UNKNOWN, TIMEOUT and EMPTY only where they are true */
/* judge_time.c */
judge_fn judge_times;  /* neither before a delay nor after a time-to-live */
judge_fn judge_line;   /* a newcomer never overtakes */
judge_fn judge_pauses; /* nothing passes a paused side */
/* judge_together.c */
judge_fn judge_event;   /* waits end only when it was set; generations rise */
judge_fn judge_barrier; /* each generation has exactly its parties */

/* ---- for the judges ---- */

void guilty(struct verdict *verdict, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline bool was_answered(const struct history_call *call)
{
    return call->end != HISTORY_NEVER && call->status != MUSTER_UNKNOWN;
}

/* It was carried out, and its program knows. */
static inline bool went_well(const struct history_call *call)
{
    return call->end != HISTORY_NEVER && call->status == MUSTER_OK;
}

/* It may have been carried out: nobody was told that it was not. */
static inline bool may_have_been(const struct history_call *call)
{
    return !was_answered(call) || call->status == MUSTER_OK;
}

/* a was over before b began. */
static inline bool before(const struct history_call *a, const struct history_call *b)
{
    return a->end < b->begin;
}

bool is_about(const struct history_call *call, size_t object);
bool was_removed(const struct history *history, size_t object); /* or may have been */
bool was_declared(const struct history *history,
                  size_t object); /* as a queue: its settings are known */
bool was_troubled(const struct history *history, size_t program, uint64_t from, uint64_t to);
/* Its program was told something that it asked after `call`, before `where`: so `call` had
 * arrived, too. */
bool had_arrived(const struct history *history, const struct history_call *call, uint64_t where);
/* The library holds a put back while so many of its program's are unanswered in this queue; one
 * that tries once is told FULL then. Not so this one: there was none. */
bool was_sent_at_once(const struct history *history, const struct history_call *put);
/* The broker ended, and came back. */
bool was_restarted(const struct history *history, uint64_t from, uint64_t to);
/* The session was at its end only after this call began. */
bool session_lived_at(const struct history *history, uint64_t session, uint64_t where);
/* The put of this body; NULL: none. */
const struct history_call *put_of(const struct history *history, const char *body,
                                  const struct history_message **message_out);
/* So many gets from there, begun by `where`, may have taken something that nobody saw. */
uint64_t unseen_gets(const struct history *history, size_t object, bool automatic, uint64_t where);
const char *name_of(const struct history *history, const struct history_call *call);

/* The nth delivery of all, with the get that brought it. false: there are no more. */
struct delivery {
    const struct history_call *get;
    const struct history_message *message;
};
struct deliveries {
    struct delivery *items;
    size_t count;
};
struct deliveries deliveries_of(const struct history *history); /* to be freed: items */
/* At least so many messages were in the queue all the time while the call lasted. */
uint64_t kept_during(const struct history *history, const struct deliveries *all,
                     const struct history_call *call);

#endif
