/* test_disk.c - what the real disk writes is there, whichever way it went: past the page cache or
 * through it, and where the file system refuses one of them. */
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broker/io/disk.h"

#define BLOCK  ((size_t)4096)
#define LARGE  (BLOCK * 64)
#define WHOLE  (BLOCK * 512)
#define WRITES 400

/* ---- a file system that may refuse ---- */

static struct {
    bool refuses_flag, refuses_writes; /* of O_DIRECT */
    bool fails;                        /* the disk is broken */
    unsigned asked, direct, ordinary;  /* writes; those that were made */
} system_does;

int fcntl(int fd, int command, ...)
{
    va_list arguments;
    int value;

    va_start(arguments, command);
    value = va_arg(arguments, int);
    va_end(arguments);
    if (command == F_SETFL && (value & O_DIRECT) != 0 && system_does.refuses_flag) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_fcntl, fd, command, value);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    bool is_direct = (syscall(SYS_fcntl, fd, F_GETFL, 0) & O_DIRECT) != 0;

    system_does.asked++;
    if (is_direct && system_does.refuses_writes) {
        errno = EINVAL;
        return -1;
    }
    if (system_does.fails) {
        errno = EIO;
        return -1;
    }
    system_does.direct += is_direct;
    system_does.ordinary += !is_direct;
    return syscall(SYS_pwrite64, fd, bytes, len, at);
}

/* ---- a file, and what should be in it ---- */

struct world {
    char path[64];
    struct disk *disk;
    int file;
    uint8_t *wanted;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    char error[IO_DISK_ERROR_MAX];

    assert_non_null(world);
    memset(&system_does, 0, sizeof(system_does));
    world->wanted = calloc(1, WHOLE);
    assert_non_null(world->wanted);
    snprintf(world->path, sizeof(world->path), "/tmp/muster-disk-XXXXXX");
    assert_non_null(mkdtemp(world->path));
    assert_int_equal(io_disk_open(world->path, true, true, &world->disk, error), IO_DISK_OK);
    world->file = world->disk->table->open(world->disk, "file", DISK_CREATE);
    assert_true(world->file >= 0);
    assert_int_equal(world->disk->table->write(world->disk, world->file, 0, world->wanted, WHOLE),
                     0);
    memset(&system_does, 0, sizeof(system_does));
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    char name[128];

    world->disk->table->close(world->disk, world->file);
    assert_int_equal(world->disk->table->remove(world->disk, "file"), 0);
    io_disk_close(&world->disk);
    snprintf(name, sizeof(name), "%s/%s", world->path, IO_DISK_LOCK_NAME);
    unlink(name);
    rmdir(world->path);
    free(world->wanted);
    free(world);
    return 0;
}

static void put(struct world *world, size_t offset, size_t len, uint8_t with)
{
    memset(world->wanted + offset, with, len);
    assert_int_equal(
        world->disk->table->write(world->disk, world->file, offset, world->wanted + offset, len),
        0);
}

/* Read through the page cache, as the journal reads. */
static void look(struct world *world)
{
    uint8_t *found = malloc(WHOLE);

    assert_non_null(found);
    assert_int_equal(world->disk->table->read(world->disk, world->file, 0, found, WHOLE), WHOLE);
    assert_memory_equal(found, world->wanted, WHOLE);
    free(found);
}

/* Small and large, whole blocks and parts of some, over each other, and read between. */
static void write_all_kinds(struct world *world)
{
    uint32_t chance = 1;

    for (unsigned i = 0; i < WRITES; i++) {
        static const size_t lens[] = {BLOCK, 2 * BLOCK, LARGE, 100, BLOCK + 1};
        size_t len = lens[i % 5];

        chance = chance * 1664525 + 1013904223;
        put(world, chance / 16 % (WHOLE / BLOCK - LARGE / BLOCK) * BLOCK, len, (uint8_t)i);
        if (i % 50 == 0) {
            look(world);
            assert_int_equal(world->disk->table->sync(world->disk, world->file), 0);
        }
    }
    look(world);
}

static void both_ways_write_what_was_given(void **state)
{
    write_all_kinds(*state);
    assert_true(system_does.ordinary > 0);
}

static void a_file_system_without_direct_writes_will_do(void **state)
{
    system_does.refuses_flag = true;
    write_all_kinds(*state);
    assert_int_equal(system_does.direct, 0);
    assert_int_equal(system_does.ordinary, WRITES);
}

static void one_that_wants_other_blocks_will_do(void **state)
{
    system_does.refuses_writes = true;
    write_all_kinds(*state);
    assert_int_equal(system_does.direct, 0);
    assert_int_equal(system_does.ordinary, WRITES);
}

static void a_disk_that_fails_is_not_asked_twice(void **state)
{
    struct world *world = *state;
    const struct disk_table *table = world->disk->table;

    system_does.fails = true;
    assert_int_equal(table->write(world->disk, world->file, 0, world->wanted, BLOCK), -EIO);
    assert_int_equal(table->write(world->disk, world->file, 1, world->wanted, BLOCK), -EIO);
    assert_int_equal(system_does.asked, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_ways_write_what_was_given, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_system_without_direct_writes_will_do, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_that_wants_other_blocks_will_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_disk_that_fails_is_not_asked_twice, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
