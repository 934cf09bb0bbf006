/* driver.h - what a scenario asks of a peer: the seam between the load and the brokers.
 *
 * A scenario (flow.c, turn.c, ...) is written once, over this interface; each peer has one program,
 * made of the scenarios and of its drivers. A peer with several ways to do the same work (a list, a
 * stream) has one driver for each. Whatever fails ends the process with one line: a run that did
 * not do all of its work must never give a figure.
 *
 * Invariant: a driver's `put` and `take` carry bodies through unchanged and leave none out; the
 * scenarios count and check them. It must not know which scenario runs. */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire; /* one client's connection; each driver has its own */

enum role { ROLE_SETUP, ROLE_PRODUCER, ROLE_CONSUMER, ROLE_BOTH };

struct target {
    const char *host;
    int port;
    const char *queue;
    const char *server_key; /* muster: encrypt, to this public key; NULL: clear text */
    size_t size;            /* of each body */
    unsigned window;        /* most messages that one client has in flight */
    unsigned parties;       /* of a barrier */
    const char *kind;       /* of the queue: fifo, lifo, priority */
    bool durable;
};

struct message {
    const void *body;
    size_t size;
    int64_t priority; /* lowest first */
};

struct driver {
    const char *name;
    const char *how;     /* settings, in a few words, for the table */
    const char *how_one; /* the same for scenarios in which each request waits for its answer */
    bool answers;        /* a put is answered by the server */
    bool acknowledges;   /* a message stays the server's until its consumer has acknowledged it */

    /* Makes what must be there before the first client: a queue, a group. May be NULL. */
    void (*prepare)(const struct target *target);
    struct wire *(*open)(const struct target *target, enum role role);
    void (*close)(struct wire *wire);

    /* Sends n puts; returns before they are answered, unless the peer knows no other way. */
    void (*put)(struct wire *wire, const struct message *messages, size_t n);
    /* Waits until at most so many puts are unanswered. */
    void (*settle)(struct wire *wire, size_t most);
    /* Takes at least one and at most max messages, waiting for the first; 0: none came in time.
     * The bodies are valid until the next call on the wire. */
    size_t (*take)(struct wire *wire, struct message *out, size_t max, int timeout_ms);
    /* Acknowledges all that take gave last; may travel with the next take. NULL: there is none. */
    void (*ack)(struct wire *wire);
    /* Waits until every acknowledgement has been answered. May be NULL. */
    void (*finish)(struct wire *wire);

    /* Events: NULL where the peer has none. watch returns once the server knows of the wait. */
    void (*watch)(struct wire *wire);
    void (*seen)(struct wire *wire);
    void (*shout)(struct wire *wire);
    void (*hush)(struct wire *wire); /* undoes shout, where that is lasting; may be NULL */
};

/* The drivers of this program, ended by NULL. */
extern const struct driver *const drivers[];

#endif
