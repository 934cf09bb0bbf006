/* process.c - what the system says of this process. See process.h. */
#include "broker/io/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

int64_t process_wall_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint64_t cpu_ns(void)
{
    struct timespec used = {0};

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

/* The second number of statm counts the pages that are in memory. 0: the system does not say. */
static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

    if (fd >= 0) {
        close(fd);
    }
    text[len < 0 ? 0 : len] = '\0';
    return sscanf(text, "%*u %llu", &pages) == 1 ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

void process_metrics(struct metrics_text *text, int64_t started_wall_ns)
{
    const struct metrics_labels none = {.first = MST_SPAN_NONE};
    struct rlimit files = {0, 0};

    getrlimit(RLIMIT_NOFILE, &files);
    metrics_write_family(text, "process_cpu_seconds_total", "counter", "Processor time used.");
    metrics_write_seconds(text, "process_cpu_seconds_total", &none, cpu_ns());
    metrics_write_family(text, "process_start_time_seconds", "gauge",
                         "When it was started, since 1970.");
    metrics_write_seconds(text, "process_start_time_seconds", &none, (uint64_t)started_wall_ns);
    metrics_write_family(text, "process_resident_memory_bytes", "gauge", "Memory in use.");
    metrics_write_count(text, "process_resident_memory_bytes", &none, resident_bytes());
    metrics_write_family(text, "process_max_fds", "gauge", "Files that it may open.");
    metrics_write_count(text, "process_max_fds", &none, files.rlim_cur);
}
