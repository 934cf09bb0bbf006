/* pile.c - the ready messages of one queue, in order of delivery.
 *
 * fifo takes the smallest id, lifo the largest, priority the smallest (priority, id). Messages
 * arrive in order of id, so marks in the queue's map list what has arrived at O(1): that is the
 * order of a fifo and a lifo, and tells which is the oldest. One that comes back out of order, and
 * every message of a priority queue, stands in a sorted set. */
#include "broker/core/internal.h"

#define CACHE_LINE     64u
#define FORESEEN_BYTES (3 * CACHE_LINE) /* of a message; most are no longer */

static struct sorted_key key_fifo(const void *item)
{
    return (struct sorted_key){((const struct message *)item)->id, 0};
}

static struct sorted_key key_lifo(const void *item)
{
    return (struct sorted_key){~((const struct message *)item)->id, 0};
}

/* Both are READY: the priority is in the message itself. */
static struct sorted_key key_priority(const void *item)
{
    const struct message *message = item;

    return (struct sorted_key){(uint64_t)message->in.priority ^ (UINT64_C(1) << 63), message->id};
}

static const struct sorted_order by_fifo = {key_fifo, NULL};
static const struct sorted_order by_lifo = {key_lifo, NULL};
static const struct sorted_order by_priority = {key_priority, NULL};

void pile_init(struct pile *pile, enum mst_kind kind, struct idmap *messages)
{
    *pile = (struct pile){.messages = messages, .kind = kind};
    sorted_init(&pile->by_order, kind == MST_KIND_FIFO   ? &by_fifo
                                 : kind == MST_KIND_LIFO ? &by_lifo
                                                         : &by_priority);
    sorted_init(&pile->by_age, &by_fifo);
}

void pile_clear(struct pile *pile)
{
    sorted_clear(&pile->by_order);
    sorted_clear(&pile->by_age);
    pile->arrived = (struct idmap_marks){NULL, NULL};
    pile->count = 0;
    pile->bytes = 0;
}

static void add(struct pile *pile, struct message *message)
{
    pile->count++;
    pile->bytes += message_body_len(message);
}

static bool is_priority(const struct pile *pile)
{
    return pile->kind == MST_KIND_PRIORITY;
}

void pile_return(struct core *core, struct pile *pile, struct message *message)
{
    NEED(core, sorted_insert(&pile->by_order, message));
    NEED(core, !is_priority(pile) || sorted_insert(&pile->by_age, message));
    add(pile, message);
}

void pile_arrive(struct core *core, struct pile *pile, struct message *message)
{
    idmap_mark(pile->messages, &pile->arrived, message->id);
    message->is_listed = 1;
    NEED(core, !is_priority(pile) || sorted_insert(&pile->by_order, message));
    add(pile, message);
}

/* Those that a priority queue gives next were put at any time, so that nothing of them is in the
 * cache. While one is given out, memory brings the next: of the third its bytes, of the second,
 * whose bytes have come, where the map has it, of the first what that leads to. */
static void foresee(const struct pile *pile)
{
    const struct message *first = sorted_near(&pile->by_order, 0);
    const struct message *second = sorted_near(&pile->by_order, 1);
    const struct message *third = sorted_near(&pile->by_order, 2);

    if (third == NULL) {
        return;
    }
    idmap_foresee(pile->messages, first->id, false);
    idmap_foresee(pile->messages, second->id, true);
    slab_foresee(third);
    for (size_t at = 0; at < FORESEEN_BYTES; at += CACHE_LINE) {
        __builtin_prefetch((const char *)third + at, 1);
    }
}

void pile_remove(struct pile *pile, struct message *message)
{
    bool was_listed = message->is_listed;

    if (was_listed) {
        idmap_unmark(pile->messages, &pile->arrived, message->id);
        message->is_listed = 0;
    } else if (is_priority(pile)) {
        sorted_remove(&pile->by_age, message);
    }
    if (is_priority(pile) || !was_listed) {
        sorted_remove(&pile->by_order, message);
    }
    if (is_priority(pile)) {
        foresee(pile);
    }
    pile->count--;
    pile->bytes -= message_body_len(message);
}

struct message *pile_oldest(const struct pile *pile)
{
    struct message *listed = idmap_marked_first(&pile->arrived);
    struct message *back = pile->kind == MST_KIND_FIFO   ? sorted_first(&pile->by_order)
                           : pile->kind == MST_KIND_LIFO ? sorted_last(&pile->by_order)
                                                         : sorted_first(&pile->by_age);

    if (listed == NULL || back == NULL) {
        return listed == NULL ? back : listed;
    }
    return back->id < listed->id ? back : listed;
}

/* ---- in order of delivery ---- */

static bool goes_before(const struct pile *pile, const struct message *a, const struct message *b)
{
    return pile->kind == MST_KIND_LIFO ? a->id > b->id : a->id < b->id;
}

/* The list is merged with what came back; for a priority queue there is no list. */
static struct message *list_first(const struct pile *pile)
{
    switch (pile->kind) {
    case MST_KIND_FIFO: return idmap_marked_first(&pile->arrived);
    case MST_KIND_LIFO: return idmap_marked_last(&pile->arrived);
    default: return NULL;
    }
}

static struct message *list_after(const struct pile *pile, const struct message *message)
{
    return pile->kind == MST_KIND_LIFO ? idmap_marked_before(pile->messages, message->id)
                                       : idmap_marked_after(pile->messages, message->id);
}

struct message *pile_first(const struct pile *pile)
{
    struct message *listed = list_first(pile);
    struct message *back = sorted_first(&pile->by_order);

    if (listed == NULL || back == NULL) {
        return listed == NULL ? back : listed;
    }
    return goes_before(pile, back, listed) ? back : listed;
}

/* Where the list goes on behind `after`: right there if it stands in the list itself. */
static struct message *list_behind(const struct pile *pile, const struct message *after)
{
    struct message *message = list_first(pile);

    if (message != NULL && after != NULL && after->is_listed) {
        return list_after(pile, after);
    }
    while (after != NULL && message != NULL && !goes_before(pile, after, message)) {
        message = list_after(pile, message);
    }
    return message;
}

struct pile_walk pile_walk(const struct pile *pile, const struct message *after)
{
    struct pile_walk walk = {.listed = list_behind(pile, after),
                             .at = sorted_behind(&pile->by_order, after)};

    walk.back = sorted_next(&pile->by_order, &walk.at);
    return walk;
}

struct message *pile_next(const struct pile *pile, struct pile_walk *walk)
{
    struct message *listed = walk->listed;
    struct message *back = walk->back;

    if (listed != NULL && (back == NULL || !goes_before(pile, back, listed))) {
        walk->listed = list_after(pile, listed);
        return listed;
    }
    if (back != NULL) {
        walk->back = sorted_next(&pile->by_order, &walk->at);
    }
    return back;
}
