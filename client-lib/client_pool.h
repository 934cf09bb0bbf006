/* client_pool.h - memory that comes and goes in masses: calls and messages of one client.
 *
 * Blocks are plain memory of the allocator, rounded up to a class of sizes: whoever has one may
 * free() it, or give it here to be used again. That saves the allocator's work and, for large
 * bodies, the page faults of memory that went back to the system in between. What is kept is
 * bounded. Must not know: what is in the blocks. Not thread-safe. */
#ifndef MST_CLIENT_POOL_H
#define MST_CLIENT_POOL_H

#include <stddef.h>

#define MST_POOL_CLASSES   64         /* four to each doubling of the size */
#define MST_POOL_KEPT_MAX  (4u << 20) /* bytes that wait to be used again */
#define MST_POOL_BLOCK_MAX (1u << 20) /* larger ones are not kept */

struct mst_pool {
    void *blocks[MST_POOL_CLASSES];
    size_t kept;
};

/* size bytes or more: *room_out, which is for giving back. pool may be NULL: nothing is kept. NULL:
 * out of memory. */
void *mst_pool_take(struct mst_pool *pool, size_t size, size_t *room_out);
void mst_pool_give(struct mst_pool *pool, void *block, size_t room);
void mst_pool_clear(struct mst_pool *pool); /* frees what is kept */

#endif
