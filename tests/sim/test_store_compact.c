/* test_store_compact.c - the journal wins room back, and loses nothing by it. */
#include "tests/sim/toy.h"

#include <errno.h>
#include <stdio.h>

#include "broker/journal/compact.h"

#define SEGMENT (256u << 10)
/* Headers, and zeros behind some dozen batches: of the checkpoint before, and of the one that is
 * being made. */
#define SLACK (24u * STORE_SECTOR)

static void a_stream_is_compacted_and_survives(void **state)
{
    struct toy toy;

    (void)state;
    toy_init(&toy, SEGMENT, 1);
    toy_must_open(&toy);
    toy_stream(&toy, 20, 3000, 5);
    toy_fetch_all(&toy);
    toy_crash(&toy, 1);
    toy_must_open(&toy);
    toy_fetch_all(&toy);
    toy_stream(&toy, 20, 3000, 5);
    toy_restart(&toy);
    toy_fetch_all(&toy);
    toy_clear(&toy);
}

/* ---- how much of the disk ---- */

/* One step of whatever could come next: a turn, a piece of a job. */
static void any_step(struct toy *toy)
{
    if (toy_chance(toy, 3) == 0 || !sim_jobs_any(&toy->jobs, toy_chance(toy, 100))) {
        toy_turn(toy, (int64_t)toy_chance(toy, 1000000));
    }
    assert_null(toy_failure(toy));
}

struct stream {
    uint64_t seed;
    uint64_t live;  /* messages, about */
    size_t len_max; /* of a body */
    bool is_fifo;
    uint64_t old; /* messages that are never consumed */
    uint64_t puts;
};

static void one_message(struct toy *toy, const struct stream *stream, uint64_t *oldest)
{
    uint64_t key;

    toy_put(toy, toy_chance(toy, stream->len_max));
    if (toy->state->count <= stream->live + stream->old) {
        return;
    }
    do {
        key = stream->is_fifo ? (*oldest)++ : toy_any(toy);
    } while (key <= stream->old || !toy_has(toy, key));
    toy_done(toy, key);
}

static void tell_files(const struct toy *toy)
{
    const struct store *store = store_of(toy->journal);

    for (size_t i = 0; i < store->files.count; i++) {
        const struct store_file *file = &store->files.items[i];

        print_error("file %llu: kind %d, %llu bytes, up to %llu%s%s\n",
                    (unsigned long long)file->number, (int)file->kind,
                    (unsigned long long)file->bytes, (unsigned long long)file->end,
                    file->is_spare ? ", spare" : "", file->is_dead ? ", dead" : "");
    }
    print_error("%llu live; the log is in %llu, the checkpoint is %llu%s\n%s",
                (unsigned long long)store->live_bytes,
                (unsigned long long)store->writer.active->number,
                (unsigned long long)store->checkpoint,
                compact_is_working(store) ? ", compacting" : "", toy->log);
}

/* The most that was live since the compaction before the last one began: what that wrote down is
 * still on the disk, and none can know what dies meanwhile. */
struct live {
    bool was_working;
    uint64_t before, since;
};

static uint64_t most_live(struct live *live, const struct store *store)
{
    bool is_working = compact_is_working(store);

    if (is_working && !live->was_working) {
        live->before = live->since;
        live->since = 0;
    }
    live->was_working = is_working;
    live->since = store->live_bytes > live->since ? store->live_bytes : live->since;
    return live->before > live->since ? live->before : live->since;
}

/* Measured at every step. */
static void disk_use_stays_within(const struct stream *stream)
{
    struct toy toy;
    uint64_t oldest = 1;
    uint64_t most = 0;
    struct live live = {0};

    toy_init(&toy, SEGMENT, stream->seed);
    toy_must_open(&toy);
    while (toy.next_key <= stream->puts) {
        uint64_t bytes, limit;

        if (mst_buf_size(&toy.records) < 64u << 10) {
            one_message(&toy, stream, &oldest);
        }
        any_step(&toy);
        bytes = sim_disk_bytes(toy.disk);
        limit = 2 * most_live(&live, store_of(toy.journal)) + 2 * SEGMENT + SLACK;
        most = bytes * 1000 / limit > most ? bytes * 1000 / limit : most;
        if (bytes > limit) {
            tell_files(&toy);
            print_error("%llu bytes on disk, at most %llu wanted\n", (unsigned long long)bytes,
                        (unsigned long long)limit);
        }
        assert_true(bytes <= limit);
    }
    print_message("seed %llu: at most %llu/1000 of the bound, %llu compactions\n",
                  (unsigned long long)stream->seed, (unsigned long long)most,
                  (unsigned long long)toy_compactions(&toy));
    toy_fetch_all(&toy);
    toy_crash(&toy, stream->seed);
    toy_must_open(&toy);
    toy_fetch_all(&toy);
    toy_clear(&toy);
}

static void disk_use_stays_within_twice_the_live_data_and_two_segments(void **state)
{
    static const struct stream streams[] = {
        {.seed = 1, .live = 0, .len_max = 4000, .is_fifo = true, .puts = 6000},
        {.seed = 2, .live = 10, .len_max = 4000, .is_fifo = true, .puts = 6000},
        {.seed = 3, .live = 100, .len_max = 4000, .is_fifo = true, .puts = 6000},
        {.seed = 4, .live = 1000, .len_max = 4000, .is_fifo = true, .puts = 8000},
        {.seed = 5, .live = 1000, .len_max = 4000, .is_fifo = false, .puts = 8000},
        {.seed = 6, .live = 100, .len_max = 20000, .is_fifo = false, .puts = 4000},
        {.seed = 7, .live = 3000, .len_max = 300, .is_fifo = false, .puts = 20000},
        {.seed = 8, .live = 0, .len_max = 4000, .is_fifo = true, .old = 1, .puts = 6000},
        {.seed = 9, .live = 500, .len_max = 4000, .is_fifo = true, .old = 1, .puts = 6000},
        {.seed = 10, .live = 50, .len_max = 4000, .is_fifo = false, .old = 300, .puts = 6000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(streams) / sizeof(*streams); i++) {
        disk_use_stays_within(&streams[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_compacted_and_survives),
        cmocka_unit_test(disk_use_stays_within_twice_the_live_data_and_two_segments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
