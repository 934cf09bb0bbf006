/* stream.c - a buffered blocking connection; see stream.h. */
#include "bench/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/crew.h"

enum { IN_BYTES = 256 << 10 };

void stream_open(struct stream *stream, const char *who, const char *host, int port)
{
    int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    *stream = (struct stream){.who = who, .in_cap = IN_BYTES};
    stream->in = need(malloc(stream->in_cap));
    stream->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stream->fd < 0 || inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
        connect(stream->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        die("%s: cannot connect to %s:%d: %s", who, host, port, strerror(errno));
    }
    setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void stream_close(struct stream *stream)
{
    close(stream->fd);
    free(stream->out);
    free(stream->in);
}

/* ---- out ---- */

static void out_room(struct stream *stream, size_t more)
{
    while (stream->out_len + more > stream->out_cap) {
        stream->out_cap = stream->out_cap == 0 ? 4096 : stream->out_cap * 2;
        stream->out = need(realloc(stream->out, stream->out_cap));
    }
}

void stream_append(struct stream *stream, const void *bytes, size_t len)
{
    out_room(stream, len);
    memcpy(stream->out + stream->out_len, bytes, len);
    stream->out_len += len;
}

void stream_print(struct stream *stream, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len >= sizeof(text)) {
        die("%s: a command is too long", stream->who);
    }
    stream_append(stream, text, (size_t)len);
}

void stream_flush(struct stream *stream)
{
    for (size_t sent = 0; sent < stream->out_len;) {
        ssize_t n = write(stream->fd, stream->out + sent, stream->out_len - sent);
        if (n <= 0) {
            die("%s: cannot send: %s", stream->who, strerror(errno));
        }
        sent += (size_t)n;
    }
    stream->out_len = 0;
}

/* ---- in ---- */

static void in_room(struct stream *stream)
{
    memmove(stream->in, stream->in + stream->in_from, stream->in_to - stream->in_from);
    stream->in_to -= stream->in_from;
    stream->in_from = 0;
    if (stream->in_to == stream->in_cap) {
        stream->in_cap *= 2;
        stream->in = need(realloc(stream->in, stream->in_cap));
    }
}

static void fill(struct stream *stream)
{
    stream_flush(stream);
    if (stream->in_from == stream->in_to) {
        stream->in_from = stream->in_to = 0;
    }
    if (stream->in_to == stream->in_cap) {
        in_room(stream);
    }
    ssize_t n = read(stream->fd, stream->in + stream->in_to, stream->in_cap - stream->in_to);
    if (n <= 0) {
        die("%s: the server has closed the connection", stream->who);
    }
    stream->in_to += (size_t)n;
}

bool stream_has(const struct stream *stream, size_t len)
{
    return stream->in_to - stream->in_from >= len;
}

bool stream_ready(struct stream *stream, int timeout_ms)
{
    stream_flush(stream);
    if (stream_has(stream, 1)) {
        return true;
    }
    struct pollfd ready = {stream->fd, POLLIN, 0};
    return poll(&ready, 1, timeout_ms) > 0;
}

const char *stream_peek(struct stream *stream, size_t len)
{
    while (!stream_has(stream, len)) {
        fill(stream);
    }
    return stream->in + stream->in_from;
}

const char *stream_read(struct stream *stream, size_t len)
{
    const char *at = stream_peek(stream, len);
    stream->in_from += len;
    return at;
}

char *stream_line(struct stream *stream)
{
    for (size_t looked = 0;;) {
        char *from = stream->in + stream->in_from;
        size_t have = stream->in_to - stream->in_from;
        char *end = have > looked ? memchr(from + looked, '\n', have - looked) : NULL;
        if (end != NULL) {
            stream->in_from += (size_t)(end - from) + 1;
            end[end > from && end[-1] == '\r' ? -1 : 0] = '\0';
            return from;
        }
        looked = have;
        fill(stream);
    }
}
