/* run.c - `muster run`: a worker that starts a command for each message.
 *
 * Each slot is a thread that takes a message, runs the command and reports (slot.c). The main
 * thread watches: signals to the worker, and commands that were told to end and have not. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/worker.h"

#define LEAVE_AFTER      (2 * MUSTER_SECOND) /* after the second signal, whatever the broker says */
#define DRAIN_WAIT_LEAST (50 * MUSTER_MS)    /* between two looks at what others still hold */
#define DRAIN_WAIT_MOST  MUSTER_SECOND

enum { JOBS_MAX = 1024 };

/* ---- ending ---- */

void worker_wake(struct worker *worker)
{
    uint64_t one = 1;
    (void)!write(worker->wake_fd, &one, sizeof(one));
}

bool worker_stop(struct worker *worker, int code)
{
    pthread_mutex_lock(&worker->lock);
    bool first = !worker->stopping;
    worker->stopping = true;
    worker->code = first ? code : worker->code;
    pthread_mutex_unlock(&worker->lock);
    return first;
}

void worker_fail(struct worker *worker, int code)
{
    pthread_mutex_lock(&worker->lock);
    worker->code = worker->code == EXIT_OK ? code : worker->code;
    pthread_mutex_unlock(&worker->lock);
}

/* A signal that was sent before a command ended must count before the next one begins, also when
 * nobody has looked at it yet: it is still pending, or `told` was set while the lock was held. */
static bool signal_is_pending(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1 ||
            sigismember(&pending, SIGHUP) == 1);
}

bool worker_is_stopping(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    bool stopping = worker->stopping || worker->told || signal_is_pending();
    pthread_mutex_unlock(&worker->lock);
    return stopping;
}

static void on_notice(muster_client *client, const muster_notice_info *notice, void *user)
{
    (void)client;
    struct worker *worker = user;
    bool session = notice->kind == MUSTER_SESSION_LOST;
    if (!session && notice->kind != MUSTER_LEASE_LOST) {
        return;
    }
    pthread_mutex_lock(&worker->lock);
    for (int i = 0; i < worker->slots_count; i++) {
        struct slot *slot = &worker->slots[i];
        if (session || (slot->message == notice->message && slot->delivery == notice->delivery)) {
            slot_lose(slot, session ? "the session was lost" : "the lease was lost");
        }
    }
    pthread_mutex_unlock(&worker->lock);
}

/* ---- a slot ---- */

/* Is nothing ready, delayed or leased any more? OK: no; EMPTY: yes. */
static enum muster_status look_whether_drained(struct worker *worker)
{
    static const char *const counts[] = {"ready", "delayed", "leased"};
    struct cli *cli = worker->cli;
    muster_stat *stat = NULL;
    enum muster_status status = muster_stat_get(cli->client, cli->subject, &stat);
    if (status != MUSTER_OK) {
        return status == MUSTER_NOT_FOUND ? MUSTER_EMPTY : status;
    }
    int64_t sum = 0;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        int64_t count = 0;
        if (!muster_stat_number(stat, counts[i], &count)) {
            status = MUSTER_PROTOCOL;
        }
        sum += count;
    }
    muster_stat_free(&stat);
    return status == MUSTER_OK && sum == 0 ? MUSTER_EMPTY : status;
}

/* With --drain, EMPTY: all is done. What others hold may come back, so it is waited for. */
static enum muster_status next_message(struct worker *worker, muster_message **message_out)
{
    struct cli *cli = worker->cli;
    bool drain = cli_has(cli, OPTION_DRAIN);
    muster_get_options options = MUSTER_GET_OPTIONS;
    options.cancel = worker->cancel;
    options.timeout_ns = drain ? 0 : MUSTER_FOREVER;
    for (;;) {
        enum muster_status status = muster_get(cli->queue, &options, message_out);
        if (!drain || (status != MUSTER_EMPTY && status != MUSTER_TIMEOUT)) {
            return status;
        }
        status = look_whether_drained(worker);
        if (status != MUSTER_OK) {
            return status;
        }
        int64_t longer = options.timeout_ns == 0 ? DRAIN_WAIT_LEAST : 2 * options.timeout_ns;
        options.timeout_ns = longer < DRAIN_WAIT_MOST ? longer : DRAIN_WAIT_MOST;
    }
}

/* No message came: how the worker ends. */
static void ended(struct worker *worker, enum muster_status status)
{
    struct cli *cli = worker->cli;
    bool drain = cli_has(cli, OPTION_DRAIN);
    bool fine = status == MUSTER_CANCELLED || (status == MUSTER_EMPTY && drain) ||
                (status == MUSTER_SHUTDOWN && (drain || cli_has(cli, OPTION_UNTIL_CLOSED)));
    if (worker_stop(worker, fine ? EXIT_OK : cli_exit_code(cli, status)) && !fine) {
        cli_status(cli, status, NULL);
    }
    muster_cancel_fire(worker->cancel);
}

static void *slot_main(void *user)
{
    struct slot *slot = user;
    struct worker *worker = slot->worker;
    while (!worker_is_stopping(worker)) {
        muster_message *message = NULL;
        enum muster_status status = next_message(worker, &message);
        if (status == MUSTER_OK) {
            slot_handle(slot, message);
            muster_message_free(&message);
        } else {
            ended(worker, status);
        }
    }
    pthread_mutex_lock(&worker->lock);
    worker->live--;
    pthread_mutex_unlock(&worker->lock);
    worker_wake(worker);
    return NULL;
}

/* ---- watching ---- */

static void kill_overdue(int64_t now, int64_t *at, pid_t group)
{
    if (now >= *at) {
        kill(-group, SIGKILL);
        *at = MUSTER_FOREVER;
    }
}

/* Kills what is overdue; returns when to look again. *live_out: slots that still run. */
static int64_t look_after_slots(struct worker *worker, int *live_out)
{
    int64_t next = MUSTER_FOREVER;
    int64_t now = cli_now_ns();
    pthread_mutex_lock(&worker->lock);
    for (int i = 0; i < worker->slots_count; i++) {
        struct slot *slot = &worker->slots[i];
        if (slot->group != 0) {
            kill_overdue(now, &slot->kill_at, slot->group);
            next = slot->kill_at < next ? slot->kill_at : next;
        }
        if (slot->left != 0) {
            kill_overdue(now, &slot->left_kill_at, slot->left);
            next = slot->left_kill_at < next ? slot->left_kill_at : next;
            slot->left = slot->left_kill_at == MUSTER_FOREVER ? 0 : slot->left;
        }
    }
    *live_out = worker->live;
    pthread_mutex_unlock(&worker->lock);
    return next;
}

static void kill_groups(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->killed = true;
    worker->code = EXIT_OTHER;
    for (int i = 0; i < worker->slots_count; i++) {
        struct slot *slot = &worker->slots[i];
        if (slot->group != 0) {
            kill(-slot->group, SIGKILL);
        }
        if (slot->left != 0) {
            kill(-slot->left, SIGKILL);
        }
    }
    pthread_mutex_unlock(&worker->lock);
}

/* The first signal: finish what runs. The second: kill it, and leave soon. */
static void on_signal(struct worker *worker, int count)
{
    if (count == 1) {
        worker_stop(worker, EXIT_OK);
        muster_cancel_fire(worker->cancel);
    } else if (count == 2) {
        cli_fail(worker->cli, EXIT_OTHER,
                 "stopped by a second signal; what ran was killed, its messages are given back");
        kill_groups(worker);
    }
}

static int wait_ms(int64_t until, int64_t now)
{
    int64_t ms = until <= now ? 0 : (until - now) / MUSTER_MS + 1;
    return until == MUSTER_FOREVER ? -1 : ms > INT_MAX ? INT_MAX : (int)ms;
}

static bool take_signal(struct worker *worker, int signal_fd, struct signalfd_siginfo *info)
{
    pthread_mutex_lock(&worker->lock);
    bool taken = read(signal_fd, info, sizeof(*info)) == (ssize_t)sizeof(*info);
    worker->told = worker->told || taken;
    pthread_mutex_unlock(&worker->lock);
    return taken;
}

/* Until the last slot has ended. A broker that cannot be reached must not hold up a worker that was
 * told twice to go: its session will end without it. */
static void watch(struct worker *worker, int signal_fd)
{
    int signals = 0;
    int live = 0;
    int64_t leave_at = MUSTER_FOREVER;
    for (;;) {
        int64_t until = look_after_slots(worker, &live);
        int64_t now = cli_now_ns();
        if (live == 0) {
            return;
        }
        if (now >= leave_at) {
            _exit(EXIT_OTHER);
        }
        until = leave_at < until ? leave_at : until;
        struct pollfd fds[] = {{signal_fd, POLLIN, 0}, {worker->wake_fd, POLLIN, 0}};
        poll(fds, 2, wait_ms(until, now));
        struct signalfd_siginfo info;
        uint64_t woken;
        if (take_signal(worker, signal_fd, &info)) {
            on_signal(worker, ++signals);
            leave_at = signals == 2 ? cli_now_ns() + LEAVE_AFTER : leave_at;
        }
        (void)!read(worker->wake_fd, &woken, sizeof(woken));
    }
}

/* ---- the command ---- */

static void start_slots(struct worker *worker)
{
    for (int i = 0; i < worker->slots_count; i++) {
        struct slot *slot = &worker->slots[i];
        slot->worker = worker;
        slot->kill_at = MUSTER_FOREVER;
        pthread_mutex_lock(&worker->lock);
        worker->live++;
        pthread_mutex_unlock(&worker->lock);
        int error = pthread_create(&slot->thread, NULL, slot_main, slot);
        if (error != 0) {
            pthread_mutex_lock(&worker->lock);
            worker->live--;
            worker->slots_count = i;
            pthread_mutex_unlock(&worker->lock);
            worker_stop(worker, EXIT_OTHER);
            cli_fail(worker->cli, EXIT_OTHER, "cannot start thread %d: %s; give a smaller -j",
                     i + 1, strerror(error));
            muster_cancel_fire(worker->cancel);
        }
    }
}

static int run_slots(struct worker *worker, int signal_fd)
{
    start_slots(worker);
    watch(worker, signal_fd);
    for (int i = 0; i < worker->slots_count; i++) {
        struct slot *slot = &worker->slots[i];
        pthread_join(slot->thread, NULL);
        if (slot->left != 0) {
            kill(-slot->left, SIGKILL);
        }
    }
    return worker->code;
}

static int check_run(const struct cli *cli)
{
    const struct options *options = &cli->options;
    if (!options->dashes || options->before != 1 || options->count < 2) {
        return cli_fail(cli, EXIT_USAGE, "%s; usage: muster run QUEUE [-j N] -- CMD [ARG]...",
                        options->before > 1 ? "-- must stand before the command"
                                            : "the command is missing");
    }
    if (option_number(options, OPTION_JOBS, 1) > JOBS_MAX) {
        return cli_fail(cli, EXIT_USAGE, "-j is over %d; start several workers", JOBS_MAX);
    }
    return EXIT_OK;
}

int command_run(struct cli *cli)
{
    int code = check_run(cli);
    if (code != EXIT_OK) {
        return code;
    }
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGHUP);
    struct worker worker = {.cli = cli, .lock = PTHREAD_MUTEX_INITIALIZER};
    signal(SIGCHLD, SIG_DFL); /* ignored, it would take away what commands end with */
    pthread_sigmask(SIG_BLOCK, &ours, &worker.signal_mask);
    worker.argv = cli->options.operands + 1;
    worker.slots_count = (int)option_number(&cli->options, OPTION_JOBS, 1);
    worker.slots = cli_grow(NULL, (size_t)worker.slots_count * sizeof(struct slot));
    memset(worker.slots, 0, (size_t)worker.slots_count * sizeof(struct slot));
    worker.cancel = muster_cancel_new();
    worker.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int signal_fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
    if (worker.cancel == NULL || worker.wake_fd < 0 || signal_fd < 0) {
        code = cli_fail(cli, EXIT_OTHER, "cannot start: %s; see what is used up", strerror(errno));
    } else {
        muster_client_options options = MUSTER_CLIENT_OPTIONS;
        options.ttl_ns = TTL_DEFAULT;
        options.on_notice = on_notice;
        options.user = &worker;
        code = cli_connect_with(cli, &options);
    }
    if (code == EXIT_OK) {
        code = cli_status(cli, muster_queue_open(cli->client, cli->subject, &cli->queue), NULL);
    }
    if (code == EXIT_OK) {
        code = run_slots(&worker, signal_fd);
    }
    /* Closed here, because notices refer to the worker. */
    muster_queue_close(&cli->queue);
    muster_close(&cli->client);
    muster_cancel_free(&worker.cancel);
    free(worker.slots);
    close(worker.wake_fd);
    close(signal_fd);
    return code;
}
