/* turn.c - one client puts a message and takes one, in turn, each request answered before the next.
 *
 * With --fill so many messages wait in the queue all the while, so what is taken is not what was
 * put. Tells the time of a put, of a take with its acknowledgement, and of both. */
#include "bench/load.h"

#include <stdlib.h>

enum { FILL_BATCH = 500, PATIENCE_MS = 10000 };

void fill_queue(const struct plan *plan)
{
    struct plan filling = *plan;
    filling.batch = FILL_BATCH;
    filling.target.window = 2 * FILL_BATCH;
    struct bodies bodies;
    bodies_init(&bodies, &filling);
    struct wire *wire = plan->driver->open(&filling.target, ROLE_PRODUCER);
    for (uint64_t done = 0; done < plan->fill;) {
        size_t n = plan->fill - done < FILL_BATCH ? (size_t)(plan->fill - done) : FILL_BATCH;
        bodies_mark(&bodies, done, n, plan->random);
        plan->driver->put(wire, bodies.messages, n);
        plan->driver->settle(wire, FILL_BATCH);
        done += n;
    }
    plan->driver->settle(wire, 0);
    plan->driver->close(wire);
    bodies_clear(&bodies);
}

struct turns {
    struct spread put, take, both;
};

static void one_turn(const struct plan *plan, struct wire *wire, const struct message *message,
                     struct turns *turns)
{
    struct message back;
    int64_t begin_ns = clock_ns();
    plan->driver->put(wire, message, 1);
    plan->driver->settle(wire, 0);
    int64_t middle_ns = clock_ns();
    if (plan->driver->take(wire, &back, 1, PATIENCE_MS) != 1) {
        die("%s: a message that was put did not come back", plan->driver->name);
    }
    int64_t put_ns = 0;
    body_number(&back, plan->target.size, &put_ns);
    if (plan->driver->ack != NULL) {
        plan->driver->ack(wire);
    }
    if (plan->driver->finish != NULL) {
        plan->driver->finish(wire);
    }
    int64_t end_ns = clock_ns();
    spread_add(&turns->put, middle_ns - begin_ns, 1);
    spread_add(&turns->take, end_ns - middle_ns, 1);
    spread_add(&turns->both, end_ns - begin_ns, 1);
}

static void take_turns(const struct plan *plan, struct wire *wire, struct turns *turns)
{
    struct bodies bodies;
    bodies_init(&bodies, plan);
    for (uint64_t i = 0; i < plan->messages; i++) {
        bodies_mark(&bodies, plan->fill + i, 1, plan->random);
        one_turn(plan, wire, bodies.messages, turns);
    }
    bodies_clear(&bodies);
}

void scenario_turn(const struct plan *plan)
{
    struct turns *turns = need(calloc(1, sizeof(*turns)));
    prepare_server(plan);
    fill_queue(plan);
    struct wire *wire = plan->driver->open(&plan->target, ROLE_BOTH);
    int64_t cpu_ns = server_cpu_ns(plan->server), begin_ns = clock_ns();
    take_turns(plan, wire, turns);
    int64_t end_ns = clock_ns();
    cpu_ns = server_cpu_ns(plan->server) - cpu_ns;
    plan->driver->close(wire);

    print_begin(plan, "turn");
    print_number("messages", (double)plan->messages);
    print_number("seconds", (double)(end_ns - begin_ns) / (double)NS_PER_S);
    print_number("rate", (double)plan->messages * NS_PER_S / (double)(end_ns - begin_ns));
    print_number("put_p50_us", spread_us(&turns->put, 0.5));
    print_number("put_p99_us", spread_us(&turns->put, 0.99));
    print_number("take_p50_us", spread_us(&turns->take, 0.5));
    print_number("take_p99_us", spread_us(&turns->take, 0.99));
    print_number("both_p50_us", spread_us(&turns->both, 0.5));
    print_number("both_p99_us", spread_us(&turns->both, 0.99));
    print_number("both_us", (double)(end_ns - begin_ns) / 1000 / (double)plan->messages);
    print_number("cpu_us", (double)cpu_ns / 1000 / (double)plan->messages);
    print_end();
    free(turns);
}

/* The memory of a message that waits. */
void scenario_pile(const struct plan *plan)
{
    prepare_server(plan);
    int64_t before = server_rss(plan->server), begin_ns = clock_ns();
    fill_queue(plan);
    int64_t end_ns = clock_ns(), after = server_rss(plan->server);
    print_begin(plan, "pile");
    print_number("messages", (double)plan->fill);
    print_number("bytes_each", (double)(after - before) / (double)plan->fill);
    print_number("rate", (double)plan->fill * NS_PER_S / (double)(end_ns - begin_ns));
    print_end();
}
