/* core_foreign.h - records for tests of what a recovery makes of those that are not ours: taken
 * apart, changed, and whether a core that took them in is whole. */
#ifndef CORE_FOREIGN_H
#define CORE_FOREIGN_H

#include "broker/core/core.h"
#include "broker/core/record.h"

/* The records, each by itself; returns how many. */
size_t foreign_split(struct mst_span all, struct mst_span *out, size_t max);
/* A record as numbers, out of the arena, without a place for bodies; to be let go of. */
void foreign_decode(struct mst_span bytes, struct mst_arena *arena, struct record *record);
void foreign_let_go(struct record *record);
/* A snapshot in one piece, with all bodies that are here; to be cleared. */
struct mst_buf foreign_snapshot(const struct core *core);

/* What was taken in is whole: it adds up, can be looked at, goes on, and a snapshot of it is a core
 * again. */
void foreign_expect_usable(struct core *core, const struct core_config *config);

#endif
