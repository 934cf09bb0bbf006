/* transport.c - what happens after each change of the machine: bytes are written, who waits is
 * told, who should look is woken. */
#include "client-lib/transport.h"

#include <errno.h>
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

int64_t mst_transport_look_at_clock(muster_client *client)
{
    client->now_ns = mst_clock_ns();
    return client->now_ns;
}

void mst_transport_submit(muster_client *client, struct mst_call *call)
{
    bool timed =
        call->timeout_ns != MUSTER_FOREVER || mst_client_phase(client->machine) == MST_CLIENT_DOWN;

    mst_client_submit(client->machine, call, timed ? mst_clock_ns() : 0);
}

struct muster_message *mst_transport_take_first(muster_client *client, struct mst_call *call)
{
    bool timed = !mst_client_owes_receipt(client->machine);

    return mst_client_take_first(client->machine, call, timed ? mst_clock_ns() : 0);
}

/* ---- waking ---- */

static void ring(int fd)
{
    uint64_t one = 1;
    ssize_t n;

    do {
        n = write(fd, &one, sizeof(one));
    } while (n < 0 && errno == EINTR); /* any other: the counter is full, it rings already */
}

int mst_transport_bell(const muster_client *client, const void *driver)
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
           (client->link.state == MST_LINK_UP && mst_client_has_output(client->machine));
}

/* ---- the socket ---- */

/* Writes what is there. Only the driver closes the socket: another thread may be polling it. */
static void write_out(muster_client *client, int64_t now_ns)
{
    struct mst_span out[MST_GATHER_PIECES_MAX];

    while (client->link.state == MST_LINK_UP && mst_client_has_output(client->machine)) {
        size_t count = mst_client_pieces(client->machine, out, MST_GATHER_PIECES_MAX);
        ssize_t n = count == 0 ? 0 : mst_link_write(&client->link, out, count);

        if (n < 0) {
            client->link.write_error = errno;
            shutdown(client->link.fd, SHUT_RDWR);
            mst_client_sent(client->machine, mst_spans_len(out, count));
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
        if (waiter->collects) {
            mst_call_list_append(&waiter->arrived, call);
        }
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

void mst_transport_settle_at(muster_client *client, int64_t now_ns)
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
        ring(mst_transport_bell(client, client->driver));
    }
}

void mst_transport_settle(muster_client *client)
{
    mst_transport_settle_at(client, mst_transport_look_at_clock(client));
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

/* What no callback waits for can wait itself, until the background thread looks in. */
bool mst_transport_must_read(muster_client *client)
{
    return client->link.state != MST_LINK_UP ||
           mst_client_phase(client->machine) != MST_CLIENT_UP ||
           mst_client_has_output(client->machine) || mst_client_owes_callback(client->machine);
}
