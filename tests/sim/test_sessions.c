/* test_sessions.c - what a session promises (SEMANTICS 1.1). */
#include "broker/core/core.h"
#include "tests/sim/world.h"

STORY(a_session_outlives_its_connection)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    pass(w, MS);
    tell(w, "a cut");
    pass(w, 9 * SECOND);
    tell(w, "a back");
    tell(w, "a done jobs 1.1");
    expect(w, "a put OK 1; a get OK 1.1 x; a done OK");
}

STORY(it_ends_when_its_time_to_live_is_up_and_not_before)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    tell(w, "b get jobs");
    pass(w, MS);
    forget_transcript(w);
    tell(w, "a cut");
    pass(w, 10 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "b get OK 1.2 x");
}

STORY(the_time_to_live_is_what_was_asked_for)
{
    program_connect(program_new(w, "a", 60 * SECOND));
    tell(w, "b put jobs x");
    tell(w, "a get jobs");
    pass(w, MS);
    tell(w, "b get jobs");
    tell(w, "a die");
    forget_transcript(w);
    pass(w, 60 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "b get OK 1.2 x");
}

STORY(with_0_it_ends_with_its_connection)
{
    program_connect(program_new(w, "a", 0));
    tell(w, "b put jobs x");
    tell(w, "a get jobs");
    pass(w, MS);
    tell(w, "b get jobs");
    forget_transcript(w);
    tell(w, "a die");
    expect(w, "b get OK 1.2 x");
}

STORY(a_time_to_live_beyond_the_limit_is_refused)
{
    program_connect(program_new(w, "a", w->config.ttl_max_ns + 1));
    world_settle(w);
    assert_int_equal(mst_client_refusal(program_of(w, "a")->machine), MST_VALUE);
    assert_int_equal(mst_client_phase(program_of(w, "a")->machine), MST_CLIENT_DOWN);
    program_connect(program_new(w, "b", w->config.ttl_max_ns));
    world_settle(w);
    assert_int_equal(mst_client_phase(program_of(w, "b")->machine), MST_CLIENT_UP);
}

STORY(a_silent_connection_is_lost_after_10_s_and_only_then_the_time_to_live_runs)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    pass(w, MS);
    tell(w, "b get jobs");
    forget_transcript(w);
    tell(w, "a vanish"); /* its receipt was the last that the broker heard */
    pass(w, 20 * SECOND - MS);
    expect(w, "");
    pass(w, MS);
    expect(w, "b get OK 1.2 x");
}

STORY(an_idle_connection_lives_by_signs_of_life_both_ways_every_third_of_that)
{
    struct wire *wire;

    tell(w, "a wait go");
    wire = program_of(w, "a")->wire;
    for (int i = 0; i < 30; i++) {
        uint64_t up = wire->up.given;
        uint64_t down = wire->down.given;

        pass(w, 10 * SECOND / 3 + 1);
        assert_true(wire->up.given > up);
        assert_true(wire->down.given > down);
    }
    assert_ptr_equal(program_of(w, "a")->wire, wire);
    tell(w, "b set go");
    expect(w, "a wait OK; b set OK");
}

STORY(a_program_notices_a_silent_broker_after_10_s)
{
    struct program *a = program_of(w, "a");

    tell(w, "a ping");
    a->wire->down.swallows = true;
    pass(w, 10 * SECOND - 1);
    assert_non_null(a->wire);
    pass(w, 1);
    assert_null(a->wire);
    tell(w, "a back");
    tell(w, "a ping");
    expect(w, "a ping OK; a ping OK");
}

STORY(the_silence_time_is_a_setting_that_both_sides_keep)
{
    struct wire *wire;

    w->config.silence_ns = 3 * SECOND;
    world_configure(w);
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    pass(w, MS);
    tell(w, "b get jobs");
    forget_transcript(w);
    wire = program_of(w, "b")->wire;
    tell(w, "a vanish");
    pass(w, 13 * SECOND - MS);
    expect(w, "");
    pass(w, MS);
    expect(w, "b get OK 1.2 x");
    assert_ptr_equal(program_of(w, "b")->wire, wire); /* it kept to the 3 s */
}

STORY(a_stopped_program_is_lost_and_finds_its_session_again_in_time)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    pass(w, MS);
    forget_transcript(w);
    tell(w, "a stop");
    pass(w, 15 * SECOND); /* silent for 10 s, and 5 s of its time-to-live */
    tell(w, "a go");
    tell(w, "a back");
    tell(w, "a done jobs 1.1");
    expect(w, "a closed by the broker; a done OK");
}

STORY(a_program_stopped_for_too_long_begins_a_new_session)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    pass(w, MS);
    tell(w, "b get jobs");
    forget_transcript(w);
    tell(w, "a stop");
    pass(w, 21 * SECOND);
    expect(w, "b get OK 1.2 x");
    tell(w, "a go");
    tell(w, "a back");
    tell(w, "a done jobs 1.1");
    expect(w, "a closed by the broker; a lost its session; a done LOST (*)");
}

STORY(a_newer_connection_displaces_the_older_one)
{
    struct program *a = program_of(w, "a");
    uint64_t old;

    tell(w, "a get jobs");
    old = a->wire->conn;
    a->wire->up.stalled = true;
    tell(w, "a vanish");
    assert_true(world_serves(w, old));
    tell(w, "a back");
    assert_false(world_serves(w, old));
    tell(w, "b put jobs x");
    expect(w, "a get OK 1.1 x; b put OK 1");
}

STORY(the_unread_bytes_of_a_displaced_connection_are_discarded)
{
    struct program *a = program_of(w, "a");
    struct wire *old;

    tell(w, "a ping");
    old = a->wire;
    old->up.stalled = true;
    tell(w, "a put jobs x"); /* stands before the broker's door */
    tell(w, "a vanish");
    program_connect(a);
    old->dead = false;
    old->up.stalled = false; /* comes in the same turn as the RESUME */
    world_settle(w);
    expect(w, "a ping OK; a put OK 1");
    tell(w, "a qsize jobs");
    expect(w, "a qsize OK ready=1 kept=1");
}

STORY(a_clean_end_frees_everything_at_once)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    tell(w, "a get jobs,more");
    tell(w, "a declare full fifo maxsize=1");
    tell(w, "a put full 1");
    tell(w, "a put full 2 as=second");
    tell(w, "a barrier gate parties=3");
    tell(w, "b barrier gate");
    tell(w, "c get jobs");
    pass(w, MS);
    forget_transcript(w);
    tell(w, "a bye");
    expect(w, "a get CANCELLED; a second CANCELLED; a barrier CANCELLED; a closed by the broker; "
              "b barrier BROKEN (party died: a@host:1); c get OK 1.2 x");
    assert_int_equal(fact(w, "more", "waiting_getters"), 0);
    assert_int_equal(fact(w, "full", "waiting_putters"), 0);
    assert_int_equal(fact(w, "full", "kept"), 1);
}

STORY(the_end_of_a_session_frees_the_same)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    tell(w, "a get jobs,more");
    tell(w, "a declare full fifo maxsize=1");
    tell(w, "a put full 1");
    tell(w, "a put full 2 as=second");
    tell(w, "a barrier gate parties=3");
    tell(w, "b barrier gate");
    tell(w, "c get jobs");
    pass(w, MS);
    forget_transcript(w);
    tell(w, "a die");
    pass(w, 10 * SECOND);
    expect(w, "b barrier BROKEN (party died: a@host:1); c get OK 1.2 x");
    assert_int_equal(fact(w, "more", "waiting_getters"), 0);
    assert_int_equal(fact(w, "full", "waiting_putters"), 0);
    assert_int_equal(fact(w, "full", "kept"), 1);
}

STORY(somebody_elses_session_can_be_ended)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    pass(w, MS);
    tell(w, "b get jobs");
    forget_transcript(w);
    tell(w, "z kill a");
    expect(w, "b get OK 1.2 x; z kill OK");
    tell(w, "a back");
    tell(w, "a done jobs 1.1");
    expect(w, "a lost its session; a done LOST (*)");
}

STORY(sessions_can_be_looked_at)
{
    tell(w, "a put jobs x y");
    tell(w, "a get jobs");
    tell(w, "a join jobs");
    tell(w, "b get jobs,more max=2");
    tell(w, "c get more");
    tell(w, "c cut");
    forget_transcript(w);
    tell(w, "d sessions");
    expect(w, "d sessions OK a leases=1 waits=1, b leases=1 waits=0, c away leases=0 waits=1, "
              "d leases=0 waits=0");
}

/* Identities come with the encrypted channel; the core holds the promise already. */
static void coming_back_needs_the_same_identity(void **state)
{
    struct core_config config;
    struct effects effects;
    struct mst_request request;
    uint8_t secret[MST_SECRET_BYTES] = {1};
    struct event event = {.now_ns = 1, .kind = EVENT_HELLO, .conn = 1, .request = &request};
    struct core *core;

    (void)state;
    core_config_init(&config);
    core = core_new(&config);
    assert_non_null(core);
    effects_init(&effects);
    mst_request_init(&request, MST_OP_HELLO);
    event.secret = mst_span_of(secret, sizeof(secret));
    event.identity = mst_span_text("key-1");
    core_step(core, &event, &effects);
    mst_request_init(&request, MST_OP_RESUME);
    request.session = effects.items[0].reply.session;
    request.secret = event.secret;
    event.kind = EVENT_RESUME;
    event.conn = 2;
    event.identity = mst_span_text("key-2");
    core_step(core, &event, &effects);
    assert_int_equal(effects.items[0].reply.status, MST_NOT_FOUND);
    event.identity = mst_span_text("key-1");
    core_step(core, &event, &effects);
    assert_int_equal(effects.items[effects.count - 1].reply.status, MST_OK);
    effects_clear(&effects);
    core_free(&core);
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(a_session_outlives_its_connection),
        UNIT(it_ends_when_its_time_to_live_is_up_and_not_before),
        UNIT(the_time_to_live_is_what_was_asked_for),
        UNIT(with_0_it_ends_with_its_connection),
        UNIT(a_time_to_live_beyond_the_limit_is_refused),
        UNIT(a_silent_connection_is_lost_after_10_s_and_only_then_the_time_to_live_runs),
        UNIT(an_idle_connection_lives_by_signs_of_life_both_ways_every_third_of_that),
        UNIT(a_program_notices_a_silent_broker_after_10_s),
        UNIT(the_silence_time_is_a_setting_that_both_sides_keep),
        UNIT(a_stopped_program_is_lost_and_finds_its_session_again_in_time),
        UNIT(a_program_stopped_for_too_long_begins_a_new_session),
        UNIT(a_newer_connection_displaces_the_older_one),
        UNIT(the_unread_bytes_of_a_displaced_connection_are_discarded),
        UNIT(a_clean_end_frees_everything_at_once),
        UNIT(the_end_of_a_session_frees_the_same),
        UNIT(somebody_elses_session_can_be_ended),
        UNIT(sessions_can_be_looked_at),
        UNIT(coming_back_needs_the_same_identity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
