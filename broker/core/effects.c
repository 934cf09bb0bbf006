/* effects.c - what a step wants done: replies, closes, and records for the journal. */
#include "broker/core/internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define EFFECTS_KEPT_MAX 1024

void effects_init(struct effects *effects)
{
    memset(effects, 0, sizeof(*effects));
    mst_arena_init(&effects->arena);
    mst_buf_init(&effects->records);
}

void effects_clear(struct effects *effects)
{
    free(effects->items);
    free(effects->bodies);
    mst_arena_clear(&effects->arena);
    mst_buf_clear(&effects->records);
    memset(effects, 0, sizeof(*effects));
}

/* After a step that told a crowd, its memory is not kept. */
void effects_reset(struct effects *effects)
{
    if (effects->cap > EFFECTS_KEPT_MAX) {
        free(effects->items);
        effects->items = NULL;
        effects->cap = 0;
    }
    if (effects->bodies_cap > EFFECTS_KEPT_MAX) {
        free(effects->bodies);
        effects->bodies = NULL;
        effects->bodies_cap = 0;
    }
    effects->bodies_count = 0;
    effects->count = 0;
    effects->records_seq = 0;
    mst_arena_reset(&effects->arena);
    mst_buf_reset(&effects->records);
}

static struct effect *effects_add(struct step *step, enum effect_kind kind, uint64_t conn)
{
    struct effects *effects = step->effects;
    struct effect *effect;

    if (effects->count == effects->cap) {
        size_t cap = effects->cap == 0 ? 16 : effects->cap * 2;
        struct effect *items;

        NEED(step->core, (items = realloc(effects->items, cap * sizeof(*items))) != NULL);
        effects->items = items;
        effects->cap = cap;
    }
    effect = &effects->items[effects->count++];
    effect->kind = kind;
    effect->conn = conn;
    effect->seq = 0;
    effect->delivery_bytes = 0;
    effect->delivery_room = 0;
    effect->why = NULL;
    return effect;
}

struct effect *effects_reply(struct step *step, uint64_t conn, enum mst_op op, uint64_t id)
{
    struct effect *effect = effects_add(step, EFFECT_REPLY, conn);

    mst_reply_init(&effect->reply, op);
    effect->reply.id = id;
    return effect;
}

void effects_close(struct step *step, uint64_t conn, const char *why)
{
    assert(conn != 0);
    effects_add(step, EFFECT_CLOSE, conn)->why = why;
}

void *step_take_raw(struct step *step, size_t size)
{
    void *piece;

    NEED(step->core, (piece = mst_arena_take_raw(&step->effects->arena, size)) != NULL);
    return piece;
}

void *step_take(struct step *step, size_t size)
{
    return memset(step_take_raw(step, size), 0, size);
}

struct mst_span step_printf(struct step *step, const char *format, ...)
{
    char text[MST_CAUSE_BYTES_MAX + 1];
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    assert(n >= 0);
    if ((size_t)n >= sizeof(text)) {
        n = (int)sizeof(text) - 1;
        while (n > 0 && ((unsigned char)text[n] & 0xc0u) == 0x80u) {
            n--; /* never cut within a character */
        }
    }
    return mst_arena_copy(&step->effects->arena, mst_span_of(text, (size_t)n));
}

void record_begin(struct record *record, const struct step *step, enum record_kind what)
{
    mst_zero(record, sizeof(*record));
    record->what = what;
    record->now_ns = step->core->now_ns;
    record->wall_ns = step->core->wall_ns;
}

struct record record_of(const struct step *step, enum record_kind what)
{
    return (struct record){
        .what = what, .now_ns = step->core->now_ns, .wall_ns = step->core->wall_ns};
}

/* Room for so many more bodies behind those that are noted. */
static struct core_body *bodies_room(struct step *step, size_t count)
{
    struct effects *effects = step->effects;
    size_t cap = effects->bodies_cap == 0 ? 16 : effects->bodies_cap;
    struct core_body *bodies;

    while (cap < effects->bodies_count + count) {
        cap *= 2;
    }
    if (cap != effects->bodies_cap) {
        NEED(step->core, (bodies = realloc(effects->bodies, cap * sizeof(*bodies))) != NULL);
        effects->bodies = bodies;
        effects->bodies_cap = cap;
    }
    return effects->bodies + effects->bodies_count;
}

/* A message may be put and dropped within one step, so until its end each has a reference. */
static void note_bodies(struct effects *effects, size_t count)
{
    size_t from = effects->bodies_count;

    for (size_t i = from; i < from + count; i++) {
        struct core_body body = effects->bodies[i];

        if (body.blob->is_far && body.blob->len > 0) {
            mst_blob_ref(body.blob);
            effects->bodies[effects->bodies_count++] = body;
        }
    }
}

void effects_finish(struct effects *effects)
{
    size_t kept = 0;

    for (size_t i = 0; i < effects->bodies_count; i++) {
        struct core_body body = effects->bodies[i];
        bool is_wanted = body.blob->references > 1;

        mst_blob_unref(&body.blob);
        if (is_wanted) {
            effects->bodies[kept++] = effects->bodies[i];
        }
    }
    effects->bodies_count = kept;
}

void step_record(struct step *step, struct record *record, bool durable)
{
    struct effects *effects = step->effects;
    size_t bodies = record->put == NULL ? 0 : record->put->count;
    struct core_body *places;

    if (durable && step->core->config.has_storage) {
        record->seq = ++step->core->record_seq;
        places = bodies == 0 ? NULL : bodies_room(step, bodies);
        NEED(step->core, record_encode(&effects->records, record, places));
        note_bodies(effects, bodies);
        effects->records_seq = record->seq;
    }
    record_apply(step->core, record);
}

void object_record(struct step *step, struct object *object, struct record *record)
{
    record->object = object->id;
    step_record(step, record, object_is_durable(object));
}
