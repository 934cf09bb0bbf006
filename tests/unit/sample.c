/* sample.c - random messages for tests, made and compared by the tables of messages.c.
 *
 * Every value is legal, edges come often, and the same seed gives the same messages. */
#include "tests/unit/cmocka_all.h"

#include "tests/unit/sample.h"

struct list {
    void *items;
    size_t count;
};

static uint64_t next(struct sample *sample)
{
    sample->random = sample->random * 6364136223846793005u + 1442695040888963407u;
    return (sample->random >> 29) ^ (sample->random >> 41);
}

static void *take(struct sample *sample, size_t size)
{
    void *piece = mst_arena_take(sample->arena, size);

    assert_non_null(piece);
    return piece;
}

uint64_t sample_number(struct sample *sample)
{
    static const uint64_t edges[] = {
        0,     1,     2,          127,      128,       255,        256,
        65535, 65536, UINT32_MAX, 1u << 31, INT64_MAX, UINT64_MAX, (uint64_t)1 << 63};
    uint64_t chance = next(sample) % 20;

    if (chance < sizeof(edges) / sizeof(edges[0])) {
        return edges[chance];
    }
    return next(sample) >> (next(sample) % 34);
}

static struct mst_span sample_text(struct sample *sample, size_t max)
{
    static const char *const letters[] = {
        "a", "Z", "/", " ", "\xc3\xa9", "\xe2\x82\xac", "*", "\xf0\x9f\x90\x98"};
    size_t wanted = next(sample) % (sample->small ? 4 : 40);

    if (next(sample) % 5 == 0) {
        return MST_SPAN_NONE;
    }
    if (!sample->small && next(sample) % 10 == 0) {
        wanted = max;
    }
    wanted = wanted < max ? wanted : max;
    char *text = take(sample, wanted + 4);
    size_t len = 0;
    while (len < wanted) {
        const char *letter = letters[next(sample) % 8];
        letter = len + strlen(letter) > wanted ? "x" : letter;
        memcpy(text + len, letter, strlen(letter));
        len += strlen(letter);
    }
    return mst_span_of(text, len);
}

static struct mst_span sample_bytes(struct sample *sample, size_t max)
{
    size_t len = next(sample) % (sample->small ? 4 : 300);

    if (next(sample) % 5 == 0) {
        return MST_SPAN_NONE;
    }
    len = len < max ? len : max;
    uint8_t *bytes = take(sample, len);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)next(sample);
    }
    return mst_span_of(bytes, len);
}

static size_t sample_count(struct sample *sample, size_t max)
{
    size_t count = next(sample) % (sample->small ? 3 : 20);

    return count < max ? count : max;
}

static struct mst_fact sample_fact(struct sample *sample)
{
    struct mst_fact fact = {.name = sample_text(sample, MST_FACT_NAME_MAX)};

    fact.is_text = next(sample) % 2 == 0;
    if (fact.name.data == NULL) {
        fact.name = mst_span_text("name");
    }
    if (!fact.is_text) {
        fact.number = (int64_t)sample_number(sample);
        return fact;
    }
    fact.text = sample_text(sample, MST_FACT_TEXT_MAX);
    if (fact.text.data == NULL) {
        fact.text = mst_span_text("");
    }
    return fact;
}

/* A decoded run has at least one number and does not wrap around. */
static void mend_run(enum mst_field_type type, void *row)
{
    if (type == MST_F_RANGES) {
        struct mst_range *range = row;
        range->count = 1 + range->count % 1000;
        range->first = range->first > UINT64_MAX - 1000 ? UINT64_MAX - 1000 : range->first;
    }
    if (type == MST_F_RUNS) {
        struct mst_run *run = row;
        run->count = 1 + run->count % 1000;
        run->first = run->first > UINT64_MAX - 1000 ? UINT64_MAX - 1000 : run->first;
    }
}

static void *sample_row(struct sample *sample, enum mst_field_type type, void *row)
{
    size_t size = 0;
    struct mst_layout layout = mst_row_layout(type, &size);

    if (row == NULL) {
        row = take(sample, size);
    }
    sample_fields(sample, layout, row);
    mend_run(type, row);
    return row;
}

static struct list sample_list(struct sample *sample, const struct mst_field *field)
{
    struct list list = {NULL, sample_count(sample, field->max)};
    size_t size = 0;

    mst_row_layout(field->type, &size);
    if (list.count == 0) {
        return list;
    }
    list.items = take(sample, list.count * (size > 64 ? size : 64));
    for (size_t i = 0; i < list.count; i++) {
        switch (field->type) {
        case MST_F_SPANS: {
            struct mst_span bytes = sample_bytes(sample, 1000);
            ((struct mst_span *)list.items)[i] = bytes.data == NULL ? mst_span_text("") : bytes;
            break;
        }
        case MST_F_I64S:
        case MST_F_U64S: ((uint64_t *)list.items)[i] = sample_number(sample); break;
        case MST_F_FACTS: ((struct mst_fact *)list.items)[i] = sample_fact(sample); break;
        default: sample_row(sample, field->type, (char *)list.items + i * size); break;
        }
    }
    return list;
}

void sample_fields(struct sample *sample, struct mst_layout layout, void *owner)
{
    for (size_t i = 0; i < layout.count; i++) {
        const struct mst_field *field = &layout.fields[i];
        char *member = (char *)owner + field->offset;
        bool given = next(sample) % 4 != 0;
        if (!given) {
            continue; /* stays at its default */
        }
        switch (field->type) {
        case MST_F_U64:
        case MST_F_I64: *(uint64_t *)(void *)member = sample_number(sample); break;
        case MST_F_BOOL: *(bool *)member = next(sample) % 2 == 0; break;
        case MST_F_STR: *(struct mst_span *)(void *)member = sample_text(sample, field->max); break;
        case MST_F_BIN:
            *(struct mst_span *)(void *)member = sample_bytes(sample, field->max);
            break;
        case MST_F_GENERATION:
            *(uint64_t *)(void *)member = sample_number(sample);
            *(bool *)(member + sizeof(uint64_t)) = true;
            break;
        case MST_F_HISTORY:
            *(const struct mst_history **)(void *)member = sample_row(sample, field->type, NULL);
            break;
        default: {
            struct list list = sample_list(sample, field);
            memcpy(member, &list, sizeof(list));
            break;
        }
        }
    }
}

/* ---- comparing ---- */

static bool spans_same(const struct mst_span *one, const struct mst_span *other)
{
    return mst_span_equal(*one, *other) && (one->data == NULL) == (other->data == NULL);
}

static bool facts_same(const struct mst_fact *one, const struct mst_fact *other)
{
    return one->is_text == other->is_text && one->number == other->number &&
           spans_same(&one->name, &other->name) && spans_same(&one->text, &other->text);
}

static bool items_same(enum mst_field_type type, const void *one, const void *other, size_t i)
{
    size_t size = 0;
    struct mst_layout layout = mst_row_layout(type, &size);

    switch (type) {
    case MST_F_SPANS:
        return spans_same((const struct mst_span *)one + i, (const struct mst_span *)other + i);
    case MST_F_I64S:
    case MST_F_U64S: return ((const uint64_t *)one)[i] == ((const uint64_t *)other)[i];
    case MST_F_FACTS:
        return facts_same((const struct mst_fact *)one + i, (const struct mst_fact *)other + i);
    default:
        return sample_difference(layout, (const char *)one + i * size,
                                 (const char *)other + i * size) == NULL;
    }
}

static bool lists_same(enum mst_field_type type, const void *one, const void *other)
{
    struct list a;
    struct list b;

    memcpy(&a, one, sizeof(a));
    memcpy(&b, other, sizeof(b));
    bool same = a.count == b.count && (a.items == NULL) == (b.items == NULL);
    for (size_t i = 0; same && i < a.count; i++) {
        same = items_same(type, a.items, b.items, i);
    }
    return same;
}

static bool histories_same(const struct mst_history *one, const struct mst_history *other)
{
    if (one == NULL || other == NULL) {
        return one == other;
    }
    return items_same(MST_F_HISTORY, one, other, 0);
}

static bool members_same(enum mst_field_type type, const void *one, const void *other)
{
    switch (type) {
    case MST_F_U64:
    case MST_F_I64: return *(const uint64_t *)one == *(const uint64_t *)other;
    case MST_F_BOOL: return *(const bool *)one == *(const bool *)other;
    case MST_F_STR:
    case MST_F_BIN: return spans_same(one, other);
    case MST_F_GENERATION:
        return *(const uint64_t *)one == *(const uint64_t *)other &&
               *((const bool *)one + sizeof(uint64_t)) == *((const bool *)other + sizeof(uint64_t));
    case MST_F_HISTORY:
        return histories_same(*(const struct mst_history *const *)one,
                              *(const struct mst_history *const *)other);
    default: return lists_same(type, one, other);
    }
}

const char *sample_difference(struct mst_layout layout, const void *one, const void *other)
{
    for (size_t i = 0; i < layout.count; i++) {
        const struct mst_field *field = &layout.fields[i];
        if (!members_same(field->type, (const char *)one + field->offset,
                          (const char *)other + field->offset)) {
            return field->name;
        }
    }
    return NULL;
}

/* ---- messages ---- */

struct mst_request *sample_request(struct sample *sample, enum mst_op op)
{
    struct mst_request *request = take(sample, sizeof(*request));

    mst_request_init(request, op);
    request->id = sample_number(sample);
    request->confirm = sample_number(sample);
    sample_fields(sample, mst_request_layout(op), request);
    return request;
}

struct mst_reply *sample_reply(struct sample *sample, enum mst_op op)
{
    struct mst_reply *reply = take(sample, sizeof(*reply));

    mst_reply_init(reply, op);
    reply->id = sample_number(sample);
    reply->status = (enum mst_status)(next(sample) % MST_STATUS_COUNT);
    reply->cause = sample_text(sample, MST_CAUSE_BYTES_MAX);
    sample_fields(sample, mst_reply_layout(op), reply);
    return reply;
}
