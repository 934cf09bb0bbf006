/* judge_order.c - what lay in a queue meanwhile. See judge.h.
 *
 * A message whose first delivery has the number 1 was given to nobody before: from the end of its
 * put to the beginning of that get it was ready, whatever else happened. */
#include "tests/sim/judge.h"

#include <stdlib.h>
#include <string.h>

/* ---- what was surely ready ---- */

struct span {
    const struct history_call *put;
    const struct history_message *message;
    const struct history_call *get; /* the first that brought it */
};
struct spans {
    struct span *items;
    size_t count;
};

static const struct history_call *first_get(const struct deliveries *all, size_t object,
                                            uint64_t id)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct history_message *message = all->items[i].message;

        if (message->object == object && message->id == id && message->number == 1) {
            return all->items[i].get;
        }
    }
    return NULL;
}

/* Messages that were ready from their put to their first get. */
static struct spans ready_of(const struct history *history, const struct deliveries *all)
{
    struct spans spans = {NULL, 0};

    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *put = &history->calls[i];
        bool good = put->op == HISTORY_PUT && went_well(put) && put->duplicate_of == 0 &&
                    put->delay_ns == 0;

        for (size_t k = 0; good && k < put->taken; k++) {
            const struct history_call *get = first_get(all, put->objects[0], put->messages[k].id);

            if (get == NULL || !before(put, get)) {
                continue;
            }
            spans.items = realloc(spans.items, (spans.count + 1) * sizeof(*spans.items));
            if (spans.items == NULL) {
                abort();
            }
            spans.items[spans.count++] = (struct span){put, &put->messages[k], get};
        }
    }
    return spans;
}

static bool lies_beneath(const struct span *span, const struct history_call *call)
{
    return before(span->put, call) && before(call, span->get);
}

/* ---- order ---- */

static enum history_kind kind_of(const struct history *history, size_t object)
{
    enum history_kind kind = HISTORY_FIFO; /* what first use makes */

    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        if (call->op == HISTORY_DECLARE && is_about(call, object) && went_well(call) &&
            call->kind != HISTORY_NO_QUEUE) {
            kind = call->kind;
        }
    }
    return was_removed(history, object) ? HISTORY_NO_QUEUE : kind;
}

/* Must a come before b, if both are ready? */
static bool comes_first(enum history_kind kind, const struct history_message *a,
                        const struct history_message *b)
{
    switch (kind) {
    case HISTORY_FIFO: return a->id < b->id;
    case HISTORY_LIFO: return a->id > b->id;
    case HISTORY_PRIORITY:
        return a->priority < b->priority || (a->priority == b->priority && a->id < b->id);
    default: return false;
    }
}

void judge_order(const struct history *history, struct verdict *verdict)
{
    struct deliveries all = deliveries_of(history);
    struct spans ready = ready_of(history, &all);

    for (size_t i = 0; i < ready.count; i++) {
        const struct span *x = &ready.items[i];
        size_t object = x->put->objects[0];
        enum history_kind kind = kind_of(history, object);

        for (size_t k = 0; k < all.count; k++) {
            const struct delivery *y = &all.items[k];
            bool together = y->get == x->get && y->message->number == 1 &&
                            first_get(&all, object, x->message->id) == x->get;
            const struct history_message *in_get = y->message;

            if (y->message->object != object || !comes_first(kind, x->message, y->message)) {
                continue;
            }
            /* Several of one get come in their order. */
            while (together && in_get < y->get->messages + y->get->messages_count &&
                   in_get->id != x->message->id) {
                in_get++;
            }
            if (lies_beneath(x, y->get) ||
                (together && in_get < y->get->messages + y->get->messages_count)) {
                guilty(verdict, "%s got %llu of %s, although %llu was ready and comes first",
                       name_of(history, y->get), (unsigned long long)y->message->id,
                       history->objects[object], (unsigned long long)x->message->id);
            }
        }
    }
    free(ready.items);
    free(all.items);
}

/* ---- empty ---- */

/* Of several queues the answer names no side that is paused. */
static bool was_paused(const struct history *history, size_t object)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        if (call->op == HISTORY_PAUSE && !call->flag && is_about(call, object)) {
            return true;
        }
    }
    return false;
}

void judge_empty(const struct history *history, struct verdict *verdict)
{
    struct deliveries all = deliveries_of(history);
    struct spans ready = ready_of(history, &all);

    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        if (call->op != HISTORY_GET || call->status != MUSTER_EMPTY || call->paused ||
            call->end == HISTORY_NEVER || call->cut_off ||
            was_troubled(history, call->program, call->begin, call->end)) {
            continue;
        }
        for (size_t k = 0; k < ready.count; k++) {
            size_t object = ready.items[k].put->objects[0];

            if (is_about(call, object) &&
                (call->objects_count == 1 || !was_paused(history, object)) &&
                lies_beneath(&ready.items[k], call)) {
                guilty(verdict, "%s was told EMPTY, and %llu of %s was ready",
                       name_of(history, call), (unsigned long long)ready.items[k].message->id,
                       history->objects[ready.items[k].put->objects[0]]);
            }
        }
    }
    free(ready.items);
    free(all.items);
}

/* ---- join ---- */

/* It was put before the call began, and somebody got or finished it after the call had ended. */
static bool was_kept(const struct history *history, const struct deliveries *all,
                     const struct history_call *put, const struct history_message *message,
                     const struct history_call *call)
{
    if (!before(put, call)) {
        return false;
    }
    for (size_t i = 0; i < all->count; i++) {
        const struct delivery *d = &all->items[i];

        if (d->message->object == put->objects[0] && d->message->id == message->id &&
            before(call, d->get)) {
            return true;
        }
    }
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *done = &history->calls[i];

        if (done->op == HISTORY_DONE && went_well(done) && !done->already &&
            done->objects[0] == put->objects[0] && done->message == message->id &&
            before(call, done)) {
            return true;
        }
    }
    return false;
}

uint64_t kept_during(const struct history *history, const struct deliveries *all,
                     const struct history_call *call)
{
    uint64_t count = 0;

    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *put = &history->calls[i];
        bool good = put->op == HISTORY_PUT && went_well(put) && put->duplicate_of == 0 &&
                    put->objects[0] == call->objects[0];

        for (size_t k = 0; good && k < put->taken; k++) {
            count += was_kept(history, all, put, &put->messages[k], call);
        }
    }
    return count;
}

/* Taken in auto mode before the call by sessions that lived on, not declared done by its end. */
static bool was_taken(const struct history *history, const struct deliveries *all,
                      const struct history_call *call)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct delivery *d = &all->items[i];
        uint64_t session = d->get->session_end;
        int64_t open = 0;

        if (!d->get->automatic || !before(d->get, call) || d->message->object != call->objects[0]) {
            continue;
        }
        for (size_t k = 0; k < all->count; k++) {
            open += all->items[k].get->automatic && before(all->items[k].get, call) &&
                    all->items[k].get->session_end == session &&
                    all->items[k].message->object == call->objects[0];
        }
        for (size_t k = 0; k < history->calls_count; k++) {
            const struct history_call *done = &history->calls[k];

            open -= done->op == HISTORY_TASK_DONE && done->begin < call->end &&
                    done->program == d->get->program && is_about(done, call->objects[0]) &&
                    may_have_been(done);
        }
        if (open > 0 && session_lived_at(history, session, call->end)) {
            return true;
        }
    }
    return false;
}

void judge_join(const struct history *history, struct verdict *verdict)
{
    struct deliveries all = deliveries_of(history);

    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        if (call->op == HISTORY_JOIN && went_well(call) &&
            !was_removed(history, call->objects[0]) &&
            (kept_during(history, &all, call) > 0 || was_taken(history, &all, call))) {
            guilty(verdict, "%s joined %s while something was unfinished", name_of(history, call),
                   history->objects[call->objects[0]]);
        }
    }
    free(all.items);
}
