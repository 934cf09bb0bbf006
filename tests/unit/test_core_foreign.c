/* test_core_foreign.c - journals and snapshots from which something is missing, or that are not
 * ours: recovery refuses what makes no sense, and what it took adds up. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_play.h"
#include "tests/unit/core_queue.h"
#include "tests/unit/core_sound.h"

#include "broker/core/record.h"

#include <stdlib.h>

#define SEEDS 12

/* A queue and what else there is, by hand; then anything. */
static struct play *history_new(uint64_t seed)
{
    static const enum mst_op ops[] = {MST_OP_JOIN, MST_OP_EVENT_SET, MST_OP_EVENT_CLEAR,
                                      MST_OP_PURGE, MST_OP_PAUSE};
    struct play *play = play_new(seed, WORLD_DURABLE);

    for (int i = 0; i < 300; i++) {
        const char *who = play_someone(play);
        const char *queue = play_queue(play);
        const struct play_delivery *delivery = play_delivery(play);
        uint64_t what = who == NULL ? 11 : play_draw(play, 12);

        if (what < 4) {
            struct mst_request *put = world_request(&play->w, who, MST_OP_PUT, queue);

            put->bodies_count = 1 + play_draw(play, 3);
            put->bodies = play_bodies(play, put->bodies_count);
            put->delay_ns = play_draw(play, 4) == 0 ? SECOND : 0;
            put->timeout_ns = 0;
            play_send(play, who);
        } else if (what < 7) {
            world_request(&play->w, who, MST_OP_GET, queue)->count = 1 + play_draw(play, 3);
            play->w.asked.timeout_ns = 0;
            play->w.asked.mode = play_draw(play, 3) == 0 ? MST_GET_AUTO : MST_GET_LEASE;
            play_send(play, who);
        } else if (what < 9) {
            play_take(play, who);
        } else if (what < 10 && delivery != NULL) {
            queue_done(&play->w, who, delivery->queue, delivery->id, delivery->number);
        } else if (what < 11) {
            world_request(&play->w, who, ops[play_draw(play, 5)], what % 2 == 0 ? "e" : queue);
            play->w.asked.sides = MST_SIDE_GET;
            play->w.asked.timeout_ns = 0;
            play_send(play, who);
        } else {
            play_lose(play, who);
            play_come_back(play);
            world_advance(&play->w, SECOND);
        }
        play_settle(play);
    }
    return play;
}

static void tick(struct core *core)
{
    struct event event = {.kind = EVENT_TICK};
    struct effects effects;

    effects_init(&effects);
    event.now_ns = core_now_ns(core);
    event.wall_ns = 1;
    do {
        core_step(core, &event, &effects);
    } while (core_next_deadline_ns(core) <= event.now_ns);
    effects_clear(&effects);
}

static bool take_piece(void *user, struct mst_span records, const struct core_snapshot_body *bodies,
                       size_t bodies_count)
{
    (void)bodies;
    (void)bodies_count;
    assert_int_equal(core_recover(user, records, 0), MST_OK);
    return true;
}

/* What was taken in is whole: it adds up, goes on, and a snapshot of it is a core again. */
static void expect_usable(struct core *core, const struct core_config *config)
{
    struct core *again = core_new(config);
    struct core_snapshot_port port = {again, NULL, take_piece};

    assert_non_null(again);
    assert_true(core_snapshot(core, &port));
    core_free(&again);
    tick(core);
    expect_sound(core);
}

/* The records of a journal, each by itself. */
static size_t split(struct mst_span all, struct mst_span *out, size_t max)
{
    struct record_bodies nowhere = {0, UINT64_MAX, NULL};
    struct mst_arena arena;
    size_t n = 0;

    mst_arena_init(&arena);
    while (all.len > 0) {
        struct record record;
        size_t used = record_decode(all, &nowhere, &arena, &record);

        assert_true(used > 0 && n < max);
        for (size_t i = 0; record.put != NULL && i < record.put->count; i++) {
            mst_blob_unref(&record.put->bodies[i]);
        }
        if (record.put != NULL) {
            mst_blob_unref(&record.put->dedup);
            mst_blob_unref(&record.put->headers);
        }
        out[n++] = mst_span_of(all.data, used);
        all.data += used;
        all.len -= used;
    }
    mst_arena_clear(&arena);
    return n;
}

/* One in 30 is missing. Returns how many of the others were refused. */
static size_t recover_some(struct play *play, const struct mst_span *records, size_t n)
{
    struct core *core = core_new(&play->w.config);
    size_t refused = 0;

    assert_non_null(core);
    for (size_t i = 0; i < n; i++) {
        if (play_draw(play, 30) != 0) {
            refused += core_recover(core, records[i], 0) == MST_PROTOCOL;
        }
    }
    expect_usable(core, &play->w.config);
    core_free(&core);
    return refused;
}

static void a_journal_that_lacks_some_records_gives_what_the_others_allow(void **state)
{
    static struct mst_span records[4000];
    size_t refused = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct play *play = history_new(seed);
        size_t n = split(mst_buf_span(&play->w.store.journal), records, 4000);

        for (int round = 0; round < 20; round++) {
            refused += recover_some(play, records, n);
        }
        play_free(play);
    }
    assert_true(refused > 100);
}

static void records_that_come_twice_or_too_early_are_refused(void **state)
{
    static struct mst_span records[4000];

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct play *play = history_new(seed);
        size_t n = split(mst_buf_span(&play->w.store.journal), records, 4000);
        struct core *core = core_new(&play->w.config);

        assert_non_null(core);
        for (size_t i = 0; i < n; i++) {
            core_recover(core, records[play_draw(play, n)], 0);
            core_recover(core, records[i], 0);
        }
        expect_usable(core, &play->w.config);
        core_free(&core);
        play_free(play);
    }
}

struct pieces {
    struct mst_buf bytes;
    size_t ends[64];
    size_t count;
};

static bool keep_piece(void *user, struct mst_span records, const struct core_snapshot_body *bodies,
                       size_t bodies_count)
{
    struct pieces *pieces = user;

    (void)bodies;
    (void)bodies_count;
    assert_true(mst_buf_append(&pieces->bytes, records.data, records.len));
    pieces->ends[pieces->count++] = mst_buf_size(&pieces->bytes);
    return true;
}

static bool none_moves(void *user, uint64_t place, size_t len, struct mst_span *bytes)
{
    (void)user;
    (void)place;
    (void)len;
    (void)bytes;
    return false;
}

/* One byte or a few are others: the recovery ends well or says that it does not. */
static void a_damaged_snapshot_ends_nobody(void **state)
{
    size_t refused = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct play *play = history_new(seed);
        struct pieces pieces = {.count = 0};
        struct core_snapshot_port port = {&pieces, none_moves, keep_piece};

        mst_buf_init(&pieces.bytes);
        assert_true(core_snapshot(play->w.core, &port));
        for (int round = 0; round < 400; round++) {
            struct mst_span all = mst_buf_span(&pieces.bytes);
            uint8_t *copy = malloc(all.len);
            struct core *core = core_new(&play->w.config);

            assert_true(copy != NULL && core != NULL && pieces.count == 1);
            memcpy(copy, all.data, all.len);
            for (uint64_t i = play_draw(play, 3); i < 3; i++) {
                copy[play_draw(play, all.len)] = (uint8_t)play_draw(play, 256);
            }
            refused += core_recover(core, mst_span_of(copy, all.len), 0) == MST_PROTOCOL;
            core_free(&core);
            free(copy);
        }
        mst_buf_clear(&pieces.bytes);
        play_free(play);
    }
    assert_true(refused > 100);
}

/* ---- one number of one record is another ---- */

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
    world_do(w, "a", MST_OP_PURGE, "q");
    world_do(w, "a", MST_OP_SHUTDOWN, "q");
    world_do(w, "a", MST_OP_REMOVE, "go");
    world_bye(w, "b");
}

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

/* Record i says another number there. true: that was refused. */
static bool recover_changed(const struct core_config *config, const struct mst_span *records,
                            size_t n, size_t i, size_t member, uint64_t number)
{
    struct record_bodies nowhere = {0, UINT64_MAX, NULL};
    struct core *core = core_new(config);
    struct mst_arena arena;
    struct mst_buf bytes;
    struct record record;
    uint64_t was;
    bool refused = false;

    mst_arena_init(&arena);
    mst_buf_init(&bytes);
    assert_non_null(core);
    assert_true(record_decode(records[i], &nowhere, &arena, &record) > 0);
    memcpy(&was, (char *)&record + member, sizeof(was));
    number = number == 0 ? was + 1 : number == 1 ? 0 : number;
    if (member == offsetof(struct record, list_count) ||
        member == offsetof(struct record, numbers_count)) {
        number = was == 0 ? 0 : was - 1; /* there are no more than that */
    }
    memcpy((char *)&record + member, &number, sizeof(number));
    if (record.put == NULL && number != was && record_encode(&bytes, &record, NULL)) {
        for (size_t k = 0; k < i; k++) {
            assert_int_equal(core_recover(core, records[k], 0), MST_OK);
        }
        refused = core_recover(core, mst_buf_span(&bytes), 0) == MST_PROTOCOL;
        for (size_t k = i + 1; k < n; k++) {
            core_recover(core, records[k], 0);
        }
        expect_usable(core, config);
    }
    for (size_t k = 0; record.put != NULL && k < record.put->count; k++) {
        mst_blob_unref(&record.put->bodies[k]);
    }
    mst_buf_clear(&bytes);
    mst_arena_clear(&arena);
    core_free(&core);
    return refused;
}

static void a_record_with_another_number_is_refused_or_adds_up(void **state)
{
    static const uint64_t numbers[] = {0, 1, 2, UINT64_MAX / 3};
    static struct mst_span records[400];
    struct world w;
    size_t refused = 0;
    size_t n;

    (void)state;
    live_through_everything(&w);
    n = split(mst_buf_span(&w.store.journal), records, 400);
    for (size_t i = 0; i < n; i++) {
        for (size_t m = 0; m < sizeof(members) / sizeof(*members); m++) {
            for (size_t k = 0; k < sizeof(numbers) / sizeof(*numbers); k++) {
                refused += recover_changed(&w.config, records, n, i, members[m], numbers[k]);
            }
        }
    }
    print_message("%zu records, %zu changes refused\n", n, refused);
    assert_true(n > 40 && refused > 300);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_journal_that_lacks_some_records_gives_what_the_others_allow),
        cmocka_unit_test(records_that_come_twice_or_too_early_are_refused),
        cmocka_unit_test(a_damaged_snapshot_ends_nobody),
        cmocka_unit_test(a_record_with_another_number_is_refused_or_adds_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
