/* judge_finish.c - who may finish a delivery, and what comes of it. See judge.h. */
#include "tests/sim/judge.h"

#include <stdlib.h>
#include <string.h>

static bool names(const struct history_call *call, const struct delivery *d)
{
    return is_about(call, d->message->object) && call->message == d->message->id &&
           call->number == d->message->number;
}

static bool finished(const struct history_call *call)
{
    return call->op == HISTORY_DONE && went_well(call) && !call->already;
}

static const struct delivery *delivery_of(const struct deliveries *all,
                                          const struct history_call *call)
{
    for (size_t i = 0; i < all->count; i++) {
        if (names(call, &all->items[i])) {
            return &all->items[i];
        }
    }
    return NULL;
}

/* ---- done ---- */

static void judge_after(const struct history *history, const struct history_call *done,
                        const struct deliveries *all, struct verdict *verdict)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct history_message *message = all->items[i].message;

        if (message->object == done->objects[0] && message->id == done->message &&
            message->number > done->number) {
            guilty(verdict, "%llu.%llu of %s was done, and %s got %llu.%llu",
                   (unsigned long long)done->message, (unsigned long long)done->number,
                   history->objects[message->object], name_of(history, all->items[i].get),
                   (unsigned long long)message->id, (unsigned long long)message->number);
        }
    }
}

static void judge_two_ends(const struct history *history, const struct history_call *a,
                           const struct history_call *b, struct verdict *verdict)
{
    bool ends = finished(b) || (b->op == HISTORY_NACK && went_well(b));

    if (a != b && ends && b->objects[0] == a->objects[0] && b->message == a->message &&
        (b->number == a->number || b->op == HISTORY_DONE)) {
        guilty(verdict, "%llu.%llu of %s ended twice", (unsigned long long)a->message,
               (unsigned long long)a->number, history->objects[a->objects[0]]);
    }
}

/* Somebody died, or gave up, with a detached lease that nobody saw: anybody may finish it. */
static bool may_be_detached(const struct history *history, const struct history_call *done)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *get = &history->calls[i];

        if (get->op == HISTORY_GET && get->detached && !went_well(get) &&
            is_about(get, done->objects[0]) && get->begin < done->end) {
            return true;
        }
    }
    return false;
}

/* Delivery d, or what it says, was not the caller's. */
static void judge_owner(const struct history *history, const struct history_call *done,
                        const struct delivery *d, struct verdict *verdict)
{
    if (d == NULL && may_be_detached(history, done)) {
        return;
    }
    if (d == NULL || d->get->begin > done->end || d->get->automatic) {
        guilty(verdict, "%s finished %llu.%llu of %s, which nobody held on lease",
               name_of(history, done), (unsigned long long)done->message,
               (unsigned long long)done->number, history->objects[done->objects[0]]);
    } else if (!d->get->detached && done->session == done->session_end &&
               d->get->session_end != done->session) {
        guilty(verdict, "%s finished %llu.%llu of %s, which %s held", name_of(history, done),
               (unsigned long long)done->message, (unsigned long long)done->number,
               history->objects[done->objects[0]], name_of(history, d->get));
    }
}

void judge_done(const struct history *history, struct verdict *verdict)
{
    struct deliveries all = deliveries_of(history);

    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *done = &history->calls[i];

        if (!finished(done)) {
            continue;
        }
        judge_after(history, done, &all, verdict);
        judge_owner(history, done, delivery_of(&all, done), verdict);
        for (size_t k = 0; k < history->calls_count; k++) {
            judge_two_ends(history, done, &history->calls[k], verdict);
        }
    }
    free(all.items);
}

/* ---- holder ---- */

/* Before `where` nothing else than the end of its session can have taken d from its holder. */
static bool is_surely_held(const struct history *history, const struct delivery *d,
                           const struct history_call *until)
{
    bool timed = d->get->lease_ns != MUSTER_FOREVER;

    if (timed && until->end_ns >= d->get->taken_ns + d->get->lease_ns) {
        return false;
    }
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];
        bool ends =
            call->op == HISTORY_NACK || call->op == HISTORY_DONE || call->op == HISTORY_EXTEND;

        if (call != until && ends && names(call, d) && call->begin < until->end) {
            return false;
        }
        if (call->op == HISTORY_REMOVE && is_about(call, d->message->object)) {
            return false;
        }
    }
    return true;
}

static void judge_refusal(const struct history *history, const struct history_call *call,
                          const struct delivery *d, struct verdict *verdict)
{
    bool refused = call->status == MUSTER_LOST || call->status == MUSTER_NOT_OWNER ||
                   call->status == MUSTER_NOT_FOUND;

    if (refused && !d->get->automatic && d->get->end < call->begin &&
        call->session == call->session_end && d->get->session_end == call->session &&
        is_surely_held(history, d, call)) {
        guilty(verdict, "%s holds %llu.%llu of %s and was told %d", name_of(history, call),
               (unsigned long long)call->message, (unsigned long long)call->number,
               history->objects[call->objects[0]], (int)call->status);
    }
}

/* Its time ran out long ago, and nothing kept its receipt from the broker. */
static void judge_lapsed(const struct history *history, const struct history_call *call,
                         const struct delivery *d, struct verdict *verdict)
{
    bool timed = !d->get->automatic && d->get->lease_ns != MUSTER_FOREVER;
    const int64_t slack_ns = INT64_C(1000000000);

    if (!went_well(call) || call->already || !timed || d->get->cut_off ||
        was_troubled(history, d->get->program, d->get->begin, call->begin) ||
        call->begin_ns <= d->get->end_ns + d->get->lease_ns + slack_ns) {
        return;
    }
    for (size_t i = 0; i < history->calls_count; i++) {
        if (history->calls[i].op == HISTORY_EXTEND && names(&history->calls[i], d)) {
            return;
        }
    }
    guilty(verdict, "%s finished %llu.%llu of %s after its lease had ended", name_of(history, call),
           (unsigned long long)call->message, (unsigned long long)call->number,
           history->objects[call->objects[0]]);
}

void judge_holder(const struct history *history, struct verdict *verdict)
{
    struct deliveries all = deliveries_of(history);

    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];
        bool ends =
            call->op == HISTORY_DONE || call->op == HISTORY_NACK || call->op == HISTORY_EXTEND;
        const struct delivery *d = ends && was_answered(call) ? delivery_of(&all, call) : NULL;

        if (d != NULL) {
            judge_refusal(history, call, d, verdict);
            judge_lapsed(history, call, d, verdict);
        }
    }
    free(all.items);
}

/* ---- dead letters ---- */

/* The least and the largest that were ever set; least 0: without a limit at some time. */
static void limits_of(const struct history *history, size_t object, int64_t *least, int64_t *most)
{
    *least = *most = -1;
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];
        int64_t limit = call->max_deliveries;

        if (call->op == HISTORY_DECLARE && is_about(call, object) && limit >= 0) {
            *least = *least < 0 || limit < *least ? limit : *least;
            *most = limit > *most ? limit : *most;
        }
    }
}

/* How often it surely came back, counted, before d. */
static int64_t returns_before(const struct history *history, const struct delivery *d)
{
    int64_t count = 0;

    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        count += call->op == HISTORY_NACK && went_well(call) && !call->uncounted && !call->dead &&
                 is_about(call, d->message->object) && call->message == d->message->id &&
                 call->number < d->message->number;
    }
    return count;
}

static int64_t deliveries_in(const struct deliveries *all, size_t object, const char *body)
{
    int64_t count = 0;

    for (size_t i = 0; i < all->count; i++) {
        count += all->items[i].message->object == object &&
                 strcmp(all->items[i].message->body, body) == 0;
    }
    return count;
}

static void judge_death(const struct history *history, const struct deliveries *all,
                        const struct delivery *d, struct verdict *verdict)
{
    const struct history_message *message = NULL;
    const struct history_call *put = put_of(history, d->message->body, &message);
    int64_t least, most;

    if (put == NULL || was_removed(history, put->objects[0]) ||
        !was_declared(history, put->objects[0])) {
        return;
    }
    limits_of(history, put->objects[0], &least, &most);
    if (put->objects[0] != d->message->object) {
        if (d->message->died_by_itself && least >= 0 &&
            (most == 0 ||
             deliveries_in(all, put->objects[0], d->message->body) +
                     (int64_t)unseen_gets(history, put->objects[0], false, d->get->end) <
                 least)) {
            guilty(verdict, "'%s' died of too many deliveries, which it did not have",
                   d->message->body);
        }
    } else if (least > 0 && returns_before(history, d) >= most) {
        guilty(verdict, "'%s' came back %lld times and is delivered again", d->message->body,
               (long long)returns_before(history, d));
    }
}

void judge_deaths(const struct history *history, struct verdict *verdict)
{
    struct deliveries all = deliveries_of(history);

    for (size_t i = 0; i < all.count; i++) {
        judge_death(history, &all, &all.items[i], verdict);
    }
    free(all.items);
}
