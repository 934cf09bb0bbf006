/* test_durable.c - a broker with a data directory is killed and comes back: what its clients see.
 *
 * Nobody's call fails, nothing acknowledged is missing, nothing is there twice. */
#include "tests/lib/calls.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define LONG_TTL  (60 * MUSTER_SECOND)
#define IN_FLIGHT 10000

static struct broker *start(struct world *world)
{
    char path[512];
    const char *args[] = {"--data-dir", path, NULL};
    const struct broker_options options = {.args = args};

    snprintf(path, sizeof(path), "%s/data", world_dir(world));
    return broker_start(world, &options);
}

static void kill_and_restart(struct broker *broker)
{
    broker_signal(broker, SIGKILL);
    assert_true(WIFSIGNALED(broker_wait(broker)));
    broker_restart(broker);
}

static void end_and_restart(struct broker *broker)
{
    int status;

    broker_signal(broker, SIGTERM);
    status = broker_wait(broker);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    broker_restart(broker);
}

/* ---- calls in flight ---- */

struct tally { /* of asynchronous calls */
    atomic_uint ok;
    atomic_uint other;
};

static void count(enum muster_status status, muster_result *result, void *user)
{
    struct tally *tally = user;

    if (status == MUSTER_OK) {
        tally->ok++;
    } else {
        print_error("a call ended with %s: %s\n", muster_status_name(status),
                    muster_result_cause(result));
        tally->other++;
    }
}

static muster_barrier *barrier_open(muster_client *client, const char *name)
{
    muster_barrier *barrier = NULL;

    expect_status(muster_barrier_open(client, name, 3, &barrier), MUSTER_OK);
    return barrier;
}

static void put_numbers(muster_queue *queue, struct tally *tally, unsigned from, unsigned to)
{
    char body[16];

    for (unsigned i = from; i < to; i++) {
        int n = snprintf(body, sizeof(body), "%u", i);

        expect_status(muster_put_async(queue, body, (size_t)n, NULL, count, tally, NULL),
                      MUSTER_OK);
    }
}

static void expect_numbers(muster_queue *queue, unsigned numbers)
{
    char body[16];

    expect_ready(queue, numbers);
    for (unsigned i = 0; i < numbers; i++) {
        snprintf(body, sizeof(body), "%u", i);
        expect_get(queue, body, 1);
    }
}

static void everything_carries_on(struct world *world, void (*restart)(struct broker *broker))
{
    struct broker *broker = start(world);
    muster_client *client = client_open(world, broker_url(broker), LONG_TTL);
    muster_client *waiter = client_open(world, broker_url(broker), LONG_TTL);
    muster_queue *unfinished = queue_open(world, client, "unfinished");
    muster_queue *filled = queue_open(world, client, "filled");
    muster_barrier *barrier = barrier_open(waiter, "gate");
    muster_event *event = NULL;
    struct tally puts = {0}, parties = {0}, waits = {0};
    struct blocked *get, *join;
    char body[64];

    expect_put(unfinished, "one");
    get = blocked_get(world, queue_open(world, waiter, "later"));
    join = blocked_join(world, queue_open(world, waiter, "unfinished"));
    expect_status(muster_event_open(waiter, "go", &event), MUSTER_OK);
    expect_status(muster_event_wait_async(event, MUSTER_FOREVER, count, &waits, NULL), MUSTER_OK);
    for (int i = 0; i < 2; i++) {
        expect_status(muster_barrier_wait_async(barrier, MUSTER_FOREVER, count, &parties, NULL),
                      MUSTER_OK);
    }
    await_waiting(client, "later", 1);
    await_waiting(client, "unfinished", 1);
    await_waiting(client, "go", 1);
    await_waiting(client, "gate", 2);
    put_numbers(filled, &puts, 0, IN_FLIGHT);
    restart(broker);
    expect_status(muster_flush(client, MUSTER_FOREVER), MUSTER_OK);
    assert_int_equal(puts.ok, IN_FLIGHT);
    assert_int_equal(puts.other, 0);
    assert_false(blocked_is_over(get));
    assert_false(blocked_is_over(join));
    assert_int_equal(parties.ok + parties.other + waits.ok + waits.other, 0);
    expect_put(queue_open(world, client, "later"), "at last");
    expect_status(blocked_finish(get, body), MUSTER_OK);
    assert_string_equal(body, "at last");
    expect_get(unfinished, "one", 1);
    expect_status(blocked_finish(join, NULL), MUSTER_OK);
    expect_status(muster_event_set(event), MUSTER_OK);
    expect_status(muster_barrier_wait(barrier, WAIT_LIMIT_NS, NULL, NULL), MUSTER_OK);
    expect_status(muster_flush(waiter, WAIT_LIMIT_NS), MUSTER_OK);
    assert_int_equal(parties.ok, 2);
    assert_int_equal(waits.ok, 1);
    expect_numbers(filled, IN_FLIGHT);
    muster_barrier_close(&barrier);
    muster_event_close(&event);
}

static void all_that_waits_carries_on_across_a_kill(void **state)
{
    everything_carries_on(*state, kill_and_restart);
}

static void all_that_waits_carries_on_across_a_planned_end(void **state)
{
    everything_carries_on(*state, end_and_restart);
}

static void what_is_held_is_still_held_and_what_is_done_stays_done(void **state)
{
    struct world *world = *state;
    struct broker *broker = start(world);
    muster_client *client = client_open(world, broker_url(broker), LONG_TTL);
    muster_queue *jobs = queue_open(world, client, "jobs");
    muster_message *held = NULL;
    muster_message *returned = NULL;
    char body[64];

    expect_put(jobs, "held");
    expect_put(jobs, "done");
    expect_put(jobs, "returned");
    expect_status(muster_get(jobs, NULL, &held), MUSTER_OK);
    expect_get(jobs, "done", 1);
    expect_status(muster_get(jobs, NULL, &returned), MUSTER_OK);
    expect_status(muster_nack(returned, NULL), MUSTER_OK);
    kill_and_restart(broker);
    expect_get(jobs, "returned", 2);
    struct blocked *get = blocked_get(world, jobs);
    await_waiting(client, "jobs", 1);
    expect_status(muster_done(held), MUSTER_OK);
    expect_put(jobs, "next");
    expect_status(blocked_finish(get, body), MUSTER_OK);
    assert_string_equal(body, "next");
    expect_ready(jobs, 0);
    muster_message_free(&held);
    muster_message_free(&returned);
}

static void a_worker_that_died_with_the_broker_gives_its_work_back(void **state)
{
    struct world *world = *state;
    struct broker *broker = start(world);
    muster_client *client = client_open(world, broker_url(broker), LONG_TTL);
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    muster_client *worker = NULL;
    muster_queue *jobs = queue_open(world, client, "jobs");
    muster_queue *its = NULL;
    muster_message *message = NULL;

    options.url = broker_url(broker);
    options.ttl_ns = MUSTER_SECOND;
    expect_status(muster_connect(&options, &worker), MUSTER_OK);
    expect_status(muster_queue_open(worker, "jobs", &its), MUSTER_OK);
    expect_put(jobs, "precious");
    expect_status(muster_get(its, NULL, &message), MUSTER_OK);
    broker_signal(broker, SIGKILL);
    broker_wait(broker);
    muster_message_free(&message);
    muster_queue_close(&its);
    muster_close(&worker);
    broker_restart(broker);
    expect_get(jobs, "precious", 2);
}

static void replies_say_what_is_on_stable_storage(void **state)
{
    struct world *world = *state;
    struct broker *broker = start(world);
    muster_client *client = client_open(world, broker_url(broker), LONG_TTL);
    muster_put_result result;
    uint64_t ready;
    muster_setting memory[] = {{"durable", 0}};

    expect_status(muster_put(queue_open(world, client, "safe"), "x", 1, NULL, &result), MUSTER_OK);
    assert_true(result.durable);
    expect_status(muster_declare(client, "fast", MUSTER_FIFO, memory, 1, NULL), MUSTER_OK);
    expect_status(muster_put(queue_open(world, client, "fast"), "x", 1, NULL, &result), MUSTER_OK);
    assert_false(result.durable);
    kill_and_restart(broker);
    expect_ready(queue_open(world, client, "safe"), 1);
    expect_status(muster_qsize(queue_open(world, client, "fast"), &ready), MUSTER_NOT_FOUND);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        STORY(all_that_waits_carries_on_across_a_kill),
        STORY(all_that_waits_carries_on_across_a_planned_end),
        STORY(what_is_held_is_still_held_and_what_is_done_stays_done),
        STORY(a_worker_that_died_with_the_broker_gives_its_work_back),
        STORY(replies_say_what_is_on_stable_storage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
