/* log.h - lines for whoever runs the broker, on stderr:
 *
 *   2026-11-21T09:00:00.000Z info musterd: listening on 127.0.0.1:6878 */
#ifndef IO_LOG_H
#define IO_LOG_H

#include "broker/engine/engine.h"

struct log {
    enum engine_log_level level; /* the least important that is written */
};

void log_line(const struct log *log, enum engine_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
