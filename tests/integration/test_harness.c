/* test_harness.c - the tools of the other tests do what they say, against an echo server.
 *
 * A proxy that forwarded too much, or cut nothing, would make every test of a fault pass. */
#include "tests/lib/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNECTIONS 16

static void echo_some(struct pollfd *connection)
{
    char bytes[256];
    ssize_t n = recv(connection->fd, bytes, sizeof(bytes), 0);
    if (n > 0) {
        send(connection->fd, bytes, (size_t)n, MSG_NOSIGNAL);
    } else {
        close(connection->fd);
        connection->fd = -1;
    }
}

/* The first descriptor listens; the others are its connections. */
static void echo(int report, void *arg)
{
    struct pollfd polled[1 + CONNECTIONS];
    for (size_t i = 0; i <= CONNECTIONS; i++) {
        polled[i] = (struct pollfd){.fd = i == 0 ? *(int *)arg : -1, .events = POLLIN};
    }
    dprintf(report, "serving\n");
    while (poll(polled, 1 + CONNECTIONS, -1) > 0) {
        for (size_t i = 1; i <= CONNECTIONS; i++) {
            if (polled[i].fd >= 0 && polled[i].revents != 0) {
                echo_some(&polled[i]);
            } else if (polled[i].fd < 0 && polled[0].revents != 0) {
                polled[i].fd = accept(polled[0].fd, NULL, NULL);
                polled[i].revents = 0;
                polled[0].revents = 0;
            }
        }
    }
}

static struct proxy *proxy_to_echo(struct world *world)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    socklen_t length = sizeof(own);
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&own, sizeof(own)), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&own, &length), 0);
    child_expect(child_fork(world, echo, &listener), "serving");
    close(listener);
    return proxy_start(world, ntohs(own.sin_port));
}

/* Sends `bytes` and returns how many came back before the connection ended. */
static size_t echoed(int fd, size_t bytes)
{
    char text[256] = {0};
    size_t back = 0;
    assert_in_range(bytes, 1, sizeof(text));
    send(fd, text, bytes, MSG_NOSIGNAL);
    while (back < bytes) {
        assert_true(wait_readable(fd, WAIT_LIMIT_MS));
        ssize_t n = recv(fd, text, bytes - back, 0);
        if (n <= 0) {
            break;
        }
        back += (size_t)n;
    }
    return back;
}

static bool has_ended(int fd)
{
    char byte;
    assert_true(wait_readable(fd, WAIT_LIMIT_MS));
    return recv(fd, &byte, 1, 0) <= 0;
}

static void forwards_and_counts(void **state)
{
    struct proxy *proxy = proxy_to_echo(*state);
    int fd = tcp_connect(proxy_port(proxy));
    assert_int_equal(echoed(fd, 100), 100);
    assert_int_equal(proxy_forwarded(proxy), 200);
    close(fd);
}

static void cuts_and_accepts_again(void **state)
{
    struct proxy *proxy = proxy_to_echo(*state);
    int first = tcp_connect(proxy_port(proxy));
    assert_int_equal(echoed(first, 10), 10);
    proxy_cut(proxy);
    assert_true(has_ended(first));
    int second = tcp_connect(proxy_port(proxy));
    proxy_await_connections(proxy, 2);
    assert_int_equal(echoed(second, 10), 10);
    close(first);
    close(second);
}

/* 15 bytes: the 10 towards the server, and 5 of what comes back. */
static void cuts_after_so_many_bytes(void **state)
{
    struct proxy *proxy = proxy_to_echo(*state);
    proxy_cut_after(proxy, 15, false);
    int first = tcp_connect(proxy_port(proxy));
    assert_in_range(echoed(first, 10), 0, 5); /* a reset may overtake them */
    assert_int_equal(proxy_forwarded(proxy), 15);
    int second = tcp_connect(proxy_port(proxy));
    assert_int_equal(echoed(second, 100), 100);
    close(first);
    close(second);
}

static void cuts_again_and_again(void **state)
{
    struct proxy *proxy = proxy_to_echo(*state);
    proxy_cut_after(proxy, 15, true);
    for (uint64_t i = 1; i <= 3; i++) {
        int fd = tcp_connect(proxy_port(proxy));
        assert_in_range(echoed(fd, 10), 0, 5);
        assert_int_equal(proxy_forwarded(proxy), 15 * i);
        close(fd);
    }
}

/* What is lost or stalled never arrives; that a later connection is served shows that the proxy was
 * not merely slow. */
static void loses_and_stalls(void **state)
{
    struct proxy *proxy = proxy_to_echo(*state);
    for (int way = 0; way < 3; way++) {
        int silent = tcp_connect(proxy_port(proxy));
        assert_int_equal(echoed(silent, 10), 10);
        uint64_t before = proxy_forwarded(proxy);
        if (way == 0) {
            proxy_stall(proxy);
        } else {
            proxy_drop(proxy, way == 1 ? PROXY_TO_BROKER : PROXY_TO_CLIENT);
        }
        assert_int_equal(send(silent, "lost", 4, MSG_NOSIGNAL), 4);
        assert_false(wait_readable(silent, 50));
        assert_int_equal(proxy_forwarded(proxy) - before, way == 2 ? 4 : 0);
        int later = tcp_connect(proxy_port(proxy));
        assert_int_equal(echoed(later, 10), 10);
        close(later);
        proxy_cut(proxy);
        assert_true(has_ended(silent));
        close(silent);
    }
}

static void refuses(void **state)
{
    struct proxy *proxy = proxy_to_echo(*state);
    proxy_refuse(proxy, true);
    int fd = tcp_connect(proxy_port(proxy));
    assert_true(has_ended(fd));
    close(fd);
    proxy_refuse(proxy, false);
    fd = tcp_connect(proxy_port(proxy));
    assert_int_equal(echoed(fd, 10), 10);
    close(fd);
}

static void runs_programs(void **state)
{
    const char *const good[] = {"/bin/sh", "-c", "echo one; echo two; exit 3", NULL};
    const char *const endless[] = {"/bin/sh", "-c", "echo here; exec cat /dev/zero", NULL};
    struct child *child = child_run(*state, good);
    child_expect(child, "one");
    child_expect(child, "two");
    assert_int_equal(WEXITSTATUS(child_wait(child)), 3);
    child = child_run(*state, endless);
    child_expect(child, "here");
    child_signal(child, SIGKILL);
    assert_int_equal(WTERMSIG(child_wait(child)), SIGKILL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(forwards_and_counts),  TEST(cuts_and_accepts_again), TEST(cuts_after_so_many_bytes),
        TEST(cuts_again_and_again), TEST(loses_and_stalls),       TEST(refuses),
        TEST(runs_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
