/* fields_decode.c - msgpack arrays to structs, by the tables of messages.c.
 *
 * Numbers are range-checked, lists are bounded before their memory is taken, texts are UTF-8. Spans
 * borrow from the payload, lists are in the arena. Recursion is as deep as the tables nest. */
#include "protocol/fields.h"
#include "protocol/utf8.h"

enum { NIL_BYTE = 0xc0, NOT_ONE_BYTE = 0xc1 };

static void *member(void *owner, const struct mst_field *field)
{
    return (char *)owner + field->offset;
}

/* Most defaults are 0, and the owner's bytes are. */
void mst_fields_init(void *owner, struct mst_layout layout)
{
    for (size_t i = 0; i < layout.count; i++) {
        const struct mst_field *field = &layout.fields[i];

        if (field->absent == 0) {
            continue;
        }
        if (field->type == MST_F_BOOL) {
            *(bool *)member(owner, field) = true;
        } else {
            *(int64_t *)member(owner, field) = field->absent; /* nothing else has such a default */
        }
    }
}

/* ---- single values: false when the value is something else ---- */

static bool u64_decode(const struct mst_value *value, uint64_t *number_out)
{
    if (value->type != MST_V_UNSIGNED) {
        return false;
    }
    *number_out = value->number;
    return true;
}

static bool i64_decode(const struct mst_value *value, int64_t *number_out)
{
    bool fits = value->type == MST_V_NEGATIVE ||
                (value->type == MST_V_UNSIGNED && value->number <= INT64_MAX);

    if (fits) {
        *number_out = (int64_t)value->number;
    }
    return fits;
}

static bool bool_decode(const struct mst_value *value, bool *flag_out)
{
    *flag_out = value->type == MST_V_BOOL && value->number != 0;
    return value->type == MST_V_BOOL;
}

static bool str_decode(const struct mst_value *value, size_t max, struct mst_span *text_out)
{
    if (value->type != MST_V_STR || value->number > max) {
        return false;
    }
    *text_out = mst_span_of(value->data, (size_t)value->number);
    return mst_utf8_valid(*text_out);
}

static bool bin_decode(const struct mst_value *value, size_t max, struct mst_span *bytes_out)
{
    /* Some languages have one type for both, and write bytes as text. */
    if (value->type != MST_V_BIN && value->type != MST_V_STR) {
        return false;
    }
    *bytes_out = mst_span_of(value->data, (size_t)value->number);
    return bytes_out->len <= max;
}

bool mst_text_decode(const struct mst_value *value, size_t max, struct mst_span *text_out)
{
    return value->type == MST_V_NIL || str_decode(value, max, text_out);
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

/* The next value; RESERVED: there is none. Inlined on purpose, as what it calls. */
__attribute__((always_inline)) static inline struct mst_value
next_value(struct mst_decoder *decoder)
{
    struct mst_value value = {.type = MST_V_RESERVED};

    if (decoder->rest.len > 0) {
        mst_value_read(&decoder->rest, &value);
    }
    return value;
}

/* Memory for a list, entered into its member, with any bytes in it; NULL when it is empty or
 * something failed. Each value takes a byte at least, so no more is taken than what came is worth.
 */
static void *list_take(struct mst_decoder *decoder, const struct mst_field *field, void *owner,
                       uint64_t declared, size_t size)
{
    size_t count = (size_t)declared;

    if (declared > field->max || declared > decoder->rest.len) {
        wrong(decoder, field);
    }
    if (failed(decoder) || count == 0) {
        return NULL;
    }
    void *items = mst_arena_take_raw(decoder->arena, count * size);
    if (items == NULL) {
        decoder->out_of_memory = true;
        return NULL;
    }
    /* By bytes, for the pointer's type differs from list to list. */
    memcpy(member(owner, field), &items, sizeof(items));
    memcpy((char *)member(owner, field) + sizeof(items), &count, sizeof(count));
    return items;
}

static bool item_decode(const struct mst_field *field, const struct mst_value *value, void *items,
                        size_t i)
{
    switch (field->type) {
    case MST_F_SPANS: return bin_decode(value, UINT32_MAX, (struct mst_span *)items + i);
    case MST_F_I64S: return i64_decode(value, (int64_t *)items + i);
    default: return u64_decode(value, (uint64_t *)items + i);
    }
}

static void items_decode(struct mst_decoder *decoder, const struct mst_field *field, uint64_t count,
                         void *owner, size_t size)
{
    void *items = list_take(decoder, field, owner, count, size);

    if (items != NULL) {
        mst_zero(items, (size_t)count * size);
    }
    for (size_t i = 0; items != NULL && i < count; i++) {
        struct mst_value value = next_value(decoder);

        if (!item_decode(field, &value, items, i)) {
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
                       const struct mst_value *value, struct mst_layout layout, void *row)
{
    if (value->type != MST_V_ARRAY) {
        wrong(decoder, field);
        return;
    }
    mst_fields_decode(decoder, value->number, layout, row);
    if (!row_sane(field->type, row)) {
        wrong(decoder, field);
    }
}

static void rows_decode(struct mst_decoder *decoder, const struct mst_field *field, uint64_t count,
                        void *owner)
{
    size_t size = 0;
    struct mst_layout layout = mst_row_layout(field->type, &size);
    char *rows = list_take(decoder, field, owner, count, size);

    if (rows != NULL) {
        mst_zero(rows, size);
        mst_fields_init(rows, layout);
    }
    for (size_t i = 1; rows != NULL && i < count; i++) {
        memcpy(rows + i * size, rows, size);
    }
    for (size_t i = 0; rows != NULL && i < count && !failed(decoder); i++) {
        struct mst_value value = next_value(decoder);

        row_decode(decoder, field, &value, layout, rows + i * size);
    }
}

static bool fact_decode(struct mst_decoder *decoder, struct mst_fact *fact)
{
    struct mst_value name = next_value(decoder);
    struct mst_value value = next_value(decoder);

    fact->is_text = value.type == MST_V_STR;
    return str_decode(&name, MST_FACT_NAME_MAX, &fact->name) &&
           (fact->is_text ? str_decode(&value, MST_FACT_TEXT_MAX, &fact->text)
                          : i64_decode(&value, &fact->number));
}

static void facts_decode(struct mst_decoder *decoder, const struct mst_field *field, uint64_t count,
                         void *owner)
{
    struct mst_fact *facts = list_take(decoder, field, owner, count, sizeof(*facts));

    if (facts != NULL) {
        mst_zero(facts, (size_t)count * sizeof(*facts));
    }
    for (size_t i = 0; facts != NULL && i < count; i++) {
        if (!fact_decode(decoder, &facts[i])) {
            wrong(decoder, field);
            return;
        }
    }
}

static void history_decode(struct mst_decoder *decoder, const struct mst_field *field,
                           const struct mst_value *value, void *owner)
{
    size_t size = 0;
    struct mst_layout layout = mst_row_layout(MST_F_HISTORY, &size);
    struct mst_history *history = mst_arena_take(decoder->arena, size);

    if (history == NULL) {
        decoder->out_of_memory = true;
        return;
    }
    mst_fields_init(history, layout);
    row_decode(decoder, field, value, layout, history);
    *(const struct mst_history **)member(owner, field) = history;
}

/* ---- any field ---- */

static void list_decode(struct mst_decoder *decoder, const struct mst_field *field,
                        const struct mst_value *value, void *owner)
{
    if (value->type != (field->type == MST_F_FACTS ? MST_V_MAP : MST_V_ARRAY)) {
        wrong(decoder, field);
        return;
    }
    switch (field->type) {
    case MST_F_SPANS:
        items_decode(decoder, field, value->number, owner, sizeof(struct mst_span));
        break;
    case MST_F_I64S:
    case MST_F_U64S: items_decode(decoder, field, value->number, owner, sizeof(uint64_t)); break;
    case MST_F_FACTS: facts_decode(decoder, field, value->number, owner); break;
    case MST_F_HISTORY: history_decode(decoder, field, value, owner); break;
    default: rows_decode(decoder, field, value->number, owner); break;
    }
}

static bool generation_decode(const struct mst_value *value, void *generation)
{
    *(bool *)((char *)generation + sizeof(uint64_t)) = true;
    return u64_decode(value, generation);
}

static void field_decode(struct mst_decoder *decoder, const struct mst_field *field,
                         const struct mst_value *value, void *owner)
{
    void *place = member(owner, field);
    bool right = true;

    switch (field->type) {
    case MST_F_U64: right = u64_decode(value, place); break;
    case MST_F_I64: right = i64_decode(value, place); break;
    case MST_F_BOOL: right = bool_decode(value, place); break;
    case MST_F_STR: right = str_decode(value, field->max, place); break;
    case MST_F_BIN: right = bin_decode(value, field->max, place); break;
    case MST_F_GENERATION: right = generation_decode(value, place); break;
    default: list_decode(decoder, field, value, owner); break;
    }
    if (!right) {
        wrong(decoder, field);
    }
}

/* What most fields are: left out, or a small number. false: it is more, and nothing was taken. */
static inline bool takes_one_byte(struct mst_decoder *decoder, const struct mst_field *field,
                                  void *owner)
{
    uint8_t byte = decoder->rest.len == 0 ? NOT_ONE_BYTE : decoder->rest.data[0];

    if (byte < 0x80 && (field->type == MST_F_U64 || field->type == MST_F_I64)) {
        *(uint64_t *)member(owner, field) = byte;
    } else if (byte != NIL_BYTE) {
        return false;
    }
    decoder->rest = mst_span_of(decoder->rest.data + 1, decoder->rest.len - 1);
    return true;
}

void mst_fields_decode(struct mst_decoder *decoder, uint64_t count, struct mst_layout layout,
                       void *owner)
{
    size_t known = count < layout.count ? (size_t)count : layout.count;

    for (size_t i = 0; i < known && !failed(decoder); i++) {
        const struct mst_field *field = &layout.fields[i];

        if (!takes_one_byte(decoder, field, owner)) {
            struct mst_value value = next_value(decoder);

            field_decode(decoder, field, &value, owner);
        }
    }
    if (count > known && !failed(decoder)) {
        decoder->skipped = true; /* those of a newer peer */
        mst_values_skip(&decoder->rest, count - known);
    }
}
