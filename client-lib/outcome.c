/* outcome.c - replies to public structs. */
#include "client-lib/outcome.h"

#include <string.h>

muster_tallies mst_outcome_tallies(const struct mst_call *call)
{
    uint64_t n[MST_TALLY_COUNT] = {0};

    if (call->op == MST_OP_JOIN && call->outcome.reply != NULL) {
        const struct mst_reply *reply = call->outcome.reply;
        size_t count =
            reply->tallies_count < MST_TALLY_COUNT ? reply->tallies_count : (size_t)MST_TALLY_COUNT;

        memcpy(n, reply->tallies, count * sizeof(uint64_t));
    }
    return (muster_tallies){n[MST_TALLY_DONE],    n[MST_TALLY_DEAD],    n[MST_TALLY_PURGED],
                            n[MST_TALLY_DELETED], n[MST_TALLY_EXPIRED], n[MST_TALLY_DROPPED],
                            n[MST_TALLY_LOST]};
}

muster_barrier_result mst_outcome_barrier(const struct mst_call *call)
{
    muster_barrier_result result;

    memset(&result, 0, sizeof(result));
    if (call->op == MST_OP_BARRIER_WAIT && call->outcome.reply != NULL) {
        const struct mst_reply *reply = call->outcome.reply;
        size_t room = sizeof(result.value);

        result.index = (unsigned)reply->index;
        result.generation = reply->generation;
        result.leader = reply->leader;
        result.value_size = reply->value.len;
        if (reply->value.len > 0) {
            memcpy(result.value, reply->value.data,
                   reply->value.len < room ? reply->value.len : room);
        }
    }
    return result;
}
