/* gearman.c - the driver of gearmand, spoken to directly: background jobs, grabbed by a worker.
 *
 * Packets are pipelined: several SUBMIT_JOB_BG at once, several GRAB_JOB at once, WORK_COMPLETE of
 * what was done before together with the next GRAB_JOB. A job stays the server's until
 * WORK_COMPLETE (which is not answered), so it counts as acknowledged. A worker for whom there is
 * nothing says PRE_SLEEP and is woken by NOOP. */
#include "bench/crew.h"
#include "bench/driver.h"
#include "bench/stream.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum packet {
    CAN_DO = 1,
    PRE_SLEEP = 4,
    NOOP = 6,
    JOB_CREATED = 8,
    GRAB_JOB = 9,
    NO_JOB = 10,
    JOB_ASSIGN = 11,
    WORK_COMPLETE = 13,
    ECHO_REQ = 16,
    ECHO_RES = 17,
    SUBMIT_JOB_BG = 18,
    ERROR = 19
};
enum { HEAD = 12, HANDLE_MAX = 64 };

struct wire {
    struct stream stream;
    const struct target *target;
    size_t unanswered; /* puts */
    size_t grabs;      /* not answered */
    size_t appetite;   /* how many grabs go together */
    bool asleep;       /* PRE_SLEEP was said, NOOP not heard */
    size_t taken;
    char (*handles)[HANDLE_MAX];
    char *bodies;
};

static void packet(struct wire *wire, enum packet kind, size_t len)
{
    char head[HEAD] = {0, 'R', 'E', 'Q'};
    uint32_t numbers[2] = {htonl(kind), htonl((uint32_t)len)};
    memcpy(head + 4, numbers, sizeof(numbers));
    stream_append(&wire->stream, head, sizeof(head));
}

/* The next packet; its data stay until the next one is read. */
static enum packet next_packet(struct wire *wire, const char **data, size_t *len)
{
    uint32_t numbers[2];
    memcpy(numbers, stream_read(&wire->stream, HEAD) + 4, sizeof(numbers));
    *len = ntohl(numbers[1]);
    *data = stream_read(&wire->stream, *len);
    enum packet kind = ntohl(numbers[0]);
    if (kind == ERROR) {
        die("gearmand: error %.*s", (int)*len, *data);
    }
    return kind;
}

static struct wire *open_wire(const struct target *target, enum role role)
{
    struct wire *wire = need(calloc(1, sizeof(*wire)));
    wire->target = target;
    wire->appetite = 1;
    wire->handles = need(calloc(target->window, sizeof(*wire->handles)));
    wire->bodies = need(malloc(target->window * target->size));
    stream_open(&wire->stream, "gearmand", target->host, target->port);
    if (role != ROLE_PRODUCER) {
        packet(wire, CAN_DO, strlen(target->queue));
        stream_append(&wire->stream, target->queue, strlen(target->queue));
    }
    /* What is answered shows that all before it is known. */
    const char *data;
    size_t len;
    packet(wire, ECHO_REQ, 1);
    stream_append(&wire->stream, "?", 1);
    if (next_packet(wire, &data, &len) != ECHO_RES) {
        die("gearmand: no echo");
    }
    return wire;
}

static void close_wire(struct wire *wire)
{
    stream_close(&wire->stream);
    free(wire->handles);
    free(wire->bodies);
    free(wire);
}

static void put(struct wire *wire, const struct message *messages, size_t n)
{
    size_t name = strlen(wire->target->queue) + 1;
    for (size_t i = 0; i < n; i++) {
        packet(wire, SUBMIT_JOB_BG, name + 1 + messages[i].size);
        stream_append(&wire->stream, wire->target->queue, name);
        stream_append(&wire->stream, "", 1); /* no unique name */
        stream_append(&wire->stream, messages[i].body, messages[i].size);
    }
    wire->unanswered += n;
    stream_flush(&wire->stream);
}

static void settle(struct wire *wire, size_t most)
{
    const char *data;
    size_t len;
    for (; wire->unanswered > most; wire->unanswered--) {
        enum packet kind = next_packet(wire, &data, &len);
        if (kind != JOB_CREATED) {
            die("gearmand: a put was answered with packet %d", kind);
        }
    }
}

/* JOB_ASSIGN: handle NUL function NUL body. */
static void keep_job(struct wire *wire, const char *data, size_t len)
{
    size_t handle = strnlen(data, len), function = strlen(wire->target->queue);
    if (handle >= HANDLE_MAX || len != handle + 1 + function + 1 + wire->target->size) {
        die("gearmand: a job of %zu bytes", len);
    }
    memcpy(wire->handles[wire->taken], data, handle + 1);
    memcpy(wire->bodies + wire->taken * wire->target->size, data + handle + function + 2,
           wire->target->size);
    wire->taken++;
}

static void answer(struct wire *wire)
{
    const char *data;
    size_t len;
    switch (next_packet(wire, &data, &len)) {
    case NOOP: wire->asleep = false; break;
    case NO_JOB: wire->grabs--; break;
    case JOB_ASSIGN:
        wire->grabs--;
        keep_job(wire, data, len);
        break;
    default: die("gearmand: an answer that was not asked for");
    }
}

static size_t take(struct wire *wire, struct message *out, size_t max, int timeout_ms)
{
    wire->taken = 0;
    while (wire->taken == 0) {
        if (!wire->asleep) {
            for (; wire->grabs < wire->appetite && wire->grabs < max; wire->grabs++) {
                packet(wire, GRAB_JOB, 0);
            }
        }
        while (wire->grabs > 0) {
            answer(wire);
        }
        if (wire->taken == 0 && !wire->asleep) {
            packet(wire, PRE_SLEEP, 0);
            wire->asleep = true;
        }
        while (wire->asleep) {
            if (!stream_ready(&wire->stream, timeout_ms)) {
                return 0;
            }
            answer(wire);
        }
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
        size_t handle = strlen(wire->handles[i]) + 1;
        packet(wire, WORK_COMPLETE, handle);
        stream_append(&wire->stream, wire->handles[i], handle);
    }
}

/* WORK_COMPLETE has no answer: an echo behind it has. */
static void finish(struct wire *wire)
{
    const char *data;
    size_t len;
    packet(wire, ECHO_REQ, 1);
    stream_append(&wire->stream, "?", 1);
    enum packet kind = next_packet(wire, &data, &len);
    if (kind != ECHO_RES && !(kind == NOOP && next_packet(wire, &data, &len) == ECHO_RES)) {
        die("gearmand: no echo");
    }
    wire->asleep = false;
}

static const struct driver gearmand = {
    .name = "gearmand",
    .how = "SUBMIT_JOB_BG, GRAB_JOB and WORK_COMPLETE pipelined; one thread",
    .how_one = "SUBMIT_JOB_BG, GRAB_JOB; WORK_COMPLETE with the next GRAB_JOB; one thread",
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

const struct driver *const drivers[] = {&gearmand, NULL};
