/* memory.c - what the core does when the system has no memory left; the rule is in internal.h.
 *
 *   plenty:  what was set aside is whole
 *   short:   some of it is spent: what adds is refused, until enough was given back
 *   low:     less than half is left: who does more than give back is hung up on, and comes again
 *
 * Must not know: how much memory messages are charged (--max-memory is for the deciders). */
#include "broker/core/internal.h"

#include <assert.h>

/* The numbers and texts of a record, and of each body in it, at most. */
#define RECORD_FIXED_BYTES 256u
#define RECORD_BODY_BYTES  32u

const char *const memory_is_used_up =
    "the broker's memory is used up; take messages out, then try again";

/* Half a step is worse than a restart. */
void memory_spend(struct core *core)
{
    bool was_left = reserve_spend(&core->reserve);

    assert(was_left && "out of memory, and of what was set aside for a step");
}

void core_spare_memory(struct core *core)
{
    memory_spend(core);
}

bool core_lend_memory(struct core *core)
{
    return core->reserve.count > RESERVE_BLOCKS / 2 && reserve_spend(&core->reserve);
}

bool memory_is_short(struct core *core)
{
    return core->memory_short || heap_is_tight(&core->timers) ||
           (!reserve_is_full(&core->reserve) && !reserve_fill(&core->reserve));
}

bool memory_is_low(const struct core *core)
{
    return reserve_is_low(&core->reserve);
}

void **memory_sorted(struct core *core, const struct idmap *map)
{
    void **values = NULL;

    if (map->count > 0) {
        NEED(core, (values = idmap_sorted(map)) != NULL);
    }
    return values;
}

/* ---- requests ---- */

enum need { NEED_NOTHING, NEED_SOME, NEED_MORE }; /* gives back, takes a little, adds */

static enum need need_of(enum mst_op op)
{
    switch (op) {
    case MST_OP_DONE:
    case MST_OP_TASK_DONE:
    case MST_OP_NACK:
    case MST_OP_EXTEND:
    case MST_OP_PURGE:
    case MST_OP_DELETE:
    case MST_OP_SHUTDOWN:
    case MST_OP_REMOVE:
    case MST_OP_KILL:
    case MST_OP_EVENT_SET:
    case MST_OP_BARRIER_DONE:
    case MST_OP_BARRIER_ABORT:
    case MST_OP_BARRIER_RESET: return NEED_NOTHING;
    case MST_OP_PUT:
    case MST_OP_REDRIVE:
    case MST_OP_BARRIER_WAIT:
    case MST_OP_DECLARE: return NEED_MORE;
    default: return NEED_SOME;
    }
}

bool memory_refuses(struct step *step, struct session *session, const struct mst_request *request)
{
    enum need need;

    if (!memory_is_short(step->core)) {
        return false;
    }
    need = need_of(request->op);
    if (need != NEED_NOTHING && memory_is_low(step->core)) {
        effects_close(step, session->conn, "out of memory");
        return true;
    }
    if (need == NEED_MORE) {
        refuse(step, session, request, MST_NO_MEMORY, mst_span_text(memory_is_used_up));
    }
    return need == NEED_MORE;
}

bool memory_for_put(struct step *step, struct queue *queue, const struct put_list *put)
{
    size_t bytes = RECORD_FIXED_BYTES + put->charge + put->count * RECORD_BODY_BYTES;
    bool has_record = step->core->config.has_storage && object_is_durable(&queue->object);

    return (!has_record || mst_buf_reserve(&step->effects->records, bytes)) &&
           !idmap_is_tight(&queue->messages);
}
