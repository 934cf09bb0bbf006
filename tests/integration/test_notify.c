/* test_notify.c - what a service manager is told, through a socket of the test's own: ready, signs
 * of life, reading anew, stopping. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/harness.h"

/* The manager's end. name is as NOTIFY_SOCKET has it: a path, or @ and an abstract name. */
static int manager_open(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_true(strlen(name) < sizeof(address.sun_path));
    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@') {
        address.sun_path[0] = '\0';
    }
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&address, len), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static const char *next_message(int fd)
{
    static char message[1024];
    ssize_t n;

    assert_true(wait_readable(fd, WAIT_LIMIT_MS));
    n = recv(fd, message, sizeof(message) - 1, 0);
    assert_true(n > 0);
    message[n] = '\0';
    return message;
}

/* The next message that is no sign of life. */
static const char *next_news(int fd)
{
    const char *message = next_message(fd);

    while (strncmp(message, "WATCHDOG=1\n", strlen("WATCHDOG=1\n")) == 0) {
        message = next_message(fd);
    }
    return message;
}

static void assert_begins(const char *message, const char *start)
{
    if (strncmp(message, start, strlen(start)) != 0) {
        fail_msg("\"%s\" does not begin with \"%s\"", message, start);
    }
}

static void live(struct world *world, const char *name)
{
    int fd = manager_open(name);
    struct broker *broker = broker_start(world, NULL);

    assert_begins(next_message(fd), "READY=1\nSTATUS=listening on 127.0.0.1:");
    broker_signal(broker, SIGHUP);
    assert_begins(next_news(fd), "RELOADING=1\nMONOTONIC_USEC=");
    assert_string_equal(next_news(fd), "READY=1");
    broker_signal(broker, SIGTERM);
    assert_begins(next_news(fd), "STOPPING=1\nSTATUS=saying goodbye to 0 connections");
    assert_int_equal(broker_wait(broker), 0);
    close(fd);
}

static void ready_reloading_stopping(void **state)
{
    char name[256];

    snprintf(name, sizeof(name), "%s/notify", world_dir(*state));
    live(*state, name);
}

static void an_abstract_socket(void **state)
{
    char name[64];

    snprintf(name, sizeof(name), "@muster-test-notify-%ld", (long)getpid());
    live(*state, name);
}

static void signs_of_life_come_again_and_again(void **state)
{
    char name[256];
    int fd;

    snprintf(name, sizeof(name), "%s/notify", world_dir(*state));
    fd = manager_open(name);
    setenv("WATCHDOG_USEC", "100000", 1);
    broker_start(*state, NULL);
    assert_begins(next_message(fd), "READY=1\n");
    for (int i = 0; i < 3; i++) {
        assert_string_equal(next_message(fd), "WATCHDOG=1\nSTATUS=0 connections");
    }
    close(fd);
}

/* The variable may be left over, or the manager gone: the broker serves all the same. */
static void nobody_there_to_be_told(void **state)
{
    char name[256];
    struct broker *broker;

    snprintf(name, sizeof(name), "%s/nobody", world_dir(*state));
    setenv("NOTIFY_SOCKET", name, 1);
    broker = broker_start(*state, NULL);
    broker_signal(broker, SIGTERM);
    assert_int_equal(broker_wait(broker), 0);
    setenv("NOTIFY_SOCKET", "nonsense", 1);
    broker = broker_start(*state, NULL);
    broker_signal(broker, SIGTERM);
    assert_int_equal(broker_wait(broker), 0);
}

static int teardown(void **state)
{
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    return world_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ready_reloading_stopping, world_setup, teardown),
        cmocka_unit_test_setup_teardown(an_abstract_socket, world_setup, teardown),
        cmocka_unit_test_setup_teardown(signs_of_life_come_again_and_again, world_setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_there_to_be_told, world_setup, teardown),
    };

    unsetenv("WATCHDOG_PID");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
