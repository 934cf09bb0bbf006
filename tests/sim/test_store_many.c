/* test_store_many.c - much at once: reads beyond what one job takes, bodies beyond one read, long
 * recoveries, and segments that fit the disk. */
#include "tests/sim/toy.h"

#include <errno.h>

#include "broker/journal/compact.h"

#define SEGMENT (64u << 10)

static void put_many(struct toy *toy, size_t count, size_t len, size_t at_once)
{
    for (size_t i = 0; i < count; i++) {
        toy_put(toy, len);
        if (i % at_once == at_once - 1) {
            toy_settle(toy);
        }
    }
    toy_settle(toy);
}

static void many_reads_from_many_files_come_back_right(void **state)
{
    struct toy toy;

    (void)state;
    toy_init(&toy, SEGMENT, 1);
    toy_must_open(&toy);
    put_many(&toy, 5000, 1000, 40);
    assert_true(store_of(toy.journal)->files.count > 64);
    toy_fetch_all(&toy);
    assert_int_equal(toy.read, 5000);
    toy_clear(&toy);
}

static void bodies_longer_than_a_read_come_back_right(void **state)
{
    struct toy toy;

    (void)state;
    toy_init(&toy, 4u << 20, 1);
    toy_must_open(&toy);
    put_many(&toy, 40, 300u << 10, 1); /* more than one job takes, each longer than one read */
    toy_fetch_all(&toy);
    assert_int_equal(toy.read, 40);
    toy_clear(&toy);
}

/* The first that is not read ends the broker; the others bring nothing. */
static void reads_that_fail_do_so_all_together(void **state)
{
    static const enum sim_disk_call calls[] = {SIM_DISK_READ, SIM_DISK_OPEN};
    static const size_t lengths[] = {1000, 300u << 10};

    (void)state;
    for (size_t i = 0; i < 12; i++) {
        struct toy toy;

        toy_init(&toy, 4u << 20, 1);
        toy_must_open(&toy);
        put_many(&toy, 20, lengths[i % 2], 1);
        for (uint64_t key = 1; key <= 20; key++) {
            toy_fetch(&toy, key);
        }
        if (i < 4) {
            sim_disk_fail_all(toy.disk, calls[i / 2], EIO);
        } else {
            sim_disk_fail(toy.disk, SIM_DISK_READ, i - 3, EIO);
        }
        toy_settle(&toy);
        if (sim_disk_has_failed(toy.disk)) {
            assert_non_null(strstr(toy_failure(&toy), "Input/output error"));
        }
        toy_clear(&toy); /* sees that each came back */
    }
}

/* ---- a recovery that takes its time ---- */

/* Ten seconds are gone whenever somebody looks at the clock. */
static int64_t slow_clock(void *user)
{
    struct toy *toy = user;

    toy->now_ns += 10 * INT64_C(1000000000);
    return toy->now_ns;
}

static enum store_status take_records(void *user, struct mst_span records, uint64_t seq,
                                      uint64_t place)
{
    struct toy *toy = user;

    (void)seq;
    return toy_state_apply(toy->state, records, place) ? STORE_OK : STORE_REFUSED;
}

static void a_long_recovery_tells_how_far_it_is(void **state)
{
    struct toy toy;
    struct store_ports ports;
    struct store_recovery recovery = {.user = &toy, .apply = take_records};
    struct journal *journal = NULL;

    (void)state;
    toy_init(&toy, SEGMENT, 1);
    toy_must_open(&toy);
    put_many(&toy, 100, 3000, 1);
    toy_crash(&toy, 1);
    memset(toy.state, 0, sizeof(*toy.state));
    toy.log[0] = '\0';
    ports = toy_ports(&toy);
    ports.now_ns = slow_clock;
    assert_int_equal(store_open(&toy.config, &ports, &recovery, &journal, toy.error), STORE_OK);
    assert_non_null(strstr(toy.log, "reading the journal: "));
    assert_int_equal(toy.state->count, 100);
    sim_jobs_drop(&toy.jobs);
    journal_free(&journal);
    toy_clear(&toy);
}

/* ---- sizes ---- */

/* A segment is a sixteenth of the disk, but never less than is useful. */
static void segments_fit_the_disk(void **state)
{
    static const struct {
        uint64_t disk, segment;
    } sizes[] = {{200u << 10, 64u << 10}, {600u << 10, 64u << 10}, {3200u << 10, 200u << 10}};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct toy toy;

        toy_init(&toy, 0, 1);
        sim_disk_set_capacity(toy.disk, sizes[i].disk);
        toy_must_open(&toy);
        toy_put(&toy, 500);
        toy_settle(&toy);
        assert_null(toy_failure(&toy));
        assert_int_equal(store_of(toy.journal)->config.segment_bytes, sizes[i].segment);
        toy_clear(&toy);
    }
}

/* ---- what a restore takes ---- */

/* What salvage wrote down is as good as a backup: one file that needs no other. */
static void what_was_salvaged_can_be_given_as_a_backup(void **state)
{
    struct toy toy, rescued, other;
    struct store_report report;
    struct store_ports ports;
    const uint8_t *bytes;
    size_t len;

    (void)state;
    toy_init(&toy, SEGMENT, 1);
    toy_must_open(&toy);
    put_many(&toy, 30, 2000, 3);
    toy_init(&rescued, SEGMENT, 2);
    ports = toy_ports(&rescued);
    assert_int_equal(store_salvage(toy.disk, rescued.disk, &ports, &report, rescued.error),
                     STORE_OK);
    bytes = sim_disk_file(rescued.disk, "checkpoint-0000000001", &len);
    assert_non_null(bytes);
    toy_init(&other, SEGMENT, 3);
    sim_disk_put(other.disk, "given", mst_span_of(bytes, len));
    assert_int_equal(store_restore(other.disk, "given", other.error), STORE_OK);
    assert_int_equal(toy_open(&other), STORE_OK);
    assert_true(toy_state_same(other.state, toy.state));
    memcpy(other.durable, other.state, sizeof(*other.state));
    toy_fetch_all(&other);
    toy_clear(&other);
    toy_clear(&rescued);
    toy_clear(&toy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_reads_from_many_files_come_back_right),
        cmocka_unit_test(bodies_longer_than_a_read_come_back_right),
        cmocka_unit_test(reads_that_fail_do_so_all_together),
        cmocka_unit_test(a_long_recovery_tells_how_far_it_is),
        cmocka_unit_test(segments_fit_the_disk),
        cmocka_unit_test(what_was_salvaged_can_be_given_as_a_backup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
