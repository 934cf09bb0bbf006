/* queue.c - messages waiting for takers, or takers waiting for messages.
 *
 * Invariant 1: after settling, never a ready message beside a connected getter, unless paused.
 * Invariant 2: unfinished == kept + taken in auto mode and not done; join waits for zero.
 * Knows nothing of sockets, of the journal, or of what time it is but what the step says. */
#include "broker/core/internal.h"

#include <assert.h>

#define DISCARD_SLICE 1000

struct queue *queue_new(struct core *core, enum mst_kind kind, uint64_t first_id)
{
    struct queue *queue = calloc(1, sizeof(*queue));

    if (queue == NULL || !figures_attach(core, queue)) {
        free(queue);
        return NULL;
    }
    pile_init(&queue->ready, kind, &queue->messages);
    idmap_init(&queue->messages);
    list_init(&queue->leases);
    list_init(&queue->accounts);
    queue->first_id = queue->next_id = first_id;
    line_init(&queue->getters);
    line_init(&queue->putters);
    line_init(&queue->joiners);
    strmap_init(&queue->dedup, core->config.boot);
    list_init(&queue->dedup_order);
    return queue;
}

void queue_apply_settings(struct queue *queue, enum mst_kind kind)
{
    if (queue->ready.kind != kind) {
        assert(queue->ready.count == 0);
        pile_clear(&queue->ready);
        pile_init(&queue->ready, kind, &queue->messages);
    }
}

void queue_begin(struct queue *queue, uint64_t count)
{
    if (queue->unfinished == 0) {
        memset(queue->tallies, 0, sizeof(queue->tallies));
    }
    queue->unfinished += count;
}

void queue_finish(struct core *core, struct queue *queue, enum mst_tally why, uint64_t count)
{
    assert(queue->unfinished >= count);
    queue->unfinished -= count;
    queue->tallies[why] += count;
    queue->totals[why] += count;
    queue->counts->left[why] += count;
    object_mark_dirty(core, &queue->object);
}

bool queue_has_room(const struct queue *queue, uint64_t messages, uint64_t bytes)
{
    uint64_t maxsize = (uint64_t)setting(&queue->object, SETTING_MAXSIZE);
    uint64_t max_bytes = (uint64_t)setting(&queue->object, SETTING_MAX_BYTES);

    return (maxsize == 0 || queue_kept(queue) + messages <= maxsize) &&
           (max_bytes == 0 || queue->kept_bytes + bytes <= max_bytes);
}

bool queue_drained(const struct queue *queue)
{
    return queue->shut && (queue->shut_now || queue_kept(queue) == 0);
}

bool timeout_valid(int64_t timeout_ns)
{
    return timeout_ns >= 0 || timeout_ns == MST_DEFAULT_TIMEOUT;
}

/* ---- cutting off many messages at once ---- */

uint64_t queue_discard(struct core *core, struct queue *queue)
{
    uint64_t count = queue->ready.count + queue->delayed;
    struct discarded *discarded;

    NEED(core, (discarded = calloc(1, sizeof(*discarded))) != NULL);
    list_init(&discarded->notes);
    discarded->messages = queue->messages;
    discarded->next = core->discarded;
    core->discarded = discarded;
    idmap_init(&queue->messages);
    queue->kept_bytes = 0;
    stored_messages_take_all(core, queue, discarded->messages.count);
    pile_clear(&queue->ready);
    queue->delayed = 0;
    for (struct link *l = queue->leases.next; l != &queue->leases; l = l->next) {
        struct message *message = OWNER(l, struct lease, in_queue)->message;

        idmap_remove(&discarded->messages, message->id);
        NEED(core, idmap_set(&queue->messages, message->id, message));
        queue->kept_bytes += message_body_len(message);
        stored_message_add(core, queue, message);
    }
    return count;
}

/* Frees a little of it; returns how much, 0: nothing is left. */
static size_t discard_some(struct core *core, struct discarded *discarded)
{
    void *values[IDMAP_PAGE];
    size_t n = idmap_take_page(&discarded->messages, &discarded->at, values);

    for (size_t i = 0; i < n; i++) {
        message_release(core, values[i]);
    }
    if (n == 0 && !list_empty(&discarded->notes)) {
        dedup_note_free(core, OWNER(discarded->notes.next, struct dedup_note, in_order));
        n = 1;
    }
    return n;
}

void discard_slice(struct core *core)
{
    size_t freed = 0;

    while (core->discarded != NULL && freed < DISCARD_SLICE) {
        struct discarded *discarded = core->discarded;
        size_t n = discard_some(core, discarded);

        freed += n;
        if (n == 0) {
            core->discarded = discarded->next;
            idmap_clear(&discarded->messages);
            free(discarded);
        }
    }
}

void queue_free(struct core *core, struct queue *queue)
{
    while (!list_empty(&queue->leases)) {
        struct lease *lease = OWNER(queue->leases.next, struct lease, in_queue);
        struct message *message = lease->message;

        if (lease->entry != NULL) {
            entry_part(core, lease->session, lease->entry, lease->request, 1)->outcome.status =
                MST_GONE;
        }
        lease_free(core, lease);
        message_free(core, queue, message);
    }
    queue->leased = 0;
    queue_discard(core, queue);
    list_move_all(&core->discarded->notes, &queue->dedup_order);
    strmap_clear(&queue->dedup);
    while (!list_empty(&queue->accounts)) {
        struct account *account = OWNER(queue->accounts.next, struct account, in_queue);

        assert(account->blocked == 0);
        account->taken = 0;
        account_drop_if_idle(core, account);
    }
    if (queue->next_id > core->next_message) {
        core->next_message = queue->next_id;
    }
    pile_clear(&queue->ready);
    idmap_clear(&queue->messages);
    line_clear(&queue->getters);
    line_clear(&queue->putters);
    line_clear(&queue->joiners);
    stored_forget(core, &queue->object);
    figures_detach(core, queue);
    free(queue);
}

/* ---- settling ---- */

/* A get from several queues ends with SHUTDOWN only when the last of them is shut. */
static void end_getter(struct step *step, struct place *place)
{
    struct wait *wait = place->wait;
    bool elsewhere = &wait->place != place && wait->place.line != NULL;

    for (size_t i = 0; i < wait->more_count; i++) {
        elsewhere = elsewhere || (&wait->more[i] != place && wait->more[i].line != NULL);
    }
    if (elsewhere) {
        line_leave(place);
    } else {
        wait_end(step, wait, MST_SHUTDOWN, MST_SPAN_NONE);
    }
}

static void end_getters(struct step *step, struct queue *queue)
{
    struct place *place;

    while ((place = line_first(&queue->getters, false)) != NULL) {
        end_getter(step, place);
    }
    while (!list_empty(&queue->getters.aside)) {
        end_getter(step, OWNER(queue->getters.aside.next, struct place, link));
    }
}

void queue_settle(struct step *step, struct queue *queue)
{
    step->object = &queue->object;
    do {
        get_serve(step, queue);
    } while (put_serve(step, queue));
    if (queue->shut) {
        line_end_all(step, &queue->putters, MST_SHUTDOWN, MST_SPAN_NONE);
    }
    if (queue_drained(queue)) {
        end_getters(step, queue);
    }
    if (queue->unfinished == 0) {
        join_serve(step, queue);
    }
}
