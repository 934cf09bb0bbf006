/* tale.c - the good history that the judges are tested with. See tale.h. */
#include "tests/sim/tale.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- a history by hand: one line, one call ---- */

/* Call number i, to be changed. */
struct history_call *tale_call_of(struct tale *t, size_t i)
{
    assert_true(i < t->history->calls_count);
    return &t->history->calls[i];
}

struct history_call *tale_begin(struct tale *t, const char *who, enum history_op op,
                                const char *object)
{
    struct history *h = t->history;
    struct history_call *call = history_begin(h, op, history_program(h, who), t->now_ns);

    call->session = call->session_end = 1 + call->program;
    call->objects[call->objects_count++] = history_object(h, object);
    return call;
}

void tale_end(struct tale *t, struct history_call *call)
{
    t->now_ns += SECOND / 1000;
    history_end(t->history, call, t->now_ns);
}

struct history_call *tale_does(struct tale *t, const char *who, enum history_op op,
                               const char *object)
{
    struct history_call *call = tale_begin(t, who, op, object);

    tale_end(t, call);
    return call;
}

struct history_call *tale_fails(struct tale *t, const char *who, enum history_op op,
                                const char *object, enum muster_status status)
{
    struct history_call *call = tale_does(t, who, op, object);

    call->timeout_ns = 0;
    call->status = status;
    return call;
}

struct history_call *tale_puts_one(struct tale *t, const char *who, const char *object, uint64_t id,
                                   const char *body)
{
    struct history_call *call = tale_does(t, who, HISTORY_PUT, object);

    history_message(call, body)->id = id;
    call->taken = 1;
    return call;
}

struct history_call *tale_gets(struct tale *t, const char *who, const char *object, uint64_t id,
                               uint64_t number, const char *body)
{
    struct history_call *call = tale_does(t, who, HISTORY_GET, object);
    struct history_message *message = history_message(call, body);

    message->object = call->objects[0];
    message->id = id;
    message->number = number;
    return call;
}

struct history_call *tale_finishes(struct tale *t, const char *who, enum history_op op,
                                   const char *object, uint64_t id, uint64_t number)
{
    struct history_call *call = tale_does(t, who, op, object);

    call->message = id;
    call->number = number;
    return call;
}

static void good_queue(struct tale *t)
{
    struct history_call *call = tale_does(t, "a", HISTORY_DECLARE, "q");

    call->kind = HISTORY_FIFO;
    call->maxsize = 4;
    call->max_deliveries = 3;
    call->dedup_window_ns = 10 * SECOND;
    tale_puts_one(t, "a", "q", 1, "x1");
    tale_puts_one(t, "a", "q", 2, "x2");
    tale_puts_one(t, "b", "q", 3, "x3");
    tale_gets(t, "b", "q", 1, 1, "x1");
    tale_gets(t, "c", "q", 2, 1, "x2");
    tale_finishes(t, "b", HISTORY_NACK, "q", 1, 1);
    tale_gets(t, "c", "q", 1, 2, "x1");
    tale_finishes(t, "c", HISTORY_DONE, "q", 1, 2);
    strcpy(tale_puts_one(t, "a", "q", 4, "x4")->key, "k");
    call = tale_puts_one(t, "b", "q", 0, "x4 again");
    strcpy(call->key, "k");
    call->duplicate_of = 4;
    tale_finishes(t, "c", HISTORY_DONE, "q", 2, 1);
    tale_fails(t, "a", HISTORY_JOIN, "q", MUSTER_TIMEOUT);
    tale_gets(t, "b", "q", 3, 1, "x3")->automatic = true;
    tale_gets(t, "b", "q", 4, 1, "x4")->automatic = true;
    tale_fails(t, "c", HISTORY_GET, "q", MUSTER_EMPTY);
    tale_does(t, "b", HISTORY_TASK_DONE, "q");
}

static void good_rest(struct tale *t)
{
    struct history_call *call, *other;

    tale_does(t, "a", HISTORY_SET, "go")->generation = 1;
    call = tale_does(t, "b", HISTORY_WAIT, "go");
    call->flag = true;
    call->generation = 1;
    tale_does(t, "a", HISTORY_CLEAR, "go")->generation = 1;
    tale_does(t, "b", HISTORY_IS_SET, "go")->generation = 1;
    tale_does(t, "a", HISTORY_DECLARE, "gate")->parties = 2;
    tale_begin(t, "b", HISTORY_BARRIER, "gate");
    tale_begin(t, "c", HISTORY_BARRIER, "gate");
    call = tale_call_of(t, PARTY_0);
    other = tale_call_of(t, PARTY_1);
    other->index = 1;
    call->generation = other->generation = 5;
    tale_end(t, call);
    tale_end(t, other);
    tale_does(t, "a", HISTORY_PAUSE, "q")->gets = true;
    call = tale_fails(t, "b", HISTORY_GET, "q", MUSTER_EMPTY);
    call->paused = true;
    call = tale_does(t, "a", HISTORY_PAUSE, "q");
    call->gets = call->flag = true;
    tale_puts_one(t, "a", "q", 5, "x5");
    tale_puts_one(t, "a", "q", 6, "x6");
    history_rests(t->history);
    tale_gets(t, "z", "q", 5, 1, "x5")->automatic = true;
    tale_gets(t, "z", "q", 6, 1, "x6")->automatic = true;
    tale_fails(t, "z", HISTORY_GET, "q", MUSTER_EMPTY);
    /* Everybody lived until the end. */
    tale_does(t, "a", HISTORY_CLEAR, "go")->generation = 1;
    tale_does(t, "b", HISTORY_CLEAR, "go")->generation = 1;
    tale_does(t, "c", HISTORY_CLEAR, "go")->generation = 1;
}

int tale_tell_it(void **state)
{
    struct tale *t = calloc(1, sizeof(*t));

    assert_non_null(t);
    t->history = history_new();
    t->now_ns = 1000 * SECOND;
    good_queue(t);
    good_rest(t);
    *state = t;
    return 0;
}

int tale_forget_it(void **state)
{
    struct tale *t = *state;

    history_free(&t->history);
    free(t);
    return 0;
}

void tale_caught_by(struct tale *t, const char *name)
{
    struct verdict verdict;

    if (!judge(t->history, &verdict)) {
        history_print(t->history);
        fail_msg("nobody noticed; judge of %s should have", name);
    }
    if (strcmp(verdict.judge, name) != 0) {
        fail_msg("judge of %s noticed, not of %s: %s", verdict.judge, name, verdict.text);
    }
}

/* As if the call had never been made. */
void tale_never_made(struct tale *t, size_t i)
{
    struct history_call *call = tale_call_of(t, i);

    call->op = HISTORY_OTHER;
    call->messages_count = 0;
}

/* The two calls change their places in time. */
void tale_swap(struct tale *t, size_t i, size_t k)
{
    struct history_call *a = tale_call_of(t, i), *b = tale_call_of(t, k);
    struct history_call keep = *a;

    a->begin = b->begin;
    a->end = b->end;
    a->begin_ns = b->begin_ns;
    a->end_ns = b->end_ns;
    b->begin = keep.begin;
    b->end = keep.end;
    b->begin_ns = keep.begin_ns;
    b->end_ns = keep.end_ns;
}
