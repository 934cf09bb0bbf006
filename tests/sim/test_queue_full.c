/* test_queue_full.c - room, and who waits for it (SEMANTICS 2: maxsize, full, put_many). */
#include "tests/sim/world.h"

STORY(maxsize_counts_ready_delayed_and_leased_messages)
{
    tell(w, "a declare jobs fifo maxsize=3");
    tell(w, "a put jobs ready");
    tell(w, "a put jobs delayed delay=1h");
    tell(w, "a put jobs leased");
    tell(w, "b get jobs");
    pass(w, MS);
    forget_transcript(w);
    tell(w, "a put jobs more timeout=0");
    expect(w, "a put FULL");
    tell(w, "b done jobs 1.1");
    tell(w, "a put jobs more timeout=0");
    expect(w, "b done OK; a put OK 4");
}

STORY(in_auto_mode_a_taken_message_gives_its_slot_free)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs x");
    tell(w, "b get jobs auto");
    pass(w, MS); /* the receipt */
    tell(w, "a put jobs y timeout=0");
    expect(w, "a declare OK created; a put OK 1; b get OK 1.1 x; a put OK 2");
    assert_int_equal(fact(w, "jobs", "unfinished"), 2);
}

STORY(max_bytes_counts_body_bytes_likewise)
{
    tell(w, "a declare jobs fifo max-bytes=10");
    tell(w, "a put jobs 12345");
    tell(w, "a put jobs 1234 delay=1h");
    tell(w, "b get jobs");
    pass(w, MS);
    forget_transcript(w);
    tell(w, "a put jobs 12 timeout=0");
    tell(w, "a put jobs 1 timeout=0");
    expect(w, "a put FULL; a put OK 3");
    tell(w, "a put jobs 12345678901 timeout=0");
    expect(w, "a put VALUE (a body is larger than the queue's max-bytes and can never fit)");
}

STORY(a_return_always_succeeds)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs x");
    tell(w, "b get jobs");
    pass(w, MS);
    tell(w, "a update jobs maxsize=0");
    tell(w, "a put jobs y z");
    tell(w, "a update jobs maxsize=1");
    forget_transcript(w);
    tell(w, "b nack jobs 1.1");
    tell(w, "b get jobs max=9");
    expect(w, "b nack OK; b get OK 1.2 x, 2.1 y, 3.1 z");
}

STORY(a_full_queue_blocks_by_default_and_the_put_waits_in_line)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs 1");
    tell(w, "a put jobs 2 as=second");
    tell(w, "b put jobs 3 as=third timeout=5s");
    expect(w, "a declare OK created; a put OK 1");
    tell(w, "c get jobs auto");
    pass(w, MS);
    expect(w, "c get OK 1.1 1; a second OK 2");
    pass(w, 5 * SECOND);
    expect(w, "b third TIMEOUT");
    tell(w, "c get jobs auto max=9");
    pass(w, MS);
    tell(w, "c get jobs auto timeout=0"); /* who timed out left nothing behind */
    expect(w, "c get OK 2.1 2; c get EMPTY");
}

STORY(full_reject_answers_full_at_once)
{
    tell(w, "a declare jobs fifo maxsize=1 full=reject");
    tell(w, "a put jobs 1");
    tell(w, "a put jobs 2 timeout=forever");
    tell(w, "a put jobs 2 3 mode=fit");
    expect(w, "a declare OK created; a put OK 1; a put FULL; a put FULL");
}

STORY(drop_oldest_drops_the_ready_message_with_the_smallest_sequence_whatever_the_kind)
{
    static const char *const kinds[] = {"fifo", "lifo", "priority"};

    for (size_t i = 0; i < 3; i++) {
        tellf(w, "a declare %s %s maxsize=3 full=drop-oldest", kinds[i], kinds[i]);
        tellf(w, "a put %s 1 2 3 mode=all", kinds[i]);
        tellf(w, "b get %s", kinds[i]); /* a leased one is not dropped */
        pass(w, MS);
        forget_transcript(w);
        tellf(w, "a put %s 4", kinds[i]);
        tellf(w, "a peek %s 9", kinds[i]);
        expect(w, i == 0   ? "a put OK 4; a peek OK 3 3, 4 4, 1 1 leased"
                  : i == 1 ? "a put OK 4; a peek OK 4 4, 2 2, 3 3 leased"
                           : "a put OK 4; a peek OK 3 3, 4 4, 1 1 leased");
        assert_int_equal(fact(w, kinds[i], "dropped"), 1);
    }
}

STORY(drop_oldest_drops_as_many_as_needed_and_none_left_is_full)
{
    tell(w, "a declare jobs fifo max-bytes=10 full=drop-oldest");
    tell(w, "a put jobs 123 45 678 9");
    forget_transcript(w);
    tell(w, "a put jobs 1234567");
    tell(w, "a peek jobs 9");
    expect(w, "a put OK 5; a peek OK 4 9, 5 1234567");
    tell(w, "b get jobs max=9");
    pass(w, MS);
    tell(w, "a put jobs 123 timeout=1s"); /* all are leased */
    expect(w, "b get OK 4.1 9, 5.1 1234567; a put FULL");
    assert_int_equal(fact(w, "jobs", "dropped"), 3);
}

STORY(put_many_all_waits_in_line_until_all_fit)
{
    tell(w, "a declare jobs fifo maxsize=3");
    tell(w, "a put jobs 1 2");
    tell(w, "a put jobs 3 4 mode=all as=two");
    tell(w, "b put jobs 5 as=small"); /* a large one at the head keeps smaller ones waiting */
    forget_transcript(w);
    tell(w, "c get jobs auto");
    pass(w, MS);
    expect(w, "c get OK 1.1 1; a two OK 3-4");
    tell(w, "c get jobs auto");
    pass(w, MS);
    expect(w, "c get OK 2.1 2; b small OK 5");
}

STORY(put_many_all_is_all_or_nothing)
{
    tell(w, "a declare jobs fifo maxsize=2");
    tell(w, "a put jobs 1");
    tell(w, "a put jobs 2 3 mode=all timeout=0");
    tell(w, "a put jobs 2 3 mode=all timeout=1s");
    pass(w, SECOND);
    tell(w, "a qsize jobs");
    expect(w, "a declare OK created; a put OK 1; a put FULL; a put TIMEOUT; "
              "a qsize OK ready=1 kept=1");
}

STORY(more_than_can_ever_fit_is_value)
{
    tell(w, "a declare jobs fifo maxsize=2");
    tell(w, "a put jobs 1 2 3 mode=all");
    tell(w, "a declare bytes fifo max-bytes=5");
    tell(w, "a put bytes 123 456 mode=all");
    expect(w, "a declare OK created; a put VALUE (*); a declare OK created; a put VALUE (*)");
}

STORY(put_many_fit_never_waits_and_takes_a_prefix)
{
    tell(w, "a declare jobs fifo maxsize=3");
    tell(w, "a put jobs 1");
    tell(w, "a put jobs 2 3 4 mode=fit timeout=forever");
    tell(w, "a put jobs 5 mode=fit timeout=forever");
    expect(w, "a declare OK created; a put OK 1; a put OK 2-3; a put FULL");
}

STORY(a_blocked_put_whose_session_ends_is_not_enqueued)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs 1");
    tell(w, "b put jobs 2 as=second");
    tell(w, "c put jobs 3 as=third");
    tell(w, "b bye");
    forget_transcript(w);
    tell(w, "a get jobs auto");
    pass(w, MS);
    expect(w, "a get OK 1.1 1; c third OK 2");
}

STORY(one_full_queue_never_blocks_another)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs 1");
    forget_transcript(w);
    tell(w, "a put jobs x times=3000"); /* more than the credit: the library holds them back */
    tell(w, "a put other y");
    tell(w, "a get other as=back");
    expect(w, "a put OK 1; a back OK 1.1 y");
    assert_int_equal(fact(w, "jobs", "waiting_putters"), 1024);
}

STORY(puts_that_were_held_back_keep_their_order)
{
    tell(w, "a declare jobs fifo maxsize=1");
    w->config.put_credit = 2;
    world_configure(w);
    tell(w, "b put jobs 1 2 3 4 5 6");
    forget_transcript(w);
    for (int i = 0; i < 6; i++) {
        tell(w, "c get jobs auto");
        pass(w, MS);
    }
    expect(w, "c get OK 1.1 1; b put OK 2; c get OK 2.1 2; b put OK 3; c get OK 3.1 3; b put OK 4; "
              "c get OK 4.1 4; b put OK 5; c get OK 5.1 5; b put OK 6; c get OK 6.1 6");
}

STORY(the_credit_counts_bytes_but_one_put_alone_may_be_larger)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs 1");
    w->config.put_credit_bytes = 8;
    world_configure(w);
    tell(w, "b put jobs 1234567890 1234 12345678 12");
    assert_int_equal(fact(w, "jobs", "waiting_putters"), 1);
    tell(w, "a get jobs auto");
    pass(w, MS);
    assert_int_equal(fact(w, "jobs", "waiting_putters"), 1);
    expect(w, "a declare OK created; a put OK 1; a get OK 1.1 1; b put OK 2");
}

STORY(a_memory_limit_refuses_puts_and_lets_consumers_go_on)
{
    w->config.memory_max = 8000;
    world_configure(w);
    w->quiet = true;
    for (int i = 0; i < 200; i++) {
        tell(w, "a put jobs x");
    }
    tell(w, "a get jobs auto max=200");
    pass(w, MS);
    w->quiet = false;
    assert_true(w->counts[MST_NO_MEMORY] > 0);
    assert_true(w->counts[MST_OK] > 5);
    forget_transcript(w);
    tell(w, "a put jobs x timeout=0");
    expect(w, "a put OK *");
}

STORY(a_blocked_put_is_charged_to_the_memory_limit)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs x");
    w->config.memory_max = 5000;
    world_configure(w);
    w->quiet = true;
    for (int i = 0; i < 20; i++) {
        tellf(w, "b put jobs %0400d", i);
    }
    assert_true(w->counts[MST_NO_MEMORY] > 5);
    assert_true(fact(w, "jobs", "waiting_putters") > 5);
    tell(w, "b die");
    pass(w, 10 * SECOND);
    w->quiet = false;
    tell(w, "a get jobs auto"); /* what the dead one had blocked is free again */
    pass(w, MS);
    tellf(w, "a put jobs %04000d", 1);
    expect(w, "*; *; a get OK 1.1 x; a put OK 2");
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(maxsize_counts_ready_delayed_and_leased_messages),
        UNIT(in_auto_mode_a_taken_message_gives_its_slot_free),
        UNIT(max_bytes_counts_body_bytes_likewise),
        UNIT(a_return_always_succeeds),
        UNIT(a_full_queue_blocks_by_default_and_the_put_waits_in_line),
        UNIT(full_reject_answers_full_at_once),
        UNIT(drop_oldest_drops_the_ready_message_with_the_smallest_sequence_whatever_the_kind),
        UNIT(drop_oldest_drops_as_many_as_needed_and_none_left_is_full),
        UNIT(put_many_all_waits_in_line_until_all_fit),
        UNIT(put_many_all_is_all_or_nothing),
        UNIT(more_than_can_ever_fit_is_value),
        UNIT(put_many_fit_never_waits_and_takes_a_prefix),
        UNIT(a_blocked_put_whose_session_ends_is_not_enqueued),
        UNIT(one_full_queue_never_blocks_another),
        UNIT(puts_that_were_held_back_keep_their_order),
        UNIT(the_credit_counts_bytes_but_one_put_alone_may_be_larger),
        UNIT(a_blocked_put_is_charged_to_the_memory_limit),
        UNIT(a_memory_limit_refuses_puts_and_lets_consumers_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
