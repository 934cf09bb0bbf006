/* reading.h - the history of a soak, from the files that its programs left behind (lines.h).
 *
 * What is not certain is told as such, so that the judges never speak falsely: who was kept from
 * the broker counts as cut off until something that it asked afterwards was answered; whose session
 * changed during a call has a session of its own there; a lease may have begun with its get.
 *
 * A broker without a data directory has several lives, and each its own history: a call that was
 * under way at its death may have been carried out in either life. */
#ifndef SOAK_READING_H
#define SOAK_READING_H

#include "tests/sim/history.h"

struct reading;

struct reading *reading_new(const char *folder); /* NULL: it cannot be read, and errno says why */
void reading_free(struct reading **reading);

size_t reading_lives(const struct reading *reading);
size_t reading_calls(const struct reading *reading);
/* To be freed by the caller. */
struct history *reading_history(const struct reading *reading, size_t life);
/* A status that no call may end with, whatever happens to clients and broker; NULL: there is none.
 * The text is the reading's. */
const char *reading_misfit(struct reading *reading);

#endif
