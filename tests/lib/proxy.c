/* proxy.c - see proxy.h.
 *
 * Invariant: a link whose two descriptors are -1 is free; what was read for a side waits in that
 * side's pipe until it is written, and nothing more is read for it before. */
#include "tests/lib/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINKS_MAX 32
#define CHUNK     4096

enum command_kind { CUT, STALL, DROP, REFUSE, CUT_AFTER, AWAIT, ASK, STOP };

struct command {
    enum command_kind kind;
    uint64_t number;
    bool flag;
};

/* One direction of a link; end[side] is where its bytes go. */
struct pipe_half {
    bool lose;
    size_t start, len;
    uint8_t bytes[CHUNK];
};

struct link {
    int end[2]; /* by enum proxy_side: the socket towards the broker, and towards the client */
    bool stalled;
    struct pipe_half half[2];
};

struct proxy {
    uint16_t port;
    char url[64];
    struct sockaddr_in broker;
    int listener;
    int ask;    /* the test's end */
    int answer; /* the thread's end */
    pthread_t thread;
    /* From here on only the thread touches it. */
    bool refuse;
    bool limited; /* cut once `left` more bytes were forwarded */
    uint64_t left, again;
    uint64_t accepted, forwarded;
    uint64_t awaited; /* an AWAIT is unanswered until so many were accepted; 0: none is */
    struct link links[LINKS_MAX];
};

/* ---- the thread ---- */

static void link_close(struct link *link, bool reset)
{
    struct linger linger = {.l_onoff = reset, .l_linger = 0};
    for (int side = 0; side < 2; side++) {
        if (link->end[side] >= 0) {
            setsockopt(link->end[side], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
            close(link->end[side]);
        }
    }
    memset(link, 0, sizeof(*link));
    link->end[0] = link->end[1] = -1;
}

static void links_cut(struct proxy *proxy)
{
    for (size_t i = 0; i < LINKS_MAX; i++) {
        link_close(&proxy->links[i], true);
    }
}

static void proxy_accept(struct proxy *proxy)
{
    struct link *link = NULL;
    int client = accept(proxy->listener, NULL, NULL);
    for (size_t i = 0; i < LINKS_MAX && link == NULL; i++) {
        if (proxy->links[i].end[0] < 0) {
            link = &proxy->links[i];
        }
    }
    if (client < 0 || link == NULL) {
        close(client);
        return;
    }
    proxy->accepted++;
    link->end[PROXY_TO_CLIENT] = client;
    link->end[PROXY_TO_BROKER] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (proxy->refuse || connect(link->end[PROXY_TO_BROKER], (struct sockaddr *)&proxy->broker,
                                 sizeof(proxy->broker)) != 0) {
        link_close(link, true);
    }
}

/* Takes the bytes that are there for `side`; the other end's close closes the link. */
static void half_read(struct link *link, int side)
{
    struct pipe_half *half = &link->half[side];
    ssize_t n = recv(link->end[!side], half->bytes, CHUNK, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        link_close(link, n < 0);
    } else if (n > 0 && !half->lose) {
        half->start = 0;
        half->len = (size_t)n;
    }
}

static void half_write(struct proxy *proxy, struct link *link, int side)
{
    struct pipe_half *half = &link->half[side];
    size_t most = half->len;
    if (proxy->limited && most > proxy->left) {
        most = (size_t)proxy->left;
    }
    ssize_t n = send(link->end[side], half->bytes + half->start, most, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
        if (errno != EAGAIN) {
            link_close(link, true);
        }
        return;
    }
    half->start += (size_t)n;
    half->len -= (size_t)n;
    proxy->forwarded += (size_t)n;
    if (!proxy->limited) {
        return;
    }
    proxy->left -= (size_t)n;
    if (proxy->left == 0) {
        proxy->limited = proxy->again > 0;
        proxy->left = proxy->again;
        links_cut(proxy);
    }
}

static void proxy_reply(struct proxy *proxy)
{
    send(proxy->answer, &proxy->forwarded, sizeof(proxy->forwarded), MSG_NOSIGNAL);
}

static bool proxy_command(struct proxy *proxy)
{
    struct command command;
    if (recv(proxy->answer, &command, sizeof(command), 0) != (ssize_t)sizeof(command)) {
        return false;
    }
    switch (command.kind) {
    case CUT: links_cut(proxy); break;
    case REFUSE: proxy->refuse = command.flag; break;
    case CUT_AFTER:
        proxy->limited = command.number > 0;
        proxy->left = command.number;
        proxy->again = command.flag ? command.number : 0;
        break;
    case STALL:
    case DROP:
        for (size_t i = 0; i < LINKS_MAX; i++) {
            struct link *link = &proxy->links[i];
            bool used = link->end[0] >= 0;
            link->stalled |= used && command.kind == STALL;
            link->half[command.number].lose |= used && command.kind == DROP;
        }
        break;
    case AWAIT: proxy->awaited = command.number; return true;
    case ASK: break;
    case STOP: return false;
    }
    proxy_reply(proxy);
    return true;
}

static short events_wanted(const struct link *link, int side)
{
    if (link->stalled) {
        return 0;
    }
    bool can_read = link->half[!side].len == 0;
    bool must_write = link->half[side].len > 0;
    return (short)((can_read ? POLLIN : 0) | (must_write ? POLLOUT : 0));
}

static void proxy_serve_link(struct proxy *proxy, struct link *link, const struct pollfd *polled)
{
    for (int side = 0; side < 2; side++) {
        if ((polled[side].revents & POLLOUT) != 0 && link->end[side] >= 0) {
            half_write(proxy, link, side);
        }
        bool ended = (polled[side].revents & (POLLIN | POLLHUP | POLLERR)) != 0;
        if (ended && link->end[side] >= 0 && link->half[!side].len == 0 && !link->stalled) {
            half_read(link, !side);
        }
    }
}

static void *proxy_run(void *arg)
{
    struct proxy *proxy = arg;
    struct pollfd polled[2 + 2 * LINKS_MAX];
    for (;;) {
        polled[0] = (struct pollfd){.fd = proxy->answer, .events = POLLIN};
        polled[1] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
        for (size_t i = 0; i < 2 * LINKS_MAX; i++) {
            const struct link *link = &proxy->links[i / 2];
            short events = events_wanted(link, (int)(i % 2));
            polled[2 + i] = (struct pollfd){.fd = events == 0 ? -1 : link->end[i % 2]};
            polled[2 + i].events = events;
        }
        if (poll(polled, 2 + 2 * LINKS_MAX, -1) < 0) {
            continue;
        }
        for (size_t i = 0; i < LINKS_MAX; i++) {
            proxy_serve_link(proxy, &proxy->links[i], &polled[2 + 2 * i]);
        }
        if (polled[1].revents != 0) {
            proxy_accept(proxy);
        }
        if (polled[0].revents != 0 && !proxy_command(proxy)) {
            return NULL;
        }
        if (proxy->awaited > 0 && proxy->accepted >= proxy->awaited) {
            proxy->awaited = 0;
            proxy_reply(proxy);
        }
    }
}

/* ---- the test's side ---- */

static uint64_t proxy_ask(struct proxy *proxy, struct command command)
{
    uint64_t forwarded = 0;
    assert_int_equal(send(proxy->ask, &command, sizeof(command), MSG_NOSIGNAL), sizeof(command));
    if (!wait_readable(proxy->ask, WAIT_LIMIT_MS)) {
        fail_msg("the proxy did not answer command %d in time", (int)command.kind);
    }
    assert_int_equal(recv(proxy->ask, &forwarded, sizeof(forwarded), 0), sizeof(forwarded));
    return forwarded;
}

static void proxy_end(void *thing)
{
    struct proxy *proxy = thing;
    struct command stop = {.kind = STOP};
    send(proxy->ask, &stop, sizeof(stop), MSG_NOSIGNAL);
    pthread_join(proxy->thread, NULL);
    links_cut(proxy);
    close(proxy->listener);
    close(proxy->ask);
    close(proxy->answer);
    free(proxy);
}

struct proxy *proxy_start(struct world *world, uint16_t broker_port)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    socklen_t length = sizeof(own);
    int ends[2];
    struct proxy *proxy = calloc(1, sizeof(*proxy));
    assert_non_null(proxy);
    for (size_t i = 0; i < LINKS_MAX; i++) {
        proxy->links[i].end[0] = proxy->links[i].end[1] = -1;
    }
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    proxy->broker = own;
    proxy->broker.sin_port = htons(broker_port);
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(proxy->listener, (struct sockaddr *)&own, sizeof(own)), 0);
    assert_int_equal(listen(proxy->listener, LINKS_MAX), 0);
    assert_int_equal(getsockname(proxy->listener, (struct sockaddr *)&own, &length), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    proxy->ask = ends[0];
    proxy->answer = ends[1];
    proxy->port = ntohs(own.sin_port);
    snprintf(proxy->url, sizeof(proxy->url), "muster://127.0.0.1:%u", proxy->port);
    assert_int_equal(pthread_create(&proxy->thread, NULL, proxy_run, proxy), 0);
    world_at_end(world, proxy_end, proxy);
    return proxy;
}

const char *proxy_url(const struct proxy *proxy)
{
    return proxy->url;
}

uint16_t proxy_port(const struct proxy *proxy)
{
    return proxy->port;
}

void proxy_cut(struct proxy *proxy)
{
    proxy_ask(proxy, (struct command){.kind = CUT});
}

void proxy_stall(struct proxy *proxy)
{
    proxy_ask(proxy, (struct command){.kind = STALL});
}

void proxy_drop(struct proxy *proxy, enum proxy_side side)
{
    proxy_ask(proxy, (struct command){.kind = DROP, .number = side});
}

void proxy_refuse(struct proxy *proxy, bool refuse)
{
    proxy_ask(proxy, (struct command){.kind = REFUSE, .flag = refuse});
}

void proxy_cut_after(struct proxy *proxy, uint64_t bytes, bool again)
{
    proxy_ask(proxy, (struct command){.kind = CUT_AFTER, .number = bytes, .flag = again});
}

void proxy_await_connections(struct proxy *proxy, uint64_t count)
{
    proxy_ask(proxy, (struct command){.kind = AWAIT, .number = count});
}

uint64_t proxy_forwarded(struct proxy *proxy)
{
    return proxy_ask(proxy, (struct command){.kind = ASK});
}
