/* test_client_ground.h - what the tests of asynchronous calls stand on: a broker, a client, a
 * queue, and a callback that counts. */
#ifndef TEST_CLIENT_GROUND_H
#define TEST_CLIENT_GROUND_H

#include "tests/lib/calls.h"

#include <stdatomic.h>

#define LONG_TTL (60 * MUSTER_SECOND)

struct tally {
    atomic_int good;
    atomic_int bad;
    atomic_int last;
    muster_message *message;
};

static inline void on_result(enum muster_status status, muster_result *result, void *user)
{
    struct tally *tally = user;

    if (status == MUSTER_OK) {
        muster_message *message = muster_result_take_message(result);

        if (message != NULL) {
            tally->message = message;
        }
        atomic_fetch_add(&tally->good, 1);
    } else {
        atomic_fetch_add(&tally->bad, 1);
    }
    atomic_store(&tally->last, (int)status);
}

struct ground {
    struct broker *broker;
    muster_client *client;
    muster_queue *queue;
};

static inline struct ground ground_of(void **state)
{
    struct world *world = *state;
    struct ground ground;

    ground.broker = broker_start(world, NULL);
    ground.client = client_open(world, broker_url(ground.broker), LONG_TTL);
    ground.queue = queue_open(world, ground.client, "jobs");
    return ground;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)

#endif
