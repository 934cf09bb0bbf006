/* beanstalkd.c - the driver of beanstalkd, spoken to directly: all commands are pipelined.
 *
 * The server carries out a client's commands in order, and what stands behind a reserve that waits
 * waits too. So a take is one write: the deletes of what was taken before, one reserve that waits,
 * and more that do not wait, about as many as brought something the last time. */
#include "bench/crew.h"
#include "bench/driver.h"
#include "bench/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wire {
    struct stream stream;
    const struct target *target;
    size_t unanswered; /* puts */
    size_t reserves;   /* not answered */
    size_t deletes;    /* not answered */
    size_t appetite;   /* how many reserves go together */
    unsigned long long *ids;
    size_t taken;
    char *bodies; /* of those taken, target->size each */
};

static struct wire *open_wire(const struct target *target, enum role role)
{
    struct wire *wire = need(calloc(1, sizeof(*wire)));
    wire->target = target;
    wire->appetite = 1;
    wire->ids = need(calloc(target->window, sizeof(*wire->ids)));
    wire->bodies = need(malloc(target->window * target->size));
    stream_open(&wire->stream, "beanstalkd", target->host, target->port);
    if (role != ROLE_CONSUMER) {
        stream_print(&wire->stream, "use %s\r\n", target->queue);
        stream_line(&wire->stream);
    }
    if (role != ROLE_PRODUCER) {
        stream_print(&wire->stream, "watch %s\r\n", target->queue);
        stream_line(&wire->stream);
    }
    return wire;
}

static void close_wire(struct wire *wire)
{
    stream_close(&wire->stream);
    free(wire->ids);
    free(wire->bodies);
    free(wire);
}

static void put(struct wire *wire, const struct message *messages, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        stream_print(&wire->stream, "put %lld 0 3600 %zu\r\n", (long long)messages[i].priority,
                     messages[i].size);
        stream_append(&wire->stream, messages[i].body, messages[i].size);
        stream_append(&wire->stream, "\r\n", 2);
    }
    wire->unanswered += n;
    stream_flush(&wire->stream);
}

static void settle(struct wire *wire, size_t most)
{
    for (; wire->unanswered > most; wire->unanswered--) {
        const char *line = stream_line(&wire->stream);
        if (strncmp(line, "INSERTED ", 9) != 0) {
            die("beanstalkd: put: %s", line);
        }
    }
}

static void answer(struct wire *wire)
{
    const char *line = stream_line(&wire->stream);
    unsigned long long id;
    size_t size;
    if (strcmp(line, "DELETED") == 0) {
        wire->deletes--;
        return;
    }
    wire->reserves--;
    if (strcmp(line, "TIMED_OUT") == 0) {
        return;
    }
    if (sscanf(line, "RESERVED %llu %zu", &id, &size) != 2 || size != wire->target->size) {
        die("beanstalkd: reserve: %s", line);
    }
    wire->ids[wire->taken] = id;
    memcpy(wire->bodies + wire->taken * size, stream_read(&wire->stream, size + 2), size);
    wire->taken++;
}

static void ask(struct wire *wire, size_t max)
{
    wire->reserves = wire->appetite < max ? wire->appetite : max;
    stream_append(&wire->stream, "reserve\r\n", 9);
    for (size_t i = 1; i < wire->reserves; i++) {
        stream_append(&wire->stream, "reserve-with-timeout 0\r\n", 24);
    }
}

static size_t take(struct wire *wire, struct message *out, size_t max, int timeout_ms)
{
    wire->taken = 0;
    if (wire->reserves == 0) {
        ask(wire, max);
    }
    while (wire->reserves > 0) {
        if (wire->taken == 0 && !stream_ready(&wire->stream, timeout_ms)) {
            return 0;
        }
        answer(wire);
    }
    wire->appetite = 2 * wire->taken;
    for (size_t i = 0; i < wire->taken; i++) {
        out[i] = (struct message){wire->bodies + i * wire->target->size, wire->target->size, 0};
    }
    return wire->taken;
}

static void ack(struct wire *wire)
{
    for (size_t i = 0; i < wire->taken; i++) {
        stream_print(&wire->stream, "delete %llu\r\n", wire->ids[i]);
    }
    wire->deletes += wire->taken;
}

static void finish(struct wire *wire)
{
    stream_flush(&wire->stream);
    while (wire->deletes > 0) {
        answer(wire);
    }
}

static const struct driver beanstalkd = {
    .name = "beanstalkd",
    .how = "put, reserve and delete pipelined; delete travels with the next reserve",
    .how_one = "put, reserve; delete travels with the next reserve",
    .answers = true,
    .acknowledges = true,
    .open = open_wire,
    .close = close_wire,
    .put = put,
    .settle = settle,
    .take = take,
    .ack = ack,
    .finish = finish,
};

const struct driver *const drivers[] = {&beanstalkd, NULL};
