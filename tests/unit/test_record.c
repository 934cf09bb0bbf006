/* test_record.c - records as bytes: what goes in comes out, and nothing is believed. */
#include "tests/unit/cmocka_all.h"

#include "broker/core/record.h"
#include "protocol/body.h"

#include <stdlib.h>

static const struct record_bodies nowhere = {0, UINT64_MAX, NULL};

/* ---- random records ---- */

struct chance {
    uint64_t state;
};

static uint64_t draw(struct chance *chance)
{
    uint64_t x = chance->state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    chance->state = x;
    return x;
}

static uint64_t draw_below(struct chance *chance, uint64_t n)
{
    return draw(chance) % n;
}

/* Often none, small, at an edge, or of any size. */
static uint64_t draw_number(struct chance *chance)
{
    static const uint64_t edges[] = {0, 1, 127, 128, 16383, 16384, INT64_MAX, UINT64_MAX};

    switch (draw_below(chance, 4)) {
    case 0: return 0;
    case 1: return draw_below(chance, 300);
    case 2: return edges[draw_below(chance, sizeof(edges) / sizeof(edges[0]))];
    default: return draw(chance) >> draw_below(chance, 64);
    }
}

static int64_t draw_time(struct chance *chance)
{
    static const int64_t edges[] = {0, -1, -2, 1, MST_FOREVER, INT64_MIN, MST_FOREVER - 1};

    if (draw_below(chance, 2) == 0) {
        return edges[draw_below(chance, sizeof(edges) / sizeof(edges[0]))];
    }
    return (int64_t)draw_number(chance);
}

static struct mst_span draw_span(struct chance *chance, struct mst_arena *arena)
{
    size_t len = draw_below(chance, 8) == 0 ? draw_below(chance, 1000) : draw_below(chance, 20);
    uint8_t *bytes;

    if (draw_below(chance, 3) == 0) {
        return MST_SPAN_NONE;
    }
    bytes = mst_arena_take(arena, len + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)draw(chance);
    }
    return mst_span_of(bytes, len);
}

static struct mst_blob *draw_blob(struct chance *chance, struct mst_arena *arena)
{
    struct mst_span span = draw_span(chance, arena);
    struct mst_blob *blob = span.data == NULL ? NULL : mst_blob_new(span);

    assert_true(span.data == NULL || blob != NULL);
    return blob;
}

static uint64_t *draw_list(struct chance *chance, struct mst_arena *arena, size_t *count_out)
{
    size_t count = draw_below(chance, 12);
    uint64_t *list = mst_arena_take(arena, (count + 1) * sizeof(*list));

    assert_non_null(list);
    for (size_t i = 0; i < count; i++) {
        list[i] = draw_number(chance);
    }
    *count_out = count;
    return count == 0 ? NULL : list;
}

static struct put_list *draw_put(struct chance *chance, struct mst_arena *arena)
{
    struct put_list *put = mst_arena_take(arena, sizeof(*put));
    size_t count = 1 + draw_below(chance, 5);

    assert_non_null(put);
    put->bodies = mst_arena_take(arena, count * sizeof(struct mst_blob *));
    assert_non_null(put->bodies);
    for (; put->count < count; put->count++) {
        struct mst_blob *body = draw_blob(chance, arena);

        put->bodies[put->count] = body != NULL ? body : mst_blob_new(mst_span_text(""));
        put->bytes += put->bodies[put->count]->len;
    }
    if (draw_below(chance, 2) == 0) {
        put->priorities = mst_arena_take(arena, count * sizeof(*put->priorities));
        assert_non_null(put->priorities);
        for (size_t i = 0; i < count; i++) {
            put->priorities[i] = draw_time(chance);
        }
    }
    put->priority = draw_time(chance);
    put->delay_ns = draw_time(chance);
    put->ttl_ns = draw_time(chance);
    put->dedup = draw_blob(chance, arena);
    put->headers = draw_blob(chance, arena);
    return put;
}

static struct record draw_record(struct chance *chance, struct mst_arena *arena)
{
    struct record record = {.what = (enum record_kind)(1 + draw_below(chance, RECORD_KINDS - 1))};
    uint64_t *const numbers[] = {&record.seq,    &record.session,  &record.request, &record.count,
                                 &record.object, &record.message,  &record.number,  &record.target,
                                 &record.new_id, &record.kind,     &record.mode,    &record.counted,
                                 &record.tally,  &record.detached, &record.sides,   &record.flag,
                                 &record.op,     &record.status,   &record.pid};
    int64_t *const times[] = {&record.now_ns,   &record.wall_ns,  &record.ttl_ns,
                              &record.lease_ns, &record.until_ns, &record.ready_ns};
    struct mst_span *const spans[] = {&record.name,        &record.host,  &record.identity,
                                      &record.secret_hash, &record.cause, &record.value,
                                      &record.state};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        *numbers[i] = draw_number(chance);
    }
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        *times[i] = draw_time(chance);
    }
    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        *spans[i] = draw_span(chance, arena);
    }
    record.list = draw_list(chance, arena, &record.list_count);
    record.numbers = draw_list(chance, arena, &record.numbers_count);
    record.settings = (int64_t *)draw_list(chance, arena, &record.settings_count);
    if (record.what == RECORD_PUT) {
        record.put = draw_put(chance, arena);
    }
    return record;
}

static void drop_put(struct record *record)
{
    if (record->put == NULL) {
        return;
    }
    for (size_t i = 0; i < record->put->count; i++) {
        mst_blob_unref(&record->put->bodies[i]);
    }
    mst_blob_unref(&record->put->dedup);
    mst_blob_unref(&record->put->headers);
}

/* ---- comparing ---- */

static void expect_same_span(struct mst_span a, struct mst_span b)
{
    assert_true((a.data == NULL) == (b.data == NULL));
    assert_true(mst_span_equal(a, b));
}

static void expect_same_blob(const struct mst_blob *a, const struct mst_blob *b)
{
    assert_true((a == NULL) == (b == NULL));
    assert_true(mst_span_equal(mst_blob_span(a), mst_blob_span(b)));
}

static void expect_same_list(const uint64_t *a, size_t a_count, const uint64_t *b, size_t b_count)
{
    assert_int_equal(a_count, b_count);
    for (size_t i = 0; i < a_count; i++) {
        assert_true(a[i] == b[i]);
    }
}

static void expect_same_put(const struct put_list *a, const struct put_list *b)
{
    assert_int_equal(a->count, b->count);
    assert_true(a->bytes == b->bytes && a->priority == b->priority);
    assert_true(a->delay_ns == b->delay_ns && a->ttl_ns == b->ttl_ns);
    assert_true((a->priorities == NULL) == (b->priorities == NULL));
    for (size_t i = 0; i < a->count; i++) {
        expect_same_blob(a->bodies[i], b->bodies[i]);
        assert_true(a->priorities == NULL || a->priorities[i] == b->priorities[i]);
    }
    expect_same_blob(a->dedup, b->dedup);
    expect_same_blob(a->headers, b->headers);
}

static void expect_same(const struct record *a, const struct record *b)
{
    struct record plain_a = *a;
    struct record plain_b = *b;
    struct record *const both[] = {&plain_a, &plain_b};

    expect_same_span(a->name, b->name);
    expect_same_span(a->host, b->host);
    expect_same_span(a->identity, b->identity);
    expect_same_span(a->secret_hash, b->secret_hash);
    expect_same_span(a->cause, b->cause);
    expect_same_span(a->value, b->value);
    expect_same_span(a->state, b->state);
    expect_same_list(a->list, a->list_count, b->list, b->list_count);
    expect_same_list(a->numbers, a->numbers_count, b->numbers, b->numbers_count);
    expect_same_list((const uint64_t *)a->settings, a->settings_count,
                     (const uint64_t *)b->settings, b->settings_count);
    assert_true((a->put == NULL) == (b->put == NULL));
    if (a->put != NULL) {
        expect_same_put(a->put, b->put);
    }
    /* What is left are plain numbers: a member that is new here is compared without being named. */
    for (int i = 0; i < 2; i++) {
        both[i]->name = both[i]->host = both[i]->identity = MST_SPAN_NONE;
        both[i]->secret_hash = both[i]->cause = both[i]->value = both[i]->state = MST_SPAN_NONE;
        both[i]->list = both[i]->numbers = NULL;
        both[i]->settings = NULL;
        both[i]->put = NULL;
    }
    assert_int_equal(plain_a.what, plain_b.what);
    assert_memory_equal(&plain_a.seq, &plain_b.seq, sizeof(plain_a) - offsetof(struct record, seq));
}

/* ---- tests ---- */

static void what_is_encoded_is_decoded_the_same(void **state)
{
    struct chance chance = {0x9e3779b97f4a7c15u};
    struct mst_arena arena;
    struct mst_buf out;

    (void)state;
    mst_arena_init(&arena);
    mst_buf_init(&out);
    for (int round = 0; round < 20000; round++) {
        struct record record = draw_record(&chance, &arena);
        struct record again;

        mst_buf_reset(&out);
        assert_true(record_encode(&out, &record, NULL));
        assert_int_equal(record_decode(mst_buf_span(&out), &nowhere, &arena, &again),
                         mst_buf_size(&out));
        expect_same(&record, &again);
        drop_put(&record);
        drop_put(&again);
        mst_arena_reset(&arena);
    }
    mst_buf_clear(&out);
    mst_arena_clear(&arena);
}

/* A record of puts of these, decoded again with so much room for bodies. */
static void decode_bodies(const char *const *texts, size_t count, uint64_t room,
                          struct record *record, struct mst_arena *arena)
{
    struct record_bodies bodies = {1000, room, NULL};
    struct put_list *put = mst_arena_take(arena, sizeof(*put));
    struct core_body *notes = mst_arena_take(arena, count * sizeof(*notes));
    struct record first = {.what = RECORD_PUT, .seq = 1, .object = 1, .message = 1};
    struct mst_buf out;

    assert_true(put != NULL && notes != NULL);
    memset(put, 0, sizeof(*put));
    first.put = put;
    put->ttl_ns = MST_FOREVER;
    put->bodies = mst_arena_take(arena, count * sizeof(struct mst_blob *));
    assert_non_null(put->bodies);
    for (; put->count < count; put->count++) {
        put->bodies[put->count] = mst_blob_new_far(mst_span_text(texts[put->count]), 0);
        assert_non_null(put->bodies[put->count]);
    }
    mst_buf_init(&out);
    assert_true(record_encode(&out, &first, notes));
    assert_true(record_decode(mst_buf_span(&out), &bodies, arena, record) > 0);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *there = mst_buf_span(&out).data + notes[i].offset;
        uint8_t hash[MST_BODY_HASH_BYTES];

        mst_body_hash(mst_span_text(texts[i]), hash);
        assert_ptr_equal(notes[i].blob, put->bodies[i]);
        assert_memory_equal(there, hash, sizeof(hash));
        assert_memory_equal(there + sizeof(hash), texts[i], strlen(texts[i]));
        assert_int_equal(mst_blob_place(record->put->bodies[i]), 1000 + notes[i].offset);
    }
    drop_put(&first);
    mst_buf_clear(&out);
}

static void a_body_stands_behind_its_hash_and_is_away_when_there_is_no_room(void **state)
{
    static const char *const texts[] = {"four", "", "eight by", "ten bytes."};
    static const bool away[] = {false, false, false, true};
    struct mst_arena arena;
    struct record record;

    (void)state;
    mst_arena_init(&arena);
    decode_bodies(texts, 4, 13, &record, &arena);
    for (size_t i = 0; i < 4; i++) {
        const struct mst_blob *body = record.put->bodies[i];

        assert_int_equal(mst_blob_is_away(body), away[i]);
        assert_int_equal(body->len, strlen(texts[i]));
        assert_true(away[i] || mst_span_equal(mst_blob_span(body), mst_span_text(texts[i])));
    }
    drop_put(&record);
    mst_arena_clear(&arena);
}

static void records_follow_one_another_without_a_frame(void **state)
{
    struct chance chance = {42};
    struct mst_arena arena;
    struct mst_buf out;
    struct record records[50];
    struct mst_span rest;

    (void)state;
    mst_arena_init(&arena);
    mst_buf_init(&out);
    for (size_t i = 0; i < 50; i++) {
        records[i] = draw_record(&chance, &arena);
        assert_true(record_encode(&out, &records[i], NULL));
    }
    rest = mst_buf_span(&out);
    for (size_t i = 0; i < 50; i++) {
        struct record again;
        size_t used = record_decode(rest, &nowhere, &arena, &again);

        assert_true(used > 0);
        expect_same(&records[i], &again);
        drop_put(&records[i]);
        drop_put(&again);
        rest.data += used;
        rest.len -= used;
    }
    assert_int_equal(rest.len, 0);
    mst_buf_clear(&out);
    mst_arena_clear(&arena);
}

/* From a block of its own size, so that a sanitizer sees every byte that is read too far. */
static size_t decode_copy(const uint8_t *bytes, size_t len, struct mst_arena *arena)
{
    uint8_t *copy = malloc(len + (len == 0));
    struct record record;
    size_t used;

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    used = record_decode(mst_span_of(copy, len), &nowhere, arena, &record);
    drop_put(&record);
    free(copy);
    return used;
}

static void no_truncation_is_a_record(void **state)
{
    struct chance chance = {7};
    struct mst_arena arena;
    struct mst_buf out;

    (void)state;
    mst_arena_init(&arena);
    mst_buf_init(&out);
    for (int round = 0; round < 300; round++) {
        struct record record = draw_record(&chance, &arena);

        mst_buf_reset(&out);
        assert_true(record_encode(&out, &record, NULL));
        for (size_t len = 0; len < mst_buf_size(&out); len++) {
            assert_int_equal(decode_copy(mst_buf_span(&out).data, len, &arena), 0);
        }
        drop_put(&record);
        mst_arena_reset(&arena);
    }
    mst_buf_clear(&out);
    mst_arena_clear(&arena);
}

static void damaged_bytes_never_lead_astray(void **state)
{
    struct chance chance = {11};
    struct mst_arena arena;
    struct mst_buf out;

    (void)state;
    mst_arena_init(&arena);
    mst_buf_init(&out);
    for (int round = 0; round < 20000; round++) {
        struct record record = draw_record(&chance, &arena);
        size_t size;

        mst_buf_reset(&out);
        assert_true(record_encode(&out, &record, NULL));
        size = mst_buf_size(&out);
        for (uint64_t n = 1 + draw_below(&chance, 4); n > 0; n--) {
            out.data[out.start + draw_below(&chance, size)] = (uint8_t)draw(&chance);
        }
        assert_true(decode_copy(mst_buf_span(&out).data, size, &arena) <= size);
        drop_put(&record);
        mst_arena_reset(&arena);
    }
    mst_buf_clear(&out);
    mst_arena_clear(&arena);
}

static void expect_refused(const char *bytes, size_t len)
{
    struct mst_arena arena;

    mst_arena_init(&arena);
    assert_int_equal(decode_copy((const uint8_t *)bytes, len, &arena), 0);
    mst_arena_clear(&arena);
}

#define REFUSED(text) expect_refused(text, sizeof(text) - 1)

static void what_only_looks_like_a_record_is_refused(void **state)
{
    (void)state;
    REFUSED("");
    REFUSED("\x00\x01\x02\x02\x00");                 /* no kind */
    REFUSED("\x7f\x01\x02\x02\x00");                 /* a kind that is none */
    REFUSED("\x01\x01\x02\x02\x80\x80\x80\x80\x10"); /* a member that is none */
    REFUSED("\x0a\x01\x02\x02\x00");                 /* a put without messages */
    REFUSED("\x01\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02\x02\x02\x00");     /* over 64 bits */
    REFUSED("\x01\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00\x02\x02\x00"); /* over 10 bytes */
    REFUSED("\x01\x01\x02\x02\x80\x80\x80\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x");
}

static void forever_and_absent_members_cost_little(void **state)
{
    struct record record = {.what = RECORD_GRANT, .seq = 1, .lease_ns = MST_FOREVER};
    struct mst_buf out;

    (void)state;
    mst_buf_init(&out);
    assert_true(record_encode(&out, &record, NULL));
    assert_int_equal(mst_buf_size(&out), 4 + 3 + 1); /* head, bitmap of 20 bits, one byte */
    mst_buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_encoded_is_decoded_the_same),
        cmocka_unit_test(a_body_stands_behind_its_hash_and_is_away_when_there_is_no_room),
        cmocka_unit_test(records_follow_one_another_without_a_frame),
        cmocka_unit_test(no_truncation_is_a_record),
        cmocka_unit_test(damaged_bytes_never_lead_astray),
        cmocka_unit_test(what_only_looks_like_a_record_is_refused),
        cmocka_unit_test(forever_and_absent_members_cost_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
