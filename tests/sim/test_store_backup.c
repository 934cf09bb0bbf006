/* test_store_backup.c - a copy of the live state, made while the broker works, and a journal made
 * of it. */
#include "tests/sim/toy.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/journal/compact.h"

#define SEGMENT (64u << 10)
#define PIECE   5000u

static void raw_turns(struct toy *toy) /* like toy_settle, but takes nothing that was read */
{
    do {
        toy->journal->table->turn(toy->journal, toy->now_ns);
        sim_jobs_run(&toy->jobs);
    } while (!sim_jobs_idle(&toy->jobs));
}

/* Reads the whole file in pieces, as a client does. */
static void read_backup(struct toy *toy, struct mst_buf *out)
{
    uint64_t size = toy->journal->table->backup_size(toy->journal);

    assert_true(size > 0 && size != JOURNAL_BACKUP_FAILED);
    assert_true(mst_buf_reserve(out, (size_t)size));
    while (out->len < size) {
        uint64_t rest = size - out->len;
        struct journal_fetch piece = {.len = rest < PIECE ? (size_t)rest : PIECE,
                                      .out = out->data + out->len};

        toy->journal->table->backup_read(toy->journal, out->len, &piece);
        raw_turns(toy);
        assert_ptr_equal(toy->journal->table->fetched(toy->journal), &piece);
        assert_true(piece.place != 0);
        out->len += piece.len;
    }
}

static bool is_on_disk(struct toy *toy, const char *name)
{
    size_t len;

    return sim_disk_file(toy->disk, name, &len) != NULL;
}

/* The states that the backup may have: of the moment when it was asked for, and those after the
 * batches that were on their way until the log was sealed. */
struct moments {
    uint64_t digests[2000];
    size_t count;
};

static uint64_t digest(const struct toy_state *state)
{
    uint64_t sum = 0;

    for (uint64_t key = 0; key < state->end; key++) {
        sum +=
            state->entries[key].is_there ? (key + 1) * (key + 1) * UINT64_C(0x9e3779b97f4a7c15) : 0;
    }
    return sum;
}

static void add_moment(struct moments *moments, const struct toy *toy)
{
    assert_true(moments->count < 2000);
    moments->digests[moments->count++] = digest(toy->state);
}

static void restore_and_compare(const struct mst_buf *file, const struct moments *moments)
{
    struct toy other;
    bool found = false;

    toy_init(&other, SEGMENT, 99);
    sim_disk_put(other.disk, "given", mst_buf_span(file));
    assert_int_equal(store_restore(other.disk, "given", other.error), STORE_OK);
    assert_int_equal(toy_open(&other), STORE_OK);
    for (size_t i = 0; i < moments->count; i++) {
        found = found || moments->digests[i] == digest(other.state);
    }
    assert_true(found);
    memcpy(other.durable, other.state, sizeof(*other.state));
    toy_fetch_all(&other);
    other.next_key = TOY_KEYS / 2;
    toy_stream(&other, other.state->count + 10, 1000, 3); /* and it goes on like any other */
    toy_restart(&other);
    toy_fetch_all(&other);
    toy_clear(&other);
}

static void a_backup_is_the_state_as_of_its_begin(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct toy toy;
        struct moments moments = {0};
        struct mst_buf file;

        mst_buf_init(&file);
        toy_init(&toy, SEGMENT, seed);
        toy_must_open(&toy);
        toy_stream(&toy, 40, 2000, seed - 1);
        add_moment(&moments, &toy);
        assert_true(toy.journal->table->backup_begin(toy.journal));
        assert_false(toy.journal->table->backup_begin(toy.journal));
        while (toy.journal->table->backup_size(toy.journal) == 0) { /* batches go on */
            if (mst_buf_size(&toy.records) == 0) {
                toy_put(&toy, 1500);
                toy_done(&toy, toy_any(&toy));
                add_moment(&moments, &toy);
            }
            for (int i = 0; i < 3; i++) {
                sim_jobs_any(&toy.jobs, toy_chance(&toy, 100));
                toy_turn(&toy, 0);
            }
        }
        toy_stream(&toy, 40, 2000, 3);
        read_backup(&toy, &file);
        assert_true(is_on_disk(&toy, "backup"));
        toy.journal->table->backup_end(toy.journal);
        toy_settle(&toy);
        assert_false(is_on_disk(&toy, "backup"));
        assert_int_equal(toy.journal->table->backup_size(toy.journal), 0);
        toy_fetch_all(&toy);
        restore_and_compare(&file, &moments);
        assert_true(toy.journal->table->backup_begin(toy.journal)); /* and another one */
        toy_clear(&toy);
        mst_buf_clear(&file);
    }
}

static void an_empty_journal_has_a_backup_too(void **state)
{
    struct toy toy;
    struct moments moments = {0};
    struct mst_buf file;

    (void)state;
    mst_buf_init(&file);
    toy_init(&toy, SEGMENT, 1);
    toy_must_open(&toy);
    add_moment(&moments, &toy);
    assert_true(toy.journal->table->backup_begin(toy.journal));
    toy_settle(&toy);
    read_backup(&toy, &file);
    restore_and_compare(&file, &moments);
    toy_clear(&toy);
    mst_buf_clear(&file);
}

static void a_backup_that_is_given_up_leaves_nothing(void **state)
{
    (void)state;
    for (int when = 0; when < 3; when++) {
        struct toy toy;

        toy_init(&toy, SEGMENT, 1);
        toy_must_open(&toy);
        toy_stream(&toy, 20, 2000, 1);
        assert_true(toy.journal->table->backup_begin(toy.journal));
        if (when > 0) {
            toy_turn(&toy, 0);
        }
        if (when > 1) {
            toy_settle(&toy);
        }
        toy.journal->table->backup_end(toy.journal);
        toy_settle(&toy);
        assert_false(is_on_disk(&toy, "backup"));
        toy_stream(&toy, 20, 2000, 2); /* compaction goes on */
        assert_true(toy.journal->table->backup_begin(toy.journal));
        toy_clear(&toy);
    }
}

static bool is_remains(void *user, const char *name)
{
    bool *found = user;

    *found = *found || strstr(name, "backup") != NULL || strstr(name, ".new") != NULL;
    return true;
}

static void a_broker_that_dies_during_a_backup_removes_the_remains_at_start(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 12; n++) {
        struct toy toy;
        bool found = false;

        toy_init(&toy, SEGMENT, 1);
        toy_must_open(&toy);
        toy_stream(&toy, 20, 2000, 1);
        assert_true(toy.journal->table->backup_begin(toy.journal));
        sim_disk_stop(toy.disk, n);
        toy_settle(&toy);
        toy_crash(&toy, n);
        toy_must_open(&toy);
        assert_int_equal(toy.disk->table->list(toy.disk, is_remains, &found), 0);
        assert_false(found);
        toy_fetch_all(&toy);
        toy_clear(&toy);
    }
}

static void a_backup_without_room_fails_and_the_broker_goes_on(void **state)
{
    struct toy toy;

    (void)state;
    toy_init(&toy, SEGMENT, 1);
    toy_must_open(&toy);
    toy_stream(&toy, 20, 2000, 1);
    assert_true(toy.journal->table->backup_begin(toy.journal));
    while (sim_jobs_count(&toy.jobs, JOB_COMPACT) == 0) {
        toy_turn(&toy, 0);
        sim_jobs_step(&toy.jobs, JOB_PREPARE);
    }
    sim_disk_fail(toy.disk, SIM_DISK_WRITE, 3, ENOSPC);
    toy_settle(&toy);
    assert_true(toy.journal->table->backup_size(toy.journal) == JOURNAL_BACKUP_FAILED);
    assert_non_null(strstr(toy.log, "the backup was not made"));
    assert_null(toy_failure(&toy));
    toy.journal->table->backup_end(toy.journal);
    toy_stream(&toy, 20, 2000, 2);
    assert_true(toy.journal->table->backup_begin(toy.journal));
    toy_settle(&toy);
    assert_true(toy.journal->table->backup_size(toy.journal) > 20 * 2000);
    toy_clear(&toy);
}

static void a_damaged_backup_is_not_restored(void **state)
{
    struct toy toy, other;
    struct mst_buf file;

    (void)state;
    mst_buf_init(&file);
    toy_init(&toy, SEGMENT, 1);
    toy_must_open(&toy);
    toy_stream(&toy, 20, 2000, 1);
    assert_true(toy.journal->table->backup_begin(toy.journal));
    toy_settle(&toy);
    read_backup(&toy, &file);
    for (size_t at = 100; at < file.len; at += 7919) {
        /* A flipped bit, and a file that was cut off. */
        for (int cut = 0; cut < 2; cut++) {
            struct mst_span given = mst_span_of(file.data, cut ? at : file.len);

            toy_init(&other, SEGMENT, 1);
            file.data[at] ^= 4;
            sim_disk_put(other.disk, "given", given);
            file.data[at] ^= 4;
            if (store_restore(other.disk, "given", other.error) == STORE_OK) {
                /* The zeros behind a batch are nobody's. */
                assert_false(cut);
                toy_clear(&other);
                continue;
            }
            assert_non_null(strstr(other.error, "given"));
            assert_non_null(strstr(other.error, "offset"));
            toy_clear(&other);
        }
    }
    assert_int_equal(store_restore(toy.disk, "backup", toy.error), STORE_REFUSED);
    assert_non_null(strstr(toy.error, "already"));
    toy_clear(&toy);
    mst_buf_clear(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backup_is_the_state_as_of_its_begin),
        cmocka_unit_test(an_empty_journal_has_a_backup_too),
        cmocka_unit_test(a_backup_that_is_given_up_leaves_nothing),
        cmocka_unit_test(a_broker_that_dies_during_a_backup_removes_the_remains_at_start),
        cmocka_unit_test(a_backup_without_room_fails_and_the_broker_goes_on),
        cmocka_unit_test(a_damaged_backup_is_not_restored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
