/* fetch.h - bodies read back from the journal, for readers that wait for them.
 *
 * All that a turn asks for is one job in lane READ: sorted by place, neighbours read with one read,
 * each judged by its own hash. A file stays as long as a job reads it. Must not know: who reads. */
#ifndef JOURNAL_FETCH_H
#define JOURNAL_FETCH_H

#include "broker/journal/internal.h"

/* Stands for the backup where a place has the number of a file: no file gets it. */
#define FETCH_BACKUP (JOURNAL_FILES_MAX - 1)

bool fetch_new(struct store *store); /* false: no memory */
void fetch_free(struct store *store);
/* Was something asked for since the last turn, which the next one is to read? */
bool fetch_wants_turn(const struct store *store);
void fetch_turn(struct store *store); /* once a turn */
/* Of the table. */
void fetch_ask(struct journal *journal, struct journal_fetch *fetch);
struct journal_fetch *fetch_take(struct journal *journal);

#endif
