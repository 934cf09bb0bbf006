/* strangers.c - what those who do not belong cost a broker, and the clients that do.
 *
 *   strangers PORT SERVER-PID      MUSTER_URL and MUSTER_KEY are an authenticated client's
 *
 * Silent connections: its memory for each, and when the last of them is closed. Garbage: so many
 * connections a second that begin a handshake wrongly, and what they do to the round trip of an
 * authenticated client, whose quiet and disturbed times alternate. Last, the processor time that a
 * handshake takes it, rejected and accepted. Prints figures and judges none of them. */
#include <arpa/inet.h>
#include <errno.h>
#include <muster.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/crew.h"

enum {
    SILENT = 10000,
    GARBAGE_A_SECOND = 1000,
    ADDRESSES = 10, /* 127.0.0.2 and so on: of one alone the broker takes no more than its limit */
    ROUNDS = 5,
    ROUND_MS = 4000,
    PACE_US = 500,
    OPEN_AT_ONCE = 64, /* connections with garbage that are left open, for the broker to close */
    HANDSHAKES = 2000,
    FIRST_MESSAGE = 2 + 56
};

struct target {
    uint16_t port;
    int server;
};

/* ---- the server, as its system sees it ---- */

static long server_kib(const struct target *target)
{
    char path[64];
    char line[256];
    long kib = 0;

    snprintf(path, sizeof(path), "/proc/%d/status", target->server);
    FILE *file = need(fopen(path, "r"));
    while (fgets(line, sizeof(line), file) != NULL) {
        sscanf(line, "VmRSS: %ld", &kib);
    }
    fclose(file);
    return kib;
}

static double server_cpu_us(const struct target *target)
{
    char path[64];
    unsigned long long user = 0, system = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", target->server);
    FILE *file = need(fopen(path, "r"));
    if (fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
               &system) != 2) {
        die("cannot read %s", path);
    }
    fclose(file);
    return (double)(user + system) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

/* ---- strangers ---- */

static int stranger(const struct target *target, unsigned number)
{
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(0x7f000002u + number % ADDRESSES)};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(target->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    /* The port is chosen at connect, when it need not be free for every other peer. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        die("a stranger cannot connect: %s", strerror(errno));
    }
    return fd;
}

static void silence(const struct target *target)
{
    struct pollfd *peers = need(calloc(SILENT, sizeof(*peers)));
    long before = server_kib(target), most = before;
    unsigned open = SILENT;
    int64_t begin_ns = clock_ns();

    for (unsigned i = 0; i < SILENT; i++) {
        peers[i] = (struct pollfd){.fd = stranger(target, i), .events = POLLIN};
    }
    int64_t all_ns = clock_ns();
    while (open > 0) {
        char byte;
        long now = server_kib(target);

        most = now > most ? now : most;
        poll(peers, SILENT, 100);
        for (unsigned i = 0; i < SILENT; i++) {
            if (peers[i].revents != 0 && recv(peers[i].fd, &byte, 1, MSG_DONTWAIT) <= 0) {
                close(peers[i].fd);
                peers[i].fd = -1;
                open--;
            }
        }
    }
    printf("%d silent connections, opened in %.1f s: memory %ld -> %ld KiB, %.2f KiB each\n",
           SILENT, (double)(all_ns - begin_ns) / 1e9, before, most,
           (double)(most - before) / SILENT);
    printf("the last was closed %.1f s after the last was opened\n",
           (double)(clock_ns() - all_ns) / 1e9);
    free(peers);
}

/* Half of them are no muster at all, half begin well and go on with a first message that is none,
 * which costs the broker a key agreement. */
static void send_garbage(int fd, unsigned number)
{
    uint8_t bytes[8 + FIRST_MESSAGE] = {0x89, 'M', 'S', 'T', 'R', '\n', 1, 1, 0, FIRST_MESSAGE - 2};

    memset(bytes + 10, (int)(number % 255) + 1, sizeof(bytes) - 10);
    if (number % 2 == 0) {
        memset(bytes, 'x', sizeof(bytes));
    }
    if (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) < 0) {
        return; /* the broker was faster */
    }
}

static void rain(const struct target *target)
{
    int fds[OPEN_AT_ONCE];
    int64_t begin_ns = clock_ns();

    memset(fds, -1, sizeof(fds));
    for (unsigned i = 0;; i++) {
        int *fd = &fds[i % OPEN_AT_ONCE];

        while (clock_ns() < begin_ns + (int64_t)i * NS_PER_S / GARBAGE_A_SECOND) {
            usleep(200);
        }
        if (*fd >= 0) {
            close(*fd);
        }
        *fd = stranger(target, i);
        send_garbage(*fd, i);
    }
}

/* ---- somebody who belongs ---- */

static void round_trips(muster_client *client, struct spread *spread)
{
    int64_t end_ns = clock_ns() + ROUND_MS * (NS_PER_S / 1000);

    while (clock_ns() < end_ns) {
        int64_t took_ns = 0;

        if (muster_ping(client, 10 * MUSTER_SECOND, &took_ns) != MUSTER_OK) {
            die("%s", muster_last_error());
        }
        spread_add(spread, took_ns, 1);
        usleep(PACE_US);
    }
}

static void garbage(const struct target *target, muster_client *client)
{
    struct spread *quiet = need(calloc(1, sizeof(*quiet)));
    struct spread *disturbed = need(calloc(1, sizeof(*disturbed)));

    for (int i = 0; i < ROUNDS; i++) {
        round_trips(client, quiet);
        pid_t child = fork();

        if (child == 0) {
            rain(target);
        }
        round_trips(client, disturbed);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    printf("an authenticated client's round trip, %d + %d of them: p50 %.0f us, p99 %.0f us\n",
           (int)quiet->count, (int)disturbed->count, spread_us(quiet, 0.5), spread_us(quiet, 0.99));
    printf("with %d garbage connections a second:  p50 %.0f us, p99 %.0f us, %.2f times\n",
           GARBAGE_A_SECOND, spread_us(disturbed, 0.5), spread_us(disturbed, 0.99),
           spread_us(disturbed, 0.99) / spread_us(quiet, 0.99));
    free(quiet);
    free(disturbed);
}

/* ---- what a handshake costs the server ---- */

static void handshakes(const struct target *target)
{
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    double begin_us = server_cpu_us(target);

    options.own_loop = true;
    for (unsigned i = 0; i < HANDSHAKES; i++) {
        char bytes[64];
        int fd = stranger(target, i);

        send_garbage(fd, 2 * i + 1);
        while (recv(fd, bytes, sizeof(bytes), 0) > 0) {
        }
        close(fd);
    }
    double rejected_us = server_cpu_us(target);
    for (unsigned i = 0; i < HANDSHAKES; i++) {
        muster_client *client;

        if (muster_connect(&options, &client) != MUSTER_OK) {
            die("%s", muster_last_error());
        }
        muster_close(&client);
    }
    double accepted_us = server_cpu_us(target);
    printf(
        "processor time of the server: %.0f us a rejected handshake, %.0f us an accepted one with "
        "its session and its end\n",
        (rejected_us - begin_us) / HANDSHAKES, (accepted_us - rejected_us) / HANDSHAKES);
}

int main(int argc, char **argv)
{
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    struct rlimit files = {SILENT + 200, SILENT + 200};
    muster_client *client;

    if (argc != 3) {
        die("usage: strangers PORT SERVER-PID");
    }
    struct target target = {(uint16_t)atoi(argv[1]), atoi(argv[2])};
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
        die("cannot open %d files: %s; try 'ulimit -n'", SILENT, strerror(errno));
    }
    silence(&target);
    if (muster_connect(&options, &client) != MUSTER_OK) {
        die("%s", muster_last_error());
    }
    garbage(&target, client);
    muster_close(&client);
    handshakes(&target);
    return 0;
}
