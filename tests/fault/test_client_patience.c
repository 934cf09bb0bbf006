/* test_client_patience.c - a system that does not let a socket's reads end by themselves
 * (SO_RCVTIMEO): a call that waits still ends when its time is up, even when the broker has come to
 * a standstill. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "tests/fault/client_faults.h"
#include "tests/lib/calls.h"

#define PATIENCE_S 30 /* of this test */

static void a_call_ends_in_time_though_reads_cannot_be_limited(void **state)
{
    static const struct client_fault refused = {"setsockopt", 1, INT_MAX, ENOPROTOOPT};
    const char *args[] = {"--silence", "500ms", NULL};
    const struct broker_options options = {.args = args};
    muster_get_options get = MUSTER_GET_OPTIONS;
    muster_message *message = NULL;

    client_fault_begin(&refused);
    client_fault_arm(true);
    struct broker *broker = broker_start(*state, &options);
    muster_client *client = client_open(*state, broker_url(broker), 60 * MUSTER_SECOND);
    muster_queue *queue = queue_open(*state, client, "jobs");

    get.timeout_ns = 50 * MUSTER_MS;
    expect_put(queue, "x");
    expect_get(queue, "x", 1);
    broker_signal(broker, SIGSTOP);
    alarm(PATIENCE_S);
    expect_status(muster_get(queue, &get, &message), MUSTER_TIMEOUT);
    broker_signal(broker, SIGCONT);
    expect_put(queue, "x");
    expect_get(queue, "x", 1);
    alarm(0);
    assert_true(client_fault_came());
    client_fault_arm(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_call_ends_in_time_though_reads_cannot_be_limited,
                                        world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
