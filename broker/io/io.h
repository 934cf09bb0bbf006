/* io.h - the impure part of the broker: sockets, signals, clock and chance around the engine. */
#ifndef IO_H
#define IO_H

#include "broker/config.h"

/* Serves until TERM or INT, and reads config anew at HUP. Returns the exit code; what went wrong
 * was logged. */
int io_run(struct config *config);

#endif
