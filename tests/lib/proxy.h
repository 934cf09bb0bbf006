/* proxy.h - a network between clients and a broker that fails on command.
 *
 * A thread forwards every connection made to its port. Commands are carried out before they return,
 * between two bytes, so a test knows exactly what was forwarded. What a command does to connections
 * holds for those that exist; later ones are forwarded again. Knows nothing of the protocol. */
#ifndef TESTS_LIB_PROXY_H
#define TESTS_LIB_PROXY_H

#include "tests/lib/harness.h"

struct proxy;

enum proxy_side { PROXY_TO_BROKER, PROXY_TO_CLIENT };

struct proxy *proxy_start(struct world *world, uint16_t broker_port);
const char *proxy_url(const struct proxy *proxy);
uint16_t proxy_port(const struct proxy *proxy);

void proxy_cut(struct proxy *proxy);   /* reset every connection */
void proxy_stall(struct proxy *proxy); /* keep every connection, forward nothing more */
void proxy_drop(struct proxy *proxy, enum proxy_side side); /* lose what flows to that side */
void proxy_refuse(struct proxy *proxy, bool refuse);        /* reset new connections at once */
/* Reset the connections once so many more bytes were forwarded, both ways together; then again each
 * time that so many were, when again is true. */
void proxy_cut_after(struct proxy *proxy, uint64_t bytes, bool again);
/* Waits until so many connections were accepted since the start. */
void proxy_await_connections(struct proxy *proxy, uint64_t count);
uint64_t proxy_forwarded(struct proxy *proxy); /* bytes since the start */

#endif
