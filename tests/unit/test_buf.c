/* test_buf.c - buf, blob and arena: what goes in comes out, and nothing is lost on the way. */
#include "tests/unit/cmocka_all.h"

#include <stdalign.h>
#include <stdio.h>

#include "protocol/arena.h"
#include "protocol/blob.h"
#include "protocol/buf.h"

static struct mst_span text(const char *chars)
{
    return mst_span_text(chars);
}

static void assert_span(struct mst_span span, const char *chars)
{
    assert_int_equal(span.len, strlen(chars));
    assert_memory_equal(span.data, chars, span.len);
}

static void a_new_buf_holds_nothing(void **state)
{
    struct mst_buf buf;

    (void)state;
    mst_buf_init(&buf);
    assert_int_equal(mst_buf_size(&buf), 0);
    assert_null(mst_buf_span(&buf).data);
    assert_true(mst_buf_append(&buf, NULL, 0));
    assert_null(buf.data);
    mst_buf_clear(&buf);
}

static void what_is_appended_is_consumed_in_order(void **state)
{
    struct mst_buf buf;

    (void)state;
    mst_buf_init(&buf);
    assert_true(mst_buf_append(&buf, "hello ", 6));
    assert_true(mst_buf_append(&buf, "world", 5));
    assert_span(mst_buf_span(&buf), "hello world");
    mst_buf_consume(&buf, 6);
    assert_span(mst_buf_span(&buf), "world");
    mst_buf_consume(&buf, 5);
    assert_int_equal(mst_buf_size(&buf), 0);
    assert_int_equal(buf.start, 0);
    mst_buf_clear(&buf);
}

/* A model beside it: a counter at each end says which byte must come next. */
static void a_long_stream_keeps_its_bytes(void **state)
{
    struct mst_buf buf;
    uint64_t random = 1;
    uint8_t in = 0;
    uint8_t out = 0;
    size_t held = 0;

    (void)state;
    mst_buf_init(&buf);
    for (int turn = 0; turn < 20000; turn++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        size_t more = (random >> 33) % 90;
        uint8_t chunk[90];
        for (size_t i = 0; i < more; i++) {
            chunk[i] = in++;
        }
        assert_true(mst_buf_append(&buf, chunk, more));
        held += more;
        size_t less = (random >> 45) % 100;
        less = less < held ? less : held;
        struct mst_span span = mst_buf_span(&buf);
        for (size_t i = 0; i < less; i++) {
            assert_int_equal(span.data[i], out);
            out++;
        }
        mst_buf_consume(&buf, less);
        held -= less;
        assert_int_equal(mst_buf_size(&buf), held);
    }
    /* The memory follows what is held, not what ever went through. */
    assert_true(buf.cap <= 64 * 1024);
    mst_buf_clear(&buf);
}

static void an_impossible_reserve_changes_nothing(void **state)
{
    struct mst_buf buf;

    (void)state;
    mst_buf_init(&buf);
    assert_true(mst_buf_append(&buf, "kept", 4));
    assert_false(mst_buf_reserve(&buf, SIZE_MAX));
    assert_false(mst_buf_reserve(&buf, SIZE_MAX / 2));
    assert_span(mst_buf_span(&buf), "kept");
    mst_buf_clear(&buf);
}

static void shrink_gives_back_only_what_is_empty_and_large(void **state)
{
    struct mst_buf buf;

    (void)state;
    mst_buf_init(&buf);
    assert_true(mst_buf_reserve(&buf, 5000));
    assert_true(mst_buf_append(&buf, "x", 1));
    mst_buf_shrink(&buf, 4096);
    assert_true(buf.cap >= 5000);
    mst_buf_consume(&buf, 1);
    mst_buf_shrink(&buf, 8192);
    assert_true(buf.cap >= 5000);
    mst_buf_shrink(&buf, 4096);
    assert_int_equal(buf.cap, 0);
    assert_true(mst_buf_append(&buf, "again", 5));
    assert_span(mst_buf_span(&buf), "again");
    mst_buf_clear(&buf);
}

static void a_blob_lives_as_long_as_somebody_holds_it(void **state)
{
    struct mst_blob *mine = mst_blob_new(text("body"));
    struct mst_blob *other = mst_blob_ref(mine);

    (void)state;
    assert_int_equal(mine->references, 2);
    mst_blob_unref(&mine);
    assert_null(mine);
    assert_span(mst_blob_span(other), "body");
    mst_blob_unref(&other);
    assert_null(other);
    mst_blob_unref(&other);
    assert_null(mst_blob_span(NULL).data);
}

static void an_empty_blob_is_not_none(void **state)
{
    struct mst_blob *blob = mst_blob_new(MST_SPAN_NONE);

    (void)state;
    assert_non_null(mst_blob_span(blob).data);
    assert_int_equal(mst_blob_span(blob).len, 0);
    mst_blob_unref(&blob);
}

static void arena_pieces_are_apart_aligned_and_zero(void **state)
{
    struct mst_arena arena;
    uint8_t *pieces[400];

    (void)state;
    mst_arena_init(&arena);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 400; i++) {
            pieces[i] = mst_arena_take(&arena, 1 + i);
            assert_non_null(pieces[i]);
            assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
            for (size_t b = 0; b <= i; b++) {
                assert_int_equal(pieces[i][b], 0);
            }
            memset(pieces[i], (int)(i & 0xff), 1 + i);
        }
        for (size_t i = 0; i < 400; i++) {
            assert_int_equal(pieces[i][0], i & 0xff);
            assert_int_equal(pieces[i][i], i & 0xff);
        }
        mst_arena_reset(&arena);
    }
    mst_arena_clear(&arena);
}

static void an_arena_takes_a_large_piece_and_refuses_an_impossible_one(void **state)
{
    struct mst_arena arena;

    (void)state;
    mst_arena_init(&arena);
    uint8_t *large = mst_arena_take(&arena, 3u << 20);
    assert_non_null(large);
    large[(3u << 20) - 1] = 1;
    assert_null(mst_arena_take(&arena, SIZE_MAX));
    assert_non_null(mst_arena_take(&arena, 0));
    mst_arena_clear(&arena);
}

static void an_arena_copies_and_prints(void **state)
{
    struct mst_arena arena;
    char source[] = "text";

    (void)state;
    mst_arena_init(&arena);
    struct mst_span copy = mst_arena_copy(&arena, text(source));
    struct mst_span printed = mst_arena_printf(&arena, "%s=%d", "answer", 42);
    source[0] = '!';
    assert_span(copy, "text");
    assert_span(printed, "answer=42");
    assert_int_equal(printed.data[printed.len], 0);
    assert_null(mst_arena_copy(&arena, MST_SPAN_NONE).data);
    assert_non_null(mst_arena_copy(&arena, text("")).data);
    mst_arena_clear(&arena);
}

static void spans_compare_by_bytes_then_length(void **state)
{
    (void)state;
    assert_true(mst_span_equal(text("a"), text("a")));
    assert_true(mst_span_equal(MST_SPAN_NONE, text("")));
    assert_false(mst_span_equal(text("a"), text("b")));
    assert_true(mst_span_compare(text("a"), text("b")) < 0);
    assert_true(mst_span_compare(text("b"), text("ab")) > 0);
    assert_true(mst_span_compare(text("a"), text("ab")) < 0);
    assert_true(mst_span_compare(text("\xff"), text("a")) > 0);
    assert_int_equal(mst_span_compare(text(""), MST_SPAN_NONE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_buf_holds_nothing),
        cmocka_unit_test(what_is_appended_is_consumed_in_order),
        cmocka_unit_test(a_long_stream_keeps_its_bytes),
        cmocka_unit_test(an_impossible_reserve_changes_nothing),
        cmocka_unit_test(shrink_gives_back_only_what_is_empty_and_large),
        cmocka_unit_test(a_blob_lives_as_long_as_somebody_holds_it),
        cmocka_unit_test(an_empty_blob_is_not_none),
        cmocka_unit_test(arena_pieces_are_apart_aligned_and_zero),
        cmocka_unit_test(an_arena_takes_a_large_piece_and_refuses_an_impossible_one),
        cmocka_unit_test(an_arena_copies_and_prints),
        cmocka_unit_test(spans_compare_by_bytes_then_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
