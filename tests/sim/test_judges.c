/* test_judges.c - who checks the checker: a good history passes, and each way of spoiling what
 * became of its messages is noticed by the judge whose business it is. */
#include "tests/sim/tale.h"

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
    tale_never_made(*state, LAST_6);
    tale_caught_by(*state, "loss");
}

SPOILED(a_phantom)
{
    strcpy(tale_call_of(*state, LAST_6)->messages[0].body, "ghost");
    tale_caught_by(*state, "phantoms");
}

SPOILED(a_delivery_before_its_put)
{
    tale_swap(*state, PUT_1, GET_1);
    tale_caught_by(*state, "phantoms");
}

SPOILED(a_message_whose_put_was_refused)
{
    tale_call_of(*state, PUT_6)->status = MUSTER_FULL;
    tale_caught_by(*state, "phantoms");
}

SPOILED(a_duplicate_that_was_put_all_the_same)
{
    struct history_call *call = tale_gets(*state, "z", "q", 7, 1, "x4 again");

    call->automatic = true;
    tale_caught_by(*state, "phantoms");
}

SPOILED(a_put_that_was_carried_out_twice)
{
    tale_call_of(*state, PUT_6)->end = HISTORY_NEVER;
    tale_gets(*state, "z", "q", 7, 1, "x6")->automatic = true;
    tale_caught_by(*state, "phantoms");
}

SPOILED(one_id_for_two_puts)
{
    tale_call_of(*state, PUT_6)->messages[0].id = 5;
    tale_call_of(*state, LAST_6)->messages[0].id = 5;
    tale_caught_by(*state, "ids");
}

SPOILED(ids_that_fall)
{
    tale_call_of(*state, PUT_5)->messages[0].id = 9;
    tale_call_of(*state, LAST_5)->messages[0].id = 9;
    tale_caught_by(*state, "ids");
}

SPOILED(one_delivery_for_two)
{
    tale_call_of(*state, GET_1_AGAIN)->messages[0].number = 1;
    tale_caught_by(*state, "deliveries");
}

SPOILED(delivery_numbers_that_fall)
{
    tale_call_of(*state, GET_1)->messages[0].number = 3;
    tale_caught_by(*state, "deliveries");
}

SPOILED(a_delivery_number_that_nobody_got)
{
    tale_call_of(*state, GET_4)->messages[0].number = 2;
    tale_caught_by(*state, "deliveries");
}

SPOILED(a_redelivery_without_a_cause)
{
    tale_never_made(*state, NACK_1);
    tale_caught_by(*state, "deliveries");
}

SPOILED(a_redelivery_before_the_lease_was_over)
{
    tale_never_made(*state, NACK_1);
    tale_call_of(*state, GET_1)->lease_ns = 5 * SECOND;
    tale_caught_by(*state, "deliveries");
}

SPOILED(a_key_put_twice)
{
    struct history_call *call = tale_call_of(*state, PUT_KEY_AGAIN);

    call->duplicate_of = 0;
    call->messages[0].id = 5;
    tale_never_made(*state, PUT_5);
    tale_never_made(*state, LAST_5);
    tale_gets(*state, "z", "q", 5, 1, "x4 again")->automatic = true;
    tale_caught_by(*state, "dedup");
}

SPOILED(a_duplicate_of_nothing)
{
    tale_call_of(*state, PUT_KEY_AGAIN)->duplicate_of = 3;
    tale_caught_by(*state, "dedup");
}

/* ---- ends of deliveries ---- */

SPOILED(done_comes_back)
{
    tale_gets(*state, "z", "q", 1, 3, "x1")->automatic = true;
    tale_caught_by(*state, "done");
}

SPOILED(done_twice)
{
    tale_finishes(*state, "c", HISTORY_DONE, "q", 1, 2);
    tale_caught_by(*state, "done");
}

SPOILED(done_by_somebody_else)
{
    struct history_call *call = tale_call_of(*state, DONE_2);

    call->session = call->session_end = 1;
    tale_caught_by(*state, "done");
}

SPOILED(done_of_what_nobody_got)
{
    tale_call_of(*state, DONE_2)->number = 7;
    tale_caught_by(*state, "done");
}

SPOILED(a_holder_who_is_told_that_it_lost)
{
    tale_call_of(*state, DONE_2)->status = MUSTER_LOST;
    tale_caught_by(*state, "holder");
}

SPOILED(a_lease_that_never_ends)
{
    struct tale *t = *state;
    struct history_call *call = tale_call_of(t, GET_2);

    call->lease_ns = SECOND / 1000;
    tale_call_of(t, DONE_2)->begin_ns += 3 * SECOND;
    tale_caught_by(t, "holder");
}

SPOILED(a_death_too_late)
{
    tale_call_of(*state, DECLARE)->max_deliveries = 1;
    tale_caught_by(*state, "deaths");
}

SPOILED(a_death_too_early)
{
    struct history_call *call = tale_call_of(*state, LAST_6);

    call->messages[0].object = history_object(((struct tale *)*state)->history, "q.dead");
    call->messages[0].died_by_itself = true;
    tale_caught_by(*state, "deaths");
}

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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
