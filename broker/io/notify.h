/* notify.h - tells the service manager how the broker is: systemd's protocol, of which a message is
 * one datagram of lines NAME=VALUE to the socket that $NOTIFY_SOCKET names.
 *
 * Without that variable there is nobody to tell, and all of this does nothing. A message that
 * cannot be sent is no reason to stop; the manager draws its own conclusions. */
#ifndef IO_NOTIFY_H
#define IO_NOTIFY_H

#include <sys/socket.h>
#include <sys/un.h>

#include "broker/io/log.h"

struct notify {
    int fd; /* -1: there is nobody to tell */
    struct sockaddr_un address;
    socklen_t address_len;
    int64_t watchdog_ns; /* a sign of life is wanted this often; 0: none is */
};

void notify_init(struct notify *notify, const struct log *log);
void notify_tell(const struct notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void notify_close(struct notify *notify);

#endif
