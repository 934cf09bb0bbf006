/* model_queue.c - what a queue keeps, in which order it gives, and who is served. See model.h. */
#include "tests/sim/model_state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- queues by name ---- */

struct model_queue *model_queue_of(struct model *model, const char *name)
{
    struct model_queue *queue;
    size_t len = strlen(name);

    for (size_t i = 0; i < model->queues_count; i++) {
        if (strcmp(model->queues[i].name, name) == 0) {
            return &model->queues[i];
        }
    }
    assert(model->queues_count < sizeof(model->queues) / sizeof(model->queues[0]));
    queue = &model->queues[model->queues_count++];
    snprintf(queue->name, sizeof(queue->name), "%s", name);
    queue->kind = HISTORY_FIFO;
    queue->is_dead = len > 5 && strcmp(name + len - 5, ".dead") == 0;
    queue->max_deliveries = 20;
    queue->window_ns = INT64_C(300000000000);
    queue->next_id = 1;
    return queue;
}

void model_queue_touch(struct model *model, const struct model_queue *queue)
{
    size_t number = (size_t)(queue - model->queues);

    for (size_t i = 0; i < model->touched_count; i++) {
        if (model->touched[i] == number) {
            return;
        }
    }
    model->touched[model->touched_count++] = number;
}

/* ---- messages ---- */

struct model_message *model_message_of(struct model_queue *queue, uint64_t id)
{
    for (size_t i = 0; i < queue->messages_count; i++) {
        struct model_message *message = &queue->messages[i];

        if (message->id == id && message->place < MODEL_TAKEN) {
            return message;
        }
    }
    return NULL;
}

uint64_t model_count(const struct model_queue *queue, enum model_place place)
{
    uint64_t count = 0;

    for (size_t i = 0; i < queue->messages_count; i++) {
        count += queue->messages[i].place == place;
    }
    return count;
}

uint64_t model_kept(const struct model_queue *queue)
{
    return model_count(queue, MODEL_READY) + model_count(queue, MODEL_DELAYED) +
           model_count(queue, MODEL_LEASED) + model_count(queue, MODEL_GIVEN);
}

bool model_has_room(const struct model_queue *queue, uint64_t messages, uint64_t bytes)
{
    for (size_t i = 0; i < queue->messages_count; i++) {
        bytes += queue->messages[i].place < MODEL_TAKEN ? queue->messages[i].size : 0;
    }
    return (queue->maxsize == 0 || model_kept(queue) + messages <= (uint64_t)queue->maxsize) &&
           (queue->max_bytes == 0 || bytes <= (uint64_t)queue->max_bytes);
}

static bool goes_first(const struct model_queue *queue, const struct model_message *a,
                       const struct model_message *b)
{
    if (queue->kind == HISTORY_PRIORITY && a->priority != b->priority) {
        return a->priority < b->priority;
    }
    return queue->kind == HISTORY_LIFO ? a->id > b->id : a->id < b->id;
}

struct model_message *model_first(const struct model *model, struct model_queue *queue)
{
    struct model_message *first = NULL;

    (void)model;
    for (size_t i = 0; i < queue->messages_count; i++) {
        struct model_message *message = &queue->messages[i];

        if (message->place == MODEL_READY && (first == NULL || goes_first(queue, message, first))) {
            first = message;
        }
    }
    return first;
}

struct model_message *model_add(struct model *model, struct model_queue *queue,
                                const struct model_message *like)
{
    struct model_message *message;

    queue->messages = model_grown(queue->messages, queue->messages_count, sizeof(*message));
    message = &queue->messages[queue->messages_count++];
    *message = *like;
    message->id = queue->next_id++;
    message->deliveries = message->counted = 0;
    queue->puts++;
    queue->unfinished++;
    model_queue_touch(model, queue);
    return message;
}

void model_remove(struct model_queue *queue, struct model_message *message, enum model_tally tally)
{
    message->place = MODEL_GONE;
    queue->tallies[tally]++;
    queue->unfinished--;
}

/* ---- getting ---- */

static bool is_drained(const struct model_queue *queue)
{
    return queue->shut && (queue->shut_now || model_kept(queue) == 0);
}

static struct model_call *first_getter(struct model *model, const struct model_queue *queue)
{
    for (size_t i = 0; i < model->calls_count; i++) {
        struct model_call *call = &model->calls[i];

        if (call->state == MODEL_WAITS && call->told.op == HISTORY_GET &&
            model_is_here(model, call) && model_is_about(model, call, queue->name)) {
            return call;
        }
    }
    return NULL;
}

static bool can_give(struct model *model, struct model_queue *queue)
{
    return !queue->paused_get && !queue->shut_now && model_first(model, queue) != NULL;
}

static size_t object_number(const struct model *model, const char *name)
{
    size_t i = 0;

    while (i < model->history->objects_count && strcmp(model->history->objects[i], name) != 0) {
        i++;
    }
    return i;
}

static void give(struct model *model, struct model_queue *queue, struct model_call *call)
{
    const struct history_call *asked = model_asked(model, call);
    struct history_call *told = &call->told;

    for (uint64_t n = 0; n < asked->max && model_first(model, queue) != NULL; n++) {
        struct model_message *message = model_first(model, queue);
        struct history_message *out = history_message(told, message->body);

        message->place = asked->automatic ? MODEL_GIVEN : MODEL_LEASED;
        message->deliveries++;
        message->holder = call->session;
        message->detached = asked->detached;
        message->given = model->given++;
        message->until_ns =
            asked->automatic
                ? INT64_MAX
                : model_after(model_after(model->now_ns, MODEL_RECEIPT_NS), asked->lease_ns);
        out->object = object_number(model, queue->name);
        out->id = message->id;
        out->number = message->deliveries;
    }
    model_decide(model, call, MUSTER_OK);
}

static void get(struct model *model, struct model_call *call)
{
    const struct history_call *asked = model_asked(model, call);
    bool all_drained = true;

    for (size_t i = 0; i < asked->objects_count; i++) {
        struct model_queue *queue = model_queue_of(model, model_object(model, call, i));
        const struct model_call *before = first_getter(model, queue);

        if (can_give(model, queue) && (before == NULL || before == call)) {
            give(model, queue, call);
            return;
        }
        all_drained = all_drained && is_drained(queue);
    }
    if (all_drained) {
        model_decide(model, call, MUSTER_SHUTDOWN);
    } else if (asked->timeout_ns == 0) {
        model_decide(model, call, MUSTER_EMPTY);
    }
}

/* ---- who is served ---- */

static void serve_getters(struct model *model, struct model_queue *queue)
{
    struct model_call *call;

    while (can_give(model, queue) && (call = first_getter(model, queue)) != NULL) {
        give(model, queue, call);
    }
}

static bool has_all_drained(struct model *model, const struct model_call *call)
{
    for (size_t i = 0; i < model_asked(model, call)->objects_count; i++) {
        if (!is_drained(model_queue_of(model, model_object(model, call, i)))) {
            return false;
        }
    }
    return true;
}

static void end_waits(struct model *model, struct model_queue *queue)
{
    for (size_t i = 0; i < model->calls_count; i++) {
        struct model_call *call = &model->calls[i];

        if (call->state != MODEL_WAITS || !model_is_about(model, call, queue->name)) {
            continue;
        }
        if (call->told.op == HISTORY_PUT && queue->shut) {
            model_decide(model, call, MUSTER_SHUTDOWN);
        } else if (call->told.op == HISTORY_GET && has_all_drained(model, call)) {
            model_decide(model, call, MUSTER_SHUTDOWN);
        } else if (call->told.op == HISTORY_JOIN && queue->unfinished == 0) {
            model_decide(model, call, MUSTER_OK);
        }
    }
}

void model_queues_settle(struct model *model)
{
    for (size_t i = 0; i < model->touched_count; i++) {
        struct model_queue *queue = &model->queues[model->touched[i]];

        do {
            serve_getters(model, queue);
        } while (model_serve_putters(model, queue));
        end_waits(model, queue);
    }
    model->touched_count = 0;
}

/* ---- calls ---- */

static void declare(struct model_queue *queue, const struct history_call *asked)
{
    const struct {
        int64_t asked;
        int64_t *setting;
    } settings[] = {{asked->maxsize, &queue->maxsize},
                    {asked->max_bytes, &queue->max_bytes},
                    {asked->max_deliveries, &queue->max_deliveries},
                    {asked->full, &queue->full},
                    {asked->dedup_window_ns, &queue->window_ns}};

    if (asked->kind != HISTORY_NO_QUEUE) {
        queue->kind = asked->kind;
    }
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (settings[i].asked >= 0) {
            *settings[i].setting = settings[i].asked;
        }
    }
}

static void purge(struct model_queue *queue)
{
    for (size_t i = 0; i < queue->messages_count; i++) {
        struct model_message *message = &queue->messages[i];

        if (message->place == MODEL_READY || message->place == MODEL_DELAYED) {
            model_remove(queue, message, MODEL_PURGED);
        }
    }
}

static enum muster_status delete_one(struct model_queue *queue, uint64_t id)
{
    struct model_message *message = model_message_of(queue, id);

    if (message == NULL) {
        return MUSTER_NOT_FOUND;
    }
    if (message->place != MODEL_READY && message->place != MODEL_DELAYED) {
        return MUSTER_CONFLICT;
    }
    model_remove(queue, message, MODEL_DELETED);
    return MUSTER_OK;
}

static enum muster_status administer(struct model_queue *queue, const struct history_call *asked)
{
    switch (asked->op) {
    case HISTORY_DECLARE: declare(queue, asked); break;
    case HISTORY_PURGE: purge(queue); break;
    case HISTORY_DELETE: return delete_one(queue, asked->message);
    case HISTORY_PAUSE:
        queue->paused_put = asked->puts ? !asked->flag : queue->paused_put;
        queue->paused_get = asked->gets ? !asked->flag : queue->paused_get;
        break;
    case HISTORY_SHUTDOWN:
        queue->shut = true;
        if (asked->immediate) {
            queue->shut_now = true;
            purge(queue);
        }
        break;
    default: assert(0 && "the model does not know this call"); break;
    }
    return MUSTER_OK;
}

void model_queue_call(struct model *model, struct model_call *call)
{
    const struct history_call *asked = model_asked(model, call);
    struct model_queue *queue;

    if (asked->op == HISTORY_DECLARE && asked->parties > 0) {
        model_barrier_call(model, call);
        return;
    }
    queue = model_queue_of(model, model_object(model, call, 0));
    model_queue_touch(model, queue);
    switch (asked->op) {
    case HISTORY_PUT: model_put(model, queue, call); break;
    case HISTORY_GET: get(model, call); break;
    case HISTORY_DONE: model_done(model, queue, call); break;
    case HISTORY_NACK: model_nack(model, queue, call); break;
    case HISTORY_EXTEND: model_extend(model, queue, call); break;
    case HISTORY_TASK_DONE: model_task_done(model, queue, call); break;
    case HISTORY_REDRIVE: model_redrive(model, queue, call); break;
    case HISTORY_JOIN:
        if (queue->unfinished == 0 || asked->timeout_ns == 0) {
            model_decide(model, call, queue->unfinished == 0 ? MUSTER_OK : MUSTER_TIMEOUT);
        }
        break;
    default: model_decide(model, call, administer(queue, asked)); break;
    }
}

int64_t model_queue_fact(const struct model_queue *queue, const char *fact)
{
    static const char *const tallies[MODEL_TALLIES] = {"done",    "dead",    "purged", "deleted",
                                                       "expired", "dropped", "lost"};
    const struct {
        const char *name;
        uint64_t number;
    } facts[] = {{"ready", model_count(queue, MODEL_READY)},
                 {"delayed", model_count(queue, MODEL_DELAYED)},
                 {"leased", model_count(queue, MODEL_LEASED) + model_count(queue, MODEL_GIVEN)},
                 {"unfinished", queue->unfinished},
                 {"puts", queue->puts},
                 {"shutdown", queue->shut ? 1 : 0}};

    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        if (strcmp(facts[i].name, fact) == 0) {
            return (int64_t)facts[i].number;
        }
    }
    for (size_t i = 0; i < MODEL_TALLIES; i++) {
        if (strcmp(tallies[i], fact) == 0) {
            return (int64_t)queue->tallies[i];
        }
    }
    return -1;
}
