/* engine_pipes.h - an engine under a virtual clock, with clients that speak over byte pipes. */
#ifndef TESTS_UNIT_ENGINE_PIPES_H
#define TESTS_UNIT_ENGINE_PIPES_H

#include "tests/unit/cmocka_all.h"

#include "broker/core/core.h"
#include "broker/engine/engine.h"
#include "broker/journal/memory.h"

#define CLIENTS_MAX 32
#define SECOND      1000000000LL
#define MS          1000000LL

/* The other end of a connection. */
struct client {
    uint64_t conn;
    bool closed;  /* the engine closed it */
    bool broken;  /* sending to it fails */
    size_t room;  /* bytes that the system still takes for it */
    size_t sends; /* calls of the port */
    size_t place; /* of the last of them among those of all clients */
    uint64_t confirm;
    uint64_t session;
    uint8_t secret[MST_SECRET_BYTES];
    struct mst_buf in; /* what it was sent and did not look at yet */
    struct mst_arena arena;
};

struct pipes {
    struct engine_config config;
    struct journal *journal; /* NULL: no storage */
    struct engine *engine;
    int64_t now_ns;
    uint8_t chance;
    size_t sends; /* to all clients */
    size_t clients_count;
    struct client clients[CLIENTS_MAX];
    char log[4096];
};

int pipes_setup(void **state);         /* without storage */
int pipes_setup_journal(void **state); /* batches become durable by pipes_sync */
int pipes_teardown(void **state);
/* The broker ends and begins anew, from what is durable. */
void pipes_restart(struct pipes *pipes);

struct client *pipes_connect(struct pipes *pipes); /* with a preamble; NULL: refused */
struct client *pipes_client(struct pipes *pipes);  /* with a session, and handle 1 for "jobs" */
void pipes_hello(struct pipes *pipes, struct client *client, int64_t ttl_ns);
void pipes_resume(struct pipes *pipes, struct client *client, const struct client *old);
void pipes_say(struct pipes *pipes, struct client *client, struct mst_request *request);
void pipes_simple(struct pipes *pipes, struct client *client, enum mst_op op, uint64_t id);
void pipes_put(struct pipes *pipes, struct client *client, uint64_t id, const char *body);
void pipes_get(struct pipes *pipes, struct client *client, uint64_t id, enum mst_get_mode mode);

/* One turn, and those that the engine wants at once. */
void pipes_turn(struct pipes *pipes);
/* Moves the clock, with every turn that is due on the way. */
void pipes_pass(struct pipes *pipes, int64_t ns);
void pipes_sync(struct pipes *pipes); /* what was handed to the journal is durable now */

/* All that the client was sent, as "OP#id STATUS body " and so on, and takes it out. */
const char *pipes_read(struct client *client);
#define assert_read(client, expected) assert_string_equal(pipes_read(client), expected)

#endif
