/* test_secure_verbs.c - what each operation wants, and what the log says of who has it not. */
#include "tests/unit/secure_peer.h"

#include <stdio.h>
#include <string.h>

static void assert_heard(struct peer *peer, const char *expected)
{
    assert_string_equal(pipes_read(peer->client), expected);
}

static void every_operation_wants_its_verb(void **state)
{
#define OP(code, name, verb, flags, help) MST_OP_##name,
    static const enum mst_op ops[] = {
#include "protocol/ops.def"
    };
#undef OP
    struct pipes *pipes = *state;
    struct mst_span body = mst_span_text("x");
    struct mst_run run = {.first = 1, .number = 1, .count = 1};
    struct mst_request request;
    struct peer peer;

    secure_peer_admit(pipes, "a", "allow a * **\n", false);
    secure_peer_come(pipes, &peer, 'a', SIZE_MAX);
    assert_heard(&peer, "HELLO#0 OK PUT#1 OK ");
    for (uint64_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        char rules[100];
        char denied[100];

        if (mst_op_verb(ops[i]) == MST_VERB_NONE) {
            continue;
        }
        snprintf(rules, sizeof(rules), "allow a * **\ndeny a %s **\n",
                 mst_verb_name(mst_op_verb(ops[i])));
        secure_peer_admit(pipes, "a", rules, false);
        mst_request_init(&request, ops[i]);
        request.id = i + 2;
        request.handle = 1;
        request.handles = &request.handle;
        request.handles_count = ops[i] == MST_OP_GET ? 1 : 0;
        request.bodies = &body;
        request.bodies_count = ops[i] == MST_OP_PUT ? 1 : 0;
        request.runs = &run;
        request.runs_count = ops[i] == MST_OP_DONE ? 1 : 0;
        secure_peer_say(&peer, &request);
        secure_peer_flush(pipes, &peer, SIZE_MAX);
        secure_peer_receive(&peer, false);
        /* A list shows what may be seen, and that is nothing. */
        snprintf(denied, sizeof(denied), "%s#%d %s ", mst_op_name(ops[i]), (int)request.id,
                 ops[i] == MST_OP_LIST ? "OK" : "DENIED");
        assert_heard(&peer, denied);
    }
    secure_peer_end(&peer);
}

static void who_is_denied_again_and_again_fills_no_log(void **state)
{
    struct pipes *pipes = *state;
    struct peer peer;
    size_t lines = 0;

    secure_peer_admit(pipes, "a", "allow a get **\n", false);
    secure_peer_come(pipes, &peer, 'a', SIZE_MAX);
    assert_heard(&peer, "HELLO#0 OK PUT#1 DENIED ");
    for (uint64_t id = 2; id < 200; id++) {
        secure_peer_say_put(&peer, id);
        secure_peer_flush(pipes, &peer, SIZE_MAX);
        secure_peer_receive(&peer, false);
        pipes_read(peer.client);
        pipes_pass(pipes, 10 * MS);
    }
    for (const char *at = pipes->log; (at = strstr(at, "no permission 'put'")) != NULL; at++) {
        lines++;
    }
    assert_int_equal(lines, 2); /* in two seconds */
    secure_peer_end(&peer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, pipes_setup, pipes_teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_operation_wants_its_verb),
        TEST(who_is_denied_again_and_again_fills_no_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
