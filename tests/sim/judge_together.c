/* judge_together.c - events and barriers. See judge.h. */
#include "tests/sim/judge.h"

#include <stdlib.h>

/* ---- events ---- */

static bool changes(const struct history_call *call, size_t object, bool sets)
{
    return is_about(call, object) && may_have_been(call) &&
           (call->op == (sets ? HISTORY_SET : HISTORY_CLEAR) || call->op == HISTORY_REMOVE);
}

/* At some moment between the two positions the event may have been set. */
static bool may_have_been_set(const struct history *history, size_t object, uint64_t from,
                              uint64_t to)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *set = &history->calls[i];
        bool cleared = false;

        if (set->op != HISTORY_SET || !changes(set, object, true) || set->begin > to) {
            continue;
        }
        for (size_t k = 0; k < history->calls_count && !cleared; k++) {
            const struct history_call *clear = &history->calls[k];

            cleared = clear->op == HISTORY_CLEAR && is_about(clear, object) && went_well(clear) &&
                      clear->begin > set->end && clear->end < from;
        }
        if (!cleared) {
            return true;
        }
    }
    return false;
}

/* From one position to the other it was set without a break. */
static bool was_set(const struct history *history, size_t object, uint64_t from, uint64_t to)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *set = &history->calls[i];
        bool cleared = false;

        if (set->op != HISTORY_SET || !is_about(set, object) || !went_well(set) ||
            set->end > from) {
            continue;
        }
        for (size_t k = 0; k < history->calls_count && !cleared; k++) {
            const struct history_call *clear = &history->calls[k];

            cleared = clear->op != HISTORY_SET && changes(clear, object, false) &&
                      clear->end > set->begin && clear->begin < to;
        }
        if (!cleared) {
            return true;
        }
    }
    return false;
}

static void judge_event_call(const struct history *history, const struct history_call *call,
                             struct verdict *verdict)
{
    size_t object = call->objects[0];
    bool waits = call->op == HISTORY_WAIT;
    bool said_set = call->status == MUSTER_OK && (waits || call->flag);
    bool said_clear = waits ? call->status == MUSTER_TIMEOUT && call->timeout_ns == 0 &&
                                  !call->cut_off &&
                                  !was_troubled(history, call->program, call->begin, call->end)
                            : call->status == MUSTER_OK && !call->flag;

    if (said_set && !may_have_been_set(history, object, call->begin, call->end)) {
        guilty(verdict, "%s was told that %s is set, and it was not", name_of(history, call),
               history->objects[object]);
    }
    if (said_clear && was_set(history, object, call->begin, call->end)) {
        guilty(verdict, "%s was told that %s is clear, and it was set", name_of(history, call),
               history->objects[object]);
    }
}

static bool tells_generation(const struct history_call *call)
{
    return went_well(call) && (call->op == HISTORY_SET || call->op == HISTORY_CLEAR ||
                               call->op == HISTORY_IS_SET || call->op == HISTORY_WAIT);
}

/* It never falls, and rises between a clear and a set that follows. */
static void judge_event_generations(const struct history *history, const struct history_call *call,
                                    struct verdict *verdict)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *other = &history->calls[i];
        bool rises = other->op == HISTORY_CLEAR && call->op == HISTORY_SET;

        if (tells_generation(other) && other->objects[0] == call->objects[0] &&
            before(other, call) &&
            (rises ? other->generation >= call->generation
                   : other->generation > call->generation)) {
            guilty(verdict, "%s was told generation %llu of %s, and %s before it %llu",
                   name_of(history, call), (unsigned long long)call->generation,
                   history->objects[call->objects[0]], name_of(history, other),
                   (unsigned long long)other->generation);
        }
    }
}

void judge_event(const struct history *history, struct verdict *verdict)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];
        bool asks = call->op == HISTORY_WAIT || call->op == HISTORY_IS_SET;

        if (asks && was_answered(call) && !was_removed(history, call->objects[0])) {
            judge_event_call(history, call, verdict);
        }
        if (!history->gaps && tells_generation(call) && !was_removed(history, call->objects[0])) {
            judge_event_generations(history, call, verdict);
        }
    }
}

/* ---- barriers ---- */

static uint64_t parties_of(const struct history *history, size_t object)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        if (call->op == HISTORY_DECLARE && is_about(call, object) && call->parties > 0) {
            return call->parties;
        }
    }
    return 0;
}

/* While a came and went through, b was away all the time. */
static bool was_away(const struct history *history, const struct history_call *a,
                     const struct history_call *b)
{
    bool away = false;

    for (size_t i = 0; i < history->troubles_count; i++) {
        const struct history_trouble *trouble = &history->troubles[i];

        if (trouble->program == b->program && trouble->where < a->begin) {
            away = trouble->away || (away && !trouble->back);
        } else if (trouble->program == b->program && trouble->where < a->end && trouble->back) {
            return false;
        }
    }
    return away && b->begin < a->begin && b->end > a->end;
}

/* Two parties of one generation: each arrived before the other was released. */
static void judge_two_parties(const struct history *history, const struct history_call *a,
                              const struct history_call *b, struct verdict *verdict)
{
    if (a->index == b->index) {
        guilty(verdict, "%s and %s both have index %llu in generation %llu of %s",
               name_of(history, a), name_of(history, b), (unsigned long long)a->index,
               (unsigned long long)a->generation, history->objects[a->objects[0]]);
    } else if (a->index > b->index && had_arrived(history, a, b->begin) &&
               !was_restarted(history, a->begin, b->end)) {
        guilty(verdict, "%s came before %s to %s, and has index %llu, not %llu",
               name_of(history, a), name_of(history, b), history->objects[a->objects[0]],
               (unsigned long long)a->index, (unsigned long long)b->index);
    } else if (was_away(history, a, b)) {
        guilty(verdict, "%s was released from %s while %s was away", name_of(history, a),
               history->objects[a->objects[0]], name_of(history, b));
    } else if (before(a, b)) {
        guilty(verdict, "%s was released from %s before %s of the same generation came",
               name_of(history, a), history->objects[a->objects[0]], name_of(history, b));
    }
}

static void judge_party(const struct history *history, const struct history_call *call,
                        struct verdict *verdict)
{
    uint64_t parties = parties_of(history, call->objects[0]);
    uint64_t seen = 0;
    uint64_t unseen = 0;

    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *other = &history->calls[i];

        if (other->op != HISTORY_BARRIER || other->objects[0] != call->objects[0]) {
            continue;
        }
        if (went_well(other) && other->generation == call->generation) {
            seen++;
            if (other != call) {
                judge_two_parties(history, call, other, verdict);
            }
        }
        unseen += !was_answered(other) && other->begin < call->end;
    }
    if (parties > 0 && call->index >= parties) {
        guilty(verdict, "%s has index %llu in a barrier of %llu", name_of(history, call),
               (unsigned long long)call->index, (unsigned long long)parties);
    }
    if (parties > 0 && !call->leads && seen + unseen < parties) {
        guilty(verdict, "%s was released from %s with %llu of %llu parties", name_of(history, call),
               history->objects[call->objects[0]], (unsigned long long)seen,
               (unsigned long long)parties);
    }
}

/* Each comes after those before it. */
static void judge_barrier_generations(const struct history *history,
                                      const struct history_call *call, struct verdict *verdict)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *other = &history->calls[i];

        if (other->op == HISTORY_BARRIER && went_well(other) &&
            other->objects[0] == call->objects[0] && before(other, call) &&
            other->generation >= call->generation) {
            guilty(verdict, "%s was told generation %llu of %s, and %s before it %llu",
                   name_of(history, call), (unsigned long long)call->generation,
                   history->objects[call->objects[0]], name_of(history, other),
                   (unsigned long long)other->generation);
        }
    }
}

void judge_barrier(const struct history *history, struct verdict *verdict)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        if (call->op == HISTORY_BARRIER && went_well(call) &&
            !was_removed(history, call->objects[0])) {
            judge_party(history, call, verdict);
            judge_barrier_generations(history, call, verdict);
        }
    }
}
