/* test_core_foreign_numbers.c - one number of a journal or of a snapshot is another, or one byte:
 * it is refused, or what it tells adds up. */
#include <stdlib.h>

#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_foreign.h"
#include "tests/unit/core_queue.h"

#define RECORDS_MAX 400

/* ---- worlds to tell of ---- */

/* Something of every kind of record. */
static void live_through_everything(struct world *w)
{
    static const struct mst_fact dying[] = {
        {.name = {(const uint8_t *)"max-deliveries", 14}, .number = 2}};
    static const struct mst_fact acting[] = {{.name = {(const uint8_t *)"parties", 7}, .number = 2},
                                             {.name = {(const uint8_t *)"action", 6}, .number = 1}};
    const struct mst_delivery *delivery;
    uint64_t id;

    world_open(w, WORLD_DURABLE);
    world_hello(w, "a");
    world_hello(w, "b");
    world_hello_ttl(w, "c", SECOND);
    world_declare(w, "a", "q", MST_KIND_FIFO, dying, 1);
    world_declare(w, "a", "gate", MST_KIND_BARRIER, acting, 2);
    queue_put_all(w, "a", "q", 3);
    for (int i = 0; i < 2; i++) { /* it dies of it */
        delivery = queue_take(w, "b", "q");
        queue_nack(w, "b", "q", delivery, false);
    }
    delivery = queue_take(w, "b", "q");
    queue_nack(w, "b", "q", delivery, true);
    queue_put(w, "b", "auto", "x");
    world_request(w, "c", MST_OP_GET, "auto")->mode = MST_GET_AUTO;
    id = world_send(w);
    world_confirm(w, "c", id, 1);
    world_request(w, "c", MST_OP_GET, "q")->lease_ns = 5 * SECOND;
    id = world_send(w);
    world_confirm(w, "c", id, 1);
    id = world_do(w, "a", MST_OP_BARRIER_WAIT, "gate");
    world_do(w, "b", MST_OP_BARRIER_WAIT, "gate");
    world_lose(w, "c");
    world_advance(w, 2 * SECOND); /* its session ends */
    world_request(w, "b", MST_OP_BARRIER_DONE, "gate")->has_generation = true;
    w->asked.value = mst_span_text("result");
    world_send(w);
    world_do(w, "a", MST_OP_BARRIER_RESET, "gate");
    world_do(w, "a", MST_OP_BARRIER_WAIT, "gate");
    world_do(w, "a", MST_OP_BARRIER_ABORT, "gate");
    world_do(w, "a", MST_OP_EVENT_SET, "go");
    world_do(w, "a", MST_OP_EVENT_CLEAR, "go");
    world_request(w, "a", MST_OP_REDRIVE, "q")->count = 10;
    world_send(w);
    delivery = queue_take(w, "b", "q");
    world_request(w, "b", MST_OP_EXTEND, "q")->lease_ns = SECOND;
    w->asked.message = delivery->id;
    w->asked.number = delivery->number;
    world_send(w);
    queue_done(w, "b", "q", delivery->id, delivery->number);
    world_request(w, "a", MST_OP_PAUSE, "q")->sides = MST_SIDE_GET;
    world_send(w);
    queue_update(w, "a", "q", "maxsize", 9);
    world_request(w, "a", MST_OP_DELETE, "q")->message = 3;
    world_send(w);
    world_do(w, "a", MST_OP_PURGE, "q");
    world_do(w, "a", MST_OP_SHUTDOWN, "q");
    world_do(w, "a", MST_OP_REMOVE, "go");
    world_bye(w, "b");
}

/* Something of everything is there: on the way, taken, detached, delayed, dead; arrivals, a leader,
 * a broken barrier; and who left before what it held came back. */
static void live_half_way(struct world *w)
{
    static const struct mst_fact two[] = {{.name = {(const uint8_t *)"parties", 7}, .number = 2}};
    static const struct mst_fact acting[] = {{.name = {(const uint8_t *)"parties", 7}, .number = 2},
                                             {.name = {(const uint8_t *)"action", 6}, .number = 1}};
    struct mst_request *request;
    uint64_t id;

    world_open(w, WORLD_DURABLE);
    world_hello(w, "a");
    world_hello(w, "b");
    world_hello_ttl(w, "c", SECOND);
    world_declare(w, "a", "first", MST_KIND_BARRIER, two, 1);
    world_declare(w, "a", "second", MST_KIND_BARRIER, two, 1);
    world_declare(w, "a", "act", MST_KIND_BARRIER, acting, 2);
    world_declare(w, "a", "urgent", MST_KIND_PRIORITY, NULL, 0);
    queue_put_all(w, "a", "q", 6);
    queue_put_all(w, "a", "urgent", 2);
    request = world_request(w, "c", MST_OP_GET, "q");
    request->detached = true;
    request->lease_ns = 900 * SECOND;
    id = world_send(w);
    world_confirm(w, "c", id, 1);
    world_lose(w, "c");
    world_advance(w, 2 * SECOND); /* its session ends, the detached lease stays */
    queue_nack(w, "b", "q", queue_take(w, "b", "q"), true);
    queue_take(w, "b", "q");
    queue_take(w, "b", "urgent");
    queue_get(w, "b", "q", 2); /* on the way */
    world_request(w, "a", MST_OP_GET, "q")->mode = MST_GET_AUTO;
    id = world_send(w);
    world_confirm(w, "a", id, 1);
    request = world_request(w, "a", MST_OP_PUT, "q");
    request->bodies = mst_arena_take(&w->arena, sizeof(*request->bodies));
    request->bodies[0] = mst_span_text("late");
    request->bodies_count = 1;
    request->delay_ns = 60 * SECOND;
    request->dedup = mst_span_text("key");
    request->headers = mst_span_text("h");
    world_send(w);
    world_do(w, "a", MST_OP_EVENT_SET, "go");
    world_do(w, "b", MST_OP_BARRIER_WAIT, "first");
    world_do(w, "b", MST_OP_BARRIER_WAIT, "second");
    world_do(w, "a", MST_OP_BARRIER_WAIT, "act");
    world_do(w, "b", MST_OP_BARRIER_WAIT, "act");
    queue_done(w, "b", "q", 3, 1);
}

/* ---- one number of one record is another ---- */

static const size_t members[] = {
    offsetof(struct record, session),      offsetof(struct record, request),
    offsetof(struct record, count),        offsetof(struct record, object),
    offsetof(struct record, message),      offsetof(struct record, number),
    offsetof(struct record, target),       offsetof(struct record, new_id),
    offsetof(struct record, kind),         offsetof(struct record, mode),
    offsetof(struct record, detached),     offsetof(struct record, counted),
    offsetof(struct record, tally),        offsetof(struct record, sides),
    offsetof(struct record, flag),         offsetof(struct record, op),
    offsetof(struct record, status),       offsetof(struct record, ttl_ns),
    offsetof(struct record, lease_ns),     offsetof(struct record, until_ns),
    offsetof(struct record, ready_ns),     offsetof(struct record, list_count),
    offsetof(struct record, numbers_count)};

static struct core *recover(const struct core_config *config, const struct mst_span *records,
                            size_t n)
{
    struct core *core = core_new(config);

    assert_non_null(core);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(core_recover(core, records[i], 0), MST_OK);
    }
    return core;
}

/* Of n records, the one behind `before` of them is another. true: that was refused. */
static bool recover_with(const struct core_config *config, const struct mst_span *records, size_t n,
                         size_t before, const struct record *record)
{
    struct core *core = recover(config, records, before);
    struct mst_buf bytes;
    bool refused;

    mst_buf_init(&bytes);
    assert_true(record_encode(&bytes, record, NULL));
    refused = core_recover(core, mst_buf_span(&bytes), 0) == MST_PROTOCOL;
    for (size_t i = before + 1; i < n; i++) {
        core_recover(core, records[i], 0);
    }
    foreign_expect_usable(core, config);
    mst_buf_clear(&bytes);
    core_free(&core);
    return refused;
}

/* Record i says another number there. */
static bool recover_changed(const struct core_config *config, const struct mst_span *records,
                            size_t n, size_t i, size_t member, uint64_t number)
{
    struct mst_arena arena;
    struct record record;
    uint64_t was;
    bool refused = false;

    mst_arena_init(&arena);
    foreign_decode(records[i], &arena, &record);
    memcpy(&was, (char *)&record + member, sizeof(was));
    number = number == 0 ? was + 1 : number == 1 ? 0 : number;
    if (member == offsetof(struct record, list_count) ||
        member == offsetof(struct record, numbers_count)) {
        number = was == 0 ? 0 : was - 1; /* there are no more than that */
    }
    memcpy((char *)&record + member, &number, sizeof(number));
    refused = number != was && recover_with(config, records, n, i, &record);
    foreign_let_go(&record);
    mst_arena_clear(&arena);
    return refused;
}

static size_t change_all(const struct core_config *config, const struct mst_span *records, size_t n)
{
    static const uint64_t numbers[] = {0, 1, 2, UINT64_MAX / 3, UINT64_MAX};
    size_t refused = 0;

    for (size_t i = 0; i < n; i++) {
        for (size_t m = 0; m < sizeof(members) / sizeof(*members); m++) {
            for (size_t k = 0; k < sizeof(numbers) / sizeof(*numbers); k++) {
                refused += recover_changed(config, records, n, i, members[m], numbers[k]);
            }
        }
    }
    print_message("%zu records, %zu changes refused\n", n, refused);
    return refused;
}

static void a_record_with_another_number_is_refused_or_adds_up(void **state)
{
    static struct mst_span records[RECORDS_MAX];
    struct world w;
    size_t n;

    (void)state;
    live_through_everything(&w);
    n = foreign_split(mst_buf_span(&w.store.journal), records, RECORDS_MAX);
    assert_true(change_all(&w.config, records, n) > 300 && n > 40);
    world_close(&w);
}

/* ---- records that were never written ---- */

/* The first record of the kind, the `skip` next left out; of the world's journal. */
static size_t find(const struct mst_span *records, size_t n, enum record_kind what, size_t skip,
                   struct mst_arena *arena, struct record *record)
{
    for (size_t i = 0; i < n; i++) {
        foreign_decode(records[i], arena, record);
        if (record->what == what && skip-- == 0) {
            return i;
        }
        foreign_let_go(record);
    }
    fail_msg("no record of kind %d", (int)what);
    return n;
}

static void late(struct record *record)
{
    record->put->delay_ns = -1;
}

static void expired(struct record *record)
{
    record->put->ttl_ns = -1;
}

static void into_itself(struct record *record)
{
    record->target = record->object;
}

static void of_a_name_that_is_there(struct record *record)
{
    record->name = mst_span_text("q");
}

static char long_name[MST_NAME_BYTES_MAX + 2];

static void of_a_name_of_256_bytes(struct record *record)
{
    record->name = mst_span_of(long_name, MST_NAME_BYTES_MAX + 1);
}

/* Its dead letters could have no name. */
static void of_a_queue_name_of_251_bytes(struct record *record)
{
    record->name = mst_span_of(long_name, MST_NAME_BYTES_MAX - 4);
    record->kind = MST_KIND_FIFO;
}

static void of_a_party_that_never_came(struct record *record)
{
    record->what = RECORD_BARRIER_LEAVE;
    record->request = 999;
}

static void what_no_core_could_have_decided_is_refused(void **state)
{
    static const struct {
        enum record_kind what;
        size_t skip;
        void (*make)(struct record *record);
    } rows[] = {
        {RECORD_PUT, 0, late},
        {RECORD_PUT, 0, expired},
        {RECORD_BURY, 0, into_itself},
        {RECORD_REDRIVE, 0, into_itself},
        {RECORD_CREATE, 1, of_a_name_that_is_there},
        {RECORD_CREATE, 1, of_a_name_of_256_bytes},
        {RECORD_CREATE, 1, of_a_queue_name_of_251_bytes},
        {RECORD_BARRIER_ARRIVE, 1, of_a_party_that_never_came},
    };
    static struct mst_span records[RECORDS_MAX];
    struct mst_arena arena;
    struct world w;
    size_t n;

    (void)state;
    memset(long_name, 'n', sizeof(long_name));
    mst_arena_init(&arena);
    live_through_everything(&w);
    n = foreign_split(mst_buf_span(&w.store.journal), records, RECORDS_MAX);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct record record;
        size_t at = find(records, n, rows[i].what, rows[i].skip, &arena, &record);

        rows[i].make(&record);
        if (!recover_with(&w.config, records, n, at, &record)) {
            fail_msg("row %zu was taken in", i);
        }
        foreign_let_go(&record);
    }
    mst_arena_clear(&arena);
    world_close(&w);
}

/* ---- snapshots ---- */

static struct mst_buf half_way(struct world *w)
{
    struct mst_buf bytes;

    live_half_way(w);
    bytes = foreign_snapshot(w->core);
    return bytes;
}

static void a_snapshot_with_another_number_is_refused_or_adds_up(void **state)
{
    static struct mst_span records[RECORDS_MAX];
    struct world w;
    struct mst_buf bytes = half_way(&w);
    size_t n = foreign_split(mst_buf_span(&bytes), records, RECORDS_MAX);

    (void)state;
    assert_true(change_all(&w.config, records, n) > 100 && n > 20);
    mst_buf_clear(&bytes);
    world_close(&w);
}

/* Each record comes once more, right behind itself or at the end. */
static void what_a_snapshot_tells_twice_is_refused_or_adds_up(void **state)
{
    static struct mst_span records[RECORDS_MAX];
    struct world w;
    struct mst_buf bytes = half_way(&w);
    size_t n = foreign_split(mst_buf_span(&bytes), records, RECORDS_MAX);
    size_t refused = 0;

    (void)state;
    for (size_t i = 0; i < 2 * n; i++) {
        size_t before = i % 2 == 0 ? i / 2 + 1 : n;
        struct core *core = recover(&w.config, records, before);

        refused += core_recover(core, records[i / 2], 0) == MST_PROTOCOL;
        for (size_t k = before; k < n; k++) {
            core_recover(core, records[k], 0);
        }
        foreign_expect_usable(core, &w.config);
        core_free(&core);
    }
    print_message("%zu records, %zu refused\n", n, refused);
    assert_true(refused > n / 2);
    mst_buf_clear(&bytes);
    world_close(&w);
}

static void a_snapshot_with_another_byte_is_refused_or_adds_up(void **state)
{
    static const uint8_t changes[] = {0x01, 0x40, 0x80, 0xff};
    struct world w;
    struct mst_buf bytes = half_way(&w);
    struct mst_span all = mst_buf_span(&bytes);
    uint8_t *copy = malloc(all.len);
    size_t refused = 0;

    (void)state;
    assert_non_null(copy);
    for (size_t i = 0; i < all.len * sizeof(changes); i++) {
        struct core *core = core_new(&w.config);

        assert_non_null(core);
        memcpy(copy, all.data, all.len);
        copy[i / sizeof(changes)] ^= changes[i % sizeof(changes)];
        if (core_recover(core, mst_span_of(copy, all.len), 0) == MST_OK) {
            foreign_expect_usable(core, &w.config);
        } else {
            refused++;
        }
        core_free(&core);
    }
    print_message("%zu bytes, %zu changes refused\n", all.len, refused);
    assert_true(refused > all.len);
    free(copy);
    mst_buf_clear(&bytes);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_with_another_number_is_refused_or_adds_up),
        cmocka_unit_test(what_no_core_could_have_decided_is_refused),
        cmocka_unit_test(a_snapshot_with_another_number_is_refused_or_adds_up),
        cmocka_unit_test(what_a_snapshot_tells_twice_is_refused_or_adds_up),
        cmocka_unit_test(a_snapshot_with_another_byte_is_refused_or_adds_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
