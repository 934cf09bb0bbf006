/* wire.h - the bytes between one program and the broker, and all that can happen to them.
 *
 * A pipe carries one direction. It can take its time, hand out bytes in pieces of any size, stand
 * still, swallow what it is given, have little room, or break after exactly so many bytes.
 * Must not know: who is at its ends, what the bytes mean. */
#ifndef SIM_WIRE_H
#define SIM_WIRE_H

#include "protocol/buf.h"

#define WIRE_NEVER UINT64_MAX

struct pipe {
    struct mst_buf bytes;    /* under way */
    struct mst_buf arrivals; /* struct arrival of each piece that was given, in order */
    size_t room;             /* most bytes under way; 0: no limit */
    int64_t latency_ns;
    uint64_t given;
    uint64_t passed;
    uint64_t break_after;   /* the wire breaks when so many have passed */
    uint64_t swallow_after; /* what is given behind so many is lost, and nobody is told */
    bool stalled;           /* bytes stay where they are */
    bool swallows;          /* what is given from now on is lost */
};

void pipe_init(struct pipe *pipe);
void pipe_clear(struct pipe *pipe);
/* How many bytes it took. */
size_t pipe_give(struct pipe *pipe, struct mst_span bytes, int64_t now_ns);
/* What can be taken out now, at most piece_max bytes (0: any number); valid until the next call. */
struct mst_span pipe_look(struct pipe *pipe, size_t piece_max, int64_t now_ns);
void pipe_take(struct pipe *pipe, size_t len);
/* All that it lets through has passed; one that lets nothing through shows it when it is used. */
bool pipe_is_broken(const struct pipe *pipe);
int64_t pipe_next_arrival_ns(const struct pipe *pipe); /* INT64_MAX: none */

#endif
