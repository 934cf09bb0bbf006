/* pile.c - the ready messages of one queue, in order of delivery.
 *
 * fifo takes the smallest id, lifo the largest, priority the smallest (priority, id). Messages of a
 * fifo or lifo arrive in order of id, so marks in the queue's map list them at O(1); one that comes
 * back out of order, and every message of a priority queue, is in two heaps at O(log n): by order
 * and by age. */
#include "broker/core/internal.h"

static const struct message *by_order_owner(const struct heap_node *node)
{
    return OWNER_CONST(node, struct message, in.heaps.by_order);
}

static bool older(const struct heap_node *a, const struct heap_node *b)
{
    return OWNER_CONST(a, struct message, in.heaps.by_age)->id <
           OWNER_CONST(b, struct message, in.heaps.by_age)->id;
}

static bool before_fifo(const struct heap_node *a, const struct heap_node *b)
{
    return by_order_owner(a)->id < by_order_owner(b)->id;
}

static bool before_lifo(const struct heap_node *a, const struct heap_node *b)
{
    return by_order_owner(a)->id > by_order_owner(b)->id;
}

static bool before_priority(const struct heap_node *a, const struct heap_node *b)
{
    const struct message *left = by_order_owner(a);
    const struct message *right = by_order_owner(b);
    int64_t a_priority = message_priority(left);
    int64_t b_priority = message_priority(right);

    return a_priority != b_priority ? a_priority < b_priority : left->id < right->id;
}

void pile_init(struct pile *pile, enum mst_kind kind, struct idmap *messages)
{
    heap_before *before = kind == MST_KIND_FIFO   ? before_fifo
                          : kind == MST_KIND_LIFO ? before_lifo
                                                  : before_priority;

    pile->messages = messages;
    pile->arrived = (struct idmap_marks){NULL, NULL};
    heap_init(&pile->by_order, before);
    heap_init(&pile->by_age, older);
    pile->kind = kind;
    pile->count = 0;
    pile->bytes = 0;
}

void pile_clear(struct pile *pile)
{
    heap_clear(&pile->by_order);
    heap_clear(&pile->by_age);
    pile->arrived = (struct idmap_marks){NULL, NULL};
    pile->count = 0;
    pile->bytes = 0;
}

void pile_return(struct pile *pile, struct message *message)
{
    must(heap_push(&pile->by_order, &message->in.heaps.by_order) &&
         heap_push(&pile->by_age, &message->in.heaps.by_age));
    pile->count++;
    pile->bytes += message_body_len(message);
}

void pile_arrive(struct pile *pile, struct message *message)
{
    if (pile->kind == MST_KIND_PRIORITY) {
        pile_return(pile, message);
        return;
    }
    idmap_mark(pile->messages, &pile->arrived, message->id);
    message->is_listed = 1;
    pile->count++;
    pile->bytes += message_body_len(message);
}

void pile_remove(struct pile *pile, struct message *message)
{
    if (message->is_listed) {
        idmap_unmark(pile->messages, &pile->arrived, message->id);
        message->is_listed = 0;
    } else {
        heap_remove(&pile->by_order, &message->in.heaps.by_order);
        heap_remove(&pile->by_age, &message->in.heaps.by_age);
    }
    pile->count--;
    pile->bytes -= message_body_len(message);
}

struct message *pile_listed(const struct pile *pile)
{
    return pile->kind == MST_KIND_LIFO ? idmap_marked_last(&pile->arrived)
                                       : idmap_marked_first(&pile->arrived);
}

struct message *pile_listed_after(const struct pile *pile, const struct message *message)
{
    return pile->kind == MST_KIND_LIFO ? idmap_marked_before(pile->messages, message->id)
                                       : idmap_marked_after(pile->messages, message->id);
}

static struct message *returned(const struct pile *pile)
{
    struct heap_node *node = heap_first(&pile->by_order);

    return node == NULL ? NULL : OWNER(node, struct message, in.heaps.by_order);
}

static bool goes_before(const struct pile *pile, const struct message *a, const struct message *b)
{
    return pile->by_order.before(&a->in.heaps.by_order, &b->in.heaps.by_order);
}

struct message *pile_first(const struct pile *pile)
{
    struct message *in_list = pile_listed(pile);
    struct message *back = returned(pile);

    if (in_list == NULL || back == NULL) {
        return in_list == NULL ? back : in_list;
    }
    return goes_before(pile, back, in_list) ? back : in_list;
}

struct message *pile_oldest(const struct pile *pile)
{
    struct message *in_list = idmap_marked_first(&pile->arrived);
    struct heap_node *node = heap_first(&pile->by_age);
    struct message *back = node == NULL ? NULL : OWNER(node, struct message, in.heaps.by_age);

    if (in_list == NULL || back == NULL) {
        return in_list == NULL ? back : in_list;
    }
    return back->id < in_list->id ? back : in_list;
}

/* The first messages so far, in order. */
struct window {
    struct message **items;
    size_t count;
    size_t max;
};

/* false: it comes behind all of a full window. */
static bool window_add(const struct pile *pile, struct window *window, struct message *message)
{
    struct message **items = window->items;
    size_t at = window->count;

    if (at == window->max && !goes_before(pile, message, items[at - 1])) {
        return false;
    }
    if (at == window->max) {
        at = --window->count;
    }
    while (at > 0 && goes_before(pile, message, items[at - 1])) {
        at--;
    }
    memmove(items + at + 1, items + at, (window->count - at) * sizeof(struct message *));
    items[at] = message;
    window->count++;
    return true;
}

/* The smallest members of the heap behind `after`. Level by level, and not below a member that
 * comes too late: what is below comes later still. So it costs as much as is skipped and shown, not
 * as much as is there. */
static size_t heap_look(const struct pile *pile, const struct message *after, struct message **out,
                        size_t max)
{
    uint32_t count = pile->by_order.count;
    struct window window = {out, 0, max};
    uint32_t *queue = malloc((count + 1u) * sizeof(*queue)); /* touched only as far as needed */
    size_t end = 0;

    if (queue == NULL) {
        return 0;
    }
    queue[end++] = 0;
    for (size_t i = 0; i < end && queue[i] < count; i++) {
        uint32_t at = queue[i];
        struct message *message =
            OWNER(pile->by_order.items[at], struct message, in.heaps.by_order);
        bool shown = after == NULL || goes_before(pile, after, message);

        if (shown && !window_add(pile, &window, message)) {
            continue;
        }
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++) {
            queue[end++] = child;
        }
    }
    free(queue);
    return window.count;
}

/* Where the list goes on behind `after`: right there if it stands in the list itself. */
static struct message *list_start(const struct pile *pile, const struct message *after)
{
    struct message *message = pile_listed(pile);

    if (after != NULL && after->is_listed) {
        return pile_listed_after(pile, after);
    }
    while (after != NULL && message != NULL && !goes_before(pile, after, message)) {
        message = pile_listed_after(pile, message);
    }
    return message;
}

size_t pile_look(const struct pile *pile, const struct message *after, struct message **out,
                 size_t max)
{
    struct message *in_list = list_start(pile, after);
    size_t backs_count;
    size_t n = 0;
    size_t b = 0;
    struct message **backs;

    if (max == 0) {
        return 0;
    }
    backs = malloc(max * sizeof(struct message *));
    if (backs == NULL) {
        return 0;
    }
    backs_count = heap_look(pile, after, backs, max);
    while (n < max && (b < backs_count || in_list != NULL)) {
        if (in_list == NULL || (b < backs_count && goes_before(pile, backs[b], in_list))) {
            out[n++] = backs[b++];
            continue;
        }
        out[n++] = in_list;
        in_list = pile_listed_after(pile, in_list);
    }
    free(backs);
    return n;
}
