/* system_calls.c - the broker's own system calls, one of which fails when the environment says so:
 * MUSTER_FAULT="CALL NTH ERRNO" as in "fdatasync 2 5". Of read only that of sockets counts. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_to_fail(const char *call)
{
    static _Atomic unsigned long calls;
    const char *plan = getenv("MUSTER_FAULT");
    char wanted[32];
    unsigned long nth;
    int error;

    if (plan == NULL || sscanf(plan, "%31s %lu %d", wanted, &nth, &error) != 3 ||
        strcmp(wanted, call) != 0 || ++calls != nth) {
        return false;
    }
    errno = error;
    return true;
}

#define CALL(type, name, parameters, arguments)                                                    \
    type fault_##name parameters;                                                                  \
    type fault_##name parameters                                                                   \
    {                                                                                              \
        return is_to_fail(#name) ? -1 : name arguments;                                            \
    }

CALL(ssize_t, pwrite, (int fd, const void *bytes, size_t len, off_t at), (fd, bytes, len, at))
CALL(ssize_t, pread, (int fd, void *bytes, size_t len, off_t at), (fd, bytes, len, at))
CALL(int, fdatasync, (int fd), (fd))
CALL(int, fsync, (int fd), (fd))
CALL(int, ftruncate, (int fd, off_t len), (fd, len))
CALL(int, unlinkat, (int dir, const char *name, int flags), (dir, name, flags))
CALL(int, renameat, (int from_dir, const char *from, int to_dir, const char *to),
     (from_dir, from, to_dir, to))
CALL(ssize_t, send, (int fd, const void *bytes, size_t len, int flags), (fd, bytes, len, flags))
CALL(int, accept4, (int fd, struct sockaddr *address, socklen_t *len, int flags),
     (fd, address, len, flags))

int fault_openat(int dir, const char *name, int flags, ...);
int fault_openat(int dir, const char *name, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return is_to_fail("openat") ? -1 : openat(dir, name, flags, mode);
}

ssize_t fault_read(int fd, void *bytes, size_t len);
ssize_t fault_read(int fd, void *bytes, size_t len)
{
    struct stat what;
    bool is_socket = fstat(fd, &what) == 0 && S_ISSOCK(what.st_mode);

    return is_socket && is_to_fail("read") ? -1 : read(fd, bytes, len);
}
