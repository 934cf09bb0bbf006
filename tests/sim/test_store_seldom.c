/* test_store_seldom.c - what a journal meets once in its life, or never: files that somebody took
 * away or cut short, records that name a file that is not there, numbers that are used up, a disk
 * with errors nobody has heard of, a full one for more than a minute. */
#include "tests/sim/toy.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/journal/compact.h"

#define SEGMENT (64u << 10)
#define SECOND  1000000000LL

static void begin(struct toy *toy)
{
    toy_init(toy, SEGMENT, 1);
    toy_must_open(toy);
    toy_stream(toy, 20, 2000, 2);
}

static size_t lines_with(const char *log, const char *text)
{
    size_t count = 0;

    for (const char *at = strstr(log, text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}

/* The file that a body stands in now, by name. */
static void name_of(struct toy *toy, uint64_t key, char name[DISK_NAME_MAX + 1])
{
    uint64_t place = compact_place(store_of(toy->journal), toy->state->entries[key].place);
    const struct store_file *file = files_find(&store_of(toy->journal)->files, place_file(place));

    assert_non_null(file);
    format_name(file->kind, file->number, name);
}

/* A message that no later record, and no later start, will need: its read failed. */
static void drop_read(struct toy *toy)
{
    struct journal_fetch *fetch = toy->journal->table->fetched(toy->journal);

    assert_non_null(fetch);
    assert_int_equal(fetch->place, 0);
    free(fetch);
    toy->reads_under_way--;
}

/* ---- files that are not what they were ---- */

static void a_file_that_was_cut_short_under_a_running_broker_is_damage(void **state)
{
    struct toy toy;
    char name[DISK_NAME_MAX + 1];
    uint8_t *bytes;
    uint64_t key;
    size_t len;

    (void)state;
    begin(&toy);
    key = toy_put(&toy, 3000);
    toy_settle(&toy);
    name_of(&toy, key, name);
    bytes = sim_disk_file(toy.disk, name, &len);
    sim_disk_put(toy.disk, name,
                 mst_span_of(bytes, place_offset(toy.state->entries[key].place) + 1000));
    toy_fetch(&toy, key);
    toy_settle(&toy);
    assert_non_null(toy_failure(&toy));
    assert_non_null(strstr(toy_failure(&toy), "does not match its hash"));
    assert_non_null(strstr(toy_failure(&toy), name));
    drop_read(&toy);
    toy_clear(&toy);
}

/* Older files stay for their bodies; a checkpoint names them. */
static uint64_t dense(struct toy *toy, char name[DISK_NAME_MAX + 1])
{
    toy_dense(toy, SEGMENT);
    for (uint64_t key = 1; key < toy->state->end; key++) {
        uint64_t place = toy_has(toy, key) ? toy->state->entries[key].place : 0;

        place = compact_place(store_of(toy->journal), place);
        if (place != 0 && place_file(place) < store_of(toy->journal)->first_segment &&
            place_file(place) != store_of(toy->journal)->checkpoint) {
            name_of(toy, key, name);
            return key;
        }
    }
    fail_msg("no older file has stayed");
    return 0;
}

static void an_older_file_that_is_gone_is_named_at_the_start(void **state)
{
    struct toy toy;
    char name[DISK_NAME_MAX + 1];

    (void)state;
    dense(&toy, name);
    toy_crash(&toy, 1);
    sim_disk_delete(toy.disk, name);
    assert_int_equal(toy_open(&toy), STORE_CORRUPT);
    assert_non_null(strstr(toy.error, "is missing: message bodies stand in it"));
    assert_non_null(strstr(toy.error, strrchr(name, '-')));
    toy_clear(&toy);
}

/* A backup moves all bodies, so it finds what is wrong with one: then the broker ends and says so,
 * for who would have needed that message must not wait for it. */
static void a_backup_that_finds_damage_ends_the_broker(void **state)
{
    for (int cut = 0; cut < 2; cut++) {
        struct toy toy;
        char name[DISK_NAME_MAX + 1];
        uint64_t key, offset;
        uint8_t *bytes;
        size_t len;

        (void)state;
        key = dense(&toy, name);
        bytes = sim_disk_file(toy.disk, name, &len);
        offset = place_offset(compact_place(store_of(toy.journal), toy.state->entries[key].place));
        bytes[offset + 50] ^= 4;
        sim_disk_put(toy.disk, name, mst_span_of(bytes, cut ? (size_t)offset + 40 : len));
        assert_true(toy.journal->table->backup_begin(toy.journal));
        toy_settle(&toy);
        assert_non_null(toy_failure(&toy));
        assert_non_null(strstr(toy_failure(&toy), name));
        assert_true(toy.journal->table->backup_size(toy.journal) == JOURNAL_BACKUP_FAILED);
        toy_clear(&toy);
    }
}

/* ---- records that make no sense ---- */

/* A body in a file that there never was: who compacts looks for it in vain. */
static void a_record_that_names_no_file_is_told_and_a_rescue_leaves_it_out(void **state)
{
    struct toy toy, other;
    struct store_report report;
    struct store_ports ports;
    uint64_t key;

    (void)state;
    begin(&toy);
    key = toy.next_key++;
    assert_true(mst_buf_append(&toy.records, "R", 1) && toy_add_number(&toy.records, key) &&
                toy_add_number(&toy.records, 100) &&
                toy_add_number(&toy.records, format_place(4711, STORE_SECTOR)));
    assert_true(toy_state_put(toy.state, key, 100, 0));
    toy_settle(&toy);
    toy_init(&other, SEGMENT, 2);
    ports = toy_ports(&other);
    assert_int_equal(store_salvage(toy.disk, other.disk, &ports, &report, other.error), STORE_OK);
    assert_non_null(strstr(other.log, "lost: file 4711"));
    assert_int_equal(toy_open(&other), STORE_OK);
    assert_true(toy_state_done(toy.state, key));
    assert_true(toy_state_same(other.state, toy.state));
    toy_clear(&other);
    while (toy_failure(&toy) == NULL && toy.next_key < 3000) {
        toy_put(&toy, 2000);
        toy_done(&toy, toy_any(&toy));
        toy_settle(&toy);
    }
    assert_non_null(toy_failure(&toy));
    assert_non_null(
        strstr(toy_failure(&toy), "file 4711, which a message body stands in, is gone"));
    toy_clear(&toy);
}

/* ---- what is to be removed ---- */

static void what_somebody_else_has_removed_need_not_be(void **state)
{
    static const int errors[] = {ENOENT, EIO};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct toy toy;

        begin(&toy);
        sim_disk_fail_all(toy.disk, SIM_DISK_REMOVE, errors[i]);
        toy_stream(&toy, 60, 2000, 1);
        while (toy.state->count > 5) { /* so that several files die at once */
            toy_done(&toy, toy_any(&toy));
        }
        toy_stream(&toy, 20, 2000, 6);
        sim_disk_fail_all(toy.disk, SIM_DISK_REMOVE, 0);
        assert_null(toy_failure(&toy));
        assert_int_equal(lines_with(toy.log, "cannot remove '") > 0, errors[i] == EIO);
        toy_restart(&toy); /* which removes them */
        toy_fetch_all(&toy);
        toy_clear(&toy);
    }
}

/* ---- numbers ---- */

/* A journal whose only segment has nearly the last number there is. */
static void put_old_journal(struct toy *toy, uint64_t number)
{
    struct file_header header = {.kind = FILE_SEGMENT, .number = number, .bytes = SEGMENT};
    uint8_t *bytes = calloc(1, SEGMENT);
    char name[DISK_NAME_MAX + 1];

    assert_non_null(bytes);
    format_header_encode(&header, bytes);
    format_name(FILE_SEGMENT, number, name);
    sim_disk_put(toy->disk, name, mst_span_of(bytes, SEGMENT));
    free(bytes);
}

static void numbers_that_are_used_up_end_the_broker_before_one_comes_twice(void **state)
{
    for (uint64_t left = 1; left < 8; left++) {
        struct toy toy;
        struct store_report report;

        (void)state;
        toy_init(&toy, SEGMENT, left);
        put_old_journal(&toy, JOURNAL_FILES_MAX - 1 - left);
        toy_must_open(&toy);
        for (int i = 0; i < 2000 && toy_failure(&toy) == NULL; i++) {
            toy_put(&toy, 2000);
            if (toy.state->count > 20) {
                toy_done(&toy, toy_any(&toy));
            }
            toy_settle(&toy);
        }
        assert_non_null(toy_failure(&toy));
        assert_non_null(strstr(toy_failure(&toy), "used up its 16777215 numbers of files"));
        assert_int_equal(store_verify(toy.disk, &report, toy.error), STORE_OK);
        toy_crash(&toy, left);
        toy_must_open(&toy); /* what was acknowledged can be backed up, as the line asks */
        toy_clear(&toy);
    }
}

/* ---- disks ---- */

static void an_error_that_nobody_knows_has_its_number(void **state)
{
    struct toy toy;

    (void)state;
    begin(&toy);
    sim_disk_fail(toy.disk, SIM_DISK_WRITE, 1, 9999);
    toy_put(&toy, 10);
    toy_settle(&toy);
    assert_non_null(strstr(toy_failure(&toy), "unknown error (errno 9999)"));
    toy_clear(&toy);
}

static void a_directory_that_cannot_be_listed_is_told(void **state)
{
    struct toy toy, other;
    struct store_report report;
    struct store_ports ports;

    (void)state;
    begin(&toy);
    toy_init(&other, SEGMENT, 2);
    ports = toy_ports(&other);
    sim_disk_stop(toy.disk, 1);
    assert_int_equal(toy.disk->table->sync_dir(toy.disk), -EIO);
    assert_int_equal(store_verify(toy.disk, &report, toy.error), STORE_IO);
    assert_non_null(strstr(toy.error, "cannot list the data directory: Input/output error"));
    assert_int_equal(store_salvage(toy.disk, other.disk, &ports, &report, other.error), STORE_IO);
    assert_non_null(strstr(other.error, "cannot list the damaged data directory"));
    assert_int_equal(store_restore(toy.disk, "given", toy.error), STORE_IO);
    assert_non_null(strstr(toy.error, "cannot list the data directory"));
    toy_clear(&other);
    toy_clear(&toy);
}

/* It is said again each minute, and no more often. */
static void a_disk_that_stays_full_is_told_of_once_a_minute(void **state)
{
    struct toy toy;

    (void)state;
    toy_init(&toy, SEGMENT, 1);
    sim_disk_set_capacity(toy.disk, SEGMENT + SEGMENT / 2);
    toy_must_open(&toy);
    while (mst_buf_size(&toy.flight) == 0) {
        toy_put(&toy, 3000);
        toy_settle(&toy);
    }
    for (int i = 0; i < 130; i++) {
        toy_turn(&toy, SECOND);
        toy_settle(&toy);
        assert_null(toy_failure(&toy));
    }
    assert_int_equal(lines_with(toy.log, "No space left on device (errno 28); trying again"), 3);
    sim_disk_set_capacity(toy.disk, UINT64_MAX);
    toy_turn(&toy, SECOND);
    toy_settle(&toy);
    assert_int_equal(mst_buf_size(&toy.flight), 0);
    toy_restart(&toy);
    toy_fetch_all(&toy);
    toy_clear(&toy);
}

/* What an operator wants to keep of the disk is not the journal's. */
static void room_that_is_reserved_is_left_alone(void **state)
{
    struct toy toy;
    struct journal_figures figures;

    (void)state;
    toy_init(&toy, SEGMENT, 1);
    sim_disk_set_capacity(toy.disk, 20 * SEGMENT);
    toy_must_open(&toy);
    assert_false(toy.journal->table->is_full(toy.journal));
    toy.config.room_reserved = 30 * SEGMENT;
    toy_restart(&toy);
    assert_true(toy.journal->table->is_full(toy.journal));
    sim_disk_set_capacity(toy.disk, SEGMENT);
    toy_restart(&toy);
    toy.journal->table->figures(toy.journal, &figures);
    assert_int_equal(figures.room_bytes, 0);
    assert_true(toy.journal->table->is_full(toy.journal));
    toy_clear(&toy);
}

/* A new log on a large disk begins with 4 MiB; each segment is twice as large as the one before. */
static void a_new_log_begins_small_and_grows(void **state)
{
    struct toy toy;
    size_t len;

    (void)state;
    toy_init(&toy, 0, 1);
    toy_must_open(&toy);
    assert_non_null(sim_disk_file(toy.disk, "segment-0000000001", &len));
    assert_int_equal(len, STORE_SEGMENT_BYTES_FIRST);
    toy_put(&toy, 3u << 20); /* more than what is read at once, too */
    toy_settle(&toy);
    assert_non_null(sim_disk_file(toy.disk, "segment-0000000002", &len));
    assert_int_equal(len, 2 * STORE_SEGMENT_BYTES_FIRST);
    toy_restart(&toy);
    toy_fetch_all(&toy);
    toy_clear(&toy);
}

static void long_batches_are_read_on_a_disk_that_fails_once(void **state)
{
    struct toy toy;
    uint64_t failures = 0;
    bool failed = true;

    (void)state;
    toy_init(&toy, 8u << 20, 1);
    toy_must_open(&toy);
    toy_put(&toy, 3u << 20);
    toy_settle(&toy);
    toy_put(&toy, 10);
    toy_settle(&toy);
    for (uint64_t nth = 1; failed; nth++) {
        enum store_status status;

        toy_crash(&toy, nth);
        sim_disk_fail(toy.disk, SIM_DISK_READ, nth, EIO);
        status = toy_open(&toy);
        failed = sim_disk_has_failed(toy.disk);
        failures += failed;
        assert_int_equal(status, failed ? STORE_IO : STORE_OK);
    }
    assert_true(failures > 3);
    sim_disk_fail(toy.disk, SIM_DISK_READ, 0, 0);
    toy_fetch_all(&toy);
    toy_clear(&toy);
}

/* A backup of more than is synced at once, and bodies of more than one job reads. */
static void much_is_backed_up_and_read_back(void **state)
{
    struct toy toy;

    (void)state;
    toy_init(&toy, 8u << 20, 1);
    toy_must_open(&toy);
    for (int i = 0; i < 9; i++) {
        toy_put(&toy, 2u << 20);
        toy_settle(&toy);
    }
    toy_fetch_all(&toy);
    assert_true(toy.journal->table->backup_begin(toy.journal));
    toy_settle(&toy);
    assert_true(toy.journal->table->backup_size(toy.journal) > 18u << 20);
    assert_true(toy.journal->table->backup_size(toy.journal) != JOURNAL_BACKUP_FAILED);
    toy_clear(&toy);
}

static void a_backup_of_another_version_is_told_as_such(void **state)
{
    static const uint8_t key[] = "muster file head";
    struct file_header header = {.kind = FILE_BACKUP, .number = 1, .next_segment = 2};
    uint8_t sector[STORE_SECTOR];
    struct toy toy;

    (void)state;
    toy_init(&toy, SEGMENT, 1);
    format_header_encode(&header, sector);
    sector[8]++;
    crypto_shorthash_siphashx24(sector + STORE_SECTOR - 16, sector, STORE_SECTOR - 16, key);
    sim_disk_put(toy.disk, "given", mst_span_of(sector, sizeof(sector)));
    assert_int_equal(store_restore(toy.disk, "given", toy.error), STORE_VERSION);
    assert_non_null(strstr(toy.error, "given is a backup of another version of muster"));
    toy_clear(&toy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_was_cut_short_under_a_running_broker_is_damage),
        cmocka_unit_test(an_older_file_that_is_gone_is_named_at_the_start),
        cmocka_unit_test(a_backup_that_finds_damage_ends_the_broker),
        cmocka_unit_test(a_record_that_names_no_file_is_told_and_a_rescue_leaves_it_out),
        cmocka_unit_test(what_somebody_else_has_removed_need_not_be),
        cmocka_unit_test(numbers_that_are_used_up_end_the_broker_before_one_comes_twice),
        cmocka_unit_test(an_error_that_nobody_knows_has_its_number),
        cmocka_unit_test(a_directory_that_cannot_be_listed_is_told),
        cmocka_unit_test(a_disk_that_stays_full_is_told_of_once_a_minute),
        cmocka_unit_test(room_that_is_reserved_is_left_alone),
        cmocka_unit_test(a_new_log_begins_small_and_grows),
        cmocka_unit_test(long_batches_are_read_on_a_disk_that_fails_once),
        cmocka_unit_test(much_is_backed_up_and_read_back),
        cmocka_unit_test(a_backup_of_another_version_is_told_as_such),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
