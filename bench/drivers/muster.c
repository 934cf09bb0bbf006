/* muster.c - the drivers of muster: leases that are finished, and the automatic mode.
 *
 * The library runs in the caller's thread (own_loop), as a program that is busy with messages would
 * have it. Everything goes through <muster.h>. */
#include "bench/crew.h"
#include "bench/driver.h"

#include <muster.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wire {
    muster_client *client;
    muster_queue *queue;
    muster_event *event;
    muster_consumer *consumer;
    muster_get_options get;
    size_t unanswered; /* puts and dones */
    size_t window;
    muster_message **taken;
    size_t taken_count;
    bool leased;
    bool heard; /* the call before has its outcome */
};

static void must(enum muster_status status, const char *what)
{
    if (status != MUSTER_OK) {
        die("muster: %s: %s: %s", what, muster_status_name(status), muster_last_error());
    }
}

static muster_client *connect_to(const struct target *target)
{
    char url[256];
    muster_client *client = NULL;
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    snprintf(url, sizeof(url), "muster://%s:%d", target->host, target->port);
    options.url = url;
    options.server_key = target->server_key;
    options.own_loop = true;
    must(muster_connect(&options, &client), "connect");
    return client;
}

static enum muster_kind kind_of(const struct target *target)
{
    if (strcmp(target->kind, "priority") == 0) {
        return MUSTER_PRIORITY;
    }
    return strcmp(target->kind, "lifo") == 0 ? MUSTER_LIFO : MUSTER_FIFO;
}

static void prepare(const struct target *target)
{
    muster_client *client = connect_to(target);
    muster_setting durable = {"durable", target->durable};
    must(muster_declare(client, target->queue, kind_of(target), &durable, 1, NULL), "declare");
    muster_close(&client);
}

static struct wire *open_wire(const struct target *target, enum role role,
                              enum muster_get_mode mode)
{
    struct wire *wire = need(calloc(1, sizeof(*wire)));
    wire->client = connect_to(target);
    wire->window = target->window;
    wire->leased = mode == MUSTER_LEASE;
    wire->get = (muster_get_options)MUSTER_GET_OPTIONS;
    wire->get.mode = mode;
    must(muster_queue_open(wire->client, target->queue, &wire->queue), "open");
    must(muster_event_open(wire->client, "bench.event", &wire->event), "open");
    wire->taken = need(calloc(target->window, sizeof(muster_message *)));
    if (role == ROLE_CONSUMER && target->window > 1) {
        muster_consume_options options = MUSTER_CONSUME_OPTIONS;
        options.mode = mode;
        options.window = target->window;
        must(muster_consumer_open(wire->queue, &options, &wire->consumer), "consume");
    }
    return wire;
}

static struct wire *open_lease(const struct target *target, enum role role)
{
    return open_wire(target, role, MUSTER_LEASE);
}

static struct wire *open_auto(const struct target *target, enum role role)
{
    return open_wire(target, role, MUSTER_AUTO);
}

static void free_taken(struct wire *wire)
{
    for (size_t i = 0; i < wire->taken_count; i++) {
        muster_message_free(&wire->taken[i]);
    }
    wire->taken_count = 0;
}

static void close_wire(struct wire *wire)
{
    free_taken(wire);
    muster_consumer_close(&wire->consumer);
    muster_event_close(&wire->event);
    muster_queue_close(&wire->queue);
    muster_close(&wire->client);
    free(wire->taken);
    free(wire);
}

/* ---- the loop ---- */

static void process(struct wire *wire)
{
    must(muster_process(wire->client), "process");
}

/* Sleeps until the library has something to do, then lets it. */
static void wait_and_process(struct wire *wire)
{
    short writing = muster_wants_write(wire->client) ? POLLOUT : 0;
    struct pollfd ready = {muster_fd(wire->client), (short)(POLLIN | writing), 0};
    int64_t deadline_ns = muster_deadline_ns(wire->client);
    int timeout_ms = -1;
    if (deadline_ns != MUSTER_FOREVER) {
        int64_t left_ns = deadline_ns - clock_ns();
        timeout_ms = left_ns <= 0 ? 0 : (int)(left_ns / MUSTER_MS + 1);
    }
    poll(&ready, 1, timeout_ms);
    process(wire);
}

static void answered(enum muster_status status, muster_result *result, void *user)
{
    struct wire *wire = user;
    if (status != MUSTER_OK) {
        die("muster: %s: %s", muster_status_name(status), muster_result_cause(result));
    }
    wire->unanswered--;
}

static void settle(struct wire *wire, size_t most)
{
    while (wire->unanswered > most) {
        wait_and_process(wire);
    }
}

/* ---- puts ---- */

static void put(struct wire *wire, const struct message *messages, size_t n)
{
    muster_put_options options = MUSTER_PUT_OPTIONS;
    if (n == 1 && wire->window == 1) {
        options.priority = messages[0].priority;
        must(muster_put(wire->queue, messages[0].body, messages[0].size, &options, NULL), "put");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        options.priority = messages[i].priority;
        must(muster_put_async(wire->queue, messages[i].body, messages[i].size, &options, answered,
                              wire, NULL),
             "put");
    }
    wire->unanswered += n;
    process(wire);
}

/* ---- takes ---- */

static bool next(struct wire *wire, int64_t timeout_ns)
{
    muster_message **place = &wire->taken[wire->taken_count];
    enum muster_status status;
    if (wire->consumer != NULL) {
        status = muster_consumer_next(wire->consumer, timeout_ns, place);
    } else {
        wire->get.timeout_ns = timeout_ns;
        status = muster_get(wire->queue, &wire->get, place);
    }
    if (status == MUSTER_TIMEOUT || status == MUSTER_EMPTY) {
        return false;
    }
    must(status, "get");
    wire->taken_count++;
    return true;
}

static size_t take(struct wire *wire, struct message *out, size_t max, int timeout_ms)
{
    free_taken(wire);
    if (!next(wire, timeout_ms * MUSTER_MS)) {
        return 0;
    }
    while (wire->consumer != NULL && wire->taken_count < max && next(wire, 0)) {
    }
    for (size_t i = 0; i < wire->taken_count; i++) {
        out[i].body = muster_message_body(wire->taken[i]);
        out[i].size = muster_message_size(wire->taken[i]);
    }
    return wire->taken_count;
}

/* The library sends the acknowledgements together with what is asked next. */
static void ack(struct wire *wire)
{
    for (size_t i = 0; wire->leased && i < wire->taken_count; i++) {
        must(muster_done_async(wire->taken[i], answered, wire, NULL), "done");
        wire->unanswered++;
    }
    if (wire->consumer != NULL) {
        process(wire);
    }
}

static void finish(struct wire *wire)
{
    settle(wire, 0);
}

/* ---- events ---- */

static void heard(enum muster_status status, muster_result *result, void *user)
{
    (void)result;
    must(status, "event wait");
    ((struct wire *)user)->heard = true;
}

static void watch(struct wire *wire)
{
    wire->heard = false;
    must(muster_event_wait_async(wire->event, MUSTER_FOREVER, heard, wire, NULL), "event wait");
    /* Requests of one client are taken in order: when the ping is back, the wait is there. */
    must(muster_ping(wire->client, MUSTER_FOREVER, NULL), "ping");
}

static void seen(struct wire *wire)
{
    while (!wire->heard) {
        wait_and_process(wire);
    }
}

static void shout(struct wire *wire)
{
    must(muster_event_set(wire->event), "event set");
}

static void hush(struct wire *wire)
{
    must(muster_event_clear(wire->event), "event clear");
}

#define COMMON                                                                                     \
    .answers = true, .acknowledges = true, .prepare = prepare, .close = close_wire, .put = put,    \
    .settle = settle, .take = take, .ack = ack, .finish = finish, .watch = watch, .seen = seen,    \
    .shout = shout, .hush = hush

static const struct driver lease = {
    .name = "muster",
    .how = "put_async, consumer window, done_async",
    .how_one = "put; get, done_async with the next get",
    .open = open_lease,
    COMMON,
};
static const struct driver automatic = {
    .name = "muster auto",
    .how = "automatic mode: acknowledged by the library once the program has it",
    .open = open_auto,
    COMMON,
};

const struct driver *const drivers[] = {&lease, &automatic, NULL};
