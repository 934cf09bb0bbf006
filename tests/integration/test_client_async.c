/* test_client_async.c - libmuster beside its blocking calls: callbacks, cancel tokens,
 * consumers, the application's own loop, closing under way. */
#include "tests/lib/calls.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LONG_TTL (60 * MUSTER_SECOND)

struct tally {
    atomic_int good;
    atomic_int bad;
    atomic_int last;
    muster_message *message;
};

static void on_result(enum muster_status status, muster_result *result, void *user)
{
    struct tally *tally = user;

    if (status == MUSTER_OK) {
        muster_message *message = muster_result_take_message(result);

        if (message != NULL) {
            tally->message = message;
        }
        atomic_fetch_add(&tally->good, 1);
    } else {
        atomic_fetch_add(&tally->bad, 1);
    }
    atomic_store(&tally->last, (int)status);
}

struct ground {
    struct broker *broker;
    muster_client *client;
    muster_queue *queue;
};

static struct ground ground_of(void **state)
{
    struct world *world = *state;
    struct ground ground;

    ground.broker = broker_start(world, NULL);
    ground.client = client_open(world, broker_url(ground.broker), LONG_TTL);
    ground.queue = queue_open(world, ground.client, "jobs");
    return ground;
}

static void every_callback_runs_once(void **state)
{
    enum { COUNT = 20000 };
    struct ground ground = ground_of(state);
    struct tally tally = {0};

    for (int i = 0; i < COUNT; i++) {
        expect_status(muster_put_async(ground.queue, "x", 1, NULL, on_result, &tally, NULL),
                      MUSTER_OK);
    }
    expect_status(muster_flush(ground.client, WAIT_LIMIT_NS), MUSTER_OK);
    assert_int_equal(atomic_load(&tally.good), COUNT);
    assert_int_equal(atomic_load(&tally.bad), 0);
    expect_ready(ground.queue, COUNT);
}

static void flush_tells_what_nobody_heard(void **state)
{
    const muster_setting small[] = {{"maxsize", 3}};
    struct ground ground = ground_of(state);
    muster_put_options no_wait = MUSTER_PUT_OPTIONS;

    expect_status(muster_declare(ground.client, "jobs", MUSTER_FIFO, small, 1, NULL), MUSTER_OK);
    no_wait.timeout_ns = 0;
    for (int i = 0; i < 5; i++) {
        expect_status(muster_put_async(ground.queue, "x", 1, &no_wait, NULL, NULL, NULL),
                      MUSTER_OK);
    }
    expect_status(muster_flush(ground.client, WAIT_LIMIT_NS), MUSTER_FULL);
    expect_status(muster_flush(ground.client, WAIT_LIMIT_NS), MUSTER_OK);
    expect_ready(ground.queue, 3);
    expect_status(muster_put_async(ground.queue, "x", 1, NULL, NULL, NULL, NULL), MUSTER_OK);
    expect_status(muster_flush(ground.client, 10 * MUSTER_MS), MUSTER_TIMEOUT);
    expect_get(ground.queue, "x", 1);
    expect_status(muster_flush(ground.client, WAIT_LIMIT_NS), MUSTER_OK);
}

static void a_message_in_a_callback_can_be_kept(void **state)
{
    struct ground ground = ground_of(state);
    struct tally tally = {0};

    expect_status(muster_get_async(ground.queue, NULL, NULL, NULL, NULL), MUSTER_VALUE);
    expect_status(muster_get_async(ground.queue, NULL, on_result, &tally, NULL), MUSTER_OK);
    expect_put(ground.queue, "kept");
    expect_status(muster_flush(ground.client, WAIT_LIMIT_NS), MUSTER_OK);
    assert_non_null(tally.message);
    assert_string_equal(muster_message_body(tally.message), "kept");
    assert_string_equal(muster_message_queue(tally.message), "jobs");
    expect_status(muster_done_async(tally.message, on_result, &tally, NULL), MUSTER_OK);
    muster_message_free(&tally.message);
    expect_status(muster_flush(ground.client, WAIT_LIMIT_NS), MUSTER_OK);
    assert_int_equal(atomic_load(&tally.good), 2);
    expect_status(muster_join(ground.queue, WAIT_LIMIT_NS, NULL, NULL), MUSTER_OK);
}

/* An asynchronous call whose outcome nobody takes away is freed with its message, which stays
 * leased: the lease ends with the session. */
static void cancelling_one_call(void **state)
{
    struct ground ground = ground_of(state);
    struct tally tally = {0};
    muster_call *call = NULL;

    expect_status(muster_get_async(ground.queue, NULL, on_result, &tally, &call), MUSTER_OK);
    await_waiting(ground.client, "jobs", 1);
    muster_call_cancel(call);
    expect_status(muster_flush(ground.client, WAIT_LIMIT_NS), MUSTER_OK);
    assert_int_equal(atomic_load(&tally.last), MUSTER_CANCELLED);
    muster_call_cancel(call); /* too late, and harmless */
    muster_call_release(&call);
    assert_null(call);
    expect_put(ground.queue, "not swallowed");
    expect_get(ground.queue, "not swallowed", 1);
}

static void one_token_ends_many_calls(void **state)
{
    struct ground ground = ground_of(state);
    struct world *world = *state;
    muster_client *other = client_open(world, broker_url(ground.broker), LONG_TTL);
    muster_queue *there = queue_open(world, other, "jobs");
    muster_get_options options = MUSTER_GET_OPTIONS;
    muster_message *message = NULL;
    struct tally tally = {0};

    options.cancel = muster_cancel_new();
    for (int i = 0; i < 10; i++) {
        expect_status(
            muster_get_async(i % 2 == 0 ? ground.queue : there, &options, on_result, &tally, NULL),
            MUSTER_OK);
    }
    await_waiting(ground.client, "jobs", 10);
    muster_cancel_fire(options.cancel);
    expect_status(muster_flush(ground.client, WAIT_LIMIT_NS), MUSTER_OK);
    expect_status(muster_flush(other, WAIT_LIMIT_NS), MUSTER_OK);
    assert_int_equal(atomic_load(&tally.bad), 10);
    expect_status(muster_get(ground.queue, &options, &message), MUSTER_CANCELLED);
    muster_cancel_reset(options.cancel);
    options.timeout_ns = 0;
    expect_status(muster_get(ground.queue, &options, &message), MUSTER_EMPTY);
    muster_cancel_free(&options.cancel);
}

static void call_from_a_callback(enum muster_status status, muster_result *result, void *user)
{
    struct tally *tally = user;

    (void)result;
    (void)status;
    atomic_store(&tally->last, (int)muster_put((muster_queue *)tally->message, "x", 1, NULL, NULL));
    expect_status(muster_put_async((muster_queue *)tally->message, "y", 1, NULL, NULL, NULL, NULL),
                  MUSTER_OK);
    atomic_fetch_add(&tally->good, 1);
}

static void a_callback_must_not_block(void **state)
{
    struct ground ground = ground_of(state);
    struct tally tally = {.message = (muster_message *)ground.queue};

    expect_status(muster_put_async(ground.queue, "a", 1, NULL, call_from_a_callback, &tally, NULL),
                  MUSTER_OK);
    expect_status(muster_flush(ground.client, WAIT_LIMIT_NS), MUSTER_OK);
    assert_int_equal(atomic_load(&tally.last), MUSTER_VALUE);
    expect_status(muster_flush(ground.client, WAIT_LIMIT_NS), MUSTER_OK);
    expect_ready(ground.queue, 2);
}

static void consume_some(muster_queue *queue, enum muster_get_mode mode, int count)
{
    muster_consume_options options = MUSTER_CONSUME_OPTIONS;
    muster_consumer *consumer = NULL;

    options.window = 8;
    options.mode = mode;
    expect_status(muster_consumer_open(queue, &options, &consumer), MUSTER_OK);
    for (int i = 0; i < count; i++) {
        muster_message *message = NULL;

        expect_status(muster_consumer_next(consumer, WAIT_LIMIT_NS, &message), MUSTER_OK);
        expect_status(mode == MUSTER_LEASE ? muster_done(message) : muster_task_done(queue),
                      MUSTER_OK);
        muster_message_free(&message);
    }
    muster_consumer_close(&consumer);
}

/* What a window fetched ahead and nobody took goes back to its place, and does not count. */
static void an_untaken_window_goes_back(void **state)
{
    struct ground ground = ground_of(state);
    muster_message *message = NULL;
    size_t count = 0;

    for (int i = 0; i < 30; i++) {
        char body[16];

        snprintf(body, sizeof(body), "%d", i);
        expect_put(ground.queue, body);
    }
    consume_some(ground.queue, MUSTER_LEASE, 5);
    consume_some(ground.queue, MUSTER_AUTO, 5);
    expect_ready(ground.queue, 20);
    expect_status(muster_peek(ground.queue, 1, 0, &message, &count), MUSTER_OK);
    assert_int_equal(count, 1);
    assert_string_equal(muster_message_body(message), "10");
    assert_int_equal(muster_message_delivery(message), 0);
    muster_message_free(&message);
}

static enum muster_verdict until_stop(muster_message *message, void *user)
{
    int *seen = user;

    ++*seen;
    if (strcmp(muster_message_body(message), "bad") == 0) {
        return MUSTER_DEAD_LETTER;
    }
    return strcmp(muster_message_body(message), "stop") == 0 ? MUSTER_STOP : MUSTER_FINISHED;
}

static void a_handler_decides(void **state)
{
    struct ground ground = ground_of(state);
    struct world *world = *state;
    int seen = 0;

    expect_put(ground.queue, "good");
    expect_put(ground.queue, "bad");
    expect_put(ground.queue, "stop");
    expect_put(ground.queue, "later");
    expect_status(muster_consume(ground.queue, NULL, until_stop, &seen), MUSTER_OK);
    assert_int_equal(seen, 3);
    expect_ready(ground.queue, 1);
    expect_ready(queue_open(world, ground.client, "jobs.dead"), 1);
}

struct closer {
    muster_queue *queue;
    enum muster_status status;
};

static void *get_until_closed(void *arg)
{
    struct closer *closer = arg;
    muster_message *message = NULL;

    closer->status = muster_get(closer->queue, NULL, &message);
    return NULL;
}

static void closing_ends_calls_in_other_threads(void **state)
{
    struct ground ground = ground_of(state);
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    struct closer closers[4];
    pthread_t threads[4];
    muster_client *client = NULL;
    muster_queue *queue = NULL;
    struct tally tally = {0};

    options.url = broker_url(ground.broker);
    expect_status(muster_connect(&options, &client), MUSTER_OK);
    expect_status(muster_queue_open(client, "jobs", &queue), MUSTER_OK);
    for (int i = 0; i < 4; i++) {
        closers[i] = (struct closer){queue, MUSTER_OK};
        assert_int_equal(pthread_create(&threads[i], NULL, get_until_closed, &closers[i]), 0);
    }
    expect_status(muster_get_async(queue, NULL, on_result, &tally, NULL), MUSTER_OK);
    await_waiting(ground.client, "jobs", 5);
    muster_close(&client);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(closers[i].status, MUSTER_CANCELLED);
    }
    assert_int_equal(atomic_load(&tally.last), MUSTER_CANCELLED);
    expect_status(muster_put(queue, "x", 1, NULL, NULL), MUSTER_UNAVAILABLE);
    muster_queue_close(&queue);
}

/* ---- the application's own loop ---- */

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

/* ---- many threads, one client ---- */

struct hammer {
    muster_queue *queue;
    int number;
    int mistakes;
};

static void *hammer(void *arg)
{
    struct hammer *mine = arg;

    for (int i = 0; i < 300; i++) {
        muster_message *message = NULL;

        mine->mistakes += muster_put(mine->queue, "x", 1, NULL, NULL) != MUSTER_OK;
        if (i % 3 == 0) {
            mine->mistakes +=
                muster_put_async(mine->queue, "y", 1, NULL, NULL, NULL, NULL) != MUSTER_OK;
            mine->mistakes += muster_get(mine->queue, NULL, &message) != MUSTER_OK;
            mine->mistakes += muster_done(message) != MUSTER_OK;
            muster_message_free(&message);
        }
        mine->mistakes += muster_get(mine->queue, NULL, &message) != MUSTER_OK;
        mine->mistakes += muster_done_async(message, NULL, NULL, NULL) != MUSTER_OK;
        muster_message_free(&message);
    }
    return NULL;
}

static void many_threads_share_a_client(void **state)
{
    enum { THREADS = 8 };
    struct ground ground = ground_of(state);
    struct hammer hammers[THREADS];
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        hammers[i] = (struct hammer){ground.queue, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &hammers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(hammers[i].mistakes, 0);
    }
    expect_status(muster_flush(ground.client, WAIT_LIMIT_NS), MUSTER_OK);
    expect_status(muster_join(ground.queue, WAIT_LIMIT_NS, NULL, NULL), MUSTER_OK);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_callback_runs_once),
        TEST(flush_tells_what_nobody_heard),
        TEST(a_message_in_a_callback_can_be_kept),
        TEST(cancelling_one_call),
        TEST(one_token_ends_many_calls),
        TEST(a_callback_must_not_block),
        TEST(an_untaken_window_goes_back),
        TEST(a_handler_decides),
        TEST(closing_ends_calls_in_other_threads),
        TEST(own_loop_needs_no_thread),
        TEST(own_loop_survives_a_restart),
        TEST(many_threads_share_a_client),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
