/* secure.h - a world whose connections are encrypted: who has which key, and whom the broker knows.
 *
 * Every program has a key that follows from its name, and the broker knows it by that name from
 * when the program is made; they may do everything. The onlooker speaks clear text, as on loopback.
 * All randomness is the world's, so a story stays the same from run to run. */
#ifndef SIM_SECURE_H
#define SIM_SECURE_H

#include "protocol/noise.h"

struct world;
struct program;

struct sim_keys {
    bool encrypted;
    uint8_t server_secret[MST_NOISE_KEY]; /* the broker's, from its next start on */
    uint8_t server_public[MST_NOISE_KEY]; /* that programs expect */
    char *keys;                           /* what the broker reads: a line for each name */
    char *tokens;
};

void sim_encrypt(struct world *w); /* before the first program comes */
void sim_admit(struct world *w, const char *name);
void sim_expel(struct world *w, const char *name); /* its key is removed, the broker told by HUP */
void sim_admit_token(struct world *w, const char *name);
void sim_expel_token(struct world *w, const char *name);
void sim_change_server_key(struct world *w); /* shows at the broker's next start */

/* ---- for the world itself ---- */
void sim_keys_load(struct world *w); /* the broker has started, or is to read again */
void sim_keys_clear(struct world *w);
void sim_secure(struct program *p); /* its next connection is encrypted, if the world is */
/* "a/a" and "a/a@host" become "a" and "a@host", as in the clear; returns the new length. */
size_t sim_plain_labels(char *text);

#endif
