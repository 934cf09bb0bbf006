/* dedup.c - which keys a queue has seen within its window: put at most once per key.
 *
 * Notes are forgotten from the oldest on, some whenever one is added; a full memory refuses with
 * LIMIT rather than forget early. The window is counted on the deadline line, so replay forgets the
 * same. Notes are charged to the broker's memory.
 * Invariant: a key has at most one note. */
#include "broker/core/internal.h"

#define FORGET_AT_ONCE 16 /* so that a crowd of old notes never holds up the put that finds them */
#define NOTE_OVERHEAD  (sizeof(struct dedup_note) + sizeof(struct mst_blob) + 24)

void dedup_note_free(struct core *core, struct dedup_note *note)
{
    core->memory -= NOTE_OVERHEAD + note->key->len;
    list_remove(&note->in_order);
    mst_blob_unref(&note->key);
    free(note);
}

static void drop_note(struct core *core, struct queue *queue, struct dedup_note *note)
{
    strmap_remove(&queue->dedup, &note->node);
    stored_take(core, &queue->object, STORED_NOTE + note->key->len);
    dedup_note_free(core, note);
}

static void forget_old(struct core *core, struct queue *queue, int64_t now_ns)
{
    int64_t window_ns = setting(&queue->object, SETTING_DEDUP_WINDOW);

    for (int i = 0; i < FORGET_AT_ONCE && !list_empty(&queue->dedup_order); i++) {
        struct dedup_note *note = OWNER(queue->dedup_order.next, struct dedup_note, in_order);

        if (time_after(note->at_ns, window_ns) > now_ns) {
            return;
        }
        drop_note(core, queue, note);
    }
}

struct dedup_note *dedup_find(struct step *step, struct queue *queue, struct mst_span key)
{
    struct strmap_node *node = strmap_find(&queue->dedup, key);
    struct dedup_note *note = node == NULL ? NULL : OWNER(node, struct dedup_note, node);
    int64_t window_ns = setting(&queue->object, SETTING_DEDUP_WINDOW);

    if (note == NULL || time_after(note->at_ns, window_ns) <= step->core->now_ns) {
        return NULL;
    }
    return note;
}

/* Old notes are forgotten when the next one is added, so one that is past its window is room. */
bool dedup_full(const struct queue *queue, int64_t now_ns)
{
    const struct dedup_note *oldest;

    if (queue->dedup.count < MST_DEDUP_KEYS_MAX) {
        return false;
    }
    oldest = OWNER_CONST(queue->dedup_order.next, struct dedup_note, in_order);
    return time_after(oldest->at_ns, setting(&queue->object, SETTING_DEDUP_WINDOW)) > now_ns;
}

void dedup_add(struct core *core, struct queue *queue, struct mst_blob *key, uint64_t message,
               int64_t now_ns)
{
    struct strmap_node *same = strmap_find(&queue->dedup, mst_blob_span(key));

    if (same != NULL) { /* past its window, and not forgotten yet */
        drop_note(core, queue, OWNER(same, struct dedup_note, node));
    }
    forget_old(core, queue, now_ns);
    dedup_restore(core, queue, key, message, now_ns);
}

void dedup_restore(struct core *core, struct queue *queue, struct mst_blob *key, uint64_t message,
                   int64_t at_ns)
{
    struct dedup_note *note;

    NEED(core, (note = calloc(1, sizeof(*note))) != NULL);
    note->key = mst_blob_ref(key);
    note->node.key = mst_blob_span(note->key);
    note->message = message;
    note->at_ns = at_ns;
    core->memory += NOTE_OVERHEAD + key->len;
    stored_add(core, &queue->object, STORED_NOTE + key->len);
    list_insert(&queue->dedup_order, &note->in_order);
    NEED(core, strmap_insert(&queue->dedup, &note->node));
}
