/* check.c - is this one bounded msgpack array?
 *
 * Iterative: one counter of missing values for each open container. Every turn of the loop uses
 * at least one byte, so the time is linear in the payload whatever it says. Allocates nothing, and
 * must not know what the values mean. */
#include "protocol/check.h"

#include "protocol/value.h"

/* The containers that are open. */
struct nest {
    uint64_t missing[MST_FRAME_DEPTH_MAX]; /* values, in each */
    size_t depth;
    size_t elements; /* declared so far, the array itself included */
};

/* NULL, or what is wrong with a container at this place. `left`: bytes behind its header. */
static const char *open_container(struct nest *nest, const struct mst_value *value, size_t left)
{
    uint64_t children = value->type == MST_V_ARRAY ? value->number : 2 * value->number;

    if (nest->depth == MST_FRAME_DEPTH_MAX) {
        return "nested too deep";
    }
    if (children > left) {
        return "more values declared than there are bytes";
    }
    if (nest->elements + children > MST_FRAME_ELEMENTS_MAX) {
        return "too many values";
    }
    nest->elements += children;
    nest->missing[nest->depth++] = children;
    return NULL;
}

static const char *value_problem(struct nest *nest, const struct mst_value *value, size_t left)
{
    if (value->type == MST_V_RESERVED) {
        return "a type byte is reserved or stands for an extension";
    }
    if (value->type == MST_V_CUT) {
        return "a value is cut off";
    }
    if (nest->depth == 0 && value->type != MST_V_ARRAY) {
        return "not an array";
    }
    if (nest->depth > 0) {
        nest->missing[nest->depth - 1]--;
    }
    return value->type >= MST_V_ARRAY ? open_container(nest, value, left) : NULL;
}

/* Numbers, which most values are, in a loop of their own; *missing of them at most. */
static inline void pass_numbers(struct mst_span *rest, uint64_t *missing)
{
    struct mst_span in = *rest;
    uint64_t left = *missing;

    while (left > 0 && in.len > 0 && mst_value_pass(&in)) {
        left--;
    }
    *rest = in;
    *missing = left;
}

static const char *problem_of(struct mst_span rest)
{
    struct nest nest = {.depth = 0, .elements = 1};

    if (rest.len == 0) {
        return "empty";
    }
    do {
        struct mst_value value;
        const char *why;

        if (rest.len == 0) {
            return "a value is missing";
        }
        mst_value_read(&rest, &value);
        why = value_problem(&nest, &value, rest.len);
        if (why != NULL) {
            return why;
        }
        if (nest.depth > 0) {
            pass_numbers(&rest, &nest.missing[nest.depth - 1]);
        }
        while (nest.depth > 0 && nest.missing[nest.depth - 1] == 0) {
            nest.depth--;
        }
    } while (nest.depth > 0);
    return rest.len > 0 ? "bytes behind the end" : NULL;
}

bool mst_check(struct mst_span payload, const char **why_out)
{
    const char *why = problem_of(payload);

    if (why != NULL) {
        *why_out = why;
    }
    return why == NULL;
}
