/* test_journal_disk.c - the journal on a real disk, with real threads: batches, a start, damage. */
#include "tests/unit/cmocka_all.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "broker/io/disk.h"
#include "broker/io/helpers.h"
#include "broker/journal/store.h"

#define BATCHES 200

struct world {
    char path[64];
    struct disk *disk;
    struct helpers *helpers;
    struct journal *journal;
    char error[STORE_ERROR_MAX];
    uint64_t chance;
    uint64_t found;
};

static void entropy(void *user, uint8_t *out, size_t len)
{
    struct world *world = user;

    for (size_t i = 0; i < len; i++) {
        world->chance = world->chance * UINT64_C(6364136223846793005) + 1442695040888963407u;
        out[i] = (uint8_t)(world->chance >> 56);
    }
}

static void no_log(void *user, enum store_log_level level, const char *text)
{
    (void)user;
    (void)level;
    (void)text;
}

static int64_t now(void *user)
{
    struct timespec time;

    (void)user;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static size_t text_of(uint64_t i, char *out, size_t size)
{
    return (size_t)snprintf(out, size, "%llu:%0*d", (unsigned long long)i, (int)(i * 37 % 5000), 0);
}

static enum store_status apply(void *user, struct mst_span records, uint64_t seq, uint64_t place)
{
    struct world *world = user;
    char text[8192];
    size_t len = text_of(++world->found, text, sizeof(text));

    assert_true(place > 0);
    assert_int_equal(seq, world->found);
    assert_int_equal(records.len, len);
    assert_memory_equal(records.data, text, len);
    return STORE_OK;
}

static enum store_status start(struct world *world)
{
    struct store_config config = {.segment_bytes = 256u << 10};
    struct store_ports ports = {.user = world, .entropy = entropy, .log = no_log, .now_ns = now};
    struct store_recovery recovery = {.user = world, .apply = apply};

    assert_int_equal(io_disk_open(world->path, true, true, &world->disk, world->error), IO_DISK_OK);
    world->helpers = helpers_new();
    assert_non_null(world->helpers);
    ports.disk = world->disk;
    ports.jobs = (struct jobs){world->helpers, helpers_submit};
    world->found = 0;
    return store_open(&config, &ports, &recovery, &world->journal, world->error);
}

static void stop(struct world *world)
{
    while (!helpers_idle(world->helpers)) {
        helpers_wait(world->helpers);
    }
    helpers_free(&world->helpers);
    journal_free(&world->journal);
    io_disk_close(&world->disk);
}

static void append(struct world *world, uint64_t i)
{
    char text[8192];
    struct mst_buf records;
    struct journal_batch batch = {.records = &records, .seq = i, .live_bytes = 1u << 30};

    mst_buf_init(&records);
    assert_true(mst_buf_append(&records, text, text_of(i, text, sizeof(text))));
    assert_true(world->journal->table->append(world->journal, &batch) > 0);
    mst_buf_clear(&records);
    while (world->journal->table->durable(world->journal) < i) {
        assert_null(world->journal->table->failure(world->journal));
        helpers_wait(world->helpers);
        world->journal->table->turn(world->journal, now(NULL));
    }
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    snprintf(world->path, sizeof(world->path), "/tmp/muster-journal-XXXXXX");
    assert_non_null(mkdtemp(world->path));
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    DIR *directory = opendir(world->path);
    const struct dirent *entry;

    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        unlinkat(dirfd(directory), entry->d_name, 0);
    }
    closedir(directory);
    rmdir(world->path);
    free(world);
    return 0;
}

static void batches_are_found_again(void **state)
{
    struct world *world = *state;
    struct store_report report;

    assert_int_equal(start(world), STORE_OK);
    for (uint64_t i = 1; i <= BATCHES; i++) {
        append(world, i);
    }
    stop(world);
    assert_int_equal(start(world), STORE_OK);
    assert_int_equal(world->found, BATCHES);
    append(world, BATCHES + 1);
    assert_int_equal(store_verify(world->disk, &report, world->error), STORE_OK);
    assert_true(report.batches >= BATCHES + 1);
    assert_int_equal(report.torn_bytes, 0);
    stop(world);
}

static void damage_is_named(void **state)
{
    struct world *world = *state;
    char path[128];
    int file;

    assert_int_equal(start(world), STORE_OK);
    for (uint64_t i = 1; i <= 3; i++) {
        append(world, i);
    }
    stop(world);
    snprintf(path, sizeof(path), "%s/segment-0000000001", world->path);
    file = open(path, O_RDWR);
    assert_true(file >= 0);
    assert_int_equal(pwrite(file, "?", 1, 2 * STORE_SECTOR + 60), 1);
    close(file);
    assert_int_equal(start(world), STORE_CORRUPT);
    assert_non_null(strstr(world->error, "'segment-0000000001' is damaged at offset 8192: "));
    stop(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(batches_are_found_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_is_named, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
