/* test_queue_order.c - in which order a queue gives its messages (SEMANTICS 2, "Order"). */
#include "tests/sim/world.h"

STORY(a_fifo_gives_by_sequence)
{
    tell(w, "a put jobs 1 2 3");
    forget_transcript(w);
    tell(w, "b get jobs");
    tell(w, "b get jobs");
    tell(w, "a put jobs 4");
    tell(w, "b get jobs max=5");
    expect(w, "b get OK 1.1 1; b get OK 2.1 2; a put OK 4; b get OK 3.1 3, 4.1 4");
}

STORY(a_lifo_gives_the_latest_first)
{
    tell(w, "a declare jobs lifo");
    tell(w, "a put jobs 1 2 3");
    forget_transcript(w);
    tell(w, "b get jobs");
    tell(w, "a put jobs 4");
    tell(w, "b get jobs max=5");
    expect(w, "b get OK 3.1 3; a put OK 4; b get OK 4.1 4, 2.1 2, 1.1 1");
}

STORY(a_priority_queue_gives_the_lowest_number_first_and_equal_ones_by_sequence)
{
    tell(w, "a declare jobs priority");
    tell(w, "a put jobs low priority=9");
    tell(w, "a put jobs one priority=1");
    tell(w, "a put jobs zero");
    tell(w, "a put jobs minus priority=-9223372036854775808");
    tell(w, "a put jobs another priority=1");
    tell(w, "a put jobs most priority=9223372036854775807");
    forget_transcript(w);
    tell(w, "b get jobs max=9");
    expect(w, "b get OK 4.1 minus, 3.1 zero, 2.1 one, 5.1 another, 1.1 low, 6.1 most");
}

STORY(one_put_many_may_give_each_its_priority)
{
    tell(w, "a declare jobs priority");
    tell(w, "a put jobs 1 2 3 mode=all priority=5,3,4");
    tell(w, "b get jobs max=9");
    expect(w, "a declare OK created; a put OK 1-3; b get OK 2.1 2, 3.1 3, 1.1 1");
}

STORY(a_priority_on_another_kind_is_value)
{
    tell(w, "a put fifo x priority=1");
    tell(w, "a declare lifo lifo");
    tell(w, "a put lifo x priority=-1");
    expect(w, "a put VALUE (only a priority queue takes priorities); a declare OK created; "
              "a put VALUE (only a priority queue takes priorities)");
}

STORY(what_returns_to_a_fifo_goes_before_all_later_ones)
{
    tell(w, "a put jobs 1 2 3 4");
    tell(w, "b get jobs max=3");
    pass(w, MS);
    forget_transcript(w);
    tell(w, "b nack jobs 3.1");
    tell(w, "b nack jobs 1.1");
    tell(w, "b nack jobs 2.1");
    tell(w, "c get jobs max=9");
    expect(w, "b nack OK; b nack OK; b nack OK; c get OK 1.2 1, 2.2 2, 3.2 3, 4.1 4");
}

STORY(what_returns_to_a_lifo_goes_beneath_all_later_ones)
{
    tell(w, "a declare jobs lifo");
    tell(w, "a put jobs 1 2 3");
    tell(w, "b get jobs max=2");
    pass(w, MS);
    tell(w, "a put jobs 4");
    forget_transcript(w);
    tell(w, "b nack jobs 2.1");
    tell(w, "b nack jobs 3.1");
    tell(w, "c get jobs max=9");
    expect(w, "b nack OK; b nack OK; c get OK 4.1 4, 3.2 3, 2.2 2, 1.1 1");
}

STORY(what_returns_to_a_priority_queue_goes_before_its_equals)
{
    tell(w, "a declare jobs priority");
    tell(w, "a put jobs 1 2 3 mode=all priority=1");
    tell(w, "b get jobs max=2");
    pass(w, MS);
    tell(w, "a put jobs first priority=0");
    forget_transcript(w);
    tell(w, "b nack jobs 2.1");
    tell(w, "b nack jobs 1.1");
    tell(w, "c get jobs max=9");
    expect(w, "b nack OK; b nack OK; c get OK 4.1 first, 1.2 1, 2.2 2, 3.1 3");
}

STORY(whose_delay_ends_takes_the_place_of_its_own_sequence)
{
    tell(w, "a put jobs 1 delay=5s");
    tell(w, "a put jobs 2");
    tell(w, "a declare top lifo");
    tell(w, "a put top 1 delay=5s");
    tell(w, "a put top 2");
    forget_transcript(w);
    pass(w, 5 * SECOND);
    tell(w, "b get jobs max=2");
    tell(w, "b get top max=2");
    expect(w, "b get OK 1.1 1, 2.1 2; b get OK 2.1 2, 1.1 1");
}

STORY(what_a_dead_program_held_returns_to_its_own_place)
{
    tell(w, "z put jobs 1 2 3");
    tell(w, "a get jobs");
    tell(w, "b get jobs");
    pass(w, MS);
    tell(w, "b bye");
    tell(w, "a bye");
    forget_transcript(w);
    tell(w, "c get jobs max=9");
    expect(w, "c get OK 1.2 1, 2.2 2, 3.1 3");
}

STORY(peek_shows_the_order_of_delivery_then_delayed_then_leased_and_changes_nothing)
{
    tell(w, "a declare jobs priority");
    tell(w, "a put jobs 1 2 3 4 5 mode=all priority=5,4,3,2,1");
    tell(w, "a put jobs late delay=5s");
    tell(w, "b get jobs");
    pass(w, MS);
    forget_transcript(w);
    for (int i = 0; i < 2; i++) {
        tell(w, "c peek jobs 9");
        expect(w, "c peek OK 4 4, 3 3, 2 2, 1 1, 6 late delayed, 5 5 leased");
    }
    tell(w, "c peek jobs 2 after=3");
    tell(w, "c peek jobs 2 after=1");
    tell(w, "c peek jobs 2");
    tell(w, "c peek jobs 2 after=77");
    expect(w, "c peek OK 2 2, 1 1; c peek OK 6 late delayed, 5 5 leased; c peek OK 4 4, 3 3; "
              "c peek NOT_FOUND (*)");
    tell(w, "c get jobs");
    expect(w, "c get OK 4.1 4"); /* its first delivery */
}

STORY(a_message_that_was_peeked_at_keeps_its_number_and_its_ready_place)
{
    tell(w, "a put jobs 1 2");
    tell(w, "c peek jobs");
    assert_int_equal(fact(w, "jobs", "gets"), 0);
    assert_int_equal(fact(w, "jobs", "ready"), 2);
    expect(w, "a put OK 1; a put OK 2; c peek OK 1 1");
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(a_fifo_gives_by_sequence),
        UNIT(a_lifo_gives_the_latest_first),
        UNIT(a_priority_queue_gives_the_lowest_number_first_and_equal_ones_by_sequence),
        UNIT(one_put_many_may_give_each_its_priority),
        UNIT(a_priority_on_another_kind_is_value),
        UNIT(what_returns_to_a_fifo_goes_before_all_later_ones),
        UNIT(what_returns_to_a_lifo_goes_beneath_all_later_ones),
        UNIT(what_returns_to_a_priority_queue_goes_before_its_equals),
        UNIT(whose_delay_ends_takes_the_place_of_its_own_sequence),
        UNIT(what_a_dead_program_held_returns_to_its_own_place),
        UNIT(peek_shows_the_order_of_delivery_then_delayed_then_leased_and_changes_nothing),
        UNIT(a_message_that_was_peeked_at_keeps_its_number_and_its_ready_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
