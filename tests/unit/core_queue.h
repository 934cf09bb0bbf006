/* core_queue.h - the requests about queues that tests of the core make most, in one call each.
 *
 * Bodies must live until the request is answered; string literals do. */
#ifndef CORE_QUEUE_H
#define CORE_QUEUE_H

#include "tests/unit/core_world.h"

uint64_t queue_put(struct world *w, const char *who, const char *queue, const char *body);
/* One request, mode all. */
uint64_t queue_put_all(struct world *w, const char *who, const char *queue, size_t count);
/* count requests in one frame; timeout 0. */
uint64_t queue_get(struct world *w, const char *who, const char *queue, uint64_t count);
uint64_t queue_get_wait(struct world *w, const char *who, const char *queue, int64_t timeout_ns);
uint64_t queue_done(struct world *w, const char *who, const char *queue, uint64_t message,
                    uint64_t number);
uint64_t queue_update(struct world *w, const char *who, const char *queue, const char *setting,
                      int64_t value);
/* The message that a get, which must have been answered OK, brought first. */
const struct mst_delivery *queue_got(struct world *w, const char *who, uint64_t id);
/* Gives it back, or to the dead letters. */
uint64_t queue_nack(struct world *w, const char *who, const char *queue,
                    const struct mst_delivery *delivery, bool dead);
/* Takes the first message in mode lease, and confirms it. */
const struct mst_delivery *queue_take(struct world *w, const char *who, const char *queue);

#endif
