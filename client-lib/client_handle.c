/* client_handle.c - the numbers that stand for names on a connection.
 *
 * A name keeps its number as long as there are numbers enough, used or not: opening and closing the
 * same names again and again costs nothing. */
#include <stdlib.h>

#include "client-lib/client_state.h"

static size_t bucket_of(const char *name)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (; *name != '\0'; name++) {
        hash = (hash ^ (uint8_t)*name) * 1099511628211u;
    }
    return (size_t)(hash >> 32) % 1024;
}

/* Frees the number of a name that nobody uses. false: all are in use. */
static bool evict(struct mst_client *client, uint64_t *number_out)
{
    for (size_t i = 0; i < client->handles_count; i++) {
        size_t number = (client->evict_next + i) % client->handles_count;
        struct mst_handle *handle = client->handles[number];
        struct mst_handle **link = &client->names[bucket_of(handle->name)];

        if (handle->references > 0) {
            continue;
        }
        while (*link != handle) {
            link = &(*link)->chain;
        }
        *link = handle->chain;
        free(handle);
        client->evict_next = number + 1;
        *number_out = number;
        return true;
    }
    return false;
}

/* A number for one more name. false: none left, or out of memory. */
static bool take_number(struct mst_client *client, uint64_t *number_out)
{
    if (client->handles_count > MST_HANDLE_MAX) {
        return evict(client, number_out);
    }
    if (client->handles_count == client->handles_cap) {
        size_t cap = client->handles_cap == 0 ? 16 : client->handles_cap * 2;
        struct mst_handle **handles = realloc(client->handles, cap * sizeof(struct mst_handle *));

        if (handles == NULL) {
            return false;
        }
        client->handles = handles;
        client->handles_cap = cap;
    }
    *number_out = client->handles_count++;
    client->handles[*number_out] = NULL;
    return true;
}

struct mst_handle *mst_client_open(struct mst_client *client, const char *name)
{
    struct mst_handle **bucket = &client->names[bucket_of(name)];
    size_t bytes = strlen(name) + 1;

    for (struct mst_handle *handle = *bucket; handle != NULL; handle = handle->chain) {
        if (strcmp(handle->name, name) == 0) {
            handle->references++;
            return handle;
        }
    }
    struct mst_handle *handle = calloc(1, sizeof(*handle) + bytes);
    if (handle == NULL) {
        return NULL;
    }
    if (!take_number(client, &handle->number)) {
        free(handle);
        return NULL;
    }
    memcpy(handle->name, name, bytes);
    handle->references = 1;
    /* Eviction may have changed the bucket's head, but never where the bucket is. */
    handle->chain = *bucket;
    *bucket = handle;
    client->handles[handle->number] = handle;
    return handle;
}

bool mst_client_has_names_left(const struct mst_client *client)
{
    bool left = client->handles_count <= MST_HANDLE_MAX;

    for (size_t i = 0; !left && i < client->handles_count; i++) {
        left = client->handles[i]->references == 0;
    }
    return left;
}

void mst_handle_ref(struct mst_handle *handle)
{
    handle->references++;
}

void mst_handle_unref(struct mst_handle *handle)
{
    handle->references--;
}

const char *mst_handle_name(const struct mst_handle *handle)
{
    return handle->name;
}

uint64_t mst_handle_number(const struct mst_handle *handle)
{
    return handle->number;
}

void mst_handles_reset(struct mst_client *client)
{
    for (size_t i = 0; i < client->handles_count; i++) {
        struct mst_handle *handle = client->handles[i];

        handle->puts = 0;
        handle->put_bytes = 0;
        if (handle->held.count > 0 && !handle->runnable) {
            handle->runnable = true;
            handle->runnable_next = client->runnable;
            client->runnable = handle;
        }
    }
}

void mst_handles_forget_generations(struct mst_client *client)
{
    for (size_t i = 0; i < client->handles_count; i++) {
        client->handles[i]->has_generation = false;
    }
}

void mst_handles_free(struct mst_client *client)
{
    for (size_t i = 0; i < client->handles_count; i++) {
        free(client->handles[i]);
    }
    free(client->handles);
}

struct mst_handle_numbers mst_handles_of_request(const struct mst_request *request)
{
    switch (request->op) {
    case MST_OP_PING:
    case MST_OP_LIST:
    case MST_OP_SESSIONS:
    case MST_OP_BACKUP:
    case MST_OP_KILL: return (struct mst_handle_numbers){NULL, 0};
    case MST_OP_GET: return (struct mst_handle_numbers){request->handles, request->handles_count};
    default: return (struct mst_handle_numbers){&request->handle, 1};
    }
}
