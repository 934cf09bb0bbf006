/* client.h - one program of a soak: a real libmuster client that does anything at all, and writes
 * down each call before it makes it, and what came of it.
 *
 * Calls that may wait are made either way: blocking, or asynchronously with up to HANDS under way.
 * What a get brought is held until the dice say what becomes of it. Callbacks run in the library's
 * thread: what they share with the program is behind `lock`.
 *
 * Must not know: what befalls it. */
#ifndef SOAK_CLIENT_H
#define SOAK_CLIENT_H

#include <muster.h>
#include <pthread.h>

#include "tests/soak/lines.h"

#define HANDS 4
#define HELD  16
#define MANY  3 /* messages of one call, at most */

struct client;

/* An asynchronous call. */
struct hand {
    struct client *client;
    bool busy;
    uint64_t number;
    uint64_t session;
    struct history_call call;
    muster_call *handle;
};

struct held {
    muster_message *message; /* NULL: a free place */
    size_t queue;
};

struct client {
    muster_client *muster;
    muster_queue *queues[2 * SOAK_QUEUES];
    muster_event *go;
    muster_barrier *gate;
    char name[HISTORY_NAME];
    int lines;
    int pulse; /* a byte for each call that ended */
    uint64_t random;
    uint64_t next_call;
    unsigned next_body;
    bool rough; /* takes messages away */
    uint64_t last_id[SOAK_QUEUES];
    struct hand hands[HANDS];
    pthread_mutex_t lock; /* holds what follows, and `busy` of hands */
    struct held held[HELD];
    unsigned taken[SOAK_QUEUES]; /* in auto mode, and not yet declared done */
    bool leads;                  /* it owes the barrier a report */
    uint64_t generation;
};

uint64_t client_dice(struct client *c, uint64_t sides); /* 0 .. sides-1 */

/* ---- client_acts.c: a call of the dice's choice ---- */

void client_acts(struct client *c);

/* ---- client_care.c: before and after the others ---- */

/* false: said on stderr. */
bool client_declares(struct client *c);
bool client_drains(struct client *c); /* ends all other sessions, and gets all that is left */

/* ---- client_calls.c: calls with their lines ---- */

struct history_call client_asks(enum history_op op, size_t object);
uint64_t client_begins(struct client *c, struct history_call *call, uint64_t *session_out);
void client_ends(struct client *c, uint64_t number, struct history_call *call,
                 enum muster_status status, const char *cause);

/* Each frees what the call has; async: with a free hand, if there is one. */
void client_puts(struct client *c, struct history_call *call, bool async);
void client_gets(struct client *c, struct history_call *call, size_t max, bool async);
void client_joins(struct client *c, struct history_call *call, bool async);
void client_waits(struct client *c, struct history_call *call, bool async);
void client_meets(struct client *c, struct history_call *call, bool async);

#endif
