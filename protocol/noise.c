/* noise.c - see noise.h. Names follow the specification: s, e, rs, re, ck, h, k, n. */
#include "protocol/noise.h"

#include <sodium.h>

#define BLOCK 128 /* of BLAKE2b, for HMAC */

/* ---- hashing (section 4.3) ---- */

static void hash_two(uint8_t out[MST_NOISE_HASH], struct mst_span a, struct mst_span b)
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, MST_NOISE_HASH);
    crypto_generichash_update(&state, a.data, a.len);
    crypto_generichash_update(&state, b.data, b.len);
    crypto_generichash_final(&state, out, MST_NOISE_HASH);
}

static void hmac(uint8_t out[MST_NOISE_HASH], const uint8_t key[MST_NOISE_HASH],
                 struct mst_span data)
{
    uint8_t pad[BLOCK];
    uint8_t inner[MST_NOISE_HASH];

    memset(pad, 0x36, sizeof(pad));
    for (int i = 0; i < MST_NOISE_HASH; i++) {
        pad[i] ^= key[i];
    }
    hash_two(inner, mst_span_of(pad, BLOCK), data);
    memset(pad, 0x5c, sizeof(pad));
    for (int i = 0; i < MST_NOISE_HASH; i++) {
        pad[i] ^= key[i];
    }
    hash_two(out, mst_span_of(pad, BLOCK), mst_span_of(inner, sizeof(inner)));
    sodium_memzero(pad, sizeof(pad));
    sodium_memzero(inner, sizeof(inner));
}

/* Two or three outputs of 64 bytes; out3 may be NULL. out1 may be ck itself. */
static void hkdf(const uint8_t ck[MST_NOISE_HASH], struct mst_span material,
                 uint8_t out1[MST_NOISE_HASH], uint8_t out2[MST_NOISE_HASH],
                 uint8_t out3[MST_NOISE_HASH])
{
    uint8_t temporary[MST_NOISE_HASH];
    uint8_t previous[MST_NOISE_HASH + 1];

    hmac(temporary, ck, material);
    previous[0] = 1;
    hmac(out1, temporary, mst_span_of(previous, 1));
    memcpy(previous, out1, MST_NOISE_HASH);
    previous[MST_NOISE_HASH] = 2;
    hmac(out2, temporary, mst_span_of(previous, sizeof(previous)));
    if (out3 != NULL) {
        memcpy(previous, out2, MST_NOISE_HASH);
        previous[MST_NOISE_HASH] = 3;
        hmac(out3, temporary, mst_span_of(previous, sizeof(previous)));
    }
    sodium_memzero(temporary, sizeof(temporary));
    sodium_memzero(previous, sizeof(previous));
}

/* ---- ciphers (section 5.1) ---- */

static void nonce_bytes(uint8_t out[12], uint64_t n)
{
    memset(out, 0, 4);
    for (int i = 0; i < 8; i++) {
        out[4 + i] = (uint8_t)(n >> (8 * i));
    }
}

static bool seal_with(struct mst_noise_cipher *cipher, struct mst_span ad, struct mst_span plain,
                      struct mst_buf *out)
{
    uint8_t nonce[12];

    if (plain.len > MST_NOISE_MESSAGE - MST_NOISE_TAG || cipher->nonce == UINT64_MAX ||
        !mst_buf_reserve(out, plain.len + MST_NOISE_TAG)) {
        return false;
    }
    nonce_bytes(nonce, cipher->nonce);
    crypto_aead_chacha20poly1305_ietf_encrypt(out->data + out->len, NULL, plain.data, plain.len,
                                              ad.data, ad.len, NULL, nonce, cipher->key);
    out->len += plain.len + MST_NOISE_TAG;
    cipher->nonce++;
    return true;
}

static bool open_with(struct mst_noise_cipher *cipher, struct mst_span ad, struct mst_span sealed,
                      struct mst_buf *out)
{
    uint8_t nonce[12];

    if (sealed.len < MST_NOISE_TAG || sealed.len > MST_NOISE_MESSAGE ||
        cipher->nonce == UINT64_MAX || !mst_buf_reserve(out, sealed.len)) {
        return false;
    }
    nonce_bytes(nonce, cipher->nonce);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(out->data + out->len, NULL, NULL, sealed.data,
                                                  sealed.len, ad.data, ad.len, nonce,
                                                  cipher->key) != 0) {
        return false;
    }
    out->len += sealed.len - MST_NOISE_TAG;
    cipher->nonce++;
    return true;
}

bool mst_noise_seal(struct mst_noise_cipher *cipher, struct mst_span plain, struct mst_buf *out)
{
    return seal_with(cipher, MST_SPAN_NONE, plain, out);
}

bool mst_noise_open(struct mst_noise_cipher *cipher, struct mst_span sealed, struct mst_buf *out)
{
    return open_with(cipher, MST_SPAN_NONE, sealed, out);
}

void mst_noise_rekey(struct mst_noise_cipher *cipher)
{
    static const uint8_t zeros[MST_NOISE_KEY];
    uint8_t nonce[12];
    uint8_t out[MST_NOISE_KEY + MST_NOISE_TAG];

    nonce_bytes(nonce, UINT64_MAX);
    crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, zeros, sizeof(zeros), NULL, 0, NULL, nonce,
                                              cipher->key);
    memcpy(cipher->key, out, MST_NOISE_KEY);
    sodium_memzero(out, sizeof(out));
}

void mst_noise_cipher_wipe(struct mst_noise_cipher *cipher)
{
    sodium_memzero(cipher, sizeof(*cipher));
}

/* ---- the symmetric state (section 5.2) ---- */

static void mix_hash(struct mst_noise *noise, struct mst_span data)
{
    uint8_t out[MST_NOISE_HASH];

    hash_two(out, mst_span_of(noise->h, MST_NOISE_HASH), data);
    memcpy(noise->h, out, sizeof(out));
}

static void set_key(struct mst_noise *noise, const uint8_t *key)
{
    memcpy(noise->cipher.key, key, MST_NOISE_KEY);
    noise->cipher.nonce = 0;
    noise->cipher.keyed = true;
}

static void mix_key(struct mst_noise *noise, const uint8_t material[MST_NOISE_KEY])
{
    uint8_t key[MST_NOISE_HASH];

    hkdf(noise->ck, mst_span_of(material, MST_NOISE_KEY), noise->ck, key, NULL);
    set_key(noise, key);
    sodium_memzero(key, sizeof(key));
}

static void mix_key_and_hash(struct mst_noise *noise, const uint8_t material[MST_NOISE_KEY])
{
    uint8_t hash[MST_NOISE_HASH];
    uint8_t key[MST_NOISE_HASH];

    hkdf(noise->ck, mst_span_of(material, MST_NOISE_KEY), noise->ck, hash, key);
    mix_hash(noise, mst_span_of(hash, sizeof(hash)));
    set_key(noise, key);
    sodium_memzero(key, sizeof(key));
}

static bool encrypt_and_hash(struct mst_noise *noise, struct mst_span plain, struct mst_buf *out)
{
    size_t before = out->len;

    if (noise->cipher.keyed) {
        if (!seal_with(&noise->cipher, mst_span_of(noise->h, MST_NOISE_HASH), plain, out)) {
            return false;
        }
    } else if (!mst_buf_append(out, plain.data, plain.len)) {
        return false;
    }
    mix_hash(noise, mst_span_of(out->data + before, out->len - before));
    return true;
}

static bool decrypt_and_hash(struct mst_noise *noise, struct mst_span in, struct mst_buf *out)
{
    if (noise->cipher.keyed) {
        if (!open_with(&noise->cipher, mst_span_of(noise->h, MST_NOISE_HASH), in, out)) {
            return false;
        }
    } else if (!mst_buf_append(out, in.data, in.len)) {
        return false;
    }
    mix_hash(noise, in);
    return true;
}

/* ---- the handshake (section 5.3) ---- */

static bool take_key(struct mst_span from, uint8_t key[MST_NOISE_KEY], bool *has)
{
    if (from.data == NULL) {
        return true;
    }
    if (from.len != MST_NOISE_KEY) {
        return false;
    }
    memcpy(key, from.data, MST_NOISE_KEY);
    *has = true;
    return true;
}

/* A pair of keys of this side, the public one computed unless it is known. */
static bool take_pair(struct mst_span secret, struct mst_span public, uint8_t secret_out[32],
                      uint8_t public_out[32], bool *has)
{
    bool known = false;

    if (!take_key(secret, secret_out, has) || !take_key(public, public_out, &known)) {
        return false;
    }
    if (*has && !known) {
        mst_noise_public(public_out, secret_out);
    }
    return true;
}

#define DH_STACK_BYTES                                                                             \
    4096 /* more than the primitive takes, which leaves copies of secrets there */

void mst_noise_public(uint8_t out[MST_NOISE_KEY], const uint8_t secret[MST_NOISE_KEY])
{
    crypto_scalarmult_base(out, secret);
    sodium_stackzero(DH_STACK_BYTES);
}

static bool premessage(struct mst_noise *noise, bool of_initiator)
{
    bool own = noise->initiator == of_initiator;

    if (own ? !noise->has_s : !noise->has_rs) {
        return false;
    }
    mix_hash(noise, mst_span_of(own ? noise->s_public : noise->rs, MST_NOISE_KEY));
    return true;
}

bool mst_noise_init(struct mst_noise *noise, const char *protocol, bool initiator,
                    struct mst_span prologue, const struct mst_noise_keys *keys)
{
    bool known_initiator = false;
    bool known_responder = false;
    size_t len = strlen(protocol);

    memset(noise, 0, sizeof(*noise));
    noise->initiator = initiator;
    noise->failed = true;
    if (!mst_noise_pattern(noise, protocol, &known_initiator, &known_responder) ||
        keys->psks_count > MST_NOISE_PSKS_MAX ||
        !take_pair(keys->static_secret, keys->static_public, noise->s, noise->s_public,
                   &noise->has_s) ||
        !take_pair(keys->ephemeral_secret, MST_SPAN_NONE, noise->e, noise->e_public,
                   &noise->has_e) ||
        !take_key(keys->remote_static, noise->rs, &noise->has_rs)) {
        return false;
    }
    noise->psks_count = keys->psks_count;
    if (keys->psks_count > 0) {
        memcpy(noise->psks, keys->psks, keys->psks_count * MST_NOISE_KEY);
    }
    if (len <= MST_NOISE_HASH) {
        memcpy(noise->h, protocol, len);
    } else {
        hash_two(noise->h, mst_span_text(protocol), MST_SPAN_NONE);
    }
    memcpy(noise->ck, noise->h, MST_NOISE_HASH);
    mix_hash(noise, prologue);
    if ((known_initiator && !premessage(noise, true)) ||
        (known_responder && !premessage(noise, false))) {
        return false;
    }
    noise->failed = false;
    return true;
}

void mst_noise_wipe(struct mst_noise *noise)
{
    sodium_memzero(noise, sizeof(*noise));
    noise->failed = true;
}

void mst_noise_set_ephemeral(struct mst_noise *noise, const uint8_t secret[MST_NOISE_KEY])
{
    memcpy(noise->e, secret, MST_NOISE_KEY);
    mst_noise_public(noise->e_public, secret);
    noise->has_e = true;
}

void mst_noise_set_psk(struct mst_noise *noise, const uint8_t psk[MST_NOISE_KEY])
{
    memcpy(noise->psks[0], psk, MST_NOISE_KEY);
    noise->psks_count = 1;
}

static bool mix_dh(struct mst_noise *noise, const uint8_t *secret, bool has_secret,
                   const uint8_t *public, bool has_public)
{
    uint8_t shared[MST_NOISE_KEY];

    /* A public key of low order gives zeros, which the primitive refuses. */
    if (!has_secret || !has_public || crypto_scalarmult(shared, secret, public) != 0) {
        return false;
    }
    sodium_stackzero(DH_STACK_BYTES);
    mix_key(noise, shared);
    sodium_memzero(shared, sizeof(shared));
    return true;
}

/* Tokens that both sides carry out alike. The first letter of es and se is the initiator's key. */
static bool mix_token(struct mst_noise *noise, enum mst_noise_token token)
{
    bool own_static = noise->initiator ? token == MST_T_SE : token == MST_T_ES;

    switch (token) {
    case MST_T_EE: return mix_dh(noise, noise->e, noise->has_e, noise->re, noise->has_re);
    case MST_T_SS: return mix_dh(noise, noise->s, noise->has_s, noise->rs, noise->has_rs);
    case MST_T_ES:
    case MST_T_SE:
        return own_static ? mix_dh(noise, noise->s, noise->has_s, noise->re, noise->has_re)
                          : mix_dh(noise, noise->e, noise->has_e, noise->rs, noise->has_rs);
    case MST_T_PSK:
        if (noise->psks_used == noise->psks_count) {
            return false;
        }
        mix_key_and_hash(noise, noise->psks[noise->psks_used++]);
        return true;
    case MST_T_E:
    case MST_T_S: break;
    }
    return false;
}

static bool write_token(struct mst_noise *noise, enum mst_noise_token token, struct mst_buf *out)
{
    if (token == MST_T_E) {
        if (!noise->has_e || !mst_buf_append(out, noise->e_public, MST_NOISE_KEY)) {
            return false;
        }
        mix_hash(noise, mst_span_of(noise->e_public, MST_NOISE_KEY));
        if (noise->has_psk) {
            mix_key(noise, noise->e_public);
        }
        return true;
    }
    if (token == MST_T_S) {
        return noise->has_s &&
               encrypt_and_hash(noise, mst_span_of(noise->s_public, MST_NOISE_KEY), out);
    }
    return mix_token(noise, token);
}

static bool read_token(struct mst_noise *noise, enum mst_noise_token token, struct mst_span *in)
{
    size_t len = MST_NOISE_KEY;
    struct mst_buf key;
    bool ok;

    if (token != MST_T_E && token != MST_T_S) {
        return mix_token(noise, token);
    }
    len += token == MST_T_S && noise->cipher.keyed ? MST_NOISE_TAG : 0;
    if (in->len < len) {
        return false;
    }
    if (token == MST_T_E) {
        memcpy(noise->re, in->data, MST_NOISE_KEY);
        noise->has_re = true;
        mix_hash(noise, mst_span_of(noise->re, MST_NOISE_KEY));
        if (noise->has_psk) {
            mix_key(noise, noise->re);
        }
        ok = true;
    } else {
        mst_buf_init(&key);
        ok = decrypt_and_hash(noise, mst_span_of(in->data, len), &key);
        if (ok) {
            memcpy(noise->rs, key.data, MST_NOISE_KEY);
            noise->has_rs = true;
        }
        mst_buf_clear(&key);
    }
    in->data += len;
    in->len -= len;
    return ok;
}

static bool my_turn(const struct mst_noise *noise)
{
    return (noise->at % 2 == 0) == noise->initiator;
}

bool mst_noise_done(const struct mst_noise *noise)
{
    return !noise->failed && noise->at == noise->messages;
}

bool mst_noise_write(struct mst_noise *noise, struct mst_span payload, struct mst_buf *out)
{
    size_t before = out->len;
    bool ok = !noise->failed && noise->at < noise->messages && my_turn(noise);

    for (unsigned i = 0; ok && i < noise->tokens_count[noise->at]; i++) {
        ok = write_token(noise, (enum mst_noise_token)noise->tokens[noise->at][i], out);
    }
    ok = ok && encrypt_and_hash(noise, payload, out) && out->len - before <= MST_NOISE_MESSAGE;
    if (!ok) {
        out->len = before;
        noise->failed = true;
        return false;
    }
    noise->at++;
    return true;
}

bool mst_noise_read(struct mst_noise *noise, struct mst_span message, struct mst_buf *payload_out)
{
    bool ok = !noise->failed && noise->at < noise->messages && !my_turn(noise) &&
              message.len <= MST_NOISE_MESSAGE;

    for (unsigned i = 0; ok && i < noise->tokens_count[noise->at]; i++) {
        ok = read_token(noise, (enum mst_noise_token)noise->tokens[noise->at][i], &message);
    }
    if (!ok || !decrypt_and_hash(noise, message, payload_out)) {
        noise->failed = true;
        return false;
    }
    noise->at++;
    return true;
}

void mst_noise_split(struct mst_noise *noise, struct mst_noise_cipher *send,
                     struct mst_noise_cipher *receive)
{
    uint8_t first[MST_NOISE_HASH];
    uint8_t second[MST_NOISE_HASH];
    uint8_t ck[MST_NOISE_HASH];

    memcpy(ck, noise->ck, sizeof(ck));
    hkdf(ck, mst_span_of(ck, 0), first, second, NULL);
    memset(send, 0, sizeof(*send));
    memset(receive, 0, sizeof(*receive));
    memcpy(send->key, noise->initiator ? first : second, MST_NOISE_KEY);
    memcpy(receive->key, noise->initiator ? second : first, MST_NOISE_KEY);
    send->keyed = receive->keyed = true;
    sodium_memzero(first, sizeof(first));
    sodium_memzero(second, sizeof(second));
    sodium_memzero(ck, sizeof(ck));
}
