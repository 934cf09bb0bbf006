/* memory.h - a journal in memory, for tests: batches become durable when the test says so, survive
 * a crash if they were durable, and can be replayed. */
#ifndef JOURNAL_MEMORY_H
#define JOURNAL_MEMORY_H

#include "broker/journal/journal.h"

/* at_once: every batch is durable when append returns. NULL: out of memory. */
struct journal *journal_memory_new(bool at_once);
/* What append took becomes durable. Returns the number to tell the engine. */
uint64_t journal_memory_sync(struct journal *journal);
/* Power fails: what is not durable never was. */
void journal_memory_crash(struct journal *journal);
/* The durable batches, in order, for core_recover. */
size_t journal_memory_batches(const struct journal *journal);
struct mst_span journal_memory_batch(const struct journal *journal, size_t i);
uint64_t journal_memory_durable(const struct journal *journal);

/* Little room is left, says the test; or not any more. */
void journal_memory_fill(struct journal *journal, bool full);

#endif
