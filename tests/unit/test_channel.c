/* test_channel.c - the encrypted channel: whatever is done to its bytes, nothing wrong comes out.
 *
 * Two channels and the bytes between them; a test may change those before they are delivered. */
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/channel.h"
#include "protocol/frame.h"

enum { HANDSHAKE_1 = 2 + 56, HANDSHAKE_2 = 2 + 48, HANDSHAKE_3 = 2 + 64 };

struct pair {
    struct mst_secure_channel client, broker;
    struct mst_buf client_got, broker_got; /* plaintext that was delivered */
    uint8_t token[MST_NOISE_KEY];          /* that the broker has; the client's is token_used */
    uint8_t token_used[MST_NOISE_KEY];
    uint8_t client_key[MST_NOISE_KEY]; /* public */
    bool wrong_server_key;
    bool use_token;
};

static void begin(struct pair *pair)
{
    uint8_t keys[4][MST_NOISE_KEY];
    uint8_t server_public[MST_NOISE_KEY];
    struct mst_channel_client client = {.secret = keys[0],
                                        .ephemeral = keys[1],
                                        .server_key = server_public,
                                        .token = pair->use_token ? pair->token_used : NULL};

    for (int i = 0; i < 4; i++) {
        memset(keys[i], 11 + i, MST_NOISE_KEY);
    }
    mst_noise_public(server_public, pair->wrong_server_key ? keys[3] : keys[2]);
    mst_noise_public(pair->client_key, keys[0]);
    mst_buf_init(&pair->client_got);
    mst_buf_init(&pair->broker_got);
    assert_true(mst_channel_open(&pair->client, &client));
    mst_noise_public(server_public, keys[2]);
    mst_channel_accept(&pair->broker, keys[2], server_public);
}

static void end(struct pair *pair)
{
    mst_channel_clear(&pair->client);
    mst_channel_clear(&pair->broker);
    mst_buf_clear(&pair->client_got);
    mst_buf_clear(&pair->broker_got);
}

static bool is_final(const struct mst_secure_channel *channel)
{
    return channel->state == MST_CHANNEL_FAILED || channel->state == MST_CHANNEL_ENDED;
}

/* As the broker does: the token by its id, zeros for none, chance for an unknown one. */
static void answer(struct pair *pair)
{
    static const uint8_t none[MST_TOKEN_ID];
    uint8_t ephemeral[MST_NOISE_KEY];
    uint8_t id[MST_TOKEN_ID];
    uint8_t psk[MST_NOISE_KEY] = {0};

    memset(ephemeral, 77, sizeof(ephemeral));
    mst_token_id(id, pair->token);
    if (memcmp(pair->broker.token_id, id, sizeof(id)) == 0) {
        memcpy(psk, pair->token, sizeof(psk));
    } else if (memcmp(pair->broker.token_id, none, sizeof(none)) != 0) {
        memset(psk, 99, sizeof(psk));
    }
    assert_true(mst_channel_answer(&pair->broker, psk, ephemeral));
}

static void deliver(struct pair *pair, bool to_broker, struct mst_span bytes)
{
    struct mst_secure_channel *to = to_broker ? &pair->broker : &pair->client;
    struct mst_buf *plain = to_broker ? &pair->broker_got : &pair->client_got;

    do {
        if (mst_channel_receive(to, &bytes, plain) == MST_CHANNEL_ASKED) {
            answer(pair);
        }
    } while (bytes.len > 0 && !is_final(to));
}

/* Everything one side has to say, `step` bytes at a time. */
static void carry(struct pair *pair, bool to_broker, size_t step)
{
    struct mst_buf *from = to_broker ? &pair->client.output : &pair->broker.output;

    while (mst_buf_size(from) > 0) {
        struct mst_span bytes = mst_buf_span(from);

        bytes.len = bytes.len < step ? bytes.len : step;
        deliver(pair, to_broker, bytes);
        mst_buf_consume(from, bytes.len);
    }
}

static void shake_hands(struct pair *pair)
{
    begin(pair);
    carry(pair, true, SIZE_MAX);
    carry(pair, false, SIZE_MAX);
    carry(pair, true, SIZE_MAX);
    assert_int_equal(pair->client.state, MST_CHANNEL_OPEN);
    assert_int_equal(pair->broker.state, MST_CHANNEL_OPEN);
}

static void assert_got(const struct mst_buf *got, const char *text)
{
    assert_int_equal(mst_buf_size(got), strlen(text));
    assert_memory_equal(mst_buf_span(got).data, text, strlen(text));
}

static void seal(struct mst_secure_channel *channel, const char *text)
{
    assert_true(mst_channel_seal(channel, mst_span_text(text)));
}

/* ---- what works ---- */

static void both_sides_agree_over_any_split(void **state)
{
    (void)state;
    for (size_t step = 1; step < 200; step++) {
        struct pair pair = {.use_token = step % 2 == 0};

        memset(pair.token, 5, MST_NOISE_KEY);
        memset(pair.token_used, 5, MST_NOISE_KEY);
        begin(&pair);
        assert_int_equal(mst_buf_size(&pair.client.output), HANDSHAKE_1);
        carry(&pair, true, step);
        assert_int_equal(mst_buf_size(&pair.broker.output), HANDSHAKE_2);
        carry(&pair, false, step);
        assert_int_equal(mst_buf_size(&pair.client.output), HANDSHAKE_3);
        seal(&pair.client, "right behind the third message");
        carry(&pair, true, step);
        seal(&pair.broker, "an answer");
        carry(&pair, false, step);
        assert_got(&pair.broker_got, "right behind the third message");
        assert_got(&pair.client_got, "an answer");
        assert_memory_equal(pair.broker.remote, pair.client_key, MST_NOISE_KEY);
        assert_true(mst_channel_finish(&pair.client));
        carry(&pair, true, step);
        assert_int_equal(pair.broker.state, MST_CHANNEL_ENDED);
        assert_int_equal(pair.client.state, MST_CHANNEL_OPEN);
        end(&pair);
    }
}

static void before_it_is_open_little_memory_is_held(void **state)
{
    struct pair pair = {0};
    static const uint8_t rubbish[100000] = {0, 56};
    struct mst_span bytes = mst_span_of(rubbish, HANDSHAKE_1 - 1);

    (void)state;
    begin(&pair);
    mst_channel_receive(&pair.broker, &bytes, &pair.broker_got);
    assert_int_equal(pair.broker.state, MST_CHANNEL_WAITS);
    assert_true(sizeof(pair.broker) + pair.broker.input.cap + pair.broker.output.cap < 2048);
    bytes = mst_span_of(rubbish, sizeof(rubbish));
    mst_channel_receive(&pair.broker, &bytes, &pair.broker_got);
    assert_int_equal(pair.broker.state, MST_CHANNEL_FAILED);
    assert_int_equal(pair.broker.input.cap + pair.broker_got.cap, 0);
    end(&pair);
}

static void large_data_is_cut_into_records(void **state)
{
    struct pair pair = {0};
    size_t len = 3 * MST_CHANNEL_PLAIN + 17;
    uint8_t *data = malloc(len);

    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < len; i++) {
        data[i] = (uint8_t)(i * 31 + (i >> 9));
    }
    shake_hands(&pair);
    assert_true(mst_channel_seal(&pair.broker, mst_span_of(data, len)));
    assert_int_equal(mst_buf_size(&pair.broker.output), len + 4 * (2 + MST_NOISE_TAG));
    carry(&pair, false, 10007);
    assert_int_equal(mst_buf_size(&pair.client_got), len);
    assert_memory_equal(mst_buf_span(&pair.client_got).data, data, len);
    /* Nothing is nothing, and not the end. */
    assert_true(mst_channel_seal(&pair.broker, MST_SPAN_NONE));
    assert_int_equal(mst_buf_size(&pair.broker.output), 0);
    free(data);
    end(&pair);
}

static void keys_change_after_65536_records(void **state)
{
    struct pair pair = {0};
    uint8_t first[MST_NOISE_KEY];
    uint8_t back[MST_NOISE_KEY];

    (void)state;
    shake_hands(&pair);
    memcpy(first, pair.client.send.key, sizeof(first));
    memcpy(back, pair.client.receive.key, sizeof(back));
    for (unsigned i = 0; i < 2 * MST_CHANNEL_REKEY + 3; i++) {
        bool changed = memcmp(first, pair.client.send.key, sizeof(first)) != 0;

        assert_true(changed == (i >= MST_CHANNEL_REKEY));
        assert_true(mst_channel_seal(&pair.client, mst_span_of(&i, sizeof(i))));
        carry(&pair, true, SIZE_MAX);
        assert_int_equal(mst_buf_size(&pair.broker_got), sizeof(i));
        assert_memory_equal(mst_buf_span(&pair.broker_got).data, &i, sizeof(i));
        mst_buf_reset(&pair.broker_got);
    }
    assert_memory_equal(pair.client.send.key, pair.broker.receive.key, sizeof(first));
    assert_memory_equal(back, pair.client.receive.key, sizeof(back));
    end(&pair);
}

static void the_end_is_told_from_a_cut(void **state)
{
    struct pair pair = {0};
    struct mst_span more = mst_span_text("x");

    (void)state;
    shake_hands(&pair);
    seal(&pair.client, "last words");
    assert_true(mst_channel_finish(&pair.client));
    assert_false(mst_channel_finish(&pair.client));
    assert_false(mst_channel_seal(&pair.client, mst_span_text("no")));
    carry(&pair, true, SIZE_MAX);
    assert_got(&pair.broker_got, "last words");
    assert_int_equal(pair.broker.state, MST_CHANNEL_ENDED);
    seal(&pair.broker, "good bye");
    carry(&pair, false, SIZE_MAX);
    assert_got(&pair.client_got, "good bye");
    assert_string_equal(mst_channel_cut(&pair.client), "the connection was cut");
    deliver(&pair, true, more);
    assert_int_equal(pair.broker.state, MST_CHANNEL_FAILED);
    assert_got(&pair.broker_got, "last words");
    end(&pair);
}

/* ---- what does not ---- */

/* A handshake and a record in which bit `bit` of what crosses the wire as message `at` is changed,
 * or only `len` bytes of it arrive and the connection ends. What the broker got is asserted. */
static void disturbed(unsigned at, size_t bit, size_t len)
{
    struct pair pair = {0};
    bool whole = true;

    begin(&pair);
    for (unsigned i = 0; i < 4 && whole; i++) {
        bool to_broker = i != 1;
        struct mst_buf *from = to_broker ? &pair.client.output : &pair.broker.output;
        struct mst_span bytes;

        if (i == 3 && pair.client.state == MST_CHANNEL_OPEN) {
            seal(&pair.client, "payload");
        }
        if (i == at && bit < 8 * mst_buf_size(from)) {
            from->data[from->start + bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
        bytes = mst_buf_span(from);
        whole = i != at || len >= bytes.len;
        bytes.len = whole ? bytes.len : len;
        deliver(&pair, to_broker, bytes);
        mst_buf_consume(from, mst_buf_size(from));
    }
    assert_int_equal(mst_buf_size(&pair.broker_got), at == 4 ? 7 : 0);
    if (at < 3) {
        assert_true(pair.broker.state != MST_CHANNEL_OPEN);
    }
    assert_int_equal(mst_buf_size(&pair.client_got), 0);
    end(&pair);
}

static void every_flipped_bit_and_every_truncation_is_noticed(void **state)
{
    static const size_t sizes[] = {HANDSHAKE_1, HANDSHAKE_2, HANDSHAKE_3, 2 + 7 + MST_NOISE_TAG};

    (void)state;
    disturbed(4, 0, SIZE_MAX);
    for (unsigned at = 0; at < 4; at++) {
        for (size_t bit = 0; bit < 8 * sizes[at]; bit++) {
            disturbed(at, bit, SIZE_MAX);
        }
        for (size_t len = 0; len < sizes[at]; len++) {
            disturbed(at, SIZE_MAX, len);
        }
    }
}

static void a_wrong_server_key_fails_at_the_first_message(void **state)
{
    struct pair pair = {.wrong_server_key = true};

    (void)state;
    begin(&pair);
    carry(&pair, true, SIZE_MAX);
    assert_int_equal(pair.broker.state, MST_CHANNEL_FAILED);
    assert_int_equal(mst_buf_size(&pair.broker.output), 0);
    assert_non_null(strstr(pair.broker.why, "not made for this server's key"));
    assert_non_null(strstr(mst_channel_cut(&pair.client), "look at the server key"));
    end(&pair);
}

/* A token of the right name but other bytes, one of an unknown name, and one that is missing. */
static void a_wrong_token_fails_at_the_third_message(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct pair pair = {.use_token = kind < 2};

        memset(pair.token, 5, MST_NOISE_KEY);
        memset(pair.token_used, kind == 0 ? 6 : 5, MST_NOISE_KEY);
        begin(&pair);
        carry(&pair, true, SIZE_MAX);
        if (kind == 1) {
            memset(pair.broker.noise->psks[0], 7, MST_NOISE_KEY);
        }
        carry(&pair, false, SIZE_MAX);
        assert_int_equal(pair.client.state, MST_CHANNEL_OPEN);
        seal(&pair.client, "payload");
        carry(&pair, true, SIZE_MAX);
        /* Without a token the channel opens: whether that will do is not for it to say. */
        assert_int_equal(pair.broker.state, kind == 2 ? MST_CHANNEL_OPEN : MST_CHANNEL_FAILED);
        assert_int_equal(mst_buf_size(&pair.broker_got), kind == 2 ? 7 : 0);
        assert_non_null(strstr(mst_channel_cut(&pair.client), "look at the token"));
        end(&pair);
    }
}

static void a_server_key_of_low_order_is_refused(void **state)
{
    struct mst_secure_channel channel;
    uint8_t key[MST_NOISE_KEY];
    static const uint8_t zeros[MST_NOISE_KEY];
    struct mst_channel_client client = {.secret = key, .ephemeral = key, .server_key = zeros};

    (void)state;
    memset(key, 3, sizeof(key));
    assert_false(mst_channel_open(&channel, &client));
    assert_int_equal(channel.state, MST_CHANNEL_FAILED);
    mst_channel_clear(&channel);
}

/* Four records on their way to the broker, each of 18 + 4 bytes, delivered in the order given. */
static void deliver_in_order(const char *order, const char *wanted)
{
    static const char *const texts[] = {"aaaa", "bbbb", "cccc", "dddd"};
    enum { RECORD = 2 + 4 + MST_NOISE_TAG };
    struct pair pair = {0};

    shake_hands(&pair);
    for (int i = 0; i < 4; i++) {
        seal(&pair.client, texts[i]);
    }
    for (; *order != '\0'; order++) {
        const uint8_t *data = mst_buf_span(&pair.client.output).data;

        deliver(&pair, true, mst_span_of(data + (size_t)(*order - 'a') * RECORD, RECORD));
    }
    assert_got(&pair.broker_got, wanted);
    end(&pair);
}

static void replayed_dropped_and_swapped_records_are_not_delivered(void **state)
{
    (void)state;
    deliver_in_order("abcd", "aaaabbbbccccdddd");
    deliver_in_order("aabcd", "aaaa");
    deliver_in_order("acd", "aaaa");
    deliver_in_order("bacd", "");
    deliver_in_order("abdc", "aaaabbbb");
    deliver_in_order("abab", "aaaabbbb");
}

static void a_reflected_record_is_not_delivered(void **state)
{
    struct pair pair = {0};

    (void)state;
    shake_hands(&pair);
    seal(&pair.client, "to the broker");
    deliver(&pair, false, mst_buf_span(&pair.client.output));
    assert_int_equal(pair.client.state, MST_CHANNEL_FAILED);
    assert_int_equal(mst_buf_size(&pair.client_got), 0);
    end(&pair);
    /* Nor does a client take its own first message for an answer. */
    begin(&pair);
    deliver(&pair, false, mst_buf_span(&pair.client.output));
    assert_int_equal(pair.client.state, MST_CHANNEL_FAILED);
    end(&pair);
}

/* A recorded connection, played to the broker again, which has another ephemeral key by then. */
static void a_replayed_connection_is_not_accepted(void **state)
{
    struct pair old = {0};
    struct pair now = {0};
    struct mst_buf third;
    uint8_t zeros[MST_NOISE_KEY] = {0};
    uint8_t fresh[MST_NOISE_KEY];
    struct mst_span bytes;

    (void)state;
    memset(fresh, 78, sizeof(fresh));
    begin(&old);
    begin(&now);
    bytes = mst_buf_span(&old.client.output);
    assert_int_equal(mst_channel_receive(&now.broker, &bytes, &now.broker_got), MST_CHANNEL_ASKED);
    assert_true(mst_channel_answer(&now.broker, zeros, fresh));
    carry(&old, true, SIZE_MAX);
    carry(&old, false, SIZE_MAX);
    seal(&old.client, "payload");
    mst_buf_init(&third);
    bytes = mst_buf_span(&old.client.output);
    assert_true(mst_buf_append(&third, bytes.data, bytes.len));
    carry(&old, true, SIZE_MAX);
    assert_got(&old.broker_got, "payload");
    deliver(&now, true, mst_buf_span(&third));
    assert_int_equal(now.broker.state, MST_CHANNEL_FAILED);
    assert_int_equal(mst_buf_size(&now.broker_got), 0);
    mst_buf_clear(&third);
    end(&old);
    end(&now);
}

static void after_a_failure_nothing_works_and_no_key_is_left(void **state)
{
    static const struct mst_noise_cipher wiped;
    struct pair pair = {0};
    struct mst_span bytes;

    (void)state;
    shake_hands(&pair);
    seal(&pair.client, "one");
    pair.client.output.data[pair.client.output.start + 3] ^= 1;
    carry(&pair, true, SIZE_MAX);
    assert_int_equal(pair.broker.state, MST_CHANNEL_FAILED);
    assert_memory_equal(&pair.broker.send, &wiped, sizeof(wiped));
    assert_memory_equal(&pair.broker.receive, &wiped, sizeof(wiped));
    assert_false(mst_channel_seal(&pair.broker, mst_span_text("x")));
    assert_false(mst_channel_finish(&pair.broker));
    seal(&pair.client, "two");
    bytes = mst_buf_span(&pair.client.output);
    assert_int_equal(mst_channel_receive(&pair.broker, &bytes, &pair.broker_got),
                     MST_CHANNEL_FAILED);
    assert_int_equal(mst_buf_size(&pair.broker_got), 0);
    end(&pair);
}

static void the_prologue_is_both_preambles(void **state)
{
    uint8_t prologue[MST_CHANNEL_PROLOGUE];
    uint8_t preamble[MST_PREAMBLE_BYTES];

    (void)state;
    mst_channel_prologue(prologue);
    mst_preamble_write(preamble, MST_CHANNEL_NOISE);
    assert_memory_equal(prologue, preamble, MST_PREAMBLE_BYTES);
    assert_memory_equal(prologue + MST_PREAMBLE_BYTES, preamble, MST_PREAMBLE_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_agree_over_any_split),
        cmocka_unit_test(before_it_is_open_little_memory_is_held),
        cmocka_unit_test(large_data_is_cut_into_records),
        cmocka_unit_test(keys_change_after_65536_records),
        cmocka_unit_test(the_end_is_told_from_a_cut),
        cmocka_unit_test(every_flipped_bit_and_every_truncation_is_noticed),
        cmocka_unit_test(a_wrong_server_key_fails_at_the_first_message),
        cmocka_unit_test(a_wrong_token_fails_at_the_third_message),
        cmocka_unit_test(a_server_key_of_low_order_is_refused),
        cmocka_unit_test(replayed_dropped_and_swapped_records_are_not_delivered),
        cmocka_unit_test(a_reflected_record_is_not_delivered),
        cmocka_unit_test(a_replayed_connection_is_not_accepted),
        cmocka_unit_test(after_a_failure_nothing_works_and_no_key_is_left),
        cmocka_unit_test(the_prologue_is_both_preambles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
