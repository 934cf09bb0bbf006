/* test_core_foreign.c - journals and snapshots from which something is missing, or that are not
 * ours: recovery refuses what makes no sense, and what it took adds up. */
#include <stdlib.h>

#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_foreign.h"
#include "tests/unit/core_play.h"
#include "tests/unit/core_queue.h"

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
    foreign_expect_usable(core, &play->w.config);
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
        size_t n = foreign_split(mst_buf_span(&play->w.store.journal), records, 4000);

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
        size_t n = foreign_split(mst_buf_span(&play->w.store.journal), records, 4000);
        struct core *core = core_new(&play->w.config);

        assert_non_null(core);
        for (size_t i = 0; i < n; i++) {
            core_recover(core, records[play_draw(play, n)], 0);
            core_recover(core, records[i], 0);
        }
        foreign_expect_usable(core, &play->w.config);
        core_free(&core);
        play_free(play);
    }
}

/* One byte or a few are others: the recovery ends well or says that it does not. */
static void a_damaged_snapshot_ends_nobody(void **state)
{
    size_t refused = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct play *play = history_new(seed);
        struct mst_buf bytes = foreign_snapshot(play->w.core);

        for (int round = 0; round < 400; round++) {
            struct mst_span all = mst_buf_span(&bytes);
            uint8_t *copy = malloc(all.len);
            struct core *core = core_new(&play->w.config);

            assert_true(copy != NULL && core != NULL);
            memcpy(copy, all.data, all.len);
            for (uint64_t i = play_draw(play, 3); i < 3; i++) {
                copy[play_draw(play, all.len)] = (uint8_t)play_draw(play, 256);
            }
            refused += core_recover(core, mst_span_of(copy, all.len), 0) == MST_PROTOCOL;
            core_free(&core);
            free(copy);
        }
        mst_buf_clear(&bytes);
        play_free(play);
    }
    assert_true(refused > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_journal_that_lacks_some_records_gives_what_the_others_allow),
        cmocka_unit_test(records_that_come_twice_or_too_early_are_refused),
        cmocka_unit_test(a_damaged_snapshot_ends_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
