/* test_gather.c - bytes on their way out: own ones, and bodies that stand elsewhere, leave in order
 * and however the wire takes them; a body is held until its last byte has left. */
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

#include "protocol/frame.h"
#include "protocol/gather.h"
#include "protocol/message.h"

#define FLAT_MAX 100000u

static bool own(struct mst_gather *gather, const char *text)
{
    return mst_buf_append(&gather->bytes, text, strlen(text));
}

/* All that is there, in one row; the pieces are none of them empty. */
static struct mst_span flat(const struct mst_gather *gather, uint8_t out[FLAT_MAX])
{
    struct mst_span pieces[1000];
    size_t count = mst_gather_pieces(gather, pieces, 1000);
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        assert_true(pieces[i].len > 0 && len + pieces[i].len <= FLAT_MAX);
        memcpy(out + len, pieces[i].data, pieces[i].len);
        len += pieces[i].len;
    }
    assert_int_equal(len, mst_gather_size(gather));
    return mst_span_of(out, len);
}

#define assert_flat(gather, text)                                                                  \
    do {                                                                                           \
        uint8_t flat_bytes[FLAT_MAX];                                                              \
        assert_true(mst_span_equal(flat(gather, flat_bytes), mst_span_text(text)));                \
    } while (0)

static void pieces_leave_in_order(void **state)
{
    struct mst_gather gather;
    struct mst_span pieces[8];

    (void)state;
    mst_gather_init(&gather);
    assert_int_equal(mst_gather_pieces(&gather, pieces, 8), 0);
    assert_true(mst_gather_body(&gather, mst_span_text("one"), NULL));
    assert_true(own(&gather, " and "));
    assert_true(mst_gather_body(&gather, mst_span_text("two"), NULL));
    assert_true(mst_gather_body(&gather, mst_span_text(", "), NULL));
    assert_true(mst_gather_body(&gather, mst_span_text(""), NULL));
    assert_true(own(&gather, "three"));
    assert_flat(&gather, "one and two, three");
    assert_int_equal(mst_gather_pieces(&gather, pieces, 8), 5);
    assert_int_equal(mst_gather_pieces(&gather, pieces, 2), 2);
    assert_int_equal(pieces[1].len, 5);
    mst_gather_clear(&gather);
}

static void a_body_is_held_until_its_last_byte_has_left(void **state)
{
    struct mst_blob *blob = mst_blob_new(mst_span_text("body"));
    struct mst_gather gather;

    (void)state;
    mst_gather_init(&gather);
    assert_true(own(&gather, "head"));
    assert_true(mst_gather_body(&gather, mst_blob_span(blob), blob));
    assert_int_equal(blob->references, 2);
    mst_gather_consume(&gather, 4 + 3);
    assert_flat(&gather, "y");
    assert_int_equal(blob->references, 2);
    mst_gather_consume(&gather, 1);
    assert_int_equal(blob->references, 1);
    assert_int_equal(mst_gather_size(&gather), 0);
    assert_true(mst_gather_body(&gather, mst_blob_span(blob), blob));
    mst_gather_clear(&gather); /* dropped unsent */
    assert_int_equal(blob->references, 1);
    mst_blob_unref(&blob);
}

static void what_is_cut_off_was_never_there(void **state)
{
    struct mst_blob *blob = mst_blob_new(mst_span_text("body"));
    struct mst_gather gather;
    struct mst_gather_mark mark;

    (void)state;
    mst_gather_init(&gather);
    assert_true(own(&gather, "stays "));
    assert_true(mst_gather_body(&gather, mst_span_text("too"), NULL));
    mark = mst_gather_mark(&gather);
    assert_true(own(&gather, "goes"));
    assert_true(mst_gather_body(&gather, mst_blob_span(blob), blob));
    mst_gather_cut(&gather, mark);
    assert_flat(&gather, "stays too");
    assert_int_equal(blob->references, 1);
    mst_blob_unref(&blob);
    mst_gather_clear(&gather);
}

static void a_reply_moves_with_its_bodies(void **state)
{
    struct mst_blob *blob = mst_blob_new(mst_span_text("body"));
    struct mst_gather held;
    struct mst_gather output;

    (void)state;
    mst_gather_init(&held);
    mst_gather_init(&output);
    assert_true(own(&output, "before "));
    assert_true(own(&held, "1:"));
    assert_true(mst_gather_body(&held, mst_blob_span(blob), blob));
    assert_true(own(&held, ". 2:x"));
    assert_true(mst_gather_move(&held, 2 + 4 + 2, &output));
    assert_flat(&output, "before 1:body. ");
    assert_flat(&held, "2:x");
    assert_true(mst_gather_move(&held, 3, &output));
    assert_flat(&output, "before 1:body. 2:x");
    mst_gather_clear(&held);
    assert_int_equal(blob->references, 2);
    mst_gather_clear(&output);
    assert_int_equal(blob->references, 1);
    mst_blob_unref(&blob);
}

static void a_lender_takes_its_bytes_back(void **state)
{
    char lent[] = "mine and yours";
    struct mst_gather gather;

    (void)state;
    mst_gather_init(&gather);
    assert_true(mst_gather_body(&gather, mst_span_of(lent, 4), NULL));
    assert_true(mst_gather_body(&gather, mst_span_of(lent + 9, 5), NULL));
    mst_gather_consume(&gather, 2);
    assert_true(mst_gather_own(&gather, mst_span_of(lent, 4)));
    memset(lent, '-', 4);
    assert_flat(&gather, "neyours");
    mst_gather_clear(&gather);
}

/* Beside it a model: the same bytes in one row. */
static void a_long_stream_leaves_as_it_came(void **state)
{
    static uint8_t model[FLAT_MAX], seen[FLAT_MAX];
    struct mst_gather gather;
    unsigned random = 7;
    size_t len = 0;

    (void)state;
    mst_gather_init(&gather);
    for (unsigned round = 0; round < 20000; round++) {
        size_t n = (random >> 16) % 40;
        uint8_t bytes[40];

        random = random * 1103515245u + 12345u;
        memset(bytes, (int)(round % 251), n);
        if (random >> 30 == 0) {
            struct mst_blob *blob = mst_blob_new(mst_span_of(bytes, n));

            assert_true(mst_gather_body(&gather, mst_blob_span(blob), blob));
            mst_blob_unref(&blob);
        } else if (random >> 30 == 1) {
            assert_true(mst_buf_append(&gather.bytes, bytes, n));
        } else {
            n = n < len ? n : len;
            mst_gather_consume(&gather, n);
            memmove(model, model + n, len - n);
            len -= n;
            n = 0;
        }
        memcpy(model + len, bytes, n);
        len += n;
        assert_true(mst_span_equal(flat(&gather, seen), mst_span_of(model, len)));
    }
    mst_gather_clear(&gather);
}

/* ---- messages ---- */

static void a_gathered_frame_is_the_copied_one(void **state)
{
    static uint8_t seen[FLAT_MAX], large[MST_BLOB_SHARED_MIN];
    struct mst_blob *blob = mst_blob_new(mst_span_of(large, sizeof(large)));
    struct mst_delivery deliveries[2] = {{.id = 1, .number = 1, .body = mst_span_text("small")},
                                         {.id = 2, .body = mst_blob_span(blob), .blob = blob}};
    struct mst_span bodies[2] = {mst_span_text("small"), mst_span_of(large, sizeof(large))};
    struct mst_reply reply;
    struct mst_request request;
    struct mst_gather gather;
    struct mst_buf copied;

    (void)state;
    mst_gather_init(&gather);
    mst_buf_init(&copied);
    mst_reply_init(&reply, MST_OP_GET);
    reply.deliveries = deliveries;
    reply.deliveries_count = 2;
    mst_request_init(&request, MST_OP_PUT);
    request.bodies = bodies;
    request.bodies_count = 2;
    assert_true(mst_reply_encode(&copied, &reply) && mst_reply_gather(&gather, &reply));
    assert_true(mst_request_encode(&copied, &request) && mst_request_gather(&gather, &request));
    assert_true(mst_span_equal(flat(&gather, seen), mst_buf_span(&copied)));
    assert_int_equal(gather.bodies_bytes, 2 * sizeof(large));
    assert_int_equal(blob->references, 2);
    mst_gather_clear(&gather);
    mst_buf_clear(&copied);
    mst_blob_unref(&blob);
}

static void a_frame_that_is_too_long_leaves_nothing(void **state)
{
    struct mst_span bodies[3];
    struct mst_request request;
    struct mst_gather gather;
    uint8_t *large = calloc(1, MST_FRAME_BYTES_MAX);

    (void)state;
    assert_non_null(large);
    mst_gather_init(&gather);
    mst_request_init(&request, MST_OP_PUT);
    for (size_t i = 0; i < 3; i++) {
        bodies[i] = mst_span_of(large, MST_FRAME_BYTES_MAX / 2);
    }
    request.bodies = bodies;
    request.bodies_count = 3;
    assert_true(own(&gather, "before"));
    assert_false(mst_request_gather(&gather, &request));
    assert_flat(&gather, "before");
    mst_gather_clear(&gather);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_leave_in_order),
        cmocka_unit_test(a_body_is_held_until_its_last_byte_has_left),
        cmocka_unit_test(what_is_cut_off_was_never_there),
        cmocka_unit_test(a_reply_moves_with_its_bodies),
        cmocka_unit_test(a_lender_takes_its_bytes_back),
        cmocka_unit_test(a_long_stream_leaves_as_it_came),
        cmocka_unit_test(a_gathered_frame_is_the_copied_one),
        cmocka_unit_test(a_frame_that_is_too_long_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
