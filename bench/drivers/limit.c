/* limit.c - the drivers of limit_server.c: a relay without a broker in it, an echo, a broadcast.
 *
 * Nothing is framed, answered or acknowledged: bodies have one size, which both ends know. */
#include "bench/crew.h"
#include "bench/driver.h"
#include "bench/stream.h"

#include <stdlib.h>

struct wire {
    struct stream stream;
    size_t size;
    size_t unanswered; /* what was sent and did not come back; counted by the echo only */
};

static struct wire *open_as(const struct target *target, const char *sort)
{
    struct wire *wire = need(calloc(1, sizeof(*wire)));
    wire->size = target->size;
    stream_open(&wire->stream, "limit", target->host, target->port);
    stream_append(&wire->stream, sort, 1);
    stream_read(&wire->stream, 1);
    return wire;
}

static struct wire *open_relay(const struct target *target, enum role role)
{
    return open_as(target, role == ROLE_PRODUCER ? "P" : "C");
}

static struct wire *open_echo(const struct target *target, enum role role)
{
    (void)role;
    return open_as(target, "E");
}

static struct wire *open_broadcast(const struct target *target, enum role role)
{
    return open_as(target, role == ROLE_PRODUCER ? "S" : "W");
}

static void close_wire(struct wire *wire)
{
    stream_close(&wire->stream);
    free(wire);
}

static void put(struct wire *wire, const struct message *messages, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        stream_append(&wire->stream, messages[i].body, messages[i].size);
    }
    wire->unanswered += n;
    stream_flush(&wire->stream);
}

static void settle(struct wire *wire, size_t most)
{
    (void)wire;
    (void)most;
}

/* What comes back is the answer; take then finds it there. */
static void settle_echo(struct wire *wire, size_t most)
{
    if (wire->unanswered > most) {
        stream_peek(&wire->stream, wire->size * (wire->unanswered - most));
    }
}

static size_t take(struct wire *wire, struct message *out, size_t max, int timeout_ms)
{
    if (!stream_ready(&wire->stream, timeout_ms)) {
        return 0;
    }
    /* The first read may move what is in the buffer; what follows is there already. */
    out[0] = (struct message){stream_read(&wire->stream, wire->size), wire->size, 0};
    size_t n = 1;
    for (; n < max && stream_has(&wire->stream, wire->size); n++) {
        out[n] = (struct message){stream_read(&wire->stream, wire->size), wire->size, 0};
    }
    wire->unanswered -= n < wire->unanswered ? n : wire->unanswered;
    return n;
}

static void watch(struct wire *wire)
{
    (void)wire;
}

static void seen(struct wire *wire)
{
    stream_read(&wire->stream, 1);
}

static void shout(struct wire *wire)
{
    stream_append(&wire->stream, "!", 1);
    stream_flush(&wire->stream);
}

static const struct driver relay = {
    .name = "limit: relay",
    .how = "bytes through one epoll loop",
    .open = open_relay,
    .close = close_wire,
    .put = put,
    .settle = settle,
    .take = take,
};
static const struct driver echo = {
    .name = "limit: echo",
    .how = "bytes back from one epoll loop",
    .open = open_echo,
    .close = close_wire,
    .put = put,
    .settle = settle_echo,
    .take = take,
};
static const struct driver broadcast = {
    .name = "limit: broadcast",
    .how = "one byte to each, one epoll loop",
    .open = open_broadcast,
    .close = close_wire,
    .watch = watch,
    .seen = seen,
    .shout = shout,
};

const struct driver *const drivers[] = {&relay, &echo, &broadcast, NULL};
