/* test_busy_poll.c - a broker and clients that look for more before they sleep: who may ask for it,
 * that nothing else changes, and that it ends. */
#include "tests/integration/test_client_ground.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define LONGEST_NS (10 * MUSTER_MS)

static struct broker *awake_broker(void **state)
{
    static const char *const args[] = {"--busy-poll", "10ms", NULL};

    return broker_start(*state, &(struct broker_options){.listen = "unix", .args = args});
}

static muster_client *awake_client(const struct broker *broker)
{
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    muster_client *client = NULL;

    options.url = broker_url(broker);
    options.busy_poll_ns = LONGEST_NS;
    expect_status(muster_connect(&options, &client), MUSTER_OK);
    return client;
}

static int64_t cpu_of_ns(clockid_t clock)
{
    struct timespec used;

    assert_int_equal(clock_gettime(clock, &used), 0);
    return used.tv_sec * MUSTER_SECOND + used.tv_nsec;
}

/* The broker's; the system says who is at the other end of a Unix socket. */
static clockid_t broker_clock(muster_client *client)
{
    struct ucred who;
    socklen_t size = sizeof(who);
    clockid_t clock;

    assert_int_equal(getsockopt(muster_fd(client), SOL_SOCKET, SO_PEERCRED, &who, &size), 0);
    assert_int_equal(clock_getcpuclockid(who.pid, &clock), 0);
    return clock;
}

static enum muster_status connect_with(const struct broker *broker, int64_t busy_poll_ns)
{
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    muster_client *client = NULL;

    options.url = broker_url(broker);
    options.busy_poll_ns = busy_poll_ns;
    enum muster_status status = muster_connect(&options, &client);
    muster_close(&client);
    return status;
}

static void the_time_is_checked(void **state)
{
    struct broker *broker = broker_start(*state, NULL);

    expect_status(connect_with(broker, LONGEST_NS), MUSTER_OK);
    expect_status(connect_with(broker, LONGEST_NS + 1), MUSTER_VALUE);
    expect_status(connect_with(broker, -2), MUSTER_VALUE);
    setenv("MUSTER_BUSY_POLL", "50us", 1);
    expect_status(connect_with(broker, MUSTER_DEFAULT), MUSTER_OK);
    setenv("MUSTER_BUSY_POLL", "10ms", 1);
    expect_status(connect_with(broker, MUSTER_DEFAULT), MUSTER_OK);
    setenv("MUSTER_BUSY_POLL", "11ms", 1);
    expect_status(connect_with(broker, MUSTER_DEFAULT), MUSTER_VALUE);
    setenv("MUSTER_BUSY_POLL", "1", 1); /* a second */
    expect_status(connect_with(broker, MUSTER_DEFAULT), MUSTER_VALUE);
    setenv("MUSTER_BUSY_POLL", "soon", 1);
    expect_status(connect_with(broker, MUSTER_DEFAULT), MUSTER_VALUE);
    assert_string_equal(muster_last_error(), "connect: MUSTER_BUSY_POLL is \"soon\"; write a time "
                                             "from 0 to 10ms, such as 50us");
    expect_status(connect_with(broker, 0), MUSTER_OK); /* the option wins */
    unsetenv("MUSTER_BUSY_POLL");
}

static void calls_end_as_ever(void **state)
{
    struct broker *broker = awake_broker(state);
    muster_client *client = awake_client(broker);
    muster_queue *queue = NULL;

    expect_status(muster_queue_open(client, "jobs", &queue), MUSTER_OK);
    for (int i = 0; i < 200; i++) {
        expect_put(queue, "one");
        expect_get(queue, "one", 1);
    }
    struct blocked *blocked = blocked_get(*state, queue);
    await_waiting(client, "jobs", 1); /* beside a thread that looks already */
    expect_put(queue, "two");
    char body[64];
    expect_status(blocked_finish(blocked, body), MUSTER_OK);
    assert_string_equal(body, "two");
    blocked = blocked_get(*state, queue);
    await_waiting(client, "jobs", 1);
    expect_status(blocked_cancel(blocked, NULL), MUSTER_CANCELLED);
    muster_queue_close(&queue);
    muster_close(&client);
}

static void who_waits_long_sleeps(void **state)
{
    struct broker *broker = awake_broker(state);
    muster_client *client = awake_client(broker);
    muster_queue *queue = NULL;
    muster_message *message = NULL;
    muster_get_options get = MUSTER_GET_OPTIONS;

    expect_status(muster_queue_open(client, "jobs", &queue), MUSTER_OK);
    expect_put(queue, "one");
    expect_get(queue, "one", 1);
    clockid_t there = broker_clock(client);
    int64_t began_ns = cpu_of_ns(there);
    int64_t own_began_ns = cpu_of_ns(CLOCK_PROCESS_CPUTIME_ID);
    get.timeout_ns = MUSTER_SECOND / 2;
    expect_status(muster_get(queue, &get, &message), MUSTER_TIMEOUT);
    /* Whoever did not sleep would have used the half second. */
    assert_in_range(cpu_of_ns(there) - began_ns, 0, MUSTER_SECOND / 5);
    assert_in_range(cpu_of_ns(CLOCK_PROCESS_CPUTIME_ID) - own_began_ns, 0, MUSTER_SECOND / 5);
    muster_queue_close(&queue);
    muster_close(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_time_is_checked),
        TEST(calls_end_as_ever),
        TEST(who_waits_long_sleeps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
