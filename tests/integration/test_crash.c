/* test_crash.c - the broker is killed again and again while eight clients work.
 *
 * Every put that was acknowledged is finished by exactly one of them, or is left in the queue at
 * the end, exactly once; no call fails. CRASH_RUNS says how many kills; the seed is printed, and
 * SEED repeats the moments as far as they can be. */
#include "tests/lib/calls.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define CLIENTS      8
#define RUNS_DEFAULT 20
#define CALLS_MOST   400 /* between two kills */
#define PUTS_MOST    200000
#define SESSION_TTL  (60 * MUSTER_SECOND)

struct crowd {
    pthread_mutex_t lock;
    pthread_cond_t worked;
    unsigned long calls; /* that were answered */
    unsigned failures;
    bool ends;
    atomic_uchar *seen[CLIENTS]; /* by putter and number: how often it was finished */
    unsigned puts[CLIENTS];      /* acknowledged: 0 .. n-1 */
};

struct client {
    struct crowd *crowd;
    unsigned number;
    pthread_t thread;
    muster_queue *queue;
};

static void note_call(struct crowd *crowd, enum muster_status status, const char *what)
{
    /* TIMEOUT: there was no broker to ask, and no time to wait for one. */
    bool fine = status == MUSTER_OK || status == MUSTER_EMPTY || status == MUSTER_TIMEOUT;

    pthread_mutex_lock(&crowd->lock);
    crowd->calls++;
    if (!fine) {
        crowd->failures++;
        print_error("%s: %s: %s\n", what, muster_status_name(status), muster_last_error());
    }
    pthread_cond_signal(&crowd->worked);
    pthread_mutex_unlock(&crowd->lock);
}

static bool is_over(struct crowd *crowd)
{
    bool ends;

    pthread_mutex_lock(&crowd->lock);
    ends = crowd->ends || crowd->failures > 0;
    pthread_mutex_unlock(&crowd->lock);
    return ends;
}

static void mark_finished(struct crowd *crowd, const muster_message *message)
{
    unsigned putter = 0, number = 0;

    if (sscanf(muster_message_body(message), "%u.%u", &putter, &number) == 2 && putter < CLIENTS &&
        number < PUTS_MOST) {
        crowd->seen[putter][number]++;
    }
}

static void put_one(struct client *client)
{
    struct crowd *crowd = client->crowd;
    unsigned number = crowd->puts[client->number];
    char body[32];
    int n = snprintf(body, sizeof(body), "%u.%u", client->number, number);
    enum muster_status status;

    if (number == PUTS_MOST) {
        return;
    }
    status = muster_put(client->queue, body, (size_t)n, NULL, NULL);
    note_call(crowd, status, "put");
    crowd->puts[client->number] += status == MUSTER_OK;
}

static void finish_one(struct client *client)
{
    muster_get_options options = MUSTER_GET_OPTIONS;
    muster_message *message = NULL;
    enum muster_status status;

    options.timeout_ns = 0;
    status = muster_get(client->queue, &options, &message);
    note_call(client->crowd, status, "get");
    if (status != MUSTER_OK) {
        return;
    }
    status = muster_done(message);
    note_call(client->crowd, status, "done");
    if (status == MUSTER_OK) {
        mark_finished(client->crowd, message);
    }
    muster_message_free(&message);
}

static void *work(void *user)
{
    struct client *client = user;

    for (unsigned i = 0; !is_over(client->crowd); i++) {
        put_one(client);
        if (i % 4 != client->number % 4) {
            finish_one(client);
        }
    }
    return NULL;
}

/* Until so many calls more have been answered. */
static bool await_calls(struct crowd *crowd, unsigned long more)
{
    struct timespec limit;
    int error = 0;
    bool fine;

    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += WAIT_LIMIT_MS / 1000;
    pthread_mutex_lock(&crowd->lock);
    more += crowd->calls;
    while (crowd->calls < more && crowd->failures == 0 && error == 0) {
        error = pthread_cond_timedwait(&crowd->worked, &crowd->lock, &limit);
    }
    fine = crowd->calls >= more && crowd->failures == 0;
    pthread_mutex_unlock(&crowd->lock);
    return fine;
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : (unsigned)strtoul(text, NULL, 10);
}

static void expect_each_once(struct crowd *crowd, muster_queue *queue)
{
    muster_get_options options = MUSTER_GET_OPTIONS;
    muster_message *message = NULL;
    unsigned long puts = 0;

    options.timeout_ns = 0;
    while (muster_get(queue, &options, &message) == MUSTER_OK) {
        mark_finished(crowd, message);
        expect_status(muster_done(message), MUSTER_OK);
        muster_message_free(&message);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        for (unsigned n = 0; n < crowd->puts[i]; n++) {
            if (crowd->seen[i][n] != 1) {
                fail_msg("message %u.%u is there %u times", i, n, crowd->seen[i][n]);
            }
        }
        puts += crowd->puts[i];
    }
    print_message("%lu messages, each exactly once\n", puts);
}

static void nothing_is_lost_and_nothing_comes_twice(void **state)
{
    struct world *world = *state;
    unsigned runs = from_environment("CRASH_RUNS", RUNS_DEFAULT);
    unsigned seed = from_environment("SEED", (unsigned)time(NULL));
    char path[512];
    const char *args[] = {"--data-dir", path, "--segment-size", "256K", NULL};
    const struct broker_options options = {.args = args};
    struct broker *broker;
    struct client clients[CLIENTS];
    struct crowd crowd = {.lock = PTHREAD_MUTEX_INITIALIZER, .worked = PTHREAD_COND_INITIALIZER};
    bool fine = true;

    print_message("SEED=%u CRASH_RUNS=%u\n", seed, runs);
    snprintf(path, sizeof(path), "%s/data", world_dir(world));
    broker = broker_start(world, &options);
    for (unsigned i = 0; i < CLIENTS; i++) {
        muster_client *client = client_open(world, broker_url(broker), SESSION_TTL);

        crowd.seen[i] = calloc(PUTS_MOST, sizeof(*crowd.seen[i]));
        assert_non_null(crowd.seen[i]);
        clients[i] = (struct client){.crowd = &crowd, .number = i};
        clients[i].queue = queue_open(world, client, "jobs");
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        assert_int_equal(pthread_create(&clients[i].thread, NULL, work, &clients[i]), 0);
    }
    for (unsigned run = 0; fine && run < runs; run++) {
        fine = await_calls(&crowd, 1 + (unsigned long)rand_r(&seed) % CALLS_MOST);
        broker_signal(broker, SIGKILL);
        broker_wait(broker);
        broker_restart(broker);
    }
    pthread_mutex_lock(&crowd.lock);
    crowd.ends = true;
    pthread_mutex_unlock(&crowd.lock);
    for (unsigned i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
    }
    assert_true(fine);
    assert_int_equal(crowd.failures, 0);
    expect_each_once(&crowd, clients[0].queue);
    for (unsigned i = 0; i < CLIENTS; i++) {
        free(crowd.seen[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_lost_and_nothing_comes_twice, world_setup,
                                        world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
