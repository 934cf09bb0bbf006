/* input.c - the bytes of a fuzzer, read as choices. See input.h. */
#include "tests/fuzz/input.h"

#include <stdio.h>
#include <stdlib.h>

#define LIST_MAX 5 /* elements of a list that is made */

void require_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

/* ---- choices ---- */

static void skip(struct input *in, size_t n)
{
    in->left = mst_span_of(in->left.data + n, in->left.len - n);
}

uint8_t input_byte(struct input *in)
{
    uint8_t byte = 0;

    if (in->left.len > 0) {
        byte = in->left.data[0];
        skip(in, 1);
    }
    return byte;
}

uint64_t input_number(struct input *in)
{
    static const uint64_t edges[] = {0x7f,
                                     0x80,
                                     0xff,
                                     0x100,
                                     0xffff,
                                     0x10000,
                                     UINT32_MAX,
                                     UINT64_C(0x100000000),
                                     INT64_MAX - 1,
                                     INT64_MAX,
                                     UINT64_C(1) << 63,
                                     UINT64_MAX - 1,
                                     UINT64_MAX};
    uint8_t choice = input_byte(in);
    uint64_t number = 0;

    if (choice < 0xe0) {
        return choice;
    }
    if (choice - 0xe0u < sizeof(edges) / sizeof(edges[0])) {
        return edges[choice - 0xe0];
    }
    for (int i = 0; i < (choice & 7) + 1; i++) {
        number = number << 8 | input_byte(in);
    }
    return number;
}

uint64_t input_below(struct input *in, uint64_t n)
{
    return input_byte(in) % n;
}

int64_t input_time(struct input *in)
{
    static const int64_t times[] = {0,
                                    1,
                                    1000000,
                                    10000000,
                                    100000000,
                                    500000000,
                                    1000000000,
                                    10000000000,
                                    3600000000000,
                                    MST_FOREVER,
                                    MST_DEFAULT_TIMEOUT,
                                    MST_DEFAULT_BROKER,
                                    -3,
                                    INT64_MIN,
                                    MST_FOREVER - 1};
    uint8_t choice = input_byte(in);

    if (choice < 0xf0) {
        return times[choice % (sizeof(times) / sizeof(times[0]))];
    }
    return (int64_t)input_number(in);
}

struct mst_span input_bytes(struct input *in, size_t max)
{
    size_t len = input_byte(in);
    struct mst_span bytes;

    if (len >= 0xf0) {
        len = (len & 0xf) << 8 | input_byte(in);
    }
    len = len < max ? len : max;
    len = len < in->left.len ? len : in->left.len;
    bytes = mst_span_of(in->left.data, len);
    skip(in, len);
    return bytes;
}

struct mst_span input_rest(struct input *in)
{
    struct mst_span rest = in->left;

    skip(in, rest.len);
    return rest;
}

struct mst_span input_until(struct input *in, uint8_t end)
{
    const uint8_t *at = in->left.len == 0 ? NULL : memchr(in->left.data, end, in->left.len);
    struct mst_span text = in->left;

    if (at == NULL) {
        return input_rest(in);
    }
    text.len = (size_t)(at - text.data);
    skip(in, text.len + 1);
    return text;
}

/* ---- messages ---- */

enum mst_op input_op(struct input *in)
{
    static const enum mst_op ops[] = {
#define OP(code, name, verb, flags, help) MST_OP_##name,
#include "protocol/ops.def"
#undef OP
    };

    return ops[input_below(in, sizeof(ops) / sizeof(ops[0]))];
}

static void *take(struct input *in, size_t size)
{
    void *memory = mst_arena_take(in->arena, size);

    require(memory != NULL);
    return memory;
}

/* Names that meet again: of objects, settings, patterns; or any bytes. */
static struct mst_span text(struct input *in, size_t max)
{
    static const char *const names[] = {"jobs",
                                        "jobs.dead",
                                        "a",
                                        "b",
                                        "team/mill/x",
                                        "ready",
                                        "gate",
                                        "*",
                                        "**",
                                        "a/*",
                                        "durable",
                                        "maxsize",
                                        "max-bytes",
                                        "full",
                                        "parties",
                                        "action",
                                        "timeout",
                                        "expire-idle",
                                        "dedup-window",
                                        "max-deliveries",
                                        "action-timeout",
                                        "holds",
                                        ""};
    uint8_t choice = input_byte(in);

    if (choice < 0xc0) {
        return mst_span_text(names[choice % (sizeof(names) / sizeof(names[0]))]);
    }
    return choice < 0xe0 ? MST_SPAN_NONE : input_bytes(in, max);
}

static struct mst_span binary(struct input *in, size_t max)
{
    uint8_t choice = input_byte(in);
    struct mst_span bytes;

    if (choice < 0xc0) {
        return input_bytes(in, max);
    }
    bytes.len = (size_t)(choice & 0x1f) << (choice & 0x20 ? 9 : 2);
    bytes.len = bytes.len < max ? bytes.len : max;
    bytes.data = take(in, bytes.len + 1);
    return bytes;
}

static void fact(struct input *in, struct mst_fact *fact_out)
{
    fact_out->name = text(in, MST_FACT_NAME_MAX);
    fact_out->is_text = input_byte(in) == 0xff;
    fact_out->number = fact_out->is_text ? 0 : input_time(in);
    fact_out->text = fact_out->is_text ? text(in, MST_FACT_TEXT_MAX) : MST_SPAN_NONE;
}

static size_t item_size(enum mst_field_type type)
{
    size_t size = 0;

    switch (type) {
    case MST_F_SPANS: return sizeof(struct mst_span);
    case MST_F_I64S: return sizeof(int64_t);
    case MST_F_U64S: return sizeof(uint64_t);
    case MST_F_FACTS: return sizeof(struct mst_fact);
    default: mst_row_layout(type, &size); return size;
    }
}

static void item(struct input *in, enum mst_field_type type, void *out)
{
    size_t size;

    switch (type) {
    case MST_F_SPANS: *(struct mst_span *)out = binary(in, MST_BODY_BYTES_MAX); break;
    case MST_F_I64S: *(int64_t *)out = (int64_t)input_number(in); break;
    case MST_F_U64S: *(uint64_t *)out = input_number(in); break;
    case MST_F_FACTS: fact(in, out); break;
    case MST_F_RANGES:
    case MST_F_RUNS: /* their counts may be left out, and are 1 then */
        ((uint64_t *)out)[0] = input_number(in);
        ((struct mst_range *)out)->count = 1 + input_below(in, 4);
        if (type == MST_F_RUNS) {
            ((struct mst_run *)out)->number = 1 + input_below(in, 3);
            ((struct mst_run *)out)->count = 1 + input_below(in, 4);
        }
        break;
    default: input_fields(in, mst_row_layout(type, &size), out); break;
    }
}

/* A list is its pointer, followed by its count. */
static void list(struct input *in, enum mst_field_type type, void *out)
{
    size_t count = input_below(in, LIST_MAX + 1);
    size_t size = item_size(type);
    uint8_t *items = take(in, count * size + 1);

    for (size_t i = 0; i < count; i++) {
        item(in, type, items + i * size);
    }
    memcpy(out, &items, sizeof(items));
    memcpy((uint8_t *)out + sizeof(items), &count, sizeof(count));
}

static void one_field(struct input *in, const struct mst_field *field, void *owner)
{
    void *out = (uint8_t *)owner + field->offset;

    switch (field->type) {
    case MST_F_U64: *(uint64_t *)out = input_number(in); break;
    case MST_F_I64: *(int64_t *)out = input_time(in); break;
    case MST_F_BOOL: *(bool *)out = (input_byte(in) & 1) != 0; break;
    case MST_F_STR: *(struct mst_span *)out = text(in, field->max); break;
    case MST_F_BIN: *(struct mst_span *)out = binary(in, field->max); break;
    case MST_F_GENERATION:
        *(uint64_t *)out = input_number(in);
        ((bool *)out)[sizeof(uint64_t)] = true;
        break;
    case MST_F_HISTORY: break;
    default: list(in, field->type, out); break;
    }
}

void input_fields(struct input *in, struct mst_layout layout, void *owner)
{
    uint64_t chosen = input_byte(in);

    for (size_t i = 0; i < layout.count; i++) {
        if (i > 0 && i % 8 == 0) {
            chosen = input_byte(in);
        }
        if ((chosen >> i % 8 & 1) != 0) {
            one_field(in, &layout.fields[i], owner);
        }
    }
}
