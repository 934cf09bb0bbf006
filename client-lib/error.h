/* error.h - the last error of this thread, for a person. */
#ifndef MST_ERROR_H
#define MST_ERROR_H

#include <muster.h>

#include "protocol/status.h"

/* Keeps "tried: what happened (cause); what to do" and returns status as the public enum. The
 * format says what was tried; cause may be NULL. */
enum muster_status mst_fail(enum mst_status status, const char *cause, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same where more is known than the status says: the format is the whole line. */
enum muster_status mst_complain(enum mst_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
