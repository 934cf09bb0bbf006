/* judge_room.c - what has room gets in, what has none does not, and what makes way for it. See
 * judge.h. */
#include "tests/sim/judge.h"

#include <stdlib.h>
#include <string.h>

/* The settings that the queue had at any time; -1: none was told. */
struct limits {
    int64_t least; /* of maxsize; 0: it had no limit at some time */
    int64_t most;
    bool bytes;        /* bodies were limited as well */
    bool always_drops; /* it never did anything else than drop the oldest */
};

static struct limits limits_of(const struct history *history, size_t object)
{
    struct limits limits = {-1, -1, false, true};

    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        if (call->op != HISTORY_DECLARE || !is_about(call, object)) {
            continue;
        }
        if (call->maxsize >= 0) {
            limits.least =
                limits.least < 0 || call->maxsize < limits.least ? call->maxsize : limits.least;
            limits.most = call->maxsize > limits.most ? call->maxsize : limits.most;
        }
        limits.bytes = limits.bytes || call->max_bytes > 0;
        limits.always_drops =
            limits.always_drops && (call->full < 0 || call->full == HISTORY_DROP_OLDEST);
    }
    return limits;
}

/* ---- room ---- */

void judge_room(const struct history *history, struct verdict *verdict)
{
    struct deliveries all = deliveries_of(history);

    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *put = &history->calls[i];
        struct limits limits;

        if (put->op != HISTORY_PUT || !went_well(put) || put->duplicate_of != 0 ||
            was_removed(history, put->objects[0]) || !was_declared(history, put->objects[0])) {
            continue;
        }
        limits = limits_of(history, put->objects[0]);
        if (limits.least > 0 &&
            kept_during(history, &all, put) + put->taken > (uint64_t)limits.most) {
            guilty(verdict, "%s put into %s, which was full", name_of(history, put),
                   history->objects[put->objects[0]]);
        }
    }
    free(all.items);
}

/* ---- full ---- */

/* It was finished before `call` began. */
static bool was_done(const struct history *history, size_t object, uint64_t id,
                     const struct history_call *call)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *done = &history->calls[i];

        if (done->op == HISTORY_DONE && went_well(done) && before(done, call) &&
            done->objects[0] == object && done->message == id) {
            return true;
        }
    }
    return false;
}

/* At most so many messages were in the queue, or stood in line for it, while the call lasted. */
static uint64_t at_most_there(const struct history *history, const struct history_call *call)
{
    size_t object = call->objects[0];
    uint64_t count = 0;

    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *put = &history->calls[i];
        bool refused = was_answered(put) && put->status != MUSTER_OK && before(put, call);

        if (put == call || put->op != HISTORY_PUT || put->objects[0] != object ||
            put->begin > call->end || refused) {
            continue;
        }
        for (size_t k = 0; k < put->messages_count; k++) {
            bool known = went_well(put) && put->duplicate_of == 0;

            count += known ? k < put->taken && !was_done(history, object, put->messages[k].id, call)
                           : put->duplicate_of == 0;
        }
    }
    return count;
}

static bool was_touched(const struct history *history, const struct history_call *until,
                        enum history_op op)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        if (call->op == op && is_about(call, until->objects[0]) && call->begin < until->end) {
            return true;
        }
    }
    return false;
}

void judge_full(const struct history *history, struct verdict *verdict)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *put = &history->calls[i];
        struct limits limits;

        if (put->op != HISTORY_PUT || put->end == HISTORY_NEVER || put->cut_off ||
            (put->status != MUSTER_FULL && put->status != MUSTER_TIMEOUT) || put->has_cause ||
            !was_sent_at_once(history, put) ||
            was_troubled(history, put->program, put->begin, put->end) ||
            !was_declared(history, put->objects[0]) || was_touched(history, put, HISTORY_PAUSE) ||
            was_touched(history, put, HISTORY_REDRIVE) || was_removed(history, put->objects[0])) {
            continue;
        }
        limits = limits_of(history, put->objects[0]);
        if (!limits.bytes &&
            (limits.most == 0 ||
             (limits.least > 0 &&
              at_most_there(history, put) + put->messages_count <= (uint64_t)limits.least))) {
            guilty(verdict, "%s was told that %s is full, and there was room all the time",
                   name_of(history, put), history->objects[put->objects[0]]);
        }
    }
}

/* ---- drops ---- */

/* Nothing but its being dropped explains that it is not there. */
static bool was_dropped(const struct history *history, const struct deliveries *all,
                        const struct history_call *put, const struct history_message *message)
{
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->items[i].message->body, message->body) == 0) {
            return false;
        }
    }
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];
        bool takes = call->op == HISTORY_PURGE || call->op == HISTORY_REMOVE ||
                     call->op == HISTORY_SHUTDOWN ||
                     (call->op == HISTORY_DELETE && call->message == message->id);

        if (takes && is_about(call, put->objects[0])) {
            return false;
        }
    }
    return true;
}

/* From its put to the end it lay there, ready, and nobody was ever given it. */
static bool lay_there(const struct history *history, const struct deliveries *all,
                      const struct history_call *put, const struct history_message *message)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct delivery *d = &all->items[i];

        if (d->message->object == put->objects[0] && d->message->id == message->id) {
            return d->message->number == 1 && d->get->begin > history->rest;
        }
    }
    return false;
}

static bool is_plain(const struct history_call *put, size_t object)
{
    return put->op == HISTORY_PUT && went_well(put) && put->objects[0] == object &&
           put->duplicate_of == 0 && put->delay_ns == 0 && put->ttl_ns == MUSTER_FOREVER;
}

/* `put` put what was dropped: then nothing older may have lain there meanwhile. */
static void judge_drop(const struct history *history, const struct deliveries *all,
                       const struct history_call *put, const struct history_message *dropped,
                       struct verdict *verdict)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *other = &history->calls[i];

        for (size_t k = 0;
             is_plain(other, put->objects[0]) && before(other, put) && k < other->taken; k++) {
            if (lay_there(history, all, other, &other->messages[k])) {
                guilty(verdict, "'%s' of %s was dropped, and '%s', which is older, was not",
                       dropped->body, history->objects[put->objects[0]], other->messages[k].body);
            }
        }
    }
}

void judge_drops(const struct history *history, struct verdict *verdict)
{
    struct deliveries all = deliveries_of(history);

    for (size_t i = 0; i < history->calls_count && history->rest != HISTORY_NEVER; i++) {
        const struct history_call *put = &history->calls[i];

        if (put->op != HISTORY_PUT || !is_plain(put, put->objects[0]) || put->end > history->rest ||
            !limits_of(history, put->objects[0]).always_drops) {
            continue;
        }
        for (size_t k = 0; k < put->taken; k++) {
            if (was_dropped(history, &all, put, &put->messages[k])) {
                judge_drop(history, &all, put, &put->messages[k], verdict);
            }
        }
    }
    free(all.items);
}
