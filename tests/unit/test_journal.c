/* test_journal.c - the journal in memory: what is durable when, and what a crash leaves. */
#include "tests/unit/cmocka_all.h"

#include "broker/journal/memory.h"

static void append(struct journal *journal, const char *text, uint64_t seq, uint64_t durable)
{
    struct mst_buf records;
    struct journal_batch batch = {.records = &records, .seq = seq};

    mst_buf_init(&records);
    assert_true(mst_buf_append(&records, text, strlen(text)));
    assert_int_equal(journal->table->append(journal, &batch), 0);
    assert_int_equal(journal->table->durable(journal), durable);
    assert_int_equal(mst_buf_size(&records), 0);
    mst_buf_clear(&records);
}

static void batches_are_durable_when_synced(void **state)
{
    struct journal *journal = journal_memory_new(false);

    (void)state;
    assert_non_null(journal);
    assert_int_equal(journal_memory_durable(journal), 0);
    append(journal, "one", 3, 0);
    assert_int_equal(journal_memory_batches(journal), 0);
    assert_int_equal(journal_memory_sync(journal), 3);
    append(journal, "two", 4, 3);
    append(journal, "three", 9, 3);
    assert_int_equal(journal_memory_sync(journal), 9);
    assert_int_equal(journal_memory_batches(journal), 3);
    assert_true(mst_span_equal(journal_memory_batch(journal, 1), mst_span_text("two")));
    journal_free(&journal);
    assert_null(journal);
}

static void a_crash_takes_what_is_not_durable(void **state)
{
    struct journal *journal = journal_memory_new(false);

    (void)state;
    assert_non_null(journal);
    append(journal, "kept", 1, 0);
    journal_memory_sync(journal);
    append(journal, "lost", 2, 1);
    journal_memory_crash(journal);
    assert_int_equal(journal_memory_sync(journal), 1);
    assert_int_equal(journal_memory_batches(journal), 1);
    append(journal, "new", 2, 1);
    assert_int_equal(journal_memory_sync(journal), 2);
    assert_true(mst_span_equal(journal_memory_batch(journal, 1), mst_span_text("new")));
    journal_free(&journal);
}

static void at_once_means_at_once(void **state)
{
    struct journal *journal = journal_memory_new(true);

    (void)state;
    assert_non_null(journal);
    for (uint64_t seq = 1; seq <= 100; seq++) {
        append(journal, "x", seq, seq);
    }
    assert_int_equal(journal_memory_batches(journal), 100);
    journal_free(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_are_durable_when_synced),
        cmocka_unit_test(a_crash_takes_what_is_not_durable),
        cmocka_unit_test(at_once_means_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
