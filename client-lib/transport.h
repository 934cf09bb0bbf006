/* transport.h - who drives the pure machine: threads, the socket, the clock.
 *
 * One mutex per client guards everything in it. At any time at most one thread is the *driver*: it
 * waits for the socket, reads, connects. Anyone may write. A thread that blocks in a call drives if
 * nobody else does, and hands the role on when its own call is over; so a round trip costs no
 * change of thread. The background thread drives when nobody waits; while calls follow each other
 * closely it only looks in every millisecond, so that no call has to wake it.
 *
 * Order of locks: a cancel token's before a client's. */
#ifndef MST_TRANSPORT_H
#define MST_TRANSPORT_H

#include <pthread.h>

#include "client-lib/client.h"
#include "client-lib/secrets.h"
#include "client-lib/socket.h"
#include "protocol/luck.h"

/* One read: of large messages only few are cut by its end, and copied once more. */
#define MST_READ_BYTES (256u << 10)

/* A thread that waits. Calls refer to theirs as owner. */
struct mst_waiter {
    pthread_cond_t cond;
    bool asleep;
    bool collects; /* its calls that have an outcome are put into arrived */
    struct mst_call_list arrived;
    bool fired;     /* by a cancel token; only for what no single call stands for */
    bool for_async; /* wants to know when asynchronous calls are over */
    struct mst_waiter *next;
    struct mst_waiter *prev;
};

enum mst_background {
    MST_BACKGROUND_NONE,   /* own_loop, or not started */
    MST_BACKGROUND_BUSY,   /* looks at everything again before it sleeps */
    MST_BACKGROUND_SLEEPS, /* on its condition variable */
    MST_BACKGROUND_POLLS   /* as driver, or relieved and not yet aware of it */
};

struct muster_client {
    pthread_mutex_t lock;
    uint64_t references; /* who opened it, its handles, messages, and calls under way */
    bool closed;
    bool own_loop;
    int64_t busy_poll_ns; /* how long a driver looks before it sleeps; never changes */
    struct mst_luck luck; /* with that; the driver's */
    const uint8_t *mark;  /* 1 in the process that made the client, 0 in a child of it */
    pid_t pid;            /* the same by number, where the kernel cannot wipe the mark */
    struct mst_client *machine;
    struct mst_link link;
    struct mst_secrets secrets;
    int wake_fd;       /* gets the driver out of poll */
    int background_fd; /* the same when that is the background thread: neither takes the other's */
    uint8_t *buffer;   /* the driver reads into it, but for the rest of a large frame */
    struct mst_places places; /* the driver's: where the read goes that it makes */
    struct mst_blob *frame;   /* has the memory of the first; a reference; NULL: nothing there */

    const void *driver; /* its waiter, or the client itself for the background thread */
    bool resolving;     /* the driver is in the resolver: nobody may take over */
    int64_t now_ns;     /* when somebody last looked at the clock */
    bool polling;       /* the driver is in poll, and will look again at planned_ns; in recv it is
                           not, but looks again in a moment anyway */
    bool polling_write;
    int64_t planned_ns;
    struct mst_waiter *waiters_first;
    struct mst_waiter *waiters_last;

    enum mst_background background;
    bool background_soon; /* it looks again within a millisecond, come what may */
    pthread_t thread;
    pthread_cond_t background_cond;
    bool stopping;
    bool detached;     /* nobody waits for its end: it holds a reference of its own */
    bool kicked;       /* the background thread was told already */
    uint64_t activity; /* calls that were waited for */

    bool calling;            /* some thread runs callbacks */
    uint64_t calling_seq;    /* of the call whose callback runs */
    enum mst_status failure; /* the first of a call that has no callback, for muster_flush */
    char failure_text[MST_CAUSE_BYTES_MAX + 1];

    char version[65]; /* of the broker that was first connected to */
    void (*on_notice)(muster_client *client, const muster_notice_info *notice, void *user);
    void *user;
};

#define MST_WAITER_INIT                                                                            \
    {                                                                                              \
        .cond = PTHREAD_COND_INITIALIZER                                                           \
    }

int64_t mst_clock_ns(void);

/* ---- reference.c ---- */

bool mst_transport_is_foreign(const muster_client *client); /* this process is a child */

/* Takes the lock and a reference for a public call. Else, with the error told: UNAVAILABLE (child
 * process, closed), or VALUE (blocking, in a callback). */
enum muster_status mst_transport_enter(muster_client *client, bool blocking, const char *what);
void mst_transport_leave(muster_client *client); /* gives both back; the last reference frees */

/* Gives back a handle and its reference to the client; handle may be NULL. Takes the lock. */
void mst_transport_drop_handle(muster_client *client, struct mst_handle *handle);

/* The same for a message: it is freed, or used again. Takes the lock. */
void mst_transport_drop_message(muster_client *client, struct muster_message *message);

void mst_transport_free(muster_client *client); /* nobody refers to it any more */

/* ---- transport.c; all with the lock held ---- */

int64_t mst_transport_look_at_clock(muster_client *client); /* kept in now_ns too */
/* mst_client_submit and _take_first, which need the time only now and then; to ask for it is a good
 * part of what they cost. */
void mst_transport_submit(muster_client *client, struct mst_call *call);
struct muster_message *mst_transport_take_first(muster_client *client, struct mst_call *call);
/* After any call of the machine: sends, tells who waits, wakes whom it concerns. */
void mst_transport_settle(muster_client *client);
void mst_transport_settle_at(muster_client *client, int64_t now_ns); /* for who knows the time */
/* After asynchronous calls were submitted: they may gather for a moment. */
void mst_transport_gather(muster_client *client);
void mst_transport_wake_background(muster_client *client);
void mst_transport_wake(muster_client *client, struct mst_waiter *waiter); /* to look again */
int mst_transport_bell(const muster_client *client, const void *driver);   /* what it polls */
bool mst_transport_must_read(muster_client *client);
/* A call without a callback failed: muster_flush tells. */
void mst_transport_note_failure(muster_client *client, const struct mst_call *call);
bool mst_transport_wants_write(const muster_client *client);
int64_t mst_transport_next_look_ns(const muster_client *client); /* when time brings something */

/* ---- drive.c, the same ---- */

/* A call that somebody will wait for at once: submitted and sent. */
void mst_transport_send(muster_client *client, struct mst_call *call);
/* Waits until is_done(of) or the time, driving if nobody else does. Whoever has changed something
 * before has settled it. */
void mst_transport_wait(muster_client *client, struct mst_waiter *waiter,
                        bool (*is_done)(const void *of), const void *of, int64_t until_ns);
/* One round as driver: wait, read, time, write. Only if client->driver == me. hot: something is
 * expected at once. True if something came. */
bool mst_transport_drive(muster_client *client, const void *me, int64_t until_ns, bool hot);
void mst_transport_hand_over(muster_client *client); /* after driver became NULL */

/* ---- background.c, the same ---- */

/* Runs callbacks and notices; the lock is released during each. */
void mst_transport_run_callbacks(muster_client *client);
bool mst_background_start(muster_client *client);
void mst_background_stop(muster_client *client);

/* async.c: the lock is held, and released during the callback. */
void mst_async_finish(muster_client *client, struct mst_call *call);
bool mst_in_callback(void);
void mst_enter_callback(int step); /* +1, -1 */

#endif
