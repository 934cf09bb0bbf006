/* model_finish.c - what becomes of a delivery. See model.h. */
#include "tests/sim/model_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void bury(struct model *model, struct model_queue *queue, struct model_message *message)
{
    char name[HISTORY_NAME + 8];
    struct model_message letter = *message;

    snprintf(name, sizeof(name), "%s.dead", queue->name);
    model_remove(queue, message, MODEL_DEAD);
    letter.place = MODEL_READY;
    letter.expires_ns = letter.until_ns = INT64_MAX;
    model_add(model, model_queue_of(model, name), &letter);
}

void model_return(struct model *model, struct model_queue *queue, struct model_message *message,
                  bool counted, int64_t delay_ns)
{
    uint64_t limit = (uint64_t)queue->max_deliveries;

    model_queue_touch(model, queue);
    message->until_ns = INT64_MAX;
    if (queue->shut_now) {
        model_remove(queue, message, MODEL_PURGED);
    } else if (message->expires_ns <= model->now_ns) {
        model_remove(queue, message, MODEL_EXPIRED);
    } else if (counted && limit > 0 && !queue->is_dead && message->counted + 1 >= limit) {
        bury(model, queue, message);
    } else {
        message->counted += counted ? 1 : 0;
        message->place = delay_ns > 0 ? MODEL_DELAYED : MODEL_READY;
        message->ready_ns = model_after(model->now_ns, delay_ns);
    }
}

static bool has_finished(const struct model_queue *queue, size_t session,
                         const struct history_call *asked)
{
    for (size_t i = 0; i < queue->finishes_count; i++) {
        const struct model_finish *finish = &queue->finishes[i];

        if (finish->session == session && finish->id == asked->message &&
            finish->number == asked->number) {
            return true;
        }
    }
    return false;
}

/* The delivery that the call names, or why it may not be named. */
static struct model_message *named(const struct model *model, struct model_queue *queue,
                                   const struct model_call *call, enum muster_status *status)
{
    const struct history_call *asked = model_asked(model, call);
    struct model_message *message = model_message_of(queue, asked->message);
    bool given = message == NULL || asked->number <= message->deliveries;

    if (message != NULL && message->place == MODEL_LEASED && message->deliveries == asked->number) {
        bool ours = message->holder == call->session || message->detached;

        *status = ours ? MUSTER_OK : MUSTER_NOT_OWNER;
        return ours ? message : NULL;
    }
    *status = asked->number > 0 && given && asked->message > 0 && asked->message < queue->next_id
                  ? MUSTER_LOST
                  : MUSTER_NOT_FOUND;
    return NULL;
}

void model_done(struct model *model, struct model_queue *queue, struct model_call *call)
{
    const struct history_call *asked = model_asked(model, call);
    enum muster_status status;
    struct model_message *message = named(model, queue, call, &status);
    struct model_finish *finish;

    if (message != NULL) {
        model_remove(queue, message, MODEL_DONE);
        queue->finishes = model_grown(queue->finishes, queue->finishes_count, sizeof(*finish));
        finish = &queue->finishes[queue->finishes_count++];
        *finish = (struct model_finish){call->session, asked->message, asked->number};
    } else if (status != MUSTER_NOT_OWNER && has_finished(queue, call->session, asked)) {
        call->told.already = true;
        status = MUSTER_OK;
    }
    model_decide(model, call, status);
}

void model_nack(struct model *model, struct model_queue *queue, struct model_call *call)
{
    const struct history_call *asked = model_asked(model, call);
    enum muster_status status;
    struct model_message *message = named(model, queue, call, &status);

    if (message != NULL && asked->dead) {
        bury(model, queue, message);
    } else if (message != NULL) {
        model_return(model, queue, message, !asked->uncounted, asked->delay_ns);
    }
    model_decide(model, call, status);
}

void model_extend(struct model *model, struct model_queue *queue, struct model_call *call)
{
    const struct history_call *asked = model_asked(model, call);
    enum muster_status status;
    struct model_message *message = named(model, queue, call, &status);

    if (message != NULL && message->detached && asked->lease_ns == INT64_MAX) {
        status = MUSTER_VALUE;
    } else if (message != NULL) {
        message->until_ns = model_after(model->now_ns, asked->lease_ns);
    }
    model_decide(model, call, status);
}

void model_task_done(struct model *model, struct model_queue *queue, struct model_call *call)
{
    for (size_t i = 0; i < queue->messages_count; i++) {
        struct model_message *message = &queue->messages[i];

        if (message->place == MODEL_TAKEN && message->holder == call->session) {
            model_remove(queue, message, MODEL_DONE);
            model_decide(model, call, MUSTER_OK);
            return;
        }
    }
    model_decide(model, call, MUSTER_VALUE);
}

void model_redrive(struct model *model, struct model_queue *queue, struct model_call *call)
{
    char name[HISTORY_NAME + 8];
    struct model_queue *dead;
    struct model_message *letter;

    snprintf(name, sizeof(name), "%s.dead", queue->name);
    dead = model_queue_of(model, name);
    while (!queue->shut && (letter = model_first(model, dead)) != NULL &&
           model_has_room(queue, 1, letter->size)) {
        struct model_message again = *letter;

        model_remove(dead, letter, MODEL_DONE);
        model_add(model, queue, &again);
    }
    model_decide(model, call, queue->shut ? MUSTER_SHUTDOWN : MUSTER_OK);
}
