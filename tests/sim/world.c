/* world.c - the clock, the wires, the broker and the order in which all of it moves. See world.h.
 *
 * Invariant: within one moment everything moves in a fixed order (programs as they were made, then
 * their bytes, then the broker, then its bytes), until nothing moves any more. */
#include "tests/sim/world.h"

#include <stdlib.h>

#include "broker/core/core.h"
#include "broker/journal/memory.h"
#include "broker/journal/store.h"
#include "tests/sim/ration.h"

#define WALL_NS    INT64_C(1700000000000000000)
#define ROUNDS_MAX 100000
#define STARTS_MAX 10

/* ---- ports of the engine ---- */

static int64_t port_now(void *user)
{
    return ((struct world *)user)->now_ns;
}

static int64_t port_wall(void *user)
{
    const struct world *w = user;

    return WALL_NS + w->now_ns + w->wall_ahead_ns;
}

uint64_t world_random(struct world *w)
{
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return (w->random * UINT64_C(2685821657736338717)) >> 11;
}

static void port_entropy(void *user, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)world_random(user);
    }
}

static ptrdiff_t port_send(void *user, uint64_t conn, const struct mst_span *pieces, size_t count)
{
    struct wire *wire = world_wire(user, conn);
    size_t len = mst_spans_len(pieces, count);
    size_t taken = 0;
    bool goes_on = true;
    bool was_armed = ration_arm(false); /* the pipe is the world's */

    assert_non_null(wire);
    if (wire->dead || (wire->program == NULL && !wire->raw)) {
        goes_on = false; /* the system took them; nobody will read them */
        taken = len;
    }
    for (size_t i = 0; goes_on && i < count; i++) {
        size_t n = pipe_give(&wire->down, pieces[i], port_now(user));

        taken += n;
        goes_on = n == pieces[i].len;
    }
    (void)ration_arm(was_armed);
    return (ptrdiff_t)taken;
}

static void port_close(void *user, uint64_t conn)
{
    struct wire *wire = world_wire(user, conn);

    assert_non_null(wire);
    assert_true(wire->broker_has_it); /* once for each connection */
    wire->broker_has_it = false;
}

static void port_log(void *user, const struct engine_note *note)
{
    (void)user;
    if (note->level == ENGINE_ERROR) {
        print_error("the engine says: %s\n", note->text);
    }
}

/* ---- the broker ---- */

static void start(struct world *w)
{
    struct engine_ports ports = {w,         port_now,   port_wall, port_entropy,
                                 port_send, port_close, port_log};

    assert_null(w->engine);
    RATIONED(w->engine = engine_new(&w->config, &ports, w->journal));
    assert_non_null(w->engine);
    sim_keys_load(w);
    if (w->storage == WORLD_DISK) {
        for (int tries = 0; !world_disk_start(w); tries++) { /* power fails again, or the disk */
            assert_true(tries < STARTS_MAX);
            engine_free(&w->engine);
            sim_disk_set_capacity(w->disk, UINT64_MAX);
            world_disk_stop(w, true);
            w->crashes++;
            RATIONED(w->engine = engine_new(&w->config, &ports, NULL));
            assert_non_null(w->engine);
            sim_keys_load(w);
        }
        return;
    }
    for (size_t i = 0; w->journal != NULL && i < journal_memory_batches(w->journal); i++) {
        assert_int_equal(engine_recover(w->engine, journal_memory_batch(w->journal, i),
                                        journal_memory_durable(w->journal), 0),
                         MST_OK);
    }
}

void world_start(struct world *w)
{
    start(w);
    world_settle(w);
}

static void stop(struct world *w)
{
    if (w->watch_stop != NULL) {
        w->watch_stop(w);
    }
    for (size_t i = 0; i < w->programs_count; i++) {
        program_vanish(w->programs[i]);
    }
    world_feed(w, -1);
    if (w->storage == WORLD_DISK) {
        world_disk_let_go(w);
    }
    engine_free(&w->engine);
    if (w->storage == WORLD_DISK) {
        world_disk_stop(w, !w->only_killed);
        w->crashes++;
    } else if (w->journal != NULL) {
        journal_memory_crash(w->journal);
    }
}

void world_stop(struct world *w)
{
    stop(w);
    world_settle(w);
}

void world_restart(struct world *w)
{
    world_stop(w);
    world_start(w);
}

void world_move(struct world *w)
{
    struct disk *fresh = world_disk_restored(w);

    if (fresh != NULL) {
        stop(w);
        sim_disk_free(&w->disk);
        w->disk = fresh;
        w->moves++;
        start(w);
    }
    world_settle(w);
}

void world_drain(struct world *w)
{
    engine_drain(w->engine);
    world_settle(w);
}

void world_feed(struct world *w, int64_t bytes)
{
    w->is_hungry = bytes >= 0;
    ration_limit(bytes < 0 ? UINT64_MAX : (uint64_t)bytes);
}

void world_stop_disk(struct world *w, uint64_t nth)
{
    sim_disk_stop(w->disk, nth);
}

void world_sync(struct world *w)
{
    engine_durable(w->engine, journal_memory_sync(w->journal));
    world_settle(w);
}

void world_configure(struct world *w)
{
    engine_configure(w->engine, &w->config);
}

struct world *world_open(enum world_storage storage)
{
    struct world *w = calloc(1, sizeof(*w));
    struct core_config config;

    assert_non_null(w);
    w->storage = storage;
    w->now_ns = WORLD_START_NS;
    w->random = 1;
    engine_config_init(&w->config);
    w->config.version = "sim";
    w->config.reserve_bytes = 1 << 16; /* large blocks cost time under sanitizers */
    mst_buf_init(&w->transcript);
    if (storage == WORLD_DISK) {
        w->disk = sim_disk_new();
        sim_jobs_init(&w->jobs);
        w->segment_bytes = STORE_SEGMENT_BYTES_MIN;
        w->config.has_storage = true;
    } else if (storage != WORLD_MEMORY) {
        w->journal = journal_memory_new(storage == WORLD_JOURNAL);
        assert_non_null(w->journal);
        core_config_init(&config);
        config.has_storage = true;
        w->follower = core_new(&config);
        assert_non_null(w->follower);
    }
    world_start(w);
    return w;
}

static void wires_free(struct world *w, bool all)
{
    struct wire **at = &w->wires;

    while (*at != NULL) {
        struct wire *wire = *at;

        if (!all && (wire->program != NULL || wire->broker_has_it || wire->raw)) {
            at = &wire->next;
            continue;
        }
        *at = wire->next;
        pipe_clear(&wire->up);
        pipe_clear(&wire->down);
        free(wire);
    }
}

void world_close(struct world **owner)
{
    struct world *w = *owner;

    while (w->programs_count > 0) {
        struct program *p = w->programs[w->programs_count - 1];

        program_die(&p);
    }
    engine_free(&w->engine);
    wires_free(w, true);
    if (w->disk != NULL) {
        world_disk_stop(w, false);
        sim_disk_free(&w->disk);
    }
    journal_free(&w->journal);
    core_free(&w->follower);
    ration_count(false);
    mst_buf_clear(&w->transcript);
    sim_keys_clear(w);
    free(w->asked);
    free(w);
    *owner = NULL;
}

/* ---- wires ---- */

struct wire *world_wire(struct world *w, uint64_t conn)
{
    struct wire *wire = w->wires;

    while (wire != NULL && wire->conn != conn) {
        wire = wire->next;
    }
    return wire;
}

uint64_t world_accept(struct world *w)
{
    struct engine_peer peer = {.address = "sim"};
    struct wire *wire = calloc(1, sizeof(*wire));
    uint64_t conn = 0;

    assert_non_null(wire);
    if (w->engine != NULL) {
        RATIONED(conn = engine_accept(w->engine, &peer));
    }
    if (conn == 0) {
        free(wire);
        return 0;
    }
    wire->conn = conn;
    wire->broker_has_it = true;
    pipe_init(&wire->up);
    pipe_init(&wire->down);
    wire->up.latency_ns = wire->down.latency_ns = w->latency_ns;
    if (w->break_after > 0) {
        wire->up.break_after = wire->down.break_after = w->break_after;
    }
    wire->next = w->wires;
    w->wires = wire;
    return conn;
}

bool world_serves(const struct world *w, uint64_t conn)
{
    const struct wire *wire = w->wires;

    while (wire != NULL && wire->conn != conn) {
        wire = wire->next;
    }
    return wire != NULL && wire->broker_has_it;
}

static void break_wire(struct wire *wire, struct engine *engine)
{
    if (wire->program != NULL) {
        program_cut(wire->program);
    } else {
        RATIONED(engine_closed(engine, wire->conn));
    }
}

static bool carry_up(struct world *w, struct wire *wire)
{
    bool any = false;
    struct mst_span piece;

    while (wire->broker_has_it && !wire->dead &&
           (piece = pipe_look(&wire->up, w->piece_max == 0 ? 0 : 1 + world_random(w) % w->piece_max,
                              w->now_ns))
                   .len > 0) {
        RATIONED(engine_receive(w->engine, wire->conn, piece));
        pipe_take(&wire->up, piece.len);
        any = true;
    }
    if (wire->broker_has_it && !wire->dead && pipe_is_broken(&wire->up)) {
        break_wire(wire, w->engine);
        any = true;
    }
    return any;
}

/* ---- time ---- */

static bool move_broker(struct world *w)
{
    bool any = false;

    if (w->engine == NULL || w->broker_stands_still) {
        return false;
    }
    for (size_t i = 0; i < w->programs_count; i++) {
        struct wire *wire = w->programs[i]->wire;

        any = (wire != NULL && carry_up(w, wire)) || any;
    }
    for (struct wire *wire = w->wires; wire != NULL; wire = wire->next) {
        any = (wire->program == NULL && carry_up(w, wire)) || any;
    }
    if (w->storage == WORLD_DISK && world_disk_move(w)) {
        any = true;
    }
    if (w->storage == WORLD_DISK && sim_disk_has_stopped(w->disk)) {
        stop(w);
        start(w);
        return true;
    }
    if (any || engine_next_deadline_ns(w->engine) <= w->now_ns) {
        RATIONED(engine_turn(w->engine));
        any = true;
        if (engine_failure(w->engine) != NULL) { /* it ends, and whoever looks after it acts */
            w->failures++;
            sim_disk_set_capacity(w->disk, UINT64_MAX);
            stop(w);
            start(w);
        } else if (w->restart_after_turns > 0 && --w->restart_after_turns == 0) {
            stop(w);
            start(w);
        }
    }
    return any;
}

static char *dump(const struct core *core, struct mst_buf *out)
{
    mst_buf_init(out);
    assert_true(core_dump(core, true, out));
    assert_true(mst_buf_append(out, "", 1));
    return (char *)out->data;
}

/* Decide, then apply: what the journal was given makes the state that the broker has. */
static void check_follower(struct world *w)
{
    struct mst_buf live;
    struct mst_buf made;

    while (w->followed < journal_memory_batches(w->journal)) {
        struct mst_span batch = journal_memory_batch(w->journal, w->followed++);

        assert_int_equal(core_recover(w->follower, batch, 0), MST_OK);
    }
    if (w->unchecked || w->engine == NULL) {
        return;
    }
    assert_string_equal(dump(engine_core(w->engine), &live), dump(w->follower, &made));
    mst_buf_clear(&live);
    mst_buf_clear(&made);
}

void world_settle(struct world *w)
{
    bool any = true;

    for (int round = 0; any; round++) {
        assert_true(round < ROUNDS_MAX); /* it comes to rest */
        any = false;
        for (size_t i = 0; i < w->programs_count; i++) {
            any = program_step(w->programs[i]) || any;
        }
        any = move_broker(w) || any;
        for (size_t i = 0; i < w->programs_count; i++) {
            any = program_receive(w->programs[i]) || any;
        }
    }
    wires_free(w, false);
    if (w->storage == WORLD_JOURNAL) {
        check_follower(w);
    }
}

static int64_t next_ns(const struct world *w)
{
    int64_t next = MST_FOREVER;

    if (w->engine != NULL && !w->broker_stands_still) {
        next = engine_next_deadline_ns(w->engine);
        for (const struct wire *wire = w->wires; wire != NULL; wire = wire->next) {
            bool heard = wire->broker_has_it && !wire->dead;
            int64_t arrival = heard ? pipe_next_arrival_ns(&wire->up) : MST_FOREVER;

            next = arrival < next ? arrival : next;
        }
    }
    for (size_t i = 0; i < w->programs_count; i++) {
        int64_t deadline = program_deadline_ns(w->programs[i]);

        next = deadline < next ? deadline : next;
    }
    return next;
}

void pass(struct world *w, int64_t ns)
{
    int64_t until = w->now_ns + ns;
    int stuck = 0;

    world_settle(w);
    for (int64_t next = next_ns(w); next <= until; next = next_ns(w)) {
        stuck = next > w->now_ns ? 0 : stuck + 1;
        assert_true(stuck < ROUNDS_MAX); /* time goes on */
        w->now_ns = next > w->now_ns ? next : w->now_ns;
        world_settle(w);
    }
    w->now_ns = until;
    world_settle(w);
}

void at(struct world *w, int64_t seconds, const char *command)
{
    int64_t moment = WORLD_START_NS + seconds * SECOND;

    assert_true(moment >= w->now_ns);
    w->stamps = true;
    pass(w, moment - w->now_ns);
    tell(w, command);
}
