/* log.h - lines for whoever runs the broker, on stderr:
 *
 *   2026-11-21T09:00:00.000Z warning musterd: connection closed: an empty frame peer=10.0.0.7:4711
 *   <4>connection closed: an empty frame peer=10.0.0.7:4711                          for journald
 *   {"time":"2026-11-21T09:00:00.000Z","level":"warning","message":"connection closed: an empty
 *   frame","peer":"10.0.0.7:4711"}                                                   json
 *
 * One line is one event: whatever a text holds cannot break or forge a line. */
#ifndef IO_LOG_H
#define IO_LOG_H

#include "broker/config.h"

struct log {
    enum engine_log_level level; /* the least important that is written */
    enum config_log_format format;
    bool plain;       /* no time and no level: somebody looks on */
    bool for_journal; /* journald reads stderr, and has times of its own */
};

/* As the configuration says, and as stderr is. */
void log_init(struct log *log, const struct config *config);
/* What the engine tells, with the connection that it is about. */
void log_note(const struct log *log, const struct engine_note *note);
/* What concerns no connection. */
void log_line(const struct log *log, enum engine_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What was printed on stdout has left, and an exit code that says so; else a line says why not. */
int log_printed(const struct log *log);

#endif
