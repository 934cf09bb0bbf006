/* jobs.c - a producer, workers, and join: the producer goes on when everything it put is done.
 *
 * The producer puts numbers; three worker processes take them, and put the square of each into
 * another queue. A worker finishes its job only after the result is in, so a worker that dies in
 * between would lose nothing: its job goes to another one. Here the first worker does so on
 * purpose.
 *
 *   MUSTER_URL=muster://127.0.0.1:6878 jobs */
#include <muster.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 3, JOBS = 200 };

struct queues {
    muster_queue *jobs;
    muster_queue *results;
};

static void name_of(char *name, size_t size, const char *what, long id)
{
    snprintf(name, size, "examples/%s-%ld", what, id);
}

static bool open_queues(muster_client *client, long id, struct queues *queues)
{
    char jobs[64];
    char results[64];

    name_of(jobs, sizeof(jobs), "jobs", id);
    name_of(results, sizeof(results), "results", id);
    return muster_queue_open(client, jobs, &queues->jobs) == MUSTER_OK &&
           muster_queue_open(client, results, &queues->results) == MUSTER_OK;
}

static void close_queues(struct queues *queues)
{
    muster_queue_close(&queues->jobs);
    muster_queue_close(&queues->results);
}

/* ---- a worker ---- */

/* A message's body is followed by a NUL, so a number in it can be read as text. The key makes the
 * result appear once, even if two workers come to do the same job. */
static bool do_job(const struct queues *queues, muster_message *job)
{
    long number = strtol(muster_message_body(job), NULL, 10);
    muster_put_options once = MUSTER_PUT_OPTIONS;
    char result[32];

    snprintf(result, sizeof(result), "%ld", number * number);
    once.dedup = muster_message_body(job);
    once.dedup_size = muster_message_size(job);
    return muster_put(queues->results, result, strlen(result), &once, NULL) == MUSTER_OK;
}

/* Works until the queue is shut down. */
static enum muster_status work(const struct queues *queues, bool dies)
{
    enum muster_status status;
    muster_message *job = NULL;

    while ((status = muster_get(queues->jobs, NULL, &job)) == MUSTER_OK) {
        if (dies) {
            _exit(0); /* with a job in its hands */
        }
        if (!do_job(queues, job) || muster_done(job) != MUSTER_OK) {
            fprintf(stderr, "worker: %s\n", muster_last_error());
        }
        muster_message_free(&job);
    }
    return status;
}

static int run_worker(long id, bool dies)
{
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    struct queues queues = {NULL, NULL};
    muster_client *client = NULL;
    enum muster_status status = MUSTER_UNAVAILABLE;

    options.name = "jobs example: worker";
    options.ttl_ns = dies ? 0 : 10 * MUSTER_SECOND; /* what it holds goes back at once */
    if (muster_connect(&options, &client) == MUSTER_OK && open_queues(client, id, &queues)) {
        status = work(&queues, dies);
    }
    if (status != MUSTER_SHUTDOWN) {
        fprintf(stderr, "worker: %s\n", muster_last_error());
    }
    close_queues(&queues);
    muster_close(&client);
    return status == MUSTER_SHUTDOWN ? 0 : 1;
}

/* ---- the producer ---- */

/* Puts without waiting for each answer, then for all of them, then for the work. */
static bool produce(muster_client *client, const struct queues *queues, muster_tallies *tallies)
{
    for (int i = 1; i <= JOBS; i++) {
        char body[32];

        snprintf(body, sizeof(body), "%d", i);
        if (muster_put_async(queues->jobs, body, strlen(body), NULL, NULL, NULL, NULL) !=
            MUSTER_OK) {
            return false;
        }
    }
    return muster_flush(client, 10 * MUSTER_SECOND) == MUSTER_OK &&
           muster_join(queues->jobs, 10 * MUSTER_SECOND, NULL, tallies) == MUSTER_OK &&
           muster_shutdown(queues->jobs, false) == MUSTER_OK;
}

static long add_results(const struct queues *queues)
{
    muster_get_options no_wait = MUSTER_GET_OPTIONS;
    muster_message *result = NULL;
    long sum = 0;

    no_wait.timeout_ns = 0;
    no_wait.mode = MUSTER_AUTO;
    while (muster_get(queues->results, &no_wait, &result) == MUSTER_OK) {
        sum += strtol(muster_message_body(result), NULL, 10);
        muster_message_free(&result);
    }
    return sum;
}

static bool run_producer(long id)
{
    const long expected = (long)JOBS * (JOBS + 1) * (2 * JOBS + 1) / 6;
    struct queues queues = {NULL, NULL};
    muster_tallies tallies = {0, 0, 0, 0, 0, 0, 0};
    muster_client *client = NULL;
    long sum = 0;
    bool fine = muster_connect(NULL, &client) == MUSTER_OK && open_queues(client, id, &queues) &&
                produce(client, &queues, &tallies);

    if (fine) {
        sum = add_results(&queues);
    } else {
        fprintf(stderr, "producer: %s\n", muster_last_error());
    }
    close_queues(&queues);
    muster_close(&client);
    printf("%lu of %d jobs done; the sum of all squares is %ld, and should be %ld\n",
           (unsigned long)tallies.done, JOBS, sum, expected);
    return fine && tallies.done == JOBS && sum == expected;
}

/* Only when nobody uses them any more: a get would make a removed queue anew. */
static void remove_queues(long id)
{
    muster_client *client = NULL;
    char name[64];

    if (muster_connect(NULL, &client) == MUSTER_OK) {
        name_of(name, sizeof(name), "jobs", id);
        muster_remove(client, name);
        name_of(name, sizeof(name), "results", id);
        muster_remove(client, name);
    }
    muster_close(&client);
}

int main(void)
{
    long id = (long)getpid();
    int well = 0;

    for (int i = 0; i < WORKERS; i++) {
        pid_t child = fork();

        if (child == 0) {
            return run_worker(id, i == 0);
        }
        if (child < 0) {
            perror("fork");
            return 1;
        }
    }
    bool fine = run_producer(id);
    for (int i = 0; i < WORKERS; i++) {
        int status;

        well += wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    remove_queues(id);
    return fine && well == WORKERS ? 0 : 1;
}
