/* slab.h - pieces of many sizes without a header of their own.
 *
 * Pieces of about one size come from chunks that are theirs; a chunk that is empty serves any size,
 * and goes back to the system when there are spare ones enough. So what a broker with many messages
 * of one size took is there for messages of another. Pieces are not zeroed. */
#ifndef CORE_SLAB_H
#define CORE_SLAB_H

#include <stddef.h>
#include "broker/core/list.h"

#define SLAB_PIECE_MAX 640u /* bytes */
#define SLAB_UNIT      8u   /* sizes are rounded up to it */
#define SLAB_SIZES     (SLAB_PIECE_MAX / SLAB_UNIT)

struct slab {
    struct link partial[SLAB_SIZES]; /* chunks with free pieces, by size */
    struct link spare;               /* empty chunks of no size */
    size_t spare_count;
    size_t full_count;
};

void slab_init(struct slab *slab);
void slab_clear(struct slab *slab); /* all pieces have been given back */
/* size: 1 .. SLAB_PIECE_MAX; NULL: out of memory */
void *slab_take(struct slab *slab, size_t size);
void slab_give(struct slab *slab, void *piece);
/* It will be given back soon: memory may bring what that needs. */
void slab_foresee(const void *piece);

#endif
