/* client_steps.h - what the files of the script share; nobody else includes it. */
#ifndef FAULT_CLIENT_STEPS_H
#define FAULT_CLIENT_STEPS_H

#include <muster.h>

#include "tests/fault/client_ledger.h"
#include "tests/fault/client_script.h"

#define WAIT_NS (5 * MUSTER_SECOND) /* for what comes at once, unless something was refused */

struct script {
    const struct script_place *place;
    struct ledger *ledger;
    muster_client *client;
    uint64_t session;    /* its number, when all was done */
    muster_queue *jobs;  /* of the ledger */
    muster_queue *spare; /* of nobody: messages in it do not matter */
    muster_event *ready;
    muster_barrier *alone; /* of one party */
    muster_barrier *both;  /* of two */
};

/* The name of an object of this run. */
struct script_name {
    char text[64];
};
struct script_name script_name(const struct script *s, const char *what);

/* Without faults the status must be `wanted`; with them it may be one of those that can come of a
 * refusal, or one of `also`: bits of AS. Returns whether it is OK. */
#define AS(status) (1u << (unsigned)MUSTER_##status)
bool script_expect(struct script *s, const char *what, enum muster_status status,
                   enum muster_status wanted, unsigned also);
#define EXPECT(call, wanted, also) script_expect(s, #call, call, MUSTER_##wanted, also)

/* Lets an application's own loop come round; with a background thread nothing. */
void script_spin(struct script *s);
void script_flush(struct script *s);
void script_cut(struct script *s); /* the connection breaks */

bool script_connect(struct script *s);
void script_queues(struct script *s);  /* client_steps_queues.c */
void script_objects(struct script *s); /* client_steps_objects.c */

/* client_steps_looks.c */
void script_see(struct script *s, const muster_message *message, bool is_dead);
void script_dead_letters(struct script *s);
void script_backup(struct script *s);
void script_looks(struct script *s);

#endif
