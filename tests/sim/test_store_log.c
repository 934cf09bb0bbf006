/* test_store_log.c - the journal's log on a disk: what was durable is there after a start, and a
 * directory that is not as it should be is told by name. */
#include "tests/sim/store_world.h"

#include <sodium.h>
#include <stdio.h>

#include "broker/journal/format.h"

#define SEGMENT (64u << 10)

/* ---- what is written is found ---- */

static void what_was_durable_is_found_again(void **state)
{
    struct store_world world;

    (void)state;
    store_world_init(&world, SEGMENT);
    store_world_must_open(&world);
    assert_int_equal(world.found, 0);
    store_world_put(&world, 300);
    assert_int_equal(store_world_durable(&world), 300);
    for (uint64_t again = 0; again < 3; again++) {
        store_world_crash(&world, again);
        store_world_must_open(&world);
        assert_int_equal(world.found, 300 + again);
        assert_int_equal(store_world_durable(&world), 300 + again);
        store_world_put(&world, 1);
    }
    assert_true(sim_disk_files(world.disk) > 10);
    store_world_clear(&world);
}

static void an_empty_directory_becomes_a_journal(void **state)
{
    struct store_world world;
    struct store_report report;

    (void)state;
    store_world_init(&world, SEGMENT);
    assert_int_equal(store_verify(world.disk, &report, world.error), STORE_OK);
    assert_int_equal(report.files, 0);
    store_world_must_open(&world);
    assert_int_equal(sim_disk_files(world.disk), 1);
    assert_string_equal(world.log, "");
    store_world_crash(&world, 1);
    assert_int_equal(store_verify(world.disk, &report, world.error), STORE_OK);
    assert_int_equal(report.files, 1);
    store_world_must_open(&world);
    assert_int_equal(world.found, 0);
    store_world_clear(&world);
}

static void a_place_is_where_the_records_stand(void **state)
{
    struct store_world world;
    char name[DISK_NAME_MAX + 1];

    (void)state;
    store_world_init(&world, SEGMENT);
    store_world_must_open(&world);
    for (int i = 0; i < 60; i++) {
        uint64_t place = store_world_append_sized(&world, 4000);
        size_t len;
        const uint8_t *bytes;

        sim_jobs_run(&world.jobs);
        format_name(FILE_SEGMENT, place_file(place), name);
        bytes = sim_disk_file(world.disk, name, &len);
        assert_non_null(bytes);
        assert_int_equal(place_offset(place) % STORE_SECTOR, BATCH_HEADER_BYTES);
        assert_memory_equal(bytes + place_offset(place) - BATCH_HEADER_BYTES, "btch", 4);
    }
    store_world_clear(&world);
}

static void figures_tell_what_there_is(void **state)
{
    struct store_world world;
    struct journal_figures figures;

    (void)state;
    store_world_init(&world, SEGMENT);
    sim_disk_set_capacity(world.disk, 64 * SEGMENT);
    store_world_must_open(&world);
    store_world_put(&world, 50);
    world.journal->table->figures(world.journal, &figures);
    assert_int_equal(figures.batches, 50);
    assert_int_equal(figures.syncs, 50);
    assert_int_equal(figures.files, sim_disk_files(world.disk));
    assert_int_equal(figures.file_bytes, sim_disk_bytes(world.disk));
    assert_int_equal(figures.room_bytes, 64 * SEGMENT - figures.file_bytes);
    assert_true(figures.records_bytes > 50 * 8 && figures.records_bytes < figures.file_bytes);
    store_world_clear(&world);
}

/* One write and one sync for each batch; new segments apart. */
static void a_batch_costs_one_write_and_one_sync(void **state)
{
    struct store_world world;
    uint64_t writes, syncs;

    (void)state;
    store_world_init(&world, 1u << 20);
    store_world_must_open(&world);
    writes = sim_disk_count(world.disk, SIM_DISK_WRITE);
    syncs = sim_disk_count(world.disk, SIM_DISK_SYNC);
    store_world_put(&world, 20);
    assert_int_equal(sim_disk_count(world.disk, SIM_DISK_WRITE), writes + 20);
    assert_int_equal(sim_disk_count(world.disk, SIM_DISK_SYNC), syncs + 20);
    store_world_clear(&world);
}

static void a_batch_may_be_larger_than_a_segment(void **state)
{
    struct store_world world;

    (void)state;
    store_world_init(&world, SEGMENT);
    store_world_must_open(&world);
    store_world_put(&world, 3);
    for (size_t len = SEGMENT - STORE_SECTOR - 100; len < 5 * SEGMENT; len += 33333) {
        store_world_append_sized(&world, len);
        assert_true(store_world_is_busy(&world));
        sim_jobs_run(&world.jobs);
        assert_false(store_world_is_busy(&world));
        store_world_put(&world, 1);
    }
    store_world_crash(&world, 5);
    store_world_must_open(&world);
    assert_int_equal(world.found, 3 + 16);
    store_world_put(&world, 30);
    store_world_close(&world);
    store_world_must_open(&world);
    assert_int_equal(world.found, 3 + 16 + 30);
    store_world_clear(&world);
}

/* ---- closing batches ---- */

static void idleness_closes_the_log_once(void **state)
{
    struct store_world world;
    uint64_t writes;

    (void)state;
    store_world_init(&world, SEGMENT);
    store_world_must_open(&world);
    writes = sim_disk_count(world.disk, SIM_DISK_WRITE);
    store_world_idle(&world);
    assert_int_equal(sim_disk_count(world.disk, SIM_DISK_WRITE), writes); /* nothing to close */
    store_world_put(&world, 1);
    store_world_turn(&world, 0);
    assert_int_equal(world.journal->table->next_deadline_ns(world.journal),
                     world.now_ns + STORE_IDLE_NS);
    store_world_turn(&world, STORE_IDLE_NS - 1);
    sim_jobs_run(&world.jobs);
    assert_int_equal(sim_disk_count(world.disk, SIM_DISK_WRITE), writes + 1);
    store_world_turn(&world, 1);
    sim_jobs_run(&world.jobs);
    assert_int_equal(sim_disk_count(world.disk, SIM_DISK_WRITE), writes + 2);
    store_world_idle(&world);
    assert_int_equal(sim_disk_count(world.disk, SIM_DISK_WRITE), writes + 2);
    assert_int_equal(world.journal->table->next_deadline_ns(world.journal), INT64_MAX);
    store_world_close(&world);
    store_world_must_open(&world);
    store_world_idle(&world);
    assert_int_equal(sim_disk_count(world.disk, SIM_DISK_WRITE), writes + 2); /* still closed */
    store_world_clear(&world);
}

/* A batch that comes while the closing one is under way waits for it, and is written behind it. */
static void a_batch_may_come_while_the_log_is_closed(void **state)
{
    struct store_world world;

    (void)state;
    store_world_init(&world, SEGMENT);
    store_world_must_open(&world);
    for (uint64_t i = 1; i < 40; i++) {
        store_world_put(&world, 1);
        store_world_turn(&world, 0);
        store_world_turn(&world, STORE_IDLE_NS);
        store_world_append(&world);
        assert_true(store_world_is_busy(&world));
        sim_jobs_run(&world.jobs);
        assert_false(store_world_is_busy(&world));
    }
    store_world_close(&world);
    store_world_must_open(&world);
    assert_int_equal(world.found, 78);
    store_world_clear(&world);
}

/* ---- segments used again ---- */

static size_t recycled_segments(struct disk *disk)
{
    char name[DISK_NAME_MAX + 1];
    size_t n = 0, len;

    for (uint64_t number = 1; number < 200; number++) {
        struct file_header header;
        const uint8_t *bytes;

        format_name(FILE_SEGMENT, number, name);
        bytes = sim_disk_file(disk, name, &len);
        if (bytes != NULL) {
            assert_int_equal(format_header_decode(mst_span_of(bytes, STORE_SECTOR), &header),
                             FORMAT_OK);
            n += header.is_recycled;
        }
    }
    return n;
}

/* Their old batches stand behind the new ones, and come back at no byte where a write may end. */
static void old_batches_never_come_back(void **state)
{
    struct store_world world;
    size_t seen = 0;

    (void)state;
    store_world_init(&world, SEGMENT);
    world.live_bytes = 1;
    store_world_must_open(&world);
    for (uint64_t i = 0; i < 300; i++) {
        uint64_t handed;

        store_world_put(&world, i % 5);
        store_world_turn(&world, 1000);
        sim_jobs_run(&world.jobs);
        seen += recycled_segments(world.disk) > 0;
        handed = world.handed;
        if (i % 3 == 0) {
            store_world_append(&world);
            sim_jobs_work(&world.jobs, JOB_WRITE);
        }
        store_world_crash(&world, i);
        store_world_must_open(&world);
        assert_true(world.found == handed || (i % 3 == 0 && world.found == handed + 1));
    }
    assert_true(seen > 100);
    store_world_clear(&world);
}

/* ---- directories that are not as they should be ---- */

static void make_journal(struct store_world *world)
{
    store_world_init(world, SEGMENT);
    store_world_must_open(world);
    store_world_put(world, 120);
    store_world_close(world);
}

static void refused(struct store_world *world, enum store_status status, const char *text)
{
    struct store_report report;

    assert_int_equal(store_verify(world->disk, &report, world->error), status);
    assert_non_null(strstr(world->error, text));
    assert_int_equal(store_world_open(world), status);
    if (strstr(world->error, text) == NULL) {
        fail_msg("%s", world->error);
    }
    assert_null(strchr(world->error, '\n'));
    store_world_clear(world);
}

static void a_missing_segment_is_named(void **state)
{
    char name[DISK_NAME_MAX + 1], text[100];

    (void)state;
    for (uint64_t number = 1;; number++) {
        struct store_world world;
        size_t len;

        make_journal(&world);
        format_name(FILE_SEGMENT, number + 1, name);
        if (sim_disk_file(world.disk, name, &len) == NULL) {
            store_world_clear(&world);
            assert_true(number > 5);
            return; /* nothing behind it can miss it */
        }
        format_name(FILE_SEGMENT, number, name);
        sim_disk_delete(world.disk, name);
        snprintf(text, sizeof(text), "'%s' is missing: 'segment-%010d' comes behind it", name,
                 (int)number + 1);
        refused(&world, STORE_CORRUPT, text);
    }
}

static void a_foreign_file_is_named(void **state)
{
    struct store_world world, other;
    uint8_t *bytes;
    size_t len;

    (void)state;
    make_journal(&world);
    store_world_init(&other, SEGMENT);
    other.chance = 99;
    store_world_must_open(&other);
    bytes = sim_disk_file(other.disk, "segment-0000000001", &len);
    sim_disk_put(world.disk, "segment-0000000002", mst_span_of(bytes, len));
    refused(&world, STORE_CORRUPT,
            "'segment-0000000002' belongs to the journal of another data directory");
    store_world_clear(&other);

    make_journal(&world);
    bytes = sim_disk_file(world.disk, "segment-0000000001", &len);
    sim_disk_put(world.disk, "segment-0000000002", mst_span_of(bytes, len));
    refused(&world, STORE_CORRUPT, "'segment-0000000002' is another file of this journal");

    make_journal(&world);
    sim_disk_put(world.disk, "segment-0000000002", mst_span_text("what is this?"));
    refused(&world, STORE_CORRUPT, "'segment-0000000002' is not a file of a muster journal");
}

static void what_is_not_a_journal_is_left_alone(void **state)
{
    struct store_world world;
    size_t len;

    (void)state;
    make_journal(&world);
    sim_disk_put(world.disk, "notes.txt", mst_span_text("mine"));
    sim_disk_put(world.disk, "segment-7", mst_span_text("not a name of ours"));
    sim_disk_put(world.disk, "segment-0000000099.new", mst_span_text("unfinished"));
    store_world_must_open(&world);
    assert_int_equal(world.found, 120);
    assert_non_null(sim_disk_file(world.disk, "notes.txt", &len));
    assert_non_null(sim_disk_file(world.disk, "segment-7", &len));
    assert_null(sim_disk_file(world.disk, "segment-0000000099.new", &len));
    store_world_clear(&world);
}

static void another_version_is_told_as_such(void **state)
{
    static const uint8_t key[] = "muster file head";
    struct store_world world;
    uint8_t *bytes;
    size_t len;

    (void)state;
    make_journal(&world);
    bytes = sim_disk_file(world.disk, "segment-0000000001", &len);
    bytes[8] = 2;
    crypto_shorthash_siphashx24(bytes + STORE_SECTOR - 16, bytes, STORE_SECTOR - 16, key);
    sim_disk_settle(world.disk);
    refused(&world, STORE_VERSION, "'segment-0000000001' has version 2 of the journal's format");
}

static void a_segment_that_was_cut_short_is_refused(void **state)
{
    struct store_world world;
    uint8_t *bytes;
    size_t len;

    (void)state;
    make_journal(&world);
    bytes = sim_disk_file(world.disk, "segment-0000000003", &len);
    sim_disk_put(world.disk, "segment-0000000003", mst_span_of(bytes, len / 2));
    refused(&world, STORE_CORRUPT,
            "'segment-0000000003' is damaged at offset 32768: it should have 65536 bytes");
}

/* The last batch of a full segment: the next segment goes on with a later one. */
static void damage_at_the_end_of_a_segment_is_named(void **state)
{
    struct store_world world;
    uint8_t *bytes;
    size_t len, at;

    (void)state;
    make_journal(&world);
    bytes = sim_disk_file(world.disk, "segment-0000000002", &len);
    for (at = len - STORE_SECTOR; memcmp(bytes + at, "btch", 4) != 0; at -= STORE_SECTOR) {
    }
    bytes[at + BATCH_HEADER_BYTES] ^= 1;
    sim_disk_settle(world.disk);
    snprintf(world.log, sizeof(world.log), "'segment-0000000002' is damaged at offset %zu: batch ",
             at);
    refused(&world, STORE_CORRUPT, world.log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_durable_is_found_again),
        cmocka_unit_test(an_empty_directory_becomes_a_journal),
        cmocka_unit_test(a_place_is_where_the_records_stand),
        cmocka_unit_test(figures_tell_what_there_is),
        cmocka_unit_test(a_batch_costs_one_write_and_one_sync),
        cmocka_unit_test(a_batch_may_be_larger_than_a_segment),
        cmocka_unit_test(idleness_closes_the_log_once),
        cmocka_unit_test(a_batch_may_come_while_the_log_is_closed),
        cmocka_unit_test(old_batches_never_come_back),
        cmocka_unit_test(a_missing_segment_is_named),
        cmocka_unit_test(a_foreign_file_is_named),
        cmocka_unit_test(what_is_not_a_journal_is_left_alone),
        cmocka_unit_test(another_version_is_told_as_such),
        cmocka_unit_test(a_segment_that_was_cut_short_is_refused),
        cmocka_unit_test(damage_at_the_end_of_a_segment_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
