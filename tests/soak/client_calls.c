/* client_calls.c - calls that may wait, blocking or not, with their lines. See client.h.
 *
 * A message whose get began in one session and ended in another is dropped: which of them holds it
 * nobody can say. */
#include "tests/soak/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_MOST 20000

/* ---- lines ---- */

struct history_call client_asks(enum history_op op, size_t object)
{
    struct history_call call;

    memset(&call, 0, sizeof(call));
    call.op = op;
    call.objects[call.objects_count++] = object;
    call.ttl_ns = call.lease_ns = call.timeout_ns = MUSTER_FOREVER;
    call.kind = HISTORY_NO_QUEUE;
    call.maxsize = call.max_deliveries = call.full = call.dedup_window_ns = -1;
    return call;
}

uint64_t client_begins(struct client *c, struct history_call *call, uint64_t *session_out)
{
    uint64_t number = c->next_call++;

    *session_out = muster_session_id(c->muster);
    call->begin_ns = lines_now_ns();
    lines_begin(c->lines, number, *session_out, call);
    return number;
}

void client_ends(struct client *c, uint64_t number, struct history_call *call,
                 enum muster_status status, const char *cause)
{
    uint64_t session_end;

    call->status = status;
    call->paused = status != MUSTER_OK && strcmp(cause, "paused") == 0;
    call->has_cause = status != MUSTER_OK && cause[0] != '\0';
    session_end = muster_session_id(c->muster);
    call->end_ns = lines_now_ns();
    lines_end(c->lines, number, session_end, call);
    free(call->messages);
    call->messages = NULL;
    if (write(c->pulse, "", 1) < 0) {
        return; /* nobody counts so fast */
    }
}

/* ---- messages ---- */

static unsigned char filler(const char *text, size_t i)
{
    return (unsigned char)((unsigned char)text[i % strlen(text)] + i);
}

/* One in ten is large; its text comes first, and what follows can be checked. */
static size_t make_body(struct client *c, const char *text, unsigned char body[BODY_MOST])
{
    size_t len = strlen(text);
    size_t size = client_dice(c, 10) == 0 ? len + 1 + client_dice(c, BODY_MOST - len - 1) : len;

    memcpy(body, text, len);
    for (size_t i = len; i < size; i++) {
        body[i] = i == len ? '\0' : filler(text, i);
    }
    return size;
}

static const char *text_of(const muster_message *message)
{
    const char *text = muster_message_body(message);
    size_t size = muster_message_size(message);

    for (size_t i = strlen(text) + 1; i < size; i++) {
        if ((unsigned char)text[i] != filler(text, i)) {
            return "?broken";
        }
    }
    return text;
}

static void hold(struct client *c, muster_message *message, size_t queue)
{
    size_t place = 0;

    while (place < HELD && c->held[place].message != NULL) {
        place++;
    }
    if (place == HELD) {
        muster_message_free(&message); /* its lease stays until the session ends */
        return;
    }
    c->held[place] = (struct held){message, queue};
}

static size_t queue_of(const muster_message *message)
{
    size_t queue = 0;

    while (strcmp(soak_name(queue), muster_message_queue(message)) != 0) {
        queue++;
    }
    return queue;
}

/* Writes a delivery down. */
static void tell_delivery(struct history_call *call, const muster_message *message)
{
    const char *died_of = muster_message_died_of(message);
    struct history_message *told = history_message(call, text_of(message));

    told->object = queue_of(message);
    told->id = muster_message_id(message);
    told->number = muster_message_delivery(message);
    told->priority = muster_message_priority(message);
    told->died_by_itself = died_of != NULL && strncmp(died_of, "max-deliveries", 14) == 0;
}

static void got(struct client *c, const struct history_call *call, uint64_t session,
                muster_message *message)
{
    size_t queue = queue_of(message);

    pthread_mutex_lock(&c->lock);
    if (session != muster_session_id(c->muster)) {
        muster_message_free(&message);
    } else if (call->automatic) {
        c->taken[queue % SOAK_QUEUES] += queue < SOAK_QUEUES;
        muster_message_free(&message);
    } else {
        hold(c, message, queue);
    }
    pthread_mutex_unlock(&c->lock);
}

/* ---- hands ---- */

static void met(struct client *c, struct history_call *call, const muster_barrier_result *result)
{
    call->generation = result->generation;
    call->index = result->index;
    call->leads = result->leader;
    pthread_mutex_lock(&c->lock);
    c->leads = c->leads || result->leader;
    c->generation = result->leader ? result->generation : c->generation;
    pthread_mutex_unlock(&c->lock);
}

static struct hand *free_hand(struct client *c, const struct history_call *call)
{
    struct hand *hand = NULL;

    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < HANDS && hand == NULL; i++) {
        hand = c->hands[i].busy ? NULL : &c->hands[i];
    }
    pthread_mutex_unlock(&c->lock);
    if (hand != NULL) {
        muster_call_release(&hand->handle);
        hand->client = c;
        hand->busy = true;
        hand->call = *call;
        hand->number = client_begins(c, &hand->call, &hand->session);
    }
    return hand;
}

static void drop_hand(struct hand *hand)
{
    pthread_mutex_lock(&hand->client->lock);
    hand->busy = false;
    pthread_mutex_unlock(&hand->client->lock);
}

static void hand_ends(struct hand *hand, enum muster_status status, const char *cause)
{
    client_ends(hand->client, hand->number, &hand->call, status, cause);
    drop_hand(hand);
}

static void on_end(enum muster_status status, muster_result *result, void *user)
{
    struct hand *hand = user;
    struct history_call *call = &hand->call;

    if (status == MUSTER_OK && call->op == HISTORY_PUT) {
        muster_put_result put = muster_result_put(result);

        call->taken = put.count;
        call->duplicate_of = put.duplicate_of;
        call->messages[0].id = put.id;
    } else if (status == MUSTER_OK && call->op == HISTORY_GET) {
        muster_message *message = muster_result_take_message(result);

        tell_delivery(call, message);
        got(hand->client, call, hand->session, message);
    } else if (status == MUSTER_OK && call->op == HISTORY_BARRIER) {
        muster_barrier_result result_out = muster_result_barrier(result);

        met(hand->client, call, &result_out);
    }
    hand_ends(hand, status, muster_result_cause(result));
}

/* The call was not even made. */
static void submitted(struct hand *hand, enum muster_status status)
{
    if (status != MUSTER_OK) {
        hand_ends(hand, status, "");
    }
}

/* ---- put ---- */

static muster_put_options put_options(const struct history_call *call)
{
    muster_put_options options = MUSTER_PUT_OPTIONS;

    options.timeout_ns = call->timeout_ns;
    options.delay_ns = call->delay_ns;
    options.ttl_ns = call->ttl_ns;
    options.priority = call->messages[0].priority;
    options.dedup = call->key[0] == '\0' ? NULL : call->key;
    options.dedup_size = strlen(call->key);
    return options;
}

static void puts_many(struct client *c, struct history_call *call)
{
    muster_put_options options = put_options(call);
    muster_put_result result = {0, 0, 0, false};
    unsigned char bodies[MANY][BODY_MOST];
    muster_bytes bytes[MANY];
    uint64_t session;
    uint64_t number = client_begins(c, call, &session);
    enum muster_put_mode mode = client_dice(c, 2) == 0 ? MUSTER_PUT_ALL : MUSTER_PUT_FIT;
    enum muster_status status;

    for (size_t i = 0; i < call->messages_count; i++) {
        bytes[i].data = bodies[i];
        bytes[i].size = make_body(c, call->messages[i].body, bodies[i]);
    }
    if (call->messages_count == 1) {
        status = muster_put(c->queues[call->objects[0]], bytes[0].data, bytes[0].size, &options,
                            &result);
    } else {
        status = muster_put_many(c->queues[call->objects[0]], bytes, call->messages_count, mode,
                                 &options, &result);
    }
    if (status == MUSTER_OK) {
        call->taken = result.count;
        call->duplicate_of = result.duplicate_of;
        call->messages[0].id = result.id;
        c->last_id[call->objects[0]] = result.id;
    }
    client_ends(c, number, call, status, muster_last_cause());
}

void client_puts(struct client *c, struct history_call *call, bool async)
{
    struct hand *hand = async && call->messages_count == 1 ? free_hand(c, call) : NULL;
    muster_put_options options = put_options(call);
    unsigned char body[BODY_MOST];
    size_t size;

    if (hand == NULL) {
        puts_many(c, call);
        return;
    }
    size = make_body(c, call->messages[0].body, body);
    submitted(hand, muster_put_async(c->queues[call->objects[0]], body, size, &options, on_end,
                                     hand, &hand->handle));
}

/* ---- get ---- */

static muster_get_options get_options(const struct history_call *call)
{
    muster_get_options options = MUSTER_GET_OPTIONS;

    options.timeout_ns = call->timeout_ns;
    options.mode = call->automatic ? MUSTER_AUTO : MUSTER_LEASE;
    options.lease_ns = call->lease_ns;
    options.detached = call->detached;
    return options;
}

static void gets_now(struct client *c, struct history_call *call, size_t max)
{
    muster_get_options options = get_options(call);
    muster_message *messages[MANY] = {NULL};
    muster_queue *from[HISTORY_FROM];
    size_t count = 1;
    uint64_t session;
    uint64_t number = client_begins(c, call, &session);
    enum muster_status status;

    for (size_t i = 0; i < call->objects_count; i++) {
        from[i] = c->queues[call->objects[i]];
    }
    if (call->objects_count > 1) {
        status = muster_get_from(from, call->objects_count, &options, messages);
    } else if (max > 1) {
        status = muster_get_many(from[0], max, &options, messages, &count);
    } else {
        status = muster_get(from[0], &options, messages);
    }
    for (size_t i = 0; status == MUSTER_OK && i < count; i++) {
        tell_delivery(call, messages[i]);
    }
    for (size_t i = 0; status == MUSTER_OK && i < count; i++) {
        got(c, call, session, messages[i]);
    }
    client_ends(c, number, call, status, muster_last_cause());
}

void client_gets(struct client *c, struct history_call *call, size_t max, bool async)
{
    struct hand *hand = async && call->objects_count == 1 && max == 1 ? free_hand(c, call) : NULL;
    muster_get_options options = get_options(call);

    if (hand == NULL) {
        gets_now(c, call, max);
        return;
    }
    submitted(hand,
              muster_get_async(c->queues[call->objects[0]], &options, on_end, hand, &hand->handle));
}

/* ---- together ---- */

void client_joins(struct client *c, struct history_call *call, bool async)
{
    struct hand *hand = async ? free_hand(c, call) : NULL;
    muster_queue *queue = c->queues[call->objects[0]];
    uint64_t number, session;

    if (hand != NULL) {
        submitted(hand, muster_join_async(queue, call->timeout_ns, on_end, hand, &hand->handle));
        return;
    }
    number = client_begins(c, call, &session);
    client_ends(c, number, call, muster_join(queue, call->timeout_ns, NULL, NULL), "");
}

void client_waits(struct client *c, struct history_call *call, bool async)
{
    struct hand *hand = async ? free_hand(c, call) : NULL;
    uint64_t number, session;

    if (hand != NULL) {
        submitted(hand,
                  muster_event_wait_async(c->go, call->timeout_ns, on_end, hand, &hand->handle));
        return;
    }
    number = client_begins(c, call, &session);
    client_ends(c, number, call, muster_event_wait(c->go, call->timeout_ns, NULL), "");
}

void client_meets(struct client *c, struct history_call *call, bool async)
{
    struct hand *hand = async ? free_hand(c, call) : NULL;
    muster_barrier_result result;
    enum muster_status status;
    uint64_t number, session;

    if (hand != NULL) {
        submitted(hand, muster_barrier_wait_async(c->gate, call->timeout_ns, on_end, hand,
                                                  &hand->handle));
        return;
    }
    number = client_begins(c, call, &session);
    status = muster_barrier_wait(c->gate, call->timeout_ns, NULL, &result);
    if (status == MUSTER_OK) {
        met(c, call, &result);
    }
    client_ends(c, number, call, status, "");
}
