/* listen.h - the sockets that the broker takes connections on.
 *
 * A Unix socket's file is made with mode 0600, replaces one that nobody answers on, and is removed
 * when it is closed, unless somebody put another in its place. */
#ifndef IO_LISTEN_H
#define IO_LISTEN_H

#include <sys/socket.h>
#include <sys/types.h>

#include "broker/config.h"
#include "broker/io/log.h"

#define LISTENERS_MAX     (4 * CONFIG_LISTENS_MAX) /* a host may have several addresses */
#define LISTENER_TEXT_MAX 128

struct listener {
    int fd;
    bool is_unix;
    bool clear_refused; /* only the encrypted channel */
    dev_t device;       /* of the socket's file, and its inode: is it still ours at the end? */
    ino_t inode;
    char text[LISTENER_TEXT_MAX]; /* "127.0.0.1:6878", or the path */
};

struct listeners {
    struct listener items[LISTENERS_MAX];
    size_t count;
};

/* Opens all that the configuration names; has_key: there is an encrypted channel. Returns 0, or the
 * exit code after one line in the log. */
int listeners_open(struct listeners *listeners, const struct config *config, bool has_key,
                   const struct log *log);
/* The same without opening anything: may musterd listen there? */
int listeners_check(const struct config *config, bool has_key, const struct log *log);
/* The same for the one place where the broker's figures are served, in clear text. */
int listeners_open_http(struct listeners *listeners, const struct config_listen *listen,
                        const struct log *log);
void listeners_close(struct listeners *listeners);

/* "127.0.0.1:6878", "[::1]:6878" */
void listen_address_text(const struct sockaddr_storage *address, char *out, size_t cap);
/* The address as a number that is not 0; of IPv6 its network, of which a host has all addresses. */
uint64_t listen_address_source(const struct sockaddr_storage *address);

#endif
