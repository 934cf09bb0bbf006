/* test_threads.c - many threads share one client while the network fails under them.
 *
 * Producers and consumers call at once on the same handles; the connection is cut again and again.
 * Every message must be put once, taken once and finished once. */
#include "tests/lib/calls.h"
#include "tests/lib/proxy.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONG_TTL  (60 * MUSTER_SECOND)
#define PRODUCERS 4
#define CONSUMERS 4
#define EACH      100 /* messages of one producer */

struct crew {
    muster_queue *queue;
    pthread_mutex_t lock;
    unsigned producers;              /* numbers given out so far */
    unsigned taken[PRODUCERS][EACH]; /* how often each message was taken */
    unsigned failed;                 /* calls that did not end as they should */
};

static void count_failure(struct crew *crew, const char *what, enum muster_status status)
{
    pthread_mutex_lock(&crew->lock);
    print_error("%s: %s: %s\n", what, muster_status_name(status), muster_last_error());
    crew->failed++;
    pthread_mutex_unlock(&crew->lock);
}

static void *produce(void *arg)
{
    struct crew *crew = arg;
    pthread_mutex_lock(&crew->lock);
    unsigned me = crew->producers++;
    pthread_mutex_unlock(&crew->lock);
    for (unsigned i = 0; i < EACH; i++) {
        char body[32];
        int length = snprintf(body, sizeof(body), "%u %u", me, i);
        enum muster_status status = muster_put(crew->queue, body, (size_t)length, NULL, NULL);
        if (status != MUSTER_OK) {
            count_failure(crew, "put", status);
        }
    }
    return NULL;
}

static void take(struct crew *crew, muster_message *message)
{
    unsigned producer = PRODUCERS, i = EACH;
    sscanf(muster_message_body(message), "%u %u", &producer, &i);
    pthread_mutex_lock(&crew->lock);
    if (producer < PRODUCERS && i < EACH && muster_message_delivery(message) == 1) {
        crew->taken[producer][i]++;
    } else {
        crew->failed++;
    }
    pthread_mutex_unlock(&crew->lock);
}

/* Until the queue is shut down and drained. */
static void *consume(void *arg)
{
    struct crew *crew = arg;
    muster_message *message = NULL;
    enum muster_status status;
    while ((status = muster_get(crew->queue, NULL, &message)) == MUSTER_OK) {
        take(crew, message);
        enum muster_status done = muster_done(message);
        if (done != MUSTER_OK) {
            count_failure(crew, "done", done);
        }
        muster_message_free(&message);
    }
    if (status != MUSTER_SHUTDOWN) {
        count_failure(crew, "get", status);
    }
    return NULL;
}

static void run_crew(struct crew *crew, void (*meanwhile)(void *arg), void *arg)
{
    pthread_t threads[PRODUCERS + CONSUMERS];
    for (size_t i = 0; i < PRODUCERS + CONSUMERS; i++) {
        void *(*run)(void *) = i < PRODUCERS ? produce : consume;
        assert_int_equal(pthread_create(&threads[i], NULL, run, crew), 0);
    }
    meanwhile(arg);
    for (size_t i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], NULL);
    }
    expect_status(muster_join(crew->queue, WAIT_LIMIT_NS, NULL, NULL), MUSTER_OK);
    expect_status(muster_shutdown(crew->queue, false), MUSTER_OK);
    for (size_t i = PRODUCERS; i < PRODUCERS + CONSUMERS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void expect_each_once(const struct crew *crew)
{
    assert_int_equal(crew->failed, 0);
    for (size_t producer = 0; producer < PRODUCERS; producer++) {
        for (size_t i = 0; i < EACH; i++) {
            assert_int_equal(crew->taken[producer][i], 1);
        }
    }
}

static void nothing(void *arg)
{
    (void)arg;
}

static void threads_share_a_client(void **state)
{
    struct world *world = *state;
    struct broker *broker = broker_start(world, NULL);
    muster_client *client = client_open(world, broker_url(broker), LONG_TTL);
    struct crew crew = {.queue = queue_open(world, client, "jobs")};
    pthread_mutex_init(&crew.lock, NULL);
    run_crew(&crew, nothing, NULL);
    expect_each_once(&crew);
    pthread_mutex_destroy(&crew.lock);
}

/* One cut for every 2,000 bytes, ten times, then a quiet network. */
static void cut_ten_times(void *arg)
{
    struct proxy *proxy = arg;
    proxy_cut_after(proxy, 2000, true);
    proxy_await_connections(proxy, 11);
    proxy_cut_after(proxy, 0, false);
}

static void threads_share_a_client_through_cuts(void **state)
{
    struct world *world = *state;
    struct broker *broker = broker_start(world, NULL);
    struct proxy *proxy = proxy_start(world, broker_port(broker));
    muster_client *client = client_open(world, proxy_url(proxy), LONG_TTL);
    struct crew crew = {.queue = queue_open(world, client, "jobs")};
    pthread_mutex_init(&crew.lock, NULL);
    run_crew(&crew, cut_ten_times, proxy);
    expect_each_once(&crew);
    pthread_mutex_destroy(&crew.lock);
}

/* Cancelling while messages arrive neither loses nor repeats one. */
static void cancelled_gets_lose_nothing(void **state)
{
    struct world *world = *state;
    struct broker *broker = broker_start(world, NULL);
    muster_client *near = client_open(world, broker_url(broker), LONG_TTL);
    muster_client *far = client_open(world, broker_url(broker), LONG_TTL);
    muster_queue *here = queue_open(world, near, "jobs");
    muster_queue *there = queue_open(world, far, "jobs");
    for (unsigned i = 0; i < 100; i++) {
        char body[32], got[64];
        snprintf(body, sizeof(body), "%u", i);
        struct blocked *get = blocked_get(world, there);
        await_waiting(near, "jobs", 1);
        expect_put(here, body);
        enum muster_status status = blocked_cancel(get, got);
        if (status == MUSTER_CANCELLED) {
            expect_get(here, body, 1);
        } else {
            expect_status(status, MUSTER_OK);
            assert_string_equal(got, body);
        }
        expect_ready(here, 0);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(threads_share_a_client),
        TEST(threads_share_a_client_through_cuts),
        TEST(cancelled_gets_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
