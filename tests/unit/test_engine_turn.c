/* test_engine_turn.c - in which order a turn sends: who waited first, then who asked, in turn. */
#include "tests/unit/engine_pipes.h"

static void a_message_is_with_its_getter_before_the_putter_is_told(void **state)
{
    struct pipes *pipes = *state;
    struct client *putter = pipes_client(pipes);
    struct client *getter = pipes_client(pipes);

    pipes_get(pipes, getter, 1, MST_GET_AUTO);
    pipes_turn(pipes);
    pipes_put(pipes, putter, 1, "hello");
    pipes_turn(pipes);
    assert_read(getter, "GET#1 OK hello.1 ");
    assert_read(putter, "PUT#1 OK ");
    assert_int_equal(getter->place + 1, putter->place);
}

static void who_releases_many_does_not_wait_for_all_of_them(void **state)
{
    struct pipes *pipes = *state;
    struct client *waiter[3];
    struct client *setter = pipes_client(pipes);

    for (size_t i = 0; i < 3; i++) {
        waiter[i] = pipes_client(pipes);
        pipes_simple(pipes, waiter[i], MST_OP_EVENT_WAIT, 1);
    }
    pipes_turn(pipes);
    pipes_simple(pipes, setter, MST_OP_EVENT_SET, 1);
    pipes_turn(pipes);
    assert_read(setter, "EVENT_SET#1 OK ");
    for (size_t i = 0; i < 3; i++) {
        assert_read(waiter[i], "EVENT_WAIT#1 OK ");
    }
    assert_int_equal(waiter[0]->place + 1, setter->place);
    assert_int_equal(waiter[0]->place + 2, waiter[1]->place);
    assert_int_equal(waiter[0]->place + 3, waiter[2]->place);
}

static void those_who_ask_are_answered_in_the_order_of_their_coming(void **state)
{
    struct pipes *pipes = *state;
    struct client *putter[3];

    for (size_t i = 0; i < 3; i++) {
        putter[i] = pipes_client(pipes);
    }
    for (size_t i = 0; i < 3; i++) {
        pipes_put(pipes, putter[2 - i], 1, "x");
    }
    pipes_turn(pipes);
    assert_int_equal(putter[2]->place + 1, putter[1]->place);
    assert_int_equal(putter[2]->place + 2, putter[0]->place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_is_with_its_getter_before_the_putter_is_told,
                                        pipes_setup, pipes_teardown),
        cmocka_unit_test_setup_teardown(who_releases_many_does_not_wait_for_all_of_them,
                                        pipes_setup, pipes_teardown),
        cmocka_unit_test_setup_teardown(those_who_ask_are_answered_in_the_order_of_their_coming,
                                        pipes_setup, pipes_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
