/* transport.c - one round of driving, and waiting for one's own. */
#include "client-lib/transport.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define GATHER_CALLS 256 /* so many gathered calls are worth a frame and a system call */

int64_t mst_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * MUSTER_SECOND + now.tv_nsec;
}

/* ---- calls ---- */

void mst_transport_submit(muster_client *client, struct mst_call *call)
{
    bool timed =
        call->timeout_ns != MUSTER_FOREVER || mst_client_phase(client->machine) == MST_CLIENT_DOWN;

    mst_client_submit(client->machine, call, timed ? mst_clock_ns() : 0);
}

void mst_transport_take(muster_client *client, struct mst_call *call)
{
    bool timed = !mst_client_owes_receipt(client->machine);

    mst_client_take(client->machine, call, timed ? mst_clock_ns() : 0);
}

/* ---- waking ---- */

static void ring(int fd)
{
    uint64_t one = 1;

    if (write(fd, &one, sizeof(one)) < 0) {
        return; /* the counter is full: it rings already */
    }
}

static void quieten(int fd)
{
    uint64_t count;

    if (read(fd, &count, sizeof(count)) < 0) {
        return; /* it did not ring */
    }
}

static int bell_of(const muster_client *client, const void *driver)
{
    return driver == client ? client->background_fd : client->wake_fd;
}

void mst_transport_wake_background(muster_client *client)
{
    if (client->background == MST_BACKGROUND_POLLS) {
        ring(client->background_fd);
    } else if (client->background == MST_BACKGROUND_SLEEPS) {
        pthread_cond_signal(&client->background_cond);
    }
}

void mst_transport_wake(muster_client *client, struct mst_waiter *waiter)
{
    if (waiter->asleep) {
        pthread_cond_signal(&waiter->cond);
    } else if (client->driver == waiter) {
        ring(client->wake_fd);
    }
}

int64_t mst_transport_next_look_ns(const muster_client *client)
{
    int64_t deadline = mst_client_deadline_ns(client->machine);

    if (client->link.state != MST_LINK_UP && client->link.deadline_ns < deadline) {
        deadline = client->link.deadline_ns;
    }
    return deadline;
}

bool mst_transport_wants_write(const muster_client *client)
{
    return client->link.state == MST_LINK_CONNECTING ||
           (client->link.state == MST_LINK_UP && mst_client_output(client->machine).len > 0);
}

/* ---- the socket ---- */

static void lose(muster_client *client, const char *why)
{
    int64_t now_ns = mst_clock_ns();

    mst_link_drop(&client->link, now_ns);
    mst_client_lost(client->machine, why, now_ns);
}

/* Writes what is there. Only the driver closes the socket: another thread may be polling it. */
static void write_out(muster_client *client, int64_t now_ns)
{
    struct mst_span out;

    while (client->link.state == MST_LINK_UP &&
           (out = mst_client_output(client->machine)).len > 0) {
        ssize_t n = mst_link_write(&client->link, out.data, out.len);

        if (n < 0) {
            shutdown(client->link.fd, SHUT_RDWR);
            mst_client_sent(client->machine, out.len);
            return;
        }
        if (n == 0) {
            return;
        }
        mst_client_sent(client->machine, (size_t)n);
        mst_client_pump(client->machine, now_ns);
    }
}

void mst_transport_note_failure(muster_client *client, const struct mst_call *call)
{
    if (client->failure == MST_OK) {
        client->failure = call->status;
        snprintf(client->failure_text, sizeof(client->failure_text), "%s",
                 call->cause == NULL ? "" : call->cause);
    }
}

/* A call that nobody waits for is over. */
static void finish_unowned(muster_client *client, struct mst_call *call)
{
    if (call->status != MST_OK && !call->forgotten) {
        mst_transport_note_failure(client, call);
    }
    mst_call_give(mst_client_pool(client->machine), call);
}

static void tell_waiters(muster_client *client)
{
    struct mst_call *call;
    bool unowned = false;

    while ((call = mst_client_next_woken(client->machine)) != NULL) {
        struct mst_waiter *waiter = call->owner;

        if (waiter == NULL) {
            finish_unowned(client, call);
            unowned = true;
            continue;
        }
        waiter->news = true;
        if (waiter->asleep || client->polling) {
            mst_transport_wake(client, waiter);
        }
    }
    for (struct mst_waiter *w = client->waiters_first; unowned && w != NULL; w = w->next) {
        if (w->for_async) {
            mst_transport_wake(client, w);
        }
    }
}

static void settle(muster_client *client, int64_t now_ns)
{
    mst_client_pump(client->machine, now_ns);
    write_out(client, now_ns);
    tell_waiters(client);
    if (mst_client_has_results(client->machine) || mst_client_has_notices(client->machine)) {
        mst_transport_wake_background(client);
    }
    if (client->polling && (mst_transport_next_look_ns(client) < client->planned_ns ||
                            mst_transport_wants_write(client) != client->polling_write)) {
        client->polling = false; /* it is awake now, as far as anyone is concerned */
        ring(bell_of(client, client->driver));
    }
}

void mst_transport_settle(muster_client *client)
{
    settle(client, mst_clock_ns());
}

/* The caller's thread writes when a frame is full. The background thread has to be woken only if it
 * would not look by itself within a millisecond, or if somebody must read before more can be
 * sent. */
void mst_transport_gather(muster_client *client)
{
    size_t unsent = mst_client_unsent(client->machine);
    bool full = unsent > 0 && unsent % GATHER_CALLS == 0;

    if (full) {
        mst_transport_settle(client);
    }
    if (!client->kicked &&
        (!client->background_soon ||
         (full && client->driver == NULL && mst_client_is_backed_up(client->machine)))) {
        client->kicked = true;
        mst_transport_wake_background(client);
    }
}

/* ---- driving ---- */

static void read_in(muster_client *client, int64_t now_ns)
{
    for (;;) {
        ssize_t n = mst_link_read(&client->link, client->buffer, MST_READ_BYTES);

        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return;
        }
        if (n <= 0) {
            lose(client, n == 0 ? "the broker closed the connection" : strerror(errno));
            return;
        }
        if (!mst_client_receive(client->machine, mst_span_of(client->buffer, (size_t)n), now_ns)) {
            lose(client, NULL);
            return;
        }
        if ((size_t)n < MST_READ_BYTES) {
            return;
        }
    }
}

void mst_transport_listen(muster_client *client)
{
    int64_t now_ns = mst_clock_ns();
    bool fresh = now_ns - mst_client_heard_ns(client->machine) < MUSTER_MS;

    if (!fresh && client->driver == NULL && client->link.state == MST_LINK_UP) {
        read_in(client, now_ns);
    }
}

static void resolve(muster_client *client)
{
    struct mst_link *link = &client->link;
    char trouble[sizeof(link->trouble)] = "";

    client->resolving = true;
    pthread_mutex_unlock(&client->lock);
    struct addrinfo *found =
        mst_link_resolve(link->host, link->port, link->is_unix, trouble, sizeof(trouble));
    pthread_mutex_lock(&client->lock);
    client->resolving = false;
    link->addresses = found;
    link->next = found;
    if (found == NULL) {
        memcpy(link->trouble, trouble, sizeof(trouble));
        mst_link_drop(link, mst_clock_ns());
    }
}

static void begin_stream(muster_client *client)
{
    uint8_t ephemeral[MST_NOISE_KEY];

    if (client->secrets.sealed) {
        struct mst_channel_client keys = mst_secrets_next(&client->secrets, ephemeral);
        bool ok = mst_client_secure(client->machine, &keys);

        sodium_memzero(ephemeral, sizeof(ephemeral));
        if (!ok) {
            snprintf(client->link.trouble, sizeof(client->link.trouble),
                     "out of memory, or the server key is none");
            mst_link_drop(&client->link, mst_clock_ns());
            return;
        }
    }
    mst_client_connected(client->machine, mst_clock_ns());
}

static void look_after_link(muster_client *client)
{
    if (client->stopping || client->closed || client->link.state == MST_LINK_UP) {
        return;
    }
    if (mst_link_wants_addresses(&client->link, mst_clock_ns())) {
        resolve(client);
    }
    if (!client->closed && mst_link_step(&client->link, mst_clock_ns())) {
        begin_stream(client);
    }
}

/* Sleeps in poll, unlocked. True if the socket has something. */
static bool wait_for_socket(muster_client *client, const void *me, int64_t now_ns, int64_t until_ns)
{
    struct pollfd fds[2] = {{.fd = bell_of(client, me), .events = POLLIN},
                            {.fd = client->link.fd, .events = 0}};
    int64_t look_ns = mst_transport_next_look_ns(client);
    struct timespec timeout;

    client->polling_write = mst_transport_wants_write(client);
    client->planned_ns = look_ns < until_ns ? look_ns : until_ns;
    client->polling = true;
    fds[1].events = (short)(POLLIN | (client->polling_write ? POLLOUT : 0));
    int64_t pause_ns = client->planned_ns == MUSTER_FOREVER ? MUSTER_FOREVER
                       : client->planned_ns < 0             ? 0
                                                            : client->planned_ns - now_ns;

    pause_ns = pause_ns < 0 ? 0 : pause_ns;
    timeout.tv_sec = (time_t)(pause_ns / MUSTER_SECOND);
    timeout.tv_nsec = (long)(pause_ns % MUSTER_SECOND);
    pthread_mutex_unlock(&client->lock);
    int ready =
        ppoll(fds, fds[1].fd < 0 ? 1 : 2, pause_ns > 3600 * MUSTER_SECOND ? NULL : &timeout, NULL);
    pthread_mutex_lock(&client->lock);
    if (ready > 0 && fds[0].revents != 0) {
        quieten(fds[0].fd);
    }
    if (client->driver != me) {
        return false;
    }
    client->polling = false;
    return ready > 0 && fds[1].revents != 0;
}

void mst_transport_drive(muster_client *client, const void *me, int64_t until_ns)
{
    look_after_link(client);
    int64_t now_ns = mst_clock_ns();
    settle(client, now_ns);
    bool ready = wait_for_socket(client, me, now_ns, until_ns);
    if (client->driver != me) {
        return;
    }
    now_ns = mst_clock_ns();
    bool silent = mst_client_is_silent(client->machine, now_ns);

    /* What waits to be read is read before anything is found to be late. */
    if (client->link.state == MST_LINK_UP && (ready || silent)) {
        read_in(client, now_ns);
    }
    if (client->link.state == MST_LINK_UP && mst_client_is_silent(client->machine, now_ns)) {
        lose(client, "nothing was heard from the broker for too long");
    }
    look_after_link(client);
    if (mst_client_phase(client->machine) == MST_CLIENT_UP) {
        client->link.failures = 0;
    }
    mst_client_tick(client->machine, now_ns);
    settle(client, now_ns);
}

void mst_transport_hand_over(muster_client *client)
{
    for (struct mst_waiter *w = client->waiters_first; w != NULL; w = w->next) {
        if (w->asleep) {
            pthread_cond_signal(&w->cond);
            return;
        }
    }
    if (client->background == MST_BACKGROUND_SLEEPS &&
        (!client->background_soon || mst_transport_must_read(client))) {
        pthread_cond_signal(&client->background_cond);
    }
}

/* What no callback waits for can wait itself, until the background thread looks in. */
bool mst_transport_must_read(muster_client *client)
{
    return client->link.state != MST_LINK_UP ||
           mst_client_phase(client->machine) != MST_CLIENT_UP ||
           mst_client_output(client->machine).len > 0 || mst_client_owes_callback(client->machine);
}

/* ---- waiting ---- */

static void enlist(muster_client *client, struct mst_waiter *waiter)
{
    waiter->next = NULL;
    waiter->prev = client->waiters_last;
    *(waiter->prev == NULL ? &client->waiters_first : &waiter->prev->next) = waiter;
    client->waiters_last = waiter;
}

static void delist(muster_client *client, struct mst_waiter *waiter)
{
    *(waiter->prev == NULL ? &client->waiters_first : &waiter->prev->next) = waiter->next;
    *(waiter->next == NULL ? &client->waiters_last : &waiter->next->prev) = waiter->prev;
}

static void sleep_until(muster_client *client, struct mst_waiter *waiter, int64_t until_ns)
{
    struct timespec until = {.tv_sec = (time_t)(until_ns / MUSTER_SECOND),
                             .tv_nsec = (long)(until_ns % MUSTER_SECOND)};

    waiter->asleep = true;
    if (until_ns == MUSTER_FOREVER) {
        pthread_cond_wait(&waiter->cond, &client->lock);
    } else {
        pthread_cond_clockwait(&waiter->cond, &client->lock, CLOCK_MONOTONIC, &until);
    }
    waiter->asleep = false;
}

/* The background thread may be relieved at any time: it notices when its poll is over. */
static bool may_drive(const muster_client *client)
{
    return client->driver == NULL || (client->driver == client && !client->resolving);
}

void mst_transport_wait(muster_client *client, struct mst_waiter *waiter,
                        bool (*is_done)(const void *of), const void *of, int64_t until_ns)
{
    enlist(client, waiter);
    while (!is_done(of) && (until_ns == MUSTER_FOREVER || mst_clock_ns() < until_ns)) {
        if (client->driver == waiter || may_drive(client)) {
            client->driver = waiter;
            mst_transport_drive(client, waiter, until_ns);
        } else {
            sleep_until(client, waiter, until_ns);
        }
        if (client->own_loop) {
            mst_transport_run_callbacks(client);
        }
    }
    delist(client, waiter);
    client->activity++;
    if (client->driver == waiter) {
        client->driver = NULL;
    }
    if (client->driver == NULL) {
        /* Also if this thread never drove: the role may have been offered to it. */
        mst_transport_hand_over(client);
    }
}
