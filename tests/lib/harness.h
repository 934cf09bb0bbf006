/* harness.h - real brokers and real processes for one integration test.
 *
 * A test's world owns a private folder, brokers, child processes and proxies. world_teardown ends
 * all of them, each by its own process id, whether the test passed or not; a test program that
 * crashes takes its children with it. Every wait reads a descriptor, has a limit, and fails the
 * test when the limit is reached. Must not know: the wire, the broker's insides. */
#ifndef TESTS_LIB_HARNESS_H
#define TESTS_LIB_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

struct world;
struct broker;
struct child;

#define WAIT_LIMIT_MS 20000 /* nothing a test waits for takes longer, on a busy machine too */

/* For cmocka_unit_test_setup_teardown; *state is the world. */
int world_setup(void **state);
int world_teardown(void **state);
const char *world_dir(const struct world *world);
/* Something that must end with the world. */
void world_at_end(struct world *world, void (*end)(void *thing), void *thing);

/* Waits until fd can be read (or is at its end); false when the time is up. */
bool wait_readable(int fd, int limit_ms);
int tcp_connect(uint16_t port); /* to 127.0.0.1 */

/* ---- brokers ---- */

struct broker_options {
    const char *listen;      /* NULL: a free port of 127.0.0.1; "unix": a socket in the folder */
    const char *const *args; /* more arguments, ended by NULL; NULL: none */
    unsigned files_max;      /* the most descriptors it may have; 0: as many as this process */
};

/* Returns once the broker listens. options may be NULL. */
struct broker *broker_start(struct world *world, const struct broker_options *options);
const char *broker_url(const struct broker *broker);
const char *broker_path(const struct broker *broker); /* of the Unix socket */
uint16_t broker_port(const struct broker *broker);
void broker_signal(struct broker *broker, int signal);
int broker_wait(struct broker *broker); /* its wait status, once it ended */
void broker_restart(
    struct broker *broker); /* again, where it listened before; it must have ended */

/* ---- child processes ---- */

/* Runs body in a forked child, which then ends with code 0. What it writes to report can be
 * expected by the parent. body must not use cmocka's assertions. */
struct child *child_fork(struct world *world, void (*body)(int report, void *arg), void *arg);
/* Runs a program; its standard output can be expected. */
struct child *child_run(struct world *world, const char *const argv[]);
void child_expect(struct child *child, const char *line); /* the next line is this one */
void child_signal(struct child *child, int signal);
int child_wait(struct child *child); /* its wait status, once it ended */

#endif
