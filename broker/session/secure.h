/* secure.h - the encrypted channel of one connection: what lies between its frames and the wire.
 *
 * Before the peer has proven who it is, it costs the channel's state and one message of the
 * handshake, whose length is fixed. connection.c alone calls these. Must not know: frames, which
 * keys are welcome. */
#ifndef SESSION_SECURE_H
#define SESSION_SECURE_H

#include "broker/session/connection.h"

void secure_begin(struct connection *connection); /* the peer's preamble asks for the channel */
void secure_clear(struct connection *connection);
void secure_drop(struct connection *connection); /* what is pending is not sent; keys are wiped */

/* Takes bytes from *in: true when there is news, or more plaintext in connection->input; false
 * when all are taken or the connection is closing. */
bool secure_open(struct connection *connection, struct mst_span *in, enum connection_news *news);

/* Seals the connection's output, and the end record behind the last of it. */
void secure_seal(struct connection *connection);
bool secure_is_empty(const struct connection *connection);
size_t secure_waiting(const struct connection *connection); /* bytes that are sealed and not sent */

#endif
