/* strmap.h - from byte strings to the nodes that hold them: chained, keyed, intrusive.
 *
 * The hash is SipHash under a key of this boot, so nobody outside can pile names onto one chain.
 * Nothing depends on the order of the chains. */
#ifndef CORE_STRMAP_H
#define CORE_STRMAP_H

#include "protocol/span.h"

struct strmap_node {
    struct strmap_node *next;
    uint64_t hash;
    struct mst_span key; /* owned by whoever owns the node */
};

struct strmap {
    struct strmap_node **chains;
    size_t places;
    size_t count;
    uint8_t key[16];
};

void strmap_init(struct strmap *map, const uint8_t key[16]);
void strmap_clear(struct strmap *map); /* forgets its nodes */
struct strmap_node *strmap_find(const struct strmap *map, struct mst_span key);
bool strmap_insert(struct strmap *map, struct strmap_node *node); /* key set, not in the map yet */
void strmap_remove(struct strmap *map, struct strmap_node *node);

#endif
