/* client_state.h - what the files of the pure machine (client*.c) share; nobody else includes it.
 *
 * Invariants:
 *   - a call is on the live list from submission until it is over, in order of submission
 *   - UNSENT: no id, and in one of ready, again, held[] or its handle's held
 *   - SENT, ANSWERED: has an id; SENT: is found by it; while it waits to be sent once more, it is
 *     in resend
 *   - counts are of requests, of which a run has several; a run is all UNSENT, all SENT or all
 *     ANSWERED, and its front leaves it if that is to change for a part
 *   - UP: sent - confirmed is what the broker counts as in flight, and never over in_flight_max
 *   - waiting[], and puts and put_bytes of handles, count what is unanswered on this connection */
#ifndef MST_CLIENT_STATE_H
#define MST_CLIENT_STATE_H

#include "client-lib/client.h"
#include "client-lib/client_timers.h"
#include "client-lib/client_pool.h"
#include "protocol/arena.h"
#include "protocol/gather.h"
#include "protocol/frame.h"
#include "protocol/large.h"

/* The broker decides what times out; only when it is late by this much it is asked for a
 * verdict. */
#define MST_GRACE_NS 250000000LL

#define MST_BUCKETS 4096u /* a power of two: ids in a row fall into buckets in a row */

/* Waits may fill seven eighths of what may be in flight, and each kind of them a half, so that
 * a call which would end a wait always gets through. */
enum mst_share { MST_SHARE_PUTS, MST_SHARE_GETS, MST_SHARE_WAITS, MST_SHARE_REST, MST_SHARES };

struct mst_handle {
    struct mst_handle *chain; /* of the names with the same hash */
    uint64_t number;
    uint64_t references;
    uint64_t opened;           /* the connection (epoch) that knows the number */
    size_t puts;               /* messages in unanswered puts of this connection */
    size_t put_bytes;          /* their bodies */
    struct mst_call_list held; /* puts that wait for credit */
    bool runnable;             /* in client->runnable */
    struct mst_handle *runnable_next;
    uint64_t generation; /* of the event, as the last reply said */
    bool has_generation;
    char name[];
};

struct mst_client {
    /* ---- the session ---- */
    char *name;
    char *host;
    uint64_t pid;
    int64_t ttl_ns;
    uint64_t session; /* 0: none */
    uint8_t secret[MST_SECRET_BYTES];
    size_t secret_len;
    uint8_t boot[MST_BOOT_BYTES];
    size_t boot_len;
    bool session_over; /* the broker said so: there is nothing to come back to */
    bool tell_session_lost;
    bool leaving;  /* mst_client_bye was called */
    bool finished; /* and answered */
    uint64_t in_flight_max;
    int64_t silence_ns;
    size_t frame_bytes_max;
    uint64_t put_credit;
    uint64_t put_credit_bytes;
    char version[65];

    /* ---- the connection ---- */
    enum mst_client_phase phase;
    uint64_t epoch; /* number of the connection, from 1 */
    bool preamble_read;
    bool renewing;          /* to be dropped on purpose, for instance to hand deliveries back */
    bool quiet;             /* that was so: coming back is not worth a notice */
    struct mst_buf in;      /* the beginning of a frame */
    struct mst_large large; /* a large frame that is read to where it is to stay */
    size_t since_large;     /* bytes of frames, none of them large; no more than matter */
    struct mst_gather out;  /* large bodies in it are the calls', as long as these are not over */
    struct mst_secure_channel *channel; /* NULL: clear text */
    struct mst_arena arena;
    struct mst_pool pool; /* of calls and messages */
    int64_t heard_ns;
    int64_t said_ns;
    int64_t lost_ns; /* DOWN and GREETING: when the last connection that was UP ended */
    bool expired;    /* and the session's time-to-live has passed since */
    const char *trouble;
    enum mst_status refusal;        /* of this connection */
    enum mst_status refused_before; /* of the last one, if hopeless, until this one knows */
    bool refused_in_words;          /* by the broker, not only concluded */
    bool guessed;      /* the refusal, from how a connection ended: a network does that too */
    unsigned refusals; /* connections in a row that ended with DENIED */
    bool denied;       /* asking again is of no use: so ends every call, until UP again */
    char trouble_text[400];

    /* ---- calls ---- */
    uint64_t seq;
    uint64_t next_id;
    struct mst_call *live_first;
    struct mst_call *live_last;
    size_t asynchronous; /* live calls that no thread waits for */
    size_t callbacks;    /* live calls whose outcome is for a callback */
    struct mst_call *buckets[MST_BUCKETS];
    struct mst_timers timers;
    struct mst_call_list resend; /* with ids, in their order: before anything else */
    struct mst_call_list again;  /* without: to be made once more, before anything newer */
    struct mst_call_list ready;
    struct mst_call_list held[MST_SHARES];
    size_t waiting[MST_SHARES];
    struct mst_handle *runnable; /* have held puts, and credit again */
    struct mst_call_list woken;
    struct mst_call_list results;

    /* ---- receipts, counted in answered ids of this connection ---- */
    uint64_t sent;                       /* ids sent */
    uint64_t arrived;                    /* outcomes that came */
    uint64_t taken;                      /* the longest prefix of them that was taken */
    uint64_t confirmed;                  /* the part of it that the broker was told */
    bool taken_early[MST_IN_FLIGHT_MAX]; /* by position, beyond the prefix */
    int64_t receipt_due_ns;              /* MST_FOREVER: none */

    /* ---- given up while disconnected, for the next RESUME ---- */
    uint64_t abandoned[MST_IN_FLIGHT_MAX];
    size_t abandoned_count;

    /* ---- handles ---- */
    struct mst_handle **handles; /* by number */
    size_t handles_count;
    size_t handles_cap;
    size_t evict_next;
    struct mst_handle *names[1024];

    struct mst_client_notice *notices;
    struct mst_client_notice **notices_end;
    struct mst_call *sorted[MST_IN_FLIGHT_MAX]; /* scratch */
};

/* ---- client_handle.c ---- */
static inline struct mst_handle *mst_handle_of(const struct mst_client *client, uint64_t number)
{
    return number < client->handles_count ? client->handles[number] : NULL;
}
void mst_handles_reset(struct mst_client *client); /* the connection's counts are void */
void mst_handles_forget_generations(struct mst_client *client);
void mst_handles_free(struct mst_client *client);
struct mst_handle_numbers {
    const uint64_t *numbers;
    size_t count;
};
struct mst_handle_numbers mst_handles_of_request(const struct mst_request *request);

/* Of a flow, as most calls are, it is one. */
static inline struct mst_handle_numbers mst_handles_of_call(const struct mst_call *call)
{
    return call->request == NULL ? (struct mst_handle_numbers){&call->handle, 1}
                                 : mst_handles_of_request(call->request);
}

/* ---- client.c: the life of calls ---- */
void mst_call_end(struct mst_client *client, struct mst_call *call, enum mst_status status);
/* Not carried out: to be made once more, with a new id. */
void mst_call_again(struct mst_client *client, struct mst_call *call);
/* Ends a SENT call on this side; the next RESUME tells the broker. Only while DOWN. */
void mst_call_abandon(struct mst_client *client, struct mst_call *call, enum mst_status status);
void mst_call_drop_messages(struct mst_client *client, struct mst_call *call);
void mst_call_completed(struct mst_client *client, struct mst_call *call); /* tells who waits */
void mst_call_give_back(struct mst_client *client, struct mst_call *call, int64_t now_ns);
struct mst_call *mst_call_by_id(const struct mst_client *client, uint64_t id);
void mst_call_enter_id(struct mst_client *client, struct mst_call *call, uint64_t id);
void mst_call_leave_id(struct mst_client *client, struct mst_call *call); /* if it is SENT */
/* The first n of a run, as a call of their own in the same state. NULL: out of memory. */
struct mst_call *mst_client_split(struct mst_client *client, struct mst_call *call, size_t n);
void mst_positions_taken(struct mst_client *client, uint64_t position, size_t count);
bool mst_call_goes_on(const struct mst_call *call); /* also without any session */
/* All SENT calls by id, in client->sorted. */
size_t mst_client_sort_sent(struct mst_client *client);

/* ---- client_time.c ---- */
void mst_expire_if_due(struct mst_client *client, int64_t now_ns); /* the time-to-live is over */

/* ---- client_denied.c: who is refused, and not by chance ---- */
void mst_denied_begin(struct mst_client *client);                      /* a connection begins */
void mst_denied_lost(struct mst_client *client);                       /* and ended */
void mst_denied_end(struct mst_client *client, struct mst_call *call); /* it is over */

/* ---- client_send.c ---- */
bool mst_send(struct mst_client *client, struct mst_request *request, int64_t now_ns);
void mst_send_cancel(struct mst_client *client, const struct mst_call *call, int64_t now_ns);
/* The call is about to be over, and its bodies its caller's again: what has not left is copied. */
void mst_send_own_bodies(struct mst_client *client, const struct mst_call *call);
void mst_uncharge(struct mst_client *client, const struct mst_call *call);

/* ---- client_secure.c: below an encrypted connection ---- */
/* An empty buffer keeps so much while it is in use: growing anew is a copy of all that is sent. */
#define MST_OUT_KEPT_BYTES (2u << 20)
void mst_secure_clear(struct mst_client *client);
const char *mst_secure_lost(struct mst_client *client, const char *why);
bool mst_secure_receive(struct mst_client *client, struct mst_span bytes, int64_t now_ns);

/* ---- client_receive.c ---- */
bool mst_client_take_preamble(struct mst_client *client, struct mst_span bytes, size_t *used);
bool mst_client_take_bytes(struct mst_client *client, struct mst_span bytes, int64_t now_ns);
/* Takes the whole frames that are kept in client->in. */
bool mst_client_take_kept(struct mst_client *client, int64_t now_ns);

/* ---- client_session.c ---- */
bool mst_session_reply(struct mst_client *client, const struct mst_reply *reply, int64_t now_ns);
void mst_notify(struct mst_client *client, enum muster_notice kind, const char *text);

#endif
