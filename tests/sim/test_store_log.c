/* test_store_log.c - the journal's log on a disk: what was durable is there after a start. */
#include "tests/sim/store_world.h"

#include "broker/journal/format.h"

#define SEGMENT (64u << 10)

static void what_was_durable_is_found_again(void **state)
{
    struct store_world world;

    (void)state;
    store_world_init(&world, SEGMENT);
    store_world_must_open(&world);
    assert_int_equal(world.found, 0);
    store_world_put(&world, 300);
    assert_int_equal(store_world_durable(&world), 300);
    for (uint64_t again = 0; again < 3; again++) {
        store_world_crash(&world, again);
        store_world_must_open(&world);
        assert_int_equal(world.found, 300 + again);
        assert_int_equal(store_world_durable(&world), 300 + again);
        store_world_put(&world, 1);
    }
    assert_true(sim_disk_files(world.disk) > 10);
    store_world_clear(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_durable_is_found_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
