/* client_runs.h - the script of client_script.h again and again, each time in a process of its own,
 * against one real broker. A run that hangs is ended by its own alarm. */
#ifndef FAULT_CLIENT_RUNS_H
#define FAULT_CLIENT_RUNS_H

#include <stdbool.h>

#include "tests/fault/client_faults.h"

/* In the clear, with a background thread; or encrypted over a Unix socket, with its own loop. */
enum runs_way { RUNS_CLEAR, RUNS_ENCRYPTED, RUNS_WAYS };

struct runs;

struct runs *runs_begin(void); /* the broker is up */
/* Prints how many passed and failed, and ends the broker. Returns the exit code. */
int runs_end(struct runs **runs);
/* Plays once; a failure is told on stderr, with what repeats it. Returns how many calls of the kind
 * there were. */
unsigned long runs_try(struct runs *runs, enum runs_way way, const struct client_fault *fault);

#endif
