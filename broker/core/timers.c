/* timers.c - everything that happens because time passed, in one total order.
 *
 * Deadlines compare (time, order of arming). A tick carries out a bounded number, so that a crowd
 * of deadlines never holds up the loop; core_next_deadline_ns then asks for the next tick at once.
 */
#include "broker/core/internal.h"

#define TIMERS_PER_TICK 1000

bool timer_before(const struct heap_node *a, const struct heap_node *b)
{
    const struct timer *left = OWNER_CONST(a, struct timer, node);
    const struct timer *right = OWNER_CONST(b, struct timer, node);

    if (left->at_ns != right->at_ns) {
        return left->at_ns < right->at_ns;
    }
    return left->seq < right->seq;
}

int64_t time_after(int64_t now_ns, int64_t duration_ns)
{
    return duration_ns >= MST_FOREVER - now_ns ? MST_FOREVER : now_ns + duration_ns;
}

void timer_init(struct timer *timer, enum timer_kind kind)
{
    *timer = (struct timer){.kind = kind, .at_ns = MST_FOREVER};
}

void timer_cancel(struct core *core, struct timer *timer)
{
    if (timer_armed(timer)) {
        heap_remove(&core->timers, &timer->node);
    }
    timer->at_ns = MST_FOREVER;
}

void timer_set(struct core *core, struct timer *timer, int64_t at_ns)
{
    timer_cancel(core, timer);
    if (at_ns == MST_FOREVER) {
        return;
    }
    timer->at_ns = at_ns;
    timer->seq = ++core->timer_seq;
    NEED(core, heap_push(&core->timers, &timer->node));
}

void timer_restore(struct core *core, struct timer *timer, int64_t at_ns, uint64_t seq)
{
    uint64_t latest = core->timer_seq > seq ? core->timer_seq : seq;

    timer_set(core, timer, MST_FOREVER);
    core->timer_seq = seq - 1;
    timer_set(core, timer, at_ns);
    core->timer_seq = latest;
}

static void fire(struct step *step, struct timer *timer)
{
    switch (timer->kind) {
    case TIMER_WAIT: wait_expire(step, OWNER(timer, struct wait, timer), MST_TIMEOUT); break;
    case TIMER_SESSION: session_due(step, OWNER(timer, struct session, timer)); break;
    case TIMER_LEASE: lease_due(step, OWNER(timer, struct lease, timer)); break;
    case TIMER_DELAY: message_due(step, OWNER(timer, struct extra, delay), TIMER_DELAY); break;
    case TIMER_TTL: message_due(step, OWNER(timer, struct extra, ttl), TIMER_TTL); break;
    case TIMER_IDLE: object_idle_due(step, OWNER(timer, struct object, idle)); break;
    case TIMER_ACTION: barrier_action_due(step, OWNER(timer, struct barrier, action)); break;
    }
}

void timers_run(struct step *step)
{
    struct core *core = step->core;

    for (int i = 0; i < TIMERS_PER_TICK; i++) {
        struct heap_node *first = heap_first(&core->timers);
        struct timer *timer;

        if (first == NULL || (i > 0 && memory_is_low(core))) {
            return;
        }
        timer = OWNER(first, struct timer, node);
        if (timer->at_ns > core->now_ns) {
            return;
        }
        timer_cancel(core, timer);
        fire(step, timer);
        core_settle(step);
    }
}
