/* child.c - starts a command for a message: its arguments, environment, stdin and process group.
 *
 * The body lies in an anonymous file that becomes stdin. So nobody has to feed a pipe that the
 * command may never read, and nothing can block. posix_spawn itself tells when the program cannot
 * be executed. */
#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/output.h"

enum { ARGUMENT_BODY_MAX = 128 << 10, VARIABLES = 4, VARIABLE_BYTES = 320 };

/* ---- arguments ---- */

static bool has_place(char *const *argv)
{
    for (size_t i = 1; argv[0] != NULL && argv[i] != NULL; i++) {
        if (strstr(argv[i], "{}") != NULL) {
            return true;
        }
    }
    return false;
}

/* A copy of argument with the body in each place of {}. */
static char *substitute(const char *argument, const void *body, size_t size)
{
    struct out text = {NULL, 0, 0};
    const char *place;
    while ((place = strstr(argument, "{}")) != NULL) {
        out_bytes(&text, argument, (size_t)(place - argument));
        out_bytes(&text, body, size);
        argument = place + 2;
    }
    out_bytes(&text, argument, strlen(argument) + 1);
    return text.data;
}

static char **make_arguments(char *const *argv, const muster_message *message)
{
    size_t count = 0;
    while (argv[count] != NULL) {
        count++;
    }
    char **made = cli_grow(NULL, (count + 1) * sizeof(*made));
    for (size_t i = 0; i < count; i++) {
        made[i] = i == 0 ? strdup(argv[i])
                         : substitute(argv[i], muster_message_body(message),
                                      muster_message_size(message));
    }
    made[count] = NULL;
    return made;
}

static void free_arguments(char **made)
{
    for (size_t i = 0; made[i] != NULL; i++) {
        free(made[i]);
    }
    free(made);
}

/* ---- environment ---- */

struct environment {
    char own[VARIABLES][VARIABLE_BYTES];
    char **list;
};

static bool is_own(const struct environment *environment, const char *variable)
{
    for (size_t i = 0; i < VARIABLES; i++) {
        size_t len = strcspn(environment->own[i], "=") + 1;
        if (strncmp(variable, environment->own[i], len) == 0) {
            return true;
        }
    }
    return false;
}

static void environment_init(struct environment *environment, const muster_message *message)
{
    snprintf(environment->own[0], VARIABLE_BYTES, "MUSTER_ID=%llu",
             (unsigned long long)muster_message_id(message));
    snprintf(environment->own[1], VARIABLE_BYTES, "MUSTER_QUEUE=%s", muster_message_queue(message));
    snprintf(environment->own[2], VARIABLE_BYTES, "MUSTER_PRIORITY=%lld",
             (long long)muster_message_priority(message));
    snprintf(environment->own[3], VARIABLE_BYTES, "MUSTER_DELIVERY=%llu",
             (unsigned long long)muster_message_delivery(message));
    size_t inherited = 0;
    while (environ[inherited] != NULL) {
        inherited++;
    }
    environment->list = cli_grow(NULL, (inherited + VARIABLES + 1) * sizeof(char *));
    size_t count = 0;
    for (size_t i = 0; i < inherited; i++) {
        if (!is_own(environment, environ[i])) {
            environment->list[count++] = environ[i];
        }
    }
    for (size_t i = 0; i < VARIABLES; i++) {
        environment->list[count++] = environment->own[i];
    }
    environment->list[count] = NULL;
}

/* ---- stdin ---- */

/* A file that holds the body, at its beginning; -1: errno says why not. */
static int body_file(const muster_message *message)
{
    int fd = memfd_create("message", MFD_CLOEXEC);
    const char *body = muster_message_body(message);
    size_t size = muster_message_size(message);
    for (size_t at = 0; fd >= 0 && at < size;) {
        ssize_t n = write(fd, body + at, size - at);
        if (n < 0 && errno != EINTR) {
            close(fd);
            return -1;
        }
        at += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0) {
        lseek(fd, 0, SEEK_SET);
    }
    return fd;
}

/* ---- starting ---- */

/* 0 or an errno. stdin_fd -1: nothing to read. */
static int spawn(char **argv, char **env, int stdin_fd, const sigset_t *signal_mask, pid_t *pid_out)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    sigset_t back_to_default;
    sigemptyset(&back_to_default);
    sigaddset(&back_to_default, SIGPIPE);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, signal_mask);
    posix_spawnattr_setsigdefault(&attributes, &back_to_default);
    posix_spawn_file_actions_init(&actions);
    int error = stdin_fd >= 0 ? posix_spawn_file_actions_adddup2(&actions, stdin_fd, STDIN_FILENO)
                              : posix_spawn_file_actions_addopen(&actions, STDIN_FILENO,
                                                                 "/dev/null", O_RDONLY, 0);
    if (error == 0) {
        error = posix_spawnp(pid_out, argv[0], &actions, &attributes, argv, env);
    }
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

enum child_start child_start(char *const *argv, const muster_message *message,
                             const sigset_t *signal_mask, pid_t *group_out, const char **why_out)
{
    bool place = has_place(argv);
    size_t size = muster_message_size(message);
    if (place && size > ARGUMENT_BODY_MAX) {
        *why_out = "the body is over 128 KiB, too long for an argument";
        return CHILD_UNFIT;
    }
    if (place && size > 0 && memchr(muster_message_body(message), '\0', size) != NULL) {
        *why_out = "the body has a NUL byte, which no argument can hold";
        return CHILD_UNFIT;
    }
    int stdin_fd = place ? -1 : body_file(message);
    if (!place && stdin_fd < 0) {
        *why_out = strerror(errno);
        return CHILD_NO_START;
    }
    struct environment environment;
    environment_init(&environment, message);
    char **arguments = make_arguments(argv, message);
    int error = spawn(arguments, environment.list, stdin_fd, signal_mask, group_out);
    free_arguments(arguments);
    free(environment.list);
    if (stdin_fd >= 0) {
        close(stdin_fd);
    }
    if (error == 0) {
        return CHILD_STARTED;
    }
    *why_out = strerror(error);
    return place && error == E2BIG ? CHILD_UNFIT : CHILD_NO_START;
}
