/* broker.h - a whole broker on a simulated disk, and clients who speak to it frame by frame; only
 * what the broker itself allocates is counted by allocations.h.
 *
 * Clients do not mind what they are answered: the same script goes on whatever was refused. */
#ifndef FAULT_BROKER_H
#define FAULT_BROKER_H

#include "broker/core/core.h"
#include "broker/engine/engine.h"
#include "broker/journal/store.h"
#include "tests/fault/allocations.h"
#include "tests/sim/disk.h"
#include "tests/sim/jobs.h"

#define SECOND  INT64_C(1000000000)
#define CLIENTS 12

struct peer {
    uint64_t conn; /* 0: refused or closed */
    bool secured;
    struct mst_secure_channel channel;
    struct mst_buf in;
    uint64_t id, confirm;
    uint8_t secret[MST_SECRET_BYTES];
};

struct broker {
    struct engine_config config;
    struct engine *engine; /* NULL: it could not start */
    struct journal *journal;
    struct disk *disk;
    struct sim_jobs jobs;
    int64_t now_ns;
    uint8_t chance;
    struct peer peers[CLIENTS];
    size_t peers_count;
};

/* What follows is the broker's: its allocations count. */
#define ARMED(call)                                                                                \
    do {                                                                                           \
        fault_arm(true);                                                                           \
        call;                                                                                      \
        fault_arm(false);                                                                          \
    } while (0)

void must_hold(bool holds, const char *what);

/* engine NULL afterwards: it could not start. */
void broker_start(struct broker *b);
void broker_stop(struct broker *b);
void broker_turn(struct broker *b);
void broker_pass(struct broker *b, int64_t ns);

struct peer *broker_come(struct broker *b, bool secured);  /* with a preamble, no more */
struct peer *broker_greet(struct broker *b, bool secured); /* with a session, and handles */
void broker_say(struct broker *b, struct peer *peer, struct mst_request *request);

#define SAY(peer, name, ...)                                                                       \
    do {                                                                                           \
        struct mst_request r;                                                                      \
        mst_request_init(&r, MST_OP_##name);                                                       \
        r.handle = 1;                                                                              \
        __VA_ARGS__;                                                                               \
        broker_say(b, peer, &r);                                                                   \
    } while (0)

#endif
