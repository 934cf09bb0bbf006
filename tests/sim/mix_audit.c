/* mix_audit.c - what must be true of a mix: of the broker at rest, and of what it told. */
#include "tests/sim/mix.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/judge.h"
#include "tests/unit/core_sound.h"

/* After each step all that the broker has is counted anew, from inside (core_sound.h), which nobody
 * notices. To ask it, and to compare its records and its disk with what it has, costs fifty times
 * as much; and where the disk is slow, it makes all durable and hides what is not yet. So that is
 * done after so many steps once, and in the end. */
#define ASKED           16
#define ASKED_CALM      4 /* the model has something to say of each number */
#define ASKED_SLOW_DISK 30
#define RECOVERED       32

/* ---- what programs were told ---- */

static struct mix_message *message_of(struct mix *m, int queue, uint64_t id)
{
    struct mix_message *message;

    for (size_t i = 0; i < m->messages_count; i++) {
        if (m->messages[i].queue == queue && m->messages[i].id == id) {
            return &m->messages[i];
        }
    }
    if (m->messages_count == m->messages_cap) {
        m->messages_cap = m->messages_cap == 0 ? 64 : m->messages_cap * 2;
        m->messages = realloc(m->messages, m->messages_cap * sizeof(*m->messages));
        assert_non_null(m->messages);
    }
    message = &m->messages[m->messages_count++];
    memset(message, 0, sizeof(*message));
    message->queue = queue;
    message->id = id;
    return message;
}

/* It is whole, and the one that was put. */
static void check_body(struct mix_message *message, struct mst_span body)
{
    const uint8_t *point = memchr(body.data, '.', body.len);
    size_t len = point == NULL ? body.len : (size_t)(point - body.data);
    uint8_t *whole = malloc(body.len + 1);

    assert_non_null(whole);
    if (message->body[0] == '\0') {
        assert_true(len < sizeof(message->body));
        memcpy(message->body, body.data, len);
    }
    world_body(whole, body.len, mst_span_text(message->body));
    assert_memory_equal(body.data, whole, body.len);
    free(whole);
}

static int queue_of_name(const char *name)
{
    return name[0] == 'q' && name[2] == '\0' ? name[1] - '0' : -1; /* no dead letters */
}

static int queue_of_call(const struct program *program, const struct mst_call *call)
{
    uint64_t number = call->request == NULL ? call->handle : call->request->handle;
    size_t i = 0;

    while (mst_handle_number(program->handles[i]) != number) {
        i++;
    }
    return queue_of_name(mst_handle_name(program->handles[i]));
}

static void saw_put(struct mix *m, const struct program *program, const struct mst_call *call)
{
    const muster_put_result *put = &call->outcome.put;
    int queue = queue_of_call(program, call);

    for (uint64_t i = 0; put->duplicate_of == 0 && i < put->count; i++) {
        check_body(message_of(m, queue, put->id + i),
                   call->request == NULL ? call->flow.put.body : call->request->bodies[i]);
    }
}

static void saw_delivery(struct mix *m, const struct program *program,
                         const struct muster_message *given, bool leased)
{
    int queue = queue_of_name(mst_handle_name(given->handle));
    struct mix_message *message;

    if (queue < 0) {
        return;
    }
    message = message_of(m, queue, given->id);
    check_body(message, mst_span_of(given->body, given->size));
    assert_false(message->done);
    for (size_t i = 0; i < message->numbers_count; i++) {
        assert_true(message->numbers[i] != given->number); /* nobody else got this delivery */
    }
    assert_true(message->numbers_count < 64);
    message->numbers[message->numbers_count++] = given->number;
    if (leased) {
        struct mix_delivery *held = &m->held[m->held_next++ % MIX_HELD];

        snprintf(held->program, PROGRAM_NAME, "%s", program->name);
        held->queue = queue;
        held->id = given->id;
        held->number = given->number;
    }
}

void mix_watch(struct world *w, const struct program *program, const struct errand *errand)
{
    struct mix *m = w->watcher;
    const struct mst_call *call = errand->call;

    if (program->name[0] != 'p' || call->status != MST_OK) {
        return;
    }
    if (call->op == MST_OP_PUT) {
        saw_put(m, program, call);
    } else if (call->op == MST_OP_DONE && call->request == NULL) {
        message_of(m, queue_of_call(program, call), call->flow.done.message)->done = true;
    } else if (call->op == MST_OP_GET) {
        bool leased = call->request == NULL ? call->flow.get.mode == MST_GET_LEASE
                                            : call->request->mode == MST_GET_LEASE;

        for (const struct muster_message *g = call->outcome.messages; g != NULL; g = g->next) {
            saw_delivery(m, program, g, leased);
        }
    }
}

/* ---- what is true of the broker ---- */

static int64_t number_of(const struct mst_reply *stat, const char *name)
{
    for (size_t i = 0; i < stat->facts_count; i++) {
        if (mst_span_equal(stat->facts[i].name, mst_span_text(name))) {
            return stat->facts[i].number;
        }
    }
    print_error("no fact %s\n", name);
    fail();
    return 0;
}

static bool is_paused(const struct mst_reply *stat, const char *side)
{
    for (size_t i = 0; i < stat->facts_count; i++) {
        if (mst_span_equal(stat->facts[i].name, mst_span_text("paused"))) {
            return mst_span_equal(stat->facts[i].text, mst_span_text(side)) ||
                   mst_span_equal(stat->facts[i].text, mst_span_text("both"));
        }
    }
    return false;
}

/* It said all it had to say since it came back: a wait is served again when it was sent again. */
static bool is_heard(const struct mix *m, struct mst_span name)
{
    for (size_t i = 0; i < m->world->programs_count; i++) {
        const struct program *p = m->world->programs[i];

        if (mst_span_equal(name, mst_span_text(p->name))) {
            return !p->stopped && p->wire != NULL && !p->wire->dead &&
                   mst_client_phase(p->machine) == MST_CLIENT_UP &&
                   mst_buf_size(&p->wire->up.bytes) == 0;
        }
    }
    return false;
}

static int64_t connected_getters(const struct mix *m, const struct mst_reply *stat)
{
    int64_t count = 0;

    for (size_t i = 0; i < stat->who_count; i++) {
        count += stat->who[i].connected && is_heard(m, stat->who[i].name) &&
                 mst_span_equal(stat->who[i].role, mst_span_text("gets"));
    }
    return count;
}

static void check_queue(const struct mix *m, const struct mst_reply *stat)
{
    int64_t ready = number_of(stat, "ready");
    int64_t kept = ready + number_of(stat, "delayed") + number_of(stat, "leased");
    int64_t left = 0;

    for (int i = 0; i < MST_TALLY_COUNT; i++) {
        left += number_of(stat, mst_tally_names[i]);
    }
    assert_int_equal(number_of(stat, "kept"), kept);
    assert_true(number_of(stat, "unfinished") >= kept);
    assert_int_equal(number_of(stat, "puts"), left + number_of(stat, "unfinished"));
    assert_true(ready == 0 || is_paused(stat, "get") || connected_getters(m, stat) == 0);
    assert_true(kept > 0 || is_paused(stat, "put") || number_of(stat, "waiting_putters") == 0 ||
                world_disk_is_full(m->world));
    assert_true(number_of(stat, "unfinished") > 0 || number_of(stat, "waiting_joiners") == 0);
    assert_true(number_of(stat, "shutdown") == 0 || number_of(stat, "waiting_putters") == 0);
}

/* ---- what the model says ---- */

static void check_facts(const struct mix *m, const char *object, const struct mst_reply *stat)
{
    for (size_t i = 0; i < stat->facts_count; i++) {
        char fact[64];
        int64_t should;

        snprintf(fact, sizeof(fact), "%.*s", (int)stat->facts[i].name.len,
                 (const char *)stat->facts[i].name.data);
        should = model_fact(m->model, object, fact);
        if (should >= 0 && should != stat->facts[i].number) {
            fail_msg("the model says that %s of %s is %lld, not %lld", fact, object,
                     (long long)should, (long long)stat->facts[i].number);
        }
    }
}

static void check_model(const struct mix *m)
{
    char text[MODEL_TEXT];

    model_run(m->model, m->world->now_ns);
    if (!model_agrees(m->model, text)) {
        fail_msg("the model disagrees: %s", text);
    }
}

static const struct mst_reply *look(struct mix *m, const char *object)
{
    char command[64];
    const struct mst_reply *stat;

    snprintf(command, sizeof(command), "stat %s", object);
    stat = ask(m->world, command);
    if (stat->status != MST_OK) {
        return NULL; /* somebody may have removed it */
    }
    if (m->model != NULL) {
        check_facts(m, object, stat);
    }
    return stat;
}

void mix_ask(struct mix *m, bool recovers)
{
    static const char *const queues[MIX_QUEUES] = {"q0", "q1", "q2"};
    struct world *w = m->world;
    const struct mst_reply *stat;

    if (w->storage == WORLD_DISK) {
        world_stop_disk(w, 0); /* no power failure while we look */
    }
    w->unchecked = false;
    world_settle(w);
    w->unchecked = true;
    if (world_disk_waits(w) || (world_disk_is_full(w) && program_of(w, "?")->wire == NULL)) {
        return; /* what has changed since, or would when one comes back, is told to nobody */
    }
    if (w->storage == WORLD_DISK && recovers) {
        world_check_disk(w);
    }
    for (size_t i = 0; i < MIX_QUEUES; i++) {
        stat = look(m, queues[i]);
        if (stat != NULL) {
            check_queue(m, stat);
        }
    }
    stat = look(m, "go");
    assert_true(stat == NULL || number_of(stat, "set") == 0 || number_of(stat, "waiting") == 0);
    stat = look(m, "gate");
    if (stat != NULL) {
        assert_true(number_of(stat, "broken") == 0 || number_of(stat, "waiting") == 0);
        assert_true(number_of(stat, "n_waiting") <= number_of(stat, "parties"));
    }
}

static uint64_t asked_every(const struct mix *m)
{
    if (m->model != NULL) {
        return ASKED_CALM;
    }
    return m->world->storage == WORLD_SLOW_DISK ? ASKED_SLOW_DISK : ASKED;
}

void mix_check(struct mix *m)
{
    if (m->world->broker_stands_still) {
        return; /* it may have recovered, and not had a turn since */
    }
    expect_sound(engine_core(m->world->engine));
    if (m->world->is_hungry) {
        return; /* it does not answer everybody */
    }
    if (m->model != NULL) {
        check_model(m);
    }
    if (++m->checks % asked_every(m) == 0) {
        mix_ask(m, m->checks % RECOVERED == 0);
    }
}

void mix_judge(struct mix *m)
{
    struct verdict verdict;

    if (judge(m->history, &verdict)) {
        if (m->aloud) {
            history_print(m->history);
        }
        fail_msg("judge of %s: %s", verdict.judge, verdict.text);
    }
}
