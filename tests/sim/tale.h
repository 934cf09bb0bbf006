/* tale.h - a good history, made by hand call by call, to be spoiled by a test of the judges. */
#ifndef SIM_TALE_H
#define SIM_TALE_H

#include <string.h>

#include "tests/sim/judge.h"
#include "tests/unit/cmocka_all.h"

#define SECOND INT64_C(1000000000)

struct tale {
    struct history *history;
    int64_t now_ns;
};

/* Which call is which in the good history. */
enum {
    DECLARE,
    PUT_1,
    PUT_2,
    PUT_3,
    GET_1,
    GET_2,
    NACK_1,
    GET_1_AGAIN,
    DONE_1,
    PUT_KEY,
    PUT_KEY_AGAIN,
    DONE_2,
    JOIN_TIMEOUT,
    GET_3,
    GET_4,
    EMPTY_EARLY,
    TASK_DONE,
    SET,
    WAIT_SET,
    CLEAR,
    IS_CLEAR,
    GATE,
    PARTY_0,
    PARTY_1,
    PAUSE,
    GET_PAUSED,
    UNPAUSE,
    PUT_5,
    PUT_6,
    LAST_5,
    LAST_6,
    FINAL
};

/* ---- making calls: each begins and ends before the next ---- */

struct history_call *tale_call_of(struct tale *t, size_t i);
struct history_call *tale_begin(struct tale *t, const char *who, enum history_op op,
                                const char *object);
void tale_end(struct tale *t, struct history_call *call);
struct history_call *tale_does(struct tale *t, const char *who, enum history_op op,
                               const char *object);
/* It tries once, in vain. */
struct history_call *tale_fails(struct tale *t, const char *who, enum history_op op,
                                const char *object, enum muster_status status);
struct history_call *tale_puts_one(struct tale *t, const char *who, const char *object, uint64_t id,
                                   const char *body);
struct history_call *tale_gets(struct tale *t, const char *who, const char *object, uint64_t id,
                               uint64_t number, const char *body);
struct history_call *tale_finishes(struct tale *t, const char *who, enum history_op op,
                                   const char *object, uint64_t id, uint64_t number);

/* ---- spoiling ---- */

void tale_caught_by(struct tale *t, const char *name);
void tale_never_made(struct tale *t, size_t i);
void tale_swap(struct tale *t, size_t i, size_t k);
int tale_tell_it(void **state);
int tale_forget_it(void **state);

#define SPOILED(name) static void name(void **state)
#define T(name)       cmocka_unit_test_setup_teardown(name, tale_tell_it, tale_forget_it)

#endif
