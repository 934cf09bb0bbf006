/* session_bench.h - one connection on a bench: the test says what the client says, and plays the
 * core, which welcomes every HELLO unless told otherwise. */
#ifndef SESSION_BENCH_H
#define SESSION_BENCH_H

#include "broker/session/connection.h"

#define FRAME_MAX  65536
#define OUTPUT_MAX 4096

struct bench {
    struct connection connection;
    struct connection_common common;
    struct mst_arena arena;
    struct mst_buf in; /* what the client says */
    struct mst_arena reply_arena;
    enum mst_status greeting; /* how the core answers HELLO and RESUME */
    uint64_t greeting_seq;
    char events[4096];
};

int peer_setup(void **state);
int peer_teardown(void **state);
void peer_start_over(struct bench *bench);
void peer_say_preamble(struct bench *bench);
void peer_say_bytes(struct bench *bench, const void *bytes, size_t len);
void peer_say(struct bench *bench, enum mst_op op, uint64_t id, uint64_t confirm);
void peer_reply_to(struct bench *bench, enum mst_op op, uint64_t id, uint64_t answered,
                   uint64_t seq, uint64_t durable_seq);
void peer_hear(struct bench *bench, struct mst_span bytes);
void peer_hear_all(struct bench *bench);
void peer_connect_and_greet(struct bench *bench);
void peer_skip_output(struct bench *bench); /* whatever it is, it is sent */
const char *peer_read_output(struct bench *bench, char *text, size_t cap);
void peer_assert_closed(const struct bench *bench, const char *why);

#define assert_output(bench, expected)                                                             \
    do {                                                                                           \
        char output_text[1024];                                                                    \
        assert_string_equal(peer_read_output(bench, output_text, sizeof(output_text)), expected);  \
    } while (0)

#endif
