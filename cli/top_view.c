/* top_view.c - what the person wants to see: which pane, in which order, which row is selected.
 *
 * A selection follows its object when the order changes; until somebody moves it, it is the first
 * row. Keys that mean nothing here change nothing. */
#include <stdlib.h>
#include <string.h>

#include "cli/top.h"

/* ---- order ---- */

/* One thing to sort by: larger comes first, ties in order of name or number. */
struct weight {
    double by;
    size_t at;
};

static int heavier_first(const void *a, const void *b)
{
    const struct weight *left = a;
    const struct weight *right = b;
    if (left->by > right->by || left->by < right->by) {
        return left->by > right->by ? -1 : 1;
    }
    return left->at < right->at ? -1 : left->at > right->at;
}

static double weight_of_object(enum top_sort sort, const struct top_object *object)
{
    bool queue = object->kind != MUSTER_EVENT && object->kind != MUSTER_BARRIER;
    switch (sort) {
    case TOP_BY_DEPTH: return queue ? (double)object->ready : -1;
    case TOP_BY_RATE: return object->put_rate + object->get_rate;
    case TOP_BY_AGE: return (double)object->oldest_age_ns;
    case TOP_BY_WAITING: return (double)object->waiting;
    case TOP_BY_NAME: break;
    }
    return 0;
}

static double weight_of_session(enum top_sort sort, const struct top_session *session)
{
    switch (sort) {
    case TOP_BY_DEPTH:
    case TOP_BY_RATE: return (double)session->leases;
    case TOP_BY_AGE: return (double)session->age_ns;
    case TOP_BY_WAITING: return (double)session->waits;
    case TOP_BY_NAME: break;
    }
    return 0;
}

static size_t *sorted(struct weight *weights, size_t count)
{
    size_t *order = cli_grow(NULL, (count + 1) * sizeof(*order));
    qsort(weights, count, sizeof(*weights), heavier_first);
    for (size_t i = 0; i < count; i++) {
        order[i] = weights[i].at;
    }
    free(weights);
    return order;
}

size_t *top_order_objects(const struct top_view *view, const struct top_look *look)
{
    struct weight *weights = cli_grow(NULL, (look->objects_count + 1) * sizeof(*weights));
    for (size_t i = 0; i < look->objects_count; i++) {
        weights[i] = (struct weight){weight_of_object(view->sort, &look->objects[i]), i};
    }
    return sorted(weights, look->objects_count);
}

size_t *top_order_sessions(const struct top_view *view, const struct top_look *look)
{
    struct weight *weights = cli_grow(NULL, (look->sessions_count + 1) * sizeof(*weights));
    for (size_t i = 0; i < look->sessions_count; i++) {
        weights[i] = (struct weight){weight_of_session(view->sort, &look->sessions[i]), i};
    }
    return sorted(weights, look->sessions_count);
}

/* ---- selection ---- */

static size_t rows_of(const struct top_view *view, const struct top_look *look)
{
    switch (view->pane) {
    case TOP_OBJECTS: return look->objects_count;
    case TOP_SESSIONS: return look->sessions_count;
    case TOP_WHO: break;
    }
    return look->parties_count;
}

size_t top_select(struct top_view *view, const struct top_look *look, const size_t *order)
{
    size_t rows = rows_of(view, look);
    bool by_name = view->pane == TOP_OBJECTS && view->selected[0] != '\0';
    for (size_t i = 0; by_name && i < rows; i++) {
        if (strcmp(look->objects[order[i]].name, view->selected) == 0) {
            view->at = i;
            return i;
        }
    }
    view->at = rows == 0 ? 0 : view->at < rows ? view->at : rows - 1;
    return view->at;
}

/* By so many rows, not beyond the first and the last. */
static void move(struct top_view *view, const struct top_look *look, bool down, size_t by)
{
    size_t *order = view->pane == TOP_OBJECTS ? top_order_objects(view, look) : NULL;
    size_t rows = rows_of(view, look);
    size_t at = top_select(view, look, order);
    at = down ? at + by : at > by ? at - by : 0;
    view->at = rows == 0 ? 0 : at < rows ? at : rows - 1;
    if (order != NULL && rows > 0) {
        memcpy(view->selected, look->objects[order[view->at]].name, sizeof(view->selected));
    }
    free(order);
}

static void open_pane(struct top_view *view, enum top_pane pane)
{
    view->pane = pane;
    view->at = 0; /* objects: the selected one is found by its name */
}

static void open_who(struct top_view *view, const struct top_look *look)
{
    if (view->pane != TOP_OBJECTS || look->objects_count == 0) {
        return;
    }
    move(view, look, true, 0);
    memcpy(view->who, view->selected, sizeof(view->who));
    open_pane(view, TOP_WHO);
}

/* ---- keys ---- */

enum { KEY_UP = 256, KEY_DOWN, KEY_PAGE_UP, KEY_PAGE_DOWN, KEY_NONE };

/* One key, of which *len_out bytes are taken. Escape alone is a key; what follows it as ESC [ or
 * ESC O is one of another kind. */
static int decode(const char *keys, size_t len, size_t *len_out)
{
    *len_out = 1;
    if (keys[0] != '\033' || len < 2 || (keys[1] != '[' && keys[1] != 'O')) {
        return (unsigned char)keys[0];
    }
    size_t end = 2;
    while (end < len && (keys[end] < '@' || keys[end] > '~')) {
        end++;
    }
    *len_out = end < len ? end + 1 : len;
    char last = end < len ? keys[end] : '\0';
    if (last == '~') {
        return keys[2] == '5' ? KEY_PAGE_UP : keys[2] == '6' ? KEY_PAGE_DOWN : KEY_NONE;
    }
    return last == 'A' ? KEY_UP : last == 'B' ? KEY_DOWN : KEY_NONE;
}

static void press(struct top_view *view, const struct top_look *look, int key, size_t page)
{
    switch (key) {
    case 'q': view->quit = true; break;
    case 'd': view->sort = TOP_BY_DEPTH; break;
    case 'r': view->sort = TOP_BY_RATE; break;
    case 'a': view->sort = TOP_BY_AGE; break;
    case 'w': view->sort = TOP_BY_WAITING; break;
    case 'n': view->sort = TOP_BY_NAME; break;
    case '\t':
    case 's': open_pane(view, view->pane == TOP_OBJECTS ? TOP_SESSIONS : TOP_OBJECTS); break;
    case '\n':
    case '\r': open_who(view, look); break;
    case '\033':
    case 0x7f:
    case '\b': open_pane(view, TOP_OBJECTS); break;
    case 'k':
    case KEY_UP: move(view, look, false, 1); break;
    case 'j':
    case KEY_DOWN: move(view, look, true, 1); break;
    case KEY_PAGE_UP: move(view, look, false, page); break;
    case ' ':
    case KEY_PAGE_DOWN: move(view, look, true, page); break;
    default: break;
    }
}

void top_keys(struct top_view *view, const struct top_look *look, const char *keys, size_t len,
              size_t page)
{
    static const struct top_look nothing = {0};
    for (size_t i = 0, used = 0; i < len && !view->quit; i += used) {
        int key = decode(keys + i, len - i, &used);
        press(view, look != NULL ? look : &nothing, key, page);
    }
}
