/* test_frame.c - the preamble and the cutting of a stream into frames, byte by byte. */
#include "tests/unit/cmocka_all.h"

#include "protocol/frame.h"

static void a_written_preamble_is_read(void **state)
{
    static const enum mst_channel channels[] = {MST_CHANNEL_CLEAR, MST_CHANNEL_NOISE};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[MST_PREAMBLE_BYTES];
        enum mst_channel channel = channels[1 - i];
        mst_preamble_write(bytes, channels[i]);
        for (size_t len = 0; len < MST_PREAMBLE_BYTES; len++) {
            assert_int_equal(mst_preamble_read(mst_span_of(bytes, len), &channel),
                             MST_PREAMBLE_MORE);
        }
        assert_int_equal(mst_preamble_read(mst_span_of(bytes, sizeof(bytes)), &channel),
                         MST_PREAMBLE_OK);
        assert_int_equal(channel, channels[i]);
    }
}

static void the_preamble_is_what_the_protocol_says(void **state)
{
    static const uint8_t wanted[] = {0x89, 'M', 'S', 'T', 'R', 0x0a, 1, 0};
    uint8_t bytes[MST_PREAMBLE_BYTES];

    (void)state;
    mst_preamble_write(bytes, MST_CHANNEL_CLEAR);
    assert_memory_equal(bytes, wanted, sizeof(wanted));
}

static void every_wrong_byte_of_a_preamble_is_noticed_when_it_comes(void **state)
{
    (void)state;
    for (size_t at = 0; at < MST_PREAMBLE_BYTES; at++) {
        uint8_t bytes[MST_PREAMBLE_BYTES];
        enum mst_channel channel = MST_CHANNEL_CLEAR;
        mst_preamble_write(bytes, MST_CHANNEL_CLEAR);
        bytes[at] ^= 0x40;
        enum mst_preamble_verdict wanted = at < 6    ? MST_PREAMBLE_FOREIGN
                                           : at == 6 ? MST_PREAMBLE_VERSION
                                                     : MST_PREAMBLE_CHANNEL;
        assert_int_equal(mst_preamble_read(mst_span_of(bytes, at + 1), &channel), wanted);
        assert_int_equal(mst_preamble_read(mst_span_of(bytes, sizeof(bytes)), &channel), wanted);
    }
}

static void http_is_foreign_at_once(void **state)
{
    enum mst_channel channel = MST_CHANNEL_CLEAR;

    (void)state;
    assert_int_equal(mst_preamble_read(mst_span_text("G"), &channel), MST_PREAMBLE_FOREIGN);
}

static void frames_are_cut_where_they_end(void **state)
{
    static const uint8_t stream[] = {0, 0, 0, 2, 'a', 'b', 0, 0, 0, 1, 'c', 0, 0};
    struct mst_span in = mst_span_of(stream, sizeof(stream));
    struct mst_span payload = MST_SPAN_NONE;
    size_t used = 0;
    size_t need = 99;

    (void)state;
    assert_int_equal(mst_frame_next(in, 100, &payload, &used, &need), MST_FRAME_OK);
    assert_int_equal(used, 6);
    assert_int_equal(payload.len, 2);
    assert_ptr_equal(payload.data, stream + 4);
    in = mst_span_of(in.data + used, in.len - used);
    assert_int_equal(mst_frame_next(in, 100, &payload, &used, &need), MST_FRAME_OK);
    assert_int_equal(used, 5);
    assert_int_equal(payload.data[0], 'c');
    in = mst_span_of(in.data + used, in.len - used);
    assert_int_equal(mst_frame_next(in, 100, &payload, &used, &need), MST_FRAME_MORE);
    assert_int_equal(need, 0);
}

static void a_part_of_a_frame_says_how_much_is_needed(void **state)
{
    static const uint8_t stream[] = {0, 0, 1, 3, 'x'};
    struct mst_span payload = MST_SPAN_NONE;
    size_t used = 7;
    size_t need = 0;

    (void)state;
    assert_int_equal(
        mst_frame_next(mst_span_of(stream, sizeof(stream)), 0x103, &payload, &used, &need),
        MST_FRAME_MORE);
    assert_int_equal(need, 4 + 0x103);
    assert_int_equal(used, 7);
    assert_null(payload.data);
}

static void lengths_are_judged_before_the_bytes_come(void **state)
{
    static const uint8_t empty[] = {0, 0, 0, 0};
    static const uint8_t too_long[] = {0, 0, 1, 4};
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff};
    struct mst_span payload = MST_SPAN_NONE;
    size_t used = 0;
    size_t need = 0;

    (void)state;
    assert_int_equal(mst_frame_next(mst_span_of(empty, 4), 100, &payload, &used, &need),
                     MST_FRAME_EMPTY);
    assert_int_equal(mst_frame_next(mst_span_of(too_long, 4), 0x103, &payload, &used, &need),
                     MST_FRAME_LONG);
    assert_int_equal(
        mst_frame_next(mst_span_of(huge, 4), MST_FRAME_BYTES_MAX, &payload, &used, &need),
        MST_FRAME_LONG);
    assert_int_equal(used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_written_preamble_is_read),
        cmocka_unit_test(the_preamble_is_what_the_protocol_says),
        cmocka_unit_test(every_wrong_byte_of_a_preamble_is_noticed_when_it_comes),
        cmocka_unit_test(http_is_foreign_at_once),
        cmocka_unit_test(frames_are_cut_where_they_end),
        cmocka_unit_test(a_part_of_a_frame_says_how_much_is_needed),
        cmocka_unit_test(lengths_are_judged_before_the_bytes_come),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
