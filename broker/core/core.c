/* core.c - the door: events in, effects out; and which function carries out which operation. */
#include "broker/core/internal.h"

#include <assert.h>

#define DRAIN_SLICE      1000               /* and the rest of a session's waits */
#define STORAGE_ASKED_NS INT64_C(100000000) /* while it is full and somebody may wait for it */

void core_config_init(struct core_config *config)
{
    memset(config, 0, sizeof(*config));
    config->memory_max = 1ull << 30;
    config->reserve_bytes = MST_RESERVE_BYTES;
    config->objects_max = 100000;
    config->sessions_max = 100000;
    config->waits_max = 1000000;
    config->queues_apart_max = 200;
    config->put_credit = MST_PUT_CREDIT;
    config->put_credit_bytes = MST_PUT_CREDIT_BYTES;
    config->frame_bytes_max = MST_FRAME_BYTES_MAX;
    config->body_bytes_max = MST_BODY_BYTES_MAX;
    config->silence_ns = MST_SILENCE_DEFAULT_NS;
    config->ttl_max_ns = 24 * 3600 * 1000000000LL;
    config->version = "";
}

struct core *core_new(const struct core_config *config)
{
    struct core *core = calloc(1, sizeof(*core));

    if (core == NULL) {
        return NULL;
    }
    reserve_init(&core->reserve, config->reserve_bytes);
    if (!reserve_fill(&core->reserve)) {
        reserve_clear(&core->reserve);
        free(core);
        return NULL;
    }
    core->config = *config;
    strmap_init(&core->slots, config->boot);
    sorted_init(&core->names, &by_name);
    idmap_init(&core->objects);
    idmap_init(&core->sessions);
    list_init(&core->objects_order);
    list_init(&core->sessions_order);
    list_init(&core->ending);
    list_init(&core->dirty);
    heap_init(&core->timers, timer_before);
    mst_blob_shelf_init(&core->shelf);
    slab_init(&core->messages);
    pool_init(&core->lease_pool, sizeof(struct lease));
    pool_init(&core->entry_pool, sizeof(struct entry));
    core->next_object = core->next_session = core->next_message = 1;
    return core;
}

void core_configure(struct core *core, const struct core_config *config)
{
    core->config = *config;
}

static void free_sessions(struct core *core, struct link *list)
{
    while (!list_empty(list)) {
        struct session *session = OWNER(list->next, struct session, in_core);

        while (!list_empty(&session->waits)) {
            wait_free(core, OWNER(session->waits.next, struct wait, in_session));
        }
        while (!list_empty(&session->leases)) {
            struct lease *lease = OWNER(session->leases.next, struct lease, in_session);

            lease->queue->leased--;
            lease_free(core, lease);
        }
        accounts_clear(session);
        session_free(core, session);
    }
}

void core_free(struct core **owner)
{
    struct core *core = *owner;

    if (core == NULL) {
        return;
    }
    free_sessions(core, &core->sessions_order);
    free_sessions(core, &core->ending);
    while (!list_empty(&core->objects_order)) {
        struct object *object = OWNER(core->objects_order.next, struct object, in_core);
        struct slot *slot = object->slot;

        object_free(core, object);
        slot->object = NULL;
        slot_release(core, slot);
    }
    while (core->discarded != NULL) {
        discard_slice(core);
    }
    sorted_clear(&core->names);
    strmap_clear(&core->slots);
    idmap_clear(&core->objects);
    idmap_clear(&core->sessions);
    heap_clear(&core->timers);
    slab_clear(&core->messages);
    pool_clear(&core->lease_pool);
    pool_clear(&core->entry_pool);
    reserve_clear(&core->reserve);
    free(core);
    *owner = NULL;
}

/* ---- requests ---- */

static void decide_ping(struct step *step, struct session *session,
                        const struct mst_request *request)
{
    struct mst_reply *reply = answer_read(step, session, NULL, request);
    struct core_figures figures = core_figures(step->core);
    const struct mst_fact facts[] = {
        {mst_span_text("objects"), false, (int64_t)figures.objects, MST_SPAN_NONE},
        {mst_span_text("sessions"), false, (int64_t)figures.sessions, MST_SPAN_NONE},
        {mst_span_text("connected"), false, (int64_t)figures.connected, MST_SPAN_NONE},
        {mst_span_text("waits"), false, (int64_t)figures.waits, MST_SPAN_NONE},
        {mst_span_text("messages"), false, (int64_t)figures.messages, MST_SPAN_NONE},
        {mst_span_text("memory"), false, (int64_t)figures.memory, MST_SPAN_NONE},
    };

    reply->version = mst_span_text(step->core->config.version);
    reply->facts = step_take(step, sizeof(facts));
    memcpy(reply->facts, facts, sizeof(facts));
    reply->facts_count = sizeof(facts) / sizeof(facts[0]);
}

static void decide_nothing(struct step *step, struct session *session,
                           const struct mst_request *request)
{
    refuse(step, session, request, MST_PROTOCOL, mst_span_text("an operation that is no request"));
}

typedef void decide(struct step *step, struct session *session, const struct mst_request *request);

static decide *handler_of(enum mst_op op)
{
    static decide *const handlers[256] = {
        [MST_OP_PING] = decide_ping,
        [MST_OP_PUT] = decide_put,
        [MST_OP_GET] = decide_get,
        [MST_OP_DONE] = decide_done,
        [MST_OP_TASK_DONE] = decide_task_done,
        [MST_OP_NACK] = decide_nack,
        [MST_OP_EXTEND] = decide_extend,
        [MST_OP_JOIN] = decide_join,
        [MST_OP_QSIZE] = decide_qsize,
        [MST_OP_PEEK] = decide_peek,
        [MST_OP_PURGE] = decide_purge,
        [MST_OP_DELETE] = decide_delete,
        [MST_OP_PAUSE] = decide_pause,
        [MST_OP_UNPAUSE] = decide_pause,
        [MST_OP_SHUTDOWN] = decide_shutdown,
        [MST_OP_REDRIVE] = decide_redrive,
        [MST_OP_EVENT_SET] = decide_event_set,
        [MST_OP_EVENT_CLEAR] = decide_event_clear,
        [MST_OP_EVENT_IS_SET] = decide_event_is_set,
        [MST_OP_EVENT_WAIT] = decide_event_wait,
        [MST_OP_BARRIER_WAIT] = decide_barrier_wait,
        [MST_OP_BARRIER_DONE] = decide_barrier_done,
        [MST_OP_BARRIER_ABORT] = decide_barrier_abort,
        [MST_OP_BARRIER_RESET] = decide_barrier_reset,
        [MST_OP_DECLARE] = decide_declare,
        [MST_OP_UPDATE] = decide_update,
        [MST_OP_REMOVE] = decide_remove,
        [MST_OP_STAT] = decide_stat,
        [MST_OP_LIST] = decide_list,
        [MST_OP_SESSIONS] = decide_sessions,
        [MST_OP_BACKUP] = decide_backup,
        [MST_OP_KILL] = decide_kill,
    };

    return (unsigned)op < 256 && handlers[op] != NULL ? handlers[op] : decide_nothing;
}

void core_dispatch(struct step *step, struct session *session, const struct mst_request *request)
{
    step->object = NULL;
    if (!memory_refuses(step, session, request)) {
        handler_of(request->op)(step, session, request);
    }
}

/* ---- what follows from a change ---- */

void core_settle(struct step *step)
{
    struct core *core = step->core;

    while (!list_empty(&core->dirty)) {
        struct object *object = OWNER(core->dirty.next, struct object, dirty);

        list_remove(&object->dirty);
        if (kind_is_queue(object->kind)) {
            queue_settle(step, (struct queue *)object);
        } else if (object->kind == MST_KIND_BARRIER) {
            barrier_settle(step, (struct barrier *)object);
        }
        if (setting(object, SETTING_EXPIRE_IDLE) > 0 && !timer_armed(&object->idle)) {
            timer_set(core, &object->idle,
                      time_after(core->now_ns, setting(object, SETTING_EXPIRE_IDLE)));
        }
    }
}

/* The broker goes away: every wait ends, a crowd of them in slices. */
static void drain_slice(struct step *step)
{
    struct link *sessions = &step->core->sessions_order;
    uint64_t ended = 0;

    for (struct link *s = sessions->next; s != sessions && ended < DRAIN_SLICE; s = s->next) {
        struct session *session = OWNER(s, struct session, in_core);

        while (!list_empty(&session->waits)) {
            struct wait *wait = OWNER(session->waits.next, struct wait, in_session);

            ended += wait->entry->count;
            wait_end(step, wait, MST_UNAVAILABLE, mst_span_text("the broker is going away"));
        }
    }
}

static bool is_draining(const struct core *core)
{
    return core->draining && core->waits_count > 0;
}

/* What was cut off or ended earlier is worked off in slices, one per tick. */
static void do_slices(struct step *step)
{
    struct core *core = step->core;

    if (core->discarded != NULL) {
        discard_slice(core);
    }
    if (!list_empty(&core->ending)) {
        session_teardown(step, OWNER(core->ending.next, struct session, in_core));
    }
    if (is_draining(core)) {
        drain_slice(step);
    }
}

/* Puts that stood in line because of the disk alone are looked at again. */
static void storage_has_room(struct core *core)
{
    for (struct link *l = core->objects_order.next; l != &core->objects_order; l = l->next) {
        struct object *object = OWNER(l, struct object, in_core);

        if (kind_is_queue(object->kind) && object_is_durable(object)) {
            object_mark_dirty(core, object);
        }
    }
}

void core_step(struct core *core, const struct event *event, struct effects *effects)
{
    struct step step = {core, event, effects, NULL};

    assert(event->now_ns >= core->now_ns);
    core->now_ns = event->now_ns;
    core->wall_ns = event->wall_ns;
    effects_reset(effects);
    if (core->storage_full && !event->storage_full) {
        storage_has_room(core);
    }
    core->storage_full = event->storage_full;
    core->memory_short = event->memory_short;
    if (core->recovered) {
        core_begin_anew(core);
    }
    switch (event->kind) {
    case EVENT_HELLO: session_hello(&step); break;
    case EVENT_RESUME: session_resume(&step); break;
    case EVENT_REQUEST: session_request(&step); break;
    case EVENT_CONFIRM: session_confirm(&step); break;
    case EVENT_LOST: session_lost(&step); break;
    case EVENT_EXPEL: session_expel(&step); break;
    case EVENT_TICK:
        do_slices(&step);
        timers_run(&step);
        break;
    case EVENT_DRAIN:
        core->draining = true;
        drain_slice(&step);
        break;
    }
    core_settle(&step);
    effects_finish(effects);
}

int64_t core_now_ns(const struct core *core)
{
    return core->now_ns;
}

int64_t core_wall_ns(const struct core *core)
{
    return core->wall_ns;
}

uint64_t core_record_seq(const struct core *core)
{
    return core->record_seq;
}

void core_shelve(struct core *core, struct mst_blob *body)
{
    mst_blob_shelve(&core->shelf, body);
}

void core_shed(struct core *core, uint64_t most)
{
    bool more = true;

    while (core->memory > most && more) {
        core->memory -= mst_blob_shed(&core->shelf, &more);
    }
}

int64_t core_next_deadline_ns(const struct core *core)
{
    const struct heap_node *first = heap_first(&core->timers);
    int64_t deadline_ns = MST_FOREVER;

    if (core->discarded != NULL || !list_empty(&core->ending) || core->recovered ||
        is_draining(core)) {
        return 0;
    }
    if (first != NULL) {
        deadline_ns = OWNER_CONST(first, struct timer, node)->at_ns;
    }
    if (core->storage_full && core->waits_count > 0) {
        int64_t again_ns = time_after(core->now_ns, STORAGE_ASKED_NS);

        deadline_ns = again_ns < deadline_ns ? again_ns : deadline_ns;
    }
    return deadline_ns;
}

struct core_figures core_figures(const struct core *core)
{
    return (struct core_figures){.objects = core->objects.count,
                                 .sessions = core->sessions.count,
                                 .connected = core->connected,
                                 .waits = core->waits_count,
                                 .messages = core->messages_count,
                                 .memory = core->memory,
                                 .durable_messages = core->stored.messages,
                                 .durable_bytes =
                                     core->config.has_storage ? core->stored.bytes : 0};
}
