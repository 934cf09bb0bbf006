/* lines.h - a history on disk: a file per program, a line for each beginning and end of a call, and
 * a file of what was done to them.
 *
 * A line is appended with one write before the call is made, and one after it returned, so that a
 * program that is killed leaves all it knew. Only the last line may be torn, and then counts as
 * not written. Times are of the machine's monotonic clock, which all its processes share.
 *
 *   begin NUMBER NS SESSION OP NUMBERS... on=OBJECT... key=KEY put=PRIORITY,BODY...
 *   end NUMBER NS SESSION STATUS NUMBERS... id=FIRST got=OBJECT,ID,DELIVERY,PRIORITY,DIED,BODY...
 *   fault FROM TO PROGRAM|*      something kept it, or everybody, from the broker
 *   leaves NS, gone NS           the program ends its session; its process has ended
 *   restart NS                   the broker of before is dead, and all that it knew with it
 *   rest NS                      from here on nobody holds anything
 *
 * Must not know: the broker, nor how clients call it. */
#ifndef SOAK_LINES_H
#define SOAK_LINES_H

#include "tests/sim/history.h"

#define SOAK_QUEUES 3
enum soak_object { SOAK_GO = 2 * SOAK_QUEUES, SOAK_GATE, SOAK_OBJECTS };

/* Queues 0 .. SOAK_QUEUES-1, then the dead letters of each, the event, the barrier. */
const char *soak_name(size_t object);

int64_t lines_now_ns(void);
int lines_open(const char *folder, const char *program); /* to append to */

/* call->begin_ns, and the session then. Objects of calls are numbers of soak_name. */
void lines_begin(int fd, uint64_t number, uint64_t session, const struct history_call *call);
/* call->end_ns, and the session then. What was put is not told again. */
void lines_end(int fd, uint64_t number, uint64_t session, const struct history_call *call);
void lines_say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What such a line says of the call; false: it is no such line. */
bool lines_read_begin(const char *line, struct history_call *call);
bool lines_read_end(const char *line, struct history_call *call);

#endif
