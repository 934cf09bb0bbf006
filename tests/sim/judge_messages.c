/* judge_messages.c - what became of each message. See judge.h.
 *
 * Bodies tell messages apart: the history's programs put each body once. */
#include "tests/sim/judge.h"

#include <stdlib.h>
#include <string.h>

/* ---- phantoms ---- */

/* NAME.dead holds what died in NAME; what is put back from there has a new id. */
static bool comes_from(const struct history *history, size_t object, const struct history_call *put)
{
    const char *name = history->objects[object];
    const char *parent = history->objects[put->objects[0]];
    size_t len = strlen(parent);

    return strncmp(name, parent, len) == 0 &&
           (name[len] == '\0' || strcmp(name + len, ".dead") == 0);
}

static bool was_redriven(const struct history *history, size_t object)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        if (call->op == HISTORY_REDRIVE && is_about(call, object) && may_have_been(call)) {
            return true;
        }
    }
    return false;
}

static void judge_delivered(const struct history *history, const struct delivery *d,
                            struct verdict *verdict)
{
    const struct history_message *put_message = NULL;
    const struct history_call *put = put_of(history, d->message->body, &put_message);

    if (put == NULL || put->begin > d->get->end) {
        guilty(verdict, "%s got '%s', which nobody had put", name_of(history, d->get),
               d->message->body);
    } else if (!comes_from(history, d->message->object, put)) {
        guilty(verdict, "%s got '%s' from %s, where it was not put", name_of(history, d->get),
               d->message->body, history->objects[d->message->object]);
    } else if (!may_have_been(put) || put->duplicate_of != 0 ||
               (was_answered(put) && (size_t)(put_message - put->messages) >= put->taken)) {
        guilty(verdict, "%s got '%s', whose put was refused", name_of(history, d->get),
               d->message->body);
    } else if (d->message->object == put->objects[0] && went_well(put) &&
               d->message->id != put_message->id && !was_redriven(history, put->objects[0])) {
        guilty(verdict, "'%s' was put as %llu and is there as %llu", d->message->body,
               (unsigned long long)put_message->id, (unsigned long long)d->message->id);
    }
}

/* Two ids, one body: carried out twice. */
static void judge_twice(const struct history *history, const struct delivery *a,
                        const struct delivery *b, struct verdict *verdict)
{
    if (a->message->object == b->message->object && a->message->id != b->message->id &&
        strcmp(a->message->body, b->message->body) == 0 &&
        strstr(history->objects[a->message->object], ".dead") == NULL &&
        !was_redriven(history, a->message->object)) {
        guilty(verdict, "'%s' is there twice, as %llu and %llu", a->message->body,
               (unsigned long long)a->message->id, (unsigned long long)b->message->id);
    }
}

void judge_phantoms(const struct history *history, struct verdict *verdict)
{
    struct deliveries all = deliveries_of(history);

    for (size_t i = 0; i < all.count; i++) {
        judge_delivered(history, &all.items[i], verdict);
        for (size_t k = 0; k < i; k++) {
            judge_twice(history, &all.items[k], &all.items[i], verdict);
        }
    }
    free(all.items);
}

/* ---- ids ---- */

static void judge_two_puts(const struct history *history, const struct history_call *a,
                           const struct history_call *b, struct verdict *verdict)
{
    uint64_t a_first = a->messages[0].id;
    uint64_t b_first = b->messages[0].id;

    if (a_first < b_first + b->taken && b_first < a_first + a->taken) {
        guilty(verdict, "id %llu of %s was given to two puts", (unsigned long long)b_first,
               history->objects[a->objects[0]]);
    } else if (before(a, b) && b_first < a_first) {
        guilty(verdict, "ids of %s fall: %llu, then %llu", history->objects[a->objects[0]],
               (unsigned long long)a_first, (unsigned long long)b_first);
    }
}

static bool is_new(const struct history_call *call)
{
    return call->op == HISTORY_PUT && went_well(call) && call->duplicate_of == 0 && call->taken > 0;
}

void judge_ids(const struct history *history, struct verdict *verdict)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *a = &history->calls[i];

        for (size_t k = 0; k < history->calls_count && is_new(a); k++) {
            const struct history_call *b = &history->calls[k];

            if (a != b && is_new(b) && a->objects[0] == b->objects[0]) {
                judge_two_puts(history, a, b, verdict);
            }
        }
    }
}

/* ---- deliveries ---- */

static bool is_same(const struct delivery *a, const struct delivery *b)
{
    return a->message->object == b->message->object && a->message->id == b->message->id;
}

static bool names(const struct history_call *call, const struct delivery *d)
{
    return is_about(call, d->message->object) && call->message == d->message->id &&
           call->number == d->message->number;
}

/* When the lease may have been over at the earliest. */
static int64_t lease_end_ns(const struct history *history, const struct delivery *d)
{
    int64_t end_ns = INT64_MAX;

    if (d->get->lease_ns != MUSTER_FOREVER && !d->get->automatic) {
        end_ns = d->get->taken_ns + d->get->lease_ns;
    }
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        if (call->op == HISTORY_EXTEND && names(call, d) && may_have_been(call) &&
            call->lease_ns != MUSTER_FOREVER && call->begin_ns + call->lease_ns < end_ns) {
            end_ns = call->begin_ns + call->lease_ns;
        }
    }
    return end_ns;
}

/* Something by `where` ended delivery d. */
static bool may_have_ended(const struct history *history, const struct delivery *d, uint64_t where,
                           int64_t where_ns)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        if (call->op == HISTORY_NACK && names(call, d) && may_have_been(call) &&
            call->begin < where) {
            return true;
        }
    }
    return where_ns >= lease_end_ns(history, d) ||
           !session_lived_at(history, d->get->session_end, where);
}

static void judge_two_deliveries(const struct history *history, const struct delivery *a,
                                 const struct delivery *b, struct verdict *verdict)
{
    if (a->message->number == b->message->number) {
        guilty(verdict, "delivery %llu.%llu of %s was given to %s and %s",
               (unsigned long long)a->message->id, (unsigned long long)a->message->number,
               history->objects[a->message->object], name_of(history, a->get),
               name_of(history, b->get));
    } else if (a->message->number > b->message->number) {
        return; /* the other way round */
    } else if (before(b->get, a->get)) {
        guilty(verdict, "delivery numbers of message %llu of %s fall",
               (unsigned long long)a->message->id, history->objects[a->message->object]);
    } else if (!may_have_ended(history, a, b->get->end, b->get->end_ns)) {
        guilty(verdict, "%s holds %llu.%llu of %s, and %s got %llu.%llu", name_of(history, a->get),
               (unsigned long long)a->message->id, (unsigned long long)a->message->number,
               history->objects[a->message->object], name_of(history, b->get),
               (unsigned long long)b->message->id, (unsigned long long)b->message->number);
    }
}

/* A get from there, begun by then, may have been given something that nobody saw. */
static bool may_have_swallowed(const struct history *history, size_t object, uint64_t where)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];
        bool told = was_answered(call) && call->session == call->session_end &&
                    (call->status == MUSTER_OK || call->status == MUSTER_EMPTY);

        if (call->op == HISTORY_GET && is_about(call, object) && call->begin < where && !told) {
            return true;
        }
    }
    return false;
}

void judge_deliveries(const struct history *history, struct verdict *verdict)
{
    struct deliveries all = deliveries_of(history);

    for (size_t i = 0; i < all.count; i++) {
        const struct delivery *a = &all.items[i];
        uint64_t seen = 0;

        for (size_t k = 0; k < all.count; k++) {
            const struct delivery *b = &all.items[k];

            if (is_same(a, b) && b->message->number < a->message->number) {
                seen++;
            }
            if (k != i && is_same(a, b)) {
                judge_two_deliveries(history, a, b, verdict);
            }
        }
        if (a->message->number != seen + 1 &&
            !may_have_swallowed(history, a->message->object, a->get->end)) {
            guilty(verdict, "%s got %llu.%llu of %s, and nobody the one before",
                   name_of(history, a->get), (unsigned long long)a->message->id,
                   (unsigned long long)a->message->number, history->objects[a->message->object]);
        }
    }
    free(all.items);
}

/* ---- loss ---- */

/* This call may have taken messages of its queue away for good. */
static bool may_have_taken(const struct history_call *call, size_t object, uint64_t id,
                           const struct history_call *put)
{
    if (!is_about(call, object) || !may_have_been(call) || call->end < put->begin) {
        return false;
    }
    switch (call->op) {
    case HISTORY_DONE:
    case HISTORY_DELETE: return call->message == id;
    case HISTORY_PURGE:
    case HISTORY_REMOVE: return true;
    case HISTORY_SHUTDOWN: return call->immediate;
    case HISTORY_DECLARE: return call->full == HISTORY_DROP_OLDEST;
    default: return false;
    }
}

static bool may_be_gone(const struct history *history, size_t object, uint64_t id,
                        const struct history_call *put)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];

        if (may_have_taken(call, object, id, put) ||
            (call->op == HISTORY_DECLARE && call->full == HISTORY_DROP_OLDEST &&
             is_about(call, object))) {
            return true;
        }
    }
    return false;
}

static bool is_accounted_for(const struct history *history, const struct deliveries *all,
                             const struct history_call *put, const struct history_message *message)
{
    if (put->ttl_ns != MUSTER_FOREVER || may_be_gone(history, put->objects[0], message->id, put)) {
        return true;
    }
    for (size_t i = 0; i < all->count; i++) {
        const struct delivery *d = &all->items[i];

        if (strcmp(d->message->body, message->body) == 0 &&
            (d->get->automatic || d->get->begin > history->rest ||
             may_be_gone(history, d->message->object, d->message->id, put))) {
            return true;
        }
    }
    return false;
}

/* What was put there and is nowhere; the last of it in *put_out, *message_out. */
static uint64_t missing_of(const struct history *history, const struct deliveries *all,
                           size_t object, const struct history_call **put_out,
                           const struct history_message **message_out)
{
    uint64_t count = 0;

    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *put = &history->calls[i];
        bool judged = is_new(put) && put->objects[0] == object && put->end < history->rest;

        for (size_t k = 0; judged && k < put->taken; k++) {
            if (!is_accounted_for(history, all, put, &put->messages[k])) {
                *put_out = put;
                *message_out = &put->messages[k];
                count++;
            }
        }
    }
    return count;
}

void judge_loss(const struct history *history, struct verdict *verdict)
{
    struct deliveries all = deliveries_of(history);

    for (size_t object = 0; object < history->objects_count; object++) {
        const struct history_call *put = NULL;
        const struct history_message *message = NULL;
        uint64_t missing =
            history->rest == HISTORY_NEVER ? 0 : missing_of(history, &all, object, &put, &message);

        if (missing > unseen_gets(history, object, true, history->rest)) {
            guilty(verdict, "'%s', put by %s into %s as %llu, is lost", message->body,
                   name_of(history, put), history->objects[object],
                   (unsigned long long)message->id);
        }
    }
    free(all.items);
}

/* ---- dedup ---- */

static int64_t window_ns(const struct history *history, size_t object, bool longest)
{
    int64_t window = -1;

    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *call = &history->calls[i];
        int64_t other = call->dedup_window_ns;

        if (call->op == HISTORY_DECLARE && is_about(call, object) && other >= 0 &&
            (window < 0 || (longest ? other > window : other < window))) {
            window = other;
        }
    }
    return window;
}

static bool explains_duplicate(const struct history *history, const struct history_call *a,
                               const struct history_call *b)
{
    int64_t longest = window_ns(history, a->objects[0], true);

    return a->op == HISTORY_PUT && a->objects[0] == b->objects[0] && a != b &&
           strcmp(a->key, b->key) == 0 && a->begin < b->end && may_have_been(a) &&
           a->duplicate_of == 0 && (!went_well(a) || a->messages[0].id == b->duplicate_of) &&
           (longest < 0 || a->end_ns == INT64_MAX || history->wall_jumped ||
            b->begin_ns <= a->end_ns + longest);
}

static void judge_two_keys(const struct history *history, const struct history_call *a,
                           const struct history_call *b, struct verdict *verdict)
{
    int64_t shortest = window_ns(history, a->objects[0], false);

    if (a != b && is_new(a) && is_new(b) && a->objects[0] == b->objects[0] &&
        strcmp(a->key, b->key) == 0 && before(a, b) && shortest >= 0 && !history->wall_jumped &&
        b->end_ns < a->begin_ns + shortest) {
        guilty(verdict, "key %s was put twice into %s within its window: as %llu and %llu", a->key,
               history->objects[a->objects[0]], (unsigned long long)a->messages[0].id,
               (unsigned long long)b->messages[0].id);
    }
}

void judge_dedup(const struct history *history, struct verdict *verdict)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        const struct history_call *b = &history->calls[i];
        bool explained = b->duplicate_of == 0;

        if (b->op != HISTORY_PUT || b->key[0] == '\0' || !went_well(b) ||
            was_removed(history, b->objects[0])) {
            continue;
        }
        for (size_t k = 0; k < history->calls_count; k++) {
            explained = explained || explains_duplicate(history, &history->calls[k], b);
            judge_two_keys(history, &history->calls[k], b, verdict);
        }
        if (!explained) {
            guilty(verdict, "'%s' is a duplicate of %llu of %s, which is none", b->messages[0].body,
                   (unsigned long long)b->duplicate_of, history->objects[b->objects[0]]);
        }
    }
}
