/* test_store_crossing.c - what meets in a journal: a backup and a compaction, reads and a failing
 * disk, a full disk and the time of the next attempt; and what a verify sees beside the log. */
#include "tests/sim/toy.h"

#include <errno.h>

#include "broker/journal/compact.h"

#define SEGMENT (64u << 10)

static void begin(struct toy *toy)
{
    toy_init(toy, SEGMENT / 4, 1);
    toy_must_open(toy);
    toy_stream(toy, 20, 2000, 2);
}

static bool is_on_disk(struct toy *toy, const char *name)
{
    size_t len;

    return sim_disk_file(toy->disk, name, &len) != NULL;
}

/* ---- backups ---- */

static void a_backup_waits_for_a_compaction_and_there_is_one_at_a_time(void **state)
{
    struct toy toy;
    const struct journal_table *table;

    (void)state;
    begin(&toy);
    table = toy.journal->table;
    toy_until_it_compacts(&toy);
    assert_true(table->backup_begin(toy.journal));
    assert_false(table->backup_begin(toy.journal));
    while (sim_jobs_step(&toy.jobs, JOB_WRITE) || sim_jobs_step(&toy.jobs, JOB_PREPARE)) {
        toy_turn(&toy, 0); /* the log is sealed, and the compaction goes on */
    }
    assert_int_equal(table->backup_size(toy.journal), 0);
    toy_settle(&toy);
    assert_true(table->backup_size(toy.journal) > 0);
    assert_true(table->backup_size(toy.journal) != JOURNAL_BACKUP_FAILED);
    table->backup_end(toy.journal);
    toy_settle(&toy);
    assert_false(is_on_disk(&toy, "backup"));
    assert_true(table->backup_begin(toy.journal));
    toy_settle(&toy);
    toy_clear(&toy);
}

static void a_backup_that_is_given_up_at_any_time_leaves_nothing(void **state)
{
    (void)state;
    for (int when = 0; when < 8; when++) {
        struct toy toy;

        begin(&toy);
        assert_true(toy.journal->table->backup_begin(toy.journal));
        for (int i = 0; i < when; i++) {
            toy_turn(&toy, 0);
            (void)(sim_jobs_step(&toy.jobs, JOB_WRITE) || sim_jobs_step(&toy.jobs, JOB_PREPARE) ||
                   (i > 4 && sim_jobs_step(&toy.jobs, JOB_COMPACT)));
        }
        toy.journal->table->backup_end(toy.journal);
        toy_settle(&toy);
        assert_false(is_on_disk(&toy, "backup"));
        assert_true(toy.journal->table->backup_begin(toy.journal));
        toy_settle(&toy);
        assert_true(is_on_disk(&toy, "backup"));
        toy_clear(&toy);
    }
}

static void is_whole(struct toy *toy)
{
    for (int i = 0; i < 4; i++) {
        toy_turn(toy, 70000000000);
        toy_settle(toy);
    }
    assert_null(toy_failure(toy));
    assert_int_equal(toy->journal->table->durable(toy->journal), toy->seq);
    toy_fetch_all(toy);
    toy_restart(toy);
    toy_fetch_all(toy);
}

/* Whatever the log has room for when a compaction works and a backup is asked for. */
static void a_backup_and_a_compaction_meet_at_any_time(void **state)
{
    (void)state;
    for (int n = 0; n < 40; n++) {
        struct toy toy;

        begin(&toy);
        toy_until_it_compacts(&toy);
        for (int i = 0; i < n; i++) {
            toy_put(&toy, 700);
            toy_turn(&toy, 0);
            (void)(sim_jobs_step(&toy.jobs, JOB_WRITE) || sim_jobs_step(&toy.jobs, JOB_PREPARE));
        }
        assert_true(toy.journal->table->backup_begin(toy.journal));
        for (int i = 0; i < 5; i++) {
            toy_put(&toy, 5000);
            toy_turn(&toy, 0);
            (void)(sim_jobs_step(&toy.jobs, JOB_WRITE) || sim_jobs_step(&toy.jobs, JOB_PREPARE));
        }
        toy_settle(&toy);
        assert_true(toy.journal->table->backup_size(toy.journal) > 0);
        assert_true(toy.journal->table->backup_size(toy.journal) != JOURNAL_BACKUP_FAILED);
        is_whole(&toy);
        toy_clear(&toy);
    }
}

/* ---- much dies at once: the log is sealed for a compaction ---- */

/* A state of many segments; the next one is wanted, and cannot be there before PREPARE works. */
static void much(struct toy *toy, uint64_t seed, bool is_full)
{
    toy_init(toy, SEGMENT / 4, seed);
    toy_must_open(toy);
    for (int i = 0; i < 150; i++) {
        toy_put(toy, 2000);
        toy_settle(toy);
    }
    if (is_full) {
        sim_disk_set_capacity(toy->disk, sim_disk_bytes(toy->disk));
    }
    for (int i = 0; i < 1000 && (is_full ? store_of(toy->journal)->writer.retry_ns == 0
                                         : sim_jobs_count(&toy->jobs, JOB_PREPARE) == 0);
         i++) {
        toy_put(toy, 1000);
        toy_done(toy, toy_any(toy));
        toy_turn(toy, 0);
        sim_jobs_step(&toy->jobs, JOB_WRITE);
        if (is_full) {
            toy_settle(toy);
        }
        toy_turn(toy, 0);
        while (sim_jobs_step(&toy->jobs, JOB_COMPACT)) {
        }
    }
}

static void kill_most(struct toy *toy)
{
    while (toy->state->count > 10) {
        toy_done(toy, toy_any(toy));
    }
    for (int i = 0; i < 4; i++) {
        toy_turn(toy, 0);
        sim_jobs_step(&toy->jobs, JOB_WRITE);
    }
}

static void a_backup_cannot_begin_while_the_log_is_sealed_for_a_compaction(void **state)
{
    struct toy toy;
    uint64_t compactions;

    (void)state;
    much(&toy, 1, false);
    compactions = toy_compactions(&toy);
    kill_most(&toy);
    assert_true(store_of(toy.journal)->writer.seal.is_wanted);
    assert_false(toy.journal->table->backup_begin(toy.journal));
    toy_settle(&toy);
    assert_true(toy_compactions(&toy) > compactions);
    assert_true(toy.journal->table->backup_begin(toy.journal));
    is_whole(&toy);
    toy_clear(&toy);
}

static void much_may_die_while_the_log_is_sealed_for_a_backup(void **state)
{
    struct toy toy;

    (void)state;
    much(&toy, 1, false);
    assert_true(toy.journal->table->backup_begin(toy.journal));
    kill_most(&toy);
    toy_settle(&toy);
    assert_true(toy.journal->table->backup_size(toy.journal) > 0);
    is_whole(&toy);
    toy_clear(&toy);
}

/* There is no room for the segment behind the seal: so what is full is compacted, which makes some;
 * and if even that has none, it waits for its time. */
static void on_a_full_disk_what_died_is_given_back_without_a_seal(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct toy toy;
        uint64_t bytes;

        much(&toy, seed, true);
        bytes = sim_disk_bytes(toy.disk);
        kill_most(&toy);
        sim_disk_set_capacity(toy.disk, bytes + (seed % 3) * SEGMENT);
        for (int i = 0; i < 200; i++) {
            toy_turn(&toy, 500000000);
            sim_jobs_any(&toy.jobs, toy_chance(&toy, 100));
            assert_true(toy.journal->table->next_deadline_ns(toy.journal) > 0);
            assert_null(toy_failure(&toy));
        }
        if (seed % 3 == 0) {
            sim_disk_set_capacity(toy.disk, UINT64_MAX);
        }
        toy_settle(&toy);
        is_whole(&toy);
        assert_true(sim_disk_bytes(toy.disk) < bytes);
        toy_clear(&toy);
    }
}

static enum store_status recover_nothing(void *user, struct mst_span records, uint64_t seq,
                                         uint64_t place)
{
    (void)user;
    (void)seq;
    (void)place;
    return records.len == 0 ? STORE_OK : STORE_REFUSED;
}

static void without_who_knows_the_records_nothing_is_backed_up_or_compacted(void **state)
{
    struct toy toy;
    struct store_ports ports;
    struct journal *journal = NULL;
    struct store_recovery recovery = {.user = &toy, .apply = recover_nothing};

    (void)state;
    toy_init(&toy, SEGMENT, 1);
    ports = toy_ports(&toy);
    ports.replica.table = NULL;
    assert_int_equal(store_open(&toy.config, &ports, &recovery, &journal, toy.error), STORE_OK);
    assert_false(journal->table->backup_begin(journal));
    journal->table->turn(journal, 1);
    journal_free(&journal);
    toy_clear(&toy);
}

/* ---- a disk that failed ---- */

static void after_a_failure_nothing_is_begun_and_reads_bring_nothing(void **state)
{
    struct toy toy;
    uint8_t bytes[8];
    struct journal_fetch fetch = {.len = sizeof(bytes), .out = bytes};
    const struct journal_table *table;

    (void)state;
    begin(&toy);
    table = toy.journal->table;
    fetch.place = toy.state->entries[toy_any(&toy)].place;
    sim_disk_fail(toy.disk, SIM_DISK_WRITE, 1, EIO);
    toy_put(&toy, 100);
    toy_settle(&toy);
    assert_non_null(toy_failure(&toy));
    assert_false(table->backup_begin(toy.journal));
    table->fetch(toy.journal, &fetch);
    assert_ptr_equal(table->fetched(toy.journal), &fetch);
    assert_int_equal(fetch.place, 0);
    assert_null(table->fetched(toy.journal));
    toy_clear(&toy);
}

/* Turns when the journal wants them, until it compacts again. */
static void wait_for_the_next_attempt(struct toy *toy)
{
    for (int turns = 0; sim_jobs_count(&toy->jobs, JOB_COMPACT) == 0; turns++) {
        int64_t deadline_ns = toy->journal->table->next_deadline_ns(toy->journal);

        assert_true(turns < 1000 && deadline_ns != INT64_MAX);
        toy_turn(toy, deadline_ns > toy->now_ns ? deadline_ns - toy->now_ns : 0);
        while (sim_jobs_step(&toy->jobs, JOB_WRITE) || sim_jobs_step(&toy->jobs, JOB_PREPARE)) {
        }
    }
}

static void a_compaction_without_room_is_tried_again_at_its_time(void **state)
{
    struct toy toy;
    uint64_t compactions;
    int64_t waited_ns = 0;

    (void)state;
    begin(&toy);
    toy_until_it_compacts(&toy);
    compactions = toy_compactions(&toy);
    for (int attempt = 0; attempt < 6; attempt++) { /* it waits longer each time */
        int64_t began_ns = toy.now_ns;

        sim_disk_fail(toy.disk, SIM_DISK_WRITE, 1, attempt % 2 == 0 ? ENOSPC : EDQUOT);
        sim_jobs_step(&toy.jobs, JOB_COMPACT);
        assert_null(toy_failure(&toy));
        wait_for_the_next_attempt(&toy);
        assert_true(toy.now_ns - began_ns > waited_ns);
        waited_ns = toy.now_ns - began_ns;
    }
    for (int attempt = 0; attempt < 3; attempt++) { /* but a minute at most */
        int64_t began_ns = toy.now_ns;

        sim_disk_fail(toy.disk, SIM_DISK_WRITE, 1, ENOSPC);
        sim_jobs_step(&toy.jobs, JOB_COMPACT);
        wait_for_the_next_attempt(&toy);
        assert_int_equal(toy.now_ns - began_ns, 60000000000);
    }
    toy_settle(&toy);
    assert_true(toy_compactions(&toy) > compactions);
    toy_restart(&toy);
    toy_fetch_all(&toy);
    toy_clear(&toy);
}

/* ---- what a verify looks at ---- */

/* Files dense with bodies stay when what is around them is compacted: the checkpoint names them. */
static uint64_t file_that_stays(struct toy *toy)
{
    uint64_t number = 0;

    toy_dense(toy, SEGMENT);
    for (uint64_t key = 1; key < toy->state->end && number == 0; key++) {
        uint64_t place = toy_has(toy, key)
                             ? compact_place(store_of(toy->journal), toy->state->entries[key].place)
                             : 0;

        if (place != 0 && place_file(place) < store_of(toy->journal)->first_segment) {
            number = place_file(place);
        }
    }
    assert_true(number != 0);
    return number;
}

static void older_files_with_bodies_are_verified_too(void **state)
{
    struct toy toy;
    struct store_report report;
    char name[DISK_NAME_MAX + 1];
    const struct store_file *file;
    struct disk *copy;
    uint64_t number;
    uint64_t faults = 0;
    uint8_t *bytes;
    size_t len;
    bool failed = true;

    (void)state;
    number = file_that_stays(&toy);
    file = files_find(&store_of(toy.journal)->files, number);
    assert_non_null(file);
    format_name(file->kind, number, name);
    copy = sim_disk_copy(toy.disk);
    assert_int_equal(store_verify(copy, &report, toy.error), STORE_OK);
    assert_true(report.files > 2 && report.batches > 0);
    bytes = sim_disk_file(copy, name, &len);
    assert_non_null(bytes);
    bytes[2 * STORE_SECTOR + 100] ^= 1;
    sim_disk_settle(copy);
    assert_int_equal(store_verify(copy, &report, toy.error), STORE_CORRUPT);
    assert_non_null(strstr(toy.error, name));
    sim_disk_free(&copy);
    for (uint64_t nth = 1; failed; nth += 1 + nth / 2) {
        enum store_status status;

        copy = sim_disk_copy(toy.disk);
        sim_disk_fail(copy, SIM_DISK_READ, nth, EIO);
        status = store_verify(copy, &report, toy.error);
        failed = sim_disk_has_failed(copy);
        assert_int_equal(status, failed ? STORE_IO : STORE_OK);
        faults += failed;
        sim_disk_free(&copy);
    }
    assert_true(faults > 3);
    toy_clear(&toy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backup_waits_for_a_compaction_and_there_is_one_at_a_time),
        cmocka_unit_test(a_backup_that_is_given_up_at_any_time_leaves_nothing),
        cmocka_unit_test(a_backup_and_a_compaction_meet_at_any_time),
        cmocka_unit_test(a_backup_cannot_begin_while_the_log_is_sealed_for_a_compaction),
        cmocka_unit_test(much_may_die_while_the_log_is_sealed_for_a_backup),
        cmocka_unit_test(on_a_full_disk_what_died_is_given_back_without_a_seal),
        cmocka_unit_test(without_who_knows_the_records_nothing_is_backed_up_or_compacted),
        cmocka_unit_test(after_a_failure_nothing_is_begun_and_reads_bring_nothing),
        cmocka_unit_test(a_compaction_without_room_is_tried_again_at_its_time),
        cmocka_unit_test(older_files_with_bodies_are_verified_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
