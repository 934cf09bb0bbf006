/* client_steps_queues.c - putting, getting, consuming, losing the connection meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fault/client_steps.h"

#define BATCH      12
#define LARGE_BODY (300u << 10) /* more than a read, and than what is copied to be sent */

/* ---- what may have to be asked for again ---- */

static muster_cancel *new_token(struct script *s)
{
    muster_cancel *cancel = NULL;

    for (int i = 0; cancel == NULL && i < 20; i++) {
        cancel = muster_cancel_new();
    }
    if (cancel == NULL) {
        ledger_complain(s->ledger, "a token is made in the end");
        abort();
    }
    return cancel;
}

static void purge_spare(struct script *s)
{
    enum muster_status status = MUSTER_NO_MEMORY;

    for (int i = 0; status != MUSTER_OK && i < 20; i++) {
        status = muster_purge(s->spare, NULL);
        script_expect(s, "muster_purge", status, MUSTER_OK, AS(NOT_FOUND));
    }
}

/* What is got from the spare queue, where some may be left, does not matter. */
static bool is_of_ledger(struct script *s, const muster_message *message)
{
    return strcmp(muster_message_queue(message), muster_queue_name(s->jobs)) == 0;
}

/* ---- putting ---- */

static void put_one(struct script *s, const muster_put_options *options)
{
    char body[LEDGER_BODY];
    size_t number = ledger_new_message(s->ledger, body);
    muster_put_result result = {0, 0, 0, false};
    enum muster_status status = muster_put(s->jobs, body, strlen(body), options, &result);

    ledger_put(s->ledger, number, status);
    if (script_expect(s, "muster_put", status, MUSTER_OK, 0) && result.id == 0) {
        ledger_complain(s->ledger, "a put is OK and has no id");
    }
}

/* A put that waits for its callback. */
struct asked {
    struct script *s;
    size_t number;
    char body[LEDGER_BODY];
};

static void on_put(enum muster_status status, muster_result *result, void *user)
{
    struct asked *asked = user;

    ledger_put(asked->s->ledger, asked->number, status);
    if (status == MUSTER_OK && muster_result_put(result).id == 0) {
        ledger_complain(asked->s->ledger, "a put later is OK and has no id");
    }
    free(asked);
}

static void put_later(struct script *s, const muster_put_options *options, muster_call **call_out)
{
    struct asked *asked = malloc(sizeof(*asked));

    if (asked == NULL) {
        abort();
    }
    asked->s = s;
    asked->number = ledger_new_message(s->ledger, asked->body);
    enum muster_status status = muster_put_async(s->jobs, asked->body, strlen(asked->body), options,
                                                 on_put, asked, call_out);
    if (!script_expect(s, "muster_put_async", status, MUSTER_OK, 0)) {
        ledger_put(s->ledger, asked->number, status);
        free(asked);
    }
}

static void puts_in_a_row(struct script *s)
{
    muster_header header = {"kind", "test", 4};
    muster_put_options headed = MUSTER_PUT_OPTIONS;
    muster_put_options keyed = MUSTER_PUT_OPTIONS;
    muster_call *call = NULL;

    headed.headers = &header;
    headed.headers_count = 1;
    keyed.dedup = "key";
    keyed.dedup_size = 3;
    keyed.cancel = new_token(s);
    put_one(s, NULL);
    put_one(s, &headed);
    put_later(s, &keyed, NULL);
    for (int i = 0; i < BATCH; i++) {
        put_later(s, NULL, NULL);
    }
    put_later(s, &headed, &call);
    script_flush(s);
    if (call != NULL) {
        muster_call_release(&call);
    }
    muster_cancel_free(&keyed.cancel);
}

static void puts_together(struct script *s)
{
    char bodies[4][LEDGER_BODY];
    muster_bytes many[4];
    size_t numbers[4];
    muster_put_result result = {0, 0, 0, false};

    for (size_t i = 0; i < 4; i++) {
        numbers[i] = ledger_new_message(s->ledger, bodies[i]);
        many[i] = (muster_bytes){bodies[i], strlen(bodies[i])};
    }
    enum muster_status status = muster_put_many(s->jobs, many, 4, MUSTER_PUT_ALL, NULL, &result);
    for (size_t i = 0; i < 4; i++) {
        ledger_put(s->ledger, numbers[i], status);
    }
    script_expect(s, "muster_put_many", status, MUSTER_OK, 0);
    EXPECT(muster_put_many(s->spare, many, 4, MUSTER_PUT_FIT, NULL, &result), OK, 0);
}

static void large_bodies(struct script *s)
{
    char *body = calloc(1, LARGE_BODY);
    muster_get_options at_once = MUSTER_GET_OPTIONS;
    muster_message *message = NULL;

    if (body == NULL) {
        abort();
    }
    at_once.timeout_ns = 0;
    EXPECT(muster_put(s->spare, body, LARGE_BODY, NULL, NULL), OK, 0);
    EXPECT(muster_put_async(s->spare, body, LARGE_BODY, NULL, NULL, NULL, NULL), OK, 0);
    script_flush(s);
    free(body);
    script_backup(s); /* which has several pieces now */
    while (muster_get(s->spare, &at_once, &message) == MUSTER_OK) {
        EXPECT(muster_done(message), OK, 0);
        muster_message_free(&message);
    }
    EXPECT(muster_get(s->spare, &at_once, &message), EMPTY, AS(TIMEOUT));
    muster_message_free(&message);
}

/* ---- getting ---- */

static void take_one(struct script *s, const muster_get_options *options,
                     muster_message **message_out)
{
    enum muster_status status = muster_get(s->jobs, options, message_out);

    if (script_expect(s, "muster_get", status, MUSTER_OK, AS(EMPTY) | AS(TIMEOUT))) {
        ledger_got(s->ledger, *message_out);
        script_see(s, *message_out, false);
    } else if (*message_out != NULL) {
        ledger_complain(s->ledger, "a get that failed gave a message");
    }
}

static void finish(struct script *s, muster_message **message)
{
    if (*message != NULL) {
        enum muster_status status = muster_done(*message);

        ledger_finished(s->ledger, *message, status);
        script_expect(s, "muster_done", status, MUSTER_OK, 0);
        muster_message_free(message);
    }
}

static void gets(struct script *s)
{
    muster_get_options options = MUSTER_GET_OPTIONS;
    muster_nack_options back = MUSTER_NACK_OPTIONS;
    muster_message *message = NULL;

    options.timeout_ns = 0;
    take_one(s, &options, &message);
    finish(s, &message);
    take_one(s, &options, &message);
    if (message != NULL) {
        back.uncounted = true;
        EXPECT(muster_extend(message, 50 * MUSTER_SECOND), OK, 0);
        enum muster_status status = muster_nack(message, &back);

        ledger_returned(s->ledger, message, status);
        script_expect(s, "muster_nack", status, MUSTER_OK, 0);
        muster_message_free(&message);
    }
    options.mode = MUSTER_AUTO;
    take_one(s, &options, &message);
    if (message != NULL) {
        ledger_finished(s->ledger, message, MUSTER_OK);
        EXPECT(muster_task_done(s->jobs), OK, 0);
        muster_message_free(&message);
    }
}

static void gives_back_by_number(struct script *s, const muster_get_options *options)
{
    muster_nack_options back = MUSTER_NACK_OPTIONS;
    muster_message *message = NULL;

    back.uncounted = true;
    take_one(s, options, &message);
    if (message != NULL) {
        enum muster_status status = muster_nack_by_id(s->jobs, muster_message_id(message),
                                                      muster_message_delivery(message), &back);

        ledger_returned(s->ledger, message, status);
        script_expect(s, "muster_nack_by_id", status, MUSTER_OK, AS(LOST));
        muster_message_free(&message);
    }
}

static void gets_by_number(struct script *s)
{
    muster_get_options options = MUSTER_GET_OPTIONS;
    muster_queue *queues[] = {s->spare, s->jobs};
    muster_message *message = NULL;
    bool already;

    options.timeout_ns = MUSTER_MS;
    options.detached = true;
    options.lease_ns = 2 * MUSTER_SECOND;
    enum muster_status status = muster_get_from(queues, 2, &options, &message);
    script_expect(s, "muster_get_from", status, MUSTER_OK, AS(TIMEOUT));
    if (status == MUSTER_OK && is_of_ledger(s, message)) {
        uint64_t id = muster_message_id(message);
        uint64_t delivery = muster_message_delivery(message);

        ledger_got(s->ledger, message);
        EXPECT(muster_extend_by_id(s->jobs, id, delivery, 2 * MUSTER_SECOND), OK, AS(LOST));
        status = muster_done_by_id(s->jobs, id, delivery, &already);
        ledger_finished(s->ledger, message, status);
        script_expect(s, "muster_done_by_id", status, MUSTER_OK, AS(LOST));
    }
    muster_message_free(&message);
    gives_back_by_number(s, &options);
    options.detached = false;
    EXPECT(muster_get(s->spare, &options, &message), TIMEOUT, 0);
    muster_message_free(&message);
}

static void gets_together(struct script *s)
{
    muster_get_options options = MUSTER_GET_OPTIONS;
    muster_message *messages[3] = {NULL, NULL, NULL};
    size_t count = 0;

    options.timeout_ns = 0;
    enum muster_status status = muster_get_many(s->jobs, 3, &options, messages, &count);

    script_expect(s, "muster_get_many", status, MUSTER_OK, AS(EMPTY) | AS(TIMEOUT));
    for (size_t i = 0; i < count; i++) {
        ledger_got(s->ledger, messages[i]);
    }
    for (size_t i = 0; i < count; i++) {
        finish(s, &messages[i]);
    }
}

/* ---- consuming ---- */

static enum muster_verdict one_back(muster_message *message, void *user)
{
    struct script *s = user;

    ledger_got(s->ledger, message);
    /* Whether its nack was heard, muster_consume tells by its status only. */
    ledger_returned(s->ledger, message, MUSTER_TIMEOUT);
    return MUSTER_GIVE_BACK;
}

static void consumes(struct script *s)
{
    muster_cancel *cancel = new_token(s);
    muster_consume_options options = MUSTER_CONSUME_OPTIONS;
    muster_consumer *consumer = NULL;

    options.window = 4;
    options.cancel = cancel;
    if (EXPECT(muster_consumer_open(s->jobs, &options, &consumer), OK, 0)) {
        for (int i = 0; i < 3; i++) {
            muster_message *message = NULL;

            if (EXPECT(muster_consumer_next(consumer, WAIT_NS / 10, &message), OK, AS(TIMEOUT))) {
                ledger_got(s->ledger, message);
                finish(s, &message);
            }
            if (i == 1) {
                script_cut(s);
            }
        }
        muster_consumer_close(&consumer);
    }
    muster_cancel_fire(cancel);
    EXPECT(muster_consume(s->jobs, &options, one_back, s), CANCELLED, 0);
    muster_cancel_free(&cancel);
}

/* ---- asynchronously, and over a lost connection ---- */

static void on_get(enum muster_status status, muster_result *result, void *user)
{
    struct script *s = user;
    muster_message *message = muster_result_take_message(result);

    if (status == MUSTER_OK && is_of_ledger(s, message)) {
        ledger_got(s->ledger, message);
        muster_done_async(message, NULL, NULL, NULL);
        /* What becomes of it is told by flush. */
        ledger_finished(s->ledger, message, MUSTER_TIMEOUT);
    }
    muster_message_free(&message);
}

static void gets_later(struct script *s)
{
    muster_get_options options = MUSTER_GET_OPTIONS;
    muster_call *call = NULL;

    options.timeout_ns = WAIT_NS / 10;
    EXPECT(muster_get_async(s->jobs, &options, on_get, s, NULL), OK, 0);
    EXPECT(muster_get_async(s->jobs, &options, on_get, s, &call), OK, 0);
    script_cut(s);
    put_one(s, NULL);
    put_later(s, NULL, NULL);
    script_flush(s);
    if (call != NULL) {
        muster_call_release(&call);
    }
}

/* The call of a queue where nothing comes ends because it is cancelled. */
static void cancels(struct script *s)
{
    muster_get_options options = MUSTER_GET_OPTIONS;
    muster_call *call = NULL;
    muster_message *message = NULL;

    options.cancel = new_token(s);
    if (EXPECT(muster_get_async(s->spare, &options, on_get, s, &call), OK, 0)) {
        muster_call_cancel(call);
        muster_call_release(&call);
    }
    EXPECT(muster_get_async(s->spare, &options, on_get, s, NULL), OK, 0);
    script_spin(s);
    muster_cancel_fire(options.cancel);
    script_flush(s);
    EXPECT(muster_get(s->spare, &options, &message), CANCELLED, 0);
    muster_message_free(&message);
    muster_cancel_reset(options.cancel);
    options.timeout_ns = MUSTER_MS;
    EXPECT(muster_get(s->spare, &options, &message), TIMEOUT, 0);
    muster_message_free(&message);
    muster_cancel_free(&options.cancel);
}

void script_queues(struct script *s)
{
    puts_in_a_row(s);
    puts_together(s);
    gets(s);
    gets_together(s);
    purge_spare(s);
    gets_by_number(s);
    large_bodies(s);
    script_dead_letters(s);
    consumes(s);
    gets_later(s);
    cancels(s);
}
