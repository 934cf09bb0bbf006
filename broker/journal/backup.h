/* backup.h - a copy of the live state in one file, made while the broker works: of the table. */
#ifndef JOURNAL_BACKUP_H
#define JOURNAL_BACKUP_H

#include "broker/journal/internal.h"

bool store_backup_new(struct store *store); /* false: no memory */
void store_backup_free(struct store *store);
void store_backup_turn(struct store *store); /* once a turn */
/* Is one being written? Then no file may go. */
bool store_backup_holds_files(const struct store *store);
/* Of the table. */
bool store_backup_begin(struct journal *journal);
uint64_t store_backup_size(const struct journal *journal);
void store_backup_read(struct journal *journal, uint64_t offset, struct journal_fetch *fetch);
void store_backup_end(struct journal *journal);

#endif
