/* test_faults.c - what is promised when clients die or hang and when the network fails.
 *
 * Real processes and a proxy that fails on command. The broker is told to give up a connection that
 * is silent for 300 ms, and sessions live for 300 ms, so that a loss is decided quickly. */
#include "tests/lib/calls.h"
#include "tests/lib/proxy.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHORT_TTL (300 * MUSTER_MS)
#define LONG_TTL  (60 * MUSTER_SECOND)

static const char *const quick_args[] = {"--silence", "300ms", NULL};
static const struct broker_options quick = {.args = quick_args};

/* ---- clients that die or hang ---- */

/* Takes a message, tells so once the broker knows it, and waits for a signal; then finishes it, but
 * not before the connection is known to be good. */
static void hold_a_message(int report, void *url)
{
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    muster_client *client = NULL;
    muster_queue *queue = NULL;
    muster_message *message = NULL;
    options.url = url;
    options.ttl_ns = SHORT_TTL;
    sigset_t go_on;
    int got = 0;
    sigemptyset(&go_on);
    sigaddset(&go_on, SIGUSR1);
    sigprocmask(SIG_BLOCK, &go_on, NULL);
    muster_connect(&options, &client);
    muster_queue_open(client, "jobs", &queue);
    enum muster_status status = muster_get(queue, NULL, &message);
    muster_ping(client, MUSTER_FOREVER, NULL); /* its frame confirms that the message was taken */
    dprintf(report, "taken %s\n", muster_status_name(status));
    sigwait(&go_on, &got);
    while (muster_ping(client, WAIT_LIMIT_NS, NULL) != MUSTER_OK) {
    }
    dprintf(report, "done %s\n", muster_status_name(muster_done(message)));
}

static void killed_worker_gives_back(void **state)
{
    struct world *world = *state;
    struct broker *broker = broker_start(world, &quick);
    /* Forked before this process has threads of its own. */
    struct child *worker = child_fork(world, hold_a_message, (char *)(uintptr_t)broker_url(broker));
    muster_client *client = client_open(world, broker_url(broker), LONG_TTL);
    muster_queue *jobs = queue_open(world, client, "jobs");
    expect_put(jobs, "important");
    child_expect(worker, "taken OK");
    child_signal(worker, SIGKILL);
    assert_true(WIFSIGNALED(child_wait(worker)));
    expect_get(jobs, "important", 2);
    expect_ready(jobs, 0);
}

static void stopped_worker_loses_its_lease(void **state)
{
    struct world *world = *state;
    struct broker *broker = broker_start(world, &quick);
    /* Forked before this process has threads of its own. */
    struct child *worker = child_fork(world, hold_a_message, (char *)(uintptr_t)broker_url(broker));
    muster_client *client = client_open(world, broker_url(broker), LONG_TTL);
    muster_queue *jobs = queue_open(world, client, "jobs");
    expect_put(jobs, "important");
    child_expect(worker, "taken OK");
    child_signal(worker, SIGSTOP);
    expect_get(jobs, "important", 2);
    child_signal(worker, SIGUSR1);
    child_signal(worker, SIGCONT);
    child_expect(worker, "done LOST");
    assert_int_equal(child_wait(worker), 0);
    expect_ready(jobs, 0);
}

/* ---- a network that fails ---- */

static void cut_blocked_get_goes_on(void **state)
{
    struct world *world = *state;
    char body[64];
    struct broker *broker = broker_start(world, &quick);
    struct proxy *proxy = proxy_start(world, broker_port(broker));
    muster_client *near = client_open(world, broker_url(broker), LONG_TTL);
    muster_client *far = client_open(world, proxy_url(proxy), LONG_TTL);
    muster_queue *jobs = queue_open(world, near, "jobs");
    struct blocked *get = blocked_get(world, queue_open(world, far, "jobs"));
    await_waiting(near, "jobs", 1);
    proxy_cut(proxy);
    proxy_await_connections(proxy, 2);
    expect_put(jobs, "after the cut");
    expect_status(blocked_finish(get, body), MUSTER_OK);
    assert_string_equal(body, "after the cut");
}

static void cut_blocked_join_goes_on(void **state)
{
    struct world *world = *state;
    struct broker *broker = broker_start(world, &quick);
    struct proxy *proxy = proxy_start(world, broker_port(broker));
    muster_client *near = client_open(world, broker_url(broker), LONG_TTL);
    muster_client *far = client_open(world, proxy_url(proxy), LONG_TTL);
    muster_queue *jobs = queue_open(world, near, "jobs");
    expect_put(jobs, "work");
    struct blocked *join = blocked_join(world, queue_open(world, far, "jobs"));
    await_waiting(near, "jobs", 1);
    proxy_cut(proxy);
    proxy_await_connections(proxy, 2);
    assert_false(blocked_is_over(join));
    expect_get(jobs, "work", 1);
    expect_status(blocked_finish(join, NULL), MUSTER_OK);
}

static void full_queue_put_goes_on_after_a_cut(void **state)
{
    struct world *world = *state;
    const muster_setting one = {"maxsize", 1};
    struct broker *broker = broker_start(world, &quick);
    struct proxy *proxy = proxy_start(world, broker_port(broker));
    muster_client *near = client_open(world, broker_url(broker), LONG_TTL);
    muster_client *far = client_open(world, proxy_url(proxy), LONG_TTL);
    muster_queue *jobs = queue_open(world, near, "jobs");
    expect_status(muster_declare(near, "jobs", MUSTER_FIFO, &one, 1, NULL), MUSTER_OK);
    expect_put(jobs, "first");
    struct blocked *put = blocked_put(world, queue_open(world, far, "jobs"), "second");
    await_waiting(near, "jobs", 1);
    proxy_cut(proxy);
    proxy_await_connections(proxy, 2);
    expect_get(jobs, "first", 1);
    expect_status(blocked_finish(put, NULL), MUSTER_OK);
    expect_get(jobs, "second", 1);
    expect_ready(jobs, 0);
}

/* The connection is cut once within every step of bytes, so cuts fall before, between and inside
 * the frames of requests and replies; every put and every get happens exactly once all the same. */
static void cut_every(struct world *world, struct broker *broker, uint64_t step)
{
    char name[32], body[32];
    struct proxy *proxy = proxy_start(world, broker_port(broker));
    muster_client *near = client_open(world, broker_url(broker), LONG_TTL);
    muster_client *far = client_open(world, proxy_url(proxy), LONG_TTL);
    snprintf(name, sizeof(name), "jobs-%u", (unsigned)step);
    muster_queue *here = queue_open(world, near, name);
    muster_queue *there = queue_open(world, far, name);
    proxy_cut_after(proxy, step, true);
    for (unsigned i = 0; i < 10; i++) {
        snprintf(body, sizeof(body), "there %u", i);
        expect_put(there, body);
        expect_ready(here, 1);
        expect_get(here, body, 1);
        snprintf(body, sizeof(body), "here %u", i);
        expect_put(here, body);
        expect_get(there, body, 1);
        expect_ready(here, 0);
    }
    proxy_cut_after(proxy, 0, false);
}

static void cuts_anywhere_do_not_repeat_or_lose(void **state)
{
    struct world *world = *state;
    struct broker *broker = broker_start(world, NULL);
    for (uint64_t step = 229; step < 700; step += 67) {
        cut_every(world, broker, step);
    }
}

/* One cut, at each byte in turn of one put and one get, the reconnecting included. */
static void one_cut_at_each_byte(void **state)
{
    struct world *world = *state;
    struct broker *broker = broker_start(world, NULL);
    struct proxy *proxy = proxy_start(world, broker_port(broker));
    muster_client *far = client_open(world, proxy_url(proxy), LONG_TTL);
    muster_queue *there = queue_open(world, far, "jobs");
    expect_put(there, "to open the queue");
    expect_get(there, "to open the queue", 1);
    uint64_t before = proxy_forwarded(proxy);
    expect_put(there, "0");
    expect_get(there, "0", 1);
    uint64_t length = proxy_forwarded(proxy) - before;
    assert_in_range(length, 20, 1000);
    for (uint64_t bytes = 1; bytes <= length; bytes++) {
        char body[16];
        snprintf(body, sizeof(body), "%u", (unsigned)bytes);
        proxy_cut_after(proxy, bytes, false);
        expect_put(there, body);
        expect_get(there, body, 1);
        expect_ready(there, 0);
        proxy_cut_after(proxy, 0, false);
    }
}

static void fail_in_silence(struct world *world, void (*failure)(struct proxy *proxy))
{
    char body[64];
    struct broker *broker = broker_start(world, &quick);
    struct proxy *proxy = proxy_start(world, broker_port(broker));
    muster_client *near = client_open(world, broker_url(broker), LONG_TTL);
    muster_client *far = client_open(world, proxy_url(proxy), LONG_TTL);
    muster_queue *jobs = queue_open(world, near, "jobs");
    struct blocked *get = blocked_get(world, queue_open(world, far, "jobs"));
    await_waiting(near, "jobs", 1);
    failure(proxy);
    expect_put(jobs, "through silence");
    proxy_await_connections(proxy, 2);
    expect_status(blocked_finish(get, body), MUSTER_OK);
    assert_string_equal(body, "through silence");
    expect_ready(jobs, 0);
}

static void lose_to_broker(struct proxy *proxy)
{
    proxy_drop(proxy, PROXY_TO_BROKER);
}

static void lose_to_client(struct proxy *proxy)
{
    proxy_drop(proxy, PROXY_TO_CLIENT);
}

static void stalled_connection_is_replaced(void **state)
{
    fail_in_silence(*state, proxy_stall);
}

static void loss_towards_the_broker_is_noticed(void **state)
{
    fail_in_silence(*state, lose_to_broker);
}

static void loss_towards_the_client_is_noticed(void **state)
{
    fail_in_silence(*state, lose_to_client);
}

/* While nothing can reconnect, the session ends; the message it held goes to somebody else. */
static void session_that_cannot_come_back_ends(void **state)
{
    struct world *world = *state;
    muster_message *message = NULL;
    struct broker *broker = broker_start(world, &quick);
    struct proxy *proxy = proxy_start(world, broker_port(broker));
    muster_client *near = client_open(world, broker_url(broker), LONG_TTL);
    muster_client *far = client_open(world, proxy_url(proxy), SHORT_TTL);
    muster_queue *jobs = queue_open(world, near, "jobs");
    expect_put(jobs, "held");
    expect_status(muster_get(queue_open(world, far, "jobs"), NULL, &message), MUSTER_OK);
    expect_status(muster_ping(far, WAIT_LIMIT_NS, NULL), MUSTER_OK);
    proxy_refuse(proxy, true);
    proxy_cut(proxy);
    expect_get(jobs, "held", 2);
    proxy_refuse(proxy, false);
    expect_put(queue_open(world, near, "news"), "all is well again");
    expect_get(queue_open(world, far, "news"), "all is well again", 1);
    expect_status(muster_done(message), MUSTER_LOST);
    muster_message_free(&message);
}

/* ---- one client, several users ---- */

static void two_threads_block_on_one_client(void **state)
{
    struct world *world = *state;
    char first[64], second[64];
    struct broker *broker = broker_start(world, NULL);
    muster_client *near = client_open(world, broker_url(broker), LONG_TTL);
    muster_client *shared = client_open(world, broker_url(broker), LONG_TTL);
    muster_queue *a = queue_open(world, near, "a");
    muster_queue *b = queue_open(world, near, "b");
    struct blocked *get_a = blocked_get(world, queue_open(world, shared, "a"));
    struct blocked *get_b = blocked_get(world, queue_open(world, shared, "b"));
    await_waiting(near, "a", 1);
    await_waiting(near, "b", 1);
    expect_put(b, "for b");
    expect_status(blocked_finish(get_b, second), MUSTER_OK);
    assert_false(blocked_is_over(get_a));
    expect_put(a, "for a");
    expect_status(blocked_finish(get_a, first), MUSTER_OK);
    assert_string_equal(first, "for a");
    assert_string_equal(second, "for b");
}

static void use_inherited_client(int report, void *arg)
{
    muster_queue *queue = arg;
    enum muster_status status = muster_put(queue, "from the child", 14, NULL, NULL);
    dprintf(report, "put %s\n", muster_status_name(status));
}

static void forked_child_is_refused(void **state)
{
    struct world *world = *state;
    struct broker *broker = broker_start(world, NULL);
    muster_client *client = client_open(world, broker_url(broker), LONG_TTL);
    muster_queue *jobs = queue_open(world, client, "jobs");
    expect_put(jobs, "before the fork");
    struct child *child = child_fork(world, use_inherited_client, jobs);
    child_expect(child, "put UNAVAILABLE");
    assert_int_equal(child_wait(child), 0);
    expect_ready(jobs, 1);
    expect_get(jobs, "before the fork", 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(killed_worker_gives_back),
        TEST(stopped_worker_loses_its_lease),
        TEST(cut_blocked_get_goes_on),
        TEST(cut_blocked_join_goes_on),
        TEST(full_queue_put_goes_on_after_a_cut),
        TEST(cuts_anywhere_do_not_repeat_or_lose),
        TEST(one_cut_at_each_byte),
        TEST(stalled_connection_is_replaced),
        TEST(loss_towards_the_broker_is_noticed),
        TEST(loss_towards_the_client_is_noticed),
        TEST(session_that_cannot_come_back_ends),
        TEST(two_threads_block_on_one_client),
        TEST(forked_child_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
