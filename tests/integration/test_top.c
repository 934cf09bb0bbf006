/* test_top.c - `muster top` on a real terminal (a pseudo one), and `muster why` of a real cycle.
 *
 * Whatever ends it, the terminal must be as it was: its modes are compared, and the last thing
 * written must show the cursor and leave the second screen. */
#include "tests/lib/calls.h"

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#define LONG_TTL (60 * MUSTER_SECOND)
#define LEFT     "\033[?7h\033[?25h\033[?1049l"
#define KEPT     65536

struct terminal {
    int master;
    int slave; /* kept open, to see how it was left */
    pid_t pid;
    struct termios before;
    char seen[KEPT + 1]; /* since the last mark, its end if it is longer */
    size_t len;
};

static struct winsize size_of(unsigned short rows, unsigned short columns)
{
    return (struct winsize){.ws_row = rows, .ws_col = columns};
}

static void end_terminal(void *thing)
{
    struct terminal *terminal = thing;

    if (terminal->pid > 0) {
        kill(terminal->pid, SIGKILL);
        waitpid(terminal->pid, NULL, 0);
    }
    if (terminal->master >= 0) {
        close(terminal->master);
    }
    close(terminal->slave);
    free(terminal);
}

/* `muster top` with an interval so short that no test waits for it. */
static struct terminal *start_top(struct world *world, const struct broker *broker,
                                  const char *variable)
{
    struct terminal *terminal = calloc(1, sizeof(*terminal));
    struct winsize size = size_of(12, 100);

    assert_non_null(terminal);
    assert_int_equal(openpty(&terminal->master, &terminal->slave, NULL, NULL, &size), 0);
    assert_int_equal(tcgetattr(terminal->slave, &terminal->before), 0);
    terminal->pid = fork();
    assert_true(terminal->pid >= 0);
    if (terminal->pid == 0) {
        setenv("TERM", "xterm", 1);
        unsetenv("NO_COLOR");
        if (variable != NULL) {
            setenv(variable, "1", 1);
        }
        close(terminal->master);
        login_tty(terminal->slave);
        execl(getenv("MUSTER"), "muster", "top", "--interval", "100ms", "--url", broker_url(broker),
              (char *)NULL);
        _exit(127);
    }
    world_at_end(world, end_terminal, terminal);
    return terminal;
}

/* False: nothing more will come. */
static bool read_some(struct terminal *terminal)
{
    char text[4096];

    if (!wait_readable(terminal->master, WAIT_LIMIT_MS)) {
        return false;
    }
    ssize_t n = read(terminal->master, text, sizeof(text));
    if (n <= 0) {
        return false;
    }
    size_t more = (size_t)n;
    if (terminal->len + more > KEPT) {
        size_t drop = terminal->len + more - KEPT;
        memmove(terminal->seen, terminal->seen + drop, terminal->len - drop);
        terminal->len -= drop;
    }
    memcpy(terminal->seen + terminal->len, text, more);
    terminal->len += more;
    terminal->seen[terminal->len] = '\0';
    return true;
}

/* From here on: what was shown before does not count. */
static void mark(struct terminal *terminal)
{
    terminal->len = 0;
    terminal->seen[0] = '\0';
}

static void expect_shown(struct terminal *terminal, const char *text)
{
    while (strstr(terminal->seen, text) == NULL) {
        if (!read_some(terminal)) {
            fail_msg("the terminal never showed \"%s\", but: %s", text, terminal->seen);
        }
    }
}

static void type(struct terminal *terminal, const char *keys)
{
    mark(terminal);
    assert_int_equal(write(terminal->master, keys, strlen(keys)), (ssize_t)strlen(keys));
}

static void expect_given_back(struct terminal *terminal)
{
    struct termios now;

    assert_int_equal(tcgetattr(terminal->slave, &now), 0);
    assert_int_equal(now.c_lflag, terminal->before.c_lflag);
    assert_int_equal(now.c_iflag, terminal->before.c_iflag);
    assert_memory_equal(now.c_cc, terminal->before.c_cc, sizeof(now.c_cc));
}

static void expect_end(struct terminal *terminal, int code)
{
    int status = 0;

    expect_shown(terminal, LEFT);
    assert_int_equal(waitpid(terminal->pid, &status, 0), terminal->pid);
    terminal->pid = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
    expect_given_back(terminal);
}

struct scene {
    struct broker *broker;
    muster_client *client;
    muster_queue *jobs;
};

static struct scene scene_with_a_job(struct world *world)
{
    struct scene scene = {.broker = broker_start(world, NULL)};

    scene.client = client_open(world, broker_url(scene.broker), LONG_TTL);
    scene.jobs = queue_open(world, scene.client, "jobs");
    expect_put(scene.jobs, "one");
    return scene;
}

/* ---- what it shows ---- */

static void it_shows_queues_sessions_and_holders_and_ends_with_q(void **state)
{
    struct world *world = *state;
    struct scene scene = scene_with_a_job(world);
    muster_message *message = NULL;

    expect_put(scene.jobs, "two");
    expect_status(muster_get(scene.jobs, NULL, &message), MUSTER_OK);
    struct terminal *terminal = start_top(world, scene.broker, NULL);
    expect_shown(terminal, "\033[?1049h");
    expect_shown(terminal, "1 objects: 1 ready, 1 held");
    expect_shown(terminal, "> jobs");
    type(terminal, "\t");
    expect_shown(terminal, "2 sessions, 2 connected");
    expect_shown(terminal, "SESSION WHO");
    type(terminal, "\t\r");
    expect_shown(terminal, "> holds");
    type(terminal, "q");
    expect_end(terminal, 0);
    muster_message_free(&message);
}

static void rates_are_seen(void **state)
{
    struct world *world = *state;
    struct scene scene = scene_with_a_job(world);
    struct terminal *terminal = start_top(world, scene.broker, NULL);

    expect_shown(terminal, "0.0 put/s");
    mark(terminal);
    while (strstr(terminal->seen, "ready, 0 held") == NULL ||
           strstr(terminal->seen, "; 0.0 put/s") != NULL) {
        mark(terminal);
        expect_put(scene.jobs, "more");
        assert_true(read_some(terminal));
    }
    type(terminal, "q");
    expect_end(terminal, 0);
}

static void it_fits_a_terminal_whose_size_changes(void **state)
{
    struct world *world = *state;
    struct scene scene = scene_with_a_job(world);
    struct terminal *terminal = start_top(world, scene.broker, NULL);
    struct winsize small = size_of(6, 20);

    expect_shown(terminal, "n name");
    assert_int_equal(ioctl(terminal->master, TIOCSWINSZ, &small), 0);
    mark(terminal);
    expect_shown(terminal, "q quit  Tab sessions\033[0m\033[K\033[J"); /* cut at 20 */
    type(terminal, "q");
    expect_end(terminal, 0);
}

static void no_color_is_honoured(void **state)
{
    struct world *world = *state;
    struct scene scene = scene_with_a_job(world);
    struct terminal *terminal = start_top(world, scene.broker, "NO_COLOR");

    expect_shown(terminal, "> jobs");
    assert_null(strstr(terminal->seen, "\033[1m"));
    assert_null(strstr(terminal->seen, "\033[7m"));
    type(terminal, "q");
    expect_end(terminal, 0);
}

/* ---- how it ends ---- */

static void it_gives_the_terminal_back_whatever_ends_it(void **state)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct world *world = *state;
    struct scene scene = scene_with_a_job(world);

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct terminal *terminal = start_top(world, scene.broker, NULL);
        expect_shown(terminal, "> jobs");
        kill(terminal->pid, signals[i]);
        expect_end(terminal, 128 + signals[i]);
    }
    struct terminal *terminal = start_top(world, scene.broker, NULL);
    expect_shown(terminal, "> jobs");
    type(terminal, "\003"); /* Ctrl-C */
    expect_end(terminal, 128 + SIGINT);
}

static void it_ends_when_the_terminal_is_taken_away(void **state)
{
    struct world *world = *state;
    struct scene scene = scene_with_a_job(world);
    struct terminal *terminal = start_top(world, scene.broker, NULL);
    int status = 0;

    expect_shown(terminal, "> jobs");
    close(terminal->master);
    terminal->master = -1;
    assert_int_equal(waitpid(terminal->pid, &status, 0), terminal->pid);
    terminal->pid = 0;
    assert_true(WIFEXITED(status));
}

static void it_can_be_stopped_and_go_on(void **state)
{
    struct world *world = *state;
    struct scene scene = scene_with_a_job(world);
    struct terminal *terminal = start_top(world, scene.broker, NULL);
    int status = 0;

    expect_shown(terminal, "> jobs");
    type(terminal, "\032"); /* Ctrl-Z */
    expect_shown(terminal, LEFT);
    assert_int_equal(waitpid(terminal->pid, &status, WUNTRACED), terminal->pid);
    assert_true(WIFSTOPPED(status));
    expect_given_back(terminal);
    mark(terminal);
    kill(terminal->pid, SIGCONT);
    expect_shown(terminal, "\033[?1049h");
    expect_shown(terminal, "> jobs");
    type(terminal, "q");
    expect_end(terminal, 0);
}

/* ---- a broker that goes away ---- */

static void stop_broker(struct broker *broker)
{
    broker_signal(broker, SIGKILL);
    assert_true(WIFSIGNALED(broker_wait(broker)));
}

static void it_survives_a_restart_of_the_broker(void **state)
{
    struct world *world = *state;
    struct scene scene = scene_with_a_job(world);
    struct terminal *terminal = start_top(world, scene.broker, NULL);

    expect_shown(terminal, "> jobs");
    stop_broker(scene.broker);
    mark(terminal);
    expect_shown(terminal, "reconnecting: the broker has not answered for ");
    broker_restart(scene.broker);
    mark(terminal);
    expect_shown(terminal, "0 objects: ");
    type(terminal, "q");
    expect_end(terminal, 0);
}

static void it_can_be_left_while_the_broker_is_away(void **state)
{
    struct world *world = *state;
    struct scene scene = scene_with_a_job(world);
    struct terminal *terminal = start_top(world, scene.broker, NULL);

    expect_shown(terminal, "> jobs");
    broker_signal(scene.broker, SIGSTOP); /* it holds the connection, and answers nothing */
    mark(terminal);
    expect_shown(terminal, "reconnecting: ");
    type(terminal, "q");
    expect_end(terminal, 0);
    broker_signal(scene.broker, SIGCONT);
}

/* ---- why ---- */

static muster_client *client_named(const struct broker *broker, const char *name)
{
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    muster_client *client = NULL;

    options.url = broker_url(broker);
    options.name = name;
    expect_status(muster_connect(&options, &client), MUSTER_OK);
    return client;
}

/* A program that holds the one message of `from`, and puts another into `to`, which is full. */
struct stuck {
    muster_client *client;
    muster_queue *from;
    muster_queue *to;
    muster_message *message;
};

static struct stuck stuck_between(const struct broker *broker, const char *name, const char *from,
                                  const char *to)
{
    struct stuck stuck = {.client = client_named(broker, name)};

    expect_status(muster_queue_open(stuck.client, from, &stuck.from), MUSTER_OK);
    expect_status(muster_queue_open(stuck.client, to, &stuck.to), MUSTER_OK);
    expect_status(muster_get(stuck.from, NULL, &stuck.message), MUSTER_OK);
    return stuck;
}

static void stuck_end(struct stuck *stuck)
{
    muster_message_free(&stuck->message);
    muster_queue_close(&stuck->from);
    muster_queue_close(&stuck->to);
    muster_close(&stuck->client);
}

static void why_names_a_cycle(void **state)
{
    struct world *world = *state;
    struct scene scene = scene_with_a_job(world);
    const muster_setting one = {"maxsize", 1};
    char host[256] = "";
    char told[4096] = "";
    char command[1024];
    char expected[1024];

    expect_status(muster_update(scene.client, "jobs", &one, 1), MUSTER_OK);
    expect_status(muster_declare(scene.client, "results", MUSTER_FIFO, &one, 1, NULL), MUSTER_OK);
    expect_put(queue_open(world, scene.client, "results"), "done");
    struct stuck worker = stuck_between(scene.broker, "worker", "jobs", "results");
    struct stuck sink = stuck_between(scene.broker, "sink", "results", "jobs");
    expect_status(muster_put_async(worker.to, "x", 1, NULL, NULL, NULL, NULL), MUSTER_OK);
    expect_status(muster_put_async(sink.to, "y", 1, NULL, NULL, NULL, NULL), MUSTER_OK);
    await_waiting(scene.client, "results", 1);
    await_waiting(scene.client, "jobs", 1);
    snprintf(command, sizeof(command), "'%s' why jobs --url '%s'", getenv("MUSTER"),
             broker_url(scene.broker));
    FILE *why = popen(command, "r");
    assert_non_null(why);
    size_t len = fread(told, 1, sizeof(told) - 1, why);
    assert_int_equal(pclose(why), 0);
    told[len] = '\0';
    gethostname(host, sizeof(host) - 1);
    snprintf(expected, sizeof(expected),
             "cycle: jobs -> worker@%s:%d -> results -> sink@%s:%d -> jobs\n", host, (int)getpid(),
             host, (int)getpid());
    if (strstr(told, expected) == NULL) {
        fail_msg("no \"%s\" in: %s", expected, told);
    }
    stuck_end(&worker);
    stuck_end(&sink);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_shows_queues_sessions_and_holders_and_ends_with_q),
        TEST(rates_are_seen),
        TEST(it_fits_a_terminal_whose_size_changes),
        TEST(no_color_is_honoured),
        TEST(it_gives_the_terminal_back_whatever_ends_it),
        TEST(it_ends_when_the_terminal_is_taken_away),
        TEST(it_can_be_stopped_and_go_on),
        TEST(it_survives_a_restart_of_the_broker),
        TEST(it_can_be_left_while_the_broker_is_away),
        TEST(why_names_a_cycle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
