/* names.c - names, the handles by which sessions know them, and the objects that bear them.
 *
 * One namespace for all kinds. A slot is a name that somebody refers to; its object may come, go
 * and come again while handles to the slot stay. */
#include "broker/core/internal.h"
#include "protocol/name.h"

#include <assert.h>

const char *const storage_is_full =
    "the broker's disk is full; take messages out, or give it more room";

/* ---- the order of names ---- */

static struct mst_span name_of(const void *slot)
{
    return ((const struct slot *)slot)->node.key;
}

static uint64_t eight_bytes(struct mst_span name, size_t from)
{
    uint64_t number = 0;

    for (size_t i = from; i < from + sizeof(number); i++) {
        number = number << 8 | (i < name.len ? name.data[i] : 0u);
    }
    return number;
}

static struct sorted_key name_key(const void *slot)
{
    struct mst_span name = name_of(slot);
    uint64_t major = eight_bytes(name, 0);

    return (struct sorted_key){major, eight_bytes(name, sizeof(major))};
}

static bool name_before(const void *a, const void *b)
{
    return mst_span_compare(name_of(a), name_of(b)) < 0;
}

const struct sorted_order by_name = {name_key, name_before};

/* ---- slots and handles ---- */

struct slot *slot_intern(struct core *core, struct mst_span name)
{
    struct strmap_node *node = strmap_find(&core->slots, name);
    struct slot *slot;

    if (node != NULL) {
        return OWNER(node, struct slot, node);
    }
    slot = calloc(1, sizeof(*slot));
    if (slot == NULL) {
        return NULL;
    }
    slot->name = mst_blob_new(name);
    if (slot->name == NULL) {
        free(slot);
        return NULL;
    }
    slot->node.key = mst_blob_span(slot->name);
    if (!strmap_insert(&core->slots, &slot->node)) {
        mst_blob_unref(&slot->name);
        free(slot);
        return NULL;
    }
    return slot;
}

void slot_release(struct core *core, struct slot *slot)
{
    if (slot->handles > 0 || slot->object != NULL) {
        return;
    }
    strmap_remove(&core->slots, &slot->node);
    mst_blob_unref(&slot->name);
    free(slot);
}

static void handle_drop(struct core *core, struct handle *handle)
{
    if (handle->slot != NULL) {
        handle->slot->handles--;
        slot_release(core, handle->slot);
    }
    free(handle);
}

void decide_open(struct step *step, struct session *session, const struct mst_request *request)
{
    struct core *core = step->core;
    struct handle *old;
    struct handle *handle;

    if (request->handle > MST_HANDLE_MAX) {
        effects_close(step, session->conn, "a handle number over the limit");
        return;
    }
    old = idmap_remove(&session->handles, request->handle);
    if (old != NULL) {
        handle_drop(core, old);
    }
    handle = memory_is_low(core) ? NULL : calloc(1, sizeof(*handle));
    if (handle == NULL || !idmap_set(&session->handles, request->handle, handle)) {
        free(handle);
        effects_close(step, session->conn, "out of memory for a handle");
        return;
    }
    if (!mst_name_valid(request->name)) {
        handle->refusal = MST_VALUE;
        return;
    }
    handle->slot = slot_intern(core, request->name);
    handle->refusal = MST_NO_MEMORY;
    if (handle->slot != NULL) {
        handle->slot->handles++;
        handle->refusal = MST_OK;
    }
}

void handles_clear(struct core *core, struct session *session)
{
    void *page[IDMAP_PAGE];
    size_t at = 0;
    size_t n;

    while ((n = idmap_take_page(&session->handles, &at, page)) > 0) {
        for (size_t i = 0; i < n; i++) {
            handle_drop(core, page[i]);
        }
    }
    idmap_clear(&session->handles);
}

bool may(const struct step *step, enum mst_verb verb, struct mst_span name)
{
    const struct core_permit *permit = &step->event->permit;

    return permit->may == NULL || permit->may(permit->of, verb, name);
}

bool permitted(struct step *step, struct session *session, const struct mst_request *request,
               enum mst_verb verb, struct mst_span name)
{
    struct mst_span who = mst_blob_span(session->identity);

    if (may(step, verb, name)) {
        return true;
    }
    who = who.len == 0 ? mst_span_text("local") : who;
    refuse(step, session, request, MST_DENIED,
           step_printf(step, "%.*s has no permission '%s' on %.*s", (int)who.len,
                       (const char *)who.data, mst_verb_name(verb),
                       (int)(name.len == 0 ? sizeof("the broker itself") - 1 : name.len),
                       name.len == 0 ? "the broker itself" : (const char *)name.data));
    return false;
}

struct slot *handle_slot(struct step *step, struct session *session,
                         const struct mst_request *request, uint64_t number)
{
    struct handle *handle = idmap_get(&session->handles, number);

    if (handle == NULL) {
        refuse(step, session, request, MST_PROTOCOL,
               step_printf(step, "handle %llu was never opened on this connection",
                           (unsigned long long)number));
        return NULL;
    }
    if (handle->refusal != MST_OK) {
        refuse(step, session, request, handle->refusal,
               mst_span_text(handle->refusal == MST_VALUE
                                 ? "a name is 1 to 255 bytes of UTF-8 without control characters"
                                 : "out of memory"));
        return NULL;
    }
    return permitted(step, session, request, mst_op_verb(request->op), handle->slot->node.key)
               ? handle->slot
               : NULL;
}

/* The names of dead letters are kept for the broker, whatever kind somebody else would want. */
bool name_is_reserved(struct mst_span name)
{
    size_t suffix = sizeof(MST_DEAD_SUFFIX) - 1;

    return name.len >= suffix &&
           memcmp(name.data + name.len - suffix, MST_DEAD_SUFFIX, suffix) == 0;
}

const char *name_problem(const struct slot *slot, enum mst_kind kind)
{
    struct mst_span name = mst_blob_span(slot->name);

    if (name_is_reserved(name)) {
        return "names that end in .dead are kept for dead letters";
    }
    if (kind_is_queue(kind) && !mst_queue_name_valid(name)) {
        return "a queue's name is at most 250 bytes";
    }
    return NULL;
}

bool no_space(struct step *step, struct session *session, const struct mst_request *request)
{
    if (step->core->storage_full) {
        refuse(step, session, request, MST_NO_SPACE, mst_span_text(storage_is_full));
    }
    return step->core->storage_full;
}

static struct object *make_by_use(struct step *step, struct session *session,
                                  const struct mst_request *request, struct slot *slot,
                                  enum mst_kind kind)
{
    struct settings settings = settings_default(step->core, kind);
    const char *problem = name_problem(slot, kind);
    struct object *object;

    if (!permitted(step, session, request, MST_VERB_CREATE, slot->node.key)) {
        return NULL;
    }
    if (problem != NULL) {
        bool looks = request->op == MST_OP_GET; /* there may be dead letters later */

        refuse(step, session, request, looks ? MST_NOT_FOUND : MST_VALUE,
               mst_span_text(looks ? "no message has died there yet" : problem));
        return NULL;
    }
    if (kind_is_queue(kind) && dead_durability(step, slot) >= 0) {
        settings.values[SETTING_DURABLE] = dead_durability(step, slot);
    }
    if (settings.values[SETTING_DURABLE] == 1 && no_space(step, session, request)) {
        return NULL;
    }
    if (memory_is_short(step->core)) {
        refuse(step, session, request, MST_NO_MEMORY, mst_span_text(memory_is_used_up));
        return NULL;
    }
    object = object_create(step, slot, kind, &settings, true);
    if (object == NULL) {
        refuse(step, session, request, MST_LIMIT,
               mst_span_text("the broker's limit of objects is reached"));
    }
    return object;
}

struct object *handle_object(struct step *step, struct session *session,
                             const struct mst_request *request, uint64_t number, unsigned kinds,
                             enum mst_kind make)
{
    struct slot *slot = handle_slot(step, session, request, number);
    struct object *object;

    if (slot == NULL) {
        return NULL;
    }
    object = slot->object;
    if (object == NULL && make != MST_KIND_NONE && !step->core->config.strict) {
        object = make_by_use(step, session, request, slot, make);
        if (object == NULL) {
            return NULL;
        }
    }
    if (object == NULL) {
        refuse(step, session, request, slot->gone ? MST_GONE : MST_NOT_FOUND,
               step_printf(step, slot->gone ? "%.*s was removed" : "nothing is named %.*s",
                           (int)slot->node.key.len, (const char *)slot->node.key.data));
        return NULL;
    }
    step->object = object;
    if ((kinds & KIND_MASK(object->kind)) == 0) {
        refuse(step, session, request, MST_CONFLICT,
               step_printf(step, "it is of kind %s", mst_kind_names[object->kind]));
        return NULL;
    }
    object_touch(step->core, object);
    return object;
}

struct object *object_find(const struct core *core, uint64_t id)
{
    /* A look-up only moves the map's own cache of the page touched last. */
    return idmap_get((struct idmap *)(uintptr_t)&core->objects, id);
}

struct object *object_by_name(struct core *core, struct mst_span name)
{
    struct strmap_node *node = strmap_find(&core->slots, name);

    return node == NULL ? NULL : OWNER(node, struct slot, node)->object;
}

struct mst_span object_name(const struct object *object)
{
    return object->slot->node.key;
}

struct object *object_create(struct step *step, struct slot *slot, enum mst_kind kind,
                             const struct settings *settings, bool by_use)
{
    struct core *core = step->core;
    struct record record = record_of(step, RECORD_CREATE);

    if (core->objects.count >= core->config.objects_max) {
        return NULL;
    }
    record.object = core->next_object;
    record.kind = (uint64_t)kind;
    record.name = slot->node.key;
    record.settings = settings->values;
    record.settings_count = SETTINGS_COUNT;
    record.flag = by_use;
    record.message = core->next_message;
    step_record(step, &record, settings->values[SETTING_DURABLE] == 1);
    return object_find(core, record.object);
}

static struct object *object_new(struct core *core, enum mst_kind kind, uint64_t first_id)
{
    if (kind_is_queue(kind)) {
        return (struct object *)queue_new(core, kind, first_id);
    }
    return kind == MST_KIND_EVENT ? (struct object *)event_object_new()
                                  : (struct object *)barrier_new();
}

void apply_create(struct core *core, const struct record *record)
{
    struct object *object;
    struct slot *slot;

    NEED(core, (slot = slot_intern(core, record->name)) != NULL);
    NEED(core, (object = object_new(core, (enum mst_kind)record->kind, record->message)) != NULL);
    object->id = record->object;
    object->kind = (enum mst_kind)record->kind;
    object->slot = slot;
    object->by_use = record->flag != 0;
    object->created_ns = record->now_ns;
    object->used_ns = record->now_ns;
    object->version = 1;
    object->seq = record->seq;
    for (size_t i = 0; i < record->settings_count && i < SETTINGS_COUNT; i++) {
        object->settings.values[i] = record->settings[i];
    }
    stored_add(core, object, object_stored(object));
    timer_init(&object->idle, TIMER_IDLE);
    if (kind_is_queue(object->kind)) {
        ((struct queue *)object)->is_dead = name_is_reserved(record->name);
    }
    slot->object = object;
    slot->gone = false;
    NEED(core, idmap_set(&core->objects, object->id, object));
    NEED(core, sorted_insert(&core->names, slot));
    list_insert(&core->objects_order, &object->in_core);
    if (record->object >= core->next_object) {
        core->next_object = record->object + 1;
    }
    object_mark_dirty(core, object);
}

void object_touch(struct core *core, struct object *object)
{
    object->used_ns = core->now_ns;
}

void object_mark_dirty(struct core *core, struct object *object)
{
    if (!list_holds(&object->dirty)) {
        list_insert(&core->dirty, &object->dirty);
    }
}

bool object_in_use(struct object *object)
{
    const struct queue *queue = (const struct queue *)object;
    const struct barrier *barrier = (const struct barrier *)object;

    if (kind_is_queue(object->kind)) {
        return queue_kept(queue) > 0 || queue->unfinished > 0 || queue->getters.count > 0 ||
               queue->putters.count > 0;
    }
    if (object->kind == MST_KIND_EVENT) {
        return ((const struct event_object *)object)->waiters.count > 0;
    }
    return barrier->waiters.count > 0 || barrier->arrived > 0;
}

void object_idle_due(struct step *step, struct object *object)
{
    int64_t idle_ns = setting(object, SETTING_EXPIRE_IDLE);

    assert(idle_ns > 0);
    if (object_in_use(object)) {
        object_touch(step->core, object);
    } else if (step->core->now_ns - object->used_ns >= idle_ns) {
        object_remove(step, object);
        return;
    }
    timer_set(step->core, &object->idle, time_after(object->used_ns, idle_ns));
}

void object_remove(struct step *step, struct object *object)
{
    struct record record = record_of(step, RECORD_REMOVE);
    struct mst_span cause = mst_span_text("removed");

    step->object = NULL;
    if (object_is_durable(object)) {
        object->seq = step->core->record_seq + 1; /* who waits is told by the removal's record */
    }
    if (kind_is_queue(object->kind)) {
        struct queue *queue = (struct queue *)object;

        line_end_all(step, &queue->getters, MST_GONE, cause);
        line_end_all(step, &queue->putters, MST_GONE, cause);
        line_end_all(step, &queue->joiners, MST_GONE, cause);
    } else if (object->kind == MST_KIND_EVENT) {
        line_end_all(step, &((struct event_object *)object)->waiters, MST_GONE, cause);
    } else {
        line_end_all(step, &((struct barrier *)object)->waiters, MST_GONE, cause);
    }
    object_record(step, object, &record);
    step->object = NULL;
}

void object_forget(struct core *core, struct object *object)
{
    struct slot *slot = object->slot;

    idmap_remove(&core->objects, object->id);
    sorted_remove(&core->names, slot);
    figures_step_over(core, object);
    object_free(core, object);
    slot->object = NULL;
    slot->gone = true;
    slot_release(core, slot);
}

void apply_remove(struct core *core, const struct record *record)
{
    object_forget(core, object_find(core, record->object));
}

void object_free(struct core *core, struct object *object)
{
    timer_cancel(core, &object->idle);
    if (list_holds(&object->dirty)) {
        list_remove(&object->dirty);
    }
    list_remove(&object->in_core);
    if (kind_is_queue(object->kind)) {
        queue_free(core, (struct queue *)object);
    } else if (object->kind == MST_KIND_EVENT) {
        event_object_free(core, (struct event_object *)object);
    } else {
        barrier_free(core, (struct barrier *)object);
    }
}

void decide_remove(struct step *step, struct session *session, const struct mst_request *request)
{
    struct object *object =
        handle_object(step, session, request, request->handle, ANY_KIND, MST_KIND_NONE);

    if (object != NULL) {
        outcome_ok(step, session, object, request); /* of one batch with the removal */
        object_remove(step, object);
    }
}
