/* outcome.h - what a call's reply says, in the public structs. All zero for any other call. */
#ifndef MST_OUTCOME_H
#define MST_OUTCOME_H

#include "client-lib/client_call.h"

muster_tallies mst_outcome_tallies(const struct mst_call *call);
muster_barrier_result mst_outcome_barrier(const struct mst_call *call);

#endif
