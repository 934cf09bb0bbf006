/* calls.c - see calls.h. */
#include "tests/lib/calls.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

void expect_status_(enum muster_status got, enum muster_status wanted, const char *call,
                    const char *file, int line)
{
    if (got != wanted) {
        print_error("%s is %s, not %s: %s\n", call, muster_status_name(got),
                    muster_status_name(wanted), got == MUSTER_OK ? "" : muster_last_error());
        _fail(file, line);
    }
}

static void client_end(void *thing)
{
    muster_client *client = thing;
    muster_close(&client);
}

muster_client *client_open(struct world *world, const char *url, int64_t ttl_ns)
{
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    muster_client *client = NULL;
    options.url = url;
    options.ttl_ns = ttl_ns;
    options.connect_timeout_ns = WAIT_LIMIT_NS;
    expect_status(muster_connect(&options, &client), MUSTER_OK);
    world_at_end(world, client_end, client);
    return client;
}

static void queue_end(void *thing)
{
    muster_queue *queue = thing;
    muster_queue_close(&queue);
}

muster_queue *queue_open(struct world *world, muster_client *client, const char *name)
{
    muster_queue *queue = NULL;
    expect_status(muster_queue_open(client, name, &queue), MUSTER_OK);
    world_at_end(world, queue_end, queue);
    return queue;
}

void expect_put(muster_queue *queue, const char *body)
{
    muster_put_options options = MUSTER_PUT_OPTIONS;
    options.timeout_ns = WAIT_LIMIT_NS;
    expect_status(muster_put(queue, body, strlen(body), &options, NULL), MUSTER_OK);
}

void expect_get(muster_queue *queue, const char *body, uint64_t delivery)
{
    muster_get_options options = MUSTER_GET_OPTIONS;
    muster_message *message = NULL;
    options.timeout_ns = WAIT_LIMIT_NS;
    expect_status(muster_get(queue, &options, &message), MUSTER_OK);
    assert_string_equal(muster_message_body(message), body);
    assert_int_equal(muster_message_delivery(message), delivery);
    expect_status(muster_done(message), MUSTER_OK);
    muster_message_free(&message);
}

void expect_ready(muster_queue *queue, uint64_t count)
{
    uint64_t ready = 0;
    expect_status(muster_qsize(queue, &ready), MUSTER_OK);
    assert_int_equal(ready, count);
}

struct row {
    const char *name;
    uint64_t waiting;
};

static bool see_row(const muster_entry *entry, void *user)
{
    struct row *row = user;
    if (strcmp(entry->name, row->name) == 0) {
        row->waiting = entry->waiting;
    }
    return true;
}

void await_waiting(muster_client *client, const char *name, uint64_t count)
{
    struct row row = {name, 0};
    for (int asked = 0; asked < 100000; asked++) {
        expect_status(muster_list(client, NULL, see_row, &row), MUSTER_OK);
        if (row.waiting == count) {
            return;
        }
    }
    fail_msg("%s has %llu waiting, not %llu", name, (unsigned long long)row.waiting,
             (unsigned long long)count);
}

/* ---- blocking calls ---- */

struct blocked {
    muster_queue *queue;
    muster_cancel *cancel; /* fired, too, when the test fails while the call is blocked */
    char body[64];
    int over; /* readable once the call has returned */
    bool joined;
    enum muster_status status;
    pthread_t thread;
};

static void blocked_tell(struct blocked *blocked)
{
    uint64_t one = 1;
    if (write(blocked->over, &one, sizeof(one)) != (ssize_t)sizeof(one)) {
        abort();
    }
}

static void *run_get(void *arg)
{
    struct blocked *blocked = arg;
    muster_get_options options = MUSTER_GET_OPTIONS;
    muster_message *message = NULL;
    options.cancel = blocked->cancel;
    blocked->status = muster_get(blocked->queue, &options, &message);
    if (blocked->status == MUSTER_OK) {
        snprintf(blocked->body, sizeof(blocked->body), "%s",
                 (const char *)muster_message_body(message));
        muster_done(message);
        muster_message_free(&message);
    }
    blocked_tell(blocked);
    return NULL;
}

static void *run_put(void *arg)
{
    struct blocked *blocked = arg;
    muster_put_options options = MUSTER_PUT_OPTIONS;
    options.cancel = blocked->cancel;
    blocked->status =
        muster_put(blocked->queue, blocked->body, strlen(blocked->body), &options, NULL);
    blocked_tell(blocked);
    return NULL;
}

static void *run_join(void *arg)
{
    struct blocked *blocked = arg;
    blocked->status = muster_join(blocked->queue, MUSTER_FOREVER, blocked->cancel, NULL);
    blocked_tell(blocked);
    return NULL;
}

/* A call that is still blocked when the test has failed is cancelled. If it does not end even then,
 * its thread and this memory are left alone: the process is about to tell of the failure. */
static void blocked_end(void *thing)
{
    struct blocked *blocked = thing;
    if (!blocked->joined) {
        muster_cancel_fire(blocked->cancel);
        if (!wait_readable(blocked->over, WAIT_LIMIT_MS / 10)) {
            return;
        }
        pthread_join(blocked->thread, NULL);
    }
    muster_cancel_free(&blocked->cancel);
    close(blocked->over);
    free(blocked);
}

static struct blocked *blocked_start(struct world *world, muster_queue *queue, const char *body,
                                     void *(*run)(void *))
{
    struct blocked *blocked = calloc(1, sizeof(*blocked));
    assert_non_null(blocked);
    blocked->queue = queue;
    snprintf(blocked->body, sizeof(blocked->body), "%s", body);
    blocked->cancel = muster_cancel_new();
    assert_non_null(blocked->cancel);
    blocked->over = eventfd(0, EFD_CLOEXEC);
    assert_true(blocked->over >= 0);
    world_at_end(world, blocked_end, blocked);
    assert_int_equal(pthread_create(&blocked->thread, NULL, run, blocked), 0);
    return blocked;
}

struct blocked *blocked_get(struct world *world, muster_queue *queue)
{
    return blocked_start(world, queue, "", run_get);
}

struct blocked *blocked_put(struct world *world, muster_queue *queue, const char *body)
{
    return blocked_start(world, queue, body, run_put);
}

struct blocked *blocked_join(struct world *world, muster_queue *queue)
{
    return blocked_start(world, queue, "", run_join);
}

bool blocked_is_over(struct blocked *blocked)
{
    return wait_readable(blocked->over, 0);
}

enum muster_status blocked_finish(struct blocked *blocked, char body_out[64])
{
    if (!wait_readable(blocked->over, WAIT_LIMIT_MS)) {
        fail_msg("the blocked call did not return in time");
    }
    pthread_join(blocked->thread, NULL);
    blocked->joined = true;
    if (body_out != NULL) {
        memcpy(body_out, blocked->body, sizeof(blocked->body));
    }
    return blocked->status;
}

enum muster_status blocked_cancel(struct blocked *blocked, char body_out[64])
{
    muster_cancel_fire(blocked->cancel);
    return blocked_finish(blocked, body_out);
}
