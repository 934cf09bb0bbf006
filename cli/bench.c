/* bench.c - `muster bench`: load on a broker of one's own, and what it does under it.
 *
 * Each producer and each consumer is a client with a connection and a thread. Messages go through a
 * queue made for this, which nobody else may use, and which the broker removes when the command is
 * cut off. Every message is finished, and the clock stops when the last one is. */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

enum { CLIENTS_MAX = 1000, SIZE_MIN = 8, SIZE_MAX_BYTES = 8 << 20, MESSAGES_MAX = 100000000 };
enum { MESSAGES = 100000, SIZE = 100, WINDOW = 100 }; /* unless told otherwise */
#define WINDOW_MAX    4096
#define LOOK_AGAIN    (100 * MUSTER_MS) /* a consumer whose messages others took finds the end */
#define REMOVED_AFTER (60 * MUSTER_SECOND)

struct load {
    size_t producers;
    size_t consumers;
    size_t size;
    size_t window;
    uint64_t messages;
    atomic_uint_fast64_t begun; /* puts; never more than `ahead` of finished */
    atomic_uint_fast64_t finished;
    uint64_t ahead; /* so that how long a message takes is not how long the queue has become */
    pthread_mutex_t lock;
    pthread_cond_t room; /* something was finished */
    atomic_bool failed;  /* one of the clients: the others stop */
    int64_t *put_ns;     /* how long each put took, in no order */
    int64_t *way_ns;     /* from a put until the message is there */
    atomic_uint_fast64_t puts;
    atomic_uint_fast64_t ways;
};

struct member {
    struct load *load;
    muster_client *client;
    muster_queue *queue;
    pthread_t thread;
    uint64_t share;    /* producers: how many puts */
    size_t unanswered; /* calls */
    size_t *idle;      /* which of slots are free, a stack */
    size_t idle_count;
    struct slot *slots;
    int64_t end_ns;
    enum muster_status status;
    char text[256]; /* what went wrong */
};

/* A put that is under way. */
struct slot {
    struct member *member;
    int64_t begin_ns;
};

/* ---- each client ---- */

static bool is_fine(struct member *member, enum muster_status status)
{
    if (status != MUSTER_OK && member->status == MUSTER_OK) {
        member->status = status;
        snprintf(member->text, sizeof(member->text), "%s", muster_last_error());
        atomic_store(&member->load->failed, true);
    }
    return status == MUSTER_OK;
}

static bool may_go_on(const struct member *member)
{
    return !atomic_load(&member->load->failed);
}

/* Sleeps until the library has something to do, but not for long: others may have failed. */
static void wait_and_process(struct member *member)
{
    short writing = muster_wants_write(member->client) ? POLLOUT : 0;
    struct pollfd ready = {muster_fd(member->client), (short)(POLLIN | writing), 0};
    int64_t deadline_ns = muster_deadline_ns(member->client), wait_ns = LOOK_AGAIN;
    if (deadline_ns != MUSTER_FOREVER && deadline_ns - cli_now_ns() < wait_ns) {
        wait_ns = deadline_ns - cli_now_ns();
    }
    poll(&ready, 1, wait_ns <= 0 ? 0 : (int)(wait_ns / MUSTER_MS + 1));
    is_fine(member, muster_process(member->client));
}

/* ---- producers ---- */

/* May one more be put? Then it counts. */
static bool take_room(struct load *load)
{
    if (atomic_fetch_add(&load->begun, 1) < atomic_load(&load->finished) + load->ahead) {
        return true;
    }
    atomic_fetch_sub(&load->begun, 1);
    return false;
}

static void wait_for_room(struct load *load)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++; /* others may have failed */
    pthread_mutex_lock(&load->lock);
    if (atomic_load(&load->begun) >= atomic_load(&load->finished) + load->ahead) {
        pthread_cond_timedwait(&load->room, &load->lock, &until);
    }
    pthread_mutex_unlock(&load->lock);
}

static uint64_t make_room(struct load *load, uint64_t count)
{
    pthread_mutex_lock(&load->lock);
    uint64_t finished = atomic_fetch_add(&load->finished, count) + count;
    pthread_cond_broadcast(&load->room);
    pthread_mutex_unlock(&load->lock);
    return finished;
}

static void put_answered(enum muster_status status, muster_result *result, void *user)
{
    struct slot *slot = user;
    struct member *member = slot->member;
    struct load *load = member->load;
    if (status != MUSTER_OK && member->status == MUSTER_OK) {
        member->status = status;
        const char *cause = muster_result_cause(result);
        snprintf(member->text, sizeof(member->text), "put: %s%s%s; see what the broker's log says",
                 muster_status_text(status), cause[0] != '\0' ? ": " : "", cause);
        atomic_store(&load->failed, true);
    }
    load->put_ns[atomic_fetch_add(&load->puts, 1)] = cli_now_ns() - slot->begin_ns;
    member->idle[member->idle_count++] = (size_t)(slot - member->slots);
}

static void put_one(struct member *member, char *body)
{
    struct slot *slot = &member->slots[member->idle[--member->idle_count]];
    slot->begin_ns = cli_now_ns();
    memcpy(body, &slot->begin_ns, sizeof(slot->begin_ns));
    if (!is_fine(member, muster_put_async(member->queue, body, member->load->size, NULL,
                                          put_answered, slot, NULL))) {
        member->idle_count++;
    }
}

static void *produce(void *user)
{
    struct member *member = user;
    size_t window = member->load->window;
    char *body = cli_grow(NULL, member->load->size);
    memset(body, 'x', member->load->size);
    member->slots = cli_grow(NULL, window * sizeof(*member->slots));
    member->idle = cli_grow(NULL, window * sizeof(*member->idle));
    for (size_t i = 0; i < window; i++) {
        member->slots[i].member = member;
        member->idle[member->idle_count++] = i;
    }
    for (uint64_t done = 0; done < member->share && may_go_on(member);) {
        while (member->idle_count > 0 && done < member->share && take_room(member->load)) {
            put_one(member, body);
            done++;
        }
        is_fine(member, muster_process(member->client));
        if (member->idle_count == 0) {
            wait_and_process(member);
        } else if (done < member->share) {
            wait_for_room(member->load);
        }
    }
    while (member->idle_count < window && may_go_on(member)) {
        wait_and_process(member);
    }
    free(body);
    return NULL;
}

/* ---- consumers ---- */

static void done_answered(enum muster_status status, muster_result *result, void *user)
{
    struct member *member = user;
    (void)result;
    is_fine(member, status);
    member->unanswered--;
}

static void finish_one(struct member *member, muster_message *message)
{
    struct load *load = member->load;
    int64_t put_ns = 0;
    memcpy(&put_ns, muster_message_body(message), sizeof(put_ns));
    load->way_ns[atomic_fetch_add(&load->ways, 1)] = cli_now_ns() - put_ns;
    if (is_fine(member, muster_done_async(message, done_answered, member, NULL))) {
        member->unanswered++;
    }
    muster_message_free(&message);
}

/* All that is there now; false: nothing came for a while. */
static bool finish_some(struct member *member, muster_consumer *consumer)
{
    muster_message *message = NULL;
    uint64_t count = 0;
    int64_t patience_ns = LOOK_AGAIN;
    enum muster_status status;
    while (count < member->load->window &&
           (status = muster_consumer_next(consumer, patience_ns, &message)) == MUSTER_OK) {
        finish_one(member, message);
        count++;
        patience_ns = 0;
    }
    if (count == 0 && status != MUSTER_TIMEOUT && status != MUSTER_EMPTY) {
        is_fine(member, status);
    }
    if (count == 0) {
        return false;
    }
    is_fine(member, muster_process(member->client));
    if (make_room(member->load, count) == member->load->messages) {
        is_fine(member, muster_flush(member->client, MUSTER_FOREVER));
    }
    return true;
}

static void *consume(void *user)
{
    struct member *member = user;
    muster_consumer *consumer = NULL;
    muster_consume_options options = MUSTER_CONSUME_OPTIONS;
    options.window = (unsigned)member->load->window;
    if (!is_fine(member, muster_consumer_open(member->queue, &options, &consumer))) {
        return NULL;
    }
    while (atomic_load(&member->load->finished) < member->load->messages && may_go_on(member)) {
        if (finish_some(member, consumer)) {
            member->end_ns = cli_now_ns();
        }
    }
    if (may_go_on(member)) {
        is_fine(member, muster_flush(member->client, MUSTER_FOREVER));
    }
    muster_consumer_close(&consumer);
    return NULL;
}

/* ---- all of them ---- */

static int connect_member(struct cli *cli, struct member *member, const char *name)
{
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    options.own_loop = true;
    int code = cli_connect_with(cli, &options);
    member->client = cli->client;
    cli->client = NULL; /* main closes only what it finds there */
    if (code != EXIT_OK) {
        return code;
    }
    return cli_status(cli, muster_queue_open(member->client, name, &member->queue), NULL);
}

static int start_member(struct cli *cli, struct member *member, bool produces)
{
    int error = pthread_create(&member->thread, NULL, produces ? produce : consume, member);
    return error == 0
               ? EXIT_OK
               : cli_fail(cli, EXIT_OTHER, "cannot start a thread: %s; ask for fewer clients",
                          strerror(error));
}

static int64_t run_members(struct cli *cli, struct load *load, struct member *members, int *code)
{
    size_t count = load->producers + load->consumers, started = 0;
    int64_t begin_ns = cli_now_ns(), end_ns = begin_ns;
    while (started < count && *code == EXIT_OK) {
        *code = start_member(cli, &members[started], started < load->producers);
        started += *code == EXIT_OK;
    }
    if (*code != EXIT_OK) {
        atomic_store(&load->failed, true);
    }
    for (size_t i = 0; i < started; i++) {
        pthread_join(members[i].thread, NULL);
        end_ns = members[i].end_ns > end_ns ? members[i].end_ns : end_ns;
    }
    for (size_t i = 0; i < started && *code == EXIT_OK; i++) {
        if (members[i].status != MUSTER_OK) {
            *code = cli_fail(cli, cli_exit_code(cli, members[i].status), "%s", members[i].text);
        }
    }
    return end_ns - begin_ns;
}

static void clear_members(struct member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        muster_queue_close(&members[i].queue);
        muster_close(&members[i].client);
        free(members[i].slots);
        free(members[i].idle);
    }
    free(members);
}

/* ---- what is told ---- */

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t quantile(const int64_t *sorted, uint64_t count, unsigned percent)
{
    return sorted[(count - 1) * percent / 100];
}

struct told {
    const char *key;
    const char *title;
    int64_t ns;
};

static void tell_json(struct out *out, const struct load *load, int64_t spent_ns,
                      const struct told *times, size_t count)
{
    double per_second = (double)load->messages * 1e9 / (double)spent_ns;
    json_open(out);
    json_count(out, "messages", load->messages);
    json_count(out, "producers", load->producers);
    json_count(out, "consumers", load->consumers);
    json_count(out, "size", load->size);
    json_count(out, "window", load->window);
    json_seconds(out, "seconds", spent_ns);
    json_count(out, "messages_per_second", (uint64_t)per_second);
    json_count(out, "bytes_per_second", (uint64_t)(per_second * (double)load->size));
    for (size_t i = 0; i < count; i++) {
        json_seconds(out, times[i].key, times[i].ns);
    }
    json_end(out);
}

static void tell_table(struct out *out, const struct load *load, int64_t spent_ns,
                       const struct told *times, size_t count)
{
    struct table table;
    double per_second = (double)load->messages * 1e9 / (double)spent_ns;
    table_begin(&table, out, 2, NULL);
    table_cell(&table, "messages");
    table_cell(&table, "%llu of %zu bytes, finished in %.3f s", (unsigned long long)load->messages,
               load->size, (double)spent_ns / 1e9);
    table_cell(&table, "clients");
    table_cell(&table, "%zu producers, %zu consumers, window %zu", load->producers, load->consumers,
               load->window);
    table_cell(&table, "rate");
    table_cell(&table, "%.0f messages/s, %.1f MB/s", per_second,
               per_second * (double)load->size / 1e6);
    for (size_t i = 0; i < count; i++) {
        table_cell(&table, "%s", times[i].title);
        table_cell(&table, "%.1f us", (double)times[i].ns / 1e3);
    }
    table_end(&table);
}

static void tell(struct cli *cli, struct load *load, int64_t spent_ns)
{
    uint64_t n = load->messages;
    qsort(load->put_ns, n, sizeof(int64_t), by_size);
    qsort(load->way_ns, n, sizeof(int64_t), by_size);
    const struct told times[] = {
        {"put_p50", "put answered, p50", quantile(load->put_ns, n, 50)},
        {"put_p99", "put answered, p99", quantile(load->put_ns, n, 99)},
        {"delivery_p50", "put to got, p50", quantile(load->way_ns, n, 50)},
        {"delivery_p99", "put to got, p99", quantile(load->way_ns, n, 99)},
    };
    size_t count = sizeof(times) / sizeof(times[0]);
    (cli_has(cli, OPTION_JSON) ? tell_json : tell_table)(&cli->out, load, spent_ns, times, count);
}

/* ---- the command ---- */

static int read_load(struct cli *cli, struct load *load)
{
    const struct options *options = &cli->options;
    load->producers = (size_t)option_number(options, OPTION_PRODUCERS, 1);
    load->consumers = (size_t)option_number(options, OPTION_CONSUMERS, 1);
    load->size = (size_t)option_number(options, OPTION_BODY_SIZE, SIZE);
    load->window = (size_t)option_number(options, OPTION_WINDOW, WINDOW);
    load->ahead = load->producers * load->window;
    load->messages = (uint64_t)option_number(options, OPTION_MESSAGES, MESSAGES);
    if (load->producers > CLIENTS_MAX || load->consumers > CLIENTS_MAX) {
        return cli_fail(cli, EXIT_USAGE, "at most %d producers and as many consumers", CLIENTS_MAX);
    }
    if (load->size < SIZE_MIN || load->size > SIZE_MAX_BYTES) {
        return cli_fail(cli, EXIT_USAGE, "--size is from %d to %d bytes", SIZE_MIN, SIZE_MAX_BYTES);
    }
    if (load->window > WINDOW_MAX || load->messages > MESSAGES_MAX) {
        return cli_fail(cli, EXIT_USAGE, "--window is at most %d, -n at most %d", WINDOW_MAX,
                        MESSAGES_MAX);
    }
    return EXIT_OK;
}

/* A queue that nobody else uses, and that goes by itself if this program is ended. */
static int make_queue(struct cli *cli, const char *name)
{
    muster_setting settings[SETTINGS_MAX];
    muster_stat *stat = NULL;
    size_t count = cli_settings(cli, settings);
    settings[count++] = (muster_setting){"expire-idle", REMOVED_AFTER};
    enum muster_kind kind =
        MUSTER_FIFO + (enum muster_kind)option_number(&cli->options, OPTION_QUEUE_KIND, 0);
    int code = cli_connect(cli, TTL_DEFAULT);
    if (code != EXIT_OK) {
        return code;
    }
    if (muster_stat_get(cli->client, name, &stat) == MUSTER_OK) {
        muster_stat_free(&stat);
        return cli_fail(cli, muster_status_exit_code(MUSTER_CONFLICT),
                        "this object is there already; name a queue that is not");
    }
    return cli_status(cli, muster_declare(cli->client, name, kind, settings, count, NULL), NULL);
}

static int run_load(struct cli *cli, struct load *load, const char *name)
{
    size_t count = load->producers + load->consumers;
    struct member *members = cli_grow(NULL, count * sizeof(*members));
    muster_client *main_client = cli->client;
    int code = EXIT_OK;
    memset(members, 0, count * sizeof(*members));
    load->put_ns = cli_grow(NULL, load->messages * sizeof(int64_t));
    load->way_ns = cli_grow(NULL, load->messages * sizeof(int64_t));
    for (size_t i = 0; i < count && code == EXIT_OK; i++) {
        members[i].load = load;
        members[i].share =
            load->messages / load->producers + (i < load->messages % load->producers);
        code = connect_member(cli, &members[i], name);
    }
    if (code == EXIT_OK) {
        int64_t spent_ns = run_members(cli, load, members, &code);
        if (code == EXIT_OK) {
            tell(cli, load, spent_ns > 0 ? spent_ns : 1);
        }
    }
    clear_members(members, count);
    free(load->put_ns);
    free(load->way_ns);
    cli->client = main_client;
    return code;
}

int command_bench(struct cli *cli)
{
    struct load load = {.lock = PTHREAD_MUTEX_INITIALIZER, .room = PTHREAD_COND_INITIALIZER};
    char own[64];
    snprintf(own, sizeof(own), "muster-bench-%ld", (long)getpid());
    const char *name = cli->options.count > 0 ? cli_operand(cli, 0) : own;
    int code = read_load(cli, &load);
    if (code == EXIT_OK) {
        code = make_queue(cli, name);
    }
    if (code != EXIT_OK) {
        return code;
    }
    code = run_load(cli, &load, name);
    /* After a failure the broker may be away, and to wait for it would help nobody: it removes the
     * queue by itself. */
    return code != EXIT_OK ? code : cli_status(cli, muster_remove(cli->client, name), "remove");
}
