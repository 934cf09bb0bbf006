/* jobs.h - the journal's jobs under a test: nothing is worked on until the test says so. */
#ifndef SIM_JOBS_H
#define SIM_JOBS_H

#include "broker/journal/job.h"

struct sim_jobs {
    struct job *waiting[JOB_LANES]; /* not worked on */
    struct job *worked[JOB_LANES];  /* not done */
};

void sim_jobs_init(struct sim_jobs *jobs);
struct jobs sim_jobs_port(struct sim_jobs *jobs);
size_t sim_jobs_count(const struct sim_jobs *jobs, enum job_lane lane); /* not done yet */
bool sim_jobs_idle(const struct sim_jobs *jobs);

/* The first of a lane; false: there is none. */
bool sim_jobs_work(struct sim_jobs *jobs, enum job_lane lane);
bool sim_jobs_finish(struct sim_jobs *jobs, enum job_lane lane);
bool sim_jobs_step(struct sim_jobs *jobs, enum job_lane lane); /* both */

/* All, and those that come of them, until none is left: writes first, compaction last. */
void sim_jobs_run(struct sim_jobs *jobs);
/* One work or one done that could come next, by chance; false: there is none. */
bool sim_jobs_any(struct sim_jobs *jobs, uint64_t chance);
/* The process ends: whatever is under way is forgotten. Works on nothing more. */
void sim_jobs_drop(struct sim_jobs *jobs);

#endif
