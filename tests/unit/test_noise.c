/* test_noise.c - the Noise channel against the public test vectors of three implementations.
 *
 * Every vector is run with both roles: each handshake and transport message must come out byte for
 * byte as it is published, and be accepted by the other side. */
#include "cmocka_all.h"

#include "protocol/noise.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define VECTORS_EXPECTED 125

static struct mst_span unhex(const json_t *object, const char *name, uint8_t *out, size_t cap)
{
    const char *text = json_string_value(json_object_get(object, name));
    size_t len = 0;

    if (text == NULL) {
        return MST_SPAN_NONE;
    }
    assert_int_equal(sodium_hex2bin(out, cap, text, strlen(text), NULL, &len, NULL), 0);
    return mst_span_of(out, len);
}

/* Begins one side of a vector; prefix is "init" or "resp". */
static void begin(struct mst_noise *noise, const json_t *vector, const char *prefix)
{
    uint8_t bytes[4][512];
    uint8_t psks[MST_NOISE_PSKS_MAX][MST_NOISE_KEY];
    char name[64];
    const json_t *list;
    struct mst_noise_keys keys = {0};
    struct mst_span prologue;

    snprintf(name, sizeof(name), "%s_static", prefix);
    keys.static_secret = unhex(vector, name, bytes[0], sizeof(bytes[0]));
    snprintf(name, sizeof(name), "%s_ephemeral", prefix);
    keys.ephemeral_secret = unhex(vector, name, bytes[1], sizeof(bytes[1]));
    snprintf(name, sizeof(name), "%s_remote_static", prefix);
    keys.remote_static = unhex(vector, name, bytes[2], sizeof(bytes[2]));
    snprintf(name, sizeof(name), "%s_prologue", prefix);
    prologue = unhex(vector, name, bytes[3], sizeof(bytes[3]));
    snprintf(name, sizeof(name), "%s_psks", prefix);
    list = json_object_get(vector, name);
    keys.psks_count = json_array_size(list);
    assert_true(keys.psks_count <= MST_NOISE_PSKS_MAX);
    for (size_t i = 0; i < keys.psks_count; i++) {
        const char *text = json_string_value(json_array_get(list, i));

        assert_int_equal(
            sodium_hex2bin(psks[i], MST_NOISE_KEY, text, strlen(text), NULL, NULL, NULL), 0);
    }
    keys.psks = (const uint8_t(*)[MST_NOISE_KEY])psks;
    assert_true(mst_noise_init(noise, json_string_value(json_object_get(vector, "protocol_name")),
                               prefix[0] == 'i', prologue, &keys));
}

struct side {
    struct mst_noise noise;
    struct mst_noise_cipher send;
    struct mst_noise_cipher receive;
};

static void exchange(struct side *from, struct side *to, const json_t *message, bool handshake)
{
    static uint8_t payload[MST_NOISE_MESSAGE];
    static uint8_t wanted[MST_NOISE_MESSAGE];
    struct mst_span plain = unhex(message, "payload", payload, sizeof(payload));
    struct mst_span sealed = unhex(message, "ciphertext", wanted, sizeof(wanted));
    struct mst_buf out;
    struct mst_buf back;

    mst_buf_init(&out);
    mst_buf_init(&back);
    assert_true(handshake ? mst_noise_write(&from->noise, plain, &out)
                          : mst_noise_seal(&from->send, plain, &out));
    assert_true(mst_span_equal(mst_buf_span(&out), sealed));
    assert_true(handshake ? mst_noise_read(&to->noise, sealed, &back)
                          : mst_noise_open(&to->receive, sealed, &back));
    assert_true(mst_span_equal(mst_buf_span(&back), plain));
    mst_buf_clear(&out);
    mst_buf_clear(&back);
}

static void run_vector(const json_t *vector)
{
    const json_t *messages = json_object_get(vector, "messages");
    uint8_t hash[MST_NOISE_HASH];
    struct mst_span wanted = unhex(vector, "handshake_hash", hash, sizeof(hash));
    struct side sides[2];
    bool done = false;

    begin(&sides[0].noise, vector, "init");
    begin(&sides[1].noise, vector, "resp");
    for (size_t i = 0; i < json_array_size(messages); i++) {
        size_t from = sides[0].noise.one_way ? 0 : i % 2;

        exchange(&sides[from], &sides[1 - from], json_array_get(messages, i), !done);
        if (!done && mst_noise_done(&sides[0].noise)) {
            done = true;
            assert_true(mst_noise_done(&sides[1].noise));
            mst_noise_split(&sides[0].noise, &sides[0].send, &sides[0].receive);
            mst_noise_split(&sides[1].noise, &sides[1].send, &sides[1].receive);
            assert_memory_equal(sides[0].noise.h, sides[1].noise.h, MST_NOISE_HASH);
            if (wanted.data != NULL) {
                assert_memory_equal(sides[0].noise.h, hash, MST_NOISE_HASH);
            }
        }
    }
    assert_true(done);
}

static size_t run_file(const char *name)
{
    const char *root = getenv("MUSTER_SOURCE_DIR");
    char path[512];
    json_error_t error;
    json_t *file;
    size_t count;

    snprintf(path, sizeof(path), "%s/tests/golden/noise/%s", root == NULL ? "." : root, name);
    file = json_load_file(path, 0, &error);
    if (file == NULL) {
        fail_msg("%s: %s", path, error.text);
    }
    count = json_array_size(json_object_get(file, "vectors"));
    for (size_t i = 0; i < count; i++) {
        run_vector(json_array_get(json_object_get(file, "vectors"), i));
    }
    json_decref(file);
    return count;
}

static void all_public_vectors_come_out_in_both_roles(void **state)
{
    size_t count = 0;

    (void)state;
    count += run_file("noise-cacophony-25519_ChaChaPoly_BLAKE2b.json");
    count += run_file("noise-noisec-25519_ChaChaPoly_BLAKE2b.json");
    count += run_file("noise-snow-25519_ChaChaPoly_BLAKE2b.json");
    assert_int_equal(count, VECTORS_EXPECTED);
}

static void rekey_gives_the_derived_check_values(void **state)
{
    static const char *const wanted[] = {
        "50835543a205b22c9323f2022bc4f67d838f90e61d5ccf33c4513e01f85b5042",
        "30fe3726fa0f864af01d15663c77f95e490e30143788af57e90d56fb9aa71609"};
    struct mst_noise_cipher cipher = {.keyed = true};
    char text[2 * MST_NOISE_KEY + 1];

    (void)state;
    for (int i = 0; i < MST_NOISE_KEY; i++) {
        cipher.key[i] = (uint8_t)i;
    }
    for (int i = 0; i < 2; i++) {
        mst_noise_rekey(&cipher);
        sodium_bin2hex(text, sizeof(text), cipher.key, MST_NOISE_KEY);
        assert_string_equal(text, wanted[i]);
    }
}

/* Both sides of muster's own handshake, with keys made of small numbers. */
static void begin_pair(struct mst_noise *client, struct mst_noise *server)
{
    uint8_t keys[4][MST_NOISE_KEY];
    uint8_t server_public[MST_NOISE_KEY];
    uint8_t psk[1][MST_NOISE_KEY];
    struct mst_noise_keys ours = {.psks = (const uint8_t(*)[MST_NOISE_KEY])psk, .psks_count = 1};

    for (int i = 0; i < 4; i++) {
        memset(keys[i], i + 1, MST_NOISE_KEY);
    }
    memset(psk, 9, sizeof(psk));
    mst_noise_public(server_public, keys[1]);
    ours.static_secret = mst_span_of(keys[0], MST_NOISE_KEY);
    ours.ephemeral_secret = mst_span_of(keys[2], MST_NOISE_KEY);
    ours.remote_static = mst_span_of(server_public, MST_NOISE_KEY);
    assert_true(mst_noise_init(client, MST_NOISE_PROTOCOL, true, MST_SPAN_NONE, &ours));
    ours.static_secret = mst_span_of(keys[1], MST_NOISE_KEY);
    ours.ephemeral_secret = mst_span_of(keys[3], MST_NOISE_KEY);
    ours.remote_static = MST_SPAN_NONE;
    assert_true(mst_noise_init(server, MST_NOISE_PROTOCOL, false, MST_SPAN_NONE, &ours));
}

/* A handshake with one bit of message `at` flipped, or cut to `len`. true: somebody noticed. */
static bool noticed(unsigned at, size_t bit, size_t len)
{
    struct mst_noise sides[2];
    struct mst_buf message;
    struct mst_buf payload;
    bool ok = true;

    begin_pair(&sides[0], &sides[1]);
    mst_buf_init(&message);
    mst_buf_init(&payload);
    for (unsigned i = 0; i < 3 && ok; i++) {
        struct mst_span in;

        mst_buf_reset(&message);
        assert_true(mst_noise_write(&sides[i % 2], mst_span_text("payload"), &message));
        if (i == at && bit < 8 * mst_buf_size(&message)) {
            message.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
        in = mst_buf_span(&message);
        in.len = i == at && len < in.len ? len : in.len;
        ok = mst_noise_read(&sides[1 - i % 2], in, &payload);
    }
    ok = ok && mst_noise_done(&sides[0]) && mst_noise_done(&sides[1]) &&
         memcmp(sides[0].h, sides[1].h, MST_NOISE_HASH) == 0;
    mst_buf_clear(&message);
    mst_buf_clear(&payload);
    return !ok;
}

/* The top bit of a public key is ignored by X25519, but the hash of the transcript covers it. */
static void every_flipped_bit_and_every_truncation_ends_the_handshake(void **state)
{
    static const size_t sizes[] = {32 + 7 + 16, 32 + 7 + 16, 48 + 7 + 16};

    (void)state;
    assert_false(noticed(3, 0, SIZE_MAX));
    for (unsigned at = 0; at < 3; at++) {
        for (size_t bit = 0; bit < 8 * sizes[at]; bit++) {
            assert_true(noticed(at, bit, SIZE_MAX));
        }
        for (size_t len = 0; len < sizes[at]; len++) {
            assert_true(noticed(at, SIZE_MAX, len));
        }
    }
}

static void a_name_that_is_no_pattern_is_refused(void **state)
{
    static const char *const names[] = {"", "Noise_XK", "Noise_ZZ_25519_ChaChaPoly_BLAKE2b",
                                        "Noise_XKpsk9_25519_ChaChaPoly_BLAKE2b",
                                        "Noise_XK_25519_AESGCM_SHA256"};
    struct mst_noise_keys keys = {0};
    struct mst_noise noise;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_false(mst_noise_init(&noise, names[i], true, MST_SPAN_NONE, &keys));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_public_vectors_come_out_in_both_roles),
        cmocka_unit_test(rekey_gives_the_derived_check_values),
        cmocka_unit_test(every_flipped_bit_and_every_truncation_ends_the_handshake),
        cmocka_unit_test(a_name_that_is_no_pattern_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
