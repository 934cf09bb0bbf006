/* journal.h - which records are durable: what the engine needs of a journal.
 *
 * The engine hands over one batch of encoded records at a time, and the next only when that one is
 * durable; records that come meanwhile wait for the next batch (group commit). A journal that
 * writes in the background returns from append at once, and its owner tells the engine later with
 * engine_durable. Must not know: what the records say, who waits for them. */
#ifndef JOURNAL_H
#define JOURNAL_H

#include "protocol/span.h"

struct journal;

struct journal_table {
    /* Takes a batch that is applied as a whole or not at all; seq is the number of its last record.
     * records is borrowed during the call. Returns the number up to which all is durable now: seq
     * for a journal that writes at once. Failure to write ends the process (DESIGN 6). */
    uint64_t (*append)(struct journal *journal, struct mst_span records, uint64_t seq);
    void (*free)(struct journal *journal);
};

/* First member of every journal. */
struct journal {
    const struct journal_table *table;
};

static inline uint64_t journal_append(struct journal *journal, struct mst_span records,
                                      uint64_t seq)
{
    return journal->table->append(journal, records, seq);
}

/* Nulls the caller's pointer; NULL is fine. */
static inline void journal_free(struct journal **journal)
{
    if (*journal != NULL) {
        (*journal)->table->free(*journal);
        *journal = NULL;
    }
}

#endif
