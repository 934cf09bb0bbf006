/* harness.c - see harness.h.
 *
 * Invariant: a process is in the world's list from its start until it was waited for. */
#include "tests/lib/harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENDS_MAX      256
#define ARGUMENTS_MAX 32
#define LINE_MAX_     512

struct child {
    pid_t pid; /* 0: it was waited for */
    int pidfd;
    int out; /* what it says */
    size_t have;
    char text[LINE_MAX_];
};

struct broker {
    struct world *world;
    struct child *process;
    struct broker_options options;
    uint16_t port;
    char listen[160];
    char path[128];
    char url[192];
    const char *args[ARGUMENTS_MAX]; /* of options; copies, which end with the world */
};

struct world {
    char dir[64];
    unsigned sockets;
    size_t count;
    struct {
        void (*end)(void *thing);
        void *thing;
    } ends[ENDS_MAX];
};

/* ---- the world ---- */

int world_setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    if (world == NULL) {
        return -1;
    }
    snprintf(world->dir, sizeof(world->dir), "/tmp/muster-test-XXXXXX");
    if (mkdtemp(world->dir) == NULL) {
        free(world);
        return -1;
    }
    *state = world;
    return 0;
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *where)
{
    (void)stat;
    (void)kind;
    (void)where;
    return remove(path);
}

int world_teardown(void **state)
{
    struct world *world = *state;
    while (world->count > 0) {
        world->count--;
        world->ends[world->count].end(world->ends[world->count].thing);
    }
    int failed = nftw(world->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(world);
    *state = NULL;
    return failed;
}

const char *world_dir(const struct world *world)
{
    return world->dir;
}

void world_at_end(struct world *world, void (*end)(void *thing), void *thing)
{
    assert_true(world->count < ENDS_MAX);
    world->ends[world->count].end = end;
    world->ends[world->count].thing = thing;
    world->count++;
}

/* Ends a thing before its world does: a test may make any number of them one after the other. */
static void world_end_now(struct world *world, void *thing)
{
    size_t i = 0;
    while (i < world->count && world->ends[i].thing != thing) {
        i++;
    }
    assert_true(i < world->count);
    world->ends[i].end(thing);
    world->count--;
    memmove(&world->ends[i], &world->ends[i + 1], (world->count - i) * sizeof(world->ends[0]));
}

bool wait_readable(int fd, int limit_ms)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    int n;
    do {
        n = poll(&ready, 1, limit_ms);
    } while (n < 0 && errno == EINTR);
    return n > 0;
}

int tcp_connect(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

/* ---- child processes ---- */

static void child_end(void *thing)
{
    struct child *child = thing;
    if (child->pid != 0) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
    }
    close(child->pidfd);
    close(child->out);
    free(child);
}

/* In the child: *out_fd is where it reports. */
static struct child *child_start(struct world *world, int *out_fd)
{
    int ends[2];
    struct child *child = calloc(1, sizeof(*child));
    assert_non_null(child);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fflush(NULL);
    pid_t parent = getpid();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        *out_fd = ends[1];
        free(child);
        return NULL;
    }
    close(ends[1]);
    child->pid = pid;
    child->out = ends[0];
    child->pidfd = pidfd_open(pid, 0);
    world_at_end(world, child_end, child);
    assert_true(child->pidfd >= 0);
    return child;
}

struct child *child_fork(struct world *world, void (*body)(int report, void *arg), void *arg)
{
    int report = -1;
    struct child *child = child_start(world, &report);
    if (child == NULL) {
        body(report, arg);
        _exit(0);
    }
    return child;
}

struct child *child_run(struct world *world, const char *const argv[])
{
    int out = -1;
    struct child *child = child_start(world, &out);
    if (child == NULL) {
        dup2(out, STDOUT_FILENO);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return child;
}

static void child_line(struct child *child, char line[LINE_MAX_])
{
    char *end;
    while ((end = memchr(child->text, '\n', child->have)) == NULL) {
        if (!wait_readable(child->out, WAIT_LIMIT_MS)) {
            fail_msg("process %d said nothing in time", (int)child->pid);
        }
        ssize_t n = read(child->out, child->text + child->have, LINE_MAX_ - child->have);
        if (n <= 0) {
            fail_msg("process %d ended, or its line is too long, after \"%.*s\"", (int)child->pid,
                     (int)child->have, child->text);
        }
        child->have += (size_t)n;
    }
    size_t length = (size_t)(end - child->text);
    memcpy(line, child->text, length);
    line[length] = '\0';
    child->have -= length + 1;
    memmove(child->text, end + 1, child->have);
}

void child_expect(struct child *child, const char *line)
{
    char said[LINE_MAX_];
    child_line(child, said);
    assert_string_equal(said, line);
}

void child_signal(struct child *child, int signal)
{
    assert_true(child->pid != 0);
    assert_int_equal(kill(child->pid, signal), 0);
}

int child_wait(struct child *child)
{
    int status = 0;
    assert_true(child->pid != 0);
    if (!wait_readable(child->pidfd, WAIT_LIMIT_MS)) {
        fail_msg("process %d did not end in time", (int)child->pid);
    }
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    child->pid = 0;
    return status;
}

/* ---- brokers ---- */

static void broker_exec(const struct broker *broker, int ready)
{
    const char *argv[ARGUMENTS_MAX] = {getenv("MUSTERD"), "--listen", broker->listen, "--ready-fd"};
    char number[16];
    size_t count = 4;
    snprintf(number, sizeof(number), "%d", ready);
    argv[count++] = number;
    for (const char *const *arg = broker->options.args; arg != NULL && *arg != NULL; arg++) {
        argv[count++] = *arg;
    }
    if (broker->options.files_max != 0) {
        struct rlimit limit = {broker->options.files_max, broker->options.files_max};
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    fcntl(ready, F_SETFD, 0);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static void broker_run(struct broker *broker)
{
    int ready = -1;
    broker->process = child_start(broker->world, &ready);
    if (broker->process == NULL) {
        broker_exec(broker, ready);
    }
    char line[LINE_MAX_];
    unsigned port = 0;
    child_line(broker->process, line);
    if (sscanf(line, "listening tcp 127.0.0.1:%u", &port) == 1) {
        broker->port = (uint16_t)port;
        snprintf(broker->listen, sizeof(broker->listen), "muster://127.0.0.1:%u", port);
    } else if (sscanf(line, "listening unix %127s", broker->path) != 1) {
        fail_msg("musterd is not ready, it says \"%s\"", line);
    }
    snprintf(broker->url, sizeof(broker->url), "%s", broker->listen);
}

/* A restart needs them when the caller's are gone. */
static void keep_arguments(struct broker *broker)
{
    for (size_t i = 0; broker->options.args != NULL && broker->options.args[i] != NULL; i++) {
        char *copy = strdup(broker->options.args[i]);
        assert_non_null(copy);
        assert_true(i + 1 < ARGUMENTS_MAX);
        world_at_end(broker->world, free, copy);
        broker->args[i] = copy;
    }
    broker->options.args = broker->args;
}

struct broker *broker_start(struct world *world, const struct broker_options *options)
{
    struct broker *broker = calloc(1, sizeof(*broker));
    assert_non_null(broker);
    world_at_end(world, free, broker);
    assert_non_null(getenv("MUSTERD"));
    broker->world = world;
    if (options != NULL) {
        broker->options = *options;
    }
    keep_arguments(broker);
    const char *listen = broker->options.listen;
    if (listen == NULL) {
        snprintf(broker->listen, sizeof(broker->listen), "muster://127.0.0.1:0");
    } else if (strcmp(listen, "unix") == 0) {
        snprintf(broker->listen, sizeof(broker->listen), "muster+unix://%s/socket-%u", world->dir,
                 world->sockets++);
    } else {
        snprintf(broker->listen, sizeof(broker->listen), "%s", listen);
    }
    broker_run(broker);
    return broker;
}

const char *broker_url(const struct broker *broker)
{
    return broker->url;
}

const char *broker_path(const struct broker *broker)
{
    return broker->path;
}

uint16_t broker_port(const struct broker *broker)
{
    return broker->port;
}

void broker_signal(struct broker *broker, int signal)
{
    child_signal(broker->process, signal);
}

int broker_wait(struct broker *broker)
{
    return child_wait(broker->process);
}

void broker_restart(struct broker *broker)
{
    assert_int_equal(broker->process->pid, 0);
    world_end_now(broker->world, broker->process);
    broker_run(broker);
}
