/* why.h - who waits for whom: a graph of objects, of those who wait at them, and of those who hold
 * what the others wait for.
 *
 * Pure: made of what stat tells of each object, and written as text or as JSON. Who waits to get
 * waits for a put, and nobody is known to owe one; who waits to put or to join, or for something
 * that one owns at a time, waits for its holders. Must not know: the broker. */
#ifndef CLI_WHY_H
#define CLI_WHY_H

#include <muster.h>

#include "cli/output.h"

enum why_role { WHY_GETS, WHY_PUTS, WHY_JOINS, WHY_WAITS, WHY_ROLES };

struct why_object {
    char *name;
    muster_stat *stat;
    unsigned told; /* bit r: what its waiters of role r wait for was told */
};

struct why {
    struct why_object *objects;
    size_t count;
    struct why_wait *waits; /* of all objects, by session; made by why_tell */
    size_t waits_count;
};

/* A name that is there already keeps what it has, and stat is freed; it always belongs to why. */
void why_add(struct why *why, const char *name, muster_stat *stat);
bool why_has(const struct why *why, const char *name);
void why_clear(struct why *why);

/* The chain that begins with those who wait at the object of that name, which must be there. most:
 * so many of one sort are told, the rest is counted. */
void why_tell(struct why *why, const char *name, bool json, size_t most, struct out *out);

/* Nothing is written when there is nothing to say beyond who holds it. */
void why_reason(const struct why_object *object, enum why_role role, struct out *out);

#endif
