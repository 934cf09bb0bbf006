/* run.h - what every public function does: check, send, wait, tell. */
#ifndef MST_RUN_H
#define MST_RUN_H

#include "client-lib/cancel.h"
#include "client-lib/error.h"
#include "client-lib/transport.h"

/* What a muster_queue, muster_event and muster_barrier are: a name at a client. */
struct mst_object {
    muster_client *client;
    struct mst_handle *handle;
};
struct muster_queue {
    struct mst_object object;
};
struct muster_event {
    struct mst_object object;
};
struct muster_barrier {
    struct mst_object object;
    unsigned parties;
};

/* Counts a reference to the client and one to the handle. OK, VALUE, NO_MEMORY, UNAVAILABLE. */
enum muster_status mst_object_open(muster_client *client, const char *name, size_t bytes_max,
                                   struct mst_object *object_out);
void mst_object_close(struct mst_object *object);
const char *mst_object_name(const struct mst_object *object);

/* Sends request and waits for the outcome in *call. Whatever is returned, the caller takes what it
 * wants out of call->outcome and then calls mst_call_clear. Other than OK: the error is told as
 * "verb name". Messages in the outcome belong to the caller. */
enum muster_status mst_run(muster_client *client, const struct mst_request *request,
                           muster_cancel *cancel, struct mst_call *call, const char *verb,
                           const char *name);
/* The same for a request that flows, without a whole one having to be made. */
enum muster_status mst_run_flow(muster_client *client, const struct mst_flow_request *flow,
                                muster_cancel *cancel, struct mst_call *call, const char *verb,
                                const char *name);
/* mst_run for an object, and for outcomes of which only the status matters. */
enum muster_status mst_run_on(const struct mst_object *object, struct mst_request *request,
                              const char *verb);

/* The messages of an outcome become the application's. The lock is held. */
void mst_adopt_messages(muster_client *client, struct muster_message *messages);

/* Copies what the caller's options have over what *to has already. false: their size is wrong. */
bool mst_read_options(void *to, size_t to_size, const void *from, const char *what);
bool mst_time_is_valid(int64_t time_ns, const char *what); /* >= 0; else the error is told */

#endif
