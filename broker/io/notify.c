/* notify.c - tells the service manager how the broker is. See notify.h.
 *
 * Written against the documented protocol rather than with a library, which would be one more thing
 * in every container. Signs of life are asked for in half the time after which the manager would
 * act. */
#include "broker/io/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MESSAGE_BYTES_MAX 512
#define WATCHDOG_PART     2
#define WATCHDOG_US_MAX   (INT64_MAX / 1000)

static int64_t watchdog_ns(void)
{
    const char *pid = getenv("WATCHDOG_PID");
    const char *wanted = getenv("WATCHDOG_USEC");
    unsigned long long us;
    char *end;

    if (wanted == NULL || (pid != NULL && strtoll(pid, NULL, 10) != getpid())) {
        return 0;
    }
    us = strtoull(wanted, &end, 10);
    return *end != '\0' || us > WATCHDOG_US_MAX ? 0 : (int64_t)us * 1000 / WATCHDOG_PART;
}

void notify_init(struct notify *notify, const struct log *log)
{
    const char *name = getenv("NOTIFY_SOCKET");
    size_t len = name == NULL ? 0 : strlen(name);

    memset(notify, 0, sizeof(*notify));
    notify->fd = -1;
    if (len == 0) {
        return;
    }
    if ((*name != '/' && *name != '@') || len >= sizeof(notify->address.sun_path)) {
        log_line(
            log, ENGINE_WARNING,
            "cannot tell the service manager anything: NOTIFY_SOCKET is %.120s, neither a path "
            "nor an abstract name; have it set by systemd, or unset it",
            name);
        return;
    }
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, name, len);
    if (*name == '@') {
        notify->address.sun_path[0] = '\0'; /* abstract: its length tells where it ends */
    }
    notify->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (notify->fd < 0) {
        log_line(log, ENGINE_WARNING, "cannot tell the service manager anything: %s",
                 strerror(errno));
        return;
    }
    notify->watchdog_ns = watchdog_ns();
}

void notify_tell(const struct notify *notify, const char *format, ...)
{
    char message[MESSAGE_BYTES_MAX];
    va_list arguments;

    if (notify->fd < 0) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    sendto(notify->fd, message, strlen(message), MSG_NOSIGNAL,
           (const struct sockaddr *)(const void *)&notify->address, notify->address_len);
}

void notify_close(struct notify *notify)
{
    if (notify->fd >= 0) {
        close(notify->fd);
    }
    notify->fd = -1;
}
