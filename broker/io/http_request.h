/* http_request.h - what a request for the broker's figures says: which page, or why not.
 *
 * Two methods, three paths, no body. Pure: bytes in, a decision out. Must not know: sockets, what
 * the pages hold. */
#ifndef IO_HTTP_REQUEST_H
#define IO_HTTP_REQUEST_H

#include "protocol/span.h"

#define HTTP_REQUEST_BYTES_MAX 8192 /* request line and headers */

enum http_page { HTTP_METRICS, HTTP_HEALTHZ, HTTP_READYZ };

struct http_request {
    int status;         /* 200, or why there is no page */
    const char *reason; /* of the status */
    enum http_page page;
    bool is_head; /* the page's head alone is wanted */
};

/* false: more bytes are needed to tell. Never false of HTTP_REQUEST_BYTES_MAX bytes or more. */
bool http_request_read(struct mst_span bytes, struct http_request *request);

#endif
