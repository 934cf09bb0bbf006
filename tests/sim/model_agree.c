/* model_agree.c - what everybody was told beside what the model says. See model.h. */
#include "tests/sim/model_state.h"

#include <stdio.h>
#include <string.h>

static bool same_messages(const struct history_call *a, const struct history_call *b,
                          const struct history *history)
{
    for (size_t i = 0; i < a->messages_count; i++) {
        const struct history_message *x = &a->messages[i];
        const struct history_message *y = &b->messages[i];

        if (i >= b->messages_count || x->id != y->id || x->number != y->number ||
            strcmp(x->body, y->body) != 0 || x->object >= history->objects_count ||
            x->object != y->object) {
            return false;
        }
    }
    return a->messages_count == b->messages_count;
}

static bool same_numbers(const struct history_call *told, const struct history_call *seen)
{
    switch (told->op) {
    case HISTORY_PUT:
        return told->taken == seen->taken && told->duplicate_of == seen->duplicate_of &&
               (told->taken == 0 || told->message == seen->messages[0].id);
    case HISTORY_DONE: return told->already == seen->already;
    case HISTORY_IS_SET:
    case HISTORY_WAIT: return told->flag == seen->flag && told->generation == seen->generation;
    case HISTORY_SET:
    case HISTORY_CLEAR: return told->generation == seen->generation;
    case HISTORY_BARRIER:
        return told->index == seen->index && told->generation == seen->generation &&
               told->leads == seen->leads;
    default: return true;
    }
}

static bool agrees(const struct model *model, const struct model_call *call)
{
    const struct history_call *seen = model_asked(model, call);
    bool is_told = call->state == MODEL_TOLD;

    if (call->state == MODEL_NOBODYS) {
        return true;
    }
    if (!is_told || seen->end == HISTORY_NEVER) {
        return is_told == (seen->end != HISTORY_NEVER);
    }
    if (seen->status != call->told.status) {
        return false;
    }
    return seen->status != MUSTER_OK ||
           (same_numbers(&call->told, seen) &&
            (seen->op != HISTORY_GET || same_messages(&call->told, seen, model->history)));
}

static size_t describe(char *text, size_t room, const struct history_call *call, bool told)
{
    int n = snprintf(text, room, "%d", told ? (int)call->status : -1);

    if (told && call->op == HISTORY_PUT) {
        n += snprintf(text + n, room - (size_t)n, " %llu+%llu dup %llu",
                      (unsigned long long)(call->message != 0 || call->messages_count == 0
                                               ? call->message
                                               : call->messages[0].id),
                      (unsigned long long)call->taken, (unsigned long long)call->duplicate_of);
    } else if (told && call->op == HISTORY_GET) {
        for (size_t i = 0; i < call->messages_count && (size_t)n + 40 < room; i++) {
            n += snprintf(text + n, room - (size_t)n, " %llu.%llu %s",
                          (unsigned long long)call->messages[i].id,
                          (unsigned long long)call->messages[i].number, call->messages[i].body);
        }
    } else if (told) {
        n +=
            snprintf(text + n, room - (size_t)n, " flag %d gen %llu index %llu leads %d already %d",
                     call->flag, (unsigned long long)call->generation,
                     (unsigned long long)call->index, call->leads, call->already);
    }
    return (size_t)n;
}

bool model_agrees(const struct model *model, char text[MODEL_TEXT])
{
    for (size_t i = 0; i < model->calls_count; i++) {
        const struct model_call *call = &model->calls[i];
        const struct history_call *seen = model_asked(model, call);
        char was[MODEL_TEXT / 3], should[MODEL_TEXT / 3];

        if (agrees(model, call)) {
            continue;
        }
        describe(was, sizeof(was), seen, seen->end != HISTORY_NEVER);
        describe(should, sizeof(should), &call->told, call->state == MODEL_TOLD);
        snprintf(text, MODEL_TEXT, "call %zu of %s (op %d, %s): was told %.90s, model says %.90s",
                 call->number, model->history->programs[seen->program].name, (int)seen->op,
                 model_object(model, call, 0), was, should);
        return false;
    }
    return true;
}

int64_t model_fact(const struct model *model, const char *object, const char *fact)
{
    for (size_t i = 0; i < model->queues_count; i++) {
        if (strcmp(model->queues[i].name, object) == 0) {
            return model_queue_fact(&model->queues[i], fact);
        }
    }
    if (strcmp(object, model->event.name) == 0) {
        return strcmp(fact, "set") == 0          ? model->event.set
               : strcmp(fact, "generation") == 0 ? (int64_t)model->event.generation
                                                 : -1;
    }
    if (strcmp(object, model->barrier.name) == 0) {
        return strcmp(fact, "n_waiting") == 0    ? (int64_t)model->barrier.arrived
               : strcmp(fact, "broken") == 0     ? model->barrier.phase == MODEL_BROKEN
               : strcmp(fact, "acting") == 0     ? model->barrier.phase == MODEL_ACTING
               : strcmp(fact, "generation") == 0 ? (int64_t)model->barrier.generation
                                                 : -1;
    }
    return -1;
}
