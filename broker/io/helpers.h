/* helpers.h - the threads beside the loop: they carry out the journal's jobs.
 *
 * One thread for each lane (broker/journal/job.h). Finished jobs wait for the loop, which is woken
 * by a descriptor that becomes readable. All functions are for the loop's thread.
 *
 * To wake a thread and be woken by it costs as much as a short write. So where writes are short the
 * next one is kept, and the loop says whether it carries it out itself. One that took long sends
 * the next to the thread, until a row of them was short: a disk that stalls stops the loop once. */
#ifndef IO_HELPERS_H
#define IO_HELPERS_H

#include "broker/journal/job.h"

#define HELPERS_SHORT_NS  1000000 /* so long the loop may be away */
#define HELPERS_SHORT_ROW 8       /* so many in a row, before the next is kept */

struct helpers;

struct helpers *helpers_new(void); /* NULL: no memory, no thread or no descriptor; errno is set */
/* Waits for the jobs that are under way; what was submitted and not begun is carried out too. */
void helpers_free(struct helpers **helpers);
void helpers_submit(void *helpers, struct job *job); /* for struct jobs */
/* The write that is kept, if there is one: is carried out here and is `done`, or goes to its
 * thread. true: it is done. To be called before the loop sleeps. */
bool helpers_release(struct helpers *helpers, bool here);
int helpers_fd(const struct helpers *helpers); /* readable: call helpers_finish */
void helpers_finish(struct helpers *helpers);  /* `done` of each job that is */
/* Nothing was submitted that has not been finished. */
bool helpers_idle(const struct helpers *helpers);
/* Waits until a job is finished; for a start and an end without a loop. */
void helpers_wait(struct helpers *helpers);

#endif
