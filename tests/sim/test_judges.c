/* test_judges.c - who checks the checker: a good history passes, and each way of spoiling it is
 * noticed by the judge whose business it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/judge.h"
#include "tests/unit/cmocka_all.h"

#define SECOND INT64_C(1000000000)

/* ---- a history by hand: one line, one call ---- */

struct tale {
    struct history *history;
    int64_t now_ns;
};

/* Call number i, to be changed. */
static struct history_call *call_of(struct tale *t, size_t i)
{
    assert_true(i < t->history->calls_count);
    return &t->history->calls[i];
}

static struct history_call *begin(struct tale *t, const char *who, enum history_op op,
                                  const char *object)
{
    struct history *h = t->history;
    struct history_call *call = history_begin(h, op, history_program(h, who), t->now_ns);

    call->session = call->session_end = 1 + call->program;
    call->objects[call->objects_count++] = history_object(h, object);
    return call;
}

static void end(struct tale *t, struct history_call *call)
{
    t->now_ns += SECOND / 1000;
    history_end(t->history, call, t->now_ns);
}

static struct history_call *does(struct tale *t, const char *who, enum history_op op,
                                 const char *object)
{
    struct history_call *call = begin(t, who, op, object);

    end(t, call);
    return call;
}

static struct history_call *puts_one(struct tale *t, const char *who, const char *object,
                                     uint64_t id, const char *body)
{
    struct history_call *call = does(t, who, HISTORY_PUT, object);

    history_message(call, body)->id = id;
    call->taken = 1;
    return call;
}

static struct history_call *gets(struct tale *t, const char *who, const char *object, uint64_t id,
                                 uint64_t number, const char *body)
{
    struct history_call *call = does(t, who, HISTORY_GET, object);
    struct history_message *message = history_message(call, body);

    message->object = call->objects[0];
    message->id = id;
    message->number = number;
    return call;
}

static struct history_call *finishes(struct tale *t, const char *who, enum history_op op,
                                     const char *object, uint64_t id, uint64_t number)
{
    struct history_call *call = does(t, who, op, object);

    call->message = id;
    call->number = number;
    return call;
}

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

static void good_queue(struct tale *t)
{
    struct history_call *call = does(t, "a", HISTORY_DECLARE, "q");

    call->kind = HISTORY_FIFO;
    call->maxsize = 4;
    call->max_deliveries = 3;
    call->dedup_window_ns = 10 * SECOND;
    puts_one(t, "a", "q", 1, "x1");
    puts_one(t, "a", "q", 2, "x2");
    puts_one(t, "b", "q", 3, "x3");
    gets(t, "b", "q", 1, 1, "x1");
    gets(t, "c", "q", 2, 1, "x2");
    finishes(t, "b", HISTORY_NACK, "q", 1, 1);
    gets(t, "c", "q", 1, 2, "x1");
    finishes(t, "c", HISTORY_DONE, "q", 1, 2);
    strcpy(puts_one(t, "a", "q", 4, "x4")->key, "k");
    call = puts_one(t, "b", "q", 0, "x4 again");
    strcpy(call->key, "k");
    call->duplicate_of = 4;
    finishes(t, "c", HISTORY_DONE, "q", 2, 1);
    does(t, "a", HISTORY_JOIN, "q")->status = MUSTER_TIMEOUT;
    gets(t, "b", "q", 3, 1, "x3")->automatic = true;
    gets(t, "b", "q", 4, 1, "x4")->automatic = true;
    does(t, "c", HISTORY_GET, "q")->status = MUSTER_EMPTY;
    does(t, "b", HISTORY_TASK_DONE, "q");
}

static void good_rest(struct tale *t)
{
    struct history_call *call, *other;

    does(t, "a", HISTORY_SET, "go")->generation = 1;
    call = does(t, "b", HISTORY_WAIT, "go");
    call->flag = true;
    call->generation = 1;
    does(t, "a", HISTORY_CLEAR, "go")->generation = 1;
    does(t, "b", HISTORY_IS_SET, "go")->generation = 1;
    does(t, "a", HISTORY_DECLARE, "gate")->parties = 2;
    begin(t, "b", HISTORY_BARRIER, "gate");
    begin(t, "c", HISTORY_BARRIER, "gate");
    call = call_of(t, PARTY_0);
    other = call_of(t, PARTY_1);
    other->index = 1;
    call->generation = other->generation = 5;
    end(t, call);
    end(t, other);
    does(t, "a", HISTORY_PAUSE, "q")->gets = true;
    call = does(t, "b", HISTORY_GET, "q");
    call->status = MUSTER_EMPTY;
    call->paused = true;
    call = does(t, "a", HISTORY_PAUSE, "q");
    call->gets = call->flag = true;
    puts_one(t, "a", "q", 5, "x5");
    puts_one(t, "a", "q", 6, "x6");
    history_rests(t->history);
    gets(t, "z", "q", 5, 1, "x5")->automatic = true;
    gets(t, "z", "q", 6, 1, "x6")->automatic = true;
    does(t, "z", HISTORY_GET, "q")->status = MUSTER_EMPTY;
    /* Everybody lived until the end. */
    does(t, "a", HISTORY_CLEAR, "go");
    does(t, "b", HISTORY_CLEAR, "go");
    does(t, "c", HISTORY_CLEAR, "go");
}

static int tell_it(void **state)
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

static int forget_it(void **state)
{
    struct tale *t = *state;

    history_free(&t->history);
    free(t);
    return 0;
}

static void caught_by(struct tale *t, const char *name)
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
static void never_made(struct tale *t, size_t i)
{
    struct history_call *call = call_of(t, i);

    call->op = HISTORY_OTHER;
    call->messages_count = 0;
}

/* The two calls change their places in time. */
static void swap(struct tale *t, size_t i, size_t k)
{
    struct history_call *a = call_of(t, i), *b = call_of(t, k);
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

#define SPOILED(name) static void name(void **state)

SPOILED(a_good_history_passes)
{
    struct tale *t = *state;
    struct verdict verdict;

    if (judge(t->history, &verdict)) {
        history_print(t->history);
        fail_msg("judge of %s: %s", verdict.judge, verdict.text);
    }
}

/* ---- messages ---- */

SPOILED(a_dropped_message)
{
    never_made(*state, LAST_6);
    caught_by(*state, "loss");
}

SPOILED(a_phantom)
{
    strcpy(call_of(*state, LAST_6)->messages[0].body, "ghost");
    caught_by(*state, "phantoms");
}

SPOILED(a_delivery_before_its_put)
{
    swap(*state, PUT_1, GET_1);
    caught_by(*state, "phantoms");
}

SPOILED(a_message_whose_put_was_refused)
{
    call_of(*state, PUT_6)->status = MUSTER_FULL;
    caught_by(*state, "phantoms");
}

SPOILED(a_duplicate_that_was_put_all_the_same)
{
    struct history_call *call = gets(*state, "z", "q", 7, 1, "x4 again");

    call->automatic = true;
    caught_by(*state, "phantoms");
}

SPOILED(a_put_that_was_carried_out_twice)
{
    call_of(*state, PUT_6)->end = HISTORY_NEVER;
    gets(*state, "z", "q", 7, 1, "x6")->automatic = true;
    caught_by(*state, "phantoms");
}

SPOILED(one_id_for_two_puts)
{
    call_of(*state, PUT_6)->messages[0].id = 5;
    call_of(*state, LAST_6)->messages[0].id = 5;
    caught_by(*state, "ids");
}

SPOILED(ids_that_fall)
{
    call_of(*state, PUT_5)->messages[0].id = 9;
    call_of(*state, LAST_5)->messages[0].id = 9;
    caught_by(*state, "ids");
}

SPOILED(one_delivery_for_two)
{
    call_of(*state, GET_1_AGAIN)->messages[0].number = 1;
    caught_by(*state, "deliveries");
}

SPOILED(delivery_numbers_that_fall)
{
    call_of(*state, GET_1)->messages[0].number = 3;
    caught_by(*state, "deliveries");
}

SPOILED(a_delivery_number_that_nobody_got)
{
    call_of(*state, GET_4)->messages[0].number = 2;
    caught_by(*state, "deliveries");
}

SPOILED(a_redelivery_without_a_cause)
{
    never_made(*state, NACK_1);
    caught_by(*state, "deliveries");
}

SPOILED(a_redelivery_before_the_lease_was_over)
{
    never_made(*state, NACK_1);
    call_of(*state, GET_1)->lease_ns = 5 * SECOND;
    caught_by(*state, "deliveries");
}

SPOILED(a_key_put_twice)
{
    struct history_call *call = call_of(*state, PUT_KEY_AGAIN);

    call->duplicate_of = 0;
    call->messages[0].id = 5;
    never_made(*state, PUT_5);
    never_made(*state, LAST_5);
    gets(*state, "z", "q", 5, 1, "x4 again")->automatic = true;
    caught_by(*state, "dedup");
}

SPOILED(a_duplicate_of_nothing)
{
    call_of(*state, PUT_KEY_AGAIN)->duplicate_of = 3;
    caught_by(*state, "dedup");
}

/* ---- ends of deliveries ---- */

SPOILED(done_comes_back)
{
    gets(*state, "z", "q", 1, 3, "x1")->automatic = true;
    caught_by(*state, "done");
}

SPOILED(done_twice)
{
    finishes(*state, "c", HISTORY_DONE, "q", 1, 2);
    caught_by(*state, "done");
}

SPOILED(done_by_somebody_else)
{
    struct history_call *call = call_of(*state, DONE_2);

    call->session = call->session_end = 1;
    caught_by(*state, "done");
}

SPOILED(done_of_what_nobody_got)
{
    call_of(*state, DONE_2)->number = 7;
    caught_by(*state, "done");
}

SPOILED(a_holder_who_is_told_that_it_lost)
{
    call_of(*state, DONE_2)->status = MUSTER_LOST;
    caught_by(*state, "holder");
}

SPOILED(a_lease_that_never_ends)
{
    struct tale *t = *state;
    struct history_call *call = call_of(t, GET_2);

    call->lease_ns = SECOND / 1000;
    call_of(t, DONE_2)->begin_ns += 3 * SECOND;
    caught_by(t, "holder");
}

SPOILED(a_death_too_late)
{
    call_of(*state, DECLARE)->max_deliveries = 1;
    caught_by(*state, "deaths");
}

SPOILED(a_death_too_early)
{
    struct history_call *call = call_of(*state, LAST_6);

    call->messages[0].object = history_object(((struct tale *)*state)->history, "q.dead");
    call->messages[0].died_by_itself = true;
    caught_by(*state, "deaths");
}

/* ---- order and room ---- */

SPOILED(a_swap_in_a_fifo)
{
    swap(*state, LAST_5, LAST_6);
    caught_by(*state, "order");
}

SPOILED(a_fifo_that_is_a_lifo)
{
    call_of(*state, DECLARE)->kind = HISTORY_LIFO;
    caught_by(*state, "order");
}

SPOILED(a_priority_that_does_not_count)
{
    call_of(*state, DECLARE)->kind = HISTORY_PRIORITY;
    call_of(*state, PUT_5)->messages[0].priority = 2;
    call_of(*state, LAST_5)->messages[0].priority = 2;
    caught_by(*state, "order");
}

SPOILED(an_early_empty)
{
    swap(*state, LAST_6, FINAL);
    caught_by(*state, "empty");
}

SPOILED(an_early_join)
{
    call_of(*state, JOIN_TIMEOUT)->status = MUSTER_OK;
    caught_by(*state, "join");
}

SPOILED(a_queue_that_is_too_full)
{
    call_of(*state, DECLARE)->maxsize = 2;
    caught_by(*state, "room");
}

SPOILED(a_delivery_before_its_delay)
{
    call_of(*state, PUT_5)->delay_ns = SECOND;
    caught_by(*state, "times");
}

SPOILED(a_delivery_after_its_time_to_live)
{
    call_of(*state, PUT_5)->ttl_ns = 1;
    caught_by(*state, "times");
}

SPOILED(a_nack_whose_delay_does_not_count)
{
    call_of(*state, NACK_1)->delay_ns = SECOND;
    caught_by(*state, "times");
}

SPOILED(a_get_from_a_paused_queue)
{
    never_made(*state, UNPAUSE);
    caught_by(*state, "pauses");
}

SPOILED(a_put_after_a_shutdown)
{
    call_of(*state, UNPAUSE)->op = HISTORY_SHUTDOWN;
    call_of(*state, PAUSE)->gets = false;
    caught_by(*state, "pauses");
}

SPOILED(a_newcomer_who_overtakes)
{
    struct tale *t = *state;
    struct history_call *call = call_of(t, EMPTY_EARLY); /* c: waits until the end */

    call->status = MUSTER_OK;
    call->begin = call_of(t, DONE_1)->begin;
    call->end = t->history->now++;
    call->end_ns = t->now_ns;
    call_of(t, FINAL)->op = HISTORY_PUT;
    call_of(t, FINAL)->status = MUSTER_OK;
    call_of(t, FINAL)->taken = 1;
    history_message(call_of(t, FINAL), "x7")->id = 7;
    *history_message(call, "x7") = (struct history_message){.body = "x7", .id = 7, .number = 1};
    caught_by(t, "line");
}

SPOILED(a_put_that_overtakes)
{
    struct tale *t = *state;
    size_t waits = t->history->calls_count;

    begin(t, "a", HISTORY_PUT, "q");
    does(t, "a", HISTORY_CLEAR, "go"); /* so the put has arrived */
    puts_one(t, "b", "q", 7, "x7");
    history_message(call_of(t, waits), "x8")->id = 8;
    call_of(t, waits)->taken = 1;
    end(t, call_of(t, waits));
    caught_by(t, "line");
}

SPOILED(a_join_beside_what_was_taken)
{
    struct tale *t = *state;
    struct history_call *call;

    never_made(t, TASK_DONE);
    call = does(t, "a", HISTORY_JOIN, "q");
    call_of(t, LAST_5)->automatic = call_of(t, LAST_6)->automatic = true;
    call->session = call->session_end = 1;
    does(t, "b", HISTORY_CLEAR, "go");
    caught_by(t, "join");
}

/* ---- events and barriers ---- */

SPOILED(a_wait_that_ends_without_a_set)
{
    never_made(*state, SET);
    caught_by(*state, "event");
}

SPOILED(an_event_that_stays_set)
{
    call_of(*state, IS_CLEAR)->flag = true;
    caught_by(*state, "event");
}

SPOILED(an_event_that_is_clear_too_early)
{
    never_made(*state, CLEAR);
    caught_by(*state, "event");
}

SPOILED(a_ghost_party)
{
    never_made(*state, PARTY_1);
    caught_by(*state, "barrier");
}

SPOILED(one_index_for_two_parties)
{
    call_of(*state, PARTY_1)->index = 0;
    caught_by(*state, "barrier");
}

SPOILED(an_index_beyond_the_parties)
{
    call_of(*state, PARTY_1)->index = 2;
    caught_by(*state, "barrier");
}

SPOILED(a_release_while_a_party_is_away)
{
    struct tale *t = *state;
    struct history_call *a = call_of(t, PARTY_1), *b = call_of(t, PARTY_0);
    struct history_trouble *trouble = history_trouble(t->history, b->program);

    a->begin = t->history->now++;
    trouble->away = true;
    a->end = t->history->now++;
    b->end = t->history->now++;
    caught_by(t, "barrier");
}

SPOILED(a_party_that_came_after_the_release)
{
    struct history_call *call = call_of(*state, PARTY_1);

    call->begin = call_of(*state, PARTY_0)->end + 1;
    call->end = call->begin + 1;
    caught_by(*state, "barrier");
}

#define T(name) cmocka_unit_test_setup_teardown(name, tell_it, forget_it)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_good_history_passes),
        T(a_dropped_message),
        T(a_phantom),
        T(a_delivery_before_its_put),
        T(a_message_whose_put_was_refused),
        T(a_duplicate_that_was_put_all_the_same),
        T(a_put_that_was_carried_out_twice),
        T(one_id_for_two_puts),
        T(ids_that_fall),
        T(one_delivery_for_two),
        T(delivery_numbers_that_fall),
        T(a_delivery_number_that_nobody_got),
        T(a_redelivery_without_a_cause),
        T(a_redelivery_before_the_lease_was_over),
        T(a_key_put_twice),
        T(a_duplicate_of_nothing),
        T(done_comes_back),
        T(done_twice),
        T(done_by_somebody_else),
        T(done_of_what_nobody_got),
        T(a_holder_who_is_told_that_it_lost),
        T(a_lease_that_never_ends),
        T(a_death_too_late),
        T(a_death_too_early),
        T(a_swap_in_a_fifo),
        T(a_fifo_that_is_a_lifo),
        T(a_priority_that_does_not_count),
        T(an_early_empty),
        T(an_early_join),
        T(a_queue_that_is_too_full),
        T(a_delivery_before_its_delay),
        T(a_delivery_after_its_time_to_live),
        T(a_nack_whose_delay_does_not_count),
        T(a_get_from_a_paused_queue),
        T(a_put_after_a_shutdown),
        T(a_newcomer_who_overtakes),
        T(a_put_that_overtakes),
        T(a_join_beside_what_was_taken),
        T(a_release_while_a_party_is_away),
        T(a_wait_that_ends_without_a_set),
        T(an_event_that_stays_set),
        T(an_event_that_is_clear_too_early),
        T(a_ghost_party),
        T(one_index_for_two_parties),
        T(an_index_beyond_the_parties),
        T(a_party_that_came_after_the_release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
