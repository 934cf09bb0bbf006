/* model_due.c - what time brings to the messages of a queue: receipts, ends of delays, leases and
 * lives, and the end of a session. See model.h. */
#include "tests/sim/model_state.h"

static void take_one(struct model *model, struct model_queue *queue, struct model_message *message)
{
    if (message->place == MODEL_GIVEN) {
        message->place = MODEL_TAKEN;
        model_queue_touch(model, queue);
    }
}

void model_queues_take(struct model *model)
{
    do {
        model_queues_settle(model);
        for (size_t i = 0; i < model->queues_count; i++) {
            struct model_queue *queue = &model->queues[i];

            for (size_t k = 0; k < queue->messages_count; k++) {
                take_one(model, queue, &queue->messages[k]);
            }
        }
    } while (model->touched_count > 0);
}

static int64_t due_of(const struct model_message *message)
{
    switch (message->place) {
    case MODEL_READY: return message->expires_ns;
    case MODEL_DELAYED:
        return message->ready_ns < message->expires_ns ? message->ready_ns : message->expires_ns;
    case MODEL_LEASED: return message->until_ns;
    default: return INT64_MAX;
    }
}

int64_t model_queues_due(const struct model *model)
{
    int64_t due_ns = INT64_MAX;

    for (size_t i = 0; i < model->queues_count; i++) {
        for (size_t k = 0; k < model->queues[i].messages_count; k++) {
            int64_t one_ns = due_of(&model->queues[i].messages[k]);

            due_ns = one_ns < due_ns ? one_ns : due_ns;
        }
    }
    return due_ns;
}

static void message_due(struct model *model, struct model_queue *queue,
                        struct model_message *message)
{
    model_queue_touch(model, queue);
    if (message->place == MODEL_LEASED) {
        model_return(model, queue, message, true, 0);
    } else if (message->expires_ns <= model->now_ns) {
        model_remove(queue, message, MODEL_EXPIRED);
    } else {
        message->place = MODEL_READY;
    }
}

/* One after the other, for who waits is served in between; what was given or put together, in that
 * order. */
void model_queues_fire(struct model *model)
{
    struct model_queue *of = NULL;
    struct model_message *first = NULL;

    for (size_t i = 0; i < model->queues_count; i++) {
        for (size_t k = 0; k < model->queues[i].messages_count; k++) {
            struct model_message *message = &model->queues[i].messages[k];

            if (due_of(message) <= model->now_ns &&
                (first == NULL ||
                 (message->place == MODEL_LEASED && message->given < first->given))) {
                of = &model->queues[i];
                first = message;
            }
        }
    }
    if (first != NULL) {
        message_due(model, of, first);
    }
}

/* What an ended session held, in the order in which it was given. */
static bool lose_next(struct model *model, size_t session)
{
    struct model_queue *of = NULL;
    struct model_message *next = NULL;

    for (size_t i = 0; i < model->queues_count; i++) {
        for (size_t k = 0; k < model->queues[i].messages_count; k++) {
            struct model_message *message = &model->queues[i].messages[k];
            bool held = message->place == MODEL_LEASED && !message->detached;

            if ((held || message->place == MODEL_TAKEN) && message->holder == session &&
                (next == NULL || message->given < next->given)) {
                of = &model->queues[i];
                next = message;
            }
        }
    }
    if (next == NULL) {
        return false;
    }
    model_queue_touch(model, of);
    if (next->place == MODEL_TAKEN) {
        model_remove(of, next, MODEL_LOST);
    } else {
        model_return(model, of, next, true, 0);
    }
    return true;
}

void model_queues_lose(struct model *model, size_t session)
{
    while (lose_next(model, session)) {
    }
}
