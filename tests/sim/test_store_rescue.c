/* test_store_rescue.c - the disk fails once, at any call, while a journal is salvaged, restored,
 * compacted or backed up: it is told in one line, or it costs nothing, and either way the next
 * attempt finds everything. */
#include "tests/sim/toy.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/journal/compact.h"

#define SEGMENT (64u << 10)

static const enum sim_disk_call all_calls[] = {SIM_DISK_READ,     SIM_DISK_OPEN,   SIM_DISK_WRITE,
                                               SIM_DISK_SYNC,     SIM_DISK_RENAME, SIM_DISK_REMOVE,
                                               SIM_DISK_SYNC_DIR, SIM_DISK_CREATE};
#define CALLS (sizeof(all_calls) / sizeof(*all_calls))

static const int all_errors[] = {EIO, ENOMEM, ENOSPC, EDQUOT};
#define ERRORS (sizeof(all_errors) / sizeof(*all_errors))

/* A small journal with a checkpoint, a log, and bodies in both. */
static void begin(struct toy *toy)
{
    toy_init(toy, SEGMENT, 1);
    toy_must_open(toy);
    toy_stream(toy, 12, 2000, 1);
    for (int i = 0; i < 5; i++) {
        toy_put(toy, 700);
        toy_settle(toy);
    }
}

/* All that was in `toy` is in `other`, and every body is right. */
static void expect_the_same(struct toy *toy, struct toy *other)
{
    assert_int_equal(toy_open(other), STORE_OK);
    assert_true(toy_state_same(toy->state, other->state));
    memcpy(other->durable, other->state, sizeof(*other->state));
    toy_fetch_all(other);
}

/* ---- salvage ---- */

static enum store_status salvage(struct disk *from, struct toy *other)
{
    struct store_ports ports = toy_ports(other);
    struct store_report report;

    return store_salvage(from, other->disk, &ports, &report, other->error);
}

/* false: so many calls are not made. */
static bool salvage_fails_at(struct toy *toy, bool reading, enum sim_disk_call call, uint64_t nth,
                             int error)
{
    struct disk *from = sim_disk_copy(toy->disk);
    struct toy other;
    struct disk *faulty;
    enum store_status status;
    bool failed;

    toy_init(&other, SEGMENT, 77);
    faulty = reading ? from : other.disk;
    sim_disk_fail(faulty, call, nth, error);
    status = salvage(from, &other);
    failed = sim_disk_has_failed(faulty);
    sim_disk_fail(faulty, call, 0, 0);
    if (status == STORE_OK) {
        assert_true(!failed || !reading || strstr(other.log, "lost: ") != NULL);
        assert_int_equal(toy_open(&other), STORE_OK);
    } else {
        assert_true(failed);
        assert_true(status == STORE_IO || status == STORE_NO_MEMORY);
        assert_true(other.error[0] != '\0' && strchr(other.error, '\n') == NULL);
        status = salvage(from, &other); /* refused if all was there but the sync of its name */
        assert_true(status == STORE_OK || strstr(other.error, "already") != NULL);
        expect_the_same(toy, &other);
    }
    sim_disk_free(&from);
    toy_clear(&other);
    return failed;
}

static void a_disk_that_fails_once_in_a_salvage_is_told_of(void **state)
{
    struct toy toy;
    uint64_t failures = 0;

    (void)state;
    begin(&toy);
    for (size_t i = 0; i < CALLS * 4; i++) {
        bool reading = i % 2 == 0;
        int error = i / 2 % 2 == 0 ? EIO : ENOMEM;
        uint64_t nth = 1;

        while (salvage_fails_at(&toy, reading, all_calls[i / 4], nth, error)) {
            nth += 1 + nth / 4;
            failures++;
        }
    }
    print_message("%llu failures\n", (unsigned long long)failures);
    assert_true(failures > 20);
    toy_clear(&toy);
}

/* ---- a replica that is out of memory ---- */

struct weak {
    bool no_open;
    bool no_snapshot;
    struct toy_state *state;
};

static void *weak_open(void *user)
{
    struct weak *weak = user;

    weak->state = weak->no_open ? NULL : toy_state_new();
    return weak->state == NULL ? NULL : weak;
}

static enum store_status weak_apply(void *replica, struct mst_span records, uint64_t place)
{
    struct weak *weak = replica;

    return toy_state_apply(weak->state, records, place) ? STORE_OK : STORE_REFUSED;
}

static bool weak_snapshot(void *replica, const struct snapshot_port *port)
{
    struct weak *weak = replica;

    return !weak->no_snapshot && toy_replica.snapshot(weak->state, port);
}

static void weak_close(void *replica)
{
    struct weak *weak = replica;

    toy_replica.close(weak->state);
}

static void a_salvage_without_memory_says_so(void **state)
{
    static const struct journal_replica_table table = {weak_open, weak_apply, weak_snapshot,
                                                       weak_close, NULL};
    struct toy toy;

    (void)state;
    begin(&toy);
    for (int i = 0; i < 3; i++) {
        struct weak weak = {.no_open = i == 0, .no_snapshot = i == 1, .state = NULL};
        struct store_report report;
        struct store_ports ports;
        enum store_status status;
        struct toy other;

        toy_init(&other, SEGMENT, 77);
        ports = toy_ports(&other);
        ports.replica.table = &table;
        ports.replica.user = &weak;
        status = store_salvage(toy.disk, other.disk, &ports, &report, other.error);
        assert_int_equal(status, i < 2 ? STORE_NO_MEMORY : STORE_OK);
        assert_true(status == STORE_OK || strstr(other.error, "out of memory") != NULL);
        if (i == 2) {
            expect_the_same(&toy, &other);
        }
        toy_clear(&other);
    }
    toy_clear(&toy);
}

/* ---- restore ---- */

static void read_backup(struct toy *toy, struct mst_buf *out)
{
    size_t len;
    const uint8_t *bytes;

    assert_true(toy->journal->table->backup_begin(toy->journal));
    toy_settle(toy);
    bytes = sim_disk_file(toy->disk, "backup", &len);
    assert_non_null(bytes);
    assert_true(mst_buf_append(out, bytes, len));
}

static bool restore_fails_at(struct toy *toy, struct mst_span file, enum sim_disk_call call,
                             uint64_t nth, int error)
{
    struct toy other;
    enum store_status status;
    bool failed;

    toy_init(&other, SEGMENT, 77);
    sim_disk_put(other.disk, "given", file);
    sim_disk_fail(other.disk, call, nth, error);
    status = store_restore(other.disk, "given", other.error);
    failed = sim_disk_has_failed(other.disk);
    sim_disk_fail(other.disk, call, 0, 0);
    if (status != STORE_OK) {
        assert_true(failed);
        assert_true(status == STORE_IO || status == STORE_NO_MEMORY);
        assert_true(other.error[0] != '\0' && strchr(other.error, '\n') == NULL);
        sim_disk_put(other.disk, "given", file); /* it may have been begun with */
        status = store_restore(other.disk, "given", other.error);
        assert_true(status == STORE_OK || strstr(other.error, "already") != NULL);
    }
    expect_the_same(toy, &other);
    toy_clear(&other);
    return failed;
}

static void a_disk_that_fails_once_in_a_restore_is_told_of(void **state)
{
    struct toy toy;
    struct mst_buf file;
    uint64_t failures = 0;

    (void)state;
    mst_buf_init(&file);
    begin(&toy);
    read_backup(&toy, &file);
    for (size_t i = 0; i < CALLS * 2; i++) {
        int error = i % 2 == 0 ? EIO : ENOMEM;
        uint64_t nth = 1;

        while (restore_fails_at(&toy, mst_buf_span(&file), all_calls[i / 2], nth, error)) {
            nth += 1 + nth / 4;
            failures++;
        }
    }
    print_message("%llu failures\n", (unsigned long long)failures);
    assert_true(failures > 10);
    mst_buf_clear(&file);
    toy_clear(&toy);
}

/* What is another version's, or of another kind, is told apart from what is damaged. */
static void a_file_that_is_no_backup_is_not_restored(void **state)
{
    static const struct {
        enum file_kind kind;
        uint64_t number;
        enum store_status status;
        const char *says;
    } files[] = {{FILE_SEGMENT, 1, STORE_CORRUPT, "not the header of a backup"},
                 {FILE_CHECKPOINT, 3, STORE_CORRUPT, "not the header of a backup"}};
    struct toy other;

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        struct file_header header = {
            .kind = files[i].kind, .number = files[i].number, .bytes = SEGMENT};
        uint8_t sector[STORE_SECTOR] = {0};

        toy_init(&other, SEGMENT, 1);
        format_header_encode(&header, sector);
        sim_disk_put(other.disk, "given", mst_span_of(sector, sizeof(sector)));
        assert_int_equal(store_restore(other.disk, "given", other.error), files[i].status);
        assert_non_null(strstr(other.error, files[i].says));
        toy_clear(&other);
    }
}

/* ---- compaction and backup, beside a broker that works ---- */

/* The broker ends and says why, or goes on; what was acknowledged is there either way. */
static bool goes_on_after(struct toy *toy, enum sim_disk_call call)
{
    bool failed;

    toy_settle(toy);
    failed = sim_disk_has_failed(toy->disk);
    sim_disk_fail(toy->disk, call, 0, 0);
    if (toy_failure(toy) == NULL) {
        toy_put(toy, 500);
        toy_settle(toy);
        assert_null(toy_failure(toy));
    } else {
        assert_true(failed);
        assert_null(strchr(toy_failure(toy), '\n'));
    }
    toy_crash(toy, 7);
    toy_must_open(toy);
    toy_fetch_all(toy);
    toy_stream(toy, 20, 2000, 1);
    toy_restart(toy);
    toy_fetch_all(toy);
    return failed;
}

static void a_disk_that_fails_once_in_a_compaction_costs_nothing(void **state)
{
    uint64_t failures = 0;

    (void)state;
    for (size_t i = 0; i < CALLS * ERRORS; i++) {
        bool failed = true;

        for (uint64_t nth = 1; failed; nth += 1 + nth / 4) {
            struct toy toy;

            toy_init(&toy, SEGMENT / 4, 1);
            toy_must_open(&toy);
            toy_stream(&toy, 20, 2000, 2);
            toy_until_it_compacts(&toy);
            sim_disk_fail(toy.disk, all_calls[i / ERRORS], nth, all_errors[i % ERRORS]);
            failed = goes_on_after(&toy, all_calls[i / ERRORS]);
            failures += failed;
            toy_clear(&toy);
        }
    }
    print_message("%llu failures\n", (unsigned long long)failures);
    assert_true(failures > 40);
}

static void a_disk_that_fails_once_in_a_backup_costs_the_backup_alone(void **state)
{
    uint64_t failures = 0;

    (void)state;
    for (size_t i = 0; i < CALLS * ERRORS; i++) {
        bool failed = true;

        for (uint64_t nth = 1; failed; nth += 1 + nth / 4) {
            struct toy toy;

            begin(&toy);
            assert_true(toy.journal->table->backup_begin(toy.journal));
            sim_disk_fail(toy.disk, all_calls[i / ERRORS], nth, all_errors[i % ERRORS]);
            failed = goes_on_after(&toy, all_calls[i / ERRORS]);
            failures += failed;
            toy_clear(&toy);
        }
    }
    print_message("%llu failures\n", (unsigned long long)failures);
    assert_true(failures > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_that_fails_once_in_a_salvage_is_told_of),
        cmocka_unit_test(a_salvage_without_memory_says_so),
        cmocka_unit_test(a_disk_that_fails_once_in_a_restore_is_told_of),
        cmocka_unit_test(a_file_that_is_no_backup_is_not_restored),
        cmocka_unit_test(a_disk_that_fails_once_in_a_compaction_costs_nothing),
        cmocka_unit_test(a_disk_that_fails_once_in_a_backup_costs_the_backup_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
