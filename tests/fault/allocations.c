/* allocations.c - refused memory. See allocations.h. */
#include "tests/fault/allocations.h"
#include "tests/fault/memory_calls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    bool armed;
    bool child;
    uint64_t next, step, more;
    uint64_t refuse; /* in the child: so many from now on */
    struct fault_result result;
} fault;

void fault_begin(uint64_t first, uint64_t step, uint64_t more)
{
    memset(&fault, 0, sizeof(fault));
    fault.next = first;
    fault.step = step;
    fault.more = more;
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
    fault.next = fault.refuse = 0; /* from here on nothing is refused */
    return fault.result;
}

static void judge(int status)
{
    struct fault_result *result = &fault.result;

    result->tried++;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        result->survived++;
    } else {
        result->failed++;
        fprintf(stderr, "allocation %llu and %llu behind it refused: ended with %s %d\n",
                (unsigned long long)result->allocations, (unsigned long long)fault.more,
                WIFEXITED(status) ? "code" : "signal",
                WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
}

/* In the child that is to be refused: true. */
static bool is_refused(void)
{
    int status = 0;
    pid_t pid;

    if (fault.armed && fault.refuse > 0) {
        fault.refuse--;
        return true;
    }
    if (!fault.armed || fault.child || fault.next == 0 ||
        ++fault.result.allocations != fault.next) {
        return false;
    }
    fault.next += fault.step;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        fault.child = true;
        fault.refuse = fault.more;
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

int fault_posix_memalign(void **memory, size_t alignment, size_t size)
{
    return is_refused() ? ENOMEM : posix_memalign(memory, alignment, size);
}

char *fault_strdup(const char *text)
{
    return is_refused() ? NULL : strdup(text);
}

char *fault_strndup(const char *text, size_t len)
{
    return is_refused() ? NULL : strndup(text, len);
}

void fault_free(void *memory)
{
    free(memory);
}
