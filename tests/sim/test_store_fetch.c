/* test_store_fetch.c - bodies come back from the journal, wherever compactions have put them. */
#include "tests/sim/toy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/journal/compact.h"

#define SEGMENT (64u << 10)

/* Each story counts on it: every body that comes back is compared with what was put (toy.c). */

static void bodies_are_found_through_many_compactions(void **state)
{
    struct toy toy;
    uint64_t old[10];

    (void)state;
    toy_init(&toy, SEGMENT, 1);
    toy_must_open(&toy);
    for (size_t i = 0; i < 10; i++) {
        old[i] = toy_put(&toy, 1000 * i);
    }
    for (int round = 0; round < 6; round++) {
        uint64_t gone = toy_put(&toy, 100);

        toy_settle(&toy);
        toy_done(&toy, gone);
        toy_fetch_all(&toy);
        for (uint64_t until = toy_compactions(&toy) + 1; toy_compactions(&toy) < until;) {
            toy_done(&toy, toy_put(&toy, 3000));
            toy_settle(&toy);
        }
    }
    toy_fetch_all(&toy);
    for (size_t i = 0; i < 10; i++) {
        assert_true(toy_has(&toy, old[i]));
        assert_true(compact_place(store_of(toy.journal), toy.state->entries[old[i]].place) !=
                    toy.state->entries[old[i]].place);
    }
    toy_restart(&toy); /* and from where they stand now */
    toy_fetch_all(&toy);
    toy_stream(&toy, 30, 2000, 3);
    toy_fetch_all(&toy);
    toy_clear(&toy);
}

static void maybe_fetch(struct toy *toy)
{
    uint64_t key = toy_any(toy);

    if (toy->state->entries[key].place != 0 && toy->reads_under_way < 200) {
        toy_fetch(toy, key);
    }
}

/* Anything in any order: fetches asked for before, during and after a move, while jobs are worked
 * on and finished one by one. */
static void fetches_and_compactions_cross(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct toy toy;

        toy_init(&toy, SEGMENT, seed);
        toy_must_open(&toy);
        while (toy_compactions(&toy) < 12) {
            if (mst_buf_size(&toy.records) < SEGMENT / 4) {
                toy_put(&toy, toy_chance(&toy, 5000));
            }
            if (toy.state->count > 30) {
                maybe_fetch(&toy);
            }
            for (uint64_t i = 0; i < 4; i++) {
                sim_jobs_any(&toy.jobs, toy_chance(&toy, 100));
            }
            toy_turn(&toy, 0);
            assert_null(toy_failure(&toy));
            /* Nobody asks for what is done; what was asked for before may still be read. */
            if (toy.state->count > 60) {
                toy_done(&toy, toy_any(&toy));
            }
        }
        assert_true(toy.read > 20);
        toy_fetch_all(&toy);
        toy_crash(&toy, seed);
        toy_must_open(&toy);
        toy_fetch_all(&toy);
        toy_clear(&toy);
    }
}

static void a_fetch_under_way_keeps_its_file(void **state)
{
    struct toy toy;
    uint64_t key, file;
    char name[DISK_NAME_MAX + 1];
    size_t len;

    (void)state;
    toy_init(&toy, SEGMENT, 1);
    toy_must_open(&toy);
    key = toy_put(&toy, 1000);
    toy_settle(&toy);
    file = place_file(toy.state->entries[key].place);
    format_name(FILE_SEGMENT, file, name);
    toy_fetch(&toy, key);
    toy_turn(&toy, 0); /* its job is submitted, and not worked on */
    assert_int_equal(sim_jobs_count(&toy.jobs, JOB_READ), 1);
    while (toy_compactions(&toy) < 1) {
        toy_done(&toy, toy_put(&toy, 3000));
        do {
            toy_turn(&toy, 0);
        } while (sim_jobs_step(&toy.jobs, JOB_WRITE) || sim_jobs_step(&toy.jobs, JOB_PREPARE) ||
                 sim_jobs_step(&toy.jobs, JOB_COMPACT));
    }
    assert_true(place_file(compact_place(store_of(toy.journal), toy.state->entries[key].place)) !=
                file);
    assert_non_null(sim_disk_file(toy.disk, name, &len));
    assert_int_equal(toy.read, 0);
    toy_settle(&toy);
    assert_int_equal(toy.read, 1);
    toy_stream(&toy, 1, 3000, 2);
    assert_null(sim_disk_file(toy.disk, name, &len)); /* removed, or the log's under another name */
    toy_fetch_all(&toy);
    toy_clear(&toy);
}

static void a_turn_is_one_job_and_neighbours_are_one_read(void **state)
{
    struct toy toy;
    uint64_t reads, opened;

    (void)state;
    toy_init(&toy, SEGMENT, 1);
    toy_must_open(&toy);
    for (int i = 0; i < 40; i++) {
        toy_put(&toy, 500);
    }
    toy_settle(&toy);
    for (uint64_t key = 40; key > 0; key--) {
        toy_fetch(&toy, key);
    }
    reads = sim_disk_count(toy.disk, SIM_DISK_READ);
    opened = sim_disk_count(toy.disk, SIM_DISK_OPEN);
    toy_turn(&toy, 0);
    assert_int_equal(sim_jobs_count(&toy.jobs, JOB_READ), 1);
    toy_settle(&toy);
    assert_int_equal(toy.read, 40);
    assert_int_equal(sim_disk_count(toy.disk, SIM_DISK_READ) - reads, 1);
    assert_int_equal(sim_disk_count(toy.disk, SIM_DISK_OPEN) - opened, 1);
    toy_clear(&toy);
}

static void bodies_of_any_size_come_back(void **state)
{
    static const size_t sizes[] = {1, 7, 4096, 60000, 300000, 2000000};
    struct toy toy;

    (void)state;
    toy_init(&toy, 1u << 20, 1);
    toy_must_open(&toy);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        toy_put(&toy, sizes[i]);
        toy_settle(&toy);
    }
    toy_fetch_all(&toy);
    for (uint64_t key = 1; key <= 6; key++) { /* the same one twice at a time */
        toy_fetch(&toy, key);
        toy_fetch(&toy, key);
    }
    toy_settle(&toy);
    assert_int_equal(toy.read, 18);
    toy_clear(&toy);
}

/* Flips one bit of a body. Returns its key. */
static uint64_t damage(struct toy *toy, size_t len, char *name, uint64_t *offset)
{
    uint64_t key = toy_put(toy, len);
    uint8_t *bytes;
    size_t size;

    toy_put(toy, 300);
    toy_settle(toy);
    *offset = place_offset(toy->state->entries[key].place);
    format_name(FILE_SEGMENT, place_file(toy->state->entries[key].place), name);
    bytes = sim_disk_file(toy->disk, name, &size);
    assert_non_null(bytes);
    bytes[*offset + 8 + len / 2] ^= 0x10;
    sim_disk_settle(toy->disk);
    return key;
}

static void a_flipped_bit_is_a_failure_and_never_a_wrong_byte(void **state)
{
    static const size_t sizes[] = {1, 1000, 400000};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct toy toy;
        char name[DISK_NAME_MAX + 1], text[32];
        uint64_t key, offset;
        struct journal_fetch *fetch;

        toy_init(&toy, 1u << 20, 1);
        toy_must_open(&toy);
        key = damage(&toy, sizes[i], name, &offset);
        toy_fetch(&toy, key);
        toy_settle(&toy);
        assert_non_null(toy_failure(&toy));
        assert_non_null(strstr(toy_failure(&toy), name));
        snprintf(text, sizeof(text), "offset %llu:", (unsigned long long)offset);
        assert_non_null(strstr(toy_failure(&toy), text));
        fetch = toy.journal->table->fetched(toy.journal);
        assert_non_null(fetch);
        assert_int_equal(fetch->place, 0);
        for (size_t k = 0; k < fetch->len; k++) {
            assert_int_equal(fetch->out[k], 0);
        }
        free(fetch);
        toy.reads_under_way--;
        assert_null(toy.journal->table->fetched(toy.journal));
        toy_clear(&toy);
    }
}

static void a_disk_that_does_not_read_is_a_failure(void **state)
{
    static const enum sim_disk_call calls[] = {SIM_DISK_READ, SIM_DISK_OPEN};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct toy toy;
        uint64_t key;

        toy_init(&toy, SEGMENT, 1);
        toy_must_open(&toy);
        key = toy_put(&toy, 1000);
        toy_settle(&toy);
        toy_fetch(&toy, key);
        sim_disk_fail(toy.disk, calls[i], 1, EIO);
        toy_settle(&toy);
        assert_non_null(strstr(toy_failure(&toy), "segment-0000000001"));
        assert_non_null(strstr(toy_failure(&toy), "Input/output error"));
        toy_clear(&toy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_found_through_many_compactions),
        cmocka_unit_test(fetches_and_compactions_cross),
        cmocka_unit_test(a_fetch_under_way_keeps_its_file),
        cmocka_unit_test(a_turn_is_one_job_and_neighbours_are_one_read),
        cmocka_unit_test(bodies_of_any_size_come_back),
        cmocka_unit_test(a_flipped_bit_is_a_failure_and_never_a_wrong_byte),
        cmocka_unit_test(a_disk_that_does_not_read_is_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
