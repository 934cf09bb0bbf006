/* sample.h - random messages for tests, made and compared by the tables of messages.c. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "protocol/arena.h"
#include "protocol/message.h"

struct sample {
    uint64_t random; /* the seed, then the state */
    struct mst_arena *arena;
    bool small; /* short texts and lists */
};

uint64_t sample_number(struct sample *sample); /* small, large and edge values */
void sample_fields(struct sample *sample, struct mst_layout layout, void *owner);
/* The name of the first member that differs, or NULL. */
const char *sample_difference(struct mst_layout layout, const void *one, const void *other);

struct mst_request *sample_request(struct sample *sample, enum mst_op op);
struct mst_reply *sample_reply(struct sample *sample, enum mst_op op);

#endif
