/* test_judges_room.c - who checks the checker: room and drops, statuses, generations, and who came
 * first to a barrier or comes back to a line. */
#include "tests/sim/tale.h"

/* ---- room ---- */

SPOILED(a_full_queue_that_has_room)
{
    struct tale *t = *state;

    tale_call_of(t, PAUSE)->op = tale_call_of(t, UNPAUSE)->op = HISTORY_OTHER;
    tale_call_of(t, DECLARE)->maxsize = 0;
    tale_fails(t, "a", HISTORY_PUT, "q", MUSTER_FULL);
    tale_caught_by(t, "full");
}

SPOILED(a_limited_queue_that_has_room)
{
    struct tale *t = *state;

    tale_call_of(t, PAUSE)->op = tale_call_of(t, UNPAUSE)->op = HISTORY_OTHER;
    tale_call_of(t, DECLARE)->maxsize = 9;
    history_message(tale_fails(t, "a", HISTORY_PUT, "q", MUSTER_FULL), "x7");
    tale_caught_by(t, "full");
}

/* x3 .. x6 may be there. */
SPOILED(a_queue_that_may_be_full_is_not_accused)
{
    struct tale *t = *state;
    struct verdict verdict;

    tale_call_of(t, PAUSE)->op = tale_call_of(t, UNPAUSE)->op = HISTORY_OTHER;
    tale_call_of(t, GET_PAUSED)->op = HISTORY_OTHER;
    history_message(tale_fails(t, "a", HISTORY_PUT, "q", MUSTER_FULL), "x7");
    assert_false(judge(t->history, &verdict));
}

SPOILED(a_drop_of_what_is_not_the_oldest)
{
    struct tale *t = *state;

    tale_call_of(t, DECLARE)->full = HISTORY_DROP_OLDEST;
    tale_never_made(t, LAST_6);
    tale_caught_by(t, "drops");
}

SPOILED(a_drop_of_the_oldest_is_fine)
{
    struct tale *t = *state;
    struct verdict verdict;

    tale_call_of(t, DECLARE)->full = HISTORY_DROP_OLDEST;
    tale_never_made(t, LAST_5);
    assert_false(judge(t->history, &verdict));
}

/* ---- statuses ---- */

SPOILED(unknown_although_the_session_lives)
{
    struct tale *t = *state;

    tale_call_of(t, TASK_DONE)->status = MUSTER_UNKNOWN;
    tale_caught_by(t, "statuses");
}

SPOILED(a_timeout_before_its_time)
{
    tale_call_of(*state, JOIN_TIMEOUT)->timeout_ns = SECOND;
    tale_caught_by(*state, "statuses");
}

SPOILED(a_timeout_of_who_waits_for_ever)
{
    tale_call_of(*state, JOIN_TIMEOUT)->timeout_ns = MUSTER_FOREVER;
    tale_caught_by(*state, "statuses");
}

SPOILED(empty_for_who_waits)
{
    tale_call_of(*state, EMPTY_EARLY)->timeout_ns = SECOND;
    tale_caught_by(*state, "statuses");
}

/* ---- generations, and who came first ---- */

SPOILED(a_generation_of_an_event_that_falls)
{
    tale_call_of(*state, IS_CLEAR)->generation = 0;
    tale_caught_by(*state, "event");
}

SPOILED(a_set_after_a_clear_with_the_same_generation)
{
    tale_does(*state, "a", HISTORY_SET, "go")->generation = 1;
    tale_caught_by(*state, "event");
}

SPOILED(a_generation_of_a_barrier_that_comes_again)
{
    struct tale *t = *state;
    struct history_call *call = tale_does(t, "a", HISTORY_BARRIER, "gate");

    call->generation = 5;
    call->index = 1;
    tale_caught_by(t, "barrier");
}

/* b came first: it was told something that it asked later, before c came. */
SPOILED(an_index_that_is_not_that_of_the_arrival)
{
    struct tale *t = *state;
    size_t b = t->history->calls_count;

    tale_begin(t, "b", HISTORY_BARRIER, "gate");
    tale_does(t, "b", HISTORY_CLEAR, "go")->generation = 1;
    tale_begin(t, "c", HISTORY_BARRIER, "gate");
    tale_call_of(t, b)->generation = tale_call_of(t, b + 2)->generation = 6;
    tale_call_of(t, b)->index = 1;
    tale_end(t, tale_call_of(t, b));
    tale_end(t, tale_call_of(t, b + 2));
    tale_caught_by(t, "barrier");
}

/* a waits, is away, and is back; b waits behind it, and is given what was put afterwards. */
SPOILED(a_newcomer_who_is_served_before_one_who_came_back)
{
    struct tale *t = *state;
    size_t a = t->history->calls_count;
    struct history_message given = {.body = "x7", .id = 7, .number = 1};

    t->history->rest = HISTORY_NEVER;
    tale_begin(t, "a", HISTORY_GET, "q");
    tale_does(t, "a", HISTORY_CLEAR, "go")->generation = 1;
    tale_begin(t, "b", HISTORY_GET, "q");
    history_trouble(t->history, tale_call_of(t, a)->program)->away = true;
    history_trouble(t->history, tale_call_of(t, a)->program)->back = true;
    tale_does(t, "a", HISTORY_CLEAR, "go")->generation = 1;
    tale_puts_one(t, "c", "q", 7, "x7");
    *history_message(tale_call_of(t, a + 2), "x7") = given;
    tale_end(t, tale_call_of(t, a + 2));
    tale_puts_one(t, "c", "q", 8, "x8");
    given = (struct history_message){.body = "x8", .id = 8, .number = 1};
    *history_message(tale_call_of(t, a), "x8") = given;
    tale_end(t, tale_call_of(t, a));
    tale_caught_by(t, "line");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_full_queue_that_has_room),
        T(a_limited_queue_that_has_room),
        T(a_queue_that_may_be_full_is_not_accused),
        T(a_drop_of_what_is_not_the_oldest),
        T(a_drop_of_the_oldest_is_fine),
        T(unknown_although_the_session_lives),
        T(a_timeout_before_its_time),
        T(a_timeout_of_who_waits_for_ever),
        T(empty_for_who_waits),
        T(a_generation_of_an_event_that_falls),
        T(a_set_after_a_clear_with_the_same_generation),
        T(a_generation_of_a_barrier_that_comes_again),
        T(an_index_that_is_not_that_of_the_arrival),
        T(a_newcomer_who_is_served_before_one_who_came_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
