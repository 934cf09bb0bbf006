/* test_runs.c - requests of a kind that follow each other are one call of the library: what each of
 * them brings must be as if it had been alone (SEMANTICS 1.2).
 *
 * One program puts numbered messages, another gets a window of them and finishes what it gets, both
 * in runs of any length. Limits are small and queues full, so that runs are divided when they are
 * sent and when they are answered; connections break at any moment, also while a message has come
 * and was not taken yet. In the end each put was told its own id once, each message was taken once,
 * each finish was told once. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/world.h"

enum { MESSAGES = 300, SEEDS = 80 };

struct tale {
    struct world *w;
    struct program *putter;
    struct program *getter;
    uint64_t put;     /* messages that were put so far */
    uint64_t told;    /* puts that have their outcome */
    uint64_t last_id; /* the queue's ids rise in the order of the puts */
    uint64_t asked;   /* gets under way */
    uint64_t finishing;
    uint64_t finished;
    uint64_t taken[MESSAGES];
};

static void ignore(enum muster_status status, muster_result *result, void *user)
{
    (void)status;
    (void)result;
    (void)user;
}

/* As the library does it: with the run before, or alone. */
static void submit(struct program *p, const struct mst_flow_request *request)
{
    if (mst_client_extend(p->machine, request, ignore, p)) {
        return;
    }
    struct mst_call *call = mst_call_new_flow(mst_client_pool(p->machine), request, NULL);

    assert_non_null(call);
    call->callback = ignore;
    call->user = p;
    call->by_callback = true;
    mst_client_submit(p->machine, call, p->world->now_ns);
}

/* ---- what they do ---- */

static void put_some(struct tale *tale, uint64_t count)
{
    struct mst_flow_request put = {.op = MST_OP_PUT,
                                   .handle = program_handle(tale->putter, "jobs"),
                                   .timeout_ns = MST_FOREVER,
                                   .count = 1};
    char body[40];

    put.flow.put.ttl_ns = MST_FOREVER;
    for (; count > 0 && tale->put < MESSAGES; count--) {
        int len = snprintf(body, sizeof(body), "%llu %.*s", (unsigned long long)tale->put,
                           (int)(world_random(tale->w) % 20), "....................");

        put.flow.put.body = mst_span_of(body, (size_t)len);
        tale->put++;
        submit(tale->putter, &put);
    }
}

static void get_some(struct tale *tale, uint64_t window)
{
    struct mst_flow_request get = {.op = MST_OP_GET,
                                   .handle = program_handle(tale->getter, "jobs"),
                                   .timeout_ns = MST_FOREVER};

    get.flow.get.mode = MST_GET_LEASE;
    get.flow.get.lease_ns = MST_FOREVER;
    if (tale->asked < window) {
        get.count = (size_t)(window - tale->asked);
        tale->asked = window;
        submit(tale->getter, &get);
    }
}

static void finish(struct tale *tale, const struct muster_message *message)
{
    struct mst_flow_request done = {.op = MST_OP_DONE,
                                    .handle = program_handle(tale->getter, "jobs"),
                                    .timeout_ns = MST_FOREVER,
                                    .count = 1,
                                    .flow.done = {message->id, message->number}};

    tale->finishing++;
    submit(tale->getter, &done);
}

/* ---- what they are told ---- */

static void put_is_over(struct tale *tale, const struct mst_call *call)
{
    assert_int_equal(call->status, MST_OK);
    assert_int_equal(call->outcome.put.count, 1);
    assert_true(call->outcome.put.id > tale->last_id);
    tale->last_id = call->outcome.put.id + call->count - 1;
    tale->told += call->count;
}

static void get_is_over(struct tale *tale, struct mst_call *call)
{
    size_t count = 0;
    struct muster_message *message;

    assert_int_equal(call->status, MST_OK);
    while ((message = call->outcome.messages) != NULL) {
        uint64_t number = strtoull((const char *)message->body, NULL, 10);

        assert_true(number < MESSAGES);
        tale->taken[number]++;
        finish(tale, message);
        count++;
        call->outcome.messages = message->next;
        mst_handle_unref(message->handle);
        mst_message_drop(NULL, message);
    }
    assert_int_equal(count, call->count);
    tale->asked -= call->count;
}

static void listen(struct tale *tale, struct program *p)
{
    struct mst_call *call;

    while ((call = mst_client_next_result(p->machine, tale->w->now_ns)) != NULL) {
        if (call->op == MST_OP_PUT) {
            put_is_over(tale, call);
        } else if (call->op == MST_OP_GET) {
            get_is_over(tale, call);
        } else {
            assert_int_equal(call->status, MST_OK);
            assert_false(call->already);
            tale->finished += call->count;
        }
        mst_call_give(mst_client_pool(p->machine), call);
    }
}

/* ---- one tale ---- */

static void something_happens(struct tale *tale)
{
    struct world *w = tale->w;
    struct program *p = world_random(w) % 2 == 0 ? tale->putter : tale->getter;

    switch (world_random(w) % 8) {
    case 0:
    case 1: put_some(tale, 1 + world_random(w) % 60); break;
    case 2: get_some(tale, 1 + world_random(w) % 40); break;
    case 3:
    case 4: listen(tale, p); break;
    case 5: pass(w, (int64_t)(world_random(w) % 3) * MS); break;
    case 6:
        if (world_random(w) % 3 == 0) {
            program_cut(p);
        }
        break;
    default: mst_client_pump(p->machine, w->now_ns); break;
    }
    if (world_random(w) % 2 == 0) {
        world_settle(w);
    }
}

static void end(struct tale *tale)
{
    for (int i = 0; i < 2000 && (tale->told < MESSAGES || tale->finished < MESSAGES); i++) {
        put_some(tale, MESSAGES);
        get_some(tale, 8);
        listen(tale, tale->putter);
        listen(tale, tale->getter);
        pass(tale->w, 20 * MS);
    }
    assert_int_equal(tale->told, MESSAGES);
    assert_int_equal(tale->finished, MESSAGES);
    assert_int_equal(tale->finishing, MESSAGES);
    for (size_t i = 0; i < MESSAGES; i++) {
        assert_int_equal(tale->taken[i], 1);
    }
    assert_int_equal(fact(tale->w, "jobs", "kept"), 0);
    assert_int_equal(fact(tale->w, "jobs", "done"), MESSAGES);
}

static void leave(struct tale *tale, struct program *p)
{
    struct mst_call *call;

    mst_client_bye(p->machine, tale->w->now_ns);
    while ((call = mst_client_next_result(p->machine, tale->w->now_ns)) != NULL) {
        assert_int_equal(call->status, MST_CANCELLED);
        mst_call_give(mst_client_pool(p->machine), call);
    }
}

static void tell_one(uint64_t seed)
{
    struct world *w = world_open(seed % 3 == 0 ? WORLD_JOURNAL : WORLD_MEMORY);
    struct tale tale = {.w = w};

    if (seed % 4 == 1) {
        sim_encrypt(w);
    }
    w->random = seed * 1000003;
    w->unchecked = true;
    w->back_after_ns = 5 * MS;
    w->piece_max = world_random(w) % 3 == 0 ? 1 + world_random(w) % 50 : 0;
    w->config.put_credit = 1 + world_random(w) % 40;
    w->config.put_credit_bytes = 20 + world_random(w) % 400;
    world_configure(w);
    tale.putter = program_of(w, "putter");
    tale.getter = program_of(w, "getter");
    tellf(w, "putter declare jobs fifo maxsize=%d", 1 + (int)(world_random(w) % 50));
    for (int i = 0; i < 400; i++) {
        something_happens(&tale);
    }
    end(&tale);
    leave(&tale, tale.putter);
    leave(&tale, tale.getter);
    world_close(&w);
}

static void a_run_is_divided_and_cut_off_and_each_request_has_its_own_outcome_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        tell_one(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_divided_and_cut_off_and_each_request_has_its_own_outcome_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
