/* load.c - the main program of each peer: one scenario, once, against a server that runs already.
 *
 *   load-PEER --drivers
 *   load-PEER --driver NAME --port N [--host H] [--server PID] [options] SCENARIO
 *
 * Prints one JSON object with what was measured. */
#include "bench/load.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* ---- bodies ---- */

void bodies_init(struct bodies *bodies, const struct plan *plan)
{
    bodies->size = plan->target.size;
    bodies->memory = need(malloc(plan->batch * bodies->size));
    bodies->messages = need(calloc(plan->batch, sizeof(*bodies->messages)));
    for (size_t i = 0; i < plan->batch * bodies->size; i++) {
        bodies->memory[i] = (char)('a' + i % 23);
    }
    for (size_t i = 0; i < plan->batch; i++) {
        bodies->messages[i].body = bodies->memory + i * bodies->size;
        bodies->messages[i].size = bodies->size;
    }
}

void bodies_mark(struct bodies *bodies, uint64_t first, size_t n, bool random)
{
    int64_t now_ns = clock_ns();
    for (size_t i = 0; i < n; i++) {
        uint64_t number = first + i;
        memcpy(bodies->memory + i * bodies->size, &now_ns, sizeof(now_ns));
        memcpy(bodies->memory + i * bodies->size + sizeof(now_ns), &number, sizeof(number));
        /* The same priorities in every run, and for every peer. */
        uint64_t mixed = (number + 1) * 0x9e3779b97f4a7c15u;
        bodies->messages[i].priority = random ? (int64_t)(mixed >> 44) : 0;
    }
}

void bodies_clear(struct bodies *bodies)
{
    free(bodies->memory);
    free(bodies->messages);
}

uint64_t body_number(const struct message *message, size_t size, int64_t *put_ns)
{
    uint64_t number;
    if (message->size != size) {
        die("a message of %zu bytes came back with %zu", size, message->size);
    }
    memcpy(put_ns, message->body, sizeof(*put_ns));
    memcpy(&number, (const char *)message->body + sizeof(*put_ns), sizeof(number));
    return number;
}

/* ---- the server ---- */

static void prepare(struct crew *crew, unsigned index, void *user)
{
    const struct plan *plan = user;
    (void)crew;
    (void)index;
    plan->driver->prepare(&plan->target);
}

void prepare_server(const struct plan *plan)
{
    struct plan shared = *plan;
    struct crew *crew = crew_new(1);
    if (plan->driver->prepare != NULL) {
        crew_fork(crew, 0, prepare, &shared);
        crew_join(crew);
    }
    crew_free(&crew);
}

/* ---- output ---- */

void print_begin(const struct plan *plan, const char *scenario)
{
    printf("{\"driver\":\"%s\",\"scenario\":\"%s\"", plan->driver->name, scenario);
}

void print_number(const char *name, double number)
{
    printf(",\"%s\":%.9g", name, number);
}

void print_end(void)
{
    printf("}\n");
}

/* ---- command line ---- */

static const struct {
    const char *name;
    void (*run)(const struct plan *plan);
} scenarios[] = {
    {"flow", scenario_flow},           {"puts", scenario_puts}, {"turn", scenario_turn},
    {"pile", scenario_pile},           {"idle", scenario_idle}, {"wake", scenario_wake},
    {"broadcast", scenario_broadcast},
};

static int show_drivers(void)
{
    for (size_t i = 0; drivers[i] != NULL; i++) {
        const struct driver *driver = drivers[i];
        printf("{\"driver\":\"%s\",\"how\":\"%s\",\"how_one\":\"%s\",", driver->name, driver->how,
               driver->how_one != NULL ? driver->how_one : driver->how);
        printf("\"answers\":%s,\"acknowledges\":%s}\n", driver->answers ? "true" : "false",
               driver->acknowledges ? "true" : "false");
    }
    return 0;
}

static const struct driver *driver_named(const char *name)
{
    for (size_t i = 0; drivers[i] != NULL; i++) {
        if (strcmp(drivers[i]->name, name) == 0) {
            return drivers[i];
        }
    }
    die("there is no driver \"%s\" here; see --drivers", name);
}

static uint64_t number_of(const char *option, const char *text)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') {
        die("--%s \"%s\": not a whole number", option, text);
    }
    return number;
}

static void pin(unsigned processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0) {
        die("cannot stay on processor %u: %s", processor, strerror(errno));
    }
}

static const struct option options[] = {
    {"drivers", no_argument, NULL, 'l'},         {"driver", required_argument, NULL, 'd'},
    {"host", required_argument, NULL, 'h'},      {"port", required_argument, NULL, 'p'},
    {"server", required_argument, NULL, 's'},    {"queue", required_argument, NULL, 'q'},
    {"kind", required_argument, NULL, 'k'},      {"server-key", required_argument, NULL, 'K'},
    {"size", required_argument, NULL, 'z'},      {"messages", required_argument, NULL, 'm'},
    {"producers", required_argument, NULL, 'P'}, {"consumers", required_argument, NULL, 'C'},
    {"window", required_argument, NULL, 'w'},    {"batch", required_argument, NULL, 'b'},
    {"fill", required_argument, NULL, 'f'},      {"ahead", required_argument, NULL, 'a'},
    {"pin", required_argument, NULL, 'c'},       {"random", no_argument, NULL, 'r'},
    {"durable", no_argument, NULL, 'D'},         {NULL, 0, NULL, 0},
};

static void take_number(struct plan *plan, int letter, const char *name, const char *text)
{
    uint64_t number = number_of(name, text);
    switch (letter) {
    case 'p': plan->target.port = (int)number; break;
    case 's': plan->server = (int)number; break;
    case 'z': plan->target.size = (size_t)number; break;
    case 'm': plan->messages = number; break;
    case 'P': plan->producers = (unsigned)number; break;
    case 'C': plan->consumers = (unsigned)number; break;
    case 'w': plan->target.window = (unsigned)number; break;
    case 'b': plan->batch = (unsigned)number; break;
    case 'f': plan->fill = number; break;
    case 'a': plan->ahead = number; break;
    default: pin((unsigned)number); break;
    }
}

static void take_option(struct plan *plan, int letter, const char *name, const char *text)
{
    switch (letter) {
    case 'd': plan->driver = driver_named(text); break;
    case 'h': plan->target.host = text; break;
    case 'q': plan->target.queue = text; break;
    case 'k': plan->target.kind = text; break;
    case 'K': plan->target.server_key = text; break;
    case 'r': plan->random = true; break;
    case 'D': plan->target.durable = true; break;
    case 'l': exit(show_drivers());
    case '?': exit(64);
    default: take_number(plan, letter, name, text); break;
    }
}

int main(int count, char **words)
{
    struct plan plan = {.messages = 100000, .producers = 1, .consumers = 1, .batch = 1};
    plan.target = (struct target){.host = "127.0.0.1", .queue = "bench", .kind = "fifo"};
    plan.target.size = 100;
    plan.target.window = 1;
    for (int letter, index = 0; (letter = getopt_long(count, words, "", options, &index)) != -1;) {
        take_option(&plan, letter, options[index].name, optarg);
    }
    if (plan.driver == NULL || optind != count - 1) {
        die("usage: load-PEER --driver NAME --port N [options] SCENARIO");
    }
    if (plan.target.size < BODY_MARK || plan.batch < 1 || plan.target.window < plan.batch) {
        die("a body has at least %d bytes, a batch one message, a window one batch", BODY_MARK);
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        if (strcmp(scenarios[i].name, words[optind]) == 0) {
            scenarios[i].run(&plan);
            return 0;
        }
    }
    die("there is no scenario \"%s\"", words[optind]);
}
