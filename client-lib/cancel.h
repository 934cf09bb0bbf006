/* cancel.h - which calls a cancel token speaks for. */
#ifndef MST_CANCEL_H
#define MST_CANCEL_H

#include "client-lib/transport.h"

/* A call, or a waiter when no single call is waited for. */
struct mst_cancel_link {
    struct mst_cancel_link *next;
    struct mst_cancel_link *prev;
    muster_client *client;
    struct mst_call *call;
    struct mst_waiter *waiter;
};

/* false: it was fired already. cancel may be NULL. No lock may be held. */
bool mst_cancel_join(muster_cancel *cancel, struct mst_cancel_link *link);
void mst_cancel_leave(muster_cancel *cancel, struct mst_cancel_link *link);

#endif
