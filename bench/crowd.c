/* crowd.c - many clients that wait: connections that do nothing, getters in line for one message,
 * an event that all wait for. And producers that each wait for every answer.
 *
 * Idle clients share one process: they do nothing that could be in each other's way. Getters and
 * waiters of an event are spread over a few processes, each of which looks at its own in turn: what
 * is measured is when the last of them has it. */
#include "bench/load.h"

#include <stdlib.h>

enum { PATIENCE_MS = 60000, SETTLE_MS = 300, PAUSE_MS = 5 };

/* ---- idle connections ---- */

void scenario_idle(const struct plan *plan)
{
    struct wire **wires = need(calloc(plan->consumers, sizeof(struct wire *)));
    prepare_server(plan);
    /* The first clients make the server take what it needs once and for all. */
    struct wire *first = plan->driver->open(&plan->target, ROLE_PRODUCER);
    int64_t before = server_rss(plan->server), begin_ns = clock_ns();
    for (unsigned i = 0; i < plan->consumers; i++) {
        wires[i] = plan->driver->open(&plan->target, ROLE_PRODUCER);
    }
    int64_t end_ns = clock_ns(), after = server_rss(plan->server);
    print_begin(plan, "idle");
    print_number("connections", plan->consumers);
    print_number("bytes_each", (double)(after - before) / plan->consumers);
    print_number("connects", plan->consumers * (double)NS_PER_S / (double)(end_ns - begin_ns));
    print_end();
    for (unsigned i = 0; i < plan->consumers; i++) {
        plan->driver->close(wires[i]);
    }
    plan->driver->close(first);
    free(wires);
}

/* ---- one put, many getters: each member is one of them ---- */

static void getter(struct crew *crew, unsigned index, void *user)
{
    const struct plan *plan = user;
    struct member *self = &crew->member[index];
    struct message message;
    struct wire *wire = plan->driver->open(&plan->target, ROLE_CONSUMER);
    crew_gate(crew, 1);
    for (uint64_t number = 0; number < plan->messages;) {
        if (plan->driver->take(wire, &message, 1, PATIENCE_MS) != 1) {
            die("%s: a getter waited in vain", plan->driver->name);
        }
        int64_t now_ns = clock_ns(), put_ns = 0;
        number = body_number(&message, plan->target.size, &put_ns);
        if (number < plan->messages) {
            spread_add(&self->spread, now_ns - put_ns, 1);
        }
        if (plan->driver->ack != NULL) {
            plan->driver->ack(wire);
        }
        if (plan->driver->finish != NULL) {
            plan->driver->finish(wire);
        }
        crew_finish(crew, 1);
    }
    plan->driver->close(wire);
}

static void print_spread(const struct plan *plan, const char *scenario, const struct crew *crew)
{
    struct spread *spread = need(calloc(1, sizeof(*spread)));
    for (unsigned i = 0; i < crew->size; i++) {
        spread_merge(spread, &crew->member[i].spread);
    }
    print_begin(plan, scenario);
    print_number("clients", plan->consumers);
    print_number("times", (double)spread->count);
    print_number("p50_us", spread_us(spread, 0.5));
    print_number("p99_us", spread_us(spread, 0.99));
    print_end();
    free(spread);
}

/* The time from a put to the getter that has it, when all the others go on sleeping. Then each gets
 * one message more, which tells it that this is the end. */
void scenario_wake(const struct plan *plan)
{
    struct bodies bodies;
    struct crew *crew = crew_new(plan->consumers);
    struct plan shared = *plan;
    prepare_server(plan);
    for (unsigned i = 0; i < plan->consumers; i++) {
        crew_fork(crew, i, getter, &shared);
    }
    bodies_init(&bodies, plan);
    struct wire *wire = plan->driver->open(&plan->target, ROLE_PRODUCER);
    crew_open(crew, plan->consumers);
    pause_ms(SETTLE_MS); /* nobody can see from outside that all of them are in line */
    for (uint64_t i = 0; i < plan->messages + plan->consumers; i++) {
        if (i < plan->messages) {
            pause_ms(PAUSE_MS); /* whoever had the last one is in line again, everybody asleep */
        }
        bodies_mark(&bodies, i, 1, false);
        plan->driver->put(wire, bodies.messages, 1);
        plan->driver->settle(wire, 0);
        crew_pace(crew, i + 1);
    }
    crew_join(crew);
    plan->driver->close(wire);
    print_spread(plan, "wake", crew);
    bodies_clear(&bodies);
    crew_free(&crew);
}

/* ---- one set, many waiters: each member is one of them ---- */

static void waiter(struct crew *crew, unsigned index, void *user)
{
    const struct plan *plan = user;
    struct member *self = &crew->member[index];
    struct wire *wire = plan->driver->open(&plan->target, ROLE_CONSUMER);
    for (unsigned round = 0; round < plan->messages; round++) {
        crew_gate(crew, 2 * round + 1);
        plan->driver->watch(wire);
        crew_gate(crew, 2 * round + 2);
        plan->driver->seen(wire);
        self->end_ns = clock_ns();
        crew_finish(crew, 1);
    }
    plan->driver->close(wire);
}

/* The time from a set until the last of all waiters has seen it. */
void scenario_broadcast(const struct plan *plan)
{
    struct crew *crew = crew_new(plan->consumers);
    struct plan shared = *plan;
    prepare_server(plan);
    for (unsigned i = 0; i < plan->consumers; i++) {
        crew_fork(crew, i, waiter, &shared);
    }
    struct wire *wire = plan->driver->open(&plan->target, ROLE_PRODUCER);
    for (uint64_t round = 0; round < plan->messages; round++) {
        if (plan->driver->hush != NULL) {
            plan->driver->hush(wire);
        }
        crew_open(crew, plan->consumers);
        crew_open(crew, plan->consumers);
        pause_ms(PAUSE_MS); /* the gate woke them; now they sleep at the server's */
        int64_t begin_ns = clock_ns();
        plan->driver->shout(wire);
        crew_pace(crew, (round + 1) * plan->consumers);
        spread_add(&crew->member[0].spread, crew_end_ns(crew) - begin_ns, 1);
    }
    crew_join(crew);
    plan->driver->close(wire);
    print_spread(plan, "broadcast", crew);
    crew_free(&crew);
}
