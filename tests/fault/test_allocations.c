/* test_allocations.c - a script through all objects and operations, in the clear and encrypted,
 * with a journal on a simulated disk and a restart: whichever allocation is refused, alone or with
 * some behind it, the broker goes on, or ends with a line when it starts; nothing leaks, the core
 * stays sound, and what is on the disk can be recovered.
 *
 *   test_allocations [FIRST STEP [MORE]]    every STEPth allocation from the FIRST on, and MORE
 *                                           behind it; without: a share */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/fault/broker.h"

#define SHARE 29 /* in `make test` one of so many is tried, others each day */

/* ---- the script ---- */

static void puts_and_gets(struct broker *b, struct peer *peer, struct peer *other)
{
    struct mst_span bodies[] = {mst_span_text("one"), mst_span_text("two"), mst_span_text("three")};
    int64_t priorities[] = {3, 1, 2};
    uint64_t handles[] = {1, 2};
    struct mst_run runs[] = {{1, 1, 2}};

    SAY(other, GET, r.handles = handles, r.handles_count = 2, r.timeout_ns = 5 * SECOND);
    SAY(peer, PUT, r.bodies = bodies, r.bodies_count = 3, r.headers = mst_span_text("h"));
    SAY(peer, PUT, r.handle = 2, r.bodies = bodies, r.bodies_count = 3, r.priorities = priorities,
        r.priorities_count = 3, r.mode = MST_PUT_ALL);
    SAY(peer, PUT, r.bodies = bodies, r.bodies_count = 1, r.dedup = mst_span_text("key"),
        r.delay_ns = SECOND, r.ttl_ns = 60 * SECOND);
    SAY(peer, GET, r.handles = handles, r.handles_count = 2, r.lease_ns = SECOND);
    SAY(peer, GET, r.handles = handles + 1, r.handles_count = 1, r.mode = MST_GET_AUTO);
    SAY(peer, GET, r.handles = handles, r.handles_count = 1, r.detached = true,
        r.lease_ns = 3 * SECOND);
    SAY(peer, EXTEND, r.message = 2, r.number = 1, r.lease_ns = 9 * SECOND);
    SAY(other, NACK, r.message = 1, r.number = 1, r.dead = true, r.value = mst_span_text("bad"));
    SAY(peer, NACK, r.message = 2, r.number = 1, r.delay_ns = SECOND);
    broker_pass(b, 2 * SECOND);
    SAY(peer, DONE, r.runs = runs, r.runs_count = 1);
    SAY(peer, TASK_DONE, r.handle = 2);
    SAY(other, JOIN, r.timeout_ns = SECOND);
    SAY(peer, PEEK, r.count = 10);
    SAY(peer, QSIZE, (void)0);
    SAY(peer, REDRIVE, r.handle = 5);
    SAY(peer, DELETE, r.message = 3);
    SAY(peer, CANCEL, r.target = 3);
    SAY(peer, HEARTBEAT, (void)0);
}

static void objects(struct broker *b, struct peer *peer, struct peer *other)
{
    struct mst_fact small[] = {{mst_span_text("maxsize"), false, 4, MST_SPAN_NONE},
                               {mst_span_text("max-deliveries"), false, 2, MST_SPAN_NONE}};
    struct mst_fact two[] = {{mst_span_text("parties"), false, 2, MST_SPAN_NONE},
                             {mst_span_text("action"), false, 1, MST_SPAN_NONE}};

    SAY(peer, DECLARE, r.settings = small, r.settings_count = 2);
    SAY(peer, DECLARE, r.handle = 2, r.kind = MST_KIND_PRIORITY);
    SAY(peer, DECLARE, r.handle = 4, r.kind = MST_KIND_BARRIER, r.settings = two,
        r.settings_count = 2);
    SAY(other, EVENT_WAIT, r.handle = 3);
    SAY(peer, EVENT_SET, r.handle = 3);
    SAY(peer, EVENT_IS_SET, r.handle = 3);
    SAY(peer, EVENT_CLEAR, r.handle = 3);
    SAY(peer, BARRIER_WAIT, r.handle = 4);
    SAY(other, BARRIER_WAIT, r.handle = 4);
    SAY(other, BARRIER_DONE, r.handle = 4, r.value = mst_span_text("result"));
    SAY(peer, BARRIER_WAIT, r.handle = 4, r.timeout_ns = SECOND);
    SAY(other, BARRIER_ABORT, r.handle = 4);
    SAY(other, BARRIER_RESET, r.handle = 4);
    SAY(peer, UPDATE, r.settings = small, r.settings_count = 1);
    SAY(peer, PAUSE, r.sides = MST_SIDE_GET);
    SAY(peer, UNPAUSE, (void)0);
    SAY(peer, STAT, (void)0);
    SAY(peer, LIST, r.pattern = mst_span_text("**"));
    SAY(peer, SESSIONS, (void)0);
    SAY(peer, PING, (void)0);
    SAY(peer, PURGE, r.handle = 6); /* denied to one of them */
}

static void full_queue(struct broker *b, struct peer *peer, struct peer *other)
{
    struct mst_span bodies[] = {mst_span_text("a"), mst_span_text("b"), mst_span_text("c"),
                                mst_span_text("d"), mst_span_text("e"), mst_span_text("f")};
    uint64_t handle = 1;

    SAY(peer, PUT, r.bodies = bodies, r.bodies_count = 6);
    SAY(other, GET, r.handles = &handle, r.handles_count = 1, r.count = 2, r.mode = MST_GET_AUTO);
    SAY(peer, PUT, r.bodies = bodies, r.bodies_count = 6, r.mode = MST_PUT_FIT, r.timeout_ns = 0);
    SAY(peer, SHUTDOWN, (void)0);
}

static void come_back(struct broker *b, struct peer *old)
{
    struct mst_range pending = {old->id, 1};
    struct peer *peer;

    if (b->engine == NULL) {
        return;
    }
    if (old->conn != 0) {
        ARMED(engine_closed(b->engine, old->conn));
        broker_turn(b);
    }
    peer = broker_come(b, false);
    peer->id = old->id;
    SAY(peer, RESUME, r.session = 1, r.secret = mst_span_of(old->secret, MST_SECRET_BYTES),
        r.pending = &pending, r.pending_count = 1);
    SAY(peer, OPEN, r.name = mst_span_text("jobs"));
    SAY(peer, QSIZE, (void)0);
}

static void backup(struct broker *b, struct peer *peer)
{
    for (uint64_t i = 0; i < 4; i++) {
        SAY(peer, BACKUP, r.offset = i * 4096, r.count = 4096);
        broker_pass(b, SECOND / 10);
    }
}

static void recovers(struct broker *b)
{
    struct peer old;

    broker_pass(b, SECOND);
    old = b->peers[0];
    broker_stop(b);
    broker_start(b);
    if (b->engine != NULL) {
        come_back(b, &old);
        broker_pass(b, 100 * SECOND);
        broker_stop(b);
    }
}

static void play(struct broker *b)
{
    struct peer *peer;
    struct peer *other;

    broker_start(b);
    if (b->engine == NULL) {
        return;
    }
    peer = broker_greet(b, false);
    other = broker_greet(b, true);
    objects(b, peer, other);
    puts_and_gets(b, peer, other);
    come_back(b, peer);
    full_queue(b, other, other);
    backup(b, other);
    SAY(other, KILL, r.session = 1);
    SAY(other, REMOVE, r.handle = 4);
    broker_pass(b, 20 * SECOND);
    SAY(other, BYE, (void)0);
    recovers(b);
}

/* Whatever was refused, the disk is as good as any. */
static void disk_is_good(struct broker *b)
{
    struct store_report report;
    char error[STORE_ERROR_MAX] = "";

    if (store_verify(b->disk, &report, error) != STORE_OK) {
        fprintf(stderr, "%s\n", error);
        must_hold(false, "the journal is whole");
    }
    broker_start(b);
    must_hold(b->engine != NULL, "it starts again when there is memory");
    broker_stop(b);
}

/* One walk through the script; `failed` of its tries ended otherwise than they should. */
static struct fault_result walk(uint64_t first, uint64_t step, uint64_t more)
{
    struct broker b = {.disk = sim_disk_new(), .now_ns = 1000 * SECOND};
    struct fault_result result;

    engine_config_init(&b.config);
    b.config.has_storage = true;
    fault_begin(first, step, more);
    play(&b);
    result = fault_end();
    disk_is_good(&b);
    sim_disk_free(&b.disk);
    return result;
}

int main(int argc, char **argv)
{
    static const uint64_t more[] = {0, 2, 9};
    bool all = getenv("ALLOCATIONS") != NULL;
    uint64_t step = argc > 2 ? strtoull(argv[2], NULL, 10) : all ? 1 : SHARE;
    uint64_t first =
        argc > 2 ? strtoull(argv[1], NULL, 10) : 1 + (uint64_t)time(NULL) / 86400 % step;
    uint64_t survived = 0;
    uint64_t failed = 0;

    setenv("CMOCKA_TEST_ABORT", "1", 1);
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        struct fault_result result;

        if (argc > 3 && strtoull(argv[3], NULL, 10) != more[i]) {
            continue;
        }
        result = walk(first, step, more[i]);
        if (fault_is_child()) {
            return 0;
        }
        printf(
            "%llu allocations, each %llu. from %llu on refused, and %llu behind it: %llu went on\n",
            (unsigned long long)result.allocations, (unsigned long long)step,
            (unsigned long long)first, (unsigned long long)more[i],
            (unsigned long long)result.survived);
        survived += result.survived;
        failed += result.failed;
    }
    printf("%llu passed, %llu failed\n", (unsigned long long)survived, (unsigned long long)failed);
    return failed > 0;
}
