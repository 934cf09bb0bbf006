/* cancel.c - one token, many calls, of any clients. Its lock is taken before a client's. */
#include "client-lib/cancel.h"

#include <stdlib.h>

struct muster_cancel {
    pthread_mutex_t lock;
    bool fired;
    struct mst_cancel_link *first;
};

muster_cancel *muster_cancel_new(void)
{
    muster_cancel *cancel = calloc(1, sizeof(*cancel));

    if (cancel != NULL) {
        pthread_mutex_init(&cancel->lock, NULL);
    }
    return cancel;
}

static void fire_at(const struct mst_cancel_link *link)
{
    muster_client *client = link->client;

    if (mst_transport_is_foreign(client)) {
        return;
    }
    pthread_mutex_lock(&client->lock);
    if (link->call != NULL) {
        mst_client_cancel(client->machine, link->call, MST_CANCELLED, mst_clock_ns());
    } else {
        link->waiter->fired = true;
        mst_transport_wake(client, link->waiter);
    }
    mst_transport_settle(client);
    pthread_mutex_unlock(&client->lock);
}

void muster_cancel_fire(muster_cancel *cancel)
{
    pthread_mutex_lock(&cancel->lock);
    cancel->fired = true;
    for (struct mst_cancel_link *link = cancel->first; link != NULL; link = link->next) {
        fire_at(link);
    }
    pthread_mutex_unlock(&cancel->lock);
}

void muster_cancel_reset(muster_cancel *cancel)
{
    pthread_mutex_lock(&cancel->lock);
    cancel->fired = false;
    pthread_mutex_unlock(&cancel->lock);
}

void muster_cancel_free(muster_cancel **cancel)
{
    if (*cancel != NULL) {
        pthread_mutex_destroy(&(*cancel)->lock);
        free(*cancel);
        *cancel = NULL;
    }
}

bool mst_cancel_join(muster_cancel *cancel, struct mst_cancel_link *link)
{
    if (cancel == NULL) {
        return true;
    }
    pthread_mutex_lock(&cancel->lock);
    bool fired = cancel->fired;
    if (!fired) {
        link->prev = NULL;
        link->next = cancel->first;
        if (cancel->first != NULL) {
            cancel->first->prev = link;
        }
        cancel->first = link;
    }
    pthread_mutex_unlock(&cancel->lock);
    return !fired;
}

void mst_cancel_leave(muster_cancel *cancel, struct mst_cancel_link *link)
{
    if (cancel == NULL) {
        return;
    }
    pthread_mutex_lock(&cancel->lock);
    *(link->prev == NULL ? &cancel->first : &link->prev->next) = link->next;
    if (link->next != NULL) {
        link->next->prev = link->prev;
    }
    pthread_mutex_unlock(&cancel->lock);
}
