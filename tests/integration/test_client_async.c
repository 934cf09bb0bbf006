/* test_client_async.c - libmuster beside its blocking calls: callbacks, cancel tokens, consumers,
 * closing under way, many threads. */
#include "tests/integration/test_client_ground.h"
#include "tests/lib/proxy.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

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

struct course {
    muster_queue *queue;
    int left;
    bool twice; /* each message is finished by the handler, too */
};

static enum muster_verdict until_none_is_left(muster_message *message, void *user)
{
    struct course *course = user;

    (void)message;
    if (course->twice) {
        expect_status(muster_task_done(course->queue), MUSTER_OK);
    }
    return --course->left == 0 ? MUSTER_STOP : MUSTER_FINISHED;
}

static void what_a_handler_finished_is_finished_when_it_is_over(void **state)
{
    struct ground ground = ground_of(state);
    muster_consume_options options = MUSTER_CONSUME_OPTIONS;

    for (int round = 0; round < 4; round++) {
        struct course course = {ground.queue, 40, false};
        muster_tallies tallies;

        options.mode = round % 2 == 0 ? MUSTER_LEASE : MUSTER_AUTO;
        options.window = round < 2 ? 1 : 16;
        for (int i = 0; i < course.left; i++) {
            expect_put(ground.queue, "work");
        }
        expect_status(muster_consume(ground.queue, &options, until_none_is_left, &course),
                      MUSTER_OK);
        expect_status(muster_join(ground.queue, 0, NULL, &tallies), MUSTER_OK);
        assert_int_equal(tallies.done, 40);
    }
}

/* Nobody waits for the answer, but who waits for the next message hears of it. */
static void a_finish_that_is_refused_ends_the_course(void **state)
{
    struct ground ground = ground_of(state);
    muster_consume_options options = MUSTER_CONSUME_OPTIONS;
    struct course course = {ground.queue, 2, true};

    options.mode = MUSTER_AUTO;
    expect_put(ground.queue, "work");
    expect_status(muster_consume(ground.queue, &options, until_none_is_left, &course),
                  MUSTER_VALUE);
    assert_int_equal(course.left, 1);
    assert_non_null(strstr(muster_last_error(), "finish in jobs"));
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

struct asker {
    muster_client *client; /* as an application has it: muster_close is given this one */
    bool asked;
};

static void ask_from_callback(enum muster_status status, muster_result *result, void *user)
{
    struct asker *asker = user;

    (void)result;
    muster_session_id(asker->client);
    asker->asked = status == MUSTER_CANCELLED;
}

/* Callbacks run while muster_close waits: the client is still there for them. */
static void a_callback_while_closing_may_use_the_client(void **state)
{
    struct ground ground = ground_of(state);
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    struct asker asker = {NULL, false};
    muster_queue *queue = NULL;

    options.url = broker_url(ground.broker);
    expect_status(muster_connect(&options, &asker.client), MUSTER_OK);
    expect_status(muster_queue_open(asker.client, "jobs", &queue), MUSTER_OK);
    expect_status(muster_get_async(queue, NULL, ask_from_callback, &asker, NULL), MUSTER_OK);
    await_waiting(ground.client, "jobs", 1);
    muster_close(&asker.client);
    assert_true(asker.asked);
    assert_null(asker.client);
    muster_queue_close(&queue);
}

/* ---- a network that is cut again and again ---- */

static void put_all(muster_client *client, muster_queue *queue, int count)
{
    for (int i = 0; i < count; i++) {
        char body[16];

        snprintf(body, sizeof(body), "%d", i);
        expect_status(muster_put_async(queue, body, strlen(body), NULL, NULL, NULL, NULL),
                      MUSTER_OK);
    }
    expect_status(muster_flush(client, WAIT_LIMIT_NS), MUSTER_OK);
}

/* Every message once, in order: what a lost connection took back comes again at its place. */
static void consume_all(muster_queue *queue, enum muster_get_mode mode, int count)
{
    muster_consume_options options = MUSTER_CONSUME_OPTIONS;
    muster_consumer *consumer = NULL;

    options.window = 64;
    options.mode = mode;
    expect_status(muster_consumer_open(queue, &options, &consumer), MUSTER_OK);
    for (int i = 0; i < count; i++) {
        muster_message *message = NULL;
        char body[16];

        expect_status(muster_consumer_next(consumer, WAIT_LIMIT_NS, &message), MUSTER_OK);
        snprintf(body, sizeof(body), "%d", i);
        assert_string_equal(muster_message_body(message), body);
        if (mode == MUSTER_LEASE) {
            expect_status(muster_done_async(message, NULL, NULL, NULL), MUSTER_OK);
        }
        muster_message_free(&message);
    }
    muster_consumer_close(&consumer);
}

static void pipelines_survive_cuts(void **state)
{
    enum { COUNT = 3000 };
    struct ground ground = ground_of(state);
    struct world *world = *state;
    struct proxy *proxy = proxy_start(world, broker_port(ground.broker));
    muster_client *far = client_open(world, proxy_url(proxy), LONG_TTL);
    muster_queue *there = queue_open(world, far, "jobs");
    muster_tallies tallies;

    proxy_cut_after(proxy, 9001, true);
    put_all(far, there, COUNT);
    expect_ready(ground.queue, COUNT);
    consume_all(there, MUSTER_LEASE, COUNT);
    expect_status(muster_flush(far, WAIT_LIMIT_NS), MUSTER_OK);
    expect_status(muster_join(ground.queue, WAIT_LIMIT_NS, NULL, &tallies), MUSTER_OK);
    assert_int_equal(tallies.done, COUNT);
    put_all(far, there, COUNT);
    consume_all(there, MUSTER_AUTO, COUNT);
    expect_ready(ground.queue, 0);
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
        TEST(what_a_handler_finished_is_finished_when_it_is_over),
        TEST(a_finish_that_is_refused_ends_the_course),
        TEST(closing_ends_calls_in_other_threads),
        TEST(a_callback_while_closing_may_use_the_client),
        TEST(pipelines_survive_cuts),
        TEST(many_threads_share_a_client),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
