/* stored.c - about what a snapshot of the durable state would write, kept as the state changes.
 *
 * Each object has its own sum, and the core has that of all durable ones and of the sessions, so
 * that asking costs nothing. What is not the length of something is reckoned with constants that
 * are about right (test_core_snapshot compares them with snapshots).
 * Invariant: core->stored.bytes is the sum of `stored` of the durable objects, plus what sessions,
 * their outcomes and the deliveries they finished take. */
#include "broker/core/internal.h"

#define STORED_OBJECT  90u
#define STORED_SESSION 86u
#define STORED_ENTRY   8u
#define STORED_DEAD    16u
#define STORED_MESSAGE 15u /* beside its body: the hash and the numbers that every one has */

uint64_t object_stored(const struct object *object)
{
    return STORED_OBJECT + object_name(object).len;
}

uint64_t session_stored(const struct session *session)
{
    return STORED_SESSION + session->name->len + session->host->len + session->identity->len +
           finished_kept(&session->finished[true]) * STORED_FINISHED;
}

static uint64_t length_of(const struct mst_blob *blob)
{
    return blob == NULL ? 0 : blob->len;
}

uint64_t entry_stored(const struct entry *entry)
{
    if (!entry->recorded || entry->seq == 0) {
        return 0;
    }
    return entry->count *
           (STORED_ENTRY + length_of(entry->outcome.cause) + length_of(entry->outcome.value));
}

static uint64_t message_stored(const struct message *message)
{
    const struct extra *extra = message_extra(message);
    uint64_t bytes = STORED_MESSAGE + message_body_len(message);

    if (extra != NULL) {
        bytes += STORED_EXTRA + length_of(extra->headers);
    }
    if (extra != NULL && extra->dead != NULL) {
        bytes += STORED_DEAD + extra->dead->cause->len + extra->dead->queue->len +
                 extra->dead->holder->len;
    }
    return bytes;
}

void stored_add(struct core *core, struct object *object, uint64_t bytes)
{
    object->stored += bytes;
    core->stored.bytes += object_is_durable(object) ? bytes : 0;
}

void stored_take(struct core *core, struct object *object, uint64_t bytes)
{
    object->stored -= bytes;
    core->stored.bytes -= object_is_durable(object) ? bytes : 0;
}

void stored_extra_add(struct core *core, struct queue *queue, uint64_t bytes)
{
    queue->messages_stored += bytes;
    stored_add(core, &queue->object, bytes);
}

void stored_message_add(struct core *core, struct queue *queue, const struct message *message)
{
    uint64_t bytes = message_stored(message);

    queue->messages_stored += bytes;
    queue->object.stored += bytes;
    if (object_is_durable(&queue->object)) {
        core->stored.bytes += bytes;
        core->stored.messages++;
    }
}

void stored_message_take(struct core *core, struct queue *queue, const struct message *message)
{
    uint64_t bytes = message_stored(message);

    queue->messages_stored -= bytes;
    queue->object.stored -= bytes;
    if (object_is_durable(&queue->object)) {
        core->stored.bytes -= bytes;
        core->stored.messages--;
    }
}

void stored_messages_take_all(struct core *core, struct queue *queue, uint64_t count)
{
    stored_take(core, &queue->object, queue->messages_stored);
    queue->messages_stored = 0;
    core->stored.messages -= object_is_durable(&queue->object) ? count : 0;
}

void stored_forget(struct core *core, const struct object *object)
{
    core->stored.bytes -= object_is_durable(object) ? object->stored : 0;
}

void stored_remember(struct core *core, const struct object *object)
{
    core->stored.bytes += object_is_durable(object) ? object->stored : 0;
}
