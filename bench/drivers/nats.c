/* nats.c - the drivers of NATS: core (nothing is kept or acknowledged) and JetStream (a stream in
 * memory, or on disk when durable, with a shared pull consumer; acknowledged).
 *
 * Core answers no put; where a scenario waits for each answer, a flush (PING, PONG) stands for it.
 * With a window JetStream acknowledges all up to the last one taken at once (AckAll); clients that
 * take one at a time share the consumer, and each acknowledges its own. */
#include "bench/crew.h"
#include "bench/driver.h"

#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FOR_EVER_MS = 1000000000, PENDING_MAX = 1000000 };

struct wire {
    const struct target *target;
    natsConnection *connection;
    natsSubscription *subscription;
    jsCtx *jet;
    natsMsgList list; /* what take gave */
    natsMsg **taken;
    size_t taken_count;
};

static void must(natsStatus status, const char *what)
{
    if (status != NATS_OK) {
        natsStatus last = NATS_OK;
        const char *more = nats_GetLastError(&last);
        die("nats: %s: %s %s", what, natsStatus_GetText(status), more != NULL ? more : "");
    }
}

static struct wire *open_plain(const struct target *target)
{
    struct wire *wire = need(calloc(1, sizeof(*wire)));
    natsOptions *options = NULL;
    char url[64];
    wire->target = target;
    wire->taken = need(calloc(target->window, sizeof(natsMsg *)));
    snprintf(url, sizeof(url), "nats://%s:%d", target->host, target->port);
    must(natsOptions_Create(&options), "options");
    must(natsOptions_SetURL(options, url), "url");
    must(natsOptions_SetMaxPendingMsgs(options, PENDING_MAX), "limits");
    must(natsConnection_Connect(&wire->connection, options), "connect");
    natsOptions_Destroy(options);
    return wire;
}

static void flush(struct wire *wire)
{
    must(natsConnection_FlushTimeout(wire->connection, FOR_EVER_MS), "flush");
}

static void drop_taken(struct wire *wire)
{
    for (size_t i = 0; i < wire->taken_count; i++) {
        natsMsg_Destroy(wire->taken[i]);
    }
    wire->taken_count = 0;
}

static void close_wire(struct wire *wire)
{
    drop_taken(wire);
    natsSubscription_Destroy(wire->subscription);
    jsCtx_Destroy(wire->jet);
    natsConnection_Destroy(wire->connection);
    free(wire->taken);
    free(wire);
}

static size_t tell_taken(const struct wire *wire, struct message *out)
{
    for (size_t i = 0; i < wire->taken_count; i++) {
        out[i] = (struct message){natsMsg_GetData(wire->taken[i]),
                                  (size_t)natsMsg_GetDataLength(wire->taken[i]), 0};
    }
    return wire->taken_count;
}

/* ---- core ---- */

static struct wire *open_core(const struct target *target, enum role role)
{
    struct wire *wire = open_plain(target);
    if (role == ROLE_CONSUMER || role == ROLE_BOTH) {
        must(natsConnection_QueueSubscribeSync(&wire->subscription, wire->connection, target->queue,
                                               "workers"),
             "subscribe");
        must(natsSubscription_SetPendingLimits(wire->subscription, -1, -1), "limits");
        flush(wire);
    }
    return wire;
}

static void put_core(struct wire *wire, const struct message *messages, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        must(natsConnection_Publish(wire->connection, wire->target->queue, messages[i].body,
                                    (int)messages[i].size),
             "publish");
    }
}

static void settle_core(struct wire *wire, size_t most)
{
    if (most == 0) {
        flush(wire);
    }
}

static size_t take_core(struct wire *wire, struct message *out, size_t max, int timeout_ms)
{
    drop_taken(wire);
    natsStatus status = natsSubscription_NextMsg(&wire->taken[0], wire->subscription, timeout_ms);
    if (status == NATS_TIMEOUT) {
        return 0;
    }
    must(status, "next");
    wire->taken_count = 1;
    /* With 0 it does not wait; whatever it says then, there is nothing more now. */
    while (wire->taken_count < max && natsSubscription_NextMsg(&wire->taken[wire->taken_count],
                                                               wire->subscription, 0) == NATS_OK) {
        wire->taken_count++;
    }
    return tell_taken(wire, out);
}

/* An event: a subject all are subscribed to. */
static void watch(struct wire *wire)
{
    natsSubscription_Destroy(wire->subscription);
    must(natsConnection_SubscribeSync(&wire->subscription, wire->connection, "event"), "subscribe");
    flush(wire);
}

static void seen(struct wire *wire)
{
    natsMsg *message = NULL;
    must(natsSubscription_NextMsg(&message, wire->subscription, FOR_EVER_MS), "next");
    natsMsg_Destroy(message);
}

static void shout(struct wire *wire)
{
    must(natsConnection_Publish(wire->connection, "event", "1", 1), "publish");
    flush(wire);
}

/* ---- JetStream ---- */

/* One fact for who makes the consumer and for who uses it: the library compares. */
static void describe_consumer(jsConsumerConfig *consumer, const struct target *target)
{
    consumer->Durable = "workers";
    consumer->AckPolicy = target->window > 1 ? js_AckAll : js_AckExplicit;
    consumer->MaxAckPending = 100000;
    consumer->MemoryStorage = !target->durable;
}

static struct wire *open_jet(const struct target *target, enum role role)
{
    struct wire *wire = open_plain(target);
    jsOptions options;
    jsErrCode error = 0;
    must(jsOptions_Init(&options), "options");
    options.Wait = FOR_EVER_MS;
    options.PublishAsync.MaxPending = target->window + 1;
    must(natsConnection_JetStream(&wire->jet, wire->connection, &options), "jetstream");
    if (role == ROLE_CONSUMER || role == ROLE_BOTH) {
        jsSubOptions how;
        must(jsSubOptions_Init(&how), "options");
        how.Stream = "S";
        how.Consumer = "workers";
        describe_consumer(&how.Config, target);
        must(js_PullSubscribe(&wire->subscription, wire->jet, target->queue, "workers", NULL, &how,
                              &error),
             "subscribe");
    }
    return wire;
}

static void prepare_jet(const struct target *target)
{
    struct wire *wire = open_jet(target, ROLE_SETUP);
    jsErrCode error = 0;
    jsStreamConfig stream;
    jsConsumerConfig consumer;
    must(jsStreamConfig_Init(&stream), "options");
    stream.Name = "S";
    stream.Subjects = (const char *[1]){target->queue};
    stream.SubjectsLen = 1;
    stream.Storage = target->durable ? js_FileStorage : js_MemoryStorage;
    must(js_AddStream(NULL, wire->jet, &stream, NULL, &error), "add stream");
    must(jsConsumerConfig_Init(&consumer), "options");
    describe_consumer(&consumer, target);
    must(js_AddConsumer(NULL, wire->jet, "S", &consumer, NULL, &error), "add consumer");
    close_wire(wire);
}

static void put_jet(struct wire *wire, const struct message *messages, size_t n)
{
    jsErrCode error = 0;
    if (wire->target->window == 1) {
        must(js_Publish(NULL, wire->jet, wire->target->queue, messages[0].body,
                        (int)messages[0].size, NULL, &error),
             "publish");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        must(js_PublishAsync(wire->jet, wire->target->queue, messages[i].body,
                             (int)messages[i].size, NULL),
             "publish");
    }
}

/* The library itself keeps the number of unanswered ones below the window. */
static void settle_jet(struct wire *wire, size_t most)
{
    jsPubOptions options;
    must(jsPubOptions_Init(&options), "options");
    options.MaxWait = FOR_EVER_MS;
    if (most == 0 && wire->target->window > 1) {
        must(js_PublishAsyncComplete(wire->jet, &options), "publish");
    }
}

static size_t take_jet(struct wire *wire, struct message *out, size_t max, int timeout_ms)
{
    jsErrCode error = 0;
    drop_taken(wire);
    natsStatus status =
        natsSubscription_Fetch(&wire->list, wire->subscription, (int)max, timeout_ms, &error);
    if (status == NATS_TIMEOUT) {
        return 0;
    }
    must(status, "fetch");
    wire->taken_count = (size_t)wire->list.Count;
    memcpy(wire->taken, wire->list.Msgs, wire->taken_count * sizeof(natsMsg *));
    wire->list.Count = 0;
    natsMsgList_Destroy(&wire->list);
    return tell_taken(wire, out);
}

static void ack_jet(struct wire *wire)
{
    must(natsMsg_Ack(wire->taken[wire->taken_count - 1], NULL), "ack");
}

/* An acknowledgement is a message like others: a flush behind it shows that the server has it. */
static void finish_jet(struct wire *wire)
{
    flush(wire);
}

static const struct driver core = {
    .name = "nats core",
    .how = "publish, queue subscription; the library's own buffers",
    .how_one = "publish and flush, queue subscription",
    .open = open_core,
    .close = close_wire,
    .put = put_core,
    .settle = settle_core,
    .take = take_core,
    .watch = watch,
    .seen = seen,
    .shout = shout,
};
static const struct driver jet = {
    .name = "nats jetstream",
    .how = "asynchronous publish, fetch of many, AckAll",
    .how_one = "publish, fetch of one, explicit ack",
    .answers = true,
    .acknowledges = true,
    .prepare = prepare_jet,
    .open = open_jet,
    .close = close_wire,
    .put = put_jet,
    .settle = settle_jet,
    .take = take_jet,
    .ack = ack_jet,
    .finish = finish_jet,
};

const struct driver *const drivers[] = {&core, &jet, NULL};
