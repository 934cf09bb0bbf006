/* test_store_golden.c - data directories that must be read, and written, the same way for ever.
 *
 * tests/golden/journal/NAME has the files of each. Today's writer, given the same entropy, makes
 * those of "good" byte by byte; the others are made of it by one change; what is in "compacted"
 * depends on when a compaction is thought worthwhile, so that it is only read. With
 * MUSTER_GOLDEN=write in the environment they are all written instead of compared. */
#include "tests/sim/store_world.h"

#include <dirent.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/journal/format.h"

#define SEGMENT   (16u << 10)
#define FILE_MOST (1u << 20)

/* ---- files of the tree ---- */

static void golden_path(char *out, size_t size, const char *journal, const char *name)
{
    const char *root = getenv("MUSTER_SOURCE_DIR");

    snprintf(out, size, "%s/tests/golden/journal/%s/%s", root == NULL ? "." : root, journal, name);
}

static void load_file(struct disk *disk, const char *journal, const char *name)
{
    uint8_t *bytes = malloc(FILE_MOST);
    char path[4096];
    size_t len;
    FILE *file;

    assert_non_null(bytes);
    golden_path(path, sizeof(path), journal, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    len = fread(bytes, 1, FILE_MOST, file);
    fclose(file);
    sim_disk_put(disk, name, mst_span_of(bytes, len));
    free(bytes);
}

static void load(struct disk *disk, const char *journal)
{
    const struct dirent *entry;
    char path[4096];
    DIR *directory;

    golden_path(path, sizeof(path), journal, "");
    directory = opendir(path);
    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] != '.') {
            load_file(disk, journal, entry->d_name);
        }
    }
    closedir(directory);
}

struct comparison {
    struct disk *ours;
    struct disk *golden;
    const char *journal;
};

static bool write_one(void *user, const char *name)
{
    const struct comparison *comparison = user;
    char path[4096];
    size_t len;
    const uint8_t *bytes = sim_disk_file(comparison->ours, name, &len);
    FILE *file;

    golden_path(path, sizeof(path), comparison->journal, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    return true;
}

static bool compare_one(void *user, const char *name)
{
    const struct comparison *comparison = user;
    size_t len, golden_len;
    const uint8_t *bytes = sim_disk_file(comparison->ours, name, &len);
    const uint8_t *golden = sim_disk_file(comparison->golden, name, &golden_len);

    assert_non_null(golden);
    assert_int_equal(len, golden_len);
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != golden[i]) {
            fail_msg("%s/%s differs at %zu", comparison->journal, name, i);
        }
    }
    return true;
}

static bool is_written(void)
{
    return getenv("MUSTER_GOLDEN") != NULL;
}

static void must_be_golden(struct disk *disk, const char *journal)
{
    struct comparison comparison = {disk, sim_disk_new(), journal};

    if (is_written()) {
        disk->table->list(disk, write_one, &comparison);
    } else {
        load(comparison.golden, journal);
        assert_int_equal(sim_disk_files(disk), sim_disk_files(comparison.golden));
        disk->table->list(disk, compare_one, &comparison);
    }
    sim_disk_free(&comparison.golden);
}

/* ---- how they are made ---- */

static void put(struct store_world *world, size_t len)
{
    store_world_append_sized(world, len);
    sim_jobs_run(&world->jobs);
    assert_false(store_world_is_busy(world));
}

static void make_good(struct store_world *world)
{
    store_world_init(world, SEGMENT);
    store_world_must_open(world);
    put(world, 30);
    put(world, 200);
    put(world, 5000);
    put(world, 4048);
    put(world, 60);
    store_world_idle(world);
    store_world_close(world);
}

static void make_compacted(struct store_world *world)
{
    store_world_init(world, SEGMENT);
    world->live_bytes = 1;
    store_world_must_open(world);
    for (int i = 0; i < 12; i++) {
        put(world, 2000);
        store_world_turn(world, 1000);
        sim_jobs_run(&world->jobs);
    }
    store_world_close(world);
}

static void the_writer_makes_what_it_made(void **state)
{
    struct store_world world;

    (void)state;
    make_good(&world);
    must_be_golden(world.disk, "good");
    store_world_clear(&world);
    make_compacted(&world);
    if (is_written()) {
        must_be_golden(world.disk, "compacted");
    }
    store_world_clear(&world);
}

/* Half of a batch of two sectors was written when the power failed. */
static void make_torn(struct store_world *world)
{
    make_good(world);
    store_world_must_open(world);
    sim_disk_fail(world->disk, SIM_DISK_WRITE, 1, 5);
    store_world_append_sized(world, 5000);
    sim_jobs_run(&world->jobs);
    store_world_close(world);
    sim_disk_settle(world->disk);
}

static void make_corrupt(struct store_world *world)
{
    size_t len;

    make_good(world);
    sim_disk_file(world->disk, "segment-0000000001", &len)[8192 + BATCH_HEADER_BYTES + 100] ^= 4;
    sim_disk_settle(world->disk);
}

static void make_missing(struct store_world *world)
{
    make_good(world);
    sim_disk_delete(world->disk, "segment-0000000001");
}

static void make_version(struct store_world *world)
{
    static const uint8_t key[] = "muster file head";
    uint8_t *bytes;
    size_t len;

    make_good(world);
    bytes = sim_disk_file(world->disk, "segment-0000000001", &len);
    bytes[8] = 2;
    crypto_shorthash_siphashx24(bytes + STORE_SECTOR - 16, bytes, STORE_SECTOR - 16, key);
    sim_disk_settle(world->disk);
}

static void the_others_are_what_they_were(void **state)
{
    static const struct {
        const char *journal;
        void (*make)(struct store_world *world);
    } all[] = {{"torn", make_torn},
               {"corrupt", make_corrupt},
               {"missing", make_missing},
               {"version", make_version}};

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        struct store_world world;

        all[i].make(&world);
        must_be_golden(world.disk, all[i].journal);
        store_world_clear(&world);
    }
}

/* ---- how they are read ---- */

static void they_are_read(void **state)
{
    static const struct {
        const char *journal;
        enum store_status status;
        uint64_t found, torn_bytes;
        const char *error;
    } all[] = {
        {"good", STORE_OK, 5, 0, ""},
        {"compacted", STORE_OK, 12, 0, ""},
        {"torn", STORE_OK, 5, 4096, ""},
        {"corrupt", STORE_CORRUPT, 1, 0, "'segment-0000000001' is damaged at offset 8192: batch 2"},
        {"missing", STORE_CORRUPT, 0, 0, "'segment-0000000001' is missing"},
        {"version", STORE_VERSION, 0, 0, "'segment-0000000001' has version 2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        struct store_world world;
        struct store_report report;

        store_world_init(&world, SEGMENT);
        load(world.disk, all[i].journal);
        assert_int_equal(store_verify(world.disk, &report, world.error), all[i].status);
        assert_int_equal(report.torn_bytes, all[i].torn_bytes);
        assert_int_equal(store_world_open(&world), all[i].status);
        assert_int_equal(world.found, all[i].found);
        if (strncmp(world.error, all[i].error, strlen(all[i].error)) != 0) {
            fail_msg("%s: %s", all[i].journal, world.error);
        }
        store_world_clear(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_writer_makes_what_it_made),
        cmocka_unit_test(the_others_are_what_they_were),
        cmocka_unit_test(they_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
