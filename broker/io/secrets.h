/* secrets.h - the files of keys, tokens and permissions, as the engine wants them.
 *
 * Read as a whole or not at all. What holds a secret must be readable by its owner alone, what says
 * who may come writable by its owner alone. Must not know: what the texts mean. */
#ifndef IO_SECRETS_H
#define IO_SECRETS_H

#include "broker/config.h"
#include "broker/io/file.h"
#include "broker/io/log.h"

#define SECRETS_ERROR_MAX FILE_ERROR_MAX
#define SECRETS_TEXTS     3 /* keys, tokens, permissions */
#define SECRETS_PATH_MAX  4096

struct secrets {
    bool has_key;
    uint8_t server_secret[MST_NOISE_KEY];
    struct mst_buf texts[SECRETS_TEXTS];
    char paths[SECRETS_TEXTS][SECRETS_PATH_MAX];
    struct engine_security security; /* borrows all of the above */
};

enum secrets_use {
    SECRETS_START, /* the server's key is made if the keys' directory has none */
    SECRETS_AGAIN, /* it must be there */
    SECRETS_CHECK  /* it need not be there, and is not made */
};

/* false: error has one line. */
bool secrets_read(struct secrets *secrets, const struct config *config, enum secrets_use use,
                  const struct log *log, char error[SECRETS_ERROR_MAX]);
void secrets_clear(struct secrets *secrets); /* wipes */

#endif
