/* store_world.c - a journal on a simulated disk. See store_world.h. */
#include "tests/sim/store_world.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t mix(uint64_t z) /* splitmix64's finish */
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void entropy(void *user, uint8_t *out, size_t len)
{
    struct store_world *world = user;

    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)mix(world->chance += UINT64_C(0x9e3779b97f4a7c15));
    }
}

static void take_line(void *user, enum store_log_level level, const char *text)
{
    struct store_world *world = user;
    size_t len = strlen(world->log);

    snprintf(world->log + len, sizeof(world->log) - len, "%s\n", text);
    world->warnings += level != STORE_LOG_INFO;
}

static int64_t now(void *user)
{
    return ((struct store_world *)user)->now_ns;
}

/* ---- batches: a length, then bytes that follow from the number ---- */

size_t store_world_size(uint64_t i)
{
    uint64_t chance = mix(i * UINT64_C(0x9e3779b97f4a7c15));

    return 8 + (chance % 8 == 0 ? chance / 8 % 12000 : chance / 8 % 600);
}

static void fill(uint8_t *out, size_t len, uint64_t i)
{
    char text[32];
    size_t n = (size_t)snprintf(text, sizeof(text), "batch %llu; ", (unsigned long long)i);

    for (size_t k = 0; k < len; k++) {
        out[k] = (uint8_t)text[k % n];
    }
}

#define SNAPSHOT_BYTES 16
static const char snapshot_mark[9] = "so many:";

static bool is_snapshot(struct mst_span records)
{
    return records.len == SNAPSHOT_BYTES && memcmp(records.data, snapshot_mark, 8) == 0;
}

static bool is_batch(struct mst_span records, uint64_t i)
{
    uint8_t *expected = malloc(records.len + 1);
    bool same;

    assert_non_null(expected);
    fill(expected, records.len, i);
    same = memcmp(expected, records.data, records.len) == 0;
    free(expected);
    return same;
}

static bool take(uint64_t *found, struct mst_span records)
{
    if (is_snapshot(records)) {
        assert_int_equal(*found, 0);
        memcpy(found, records.data + 8, sizeof(*found));
        return true;
    }
    return is_batch(records, ++*found);
}

static enum store_status take_batch(void *user, struct mst_span records, uint64_t seq,
                                    uint64_t place)
{
    struct store_world *world = user;

    assert_true(take(&world->found, records));
    assert_int_equal(seq, world->found);
    assert_true(place > world->last_place);
    world->last_place = is_snapshot(records) ? 0 : place;
    world->found_bytes += records.len;
    return STORE_OK;
}

/* ---- the replica of a compaction ---- */

static void *replica_open(void *user)
{
    (void)user;
    return calloc(1, sizeof(uint64_t));
}

static enum store_status replica_apply(void *replica, struct mst_span records, uint64_t place)
{
    (void)place;
    return take(replica, records) ? STORE_OK : STORE_REFUSED;
}

static bool replica_snapshot(void *replica, const struct snapshot_port *port)
{
    uint8_t bytes[SNAPSHOT_BYTES];
    struct snapshot_piece piece = {.records = mst_span_of(bytes, sizeof(bytes))};

    memcpy(bytes, snapshot_mark, 8);
    memcpy(bytes + 8, replica, sizeof(uint64_t));
    memcpy(&piece.seq, replica, sizeof(piece.seq));
    return port->put(port->user, &piece);
}

static const struct journal_replica_table replica_table = {
    .open = replica_open, .apply = replica_apply, .snapshot = replica_snapshot, .close = free};

/* ---- a life ---- */

void store_world_init(struct store_world *world, uint64_t segment_bytes)
{
    *world = (struct store_world){.disk = sim_disk_new(),
                                  .config = {.segment_bytes = segment_bytes},
                                  .chance = 1,
                                  .now_ns = 1};
    sim_jobs_init(&world->jobs);
}

void store_world_clear(struct store_world *world)
{
    store_world_close(world);
    sim_disk_free(&world->disk);
}

void store_world_forget(struct store_world *world)
{
    world->log[0] = '\0';
    world->warnings = 0;
}

enum store_status store_world_open(struct store_world *world)
{
    struct store_ports ports = {.disk = world->disk,
                                .jobs = sim_jobs_port(&world->jobs),
                                .user = world,
                                .entropy = entropy,
                                .log = take_line,
                                .now_ns = now,
                                .replica = {&replica_table, world}};
    struct store_recovery recovery = {.user = world, .apply = take_batch};

    assert_null(world->journal);
    world->found = world->found_bytes = world->last_place = 0;
    return store_open(&world->config, &ports, &recovery, &world->journal, world->error);
}

void store_world_must_open(struct store_world *world)
{
    enum store_status status = store_world_open(world);

    if (status != STORE_OK) {
        print_error("%s\n", world->error);
    }
    assert_int_equal(status, STORE_OK);
    world->handed = world->found;
}

void store_world_close(struct store_world *world)
{
    sim_jobs_drop(&world->jobs);
    journal_free(&world->journal);
}

void store_world_crash(struct store_world *world, uint64_t seed)
{
    store_world_close(world);
    sim_disk_power(world->disk, seed);
}

/* ---- appending ---- */

uint64_t store_world_append_sized(struct store_world *world, size_t len)
{
    struct mst_buf records;
    struct journal_batch batch = {.records = &records, .seq = ++world->handed};
    uint64_t place;

    batch.live_bytes = world->live_bytes != 0 ? world->live_bytes : sim_disk_bytes(world->disk);

    mst_buf_init(&records);
    assert_true(mst_buf_reserve(&records, len));
    fill(records.data, len, world->handed);
    records.len = len;
    place = world->journal->table->append(world->journal, &batch);
    assert_int_equal(mst_buf_size(&records), 0);
    mst_buf_clear(&records);
    return place;
}

uint64_t store_world_append(struct store_world *world)
{
    return store_world_append_sized(world, store_world_size(world->handed + 1));
}

void store_world_put(struct store_world *world, uint64_t n)
{
    while (n-- > 0) {
        store_world_append(world);
        sim_jobs_run(&world->jobs);
        assert_null(store_world_failure(world));
        assert_false(store_world_is_busy(world));
    }
}

void store_world_turn(struct store_world *world, int64_t later_ns)
{
    world->now_ns += later_ns;
    world->journal->table->turn(world->journal, world->now_ns);
}

uint64_t store_world_durable(const struct store_world *world)
{
    return world->journal->table->durable(world->journal);
}

bool store_world_is_busy(const struct store_world *world)
{
    return store_world_durable(world) < world->handed;
}

void store_world_idle(struct store_world *world)
{
    store_world_turn(world, 0);
    store_world_turn(world, STORE_IDLE_NS);
    sim_jobs_run(&world->jobs);
}

const char *store_world_failure(const struct store_world *world)
{
    return world->journal->table->failure(world->journal);
}
