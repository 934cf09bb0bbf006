/* core_queue.c - see core_queue.h. */
#include "tests/unit/core_queue.h"

#include "tests/unit/cmocka_all.h"

static struct mst_span *bodies_of(struct world *w, size_t count, const char *body)
{
    struct mst_span *bodies = mst_arena_take(&w->arena, count * sizeof(*bodies));

    assert_non_null(bodies);
    for (size_t i = 0; i < count; i++) {
        bodies[i] = mst_span_text(body);
    }
    return bodies;
}

uint64_t queue_put(struct world *w, const char *who, const char *queue, const char *body)
{
    struct mst_request *put = world_request(w, who, MST_OP_PUT, queue);

    put->bodies = bodies_of(w, 1, body);
    put->bodies_count = 1;
    return world_send(w);
}

uint64_t queue_put_all(struct world *w, const char *who, const char *queue, size_t count)
{
    struct mst_request *put = world_request(w, who, MST_OP_PUT, queue);

    put->mode = MST_PUT_ALL;
    put->bodies = bodies_of(w, count, "one of many");
    put->bodies_count = count;
    return world_send(w);
}

uint64_t queue_get(struct world *w, const char *who, const char *queue, uint64_t count)
{
    struct mst_request *get = world_request(w, who, MST_OP_GET, queue);

    get->timeout_ns = 0;
    get->count = count;
    return world_send(w);
}

uint64_t queue_get_wait(struct world *w, const char *who, const char *queue, int64_t timeout_ns)
{
    world_request(w, who, MST_OP_GET, queue)->timeout_ns = timeout_ns;
    return world_send(w);
}

uint64_t queue_done(struct world *w, const char *who, const char *queue, uint64_t message,
                    uint64_t number)
{
    struct mst_request *done = world_request(w, who, MST_OP_DONE, queue);

    done->runs = mst_arena_take(&w->arena, sizeof(*done->runs));
    assert_non_null(done->runs);
    done->runs[0] = (struct mst_run){message, number, 1};
    done->runs_count = 1;
    return world_send(w);
}

uint64_t queue_update(struct world *w, const char *who, const char *queue, const char *setting,
                      int64_t value)
{
    struct mst_request *update = world_request(w, who, MST_OP_UPDATE, queue);

    update->settings = mst_arena_take(&w->arena, sizeof(*update->settings));
    assert_non_null(update->settings);
    update->settings[0] = (struct mst_fact){.name = mst_span_text(setting), .number = value};
    update->settings_count = 1;
    return world_send(w);
}

const struct mst_delivery *queue_got(struct world *w, const char *who, uint64_t id)
{
    const struct mst_reply *reply = expect_reply(w, who, id, MST_OK);

    assert_true(reply->deliveries_count > 0);
    return &reply->deliveries[id - reply->id < reply->deliveries_count ? id - reply->id : 0];
}

uint64_t queue_nack(struct world *w, const char *who, const char *queue,
                    const struct mst_delivery *delivery, bool dead)
{
    struct mst_request *request = world_request(w, who, MST_OP_NACK, queue);

    request->message = delivery->id;
    request->number = delivery->number;
    request->dead = dead;
    return world_send(w);
}

const struct mst_delivery *queue_take(struct world *w, const char *who, const char *queue)
{
    uint64_t id = queue_get(w, who, queue, 1);
    const struct mst_delivery *delivery = queue_got(w, who, id);

    world_confirm(w, who, id, 1);
    return delivery;
}
