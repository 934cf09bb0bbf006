/* crew.c - processes that begin at one moment; see crew.h. */
#include "bench/crew.h"

#include <dirent.h>
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void die(const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "bench: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    _exit(1);
}

void *need(void *memory)
{
    if (memory == NULL) {
        die("out of memory");
    }
    return memory;
}

int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

void pause_ms(int ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    while (nanosleep(&time, &time) != 0) {
    }
}

/* ---- histogram ---- */

/* Below 2^FINE a bucket per nanosecond, above 2^FINE buckets per power of two. */
static size_t bucket_of(uint64_t ns)
{
    if (ns < 1u << SPREAD_FINE) {
        return (size_t)ns;
    }
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - SPREAD_FINE;
    return ((size_t)(shift + 1) << SPREAD_FINE) + (size_t)((ns >> shift) - (1u << SPREAD_FINE));
}

static double middle_of(size_t bucket)
{
    if (bucket < 1u << SPREAD_FINE) {
        return (double)bucket;
    }
    unsigned shift = (unsigned)(bucket >> SPREAD_FINE) - 1;
    uint64_t low = ((bucket & ((1u << SPREAD_FINE) - 1)) + (1u << SPREAD_FINE)) << shift;
    return (double)low + (double)(1ULL << shift) / 2;
}

void spread_add(struct spread *spread, int64_t ns, uint64_t times)
{
    spread->count += times;
    spread->bucket[bucket_of(ns < 0 ? 0 : (uint64_t)ns)] += times;
}

void spread_merge(struct spread *spread, const struct spread *other)
{
    spread->count += other->count;
    for (size_t i = 0; i < SPREAD_BUCKETS; i++) {
        spread->bucket[i] += other->bucket[i];
    }
}

double spread_us(const struct spread *spread, double quantile)
{
    uint64_t below = 0;
    for (size_t i = 0; i < SPREAD_BUCKETS; i++) {
        below += spread->bucket[i];
        if (below > 0 && (double)below >= quantile * (double)spread->count) {
            return middle_of(i) / 1000;
        }
    }
    return 0;
}

/* ---- waiting on a number in shared memory ---- */

static void futex_wait(atomic_uint *number, unsigned while_it_is)
{
    syscall(SYS_futex, number, FUTEX_WAIT, while_it_is, NULL, NULL, 0);
}

static void futex_wake(atomic_uint *number)
{
    syscall(SYS_futex, number, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

/* ---- crew ---- */

static size_t crew_bytes(unsigned size)
{
    return sizeof(struct crew) + size * sizeof(struct member);
}

struct crew *crew_new(unsigned size)
{
    struct crew *crew = mmap(NULL, crew_bytes(size), PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (crew == MAP_FAILED) {
        die("no shared memory for %u clients: %s", size, strerror(errno));
    }
    crew->size = size;
    return crew;
}

void crew_free(struct crew **crew)
{
    munmap(*crew, crew_bytes((*crew)->size));
    *crew = NULL;
}

void crew_fork(struct crew *crew, unsigned index,
               void (*work)(struct crew *crew, unsigned index, void *user), void *user)
{
    int parent = getpid();
    int pid = fork();
    if (pid < 0) {
        die("cannot start client %u: %s", index, strerror(errno));
    }
    if (pid == 0) {
        /* A member whose parent was killed must not go on alone. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        work(crew, index, user);
        _exit(0);
    }
    crew->member[index].pid = pid;
}

void crew_gate(struct crew *crew, unsigned stage)
{
    atomic_fetch_add(&crew->ready, 1);
    futex_wake(&crew->ready);
    for (unsigned now; (now = atomic_load(&crew->stage)) < stage;) {
        futex_wait(&crew->stage, now);
    }
}

/* A member that fails ends before it is ready; its line is on stderr already. */
static void look_for_the_dead(const struct crew *crew)
{
    int status = 0;
    for (unsigned i = 0; i < crew->size; i++) {
        if (crew->member[i].pid > 0 && waitpid(crew->member[i].pid, &status, WNOHANG) > 0) {
            die("client %u ended before the work began", i);
        }
    }
}

void crew_await(struct crew *crew, unsigned members)
{
    for (unsigned now; (now = atomic_load(&crew->ready)) < members;) {
        struct timespec look_again = {.tv_nsec = 100000000};
        syscall(SYS_futex, &crew->ready, FUTEX_WAIT, now, &look_again, NULL, 0);
        look_for_the_dead(crew);
    }
}

void crew_open(struct crew *crew, unsigned members)
{
    crew_await(crew, members);
    atomic_store(&crew->ready, 0);
    crew->begin_ns = clock_ns();
    atomic_fetch_add(&crew->stage, 1);
    futex_wake(&crew->stage);
}

void crew_join(struct crew *crew)
{
    for (unsigned i = 0; i < crew->size; i++) {
        int status = 0;
        int pid = waitpid(-1, &status, 0);
        if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            die("a client failed");
        }
    }
}

int64_t crew_end_ns(const struct crew *crew)
{
    int64_t end_ns = 0;
    for (unsigned i = 0; i < crew->size; i++) {
        end_ns = crew->member[i].end_ns > end_ns ? crew->member[i].end_ns : end_ns;
    }
    return end_ns;
}

void crew_finish(struct crew *crew, uint64_t n)
{
    uint64_t finished = atomic_fetch_add(&crew->finished, n) + n;
    uint64_t wanted = atomic_load(&crew->wanted);
    if (wanted > 0 && finished >= wanted) {
        atomic_store(&crew->wanted, 0);
        atomic_fetch_add(&crew->noted, 1);
        futex_wake(&crew->noted);
    }
}

void crew_pace(struct crew *crew, uint64_t finished)
{
    while (atomic_load(&crew->finished) < finished) {
        unsigned noted = atomic_load(&crew->noted);
        atomic_store(&crew->wanted, finished);
        if (atomic_load(&crew->finished) < finished) {
            futex_wait(&crew->noted, noted);
        }
    }
}

/* ---- the server ---- */

static void read_file(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    size_t len = file != NULL ? fread(out, 1, size - 1, file) : 0;
    out[len] = '\0';
    if (file != NULL) {
        fclose(file);
    }
}

/* Clock ticks of user and system time, of all threads, also of those that have ended. */
static int64_t ticks_ns(int pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    read_file(path, text, sizeof(text));
    const char *at = strrchr(text, ')');
    long long user = 0, kernel = 0;
    if (at == NULL || sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld", &user,
                             &kernel) != 2) {
        die("cannot read %s: has the server ended?", path);
    }
    return (user + kernel) * (NS_PER_S / sysconf(_SC_CLK_TCK));
}

/* The scheduler's own account is exact, but forgets threads that have ended: the larger one wins
 * where ticks are too coarse to differ by much. */
int64_t server_cpu_ns(int pid)
{
    if (pid == 0) {
        return 0;
    }
    char path[320], text[256];
    int64_t sum = 0, ticks = ticks_ns(pid);
    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    for (struct dirent *entry; tasks != NULL && (entry = readdir(tasks)) != NULL;) {
        long long ns = 0;
        if (entry->d_name[0] == '.') {
            continue; /* "..", the process, has an account as well: that of its main thread */
        }
        snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, entry->d_name);
        read_file(path, text, sizeof(text));
        if (sscanf(text, "%lld", &ns) == 1) {
            sum += ns;
        }
    }
    if (tasks != NULL) {
        closedir(tasks);
    }
    return sum > ticks - NS_PER_S / 10 ? sum : ticks;
}

int64_t server_rss(int pid)
{
    char path[64], text[4096];
    long long kib = 0;
    if (pid == 0) {
        return 0;
    }
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    read_file(path, text, sizeof(text));
    const char *at = strstr(text, "VmRSS:");
    if (at == NULL || sscanf(at, "VmRSS: %lld kB", &kib) != 1) {
        die("cannot read %s: has the server ended?", path);
    }
    return kib * 1024;
}
