/* stop_signal.c - an event as a stop signal: one says stop, everybody hears it.
 *
 * Three processes, as if on three hosts, count up until the event is set. They do not ask it over
 * and over: each waits for it in the background, and its callback stops the work. The parent sets
 * the event once all have begun, and looks whether all have stopped.
 *
 *   MUSTER_URL=muster://127.0.0.1:6878 stop_signal */
#include <muster.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 3 };

struct names {
    char stop[64];    /* an event */
    char started[64]; /* a queue: each worker puts a line into it when it has begun */
};

static void on_stop(enum muster_status status, muster_result *result, void *user)
{
    atomic_int *stopped = user;

    (void)result;
    atomic_store(stopped, status == MUSTER_OK ? 1 : -1);
}

/* Returns how it ended: 1 told to stop, anything else a fault. */
static int work_until_stopped(muster_client *client, const struct names *names)
{
    muster_event *stop = NULL;
    muster_queue *started = NULL;
    atomic_int stopped = 0;
    unsigned long rounds = 0;

    if (muster_event_open(client, names->stop, &stop) != MUSTER_OK ||
        muster_queue_open(client, names->started, &started) != MUSTER_OK ||
        muster_event_wait_async(stop, 10 * MUSTER_SECOND, on_stop, &stopped, NULL) != MUSTER_OK ||
        muster_put(started, "begun", 5, NULL, NULL) != MUSTER_OK) {
        fprintf(stderr, "worker: %s\n", muster_last_error());
        atomic_store(&stopped, -1);
    }
    while (atomic_load(&stopped) == 0) {
        rounds++; /* the work */
        usleep(1000);
    }
    printf("worker %ld stopped after %lu rounds\n", (long)getpid(), rounds);
    muster_queue_close(&started);
    muster_event_close(&stop);
    return atomic_load(&stopped);
}

/* A client belongs to the process that made it, so each child connects by itself. */
static int run_child(const struct names *names)
{
    muster_client *client = NULL;
    int stopped = -1;

    if (muster_connect(NULL, &client) == MUSTER_OK) {
        stopped = work_until_stopped(client, names);
    } else {
        fprintf(stderr, "worker: %s\n", muster_last_error());
    }
    muster_close(&client);
    return stopped == 1 ? 0 : 1;
}

/* Waits until all have begun, then says stop. */
static bool stop_them(muster_client *client, const struct names *names)
{
    muster_get_options patient = MUSTER_GET_OPTIONS;
    muster_queue *started = NULL;
    muster_event *stop = NULL;
    bool fine = muster_queue_open(client, names->started, &started) == MUSTER_OK &&
                muster_event_open(client, names->stop, &stop) == MUSTER_OK;

    patient.timeout_ns = 10 * MUSTER_SECOND;
    for (int i = 0; i < WORKERS && fine; i++) {
        muster_message *begun = NULL;

        fine =
            muster_get(started, &patient, &begun) == MUSTER_OK && muster_done(begun) == MUSTER_OK;
        muster_message_free(&begun);
    }
    fine = fine && muster_event_set(stop) == MUSTER_OK;
    if (!fine) {
        fprintf(stderr, "%s\n", muster_last_error());
    }
    muster_queue_close(&started);
    muster_event_close(&stop);
    return fine;
}

int main(void)
{
    struct names names;
    muster_client *client = NULL;
    int well = 0;

    snprintf(names.stop, sizeof(names.stop), "examples/stop-%ld", (long)getpid());
    snprintf(names.started, sizeof(names.started), "examples/started-%ld", (long)getpid());
    for (int i = 0; i < WORKERS; i++) {
        pid_t child = fork();

        if (child == 0) {
            return run_child(&names);
        }
        if (child < 0) {
            perror("fork");
            return 1;
        }
    }
    bool fine = muster_connect(NULL, &client) == MUSTER_OK && stop_them(client, &names);
    for (int i = 0; i < WORKERS; i++) {
        int status;

        well += wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    if (client != NULL) {
        muster_remove(client, names.stop);
        muster_remove(client, names.started);
    }
    muster_close(&client);
    printf("%d of %d workers heard the stop signal\n", well, WORKERS);
    return fine && well == WORKERS ? 0 : 1;
}
