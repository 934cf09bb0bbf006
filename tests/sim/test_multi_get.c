/* test_multi_get.c - a get for several messages, or from several queues (SEMANTICS 1.4, 2). */
#include "tests/sim/world.h"

STORY(max_takes_at_least_one_and_as_many_as_are_ready)
{
    tell(w, "a put jobs 1 2 3");
    forget_transcript(w);
    tell(w, "b get jobs max=2");
    tell(w, "b get jobs max=2");
    tell(w, "b get jobs max=2 timeout=0");
    expect(w, "b get OK 1.1 1, 2.1 2; b get OK 3.1 3; b get EMPTY");
}

STORY(a_waiting_get_for_several_takes_what_one_put_brings)
{
    tell(w, "b get jobs max=3");
    tell(w, "a put jobs 1 2 mode=all");
    expect(w, "b get OK 1.1 1, 2.1 2; a put OK 1-2");
}

STORY(one_put_of_many_serves_the_whole_line)
{
    tell(w, "b get jobs max=2");
    tell(w, "c get jobs");
    tell(w, "d get jobs max=9");
    tell(w, "a put jobs 1 2 3 4 mode=all");
    expect(w, "b get OK 1.1 1, 2.1 2; c get OK 3.1 3; d get OK 4.1 4; a put OK 1-4");
}

STORY(the_many_of_one_get_are_each_a_delivery_of_its_own)
{
    tell(w, "a put jobs 1 2 3");
    tell(w, "b get jobs max=3");
    tell(w, "b done jobs 2.1");
    tell(w, "b nack jobs 3.1");
    tell(w, "b nack jobs 1.1");
    tell(w, "c get jobs max=3");
    expect(w, "*; *; *; *; b done OK; b nack OK; b nack OK; c get OK 1.2 1, 3.2 3");
}

/* Their answers may share a frame, in which each request has one delivery. */
STORY(two_gets_for_several_that_are_answered_at_once_get_one_each)
{
    tell(w, "b get jobs max=2 as=first");
    tell(w, "b get jobs max=2 as=second");
    tell(w, "a get none,jobs as=third");
    tell(w, "a get none,jobs as=fourth");
    tell(w, "c put jobs 1 2 3 4 mode=each delay=1s");
    forget_transcript(w);
    pass(w, SECOND);
    expect(w, "b first OK 1.1 1; b second OK 2.1 2; a third OK jobs:3.1 3; a fourth OK jobs:4.1 4");
}

STORY(a_priority_queue_gives_many_in_its_order)
{
    tell(w, "a declare jobs priority");
    tell(w, "a put jobs 1 2 3 4 mode=all priority=4,3,2,1");
    tell(w, "b get jobs max=3");
    expect(w, "*; *; b get OK 4.1 4, 3.1 3, 2.1 2");
}

STORY(as_many_as_fit_a_frame)
{
    static char body[200001];
    struct mst_request put;
    struct mst_span bodies[10];
    struct program *a = program_of(w, "a");
    size_t got = 0;

    w->config.frame_bytes_max = 1u << 20;
    world_configure(w);
    memset(body, 'x', sizeof(body));
    mst_request_init(&put, MST_OP_PUT);
    put.handle = program_handle(a, "jobs");
    put.bodies = bodies;
    put.bodies_count = 1;
    bodies[0] = mst_span_of(body, 200000);
    w->quiet = true;
    for (int i = 0; i < 10; i++) {
        program_submit(a, &put, "put");
    }
    world_settle(w);
    tell(w, "b hold");
    for (int round = 0; round < 10 && got < 10; round++) {
        tell(w, "b get jobs max=10");
        for (const struct muster_message *m = program_of(w, "b")->errands->call->outcome.messages;
             m != NULL; m = m->next) {
            got++;
        }
        tell(w, "b take");
    }
    assert_int_equal(got, 10);
    assert_true(fact(w, "jobs", "gets") == 10);
}

STORY(of_several_queues_the_first_named_that_has_one_gives)
{
    tell(w, "a put green g");
    tell(w, "a put blue b");
    forget_transcript(w);
    tell(w, "b get red,green,blue");
    tell(w, "b get red,green,blue");
    tell(w, "b get red,green,blue timeout=0");
    expect(w, "b get OK green:1.1 g; b get OK blue:1.1 b; b get EMPTY");
}

STORY(max_of_several_queues_takes_from_one_only)
{
    tell(w, "a put green 1 2");
    tell(w, "a put blue 3");
    forget_transcript(w);
    tell(w, "b get red,green,blue max=9");
    expect(w, "b get OK green:1.1 1, green:2.1 2");
}

STORY(a_newcomer_to_several_does_not_overtake_who_waits_in_one)
{
    tell(w, "a put jobs x");
    tell(w, "a pause jobs get");
    tell(w, "b get jobs");
    tell(w, "c get other,jobs");
    forget_transcript(w);
    tell(w, "a unpause jobs get");
    expect(w, "a unpause OK; b get OK 1.1 x");
}

STORY(a_wait_in_several_lines_is_passed_over_in_all_while_away)
{
    tell(w, "a get red,green");
    tell(w, "a cut");
    tell(w, "b get red");
    tell(w, "c put red r");
    tell(w, "c put green g");
    expect(w, "b get OK 1.1 r; c put OK 1; c put OK 1");
    tell(w, "a back");
    expect(w, "a get OK green:1.1 g");
    assert_int_equal(fact(w, "red", "waiting_getters"), 0);
}

STORY(the_same_queue_may_be_named_twice)
{
    tell(w, "a get jobs,jobs");
    tell(w, "b put jobs 1 2");
    expect(w, "a get OK jobs:1.1 1; b put OK 1; b put OK 2");
    assert_int_equal(fact(w, "jobs", "waiting_getters"), 0);
    assert_int_equal(fact(w, "jobs", "ready"), 1);
}

STORY(impossible_gets_are_value)
{
    tell(w, "a get jobs max=0");
    tell(w, "a get jobs max=4097");
    tell(w, "a get jobs max=4096 timeout=0");
    expect(w, "a get VALUE (*); a get VALUE (*); a get EMPTY");
}

STORY(sixty_four_queues_at_once_are_fine)
{
    char names[64 * 4 + 16] = "a get q0";

    for (int i = 1; i < 64; i++) {
        size_t len = strlen(names);

        names[len++] = ',';
        names[len++] = 'q';
        names[len++] = (char)('0' + i % 10);
        if (i >= 10) {
            names[len - 1] = (char)('0' + i / 10);
            names[len++] = (char)('0' + i % 10);
        }
        names[len] = '\0';
    }
    tell(w, names);
    tell(w, "b put q63 x");
    expect(w, "a get OK q63:1.1 x; b put OK 1");
    assert_int_equal(fact(w, "q17", "waiting_getters"), 0);
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(max_takes_at_least_one_and_as_many_as_are_ready),
        UNIT(a_waiting_get_for_several_takes_what_one_put_brings),
        UNIT(one_put_of_many_serves_the_whole_line),
        UNIT(the_many_of_one_get_are_each_a_delivery_of_its_own),
        UNIT(two_gets_for_several_that_are_answered_at_once_get_one_each),
        UNIT(a_priority_queue_gives_many_in_its_order),
        UNIT(as_many_as_fit_a_frame),
        UNIT(of_several_queues_the_first_named_that_has_one_gives),
        UNIT(max_of_several_queues_takes_from_one_only),
        UNIT(a_newcomer_to_several_does_not_overtake_who_waits_in_one),
        UNIT(a_wait_in_several_lines_is_passed_over_in_all_while_away),
        UNIT(the_same_queue_may_be_named_twice),
        UNIT(impossible_gets_are_value),
        UNIT(sixty_four_queues_at_once_are_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
