/* test_client_own_loop.c - libmuster without a thread of its own: the program turns the loop. */
#include "tests/integration/test_client_ground.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * MUSTER_SECOND + now.tv_nsec;
}

/* Turns the loop until so many outcomes have come. */
static void turn(muster_client *client, struct tally *tally, int outcomes)
{
    int64_t limit = now_ns() + WAIT_LIMIT_NS;

    while (atomic_load(&tally->good) + atomic_load(&tally->bad) < outcomes) {
        struct pollfd watched = {.fd = muster_fd(client), .events = POLLIN};
        int64_t deadline = muster_deadline_ns(client);

        assert_true(now_ns() < limit);
        deadline = deadline < limit ? deadline : limit;
        watched.events = (short)(POLLIN | (muster_wants_write(client) ? POLLOUT : 0));
        int64_t pause = deadline > now_ns() ? (deadline - now_ns()) / MUSTER_MS + 1 : 0;
        assert_true(poll(&watched, 1, (int)pause) >= 0);
        expect_status(muster_process(client), MUSTER_OK);
    }
}

static void own_loop_needs_no_thread(void **state)
{
    struct ground ground = ground_of(state);
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    muster_client *client = NULL;
    muster_queue *queue = NULL;
    struct tally tally = {0};

    options.url = broker_url(ground.broker);
    options.own_loop = true;
    expect_status(muster_connect(&options, &client), MUSTER_OK);
    expect_status(muster_queue_open(client, "mine", &queue), MUSTER_OK);
    for (int i = 0; i < 3000; i++) {
        expect_status(muster_put_async(queue, "x", 1, NULL, on_result, &tally, NULL), MUSTER_OK);
    }
    turn(client, &tally, 3000);
    assert_int_equal(atomic_load(&tally.good), 3000);
    expect_ready(queue, 3000); /* a blocking call drives by itself */
    expect_status(muster_purge(queue, NULL), MUSTER_OK);
    expect_status(muster_get_async(queue, NULL, on_result, &tally, NULL), MUSTER_OK);
    assert_true(muster_wants_write(client));
    expect_status(muster_process(client), MUSTER_OK);
    expect_put(queue_open(*state, ground.client, "mine"), "from outside");
    turn(client, &tally, 3001);
    assert_string_equal(muster_message_body(tally.message), "from outside");
    muster_message_free(&tally.message);
    muster_queue_close(&queue);
    muster_close(&client);
}

static void count_notice(muster_client *client, const muster_notice_info *notice, void *user)
{
    atomic_int *notices = user;

    (void)client;
    atomic_fetch_or(notices, 1 << (int)notice->kind);
}

static void own_loop_survives_a_restart(void **state)
{
    struct ground ground = ground_of(state);
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    atomic_int notices = 0;
    muster_client *client = NULL;
    muster_queue *queue = NULL;
    struct tally tally = {0};

    options.url = broker_url(ground.broker);
    options.own_loop = true;
    options.on_notice = count_notice;
    options.user = &notices;
    expect_status(muster_connect(&options, &client), MUSTER_OK);
    expect_status(muster_queue_open(client, "mine", &queue), MUSTER_OK);
    expect_status(muster_get_async(queue, NULL, on_result, &tally, NULL), MUSTER_OK);
    expect_status(muster_process(client), MUSTER_OK);
    await_waiting(ground.client, "mine", 1);
    broker_signal(ground.broker, SIGKILL);
    broker_wait(ground.broker);
    broker_restart(ground.broker);
    muster_client *fresh = client_open(*state, broker_url(ground.broker), LONG_TTL);
    expect_put(queue_open(*state, fresh, "mine"), "anew");
    turn(client, &tally, 1);
    assert_int_equal(atomic_load(&tally.last), MUSTER_OK);
    muster_message_free(&tally.message);
    assert_int_equal(atomic_load(&notices), 1 << MUSTER_CONNECTION_LOST | 1 << MUSTER_SESSION_LOST);
    muster_queue_close(&queue);
    muster_close(&client);
}

/* Who does not turn its loop gives no sign of life: after the silence time it counts as gone, and
 * after its session's time-to-live as dead, though its connection stood. */
static void a_loop_that_stands_still_loses_its_session(void **state)
{
    static const char *const quick[] = {"--silence", "300ms", NULL};
    struct broker_options quickly = {.args = quick};
    struct broker *broker = broker_start(*state, &quickly);
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    muster_client *client = NULL;
    muster_barrier *mine = NULL;
    muster_barrier *others = NULL;
    struct tally tally = {0};

    options.url = broker_url(broker);
    options.own_loop = true;
    options.ttl_ns = 100 * MUSTER_MS;
    expect_status(muster_connect(&options, &client), MUSTER_OK);
    expect_status(muster_barrier_open(client, "gate", 3, &mine), MUSTER_OK);
    expect_status(muster_barrier_wait_async(mine, MUSTER_FOREVER, on_result, &tally, NULL),
                  MUSTER_OK);
    expect_status(muster_ping(client, WAIT_LIMIT_NS, NULL), MUSTER_OK);
    muster_client *other = client_open(*state, broker_url(broker), LONG_TTL);
    expect_status(muster_barrier_open(other, "gate", 3, &others), MUSTER_OK);
    expect_status(muster_barrier_wait(others, WAIT_LIMIT_NS, NULL, NULL), MUSTER_BROKEN);
    assert_non_null(strstr(muster_last_cause(), "died"));
    turn(client, &tally, 1);
    assert_int_equal(atomic_load(&tally.last), MUSTER_UNKNOWN);
    muster_barrier_close(&others);
    muster_barrier_close(&mine);
    muster_close(&client);
}

/* What a blocking call waits for costs no processor meanwhile, whoever runs the callbacks. */
static void a_flush_that_waits_sleeps(void **state)
{
    struct ground ground = ground_of(state);
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    muster_get_options get = MUSTER_GET_OPTIONS;
    muster_client *client = NULL;
    muster_queue *queue = NULL;
    struct tally tally = {0};
    struct timespec used;

    options.url = broker_url(ground.broker);
    options.own_loop = true;
    get.timeout_ns = MUSTER_SECOND / 2;
    expect_status(muster_connect(&options, &client), MUSTER_OK);
    expect_status(muster_queue_open(client, "empty", &queue), MUSTER_OK);
    expect_status(muster_get_async(queue, &get, on_result, &tally, NULL), MUSTER_OK);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    int64_t before_ns = used.tv_sec * MUSTER_SECOND + used.tv_nsec;

    expect_status(muster_flush(client, WAIT_LIMIT_NS), MUSTER_OK);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    assert_int_equal(atomic_load(&tally.bad), 1);
    assert_true(used.tv_sec * MUSTER_SECOND + used.tv_nsec - before_ns < get.timeout_ns / 10);
    muster_queue_close(&queue);
    muster_close(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_loop_that_stands_still_loses_its_session),
        TEST(own_loop_needs_no_thread),
        TEST(a_flush_that_waits_sleeps),
        TEST(own_loop_survives_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
