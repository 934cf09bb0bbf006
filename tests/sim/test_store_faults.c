/* test_store_faults.c - the journal on a disk that fails: nothing is acknowledged after a failed
 * write or sync, and a disk that is full is waited for. */
#include "tests/sim/store_world.h"

#include <errno.h>

#define SEGMENT (64u << 10)

/* Batches until the journal gives up; its answers are checked on the way. */
static void live_until_it_fails(struct store_world *world)
{
    uint64_t durable = 0;

    for (int i = 0; i < 200 && store_world_failure(world) == NULL; i++) {
        if (!store_world_is_busy(world)) {
            durable = store_world_durable(world);
            store_world_append(world);
        }
        sim_jobs_run(&world->jobs);
        store_world_turn(world, i % 7 == 0 ? STORE_IDLE_NS : 1000);
    }
    assert_non_null(store_world_failure(world));
    /* Whatever comes now, nothing more is durable. */
    if (store_world_is_busy(world)) {
        assert_int_equal(store_world_durable(world), durable);
    }
    durable = store_world_durable(world);
    for (int i = 0; i < 3; i++) {
        store_world_turn(world, STORE_IDLE_NS);
        sim_jobs_run(&world->jobs);
    }
    assert_int_equal(store_world_durable(world), durable);
    assert_true(world->journal->table->next_deadline_ns(world->journal) > world->now_ns);
}

static void after_a_failed_call_nothing_is_acknowledged(enum sim_disk_call call, const char *what)
{
    struct store_world world;

    for (uint64_t nth = 1; nth <= 60; nth++) {
        uint64_t durable;

        store_world_init(&world, SEGMENT);
        store_world_must_open(&world);
        sim_disk_fail(world.disk, call, nth, EIO);
        live_until_it_fails(&world);
        assert_true(sim_disk_has_failed(world.disk));
        assert_non_null(strstr(store_world_failure(&world), what));
        assert_non_null(strstr(store_world_failure(&world), "'segment-00000000"));
        assert_non_null(strstr(store_world_failure(&world), "Input/output error (errno 5)"));
        durable = store_world_durable(&world);
        store_world_crash(&world, nth);
        store_world_must_open(&world);
        assert_true(world.found == durable || world.found == durable + 1);
        store_world_put(&world, 3);
        store_world_clear(&world);
    }
}

static void a_write_fails(void **state)
{
    (void)state;
    after_a_failed_call_nothing_is_acknowledged(SIM_DISK_WRITE, "cannot ");
}

static void a_sync_fails(void **state)
{
    (void)state;
    after_a_failed_call_nothing_is_acknowledged(SIM_DISK_SYNC, "cannot ");
}

/* The system has kept in memory what it could not write: a start must not build upon it. */
static void what_a_failed_sync_has_lost_is_not_trusted(void **state)
{
    struct store_world world;

    (void)state;
    for (uint64_t n = 1; n < 20; n++) {
        store_world_init(&world, SEGMENT);
        store_world_must_open(&world);
        store_world_put(&world, n);
        store_world_append(&world);
        sim_disk_fail(world.disk, SIM_DISK_SYNC, 1, EIO);
        sim_jobs_step(&world.jobs, JOB_WRITE);
        assert_non_null(strstr(store_world_failure(&world), "cannot sync 'segment-"));
        store_world_close(&world);
        sim_disk_kill(world.disk);
        assert_int_equal(store_world_open(&world), STORE_IO);
        assert_non_null(strstr(world.error, "never reached the disk"));
        store_world_must_open(&world);
        assert_int_equal(world.found, n);
        store_world_put(&world, 1);
        store_world_crash(&world, n);
        store_world_must_open(&world);
        assert_int_equal(world.found, n + 1);
        store_world_clear(&world);
    }
}

static void a_failed_write_names_file_and_offset(void **state)
{
    struct store_world world;

    (void)state;
    store_world_init(&world, SEGMENT);
    store_world_must_open(&world);
    store_world_append_sized(&world, 100);
    sim_jobs_run(&world.jobs);
    sim_disk_fail(world.disk, SIM_DISK_WRITE, 1, ENOSPC);
    store_world_append_sized(&world, 100);
    sim_jobs_run(&world.jobs);
    assert_string_equal(store_world_failure(&world),
                        "cannot write 'segment-0000000001' in the data directory at offset 8192: "
                        "No space left on device (errno 28)");
    assert_int_equal(store_world_durable(&world), 1);
    store_world_clear(&world);
}

/* A start on a disk that fails ends with a message, and does no harm. */
static void a_start_fails_at_any_call(void **state)
{
    static const enum sim_disk_call calls[] = {SIM_DISK_READ,   SIM_DISK_OPEN,   SIM_DISK_WRITE,
                                               SIM_DISK_SYNC,   SIM_DISK_REMOVE, SIM_DISK_SYNC_DIR,
                                               SIM_DISK_RENAME, SIM_DISK_CREATE};
    struct store_world world;

    (void)state;
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        enum store_status status = STORE_IO;

        store_world_init(&world, SEGMENT);
        for (uint64_t nth = 1; status != STORE_OK; nth++) {
            sim_disk_fail(world.disk, calls[i], nth, EIO);
            status = store_world_open(&world);
            assert_true(status == STORE_OK || status == STORE_IO);
            assert_int_equal(status == STORE_IO, sim_disk_has_failed(world.disk));
            assert_true(status == STORE_OK || strstr(world.error, "(errno 5)") != NULL);
            store_world_crash(&world, nth);
        }
        store_world_must_open(&world);
        store_world_put(&world, 40);
        store_world_crash(&world, 1);
        status = STORE_IO;
        for (uint64_t nth = 1; status != STORE_OK; nth++) {
            sim_disk_fail(world.disk, calls[i], nth, EIO);
            status = store_world_open(&world);
            assert_true(status == STORE_OK ? world.found == 40 : world.journal == NULL);
            store_world_crash(&world, nth);
        }
        store_world_clear(&world);
    }
}

/* ---- a full disk ---- */

/* The next segment finds no room: batches wait, it is said once, and goes on when there is room. */
static void a_full_disk_is_waited_for(void **state)
{
    struct store_world world;

    (void)state;
    store_world_init(&world, SEGMENT);
    sim_disk_set_capacity(world.disk, SEGMENT + SEGMENT / 2);
    store_world_must_open(&world);
    store_world_forget(&world);
    while (!store_world_is_busy(&world)) {
        store_world_append_sized(&world, 3000);
        sim_jobs_run(&world.jobs);
    }
    assert_true(world.journal->table->is_full(world.journal));
    for (int i = 0; i < 30; i++) {
        store_world_turn(&world, 1000000000);
        sim_jobs_run(&world.jobs);
        assert_null(store_world_failure(&world));
        assert_true(store_world_is_busy(&world));
        assert_true(world.journal->table->next_deadline_ns(world.journal) <=
                    world.now_ns + 1000000000);
    }
    assert_int_equal(world.warnings, 1);
    assert_non_null(strstr(world.log, "No space left on device (errno 28); trying again"));
    sim_disk_set_capacity(world.disk, 4 * SEGMENT);
    store_world_turn(&world, 1000000000);
    sim_jobs_run(&world.jobs);
    assert_false(store_world_is_busy(&world));
    store_world_put(&world, 1);
    store_world_clear(&world);
}

/* The log ends exactly where the segment does, and there is no room for another: the closing batch
 * waits, and does not keep the loop busy. */
static void a_closing_batch_waits_for_room_as_well(void **state)
{
    struct store_world world;

    (void)state;
    store_world_init(&world, SEGMENT);
    sim_disk_set_capacity(world.disk, SEGMENT + SEGMENT / 2);
    store_world_must_open(&world);
    store_world_append_sized(&world, SEGMENT - STORE_SECTOR - 100);
    sim_jobs_run(&world.jobs);
    assert_false(store_world_is_busy(&world));
    for (int i = 0; i < 10; i++) {
        store_world_turn(&world, STORE_IDLE_NS);
        sim_jobs_run(&world.jobs);
        store_world_turn(&world, 0);
        assert_true(world.journal->table->next_deadline_ns(world.journal) > world.now_ns);
    }
    sim_disk_set_capacity(world.disk, 9 * SEGMENT);
    store_world_turn(&world, 1000000000);
    sim_jobs_run(&world.jobs);
    store_world_idle(&world);
    assert_int_equal(world.journal->table->next_deadline_ns(world.journal), INT64_MAX);
    store_world_clear(&world);
}

static void little_room_is_told_before_it_is_gone(void **state)
{
    struct store_world world;
    uint64_t told = 0;

    (void)state;
    store_world_init(&world, SEGMENT);
    sim_disk_set_capacity(world.disk, 6 * SEGMENT);
    store_world_must_open(&world);
    for (int i = 0; i < 90 && told == 0; i++) {
        store_world_append_sized(&world, 3000);
        sim_jobs_run(&world.jobs);
        assert_false(store_world_is_busy(&world));
        told = world.journal->table->is_full(world.journal) ? world.handed : 0;
    }
    assert_true(told > 10);
    /* One more segment is there for those who take out. */
    for (int i = 0; i < 14; i++) {
        store_world_put(&world, 1);
    }
    sim_disk_set_capacity(world.disk, 60 * SEGMENT);
    store_world_put(&world, 1);
    assert_false(world.journal->table->is_full(world.journal));
    store_world_clear(&world);
}

/* The segments of a small disk are small, so that there is room for several. */
static void a_small_disk_has_small_segments(void **state)
{
    struct store_world world;

    (void)state;
    store_world_init(&world, 0);
    world.live_bytes = 1;
    sim_disk_set_capacity(world.disk, 4u << 20);
    store_world_must_open(&world);
    assert_int_equal(sim_disk_bytes(world.disk), 256u << 10);
    store_world_put(&world, 100);
    assert_false(world.journal->table->is_full(world.journal));
    store_world_clear(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_fails),
        cmocka_unit_test(a_sync_fails),
        cmocka_unit_test(what_a_failed_sync_has_lost_is_not_trusted),
        cmocka_unit_test(a_failed_write_names_file_and_offset),
        cmocka_unit_test(a_start_fails_at_any_call),
        cmocka_unit_test(a_full_disk_is_waited_for),
        cmocka_unit_test(a_closing_batch_waits_for_room_as_well),
        cmocka_unit_test(little_room_is_told_before_it_is_gone),
        cmocka_unit_test(a_small_disk_has_small_segments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
