/* test_store_salvage.c - of a damaged journal what is readable is rescued, the rest is told. */
#include "tests/sim/toy.h"

#include <errno.h>
#include <stdio.h>

#include "broker/journal/compact.h"

#define SEGMENT (64u << 10)

/* Rescues the disk of `toy` into `other`, opens what came of it, and reads every body. */
static struct store_report rescue(struct toy *toy, struct toy *other)
{
    struct store_report report;
    struct store_ports ports = toy_ports(other);
    enum store_status status;

    toy_init(other, SEGMENT, 77);
    ports.disk = other->disk;
    status = store_salvage(toy->disk, other->disk, &ports, &report, other->error);
    if (status != STORE_OK) {
        print_error("%s\n", other->error);
    }
    assert_int_equal(status, STORE_OK);
    assert_int_equal(toy_open(other), STORE_OK);
    memcpy(other->durable, other->state, sizeof(*other->state));
    toy_fetch_all(other);
    return report;
}

static void goes_on(struct toy *other)
{
    other->next_key = TOY_KEYS / 2;
    toy_stream(other, other->state->count + 10, 1000, 3);
    toy_restart(other);
    toy_fetch_all(other);
}

static void flip(struct toy *toy, const char *name, uint64_t offset)
{
    size_t len;
    uint8_t *bytes = sim_disk_file(toy->disk, name, &len);

    assert_non_null(bytes);
    assert_true(offset < len);
    bytes[offset] ^= 1;
    sim_disk_settle(toy->disk);
}

static void begin(struct toy *toy, uint64_t compactions)
{
    toy_init(toy, SEGMENT, 1);
    toy_must_open(toy);
    toy_stream(toy, 40, 2000, compactions);
    toy_settle(toy);
}

static void a_whole_journal_is_rescued_whole(void **state)
{
    (void)state;
    for (uint64_t compactions = 0; compactions < 4; compactions++) {
        struct toy toy, other;
        struct store_report report;
        uint64_t key;

        begin(&toy, compactions);
        for (int i = 0; i < 5; i++) {
            toy_put(&toy, 100);
            toy_settle(&toy);
        }
        report = rescue(&toy, &other);
        assert_int_equal(report.lost_bytes, 0);
        assert_null(strstr(other.log, "lost"));
        assert_int_equal(other.state->count, toy.state->count);
        for (key = 0; key < toy.state->end; key++) {
            assert_int_equal(toy_has(&other, key), toy_has(&toy, key));
        }
        goes_on(&other);
        toy_clear(&other);
        toy_clear(&toy);
    }
}

/* Batches one to ten, one key each; the fifth is damaged. */
static void damage_in_the_middle_of_the_log_costs_that_batch(void **state)
{
    struct toy toy, other;
    struct store_report report;
    char text[64];
    uint64_t at;

    (void)state;
    toy_init(&toy, SEGMENT, 1);
    toy_must_open(&toy);
    for (uint64_t key = 1; key <= 10; key++) {
        assert_int_equal(toy_put(&toy, 1000), key);
        toy_settle(&toy);
    }
    toy_done(&toy, 5); /* builds upon the lost one */
    toy_settle(&toy);
    toy_done(&toy, 6);
    toy_settle(&toy);
    at = 5 * STORE_SECTOR;
    flip(&toy, "segment-0000000001", at + 500);
    report = rescue(&toy, &other);
    for (uint64_t key = 1; key <= 10; key++) {
        assert_int_equal(toy_has(&other, key), key != 5 && key != 6);
    }
    snprintf(text, sizeof(text), "lost: segment-0000000001 at offset %llu,",
             (unsigned long long)at);
    assert_non_null(strstr(other.log, text));
    assert_non_null(strstr(other.log, "build upon others that were lost"));
    assert_true(report.lost_bytes >= STORE_SECTOR);
    goes_on(&other);
    toy_clear(&other);
    toy_clear(&toy);
}

static void a_body_that_is_damaged_costs_its_message(void **state)
{
    struct toy toy, other;
    uint64_t place = 0, key;
    char name[DISK_NAME_MAX + 1];
    const struct store_file *file;

    (void)state;
    begin(&toy, 0);
    for (int i = 0; i < 400; i++) {
        toy_put(&toy, 2000);
        if (i % 20 == 0) {
            toy_settle(&toy); /* dense files, which stay */
        }
    }
    toy_stream(&toy, 400, 2000, 2);
    toy_settle(&toy);
    for (key = 1; key < toy.state->end; key++) { /* one whose records were compacted */
        place = toy_has(&toy, key)
                    ? compact_place(store_of(toy.journal), toy.state->entries[key].place)
                    : 0;
        file = files_find(&store_of(toy.journal)->files, place_file(place));
        if (file != NULL && file->number < store_of(toy.journal)->first_segment &&
            file->number != store_of(toy.journal)->checkpoint) {
            break;
        }
    }
    assert_true(key < toy.state->end);
    file = files_find(&store_of(toy.journal)->files, place_file(place));
    format_name(file->kind, file->number, name);
    flip(&toy, name, place_offset(place) + 50);
    rescue(&toy, &other);
    assert_false(toy_has(&other, key));
    assert_int_equal(other.state->count, toy.state->count - 1);
    assert_non_null(strstr(other.log, name));
    assert_non_null(strstr(other.log, "its body is damaged"));
    goes_on(&other);
    toy_clear(&other);
    toy_clear(&toy);
}

/* Whatever single byte is wrong, wherever: most is there, nothing is wrong, and it opens. */
static void any_one_damage_is_survived(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct toy toy, other;
        const struct store_file *file;
        char name[DISK_NAME_MAX + 1];

        begin(&toy, 3);
        file = &store_of(toy.journal)
                    ->files.items[toy_chance(&toy, store_of(toy.journal)->files.count)];
        for (uint64_t i = 0; i < seed; i++) {
            toy_chance(&toy, 2);
        }
        format_name(file->kind, file->number, name);
        flip(&toy, name, toy_chance(&toy, seed % 4 == 0 ? STORE_SECTOR : file->end));
        rescue(&toy, &other);
        for (uint64_t key = 0; key < other.state->end; key++) {
            if (toy_has(&other, key) && toy_has(&toy, key)) {
                assert_int_equal(other.state->entries[key].len, toy.state->entries[key].len);
            }
        }
        toy_clear(&other);
        toy_clear(&toy);
    }
}

/* A segment that bodies stand in. */
static void name_of_one(const struct toy *toy, char *name)
{
    const struct store_files *files = &store_of(toy->journal)->files;
    size_t i = 0;

    while (files->items[i].kind != FILE_SEGMENT) {
        assert_true(++i < files->count);
    }
    format_name(FILE_SEGMENT, files->items[i].number, name);
}

static void a_file_that_is_gone_or_not_read_costs_what_was_in_it(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct toy toy, other;
        struct store_report report;
        char name[DISK_NAME_MAX + 1];

        begin(&toy, 0);
        for (int i = 0; i < 100; i++) {
            toy_put(&toy, 5000);
            toy_settle(&toy);
        }
        name_of_one(&toy, name);
        if (how == 0) {
            sim_disk_delete(toy.disk, name);
        } else if (how == 1) {
            flip(&toy, name, 80); /* the header */
        } else {
            sim_disk_fail(toy.disk, SIM_DISK_READ, 4, EIO);
        }
        report = rescue(&toy, &other);
        assert_true(other.state->count > 5);
        assert_true(other.state->count < toy.state->count);
        assert_true(how == 0 || report.lost_bytes > 0);
        assert_non_null(strstr(other.log, "lost: "));
        goes_on(&other);
        toy_clear(&other);
        toy_clear(&toy);
    }
}

static void only_an_empty_directory_takes_what_is_rescued(void **state)
{
    struct toy toy, other;
    struct store_report report;
    struct store_ports ports;

    (void)state;
    begin(&toy, 1);
    toy_init(&other, SEGMENT, 1);
    ports = toy_ports(&other);
    assert_int_equal(store_salvage(other.disk, toy.disk, &ports, &report, toy.error),
                     STORE_REFUSED);
    assert_non_null(strstr(toy.error, "already"));
    assert_int_equal(store_salvage(other.disk, other.disk, &ports, &report, toy.error),
                     STORE_REFUSED);
    assert_non_null(strstr(toy.error, "no journal"));
    toy_restart(&toy);
    toy_clear(&other);
    toy_clear(&toy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_journal_is_rescued_whole),
        cmocka_unit_test(damage_in_the_middle_of_the_log_costs_that_batch),
        cmocka_unit_test(a_body_that_is_damaged_costs_its_message),
        cmocka_unit_test(any_one_damage_is_survived),
        cmocka_unit_test(a_file_that_is_gone_or_not_read_costs_what_was_in_it),
        cmocka_unit_test(only_an_empty_directory_takes_what_is_rescued),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
