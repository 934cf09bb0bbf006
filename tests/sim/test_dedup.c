/* test_dedup.c - put at most once per key, across sessions (SEMANTICS 1.2). */
#include <stdio.h>

#include "tests/sim/world.h"

STORY(a_duplicate_answers_with_the_id_and_is_no_error)
{
    tell(w, "a put jobs x dedup=k");
    tell(w, "a put jobs x dedup=k");
    tell(w, "b put jobs y dedup=k");
    tell(w, "b put jobs z dedup=other");
    tell(w, "b qsize jobs");
    expect(w, "a put OK 1; a put OK duplicate of 1; b put OK duplicate of 1; b put OK 2; "
              "b qsize OK ready=2 kept=2");
    assert_int_equal(fact(w, "jobs", "duplicates"), 2);
}

STORY(a_key_is_remembered_when_its_message_is_long_gone)
{
    tell(w, "a put jobs x dedup=k");
    tell(w, "a get jobs");
    tell(w, "a done jobs 1.1");
    tell(w, "a bye");
    forget_transcript(w);
    tell(w, "b put jobs x dedup=k");
    expect(w, "b put OK duplicate of 1");
}

STORY(the_window_is_5_min_and_counts_from_the_put)
{
    tell(w, "a put jobs x dedup=k");
    pass(w, 300 * SECOND - 1);
    tell(w, "a put jobs x dedup=k");
    pass(w, 1);
    tell(w, "a put jobs x dedup=k");
    expect(w, "a put OK 1; a put OK duplicate of 1; a put OK 2");
}

STORY(the_window_is_a_setting)
{
    tell(w, "a declare jobs fifo dedup-window=10s");
    tell(w, "a put jobs x dedup=k");
    pass(w, 10 * SECOND);
    tell(w, "a put jobs x dedup=k");
    tell(w, "a update jobs dedup-window=1h");
    pass(w, 3599 * SECOND);
    tell(w, "a put jobs x dedup=k");
    expect(w, "a declare OK created; a put OK 1; a put OK 2; a update OK; "
              "a put OK duplicate of 2");
}

STORY(keys_are_per_queue)
{
    tell(w, "a put jobs x dedup=k");
    tell(w, "a put more x dedup=k");
    expect(w, "a put OK 1; a put OK 1");
}

STORY(a_key_belongs_to_one_message)
{
    tell(w, "a put jobs x y mode=all dedup=k");
    expect(w, "a put VALUE (a dedup key belongs to one message)");
}

STORY(a_duplicate_needs_no_room)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs x dedup=k");
    tell(w, "a put jobs x dedup=k timeout=0");
    expect(w, "a declare OK created; a put OK 1; a put OK duplicate of 1");
}

STORY(of_two_blocked_puts_with_a_key_only_one_gets_in)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs x");
    tell(w, "b put jobs y dedup=k");
    tell(w, "c put jobs y dedup=k");
    forget_transcript(w);
    tell(w, "a get jobs auto");
    pass(w, MS);
    expect(w, "a get OK 1.1 x; b put OK 2; c put OK duplicate of 2");
}

STORY(a_put_that_did_not_get_in_leaves_no_key_behind)
{
    tell(w, "a declare jobs fifo maxsize=1");
    tell(w, "a put jobs x");
    tell(w, "b put jobs y dedup=k timeout=1s");
    tell(w, "b put jobs y dedup=j timeout=0 as=now");
    pass(w, SECOND);
    tell(w, "a purge jobs");
    tell(w, "b put jobs y dedup=k");
    expect(w,
           "a declare OK created; a put OK 1; b now FULL; b put TIMEOUT; a purge OK 1; b put OK 2");
}

STORY_IN(WORLD_JOURNAL, a_key_survives_a_restart_with_what_is_left_of_its_window)
{
    tell(w, "a put jobs x dedup=k");
    pass(w, 100 * SECOND);
    world_restart(w);
    tell(w, "b put jobs x dedup=k");
    pass(w, 200 * SECOND);
    tell(w, "b put jobs x dedup=k");
    expect(w, "a put OK 1; b put OK duplicate of 1; b put OK 2");
}

/* A million keys: limit rather than silent eviction. */
STORY_IN(WORLD_MEMORY, more_keys_than_a_queue_remembers_is_limit_until_the_oldest_are_forgotten)
{
    char key[16];
    struct mst_request put;
    struct mst_span body = mst_span_text("x");
    struct program *a = program_of(w, "a");

    w->quiet = true;
    mst_request_init(&put, MST_OP_PUT);
    put.handle = program_handle(a, "jobs");
    put.bodies = &body;
    put.bodies_count = 1;
    for (int i = 0; i < MST_DEDUP_KEYS_MAX; i++) {
        snprintf(key, sizeof(key), "%d", i);
        put.dedup = mst_span_text(key);
        program_submit(a, &put, "put");
        if (i % 1000 == 999) {
            world_settle(w);
        }
        if (i == 499999) {
            pass(w, SECOND);
        }
    }
    w->quiet = false;
    tell(w, "b put jobs x dedup=one-more");
    tell(w, "b put jobs x dedup=5");
    tell(w, "b put jobs x");
    pass(w, 299 * SECOND);
    tell(w, "b put jobs x dedup=one-more");
    tell(w, "b put jobs x dedup=5");
    tell(w, "b put jobs x dedup=999999");
    expect(w, "b put LIMIT (*); b put OK duplicate of 6; b put OK 1000001; b put OK 1000002; "
              "b put OK 1000003; b put OK duplicate of 1000000");
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(a_duplicate_answers_with_the_id_and_is_no_error),
        UNIT(a_key_is_remembered_when_its_message_is_long_gone),
        UNIT(the_window_is_5_min_and_counts_from_the_put),
        UNIT(the_window_is_a_setting),
        UNIT(keys_are_per_queue),
        UNIT(a_key_belongs_to_one_message),
        UNIT(a_duplicate_needs_no_room),
        UNIT(of_two_blocked_puts_with_a_key_only_one_gets_in),
        UNIT(a_put_that_did_not_get_in_leaves_no_key_behind),
        UNIT(a_key_survives_a_restart_with_what_is_left_of_its_window),
        UNIT(more_keys_than_a_queue_remembers_is_limit_until_the_oldest_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
