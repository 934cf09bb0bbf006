/* model.c - programs, their sessions and calls, and time. See model.h. */
#include "tests/sim/model_state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *model_grown(void *items, size_t count, size_t size)
{
    void *out = realloc(items, (count + 1) * size);

    if (out == NULL) {
        abort();
    }
    memset((char *)out + count * size, 0, size);
    return out;
}

int64_t model_after(int64_t now_ns, int64_t ns)
{
    return ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + ns;
}

struct model *model_new(const struct history *history)
{
    struct model *model = model_grown(NULL, 0, sizeof(*model));

    model->history = history;
    return model;
}

void model_free(struct model **owner)
{
    struct model *model = *owner;

    if (model == NULL) {
        return;
    }
    for (size_t i = 0; i < model->calls_count; i++) {
        free(model->calls[i].told.messages);
    }
    for (size_t i = 0; i < model->queues_count; i++) {
        free(model->queues[i].messages);
        free(model->queues[i].keys);
        free(model->queues[i].finishes);
    }
    free(model->programs);
    free(model->sessions);
    free(model->calls);
    free(model);
    *owner = NULL;
}

/* ---- calls ---- */

const struct history_call *model_asked(const struct model *model, const struct model_call *call)
{
    return &model->history->calls[call->number];
}

const char *model_object(const struct model *model, const struct model_call *call, size_t i)
{
    return model->history->objects[model_asked(model, call)->objects[i]];
}

bool model_is_about(const struct model *model, const struct model_call *call, const char *name)
{
    for (size_t i = 0; i < model_asked(model, call)->objects_count; i++) {
        if (strcmp(model_object(model, call, i), name) == 0) {
            return true;
        }
    }
    return false;
}

bool model_is_here(const struct model *model, const struct model_call *call)
{
    return !model->sessions[call->session].is_away;
}

static struct model_program *program_of(struct model *model, size_t program)
{
    for (size_t i = 0; i < model->programs_count; i++) {
        if (model->programs[i].program == program) {
            return &model->programs[i];
        }
    }
    return NULL;
}

static void tell(struct model *model, struct model_call *call)
{
    const struct history_call *told = &call->told;
    struct model_program *program = program_of(model, model_asked(model, call)->program);
    bool event = told->op == HISTORY_SET || told->op == HISTORY_CLEAR ||
                 told->op == HISTORY_IS_SET || told->op == HISTORY_WAIT;

    call->state = MODEL_TOLD;
    if (event && told->status == MUSTER_OK) {
        program->knows_generation = true;
        program->generation = told->generation;
    }
}

void model_decide(struct model *model, struct model_call *call, enum muster_status status)
{
    call->told.status = status;
    call->state =
        program_of(model, model_asked(model, call)->program)->gone ? MODEL_NOBODYS : MODEL_DECIDED;
    if (call->state == MODEL_DECIDED && model_is_here(model, call)) {
        tell(model, call);
    }
}

static void settle(struct model *model)
{
    model_queues_settle(model);
    model_barrier_settle(model);
}

static void carry_out(struct model *model, struct model_call *call)
{
    const struct history_call *asked = model_asked(model, call);

    switch (asked->op) {
    case HISTORY_SET:
    case HISTORY_CLEAR:
    case HISTORY_IS_SET:
    case HISTORY_WAIT: model_event_call(model, call); break;
    case HISTORY_BARRIER:
    case HISTORY_REPORT:
    case HISTORY_RESET: model_barrier_call(model, call); break;
    case HISTORY_OTHER: call->state = MODEL_NOBODYS; break; /* it only looks */
    default: model_queue_call(model, call); break;
    }
    settle(model);
}

static struct model_call *begin(struct model *model, size_t number)
{
    const struct history_call *asked = &model->history->calls[number];
    struct model_program *program = program_of(model, asked->program);
    struct model_call *call;

    assert(program != NULL);
    model->calls = model_grown(model->calls, model->calls_count, sizeof(*model->calls));
    call = &model->calls[model->calls_count++];
    call->number = number;
    call->session = program->session;
    call->told.op = asked->op;
    call->deadline_ns =
        asked->timeout_ns < 0 ? INT64_MAX : model_after(asked->begin_ns, asked->timeout_ns);
    call->knows_generation = program->knows_generation;
    call->generation = program->generation;
    return call;
}

void model_call(struct model *model, size_t number, int64_t now_ns)
{
    struct model_program *program;

    model_run(model, now_ns);
    program = program_of(model, model->history->calls[number].program);
    if (program == NULL) { /* who declares is always there */
        model_program(model, model->history->calls[number].program, INT64_MAX);
    }
    carry_out(model, begin(model, number));
}

static struct model_call *call_of(struct model *model, size_t number)
{
    for (size_t i = model->calls_count; i-- > 0;) {
        if (model->calls[i].number == number) {
            return &model->calls[i];
        }
    }
    return NULL;
}

/* Who stood behind it may be served. */
static void touch_all_of(struct model *model, const struct model_call *call)
{
    for (size_t i = 0; i < model_asked(model, call)->objects_count; i++) {
        model_queue_touch(model, model_queue_of(model, model_object(model, call, i)));
    }
}

/* Its time is up, or its program does not want it any more. */
static void give_up(struct model *model, struct model_call *call, enum muster_status status)
{
    if (call->told.op == HISTORY_BARRIER) {
        model_barrier_gone(model, call, status);
    } else {
        model_decide(model, call, status);
        if (call->told.op == HISTORY_PUT || call->told.op == HISTORY_GET) {
            touch_all_of(model, call);
        }
    }
    settle(model);
}

void model_cancel(struct model *model, size_t number, int64_t now_ns)
{
    struct model_call *call;

    model_run(model, now_ns);
    call = call_of(model, number);
    if (call != NULL && call->state == MODEL_WAITS) {
        give_up(model, call, MUSTER_CANCELLED);
    }
}

/* ---- programs and sessions ---- */

static void open_session(struct model *model, struct model_program *program)
{
    model->sessions = model_grown(model->sessions, model->sessions_count, sizeof(*model->sessions));
    model->sessions[model->sessions_count] = (struct model_session){
        .program = program->program, .ttl_ns = program->ttl_ns, .until_ns = INT64_MAX};
    program->session = model->sessions_count++;
}

void model_program(struct model *model, size_t number, int64_t ttl_ns)
{
    struct model_program *program;

    model->programs = model_grown(model->programs, model->programs_count, sizeof(*model->programs));
    program = &model->programs[model->programs_count++];
    program->program = number;
    program->ttl_ns = ttl_ns;
    open_session(model, program);
}

/* Gets and waits for an event begin anew with the next session; all else was carried out or not,
 * and nobody can tell. */
static void lose_call(struct model *model, struct model_call *call)
{
    bool again = call->told.op == HISTORY_GET || call->told.op == HISTORY_WAIT;
    bool waited = call->state == MODEL_WAITS;

    if (call->told.op == HISTORY_PUT || call->told.op == HISTORY_GET) {
        touch_all_of(model, call);
    }
    if (waited && call->told.op == HISTORY_BARRIER) {
        model_barrier_gone(model, call, MUSTER_UNKNOWN);
    } else if (call->state == MODEL_NOBODYS) {
        return;
    }
    call->state = again ? MODEL_AGAIN : MODEL_TOLD;
    call->told.status = MUSTER_UNKNOWN;
}

static void end_session(struct model *model, size_t session)
{
    struct model_program *program = program_of(model, model->sessions[session].program);

    model->sessions[session].is_over = true;
    model->sessions[session].until_ns = INT64_MAX;
    for (size_t i = 0; i < model->calls_count; i++) {
        struct model_call *call = &model->calls[i];

        if (call->session == session &&
            (call->state == MODEL_WAITS || call->state == MODEL_DECIDED)) {
            lose_call(model, call);
            call->state = program->gone ? MODEL_NOBODYS : call->state;
        }
    }
    model_barrier_session_over(model, session);
    model_queues_lose(model, session);
    settle(model);
}

void model_away(struct model *model, size_t number, int64_t now_ns)
{
    struct model_program *program;
    struct model_session *session;

    model_run(model, now_ns);
    program = program_of(model, number);
    if (program == NULL || model->sessions[program->session].is_away) {
        return;
    }
    session = &model->sessions[program->session];
    session->is_away = true;
    session->until_ns = model_after(now_ns, session->ttl_ns);
    if (session->ttl_ns == 0) {
        end_session(model, program->session);
    }
}

/* In the order in which they were asked. */
static void begin_again(struct model *model, size_t session, size_t next)
{
    size_t count = model->calls_count;

    for (size_t i = 0; i < count; i++) {
        struct model_call *call = &model->calls[i];
        struct model_call *again;

        if (call->session != session || call->state != MODEL_AGAIN) {
            continue;
        }
        call->state = MODEL_NOBODYS;
        model->calls = model_grown(model->calls, model->calls_count, sizeof(*model->calls));
        again = &model->calls[model->calls_count++];
        *again = model->calls[i];
        again->session = next;
        again->state = MODEL_WAITS;
        again->knows_generation = again->knows_generation && again->told.op == HISTORY_WAIT;
        carry_out(model, again);
    }
}

void model_back(struct model *model, size_t number, int64_t now_ns)
{
    struct model_program *program;
    size_t old;

    model_run(model, now_ns);
    program = program_of(model, number);
    if (program == NULL || !model->sessions[program->session].is_away) {
        return;
    }
    old = program->session;
    if (model->sessions[old].is_over) {
        open_session(model, program);
        begin_again(model, old, program->session);
        return;
    }
    model->sessions[old].is_away = false;
    model->sessions[old].until_ns = INT64_MAX;
    for (size_t i = 0; i < model->calls_count; i++) {
        if (model->calls[i].session == old && model->calls[i].state == MODEL_DECIDED) {
            tell(model, &model->calls[i]);
        }
    }
    for (size_t i = 0; i < model->queues_count; i++) {
        model_queue_touch(model, &model->queues[i]);
    }
    settle(model);
}

static void forget_calls(struct model *model, size_t session)
{
    for (size_t i = 0; i < model->calls_count; i++) {
        struct model_call *call = &model->calls[i];

        if (call->session == session && call->state != MODEL_WAITS) {
            call->state = MODEL_NOBODYS;
        }
    }
}

void model_leaves(struct model *model, size_t number, int64_t now_ns)
{
    struct model_program *program;

    model_run(model, now_ns);
    program = program_of(model, number);
    if (program == NULL || program->gone) {
        return;
    }
    program->gone = true;
    if (!model->sessions[program->session].is_away) { /* else the broker does not hear of it */
        model->sessions[program->session].is_away = true;
        end_session(model, program->session);
    }
    forget_calls(model, program->session);
}

void model_dies(struct model *model, size_t number, int64_t now_ns)
{
    struct model_program *program;

    model_away(model, number, now_ns);
    program = program_of(model, number);
    if (program != NULL) {
        program->gone = true;
        forget_calls(model, program->session);
    }
}

/* ---- time ---- */

static int64_t sooner(int64_t a_ns, int64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

static int64_t next_due(const struct model *model)
{
    int64_t due_ns = model_queues_due(model);

    for (size_t i = 0; i < model->sessions_count; i++) {
        due_ns = sooner(due_ns, model->sessions[i].until_ns);
    }
    for (size_t i = 0; i < model->calls_count; i++) {
        enum model_state state = model->calls[i].state;

        if (state == MODEL_WAITS || state == MODEL_AGAIN || state == MODEL_DECIDED) {
            due_ns = sooner(due_ns, model->calls[i].deadline_ns);
        }
    }
    return model->barrier.phase == MODEL_ACTING ? sooner(due_ns, model->barrier.action_until_ns)
                                                : due_ns;
}

/* The library tells it by itself while it is away, but for what may have been carried out. */
static void call_due(struct model *model, struct model_call *call)
{
    enum history_op op = call->told.op;
    bool alone = op == HISTORY_GET || op == HISTORY_WAIT || op == HISTORY_JOIN;

    call->deadline_ns = INT64_MAX;
    if (call->state == MODEL_WAITS) {
        give_up(model, call, MUSTER_TIMEOUT);
    }
    if (alone && (call->state == MODEL_AGAIN || call->state == MODEL_DECIDED)) {
        call->told.status = MUSTER_TIMEOUT;
        tell(model, call);
    }
}

static void fire(struct model *model)
{
    for (size_t i = 0; i < model->calls_count; i++) {
        if (model->calls[i].deadline_ns <= model->now_ns && model->calls[i].state != MODEL_TOLD &&
            model->calls[i].state != MODEL_NOBODYS) {
            call_due(model, &model->calls[i]);
        }
    }
    model_queues_fire(model);
    model_barrier_fire(model);
    settle(model);
    for (size_t i = 0; i < model->sessions_count; i++) {
        if (model->sessions[i].until_ns <= model->now_ns) {
            end_session(model, i);
        }
    }
}

void model_run(struct model *model, int64_t now_ns)
{
    int64_t due_ns;

    if (now_ns > model->now_ns) {
        model_queues_take(model);
    }
    while ((due_ns = next_due(model)) <= now_ns) {
        model->now_ns = due_ns > model->now_ns ? due_ns : model->now_ns;
        fire(model);
        if (now_ns > model->now_ns && next_due(model) > model->now_ns) {
            model_queues_take(model);
        }
    }
    model->now_ns = now_ns;
}
