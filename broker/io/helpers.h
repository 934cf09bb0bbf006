/* helpers.h - the threads beside the loop: they carry out the journal's jobs.
 *
 * One thread for each lane (broker/journal/job.h). Finished jobs wait for the loop, which is woken
 * by a descriptor that becomes readable. submit, finish and free are the loop's thread's. */
#ifndef IO_HELPERS_H
#define IO_HELPERS_H

#include "broker/journal/job.h"

struct helpers;

struct helpers *helpers_new(void); /* NULL: no memory, no thread or no descriptor; errno is set */
/* Waits for the jobs that are under way; what was submitted and not begun is carried out too. */
void helpers_free(struct helpers **helpers);
void helpers_submit(void *helpers, struct job *job); /* for struct jobs */
int helpers_fd(const struct helpers *helpers);       /* readable: call helpers_finish */
void helpers_finish(struct helpers *helpers);        /* `done` of each job that is */
/* Nothing was submitted that has not been finished. */
bool helpers_idle(const struct helpers *helpers);
/* Waits until a job is finished; for a start and an end without a loop. */
void helpers_wait(struct helpers *helpers);

#endif
