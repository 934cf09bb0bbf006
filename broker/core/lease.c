/* lease.c - one delivery: on the way in a reply, then taken, until it ends.
 *
 * On the way it belongs to the entry of its request; taken, to its session; detached, to nobody.
 * Invariant: a message is LEASED as long as it has one. What becomes of the message is for others
 * to say: queue_done.c. */
#include "broker/core/internal.h"

struct lease *lease_new(struct core *core, struct queue *queue, struct session *session,
                        struct entry *entry, uint64_t request, struct message *message,
                        const struct record *record)
{
    struct lease *lease;

    NEED(core, (lease = pool_take(&core->lease_pool)) != NULL);
    lease->message = message;
    lease->priority = message->in.priority;
    lease->queue = queue;
    lease->session = session;
    lease->session_id = session->id;
    lease->request = request;
    lease->mode = (enum mst_get_mode)record->mode;
    lease->lease_ns = record->lease_ns;
    lease->detached = record->detached != 0;
    lease->since_ns = record->now_ns;
    lease->until_ns = MST_FOREVER;
    timer_init(&lease->timer, TIMER_LEASE);
    entry_lend(entry, lease);
    list_insert(&session->leases, &lease->in_session);
    list_insert(&queue->leases, &lease->in_queue);
    session->leases_count++;
    stored_add(core, &queue->object, STORED_LEASE);
    return lease;
}

void lease_free(struct core *core, struct lease *lease)
{
    if (lease->taken && lease->mode == MST_GET_LEASE) {
        histogram_observe(&lease->queue->counts->held, histogram_message_ns,
                          core->now_ns - lease->since_ns);
    }
    if (timer_armed(&lease->timer)) {
        timer_cancel(core, &lease->timer);
    }
    if (lease->entry != NULL) {
        list_remove(&lease->in_entry);
    }
    if (lease->session != NULL) {
        list_remove(&lease->in_session);
        lease->session->leases_count--;
    }
    list_remove(&lease->in_queue);
    stored_take(core, &lease->queue->object, STORED_LEASE);
    mst_blob_unref(&lease->holder);
    lease->message->state = MST_READY;
    lease->message->in.priority = lease->priority;
    pool_give(&core->lease_pool, lease);
}

void message_unlease(struct core *core, struct queue *queue, struct message *message)
{
    struct lease *lease = message_lease(message);

    if (lease != NULL) {
        lease_free(core, lease);
        queue->leased--;
    }
}

/* The application has it. In auto mode it leaves the queue; a lease's time begins. */
void lease_taken(struct core *core, struct lease *lease, const struct record *record)
{
    struct queue *queue = lease->queue;
    struct message *message = lease->message;

    list_remove(&lease->in_entry);
    lease->entry = NULL;
    lease->taken = true;
    lease->since_ns = record->now_ns;
    queue->object.version++;
    if (object_is_durable(&queue->object)) {
        queue->object.seq = record->seq;
    }
    object_mark_dirty(core, &queue->object);
    if (lease->mode == MST_GET_AUTO) {
        session_account(core, lease->session, queue)->taken++;
        message_unlease(core, queue, message);
        message_free(core, queue, message);
        return;
    }
    lease->until_ns = time_after(record->now_ns, lease->lease_ns);
    if (lease->until_ns != MST_FOREVER) {
        timer_set(core, &lease->timer, lease->until_ns);
    }
    if (lease->detached) {
        list_remove(&lease->in_session);
        lease->session->leases_count--;
        lease->holder = mst_blob_ref(lease->session->label);
        lease->session = NULL;
    }
}
