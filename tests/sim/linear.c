/* linear.c - a search for an order that explains all. See linear.h. */
#include "tests/sim/linear.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct visited {
    uint64_t done; /* a bit per call */
    struct linear_state state;
};

struct search {
    const struct history *history;
    linear_model *model;
    struct visited *visited;
    size_t visited_count;
};

/* true: this was seen before, and led nowhere. */
static bool was_visited(struct search *search, uint64_t done, const struct linear_state *state)
{
    for (size_t i = 0; i < search->visited_count; i++) {
        if (search->visited[i].done == done &&
            memcmp(&search->visited[i].state, state, sizeof(*state)) == 0) {
            return true;
        }
    }
    if ((search->visited_count & (search->visited_count - 1)) == 0) {
        size_t cap = search->visited_count == 0 ? 1 : 2 * search->visited_count;

        search->visited = realloc(search->visited, cap * sizeof(*search->visited));
        if (search->visited == NULL) {
            abort();
        }
    }
    search->visited[search->visited_count++] = (struct visited){done, *state};
    return false;
}

static bool is_open(const struct history_call *call)
{
    return call->end == HISTORY_NEVER;
}

/* Of those whose outcome was not seen only what changes something for others. */
static bool matters(const struct history_call *call)
{
    return !is_open(call) || call->op == HISTORY_SET || call->op == HISTORY_CLEAR;
}

/* Nothing that is left was over before it began. */
static bool may_come_next(const struct search *search, uint64_t done, size_t i)
{
    for (size_t k = 0; k < search->history->calls_count; k++) {
        if ((done >> k & 1) == 0 &&
            search->history->calls[k].end < search->history->calls[i].begin) {
            return false;
        }
    }
    return true;
}

static bool all_told(const struct search *search, uint64_t done)
{
    for (size_t k = 0; k < search->history->calls_count; k++) {
        if ((done >> k & 1) == 0 && !is_open(&search->history->calls[k])) {
            return false;
        }
    }
    return true;
}

static bool explains(struct search *search, uint64_t done, const struct linear_state *state)
{
    if (all_told(search, done)) {
        return true;
    }
    if (was_visited(search, done, state)) {
        return false;
    }
    for (size_t i = 0; i < search->history->calls_count; i++) {
        struct linear_state next = *state;

        if ((done >> i & 1) == 0 && matters(&search->history->calls[i]) &&
            may_come_next(search, done, i) && search->model(&next, &search->history->calls[i]) &&
            explains(search, done | (uint64_t)1 << i, &next)) {
            return true;
        }
    }
    return false;
}

bool linear_explains(const struct history *history, linear_model *model)
{
    struct search search = {.history = history, .model = model};
    struct linear_state state = {{0}};
    bool found;

    assert(history->calls_count <= LINEAR_CALLS);
    found = explains(&search, 0, &state);
    free(search.visited);
    return found;
}

/* ---- models ---- */

/* numbers[0]: it is set. */
bool linear_event(struct linear_state *state, const struct history_call *call)
{
    bool set = state->numbers[0] != 0;

    switch (call->op) {
    case HISTORY_SET: state->numbers[0] = 1; return true;
    case HISTORY_CLEAR: state->numbers[0] = 0; return true;
    case HISTORY_IS_SET: return call->status != MUSTER_OK || call->flag == set;
    case HISTORY_WAIT:
        return call->status == MUSTER_OK ? set : !set || call->cut_off; /* its own clock's word */
    default: return true;
    }
}

/* numbers[0]: how many were put, numbers[1]: how many were got. */
bool linear_fifo(struct linear_state *state, const struct history_call *call)
{
    uint64_t *put = &state->numbers[0];
    uint64_t *got = &state->numbers[1];

    if (call->op == HISTORY_PUT && call->status == MUSTER_OK) {
        return call->messages[0].id == ++*put;
    }
    if (call->op == HISTORY_GET && call->status == MUSTER_OK) {
        return *got < *put && call->messages[0].id == ++*got;
    }
    return call->op != HISTORY_GET || call->status != MUSTER_EMPTY || call->cut_off || *got == *put;
}

/* Arrivals of one generation come in the order of their indices; numbers[0]: the generation,
 * numbers[1]: how many have arrived in it, numbers[2]: it is broken. */
bool linear_barrier(struct linear_state *state, const struct history_call *call)
{
    if (call->op == HISTORY_RESET) {
        memset(state, 0, sizeof(*state));
        return true;
    }
    if (call->op != HISTORY_BARRIER || is_open(call)) {
        return true;
    }
    if (call->status == MUSTER_BROKEN) {
        state->numbers[2] = 1;
        return true;
    }
    if (call->status != MUSTER_OK || state->numbers[2] != 0) {
        return call->status != MUSTER_OK;
    }
    if (call->index != state->numbers[1] ||
        (call->index > 0 && call->generation != state->numbers[0])) {
        return false;
    }
    state->numbers[0] = call->generation;
    state->numbers[1] = call->index + 1 == call->parties ? 0 : call->index + 1;
    return true;
}
