/* jobs.c - the journal's jobs under a test. See jobs.h. */
#include "tests/sim/jobs.h"

static void add(struct job **list, struct job *job)
{
    while (*list != NULL) {
        list = &(*list)->next;
    }
    job->next = NULL;
    *list = job;
}

static struct job *take(struct job **list)
{
    struct job *job = *list;

    if (job != NULL) {
        *list = job->next;
    }
    return job;
}

static size_t length(const struct job *job)
{
    size_t n = 0;

    for (; job != NULL; job = job->next) {
        n++;
    }
    return n;
}

static void submit(void *user, struct job *job)
{
    struct sim_jobs *jobs = user;

    add(&jobs->waiting[job->lane], job);
}

void sim_jobs_init(struct sim_jobs *jobs)
{
    *jobs = (struct sim_jobs){0};
}

struct jobs sim_jobs_port(struct sim_jobs *jobs)
{
    return (struct jobs){.user = jobs, .submit = submit};
}

size_t sim_jobs_count(const struct sim_jobs *jobs, enum job_lane lane)
{
    return length(jobs->waiting[lane]) + length(jobs->worked[lane]);
}

bool sim_jobs_idle(const struct sim_jobs *jobs)
{
    size_t n = 0;

    for (int lane = 0; lane < JOB_LANES; lane++) {
        n += sim_jobs_count(jobs, (enum job_lane)lane);
    }
    return n == 0;
}

bool sim_jobs_work(struct sim_jobs *jobs, enum job_lane lane)
{
    struct job *job = take(&jobs->waiting[lane]);

    if (job == NULL) {
        return false;
    }
    job->work(job);
    add(&jobs->worked[lane], job);
    return true;
}

bool sim_jobs_finish(struct sim_jobs *jobs, enum job_lane lane)
{
    struct job *job = take(&jobs->worked[lane]);

    if (job == NULL) {
        return false;
    }
    job->done(job);
    return true;
}

bool sim_jobs_step(struct sim_jobs *jobs, enum job_lane lane)
{
    if (jobs->worked[lane] == NULL) {
        sim_jobs_work(jobs, lane);
    }
    return sim_jobs_finish(jobs, lane);
}

void sim_jobs_run(struct sim_jobs *jobs)
{
    while (sim_jobs_step(jobs, JOB_WRITE) || sim_jobs_step(jobs, JOB_READ) ||
           sim_jobs_step(jobs, JOB_PREPARE) || sim_jobs_step(jobs, JOB_COMPACT)) {
    }
}

bool sim_jobs_any(struct sim_jobs *jobs, uint64_t chance)
{
    /* Even: a work, odd: a done; each of a lane. */
    for (uint64_t i = 0; i < 2ull * JOB_LANES; i++) {
        uint64_t which = (chance + i) % (2ull * JOB_LANES);
        enum job_lane lane = (enum job_lane)(which / 2);

        if (which % 2 == 0 ? sim_jobs_work(jobs, lane) : sim_jobs_finish(jobs, lane)) {
            return true;
        }
    }
    return false;
}

void sim_jobs_drop(struct sim_jobs *jobs)
{
    sim_jobs_init(jobs);
}
