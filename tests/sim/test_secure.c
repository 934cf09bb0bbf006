/* test_secure.c - encrypted worlds: who is let in, who is put out, and what their calls are told.
 *
 * That an encrypted connection changes nothing else is what all the other stories say, each of
 * which is told in an encrypted world as well. */
#include "tests/sim/world.h"

#include <stdio.h>

#include "broker/core/core.h"

#define EXPLAINED "(the broker knows neither your key nor a token from you*)"
#define CLOSED    "a closed by the broker"

static void comes_back_by_itself(struct world *w)
{
    w->back_after_ns = 10 * MS;
}

/* ---- names ---- */

STORY_ENCRYPTED(who_holds_and_waits_bears_the_name_of_its_key)
{
    const struct mst_reply *reply;

    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    reply = ask(w, "stat jobs");
    assert_int_equal(reply->who_count, 1);
    assert_true(mst_span_equal(reply->who[0].name, mst_span_text("a/a")));
    expect(w, "a put OK 1; a get OK 1.1 x");
}

/* ---- a key is removed ---- */

STORY_ENCRYPTED(whose_key_is_removed_gets_denied_and_its_message_goes_to_another)
{
    comes_back_by_itself(w);
    tell(w, "a put jobs x");
    tell(w, "a get jobs as=first");
    tell(w, "a get other as=waits");
    tell(w, "a wait go");
    tell(w, "b get jobs");
    expect(w, "a put OK 1; a first OK 1.1 x");
    sim_expel(w, "a");
    pass(w, SECOND);
    expect(w, "b get OK 1.2 x; a waits DENIED " EXPLAINED "; a wait DENIED " EXPLAINED);
}

STORY_ENCRYPTED(a_call_made_afterwards_is_denied_at_once)
{
    comes_back_by_itself(w);
    tell(w, "a ping");
    sim_expel(w, "a");
    pass(w, SECOND);
    forget_transcript(w);
    tell(w, "a put jobs x");
    tell(w, "a get jobs timeout=60s");
    expect(w, "a put DENIED " EXPLAINED "; a get DENIED " EXPLAINED);
    assert_int_equal(mst_client_refusal(program_of(w, "a")->machine), MST_DENIED);
}

/* It may have been carried out: nobody can say that it was not. */
STORY_ENCRYPTED(what_was_sent_before_ends_with_unknown)
{
    comes_back_by_itself(w);
    tell(w, "b declare jobs fifo maxsize=1");
    tell(w, "a put jobs 1");
    tell(w, "a put jobs 2 as=blocked");
    expect(w, "b declare OK created; a put OK 1");
    sim_expel(w, "a");
    pass(w, SECOND);
    expect(w, "a blocked UNKNOWN*");
    assert_int_equal(fact(w, "jobs", "puts"), 1);
}

STORY_ENCRYPTED(a_key_that_is_given_back_is_welcome_again)
{
    comes_back_by_itself(w);
    tell(w, "a ping");
    sim_expel(w, "a");
    pass(w, SECOND);
    sim_admit(w, "a");
    pass(w, SECOND);
    forget_transcript(w);
    tell(w, "a put jobs x");
    expect(w, "a put OK 1");
}

STORY_ENCRYPTED(whose_key_is_removed_while_it_is_away_is_told_when_it_comes_back)
{
    tell(w, "a put jobs x");
    tell(w, "a get jobs");
    tell(w, "a get other as=waits");
    tell(w, "a vanish");
    expect(w, "a put OK 1; a get OK 1.1 x");
    sim_expel(w, "a");
    tell(w, "b get jobs");
    expect(w, "b get OK 1.2 x");
    tell(w, "a back");
    expect(w, "a waits DENIED " EXPLAINED "*");
}

/* Every byte of the wire has its turn while a reload removes the key and the call waits. */
STORY_ENCRYPTED(wherever_the_line_breaks_meanwhile_the_outcome_is_denied)
{
    comes_back_by_itself(w);
    for (uint64_t after = 1; after < 400; after++) {
        tellf(w, "a%llu get jobs as=waits", (unsigned long long)after);
        char name[PROGRAM_NAME];

        snprintf(name, sizeof(name), "a%llu", (unsigned long long)after);
        struct program *a = program_of(w, name);

        a->wire->down.break_after = a->wire->down.passed + after;
        w->break_after = after;
        sim_expel(w, name);
        w->break_after = 0;
        pass(w, 50 * MS);
        assert_null(a->errands);
        assert_non_null(strstr(transcript(w), "waits DENIED"));
        forget_transcript(w);
        tellf(w, "%s die", name);
    }
}

/* ---- a token is removed ---- */

STORY_ENCRYPTED(whose_token_is_removed_is_told_to_look_at_the_token)
{
    struct program *a = program_new(w, "a", 60 * SECOND);

    comes_back_by_itself(w);
    sim_expel(w, "a"); /* its key alone does not let it in */
    sim_admit_token(w, "a");
    a->has_token = true;
    program_connect(a);
    tell(w, "a get jobs");
    sim_expel_token(w, "a");
    pass(w, 35 * MS);
    expect(w, CLOSED
           "; " CLOSED "; " CLOSED
           "; a get DENIED (*it does not accept this token or key, look at the token, then at "
           "the key)*");
}

/* Two tokens hold at the same time, so the old one can be taken away when nobody uses it more. */
STORY_ENCRYPTED(tokens_are_rotated_without_a_call_that_fails)
{
    struct program *a = program_new(w, "a", 60 * SECOND);
    struct program *b = program_new(w, "b", 60 * SECOND);

    sim_expel(w, "a");
    sim_expel(w, "b");
    sim_admit_token(w, "a");
    a->has_token = b->has_token = true;
    program_connect(a);
    tell(w, "a put jobs x");
    sim_admit_token(w, "b");
    program_connect(b);
    tell(w, "b get jobs auto");
    tell(w, "a put jobs y");
    sim_expel_token(w, "a");
    tell(w, "b get jobs auto");
    expect(w, "a put OK 1; b get OK 1.1 x; a put OK 2; b get OK 2.1 y");
}

/* ---- another server key ---- */

STORY_ENCRYPTED(a_broker_with_another_key_is_not_spoken_to)
{
    comes_back_by_itself(w);
    tell(w, "a get jobs");
    sim_change_server_key(w);
    world_restart(w);
    pass(w, 35 * MS);
    expect(w, CLOSED "; " CLOSED "; " CLOSED "; a get DENIED (*look at the server key)");
    assert_int_equal(core_figures(engine_core(w->engine)).sessions, 0);
}

/* ---- what is no refusal ---- */

/* A connection that ends in the middle of a handshake is the network's or a restart's doing. */
STORY_ENCRYPTED(a_line_that_breaks_twice_during_the_handshake_is_no_refusal)
{
    comes_back_by_itself(w);
    for (uint64_t after = 1; after < 60; after++) {
        tell(w, "a get jobs timeout=60s");
        w->break_after = after;
        tell(w, "a cut");
        pass(w, 15 * MS); /* and once more */
        w->break_after = 0;
        pass(w, SECOND);
        tell(w, "b put jobs x");
        assert_non_null(strstr(transcript(w), "a get OK "));
        forget_transcript(w);
    }
}

STORY_ENCRYPTED(a_broker_that_restarts_is_waited_for)
{
    comes_back_by_itself(w);
    tell(w, "a get jobs");
    world_restart(w);
    pass(w, SECOND);
    tell(w, "b put jobs x");
    expect(w, "a lost its session; a get OK 1.1 x; b put OK 1");
}

#define UNIT(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(who_holds_and_waits_bears_the_name_of_its_key),
        UNIT(whose_key_is_removed_gets_denied_and_its_message_goes_to_another),
        UNIT(a_call_made_afterwards_is_denied_at_once),
        UNIT(what_was_sent_before_ends_with_unknown),
        UNIT(a_key_that_is_given_back_is_welcome_again),
        UNIT(whose_key_is_removed_while_it_is_away_is_told_when_it_comes_back),
        UNIT(wherever_the_line_breaks_meanwhile_the_outcome_is_denied),
        UNIT(whose_token_is_removed_is_told_to_look_at_the_token),
        UNIT(tokens_are_rotated_without_a_call_that_fails),
        UNIT(a_broker_with_another_key_is_not_spoken_to),
        UNIT(a_line_that_breaks_twice_during_the_handshake_is_no_refusal),
        UNIT(a_broker_that_restarts_is_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
