/* toy.c - a small broker for tests of the journal: its life. See toy.h. */
#include "tests/sim/toy.h"

#include <stdio.h>
#include <stdlib.h>

#include "broker/journal/compact.h"
#include "tests/sim/ration.h"

#define PLACED_MAX 20000u

static uint64_t mix(uint64_t z) /* splitmix64's finish */
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t toy_chance(struct toy *toy, uint64_t below)
{
    return mix(toy->chance += UINT64_C(0x9e3779b97f4a7c15)) % below;
}

static void fill_body(uint8_t *out, size_t len, uint64_t key)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(mix(key * UINT64_C(0x9e3779b97f4a7c15) + i / 8) >> 8 * (i % 8));
    }
}

static bool is_body_of(const uint8_t *body, size_t len, uint64_t key)
{
    uint8_t *expected = malloc(len + 1);
    bool same;

    assert_non_null(expected);
    fill_body(expected, len, key);
    same = memcmp(expected, body, len) == 0;
    free(expected);
    return same;
}

/* ---- ports ---- */

static void entropy(void *user, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)toy_chance(user, 256);
    }
}

static void take_line(void *user, enum store_log_level level, const char *text)
{
    struct toy *toy = user;
    size_t len = strlen(toy->log);

    (void)level;
    snprintf(toy->log + len, sizeof(toy->log) - len, "%s\n", text);
}

static int64_t now(void *user)
{
    return ((struct toy *)user)->now_ns;
}

struct store_ports toy_ports(struct toy *toy)
{
    return (struct store_ports){.disk = toy->disk,
                                .jobs = sim_jobs_port(&toy->jobs),
                                .user = toy,
                                .entropy = entropy,
                                .log = take_line,
                                .now_ns = now,
                                .replica = {&toy_replica, toy}};
}

/* ---- a life ---- */

void toy_init(struct toy *toy, uint64_t segment_bytes, uint64_t seed)
{
    *toy = (struct toy){.disk = sim_disk_new(),
                        .config = {.segment_bytes = segment_bytes},
                        .chance = seed * 1000003 + 1,
                        .now_ns = 1,
                        .next_key = 1,
                        .state = toy_state_new(),
                        .durable = toy_state_new(),
                        .placed = malloc(2 * PLACED_MAX * sizeof(uint64_t))};
    assert_non_null(toy->placed);
    sim_jobs_init(&toy->jobs);
}

static void toy_close(struct toy *toy)
{
    struct journal_fetch *fetch;

    sim_jobs_drop(&toy->jobs);
    while (toy->journal != NULL && (fetch = toy->journal->table->fetched(toy->journal)) != NULL) {
        free(fetch);
        toy->reads_under_way--;
    }
    assert_int_equal(toy->reads_under_way, 0);
    journal_free(&toy->journal);
    mst_buf_reset(&toy->records);
    toy->placed_count = 0;
}

void toy_clear(struct toy *toy)
{
    toy_close(toy);
    sim_disk_free(&toy->disk);
    mst_buf_clear(&toy->records);
    mst_buf_clear(&toy->flight);
    free(toy->state);
    free(toy->durable);
    free(toy->placed);
}

static enum store_status recover(void *user, struct mst_span records, uint64_t seq, uint64_t place)
{
    struct toy *toy = user;

    toy->seq = seq > toy->seq ? seq : toy->seq;
    return toy_state_apply(toy->state, records, place) ? STORE_OK : STORE_REFUSED;
}

enum store_status toy_open(struct toy *toy)
{
    struct store_ports ports = toy_ports(toy);
    struct store_recovery recovery = {.user = toy, .apply = recover, .lend_memory = toy->lends};
    enum store_status status;

    assert_null(toy->journal);
    memset(toy->state, 0, sizeof(*toy->state));
    RATIONED(status = store_open(&toy->config, &ports, &recovery, &toy->journal, toy->error));
    return status;
}

void toy_must_open(struct toy *toy)
{
    enum store_status status = toy_open(toy);

    if (status != STORE_OK) {
        print_error("%s\n", toy->error);
    }
    assert_int_equal(status, STORE_OK);
    if (!toy_state_same(toy->state, toy->durable)) {
        assert_true(toy_state_apply(toy->durable, mst_buf_span(&toy->flight), 0));
        assert_true(toy_state_same(toy->state, toy->durable));
    }
    mst_buf_reset(&toy->flight);
}

void toy_crash(struct toy *toy, uint64_t seed)
{
    toy_close(toy);
    sim_disk_power(toy->disk, seed);
}

void toy_restart(struct toy *toy)
{
    toy_close(toy);
    sim_disk_kill(toy->disk);
    toy_must_open(toy);
}

const char *toy_failure(const struct toy *toy)
{
    return toy->journal->table->failure(toy->journal);
}

/* ---- batches ---- */

uint64_t toy_put(struct toy *toy, size_t len)
{
    uint8_t *body = malloc(len + 1);
    uint64_t key = toy->next_key++;

    assert_non_null(body);
    assert_true(toy->placed_count < PLACED_MAX && key < TOY_KEYS);
    fill_body(body, len, key);
    toy->placed[2 * toy->placed_count] = key;
    toy->placed[2 * toy->placed_count++ + 1] = mst_buf_size(&toy->records) + TOY_HASH_OFFSET;
    assert_true(toy_add_body(&toy->records, key, mst_span_of(body, len)));
    assert_true(toy_state_put(toy->state, key, len, 0));
    free(body);
    return key;
}

void toy_done(struct toy *toy, uint64_t key)
{
    assert_true(mst_buf_append(&toy->records, "D", 1) && toy_add_number(&toy->records, key));
    assert_true(toy_state_done(toy->state, key));
}

bool toy_has(const struct toy *toy, uint64_t key)
{
    return key < toy->state->end && toy->state->entries[key].is_there;
}

uint64_t toy_any(struct toy *toy)
{
    uint64_t key = toy_chance(toy, toy->state->end);

    assert_true(toy->state->count > 0);
    while (!toy->state->entries[key].is_there) {
        key = (key + 1) % toy->state->end;
    }
    return key;
}

static void take_reads(struct toy *toy)
{
    struct journal_fetch *fetch;

    while (toy_failure(toy) == NULL &&
           (fetch = toy->journal->table->fetched(toy->journal)) != NULL) {
        struct toy_read *read = (struct toy_read *)(void *)fetch;

        assert_true(fetch->place != 0);
        assert_true(is_body_of(read->body, fetch->len, read->key));
        toy->read++;
        toy->reads_under_way--;
        free(read);
    }
}

static void settle_flight(struct toy *toy)
{
    if (toy->journal->table->durable(toy->journal) == toy->seq && mst_buf_size(&toy->flight) > 0) {
        assert_true(toy_state_apply(toy->durable, mst_buf_span(&toy->flight), 0));
        mst_buf_reset(&toy->flight);
    }
}

static void hand_over(struct toy *toy)
{
    struct mst_span records = mst_buf_span(&toy->records);
    struct journal_batch batch = {.records = &toy->records,
                                  .seq = ++toy->seq,
                                  .live_bytes = toy->state->bytes,
                                  .kept = toy->state->count};
    uint64_t place;

    assert_true(mst_buf_append(&toy->flight, records.data, records.len));
    RATIONED(place = toy->journal->table->append(toy->journal, &batch));
    if (mst_buf_size(&toy->records) > 0) { /* there was no memory for it: it comes again */
        toy->seq--;
        mst_buf_reset(&toy->flight);
        return;
    }
    for (size_t i = 0; i < toy->placed_count; i++) {
        toy->state->entries[toy->placed[2 * i]].place = place + toy->placed[2 * i + 1];
    }
    toy->placed_count = 0;
}

void toy_turn(struct toy *toy, int64_t later_ns)
{
    toy->now_ns += later_ns;
    RATIONED(toy->journal->table->turn(toy->journal, toy->now_ns));
    if (toy_failure(toy) != NULL) {
        return;
    }
    settle_flight(toy);
    if (mst_buf_size(&toy->flight) == 0 && mst_buf_size(&toy->records) > 0) {
        hand_over(toy);
    }
    take_reads(toy);
}

void toy_settle(struct toy *toy)
{
    do {
        toy_turn(toy, 0);
        RATIONED(sim_jobs_run(&toy->jobs));
        toy_turn(toy, 0);
    } while (!sim_jobs_idle(&toy->jobs) && toy_failure(toy) == NULL);
}

/* ---- reading back ---- */

void toy_fetch(struct toy *toy, uint64_t key)
{
    const struct toy_entry *entry = &toy->state->entries[key];
    struct toy_read *read = malloc(sizeof(*read) + entry->len);

    assert_non_null(read);
    assert_true(entry->is_there && entry->place != 0);
    read->key = key;
    read->fetch =
        (struct journal_fetch){.place = entry->place, .len = entry->len, .out = read->body};
    toy->reads_under_way++;
    toy->journal->table->fetch(toy->journal, &read->fetch);
}

void toy_fetch_all(struct toy *toy)
{
    toy_settle(toy);
    for (uint64_t key = 0; key < toy->state->end; key++) {
        if (toy->state->entries[key].is_there) {
            toy_fetch(toy, key);
        }
    }
    toy_settle(toy);
    assert_null(toy_failure(toy));
    assert_int_equal(toy->reads_under_way, 0);
}

uint64_t toy_compactions(const struct toy *toy)
{
    return store_of_const(toy->journal)->figures.compactions;
}

void toy_stream(struct toy *toy, uint64_t live, size_t len, uint64_t compactions)
{
    uint64_t until = toy_compactions(toy) + compactions;

    while (toy_compactions(toy) < until) {
        assert_null(toy_failure(toy));
        toy_put(toy, len);
        if (toy->state->count > live) {
            toy_done(toy, toy_any(toy));
        }
        toy_settle(toy);
    }
}

void toy_until_it_compacts(struct toy *toy)
{
    while (!compact_is_working(store_of(toy->journal))) {
        toy_put(toy, 2000);
        toy_done(toy, toy_any(toy));
        toy_turn(toy, 0);
        if (!compact_is_working(store_of(toy->journal))) {
            sim_jobs_run(&toy->jobs);
        }
    }
    while (sim_jobs_step(&toy->jobs, JOB_WRITE) || sim_jobs_step(&toy->jobs, JOB_PREPARE)) {
    }
}

void toy_dense(struct toy *toy, uint64_t segment_bytes)
{
    toy_init(toy, segment_bytes, 1);
    toy_must_open(toy);
    for (int i = 0; i < 200; i++) {
        toy_put(toy, 2000);
        if (i % 20 == 0) {
            toy_settle(toy);
        }
    }
    toy_stream(toy, 200, 2000, 2);
    toy_settle(toy);
}
