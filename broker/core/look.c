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

    peek->full = peek->full || peek->reply->deliveries_count == peek->max;
    if (peek->full) {
        return;
    }
    if (bytes > peek->bytes_left && peek->reply->deliveries_count > 0) {
        peek->full = true;
        return;
    }
    delivery_fill(peek->step, message, delivery);
    delivery->number = message->counted;
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
    peek.reply = answer_read(step, session, &queue->object, request);
    if (peek.max == 0) {
        return;
    }
    peek.reply->deliveries = step_take(step, peek.max * sizeof(*peek.reply->deliveries));
    peek_from(&peek, queue, after);
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

static int by_name(const void *a, const void *b)
{
    const struct object *const *left = a;
    const struct object *const *right = b;

    return mst_span_compare(object_name(*left), object_name(*right));
}

/* The first names of many, in time that hardly grows with how many are wanted: a heap with the last
 * of them on top, which gives way to an earlier one. */
struct first_names {
    const struct object **items;
    size_t count;
    size_t max;
};

static void sink(struct first_names *names, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        const struct object *object = names->items[at];

        if (child + 1 < names->count &&
            by_name(&names->items[child], &names->items[child + 1]) < 0) {
            child++;
        }
        if (child >= names->count || by_name(&object, &names->items[child]) >= 0) {
            return;
        }
        names->items[at] = names->items[child];
        names->items[child] = object;
        at = child;
    }
}

static void first_names_add(struct first_names *names, const struct object *object)
{
    if (names->count < names->max) {
        names->items[names->count++] = object;
        for (size_t at = names->count / 2; names->count == names->max && at > 0; at--) {
            sink(names, at - 1); /* it is full now: from here on it is a heap */
        }
    } else if (names->max > 0 && by_name(&object, &names->items[0]) < 0) {
        names->items[0] = object;
        sink(names, 0);
    }
}

/* Of what a client may not see it does not learn that it is there. */
static bool is_listed(const struct step *step, const struct object *object,
                      const struct mst_request *request)
{
    struct mst_span name = object_name(object);

    return (request->kind == 0 || request->kind == (uint64_t)object->kind) &&
           (request->after.len == 0 || mst_span_compare(name, request->after) > 0) &&
           (request->pattern.len == 0 || mst_name_matches(request->pattern, name)) &&
           may(step, MST_VERB_STAT, name);
}

void decide_list(struct step *step, struct session *session, const struct mst_request *request)
{
    struct core *core = step->core;
    struct mst_arena *arena = &step->effects->arena;
    struct first_names names = {.max = request->count < MST_LIST_MAX ? (size_t)request->count
                                                                     : MST_LIST_MAX};
    struct mst_reply *reply;

    names.items = mst_arena_take(arena, (names.max + 1) * sizeof(struct object *));
    if (names.items == NULL) {
        refuse(step, session, request, MST_NO_MEMORY, MST_SPAN_NONE);
        return;
    }
    for (const struct link *l = core->objects_order.next; l != &core->objects_order; l = l->next) {
        const struct object *object = OWNER_CONST(l, struct object, in_core);

        if (is_listed(step, object, request)) {
            first_names_add(&names, object);
        }
    }
    qsort(names.items, names.count, sizeof(struct object *), by_name);
    reply = answer_read(step, session, NULL, request);
    reply->entries = step_take(step, (names.count + 1) * sizeof(*reply->entries));
    for (size_t i = 0; i < names.count; i++) {
        reply->entries[reply->entries_count++] = list_row(names.items[i], core->now_ns);
    }
}
