/* pile.c - the ready messages of one queue, in order of delivery.
 *
 * fifo takes the smallest id, lifo the largest, priority the smallest (priority, id). Messages of a
 * fifo or lifo arrive in order of id, so a list holds them at O(1); one that comes back out of
 * order, and every message of a priority queue, is in two heaps at O(log n): by order and by age.
 */
#include "broker/core/internal.h"

static const struct message *by_order_owner(const struct heap_node *node)
{
    return OWNER_CONST(node, struct message, by_order);
}

static bool older(const struct heap_node *a, const struct heap_node *b)
{
    return OWNER_CONST(a, struct message, by_age)->id < OWNER_CONST(b, struct message, by_age)->id;
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

    if (left->priority != right->priority) {
        return left->priority < right->priority;
    }
    return left->id < right->id;
}

void pile_init(struct pile *pile, enum mst_kind kind)
{
    heap_before *before = kind == MST_KIND_FIFO   ? before_fifo
                          : kind == MST_KIND_LIFO ? before_lifo
                                                  : before_priority;

    list_init(&pile->arrived);
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
    list_init(&pile->arrived);
    pile->count = 0;
    pile->bytes = 0;
}

void pile_return(struct pile *pile, struct message *message)
{
    must(heap_push(&pile->by_order, &message->by_order) &&
         heap_push(&pile->by_age, &message->by_age));
    pile->count++;
    pile->bytes += message->body->len;
}

void pile_arrive(struct pile *pile, struct message *message)
{
    if (pile->kind == MST_KIND_PRIORITY) {
        pile_return(pile, message);
        return;
    }
    list_insert(&pile->arrived, &message->in_order);
    pile->count++;
    pile->bytes += message->body->len;
}

void pile_remove(struct pile *pile, struct message *message)
{
    if (list_holds(&message->in_order)) {
        list_remove(&message->in_order);
    } else {
        heap_remove(&pile->by_order, &message->by_order);
        heap_remove(&pile->by_age, &message->by_age);
    }
    pile->count--;
    pile->bytes -= message->body->len;
}

static struct message *listed(const struct pile *pile, bool last)
{
    struct link *link = last ? pile->arrived.prev : pile->arrived.next;

    return link == &pile->arrived ? NULL : OWNER(link, struct message, in_order);
}

static struct message *returned(const struct pile *pile)
{
    struct heap_node *node = heap_first(&pile->by_order);

    return node == NULL ? NULL : OWNER(node, struct message, by_order);
}

static bool goes_before(const struct pile *pile, const struct message *a, const struct message *b)
{
    return pile->by_order.before(&a->by_order, &b->by_order);
}

struct message *pile_first(const struct pile *pile)
{
    struct message *in_list = listed(pile, pile->kind == MST_KIND_LIFO);
    struct message *back = returned(pile);

    if (in_list == NULL || back == NULL) {
        return in_list == NULL ? back : in_list;
    }
    return goes_before(pile, back, in_list) ? back : in_list;
}

struct message *pile_oldest(const struct pile *pile)
{
    struct message *in_list = listed(pile, false);
    struct heap_node *node = heap_first(&pile->by_age);
    struct message *back = node == NULL ? NULL : OWNER(node, struct message, by_age);

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
        struct message *message = OWNER(pile->by_order.items[at], struct message, by_order);
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
static struct link *list_start(const struct pile *pile, const struct message *after, bool lifo)
{
    struct link *link = lifo ? pile->arrived.prev : pile->arrived.next;

    if (after != NULL && list_holds(&after->in_order)) {
        return lifo ? after->in_order.prev : after->in_order.next;
    }
    while (after != NULL && link != &pile->arrived &&
           !goes_before(pile, after, OWNER(link, struct message, in_order))) {
        link = lifo ? link->prev : link->next;
    }
    return link;
}

size_t pile_look(const struct pile *pile, const struct message *after, struct message **out,
                 size_t max)
{
    bool lifo = pile->kind == MST_KIND_LIFO;
    struct link *link = list_start(pile, after, lifo);
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
    while (n < max && (b < backs_count || link != &pile->arrived)) {
        struct message *in_list =
            link == &pile->arrived ? NULL : OWNER(link, struct message, in_order);

        if (in_list == NULL || (b < backs_count && goes_before(pile, backs[b], in_list))) {
            out[n++] = backs[b++];
            continue;
        }
        out[n++] = in_list;
        link = lifo ? link->prev : link->next;
    }
    free(backs);
    return n;
}
