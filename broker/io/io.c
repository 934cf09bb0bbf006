/* io.c - the broker's process: started, told by signals to end. See io.h.
 *
 * Must not know: objects, messages, what bytes mean. */
#include "broker/io/io.h"

#include "broker/io/http.h"
#include "broker/io/internal.h"
#include "broker/io/reload.h"
#include "broker/io/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define FILES_BESIDE_CONNECTIONS 32 /* descriptors for all else, generously */

/* ---- signals ---- */

static void on_stop(evutil_socket_t signal, short what, void *arg)
{
    struct io *io = arg;

    (void)what;
    if (io->stopping) {
        _exit(128 + signal);
    }
    log_line(&io->log, ENGINE_INFO, "told to end by %s; saying goodbye to %zu connections",
             signal == SIGINT ? "INT" : "TERM", engine_connections(io->engine));
    notify_tell(&io->notify, "STOPPING=1\nSTATUS=saying goodbye to %zu connections",
                engine_connections(io->engine));
    io->stopping = true;
    io_stop_accepting(io);
    engine_drain(io->engine);
}

static void on_hangup(evutil_socket_t signal, short what, void *arg)
{
    struct io *io = arg;

    (void)signal;
    (void)what;
    notify_tell(&io->notify, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)(io_now_ns() / 1000));
    reload(io);
    notify_tell(&io->notify, "READY=1");
}

/* From the loop, so that a broker which hangs shows no sign of life. */
static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    const struct io *io = arg;

    (void)fd;
    (void)what;
    notify_tell(&io->notify, "WATCHDOG=1\nSTATUS=%zu connections", engine_connections(io->engine));
}

static bool watch_watchdog(struct io *io)
{
    int64_t us = io->notify.watchdog_ns / 1000;
    struct timeval every = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};

    event_assign(&io->watchdog, io->base, -1, EV_PERSIST, on_watchdog, io);
    return us == 0 || event_add(&io->watchdog, &every) == 0;
}

static bool watch_signals(struct io *io)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    sigaction(SIGPIPE, &ignore, NULL);
    evsignal_assign(&io->term, io->base, SIGTERM, on_stop, io);
    evsignal_assign(&io->interrupt, io->base, SIGINT, on_stop, io);
    evsignal_assign(&io->hangup, io->base, SIGHUP, on_hangup, io);
    return event_add(&io->term, NULL) == 0 && event_add(&io->interrupt, NULL) == 0 &&
           event_add(&io->hangup, NULL) == 0;
}

/* ---- start and end ---- */

/* A descriptor below 3 that is closed would be given to a socket, and the log written to it. */
static void occupy_standard_files(void)
{
    int fd = open("/dev/null", O_RDWR);

    while (fd >= 0 && fd <= STDERR_FILENO) {
        fd = open("/dev/null", O_RDWR);
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void raise_file_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

void io_warn_if_few_files(const struct io *io)
{
    uint64_t connections = io->config->engine.connections_max;
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
        files.rlim_cur < connections + FILES_BESIDE_CONNECTIONS) {
        log_line(&io->log, ENGINE_WARNING,
                 "this process may open %llu files, too few for %llu connections; raise the limit "
                 "(ulimit -Hn) or lower --max-connections",
                 (unsigned long long)files.rlim_cur, (unsigned long long)connections);
    }
}

/* All lines at once: who waits for the broker may go away after the first. */
static bool tell_ready(const struct io *io, int fd)
{
    char lines[2 * LISTENERS_MAX * (LISTENER_TEXT_MAX + sizeof("listening unix \n"))];
    size_t len = 0;

    for (size_t i = 0; i < io->listeners.count; i++) {
        const struct listener *listener = &io->listeners.items[i];

        len += (size_t)snprintf(lines + len, sizeof(lines) - len, "listening %s %s\n",
                                listener->is_unix ? "unix" : "tcp", listener->text);
    }
    for (size_t i = 0; i < http_listeners(io->http); i++) {
        len += (size_t)snprintf(lines + len, sizeof(lines) - len, "listening http %s\n",
                                http_listener_text(io->http, i));
    }
    if (write(fd, lines, len) < 0 && errno != EPIPE) {
        log_line(&io->log, ENGINE_ERROR, "cannot write to --ready-fd %d: %s; give an open one", fd,
                 strerror(errno));
        return false;
    }
    if (fd > STDERR_FILENO) {
        close(fd);
    }
    return true;
}

static bool announce(const struct io *io)
{
    for (size_t i = 0; i < io->listeners.count; i++) {
        const struct listener *listener = &io->listeners.items[i];
        const char *how = listener->clear_refused ? "encrypted"
                          : io->has_key           ? "in clear text or encrypted"
                                                  : "in clear text";

        log_line(&io->log, ENGINE_INFO, "listening on %s, %s", listener->text, how);
    }
    return io->config->ready_fd < 0 || tell_ready(io, io->config->ready_fd);
}

static int tell_check(const struct io *io, int code)
{
    if (code != 0) {
        return CONFIG_EXIT_USAGE;
    }
    puts("ok");
    return log_printed(&io->log);
}

static int run(struct io *io)
{
    struct engine_ports ports = io_ports(io);
    char error[FILE_ERROR_MAX];
    int code;

    bool can_loop = loop_open(io);

    io->buffer = malloc(READ_BYTES);
    io->config->engine.has_storage = io->config->data_dir != NULL;
    io->engine = engine_new(&io->config->engine, &ports, NULL);
    if (!can_loop || io->buffer == NULL || io->engine == NULL) {
        log_line(&io->log, ENGINE_ERROR, "cannot start: out of memory or of descriptors");
        return CONFIG_EXIT_FAILED;
    }
    if (!load_secrets(io, error)) {
        log_line(&io->log, ENGINE_ERROR, "cannot start: %s", error);
        return CONFIG_EXIT_USAGE;
    }
    if (io->config->check) {
        return tell_check(io, listeners_check(io->config, io->has_key, &io->log));
    }
    code = http_open(&io->http, io->base, io->engine, io->config, &io->log);
    if (code == 0) {
        code = storage_open(io);
    }
    if (code == 0) {
        code = listeners_open(&io->listeners, io->config, io->has_key, &io->log);
    }
    if (code != 0) {
        return code;
    }
    if (!watch_signals(io) || !watch_watchdog(io) || !storage_watch(io) ||
        !io_start_accepting(io)) {
        log_line(&io->log, ENGINE_ERROR, "cannot start: no memory for events");
        return CONFIG_EXIT_FAILED;
    }
    io_warn_if_few_files(io);
    if (!announce(io)) {
        return CONFIG_EXIT_USAGE;
    }
    notify_tell(&io->notify, "READY=1\nSTATUS=listening on %s", io->listeners.items[0].text);
    return loop_serve(io);
}

int io_run(struct config *config)
{
    struct io io = {.config = config, .timer_fd = -1};
    int code;

    occupy_standard_files();
    log_init(&io.log, config);
    if (config->check) {
        io.log.plain = true;
        io.log.level = ENGINE_WARNING;
    }
    notify_init(&io.notify, &io.log);
    if (sodium_init() < 0) {
        log_line(&io.log, ENGINE_ERROR, "cannot start: the system gives no random bytes");
        return CONFIG_EXIT_FAILED;
    }
    if (storage_is_command(config)) {
        io.log.plain = true;
        return storage_command(config, &io.log);
    }
    raise_file_limit();
    code = run(&io);
    http_close(&io.http);
    engine_free(&io.engine);
    listeners_close(&io.listeners);
    if (!storage_close(&io)) {
        _exit(code);
    }
    loop_close(&io);
    notify_close(&io.notify);
    free(io.wires);
    free(io.buffer);
    return code;
}
