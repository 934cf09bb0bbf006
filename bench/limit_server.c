/* limit_server.c - what the machine itself allows: the barest server that could do the work.
 *
 *   limit-server       takes connections on a port of the system's choice, which it prints
 *
 * The first byte of a connection says what it is: E is sent back what it sends; what P sends goes
 * to C; each byte of S goes to every W. One epoll loop, blocking writes (the reader always reads),
 * no parsing, no state: whatever a broker does is on top of this. */
#include "bench/crew.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 256 << 10, READY_MAX = 256, FILES_MAX = 1 << 16 };

struct server {
    int epoll;
    int listener;
    char sort[FILES_MAX]; /* of each connection, by file descriptor; 0: not told yet */
    int sink;             /* the C */
    int *watchers;
    size_t watchers_count;
    char *chunk;
};

static void write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n <= 0) {
            return; /* the reader is gone: so be it */
        }
        bytes += n;
        len -= (size_t)n;
    }
}

static void forget(struct server *server, int fd)
{
    server->sort[fd] = 0;
    for (size_t i = 0; i < server->watchers_count; i++) {
        if (server->watchers[i] == fd) {
            server->watchers[i] = server->watchers[--server->watchers_count];
            break;
        }
    }
    if (server->sink == fd) {
        server->sink = -1;
    }
    close(fd);
}

static void take_connection(struct server *server)
{
    int on = 1, fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 || fd >= FILES_MAX) {
        die("limit-server: accept: %s", strerror(errno));
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void introduce(struct server *server, int fd)
{
    char sort = 0;
    if (read(fd, &sort, 1) != 1) {
        forget(server, fd);
        return;
    }
    server->sort[fd] = sort;
    if (sort == 'C') {
        server->sink = fd;
    }
    if (sort == 'W') {
        server->watchers[server->watchers_count++] = fd;
    }
    write_all(fd, "+", 1); /* so that the client knows that it is known */
}

static void serve(struct server *server, int fd)
{
    if (server->sort[fd] == 0) {
        introduce(server, fd);
        return;
    }
    ssize_t n = read(fd, server->chunk, CHUNK);
    if (n <= 0) {
        forget(server, fd);
        return;
    }
    size_t len = (size_t)n;
    switch (server->sort[fd]) {
    case 'E': write_all(fd, server->chunk, len); break;
    case 'P': write_all(server->sink, server->chunk, len); break;
    case 'S':
        for (size_t i = 0; i < server->watchers_count; i++) {
            write_all(server->watchers[i], server->chunk, len);
        }
        break;
    default: break;
    }
}

int main(void)
{
    struct server *server = need(calloc(1, sizeof(*server)));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    server->sink = -1;
    server->chunk = need(malloc(CHUNK));
    server->watchers = need(calloc(FILES_MAX, sizeof(int)));
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server->listener, (struct sockaddr *)&address, len) != 0 ||
        listen(server->listener, 4096) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &len) != 0) {
        die("limit-server: cannot listen: %s", strerror(errno));
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = server->listener};
    epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->listener, &event);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        struct epoll_event ready[READY_MAX];
        int n = epoll_wait(server->epoll, ready, READY_MAX, -1);
        for (int i = 0; i < n; i++) {
            if (ready[i].data.fd == server->listener) {
                take_connection(server);
            } else {
                serve(server, ready[i].data.fd);
            }
        }
    }
}
