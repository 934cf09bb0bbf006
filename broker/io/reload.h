/* reload.h - everything that musterd reads at its start and again at HUP: its configuration, keys,
 * tokens, permissions.
 *
 * All or nothing: a mistake anywhere keeps all as it was. Must not know: what the texts mean. */
#ifndef IO_RELOAD_H
#define IO_RELOAD_H

#include "broker/config.h"
#include "broker/io/file.h"

struct io;

/* From the command line and the file that it names. false: errors says why. */
bool load_config(struct config *config, int argc, char *const argv[], struct config_errors *errors);

/* Keys, tokens and permissions, at the start. false: error has one line. */
bool load_secrets(struct io *io, char error[FILE_ERROR_MAX]);

void reload(struct io *io); /* what came of it is in the log */

#endif
