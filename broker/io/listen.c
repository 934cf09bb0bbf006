/* listen.c - the sockets that the broker takes connections on. See listen.h. */
#include "broker/io/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024   /* the system has a limit of its own as well */
#define UNPACED "reno" /* the congestion control that everybody may choose */

_Static_assert(LISTENER_TEXT_MAX >= sizeof(((struct sockaddr_un *)0)->sun_path),
               "a listener's text holds every path of a socket");

static int exit_code_of(int error)
{
    return error == EACCES || error == EPERM ? CONFIG_EXIT_DENIED : CONFIG_EXIT_LISTEN;
}

static int refuse(const struct log *log, const char *where, int error, const char *advice)
{
    log_line(log, ENGINE_ERROR, "cannot listen on %s: %s; %s", where, strerror(error), advice);
    return exit_code_of(error);
}

static const char *advice_of(int error)
{
    switch (error) {
    case EADDRINUSE: return "another program, perhaps a broker, has it; choose another address";
    case EEXIST: return "what is there is no socket; remove it or choose another path";
    case EADDRNOTAVAIL: return "this host has no such address";
    case EACCES:
    case EPERM: return "the user that musterd runs as may not; choose another address";
    case ENOENT: return "the folder does not exist; make it first";
    default: return "choose another address with --listen or --unix";
    }
}

/* ---- TCP ---- */

void listen_address_text(const struct sockaddr_storage *address, char *out, size_t cap)
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;

        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
        snprintf(out, cap, "[%s]:%u", host, ntohs(v6->sin6_port));
    } else {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;

        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
        snprintf(out, cap, "%s:%u", host, ntohs(v4->sin_port));
    }
}

uint64_t listen_address_source(const struct sockaddr_storage *address)
{
    uint64_t source = 0;

    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;

        for (int i = 0; i < 8; i++) {
            source = source << 8 | v6->sin6_addr.s6_addr[i];
        }
        return source == 0 ? 1 : source; /* ::1 */
    }
    source = ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr);
    return source | 1ull << 32; /* no network of IPv6 begins so */
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;

        return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    return address->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

/* Nothing is congested within a host, but a congestion control that paces (bbr) sets a timer for
 * each segment and waits for it. Accepted connections inherit this. A system that refuses keeps its
 * own, which is slower and nothing else. */
static void do_not_pace(int fd)
{
    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, UNPACED, sizeof(UNPACED) - 1);
}

static int tcp_socket(const struct addrinfo *address)
{
    int one = 1;
    int error;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    address->ai_protocol);

    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (is_loopback(address->ai_addr)) {
        do_not_pace(fd);
    }
    if (address->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    }
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) {
        return fd;
    }
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static bool add(struct listeners *listeners, int fd, bool is_unix, const char *text)
{
    struct listener *listener = &listeners->items[listeners->count];

    if (listeners->count == LISTENERS_MAX) {
        close(fd);
        errno = ENOBUFS;
        return false;
    }
    *listener = (struct listener){.fd = fd, .is_unix = is_unix};
    snprintf(listener->text, sizeof(listener->text), "%s", text);
    listeners->count++;
    return true;
}

/* The system has no such protocol or address, as ::1 where IPv6 is off. */
static bool is_missing(int error)
{
    return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

/* What may be spoken beyond this host. */
struct terms {
    bool has_key;
    bool insecure;
    bool only_check;     /* no socket is made */
    const char *warning; /* of what is in the clear and can be reached from other hosts */
};

static int open_address(struct listeners *listeners, const struct addrinfo *address,
                        const struct terms *terms, const char *where, const struct log *log)
{
    struct sockaddr_storage bound = {0};
    socklen_t len = sizeof(bound);
    char text[LISTENER_TEXT_MAX];
    bool here = is_loopback(address->ai_addr);
    int fd;

    if (!here && !terms->has_key && !terms->insecure) {
        log_line(log, ENGINE_ERROR,
                 "cannot listen on %s: it can be reached from other hosts and nothing would be "
                 "encrypted; add --keys-dir DIR to encrypt, or --insecure-listen to allow that, or "
                 "listen on 127.0.0.1",
                 where);
        return CONFIG_EXIT_USAGE;
    }
    if (terms->only_check) {
        return 0;
    }
    fd = tcp_socket(address);
    if (fd < 0 && is_missing(errno)) {
        return 0; /* the host's other addresses may do; the caller looks whether any did */
    }
    if (fd < 0 || getsockname(fd, (struct sockaddr *)(void *)&bound, &len) != 0) {
        return refuse(log, where, errno, advice_of(errno));
    }
    listen_address_text(&bound, text, sizeof(text));
    if (!add(listeners, fd, false, text)) {
        return refuse(log, where, errno, "name fewer addresses");
    }
    listeners->items[listeners->count - 1].clear_refused = !here && !terms->insecure;
    if (!here && terms->insecure) {
        log_line(log, ENGINE_WARNING, "%s can be reached from other hosts and %s", text,
                 terms->warning);
    }
    return 0;
}

/* Every address of the host that the system has. */
static int open_tcp(struct listeners *listeners, const struct config_listen *listen,
                    const struct terms *terms, const struct log *log)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    size_t before = listeners->count;
    char where[CONFIG_HOST_MAX + 16];
    char port[8];
    int code = 0;
    int error;

    snprintf(port, sizeof(port), "%u", listen->port);
    snprintf(where, sizeof(where), strchr(listen->host, ':') == NULL ? "%s:%s" : "[%s]:%s",
             listen->host, port);
    error = getaddrinfo(listen->host, port, &hints, &found);
    if (error != 0) {
        log_line(log, ENGINE_ERROR, "cannot listen on %s: %s; give an address of this host", where,
                 gai_strerror(error));
        return CONFIG_EXIT_LISTEN;
    }
    for (struct addrinfo *at = found; at != NULL && code == 0; at = at->ai_next) {
        code = open_address(listeners, at, terms, where, log);
    }
    freeaddrinfo(found);
    if (code == 0 && listeners->count == before && !terms->only_check) {
        code = refuse(log, where, EADDRNOTAVAIL, advice_of(EADDRNOTAVAIL));
    }
    return code;
}

/* ---- Unix ---- */

/* A socket's file outlives a broker that was killed. It may be replaced if nobody answers there.
 * Returns 0, or the error that says why not. */
static int remove_left_over(const struct sockaddr_un *address)
{
    struct stat file;
    int error = EADDRINUSE;
    int fd;

    if (lstat(address->sun_path, &file) != 0) {
        return errno;
    }
    if (!S_ISSOCK(file.st_mode)) {
        return EEXIST;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    if (connect(fd, (const struct sockaddr *)(const void *)address, sizeof(*address)) != 0 &&
        errno == ECONNREFUSED) {
        error = unlink(address->sun_path) == 0 ? 0 : errno;
    }
    close(fd);
    return error;
}

static int bind_unix(int fd, const struct sockaddr_un *address)
{
    const struct sockaddr *plain = (const struct sockaddr *)(const void *)address;
    mode_t mask = umask(0177);
    int result = bind(fd, plain, sizeof(*address));
    int error = result == 0 ? 0 : errno;

    if (error == EADDRINUSE) {
        error = remove_left_over(address);
        if (error == 0) {
            result = bind(fd, plain, sizeof(*address));
            error = result == 0 ? 0 : errno;
        }
    }
    umask(mask);
    errno = error;
    return result;
}

static int open_unix(struct listeners *listeners, const char *path, const struct terms *terms,
                     const struct log *log)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat file = {0};
    int fd;

    if (strlen(path) >= sizeof(address.sun_path)) {
        log_line(log, ENGINE_ERROR,
                 "cannot listen on %s: the path of a socket has at most %zu bytes; choose a "
                 "shorter one",
                 path, sizeof(address.sun_path) - 1);
        return CONFIG_EXIT_USAGE;
    }
    if (terms->only_check) {
        return 0;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return refuse(log, path, errno, advice_of(errno));
    }
    if (bind_unix(fd, &address) != 0 || listen(fd, BACKLOG) != 0 || lstat(path, &file) != 0) {
        int code = refuse(log, path, errno, advice_of(errno));

        close(fd);
        return code;
    }
    if (!add(listeners, fd, true, path)) {
        return refuse(log, path, errno, "name fewer addresses");
    }
    listeners->items[listeners->count - 1].device = file.st_dev;
    listeners->items[listeners->count - 1].inode = file.st_ino;
    return 0;
}

/* ---- all of them ---- */

static struct terms terms_of(const struct config *config, bool has_key, bool only_check)
{
    return (struct terms){has_key, config->insecure_listen, only_check,
                          "nothing is encrypted (--insecure-listen): whoever can reach it can read "
                          "and change everything"};
}

static int open_all(struct listeners *listeners, const struct config *config,
                    const struct terms *terms, const struct log *log)
{
    int code = 0;

    listeners->count = 0;
    for (size_t i = 0; i < config->listens.count && code == 0; i++) {
        const struct config_listen *listen = &config->listens.items[i];

        code = listen->path != NULL ? open_unix(listeners, listen->path, terms, log)
                                    : open_tcp(listeners, listen, terms, log);
    }
    if (code != 0) {
        listeners_close(listeners);
    }
    return code;
}

int listeners_open(struct listeners *listeners, const struct config *config, bool has_key,
                   const struct log *log)
{
    struct terms terms = terms_of(config, has_key, false);

    return open_all(listeners, config, &terms, log);
}

static int open_http(struct listeners *listeners, const struct config_listen *listen,
                     bool only_check, const struct log *log)
{
    const struct terms terms = {.insecure = true,
                                .only_check = only_check,
                                .warning = "nobody is asked who they are: whoever can reach it can "
                                           "read the names and figures of all queues"};
    int code;

    listeners->count = 0;
    code = open_tcp(listeners, listen, &terms, log);
    if (code != 0) {
        listeners_close(listeners);
    }
    return code;
}

int listeners_open_http(struct listeners *listeners, const struct config_listen *listen,
                        const struct log *log)
{
    return open_http(listeners, listen, false, log);
}

int listeners_check(const struct config *config, bool has_key, const struct log *log)
{
    struct terms terms = terms_of(config, has_key, true);
    struct listeners none;

    int code = open_all(&none, config, &terms, log);

    return code != 0 || config->http.host[0] == '\0' ? code
                                                     : open_http(&none, &config->http, true, log);
}

void listeners_close(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        struct listener *listener = &listeners->items[i];
        struct stat file;

        if (listener->is_unix && lstat(listener->text, &file) == 0 &&
            file.st_dev == listener->device && file.st_ino == listener->inode) {
            unlink(listener->text);
        }
        close(listener->fd);
    }
    listeners->count = 0;
}
