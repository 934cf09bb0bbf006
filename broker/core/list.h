/* list.h - a doubly linked ring whose links live inside their owners. */
#ifndef CORE_LIST_H
#define CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *prev;
    struct link *next; /* NULL: in no list */
};

static inline void list_init(struct link *head)
{
    head->prev = head->next = head;
}

static inline bool list_empty(const struct link *head)
{
    return head->next == head;
}

static inline bool list_holds(const struct link *link)
{
    return link->next != NULL;
}

/* Puts link before the given one; before the head means at the end. */
static inline void list_insert(struct link *before, struct link *link)
{
    link->prev = before->prev;
    link->next = before;
    before->prev->next = link;
    before->prev = link;
}

/* Moves all of one list to the end of another. */
static inline void list_move_all(struct link *to, struct link *from)
{
    if (!list_empty(from)) {
        from->next->prev = to->prev;
        from->prev->next = to;
        to->prev->next = from->next;
        to->prev = from->prev;
        list_init(from);
    }
}

static inline void list_remove(struct link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->prev = link->next = NULL;
}

#endif
