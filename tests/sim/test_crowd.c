/* test_crowd.c - very many: nothing here may cost more than its number. */
#include "broker/core/core.h"
#include "tests/sim/world.h"

#define WAITERS_EACH 2000
#define PROGRAMS     50

STORY_IN(WORLD_MEMORY, a_hundred_thousand_getters_wait_and_each_gets_one_message)
{
    w->quiet = true;
    for (int i = 0; i < PROGRAMS; i++) {
        tellf(w, "p%d get jobs times=%d", i, WAITERS_EACH);
    }
    assert_int_equal(fact(w, "jobs", "waiting_getters"), 100000);
    assert_int_equal(w->counts[MST_OK], 0);
    for (int i = 0; i < 100; i++) {
        tell(w, "z put jobs x times=1000");
    }
    pass(w, MS);
    assert_int_equal(w->counts[MST_OK], 200000);
    assert_int_equal(fact(w, "jobs", "leased"), 100000);
    assert_int_equal(fact(w, "jobs", "waiting_getters"), 0);
    for (int i = 0; i < PROGRAMS; i++) {
        tellf(w, "p%d bye", i); /* all of it comes back, in its order */
    }
    assert_int_equal(fact(w, "jobs", "ready"), 100000);
    w->quiet = false;
    tell(w, "z get jobs");
    expect(w,
           "*; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; "
           "*; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; *; z get OK 1.2 x");
}

STORY_IN(WORLD_MEMORY, a_hundred_thousand_waits_run_out_of_time_together)
{
    w->quiet = true;
    for (int i = 0; i < PROGRAMS; i++) {
        tellf(w, "p%d get jobs,more timeout=5s times=%d", i, WAITERS_EACH);
    }
    assert_int_equal(fact(w, "more", "waiting_getters"), 100000);
    pass(w, 6 * SECOND);
    assert_int_equal(w->counts[MST_TIMEOUT], 100000);
    assert_int_equal(fact(w, "more", "waiting_getters"), 0);
}

STORY_IN(WORLD_MEMORY, a_release_of_a_hundred_thousand_is_answered)
{
    w->quiet = true;
    for (int i = 0; i < PROGRAMS; i++) {
        tellf(w, "p%d wait go times=%d", i, WAITERS_EACH);
    }
    tell(w, "z set go");
    pass(w, 0);
    assert_int_equal(w->counts[MST_OK], 100001);
}

STORY_IN(WORLD_MEMORY, ten_thousand_messages_with_delay_ttl_and_priority)
{
    w->quiet = true;
    tell(w, "a declare jobs priority");
    for (int i = 0; i < 10000; i++) {
        tellf(w, "a put jobs x priority=%d delay=%dms ttl=%dms", i * 7919 % 1000, i % 500 * 10,
              1000 + i * 31 % 9000);
    }
    assert_int_equal(fact(w, "jobs", "unfinished"), 10000);
    for (int i = 0; i < 50; i++) {
        pass(w, 100 * MS);
        tell(w, "b get jobs auto max=50 timeout=0");
    }
    pass(w, 10 * SECOND);
    assert_int_equal(fact(w, "jobs", "kept"), 0);
    assert_true(fact(w, "jobs", "expired") > 1000);
    assert_true(fact(w, "jobs", "gets") > 1000);
    assert_int_equal(fact(w, "jobs", "expired") + fact(w, "jobs", "gets"), 10000);
}

STORY_IN(WORLD_MEMORY, ten_thousand_leases_come_back_to_their_places_when_their_holder_dies)
{
    w->quiet = true;
    tell(w, "a put jobs x times=10000");
    for (int i = 0; i < 3; i++) {
        tell(w, "b get jobs max=4000");
    }
    pass(w, MS);
    assert_int_equal(fact(w, "jobs", "leased"), 10000);
    tell(w, "b die");
    pass(w, 10 * SECOND);
    assert_int_equal(fact(w, "jobs", "ready"), 10000);
    w->quiet = false;
    forget_transcript(w);
    tell(w, "c get jobs max=3");
    expect(w, "c get OK 1.2 x, 2.2 x, 3.2 x");
}

STORY_IN(WORLD_MEMORY, very_many_are_cut_off_at_once_and_freed_in_slices)
{
    uint64_t before;

    tell(w, "a put jobs first");
    before = core_figures(engine_core(w->engine)).memory;
    w->quiet = true;
    for (int i = 0; i < 20; i++) {
        tell(w, "a put jobs x times=1000");
    }
    w->quiet = false;
    assert_true(core_figures(engine_core(w->engine)).memory > before + 20000);
    forget_transcript(w);
    tell(w, "b remove jobs");
    tell(w, "b put jobs y");
    expect(w, "b remove OK; b put OK 20002");
    assert_true(core_figures(engine_core(w->engine)).memory <= before);
    assert_int_equal(core_figures(engine_core(w->engine)).messages, 1);
}

STORY_IN(WORLD_MEMORY, a_thousand_queues_and_a_get_from_sixty_of_them)
{
    w->quiet = true;
    for (int i = 0; i < 1000; i++) {
        tellf(w, "p%d declare queue/%d fifo", i / 50, i);
    }
    w->quiet = false;
    assert_int_equal(ask(w, "list queue/*")->entries_count, 1000);
    tell(w, "a get queue/999,queue/998,queue/3,queue/500");
    tell(w, "b put queue/500 x");
    expect(w, "a get OK queue/500:1.1 x; b put OK 1");
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(a_hundred_thousand_getters_wait_and_each_gets_one_message),
        UNIT(a_hundred_thousand_waits_run_out_of_time_together),
        UNIT(a_release_of_a_hundred_thousand_is_answered),
        UNIT(ten_thousand_messages_with_delay_ttl_and_priority),
        UNIT(ten_thousand_leases_come_back_to_their_places_when_their_holder_dies),
        UNIT(very_many_are_cut_off_at_once_and_freed_in_slices),
        UNIT(a_thousand_queues_and_a_get_from_sixty_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
