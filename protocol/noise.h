/* noise.h - the Noise Protocol Framework (revision 34) for the suite 25519_ChaChaPoly_BLAKE2b.
 *
 * Bytes in, bytes out: no socket, no clock; the ephemeral key is handed in, so the same inputs give
 * the same bytes. muster speaks Noise_XKpsk3; the other patterns are here because the public test
 * vectors hold them and they cost one row each. Built on libsodium's primitives that take all their
 * input. A handshake that failed once answers every later call with a failure.
 * Specification: noiseprotocol.org/noise.html, sections 4, 5, 7, 9. */
#ifndef MST_NOISE_H
#define MST_NOISE_H

#include "protocol/buf.h"

#define MST_NOISE_KEY      32
#define MST_NOISE_HASH     64
#define MST_NOISE_TAG      16
#define MST_NOISE_MESSAGE  65535 /* no message is longer */
#define MST_NOISE_PSKS_MAX 4
#define MST_NOISE_MESSAGES 4  /* of the longest handshake pattern */
#define MST_NOISE_TOKENS   12 /* of one message, with its psk tokens */
#define MST_NOISE_PROTOCOL "Noise_XKpsk3_25519_ChaChaPoly_BLAKE2b"

/* One direction of a finished handshake. Wipe with mst_noise_cipher_wipe. */
struct mst_noise_cipher {
    uint8_t key[MST_NOISE_KEY];
    uint64_t nonce;
    bool keyed;
};

enum mst_noise_token { MST_T_E, MST_T_S, MST_T_EE, MST_T_ES, MST_T_SE, MST_T_SS, MST_T_PSK };

struct mst_noise_keys { /* what this side knows beforehand; a NULL data is: none */
    struct mst_span static_secret;
    struct mst_span static_public;    /* of static_secret; none: it is computed, which takes time */
    struct mst_span ephemeral_secret; /* fresh random bytes for every handshake */
    struct mst_span remote_static;
    const uint8_t (*psks)[MST_NOISE_KEY]; /* in order of their tokens */
    size_t psks_count;
};

struct mst_noise {
    bool initiator;
    bool failed;
    bool has_psk;
    bool has_rs;
    bool has_re;
    uint8_t s[MST_NOISE_KEY], s_public[MST_NOISE_KEY];
    uint8_t e[MST_NOISE_KEY], e_public[MST_NOISE_KEY];
    uint8_t rs[MST_NOISE_KEY], re[MST_NOISE_KEY];
    bool has_s, has_e;
    uint8_t psks[MST_NOISE_PSKS_MAX][MST_NOISE_KEY];
    size_t psks_count, psks_used;
    uint8_t tokens[MST_NOISE_MESSAGES][MST_NOISE_TOKENS];
    uint8_t tokens_count[MST_NOISE_MESSAGES];
    unsigned messages, at; /* message `at` is next; even ones are the initiator's */
    bool one_way;
    uint8_t ck[MST_NOISE_HASH], h[MST_NOISE_HASH];
    struct mst_noise_cipher cipher;
};

/* false: unknown protocol name, or a key that the pattern asks for is missing or too short. */
bool mst_noise_init(struct mst_noise *noise, const char *protocol, bool initiator,
                    struct mst_span prologue, const struct mst_noise_keys *keys);
void mst_noise_wipe(struct mst_noise *noise);

/* What a responder may hand in later, when it has seen the first message: computing an ephemeral
 * key for a stranger can wait, and which psk it is may depend on that message. */
void mst_noise_set_ephemeral(struct mst_noise *noise, const uint8_t secret[MST_NOISE_KEY]);
void mst_noise_set_psk(struct mst_noise *noise, const uint8_t psk[MST_NOISE_KEY]);

/* The next message of the handshake, appended to out. false: not this side's turn, too long, or out
 * of memory. */
bool mst_noise_write(struct mst_noise *noise, struct mst_span payload, struct mst_buf *out);
/* false: not the other side's turn, or the message is not authentic; nothing is appended. */
bool mst_noise_read(struct mst_noise *noise, struct mst_span message, struct mst_buf *payload_out);
bool mst_noise_done(const struct mst_noise *noise);
/* After the last message: the ciphers of both directions. noise->h is the handshake's hash, and
 * noise->rs who the other side is. */
void mst_noise_split(struct mst_noise *noise, struct mst_noise_cipher *send,
                     struct mst_noise_cipher *receive);

/* Appends the sealed or opened bytes. false: not authentic, nonces used up, or out of memory; then
 * nothing is appended and nothing changed. */
bool mst_noise_seal(struct mst_noise_cipher *cipher, struct mst_span plain, struct mst_buf *out);
bool mst_noise_open(struct mst_noise_cipher *cipher, struct mst_span sealed, struct mst_buf *out);
void mst_noise_rekey(struct mst_noise_cipher *cipher); /* section 4.2, 11.3 */
void mst_noise_cipher_wipe(struct mst_noise_cipher *cipher);

void mst_noise_public(uint8_t out[MST_NOISE_KEY], const uint8_t secret[MST_NOISE_KEY]);

/* Patterns as tokens: noise_patterns.c. false: no such name. */
bool mst_noise_pattern(struct mst_noise *noise, const char *protocol, bool *pre_initiator,
                       bool *pre_responder);

#endif
