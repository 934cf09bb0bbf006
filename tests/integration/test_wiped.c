/* test_wiped.c - keys and tokens in memory: the text of none is kept, neither by the library nor by
 * the broker, and what is not needed any more is gone. Memory is read as a thief would read it.
 *
 * What is looked for is kept with all bits inverted, so that it is not found where the test itself
 * keeps it. */
#include "tests/lib/calls.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    TEXT = 60,        /* "msk1" or "mtk1", and 56 characters of base32 */
    RAW_SKIP = 8,     /* the ends of a key are not used as they are in the file */
    RAW = 16,         /* of its bytes are looked for */
    WINDOW = 1 << 20, /* memory is looked at in pieces */
    SHADOW = 1 << 30  /* what is as large is no memory, but a sanitizer's notes about it */
};

struct secret {
    uint8_t text[TEXT]; /* inverted */
    uint8_t raw[RAW];   /* inverted */
};

/* ---- secrets, without a copy of them ---- */

static unsigned base32_of(char c)
{
    return (unsigned)(c >= 'a' ? c - 'a' : c - '2' + 26);
}

/* Bit by bit: nothing of it stays behind. */
static void learn(struct secret *secret, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char c;

    assert_true(fd >= 0);
    memset(secret, 0xff, sizeof(*secret));
    for (size_t i = 0; i < TEXT; i++) {
        assert_int_equal(read(fd, &c, 1), 1);
        secret->text[i] = (uint8_t) ~(unsigned char)c;
        for (size_t b = 0; i >= 4 && b < 5; b++) {
            size_t bit = (i - 4) * 5 + b;
            size_t byte = bit / 8 - RAW_SKIP;

            if (bit / 8 >= RAW_SKIP && byte < RAW && (base32_of(c) >> (4 - b) & 1) != 0) {
                secret->raw[byte] = (uint8_t)(secret->raw[byte] & ~(0x80u >> bit % 8));
            }
        }
    }
    close(fd);
}

/* ---- memory ---- */

static size_t count_in(const uint8_t *memory, size_t len, const uint8_t *inverted, size_t size)
{
    const uint8_t *end = memory + (len < size ? 0 : len - size + 1);
    const uint8_t *at = memory;
    size_t found = 0;

    /* One byte gives nothing away, and most of memory is passed over quickly. */
    while (at < end && (at = memchr(at, inverted[0] ^ 0xff, (size_t)(end - at))) != NULL) {
        size_t n = 1;

        while (n < size && (at[n] ^ inverted[n]) == 0xff) {
            n++;
        }
        found += n == size;
        at++;
    }
    return found;
}

/* How often it is in what a process can write to. */
static size_t count(pid_t pid, const uint8_t *inverted, size_t size)
{
    static uint8_t *window;
    char path[64];
    char line[512];
    size_t found = 0;

    if (window == NULL) {
        window = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(window, MAP_FAILED);
    }
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "r");
    assert_true(fd >= 0 && maps != NULL);
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long from, to;
        char rights[8];

        assert_int_equal(sscanf(line, "%lx-%lx %7s", &from, &to, rights), 3);
        bool is_memory = rights[1] == 'w' && to - from < SHADOW;
        for (; is_memory && from < to; from += WINDOW - TEXT) {
            size_t len = to - from < WINDOW ? to - from : WINDOW;
            bool is_own = pid == getpid() && from < (unsigned long)window + WINDOW &&
                          (unsigned long)window < from + len;
            ssize_t n = is_own ? 0 : pread(fd, window, len, (off_t)from);

            found += n <= 0 ? 0 : count_in(window, (size_t)n, inverted, size);
            memset(window, 0, len);
            if (len < WINDOW) {
                break;
            }
        }
    }
    fclose(maps);
    close(fd);
    return found;
}

#define assert_no_text(pid, secret) assert_int_equal(count(pid, (secret)->text, TEXT), 0)
#define assert_no_raw(pid, secret)  assert_int_equal(count(pid, (secret)->raw, RAW), 0)
#define assert_raw(pid, secret)     assert_true(count(pid, (secret)->raw, RAW) > 0)

/* ---- a broker with keys ---- */

struct place {
    char keys[300];
    char server_key[300];
    char key[300];
    char tokens[2][300];
    char public_key[MUSTER_KEY_TEXT];
};

static void make(const char *path, bool token)
{
    char public_key[MUSTER_KEY_TEXT];

    expect_status(muster_key_make(path, token, public_key), MUSTER_OK);
}

/* Only a copy by the system: none of it is in the memory of this test. */
static void admit(const struct place *place, int token)
{
    char command[1500];

    snprintf(command, sizeof(command), "umask 077; echo \"fleet $(cat '%s')\" > '%s/tokens'",
             place->tokens[token], place->keys);
    assert_int_equal(system(command), 0);
}

static void prepare(struct world *world, struct place *place)
{
    const char *dir = world_dir(world);

    snprintf(place->keys, sizeof(place->keys), "%s/keys", dir);
    snprintf(place->server_key, sizeof(place->server_key), "%s/keys/server.key", dir);
    snprintf(place->key, sizeof(place->key), "%s/own.key", dir);
    assert_int_equal(mkdir(place->keys, 0700), 0);
    make(place->server_key, false);
    make(place->key, false);
    for (int i = 0; i < 2; i++) {
        snprintf(place->tokens[i], sizeof(place->tokens[i]), "%s/token%d", dir, i);
        make(place->tokens[i], true);
    }
    admit(place, 0);
    expect_status(muster_key_show(place->server_key, place->public_key), MUSTER_OK);
}

static struct broker *start(struct world *world, const struct place *place)
{
    const char *const args[] = {"--keys-dir", place->keys, NULL};
    struct broker_options options = {.listen = "unix", .args = args};

    return broker_start(world, &options);
}

static enum muster_status enter(const struct broker *broker, const struct place *place, int token,
                                muster_client **client)
{
    muster_client_options options = MUSTER_CLIENT_OPTIONS;

    options.url = broker_url(broker);
    options.server_key = place->public_key;
    options.key_file = place->key;
    options.token_file = place->tokens[token];
    return muster_connect(&options, client);
}

/* The system knows who is at the other end of a Unix socket. */
static pid_t pid_of(const struct broker *broker)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ucred peer;
    socklen_t size = sizeof(peer);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", broker_path(broker));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size), 0);
    close(fd);
    return peer.pid;
}

/* ---- tests ---- */

static void making_and_showing_a_key_leaves_nothing_of_it(void **state)
{
    struct place place;
    struct secret secret;

    prepare(*state, &place);
    learn(&secret, place.server_key);
    char text[TEXT]; /* what is there is found */
    int fd = open(place.server_key, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, text, TEXT), TEXT);
    close(fd);
    assert_int_equal(count(getpid(), secret.text, TEXT), 1);
    explicit_bzero(text, sizeof(text));
    assert_no_text(getpid(), &secret);
    assert_no_raw(getpid(), &secret);
    learn(&secret, place.tokens[1]);
    assert_no_text(getpid(), &secret);
    assert_no_raw(getpid(), &secret);
}

static void the_library_wipes_its_copies(void **state)
{
    struct world *world = *state;
    struct place place;
    struct secret key;
    struct secret token;
    muster_client *client;

    prepare(world, &place);
    learn(&key, place.key);
    learn(&token, place.tokens[0]);
    struct broker *broker = start(world, &place);
    expect_status(enter(broker, &place, 0, &client), MUSTER_OK);
    muster_queue *jobs;
    expect_status(muster_queue_open(client, "jobs", &jobs), MUSTER_OK);
    expect_put(jobs, "x");
    assert_no_text(getpid(), &key);
    assert_no_text(getpid(), &token);
    assert_raw(getpid(), &key); /* it is needed to connect again; and this is how it is found */
    assert_raw(getpid(), &token);
    muster_queue_close(&jobs);
    muster_close(&client);
    assert_no_raw(getpid(), &key);
    assert_no_raw(getpid(), &token);
    /* Nor when it did not come as far as a client. */
    admit(&place, 1);
    broker_signal(broker, SIGTERM);
    broker_wait(broker);
    assert_int_not_equal(enter(broker, &place, 0, &client), MUSTER_OK);
    assert_no_raw(getpid(), &key);
    assert_no_raw(getpid(), &token);
}

static void the_broker_forgets_a_token_that_was_removed(void **state)
{
    struct world *world = *state;
    struct place place;
    struct secret server;
    struct secret old;
    struct secret new;
    muster_client *client = NULL;
    enum muster_status status;

    prepare(world, &place);
    learn(&server, place.server_key);
    learn(&old, place.tokens[0]);
    learn(&new, place.tokens[1]);
    struct broker *broker = start(world, &place);
    pid_t pid = pid_of(broker);
    expect_status(enter(broker, &place, 0, &client), MUSTER_OK);
    assert_no_text(pid, &server);
    assert_no_text(pid, &old);
    assert_raw(pid, &server);
    assert_raw(pid, &old);
    admit(&place, 1);
    broker_signal(broker, SIGHUP);
    do {
        muster_close(&client);
        status = enter(broker, &place, 0, &client);
    } while (status == MUSTER_OK);
    expect_status(status, MUSTER_DENIED);
    expect_status(enter(broker, &place, 1, &client), MUSTER_OK);
    assert_no_text(pid, &old);
    assert_no_text(pid, &new);
    assert_no_raw(pid, &old);
    muster_close(&client);
}

static void a_broker_with_keys_leaves_no_core(void **state)
{
    struct world *world = *state;
    struct place place;
    char path[64];
    char line[256];
    bool limited = false;

    prepare(world, &place);
    struct broker *broker = start(world, &place);
    pid_t pid = pid_of(broker);
    snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
    FILE *limits = fopen(path, "r");
    assert_non_null(limits);
    while (fgets(line, sizeof(line), limits) != NULL) {
        char soft[32], hard[32];

        limited = limited || (sscanf(line, "Max core file size %31s %31s", soft, hard) == 2 &&
                              strcmp(soft, "0") == 0 && strcmp(hard, "0") == 0);
    }
    fclose(limits);
    assert_true(limited);
    /* A core that is handed to a program is not limited, but has nothing of the memory. */
    snprintf(path, sizeof(path), "/proc/%d/coredump_filter", (int)pid);
    FILE *filter = fopen(path, "r");
    assert_non_null(filter);
    assert_non_null(fgets(line, sizeof(line), filter));
    fclose(filter);
    assert_string_equal(line, "00000000\n");
    broker_signal(broker, SIGABRT);
    int status = broker_wait(broker);
    assert_true(WIFSIGNALED(status));
    assert_false(WCOREDUMP(status));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(making_and_showing_a_key_leaves_nothing_of_it),
        TEST(the_library_wipes_its_copies),
        TEST(the_broker_forgets_a_token_that_was_removed),
        TEST(a_broker_with_keys_leaves_no_core),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
