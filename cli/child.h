/* child.h - the command that `muster run` starts for one message. */
#ifndef CLI_CHILD_H
#define CLI_CHILD_H

#include <muster.h>
#include <signal.h>
#include <sys/types.h>

enum child_start {
    CHILD_STARTED,
    CHILD_UNFIT,   /* this message cannot be given to the command as an argument */
    CHILD_NO_START /* no message could: the program is not there, not executable, ... */
};

/* Starts argv, NULL at its end, in a process group of its own, with signal_mask. *why_out: a text
 * that says why it was not started, valid until the thread's next call. */
enum child_start child_start(char *const *argv, const muster_message *message,
                             const sigset_t *signal_mask, pid_t *group_out, const char **why_out);

#endif
