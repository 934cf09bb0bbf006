/* flow.c - producers put, consumers take and acknowledge, until every message has passed.
 *
 * The clock runs from the opened gate to the last answered acknowledgement. Every message counts
 * once, and the sum of their numbers shows that none was lost, given twice or made up. */
#include "bench/load.h"

#include <stdio.h>
#include <stdlib.h>

enum { LOOK_AROUND_MS = 100 }; /* a consumer whose messages others took finds the end so soon */

struct flow {
    const struct plan *plan;
    uint64_t messages;
};

static uint64_t share_of(uint64_t messages, unsigned parts, unsigned part)
{
    return messages / parts + (part < messages % parts);
}

static void produce(struct crew *crew, unsigned index, void *user)
{
    const struct flow *flow = user;
    const struct plan *plan = flow->plan;
    struct member *self = &crew->member[index];
    struct bodies bodies;
    bodies_init(&bodies, plan);
    uint64_t first = 0;
    for (unsigned i = 0; i < index; i++) {
        first += share_of(flow->messages, plan->producers, i);
    }
    uint64_t share = share_of(flow->messages, plan->producers, index);
    struct wire *wire = plan->driver->open(&plan->target, ROLE_PRODUCER);
    crew_gate(crew, 1);
    for (uint64_t done = 0; done < share;) {
        size_t n = share - done < plan->batch ? (size_t)(share - done) : plan->batch;
        if (plan->ahead > 0 && done + n > plan->ahead) {
            crew_pace(crew, done + n - plan->ahead);
        }
        bodies_mark(&bodies, first + done, n, plan->random);
        plan->driver->put(wire, bodies.messages, n);
        plan->driver->settle(wire, plan->target.window - plan->batch);
        done += n;
    }
    plan->driver->settle(wire, 0);
    self->end_ns = clock_ns();
    plan->driver->close(wire);
    bodies_clear(&bodies);
}

static void look_at(struct member *self, const struct plan *plan, const struct message *messages,
                    size_t n)
{
    int64_t now_ns = clock_ns(), put_ns = 0;
    for (size_t i = 0; i < n; i++) {
        self->sum += body_number(&messages[i], plan->target.size, &put_ns);
        spread_add(&self->spread, now_ns - put_ns, 1);
    }
    self->count += n;
}

static void consume(struct crew *crew, unsigned index, void *user)
{
    const struct flow *flow = user;
    const struct plan *plan = flow->plan;
    struct member *self = &crew->member[index];
    struct message *messages = need(calloc(plan->batch, sizeof(*messages)));
    struct wire *wire = plan->driver->open(&plan->target, ROLE_CONSUMER);
    crew_gate(crew, 1);
    while (atomic_load(&crew->finished) < flow->messages) {
        size_t n = plan->driver->take(wire, messages, plan->batch, LOOK_AROUND_MS);
        if (n == 0) {
            continue;
        }
        look_at(self, plan, messages, n);
        if (plan->driver->ack != NULL) {
            plan->driver->ack(wire);
        }
        bool last = atomic_load(&crew->finished) + n >= flow->messages;
        if (last && plan->driver->finish != NULL) {
            plan->driver->finish(wire);
        }
        self->end_ns = clock_ns();
        crew_finish(crew, n);
    }
    if (plan->driver->finish != NULL) {
        plan->driver->finish(wire);
    }
    plan->driver->close(wire);
    free(messages);
}

static void print_flow(const struct plan *plan, const struct crew *crew, uint64_t messages,
                       int64_t cpu_ns)
{
    struct spread *spread = need(calloc(1, sizeof(*spread)));
    uint64_t count = 0, sum = 0;
    for (unsigned i = 0; i < crew->size; i++) {
        count += crew->member[i].count;
        sum += crew->member[i].sum;
        spread_merge(spread, &crew->member[i].spread);
    }
    if (count != messages || sum != messages * (messages - 1) / 2) {
        die("%s: %llu messages were put, %llu came back, the sum of their numbers differs by %lld",
            plan->driver->name, (unsigned long long)messages, (unsigned long long)count,
            (long long)(sum - messages * (messages - 1) / 2));
    }
    double seconds = (double)(crew_end_ns(crew) - crew->begin_ns) / (double)NS_PER_S;
    print_begin(plan, "flow");
    print_number("messages", (double)messages);
    print_number("seconds", seconds);
    print_number("rate", (double)messages / seconds);
    print_number("bytes_rate", (double)messages * (double)plan->target.size / seconds);
    print_number("cpu_us", (double)cpu_ns / 1000 / (double)messages);
    print_number("p50_us", spread_us(spread, 0.5));
    print_number("p99_us", spread_us(spread, 0.99));
    print_end();
    free(spread);
}

/* Puts alone: what is taken out is not part of what is asked. */
void scenario_puts(const struct plan *plan)
{
    struct flow flow = {plan, plan->messages};
    struct crew *crew = crew_new(plan->producers);
    prepare_server(plan);
    for (unsigned i = 0; i < plan->producers; i++) {
        crew_fork(crew, i, produce, &flow);
    }
    crew_await(crew, plan->producers);
    int64_t cpu_ns = server_cpu_ns(plan->server);
    crew_open(crew, plan->producers);
    crew_join(crew);
    cpu_ns = server_cpu_ns(plan->server) - cpu_ns;
    double seconds = (double)(crew_end_ns(crew) - crew->begin_ns) / (double)NS_PER_S;
    print_begin(plan, "puts");
    print_number("messages", (double)plan->messages);
    print_number("seconds", seconds);
    print_number("rate", (double)plan->messages / seconds);
    print_number("cpu_us", (double)cpu_ns / 1000 / (double)plan->messages);
    print_end();
    crew_free(&crew);
}

void scenario_flow(const struct plan *plan)
{
    if (plan->ahead > 0 && plan->producers > 1) {
        die("--ahead is for one producer");
    }
    struct flow flow = {plan, plan->messages};
    unsigned clients = plan->producers + plan->consumers;
    struct crew *crew = crew_new(clients);
    prepare_server(plan);
    for (unsigned i = 0; i < clients; i++) {
        crew_fork(crew, i, i < plan->producers ? produce : consume, &flow);
    }
    crew_await(crew, clients);
    int64_t cpu_ns = server_cpu_ns(plan->server);
    crew_open(crew, clients);
    crew_join(crew);
    cpu_ns = server_cpu_ns(plan->server) - cpu_ns;
    print_flow(plan, crew, flow.messages, cpu_ns);
    crew_free(&crew);
}
