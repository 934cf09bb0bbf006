/* fields_encode.c - structs to msgpack arrays, by the tables of messages.c.
 *
 * Only reads the struct. A member at its default is nil when others follow it, and is left out when
 * none does. Recursion is as deep as the tables nest: message, delivery, history. */
#include "protocol/fields.h"

/* A list member: a pointer and directly behind it the count. */
struct list {
    const void *items;
    size_t count;
};

static const void *member(const void *owner, const struct mst_field *field)
{
    return (const char *)owner + field->offset;
}

/* By bytes, for the pointer's type differs from list to list. */
static struct list list_of(const void *owner, const struct mst_field *field)
{
    struct list list;

    memcpy(&list.items, member(owner, field), sizeof(list.items));
    memcpy(&list.count, (const char *)member(owner, field) + sizeof(list.items),
           sizeof(list.count));
    return list;
}

static struct mst_span span_of(const void *owner, const struct mst_field *field)
{
    return *(const struct mst_span *)member(owner, field);
}

static const struct mst_history *history_of(const void *owner, const struct mst_field *field)
{
    return *(const struct mst_history *const *)member(owner, field);
}

static bool generation_given(const void *owner, const struct mst_field *field)
{
    return *(const bool *)((const char *)member(owner, field) + sizeof(uint64_t));
}

static bool is_none(const void *owner, const struct mst_field *field)
{
    switch (field->type) {
    case MST_F_BOOL: return *(const bool *)member(owner, field) == (field->absent != 0);
    case MST_F_STR:
    case MST_F_BIN: return span_of(owner, field).data == NULL;
    case MST_F_GENERATION: return !generation_given(owner, field);
    case MST_F_HISTORY: return history_of(owner, field) == NULL;
    default: return list_of(owner, field).count == 0;
    }
}

/* Most fields are numbers: of them this is a comparison. */
static inline bool is_default(const void *owner, const struct mst_field *field)
{
    if (field->type == MST_F_U64 || field->type == MST_F_I64) {
        return *(const uint64_t *)member(owner, field) == (uint64_t)field->absent;
    }
    return is_none(owner, field);
}

size_t mst_fields_used(const void *owner, struct mst_layout layout)
{
    size_t used = layout.count;

    while (used > 0 && is_default(owner, &layout.fields[used - 1])) {
        used--;
    }
    return used;
}

static void row_encode(struct mst_pack *pack, const void *row, struct mst_layout layout)
{
    size_t used = mst_fields_used(row, layout);

    mst_pack_array(pack, used);
    mst_fields_encode(pack, row, layout, used);
}

static void rows_encode(struct mst_pack *pack, struct list list, enum mst_field_type type)
{
    size_t size = 0;
    struct mst_layout layout = mst_row_layout(type, &size);

    mst_pack_array(pack, list.count);
    for (size_t i = 0; i < list.count; i++) {
        row_encode(pack, (const char *)list.items + i * size, layout);
    }
}

static void facts_encode(struct mst_pack *pack, struct list list)
{
    const struct mst_fact *facts = list.items;

    mst_pack_map(pack, list.count);
    for (size_t i = 0; i < list.count; i++) {
        mst_pack_str(pack, facts[i].name);
        if (facts[i].is_text) {
            mst_pack_str(pack, facts[i].text);
        } else {
            mst_pack_i64(pack, facts[i].number);
        }
    }
}

static void spans_encode(struct mst_pack *pack, struct list list)
{
    const struct mst_span *spans = list.items;

    mst_pack_array(pack, list.count);
    for (size_t i = 0; i < list.count; i++) {
        if (spans[i].len < MST_BLOB_SHARED_MIN) {
            mst_pack_bin(pack, spans[i]);
        } else {
            mst_pack_body(pack, spans[i], NULL);
        }
    }
}

static void bin_encode(struct mst_pack *pack, const void *owner, const struct mst_field *field)
{
    struct mst_blob *blob = NULL;

    if (field->blob != 0) {
        memcpy(&blob, (const char *)owner + field->blob, sizeof(blob));
    }
    if (blob == NULL) {
        mst_pack_bin(pack, span_of(owner, field));
    } else {
        mst_pack_body(pack, span_of(owner, field), blob);
    }
}

static void numbers_encode(struct mst_pack *pack, struct list list, bool is_signed)
{
    mst_pack_array(pack, list.count);
    for (size_t i = 0; i < list.count; i++) {
        if (is_signed) {
            mst_pack_i64(pack, ((const int64_t *)list.items)[i]);
        } else {
            mst_pack_u64(pack, ((const uint64_t *)list.items)[i]);
        }
    }
}

static void history_encode(struct mst_pack *pack, const struct mst_history *history)
{
    size_t size = 0;

    row_encode(pack, history, mst_row_layout(MST_F_HISTORY, &size));
}

static void field_encode(struct mst_pack *pack, const void *owner, const struct mst_field *field)
{
    switch (field->type) {
    case MST_F_U64:
    case MST_F_GENERATION: mst_pack_u64(pack, *(const uint64_t *)member(owner, field)); break;
    case MST_F_I64: mst_pack_i64(pack, *(const int64_t *)member(owner, field)); break;
    case MST_F_BOOL: mst_pack_bool(pack, *(const bool *)member(owner, field)); break;
    case MST_F_STR: mst_pack_str(pack, span_of(owner, field)); break;
    case MST_F_BIN: bin_encode(pack, owner, field); break;
    case MST_F_SPANS: spans_encode(pack, list_of(owner, field)); break;
    case MST_F_I64S: numbers_encode(pack, list_of(owner, field), true); break;
    case MST_F_U64S: numbers_encode(pack, list_of(owner, field), false); break;
    case MST_F_FACTS: facts_encode(pack, list_of(owner, field)); break;
    case MST_F_HISTORY: history_encode(pack, history_of(owner, field)); break;
    case MST_F_RANGES:
    case MST_F_RUNS:
    case MST_F_DELIVERIES:
    case MST_F_PARTIES:
    case MST_F_ENTRIES:
    case MST_F_SESSIONS: rows_encode(pack, list_of(owner, field), field->type); break;
    }
}

void mst_fields_encode(struct mst_pack *pack, const void *owner, struct mst_layout layout,
                       size_t used)
{
    for (size_t i = 0; i < used && !pack->failed; i++) {
        if (is_default(owner, &layout.fields[i])) {
            mst_pack_nil(pack);
        } else {
            field_encode(pack, owner, &layout.fields[i]);
        }
    }
}
