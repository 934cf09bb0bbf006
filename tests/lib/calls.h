/* calls.h - clients of libmuster for one integration test: what nearly every test does with them.
 *
 * Clients and queues belong to the world and are closed with it. Each expectation fails the test
 * when it does not hold within WAIT_LIMIT_MS. */
#ifndef TESTS_LIB_CALLS_H
#define TESTS_LIB_CALLS_H

#include <muster.h>

#include "tests/lib/harness.h"

#define WAIT_LIMIT_NS (WAIT_LIMIT_MS * MUSTER_MS)

/* Does not return on failure. ttl_ns as in muster_client_options. */
muster_client *client_open(struct world *world, const char *url, int64_t ttl_ns);
muster_queue *queue_open(struct world *world, muster_client *client, const char *name);

#define expect_status(call, status) expect_status_(call, status, #call, __FILE__, __LINE__)
void expect_status_(enum muster_status got, enum muster_status wanted, const char *call,
                    const char *file, int line);

void expect_put(muster_queue *queue, const char *body);
/* The next message is this one, in its so many-th delivery; it is finished. */
void expect_get(muster_queue *queue, const char *body, uint64_t delivery);
void expect_ready(muster_queue *queue, uint64_t count);
/* Asks until so many calls wait on the object. */
void await_waiting(muster_client *client, const char *name, uint64_t count);

/* A blocking call in a thread of its own. */
struct blocked;
struct blocked *blocked_get(struct world *world, muster_queue *queue);
struct blocked *blocked_put(struct world *world, muster_queue *queue, const char *body);
struct blocked *blocked_join(struct world *world, muster_queue *queue);
bool blocked_is_over(struct blocked *blocked);
/* Waits until the call is over. A message it took is finished and freed; body_out (may be NULL) is
 * its text, "" if none. */
enum muster_status blocked_finish(struct blocked *blocked, char body_out[64]);
/* The same, but the call is cancelled at once. */
enum muster_status blocked_cancel(struct blocked *blocked, char body_out[64]);

#endif
