/* scale.c - what a message costs beside much else: muster alone, as its state grows.
 *
 *   scale PORT SERVER WHAT AMOUNT MESSAGES
 *
 * Makes AMOUNT of something (queued messages, connections, queues, waiting gets, messages with a
 * deadline, leases), and then puts, takes and finishes MESSAGES beside it. Prints the time and the
 * server's processor time for each. `barrier` is another question: how soon AMOUNT parties are free
 * after the last has arrived. */
#include "bench/crew.h"

#include <muster.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { BATCH = 250, PER_CLIENT = 1000, PER_HOLDER = 4000, BODY = 100 };
#define HOUR (3600 * MUSTER_SECOND)

struct world {
    char url[64];
    int server;
    size_t amount;
    size_t messages;
    muster_client *client; /* of the work that is measured */
    muster_queue **queues; /* that the work goes through, in turn */
    size_t queues_count;
    bool spread; /* a message to each in turn; else batches through the first */
    muster_client **others;
    size_t others_count;
    size_t open_calls;
};

static void must(enum muster_status status, const char *what)
{
    if (status != MUSTER_OK) {
        die("scale: %s: %s: %s", what, muster_status_name(status), muster_last_error());
    }
}

static muster_client *connect_to(const struct world *world)
{
    muster_client *client = NULL;
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    options.url = world->url;
    options.own_loop = true;
    must(muster_connect(&options, &client), "connect");
    return client;
}

static muster_client *another(struct world *world)
{
    world->others =
        need(realloc(world->others, (world->others_count + 1) * sizeof(muster_client *)));
    return world->others[world->others_count++] = connect_to(world);
}

static muster_queue *queue_of(muster_client *client, const char *name)
{
    muster_queue *queue = NULL;
    must(muster_queue_open(client, name, &queue), "open");
    return queue;
}

static void fill(muster_client *client, muster_queue *queue, size_t count,
                 const muster_put_options *options)
{
    char body[BODY];
    memset(body, 'x', sizeof(body));
    for (size_t i = 0; i < count; i++) {
        must(muster_put_async(queue, body, sizeof(body), options, NULL, NULL, NULL), "put");
        if (i % PER_CLIENT == PER_CLIENT - 1) {
            must(muster_flush(client, MUSTER_FOREVER), "put");
        }
    }
    must(muster_flush(client, MUSTER_FOREVER), "put");
}

/* ---- what there is beside the work ---- */

static void make_queued(struct world *world)
{
    fill(world->client, world->queues[0], world->amount, NULL);
}

static void hold_connections(struct crew *crew, unsigned index, void *user)
{
    struct world *world = user;
    size_t first = (size_t)index * PER_HOLDER, left = world->amount - first;
    for (size_t i = 0; i < (left < PER_HOLDER ? left : PER_HOLDER); i++) {
        another(world);
    }
    crew_gate(crew, 1);
    crew_gate(crew, 2); /* which never opens: it ends with its parent */
}

/* In processes of their own: one may not have so many files. */
static void make_connections(struct world *world)
{
    unsigned holders = (unsigned)((world->amount + PER_HOLDER - 1) / PER_HOLDER);
    struct crew *crew = crew_new(holders);
    for (unsigned i = 0; i < holders; i++) {
        crew_fork(crew, i, hold_connections, world);
    }
    crew_open(crew, holders);
}

static void make_queues(struct world *world)
{
    world->spread = true;
    world->queues = need(realloc(world->queues, world->amount * sizeof(muster_queue *)));
    for (; world->queues_count < world->amount; world->queues_count++) {
        char name[32];
        snprintf(name, sizeof(name), "q.%zu", world->queues_count);
        world->queues[world->queues_count] = queue_of(world->client, name);
    }
}

static void no_matter(enum muster_status status, muster_result *result, void *user)
{
    (void)status;
    (void)result;
    (void)user;
}

static void wait_for_much(struct world *world, muster_client *client, size_t count, int64_t time_ns)
{
    muster_get_options options = MUSTER_GET_OPTIONS;
    muster_queue *queue = queue_of(client, "idle");
    options.timeout_ns = time_ns;
    for (size_t i = 0; i < count; i++) {
        must(muster_get_async(queue, &options, no_matter, world, NULL), "get");
    }
    must(muster_ping(client, MUSTER_FOREVER, NULL), "ping");
}

static void make_waiters(struct world *world)
{
    for (size_t done = 0; done < world->amount; done += PER_CLIENT) {
        size_t left = world->amount - done;
        wait_for_much(world, another(world), left < PER_CLIENT ? left : PER_CLIENT, MUSTER_FOREVER);
    }
}

/* Half of them gets that will time out, half messages that will expire. */
static void make_deadlines(struct world *world)
{
    muster_put_options options = MUSTER_PUT_OPTIONS;
    options.ttl_ns = HOUR;
    fill(world->client, queue_of(world->client, "expires"), world->amount / 2, &options);
    for (size_t done = 0; done < world->amount / 2; done += PER_CLIENT) {
        size_t left = world->amount / 2 - done;
        wait_for_much(world, another(world), left < PER_CLIENT ? left : PER_CLIENT, HOUR);
    }
}

static void make_leases(struct world *world)
{
    muster_get_options options = MUSTER_GET_OPTIONS;
    muster_client *client = another(world);
    muster_queue *queue = queue_of(client, "leased");
    fill(client, queue, world->amount, NULL);
    options.lease_ns = HOUR;
    for (size_t done = 0; done < world->amount;) {
        muster_message *messages[PER_CLIENT];
        size_t count = 0;
        must(muster_get_many(queue, PER_CLIENT, &options, messages, &count), "get");
        for (size_t i = 0; i < count; i++) {
            muster_message_free(&messages[i]);
        }
        done += count;
    }
    must(muster_ping(client, MUSTER_FOREVER, NULL), "ping");
}

/* ---- the work ---- */

static void work_batch(struct world *world, muster_queue *queue)
{
    muster_message *messages[BATCH];
    size_t taken = 0;
    fill(world->client, queue, BATCH, NULL);
    while (taken < BATCH) {
        size_t count = 0;
        must(muster_get_many(queue, BATCH - taken, NULL, messages + taken, &count), "get");
        taken += count;
    }
    for (size_t i = 0; i < BATCH; i++) {
        must(muster_done_async(messages[i], NULL, NULL, NULL), "done");
        muster_message_free(&messages[i]);
    }
    must(muster_flush(world->client, MUSTER_FOREVER), "done");
}

static void got_one(enum muster_status status, muster_result *result, void *user)
{
    must(status, "get");
    muster_message *message = muster_result_take_message(result);
    must(muster_done_async(message, NULL, NULL, NULL), "done");
    muster_message_free(&message);
    ((struct world *)user)->open_calls--;
}

/* Through many queues, one message each, so that every queue has its turn. */
static void work_spread(struct world *world, size_t first)
{
    char body[BODY];
    memset(body, 'x', sizeof(body));
    for (size_t i = 0; i < BATCH; i++) {
        muster_queue *queue = world->queues[(first + i) % world->queues_count];
        must(muster_put_async(queue, body, sizeof(body), NULL, NULL, NULL, NULL), "put");
    }
    for (size_t i = 0; i < BATCH; i++) {
        muster_queue *queue = world->queues[(first + i) % world->queues_count];
        must(muster_get_async(queue, NULL, got_one, world, NULL), "get");
        world->open_calls++;
    }
    must(muster_flush(world->client, MUSTER_FOREVER), "get");
    must(muster_flush(world->client, MUSTER_FOREVER), "done");
    if (world->open_calls != 0) {
        die("scale: %zu gets were not answered", world->open_calls);
    }
}

static void work(struct world *world, size_t messages)
{
    for (size_t done = 0; done < messages; done += BATCH) {
        if (world->spread) {
            work_spread(world, done);
        } else {
            work_batch(world, world->queues[0]);
        }
    }
}

static void measure(struct world *world, const char *what)
{
    work(world, world->messages / 10); /* warm */
    int64_t cpu_ns = server_cpu_ns(world->server), begin_ns = clock_ns();
    work(world, world->messages);
    double spent_us = (double)(clock_ns() - begin_ns) / 1000;
    cpu_ns = server_cpu_ns(world->server) - cpu_ns;
    printf("{\"what\":\"%s\",\"amount\":%zu,\"each_us\":%.6g,\"cpu_us\":%.6g,\"rss\":%lld}\n", what,
           world->amount, spent_us / (double)world->messages,
           (double)cpu_ns / 1000 / (double)world->messages, (long long)server_rss(world->server));
}

/* ---- the barrier ---- */

static void released(enum muster_status status, muster_result *result, void *user)
{
    (void)result;
    must(status, "barrier");
    ((struct world *)user)->open_calls--;
}

static void arrive(struct world *world, muster_barrier *barrier)
{
    must(muster_barrier_wait_async(barrier, MUSTER_FOREVER, released, world, NULL), "barrier");
    world->open_calls++;
}

static void measure_barrier(struct world *world)
{
    muster_barrier **barriers = need(calloc(world->amount, sizeof(muster_barrier *)));
    struct spread *spread = need(calloc(1, sizeof(*spread)));
    for (size_t i = 0; i < world->amount; i++) {
        must(muster_barrier_open(another(world), "all", (unsigned)world->amount, &barriers[i]),
             "open");
    }
    for (size_t round = 0; round < world->messages; round++) {
        for (size_t i = 0; i + 1 < world->amount; i++) {
            arrive(world, barriers[i]);
            must(muster_ping(world->others[i], MUSTER_FOREVER, NULL), "ping");
        }
        int64_t begin_ns = clock_ns();
        arrive(world, barriers[world->amount - 1]);
        for (size_t i = world->amount; world->open_calls > 0;) {
            i = i == 0 ? world->amount - 1 : i - 1;
            must(muster_process(world->others[i]), "process");
        }
        spread_add(spread, clock_ns() - begin_ns, 1);
    }
    printf("{\"what\":\"barrier\",\"amount\":%zu,\"each_us\":%.6g,\"cpu_us\":0}\n", world->amount,
           spread_us(spread, 0.5));
}

static const struct {
    const char *what;
    void (*make)(struct world *world);
} sorts[] = {
    {"queued", make_queued},   {"connections", make_connections}, {"queues", make_queues},
    {"waiters", make_waiters}, {"deadlines", make_deadlines},     {"leases", make_leases},
};

int main(int count, char **words)
{
    struct world world = {.queues_count = 1};
    struct rlimit files;
    if (count != 6) {
        die("usage: scale PORT SERVER WHAT AMOUNT MESSAGES");
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    snprintf(world.url, sizeof(world.url), "muster://127.0.0.1:%s", words[1]);
    world.server = atoi(words[2]);
    world.amount = strtoull(words[4], NULL, 10);
    world.messages = strtoull(words[5], NULL, 10);
    world.client = connect_to(&world);
    world.queues = need(calloc(1, sizeof(muster_queue *)));
    world.queues[0] = queue_of(world.client, "work");
    if (strcmp(words[3], "barrier") == 0) {
        measure_barrier(&world);
        return 0;
    }
    for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++) {
        if (strcmp(sorts[i].what, words[3]) == 0) {
            sorts[i].make(&world);
            measure(&world, words[3]);
            return 0;
        }
    }
    die("scale: there is no \"%s\"", words[3]);
}
