/* channel.h - one side of an encrypted connection: a handshake, then records of a byte stream.
 *
 *   client                                      broker
 *   WAITS   -- preamble, message 1 (token id) -->  WAITS -> ASKED (which token is it?)
 *   OPEN    <-- preamble, message 2 -------------  WAITS
 *           -- message 3 (its key), records ---->  OPEN (whose key is it?)
 *           <-- records ------------------------
 *   ENDED when the peer's end record came; FAILED for good after anything that is not authentic.
 *
 * Noise_XKpsk3 over both preambles as prologue, the client's first. Every message and record has 16
 * bits of length before it, big-endian. The client names its token in message 1, which only the
 * broker can read, so that the broker knows the psk before message 3; without a token the psk is
 * zeros. A record without plaintext is the end: without it the connection was cut.
 *
 * Invariants
 *   1. Nothing that is not authentic is delivered, and after a failure nothing more is: all keys
 *      are wiped, and every later call fails.
 *   2. Until OPEN no more than one message of the handshake is kept, whose length is fixed; from
 *      then on nothing of the handshake but who the peer is.
 *   3. Both directions change their keys after MST_CHANNEL_REKEY records each.
 * Bytes in, bytes out; keys and randomness are handed in. Must not know: sockets, frames, which
 * keys and tokens are welcome. */
#ifndef MST_CHANNEL_H
#define MST_CHANNEL_H

#include "protocol/limits.h"
#include "protocol/noise.h"

#define MST_CHANNEL_PROLOGUE (2 * MST_PREAMBLE_BYTES)
#define MST_CHANNEL_HEADER   2
#define MST_CHANNEL_PLAIN    (MST_NOISE_MESSAGE - MST_NOISE_TAG) /* most of one record */
#define MST_CHANNEL_CHUNK    (32u << 10) /* of plaintext: as much is delivered at once, or more */
#define MST_CHANNEL_REKEY    65536u
#define MST_TOKEN_ID         8

enum mst_channel_state {
    MST_CHANNEL_WAITS, /* for a message of the handshake */
    MST_CHANNEL_ASKED, /* broker: mst_channel_answer is to be called */
    MST_CHANNEL_OPEN,
    MST_CHANNEL_ENDED, /* the peer will send nothing more; this side still may */
    MST_CHANNEL_FAILED
};

struct mst_secure_channel {
    enum mst_channel_state state;
    bool finished;           /* the own end record is sealed */
    bool heard;              /* a record of the peer came */
    struct mst_noise *noise; /* until OPEN; then it is wiped and given back */
    struct mst_noise_cipher send, receive;
    uint8_t remote[MST_NOISE_KEY];
    uint8_t token_id[MST_TOKEN_ID];
    struct mst_buf input;  /* the beginning of a message or record */
    struct mst_buf output; /* for the wire */
    const char *why;       /* FAILED: a static line */
    bool starved;          /* FAILED: for want of memory, which says nothing about the peer */
};

/* What a client must know. Everything is copied. */
struct mst_channel_client {
    const uint8_t *secret;     /* its own key; who has none takes fresh random bytes */
    const uint8_t *ephemeral;  /* fresh random bytes */
    const uint8_t *server_key; /* public */
    const uint8_t *token;      /* NULL: none */
};

/* Preambles are the caller's: it sends its own before this side's output, and checks the peer's. */
void mst_channel_prologue(uint8_t out[MST_CHANNEL_PROLOGUE]);
/* The first message is in the output then. false: out of memory, or no usable server key. */
bool mst_channel_open(struct mst_secure_channel *channel, const struct mst_channel_client *client);
/* Out of memory: the state is FAILED. */
void mst_channel_accept(struct mst_secure_channel *channel, const uint8_t secret[MST_NOISE_KEY],
                        const uint8_t public_key[MST_NOISE_KEY]);
void mst_channel_clear(struct mst_secure_channel *channel); /* wipes, frees */

/* Takes bytes from *in and appends what was in them to plain, until all are taken, plain has
 * MST_CHANNEL_CHUNK more or the state changes; call again while bytes are left and the
 * state is WAITS or OPEN. */
enum mst_channel_state mst_channel_receive(struct mst_secure_channel *channel, struct mst_span *in,
                                           struct mst_buf *plain);
/* ASKED: answers with the token that token_id names; zeros if that is zeros; fresh random bytes if
 * it is unknown, so that the peer fails as with a wrong one. */
bool mst_channel_answer(struct mst_secure_channel *channel, const uint8_t token[MST_NOISE_KEY],
                        const uint8_t ephemeral[MST_NOISE_KEY]);

/* OPEN or ENDED: seals the pieces, one behind the other, into the output. false: out of memory or
 * finished. */
bool mst_channel_seal_all(struct mst_secure_channel *channel, const struct mst_span *pieces,
                          size_t count);
bool mst_channel_seal(struct mst_secure_channel *channel, struct mst_span plain);
/* Seals the end record; nothing can be sealed after it. */
bool mst_channel_finish(struct mst_secure_channel *channel);

/* What it means for a client if the connection ends now: a static line for its user. */
const char *mst_channel_cut(const struct mst_secure_channel *channel);

/* First bytes of the hash of a token: they name it and give nothing of it away. */
void mst_token_id(uint8_t out[MST_TOKEN_ID], const uint8_t token[MST_NOISE_KEY]);

#endif
