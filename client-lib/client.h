/* client.h - the pure machine of the library: calls in, bytes out; bytes in, outcomes out.
 *
 * It holds everything that is true of one session: which requests are in flight, what was
 * confirmed, what has to be sent again. It knows no socket, thread, clock or chance: whoever
 * drives it hands in bytes and the time, and takes out bytes, outcomes and notices.
 * Not thread-safe.
 *
 *   DOWN --mst_client_connected--> GREETING --welcome--> UP
 *    ^                                |                   |
 *    +--------- mst_client_lost ------+-------------------+
 *
 * After each call of a function that takes `now`, outcomes and notices may be there to be taken. */
#ifndef MST_CLIENT_H
#define MST_CLIENT_H

#include "client-lib/client_call.h"
#include "client-lib/client_message.h"
#include "protocol/channel.h"
#include "protocol/large.h"

struct mst_client;
struct mst_handle;

enum mst_client_phase { MST_CLIENT_DOWN, MST_CLIENT_GREETING, MST_CLIENT_UP };

struct mst_client_config {
    const char *name; /* what others see */
    const char *host;
    uint64_t pid;
    int64_t ttl_ns;
};

struct mst_client *mst_client_new(const struct mst_client_config *config); /* NULL: out of memory */
void mst_client_free(struct mst_client **client); /* no call may be in it */
/* Memory for its calls, and of its messages when they are not needed any more. */
struct mst_pool *mst_client_pool(struct mst_client *client);

/* ---- handles: names of objects, shared by all who use the same name ---- */

/* Counted; NULL: out of memory, or MST_HANDLE_MAX names are in use. */
struct mst_handle *mst_client_open(struct mst_client *client, const char *name);
bool mst_client_has_names_left(const struct mst_client *client); /* else it was not memory */
void mst_handle_ref(struct mst_handle *handle);
void mst_handle_unref(struct mst_handle *handle);
const char *mst_handle_name(const struct mst_handle *handle);
uint64_t mst_handle_number(const struct mst_handle *handle);

/* ---- calls ---- */

/* The call is the machine's until it is over; that may be at once. */
void mst_client_submit(struct mst_client *client, struct mst_call *call, int64_t now_ns);
/* Instead: one more request for the run that was submitted last and was not sent yet. false: it
 * cannot join that. Callers give the same callback and user, or none; nobody waits for a run. */
bool mst_client_extend(struct mst_client *client, const struct mst_flow_request *request,
                       muster_callback *callback, void *user);
/* Asks for an end with status (TIMEOUT or CANCELLED) unless it is decided already. Of a call
 * that was not yet submitted, too: it then ends when it is. */
void mst_client_cancel(struct mst_client *client, struct mst_call *call, enum mst_status status,
                       int64_t now_ns);
/* The application has the delivery now: ANSWERED becomes OVER. Any other state stays. */
void mst_client_take(struct mst_client *client, struct mst_call *call, int64_t now_ns);
/* The first message of an ANSWERED run of gets is the application's, with the last it is OVER. */
struct muster_message *mst_client_take_first(struct mst_client *client, struct mst_call *call,
                                             int64_t now_ns);
bool mst_client_owes_receipt(const struct mst_client *client); /* and when is settled */
/* Nobody wants the outcome any more; the call must have been made by mst_call_new. What it
 * takes from a queue goes back. */
void mst_client_forget(struct mst_client *client, struct mst_call *call, int64_t now_ns);
void mst_client_forget_all(struct mst_client *client, const void *owner, int64_t now_ns);
/* The next call with an outcome that somebody waits for; NULL: none. It stays as it is: who waits
 * looks at its state, for a lost connection may take an ANSWERED back to SENT. */
struct mst_call *mst_client_next_woken(struct mst_client *client);
/* The next call whose outcome is for a callback, taken: it is over, and the caller's. NULL:
 * none. */
struct mst_call *mst_client_next_result(struct mst_client *client, int64_t now_ns);
bool mst_client_has_results(const struct mst_client *client);
bool mst_client_owes_callback(const struct mst_client *client); /* if only when replies came */
bool mst_client_is_backed_up(const struct mst_client *client);  /* more calls than may be sent */
/* Of the calls that no thread waits for: is one as old as seq, or older, not over? */
bool mst_client_is_busy_before(const struct mst_client *client, uint64_t seq);
uint64_t mst_client_last_seq(const struct mst_client *client);
size_t mst_client_unsent(const struct mst_client *client); /* requests, without those held back */

/* ---- the connection ---- */

/* Before mst_client_connected: that connection is encrypted. Everything is copied. false: out of
 * memory, or no usable server key. */
bool mst_client_secure(struct mst_client *client, const struct mst_channel_client *keys);
void mst_client_connected(struct mst_client *client, int64_t now_ns); /* a fresh stream of bytes */
/* Where the next bytes are to be read to, and no more than a few beyond it if they belong to a
 * large frame. If it has data, *frame_out has that memory, with a reference that is the caller's
 * until the read is over, whatever becomes of the connection meanwhile. */
struct mst_room mst_client_room(struct mst_client *client, struct mst_blob **frame_out);
/* Nothing is known of the next frame, but large ones came lately: few bytes will tell. */
bool mst_client_expects_large(const struct mst_client *client);
/* The read is over, and has brought n bytes of the room; frame and its reference are given back.
 * What it has brought beyond them is for mst_client_receive, which has to be called in any case. */
void mst_client_filled(struct mst_client *client, struct mst_blob *frame, size_t n);
/* false: the connection is of no more use; mst_client_trouble says why. */
bool mst_client_receive(struct mst_client *client, struct mst_span bytes, int64_t now_ns);
/* Nothing was heard for the silence time. Ask only after reading what the socket holds. */
bool mst_client_is_silent(const struct mst_client *client, int64_t now_ns);
/* It wants another connection; mst_client_trouble says why. Counts as silent. */
bool mst_client_is_renewing(const struct mst_client *client);
/* why: a line for the notice; NULL: what mst_client_trouble says. */
void mst_client_lost(struct mst_client *client, const char *why, int64_t now_ns);
/* The same, by trouble of this side, from which nothing can be concluded about the broker. */
void mst_client_broke(struct mst_client *client, const char *why, int64_t now_ns);
/* Carries out what time brings: ends of calls, heartbeats, receipts. */
void mst_client_tick(struct mst_client *client, int64_t now_ns);
int64_t mst_client_deadline_ns(const struct mst_client *client); /* MST_FOREVER: none */

void mst_client_pump(struct mst_client *client, int64_t now_ns); /* makes frames of what may go */
/* What is to be sent, as pieces, sealed here if at all; returns how many. They are valid until any
 * call of the machine. */
size_t mst_client_pieces(struct mst_client *client, struct mst_span *out, size_t max);
struct mst_span mst_client_output(struct mst_client *client); /* the first of them, or none */
bool mst_client_has_output(const struct mst_client *client);  /* are there any? */
void mst_client_sent(struct mst_client *client, size_t bytes);

/* Ends every call with CANCELLED and, if connected, the session with BYE. */
void mst_client_bye(struct mst_client *client, int64_t now_ns);
bool mst_client_is_finished(const struct mst_client *client); /* BYE was answered, or not needed */

/* ---- what is known ---- */

enum mst_client_phase mst_client_phase(const struct mst_client *client);
int64_t mst_client_heard_ns(const struct mst_client *client);    /* when bytes came last */
uint64_t mst_client_session(const struct mst_client *client);    /* 0: none */
const char *mst_client_version(const struct mst_client *client); /* of the broker; "" */
/* Why the last connection was of no use: a line, and the status if the broker refused us. */
const char *mst_client_trouble(const struct mst_client *client);
enum mst_status mst_client_refusal(const struct mst_client *client); /* MST_OK: none */
/* Refused, and it will not get better by asking again; a broker that is away may come, and a
 * connection that only ended in the handshake is asked for three times. */
bool mst_client_is_hopeless(const struct mst_client *client);

struct mst_client_notice {
    struct mst_client_notice *next;
    enum muster_notice kind;
    uint64_t message;
    uint64_t delivery;
    char *queue; /* LEASE_LOST, else NULL */
    char text[120];
};
struct mst_client_notice *mst_client_next_notice(struct mst_client *client); /* caller frees it */
void mst_client_notice_free(struct mst_client_notice **notice);
bool mst_client_has_notices(const struct mst_client *client);

#endif
