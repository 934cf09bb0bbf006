/* wires.c - sockets: accepted, read once a turn, written once a turn, closed.
 *
 * The engine decides when a connection ends: a socket is closed in port_close and nowhere else,
 * which the engine calls from within a turn only, so no event of a closed socket is still to be
 * handled. When the process has no descriptor left, accepting pauses until a connection ends or a
 * second has passed; everybody else is served meanwhile. */
#include "broker/io/internal.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "protocol/gather.h"

#define ACCEPTS_PER_TURN    64 /* of one listener, so that those who are connected get their turn */
#define COMPLAINT_NS        10000000000LL
#define COMPLAINT_BYTES_MAX 256

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t io_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

/* ---- ports ---- */

static int64_t port_now(void *user)
{
    (void)user;
    return io_now_ns();
}

static int64_t port_wall(void *user)
{
    (void)user;
    return clock_ns(CLOCK_REALTIME);
}

static void port_entropy(void *user, uint8_t *out, size_t len)
{
    (void)user;
    randombytes_buf(out, len);
}

static void port_log(void *user, const struct engine_note *note)
{
    struct io *io = user;

    log_note(&io->log, note);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct wire *wire = arg;

    (void)fd;
    (void)what;
    engine_writable(wire->io->engine, wire->conn);
}

/* The second event is half of a wire, and few ever wait for room. */
static bool await_room(struct wire *wire)
{
    if (wire->writable == NULL) {
        wire->writable = event_new(wire->io->base, wire->fd, EV_WRITE, on_writable, wire);
    }
    return wire->writable != NULL && event_add(wire->writable, NULL) == 0;
}

/* One piece is the rule, and the cheaper call. */
static ssize_t send_pieces(int fd, const struct mst_span *pieces, size_t count)
{
    struct iovec vectors[MST_GATHER_PIECES_MAX];
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = count};

    if (count == 1) {
        return send(fd, pieces[0].data, pieces[0].len, MSG_NOSIGNAL);
    }
    for (size_t i = 0; i < count; i++) {
        /* The system reads only; its structure serves both directions. */
        vectors[i] = (struct iovec){(void *)(uintptr_t)pieces[i].data, pieces[i].len};
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static ptrdiff_t port_send(void *user, uint64_t conn, const struct mst_span *pieces, size_t count)
{
    struct io *io = user;
    struct wire *wire = io->wires[engine_slot(conn)];
    ssize_t n = send_pieces(wire->fd, pieces, count);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        return -1;
    }
    n = n < 0 ? 0 : n;
    if ((size_t)n < mst_spans_len(pieces, count) && !await_room(wire)) {
        return -1;
    }
    return n;
}

static void resume_accepting(struct io *io)
{
    if (!io->accepting_paused) {
        return;
    }
    io->accepting_paused = false;
    event_del(&io->retry);
    for (size_t i = 0; i < io->listeners.count; i++) {
        event_add(&io->acceptors[i].readable, NULL);
    }
}

static void port_close(void *user, uint64_t conn)
{
    struct io *io = user;
    struct wire *wire = io->wires[engine_slot(conn)];

    io->wires[engine_slot(conn)] = NULL;
    event_del(&wire->readable);
    if (wire->writable != NULL) {
        event_free(wire->writable);
    }
    close(wire->fd);
    free(wire);
    resume_accepting(io);
}

struct engine_ports io_ports(struct io *io)
{
    return (struct engine_ports){.user = io,
                                 .now_ns = port_now,
                                 .wall_ns = port_wall,
                                 .entropy = port_entropy,
                                 .send = port_send,
                                 .close = port_close,
                                 .log = port_log};
}

/* ---- events ---- */

/* Bytes of a large frame go straight to their place, and only few beyond it are read, so that the
 * next begins at its place too. As read does. */
static ssize_t read_some(struct io *io, const struct wire *wire, bool *more_out)
{
    struct mst_room room = engine_room(io->engine, wire->conn);
    size_t beyond = room.len == 0 ? READ_BYTES : MST_LARGE_AHEAD;
    size_t there = room.data == NULL ? 0 : room.len;
    struct iovec places[] = {{room.data, there}, {io->buffer, beyond + room.len - there}};
    size_t filled;
    ssize_t n;
    int error;

    places[1].iov_len = places[1].iov_len < READ_BYTES ? places[1].iov_len : READ_BYTES;
    n = there == 0 ? read(wire->fd, io->buffer, places[1].iov_len) : readv(wire->fd, places, 2);
    error = errno;
    filled = n < 0 ? 0 : (size_t)n < there ? (size_t)n : there;
    if (there > 0) {
        engine_filled(io->engine, wire->conn, filled);
    }
    *more_out = room.len > 0 && n > 0 && (size_t)n == there + places[1].iov_len;
    if (n > 0) {
        engine_receive(io->engine, wire->conn, mst_span_of(io->buffer, (size_t)n - filled));
    }
    errno = error;
    return n;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct wire *wire = arg;
    struct io *io = wire->io;
    size_t read_bytes = 0;
    bool more;
    ssize_t n;

    (void)fd;
    (void)what;
    io->came = true;
    if (!engine_takes(io->engine, wire->conn)) {
        return; /* it stays readable, so it comes again in the next turn, in the order of arrival */
    }
    do {
        n = read_some(io, wire, &more);
        read_bytes += n > 0 ? (size_t)n : 0;
    } while (more && read_bytes < READ_BYTES);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        engine_closed(io->engine, wire->conn);
    }
}

/* ---- accepting ---- */

static bool wires_reach(struct io *io, size_t slot)
{
    size_t count = io->wires_count == 0 ? 64 : io->wires_count;
    struct wire **wires;

    if (slot < io->wires_count) {
        return true;
    }
    while (count <= slot) {
        count *= 2;
    }
    wires = realloc(io->wires, count * sizeof(struct wire *));
    if (wires == NULL) {
        return false;
    }
    memset(wires + io->wires_count, 0, (count - io->wires_count) * sizeof(struct wire *));
    io->wires = wires;
    io->wires_count = count;
    return true;
}

static void complain(const struct io *io, struct complaint *kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void complain(const struct io *io, struct complaint *kind, const char *format, ...)
{
    char text[COMPLAINT_BYTES_MAX];
    struct engine_note note = {.level = ENGINE_WARNING, .text = text, .missed = kind->missed};
    int64_t now_ns = io_now_ns();
    va_list arguments;

    if (now_ns < kind->next_ns) {
        kind->missed++;
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    log_note(&io->log, &note);
    *kind = (struct complaint){.next_ns = now_ns + COMPLAINT_NS};
}

/* Whoever may use the socket's file could connect; only the broker's user and root are served. */
static bool peer_may(struct io *io, int fd, struct engine_peer *peer, char *text, size_t cap)
{
    struct ucred who = {0};
    socklen_t len = sizeof(who);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0) {
        return false;
    }
    peer->is_unix = true;
    peer->uid = who.uid;
    snprintf(text, cap, "pid:%ld", (long)who.pid);
    if (who.uid == geteuid() || who.uid == 0) {
        return true;
    }
    complain(io, &io->foreign,
             "refused process %ld of user %lu on a Unix socket: only user %lu and root may",
             (long)who.pid, (unsigned long)who.uid, (unsigned long)geteuid());
    return false;
}

/* false: the caller closes fd. */
static bool admit(struct io *io, int fd, const struct engine_peer *peer)
{
    struct wire *wire = calloc(1, sizeof(*wire));
    uint64_t conn;

    /* A slot that was never in use is the next after all that are: room for it is made before. */
    if (wire == NULL || !wires_reach(io, engine_connections(io->engine))) {
        free(wire);
        return false;
    }
    conn = engine_accept(io->engine, peer);
    if (conn == 0) {
        free(wire);
        return false;
    }
    assert(engine_slot(conn) < io->wires_count);
    wire->io = io;
    wire->fd = fd;
    wire->conn = conn;
    io->wires[engine_slot(conn)] = wire;
    event_assign(&wire->readable, io->base, fd, EV_READ | EV_PERSIST, on_readable, wire);
    if (event_add(&wire->readable, NULL) != 0) {
        engine_closed(io->engine, conn);
    }
    return true;
}

static void take_in(struct acceptor *acceptor, int fd, const struct sockaddr_storage *address)
{
    char text[ENGINE_PEER_TEXT_MAX];
    struct engine_peer peer = {.address = text, .clear_refused = acceptor->listener->clear_refused};
    bool may = true;
    int one = 1;

    if (acceptor->listener->is_unix) {
        may = peer_may(acceptor->io, fd, &peer, text, sizeof(text));
    } else {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        listen_address_text(address, text, sizeof(text));
        peer.source = listen_address_source(address);
    }
    if (!may || !admit(acceptor->io, fd, &peer)) {
        close(fd);
    }
}

static void pause_accepting(struct io *io, int error)
{
    struct timeval second = {.tv_sec = 1};

    for (size_t i = 0; i < io->listeners.count; i++) {
        event_del(&io->acceptors[i].readable);
    }
    io->accepting_paused = true;
    event_add(&io->retry, &second);
    complain(io, &io->short_of,
             "cannot accept a connection: %s; new ones wait until others end; raise the limit of "
             "open files (ulimit -n) or lower --max-connections",
             strerror(error));
}

static bool is_short_of_something(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void on_connection(evutil_socket_t listener, short what, void *arg)
{
    struct acceptor *acceptor = arg;

    (void)what;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage address = {0};
        socklen_t len = sizeof(address);
        int fd = accept4(listener, (struct sockaddr *)(void *)&address, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            take_in(acceptor, fd, &address);
        } else if (is_short_of_something(errno)) {
            pause_accepting(acceptor->io, errno);
            return;
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    resume_accepting(arg);
}

bool io_start_accepting(struct io *io)
{
    evtimer_assign(&io->retry, io->base, on_retry, io);
    for (size_t i = 0; i < io->listeners.count; i++) {
        struct acceptor *acceptor = &io->acceptors[i];

        acceptor->io = io;
        acceptor->listener = &io->listeners.items[i];
        event_assign(&acceptor->readable, io->base, acceptor->listener->fd, EV_READ | EV_PERSIST,
                     on_connection, acceptor);
        if (event_add(&acceptor->readable, NULL) != 0) {
            return false;
        }
    }
    return true;
}

void io_stop_accepting(struct io *io)
{
    for (size_t i = 0; i < io->listeners.count; i++) {
        event_del(&io->acceptors[i].readable);
    }
    event_del(&io->retry);
    io->accepting_paused = false;
    listeners_close(&io->listeners);
}
