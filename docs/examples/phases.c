/* phases.c - parallel phases: nobody begins the next one before all have finished this one.
 *
 * Four workers, each with a client of its own as if on a host of its own, smooth a row of numbers.
 * In each phase a worker computes its part of the new row from the whole old one, so the phases
 * must not overlap: a barrier stands between them. The result is compared with that of one
 * program that does it all alone.
 *
 *   MUSTER_URL=muster://127.0.0.1:6878 phases */
#include <muster.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 4, PART = 16, CELLS = WORKERS * PART, PHASES = 20 };

struct worker {
    unsigned number;
    char barrier_name[64];
    double (*rows)[CELLS]; /* two: the old one and the new one, by turns */
    unsigned mistakes;
};

static void smooth(const double *old, double *new, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        new[i] = (old[(i + CELLS - 1) % CELLS] + 2 * old[i] + old[(i + 1) % CELLS]) / 4;
    }
}

static void work(struct worker *worker, muster_barrier *barrier)
{
    unsigned from = worker->number * PART;

    for (unsigned phase = 0; phase < PHASES; phase++) {
        muster_barrier_result met;

        smooth(worker->rows[phase % 2], worker->rows[(phase + 1) % 2], from, from + PART);
        if (muster_barrier_wait(barrier, 10 * MUSTER_SECOND, NULL, &met) != MUSTER_OK) {
            fprintf(stderr, "worker %u, phase %u: %s\n", worker->number, phase,
                    muster_last_error());
            worker->mistakes++;
            return;
        }
        /* Every generation of the barrier is one phase, and gives each party another index. */
        worker->mistakes += met.index >= WORKERS;
    }
}

static void *run_worker(void *arg)
{
    struct worker *worker = arg;
    muster_client *client = NULL;
    muster_barrier *barrier = NULL;

    if (muster_connect(NULL, &client) != MUSTER_OK ||
        muster_barrier_open(client, worker->barrier_name, WORKERS, &barrier) != MUSTER_OK) {
        fprintf(stderr, "worker %u: %s\n", worker->number, muster_last_error());
        worker->mistakes++;
    } else {
        work(worker, barrier);
    }
    muster_barrier_close(&barrier);
    muster_close(&client);
    return NULL;
}

static unsigned run_together(double (*rows)[CELLS], const char *barrier_name)
{
    struct worker workers[WORKERS];
    pthread_t threads[WORKERS];
    unsigned mistakes = 0;

    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.number = i, .rows = rows};
        snprintf(workers[i].barrier_name, sizeof(workers[i].barrier_name), "%s", barrier_name);
        if (pthread_create(&threads[i], NULL, run_worker, &workers[i]) != 0) {
            fprintf(stderr, "cannot start a thread\n");
            exit(1);
        }
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
        mistakes += workers[i].mistakes;
    }
    return mistakes;
}

static void remove_barrier(const char *name)
{
    muster_client *client = NULL;

    if (muster_connect(NULL, &client) == MUSTER_OK) {
        muster_remove(client, name);
    }
    muster_close(&client);
}

int main(void)
{
    static double rows[2][CELLS];
    static double alone[2][CELLS];
    char barrier_name[64];

    snprintf(barrier_name, sizeof(barrier_name), "examples/phases-%ld", (long)getpid());
    for (unsigned i = 0; i < CELLS; i++) {
        rows[0][i] = alone[0][i] = i % 7 == 0 ? 1000 : 0;
    }
    unsigned mistakes = run_together(rows, barrier_name);
    remove_barrier(barrier_name);
    for (unsigned phase = 0; phase < PHASES; phase++) {
        smooth(alone[phase % 2], alone[(phase + 1) % 2], 0, CELLS);
    }
    if (mistakes > 0 || memcmp(rows[PHASES % 2], alone[PHASES % 2], sizeof(rows[0])) != 0) {
        printf("wrong: %u mistakes, or the workers' row differs from that of one alone\n",
               mistakes);
        return 1;
    }
    printf("%d workers went through %d phases in step; their row is that of one alone\n", WORKERS,
           PHASES);
    return 0;
}
