/* disk.h - the real disk: one directory of this machine, used by one broker at a time.
 *
 * Implements the journal's storage table (broker/journal/disk.h). Thread-safe as that demands. */
#ifndef IO_DISK_H
#define IO_DISK_H

#include "broker/journal/disk.h"

#define IO_DISK_ERROR_MAX 512
#define IO_DISK_LOCK_NAME "lock" /* never listed */

/* How a directory that cannot be used is told apart, for the exit code. */
enum io_disk_status { IO_DISK_OK, IO_DISK_IN_USE, IO_DISK_DENIED, IO_DISK_FAILED, IO_DISK_USAGE };

/* Opens and locks the directory. make: it is made, of mode 0700, when it is not there. write: files
 * may be changed; without it nothing is, not even the lock is made when there is none. error has
 * one line: what was tried, what happened, what to do. */
enum io_disk_status io_disk_open(const char *path, bool make, bool write, struct disk **disk_out,
                                 char error[IO_DISK_ERROR_MAX]);
void io_disk_close(struct disk **disk); /* nulls the caller's pointer; NULL is fine */

#endif
