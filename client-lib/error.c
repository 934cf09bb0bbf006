/* error.c - one line of what was tried, what happened, what to do; kept per thread. */
#include "client-lib/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/keys.h"
#include "protocol/limits.h"

static _Thread_local char last_error[900];
static _Thread_local char last_cause[MST_CAUSE_BYTES_MAX + 1];

/* The broker says which memory it is that is used up; nobody else can. */
static const char *text_of(enum mst_status status)
{
    return status == MST_NO_MEMORY && last_cause[0] == '\0'
               ? "out of memory in this process, or in the broker for an answer"
               : mst_status_text((int)status);
}

static const char *what_to_do(enum mst_status status)
{
    if (status == MST_NO_MEMORY && last_cause[0] == '\0') {
        return "; try it again";
    }
    switch (status) {
    case MST_FULL: return "; take messages out, wait longer, or raise maxsize";
    case MST_SHUTDOWN: return "; remove and declare it to use the name again";
    case MST_BROKEN: return "; reset it to use it again";
    case MST_LOST: return "; somebody else may have it now";
    case MST_CONFLICT: return "; look at it with stat";
    case MST_DENIED: return "; ask who runs the broker";
    case MST_NO_SPACE: return "; take messages out or give the broker's disk room";
    case MST_NO_MEMORY: return "; take messages out or raise the memory limit";
    case MST_UNAVAILABLE: return "; see that musterd runs and that the URL is right";
    case MST_UNKNOWN: return "; look at the object before doing it again";
    default: return "";
    }
}

enum muster_status mst_fail(enum mst_status status, const char *cause, const char *format, ...)
{
    char tried[350];
    va_list args;

    va_start(args, format);
    vsnprintf(tried, sizeof(tried), format, args);
    va_end(args);
    snprintf(last_cause, sizeof(last_cause), "%s", cause == NULL ? "" : cause);
    mst_key_hide(tried);
    snprintf(last_error, sizeof(last_error), "%s: %s%s%s%s%s", tried, text_of(status),
             last_cause[0] == '\0' ? "" : " (", last_cause, last_cause[0] == '\0' ? "" : ")",
             what_to_do(status));
    return (enum muster_status)status;
}

enum muster_status mst_complain(enum mst_status status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(last_error, sizeof(last_error), format, args);
    va_end(args);
    mst_key_hide(last_error);
    last_cause[0] = '\0';
    return (enum muster_status)status;
}

const char *muster_last_error(void)
{
    return last_error;
}

const char *muster_last_cause(void)
{
    return last_cause;
}
