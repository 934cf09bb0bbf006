/* test_backup.c - muster_backup from a program: all of it, some of it, and who else may.
 *
 * What a backup contains, and that a broker starts on it, is told elsewhere (test_storage.sh,
 * tests/sim/test_store_backup.c). */
#include "tests/lib/calls.h"

#include <stdio.h>

#define BODY_BYTES (1u << 20) /* more than one piece */

struct backup {
    uint64_t bytes; /* that came */
    uint64_t size;  /* of the whole, as the last piece told it */
    uint64_t stop_at;
    unsigned pieces;
};

static bool take(const void *bytes, size_t len, uint64_t size, void *user)
{
    struct backup *backup = user;

    assert_true(len == 0 || bytes != NULL);
    assert_true(backup->pieces == 0 || size == backup->size);
    backup->bytes += len;
    backup->size = size;
    backup->pieces++;
    return backup->bytes < backup->stop_at;
}

/* A broker with more than one piece to back up. */
static struct broker *start(struct world *world)
{
    static char body[BODY_BYTES];
    char path[512];
    const char *args[] = {"--data-dir", path, NULL};
    const struct broker_options options = {.args = args};

    snprintf(path, sizeof(path), "%s/data", world_dir(world));
    struct broker *broker = broker_start(world, &options);
    muster_client *client = client_open(world, broker_url(broker), 0);

    expect_status(muster_put(queue_open(world, client, "q"), body, sizeof(body), NULL, NULL),
                  MUSTER_OK);
    return broker;
}

static void expect_whole(muster_client *client)
{
    struct backup backup = {.stop_at = UINT64_MAX};

    expect_status(muster_backup(client, take, &backup), MUSTER_OK);
    assert_true(backup.size > BODY_BYTES);
    assert_true(backup.bytes == backup.size);
    assert_true(backup.pieces > 1);
}

static void a_backup_is_had_piece_by_piece_and_again(void **state)
{
    struct broker *broker = start(*state);
    muster_client *client = client_open(*state, broker_url(broker), 0);

    expect_whole(client);
    expect_whole(client);
}

/* Its file is full, say. It goes on with other things, and its connection stays. */
static void who_stops_midway_holds_up_nobody(void **state)
{
    struct broker *broker = start(*state);
    muster_client *client = client_open(*state, broker_url(broker), 0);
    muster_client *other = client_open(*state, broker_url(broker), 0);

    for (int i = 0; i < 3; i++) {
        struct backup backup = {.stop_at = 1};

        expect_status(muster_backup(client, take, &backup), MUSTER_OK);
        assert_int_equal(backup.pieces, 1);
        assert_true(backup.bytes < backup.size);
        expect_whole(i == 1 ? client : other);
    }
}

static void a_broker_in_memory_has_none(void **state)
{
    struct broker *broker = broker_start(*state, NULL);
    struct backup backup = {0};

    expect_status(muster_backup(client_open(*state, broker_url(broker), 0), take, &backup),
                  MUSTER_UNAVAILABLE);
    assert_int_equal(backup.pieces, 0);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        STORY(a_backup_is_had_piece_by_piece_and_again),
        STORY(who_stops_midway_holds_up_nobody),
        STORY(a_broker_in_memory_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
