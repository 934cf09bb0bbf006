/* helpers.c - the threads beside the loop. See helpers.h.
 *
 * Invariant: a job is in exactly one place: kept, a lane's queue, a thread's hands, or the finished
 * queue; each queue has its lock, and a job is looked at only by who has it. */
#include "broker/io/helpers.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define COMPACT_NICE 10 /* compaction steps back when somebody waits for the processor */

struct queue {
    pthread_mutex_t lock;
    struct job *first;
    struct job **end;
};

struct lane {
    struct helpers *helpers;
    pthread_t thread;
    bool runs;
    bool is_background;
    struct queue queue;
    sem_t filled; /* counts the jobs in the queue; once more than there are: the end */
};

struct helpers {
    struct lane lanes[JOB_LANES];
    struct queue finished;
    int wake;
    atomic_uint short_writes; /* in a row; whoever carries one out counts it */
    size_t under_way;         /* the loop's count */
    size_t writes;            /* of those */
    struct job *kept;         /* a write that the loop may carry out; NULL: none */
};

static void queue_init(struct queue *queue)
{
    pthread_mutex_init(&queue->lock, NULL);
    queue->first = NULL;
    queue->end = &queue->first;
}

static void queue_add(struct queue *queue, struct job *job) /* locked */
{
    job->next = NULL;
    *queue->end = job;
    queue->end = &job->next;
}

static struct job *queue_take(struct queue *queue) /* locked */
{
    struct job *job = queue->first;

    if (job != NULL) {
        queue->first = job->next;
        if (queue->first == NULL) {
            queue->end = &queue->first;
        }
    }
    return job;
}

static void tell_finished(struct helpers *helpers, struct job *job)
{
    uint64_t one = 1;

    pthread_mutex_lock(&helpers->finished.lock);
    queue_add(&helpers->finished, job);
    pthread_mutex_unlock(&helpers->finished.lock);
    while (write(helpers->wake, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

static struct job *next_job(struct lane *lane)
{
    struct job *job;

    while (sem_wait(&lane->filled) != 0) {
    }
    pthread_mutex_lock(&lane->queue.lock);
    job = queue_take(&lane->queue);
    pthread_mutex_unlock(&lane->queue.lock);
    return job;
}

static int64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void carry_out(struct helpers *helpers, struct job *job)
{
    int64_t began_ns = clock_ns();

    job->work(job);
    if (job->lane != JOB_WRITE) {
        return;
    }
    if (clock_ns() - began_ns > HELPERS_SHORT_NS) {
        atomic_store(&helpers->short_writes, 0);
    } else if (atomic_load(&helpers->short_writes) < HELPERS_SHORT_ROW) {
        atomic_fetch_add(&helpers->short_writes, 1);
    }
}

static void *work(void *user)
{
    struct lane *lane = user;
    struct job *job;

    if (lane->is_background) {
        setpriority(PRIO_PROCESS, (id_t)gettid(), COMPACT_NICE);
    }
    while ((job = next_job(lane)) != NULL) {
        carry_out(lane->helpers, job);
        tell_finished(lane->helpers, job);
    }
    return NULL;
}

static bool lane_start(struct helpers *helpers, enum job_lane which)
{
    struct lane *lane = &helpers->lanes[which];
    sigset_t all, before;
    int error;

    lane->helpers = helpers;
    lane->is_background = which == JOB_COMPACT;
    queue_init(&lane->queue);
    sem_init(&lane->filled, 0, 0);
    /* Signals are the loop's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&lane->thread, NULL, work, lane);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    lane->runs = error == 0;
    errno = error;
    return lane->runs;
}

static void lane_end(struct lane *lane)
{
    if (!lane->runs) {
        return;
    }
    sem_post(&lane->filled);
    pthread_join(lane->thread, NULL);
    sem_destroy(&lane->filled);
    pthread_mutex_destroy(&lane->queue.lock);
}

struct helpers *helpers_new(void)
{
    struct helpers *helpers = calloc(1, sizeof(*helpers));
    bool ok;

    if (helpers == NULL) {
        return NULL;
    }
    queue_init(&helpers->finished);
    helpers->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ok = helpers->wake >= 0;
    for (int i = 0; ok && i < JOB_LANES; i++) {
        ok = lane_start(helpers, (enum job_lane)i);
    }
    if (!ok) {
        int error = errno;

        helpers_free(&helpers);
        errno = error;
    }
    return helpers;
}

void helpers_free(struct helpers **owner)
{
    struct helpers *helpers = *owner;

    if (helpers == NULL) {
        return;
    }
    helpers_release(helpers, false);
    for (int i = 0; i < JOB_LANES; i++) {
        lane_end(&helpers->lanes[i]);
    }
    helpers_finish(helpers);
    if (helpers->wake >= 0) {
        close(helpers->wake);
    }
    pthread_mutex_destroy(&helpers->finished.lock);
    free(helpers);
    *owner = NULL;
}

static void hand_over(struct helpers *helpers, struct job *job)
{
    struct lane *lane = &helpers->lanes[job->lane];

    pthread_mutex_lock(&lane->queue.lock);
    queue_add(&lane->queue, job);
    pthread_mutex_unlock(&lane->queue.lock);
    /* Not under the lock, for who wakes up takes it. */
    sem_post(&lane->filled);
}

void helpers_submit(void *user, struct job *job)
{
    struct helpers *helpers = user;

    if (job->lane == JOB_WRITE) {
        helpers_release(helpers, false); /* that comes first */
        helpers->writes++;
    }
    helpers->under_way++;
    if (job->lane == JOB_WRITE && helpers->writes == 1 &&
        atomic_load(&helpers->short_writes) >= HELPERS_SHORT_ROW) {
        helpers->kept = job;
    } else {
        hand_over(helpers, job);
    }
}

static void finish(struct helpers *helpers, struct job *job)
{
    helpers->under_way--;
    helpers->writes -= job->lane == JOB_WRITE;
    job->done(job);
}

bool helpers_release(struct helpers *helpers, bool here)
{
    struct job *job = helpers->kept;

    helpers->kept = NULL; /* what is done next may bring another */
    if (job != NULL && here) {
        carry_out(helpers, job);
        finish(helpers, job);
    } else if (job != NULL) {
        hand_over(helpers, job);
    }
    return job != NULL && here;
}

int helpers_fd(const struct helpers *helpers)
{
    return helpers->wake;
}

void helpers_finish(struct helpers *helpers)
{
    struct job *job;
    uint64_t count;

    if (read(helpers->wake, &count, sizeof(count)) < 0) {
        errno = 0; /* nobody woke the loop: there may still be something */
    }
    do {
        pthread_mutex_lock(&helpers->finished.lock);
        job = queue_take(&helpers->finished);
        pthread_mutex_unlock(&helpers->finished.lock);
        if (job != NULL) {
            finish(helpers, job);
        }
    } while (job != NULL);
}

bool helpers_idle(const struct helpers *helpers)
{
    return helpers->under_way == 0;
}

void helpers_wait(struct helpers *helpers)
{
    struct pollfd wake = {.fd = helpers->wake, .events = POLLIN};

    if (helpers->under_way > 0 && !helpers_release(helpers, true)) {
        poll(&wake, 1, -1);
        helpers_finish(helpers);
    }
}
