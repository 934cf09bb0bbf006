/* test_judges_order.c - who checks the checker: order, room, times, lines, events and barriers. */
#include "tests/sim/tale.h"

/* ---- order and room ---- */

SPOILED(a_swap_in_a_fifo)
{
    tale_swap(*state, LAST_5, LAST_6);
    tale_caught_by(*state, "order");
}

SPOILED(a_fifo_that_is_a_lifo)
{
    tale_call_of(*state, DECLARE)->kind = HISTORY_LIFO;
    tale_caught_by(*state, "order");
}

SPOILED(a_priority_that_does_not_count)
{
    tale_call_of(*state, DECLARE)->kind = HISTORY_PRIORITY;
    tale_call_of(*state, PUT_5)->messages[0].priority = 2;
    tale_call_of(*state, LAST_5)->messages[0].priority = 2;
    tale_caught_by(*state, "order");
}

SPOILED(an_early_empty)
{
    tale_swap(*state, LAST_6, FINAL);
    tale_caught_by(*state, "empty");
}

SPOILED(an_early_join)
{
    tale_call_of(*state, JOIN_TIMEOUT)->status = MUSTER_OK;
    tale_caught_by(*state, "join");
}

SPOILED(a_queue_that_is_too_full)
{
    tale_call_of(*state, DECLARE)->maxsize = 2;
    tale_caught_by(*state, "room");
}

SPOILED(a_delivery_before_its_delay)
{
    tale_call_of(*state, PUT_5)->delay_ns = SECOND;
    tale_caught_by(*state, "times");
}

SPOILED(a_delivery_after_its_time_to_live)
{
    tale_call_of(*state, PUT_5)->ttl_ns = 1;
    tale_caught_by(*state, "times");
}

SPOILED(a_nack_whose_delay_does_not_count)
{
    tale_call_of(*state, NACK_1)->delay_ns = SECOND;
    tale_caught_by(*state, "times");
}

SPOILED(a_get_from_a_paused_queue)
{
    tale_never_made(*state, UNPAUSE);
    tale_caught_by(*state, "pauses");
}

SPOILED(a_put_after_a_shutdown)
{
    tale_call_of(*state, UNPAUSE)->op = HISTORY_SHUTDOWN;
    tale_call_of(*state, PAUSE)->gets = false;
    tale_caught_by(*state, "pauses");
}

SPOILED(a_newcomer_who_overtakes)
{
    struct tale *t = *state;
    struct history_call *call = tale_call_of(t, EMPTY_EARLY); /* c: waits until the end */

    call->status = MUSTER_OK;
    call->timeout_ns = MUSTER_FOREVER;
    call->begin = tale_call_of(t, DONE_1)->begin;
    call->end = t->history->now++;
    call->end_ns = t->now_ns;
    tale_call_of(t, FINAL)->op = HISTORY_PUT;
    tale_call_of(t, FINAL)->status = MUSTER_OK;
    tale_call_of(t, FINAL)->taken = 1;
    history_message(tale_call_of(t, FINAL), "x7")->id = 7;
    *history_message(call, "x7") = (struct history_message){.body = "x7", .id = 7, .number = 1};
    tale_caught_by(t, "line");
}

SPOILED(a_put_that_overtakes)
{
    struct tale *t = *state;
    size_t waits = t->history->calls_count;

    tale_begin(t, "a", HISTORY_PUT, "q");
    tale_does(t, "a", HISTORY_CLEAR, "go"); /* so the put has arrived */
    tale_puts_one(t, "b", "q", 7, "x7");
    history_message(tale_call_of(t, waits), "x8")->id = 8;
    tale_call_of(t, waits)->taken = 1;
    tale_end(t, tale_call_of(t, waits));
    tale_caught_by(t, "line");
}

SPOILED(a_join_beside_what_was_taken)
{
    struct tale *t = *state;
    struct history_call *call;

    tale_never_made(t, TASK_DONE);
    call = tale_does(t, "a", HISTORY_JOIN, "q");
    tale_call_of(t, LAST_5)->automatic = tale_call_of(t, LAST_6)->automatic = true;
    call->session = call->session_end = 1;
    tale_does(t, "b", HISTORY_CLEAR, "go");
    tale_caught_by(t, "join");
}

/* ---- events and barriers ---- */

SPOILED(a_wait_that_ends_without_a_set)
{
    tale_never_made(*state, SET);
    tale_caught_by(*state, "event");
}

SPOILED(an_event_that_stays_set)
{
    tale_call_of(*state, IS_CLEAR)->flag = true;
    tale_caught_by(*state, "event");
}

SPOILED(an_event_that_is_clear_too_early)
{
    tale_never_made(*state, CLEAR);
    tale_caught_by(*state, "event");
}

SPOILED(a_ghost_party)
{
    tale_never_made(*state, PARTY_1);
    tale_caught_by(*state, "barrier");
}

SPOILED(one_index_for_two_parties)
{
    tale_call_of(*state, PARTY_1)->index = 0;
    tale_caught_by(*state, "barrier");
}

SPOILED(an_index_beyond_the_parties)
{
    tale_call_of(*state, PARTY_1)->index = 2;
    tale_caught_by(*state, "barrier");
}

SPOILED(a_release_while_a_party_is_away)
{
    struct tale *t = *state;
    struct history_call *a = tale_call_of(t, PARTY_1), *b = tale_call_of(t, PARTY_0);
    struct history_trouble *trouble = history_trouble(t->history, b->program);

    a->begin = t->history->now++;
    trouble->away = true;
    a->end = t->history->now++;
    b->end = t->history->now++;
    tale_caught_by(t, "barrier");
}

SPOILED(a_party_that_came_after_the_release)
{
    struct history_call *call = tale_call_of(*state, PARTY_1);

    call->begin = tale_call_of(*state, PARTY_0)->end + 1;
    call->end = call->begin + 1;
    tale_caught_by(*state, "barrier");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        T(a_wait_that_ends_without_a_set),
        T(an_event_that_stays_set),
        T(an_event_that_is_clear_too_early),
        T(a_ghost_party),
        T(one_index_for_two_parties),
        T(an_index_beyond_the_parties),
        T(a_release_while_a_party_is_away),
        T(a_party_that_came_after_the_release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
