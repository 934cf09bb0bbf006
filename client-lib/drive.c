/* drive.c - the driver: waiting for the socket, reading, and what time brings; and waiting for
 * one's own call, as the driver or beside it.
 *
 * A driver waits in one of two ways. What is expected at once, it awaits in recv, for a moment:
 * that is one system call, as short as it can be, but nobody can end it. After that moment it is in
 * poll, where the bell reaches it. So whatever else concerns it waits for a moment at most. With
 * busy_poll_ns it asks for what is expected again and again first, without sleeping. */
#include "client-lib/transport.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

/* ---- the socket ---- */

static void lose(muster_client *client, const char *why)
{
    int64_t now_ns = mst_clock_ns();

    mst_link_drop(&client->link, now_ns);
    mst_client_lost(client->machine, why, now_ns);
}

/* The connection ended, and not because the broker wanted it. */
static void break_off(muster_client *client, const char *why)
{
    int64_t now_ns = mst_clock_ns();

    mst_link_drop(&client->link, now_ns);
    mst_client_broke(client->machine, why, now_ns);
}

static void lose_after(muster_client *client, int error)
{
    if (error == ECONNRESET || error == EPIPE) {
        lose(client, strerror(error));
    } else {
        break_off(client, strerror(error));
    }
}

/* Where the next read goes. Whoever asked makes one, and end_read. */
static void begin_read(muster_client *client)
{
    struct mst_room room = mst_client_room(client->machine, &client->frame);
    size_t there = room.data == NULL ? 0 : room.len;
    size_t beyond = room.len == 0 && !mst_client_expects_large(client->machine)
                        ? MST_READ_BYTES
                        : MST_LARGE_AHEAD + room.len - there;

    beyond = beyond < MST_READ_BYTES ? beyond : MST_READ_BYTES;
    client->places.at[0] = (struct iovec){room.data, there};
    client->places.at[1] = (struct iovec){client->buffer, beyond};
}

/* Gives the machine what has come. false: the connection is of no more use. */
static bool end_read(muster_client *client, ssize_t n, int64_t now_ns)
{
    size_t there = client->places.at[0].iov_len;
    size_t all = n < 0 ? 0 : (size_t)n;
    size_t filled = all < there ? all : there;

    if (there > 0) {
        mst_client_filled(client->machine, client->frame, filled);
        client->frame = NULL;
        client->places.at[0].iov_len = 0;
    }
    return n <= 0 ||
           mst_client_receive(client->machine, mst_span_of(client->buffer, all - filled), now_ns);
}

static ssize_t read_now(muster_client *client)
{
    begin_read(client);
    return mst_link_read(&client->link, &client->places);
}

/* n: what the first read said, as recv does. */
static void read_in(muster_client *client, ssize_t n, int64_t now_ns)
{
    for (;;) {
        size_t asked = mst_places_size(&client->places);
        int error = errno;
        bool good = end_read(client, n, now_ns);

        errno = error;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return;
        }
        if (n < 0 || (n == 0 && client->link.write_error != 0)) {
            lose_after(client, n < 0 ? errno : client->link.write_error);
            return;
        }
        if (n == 0) {
            lose(client, "the broker closed the connection");
            return;
        }
        if (!good) {
            lose(client, NULL);
            return;
        }
        if ((size_t)n < asked) {
            return;
        }
        n = read_now(client);
    }
}

/* If nobody is listening: notices a connection that has ended meanwhile, so that the request is not
 * sent into it, and its outcome unknown for nothing. */
static void listen_before(muster_client *client)
{
    bool fresh = client->now_ns - mst_client_heard_ns(client->machine) < MUSTER_MS;

    if (!fresh && client->driver == NULL && client->link.state == MST_LINK_UP) {
        read_in(client, read_now(client), client->now_ns);
    }
}

void mst_transport_send(muster_client *client, struct mst_call *call)
{
    mst_transport_look_at_clock(client);
    listen_before(client);
    mst_client_submit(client->machine, call, client->now_ns);
    mst_transport_settle_at(client, client->now_ns);
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

static void quieten(int fd)
{
    uint64_t count;

    if (read(fd, &count, sizeof(count)) < 0) {
        return; /* it did not ring */
    }
}

/* Sleeps in poll, unlocked: whoever wants the driver can wake it. True if the socket has
 * something. */
static bool poll_socket(muster_client *client, const void *me)
{
    struct pollfd fds[2] = {{.fd = mst_transport_bell(client, me), .events = POLLIN},
                            {.fd = client->link.fd, .events = 0}};
    struct timespec timeout;
    int64_t pause_ns = client->planned_ns == MUSTER_FOREVER  ? MUSTER_FOREVER
                       : client->planned_ns < client->now_ns ? 0
                                                             : client->planned_ns - client->now_ns;

    timeout.tv_sec = (time_t)(pause_ns / MUSTER_SECOND);
    timeout.tv_nsec = (long)(pause_ns % MUSTER_SECOND);
    client->polling_write = mst_transport_wants_write(client);
    fds[1].events = (short)(POLLIN | (client->polling_write ? POLLOUT : 0));
    client->polling = true;
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

/* As recv does. Unlocked; touches nothing but what is the driver's. */
static ssize_t look_briefly(muster_client *client)
{
    int64_t until_ns = mst_clock_ns() + client->busy_poll_ns;
    ssize_t n;

    do {
        n = mst_link_read(&client->link, &client->places);
    } while (n < 0 && errno == EAGAIN && mst_clock_ns() < until_ns);
    return n;
}

/* Waits in recv itself, unlocked, which saves a system call: for what is expected at once. */
static ssize_t await_bytes(muster_client *client)
{
    bool looks = client->busy_poll_ns > 0 && mst_luck_says_look(&client->luck);
    ssize_t n = -1;

    client->polling = false; /* the background thread may have been, which is relieved now */
    begin_read(client);
    pthread_mutex_unlock(&client->lock);
    if (looks) {
        n = look_briefly(client);
        mst_luck_learn(&client->luck, n > 0);
    }
    if (n < 0 && (!looks || errno == EAGAIN)) {
        n = mst_link_await(&client->link, &client->places);
    }
    int error = errno;
    pthread_mutex_lock(&client->lock);
    errno = error;
    return n;
}

/* Nobody can get it out of recv, so nothing else may be due meanwhile, and it must not be the
 * background thread, which can be relieved. */
static bool may_await(const muster_client *client, const void *me)
{
    return me != client && client->link.state == MST_LINK_UP &&
           client->planned_ns > client->now_ns + MST_LINK_PATIENCE_NS &&
           !mst_transport_wants_write(client);
}

/* Waits, and begins to read: as recv does. */
static ssize_t first_bytes(muster_client *client, const void *me, int64_t until_ns, bool hot)
{
    int64_t look_ns = mst_transport_next_look_ns(client);
    bool ready = until_ns <= client->now_ns; /* it does not wait */

    client->planned_ns = look_ns < until_ns ? look_ns : until_ns;
    if (hot && may_await(client, me)) {
        return await_bytes(client);
    }
    ready = ready || poll_socket(client, me);
    /* What waits to be read is read before anything is found to be late. */
    if (client->driver == me && client->link.state == MST_LINK_UP &&
        (ready || mst_client_is_silent(client->machine, mst_clock_ns()))) {
        return read_now(client);
    }
    errno = EAGAIN;
    return -1;
}

bool mst_transport_drive(muster_client *client, const void *me, int64_t until_ns, bool hot)
{
    ssize_t n = first_bytes(client, me, until_ns, hot);
    int error = errno;

    if (client->driver != me) {
        return false;
    }
    int64_t now_ns = mst_transport_look_at_clock(client);

    if (client->link.state == MST_LINK_UP) {
        errno = error;
        read_in(client, n, now_ns);
    } else {
        end_read(client, -1, now_ns);
    }
    if (client->link.state == MST_LINK_UP && mst_client_is_silent(client->machine, now_ns)) {
        if (mst_client_is_renewing(client->machine)) {
            lose(client, NULL);
        } else {
            break_off(client, "nothing was heard from the broker for too long");
        }
    }
    look_after_link(client);
    if (mst_client_phase(client->machine) == MST_CLIENT_UP) {
        client->link.failures = 0;
    }
    mst_client_tick(client->machine, now_ns);
    mst_transport_settle_at(client, now_ns);
    return n > 0;
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
    mst_transport_look_at_clock(client);
}

/* The background thread may be relieved at any time: it notices when its poll is over. */
static bool may_drive(const muster_client *client)
{
    return client->driver == NULL || (client->driver == client && !client->resolving);
}

void mst_transport_wait(muster_client *client, struct mst_waiter *waiter,
                        bool (*is_done)(const void *of), const void *of, int64_t until_ns)
{
    bool hot = true; /* what is waited for mostly comes at once */

    enlist(client, waiter);
    while (!is_done(of) &&
           (until_ns == MUSTER_FOREVER || mst_transport_look_at_clock(client) < until_ns)) {
        if (client->driver == waiter || may_drive(client)) {
            client->driver = waiter;
            hot = mst_transport_drive(client, waiter, until_ns, hot);
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
