/* secure_peer.h - clients of an engine behind the encrypted channel; each has a key, and a letter
 * for its name. */
#ifndef TESTS_UNIT_SECURE_PEER_H
#define TESTS_UNIT_SECURE_PEER_H

#include "tests/unit/engine_pipes.h"

#include "protocol/channel.h"

/* A client at the other end of an encrypted connection. */
struct peer {
    struct client *client;
    struct mst_secure_channel channel;
    struct mst_buf wire; /* what it sends: preamble, handshake, records */
};

const uint8_t *secure_peer_secret(uint8_t seed);
/* The broker reads keys and permissions again: a key for each letter of names. */
void secure_peer_admit(struct pipes *pipes, const char *names, const char *permissions,
                       bool anonymous);
void secure_peer_begin(struct pipes *pipes, struct peer *peer, char name);
void secure_peer_end(struct peer *peer);
/* Sends what the peer has to say, `step` bytes at a time. */
void secure_peer_flush(struct pipes *pipes, struct peer *peer, size_t step);
/* Opens what the broker sent; the plaintext is left in client->in for pipes_read. */
void secure_peer_receive(struct peer *peer, bool handshake);
void secure_peer_say(struct peer *peer, struct mst_request *request);
void secure_peer_say_hello(struct peer *peer);
void secure_peer_say_put(struct peer *peer, uint64_t id);
/* As far as a session, and one put behind it in the same packet. */
void secure_peer_come(struct pipes *pipes, struct peer *peer, char name, size_t step);

#endif
