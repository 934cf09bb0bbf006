/* worker.h - what `muster run` is made of: a worker and its slots. */
#ifndef CLI_WORKER_H
#define CLI_WORKER_H

#include <pthread.h>
#include <signal.h>
#include <sys/types.h>

#include "cli/cli.h"

struct worker;

struct slot {
    struct worker *worker;
    pthread_t thread;
    bool busy; /* holds a message: these say which */
    uint64_t message, delivery;
    bool lost;       /* the lease is gone: there is nothing to report */
    pid_t group;     /* of the running command; 0: none */
    int64_t kill_at; /* MUSTER_FOREVER: it was not told to end */
    pid_t left;      /* group of an earlier command that was told to end and left some behind */
    int64_t left_kill_at;
};

struct worker {
    struct cli *cli;
    char *const *argv;     /* of the command */
    sigset_t signal_mask;  /* as it was before ours, for the command */
    muster_cancel *cancel; /* fired: no further messages */
    int wake_fd;           /* the watching thread looks again */
    pthread_mutex_t lock;  /* over all that follows, and the slots */
    bool stopping;         /* no further messages */
    bool told;             /* a signal was taken; what it means is being carried out */
    bool killed;           /* what ran was killed: everything is given back */
    int code;
    int live; /* slots whose threads still run */
    int slots_count;
    struct slot *slots;
};

/* No further messages. true for the first who says so: its exit code is the worker's. The cancel
 * token remains to be fired. */
bool worker_stop(struct worker *worker, int code);
/* The exit code, too, if the worker was told to stop before and nothing has failed so far. */
void worker_fail(struct worker *worker, int code);
bool worker_is_stopping(struct worker *worker);
void worker_wake(struct worker *worker);

/* Runs the command for a message and reports how that went. */
void slot_handle(struct slot *slot, muster_message *message);
/* Under the lock: the slot's lease is gone. */
void slot_lose(struct slot *slot, const char *why);

#endif
