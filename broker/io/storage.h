/* storage.h - the data directory of a running broker, and the commands that look after one.
 *
 * Brings together the real disk, the helper threads, the journal and the engine. */
#ifndef IO_STORAGE_H
#define IO_STORAGE_H

#include "broker/io/internal.h"

/* Opens --data-dir, recovers what is in it into io->engine, and attaches the journal. 0, or the
 * exit code after a log line. Without --data-dir it does nothing. */
int storage_open(struct io *io);
/* Jobs that end wake the loop from now on. false: out of memory. */
bool storage_watch(struct io *io);
/* Before the loop waits: a batch that the journal left to it is written and synced here, or goes to
 * its helper. true: it was written, and the engine wants its turn. */
bool storage_write(struct io *io, bool here);
/* After the engine is freed. false: a job is under way that may take minutes, as a compaction; the
 * process is to end at once, which harms nothing. */
bool storage_close(struct io *io);

/* --verify-data and --salvage: the whole of a process that does nothing else. The exit code. */
bool storage_is_command(const struct config *config);
int storage_command(const struct config *config, const struct log *log);

#endif
