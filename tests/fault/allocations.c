/* allocations.c - refused memory. See allocations.h. */
#include "tests/fault/allocations.h"

#include <msgpack/zone.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GAVE_UP 86 /* exit code of a child that was ended by `must` */

static struct {
    bool armed;
    bool child;
    uint64_t next, step;
    struct fault_result result;
} fault;

void *fault_malloc(size_t size);
void *fault_calloc(size_t count, size_t size);
void *fault_realloc(void *memory, size_t size);
char *fault_strdup(const char *text);
char *fault_strndup(const char *text, size_t len);
msgpack_zone *fault_zone_new(size_t size);
_Noreturn void fault_abort(void);

void fault_begin(uint64_t first, uint64_t step)
{
    memset(&fault, 0, sizeof(fault));
    fault.next = first;
    fault.step = step;
}

bool fault_arm(bool on)
{
    bool was = fault.armed;

    fault.armed = on;
    return was;
}

bool fault_is_child(void)
{
    return fault.child;
}

struct fault_result fault_end(void)
{
    fault.armed = false;
    fault.next = 0; /* from here on nothing is refused */
    return fault.result;
}

static void judge(int status)
{
    struct fault_result *result = &fault.result;

    result->tried++;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        result->survived++;
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == GAVE_UP) {
        result->gave_up++;
    } else {
        result->failed++;
        fprintf(stderr, "allocation %llu refused: ended with %s %d\n",
                (unsigned long long)result->allocations, WIFEXITED(status) ? "code" : "signal",
                WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
}

/* In the child that is to be refused: true. */
static bool is_refused(void)
{
    int status = 0;
    pid_t pid;

    if (!fault.armed || fault.child || fault.next == 0 ||
        ++fault.result.allocations != fault.next) {
        return false;
    }
    fault.next += fault.step;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        fault.child = true;
        return true;
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        perror("fork");
        exit(1);
    }
    judge(status);
    return false;
}

void *fault_malloc(size_t size)
{
    return is_refused() ? NULL : malloc(size);
}

void *fault_calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : calloc(count, size);
}

void *fault_realloc(void *memory, size_t size)
{
    return is_refused() ? NULL : realloc(memory, size);
}

char *fault_strdup(const char *text)
{
    return is_refused() ? NULL : strdup(text);
}

char *fault_strndup(const char *text, size_t len)
{
    return is_refused() ? NULL : strndup(text, len);
}

msgpack_zone *fault_zone_new(size_t size)
{
    return is_refused() ? NULL : msgpack_zone_new(size);
}

/* What `must` calls. An assertion does not come here. */
void fault_abort(void)
{
    if (fault.child && fault.armed) {
        _exit(GAVE_UP);
    }
    abort();
}
