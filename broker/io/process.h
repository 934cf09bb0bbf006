/* process.h - what the system says of this process: time, memory, descriptors. */
#ifndef IO_PROCESS_H
#define IO_PROCESS_H

#include "broker/engine/metrics_text.h"

int64_t process_wall_ns(void);

/* The metrics that every process should have, under their usual names. */
void process_metrics(struct metrics_text *text, int64_t started_wall_ns);

#endif
