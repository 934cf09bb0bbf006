/* test_journal_format.c - the bytes of the journal's files: what is encoded is decoded, and nothing
 * else is. */
#include "tests/unit/cmocka_all.h"

#include "broker/journal/format.h"

static const uint8_t key[FORMAT_KEY_BYTES] = "a key of sixteen";

static struct file_header some_header(void)
{
    struct file_header header = {.kind = FILE_SEGMENT,
                                 .number = 12,
                                 .bytes = 64u << 20,
                                 .previous = 11,
                                 .next_segment = 13,
                                 .next_batch = UINT64_C(0x123456789abcdef0),
                                 .is_recycled = true};

    memcpy(header.id, "identity of ours", FORMAT_ID_BYTES);
    memcpy(header.key, key, FORMAT_KEY_BYTES);
    return header;
}

static void a_header_is_read_as_it_was_written(void **state)
{
    struct file_header header = some_header(), read;
    uint8_t sector[STORE_SECTOR];

    (void)state;
    format_header_encode(&header, sector);
    assert_int_equal(format_header_decode(mst_span_of(sector, sizeof(sector)), &read), FORMAT_OK);
    assert_int_equal(read.version, FORMAT_VERSION);
    assert_int_equal(read.kind, header.kind);
    assert_int_equal(read.number, header.number);
    assert_int_equal(read.bytes, header.bytes);
    assert_int_equal(read.previous, header.previous);
    assert_int_equal(read.next_segment, header.next_segment);
    assert_int_equal(read.next_batch, header.next_batch);
    assert_true(read.is_recycled);
    assert_memory_equal(read.id, header.id, FORMAT_ID_BYTES);
    assert_memory_equal(read.key, header.key, FORMAT_KEY_BYTES);
}

static void a_header_with_any_bit_wrong_is_refused(void **state)
{
    struct file_header header = some_header(), read;
    uint8_t sector[STORE_SECTOR];

    (void)state;
    format_header_encode(&header, sector);
    for (size_t bit = 0; bit < STORE_SECTOR * 8; bit += bit < 1000 ? 1 : 37) {
        enum format_status status;

        sector[bit / 8] ^= (uint8_t)(1u << bit % 8);
        status = format_header_decode(mst_span_of(sector, sizeof(sector)), &read);
        assert_int_equal(status, bit < 64 ? FORMAT_NOT_OURS : FORMAT_DAMAGED);
        sector[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(format_header_decode(mst_span_of(sector, 4095), &read), FORMAT_DAMAGED);
    assert_int_equal(format_header_decode(mst_span_of(sector, 5), &read), FORMAT_NOT_OURS);
    assert_int_equal(format_header_decode(mst_span_of(sector, 0), &read), FORMAT_EMPTY);
    memset(sector, 0, sizeof(sector));
    assert_int_equal(format_header_decode(mst_span_of(sector, sizeof(sector)), &read),
                     FORMAT_EMPTY);
}

static void a_batch_with_any_bit_wrong_is_refused(void **state)
{
    struct batch_header header = {.index = 7, .seq = 70, .len = 100, .flags = BATCH_LAST}, read;
    uint8_t bytes[BATCH_HEADER_BYTES + 100];

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    format_batch_encode(key, &header, mst_span_of(bytes + BATCH_HEADER_BYTES, 100), bytes);
    assert_true(format_batch_peek(mst_span_of(bytes, sizeof(bytes)), &read));
    assert_int_equal(read.index, 7);
    assert_int_equal(read.seq, 70);
    assert_int_equal(read.len, 100);
    assert_int_equal(read.flags, BATCH_LAST);
    assert_true(format_batch_check(key, mst_span_of(bytes, sizeof(bytes))));
    assert_false(format_batch_check(key, mst_span_of(bytes, sizeof(bytes) - 1)));
    assert_false(
        format_batch_check((const uint8_t *)"another of those", mst_span_of(bytes, sizeof(bytes))));
    for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(format_batch_check(key, mst_span_of(bytes, sizeof(bytes))));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void a_batch_takes_whole_sectors(void **state)
{
    (void)state;
    assert_int_equal(format_batch_bytes(0), STORE_SECTOR);
    assert_int_equal(format_batch_bytes(STORE_SECTOR - BATCH_HEADER_BYTES), STORE_SECTOR);
    assert_int_equal(format_batch_bytes(STORE_SECTOR - BATCH_HEADER_BYTES + 1), 2 * STORE_SECTOR);
}

static void names_tell_kind_and_number(void **state)
{
    static const char *const strange[] = {"",
                                          "segment-",
                                          "segment-1",
                                          "segment-00000000012",
                                          "segment-0000000000",
                                          "segment-9999999999",
                                          "segment-000000001x",
                                          "segment-+000000001",
                                          "segment-0000000001.new",
                                          "backup2",
                                          "checkpoint-",
                                          "Segment-0000000001"};
    char name[DISK_NAME_MAX + 1];
    enum file_kind kind;
    uint64_t number;

    (void)state;
    format_name(FILE_SEGMENT, 12, name);
    assert_string_equal(name, "segment-0000000012");
    format_name(FILE_CHECKPOINT, JOURNAL_FILES_MAX - 1, name);
    assert_string_equal(name, "checkpoint-0016777215");
    assert_true(format_name_parse(name, &kind, &number));
    assert_int_equal(kind, FILE_CHECKPOINT);
    assert_int_equal(number, JOURNAL_FILES_MAX - 1);
    assert_true(format_name_parse("backup", &kind, &number));
    assert_int_equal(kind, FILE_BACKUP);
    for (size_t i = 0; i < sizeof(strange) / sizeof(*strange); i++) {
        assert_false(format_name_parse(strange[i], &kind, &number));
    }
    assert_true(format_name_is_new("segment-0000000001.new"));
    assert_true(format_name_is_new("backup.new"));
    assert_false(format_name_is_new("segment-1.new"));
    assert_false(format_name_is_new(".new"));
    assert_false(format_name_is_new("notes.new"));
}

static void a_place_has_a_file_and_an_offset(void **state)
{
    uint64_t place = format_place(JOURNAL_FILES_MAX - 1, JOURNAL_FILE_BYTES_MAX - 1);

    (void)state;
    assert_int_equal(place_file(place), JOURNAL_FILES_MAX - 1);
    assert_int_equal(place_offset(place), JOURNAL_FILE_BYTES_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_read_as_it_was_written),
        cmocka_unit_test(a_header_with_any_bit_wrong_is_refused),
        cmocka_unit_test(a_batch_with_any_bit_wrong_is_refused),
        cmocka_unit_test(a_batch_takes_whole_sectors),
        cmocka_unit_test(names_tell_kind_and_number),
        cmocka_unit_test(a_place_has_a_file_and_an_offset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
