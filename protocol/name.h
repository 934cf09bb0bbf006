/* name.h - what an object may be called, and which names a pattern means.
 *
 * A name is 1 to 255 bytes of UTF-8 without control characters; '/' separates its parts. */
#ifndef MST_NAME_H
#define MST_NAME_H

#include "protocol/span.h"

bool mst_name_valid(struct mst_span name);

/* What a client may create a queue as: shorter, and without the suffix of the dead letters. */
bool mst_queue_name_valid(struct mst_span name);

/* `*` stands for any bytes within a part, `**` for any bytes at all, both also for none; everything
 * else stands for itself. The time is bounded by the product of both lengths. */
bool mst_name_matches(struct mst_span pattern, struct mst_span name);

#endif
