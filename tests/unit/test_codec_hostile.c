/* test_codec_hostile.c - wrong and damaged messages are told apart and do no harm. */
#include "tests/unit/cmocka_all.h"

#include <msgpack/unpack.h>
#include <stdlib.h>

#include "protocol/check.h"
#include "protocol/pack.h"
#include "tests/unit/codec_bench.h"

/* ---- wrong input ---- */

static void assert_malformed(struct bench *bench, struct mst_span payload)
{
    struct mst_request request;
    struct mst_reply reply;

    bench->why = NULL;
    assert_int_equal(request_decode(bench, payload, &request), MST_PROTOCOL);
    assert_true(bench->malformed && bench->why != NULL);
    assert_int_equal(reply_decode(bench, payload, &reply), MST_PROTOCOL);
    assert_true(bench->malformed && bench->why != NULL);
}

static void a_wrong_head_is_malformed(void **state)
{
    struct bench *bench = *state;

    assert_malformed(bench, MST_SPAN_NONE);
    assert_malformed(bench, PAYLOAD(0x90));
    assert_malformed(bench, PAYLOAD(0x92, 0x10, 1));
    assert_malformed(bench, PAYLOAD(0x93, 0xc0, 1, 0));
    assert_malformed(bench, PAYLOAD(0x93, 0x10, 0xff, 0));
    assert_malformed(bench, PAYLOAD(0x93, 0x10, 1, 0xc0));
    assert_malformed(bench, PAYLOAD(0x93, 0x10, 0xa1, 'x', 0));
    assert_malformed(bench, PAYLOAD(0x93, 0x10, 1, 0xca, 0, 0, 0, 0));
    assert_malformed(bench, PAYLOAD(0x93, 0xce, 0, 1, 0, 0x10, 1, 0)); /* no number of operations */
    assert_malformed(bench, PAYLOAD(0x93, 0x10, 1, 0, 0x00));
    assert_malformed(bench, PAYLOAD(0x94, 0x10, 1, 0, 0xd4, 1, 1));
    assert_malformed(bench, PAYLOAD(0x83, 0x10, 1, 0, 0, 0, 0));
}

static void assert_wrong(struct bench *bench, const char *why, struct mst_span payload)
{
    struct mst_request request;

    bench->why = NULL;
    assert_int_equal(request_decode(bench, payload, &request), MST_PROTOCOL);
    assert_false(bench->malformed);
    assert_int_equal(request.op, payload.data[1]);
    assert_int_equal(request.id, 9);
    if (strstr(bench->why, why) == NULL) {
        fail_msg("\"%s\" does not speak of \"%s\"", bench->why, why);
    }
}

static void a_wrong_field_is_told_by_its_name(void **state)
{
    struct bench *bench = *state;

    assert_wrong(bench, "operation", PAYLOAD(0x93, 0x7e, 9, 0));
    assert_wrong(bench, "handle", PAYLOAD(0x94, 0x17, 9, 0, 0xa1, 'x'));
    assert_wrong(bench, "handle", PAYLOAD(0x94, 0x17, 9, 0, 0xff));
    assert_wrong(bench, "handle", PAYLOAD(0x94, 0x17, 9, 0, 0xca, 0, 0, 0, 0));
    assert_wrong(bench, "bodies", PAYLOAD(0x95, 0x10, 9, 0, 0, 0xa1, 'x'));
    assert_wrong(bench, "bodies", PAYLOAD(0x95, 0x10, 9, 0, 0, 0x91, 0xc0));
    assert_wrong(bench, "bodies", PAYLOAD(0x95, 0x10, 9, 0, 0, 0x91, 0x07));
    assert_wrong(bench, "timeout_ns",
                 PAYLOAD(0x95, 0x16, 9, 0, 0, 0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0));
    assert_wrong(bench, "uncounted", PAYLOAD(0x98, 0x14, 9, 0, 0, 1, 1, 0, 1));
    assert_wrong(bench, "name", PAYLOAD(0x95, 0x03, 9, 0, 0, 0xc4, 1, 'x'));
    assert_wrong(bench, "name", PAYLOAD(0x95, 0x03, 9, 0, 0, 0xa2, 0xc3, 'x'));
    assert_wrong(bench, "runs", PAYLOAD(0x95, 0x12, 9, 0, 0, 0x91, 0x01));
    assert_wrong(bench, "count", PAYLOAD(0x95, 0x12, 9, 0, 0, 0x91, 0x93, 1, 1, 0xff));
    assert_wrong(bench, "runs", PAYLOAD(0x95, 0x12, 9, 0, 0, 0x91, 0x93, 1, 1, 0));
    assert_wrong(bench, "runs",
                 PAYLOAD(0x95, 0x12, 9, 0, 0, 0x91, 0x93, 0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                         0xff, 0xff, 1, 2));
    assert_wrong(bench, "settings", PAYLOAD(0x96, 0x50, 9, 0, 0, 1, 0x90));
    assert_wrong(bench, "settings", PAYLOAD(0x96, 0x50, 9, 0, 0, 1, 0x81, 1, 1));
    assert_wrong(bench, "settings", PAYLOAD(0x96, 0x50, 9, 0, 0, 1, 0x81, 0xa1, 'x', 0xc3));
    assert_wrong(bench, "generation", PAYLOAD(0x96, 0x33, 9, 0, 0, 0xc0, 0xc2));
}

static void text_may_stand_for_bytes(void **state)
{
    struct bench *bench = *state;
    struct mst_request request;

    assert_int_equal(
        request_decode(bench, PAYLOAD(0x95, 0x10, 9, 0, 0, 0x91, 0xa2, 'h', 0xff), &request),
        MST_OK);
    assert_int_equal(request.bodies_count, 1);
    assert_int_equal(request.bodies[0].len, 2);
}

static void extra_elements_are_ignored(void **state)
{
    struct bench *bench = *state;
    struct mst_request request;

    assert_int_equal(
        request_decode(bench, PAYLOAD(0x96, 0x17, 9, 0, 3, 0x91, 0xc3, 0xa1, 'x'), &request),
        MST_OK);
    assert_int_equal(request.handle, 3);
    assert_int_equal(
        request_decode(bench, PAYLOAD(0x95, 0x12, 9, 0, 3, 0x92, 0x91, 7, 0x94, 8, 2, 3, 0xc0),
                       &request),
        MST_OK);
    assert_int_equal(request.runs_count, 2);
    assert_true(request.runs[0].first == 7 && request.runs[0].number == 1 &&
                request.runs[0].count == 1);
    assert_true(request.runs[1].first == 8 && request.runs[1].number == 2 &&
                request.runs[1].count == 3);
}

static void an_unknown_status_is_wrong_and_an_unknown_operation_has_one(void **state)
{
    struct bench *bench = *state;
    struct mst_reply reply;

    assert_int_equal(reply_decode(bench, PAYLOAD(0x93, 0x10, 9, 20), &reply), MST_PROTOCOL);
    assert_false(bench->malformed);
    assert_int_equal(reply.id, 9);
    assert_int_equal(reply_decode(bench, PAYLOAD(0x95, 0x7e, 9, 18, 0xa1, 'y', 1), &reply), MST_OK);
    assert_int_equal(reply.op, 0x7e);
    assert_int_equal(reply.status, MST_PROTOCOL);
    assert_int_equal(reply.cause.len, 1);
    assert_int_equal(reply_decode(bench, PAYLOAD(0x94, 0x10, 9, 0, 7), &reply), MST_PROTOCOL);
    assert_false(bench->malformed);
}

/* One list or text of an operation, as long as allowed and one longer. */
static void at_the_limit(struct bench *bench, enum mst_op op, size_t field_at)
{
    const struct mst_field *field = &mst_request_layout(op).fields[field_at];
    bool is_text = field->type == MST_F_STR || field->type == MST_F_BIN;
    struct mst_request request;

    for (size_t count = field->max; count <= field->max + 1; count++) {
        bench_start_over(bench);
        struct mst_pack pack = mst_pack_into(&bench->out);
        char *text = mst_arena_take(&bench->sample_arena, count);
        memset(text, 'x', count);
        mst_pack_array(&pack, 3 + field_at + 1);
        mst_pack_u64(&pack, op);
        mst_pack_u64(&pack, 9);
        mst_pack_u64(&pack, 0);
        for (size_t i = 0; i < field_at; i++) {
            mst_pack_nil(&pack);
        }
        if (is_text) {
            mst_pack_str(&pack, mst_span_of(text, count));
        } else {
            mst_pack_array(&pack, count);
        }
        for (size_t i = 0; !is_text && i < count; i++) {
            if (field->type == MST_F_SPANS) {
                mst_pack_bin(&pack, MST_SPAN_NONE);
            } else if (field->type == MST_F_I64S || field->type == MST_F_U64S) {
                mst_pack_u64(&pack, i);
            } else {
                mst_pack_array(&pack, 0);
            }
        }
        enum mst_status wanted = count <= field->max ? MST_OK : MST_PROTOCOL;
        enum mst_status got = request_decode(bench, mst_buf_span(&bench->out), &request);
        if (got != wanted || bench->malformed) {
            fail_msg("%s %s with %zu: %s", mst_op_name(op), field->name, count, bench->why);
        }
    }
}

static void lists_and_texts_are_bounded(void **state)
{
    struct bench *bench = *state;
    enum mst_op ops[OPS_MAX];
    size_t count = every_op(ops);

    for (size_t i = 0; i < count; i++) {
        struct mst_layout layout = mst_request_layout(ops[i]);
        for (size_t f = 0; f < layout.count; f++) {
            if (layout.fields[f].max > 0 && layout.fields[f].type != MST_F_FACTS) {
                at_the_limit(bench, ops[i], f);
            }
        }
    }
}

/* ---- damaged frames ---- */

static bool msgpack_accepts(struct mst_span payload)
{
    msgpack_zone zone;
    msgpack_object object;
    size_t used = 0;

    assert_true(msgpack_zone_init(&zone, 4096));
    msgpack_unpack_return verdict =
        msgpack_unpack((const char *)payload.data, payload.len, &used, &zone, &object);
    msgpack_zone_destroy(&zone);
    return verdict == MSGPACK_UNPACK_SUCCESS && used == payload.len;
}

/* payload is in memory of exactly its size. What comes out must be encodable again, so every span
 * and list of it is read. */
static void decode_damaged(struct bench *bench, struct mst_span payload, bool is_request)
{
    struct mst_request request;
    struct mst_reply reply;
    const char *why = NULL;

    mst_arena_reset(&bench->arena);
    mst_buf_reset(&bench->out);
    enum mst_status status = is_request ? request_decode(bench, payload, &request)
                                        : reply_decode(bench, payload, &reply);
    assert_true(status == MST_OK || status == MST_PROTOCOL);
    assert_true((status == MST_OK) == (bench->why == NULL));
    bool malformed = status == MST_PROTOCOL && bench->malformed;
    assert_true(malformed || (mst_check(payload, &why) && msgpack_accepts(payload)));
    if (status == MST_OK && is_request) {
        assert_true(mst_request_encode(&bench->out, &request));
    } else if (status == MST_OK) {
        assert_true(mst_reply_encode(&bench->out, &reply));
    }
}

static void damage(struct bench *bench, struct mst_span payload, bool is_request)
{
    uint8_t *bytes = malloc(payload.len);

    assert_non_null(bytes);
    memcpy(bytes, payload.data, payload.len);
    for (size_t at = 0; at < payload.len; at++) {
        uint8_t kept = bytes[at];
        for (unsigned change = 1; change < 256; change++) {
            bytes[at] = (uint8_t)(kept ^ change);
            decode_damaged(bench, mst_span_of(bytes, payload.len), is_request);
        }
        bytes[at] = kept;
    }
    free(bytes);
    for (size_t len = 0; len < payload.len; len++) {
        uint8_t *cut = malloc(len == 0 ? 1 : len);
        assert_non_null(cut);
        memcpy(cut, payload.data, len);
        decode_damaged(bench, mst_span_of(cut, len), is_request);
        assert_true(bench->malformed);
        free(cut);
    }
}

static void every_cut_and_every_changed_byte_is_harmless(void **state)
{
    struct bench *bench = *state;
    enum mst_op ops[OPS_MAX];
    size_t count = every_op(ops);

    bench->sample.small = true;
    for (size_t i = 0; i < count; i++) {
        for (int is_request = 0; is_request < 2; is_request++) {
            bench_start_over(bench);
            bool ok = is_request
                          ? mst_request_encode(&bench->out, sample_request(&bench->sample, ops[i]))
                          : mst_reply_encode(&bench->out, sample_reply(&bench->sample, ops[i]));
            assert_true(ok);
            struct mst_span payload = mst_arena_copy(&bench->sample_arena, bench_payload(bench));
            damage(bench, payload, is_request);
        }
    }
}

/* ---- what the tables name needs no check ---- */

/* The most values and the deepest nest that fields of a layout can make. */
struct extent {
    uint64_t values;
    unsigned depth;
};

static struct extent extent_of(struct mst_layout layout)
{
    struct extent all = {0, 0};

    for (size_t i = 0; i < layout.count; i++) {
        const struct mst_field *field = &layout.fields[i];
        size_t size = 0;
        struct mst_layout row = mst_row_layout(field->type, &size);
        struct extent inside = extent_of(row);
        bool list = field->type >= MST_F_SPANS && field->type != MST_F_HISTORY;
        uint64_t each = field->type == MST_F_FACTS ? 2 : 1 + inside.values;
        unsigned depth = inside.depth + (row.count > 0) + list;

        all.values += 1 + (list ? field->max * each : inside.values);
        all.depth = depth > all.depth ? depth : all.depth;
    }
    return all;
}

static void the_tables_stay_within_what_the_check_allows(void **state)
{
    enum mst_op ops[OPS_MAX];
    size_t count = every_op(ops);

    (void)state;
    for (size_t i = 0; i < 2 * count; i++) {
        struct extent extent =
            extent_of(i < count ? mst_request_layout(ops[i]) : mst_reply_layout(ops[i - count]));

        assert_in_range(5 + extent.values, 5, MST_FRAME_ELEMENTS_MAX);
        assert_in_range(1 + extent.depth, 1, MST_FRAME_DEPTH_MAX);
    }
}

/* What a newer peer may say is passed over, but not what no peer may. */
static void nothing_malformed_hides_behind_the_fields(void **state)
{
    struct bench *bench = *state;
    struct mst_reply reply;

    assert_int_equal(reply_decode(bench, PAYLOAD(0x95, 0x05, 1, 0, 0xc0, 7), &reply), MST_OK);
    assert_malformed(bench, PAYLOAD(0x95, 0x05, 1, 0, 0xc0, 0xc1));
    assert_malformed(bench, PAYLOAD(0x95, 0x05, 1, 0, 0xc0, 0x91));
    assert_malformed(bench, PAYLOAD(0x95, 0x05, 1, 0, 0xc0, 7, 7));
    assert_malformed(bench, PAYLOAD(0x95, 0x05, 1, 0, 0xc0, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91,
                                    0x91, 0x91, 0x91, 7));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_wrong_head_is_malformed),
        TEST(a_wrong_field_is_told_by_its_name),
        TEST(text_may_stand_for_bytes),
        TEST(extra_elements_are_ignored),
        TEST(an_unknown_status_is_wrong_and_an_unknown_operation_has_one),
        TEST(lists_and_texts_are_bounded),
        TEST(every_cut_and_every_changed_byte_is_harmless),
        TEST(the_tables_stay_within_what_the_check_allows),
        TEST(nothing_malformed_hides_behind_the_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
