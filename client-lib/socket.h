/* socket.h - one way to one broker: its URL, its addresses, and the socket that is being
 * connected or is. Never blocks, but in mst_link_resolve and mst_link_await. Must not know: what
 * flows over it. */
#ifndef MST_SOCKET_H
#define MST_SOCKET_H

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "protocol/gather.h"

enum mst_link_state {
    MST_LINK_DOWN,       /* the next attempt is at deadline_ns */
    MST_LINK_CONNECTING, /* an address that has not answered at deadline_ns is given up */
    MST_LINK_UP
};

struct mst_link {
    enum mst_link_state state;
    int fd; /* -1: none */
    int64_t deadline_ns;
    unsigned failures;      /* rounds through all addresses that failed since the last reset */
    int64_t backoff_max_ns; /* longest pause between two rounds */
    bool insecure;          /* clear text is allowed beyond this host */
    bool refused;           /* some address was not tried because of that */
    bool is_unix;
    char server_key[64]; /* the text before @ in the URL; "": none */
    char host[256];      /* or the path */
    char port[8];
    struct addrinfo *addresses; /* of this round; NULL: to be resolved */
    struct addrinfo *next;      /* the one to be tried next */
    char trouble[200];          /* why the last attempt failed */
    int write_error;            /* UP: why nothing more can be written; 0: nothing happened */
};

/* false: not a URL of ours; why says what is wrong. */
bool mst_link_init(struct mst_link *link, const char *url, char *why, size_t why_size);
void mst_link_clear(struct mst_link *link);

bool mst_link_wants_addresses(const struct mst_link *link, int64_t now_ns);
/* Asks the resolver, which may take its time. Touches nothing of the link but what it is given. */
struct addrinfo *mst_link_resolve(const char *host, const char *port, bool is_unix, char *trouble,
                                  size_t trouble_size);
/* Goes on: begins an attempt that is due, looks after one that is under way. True when the
 * state has just become UP. */
bool mst_link_step(struct mst_link *link, int64_t now_ns);
/* Closes what is open; the next attempt comes after a pause that grows with the failures. */
void mst_link_drop(struct mst_link *link, int64_t now_ns);

/* As sendmsg and recv, without waiting, without SIGPIPE; 0 from write: not now. At most
 * MST_GATHER_PIECES_MAX pieces. */
ssize_t mst_link_write(const struct mst_link *link, const struct mst_span *pieces, size_t count);

/* Where bytes are read to: into the first, which may have none, and what comes then into the
 * second. */
struct mst_places {
    struct iovec at[2];
};
size_t mst_places_size(const struct mst_places *places);
ssize_t mst_link_read(const struct mst_link *link, const struct mst_places *places);

/* The same: waits until something has come, but for MST_LINK_PATIENCE_NS at most (and what the
 * system's clock is coarser than that); nothing else can end it. */
#define MST_LINK_PATIENCE_NS 1000000LL
ssize_t mst_link_await(const struct mst_link *link, const struct mst_places *places);

#endif
