/* job.h - work that may block, carried out beside the loop, or by it when it is likely to be short.
 *
 * A job belongs to the helper from submit until its `done`. `work` runs on a thread of its lane, or
 * on the loop's, and touches nothing but the job and the disk; `done` runs on the loop's thread.
 * Jobs of one lane are worked on one after the other, in order; `done` is called in the same order.
 * So nothing needs a lock. Under simulation both are run when the test says so. */
#ifndef JOURNAL_JOB_H
#define JOURNAL_JOB_H

#include "protocol/span.h"

enum job_lane {
    JOB_WRITE,   /* batches: somebody waits for each */
    JOB_READ,    /* bodies on their way to a reader */
    JOB_PREPARE, /* new segments: a compaction may take long, and the log must not wait for it */
    JOB_COMPACT, /* compaction, removal: whenever */
    JOB_LANES
};

struct job {
    void (*work)(struct job *job);
    void (*done)(struct job *job);
    enum job_lane lane;
    struct job *next; /* the helper's */
};

struct jobs {
    void *user;
    void (*submit)(void *user, struct job *job);
};

#endif
