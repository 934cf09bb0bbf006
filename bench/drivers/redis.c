/* redis.c - the drivers of Redis: a list (not acknowledged), a stream with a consumer group
 * (acknowledged), a sorted set for priorities (not acknowledged).
 *
 * Commands of many messages where Redis has them (RPUSH, BLMPOP COUNT, XREADGROUP COUNT, XACK,
 * ZADD, BZMPOP COUNT), pipelined; what is asked next travels with what is acknowledged. */
#include "bench/crew.h"
#include "bench/driver.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PER_COMMAND = 100, WORDS = 2 * PER_COMMAND + 4 };

struct wire {
    redisContext *context;
    const struct target *target;
    char consumer[32];
    size_t sent[1024]; /* how many messages each unanswered command carries, a ring */
    size_t sent_first;
    size_t sent_count;
    size_t unanswered;      /* messages */
    size_t acks;            /* XACK commands whose replies were not read yet */
    redisReply *taken;      /* what take gave */
    const redisReply *rows; /* the part of it that has the messages */
};

static void must(const struct wire *wire, bool ok, const char *what)
{
    if (!ok) {
        die("redis: %s: %s", what, wire->context->err ? wire->context->errstr : "failed");
    }
}

static redisReply *reply(struct wire *wire)
{
    void *got = NULL;
    must(wire, redisGetReply(wire->context, &got) == REDIS_OK, "reply");
    redisReply *answer = got;
    if (answer->type == REDIS_REPLY_ERROR) {
        die("redis: %s", answer->str);
    }
    return answer;
}

static void command(struct wire *wire, const char *text, const char *word)
{
    must(wire, redisAppendCommand(wire->context, text, word) == REDIS_OK, "append");
    freeReplyObject(reply(wire));
}

static struct wire *open_wire(const struct target *target, enum role role)
{
    (void)role;
    struct wire *wire = need(calloc(1, sizeof(*wire)));
    wire->target = target;
    wire->context = need(redisConnect(target->host, target->port));
    must(wire, wire->context->err == 0, "connect");
    snprintf(wire->consumer, sizeof(wire->consumer), "c%d", getpid());
    command(wire, "CLIENT SETNAME %s", wire->consumer); /* as clients that one can tell apart do */
    return wire;
}

static void drop_taken(struct wire *wire)
{
    if (wire->taken != NULL) {
        freeReplyObject(wire->taken);
    }
    wire->taken = NULL;
    wire->rows = NULL;
}

static void close_wire(struct wire *wire)
{
    drop_taken(wire);
    redisFree(wire->context);
    free(wire);
}

/* Sends all that was appended. */
static void push_out(struct wire *wire)
{
    int done = 0;
    while (!done) {
        must(wire, redisBufferWrite(wire->context, &done) == REDIS_OK, "write");
    }
}

/* ---- puts ---- */

static void append(struct wire *wire, int words, const char **word, const size_t *len, size_t n)
{
    must(wire, redisAppendCommandArgv(wire->context, words, word, len) == REDIS_OK, "append");
    if (wire->sent_count == sizeof(wire->sent) / sizeof(wire->sent[0])) {
        die("redis: too many commands in flight");
    }
    wire->sent[(wire->sent_first + wire->sent_count++) % 1024] = n;
    wire->unanswered += n;
}

static void put_list(struct wire *wire, const struct message *messages, size_t n)
{
    const char *word[WORDS] = {"RPUSH", wire->target->queue};
    size_t len[WORDS] = {5, strlen(wire->target->queue)};
    for (size_t i = 0; i < n;) {
        int words = 2;
        for (; i < n && words < 2 + PER_COMMAND; i++) {
            word[words] = messages[i].body;
            len[words++] = messages[i].size;
        }
        append(wire, words, word, len, (size_t)words - 2);
    }
    push_out(wire);
}

static void put_stream(struct wire *wire, const struct message *messages, size_t n)
{
    const char *word[5] = {"XADD", wire->target->queue, "*", "m"};
    size_t len[5] = {4, strlen(wire->target->queue), 1, 1};
    for (size_t i = 0; i < n; i++) {
        word[4] = messages[i].body;
        len[4] = messages[i].size;
        append(wire, 5, word, len, 1);
    }
    push_out(wire);
}

static void put_sorted(struct wire *wire, const struct message *messages, size_t n)
{
    const char *word[WORDS] = {"ZADD", wire->target->queue};
    size_t len[WORDS] = {4, strlen(wire->target->queue)};
    char score[PER_COMMAND][24];
    for (size_t i = 0; i < n;) {
        int words = 2;
        for (int row = 0; i < n && row < PER_COMMAND; row++, i++) {
            len[words] = (size_t)snprintf(score[row], sizeof(score[row]), "%lld",
                                          (long long)messages[i].priority);
            word[words++] = score[row];
            word[words] = messages[i].body;
            len[words++] = messages[i].size;
        }
        append(wire, words, word, len, (size_t)(words - 2) / 2);
    }
    push_out(wire);
}

static void settle(struct wire *wire, size_t most)
{
    while (wire->unanswered > most) {
        freeReplyObject(reply(wire));
        wire->unanswered -= wire->sent[wire->sent_first];
        wire->sent_first = (wire->sent_first + 1) % 1024;
        wire->sent_count--;
    }
}

/* ---- takes ---- */

static void read_acks(struct wire *wire)
{
    for (; wire->acks > 0; wire->acks--) {
        freeReplyObject(reply(wire));
    }
}

static void ask_list(struct wire *wire, size_t max, int timeout_ms)
{
    int status;
    if (max == 1) {
        status = redisAppendCommand(wire->context, "BLPOP %s %f", wire->target->queue,
                                    timeout_ms / 1000.0);
    } else {
        status = redisAppendCommand(wire->context, "BLMPOP %f 1 %s LEFT COUNT %d",
                                    timeout_ms / 1000.0, wire->target->queue, (int)max);
    }
    must(wire, status == REDIS_OK, "append");
    push_out(wire);
}

static size_t take_list(struct wire *wire, struct message *out, size_t max, int timeout_ms)
{
    drop_taken(wire);
    ask_list(wire, max, timeout_ms);
    wire->taken = reply(wire);
    if (wire->taken->type == REDIS_REPLY_NIL) {
        return 0;
    }
    const redisReply *second = wire->taken->element[1];
    if (second->type == REDIS_REPLY_STRING) {
        out[0] = (struct message){second->str, second->len, 0};
        return 1;
    }
    for (size_t i = 0; i < second->elements; i++) {
        out[i] = (struct message){second->element[i]->str, second->element[i]->len, 0};
    }
    return second->elements;
}

static size_t take_sorted(struct wire *wire, struct message *out, size_t max, int timeout_ms)
{
    drop_taken(wire);
    must(wire,
         redisAppendCommand(wire->context, "BZMPOP %f 1 %s MIN COUNT %d", timeout_ms / 1000.0,
                            wire->target->queue, (int)max) == REDIS_OK,
         "append");
    wire->taken = reply(wire);
    if (wire->taken->type == REDIS_REPLY_NIL) {
        return 0;
    }
    const redisReply *rows = wire->taken->element[1];
    for (size_t i = 0; i < rows->elements; i++) {
        const redisReply *member = rows->element[i]->element[0];
        out[i] = (struct message){member->str, member->len, 0};
    }
    return rows->elements;
}

static size_t take_stream(struct wire *wire, struct message *out, size_t max, int timeout_ms)
{
    drop_taken(wire);
    must(wire,
         redisAppendCommand(wire->context, "XREADGROUP GROUP g %s COUNT %d BLOCK %d STREAMS %s >",
                            wire->consumer, (int)max, timeout_ms, wire->target->queue) == REDIS_OK,
         "append");
    push_out(wire);
    read_acks(wire);
    wire->taken = reply(wire);
    if (wire->taken->type == REDIS_REPLY_NIL) {
        return 0;
    }
    wire->rows = wire->taken->element[0]->element[1];
    for (size_t i = 0; i < wire->rows->elements; i++) {
        const redisReply *body = wire->rows->element[i]->element[1]->element[1];
        out[i] = (struct message){body->str, body->len, 0};
    }
    return wire->rows->elements;
}

/* Leaves with the next XREADGROUP, or with finish. */
static void ack_stream(struct wire *wire)
{
    const char *word[WORDS] = {"XACK", wire->target->queue, "g"};
    size_t len[WORDS] = {4, strlen(wire->target->queue), 1};
    for (size_t i = 0; i < wire->rows->elements;) {
        int words = 3;
        for (; i < wire->rows->elements && words < 3 + PER_COMMAND; i++) {
            const redisReply *id = wire->rows->element[i]->element[0];
            word[words] = id->str;
            len[words++] = id->len;
        }
        must(wire, redisAppendCommandArgv(wire->context, words, word, len) == REDIS_OK, "append");
        wire->acks++;
    }
}

static void finish_stream(struct wire *wire)
{
    push_out(wire);
    read_acks(wire);
}

static void prepare(const struct target *target)
{
    struct wire *wire = open_wire(target, ROLE_SETUP);
    command(wire, "DEL %s", target->queue);
    close_wire(wire);
}

static void prepare_stream(const struct target *target)
{
    struct wire *wire = open_wire(target, ROLE_SETUP);
    command(wire, "DEL %s", target->queue);
    command(wire, "XGROUP CREATE %s g $ MKSTREAM", target->queue);
    close_wire(wire);
}

/* ---- events: a channel to which clients are subscribed ---- */

static void watch(struct wire *wire)
{
    command(wire, "SUBSCRIBE %s", wire->target->queue);
}

static void seen(struct wire *wire)
{
    freeReplyObject(reply(wire));
}

static void shout(struct wire *wire)
{
    command(wire, "PUBLISH %s 1", wire->target->queue);
}

static const struct driver list = {
    .name = "redis list",
    .how = "RPUSH of up to 100 pipelined, BLMPOP COUNT",
    .how_one = "RPUSH, BLPOP",
    .answers = true,
    .prepare = prepare,
    .open = open_wire,
    .close = close_wire,
    .put = put_list,
    .settle = settle,
    .take = take_list,
    .watch = watch,
    .seen = seen,
    .shout = shout,
};
static const struct driver stream = {
    .name = "redis stream",
    .how = "XADD pipelined, XREADGROUP COUNT with XACK of all before in one write",
    .how_one = "XADD, XREADGROUP COUNT 1 with XACK of the one before in one write",
    .answers = true,
    .acknowledges = true,
    .prepare = prepare_stream,
    .open = open_wire,
    .close = close_wire,
    .put = put_stream,
    .settle = settle,
    .take = take_stream,
    .ack = ack_stream,
    .finish = finish_stream,
};
static const struct driver sorted = {
    .name = "redis sorted set",
    .how = "ZADD of up to 100 pipelined, BZMPOP COUNT",
    .how_one = "ZADD, BZMPOP COUNT 1",
    .answers = true,
    .prepare = prepare,
    .open = open_wire,
    .close = close_wire,
    .put = put_sorted,
    .settle = settle,
    .take = take_sorted,
};

const struct driver *const drivers[] = {&list, &stream, &sorted, NULL};
