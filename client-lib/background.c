/* background.c - callbacks, and the thread that runs them and drives when nobody waits.
 *
 * After a call it does not drive at once, for the next call is likely to follow, and would have to
 * share the socket with it: it looks in every millisecond, sends a receipt that is due, and takes
 * over only when a whole one has passed without a call. */
#include "client-lib/transport.h"

#include <signal.h>
#include <time.h>

#define LOOK_NS MUSTER_MS

/* ---- callbacks ---- */

static void run_notice(muster_client *client, const struct mst_client_notice *notice)
{
    muster_notice_info info = {notice->kind, notice->text, notice->queue, notice->message,
                               notice->delivery};

    if (client->on_notice != NULL) {
        mst_enter_callback(1);
        client->on_notice(client, &info, client->user);
        mst_enter_callback(-1);
    }
}

void mst_transport_run_callbacks(muster_client *client)
{
    struct mst_client_notice *notice;
    struct mst_call *call;

    if (client->calling ||
        (!mst_client_has_results(client->machine) && !mst_client_has_notices(client->machine))) {
        return;
    }
    int64_t now_ns = mst_clock_ns();

    client->calling = true;
    while ((notice = mst_client_next_notice(client->machine)) != NULL) {
        pthread_mutex_unlock(&client->lock);
        run_notice(client, notice);
        mst_client_notice_free(&notice);
        pthread_mutex_lock(&client->lock);
    }
    while ((call = mst_client_next_result(client->machine, now_ns)) != NULL) {
        client->calling_seq = call->seq;
        mst_async_finish(client, call);
        client->calling_seq = 0;
    }
    client->calling = false;
    for (struct mst_waiter *w = client->waiters_first; w != NULL; w = w->next) {
        if (w->for_async) {
            mst_transport_wake(client, w);
        }
    }
}

/* ---- the thread ---- */

static void sleep_background(muster_client *client, bool soon)
{
    int64_t until_ns = mst_clock_ns() + LOOK_NS;
    struct timespec until = {.tv_sec = (time_t)(until_ns / MUSTER_SECOND),
                             .tv_nsec = (long)(until_ns % MUSTER_SECOND)};

    client->background = MST_BACKGROUND_SLEEPS;
    client->background_soon = soon;
    if (soon) {
        pthread_cond_clockwait(&client->background_cond, &client->lock, CLOCK_MONOTONIC, &until);
    } else {
        pthread_cond_wait(&client->background_cond, &client->lock);
    }
    client->background = MST_BACKGROUND_BUSY;
    client->background_soon = false;
}

/* gathering: calls were just sent, so more may follow: no need to wake this thread for each. */
static void drive_background(muster_client *client, bool gathering)
{
    client->driver = client;
    client->background = MST_BACKGROUND_POLLS;
    client->background_soon = gathering;
    mst_transport_drive(client, client, gathering ? mst_clock_ns() + LOOK_NS : MUSTER_FOREVER,
                        false);
    client->background = MST_BACKGROUND_BUSY;
    client->background_soon = false;
    if (client->driver == client) {
        client->driver = NULL;
        mst_transport_hand_over(client);
    }
}

static void *background(void *arg)
{
    muster_client *client = arg;
    uint64_t seen = 0;
    bool gathering = false;

    pthread_mutex_lock(&client->lock);
    while (!client->stopping) {
        bool active = client->activity != seen;

        seen = client->activity;
        gathering = client->kicked || (gathering && mst_client_unsent(client->machine) > 0);
        client->kicked = false;
        mst_transport_run_callbacks(client);
        mst_client_tick(client->machine, mst_clock_ns());
        mst_transport_settle(client);
        if (client->stopping || mst_client_has_results(client->machine) ||
            mst_client_has_notices(client->machine)) {
            continue;
        }
        if (client->driver != NULL) {
            sleep_background(client, active || gathering);
        } else if (active && !mst_transport_must_read(client)) {
            sleep_background(client, true);
        } else {
            drive_background(client, gathering);
        }
    }
    client->background = MST_BACKGROUND_NONE;
    if (client->detached) {
        mst_transport_leave(client);
    } else {
        pthread_mutex_unlock(&client->lock);
    }
    return NULL;
}

bool mst_background_start(muster_client *client)
{
    sigset_t all;
    sigset_t before;

    /* Signals are the application's: its own threads take them. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    client->background = MST_BACKGROUND_BUSY;
    int error = pthread_create(&client->thread, NULL, background, client);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        client->background = MST_BACKGROUND_NONE;
    }
    return error == 0;
}

void mst_background_stop(muster_client *client)
{
    bool runs = client->background != MST_BACKGROUND_NONE;
    bool stuck = client->resolving && client->driver == client;

    client->stopping = true;
    mst_transport_wake_background(client);
    if (runs && stuck) {
        /* The resolver may take long; the thread ends, and frees its share, when it is back. */
        client->detached = true;
        client->references++;
        pthread_detach(client->thread);
    } else if (runs) {
        pthread_mutex_unlock(&client->lock);
        pthread_join(client->thread, NULL);
        pthread_mutex_lock(&client->lock);
    }
}
