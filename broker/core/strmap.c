/* strmap.c - see strmap.h. */
#include "broker/core/strmap.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

void strmap_init(struct strmap *map, const uint8_t key[16])
{
    memset(map, 0, sizeof(*map));
    memcpy(map->key, key, sizeof(map->key));
}

void strmap_clear(struct strmap *map)
{
    free(map->chains);
    map->chains = NULL;
    map->places = map->count = 0;
}

static uint64_t hash_of(const struct strmap *map, struct mst_span key)
{
    uint8_t out[crypto_shorthash_BYTES];
    uint64_t hash;

    crypto_shorthash(out, key.data, key.len, map->key);
    memcpy(&hash, out, sizeof(hash));
    return hash;
}

struct strmap_node *strmap_find(const struct strmap *map, struct mst_span key)
{
    uint64_t hash;
    struct strmap_node *node;

    if (map->places == 0) {
        return NULL;
    }
    hash = hash_of(map, key);
    node = map->chains[hash & (map->places - 1)];
    while (node != NULL && (node->hash != hash || !mst_span_equal(node->key, key))) {
        node = node->next;
    }
    return node;
}

static bool grow(struct strmap *map)
{
    size_t places = map->places == 0 ? 16 : map->places * 2;
    struct strmap_node **chains;

    if (map->count < map->places) {
        return true;
    }
    chains = calloc(places, sizeof(struct strmap_node *));
    if (chains == NULL) {
        return map->places > 0; /* longer chains will do */
    }
    for (size_t i = 0; i < map->places; i++) {
        struct strmap_node *node = map->chains[i];

        while (node != NULL) {
            struct strmap_node *next = node->next;

            node->next = chains[node->hash & (places - 1)];
            chains[node->hash & (places - 1)] = node;
            node = next;
        }
    }
    free(map->chains);
    map->chains = chains;
    map->places = places;
    return true;
}

bool strmap_insert(struct strmap *map, struct strmap_node *node)
{
    if (!grow(map)) {
        return false;
    }
    node->hash = hash_of(map, node->key);
    node->next = map->chains[node->hash & (map->places - 1)];
    map->chains[node->hash & (map->places - 1)] = node;
    map->count++;
    return true;
}

void strmap_remove(struct strmap *map, struct strmap_node *node)
{
    struct strmap_node **link = &map->chains[node->hash & (map->places - 1)];

    while (*link != node) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = node->next;
    map->count--;
}
