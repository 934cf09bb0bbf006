/* socket.c - URLs, addresses, and connecting without blocking. */
#include "client-lib/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/limits.h"

#define ADDRESS_NS       3000000000LL /* how long one address may take to answer */
#define BACKOFF_FIRST_NS 50000000LL
#define UNPACED          "reno" /* the congestion control that everybody may choose */

/* ---- the URL ---- */

static bool complain(char *why, size_t why_size, const char *url, const char *what)
{
    snprintf(why, why_size, "URL \"%.150s\": %s", url, what);
    return false;
}

static bool port_is_valid(const char *port)
{
    char *end;
    long number = strtol(port, &end, 10);

    return *port >= '0' && *port <= '9' && *end == '\0' && number > 0 && number < 65536;
}

/* host, host:port, [v6], [v6]:port, v6 without brackets is refused: its end would be unclear. */
static const char *split_host(struct mst_link *link, const char *rest)
{
    const char *end = rest[0] == '[' ? strchr(rest, ']') : strchrnul(rest, ':');
    const char *host = rest[0] == '[' ? rest + 1 : rest;
    const char *after = rest[0] == '[' && end != NULL ? end + 1 : end;

    if (end == NULL || end == host || (size_t)(end - host) >= sizeof(link->host)) {
        return "it names no host; write muster://host:port";
    }
    if (*after != '\0' && *after != ':') {
        return "there is something behind the host that is no port";
    }
    if (*after == ':' && !port_is_valid(after + 1)) {
        return "the port is no number from 1 to 65535; an IPv6 address needs brackets";
    }
    memcpy(link->host, host, (size_t)(end - host));
    snprintf(link->port, sizeof(link->port), "%s", *after == ':' ? after + 1 : "");
    if (link->port[0] == '\0') {
        snprintf(link->port, sizeof(link->port), "%d", MST_DEFAULT_PORT);
    }
    return NULL;
}

bool mst_link_init(struct mst_link *link, const char *url, char *why, size_t why_size)
{
    static const char tcp[] = "muster://";
    static const char local[] = "muster+unix://";
    const char *rest;

    memset(link, 0, sizeof(*link));
    link->fd = -1;
    link->backoff_max_ns = BACKOFF_FIRST_NS;
    if (strncmp(url, local, sizeof(local) - 1) == 0) {
        rest = url + sizeof(local) - 1;
        link->is_unix = true;
        if (rest[0] != '/' || rest[1] == '\0') {
            return complain(why, why_size, url, "write muster+unix:///path/of/the/socket");
        }
        if (strlen(rest) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
            return complain(why, why_size, url, "the path is too long for a socket");
        }
        snprintf(link->host, sizeof(link->host), "%s", rest);
        return true;
    }
    if (strncmp(url, tcp, sizeof(tcp) - 1) != 0) {
        return complain(why, why_size, url, "write muster://host:port or muster+unix:///path");
    }
    rest = url + sizeof(tcp) - 1;
    const char *at = strchr(rest, '@');
    if (at != NULL) {
        /* Not repeated in the message: somebody may have put a secret there. */
        if (at == rest || (size_t)(at - rest) >= sizeof(link->server_key)) {
            return complain(
                why, why_size, "muster://KEY@...",
                "what stands before @ is no key; it is the server's public key, mpk1...");
        }
        memcpy(link->server_key, rest, (size_t)(at - rest));
        rest = at + 1;
    }
    const char *fault = split_host(link, rest);
    return fault == NULL || complain(why, why_size, at == NULL ? url : "muster://KEY@...", fault);
}

/* ---- addresses ---- */

static struct addrinfo *unix_address(const char *path)
{
    struct {
        struct addrinfo info;
        struct sockaddr_un address;
    } *both = calloc(1, sizeof(*both));

    if (both == NULL) {
        return NULL;
    }
    both->address.sun_family = AF_UNIX;
    memcpy(both->address.sun_path, path, strlen(path) + 1);
    both->info.ai_family = AF_UNIX;
    both->info.ai_socktype = SOCK_STREAM;
    both->info.ai_addr = (struct sockaddr *)&both->address;
    both->info.ai_addrlen = sizeof(both->address);
    return &both->info;
}

struct addrinfo *mst_link_resolve(const char *host, const char *port, bool is_unix, char *trouble,
                                  size_t trouble_size)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;

    if (is_unix) {
        found = unix_address(host);
        snprintf(trouble, trouble_size, "%s", found == NULL ? "out of memory" : "");
        return found;
    }
    int error = getaddrinfo(host, port, &hints, &found);
    if (error != 0) {
        snprintf(trouble, trouble_size, "cannot find host \"%.100s\": %s", host,
                 gai_strerror(error));
        return NULL;
    }
    return found;
}

static void free_addresses(struct mst_link *link)
{
    if (link->addresses != NULL && link->is_unix) {
        free(link->addresses);
    } else if (link->addresses != NULL) {
        freeaddrinfo(link->addresses);
    }
    link->addresses = NULL;
    link->next = NULL;
}

void mst_link_clear(struct mst_link *link)
{
    if (link->fd >= 0) {
        close(link->fd);
        link->fd = -1;
    }
    free_addresses(link);
    link->state = MST_LINK_DOWN;
}

static bool is_this_host(const struct addrinfo *address)
{
    if (address->ai_family == AF_UNIX) {
        return true;
    }
    if (address->ai_family == AF_INET) {
        struct sockaddr_in v4;

        memcpy(&v4, address->ai_addr, sizeof(v4));
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    if (address->ai_family == AF_INET6) {
        struct sockaddr_in6 v6;

        memcpy(&v6, address->ai_addr, sizeof(v6));
        return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && v6.sin6_addr.s6_addr[12] == 127);
    }
    return false;
}

/* ---- attempts ---- */

/* A pause drawn from [0, limit], the limit doubling with each failure: clients that lost the same
 * broker do not all come back at once. */
static int64_t pause_ns(const struct mst_link *link)
{
    int64_t limit = BACKOFF_FIRST_NS;

    for (unsigned i = 0; i < link->failures && limit < link->backoff_max_ns; i++) {
        limit *= 2;
    }
    limit = limit < link->backoff_max_ns ? limit : link->backoff_max_ns;
    return limit / 1000 * (int64_t)randombytes_uniform(1001);
}

static void fail_round(struct mst_link *link, int64_t now_ns)
{
    link->state = MST_LINK_DOWN;
    link->deadline_ns = now_ns + pause_ns(link);
    link->failures++;
    free_addresses(link);
}

static void close_socket(struct mst_link *link, int error)
{
    snprintf(link->trouble, sizeof(link->trouble), "%s", strerror(error));
    close(link->fd);
    link->fd = -1;
    link->state = MST_LINK_DOWN;
}

/* Small requests are not held back. And nothing is congested within a host, but a congestion
 * control that paces (bbr) sets a timer for each segment and waits for it; a system that refuses
 * another keeps its own, which is slower and nothing else. */
static void set_up_tcp(int fd, const struct addrinfo *address)
{
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (is_this_host(address)) {
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, UNPACED, sizeof(UNPACED) - 1);
    }
}

static void begin(struct mst_link *link, const struct addrinfo *address, int64_t now_ns)
{
    if (!link->insecure && !is_this_host(address)) {
        link->refused = true;
        snprintf(link->trouble, sizeof(link->trouble),
                 "clear text would leave this host; give the server key to encrypt, or set "
                 "options.insecure to allow it");
        return;
    }
    link->write_error = 0;
    link->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0) {
        snprintf(link->trouble, sizeof(link->trouble), "cannot make a socket: %s", strerror(errno));
        return;
    }
    if (address->ai_family != AF_UNIX) {
        set_up_tcp(link->fd, address);
    }
    if (connect(link->fd, address->ai_addr, address->ai_addrlen) == 0) {
        link->state = MST_LINK_UP;
    } else if (errno == EINPROGRESS) {
        link->state = MST_LINK_CONNECTING;
        link->deadline_ns = now_ns + ADDRESS_NS;
    } else {
        close_socket(link, errno);
    }
}

/* On one host, a socket that asks for a port where nobody listens can get that port itself. */
static bool is_own_echo(const struct mst_link *link, const struct sockaddr_storage *peer)
{
    struct sockaddr_storage own;
    socklen_t size = sizeof(own);

    memset(&own, 0, sizeof(own));
    return !link->is_unix && getsockname(link->fd, (struct sockaddr *)&own, &size) == 0 &&
           memcmp(&own, peer, sizeof(own)) == 0;
}

/* Is the attempt over? Asks the socket itself, so a wake-up for nothing does no harm. */
static void look_after(struct mst_link *link, int64_t now_ns)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof(peer);
    int error = 0;
    socklen_t error_size = sizeof(error);

    memset(&peer, 0, sizeof(peer));
    getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &error_size);
    if (error != 0) {
        close_socket(link, error);
    } else if (getpeername(link->fd, (struct sockaddr *)&peer, &size) == 0) {
        link->state = MST_LINK_UP;
        if (is_own_echo(link, &peer)) {
            close_socket(link, ECONNREFUSED);
        }
    } else if (now_ns >= link->deadline_ns) {
        close_socket(link, ETIMEDOUT);
    }
}

/* From now on only mst_link_await waits, and only so long. If the system refuses the limit nobody
 * waits: it would be without end. */
static void allow_waiting(const struct mst_link *link)
{
    struct timeval patience = {.tv_usec = MST_LINK_PATIENCE_NS / 1000};
    int flags = fcntl(link->fd, F_GETFL);

    if (flags >= 0 &&
        setsockopt(link->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0) {
        fcntl(link->fd, F_SETFL, flags & ~O_NONBLOCK);
    }
}

bool mst_link_wants_addresses(const struct mst_link *link, int64_t now_ns)
{
    return link->state == MST_LINK_DOWN && now_ns >= link->deadline_ns && link->addresses == NULL;
}

bool mst_link_step(struct mst_link *link, int64_t now_ns)
{
    bool due = link->state == MST_LINK_DOWN && now_ns >= link->deadline_ns;

    if (link->state == MST_LINK_UP) {
        return false;
    }
    if (link->state == MST_LINK_CONNECTING) {
        look_after(link, now_ns);
        due = link->state == MST_LINK_DOWN;
    }
    while (due && link->state == MST_LINK_DOWN && link->next != NULL) {
        const struct addrinfo *address = link->next;

        link->next = address->ai_next;
        begin(link, address, now_ns);
    }
    if (due && link->state == MST_LINK_DOWN) {
        fail_round(link, now_ns);
    }
    if (link->state == MST_LINK_UP) {
        free_addresses(link);
        allow_waiting(link);
        return true;
    }
    return false;
}

void mst_link_drop(struct mst_link *link, int64_t now_ns)
{
    if (link->fd >= 0) {
        close(link->fd);
        link->fd = -1;
    }
    fail_round(link, now_ns);
}

ssize_t mst_link_write(const struct mst_link *link, const struct mst_span *pieces, size_t count)
{
    struct iovec vectors[MST_GATHER_PIECES_MAX];
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = count};
    ssize_t n;

    for (size_t i = 0; i < count; i++) {
        /* The system reads only; its structure serves both directions. */
        vectors[i] = (struct iovec){(void *)(uintptr_t)pieces[i].data, pieces[i].len};
    }
    do {
        n = count == 1 ? send(link->fd, pieces[0].data, pieces[0].len, MSG_NOSIGNAL | MSG_DONTWAIT)
                       : sendmsg(link->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : n;
}

size_t mst_places_size(const struct mst_places *places)
{
    return places->at[0].iov_len + places->at[1].iov_len;
}

static ssize_t receive(const struct mst_link *link, const struct mst_places *places, int flags)
{
    struct iovec at[2] = {places->at[0], places->at[1]};
    struct msghdr message = {.msg_iov = at, .msg_iovlen = 2};

    return at[0].iov_len == 0 ? recv(link->fd, at[1].iov_base, at[1].iov_len, flags)
                              : recvmsg(link->fd, &message, flags);
}

ssize_t mst_link_read(const struct mst_link *link, const struct mst_places *places)
{
    ssize_t n;

    do {
        n = receive(link, places, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n;
}

ssize_t mst_link_await(const struct mst_link *link, const struct mst_places *places)
{
    ssize_t n = receive(link, places, 0);

    if (n < 0 && errno == EINTR) {
        errno = EAGAIN;
    }
    return n;
}
