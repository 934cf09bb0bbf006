/* test_soak.c - eight real clients do anything at all with a real broker, while they and it are
 * killed, stopped and cut off; the judges of the simulation read what they wrote down.
 *
 * SEED chooses the dice, CALLS how long it goes on (in calls of all clients); what the system makes
 * of it is its own affair, so a seed cannot be repeated, but its histories can be judged again:
 * JUDGE=FOLDER. The folder of a soak that failed is kept, and named. */
#include "tests/lib/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/judge.h"
#include "tests/soak/lines.h"
#include "tests/soak/reading.h"

#define CLIENTS       8
#define CALLS_DEFAULT 700
#define SPARE_IDS     64 /* sessions of one life of a broker, at most */
#define SILENCE       "2s"

struct member {
    struct proxy *proxy;
    struct child *child;
    char name[HISTORY_NAME];
};

struct soak {
    struct world *world;
    struct broker *broker;
    bool durable;
    uint64_t seed;
    uint64_t random;
    char folder[128];
    int faults; /* the file of what was done to them */
    int pulse;  /* a byte for each call that ended */
    char pulse_name[12];
    unsigned next_name;
    unsigned lives;
    size_t calls;
    struct member members[CLIENTS];
};

static uint64_t dice(struct soak *s, uint64_t sides)
{
    s->random ^= s->random >> 12;
    s->random ^= s->random << 25;
    s->random ^= s->random >> 27;
    return ((s->random * UINT64_C(2685821657736338717)) >> 20) % sides;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

/* ---- clients ---- */

static struct child *run_client(struct soak *s, const char *url, const char *name, const char *how)
{
    static const char *const ttls[] = {"0", "700", "3000", "10000", "10000"};
    char program[512], seed[24];
    const char *argv[] = {program, url, name, seed, s->folder, s->pulse_name, "10000", how, NULL};

    snprintf(program, sizeof(program), "%s/tests/soak/client", getenv("MUSTER_BUILD"));
    snprintf(seed, sizeof(seed), "%llu", (unsigned long long)dice(s, UINT64_C(1) << 40));
    if (name[0] == 'p') {
        argv[6] = ttls[dice(s, 5)];
    }
    return child_run(s->world, argv);
}

static void start_member(struct soak *s, struct member *member)
{
    snprintf(member->name, sizeof(member->name), "p%u", s->next_name++);
    member->child = run_client(s, proxy_url(member->proxy), member->name,
                               s->seed % 3 == 0 ? "rough" : "gentle");
}

/* TERM ends it at once when it comes before the client has looked out for it. */
static void expect_ended(const struct member *member, int status)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) {
        return;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fail_msg("client %s ended with wait status %d", member->name, status);
    }
}

/* One that declares, or drains, and must succeed. */
static void run_keeper(struct soak *s, const char *how)
{
    struct member keeper = {.child = NULL};

    snprintf(keeper.name, sizeof(keeper.name), "z%u", s->next_name++);
    keeper.child = run_client(s, broker_url(s->broker), keeper.name, how);
    expect_ended(&keeper, child_wait(keeper.child));
}

/* ---- time ---- */

/* Until so much time has passed, or so many more calls have ended. */
static void let_run(struct soak *s, int64_t most_ns, size_t calls)
{
    int64_t until_ns = lines_now_ns() + most_ns;
    size_t end = s->calls + calls;

    while (s->calls < end && lines_now_ns() < until_ns) {
        struct pollfd ready = {.fd = s->pulse, .events = POLLIN};
        char bytes[64];
        ssize_t n = -1;

        if (poll(&ready, 1, (int)((until_ns - lines_now_ns()) / MUSTER_MS) + 1) > 0) {
            n = read(s->pulse, bytes, sizeof(bytes));
        }
        s->calls += n > 0 ? (size_t)n : 0;
    }
}

static void fault(struct soak *s, int64_t from_ns, const char *whom)
{
    lines_say(s->faults, "fault %lld %lld %s", (long long)from_ns, (long long)lines_now_ns(), whom);
}

/* ---- what befalls a client ---- */

static void cut_amid_bytes(struct soak *s, struct member *member)
{
    proxy_cut_after(member->proxy, 1 + dice(s, 300), true);
    let_run(s, (int64_t)(100 + dice(s, 500)) * MUSTER_MS, 100);
    proxy_cut_after(member->proxy, 0, false);
}

static void keep_out(struct soak *s, struct member *member)
{
    proxy_refuse(member->proxy, true);
    proxy_cut(member->proxy);
    let_run(s, (int64_t)dice(s, 1500) * MUSTER_MS, 400);
    proxy_refuse(member->proxy, false);
}

static void stand_still(struct soak *s, struct member *member)
{
    child_signal(member->child, SIGSTOP);
    let_run(s, (int64_t)dice(s, 3000) * MUSTER_MS, 1000);
    child_signal(member->child, SIGCONT);
}

static void replace(struct soak *s, struct member *member, int signal)
{
    int file = lines_open(s->folder, member->name);
    int status;

    child_signal(member->child, signal);
    status = child_wait(member->child);
    if (signal == SIGTERM) {
        expect_ended(member, status);
    } else if (!WIFSIGNALED(status) || WTERMSIG(status) != signal) {
        fail_msg("client %s had ended with wait status %d", member->name, status);
    }
    lines_say(file, "gone %lld", (long long)lines_now_ns());
    close(file);
    start_member(s, member);
}

static void strike_member(struct soak *s)
{
    struct member *member = &s->members[dice(s, CLIENTS)];
    int64_t from_ns = lines_now_ns();
    char name[HISTORY_NAME];

    snprintf(name, sizeof(name), "%s", member->name);
    switch (dice(s, 10)) {
    case 0: cut_amid_bytes(s, member); break;
    case 1: keep_out(s, member); break;
    case 2: stand_still(s, member); break;
    case 3:
    case 4: replace(s, member, SIGKILL); break;
    case 5: replace(s, member, SIGTERM); break;
    case 6: proxy_stall(member->proxy); break;
    case 7: proxy_drop(member->proxy, PROXY_TO_BROKER); break;
    case 8: proxy_drop(member->proxy, PROXY_TO_CLIENT); break;
    default: proxy_cut(member->proxy); break;
    }
    fault(s, from_ns, name);
}

/* ---- what befalls the broker ---- */

static void refuse_all(struct soak *s, bool refuse)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        proxy_refuse(s->members[i].proxy, refuse);
    }
}

/* A broker without a data directory numbers sessions from 1 again: those of another life must not
 * be taken for them. */
static void spend_session_numbers(struct soak *s)
{
    muster_client_options options = MUSTER_CLIENT_OPTIONS;

    options.url = broker_url(s->broker);
    for (unsigned i = 0; i < s->lives * SPARE_IDS; i++) {
        muster_client *client = NULL;

        assert_int_equal(muster_connect(&options, &client), MUSTER_OK);
        muster_close(&client);
    }
}

static void restart_broker(struct soak *s, int signal)
{
    int status;

    if (!s->durable) {
        refuse_all(s, true);
    }
    broker_signal(s->broker, signal);
    status = broker_wait(s->broker);
    if (signal == SIGTERM ? !WIFEXITED(status) || WEXITSTATUS(status) != 0
                          : !WIFSIGNALED(status) || WTERMSIG(status) != signal) {
        fail_msg("the broker ended with wait status %d, and not of signal %d", status, signal);
    }
    if (s->durable) {
        let_run(s, (int64_t)dice(s, 4) * 100 * MUSTER_MS, 1000);
        broker_restart(s->broker);
        return;
    }
    lines_say(s->faults, "restart %lld", (long long)lines_now_ns());
    s->lives++;
    broker_restart(s->broker);
    spend_session_numbers(s);
    run_keeper(s, "declare");
    refuse_all(s, false);
}

static void strike_broker(struct soak *s)
{
    int64_t from_ns = lines_now_ns();

    switch (dice(s, 4)) {
    case 0: restart_broker(s, SIGTERM); break;
    case 1:
        broker_signal(s->broker, SIGSTOP);
        let_run(s, (int64_t)dice(s, 1500) * MUSTER_MS, 1000);
        broker_signal(s->broker, SIGCONT);
        break;
    default: restart_broker(s, SIGKILL); break;
    }
    fault(s, from_ns, "*");
}

/* ---- judgement ---- */

static void judge_life(const struct reading *reading, size_t life)
{
    struct history *history = reading_history(reading, life);
    struct verdict verdict;

    if (judge(history, &verdict)) {
        if (getenv("ALOUD") != NULL) {
            history_print(history);
        }
        fail_msg("life %zu of the broker, judge of %s: %s", life, verdict.judge, verdict.text);
    }
    history_free(&history);
}

static void judge_folder(const char *folder)
{
    struct reading *reading = reading_new(folder);

    if (reading == NULL) {
        fail_msg("cannot read %s: %s", folder, strerror(errno));
    }
    if (reading_misfit(reading) != NULL) {
        fail_msg("%s", reading_misfit(reading));
    }
    for (size_t life = 0; life < reading_lives(reading); life++) {
        judge_life(reading, life);
    }
    print_message("%zu calls in %zu lives of the broker, judged\n", reading_calls(reading),
                  reading_lives(reading));
    reading_free(&reading);
}

/* ---- a soak ---- */

static int64_t wall_ahead_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * MUSTER_SECOND + now.tv_nsec - lines_now_ns();
}

static void begin(struct soak *s)
{
    char data[160];
    const char *args[] = {"--silence", SILENCE, "--data-dir", data, "--segment-size", "256K", NULL};
    const struct broker_options options = {.args = args};
    int ends[2];

    s->random = s->seed * 0x9e3779b97f4a7c15u + (s->durable ? 1 : 2);
    snprintf(s->folder, sizeof(s->folder), "%.80s/muster-soak-XXXXXX",
             getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
    assert_non_null(mkdtemp(s->folder));
    print_message("SEED=%llu %s\n", (unsigned long long)s->seed, s->folder);
    snprintf(data, sizeof(data), "%s/data", s->folder);
    if (!s->durable) {
        args[2] = NULL;
    }
    s->faults = lines_open(s->folder, "faults");
    assert_true(s->faults >= 0);
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0); /* clients have the other end */
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    s->pulse = ends[0];
    snprintf(s->pulse_name, sizeof(s->pulse_name), "%d", ends[1]);
    s->broker = broker_start(s->world, &options);
    run_keeper(s, "declare");
    for (size_t i = 0; i < CLIENTS; i++) {
        s->members[i].proxy = proxy_start(s->world, broker_port(s->broker));
        start_member(s, &s->members[i]);
    }
}

static void end(struct soak *s)
{
    broker_signal(s->broker, SIGCONT);
    for (size_t i = 0; i < CLIENTS; i++) {
        child_signal(s->members[i].child, SIGTERM);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        expect_ended(&s->members[i], child_wait(s->members[i].child));
    }
    run_keeper(s, "drain");
    broker_signal(s->broker, SIGTERM);
    assert_int_equal(broker_wait(s->broker), 0);
    close(s->faults);
    close(s->pulse);
    close(atoi(s->pulse_name));
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *where)
{
    (void)stat;
    (void)kind;
    (void)where;
    return remove(path);
}

static void soak(struct world *world, bool durable)
{
    struct soak s = {.world = world, .durable = durable, .seed = from_environment("SEED", 1)};
    size_t calls = from_environment("CALLS", CALLS_DEFAULT);
    int64_t ahead_ns = wall_ahead_ns();

    if (getenv("JUDGE") != NULL) {
        return;
    }
    begin(&s);
    while (s.calls < calls) {
        let_run(&s, MUSTER_SECOND, 10 + dice(&s, 60));
        if (dice(&s, 6) == 0) {
            strike_broker(&s);
        } else {
            strike_member(&s);
        }
    }
    end(&s);
    if (llabs(wall_ahead_ns() - ahead_ns) > MUSTER_MS) {
        lines_say(lines_open(s.folder, "wall"), "jump");
    }
    judge_folder(s.folder);
    assert_int_equal(nftw(s.folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void a_broker_with_a_data_directory_keeps_its_promises(void **state)
{
    soak(*state, true);
}

static void a_broker_in_memory_keeps_its_promises(void **state)
{
    soak(*state, false);
}

static void a_folder_is_judged_again(void **state)
{
    (void)state;
    if (getenv("JUDGE") != NULL) {
        judge_folder(getenv("JUDGE"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_broker_with_a_data_directory_keeps_its_promises,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_broker_in_memory_keeps_its_promises, world_setup,
                                        world_teardown),
        cmocka_unit_test(a_folder_is_judged_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
