/* model_together.c - an event and a barrier. See model.h. */
#include "tests/sim/model_state.h"

#include <assert.h>
#include <stdio.h>

/* ---- event ---- */

static void tell_event(struct model *model, struct model_call *call, enum muster_status status)
{
    call->told.flag = call->told.op == HISTORY_WAIT ? status == MUSTER_OK : model->event.set;
    call->told.generation = model->event.generation;
    model_decide(model, call, status);
}

static void set(struct model *model)
{
    struct model_event *event = &model->event;

    if (event->set) {
        return;
    }
    event->set = true;
    event->generation++;
    for (size_t i = 0; i < model->calls_count; i++) {
        if (model->calls[i].told.op == HISTORY_WAIT && model->calls[i].state == MODEL_WAITS) {
            tell_event(model, &model->calls[i], MUSTER_OK);
        }
    }
}

void model_event_call(struct model *model, struct model_call *call)
{
    const struct history_call *asked = model_asked(model, call);
    struct model_event *event = &model->event;
    bool again = call->session != 0 && call->told.status == MUSTER_UNKNOWN; /* a new session's */

    snprintf(event->name, sizeof(event->name), "%s", model_object(model, call, 0));
    if (asked->op == HISTORY_SET) {
        set(model);
    } else if (asked->op == HISTORY_CLEAR) {
        event->set = false;
    } else if (asked->op == HISTORY_WAIT) {
        bool missed = again && call->knows_generation && event->generation > call->generation;

        if (event->set || missed) {
            tell_event(model, call, MUSTER_OK);
        } else if (asked->timeout_ns == 0) {
            tell_event(model, call, MUSTER_TIMEOUT);
        }
        return;
    }
    tell_event(model, call, MUSTER_OK);
}

/* ---- barrier ---- */

static bool waits_here(const struct model_call *call)
{
    return call->told.op == HISTORY_BARRIER && call->state == MODEL_WAITS;
}

static void break_all(struct model *model, enum muster_status status)
{
    struct model_barrier *barrier = &model->barrier;

    barrier->phase = MODEL_BROKEN;
    barrier->arrived = 0;
    for (size_t i = 0; i < model->calls_count; i++) {
        if (waits_here(&model->calls[i])) {
            model->calls[i].counted = false;
            model_decide(model, &model->calls[i], status);
        }
    }
}

static void arrive(struct model *model, struct model_call *call)
{
    struct model_barrier *barrier = &model->barrier;

    call->counted = true;
    call->told.index = barrier->arrived++;
    call->told.generation = barrier->generation;
}

static void next_generation(struct model *model)
{
    struct model_barrier *barrier = &model->barrier;

    barrier->phase = MODEL_FILLING;
    barrier->generation++;
    barrier->arrived = 0;
}

static void trip(struct model *model)
{
    struct model_barrier *barrier = &model->barrier;

    for (size_t i = 0; i < model->calls_count; i++) {
        if (waits_here(&model->calls[i]) && model->calls[i].counted) {
            model_decide(model, &model->calls[i], MUSTER_OK);
        }
    }
    next_generation(model);
    for (size_t i = 0; i < model->calls_count; i++) {
        if (waits_here(&model->calls[i]) && barrier->arrived < barrier->parties) {
            arrive(model, &model->calls[i]);
        }
    }
}

static bool all_are_here(const struct model *model)
{
    uint64_t here = 0;

    for (size_t i = 0; i < model->calls_count; i++) {
        const struct model_call *call = &model->calls[i];

        here += waits_here(call) && call->counted && model_is_here(model, call);
    }
    return here > 0 && here == model->barrier.parties;
}

static void act(struct model *model)
{
    struct model_barrier *barrier = &model->barrier;
    struct model_call *leader = NULL;

    for (size_t i = 0; i < model->calls_count; i++) {
        struct model_call *call = &model->calls[i];

        if (waits_here(call) && call->counted && call->told.index == barrier->parties - 1) {
            leader = call;
        }
    }
    assert(leader != NULL);
    barrier->phase = MODEL_ACTING;
    barrier->leader = leader->session;
    barrier->action_until_ns = model_after(model->now_ns, barrier->action_ns);
    leader->told.leads = true;
    model_decide(model, leader, MUSTER_OK);
}

void model_barrier_settle(struct model *model)
{
    while (model->barrier.phase == MODEL_FILLING && all_are_here(model)) {
        if (model->barrier.has_action) {
            act(model);
        } else {
            trip(model);
        }
    }
}

/* A member's end breaks it; who was not counted was never missed. */
void model_barrier_gone(struct model *model, struct model_call *call, enum muster_status status)
{
    bool counted = call->counted;

    if (status == MUSTER_TIMEOUT && counted && model->barrier.phase == MODEL_ACTING) {
        return; /* its time stands still */
    }
    call->counted = false;
    model_decide(model, call, status == MUSTER_TIMEOUT && counted ? MUSTER_BROKEN : status);
    if (counted) {
        break_all(model, MUSTER_BROKEN);
    }
}

void model_barrier_session_over(struct model *model, size_t session)
{
    if (model->barrier.phase == MODEL_ACTING && model->barrier.leader == session) {
        break_all(model, MUSTER_BROKEN);
    }
}

void model_barrier_fire(struct model *model)
{
    struct model_barrier *barrier = &model->barrier;

    if (barrier->phase == MODEL_ACTING && barrier->action_until_ns <= model->now_ns) {
        break_all(model, MUSTER_BROKEN);
    }
}

static void wait_at(struct model *model, struct model_call *call)
{
    struct model_barrier *barrier = &model->barrier;

    if (barrier->phase == MODEL_BROKEN) {
        model_decide(model, call, MUSTER_BROKEN);
        return;
    }
    if (barrier->phase == MODEL_FILLING && barrier->arrived < barrier->parties) {
        arrive(model, call);
    }
    model_barrier_settle(model);
    if (call->state == MODEL_WAITS && model_asked(model, call)->timeout_ns == 0) {
        model_barrier_gone(model, call, MUSTER_TIMEOUT);
    }
}

static void report(struct model *model, struct model_call *call)
{
    struct model_barrier *barrier = &model->barrier;

    if (barrier->phase != MODEL_ACTING) {
        model_decide(model, call, barrier->phase == MODEL_BROKEN ? MUSTER_BROKEN : MUSTER_CONFLICT);
    } else if (barrier->leader != call->session) {
        model_decide(model, call, MUSTER_NOT_OWNER);
    } else {
        trip(model);
        model_decide(model, call, MUSTER_OK);
    }
}

void model_barrier_call(struct model *model, struct model_call *call)
{
    const struct history_call *asked = model_asked(model, call);
    struct model_barrier *barrier = &model->barrier;

    switch (asked->op) {
    case HISTORY_DECLARE:
        snprintf(barrier->name, sizeof(barrier->name), "%s", model_object(model, call, 0));
        barrier->parties = asked->parties;
        barrier->has_action = asked->action;
        barrier->action_ns = asked->action_ns;
        model_decide(model, call, MUSTER_OK);
        break;
    case HISTORY_BARRIER: wait_at(model, call); break;
    case HISTORY_REPORT: report(model, call); break;
    default: /* reset */
        break_all(model, MUSTER_BROKEN);
        next_generation(model);
        model_decide(model, call, MUSTER_OK);
        break;
    }
}
