/* test_channel_pieces.c - what stands in pieces is sealed as one stream. */
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

#include "protocol/channel.h"

struct pair {
    struct mst_secure_channel client;
    struct mst_secure_channel broker;
    struct mst_buf got;
};

/* All that one side has to say, `step` bytes at a time. */
static void carry(struct mst_secure_channel *from, struct mst_secure_channel *to, size_t step,
                  struct mst_buf *plain)
{
    static const uint8_t no_token[MST_NOISE_KEY];
    static const uint8_t ephemeral[MST_NOISE_KEY] = {77};

    while (mst_buf_size(&from->output) > 0) {
        struct mst_span bytes = mst_buf_span(&from->output);
        size_t n = bytes.len < step ? bytes.len : step;

        bytes.len = n;
        while (bytes.len > 0) {
            enum mst_channel_state state = mst_channel_receive(to, &bytes, plain);

            assert_int_not_equal(state, MST_CHANNEL_FAILED);
            if (state == MST_CHANNEL_ASKED) {
                assert_true(mst_channel_answer(to, no_token, ephemeral));
            }
        }
        mst_buf_consume(&from->output, n);
    }
}

static void shake_hands(struct pair *pair)
{
    static const uint8_t keys[3][MST_NOISE_KEY] = {{11}, {12}, {13}};
    uint8_t server_public[MST_NOISE_KEY];
    struct mst_channel_client client = {
        .secret = keys[0], .ephemeral = keys[1], .server_key = server_public};

    mst_noise_public(server_public, keys[2]);
    mst_buf_init(&pair->got);
    assert_true(mst_channel_open(&pair->client, &client));
    mst_channel_accept(&pair->broker, keys[2], server_public);
    carry(&pair->client, &pair->broker, SIZE_MAX, &pair->got);
    carry(&pair->broker, &pair->client, SIZE_MAX, &pair->got);
    carry(&pair->client, &pair->broker, SIZE_MAX, &pair->got);
    assert_int_equal(pair->broker.state, MST_CHANNEL_OPEN);
}

static void end(struct pair *pair)
{
    mst_channel_clear(&pair->client);
    mst_channel_clear(&pair->broker);
    mst_buf_clear(&pair->got);
}

/* Large pieces have records of their own; small ones share one, and are sealed where they stand. */
static void pieces_arrive_as_one_stream(void **state)
{
    static const size_t lengths[] = {30, 65536, 0,     30,    100, 20000,
                                     1,  16383, 16384, 70000, 5,   66000};
    size_t count = sizeof(lengths) / sizeof(lengths[0]);
    struct mst_span pieces[sizeof(lengths) / sizeof(lengths[0])];
    struct pair pair = {0};
    size_t len = 0;
    uint8_t *data = malloc(1 << 20);

    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < 1 << 20; i++) {
        data[i] = (uint8_t)(i * 37 + (i >> 11));
    }
    shake_hands(&pair);
    for (size_t i = 0; i < count; i++) {
        pieces[i] = mst_span_of(data + len, lengths[i]);
        len += lengths[i];
    }
    assert_true(mst_channel_seal_all(&pair.broker, pieces, count));
    carry(&pair.broker, &pair.client, 10007, &pair.got);
    assert_int_equal(mst_buf_size(&pair.got), len);
    assert_memory_equal(mst_buf_span(&pair.got).data, data, len);
    mst_buf_reset(&pair.got);
    /* Many small ones: full records, and one that is not. */
    for (size_t i = 0; i < count; i++) {
        pieces[i] = mst_span_of(data + i * 16000, 16000);
    }
    assert_true(mst_channel_seal_all(&pair.broker, pieces, count));
    len = 16000 * count;
    assert_int_equal(mst_buf_size(&pair.broker.output), len + 3 * (2 + MST_NOISE_TAG));
    carry(&pair.broker, &pair.client, SIZE_MAX, &pair.got);
    assert_memory_equal(mst_buf_span(&pair.got).data, data, len);
    free(data);
    end(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_arrive_as_one_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
