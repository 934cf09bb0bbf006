/* fields_decode.c - msgpack arrays to structs, by the tables of messages.c.
 *
 * Numbers are range-checked, lists are bounded before their memory is taken, texts are UTF-8. Spans
 * borrow from the payload, lists are in the arena. Recursion is as deep as the tables nest. */
#include "protocol/fields.h"
#include "protocol/utf8.h"

static void *member(void *owner, const struct mst_field *field)
{
    return (char *)owner + field->offset;
}

void mst_fields_init(void *owner, struct mst_layout layout)
{
    for (size_t i = 0; i < layout.count; i++) {
        const struct mst_field *field = &layout.fields[i];
        switch (field->type) {
        case MST_F_U64: *(uint64_t *)member(owner, field) = (uint64_t)field->absent; break;
        case MST_F_I64: *(int64_t *)member(owner, field) = field->absent; break;
        case MST_F_BOOL: *(bool *)member(owner, field) = field->absent != 0; break;
        default: break; /* the rest is none, which is all zeros */
        }
    }
}

/* ---- single values: false when the element is something else ---- */

static bool u64_decode(const msgpack_object *element, uint64_t *value_out)
{
    if (element->type != MSGPACK_OBJECT_POSITIVE_INTEGER) {
        return false; /* nothing else has a number to look at */
    }
    *value_out = element->via.u64;
    return true;
}

static bool i64_decode(const msgpack_object *element, int64_t *value_out)
{
    if (element->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        *value_out = element->via.i64;
        return true;
    }
    if (element->type != MSGPACK_OBJECT_POSITIVE_INTEGER || element->via.u64 > INT64_MAX) {
        return false;
    }
    *value_out = (int64_t)element->via.u64;
    return true;
}

static bool bool_decode(const msgpack_object *element, bool *value_out)
{
    *value_out = element->type == MSGPACK_OBJECT_BOOLEAN && element->via.boolean;
    return element->type == MSGPACK_OBJECT_BOOLEAN;
}

/* An empty string is not none: it must point somewhere. */
static struct mst_span present(const char *data, uint32_t len)
{
    return mst_span_of(data == NULL ? "" : data, len);
}

static bool str_decode(const msgpack_object *element, size_t max, struct mst_span *text_out)
{
    if (element->type != MSGPACK_OBJECT_STR || element->via.str.size > max) {
        return false;
    }
    *text_out = present(element->via.str.ptr, element->via.str.size);
    return mst_utf8_valid(*text_out);
}

static bool bin_decode(const msgpack_object *element, size_t max, struct mst_span *bytes_out)
{
    bool is_text = element->type == MSGPACK_OBJECT_STR;

    if (!is_text && element->type != MSGPACK_OBJECT_BIN) {
        return false;
    }
    /* Some languages have one type for both, and write bytes as text. */
    *bytes_out = is_text ? present(element->via.str.ptr, element->via.str.size)
                         : present(element->via.bin.ptr, element->via.bin.size);
    return bytes_out->len <= max;
}

bool mst_text_decode(const msgpack_object *element, size_t max, struct mst_span *text_out)
{
    return element->type == MSGPACK_OBJECT_NIL || str_decode(element, max, text_out);
}

/* ---- lists ---- */

static void wrong(struct mst_decoder *decoder, const struct mst_field *field)
{
    if (decoder->why == NULL) {
        decoder->why = field->why;
    }
}

static bool failed(const struct mst_decoder *decoder)
{
    return decoder->why != NULL || decoder->out_of_memory;
}

/* Memory for a list, entered into its member; NULL when it is empty or something failed. */
static void *list_take(struct mst_decoder *decoder, const struct mst_field *field, void *owner,
                       size_t count, size_t size)
{
    if (count > field->max) {
        wrong(decoder, field);
    }
    if (failed(decoder) || count == 0) {
        return NULL;
    }
    void *items = mst_arena_take(decoder->arena, count * size);
    if (items == NULL) {
        decoder->out_of_memory = true;
        return NULL;
    }
    /* By bytes, for the pointer's type differs from list to list. */
    memcpy(member(owner, field), &items, sizeof(items));
    memcpy((char *)member(owner, field) + sizeof(items), &count, sizeof(count));
    return items;
}

static bool item_decode(const struct mst_field *field, const msgpack_object *element, void *items,
                        size_t i)
{
    switch (field->type) {
    case MST_F_SPANS: return bin_decode(element, UINT32_MAX, (struct mst_span *)items + i);
    case MST_F_I64S: return i64_decode(element, (int64_t *)items + i);
    default: return u64_decode(element, (uint64_t *)items + i);
    }
}

static void items_decode(struct mst_decoder *decoder, const struct mst_field *field,
                         const msgpack_object *element, void *owner, size_t size)
{
    const msgpack_object_array *array = &element->via.array;
    void *items = list_take(decoder, field, owner, array->size, size);

    for (size_t i = 0; items != NULL && i < array->size; i++) {
        if (!item_decode(field, &array->ptr[i], items, i)) {
            wrong(decoder, field);
            return;
        }
    }
}

/* Nothing behind the codec has to think of runs that are empty or wrap around. */
static bool run_sane(uint64_t first, uint64_t count)
{
    return count > 0 && count - 1 <= UINT64_MAX - first;
}

static bool row_sane(enum mst_field_type type, const void *row)
{
    if (type == MST_F_RANGES) {
        const struct mst_range *range = row;
        return run_sane(range->first, range->count);
    }
    if (type == MST_F_RUNS) {
        const struct mst_run *run = row;
        return run_sane(run->first, run->count);
    }
    return true;
}

/* The row has its defaults. */
static void row_decode(struct mst_decoder *decoder, const struct mst_field *field,
                       const msgpack_object *element, struct mst_layout layout, void *row)
{
    if (element->type != MSGPACK_OBJECT_ARRAY) {
        wrong(decoder, field);
        return;
    }
    mst_fields_decode(decoder, element->via.array.ptr, element->via.array.size, layout, row);
    if (!row_sane(field->type, row)) {
        wrong(decoder, field);
    }
}

static void rows_decode(struct mst_decoder *decoder, const struct mst_field *field,
                        const msgpack_object *element, void *owner)
{
    size_t size = 0;
    struct mst_layout layout = mst_row_layout(field->type, &size);
    const msgpack_object_array *array = &element->via.array;
    char *rows = list_take(decoder, field, owner, array->size, size);

    if (rows != NULL) {
        mst_fields_init(rows, layout);
    }
    for (size_t i = 1; rows != NULL && i < array->size; i++) {
        memcpy(rows + i * size, rows, size);
    }
    for (size_t i = 0; rows != NULL && i < array->size && !failed(decoder); i++) {
        row_decode(decoder, field, &array->ptr[i], layout, rows + i * size);
    }
}

static bool fact_decode(const msgpack_object_kv *entry, struct mst_fact *fact)
{
    fact->is_text = entry->val.type == MSGPACK_OBJECT_STR;
    return str_decode(&entry->key, MST_FACT_NAME_MAX, &fact->name) &&
           (fact->is_text ? str_decode(&entry->val, MST_FACT_TEXT_MAX, &fact->text)
                          : i64_decode(&entry->val, &fact->number));
}

static void facts_decode(struct mst_decoder *decoder, const struct mst_field *field,
                         const msgpack_object *element, void *owner)
{
    const msgpack_object_map *map = &element->via.map;
    struct mst_fact *facts = list_take(decoder, field, owner, map->size, sizeof(*facts));

    for (size_t i = 0; facts != NULL && i < map->size; i++) {
        if (!fact_decode(&map->ptr[i], &facts[i])) {
            wrong(decoder, field);
            return;
        }
    }
}

static void history_decode(struct mst_decoder *decoder, const struct mst_field *field,
                           const msgpack_object *element, void *owner)
{
    size_t size = 0;
    struct mst_layout layout = mst_row_layout(MST_F_HISTORY, &size);
    struct mst_history *history = mst_arena_take(decoder->arena, size);

    if (history == NULL) {
        decoder->out_of_memory = true;
        return;
    }
    mst_fields_init(history, layout);
    row_decode(decoder, field, element, layout, history);
    *(const struct mst_history **)member(owner, field) = history;
}

/* ---- any field ---- */

static void list_decode(struct mst_decoder *decoder, const struct mst_field *field,
                        const msgpack_object *element, void *owner)
{
    msgpack_object_type wanted =
        field->type == MST_F_FACTS ? MSGPACK_OBJECT_MAP : MSGPACK_OBJECT_ARRAY;

    if (element->type != wanted) {
        wrong(decoder, field);
        return;
    }
    switch (field->type) {
    case MST_F_SPANS: items_decode(decoder, field, element, owner, sizeof(struct mst_span)); break;
    case MST_F_I64S:
    case MST_F_U64S: items_decode(decoder, field, element, owner, sizeof(uint64_t)); break;
    case MST_F_FACTS: facts_decode(decoder, field, element, owner); break;
    case MST_F_HISTORY: history_decode(decoder, field, element, owner); break;
    default: rows_decode(decoder, field, element, owner); break;
    }
}

static bool generation_decode(const msgpack_object *element, void *value)
{
    *(bool *)((char *)value + sizeof(uint64_t)) = true;
    return u64_decode(element, value);
}

static void field_decode(struct mst_decoder *decoder, const struct mst_field *field,
                         const msgpack_object *element, void *owner)
{
    void *value = member(owner, field);
    bool right = true;

    switch (field->type) {
    case MST_F_U64: right = u64_decode(element, value); break;
    case MST_F_I64: right = i64_decode(element, value); break;
    case MST_F_BOOL: right = bool_decode(element, value); break;
    case MST_F_STR: right = str_decode(element, field->max, value); break;
    case MST_F_BIN: right = bin_decode(element, field->max, value); break;
    case MST_F_GENERATION: right = generation_decode(element, value); break;
    default: list_decode(decoder, field, element, owner); break;
    }
    if (!right) {
        wrong(decoder, field);
    }
}

void mst_fields_decode(struct mst_decoder *decoder, const msgpack_object *elements, size_t count,
                       struct mst_layout layout, void *owner)
{
    size_t known = count < layout.count ? count : layout.count;

    for (size_t i = 0; i < known && !failed(decoder); i++) {
        if (elements[i].type != MSGPACK_OBJECT_NIL) {
            field_decode(decoder, &layout.fields[i], &elements[i], owner);
        }
    }
}
