/* reference.c - who is inside a client, and who still refers to it.
 *
 * A client lives as long as somebody refers to it: who opened it, its handles and messages, calls
 * under way, callbacks that are to come. Whoever gives back the last reference frees it. In a child
 * of the process that made it nobody may take its lock, for it may have been held at the fork. Must
 * not know: what calls are about, sockets. */
#include <sodium.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client-lib/error.h"
#include "client-lib/transport.h"

bool mst_transport_is_foreign(const muster_client *client)
{
    return client->mark != NULL ? *client->mark == 0 : client->pid != getpid();
}

enum muster_status mst_transport_enter(muster_client *client, bool blocking, const char *what)
{
    if (mst_transport_is_foreign(client)) {
        return mst_complain(MST_UNAVAILABLE,
                            "%s: this client belongs to the process that made it; connect anew "
                            "after fork",
                            what);
    }
    if (blocking && mst_in_callback()) {
        return mst_complain(MST_VALUE,
                            "%s: this call waits, and was made from a callback; use the "
                            "asynchronous form there",
                            what);
    }
    pthread_mutex_lock(&client->lock);
    if (client->closed) {
        pthread_mutex_unlock(&client->lock);
        return mst_complain(MST_UNAVAILABLE, "%s: the client is closed", what);
    }
    client->references++;
    return MUSTER_OK;
}

void mst_transport_free(muster_client *client)
{
    bool foreign = mst_transport_is_foreign(client);

    mst_client_free(&client->machine);
    mst_link_clear(&client->link);
    if (client->wake_fd >= 0) {
        close(client->wake_fd);
    }
    if (client->background_fd >= 0) {
        close(client->background_fd);
    }
    if (client->mark != NULL) {
        munmap((void *)(uintptr_t)client->mark, 1);
    }
    if (!foreign) {
        pthread_cond_destroy(&client->background_cond);
        pthread_mutex_destroy(&client->lock);
    }
    free(client->buffer);
    sodium_memzero(&client->secrets, sizeof(client->secrets));
    free(client);
}

void mst_transport_leave(muster_client *client)
{
    bool last = --client->references == 0;

    pthread_mutex_unlock(&client->lock);
    if (last) {
        mst_transport_free(client);
    }
}

void mst_transport_drop_handle(muster_client *client, struct mst_handle *handle)
{
    /* In a child nobody else can be in the client, but somebody may have been when it forked. */
    bool foreign = mst_transport_is_foreign(client);

    if (!foreign) {
        pthread_mutex_lock(&client->lock);
        if (handle != NULL) {
            mst_handle_unref(handle);
        }
    }
    bool last = --client->references == 0;
    if (!foreign) {
        pthread_mutex_unlock(&client->lock);
    }
    if (last) {
        mst_transport_free(client);
    }
}

void mst_transport_drop_message(muster_client *client, struct muster_message *message)
{
    struct mst_handle *handle = message->handle;

    if (mst_transport_is_foreign(client)) {
        mst_message_drop(NULL, message);
        mst_transport_drop_handle(client, NULL);
        return;
    }
    pthread_mutex_lock(&client->lock);
    mst_handle_unref(handle);
    mst_message_drop(mst_client_pool(client->machine), message);
    mst_transport_leave(client);
}
