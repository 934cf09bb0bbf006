/* codec_bench.h - what tests of the codec have in common: memory, a sample, and short calls. */
#ifndef CODEC_BENCH_H
#define CODEC_BENCH_H

#include "protocol/buf.h"
#include "tests/unit/sample.h"

enum { OPS_MAX = 64 };

/* Made anew for each test. */
struct bench {
    struct mst_arena sample_arena;
    struct mst_arena arena;
    struct mst_buf out;
    struct sample sample;
    bool malformed;
    const char *why;
};

int bench_setup(void **state);
int bench_teardown(void **state);
void bench_start_over(struct bench *bench);

/* The payload of the only frame in out. */
struct mst_span bench_payload(struct bench *bench);

enum mst_status request_decode(struct bench *bench, struct mst_span payload,
                               struct mst_request *request);
enum mst_status reply_decode(struct bench *bench, struct mst_span payload, struct mst_reply *reply);

/* Every operation there is; their number. */
size_t every_op(enum mst_op out[OPS_MAX]);

#define PAYLOAD(...)                                                                               \
    mst_span_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

#endif
