/* settings.c - what an object was declared with: the table, its checks, declare and update. */
#include "broker/core/internal.h"

enum setting_type { TYPE_COUNT, TYPE_TIME, TYPE_FULL, TYPE_FLAG, TYPE_DURABILITY };

#define KINDS_QUEUES   QUEUE_KINDS
#define KINDS_EVENTS   KIND_MASK(MST_KIND_EVENT)
#define KINDS_BARRIERS KIND_MASK(MST_KIND_BARRIER)
#define KINDS_ALL      ANY_KIND
#define UPDATABLE      true
#define FIXED          false

static const struct setting_row {
    const char *name;
    enum setting_type type;
    unsigned kinds;
    int64_t absent;
    bool updatable;
} rows[SETTINGS_COUNT] = {
#define SETTING(code, text, kind_of, kinds_of, value, change, help)                                \
    [SETTING_##code] = {text, TYPE_##kind_of, KINDS_##kinds_of, value, change},
#include "protocol/settings.def"
#undef SETTING
};

const char *setting_name(enum setting_code code)
{
    return rows[code].name;
}

struct settings settings_default(const struct core *core, enum mst_kind kind)
{
    struct settings settings;

    memset(&settings, 0, sizeof(settings));
    for (int i = 0; i < SETTINGS_COUNT; i++) {
        if ((rows[i].kinds & KIND_MASK(kind)) != 0) {
            settings.values[i] = rows[i].absent;
        }
    }
    settings.values[SETTING_DURABLE] = core->config.has_storage ? 1 : 0;
    return settings;
}

static int find_row(struct mst_span name)
{
    for (int i = 0; i < SETTINGS_COUNT; i++) {
        if (mst_span_equal(name, mst_span_text(rows[i].name))) {
            return i;
        }
    }
    return -1;
}

static bool in_range(enum setting_type type, int64_t value)
{
    switch (type) {
    case TYPE_FULL: return value >= 0 && value <= 2;
    case TYPE_FLAG:
    case TYPE_DURABILITY: return value == 0 || value == 1;
    case TYPE_COUNT:
    case TYPE_TIME: break;
    }
    return value >= 0;
}

static struct mst_span name_text(const struct mst_fact *fact, char *out, size_t size)
{
    size_t n = fact->name.len < size ? fact->name.len : size;

    memcpy(out, fact->name.data, n);
    return mst_span_of(out, n);
}

/* Which rows are named, with their values. Returns false after refusing. */
static bool read_settings(struct step *step, struct session *session,
                          const struct mst_request *request, enum mst_kind kind, int64_t *values,
                          bool *named)
{
    char text[64];

    memset(named, 0, SETTINGS_COUNT * sizeof(*named));
    for (size_t i = 0; i < request->settings_count; i++) {
        const struct mst_fact *fact = &request->settings[i];
        struct mst_span name = name_text(fact, text, sizeof(text));
        int row = find_row(fact->name);
        const char *wrong = NULL;

        if (row < 0 || (rows[row].kinds & KIND_MASK(kind)) == 0) {
            wrong = "is no setting of a";
        } else if (fact->is_text || !in_range(rows[row].type, fact->number)) {
            wrong = "has a value outside what is allowed for a";
        }
        if (wrong != NULL) {
            refuse(step, session, request, MST_VALUE,
                   step_printf(step, "%.*s %s %s", (int)name.len, (const char *)name.data, wrong,
                               mst_kind_names[kind]));
            return false;
        }
        named[row] = true;
        values[row] = fact->number;
    }
    return true;
}

/* What a kind asks for beyond single values. NULL: fine. */
static const char *declare_problem(const struct core *core, const struct slot *slot,
                                   enum mst_kind kind, const int64_t *values)
{
    const char *problem = name_problem(slot, kind);

    if (problem != NULL) {
        return problem;
    }
    if (values[SETTING_DURABLE] == 1 && !core->config.has_storage) {
        return "durable objects need a broker with a data directory; this one keeps memory only";
    }
    if (kind == MST_KIND_BARRIER &&
        (values[SETTING_PARTIES] < 1 || values[SETTING_PARTIES] > MST_PARTIES_MAX)) {
        return "a barrier needs parties between 1 and 1000000";
    }
    return NULL;
}

static void settings_record(struct step *step, struct object *object, enum mst_kind kind,
                            const int64_t *values)
{
    struct record record = record_of(step, RECORD_UPDATE);

    record.kind = (uint64_t)kind;
    record.settings = values;
    record.settings_count = SETTINGS_COUNT;
    object_record(step, object, &record);
}

void apply_update(struct core *core, const struct record *record)
{
    struct object *object = object_find(core, record->object);

    object->seq = record->seq;
    object->by_use = false;
    object->version++;
    stored_forget(core, object);
    for (size_t i = 0; i < record->settings_count && i < SETTINGS_COUNT; i++) {
        object->settings.values[i] = record->settings[i];
    }
    stored_remember(core, object);
    object->kind = (enum mst_kind)record->kind;
    if (core->recovered && !object_is_durable(object)) {
        object_forget(core, object); /* made by first use, then declared to be in memory only */
        return;
    }
    if (kind_is_queue(object->kind)) {
        queue_apply_settings((struct queue *)object, object->kind);
    }
    timer_cancel(core, &object->idle); /* another time may be set: it begins with the settling */
    object_mark_dirty(core, object);
}

static void declared(struct step *step, struct session *session, struct object *object,
                     const struct mst_request *request, bool created)
{
    uint64_t numbers[2] = {created ? 1 : 0, object_is_durable(object) ? 1 : 0};

    outcome_record(step, session, object, request->id, 1, request->op, MST_OK, MST_SPAN_NONE,
                   MST_SPAN_NONE, numbers, 2);
}

static bool may_still_change(const struct object *object)
{
    const struct queue *queue = (const struct queue *)object;

    return object->by_use && kind_is_queue(object->kind) && queue->next_id == queue->first_id;
}

static void compare(struct step *step, struct session *session, struct object *object,
                    const struct mst_request *request, const int64_t *values, const bool *named)
{
    if ((uint64_t)object->kind != request->kind) {
        refuse(step, session, request, MST_CONFLICT,
               step_printf(step, "it is of kind %s", mst_kind_names[object->kind]));
        return;
    }
    for (int i = 0; i < SETTINGS_COUNT; i++) {
        if (named[i] && values[i] != object->settings.values[i]) {
            refuse(step, session, request, MST_CONFLICT,
                   step_printf(step, "%s is %lld, not %lld", rows[i].name,
                               (long long)object->settings.values[i], (long long)values[i]));
            return;
        }
    }
    declared(step, session, object, request, false);
}

/* false: refused. */
static bool agrees_with_dead(struct step *step, struct session *session,
                             const struct mst_request *request, const struct slot *slot,
                             int64_t *durable, bool named)
{
    int64_t wanted = dead_durability(step, slot);

    if (wanted >= 0 && wanted != *durable && named) {
        refuse(step, session, request, MST_CONFLICT,
               step_printf(step,
                           "dead letters of that name are left with durable %lld; use that, "
                           "or remove them first",
                           (long long)wanted));
        return false;
    }
    *durable = wanted >= 0 ? wanted : *durable;
    return true;
}

void decide_declare(struct step *step, struct session *session, const struct mst_request *request)
{
    struct slot *slot = handle_slot(step, session, request, request->handle);
    enum mst_kind kind = (enum mst_kind)request->kind;
    struct settings settings;
    bool named[SETTINGS_COUNT];
    const char *problem;
    struct object *object;

    if (slot == NULL) {
        return;
    }
    if (request->kind < MST_KIND_FIFO || request->kind > MST_KIND_BARRIER) {
        refuse(step, session, request, MST_VALUE, mst_span_text("no such kind of object"));
        return;
    }
    settings = settings_default(step->core, kind);
    if (!read_settings(step, session, request, kind, settings.values, named)) {
        return;
    }
    object = slot->object;
    if (object != NULL && !(may_still_change(object) && kind_is_queue(kind))) {
        compare(step, session, object, request, settings.values, named);
        return;
    }
    problem = declare_problem(step->core, slot, kind, settings.values);
    if (problem != NULL) {
        refuse(step, session, request, MST_VALUE, mst_span_text(problem));
        return;
    }
    if (kind_is_queue(kind) &&
        !agrees_with_dead(step, session, request, slot, &settings.values[SETTING_DURABLE],
                          named[SETTING_DURABLE])) {
        return;
    }
    if (object != NULL) {
        settings_record(step, object, kind, settings.values);
        declared(step, session, object, request, false);
        return;
    }
    if (settings.values[SETTING_DURABLE] == 1 && no_space(step, session, request)) {
        return;
    }
    object = object_create(step, slot, kind, &settings, false);
    if (object == NULL) {
        refuse(step, session, request, MST_LIMIT,
               mst_span_text("the broker's limit of objects is reached"));
        return;
    }
    declared(step, session, object, request, true);
}

void decide_update(struct step *step, struct session *session, const struct mst_request *request)
{
    struct object *object =
        handle_object(step, session, request, request->handle, ANY_KIND, MST_KIND_NONE);
    struct settings settings;
    bool named[SETTINGS_COUNT];

    if (object == NULL) {
        return;
    }
    settings = object->settings;
    if (!read_settings(step, session, request, object->kind, settings.values, named)) {
        return;
    }
    for (int i = 0; i < SETTINGS_COUNT; i++) {
        if (named[i] && !rows[i].updatable && settings.values[i] != object->settings.values[i]) {
            refuse(step, session, request, MST_VALUE,
                   step_printf(step, "%s is fixed once the object exists", rows[i].name));
            return;
        }
    }
    settings_record(step, object, object->kind, settings.values);
    outcome_ok(step, session, object, request);
}
