/* async.h - a call whose outcome goes to a callback. */
#ifndef MST_ASYNC_H
#define MST_ASYNC_H

#include "client-lib/run.h"

/* What an application holds of a call, or a token refers to; other asynchronous calls have none.
 * Counted by the library until the callback has run, and by the application while it holds it. Its
 * own fields are guarded by the client's lock. */
struct muster_call {
    muster_client *client; /* counted */
    struct mst_call *call; /* NULL once it is over */
    unsigned references;
    size_t room; /* of its memory */
    muster_cancel *cancel;
    struct mst_cancel_link link;
};

struct mst_async_options {
    muster_cancel *cancel;
    muster_callback *callback; /* NULL: failures are told by muster_flush */
    void *user;
    muster_call **call_out;
};

enum muster_status mst_async(const struct mst_object *object, const struct mst_request *request,
                             const struct mst_async_options *options, const char *verb);
/* The same for what comes in masses: it joins the run before it, if nothing sets it apart. */
enum muster_status mst_async_flow(const struct mst_object *object,
                                  const struct mst_flow_request *request,
                                  const struct mst_async_options *options, const char *verb);

#endif
