/* muster.h - queues, events and barriers shared by programs on many hosts.
 *
 * The client library of the muster broker. This header is its manual; every function states what it
 * takes, what it gives back, who owns it, and from where it may be called. The objects behave as
 * Python's queue, threading and multiprocessing objects of the same name, but their clients live on
 * other hosts and can die, hang, reconnect or time out; docs/SEMANTICS.md has the whole contract.
 *
 *   muster_client *client = NULL;
 *   muster_queue *queue = NULL;
 *   if (muster_connect(NULL, &client) != MUSTER_OK) errx(1, "%s", muster_last_error());
 *   muster_queue_open(client, "jobs", &queue);
 *   muster_put(queue, "hello", 5, NULL, NULL);
 *   muster_message *message = NULL;
 *   if (muster_get(queue, NULL, &message) == MUSTER_OK) {
 *       work(muster_message_body(message), muster_message_size(message));
 *       muster_done(message);
 *       muster_message_free(&message);
 *   }
 *   muster_queue_close(&queue);
 *   muster_close(&client);
 *
 * CONVENTIONS
 *   Time      int64_t nanoseconds. MUSTER_FOREVER: no limit; 0: try once, never wait;
 *             MUSTER_DEFAULT: what the object was declared with. Other negatives: MUSTER_VALUE.
 *   Status    every call that can fail returns enum muster_status; MUSTER_OK is 0. On any other
 *             status outputs are unchanged unless said otherwise, and muster_last_error() has one
 *             line for a person: what was tried, what happened, what to do.
 *   Options   structs begin with their size. Initialise with the macro of the same name and set
 *             what you want; NULL means all defaults. A later library knows an older program's
 *             struct.
 *   Ownership what you pass in is copied or only read during the call. What comes out belongs to
 *             you and has a function that frees it; such functions take the address of your
 *             pointer, set it to NULL, and accept NULL.
 *   Threads   every function may be called from any thread at any time, on the same handle too,
 *             except the closing of a handle that another thread still uses. No function may be
 *             called from a signal handler. Blocking functions must not be called from a callback
 *             (MUSTER_VALUE); the asynchronous ones may.
 *   Losing the network: the library reconnects by itself, resumes its session, and every call in
 *             flight goes on, exactly once. A call returns MUSTER_UNKNOWN only when the session
 *             itself was lost (the broker restarted without a journal, or was away for longer than
 *             the session's time-to-live) and it cannot be told whether the request was carried
 *             out; gets and event waits are simply made again.
 *             If the broker refuses the client when it comes back (its key or token is gone, the
 *             server's key is another), waiting and new calls end with MUSTER_DENIED instead.
 *   fork      a client belongs to the process that made it. In a child every call on it answers
 *             MUSTER_UNAVAILABLE at once and touches nothing; closing it there frees memory. */
#ifndef MUSTER_H
#define MUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MUSTER_API __attribute__((visibility("default")))
#else
#define MUSTER_API
#endif

#define MUSTER_VERSION_MAJOR 0
#define MUSTER_VERSION_MINOR 1
#define MUSTER_VERSION_PATCH 0
#define MUSTER_VERSION       "0.1.0"
MUSTER_API const char *muster_version(void); /* of the library that is running */

#define MUSTER_FOREVER INT64_MAX
#define MUSTER_DEFAULT INT64_C(-1)
#define MUSTER_SECOND  INT64_C(1000000000)
#define MUSTER_MS      INT64_C(1000000)

/* ---- statuses ---- numbers are stable; 0 is success ---- */

enum muster_status {
    MUSTER_OK = 0,
    MUSTER_EMPTY = 1,        /* nothing ready, and the call was told not to wait */
    MUSTER_FULL = 2,         /* no room, and the call was told not to wait */
    MUSTER_TIMEOUT = 3,      /* the time given ran out */
    MUSTER_SHUTDOWN = 4,     /* the queue was shut down */
    MUSTER_BROKEN = 5,       /* the barrier is broken */
    MUSTER_CANCELLED = 6,    /* muster_cancel or muster_call_cancel */
    MUSTER_VALUE = 7,        /* an argument is outside what the operation allows */
    MUSTER_NOT_OWNER = 8,    /* held by somebody else */
    MUSTER_LOST = 9,         /* the lease ended before the call */
    MUSTER_GONE = 10,        /* the object was removed */
    MUSTER_NOT_FOUND = 11,   /* no such object, message or delivery */
    MUSTER_CONFLICT = 12,    /* exists with another kind, setting or state */
    MUSTER_DENIED = 13,      /* not permitted */
    MUSTER_LIMIT = 14,       /* a limit was reached */
    MUSTER_NO_MEMORY = 15,   /* the broker's memory limit, or this process is out of memory */
    MUSTER_NO_SPACE = 16,    /* the broker's disk is full */
    MUSTER_UNAVAILABLE = 17, /* the broker cannot be reached, or is going away */
    MUSTER_PROTOCOL = 18,    /* the peer did not keep to the protocol */
    MUSTER_UNKNOWN = 19      /* the session is gone; the outcome cannot be known */
};

MUSTER_API const char *muster_status_name(enum muster_status status); /* "OK" ... */
MUSTER_API const char *muster_status_text(enum muster_status status);
MUSTER_API int muster_status_exit_code(enum muster_status status); /* of the command line */

/* One line about the last call on this thread that did not return MUSTER_OK; "" if none. Valid
 * until the next muster call on this thread. */
MUSTER_API const char *muster_last_error(void);
/* The cause the broker gave in that reply ("paused", "party died: worker-3", ...); "" if none. */
MUSTER_API const char *muster_last_cause(void);

/* ---- a client ---- one connection and one session ---- */

typedef struct muster_client muster_client;
typedef struct muster_queue muster_queue;
typedef struct muster_event muster_event;
typedef struct muster_barrier muster_barrier;
typedef struct muster_message muster_message;
typedef struct muster_cancel muster_cancel;
typedef struct muster_call muster_call;
typedef struct muster_consumer muster_consumer;
typedef struct muster_stat muster_stat;

enum muster_notice {
    MUSTER_CONNECTION_LOST = 1, /* the library is reconnecting; calls go on */
    MUSTER_RESUMED = 2,         /* back in the same session; nothing was lost */
    MUSTER_SESSION_LOST = 3,    /* a new session began: leases and places in line are gone */
    MUSTER_LEASE_LOST = 4,      /* a lease ended by its time: queue and delivery are set */
    MUSTER_GOING_AWAY = 5       /* the broker is stopping */
};
typedef struct {
    enum muster_notice kind;
    const char *text;  /* one line for a log */
    const char *queue; /* LEASE_LOST, else NULL */
    uint64_t message;
    uint64_t delivery;
} muster_notice_info;

typedef struct {
    size_t size;
    const char *url;            /* NULL: $MUSTER_URL, else "muster://127.0.0.1:6878".
                         muster://[KEY@]host[:port] (host may be [v6]; KEY is the broker's public
                         key) or muster+unix:///path */
    const char *name;           /* what others see in stat; NULL: the program's name */
    int64_t ttl_ns;             /* how long the session outlives a lost connection; 0: not at all */
    int64_t connect_timeout_ns; /* for the first connection; 0: try once */
    int64_t backoff_max_ns;     /* longest pause between two attempts to reconnect */
    bool own_loop; /* no background thread: the application calls muster_process, see below */
    /* Called from the background thread (own_loop: from muster_process). May be NULL. The pointer
     * and its strings are valid during the call. A notice for which this process has no memory is
     * left out. */
    void (*on_notice)(muster_client *client, const muster_notice_info *notice, void *user);
    void *user;
    bool insecure; /* clear text may leave this host; without it only loopback and Unix sockets
                      are spoken to, and anything else is DENIED */
    /* With a server key everything is encrypted and nothing ever sent in the clear. It may stand in
     * the URL as well, and must then be the same. NULL: the variable of the environment, if set. */
    const char *server_key; /* as text, mpk1...; NULL: $MUSTER_SERVER_KEY */
    const char *key_file;   /* the client's own secret key, of mode 0600; NULL: $MUSTER_KEY */
    const char *token_file; /* a token, of mode 0600; NULL: $MUSTER_TOKEN_FILE */
    /* A call that waits looks for its answer so long before it sleeps: an answer that comes at once
     * is had sooner, by the wake-up that it saves, for a processor that is kept busy meanwhile. At
     * most 10 ms; 0: it sleeps at once; MUSTER_DEFAULT: $MUSTER_BUSY_POLL, as in 50us, else 0. */
    int64_t busy_poll_ns;
} muster_client_options;
#define MUSTER_CLIENT_OPTIONS                                                                      \
    {                                                                                              \
        sizeof(muster_client_options), NULL, NULL, 10 * MUSTER_SECOND, 5 * MUSTER_SECOND,          \
            2 * MUSTER_SECOND, false, NULL, NULL, false, NULL, NULL, NULL, MUSTER_DEFAULT          \
    }

/* Keys and tokens are files of mode 0600 with one line of text. muster_key_make writes a new one,
 * never over a file that is there, and tells the public key (of a token: an empty text);
 * muster_key_show tells the public key of one that is there. VALUE, NO_SPACE, UNAVAILABLE. */
#define MUSTER_KEY_TEXT 61 /* with the NUL */
MUSTER_API enum muster_status muster_key_make(const char *path, bool token,
                                              char public_out[MUSTER_KEY_TEXT]);
MUSTER_API enum muster_status muster_key_show(const char *path, char public_out[MUSTER_KEY_TEXT]);

/* Connects and opens a session. UNAVAILABLE (not reached in time), VALUE (URL, option), PROTOCOL,
 * DENIED, LIMIT, NO_MEMORY. */
MUSTER_API enum muster_status muster_connect(const muster_client_options *options,
                                             muster_client **client_out);
/* Ends the session cleanly: all it holds is freed at once (untaken messages return uncounted,
 * leased ones counted). Calls in other threads, and asynchronous ones that were not flushed, end
 * with CANCELLED. Waits at most one second for the broker. Handles of the client must be closed
 * before or afterwards; messages stay valid. From a callback it does nothing. */
MUSTER_API void muster_close(muster_client **client);

/* Waits until every asynchronous call made so far has its outcome and its callback has run, or the
 * time is up (TIMEOUT). Else the first failure of a call without a callback, once; OK if none. */
MUSTER_API enum muster_status muster_flush(muster_client *client, int64_t timeout_ns);
MUSTER_API enum muster_status muster_ping(muster_client *client, int64_t timeout_ns,
                                          int64_t *round_trip_ns_out);
MUSTER_API const char *muster_broker_version(muster_client *client); /* at first; until closed */
MUSTER_API uint64_t muster_session_id(muster_client *client);        /* 0 while there is none */

/* ---- cancelling ---- one token may serve many calls at once ---- */

MUSTER_API muster_cancel *muster_cancel_new(void); /* NULL: out of memory */
/* Every call that was given the token, now and later, ends with CANCELLED unless it was decided
 * already; the broker's verdict is taken, so nothing is lost. From any thread. */
MUSTER_API void muster_cancel_fire(muster_cancel *cancel);
MUSTER_API void muster_cancel_reset(muster_cancel *cancel); /* usable again */
MUSTER_API void muster_cancel_free(muster_cancel **cancel); /* when no call uses it */

/* ---- queues ---- */

/* Opening only names the object; a missing queue is created by the first put or get (fifo,
 * defaults) unless the broker is strict. VALUE for a bad name. Costs no round trip. */
MUSTER_API enum muster_status muster_queue_open(muster_client *client, const char *name,
                                                muster_queue **queue_out);
MUSTER_API void muster_queue_close(muster_queue **queue);
MUSTER_API const char *muster_queue_name(const muster_queue *queue);

typedef struct {
    const char *name;
    const void *value;
    size_t value_size;
} muster_header;

typedef struct {
    size_t size;
    int64_t timeout_ns; /* how long to wait in line when full */
    int64_t priority;   /* priority queues: lowest first */
    int64_t delay_ns;   /* not ready before */
    int64_t ttl_ns;     /* never delivered after; MUSTER_FOREVER: none */
    const void *dedup;  /* put at most once per key and window; NULL: none */
    size_t dedup_size;
    const muster_header *headers;
    size_t headers_count;
    muster_cancel *cancel;
} muster_put_options;
#define MUSTER_PUT_OPTIONS                                                                         \
    {                                                                                              \
        sizeof(muster_put_options), MUSTER_FOREVER, 0, 0, MUSTER_FOREVER, NULL, 0, NULL, 0, NULL   \
    }

typedef struct {
    uint64_t id;           /* of the first message; those of one put_many follow by one */
    uint64_t count;        /* how many messages are in */
    uint64_t duplicate_of; /* dedup: id of the message that was there already; 0: none */
    bool durable;          /* on stable storage */
} muster_put_result;

/* OK, FULL, TIMEOUT, SHUTDOWN, GONE, VALUE, CONFLICT, NO_MEMORY, NO_SPACE, LIMIT, NOT_FOUND
 * (strict), UNKNOWN, CANCELLED, UNAVAILABLE. result_out may be NULL. */
MUSTER_API enum muster_status muster_put(muster_queue *queue, const void *body, size_t size,
                                         const muster_put_options *options,
                                         muster_put_result *result_out);

typedef struct {
    const void *data;
    size_t size;
} muster_bytes;

enum muster_put_mode {
    MUSTER_PUT_ALL = 1, /* wait in line until all fit; all or none */
    MUSTER_PUT_FIT = 2  /* never wait; put as many as fit, from the first on */
};
/* At most MUSTER_MANY_MAX bodies. FIT: OK with result count < n when only a prefix fitted; FULL
 * when none did. */
#define MUSTER_MANY_MAX 4096
MUSTER_API enum muster_status muster_put_many(muster_queue *queue, const muster_bytes *bodies,
                                              size_t count, enum muster_put_mode mode,
                                              const muster_put_options *options,
                                              muster_put_result *result_out);

enum muster_get_mode {
    MUSTER_LEASE = 1, /* default: yours until muster_done; it goes back if you die */
    MUSTER_AUTO = 0   /* as Python: taken is gone; tell muster_task_done for join */
};
typedef struct {
    size_t size;
    int64_t timeout_ns;
    enum muster_get_mode mode;
    int64_t lease_ns; /* LEASE: MUSTER_FOREVER = as long as the session; starts when taken */
    bool detached;    /* the lease outlives the session and ends only by its time */
    muster_cancel *cancel;
} muster_get_options;
#define MUSTER_GET_OPTIONS                                                                         \
    {                                                                                              \
        sizeof(muster_get_options), MUSTER_FOREVER, MUSTER_LEASE, MUSTER_FOREVER, false, NULL      \
    }

/* Takes the next message. OK, EMPTY, TIMEOUT, SHUTDOWN, GONE, CANCELLED, UNAVAILABLE, ... */
MUSTER_API enum muster_status muster_get(muster_queue *queue, const muster_get_options *options,
                                         muster_message **message_out);
/* From the first of several queues (of one client) that has one; waits in the line of each. */
MUSTER_API enum muster_status muster_get_from(muster_queue *const *queues, size_t count,
                                              const muster_get_options *options,
                                              muster_message **message_out);
/* At least one, at most max (<= MUSTER_MANY_MAX), as many as are ready. */
MUSTER_API enum muster_status muster_get_many(muster_queue *queue, size_t max,
                                              const muster_get_options *options,
                                              muster_message **messages_out, size_t *count_out);

/* A message belongs to whoever got it, and outlives its queue and client handles. What the getters
 * return is valid until muster_message_free. */
MUSTER_API const void *muster_message_body(const muster_message *message); /* NUL follows it */
MUSTER_API size_t muster_message_size(const muster_message *message);
MUSTER_API uint64_t muster_message_id(const muster_message *message);
MUSTER_API uint64_t muster_message_delivery(const muster_message *message); /* first = 1 */
MUSTER_API int64_t muster_message_priority(const muster_message *message);
MUSTER_API int64_t muster_message_age_ns(const muster_message *message); /* when delivered */
MUSTER_API const char *muster_message_queue(const muster_message *message);
MUSTER_API const char *muster_message_state(const muster_message *message); /* peek: "ready" ... */
/* Value of a header, or NULL. size_out may be NULL. */
MUSTER_API const void *muster_message_header(const muster_message *message, const char *name,
                                             size_t *size_out);
/* Dead letters: why it died, where it came from; NULL for a message that is no dead letter. */
MUSTER_API const char *muster_message_died_of(const muster_message *message);
MUSTER_API const char *muster_message_last_holder(const muster_message *message);
MUSTER_API void muster_message_free(muster_message **message); /* memory only: the lease stays */

/* Finishing a leased message. OK also when it was finished before (by this session). LOST: the
 * lease had ended, somebody else may have it. NOT_FOUND: never given. VALUE: in auto mode. */
MUSTER_API enum muster_status muster_done(muster_message *message);
typedef struct {
    size_t size;
    int64_t delay_ns;   /* ready again only after this */
    bool uncounted;     /* this delivery does not count towards max-deliveries */
    bool dead;          /* straight to the dead letters */
    const char *reason; /* kept as the cause of a dead letter; NULL: "nack" */
} muster_nack_options;
#define MUSTER_NACK_OPTIONS                                                                        \
    {                                                                                              \
        sizeof(muster_nack_options), 0, false, false, NULL                                         \
    }
MUSTER_API enum muster_status muster_nack(muster_message *message,
                                          const muster_nack_options *options);
MUSTER_API enum muster_status muster_extend(muster_message *message, int64_t lease_ns);
/* The same by number, for detached leases. already_out may be NULL. */
MUSTER_API enum muster_status muster_done_by_id(muster_queue *queue, uint64_t id, uint64_t delivery,
                                                bool *already_out);
MUSTER_API enum muster_status muster_nack_by_id(muster_queue *queue, uint64_t id, uint64_t delivery,
                                                const muster_nack_options *options);
MUSTER_API enum muster_status muster_extend_by_id(muster_queue *queue, uint64_t id,
                                                  uint64_t delivery, int64_t lease_ns);
/* AUTO mode, as Python's task_done: one message that this client took is finished. VALUE when
 * called more often than messages were taken. */
MUSTER_API enum muster_status muster_task_done(muster_queue *queue);

typedef struct { /* how messages left since the unfinished count last was 0 */
    uint64_t done, dead, purged, deleted, expired, dropped, lost;
} muster_tallies;
/* Waits until nothing is unfinished. tallies_out may be NULL, cancel too. */
MUSTER_API enum muster_status muster_join(muster_queue *queue, int64_t timeout_ns,
                                          muster_cancel *cancel, muster_tallies *tallies_out);

/* Snapshots, as Python's qsize, empty and full. */
MUSTER_API enum muster_status muster_qsize(muster_queue *queue, uint64_t *ready_out);
MUSTER_API enum muster_status muster_empty(muster_queue *queue, bool *empty_out);
MUSTER_API enum muster_status muster_full(muster_queue *queue, bool *full_out);

/* Looks at up to max messages behind message id `after` (0: from the first), in order of delivery,
 * then the delayed and the leased ones. Changes nothing. Each message is to be freed. */
MUSTER_API enum muster_status muster_peek(muster_queue *queue, size_t max, uint64_t after,
                                          muster_message **messages_out, size_t *count_out);

enum muster_side { MUSTER_SIDE_PUT = 1, MUSTER_SIDE_GET = 2, MUSTER_SIDE_BOTH = 3 };
MUSTER_API enum muster_status muster_purge(muster_queue *queue, uint64_t *purged_out);
MUSTER_API enum muster_status muster_delete_message(muster_queue *queue, uint64_t id);
MUSTER_API enum muster_status muster_pause(muster_queue *queue, enum muster_side sides);
MUSTER_API enum muster_status muster_resume(muster_queue *queue, enum muster_side sides);
MUSTER_API enum muster_status muster_shutdown(muster_queue *queue, bool immediate);
/* Dead letters of `queue` go back into it. moved_out may be NULL. */
MUSTER_API enum muster_status muster_redrive(muster_queue *queue, uint64_t *moved_out);

/* ---- consuming ---- a window of messages ahead ---- */

typedef struct {
    size_t size;
    enum muster_get_mode mode;
    int64_t lease_ns;
    unsigned window; /* messages fetched ahead; 1: one. A wider one is faster and less fair: what
                        waits in a window cannot go to an idle consumer elsewhere. <= 4096 */
    muster_cancel *cancel;
} muster_consume_options;
#define MUSTER_CONSUME_OPTIONS                                                                     \
    {                                                                                              \
        sizeof(muster_consume_options), MUSTER_LEASE, MUSTER_FOREVER, 1, NULL                      \
    }
MUSTER_API enum muster_status muster_consumer_open(muster_queue *queue,
                                                   const muster_consume_options *options,
                                                   muster_consumer **consumer_out);
/* The next message; statuses as muster_get. One thread at a time per consumer. Timeout 0 gives what
 * has arrived already, so a first call with 0 finds nothing. */
MUSTER_API enum muster_status muster_consumer_next(muster_consumer *consumer, int64_t timeout_ns,
                                                   muster_message **message_out);
/* Gives the untaken messages of the window back, uncounted. */
MUSTER_API void muster_consumer_close(muster_consumer **consumer);

enum muster_verdict { MUSTER_FINISHED, MUSTER_GIVE_BACK, MUSTER_DEAD_LETTER, MUSTER_STOP };
/* Calls handler for each message (in this thread) until it says STOP (the message is finished, OK
 * is returned), or a get ends otherwise (its status is returned). The message is freed for you. The
 * broker is told of what is finished while the next message is handled; when this returns it has
 * answered all of that, and a refusal (but LOST: somebody else has the message now) ends it. */
MUSTER_API enum muster_status
muster_consume(muster_queue *queue, const muster_consume_options *options,
               enum muster_verdict (*handler)(muster_message *message, void *user), void *user);

/* ---- events ---- */

MUSTER_API enum muster_status muster_event_open(muster_client *client, const char *name,
                                                muster_event **event_out);
MUSTER_API void muster_event_close(muster_event **event);
MUSTER_API enum muster_status muster_event_set(muster_event *event);
MUSTER_API enum muster_status muster_event_clear(muster_event *event);
MUSTER_API enum muster_status muster_event_is_set(muster_event *event, bool *set_out);
/* OK: it is set, or was set (if only for a moment) since the call began. TIMEOUT otherwise. A wait
 * that comes back after a lost connection does not miss a set that was followed by a clear. */
MUSTER_API enum muster_status muster_event_wait(muster_event *event, int64_t timeout_ns,
                                                muster_cancel *cancel);

/* ---- barriers ---- */

/* parties: 0 = as declared by somebody else; else a missing barrier is made with so many, and an
 * existing one of another number is a CONFLICT. */
MUSTER_API enum muster_status muster_barrier_open(muster_client *client, const char *name,
                                                  unsigned parties, muster_barrier **barrier_out);
MUSTER_API void muster_barrier_close(muster_barrier **barrier);

typedef struct {
    unsigned index; /* order of arrival: 0 .. parties-1, each once per generation */
    uint64_t generation;
    bool leader;              /* run the action, then call muster_barrier_done */
    size_t value_size;        /* what the leader handed over; 0 if nothing */
    unsigned char value[256]; /* its first bytes */
} muster_barrier_result;
/* OK, BROKEN (cause in muster_last_cause), CANCELLED (breaks it), ... The time may be
 * MUSTER_DEFAULT. result_out may be NULL. */
MUSTER_API enum muster_status muster_barrier_wait(muster_barrier *barrier, int64_t timeout_ns,
                                                  muster_cancel *cancel,
                                                  muster_barrier_result *result_out);
/* The leader's report for the generation it was released for; at most 256 bytes of value. */
MUSTER_API enum muster_status muster_barrier_done(muster_barrier *barrier, uint64_t generation,
                                                  bool failed, const void *value, size_t size);
MUSTER_API enum muster_status muster_barrier_abort(muster_barrier *barrier);
MUSTER_API enum muster_status muster_barrier_reset(muster_barrier *barrier);

/* ---- objects ---- */

/* A setting by its name (see `muster declare --help`): a number, or for "full" 0 block, 1 reject,
 * 2 drop-oldest. Times are nanoseconds. */
typedef struct {
    const char *name;
    int64_t value;
} muster_setting;

enum muster_kind {
    MUSTER_FIFO = 1,
    MUSTER_LIFO = 2,
    MUSTER_PRIORITY = 3,
    MUSTER_EVENT = 4,
    MUSTER_BARRIER = 5
};
MUSTER_API const char *muster_kind_name(enum muster_kind kind);

/* Idempotent: an object that has these settings is fine; CONFLICT names what differs. created_out
 * may be NULL. */
MUSTER_API enum muster_status muster_declare(muster_client *client, const char *name,
                                             enum muster_kind kind, const muster_setting *settings,
                                             size_t count, bool *created_out);
MUSTER_API enum muster_status muster_update(muster_client *client, const char *name,
                                            const muster_setting *settings, size_t count);
MUSTER_API enum muster_status muster_remove(muster_client *client, const char *name);

/* All that is known of an object. Free with muster_stat_free. */
MUSTER_API enum muster_status muster_stat_get(muster_client *client, const char *name,
                                              muster_stat **stat_out);
MUSTER_API void muster_stat_free(muster_stat **stat);
MUSTER_API enum muster_kind muster_stat_kind(const muster_stat *stat);
MUSTER_API size_t muster_stat_facts(const muster_stat *stat);
/* The i-th fact: a number, or a text when *text_out is not NULL. */
MUSTER_API const char *muster_stat_fact(const muster_stat *stat, size_t i, int64_t *number_out,
                                        const char **text_out);
/* A number by name; false: there is none of that name. */
MUSTER_API bool muster_stat_number(const muster_stat *stat, const char *name, int64_t *number_out);
typedef struct {
    const char *role; /* "holds", "took", "gets", "puts", "joins", "waits", "leads" */
    const char *name;
    const char *host;
    uint64_t pid;
    uint64_t session;
    int64_t since_ns; /* how long ago it began; -1: not known */
    bool connected;
    const char *detail; /* "holds": ID.N of the delivery; "took": how many, in mode auto */
} muster_party;
MUSTER_API size_t muster_stat_parties(const muster_stat *stat);
MUSTER_API const muster_party *muster_stat_party(const muster_stat *stat, size_t i);

typedef struct {
    const char *name;
    enum muster_kind kind;
    uint64_t ready, unfinished, waiting;
    uint64_t leased, delayed; /* this and what follows is of queues only */
    uint64_t puts, gets;      /* since it was made; gets count deliveries */
    int64_t oldest_age_ns;    /* of the ready messages; 0: there is none */
} muster_entry;
/* Calls row for each object whose name matches (NULL: all), in order of name; strings are valid
 * during the call. row returns false to stop. */
MUSTER_API enum muster_status muster_list(muster_client *client, const char *pattern,
                                          bool (*row)(const muster_entry *entry, void *user),
                                          void *user);
typedef struct {
    uint64_t id;
    const char *name;
    const char *host;
    uint64_t pid;
    int64_t age_ns;
    bool connected;
    uint64_t leases, waits;
} muster_session_info;
MUSTER_API enum muster_status
muster_sessions(muster_client *client, bool (*row)(const muster_session_info *info, void *user),
                void *user);
MUSTER_API enum muster_status muster_session_kill(muster_client *client, uint64_t session);
/* A backup of all that is durable, as of now, while everything goes on: piece is called with its
 * bytes in order, size is the whole; false ends it. CONFLICT: another one is being made. GONE: the
 * connection broke midway, begin again. musterd --restore starts on it. */
MUSTER_API enum muster_status
muster_backup(muster_client *client,
              bool (*piece)(const void *bytes, size_t len, uint64_t size, void *user), void *user);

/* ---- asynchronous calls ---- many in flight, answered by callback ---- */

/* What a finished call brings; valid during the callback only. A message in it is freed unless
 * muster_result_take_message makes it the caller's. */
typedef struct muster_result muster_result;
typedef void muster_callback(enum muster_status status, muster_result *result, void *user);
MUSTER_API const char *muster_result_cause(const muster_result *result); /* "" if none */
MUSTER_API muster_put_result muster_result_put(const muster_result *result);
MUSTER_API muster_message *muster_result_take_message(muster_result *result); /* get: now yours */
MUSTER_API muster_tallies muster_result_tallies(const muster_result *result);
MUSTER_API muster_barrier_result muster_result_barrier(const muster_result *result);

/* Each queues a request and returns at once; callback runs exactly once, from the background thread
 * or from muster_process or from a thread that blocks in another call, never from inside the call
 * itself. Only submitting can fail here (VALUE, NO_MEMORY, UNAVAILABLE after fork or close): then
 * the callback never runs. callback may be NULL for put, done, nack: failures are then told by
 * muster_flush (the first status that was not OK). call_out may be NULL; if not, it must be
 * released. More than the credit in flight are held back in the library, in order, without limit:
 * it is for the caller to flush now and then. Only puts wait behind puts: what else is called
 * meanwhile (join, shutdown, ...) does not, so flush before it when the order matters. */
MUSTER_API enum muster_status muster_put_async(muster_queue *queue, const void *body, size_t size,
                                               const muster_put_options *options,
                                               muster_callback *callback, void *user,
                                               muster_call **call_out);
MUSTER_API enum muster_status muster_get_async(muster_queue *queue,
                                               const muster_get_options *options,
                                               muster_callback *callback, void *user,
                                               muster_call **call_out);
MUSTER_API enum muster_status muster_done_async(muster_message *message, muster_callback *callback,
                                                void *user, muster_call **call_out);
MUSTER_API enum muster_status muster_nack_async(muster_message *message,
                                                const muster_nack_options *options,
                                                muster_callback *callback, void *user,
                                                muster_call **call_out);
MUSTER_API enum muster_status muster_join_async(muster_queue *queue, int64_t timeout_ns,
                                                muster_callback *callback, void *user,
                                                muster_call **call_out);
MUSTER_API enum muster_status muster_event_wait_async(muster_event *event, int64_t timeout_ns,
                                                      muster_callback *callback, void *user,
                                                      muster_call **call_out);
MUSTER_API enum muster_status muster_barrier_wait_async(muster_barrier *barrier, int64_t timeout_ns,
                                                        muster_callback *callback, void *user,
                                                        muster_call **call_out);
MUSTER_API void muster_call_cancel(muster_call *call);   /* the callback still runs */
MUSTER_API void muster_call_release(muster_call **call); /* forget the handle; the call goes on */

/* The application's own loop (options.own_loop): watch muster_fd for reading, and for writing while
 * muster_wants_write; call muster_process when it is ready or when muster_deadline_ns
 * (CLOCK_MONOTONIC; MUSTER_FOREVER: none) has come. The descriptor changes when the connection
 * does: ask again after each muster_process; -1 while there is none. Blocking calls work as well,
 * and run callbacks. To come back after a lost connection muster_process may have to look up a
 * host's name, which can take a while; an address in numbers does not. Nobody else gives the broker
 * signs of life: a program that stays away for the broker's silence time (10 s) loses the
 * connection, and after the time-to-live behind it the session. */
MUSTER_API int muster_fd(muster_client *client);
MUSTER_API bool muster_wants_write(muster_client *client);
MUSTER_API int64_t muster_deadline_ns(muster_client *client);
MUSTER_API enum muster_status muster_process(muster_client *client);

#ifdef __cplusplus
}
#endif

#endif
