/* http.h - /metrics, /healthz and /readyz over HTTP, for those who watch the broker.
 *
 * It only looks: nothing that comes in here reaches the engine. libevent's evhttp speaks HTTP; here
 * is what it leaves open: that connections are few, short-lived and bounded in memory, and that a
 * page is made and sent in slices between the turns of the loop. */
#ifndef IO_HTTP_H
#define IO_HTTP_H

#include <event2/event.h>

#include "broker/io/listen.h"

#define HTTP_CLIENTS_MAX      16
#define HTTP_EXCHANGE_S       10   /* from connecting to the end of the answer */
#define HTTP_HEADER_BYTES_MAX 8192 /* request line and headers; there is no body */

struct http;
struct engine;

/* Listens where the configuration says; nowhere is fine: *out is NULL then. Returns 0, or the exit
 * code after one line in the log. engine must outlive it. */
int http_open(struct http **out, struct event_base *base, struct engine *engine,
              const struct config *config, const struct log *log);
void http_close(struct http **http);

/* Where it listens, to be told; none if http is NULL. */
size_t http_listeners(const struct http *http);
const char *http_listener_text(const struct http *http, size_t i);

#endif
