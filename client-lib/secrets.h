/* secrets.h - the keys and the token that a client was told to use, from its options, the URL, the
 * environment and files. A file with a secret is read only if nobody else may read it. */
#ifndef MST_SECRETS_H
#define MST_SECRETS_H

#include <muster.h>

#include "client-lib/socket.h"
#include "protocol/channel.h"

struct mst_secrets {
    bool sealed; /* a server key is known: nothing is ever sent in the clear */
    bool has_token;
    uint8_t server_key[MST_NOISE_KEY];
    uint8_t secret[MST_NOISE_KEY]; /* the client's own; made up if it was given none */
    uint8_t token[MST_NOISE_KEY];
};

#define MST_SECRETS_WHY 400

/* false: why has one line, without any secret. */
bool mst_secrets_read(struct mst_secrets *secrets, const struct mst_link *link,
                      const muster_client_options *options, char why[MST_SECRETS_WHY]);
/* The keys of the next connection; ephemeral is filled with fresh random bytes. */
struct mst_channel_client mst_secrets_next(const struct mst_secrets *secrets,
                                           uint8_t ephemeral[MST_NOISE_KEY]);

#endif
