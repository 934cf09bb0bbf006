/* test_hostile.c - bytes that are no muster, or a malicious one, disturb nobody else.
 *
 * A bystander waits in a get all the while; after each attack it is served, and waits again. */
#include "tests/lib/calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LONG_TTL (60 * MUSTER_SECOND)
#define BYTES(s) (const uint8_t *)(s), sizeof(s) - 1
#define PREAMBLE "\x89MSTR\n\x01\x00"
/* [HELLO, 0, 0, "x", "h", 1] */
#define HELLO "\x00\x00\x00\x09\x96\x01\x00\x00\xa1x\xa1h\x01"

struct attack {
    const char *name;
    const uint8_t *bytes;
    size_t size;
    bool closes; /* the broker ends the connection by itself */
};

static const struct attack attacks[] = {
    {"HTTP", BYTES("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), true},
    {"TLS", BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), true},
    {"wrong magic", BYTES("\x89MSTX\n\x01\x00"), true},
    {"other version", BYTES("\x89MSTR\n\x7f\x00"), true},
    {"no such channel", BYTES("\x89MSTR\n\x01\x07"), true},
    {"half a preamble", BYTES("\x89MS"), false},
    {"huge length", BYTES(PREAMBLE "\xff\xff\xff\xff"), true},
    {"empty frame", BYTES(PREAMBLE "\x00\x00\x00\x00"), true},
    {"half a frame", BYTES(PREAMBLE "\x00\x00\x00\x20\x93\x01"), false},
    {"no array", BYTES(PREAMBLE "\x00\x00\x00\x01\x01"), true},
    {"huge array", BYTES(PREAMBLE "\x00\x00\x00\x05\xdd\xff\xff\xff\xff"), true},
    {"huge string", BYTES(PREAMBLE "\x00\x00\x00\x09\x94\x01\x00\x00\xdb\xff\xff\xff\xff"), true},
    {"deep nesting",
     BYTES(PREAMBLE
           "\x00\x00\x00\x10\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x90"),
     true},
    {"trailing bytes", BYTES(PREAMBLE "\x00\x00\x00\x0a\x96\x01\x00\x00\xa1x\xa1h\x01\x01"), true},
    {"extension type", BYTES(PREAMBLE "\x00\x00\x00\x07\x94\x01\x00\x00\xd4\x01\x01"), true},
    {"request before hello", BYTES(PREAMBLE "\x00\x00\x00\x04\x93\x08\x01\x00"), true},
    {"resume of nobody", BYTES(PREAMBLE "\x00\x00\x00\x09\x95\x02\x00\x00\xcd\xff\xff\xc4\x00"),
     false},
    {"hello twice", BYTES(PREAMBLE HELLO HELLO), true},
    {"unknown operation", BYTES(PREAMBLE HELLO "\x00\x00\x00\x05\x93\xcc\xee\x01\x00"), false},
    {"operation of a wrong type", BYTES(PREAMBLE HELLO "\x00\x00\x00\x05\x93\xa1x\x01\x00"), true},
    {"handle never opened", BYTES(PREAMBLE HELLO "\x00\x00\x00\x05\x94\x17\x01\x00\x05"), false},
    {"id that does not rise",
     BYTES(PREAMBLE HELLO "\x00\x00\x00\x04\x93\x08\x05\x00\x00\x00\x00\x04\x93\x08\x03\x00"),
     true},
    {"confirms what was never sent",
     BYTES(PREAMBLE HELLO "\x00\x00\x00\x06\x93\x04\x00\xcd\x7f\xff"), true},
};

static bool ends_by_itself(int fd)
{
    uint8_t bytes[512];
    while (wait_readable(fd, WAIT_LIMIT_MS)) {
        ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
        if (n == 0 || (n < 0 && errno == ECONNRESET)) {
            return true;
        }
    }
    return false;
}

/* A full turn of the broker for somebody else, while the attacker's connection is still open. */
static void serve_bystander(struct world *world, muster_client *near, muster_queue *here,
                            muster_queue *there)
{
    char body[64];
    struct blocked *get = blocked_get(world, there);
    await_waiting(near, "bystander", 1);
    expect_put(here, "undisturbed");
    expect_status(blocked_finish(get, body), MUSTER_OK);
    assert_string_equal(body, "undisturbed");
}

static void hostile_bytes_disturb_nobody(void **state)
{
    struct world *world = *state;
    struct broker *broker = broker_start(world, NULL);
    muster_client *near = client_open(world, broker_url(broker), LONG_TTL);
    muster_client *far = client_open(world, broker_url(broker), LONG_TTL);
    muster_queue *here = queue_open(world, near, "bystander");
    muster_queue *there = queue_open(world, far, "bystander");
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        const struct attack *attack = &attacks[i];
        int fd = tcp_connect(broker_port(broker));
        ssize_t sent = send(fd, attack->bytes, attack->size, MSG_NOSIGNAL);
        assert_int_equal(sent, attack->size);
        serve_bystander(world, near, here, there);
        if (attack->closes && !ends_by_itself(fd)) {
            fail_msg("%s: the broker did not close the connection", attack->name);
        }
        close(fd);
    }
}

/* Every first byte, and every way a valid beginning can go wrong in one byte. */
static void one_wrong_byte_disturbs_nobody(void **state)
{
    struct world *world = *state;
    static const char good[] = PREAMBLE HELLO "\x00\x00\x00\x05\x94\x17\x01\x00\x05";
    struct broker *broker = broker_start(world, NULL);
    muster_client *client = client_open(world, broker_url(broker), LONG_TTL);
    for (size_t at = 0; at < sizeof(good) - 1; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            char bytes[sizeof(good)];
            memcpy(bytes, good, sizeof(good));
            bytes[at] = (char)((unsigned char)bytes[at] ^ (1u << bit));
            int fd = tcp_connect(broker_port(broker));
            assert_int_equal(send(fd, bytes, sizeof(good) - 1, MSG_NOSIGNAL), sizeof(good) - 1);
            close(fd);
        }
        expect_status(muster_ping(client, WAIT_LIMIT_NS, NULL), MUSTER_OK);
    }
}

/* Who never finishes a hello is let go, so that idle connections cannot fill the broker. */
static void silence_before_hello_ends(void **state)
{
    struct world *world = *state;
    static const char *const args[] = {"--silence", "300ms", NULL};
    const struct broker_options options = {.args = args};
    struct broker *broker = broker_start(world, &options);
    int fd = tcp_connect(broker_port(broker));
    assert_int_equal(send(fd, PREAMBLE, 4, MSG_NOSIGNAL), 4);
    assert_true(ends_by_itself(fd));
    close(fd);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hostile_bytes_disturb_nobody),
        TEST(one_wrong_byte_disturbs_nobody),
        TEST(silence_before_hello_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
