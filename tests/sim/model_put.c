/* model_put.c - who gets in, who waits, who is refused. See model.h. */
#include "tests/sim/model_state.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK, REJECT, DROP_OLDEST };

static uint64_t bytes_of(const struct history_call *asked, size_t count)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        bytes += asked->messages[i].size;
    }
    return bytes;
}

static bool can_never_fit(const struct model_queue *queue, const struct history_call *asked)
{
    return (queue->maxsize > 0 && asked->messages_count > (uint64_t)queue->maxsize) ||
           (queue->max_bytes > 0 &&
            bytes_of(asked, asked->messages_count) > (uint64_t)queue->max_bytes);
}

static struct model_message *oldest_ready(struct model_queue *queue)
{
    struct model_message *oldest = NULL;

    for (size_t i = 0; i < queue->messages_count; i++) {
        struct model_message *message = &queue->messages[i];

        if (message->place == MODEL_READY && (oldest == NULL || message->id < oldest->id)) {
            oldest = message;
        }
    }
    return oldest;
}

/* Is there room, if all that is ready makes way where the queue drops the oldest? */
static bool could_have_room(const struct model_queue *queue, uint64_t messages, uint64_t bytes)
{
    uint64_t kept = model_kept(queue) - model_count(queue, MODEL_READY);

    if (queue->full != DROP_OLDEST) {
        return model_has_room(queue, messages, bytes);
    }
    for (size_t i = 0; i < queue->messages_count; i++) {
        enum model_place place = queue->messages[i].place;

        bytes += place < MODEL_TAKEN && place != MODEL_READY ? queue->messages[i].size : 0;
    }
    return (queue->maxsize == 0 || kept + messages <= (uint64_t)queue->maxsize) &&
           (queue->max_bytes == 0 || bytes <= (uint64_t)queue->max_bytes);
}

static struct model_key *key_of(const struct model *model, struct model_queue *queue,
                                const char *key)
{
    for (size_t i = queue->keys_count; key[0] != '\0' && i-- > 0;) {
        struct model_key *one = &queue->keys[i];

        if (strcmp(one->key, key) == 0) {
            return model_after(one->at_ns, queue->window_ns) > model->now_ns ? one : NULL;
        }
    }
    return NULL;
}

static void remember_key(struct model *model, struct model_queue *queue, const char *key)
{
    struct model_key *one;

    if (key[0] != '\0') {
        queue->keys = model_grown(queue->keys, queue->keys_count, sizeof(*queue->keys));
        one = &queue->keys[queue->keys_count++];
        strcpy(one->key, key);
        one->id = queue->next_id;
        one->at_ns = model->now_ns;
    }
}

static void put_now(struct model *model, struct model_queue *queue, struct model_call *call,
                    size_t count)
{
    const struct history_call *asked = model_asked(model, call);

    while (!model_has_room(queue, count, bytes_of(asked, count))) {
        model_remove(queue, oldest_ready(queue), MODEL_DROPPED);
    }
    remember_key(model, queue, asked->key);
    call->told.message = queue->next_id;
    call->told.taken = count;
    for (size_t i = 0; i < count; i++) {
        struct model_message message = {.size = asked->messages[i].size,
                                        .priority = asked->messages[i].priority,
                                        .place = asked->delay_ns > 0 ? MODEL_DELAYED : MODEL_READY,
                                        .ready_ns = model_after(model->now_ns, asked->delay_ns),
                                        .expires_ns = model_after(model->now_ns, asked->ttl_ns),
                                        .until_ns = INT64_MAX};

        strcpy(message.body, asked->messages[i].body);
        model_add(model, queue, &message);
    }
    model_decide(model, call, MUSTER_OK);
}

static struct model_call *first_putter(struct model *model, const struct model_queue *queue)
{
    for (size_t i = 0; i < model->calls_count; i++) {
        struct model_call *call = &model->calls[i];

        if (call->state == MODEL_WAITS && call->told.op == HISTORY_PUT &&
            model_is_about(model, call, queue->name)) {
            return call;
        }
    }
    return NULL;
}

static void duplicate(struct model *model, struct model_call *call, const struct model_key *key)
{
    call->told.duplicate_of = key->id;
    model_decide(model, call, MUSTER_OK);
}

static size_t how_many_fit(const struct model_queue *queue, const struct history_call *asked)
{
    size_t count = 0;

    while (count < asked->messages_count &&
           could_have_room(queue, count + 1, bytes_of(asked, count + 1))) {
        count++;
    }
    return count;
}

void model_put(struct model *model, struct model_queue *queue, struct model_call *call)
{
    const struct history_call *asked = model_asked(model, call);
    const struct model_key *key = key_of(model, queue, asked->key);
    size_t count = asked->fit ? how_many_fit(queue, asked) : asked->messages_count;
    bool is_first = first_putter(model, queue) == call && !queue->paused_put;

    for (size_t i = 0; i < asked->messages_count && queue->max_bytes > 0; i++) {
        if (asked->messages[i].size > (uint64_t)queue->max_bytes) {
            model_decide(model, call, MUSTER_VALUE);
            return;
        }
    }
    if (queue->shut) {
        model_decide(model, call, MUSTER_SHUTDOWN);
    } else if (key != NULL) {
        duplicate(model, call, key);
    } else if (asked->all && can_never_fit(queue, asked)) {
        model_decide(model, call, MUSTER_VALUE);
    } else if (count > 0 && is_first && could_have_room(queue, count, bytes_of(asked, count))) {
        put_now(model, queue, call, count);
    } else if (asked->fit || asked->timeout_ns == 0 ||
               (queue->full != BLOCK && !queue->paused_put)) {
        model_decide(model, call, MUSTER_FULL);
    }
}

bool model_serve_putters(struct model *model, struct model_queue *queue)
{
    struct model_call *call;
    bool any = false;

    while (!queue->shut && !queue->paused_put && (call = first_putter(model, queue)) != NULL) {
        const struct history_call *asked = model_asked(model, call);
        const struct model_key *key = key_of(model, queue, asked->key);

        if (key != NULL) {
            duplicate(model, call, key);
        } else if (can_never_fit(queue, asked)) {
            model_decide(model, call, MUSTER_VALUE);
        } else if (could_have_room(queue, asked->messages_count,
                                   bytes_of(asked, asked->messages_count))) {
            put_now(model, queue, call, asked->messages_count);
        } else {
            break;
        }
        any = true;
    }
    return any;
}
