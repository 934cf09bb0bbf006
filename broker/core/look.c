/* look.c - seeing what is there without touching it: messages of a queue, and the list of objects.
 *
 * Everything here only reads: no order, counter, lease or line changes. Rows are in the step's
 * arena. */
#include "broker/core/internal.h"
#include "protocol/name.h"

/* ---- peek ---- */

struct peek {
    struct step *step;
    struct mst_reply *reply;
    size_t max;
    uint64_t bytes_left;
    bool full;
};

static void peek_add(struct peek *peek, const struct message *message)
{
    struct mst_delivery *delivery = &peek->reply->deliveries[peek->reply->deliveries_count];
    uint64_t bytes = message_frame_bytes(message);

    peek->full = peek->reply->deliveries_count == peek->max;
    if (peek->full) {
        return;
    }
    if (bytes > peek->bytes_left && peek->reply->deliveries_count > 0) {
        peek->full = true;
        return;
    }
    delivery_fill(peek->step, message, delivery);
    delivery->number = message_counted(message);
    delivery->state = (uint64_t)message->state;
    peek->bytes_left -= bytes < peek->bytes_left ? bytes : peek->bytes_left;
    peek->reply->deliveries_count++;
}

/* As many pointers as there are messages are not to be had: better nothing than a part of it. */
static void peek_fail(struct peek *peek)
{
    peek->reply->status = MST_NO_MEMORY;
    peek->reply->cause = mst_span_text(memory_is_used_up);
    peek->reply->deliveries_count = 0;
    peek->full = true;
}

static void peek_ready(struct peek *peek, struct queue *queue, const struct message *after)
{
    struct pile_walk walk = pile_walk(&queue->ready, after);
    const struct message *message;

    while (!peek->full && (message = pile_next(&queue->ready, &walk)) != NULL) {
        peek_add(peek, message);
    }
}

/* Delayed and leased ones have no order of delivery: they are shown by id. */
static void peek_others(struct peek *peek, struct queue *queue, enum mst_message_state state,
                        uint64_t after)
{
    size_t n = queue->messages.count;
    struct message **messages;

    if (peek->full || peek->reply->deliveries_count == peek->max ||
        (state == MST_DELAYED ? queue->delayed : queue->leased) == 0) {
        return;
    }
    messages = (struct message **)idmap_sorted(&queue->messages);
    if (messages == NULL) {
        peek_fail(peek);
        return;
    }
    for (size_t i = 0; i < n && !peek->full; i++) {
        if (messages[i]->state == state && messages[i]->id > after) {
            peek_add(peek, messages[i]);
        }
    }
    free(messages);
}

static void peek_from(struct peek *peek, struct queue *queue, const struct message *after)
{
    enum mst_message_state state = after == NULL ? MST_READY : after->state;
    uint64_t id = after == NULL ? 0 : after->id;

    if (state == MST_READY) {
        peek_ready(peek, queue, after);
    }
    if (state != MST_LEASED) {
        peek_others(peek, queue, MST_DELAYED, state == MST_DELAYED ? id : 0);
    }
    peek_others(peek, queue, MST_LEASED, state == MST_LEASED ? id : 0);
}

void decide_peek(struct step *step, struct session *session, const struct mst_request *request)
{
    struct queue *queue = (struct queue *)handle_object(step, session, request, request->handle,
                                                        QUEUE_KINDS, MST_KIND_NONE);
    struct peek peek = {.step = step};
    const struct message *after = NULL;
    struct mst_delivery *rows;

    if (queue == NULL) {
        return;
    }
    if (request->message != 0) {
        after = idmap_get(&queue->messages, request->message);
        if (after == NULL) {
            refuse(step, session, request, MST_NOT_FOUND,
                   step_printf(step, "message %llu is no longer there; peek from the first",
                               (unsigned long long)request->message));
            return;
        }
    }
    peek.max = request->count < MST_LIST_MAX ? (size_t)request->count : MST_LIST_MAX;
    peek.max = peek.max < queue->messages.count ? peek.max : queue->messages.count;
    peek.bytes_left = step->core->config.frame_bytes_max;
    rows = mst_arena_take(&step->effects->arena, (peek.max + 1) * sizeof(*rows));
    if (rows == NULL) {
        refuse(step, session, request, MST_NO_MEMORY, MST_SPAN_NONE);
        return;
    }
    peek.reply = answer_read(step, session, &queue->object, request);
    peek.reply->deliveries = rows;
    if (peek.max > 0) {
        peek_from(&peek, queue, after);
    }
}

/* ---- list ---- */

int64_t queue_oldest_age(const struct queue *queue, int64_t now_ns)
{
    const struct message *oldest = pile_oldest(&queue->ready);

    return oldest == NULL ? 0 : now_ns - message_put_ns(oldest);
}

static struct mst_entry list_row(const struct object *object, int64_t now_ns)
{
    struct mst_entry row = {.name = object_name(object), .kind = (uint64_t)object->kind};

    if (kind_is_queue(object->kind)) {
        const struct queue *queue = (const struct queue *)object;

        row.ready = queue->ready.count;
        row.unfinished = queue->unfinished;
        row.waiting = queue->getters.count + queue->putters.count + queue->joiners.count;
        row.leased = queue->leased;
        row.delayed = queue->delayed;
        row.puts = queue->puts;
        row.gets = queue->gets;
        row.oldest_age_ns = queue_oldest_age(queue, now_ns);
    } else if (object->kind == MST_KIND_EVENT) {
        const struct event_object *event = (const struct event_object *)object;

        row.ready = event->set ? 1 : 0;
        row.waiting = event->waiters.count;
    } else {
        const struct barrier *barrier = (const struct barrier *)object;

        row.ready = barrier->arrived;
        row.unfinished = (uint64_t)setting(object, SETTING_PARTIES);
        row.waiting = barrier->waiters.count;
    }
    return row;
}

/* Of what a client may not see it does not learn that it is there. */
static bool is_listed(const struct step *step, const struct object *object,
                      const struct mst_request *request)
{
    struct mst_span name = object_name(object);

    return (request->kind == 0 || request->kind == (uint64_t)object->kind) &&
           (request->pattern.len == 0 || mst_name_matches(request->pattern, name)) &&
           may(step, MST_VERB_STAT, name);
}

/* A page: so many rows behind a name, in order of names. A list of many goes on where the page
 * before ended, and looks at each object once. */
void decide_list(struct step *step, struct session *session, const struct mst_request *request)
{
    const struct sorted *names = &step->core->names;
    size_t max = request->count < MST_LIST_MAX ? (size_t)request->count : MST_LIST_MAX;
    struct slot after = {.node.key = request->after};
    struct sorted_at at = sorted_behind(names, request->after.len == 0 ? NULL : &after);
    struct mst_reply *reply;
    const struct slot *slot;
    struct mst_entry *rows;

    max = max < names->count ? max : names->count;
    rows = mst_arena_take(&step->effects->arena, (max + 1) * sizeof(*rows));
    if (rows == NULL) {
        refuse(step, session, request, MST_NO_MEMORY, MST_SPAN_NONE);
        return;
    }
    reply = answer_read(step, session, NULL, request);
    reply->entries = rows;
    while (reply->entries_count < max && (slot = sorted_next(names, &at)) != NULL) {
        if (is_listed(step, slot->object, request)) {
            rows[reply->entries_count++] = list_row(slot->object, step->core->now_ns);
        }
    }
}
