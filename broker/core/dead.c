/* dead.c - dead letters: messages that nobody could finish, kept with the reason.
 *
 * The dead letters of NAME are the queue NAME.dead, made when the first one dies: as durable as its
 * parent, without limits, without dead letters of its own. A message moves between the two by one
 * record, so both are in the journal or neither is: a queue that is made again while dead letters
 * of its name are left is as durable as they are. */
#include "broker/core/internal.h"

#include <assert.h>

void dead_note_free(struct dead_note **note)
{
    if (*note == NULL) {
        return;
    }
    mst_blob_unref(&(*note)->cause);
    mst_blob_unref(&(*note)->queue);
    mst_blob_unref(&(*note)->holder);
    free(*note);
    *note = NULL;
}

static struct mst_span dead_name(struct step *step, struct mst_span name)
{
    uint8_t *text = step_take(step, MST_NAME_BYTES_MAX + 1);

    memcpy(text, name.data, name.len);
    memcpy(text + name.len, MST_DEAD_SUFFIX, sizeof(MST_DEAD_SUFFIX) - 1);
    return mst_span_of(text, name.len + sizeof(MST_DEAD_SUFFIX) - 1);
}

static struct queue *dead_of(struct step *step, struct mst_span name)
{
    return (struct queue *)object_by_name(step->core, dead_name(step, name));
}

int64_t dead_durability(struct step *step, const struct slot *slot)
{
    const struct queue *dead = dead_of(step, mst_blob_span(slot->name));

    return dead == NULL ? -1 : setting(&dead->object, SETTING_DURABLE);
}

/* Dead letters must find their place whatever the limit of objects says: the name is reserved. */
static struct queue *dead_queue(struct step *step, const struct queue *queue)
{
    struct core *core = step->core;
    struct mst_span name = dead_name(step, object_name(&queue->object));
    struct settings settings = settings_default(core, MST_KIND_FIFO);
    uint64_t limit = core->config.objects_max;
    struct object *object;
    struct slot *slot;

    NEED(core, (slot = slot_intern(core, name)) != NULL);
    if (slot->object != NULL) {
        return (struct queue *)slot->object;
    }
    settings.values[SETTING_DURABLE] = setting(&queue->object, SETTING_DURABLE);
    settings.values[SETTING_MAX_DELIVERIES] = 0;
    core->config.objects_max = UINT64_MAX;
    object = object_create(step, slot, MST_KIND_FIFO, &settings, false);
    core->config.objects_max = limit;
    return (struct queue *)object;
}

void message_bury(struct step *step, struct queue *queue, struct message *message,
                  struct mst_span cause)
{
    struct queue *dead = dead_queue(step, queue);
    struct record record = record_of(step, RECORD_BURY);

    record.message = message->id;
    record.target = dead->object.id;
    record.new_id = dead->next_id;
    record.cause = cause;
    object_record(step, &queue->object, &record);
    dead->object.seq = queue->object.seq;
}

static void write_note(struct core *core, struct queue *queue, struct message *message,
                       const struct record *record)
{
    struct extra *extra = message_extra_ensure(core, queue, message);
    const struct lease *lease = message_lease(message);
    struct dead_note *note;

    NEED(core, (note = calloc(1, sizeof(*note))) != NULL);
    stored_message_take(core, queue, message);
    note->cause = text_blob(core, record->cause);
    note->queue = text_blob(core, object_name(&queue->object));
    note->holder =
        lease != NULL ? mst_blob_ref(lease_holder(lease)) : text_blob(core, MST_SPAN_NONE);
    note->id = message->id;
    note->deliveries = message_deliveries(message);
    note->died_wall_ns = record->wall_ns;
    note->put_wall_ns = record->wall_ns - (record->now_ns - extra->put_ns);
    dead_note_free(&extra->dead);
    extra->dead = note;
    stored_message_add(core, queue, message);
    extra->expires_ns = MST_FOREVER; /* a dead letter waits for a person */
}

/* Out of one queue, into another under a new number, ready. */
static void move_message(struct core *core, struct queue *from, struct queue *to,
                         struct message *message, const struct record *record)
{
    struct lease *lease = message_lease(message);

    if (lease != NULL) {
        lease_free(core, lease);
        from->leased--;
    } else if (message->state == MST_READY) {
        pile_remove(&from->ready, message);
    } else {
        from->delayed--;
    }
    idmap_remove(&from->messages, message->id);
    stored_message_take(core, from, message);
    stored_message_add(core, to, message);
    from->kept_bytes -= message_body_len(message);
    message->id = record->new_id;
    message->state = MST_READY;
    message_set_counts(core, to, message, 0, 0);
    NEED(core, idmap_set(&to->messages, message->id, message));
    to->next_id = message->id + 1;
    to->kept_bytes += message_body_len(message);
    to->puts++;
    to->counts->puts++;
    queue_begin(to, 1);
    message_extra_ensure(core, to, message)->put_ns = record->now_ns;
    message_arm(core, message);
    pile_arrive(core, &to->ready, message);
    from->object.version++;
    to->object.version++;
    from->object.seq = to->object.seq = record->seq;
    object_mark_dirty(core, &from->object);
    object_mark_dirty(core, &to->object);
}

void apply_bury(struct core *core, const struct record *record)
{
    struct queue *queue = (struct queue *)object_find(core, record->object);
    struct queue *dead = (struct queue *)object_find(core, record->target);
    struct message *message = idmap_get(&queue->messages, record->message);

    write_note(core, queue, message, record);
    move_message(core, queue, dead, message, record);
    queue_finish(core, queue, MST_TALLY_DEAD, 1);
}

void apply_redrive(struct core *core, const struct record *record)
{
    struct queue *dead = (struct queue *)object_find(core, record->object);
    struct queue *queue = (struct queue *)object_find(core, record->target);

    move_message(core, dead, queue, idmap_get(&dead->messages, record->message), record);
    queue_finish(core, dead, MST_TALLY_DONE, 1);
}

void decide_redrive(struct step *step, struct session *session, const struct mst_request *request)
{
    struct queue *queue = (struct queue *)handle_object(step, session, request, request->handle,
                                                        QUEUE_KINDS, MST_KIND_NONE);
    struct queue *dead;
    struct message *message;
    uint64_t numbers[2] = {0, 0};

    if (queue == NULL) {
        return;
    }
    if (queue->shut || queue->is_dead) {
        refuse(step, session, request, queue->shut ? MST_SHUTDOWN : MST_VALUE,
               mst_span_text(queue->shut ? NULL : "name the queue they died in, not the dead"));
        return;
    }
    dead = dead_of(step, object_name(&queue->object));
    while (dead != NULL && numbers[0] < request->count && numbers[0] < MST_MESSAGES_MAX &&
           (message = pile_first(&dead->ready)) != NULL &&
           queue_has_room(queue, 1, message_body_len(message))) {
        struct record record = record_of(step, RECORD_REDRIVE);

        record.message = message->id;
        record.target = queue->object.id;
        record.new_id = queue->next_id;
        object_record(step, &dead->object, &record);
        numbers[0]++;
    }
    numbers[1] = object_is_durable(&queue->object) ? 1 : 0;
    outcome_record(step, session, &queue->object, request->id, 1, request->op, MST_OK,
                   MST_SPAN_NONE, MST_SPAN_NONE, numbers, 2);
}
