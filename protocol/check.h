/* check.h - is this one bounded msgpack array? Asked of any frame that the decoder could not read
 * to its end as what its operation says.
 *
 * So what is malformed, and closes the connection, is told from what is only wrong. What could be
 * read by the tables of messages.c, all of it and nothing else, would pass this check. */
#ifndef MST_CHECK_H
#define MST_CHECK_H

#include "protocol/limits.h"
#include "protocol/span.h"

/* Exactly one array; nesting, number of values and every length within bounds; no ext types, no
 * reserved byte, nothing behind it. false: *why_out is a short static text. */
bool mst_check(struct mst_span payload, const char **why_out);

#endif
