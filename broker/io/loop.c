/* loop.c - turns: what is ready is read, then the engine has its turn, then the next is awaited.
 *
 * The timer is a descriptor among the others, so that waiting costs no arithmetic and the system no
 * timer of its own. Invariant: while the loop sleeps it is armed for no later than the engine's
 * deadline. Mostly for earlier, since deadlines move on with every sign of life: then it wakes the
 * loop for nothing, once. Must not know: what is awaited, sockets. */
#include "broker/io/internal.h"
#include "broker/io/storage.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* ---- the timer ---- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct io *io = arg;
    uint64_t times;

    (void)what;
    if (read(fd, &times, sizeof(times)) > 0) {
        io->timer_ns = MST_FOREVER;
    }
}

static void arm_timer(struct io *io, int64_t deadline_ns)
{
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(deadline_ns / IO_SECOND_NS),
                                           .tv_nsec = (long)(deadline_ns % IO_SECOND_NS)}};

    if (deadline_ns < io->timer_ns) {
        timerfd_settime(io->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
        io->timer_ns = deadline_ns;
    }
}

/* ---- batches for the disk ---- */

#define GATHER_ROUNDS_MAX 64

/* What is on its way goes into the same batch: it is looked for until nothing more comes. Then the
 * loop has nothing else to do than to write the batch, so it does that itself, and keeps nobody
 * waiting but who waits for the disk anyway. Where others are served as well nothing is held up. */
static int gather(struct io *io)
{
    int code = 0;
    int rounds = 0;

    io->writes = engine_has_batch(io->engine) && !engine_serves_others(io->engine);
    while (io->writes && io->came && code >= 0 && rounds < GATHER_ROUNDS_MAX) {
        io->came = false;
        code = event_base_loop(io->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        rounds++;
    }
    io->writes = io->writes && !io->came;
    io->came = io->came || rounds > 0;
    return code;
}

/* ---- waiting ---- */

/* Who follows closely finds the broker awake. */
static int poll_briefly(struct io *io)
{
    int64_t until_ns = io_now_ns() + io->config->busy_poll_ns;
    int code;

    do {
        code = event_base_loop(io->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    } while (code >= 0 && !io->came && io_now_ns() < until_ns);
    mst_luck_learn(&io->luck, io->came);
    return code;
}

/* Until something is ready or due; its events are handled. -1: it cannot. */
static int wait_and_handle(struct io *io)
{
    int64_t deadline_ns;
    bool polls;

    if (storage_write(io, io->writes)) {
        io->came = true;
        return 0;
    }
    deadline_ns = engine_next_deadline_ns(io->engine);
    polls = io->came && io->config->busy_poll_ns > 0 && mst_luck_says_look(&io->luck);

    io->came = false;
    if (deadline_ns <= 0) {
        return event_base_loop(io->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    }
    if (polls && (poll_briefly(io) < 0 || io->came)) {
        return io->came ? 0 : -1;
    }
    arm_timer(io, deadline_ns);
    return event_base_loop(io->base, EVLOOP_ONCE);
}

/* ---- made, run, ended ---- */

bool loop_open(struct io *io)
{
    struct event_config *wanted = event_config_new();

    io->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    io->timer_ns = MST_FOREVER;
    /* It would ask for the time in every turn, for timers that there are none of. */
    if (wanted != NULL && event_config_set_flag(wanted, EVENT_BASE_FLAG_NO_CACHE_TIME) == 0) {
        io->base = event_base_new_with_config(wanted);
    }
    if (wanted != NULL) {
        event_config_free(wanted);
    }
    if (io->timer_fd < 0 || io->base == NULL) {
        return false;
    }
    event_assign(&io->timer, io->base, io->timer_fd, EV_READ | EV_PERSIST, on_timer, io);
    return event_add(&io->timer, NULL) == 0;
}

int loop_serve(struct io *io)
{
    while (!io->stopping || !engine_drained(io->engine)) {
        if (wait_and_handle(io) < 0 || gather(io) < 0) {
            log_line(&io->log, ENGINE_ERROR, "cannot wait for events: %s; the broker ends",
                     strerror(errno));
            return CONFIG_EXIT_FAILED;
        }
        engine_turn(io->engine);
        if (engine_failure(io->engine) != NULL) {
            log_line(&io->log, ENGINE_ERROR,
                     "%s; the broker ends, so that nothing is acknowledged "
                     "that may be lost",
                     engine_failure(io->engine));
            return CONFIG_EXIT_DISK;
        }
    }
    log_line(&io->log, ENGINE_INFO, "ended");
    return 0;
}

void loop_close(struct io *io)
{
    if (io->base != NULL) {
        event_base_free(io->base);
    }
    if (io->timer_fd >= 0) {
        close(io->timer_fd);
    }
}
