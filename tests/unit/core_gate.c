/* core_gate.c - see core_gate.h. */
#include "tests/unit/core_gate.h"
#include "tests/unit/cmocka_all.h"

void gate_open(struct world *w, enum world_storage storage)
{
    world_open(w, storage);
    world_hello(w, "a");
    world_hello(w, "b");
    world_hello(w, "c");
    world_hello(w, "d");
}

uint64_t gate_arrive_for(struct world *w, const char *who, int64_t timeout_ns)
{
    struct mst_request *request = world_request(w, who, MST_OP_BARRIER_WAIT, "gate");

    request->parties = 3;
    request->timeout_ns = timeout_ns;
    return world_send(w);
}

uint64_t gate_arrive(struct world *w, const char *who)
{
    return gate_arrive_for(w, who, MST_DEFAULT_TIMEOUT);
}

void gate_expect_passed(struct world *w, const char *who, uint64_t id, uint64_t index,
                        uint64_t generation)
{
    const struct mst_reply *reply = expect_reply(w, who, id, MST_OK);

    assert_int_equal(reply->index, index);
    assert_int_equal(reply->generation, generation);
    assert_false(reply->leader);
}
