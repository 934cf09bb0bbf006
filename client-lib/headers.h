/* headers.h - the headers of a message on the wire: one msgpack map of text to bytes. The
 * broker does not look into it; what comes back may be anybody's, and is read with care. */
#ifndef MST_HEADERS_H
#define MST_HEADERS_H

#include <muster.h>

#include "protocol/buf.h"

/* OK, VALUE, NO_MEMORY, with the error told. Nothing is appended for no headers. */
enum muster_status mst_headers_pack(struct mst_buf *out, const muster_header *headers,
                                    size_t count);
/* The value of a name; none if it is not there or the bytes are no such map. */
struct mst_span mst_headers_find(struct mst_span headers, struct mst_span name);

#endif
