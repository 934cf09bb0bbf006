/* test_cli_why.c - `muster why`: the chain of who waits for whom, from what stat tells. */
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/why.h"
#include "client-lib/stat.h"
#include "protocol/message.h"

enum { ROOM = 40 };

/* A stat as the library would have made it of the broker's reply. */
struct seen {
    struct mst_reply reply;
    struct mst_fact facts[ROOM];
    struct mst_party who[ROOM];
};

static struct seen *seen(enum mst_kind kind)
{
    struct seen *seen = calloc(1, sizeof(*seen));

    assert_non_null(seen);
    seen->reply.kind = (uint64_t)kind;
    seen->reply.facts = seen->facts;
    seen->reply.who = seen->who;
    return seen;
}

static void fact(struct seen *seen, const char *name, int64_t number)
{
    seen->facts[seen->reply.facts_count++] =
        (struct mst_fact){.name = mst_span_text(name), .number = number};
}

/* The client's name tells its session, so that "b" is the same client everywhere. */
static void party(struct seen *seen, const char *role, const char *name, const char *detail)
{
    assert_true(seen->reply.who_count < ROOM);
    seen->who[seen->reply.who_count++] = (struct mst_party){.role = mst_span_text(role),
                                                            .name = mst_span_text(name),
                                                            .host = mst_span_text("host"),
                                                            .pid = 7,
                                                            .session = (uint64_t)name[0],
                                                            .since_ns = 3 * MUSTER_SECOND,
                                                            .connected = true,
                                                            .detail = mst_span_text(detail)};
}

static void add(struct why *why, const char *name, struct seen *seen)
{
    muster_stat *stat = mst_stat_new(&seen->reply);

    assert_non_null(stat);
    why_add(why, name, stat);
}

static struct seen *full_queue(int64_t size)
{
    struct seen *queue = seen(MST_KIND_FIFO);

    fact(queue, "kept", size);
    fact(queue, "maxsize", size);
    return queue;
}

static void expect_told(struct why *why, const char *name, size_t most, const char *text)
{
    struct out out = {NULL, 0, 0};

    why_tell(why, name, false, most, &out);
    out_bytes(&out, "", 1);
    assert_string_equal(out.data, text);
    out_clear(&out);
    why_clear(why);
}

static void nobody_waits(void **state)
{
    struct why why = {0};
    struct seen *queue = full_queue(1);

    (void)state;
    party(queue, "holds", "b", "1.1");
    add(&why, "jobs", queue);
    expect_told(&why, "jobs", 9, "nobody waits for jobs\n");
}

static void a_chain_goes_on_with_what_a_holder_waits_for(void **state)
{
    struct why why = {0};
    struct seen *jobs = full_queue(1);
    struct seen *results = full_queue(2);
    struct seen *go = seen(MST_KIND_EVENT);

    (void)state;
    party(jobs, "holds", "b", "1.1");
    party(jobs, "puts", "a", "");
    party(results, "holds", "c", "8.1");
    party(results, "holds", "c", "9.1");
    party(results, "puts", "b", "");
    party(go, "waits", "c", "");
    add(&why, "jobs", jobs);
    add(&why, "results", results);
    add(&why, "go", go);
    expect_told(&why, "jobs", 9,
                "a@host:7 waits to put into jobs, for 3.0s\n"
                "  (no room: 1 of 1 messages)\n"
                "  b@host:7 holds 1.1 of jobs, for 3.0s\n"
                "    and waits to put into results, for 3.0s\n"
                "      (no room: 2 of 2 messages)\n"
                "      c@host:7 holds 2 of results, for 3.0s\n"
                "        and waits for go, for 3.0s\n"
                "          (it is not set)\n");
}

static struct why two_in_each_others_way(void)
{
    struct why why = {0};
    struct seen *jobs = full_queue(1);
    struct seen *results = full_queue(1);

    party(jobs, "holds", "b", "1.1");
    party(jobs, "puts", "c", "");
    party(results, "holds", "c", "2.1");
    party(results, "puts", "b", "");
    add(&why, "jobs", jobs);
    add(&why, "results", results);
    return why;
}

static void a_cycle_is_named(void **state)
{
    struct why why = two_in_each_others_way();

    (void)state;
    expect_told(&why, "jobs", 9,
                "c@host:7 waits to put into jobs, for 3.0s\n"
                "  (no room: 1 of 1 messages)\n"
                "  b@host:7 holds 1.1 of jobs, for 3.0s\n"
                "    and waits to put into results, for 3.0s\n"
                "      (no room: 1 of 1 messages)\n"
                "      c@host:7 holds 2.1 of results, for 3.0s\n"
                "        and waits to put into jobs, for 3.0s\n"
                "          cycle: jobs -> b@host:7 -> results -> c@host:7 -> jobs\n");
}

static void json_names_the_cycle_at_the_link_that_closes_it(void **state)
{
    struct why why = two_in_each_others_way();
    struct out out = {NULL, 0, 0};

    (void)state;
    why_tell(&why, "jobs", true, 9, &out);
    out_bytes(&out, "", 1);
    const char *cycle = strstr(out.data, "\"cycle\"");
    assert_non_null(cycle);
    assert_null(strstr(cycle + 1, "\"cycle\""));
    assert_non_null(strstr(cycle, "\"jobs -> b@host:7 -> results -> c@host:7 -> jobs\"}\n"));
    assert_int_equal(strncmp(out.data, "{\"depth\":0,\"role\":\"puts\",\"object\":\"jobs\",", 41),
                     0);
    out_clear(&out);
    why_clear(&why);
}

/* Somebody who fetches ahead holds a message and waits for the next: nothing is wrong with that. */
static void who_waits_to_get_waits_for_no_holder(void **state)
{
    struct why why = {0};
    struct seen *jobs = seen(MST_KIND_FIFO);

    (void)state;
    fact(jobs, "leased", 1);
    party(jobs, "holds", "b", "1.1");
    party(jobs, "gets", "b", "");
    add(&why, "jobs", jobs);
    expect_told(&why, "jobs", 9,
                "b@host:7 waits to get from jobs, for 3.0s\n"
                "  (nothing is ready, 1 held)\n");
}

static void a_join_waits_for_those_who_took_too(void **state)
{
    struct why why = {0};
    struct seen *jobs = seen(MST_KIND_FIFO);

    (void)state;
    fact(jobs, "unfinished", 4);
    fact(jobs, "ready", 2);
    party(jobs, "took", "b", "2");
    jobs->who[0].since_ns = -1;
    party(jobs, "joins", "a", "");
    jobs->who[1].connected = false;
    add(&why, "jobs", jobs);
    expect_told(&why, "jobs", 9,
                "a@host:7 waits to join jobs, for 3.0s, not connected\n"
                "  (4 unfinished: 2 ready, 0 held, 0 delayed; nobody waits to get them)\n"
                "  b@host:7 took 2 of jobs\n");
}

/* Two holders of one queue wait for the same: what that needs is told once. */
static void what_was_told_is_not_told_again(void **state)
{
    struct why why = {0};
    struct seen *jobs = full_queue(2);
    struct seen *results = full_queue(1);

    (void)state;
    party(jobs, "holds", "b", "1.1");
    party(jobs, "holds", "d", "2.1");
    party(jobs, "puts", "a", "");
    party(results, "puts", "b", "");
    party(results, "puts", "d", "");
    party(results, "holds", "c", "1.1");
    add(&why, "jobs", jobs);
    add(&why, "results", results);
    expect_told(&why, "jobs", 9,
                "a@host:7 waits to put into jobs, for 3.0s\n"
                "  (no room: 2 of 2 messages)\n"
                "  b@host:7 holds 1.1 of jobs, for 3.0s\n"
                "    and waits to put into results, for 3.0s\n"
                "      (no room: 1 of 1 messages)\n"
                "      c@host:7 holds 1.1 of results, for 3.0s\n"
                "  d@host:7 holds 2.1 of jobs, for 3.0s\n"
                "    and waits to put into results, for 3.0s\n"
                "      (no room: 1 of 1 messages; as above)\n");
}

static void many_are_counted_instead_of_told(void **state)
{
    static const char *const names[] = {"f", "g", "h", "i", "j"};
    struct why why = {0};
    struct seen *jobs = full_queue(5);

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        party(jobs, "holds", names[i], "1.1");
        party(jobs, "puts", names[i], "");
    }
    add(&why, "jobs", jobs);
    struct out out = {NULL, 0, 0};
    why_tell(&why, "jobs", false, 2, &out);
    out_bytes(&out, "", 1);
    assert_non_null(strstr(out.data, "\nand 3 more who wait; -v tells all\n"));
    assert_non_null(strstr(out.data, "\n  and 3 more who hold it; -v tells all\n"));
    assert_null(strstr(out.data, "h@host"));
    out_clear(&out);
    why_clear(&why);
}

static void a_barrier_tells_who_leads(void **state)
{
    struct why why = {0};
    struct seen *gate = seen(MST_KIND_BARRIER);

    (void)state;
    fact(gate, "n_waiting", 2);
    fact(gate, "parties", 2);
    fact(gate, "acting", 1);
    party(gate, "leads", "b", "");
    party(gate, "waits", "a", "");
    add(&why, "gate", gate);
    expect_told(&why, "gate", 9,
                "a@host:7 waits for gate, for 3.0s\n"
                "  (all have arrived, and its action runs)\n"
                "  b@host:7 leads gate, for 3.0s\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits),
        cmocka_unit_test(a_chain_goes_on_with_what_a_holder_waits_for),
        cmocka_unit_test(a_cycle_is_named),
        cmocka_unit_test(json_names_the_cycle_at_the_link_that_closes_it),
        cmocka_unit_test(who_waits_to_get_waits_for_no_holder),
        cmocka_unit_test(a_join_waits_for_those_who_took_too),
        cmocka_unit_test(what_was_told_is_not_told_again),
        cmocka_unit_test(many_are_counted_instead_of_told),
        cmocka_unit_test(a_barrier_tells_who_leads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
