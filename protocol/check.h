/* check.h - is this one bounded msgpack array? Asked before any byte of a frame means anything.
 *
 * After this check every declared length is known to be there, so that the decoder can tell what is
 * malformed, and closes the connection, from what is only wrong. */
#ifndef MST_CHECK_H
#define MST_CHECK_H

#include "protocol/limits.h"
#include "protocol/span.h"

/* Exactly one array; nesting, number of values and every length within bounds; no ext types, no
 * reserved byte, nothing behind it. false: *why_out is a short static text. */
bool mst_check(struct mst_span payload, const char **why_out);

#endif
