/* log.c - lines for whoever runs the broker. See log.h.
 *
 * A line is written with one call, so lines of several processes do not mix. A log that cannot be
 * written is no reason to end. */
#include "broker/io/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES_MAX 1024

void log_line(const struct log *log, enum engine_log_level level, const char *format, ...)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    char line[LINE_BYTES_MAX];
    char stamp[32];
    struct timespec now;
    struct tm utc;
    va_list arguments;
    size_t len;
    ssize_t written;

    if (level > log->level) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    len = (size_t)snprintf(line, sizeof(line), "%s.%03ldZ %s musterd: ", stamp,
                           now.tv_nsec / 1000000, names[level]);
    va_start(arguments, format);
    vsnprintf(line + len, sizeof(line) - len - 1, format, arguments);
    va_end(arguments);
    len += strlen(line + len);
    line[len++] = '\n';
    written = write(STDERR_FILENO, line, len);
    (void)written;
}
