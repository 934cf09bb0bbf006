/* codec_bench.c - what tests of the codec have in common. */
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

#include "protocol/frame.h"
#include "tests/unit/codec_bench.h"

int bench_setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    mst_arena_init(&bench->sample_arena);
    mst_arena_init(&bench->arena);
    mst_buf_init(&bench->out);
    bench->sample = (struct sample){.random = 6878, .arena = &bench->sample_arena};
    *state = bench;
    return 0;
}

int bench_teardown(void **state)
{
    struct bench *bench = *state;

    mst_arena_clear(&bench->sample_arena);
    mst_arena_clear(&bench->arena);
    mst_buf_clear(&bench->out);
    free(bench);
    return 0;
}

void bench_start_over(struct bench *bench)
{
    mst_arena_reset(&bench->sample_arena);
    mst_arena_reset(&bench->arena);
    mst_buf_reset(&bench->out);
    bench->why = NULL;
    bench->malformed = false;
}

struct mst_span bench_payload(struct bench *bench)
{
    struct mst_span payload = MST_SPAN_NONE;
    struct mst_span in = mst_buf_span(&bench->out);
    size_t used = 0;
    size_t need = 0;

    assert_int_equal(mst_frame_next(in, MST_FRAME_BYTES_MAX, &payload, &used, &need), MST_FRAME_OK);
    assert_int_equal(used, in.len);
    return payload;
}

enum mst_status request_decode(struct bench *bench, struct mst_span payload,
                               struct mst_request *request)
{
    return mst_request_decode(payload, &bench->arena, request, &bench->malformed, &bench->why);
}

enum mst_status reply_decode(struct bench *bench, struct mst_span payload, struct mst_reply *reply)
{
    return mst_reply_decode(payload, &bench->arena, reply, &bench->malformed, &bench->why);
}

size_t every_op(enum mst_op out[OPS_MAX])
{
    static const enum mst_op ops[] = {
#define OP(code, name, verb, flags, help) MST_OP_##name,
#include "protocol/ops.def"
#undef OP
    };

    memcpy(out, ops, sizeof(ops));
    return sizeof(ops) / sizeof(ops[0]);
}
