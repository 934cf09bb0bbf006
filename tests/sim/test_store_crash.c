/* test_store_crash.c - the journal after crashes: by power, by byte, by bit, while it recovers.
 *
 * The rule: what was durable is found, exactly; of the batch that was under way all or nothing; and
 * what is damaged before a batch that is good is never passed over in silence. */
#include "tests/sim/store_world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/journal/format.h"

#define SEGMENT       (64u << 10)
#define SMALL_SEGMENT (28u << 10)
#define SEEDS         150

/* ---- the power fails at any call ---- */

/* Batches until the disk stops; time passes between some. Returns what was durable. */
static uint64_t live_until_it_stops(struct store_world *world, uint64_t seed, uint64_t most)
{
    while (!sim_disk_has_stopped(world->disk) && world->handed < most) {
        if (!store_world_is_busy(world)) {
            store_world_append(world);
        }
        while (
            sim_jobs_any(&world->jobs, seed = seed * 6364136223846793005u + 1442695040888963407u)) {
            if (seed >> 60 == 0) {
                break;
            }
        }
        store_world_turn(world, seed >> 61 == 0 ? STORE_IDLE_NS : 1000);
    }
    return store_world_durable(world);
}

static void power_fails_in_many_lives(uint64_t live_bytes)
{
    struct store_world world;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint64_t durable = 0;

        store_world_init(&world, SEGMENT);
        world.live_bytes = live_bytes;
        world.chance = seed;
        for (uint64_t life = 0; life < 4; life++) {
            uint64_t handed;

            sim_disk_stop(world.disk, 1 + seed * 7 % 97 + life * 40);
            if (store_world_open(&world) == STORE_OK) {
                world.handed = world.found;
                assert_true(world.found >= durable);
                durable = live_until_it_stops(&world, seed + life, world.handed + 60);
            } else {
                assert_true(sim_disk_has_stopped(world.disk));
            }
            handed = world.handed;
            store_world_crash(&world, seed ^ life << 32);
            store_world_must_open(&world);
            assert_true(world.found >= durable);
            assert_true(world.found <= handed);
            durable = world.found;
            store_world_put(&world, 2);
            durable += 2;
            store_world_close(&world);
        }
        store_world_clear(&world);
    }
}

static void power_fails_at_any_call(void **state)
{
    (void)state;
    power_fails_in_many_lives(0);
}

/* Nothing is live: segments are sealed, compacted and used again all the time. */
static void power_fails_while_segments_are_recycled(void **state)
{
    (void)state;
    power_fails_in_many_lives(1);
}

static void only_the_process_ends_at_any_call(void **state)
{
    struct store_world world;
    uint64_t durable = 0;

    (void)state;
    store_world_init(&world, SEGMENT);
    for (uint64_t n = 1; n < 120; n++) {
        sim_disk_stop(world.disk, n);
        if (store_world_open(&world) == STORE_OK) {
            world.handed = world.found;
            assert_true(world.found >= durable);
            durable = live_until_it_stops(&world, n, world.handed + 30);
        }
        store_world_close(&world);
        sim_disk_kill(world.disk);
    }
    store_world_must_open(&world);
    assert_true(world.found >= durable);
    store_world_clear(&world);
}

/* The process ends between write and sync, and the next start finds the whole batch: it is built
 * upon, so it must be durable by then. */
static void what_a_start_has_read_is_durable(void **state)
{
    struct store_world world;

    (void)state;
    for (uint64_t seed = 0; seed < 16; seed++) {
        store_world_init(&world, SEGMENT);
        store_world_must_open(&world);
        store_world_put(&world, 3);
        store_world_append(&world);
        sim_disk_stop(world.disk, 2);
        sim_jobs_work(&world.jobs, JOB_WRITE);
        assert_true(sim_disk_has_stopped(world.disk));
        store_world_close(&world);
        sim_disk_kill(world.disk);
        store_world_must_open(&world);
        assert_int_equal(world.found, 4);
        store_world_crash(&world, seed);
        store_world_must_open(&world);
        assert_int_equal(world.found, 4);
        store_world_clear(&world);
    }
}

/* ---- a small journal, byte by byte ---- */

struct small {
    struct store_world world; /* closed; its disk has three small batches */
    uint64_t ends[4];         /* of the batches in the file; ends[0] is the header's */
};

#define SMALL "segment-0000000001"

static void small_init(struct small *small, bool closes)
{
    store_world_init(&small->world, SMALL_SEGMENT);
    store_world_must_open(&small->world);
    small->ends[0] = STORE_SECTOR;
    for (size_t i = 1; i <= 3; i++) {
        size_t len = i == 2 ? 5000 : 100 * i;

        store_world_append_sized(&small->world, len);
        sim_jobs_run(&small->world.jobs);
        small->ends[i] = small->ends[i - 1] + format_batch_bytes(len);
    }
    if (closes) {
        store_world_idle(&small->world);
    }
    store_world_close(&small->world);
}

static void garble(uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(i * 151 + 17);
    }
}

/* How many batches end before the byte. */
static uint64_t whole_before(const struct small *small, size_t at)
{
    uint64_t n = 0;

    while (n < 3 && small->ends[n] + BATCH_HEADER_BYTES + (n == 1 ? 5000 : 100 * (n + 1)) <= at) {
        n++;
    }
    return n;
}

/* The write ended at any byte: before it all is right, behind it are zeros, or garbage up to where
 * the batch would have ended. */
static void a_write_ends_at_any_byte(void **state)
{
    struct small small;
    struct store_world cut;
    size_t len;

    (void)state;
    small_init(&small, false);
    for (size_t at = STORE_SECTOR; at <= small.ends[3]; at++) {
        for (int garbage = 0; garbage < 2; garbage++) {
            uint8_t *bytes;
            bool torn;

            store_world_init(&cut, SMALL_SEGMENT);
            sim_disk_free(&cut.disk);
            cut.disk = sim_disk_copy(small.world.disk);
            bytes = sim_disk_file(cut.disk, SMALL, &len);
            torn = at < small.ends[3] && (garbage || at > small.ends[whole_before(&small, at)]);
            memset(bytes + at, 0, len - at);
            if (garbage) {
                garble(bytes + at, small.ends[3] - at);
            }
            sim_disk_settle(cut.disk);
            store_world_must_open(&cut);
            assert_int_equal(cut.found, whole_before(&small, at));
            assert_true(cut.warnings <= 1);
            if (torn && whole_before(&small, at) < 3) {
                assert_int_equal(cut.warnings, 1);
                assert_non_null(strstr(cut.log, "torn bytes at the end of '" SMALL "'"));
            }
            store_world_put(&cut, 1);
            store_world_clear(&cut);
        }
    }
    store_world_clear(&small.world);
}

/* One bit is wrong. Before the closing batch that is never silent: either nothing is missing, or
 * the start is refused with the file and an offset. */
static void one_bit_flips_anywhere(void **state)
{
    struct small small;
    struct store_world world;
    size_t len, refused = 0;

    (void)state;
    small_init(&small, true);
    for (size_t at = 0; at < small.ends[3] + STORE_SECTOR + 100;
         at += at % STORE_SECTOR < 600 ? 1 : 61) {
        enum store_status status, verified;
        struct store_report report;
        uint8_t *bytes;

        store_world_init(&world, SMALL_SEGMENT);
        sim_disk_free(&world.disk);
        world.disk = sim_disk_copy(small.world.disk);
        bytes = sim_disk_file(world.disk, SMALL, &len);
        bytes[at] ^= (uint8_t)(1u << at % 8);
        sim_disk_settle(world.disk);
        verified = store_verify(world.disk, &report, world.error);
        status = store_world_open(&world);
        assert_int_equal(status, verified);
        if (status == STORE_OK) {
            assert_int_equal(world.found, 3);
        } else {
            assert_true(at < small.ends[3] + BATCH_HEADER_BYTES);
            assert_non_null(strstr(world.error, SMALL));
            assert_true(status == STORE_CORRUPT);
            refused++;
        }
        store_world_clear(&world);
    }
    assert_true(refused > 600);
    store_world_clear(&small.world);
}

/* ---- anything at all ---- */

static uint64_t chance_of(uint64_t *seed, uint64_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (*seed >> 33) % below;
}

static void maul(struct disk *disk, uint64_t *seed)
{
    char name[DISK_NAME_MAX + 1], other[DISK_NAME_MAX + 1];
    uint8_t *bytes, *others;
    size_t len, others_len;

    format_name(FILE_SEGMENT, 1 + chance_of(seed, 12), name);
    format_name(chance_of(seed, 2) == 0 ? FILE_SEGMENT : FILE_CHECKPOINT, 1 + chance_of(seed, 12),
                other);
    bytes = sim_disk_file(disk, name, &len);
    others = sim_disk_file(disk, other, &others_len);
    if (bytes == NULL || len < STORE_SECTOR) {
        return;
    }
    if (others != NULL && others_len == len && chance_of(seed, 4) == 0) {
        memmove(others + len / 2, bytes + len / 2, len / 2); /* of the same journal */
    }
    switch (chance_of(seed, 6)) {
    case 0: sim_disk_put(disk, other, mst_span_of(bytes, len)); break;
    case 1: sim_disk_put(disk, name, mst_span_of(bytes, chance_of(seed, len + 1))); break;
    case 2: sim_disk_delete(disk, name); break;
    case 3: garble(bytes + chance_of(seed, len / 512) * 512, 512); break;
    case 4: memset(bytes + chance_of(seed, len / 4096) * 4096, 0, 4096); break;
    default: bytes[chance_of(seed, len)] ^= (uint8_t)(1u << chance_of(seed, 8)); break;
    }
    sim_disk_settle(disk);
}

/* Whatever somebody does to the files, a start gives whole batches in order, or a line of text. */
static void files_may_be_mauled(void **state)
{
    struct store_world whole, world;
    uint64_t seed = 1, taken = 0, refused = 0;

    (void)state;
    for (uint64_t live = 0; live < 2; live++) {
        store_world_init(&whole, SMALL_SEGMENT);
        whole.live_bytes = live;
        store_world_must_open(&whole);
        for (int i = 0; i < 30; i++) {
            store_world_put(&whole, 1);
            store_world_turn(&whole, 1000);
            sim_jobs_run(&whole.jobs);
        }
        store_world_close(&whole);
        for (int i = 0; i < 600; i++) {
            enum store_status status;

            store_world_init(&world, SMALL_SEGMENT);
            sim_disk_free(&world.disk);
            world.disk = sim_disk_copy(whole.disk);
            for (uint64_t n = chance_of(&seed, 3); n < 3; n++) {
                maul(world.disk, &seed);
            }
            status = store_world_open(&world);
            assert_true(status == STORE_OK || status == STORE_CORRUPT);
            assert_true(world.found <= 30);
            assert_true(status == STORE_OK || strchr(world.error, '\'') != NULL ||
                        strstr(world.error, "the same number") != NULL);
            taken += status == STORE_OK;
            refused += status != STORE_OK;
            store_world_clear(&world);
        }
        store_world_clear(&whole);
    }
    assert_true(taken > 50 && refused > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_fails_at_any_call),
        cmocka_unit_test(power_fails_while_segments_are_recycled),
        cmocka_unit_test(only_the_process_ends_at_any_call),
        cmocka_unit_test(what_a_start_has_read_is_durable),
        cmocka_unit_test(a_write_ends_at_any_byte),
        cmocka_unit_test(one_bit_flips_anywhere),
        cmocka_unit_test(files_may_be_mauled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
