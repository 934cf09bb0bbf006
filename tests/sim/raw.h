/* raw.h - a peer that speaks the protocol by hand, frame by frame, also where no library would.
 *
 *   struct raw r;
 *   raw_open(&r, w, "r");
 *   raw_hello(&r, 10 * SECOND);
 *   raw_name(&r, 0, "jobs");
 *   raw_ask(&r, MST_OP_QSIZE, 1);
 *   raw_send(&r);
 *   expect(w, "r HELLO OK; r QSIZE 1 NOT_FOUND (*)");
 *
 * What comes back is written into the transcript: operation, ids, status, and the cause. */
#ifndef SIM_RAW_H
#define SIM_RAW_H

#include "tests/sim/world.h"

struct raw {
    struct world *world;
    const char *name;
    struct wire *wire;
    struct mst_buf in;
    bool greeted;             /* the broker's preamble is read */
    bool ended;               /* the broker closed the connection, and that is written down */
    struct mst_request asked; /* what raw_send sends */
    struct mst_span body;     /* for a put of one body */
    uint64_t handle;          /* for a get from one queue */
    uint64_t session;         /* from the last welcome */
    uint8_t secret[MST_SECRET_BYTES];
    uint64_t in_flight_max;
    uint64_t answered; /* ids, on this connection */
};

/* Connects and sends the preamble. */
void raw_open(struct raw *r, struct world *w, const char *name);
void raw_close(struct raw *r); /* the connection ends, if it has not yet */
void raw_hello(struct raw *r, int64_t ttl_ns);
void raw_name(struct raw *r, uint64_t handle, const char *object); /* OPEN */
/* A request with all defaults but: a put has one body, a get one queue of handle 0. */
struct mst_request *raw_ask(struct raw *r, enum mst_op op, uint64_t id);
void raw_queue(struct raw *r); /* as raw_send, but the broker gets it with what is sent next */
void raw_send(struct raw *r);
void raw_bytes(struct raw *r, const void *bytes, size_t len);
void raw_read(struct raw *r);

/* Opens a session of 10 s that knows the queue jobs by handle 0. */
void raw_begin(struct raw *r, struct world *w);
/* Comes back to the session of r, on a new connection. */
void raw_come_back(struct raw *r, struct mst_range *pending, size_t count);

#endif
