/* test_codec.c - every message comes back as it was sent, in as few bytes as it takes. */
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

#include "protocol/frame.h"
#include "tests/unit/codec_bench.h"

/* ---- round trips ---- */

static void request_round_trip(struct bench *bench, enum mst_op op)
{
    struct mst_request *sent = sample_request(&bench->sample, op);
    struct mst_request got;

    assert_true(mst_request_encode(&bench->out, sent));
    enum mst_status status = request_decode(bench, bench_payload(bench), &got);
    if (status != MST_OK) {
        fail_msg("request %s: %s", mst_op_name(op), bench->why);
    }
    const char *difference = sample_difference(mst_request_layout(op), sent, &got);
    if (difference != NULL) {
        fail_msg("request %s: %s differs", mst_op_name(op), difference);
    }
    assert_int_equal(got.op, op);
    assert_true(got.id == sent->id && got.confirm == sent->confirm);
}

static void reply_round_trip(struct bench *bench, enum mst_op op)
{
    struct mst_reply *sent = sample_reply(&bench->sample, op);
    struct mst_reply got;

    assert_true(mst_reply_encode(&bench->out, sent));
    enum mst_status status = reply_decode(bench, bench_payload(bench), &got);
    if (status != MST_OK) {
        fail_msg("reply %s: %s", mst_op_name(op), bench->why);
    }
    const char *difference = sample_difference(mst_reply_layout(op), sent, &got);
    if (difference != NULL) {
        fail_msg("reply %s: %s differs", mst_op_name(op), difference);
    }
    assert_int_equal(got.op, op);
    assert_int_equal(got.status, sent->status);
    assert_true(got.id == sent->id && mst_span_equal(got.cause, sent->cause));
}

static void every_operation_comes_back_as_it_was_sent(void **state)
{
    struct bench *bench = *state;
    enum mst_op ops[OPS_MAX];
    size_t count = every_op(ops);

    for (int turn = 0; turn < 300; turn++) {
        bench->sample.small = turn % 3 != 0;
        for (size_t i = 0; i < count; i++) {
            bench_start_over(bench);
            request_round_trip(bench, ops[i]);
            bench_start_over(bench);
            reply_round_trip(bench, ops[i]);
        }
    }
}

static void frames_follow_each_other_in_one_buf(void **state)
{
    struct bench *bench = *state;
    struct mst_request sent;
    struct mst_request got;

    assert_true(mst_buf_append(&bench->out, "before", 6));
    for (uint64_t id = 1; id <= 50; id++) {
        mst_request_init(&sent, MST_OP_PURGE);
        sent.id = id;
        sent.handle = id * 3;
        assert_true(mst_request_encode(&bench->out, &sent));
        if (id == 20) {
            mst_buf_consume(&bench->out, 6); /* the writer must not rely on where the buf begins */
        }
    }
    struct mst_span in = mst_buf_span(&bench->out);
    for (uint64_t id = 1; id <= 50; id++) {
        struct mst_span payload = MST_SPAN_NONE;
        size_t used = 0;
        size_t need = 0;
        assert_int_equal(mst_frame_next(in, 1000, &payload, &used, &need), MST_FRAME_OK);
        assert_int_equal(request_decode(bench, payload, &got), MST_OK);
        assert_true(got.id == id && got.handle == id * 3);
        in = mst_span_of(in.data + used, in.len - used);
    }
    assert_int_equal(in.len, 0);
}

/* ---- exact bytes ---- */

static void assert_payload(struct bench *bench, struct mst_span wanted)
{
    struct mst_span payload = bench_payload(bench);

    assert_int_equal(payload.len, wanted.len);
    assert_memory_equal(payload.data, wanted.data, wanted.len);
}

static void trailing_defaults_are_left_out(void **state)
{
    struct bench *bench = *state;
    struct mst_request request;
    struct mst_reply reply;
    struct mst_span body = mst_span_text("hi");

    mst_request_init(&request, MST_OP_PUT);
    request.id = 7;
    request.bodies = &body;
    request.bodies_count = 1;
    assert_true(mst_request_encode(&bench->out, &request));
    assert_payload(bench, PAYLOAD(0x95, 0x10, 7, 0, 0xc0, 0x91, 0xc4, 2, 'h', 'i'));

    mst_buf_reset(&bench->out);
    request.dedup = mst_span_text("k");
    assert_true(mst_request_encode(&bench->out, &request));
    assert_payload(bench, PAYLOAD(0x9c, 0x10, 7, 0, 0xc0, 0x91, 0xc4, 2, 'h', 'i', 0xc0, 0xc0, 0xc0,
                                  0xc0, 0xc0, 0xc0, 0xc4, 1, 'k'));

    mst_buf_reset(&bench->out);
    mst_reply_init(&reply, MST_OP_NACK);
    reply.id = 7;
    assert_true(mst_reply_encode(&bench->out, &reply));
    assert_payload(bench, PAYLOAD(0x93, 0x14, 7, 0));

    mst_buf_reset(&bench->out);
    reply.durable = 1;
    assert_true(mst_reply_encode(&bench->out, &reply));
    assert_payload(bench, PAYLOAD(0x95, 0x14, 7, 0, 0xc0, 1));
}

static void a_delivery_is_as_short_as_it_can_be(void **state)
{
    struct bench *bench = *state;
    struct mst_delivery delivery = {.id = 5, .number = 1, .body = mst_span_text("x")};
    struct mst_reply reply;

    mst_reply_init(&reply, MST_OP_GET);
    reply.id = 2;
    reply.deliveries = &delivery;
    reply.deliveries_count = 1;
    assert_true(mst_reply_encode(&bench->out, &reply));
    assert_payload(bench,
                   PAYLOAD(0x97, 0x11, 2, 0, 0xc0, 0xc0, 0xc0, 0x91, 0x93, 5, 1, 0xc4, 1, 'x'));
}

static void every_reply_answers_at_least_one_request(void **state)
{
    struct bench *bench = *state;
    enum mst_op ops[OPS_MAX];
    size_t count = every_op(ops);

    for (size_t i = 0; i < count; i++) {
        struct mst_reply sent;
        struct mst_reply got;
        bench_start_over(bench);
        mst_reply_init(&sent, ops[i]);
        assert_int_equal(sent.answered, 1);
        assert_true(mst_reply_encode(&bench->out, &sent));
        assert_int_equal(reply_decode(bench, bench_payload(bench), &got), MST_OK);
        assert_int_equal(got.answered, 1);
    }
}

/* "For ever" is nil only where nil means it: a barrier's default is the barrier's own. */
static void for_ever_is_told_apart_from_the_default(void **state)
{
    struct bench *bench = *state;
    struct mst_request request;

    mst_request_init(&request, MST_OP_BARRIER_WAIT);
    request.id = 1;
    request.timeout_ns = MST_FOREVER;
    assert_true(mst_request_encode(&bench->out, &request));
    struct mst_request got;
    assert_int_equal(request_decode(bench, bench_payload(bench), &got), MST_OK);
    assert_true(got.timeout_ns == MST_FOREVER);
    assert_int_equal(request_decode(bench, PAYLOAD(0x93, 0x38, 1, 0), &got), MST_OK);
    assert_true(got.timeout_ns == MST_DEFAULT_TIMEOUT);
    assert_int_equal(request_decode(bench, PAYLOAD(0x93, 0x11, 1, 0), &got), MST_OK);
    assert_true(got.timeout_ns == MST_FOREVER && got.mode == MST_GET_LEASE && got.max == 1);
}

static void a_long_cause_is_cut_at_a_character(void **state)
{
    struct bench *bench = *state;
    struct mst_reply reply;
    char cause[MST_CAUSE_BYTES_MAX + 2];

    memset(cause, 'x', sizeof(cause));
    memcpy(cause + MST_CAUSE_BYTES_MAX - 1, "\xc3\xa9", 2);
    mst_reply_init(&reply, MST_OP_PUT);
    reply.status = MST_LIMIT;
    reply.cause = mst_span_of(cause, sizeof(cause));
    assert_true(mst_reply_encode(&bench->out, &reply));
    struct mst_reply got;
    assert_int_equal(reply_decode(bench, bench_payload(bench), &got), MST_OK);
    assert_int_equal(got.cause.len, MST_CAUSE_BYTES_MAX - 1);
}

static void a_frame_that_is_too_long_leaves_the_buf_as_it_was(void **state)
{
    struct bench *bench = *state;
    struct mst_span bodies[3];
    struct mst_request request;
    uint8_t *body = calloc(1, MST_BODY_BYTES_MAX);

    assert_non_null(body);
    for (size_t i = 0; i < 3; i++) {
        bodies[i] = mst_span_of(body, MST_BODY_BYTES_MAX);
    }
    assert_true(mst_buf_append(&bench->out, "before", 6));
    mst_request_init(&request, MST_OP_PUT);
    request.bodies = bodies;
    request.bodies_count = 3;
    assert_false(mst_request_encode(&bench->out, &request));
    assert_int_equal(mst_buf_size(&bench->out), 6);
    assert_memory_equal(mst_buf_span(&bench->out).data, "before", 6);
    request.bodies_count = 1;
    assert_true(mst_request_encode(&bench->out, &request));
    free(body);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_operation_comes_back_as_it_was_sent),
        TEST(frames_follow_each_other_in_one_buf),
        TEST(trailing_defaults_are_left_out),
        TEST(every_reply_answers_at_least_one_request),
        TEST(a_delivery_is_as_short_as_it_can_be),
        TEST(for_ever_is_told_apart_from_the_default),
        TEST(a_long_cause_is_cut_at_a_character),
        TEST(a_frame_that_is_too_long_leaves_the_buf_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
