/* figures.c - counters of queues, and a walk through all of them in slices. See figures.h.
 *
 * The walk stands on an object between two slices (core->figures_at); when that object is removed
 * it moves on to the next. So there is one walk at a time, and a slice costs what it looks at. */
#include "broker/core/internal.h"

#define MS INT64_C(1000000)

const int64_t histogram_message_ns[HISTOGRAM_BOUNDS] = {
    MS / 10,     MS,          5 * MS,       25 * MS,       100 * MS,
    500 * MS,    1000 * MS,   5000 * MS,    15000 * MS,    60000 * MS,
    300000 * MS, 900000 * MS, 3600000 * MS, 21600000 * MS, 86400000 * MS,
};

const int64_t histogram_loop_ns[HISTOGRAM_BOUNDS] = {
    MS / 100, MS / 40, MS / 20, MS / 10, MS / 4,   MS / 2,   MS,        5 * MS / 2,
    5 * MS,   10 * MS, 25 * MS, 50 * MS, 100 * MS, 500 * MS, 2000 * MS,
};

const char *const redelivery_names[REDELIVERY_COUNT] = {"nack", "timeout", "session", "untaken"};

/* ---- counters ---- */

bool figures_attach(struct core *core, struct queue *queue)
{
    queue->counts = &core->rest;
    if (core->counted_apart < core->config.queues_apart_max) {
        queue->counts = calloc(1, sizeof(*queue->counts));
        core->counted_apart += queue->counts != NULL;
    }
    return queue->counts != NULL;
}

void figures_detach(struct core *core, struct queue *queue)
{
    if (queue->counts != &core->rest) {
        free(queue->counts);
        core->counted_apart--;
    }
}

void figures_begin_anew(struct core *core)
{
    memset(&core->rest, 0, sizeof(core->rest));
    for (struct link *l = core->objects_order.next; l != &core->objects_order; l = l->next) {
        struct object *object = OWNER(l, struct object, in_core);

        if (kind_is_queue(object->kind)) {
            memset(((struct queue *)object)->counts, 0, sizeof(struct queue_counts));
        }
    }
}

/* ---- the walk ---- */

static uint64_t dead_of(struct core *core, const struct queue *queue)
{
    uint8_t text[MST_NAME_BYTES_MAX + sizeof(MST_DEAD_SUFFIX)];
    struct mst_span name = object_name(&queue->object);
    const struct object *dead;

    if (queue->is_dead) {
        return 0;
    }
    memcpy(text, name.data, name.len);
    memcpy(text + name.len, MST_DEAD_SUFFIX, sizeof(MST_DEAD_SUFFIX) - 1);
    dead = object_by_name(core, mst_span_of(text, name.len + sizeof(MST_DEAD_SUFFIX) - 1));
    return dead == NULL ? 0 : queue_kept((const struct queue *)dead);
}

static void add_queue(struct core *core, int64_t now_ns, const struct queue *queue,
                      struct queue_figures *out)
{
    const struct message *oldest = pile_oldest(&queue->ready);
    int64_t age_ns = oldest == NULL ? 0 : now_ns - message_put_ns(oldest);

    out->ready += queue->ready.count;
    out->leased += queue->leased;
    out->delayed += queue->delayed;
    out->unfinished += queue->unfinished;
    out->bytes += queue->kept_bytes;
    out->dead += dead_of(core, queue);
    out->oldest_age_ns = age_ns > out->oldest_age_ns ? age_ns : out->oldest_age_ns;
    out->getters += queue->getters.count;
    out->putters += queue->putters.count;
    out->joiners += queue->joiners.count;
    out->queues++;
}

void core_walk_begin(struct core *core, struct queue_figures *rest)
{
    core->figures_at = core->objects_order.next;
    memset(rest, 0, sizeof(*rest));
}

void figures_step_over(struct core *core, const struct object *object)
{
    if (core->figures_at == &object->in_core) {
        core->figures_at = object->in_core.next;
    }
}

bool core_walk(struct core *core, int64_t now_ns, size_t max, struct queue_figures *out,
               size_t *count_out, struct queue_figures *rest)
{
    size_t n = 0;

    for (size_t i = 0; i < max && core->figures_at != &core->objects_order; i++) {
        const struct object *object = OWNER(core->figures_at, struct object, in_core);
        const struct queue *queue = (const struct queue *)object;

        core->figures_at = core->figures_at->next;
        if (!kind_is_queue(object->kind)) {
            continue;
        }
        if (queue->counts == &core->rest) {
            add_queue(core, now_ns, queue, rest);
            continue;
        }
        memset(&out[n], 0, sizeof(out[n]));
        out[n].name = object_name(object);
        out[n].counts = *queue->counts;
        add_queue(core, now_ns, queue, &out[n]);
        n++;
    }
    *count_out = n;
    rest->counts = core->rest;
    return core->figures_at != &core->objects_order;
}
