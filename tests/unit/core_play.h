/* core_play.h - players in a world of one core who do things at random, from a seed.
 *
 * They keep what a library would keep: every request until its reply was taken. A player who comes
 * back names what it has not taken and sends it again, each request for itself. */
#ifndef CORE_PLAY_H
#define CORE_PLAY_H

#include "tests/unit/core_world.h"

#define PLAYERS         5
#define PLAY_DELIVERIES 64

struct play_delivery {
    const char *queue;
    uint64_t id;
    uint64_t number;
};

struct play {
    struct world w;
    uint64_t random;
    enum world_storage storage;
    char names[WORLD_CLIENTS][8];
    const char *players[PLAYERS]; /* NULL: gone */
    size_t named;
    uint64_t taken[WORLD_CLIENTS]; /* requests up to here whose replies were taken */
    struct play_delivery deliveries[PLAY_DELIVERIES]; /* the latest, a ring */
    size_t deliveries_count;
};

struct play *play_new(uint64_t seed, enum world_storage storage);
void play_free(struct play *play);
uint64_t play_draw(struct play *play, uint64_t n); /* 0 .. n-1 */

/* ---- what a request may be made of ---- */

const char *play_queue(struct play *play);     /* one that can be put into */
const char *play_any_queue(struct play *play); /* or its dead letters */
int64_t play_timeout(struct play *play);
struct mst_span *play_bodies(struct play *play, size_t count);
const struct play_delivery *play_delivery(struct play *play); /* NULL: none yet */

/* ---- players ---- */

const char *play_someone(struct play *play); /* connected; NULL: nobody is */
void play_send(struct play *play, const char *who);
void play_take(struct play *play, const char *who); /* the next replies, and confirms them */
void play_lose(struct play *play, const char *who); /* its connection; who may be NULL */
void play_leave(struct play *play, const char *who);
/* Somebody who is away comes back, or somebody new comes. */
void play_come_back(struct play *play);
void play_settle(struct play *play); /* after every step: who was hung up on is away */
void play_restart(struct play *play);
/* All go, and everything is removed. */
void play_clear_up(struct play *play);

#endif
