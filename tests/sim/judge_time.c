/* judge_time.c - when, and in whose turn: delays and times-to-live, the line, paused and shut
 * sides. See judge.h. */
#include "tests/sim/judge.h"

#include <stdlib.h>
#include <string.h>

/* ---- times ---- */

static void judge_put_times(const struct history *history, const struct delivery *d,
                            struct verdict *verdict)
{
    const struct history_message *message = NULL;
    const struct history_call *put = put_of(history, d->message->body, &message);

    if (put == NULL || !went_well(put) || put->objects[0] != d->message->object ||
        message->id != d->message->id || history->wall_jumped) {
        return;
    }
    if (d->get->end_ns < put->begin_ns + put->delay_ns) {
        guilty(verdict, "%s got '%s' of %s before its delay was over", name_of(history, d->get),
               d->message->body, history->objects[d->message->object]);
    }
    if (put->ttl_ns != MUSTER_FOREVER && d->get->begin_ns > put->end_ns + put->ttl_ns) {
        guilty(verdict, "%s got '%s' of %s after its time-to-live", name_of(history, d->get),
               d->message->body, history->objects[d->message->object]);
    }
}

static void judge_nack_times(const struct history *history, const struct delivery *d,
                             struct verdict *verdict)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *nack = &history->calls[i];

        if (nack->op == HISTORY_NACK && went_well(nack) && nack->delay_ns > 0 &&
            is_about(nack, d->message->object) && nack->message == d->message->id &&
            nack->number < d->message->number && !history->wall_jumped &&
            d->get->end_ns < nack->begin_ns + nack->delay_ns) {
            guilty(verdict, "%s got %llu.%llu of %s before the delay of its nack was over",
                   name_of(history, d->get), (unsigned long long)d->message->id,
                   (unsigned long long)d->message->number, history->objects[d->message->object]);
        }
    }
}

void judge_times(const struct history *history, struct verdict *verdict)
{
    struct deliveries all = deliveries_of(history);

    for (size_t i = 0; i < all.count; i++) {
        judge_put_times(history, &all.items[i], verdict);
        judge_nack_times(history, &all.items[i], verdict);
    }
    free(all.items);
}

/* ---- the line ---- */

/* It is not on its way, nor away: from before `from` until `to` its program was told what it asked,
 * and nothing befell it. */
static bool was_there(const struct history *history, const struct history_call *call, uint64_t from,
                      uint64_t to)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *later = &history->calls[i];

        if (later->program == call->program && later->begin > call->begin && later->end < from &&
            later->session == call->session && later->session_end == call->session &&
            later->status == MUSTER_OK && !was_troubled(history, call->program, later->begin, to)) {
            return true;
        }
    }
    return false;
}

/* What it brought was put after `where`: it still waited then. */
static bool waited_at(const struct history *history, const struct history_call *call,
                      uint64_t where)
{
    const struct history_message *message = NULL;
    const struct history_call *put;

    if (!went_well(call) || call->end < where || call->messages_count == 0) {
        return false;
    }
    put = put_of(history, call->messages[0].body, &message);
    return put != NULL && put->begin > where;
}

static void judge_overtaking(const struct history *history, const struct history_call *waits,
                             const struct history_call *newcomer, struct verdict *verdict)
{
    const struct history_message *message = NULL;
    const struct history_call *put;
    size_t object;

    if (!went_well(newcomer) || newcomer->messages_count == 0 || newcomer == waits ||
        newcomer->begin < waits->begin || newcomer->end > waits->end) {
        return;
    }
    object = newcomer->messages[0].object;
    put = put_of(history, newcomer->messages[0].body, &message);
    if (is_about(waits, object) && had_arrived(history, waits, newcomer->begin) &&
        waited_at(history, waits, newcomer->end) &&
        !was_restarted(history, waits->begin, newcomer->end) &&
        (!was_troubled(history, waits->program, waits->begin, newcomer->end) ||
         (put != NULL && was_there(history, waits, put->begin, newcomer->end)))) {
        guilty(verdict, "%s waits at %s, and %s, who came later, got %llu", name_of(history, waits),
               history->objects[object], name_of(history, newcomer),
               (unsigned long long)newcomer->messages[0].id);
    }
}

/* Ids are given when a message goes in: they tell who went first. */
static void judge_put_overtaking(const struct history *history, const struct history_call *waits,
                                 const struct history_call *newcomer, struct verdict *verdict)
{
    if (newcomer->op == HISTORY_PUT && went_well(newcomer) && newcomer->duplicate_of == 0 &&
        newcomer->taken > 0 && newcomer->objects[0] == waits->objects[0] &&
        newcomer->begin > waits->begin && newcomer->messages[0].id < waits->messages[0].id &&
        had_arrived(history, waits, newcomer->begin) &&
        !was_restarted(history, waits->begin, newcomer->end)) {
        guilty(verdict, "%s, who came later, put %llu into %s before %s put %llu",
               name_of(history, newcomer), (unsigned long long)newcomer->messages[0].id,
               history->objects[waits->objects[0]], name_of(history, waits),
               (unsigned long long)waits->messages[0].id);
    }
}

static void judge_putters(const struct history *history, struct verdict *verdict)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *waits = &history->calls[i];
        bool good = waits->op == HISTORY_PUT && went_well(waits) && waits->duplicate_of == 0 &&
                    waits->taken > 0 && !waits->cut_off && waits->session == waits->session_end &&
                    was_sent_at_once(history, waits);

        for (size_t k = 0; k < history->calls_count && good; k++) {
            judge_put_overtaking(history, waits, &history->calls[k], verdict);
        }
    }
}

void judge_line(const struct history *history, struct verdict *verdict)
{
    judge_putters(history, verdict);
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *waits = &history->calls[i];

        if (waits->op != HISTORY_GET || waits->timeout_ns == 0 || waits->cut_off ||
            waits->session != waits->session_end) {
            continue;
        }
        for (size_t k = 0; k < history->calls_count; k++) {
            if (history->calls[k].op == HISTORY_GET) {
                judge_overtaking(history, waits, &history->calls[k], verdict);
            }
        }
    }
}

/* ---- sides that are closed ---- */

/* Nobody may have opened it again between `closed` and the end of `call`. */
static bool stayed_closed(const struct history *history, const struct history_call *closed,
                          const struct history_call *call)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *other = &history->calls[i];
        bool opens = other->op == HISTORY_REMOVE ||
                     (other->op == HISTORY_PAUSE && other->flag && closed->op == HISTORY_PAUSE);

        if (opens && is_about(other, closed->objects[0]) && may_have_been(other) &&
            other->end > closed->begin && other->begin < call->end) {
            return false;
        }
    }
    return true;
}

static void judge_closed(const struct history *history, const struct history_call *closed,
                         struct verdict *verdict)
{
    bool shut = closed->op == HISTORY_SHUTDOWN;

    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];
        bool put = call->op == HISTORY_PUT && (shut || closed->puts) && call->duplicate_of == 0;
        bool get = call->op == HISTORY_GET && (shut ? closed->immediate : closed->gets);

        if ((put || get) && went_well(call) && before(closed, call) && call->objects_count == 1 &&
            is_about(call, closed->objects[0]) && stayed_closed(history, closed, call)) {
            guilty(verdict, "%s could %s %s, which %s", name_of(history, call),
                   put ? "put into" : "get from", history->objects[closed->objects[0]],
                   shut ? "was shut down" : "was paused");
        }
    }
}

void judge_pauses(const struct history *history, struct verdict *verdict)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        if (went_well(call) &&
            (call->op == HISTORY_SHUTDOWN || (call->op == HISTORY_PAUSE && !call->flag))) {
            judge_closed(history, call, verdict);
        }
    }
}
