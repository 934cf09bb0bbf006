/* client_faults.c - between libmuster and the system. See client_faults.h. */
#include "tests/fault/client_faults.h"
#include "tests/fault/memory_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    struct client_fault fault;
    atomic_bool armed;
    atomic_ulong calls;
    atomic_long blocks;
} faults;

void client_fault_begin(const struct client_fault *fault)
{
    faults.fault = *fault;
    atomic_store(&faults.armed, false);
    atomic_store(&faults.calls, 0);
}

void client_fault_arm(bool on)
{
    atomic_store(&faults.armed, on);
}

unsigned long client_fault_calls(void)
{
    return atomic_load(&faults.calls);
}

bool client_fault_came(void)
{
    return faults.fault.nth > 0 && atomic_load(&faults.calls) >= faults.fault.nth;
}

long client_fault_blocks(void)
{
    return atomic_load(&faults.blocks);
}

static bool is_to_fail(const char *call)
{
    const struct client_fault *fault = &faults.fault;

    if (!atomic_load(&faults.armed) || fault->call == NULL || strcmp(fault->call, call) != 0) {
        return false;
    }
    unsigned long n = atomic_fetch_add(&faults.calls, 1) + 1;

    if (fault->nth == 0 || n < fault->nth || n > fault->nth + fault->more) {
        return false;
    }
    errno = fault->error;
    return true;
}

/* ---- memory ---- */

static void *count(void *block)
{
    if (block != NULL) {
        atomic_fetch_add(&faults.blocks, 1);
    }
    return block;
}

void *fault_malloc(size_t size)
{
    return is_to_fail("memory") ? NULL : count(malloc(size));
}

void *fault_calloc(size_t n, size_t size)
{
    return is_to_fail("memory") ? NULL : count(calloc(n, size));
}

void *fault_realloc(void *memory, size_t size)
{
    if (is_to_fail("memory")) {
        return NULL;
    }
    return memory == NULL ? count(malloc(size)) : realloc(memory, size);
}

void fault_free(void *memory)
{
    if (memory != NULL) {
        atomic_fetch_sub(&faults.blocks, 1);
    }
    free(memory);
}

/* ---- the system ---- */

#define CALL(type, name, parameters, arguments)                                                    \
    type fault_##name parameters;                                                                  \
    type fault_##name parameters                                                                   \
    {                                                                                              \
        return is_to_fail(#name) ? -1 : name arguments;                                            \
    }

CALL(int, socket, (int family, int type, int protocol), (family, type, protocol))
CALL(int, connect, (int fd, const struct sockaddr *to, socklen_t len), (fd, to, len))
CALL(int, getsockname, (int fd, struct sockaddr *name, socklen_t *len), (fd, name, len))
CALL(int, getpeername, (int fd, struct sockaddr *name, socklen_t *len), (fd, name, len))
CALL(int, setsockopt, (int fd, int level, int option, const void *value, socklen_t len),
     (fd, level, option, value, len))
CALL(int, getsockopt, (int fd, int level, int option, void *value, socklen_t *len),
     (fd, level, option, value, len))
CALL(ssize_t, send, (int fd, const void *bytes, size_t len, int flags), (fd, bytes, len, flags))
CALL(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
CALL(ssize_t, recv, (int fd, void *bytes, size_t len, int flags), (fd, bytes, len, flags))
CALL(int, ppoll, (struct pollfd * fds, nfds_t n, const struct timespec *time, const sigset_t *mask),
     (fds, n, time, mask))
CALL(int, eventfd, (unsigned first, int flags), (first, flags))
CALL(ssize_t, read, (int fd, void *bytes, size_t len), (fd, bytes, len))
CALL(ssize_t, write, (int fd, const void *bytes, size_t len), (fd, bytes, len))
CALL(int, fsync, (int fd), (fd))
CALL(int, fstat, (int fd, struct stat *what), (fd, what))
CALL(int, madvise, (void *at, size_t len, int advice), (at, len, advice))
CALL(int, gethostname, (char *name, size_t len), (name, len))

int fault_open(const char *path, int flags, ...);
int fault_open(const char *path, int flags, ...)
{
    va_list arguments;

    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return is_to_fail("open") ? -1 : open(path, flags, mode);
}

int fault_fcntl(int fd, int command, ...);
int fault_fcntl(int fd, int command, ...)
{
    va_list arguments;

    va_start(arguments, command);
    int value = command == F_SETFL ? va_arg(arguments, int) : 0;
    va_end(arguments);
    return is_to_fail("fcntl") ? -1 : fcntl(fd, command, value);
}

void *fault_mmap(void *at, size_t len, int protection, int flags, int fd, off_t from);
void *fault_mmap(void *at, size_t len, int protection, int flags, int fd, off_t from)
{
    return is_to_fail("mmap") ? MAP_FAILED : mmap(at, len, protection, flags, fd, from);
}

int fault_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                      struct addrinfo **found);
int fault_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                      struct addrinfo **found)
{
    return is_to_fail("getaddrinfo") ? faults.fault.error : getaddrinfo(host, port, hints, found);
}

int fault_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *),
                         void *arg);
int fault_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *),
                         void *arg)
{
    return is_to_fail("pthread_create") ? faults.fault.error
                                        : pthread_create(thread, how, run, arg);
}
