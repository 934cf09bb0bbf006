/* client_call.h - one request and its one outcome, as the pure machine keeps it.
 *
 * A call is either over or the machine's: from mst_client_submit until its state is
 * MST_CALL_OVER the machine holds pointers to it. What flows in masses (a put of one body, a
 * get of one message, a finish of one delivery) is held in a few words, so that many fit into
 * memory and neighbours can share a frame; any other call refers to a whole mst_request.
 *
 * A call of a flow may be a *run*: count requests that differ in nothing but their place in it, so
 * that making, sending, finding and ending is paid once for all of them. Its ids are id, id+1 ...;
 * a broker that answers some of them divides it (client_run.c). Must not know: the wire's bytes,
 * sockets, threads, clocks. */
#ifndef MST_CLIENT_CALL_H
#define MST_CLIENT_CALL_H

#include <muster.h>

#include "client-lib/client_pool.h"
#include "protocol/message.h"

struct mst_call_list {
    struct mst_call *first;
    struct mst_call *last;
    size_t count; /* of requests: a run counts as many as it stands for */
};

enum mst_call_state {
    MST_CALL_NEW,
    MST_CALL_UNSENT,   /* in the machine, not yet on any connection */
    MST_CALL_SENT,     /* has an id; the broker may have carried it out */
    MST_CALL_ANSWERED, /* a delivery is here that the application has not taken yet */
    MST_CALL_OVER      /* the outcome is final and the machine has let go of the call */
};

/* The bodies of a run of puts, one record behind the other; shared by its parts. */
struct mst_bodies;

struct mst_flow_put {
    struct mst_span body; /* if it is one alone, and bodies is NULL */
    int64_t priority;     /* of that one */
    int64_t delay_ns;
    int64_t ttl_ns;
    struct mst_bodies *bodies; /* counted */
    size_t at;                 /* where in them the first record is */
    size_t bytes;              /* of all its bodies together */
};
struct mst_flow_get {
    int64_t lease_ns;
    uint64_t mode;
    bool detached;
};
struct mst_flow_done {
    uint64_t message; /* of the first; the others follow by one */
    uint64_t number;
};
union mst_flow {
    struct mst_flow_put put;
    struct mst_flow_get get;
    struct mst_flow_done done;
};

/* A request that flows. */
struct mst_flow_request {
    enum mst_op op; /* PUT, GET or DONE */
    uint64_t handle;
    int64_t timeout_ns; /* MST_FOREVER for DONE */
    size_t count;       /* PUT: 1 */
    union mst_flow flow;
};

struct mst_call {
    /* Who waits for it: the machine only carries it. NULL: nobody, it is freed when it is over. */
    void *owner;
    muster_callback *callback; /* carried as well; told of each request of a run */
    void *user;
    bool by_callback; /* its outcome is a mst_client_next_result, else a mst_client_next_woken */
    bool forgotten;   /* nobody wants the outcome: what comes is handed back */

    size_t room; /* of its memory, if mst_call_new made it; else 0 */

    enum mst_op op;
    enum mst_call_state state;
    uint64_t id;  /* of the first request; 0 until sent for the first time in this session */
    size_t count; /* requests that it stands for; more than 1: a run, which has no deadline */
    uint64_t seq; /* order of submission */
    int64_t timeout_ns;
    int64_t deadline_ns; /* MST_FOREVER: none */

    const struct mst_request *request; /* NULL: the call is in `flow` */
    uint64_t handle;                   /* of a flow */
    union mst_flow flow;

    /* ---- the outcome ---- */
    enum mst_status status;
    char *cause; /* NULL: none */
    union {
        muster_put_result put;         /* of the first; a run's other ids follow by one */
        muster_message *messages;      /* GET, PEEK: a chain; of a run of gets one for each */
        const struct mst_reply *reply; /* any other operation: a copy; its strings end in NUL */
    } outcome;
    bool already; /* DONE: it was finished before */

    /* ---- the machine's own ---- */
    struct mst_call_list *list; /* the one it stands in: unsent, to be sent again, or completed */
    struct mst_call *next;
    struct mst_call *prev;
    struct mst_call *chain;     /* those that are SENT, by hash of their first id */
    struct mst_call *live_next; /* all that are not over, by seq */
    struct mst_call *live_prev;
    uint64_t position;   /* of the first, in the order of arrival, once answered */
    uint64_t generation; /* EVENT_WAIT: the one known when the call began */
    int64_t begun_ns;    /* EVENT_WAIT */
    bool has_generation;
    bool counted;            /* in client->asynchronous */
    bool sent_before;        /* if only on an earlier connection, or in an earlier session */
    enum mst_status verdict; /* asked of the broker by CANCEL; MST_OK: none */
    size_t timer;            /* place in the heap, from 1; 0: none */
};

/* A call that borrows all of request until it is over: for a caller that waits. */
void mst_call_init(struct mst_call *call, const struct mst_request *request, void *owner);
/* A call with a copy of request, in memory of the pool, which may be NULL. NULL: out of memory. */
struct mst_call *mst_call_new_in(struct mst_pool *pool, const struct mst_request *request,
                                 void *owner);
struct mst_call *mst_call_new(const struct mst_request *request, void *owner);
/* The same two for a request that flows: the first borrows its body. */
void mst_call_init_flow(struct mst_call *call, const struct mst_flow_request *request, void *owner);
struct mst_call *mst_call_new_flow(struct mst_pool *pool, const struct mst_flow_request *request,
                                   void *owner);
/* false: it is none, but a whole request. */
bool mst_flow_from(const struct mst_request *request, struct mst_flow_request *flow_out);
/* Frees what the outcome holds, and the call itself if mst_call_new made it; its memory goes to the
 * pool, which may be NULL. The messages' handles must have been given back before, or the messages
 * taken out. */
void mst_call_give(struct mst_pool *pool, struct mst_call *call);
void mst_call_clear(struct mst_call *call);

/* The whole request as it was made; borrows from the call. */
void mst_call_request(const struct mst_call *call, struct mst_request *request_out);

/* ---- client_run.c ---- */

/* Appends one more request to the last of a run that was not sent yet. false: it differs in more
 * than its place, the run is long enough, or out of memory: it has to be a call of its own. */
bool mst_call_extend(struct mst_pool *pool, struct mst_call *call,
                     const struct mst_flow_request *request);
/* Divides a run, 0 < n < count: the first n requests are returned as a call of their own, the rest
 * stay. If the run stands in a list, they stand before it. NULL: out of memory; nothing changed. */
struct mst_call *mst_call_split(struct mst_pool *pool, struct mst_call *call, size_t n);

/* A walk through the bodies of a put that flows. */
struct mst_body_walk {
    const struct mst_call *call;
    size_t at;
    size_t left;
};
struct mst_body_walk mst_body_walk_begin(const struct mst_call *call);
/* false: there is none left. */
bool mst_body_walk_next(struct mst_body_walk *walk, struct mst_span *body, int64_t *priority);
void mst_bodies_drop(struct mst_pool *pool, struct mst_bodies *bodies); /* one reference */

/* How many messages a put brings, and their bytes; else 0. */
size_t mst_call_bodies(const struct mst_call *call);
size_t mst_call_body_bytes(const struct mst_call *call);
/* May `call` travel behind `first` in one frame? */
bool mst_call_joins(const struct mst_call *first, const struct mst_call *call);

/* Made again by itself when the session was lost: it changed nothing, or what it took went back. */
bool mst_call_is_repeatable(const struct mst_call *call);
/* While there is no connection, it may end on this side alone: given up is as good as never
 * made. */
bool mst_call_may_be_abandoned(const struct mst_call *call);

void mst_call_list_append(struct mst_call_list *list, struct mst_call *call);
void mst_call_list_insert_before(struct mst_call *call, struct mst_call *place);
void mst_call_list_remove(struct mst_call *call); /* from whichever it is in */

#endif
