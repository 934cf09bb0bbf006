/* client_acts.c - what the dice choose. See client.h. */
#include "tests/soak/client.h"

#include <stdio.h>
#include <string.h>

static bool one_in(struct client *c, uint64_t sides)
{
    return client_dice(c, sides) == 0;
}

static int64_t any_timeout(struct client *c)
{
    static const int64_t times[] = {0, 0, 20 * MUSTER_MS, 150 * MUSTER_MS, 900 * MUSTER_MS};

    return times[client_dice(c, 5)];
}

/* ---- queues ---- */

static void do_put(struct client *c)
{
    struct history_call call = client_asks(HISTORY_PUT, client_dice(c, SOAK_QUEUES));
    size_t count = one_in(c, 6) ? 1 + client_dice(c, MANY) : 1;
    int64_t priority = call.objects[0] == 2 ? (int64_t)client_dice(c, 3) : 0;

    for (size_t i = 0; i < count; i++) {
        char body[HISTORY_BODY];

        snprintf(body, sizeof(body), "%.6s.%u", c->name, c->next_body++ % 1000000);
        history_message(&call, body)->priority = priority;
    }
    if (count == 1 && one_in(c, 10)) {
        snprintf(call.key, sizeof(call.key), "k%d", (int)client_dice(c, 3));
    }
    call.timeout_ns = any_timeout(c);
    call.delay_ns = one_in(c, 8) ? 300 * MUSTER_MS : 0;
    call.ttl_ns = one_in(c, 12) ? 2 * MUSTER_SECOND : MUSTER_FOREVER;
    client_puts(c, &call, one_in(c, 3));
}

static void do_get(struct client *c)
{
    struct history_call call = client_asks(HISTORY_GET, client_dice(c, SOAK_QUEUES));
    uint64_t way = client_dice(c, 6);

    if (one_in(c, 15)) {
        call.objects[0] += SOAK_QUEUES; /* its dead letters */
    } else if (one_in(c, 5)) {
        call.objects[call.objects_count++] = (call.objects[0] + 1) % SOAK_QUEUES;
    }
    call.timeout_ns = any_timeout(c);
    call.automatic = way < 2;
    call.lease_ns = way >= 4 ? (int64_t)(1 + client_dice(c, 3)) * MUSTER_SECOND : MUSTER_FOREVER;
    call.detached = way == 5;
    /* One at most in mode auto: so much may be missing when it is killed in the call. */
    client_gets(c, &call, !call.automatic && one_in(c, 4) ? MANY : 1, one_in(c, 3));
}

static void do_join(struct client *c)
{
    struct history_call call = client_asks(HISTORY_JOIN, client_dice(c, SOAK_QUEUES));

    call.timeout_ns = any_timeout(c);
    client_joins(c, &call, one_in(c, 2));
}

static void do_task_done(struct client *c)
{
    size_t queue = client_dice(c, SOAK_QUEUES);
    struct history_call call = client_asks(HISTORY_TASK_DONE, queue);
    uint64_t number, session;

    pthread_mutex_lock(&c->lock);
    if (c->taken[queue] == 0) {
        pthread_mutex_unlock(&c->lock);
        return;
    }
    c->taken[queue]--;
    pthread_mutex_unlock(&c->lock);
    number = client_begins(c, &call, &session);
    client_ends(c, number, &call, muster_task_done(c->queues[queue]), "");
}

/* ---- what is held ---- */

static void finish(struct client *c, size_t queue, uint64_t id, uint64_t delivery)
{
    struct history_call call = client_asks(HISTORY_DONE, queue);
    uint64_t number, session;
    enum muster_status status;

    call.message = id;
    call.number = delivery;
    number = client_begins(c, &call, &session);
    status = muster_done_by_id(c->queues[queue], id, delivery, &call.already);
    client_ends(c, number, &call, status, "");
}

static void give_back(struct client *c, size_t queue, uint64_t id, uint64_t delivery)
{
    struct history_call call = client_asks(HISTORY_NACK, queue);
    muster_nack_options options = MUSTER_NACK_OPTIONS;
    uint64_t number, session;
    enum muster_status status;

    call.message = id;
    call.number = delivery;
    call.delay_ns = options.delay_ns = one_in(c, 3) ? 200 * MUSTER_MS : 0;
    call.uncounted = options.uncounted = one_in(c, 3);
    call.dead = options.dead = one_in(c, 6);
    number = client_begins(c, &call, &session);
    status = muster_nack_by_id(c->queues[queue], id, delivery, &options);
    client_ends(c, number, &call, status, "");
}

static void keep_longer(struct client *c, size_t queue, uint64_t id, uint64_t delivery)
{
    struct history_call call = client_asks(HISTORY_EXTEND, queue);
    uint64_t number, session;
    enum muster_status status;

    call.message = id;
    call.number = delivery;
    call.lease_ns = MUSTER_SECOND;
    number = client_begins(c, &call, &session);
    status = muster_extend_by_id(c->queues[queue], id, delivery, call.lease_ns);
    client_ends(c, number, &call, status, "");
}

static void do_finish(struct client *c)
{
    struct held *place = &c->held[client_dice(c, HELD)];
    uint64_t way = client_dice(c, 10);
    struct held held;
    uint64_t id, delivery;

    pthread_mutex_lock(&c->lock);
    held = *place;
    if (way != 9) { /* an extended one is still held */
        place->message = NULL;
    }
    pthread_mutex_unlock(&c->lock);
    if (held.message == NULL) {
        return;
    }
    id = muster_message_id(held.message);
    delivery = muster_message_delivery(held.message);
    if (way == 9) {
        keep_longer(c, held.queue, id, delivery);
        return;
    }
    muster_message_free(&held.message);
    if (way < 6) {
        finish(c, held.queue, id, delivery);
    } else if (way < 8) {
        give_back(c, held.queue, id, delivery);
    } /* else its lease ends with its time, or its session */
    if (one_in(c, 20)) {
        finish(c, held.queue, id, delivery); /* once more */
    }
}

/* Something that somebody else may hold. */
static void do_meddle(struct client *c)
{
    size_t queue = client_dice(c, SOAK_QUEUES);
    uint64_t back = client_dice(c, 6);

    if (c->last_id[queue] > back) {
        finish(c, queue, c->last_id[queue] - back, 1 + client_dice(c, 2));
    }
}

/* ---- who looks after them ---- */

static void do_pause(struct client *c, size_t queue, bool ends)
{
    struct history_call call = client_asks(HISTORY_PAUSE, queue);
    enum muster_side sides = ends ? MUSTER_SIDE_BOTH : (enum muster_side)(1 + client_dice(c, 2));
    uint64_t number, session;
    enum muster_status status;

    call.flag = ends;
    call.puts = (sides & MUSTER_SIDE_PUT) != 0;
    call.gets = (sides & MUSTER_SIDE_GET) != 0;
    number = client_begins(c, &call, &session);
    status = ends ? muster_resume(c->queues[queue], sides) : muster_pause(c->queues[queue], sides);
    client_ends(c, number, &call, status, "");
}

static void do_resize(struct client *c, size_t queue)
{
    struct history_call call = client_asks(HISTORY_DECLARE, queue);
    muster_setting setting = {"maxsize", (int64_t)(3 + client_dice(c, 20))};
    uint64_t number, session;

    call.maxsize = setting.value;
    number = client_begins(c, &call, &session);
    client_ends(c, number, &call, muster_update(c->muster, soak_name(queue), &setting, 1), "");
}

static void do_simple(struct client *c, enum history_op op, size_t queue)
{
    struct history_call call = client_asks(op, queue);
    uint64_t number, session;
    enum muster_status status;

    call.message = op == HISTORY_DELETE && c->last_id[queue] > 0 ? c->last_id[queue] : 0;
    number = client_begins(c, &call, &session);
    if (op == HISTORY_REDRIVE) {
        status = muster_redrive(c->queues[queue], NULL);
    } else if (op == HISTORY_PURGE) {
        status = muster_purge(c->queues[queue], NULL);
    } else {
        status = muster_delete_message(c->queues[queue], call.message);
    }
    client_ends(c, number, &call, status, "");
}

static void do_administer(struct client *c)
{
    size_t queue = client_dice(c, SOAK_QUEUES);

    switch (client_dice(c, 8)) {
    case 0: do_pause(c, queue, false); break;
    case 1: do_resize(c, queue); break;
    case 2: do_simple(c, HISTORY_REDRIVE, queue); break;
    case 3:
        if (c->rough) {
            do_simple(c, one_in(c, 4) ? HISTORY_PURGE : HISTORY_DELETE, queue);
        }
        break;
    default: do_pause(c, queue, true); break;
    }
}

/* ---- together ---- */

static void do_event(struct client *c, enum history_op op)
{
    struct history_call call = client_asks(op, SOAK_GO);
    uint64_t number, session;
    enum muster_status status;

    number = client_begins(c, &call, &session);
    if (op == HISTORY_SET) {
        status = muster_event_set(c->go);
    } else if (op == HISTORY_CLEAR) {
        status = muster_event_clear(c->go);
    } else {
        status = muster_event_is_set(c->go, &call.flag);
    }
    client_ends(c, number, &call, status, "");
}

static void do_mend(struct client *c)
{
    struct history_call call = client_asks(HISTORY_RESET, SOAK_GATE);
    uint64_t session;
    uint64_t number = client_begins(c, &call, &session);

    client_ends(c, number, &call, muster_barrier_reset(c->gate), "");
}

static void do_together(struct client *c)
{
    struct history_call call;

    switch (client_dice(c, 7)) {
    case 0: do_event(c, HISTORY_SET); break;
    case 1: do_event(c, HISTORY_CLEAR); break;
    case 2: do_event(c, HISTORY_IS_SET); break;
    case 3:
        call = client_asks(HISTORY_WAIT, SOAK_GO);
        call.timeout_ns = any_timeout(c);
        client_waits(c, &call, one_in(c, 2));
        break;
    case 4: do_mend(c); break;
    default:
        call = client_asks(HISTORY_BARRIER, SOAK_GATE);
        call.timeout_ns = 500 * MUSTER_MS;
        client_meets(c, &call, one_in(c, 2));
        break;
    }
}

/* What the others wait for, once it was the last to arrive. */
static void do_report(struct client *c)
{
    uint64_t generation;
    bool leads;

    pthread_mutex_lock(&c->lock);
    leads = c->leads;
    generation = c->generation;
    c->leads = false;
    pthread_mutex_unlock(&c->lock);
    if (leads) {
        struct history_call call = client_asks(HISTORY_OTHER, SOAK_GATE);
        uint64_t session;
        uint64_t number = client_begins(c, &call, &session);

        client_ends(c, number, &call,
                    muster_barrier_done(c->gate, generation, one_in(c, 5), NULL, 0), "");
    }
}

static void do_cancel(struct client *c)
{
    struct hand *hand = &c->hands[client_dice(c, HANDS)];

    if (hand->handle != NULL) {
        muster_call_cancel(hand->handle);
    }
}

void client_acts(struct client *c)
{
    uint64_t what = client_dice(c, 32);

    do_report(c);
    if (what < 9) {
        do_put(c);
    } else if (what < 18) {
        do_get(c);
    } else if (what < 23) {
        do_finish(c);
    } else if (what < 25) {
        do_task_done(c);
    } else if (what == 25) {
        do_join(c);
    } else if (what == 26) {
        do_administer(c);
    } else if (what == 27) {
        do_meddle(c);
    } else if (what < 31) {
        do_together(c);
    } else {
        do_cancel(c);
    }
}
