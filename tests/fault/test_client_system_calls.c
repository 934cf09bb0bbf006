/* test_client_system_calls.c - the program of client_script.h, and the nth system call of a kind
 * that its library makes fails, with each error that its manual page names.
 *
 *   test_client_system_calls [WAY CALL NTH MORE ERROR]    0 in the clear, 1 encrypted; without: a
 *                                                         share, or with SYSTEM_CALLS=all all */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/fault/client_runs.h"

#define SHARE      97 /* in `make test` one of so many is tried, others each day */
#define ERRORS_MAX 8

static const struct kind {
    const char *call;
    int errors[ERRORS_MAX]; /* ended by 0 */
} kinds[] = {
    {"getaddrinfo", {EAI_AGAIN, EAI_FAIL, EAI_MEMORY, EAI_NONAME, EAI_SYSTEM, 0}},
    {"socket", {EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES, 0}},
    {"connect", {ECONNREFUSED, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL, EAGAIN, EINTR, ENOENT, 0}},
    {"getsockopt", {ENOBUFS, 0}},
    {"setsockopt", {ENOBUFS, ENOMEM, ENOPROTOOPT, 0}},
    {"getpeername", {ENOBUFS, ENOTCONN, 0}},
    {"getsockname", {ENOBUFS, 0}},
    {"fcntl", {EACCES, EINTR, 0}},
    {"send", {EPIPE, ECONNRESET, ENOBUFS, ENOMEM, EINTR, EAGAIN, 0}},
    {"sendmsg", {EPIPE, ECONNRESET, ENOBUFS, ENOMEM, EINTR, EAGAIN, 0}},
    {"recv", {ECONNRESET, ETIMEDOUT, ENOMEM, ECONNREFUSED, EINTR, EAGAIN, 0}},
    {"ppoll", {EINTR, ENOMEM, 0}},
    {"eventfd", {EMFILE, ENFILE, ENODEV, ENOMEM, 0}},
    {"pthread_create", {EAGAIN, EPERM, 0}},
    {"mmap", {ENOMEM, EAGAIN, 0}},
    {"madvise", {EINVAL, ENOMEM, 0}},
    {"open", {EMFILE, ENFILE, ENOMEM, EACCES, EINTR, ENOSPC, ENOENT, 0}},
    {"fstat", {ENOMEM, EIO, 0}},
    {"fsync", {EIO, ENOSPC, 0}},
    {"read", {EINTR, EIO, 0}},
    {"write", {EINTR, 0}},
    {"gethostname", {ENAMETOOLONG, 0}},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct tour {
    struct runs *runs;
    unsigned long step;
    unsigned long skip; /* cases until one is tried */
};

static void try_kind(struct tour *tour, enum runs_way way, const struct kind *kind)
{
    struct client_fault fault = {.call = kind->call};
    unsigned long count = runs_try(tour->runs, way, &fault);

    printf("%lu times %s\n", count, kind->call);
    for (size_t i = 0; kind->errors[i] != 0; i++) {
        fault.error = kind->errors[i];
        for (fault.nth = 1; fault.nth <= count; fault.nth++) {
            /* Three handshakes in a row that the broker seems to end are a refusal. */
            fault.more = fault.nth % 3 != 0                                  ? 0
                         : fault.error == EPIPE || fault.error == ECONNRESET ? 1
                                                                             : 4;
            if (tour->skip-- == 0) {
                tour->skip = tour->step - 1;
                runs_try(tour->runs, way, &fault);
            }
        }
    }
}

int main(int argc, char **argv)
{
    struct tour tour = {.step = getenv("SYSTEM_CALLS") != NULL ? 1 : SHARE};

    tour.skip = (unsigned long)time(NULL) / 86400 % tour.step;
    tour.runs = runs_begin();
    if (argc > 5) {
        struct client_fault fault = {argv[2], strtoul(argv[3], NULL, 10),
                                     strtoul(argv[4], NULL, 10), atoi(argv[5])};

        runs_try(tour.runs, argv[1][0] == '1' ? RUNS_ENCRYPTED : RUNS_CLEAR, &fault);
        return runs_end(&tour.runs);
    }
    for (enum runs_way way = RUNS_CLEAR; way < RUNS_WAYS; way++) {
        for (size_t i = 0; i < KINDS; i++) {
            try_kind(&tour, way, &kinds[i]);
        }
    }
    return runs_end(&tour.runs);
}
