/* slot.c - one message in the hands of a worker: its command runs, the broker hears how it went.
 *
 *   idle --message--> busy --command ended--> done, given back or dead letter --> idle
 *                       |
 *                       +--lease lost: TERM, then KILL--> nothing to report --> idle
 *
 * A command is started, killed and reaped under the worker's lock only, so a group's number is
 * never stale. No muster call is made under the lock. */
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

#include "cli/child.h"
#include "cli/worker.h"

#define KILL_AFTER    (5 * MUSTER_SECOND) /* from TERM to KILL */
#define BACKOFF_FIRST MUSTER_SECOND
#define BACKOFF_MAX   (60 * MUSTER_SECOND)

enum { EXIT_DEAD_LETTER = 65, EXIT_BACK_OFF = 75 };

void slot_lose(struct slot *slot, const char *why)
{
    if (!slot->busy || slot->lost) {
        return;
    }
    slot->lost = true;
    cli_fail(slot->worker->cli, EXIT_OK,
             "message %llu.%llu: %s; its command is ended, the message goes to somebody else",
             (unsigned long long)slot->message, (unsigned long long)slot->delivery, why);
    if (slot->group != 0) {
        kill(-slot->group, SIGTERM);
        slot->kill_at = cli_now_ns() + KILL_AFTER;
        worker_wake(slot->worker);
    }
}

static int64_t backoff(uint64_t delivery, int exit_code)
{
    uint64_t doublings = delivery - (exit_code == EXIT_BACK_OFF ? 1 : 2);
    if (delivery == 1 && exit_code != EXIT_BACK_OFF) {
        return 0;
    }
    return doublings >= 6 ? BACKOFF_MAX : BACKOFF_FIRST << doublings;
}

/* A report that was not accepted is told; it ends the worker only when none ever will be. */
static void check_report(struct slot *slot, enum muster_status status)
{
    struct worker *worker = slot->worker;
    char where[64];
    snprintf(where, sizeof(where), "message %llu.%llu", (unsigned long long)slot->message,
             (unsigned long long)slot->delivery);
    int code = cli_status(worker->cli, status, where);
    if (status == MUSTER_UNAVAILABLE || status == MUSTER_PROTOCOL || status == MUSTER_DENIED) {
        worker_stop(worker, code);
        worker_fail(worker, code);
        muster_cancel_fire(worker->cancel);
    }
}

static void give_back(struct slot *slot, muster_message *message)
{
    muster_nack_options options = MUSTER_NACK_OPTIONS;
    options.uncounted = true;
    check_report(slot, muster_nack(message, &options));
}

static void dead_letter(struct slot *slot, muster_message *message, const char *why)
{
    muster_nack_options options = MUSTER_NACK_OPTIONS;
    options.dead = true;
    options.reason = why;
    cli_note(slot->worker->cli, "message %llu.%llu: %s; it is now a dead letter",
             (unsigned long long)slot->message, (unsigned long long)slot->delivery, why);
    check_report(slot, muster_nack(message, &options));
}

static void try_again(struct slot *slot, muster_message *message, int wait_status)
{
    bool exited = WIFEXITED(wait_status);
    int number = exited ? WEXITSTATUS(wait_status) : WTERMSIG(wait_status);
    muster_nack_options options = MUSTER_NACK_OPTIONS;
    options.delay_ns = backoff(slot->delivery, exited ? number : 0);
    cli_note(slot->worker->cli, "message %llu.%llu: the command ended with %s %d; given back%s",
             (unsigned long long)slot->message, (unsigned long long)slot->delivery,
             exited ? "exit status" : "signal", number, options.delay_ns > 0 ? " for later" : "");
    check_report(slot, muster_nack(message, &options));
}

static void report(struct slot *slot, muster_message *message, int wait_status)
{
    pthread_mutex_lock(&slot->worker->lock);
    bool lost = slot->lost;
    bool killed = slot->worker->killed;
    pthread_mutex_unlock(&slot->worker->lock);
    if (lost) {
        return;
    }
    if (wait_status == 0) {
        check_report(slot, muster_done(message));
    } else if (killed) {
        give_back(slot, message);
    } else if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == EXIT_DEAD_LETTER) {
        dead_letter(slot, message, "the command ended with exit status 65");
    } else {
        try_again(slot, message, wait_status);
    }
}

/* Waits for the end of the command; the zombie holds the group's number until it is reaped under
 * the lock. Whoever is left of a group that was told to end is still to be killed. */
static int wait_for(struct slot *slot, pid_t group)
{
    siginfo_t info;
    while (waitid(P_PID, (id_t)group, &info, WEXITED | WNOWAIT) == -1 && errno == EINTR) {
    }
    int wait_status = 0;
    pthread_mutex_lock(&slot->worker->lock);
    waitpid(group, &wait_status, 0);
    slot->group = 0;
    if (slot->kill_at != MUSTER_FOREVER && kill(-group, 0) == 0) {
        if (slot->left != 0) {
            kill(-slot->left, SIGKILL);
        }
        slot->left = group;
        slot->left_kill_at = slot->kill_at;
    }
    slot->kill_at = MUSTER_FOREVER;
    pthread_mutex_unlock(&slot->worker->lock);
    return wait_status;
}

/* Under the lock, so that whoever finds the lease lost finds the command too. *group_out is 0 when
 * it was lost before, or when the worker has killed what ran. */
static enum child_start start(struct slot *slot, const muster_message *message, pid_t *group_out,
                              const char **why_out)
{
    struct worker *worker = slot->worker;
    enum child_start started = CHILD_STARTED;
    *group_out = 0;
    pthread_mutex_lock(&worker->lock);
    if (!slot->lost && !worker->killed) {
        started = child_start(worker->argv, message, &worker->signal_mask, group_out, why_out);
        *group_out = started == CHILD_STARTED ? *group_out : 0;
        slot->group = *group_out;
    }
    pthread_mutex_unlock(&worker->lock);
    return started;
}

static void set_busy(struct slot *slot, const muster_message *message)
{
    pthread_mutex_lock(&slot->worker->lock);
    slot->busy = message != NULL;
    slot->message = message != NULL ? muster_message_id(message) : 0;
    slot->delivery = message != NULL ? muster_message_delivery(message) : 0;
    slot->lost = false;
    pthread_mutex_unlock(&slot->worker->lock);
}

void slot_handle(struct slot *slot, muster_message *message)
{
    struct worker *worker = slot->worker;
    const char *why = "";
    set_busy(slot, message);
    if (worker_is_stopping(worker)) {
        give_back(slot, message);
        set_busy(slot, NULL);
        return;
    }
    pid_t group = 0;
    switch (start(slot, message, &group, &why)) {
    case CHILD_STARTED: report(slot, message, group != 0 ? wait_for(slot, group) : SIGKILL); break;
    case CHILD_UNFIT: dead_letter(slot, message, why); break;
    case CHILD_NO_START:
        if (worker_stop(worker, EXIT_OTHER)) {
            cli_fail(worker->cli, EXIT_OTHER,
                     "cannot start %.200s: %s; the message was given back, see what is wrong there",
                     worker->argv[0], why);
        }
        muster_cancel_fire(worker->cancel);
        give_back(slot, message);
        break;
    }
    set_busy(slot, NULL);
}
