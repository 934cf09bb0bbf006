/* test_restart.c - what clients see of a broker that is killed, restarted, told to stop, or short
 * of descriptors. */
#include "tests/lib/calls.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_TTL (60 * MUSTER_SECOND)

static void kill_broker(struct broker *broker)
{
    broker_signal(broker, SIGKILL);
    assert_true(WIFSIGNALED(broker_wait(broker)));
}

static void expect_exit(struct broker *broker, int code)
{
    int status = broker_wait(broker);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
}

static void blocked_get_survives_a_restart(void **state)
{
    struct world *world = *state;
    char body[64];
    struct broker *broker = broker_start(world, NULL);
    muster_client *near = client_open(world, broker_url(broker), LONG_TTL);
    muster_client *waiter = client_open(world, broker_url(broker), LONG_TTL);
    muster_queue *jobs = queue_open(world, near, "jobs");
    muster_queue *there = queue_open(world, waiter, "jobs");
    struct blocked *get = blocked_get(world, there);
    await_waiting(near, "jobs", 1);
    kill_broker(broker);
    assert_false(blocked_is_over(get));
    broker_restart(broker);
    muster_client *later = client_open(world, broker_url(broker), LONG_TTL);
    jobs = queue_open(world, later, "jobs");
    expect_put(jobs, "after the restart");
    expect_status(blocked_finish(get, body), MUSTER_OK);
    assert_string_equal(body, "after the restart");
    expect_put(jobs, "and another");
    expect_get(there, "and another", 1);
}

/* The broker is stopped, so the put is on its way when it is killed: whether it was carried out
 * cannot be known, and is not guessed. */
static void put_in_flight_is_not_guessed(void **state)
{
    struct world *world = *state;
    uint64_t ready = 0;
    struct broker *broker = broker_start(world, NULL);
    muster_client *client = client_open(world, broker_url(broker), LONG_TTL);
    muster_queue *jobs = queue_open(world, client, "jobs");
    expect_put(jobs, "before");
    broker_signal(broker, SIGSTOP);
    struct blocked *put = blocked_put(world, jobs, "in flight");
    kill_broker(broker);
    broker_restart(broker);
    enum muster_status status = blocked_finish(put, NULL);
    assert_true(status == MUSTER_UNKNOWN || status == MUSTER_OK);
    expect_status(muster_qsize(jobs, &ready), status == MUSTER_OK ? MUSTER_OK : MUSTER_NOT_FOUND);
    assert_int_equal(ready, status == MUSTER_OK ? 1 : 0);
    expect_put(jobs, "afterwards");
}

static void unix_socket_is_taken_over_after_a_kill(void **state)
{
    struct world *world = *state;
    const struct broker_options options = {.listen = "unix"};
    struct broker *broker = broker_start(world, &options);
    kill_broker(broker);
    assert_int_equal(access(broker_path(broker), F_OK), 0);
    broker_restart(broker);
    muster_client *client = client_open(world, broker_url(broker), LONG_TTL);
    expect_status(muster_ping(client, WAIT_LIMIT_NS, NULL), MUSTER_OK);
    broker_signal(broker, SIGTERM);
    expect_exit(broker, 0);
    assert_int_equal(access(broker_path(broker), F_OK), -1);
}

static void going_away_ends_every_wait(void **state)
{
    struct world *world = *state;
    struct broker *broker = broker_start(world, NULL);
    muster_client *near = client_open(world, broker_url(broker), LONG_TTL);
    muster_queue *jobs = queue_open(world, near, "jobs");
    muster_client *waiter = client_open(world, broker_url(broker), LONG_TTL);
    muster_queue *empty = queue_open(world, waiter, "empty");
    expect_put(jobs, "unfinished");
    struct blocked *get = blocked_get(world, empty);
    struct blocked *join = blocked_join(world, jobs);
    await_waiting(near, "empty", 1);
    await_waiting(near, "jobs", 1);
    broker_signal(broker, SIGTERM);
    expect_status(blocked_finish(get, NULL), MUSTER_UNAVAILABLE);
    expect_status(blocked_finish(join, NULL), MUSTER_UNAVAILABLE);
    expect_exit(broker, 0);
}

/* Stopped meanwhile, so that both signals are there when it goes on. */
static void second_signal_ends_at_once(void **state)
{
    struct world *world = *state;
    struct broker *broker = broker_start(world, NULL);
    muster_client *client = client_open(world, broker_url(broker), LONG_TTL);
    expect_status(muster_ping(client, WAIT_LIMIT_NS, NULL), MUSTER_OK);
    broker_signal(broker, SIGSTOP);
    broker_signal(broker, SIGTERM);
    broker_signal(broker, SIGINT);
    broker_signal(broker, SIGCONT);
    int status = broker_wait(broker);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 128 + SIGTERM || WEXITSTATUS(status) == 128 + SIGINT);
}

/* Connections beyond the limit wait or are refused, those that exist are served, and when some have
 * gone there is room again. */
static void out_of_descriptors_keeps_serving(void **state)
{
    struct world *world = *state;
    int idle[64];
    const struct broker_options options = {.files_max = 32};
    struct broker *broker = broker_start(world, &options);
    muster_client *client = client_open(world, broker_url(broker), LONG_TTL);
    muster_queue *jobs = queue_open(world, client, "jobs");
    for (size_t i = 0; i < 64; i++) {
        idle[i] = tcp_connect(broker_port(broker));
    }
    for (int i = 0; i < 10; i++) {
        expect_put(jobs, "served");
        expect_get(jobs, "served", 1);
    }
    for (size_t i = 0; i < 64; i++) {
        close(idle[i]);
    }
    muster_client *later = client_open(world, broker_url(broker), LONG_TTL);
    expect_put(queue_open(world, later, "jobs"), "from a later client");
    expect_get(jobs, "from a later client", 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(blocked_get_survives_a_restart),
        TEST(put_in_flight_is_not_guessed),
        TEST(unix_socket_is_taken_over_after_a_kill),
        TEST(going_away_ends_every_wait),
        TEST(second_signal_ends_at_once),
        TEST(out_of_descriptors_keeps_serving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
