/* test_store_compact.c - the journal wins room back, and loses nothing by it. */
#include "tests/sim/toy.h"

#include <errno.h>

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
    uint64_t segment; /* 0: SEGMENT */
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
    uint64_t segment = stream->segment == 0 ? SEGMENT : stream->segment;
    struct live live = {0};

    toy_init(&toy, segment, stream->seed);
    toy_must_open(&toy);
    while (toy.next_key <= stream->puts) {
        uint64_t bytes, limit;

        if (mst_buf_size(&toy.records) < segment / 4) {
            one_message(&toy, stream, &oldest);
        }
        any_step(&toy);
        bytes = sim_disk_bytes(toy.disk);
        limit = 2 * most_live(&live, store_of(toy.journal)) + 2 * segment + SLACK;
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
        /* Much live data for such segments: only a part of it may move at a time. */
        {.seed = 11, .live = 1000, .len_max = 4000, .puts = 8000, .segment = 64u << 10},
        {.seed = 12, .live = 700, .len_max = 8000, .puts = 8000, .segment = 64u << 10},
        {.seed = 13,
         .live = 1500,
         .len_max = 4000,
         .is_fifo = true,
         .puts = 8000,
         .segment = 64u << 10},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(streams) / sizeof(*streams); i++) {
        disk_use_stays_within(&streams[i]);
    }
}

static void what_dies_at_once_is_given_back_at_once(void **state)
{
    struct toy toy;

    (void)state;
    toy_init(&toy, SEGMENT, 1);
    toy_must_open(&toy);
    for (int i = 0; i < 2000; i++) {
        toy_put(&toy, 3000);
        if (i % 10 == 0) {
            toy_settle(&toy);
        }
    }
    toy_settle(&toy);
    assert_true(sim_disk_bytes(toy.disk) > 20 * SEGMENT);
    for (uint64_t key = 1; key < 2000; key++) { /* all but one, in one batch */
        toy_done(&toy, key);
    }
    toy_settle(&toy);
    toy_settle(&toy);
    assert_true(sim_disk_bytes(toy.disk) <= 2 * toy.state->bytes + 2 * SEGMENT + SLACK);
    toy_restart(&toy);
    assert_int_equal(toy.state->count, 1);
    toy_fetch_all(&toy);
    toy_clear(&toy);
}

/* ---- trouble at any moment of a compaction ---- */

/* A journal with a checkpoint, dense and sparse files, a compaction that has just been handed to
 * its job: nothing but that job is under way. */
static void prepare(struct toy *toy, uint64_t seed)
{
    uint64_t compactions;

    toy_init(toy, SEGMENT / 4, seed);
    toy_must_open(toy);
    for (int i = 0; i < 20; i++) {
        toy_put(toy, 3000); /* they stay */
    }
    toy_stream(toy, 40, 2000, 3);
    compactions = toy_compactions(toy);
    toy_until_it_compacts(toy);
    assert_int_equal(toy_compactions(toy), compactions);
}

static void power_may_fail_at_every_moment_of_a_compaction(void **state)
{
    bool stopped = true;
    uint64_t moments = 0;

    (void)state;
    for (uint64_t n = 1; stopped; n++) {
        for (uint64_t seed = 1; seed <= 4; seed++) {
            struct toy toy;

            prepare(&toy, 1);
            sim_disk_stop(toy.disk, n);
            toy_settle(&toy);
            stopped = sim_disk_has_stopped(toy.disk);
            toy_crash(&toy, seed * 1000 + n);
            toy_must_open(&toy);
            toy_fetch_all(&toy);
            toy_stream(&toy, 40, 2000, 2);
            toy_restart(&toy);
            toy_fetch_all(&toy);
            toy_clear(&toy);
        }
        moments = n;
    }
    print_message("%llu moments\n", (unsigned long long)moments);
    assert_true(moments > 8);
}

static bool take_name(void *user, const char *name)
{
    size_t *count = user;

    *count += strstr(name, ".new") != NULL;
    return true;
}

static size_t count_of_temporary(struct disk *disk)
{
    size_t count = 0;

    assert_int_equal(disk->table->list(disk, take_name, &count), 0);
    return count;
}

static void a_full_disk_stops_a_compaction_for_a_while(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 4; n++) {
        struct toy toy;
        uint64_t compactions;

        prepare(&toy, 1);
        compactions = toy_compactions(&toy);
        sim_disk_fail(toy.disk, n == 4 ? SIM_DISK_CREATE : SIM_DISK_WRITE, n == 4 ? 1 : n, ENOSPC);
        assert_true(sim_jobs_step(&toy.jobs, JOB_COMPACT));
        assert_true(sim_disk_has_failed(toy.disk));
        assert_null(toy_failure(&toy));
        assert_non_null(strstr(toy.log, "not compacted: cannot"));
        assert_non_null(strstr(toy.log, "No space left"));
        assert_int_equal(count_of_temporary(toy.disk), 0);
        toy_put(&toy, 500); /* the log goes on */
        toy_settle(&toy);
        assert_int_equal(toy_compactions(&toy), compactions);
        toy_turn(&toy, STORE_IDLE_NS * 20); /* and it is tried again */
        toy_settle(&toy);
        assert_true(toy_compactions(&toy) > compactions);
        toy_fetch_all(&toy);
        toy_restart(&toy);
        toy_fetch_all(&toy);
        toy_clear(&toy);
    }
}

static void a_compaction_that_cannot_be_made_durable_ends_the_broker(void **state)
{
    static const enum sim_disk_call calls[] = {SIM_DISK_SYNC, SIM_DISK_SYNC_DIR, SIM_DISK_RENAME,
                                               SIM_DISK_READ};

    (void)state;
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        struct toy toy;

        prepare(&toy, 1);
        sim_disk_fail(toy.disk, calls[i], 1, EIO);
        sim_jobs_step(&toy.jobs, JOB_COMPACT);
        assert_true(sim_disk_has_failed(toy.disk));
        assert_non_null(toy_failure(&toy));
        assert_non_null(strstr(toy_failure(&toy), calls[i] == SIM_DISK_READ ? "-" : "checkpoint-"));
        assert_non_null(strstr(toy_failure(&toy), "Input/output error"));
        toy_crash(&toy, i);
        toy_must_open(&toy);
        toy_fetch_all(&toy);
        toy_clear(&toy);
    }
}

static void damage_that_a_compaction_finds_is_told(void **state)
{
    struct toy toy;
    char name[DISK_NAME_MAX + 1];
    uint8_t *bytes;
    size_t len;

    (void)state;
    prepare(&toy, 1);
    format_name(FILE_SEGMENT, store_of(toy.journal)->first_segment, name);
    bytes = sim_disk_file(toy.disk, name, &len);
    assert_non_null(bytes);
    bytes[STORE_SECTOR + 100] ^= 1;
    sim_disk_settle(toy.disk);
    sim_jobs_step(&toy.jobs, JOB_COMPACT);
    assert_non_null(toy_failure(&toy));
    assert_non_null(strstr(toy_failure(&toy), name));
    assert_non_null(strstr(toy_failure(&toy), "4096"));
    toy_clear(&toy);
}

static void behind_a_torn_tail_compaction_goes_on(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct toy toy;

        toy_init(&toy, SEGMENT / 4, seed);
        toy_must_open(&toy);
        for (int crash = 0; crash < 4; crash++) {
            toy_stream(&toy, 20, 2000, 2);
            for (int i = 0; i < 8; i++) {
                toy_put(&toy, 1500); /* a batch of some sectors, of which some survive */
            }
            toy_turn(&toy, 0);
            sim_disk_fail(toy.disk, SIM_DISK_SYNC, 1, EIO);
            sim_jobs_work(&toy.jobs, JOB_WRITE);
            toy_crash(&toy, seed * 10 + (uint64_t)crash);
            toy_must_open(&toy);
            toy_fetch_all(&toy);
        }
        toy_stream(&toy, 20, 2000, 3);
        toy_restart(&toy);
        toy_fetch_all(&toy);
        toy_clear(&toy);
    }
}

/* ---- told ---- */

static size_t lines_with(const char *log, const char *text)
{
    size_t count = 0;

    for (const char *at = strstr(log, text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}

static void compactions_are_told_at_a_bounded_rate(void **state)
{
    struct toy toy;

    (void)state;
    toy_init(&toy, SEGMENT / 4, 1);
    toy_must_open(&toy);
    toy_stream(&toy, 20, 2000, 20);
    assert_int_equal(lines_with(toy.log, "journal compacted"), 1);
    assert_true(toy.journal->table->next_deadline_ns(toy.journal) <= toy.now_ns + 10000000000);
    toy_turn(&toy, 10000000001);
    toy_settle(&toy);
    assert_int_equal(lines_with(toy.log, "journal compacted"), 2);
    assert_non_null(strstr(toy.log, "(19 times)"));
    toy_clear(&toy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_compacted_and_survives),
        cmocka_unit_test(disk_use_stays_within_twice_the_live_data_and_two_segments),
        cmocka_unit_test(what_dies_at_once_is_given_back_at_once),
        cmocka_unit_test(power_may_fail_at_every_moment_of_a_compaction),
        cmocka_unit_test(a_full_disk_stops_a_compaction_for_a_while),
        cmocka_unit_test(a_compaction_that_cannot_be_made_durable_ends_the_broker),
        cmocka_unit_test(damage_that_a_compaction_finds_is_told),
        cmocka_unit_test(behind_a_torn_tail_compaction_goes_on),
        cmocka_unit_test(compactions_are_told_at_a_bounded_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
