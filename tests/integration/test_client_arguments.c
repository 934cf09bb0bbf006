/* test_client_arguments.c - what makes no sense is refused at once, with VALUE and a line that says
 * what; nothing of it reaches the broker. */
#include "tests/integration/test_client_ground.h"

#include <string.h>

/* VALUE, and the words are in the line. */
#define REFUSED(call, words)                                                                       \
    do {                                                                                           \
        expect_status(call, MUSTER_VALUE);                                                         \
        if (strstr(muster_last_error(), words) == NULL) {                                          \
            fail_msg("\"%s\" says nothing of \"%s\"", muster_last_error(), words);                 \
        }                                                                                          \
    } while (0)

static void puts_without_sense(void **state)
{
    struct ground ground = ground_of(state);
    muster_header header = {"kind", NULL, 4};
    muster_put_options options = MUSTER_PUT_OPTIONS;
    muster_bytes body = {NULL, 3};

    REFUSED(muster_put(ground.queue, NULL, 5, NULL, NULL), "NULL");
    REFUSED(muster_put_async(ground.queue, NULL, 5, NULL, NULL, NULL, NULL), "NULL");
    REFUSED(muster_put_many(ground.queue, &body, 1, MUSTER_PUT_ALL, NULL, NULL), "NULL");
    REFUSED(muster_put_many(ground.queue, &body, 0, MUSTER_PUT_ALL, NULL, NULL), "1 to");
    options.headers = &header;
    options.headers_count = 1;
    REFUSED(muster_put(ground.queue, "x", 1, &options, NULL), "header 1 is NULL");
    header = (muster_header){"", "x", 1};
    REFUSED(muster_put(ground.queue, "x", 1, &options, NULL), "no name");
    options.headers_count = 0;
    options.dedup = "";
    REFUSED(muster_put(ground.queue, "x", 1, &options, NULL), "dedup key");
    options.dedup = NULL;
    options.delay_ns = -1;
    REFUSED(muster_put(ground.queue, "x", 1, &options, NULL), "negative");
    options.size = 1;
    REFUSED(muster_put(ground.queue, "x", 1, &options, NULL), "options.size is 1");
    uint64_t ready;
    expect_status(muster_qsize(ground.queue, &ready), MUSTER_NOT_FOUND); /* no put came there */
}

static void gets_without_sense(void **state)
{
    struct ground ground = ground_of(state);
    muster_get_options options = MUSTER_GET_OPTIONS;
    muster_consume_options window = MUSTER_CONSUME_OPTIONS;
    muster_consumer *consumer = NULL;
    muster_message *message = NULL;
    size_t count;

    REFUSED(muster_get_many(ground.queue, 0, NULL, &message, &count), "1 to");
    REFUSED(muster_get_from(&ground.queue, 0, NULL, &message), "1 to");
    options.timeout_ns = -7;
    REFUSED(muster_get(ground.queue, &options, &message), "negative");
    options.timeout_ns = 0;
    options.mode = (enum muster_get_mode)9;
    REFUSED(muster_get(ground.queue, &options, &message), "LEASE nor AUTO");
    window.window = 0;
    REFUSED(muster_consumer_open(ground.queue, &window, &consumer), "window");
    REFUSED(muster_peek(ground.queue, 0, 0, &message, &count), "at least one");
    REFUSED(muster_join(ground.queue, -1, NULL, NULL), "negative");
    REFUSED(muster_pause(ground.queue, (enum muster_side)4), "sides");
    assert_null(message);
    assert_null(consumer);
}

static void objects_without_sense(void **state)
{
    struct ground ground = ground_of(state);
    muster_barrier *barrier = NULL;
    muster_event *event = NULL;
    muster_setting setting = {NULL, 1};

    REFUSED(muster_event_open(ground.client, "", &event), "not a name");
    REFUSED(muster_event_open(ground.client, NULL, &event), "not a name");
    REFUSED(muster_event_open(ground.client, "a\nb", &event), "not a name");
    REFUSED(muster_barrier_open(ground.client, "gate", UINT32_MAX, &barrier), "parties");
    REFUSED(muster_declare(ground.client, "q", MUSTER_FIFO, &setting, 1, NULL), "no name");
    REFUSED(muster_declare(ground.client, "q", MUSTER_FIFO, &setting, 1000, NULL), "at most");
    expect_status(muster_barrier_open(ground.client, "gate", 1, &barrier), MUSTER_OK);
    REFUSED(muster_barrier_done(barrier, 1, false, NULL, 3), "NULL");
    REFUSED(muster_barrier_done(barrier, 1, false, "x", 257), "257");
    REFUSED(muster_barrier_wait(barrier, -2, NULL, NULL), "negative");
    muster_barrier_close(&barrier);
    assert_null(event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(puts_without_sense),
        TEST(gets_without_sense),
        TEST(objects_without_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
