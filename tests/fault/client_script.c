/* client_script.c - the program from connect to close, and who looks afterwards. See
 * client_script.h. */
#include "tests/fault/client_script.h"

#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/fault/client_steps.h"

#define TTL_NS   (30 * MUSTER_SECOND) /* of the session: longer than a busy machine stands still */
#define AFTER_NS (10 * MUSTER_SECOND) /* what is left over comes, or is freed, by then */

/* ---- what all steps need ---- */

struct script_name script_name(const struct script *s, const char *what)
{
    struct script_name name;

    snprintf(name.text, sizeof(name.text), "%s/%s", s->place->name, what);
    return name;
}

bool script_expect(struct script *s, const char *what, enum muster_status status,
                   enum muster_status wanted, unsigned also)
{
    unsigned allowed = 1u << (unsigned)wanted;

    if (client_fault_came()) {
        allowed |= also | AS(OK) | AS(NO_MEMORY);
    }
    if ((allowed & 1u << (unsigned)status) == 0) {
        ledger_complain(s->ledger, "%s ended with %s: %s", what, muster_status_name(status),
                        status == MUSTER_OK ? "" : muster_last_error());
    }
    if (status != MUSTER_OK &&
        (muster_last_error()[0] == '\0' || strchr(muster_last_error(), '\n') != NULL)) {
        ledger_complain(s->ledger, "%s ended with %s and no line that says why", what,
                        muster_status_name(status));
    }
    if (muster_last_cause() == NULL || muster_status_text(status)[0] == '\0' ||
        (status == MUSTER_OK) != (muster_status_exit_code(status) == 0)) {
        ledger_complain(s->ledger, "%s ended with %s, which is not what it was", what,
                        muster_status_name(status));
    }
    return status == MUSTER_OK;
}

static int64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * MUSTER_SECOND + now.tv_nsec;
}

void script_spin(struct script *s)
{
    for (int i = 0; i < 3 && s->place->own_loop; i++) {
        int64_t left_ns = muster_deadline_ns(s->client) - clock_ns();
        int pause_ms = left_ns < 0 ? 0 : left_ns > 3 * MUSTER_MS ? 3 : 1;
        struct pollfd fd = {.fd = muster_fd(s->client), .events = POLLIN};

        fd.events = (short)(fd.events | (muster_wants_write(s->client) ? POLLOUT : 0));
        poll(&fd, 1, pause_ms);
        EXPECT(muster_process(s->client), OK, 0);
    }
}

void script_flush(struct script *s)
{
    script_spin(s);
    /* It tells what calls without a callback were told. */
    EXPECT(muster_flush(s->client, WAIT_NS), OK, 0);
}

void script_cut(struct script *s)
{
    int fd = muster_fd(s->client);

    if (fd >= 0) {
        shutdown(fd, SHUT_RDWR);
    }
}

/* ---- coming and going ---- */

static void on_notice(muster_client *client, const muster_notice_info *notice, void *user)
{
    struct script *s = user;

    (void)client;
    if (notice->text == NULL || notice->text[0] == '\0' ||
        (notice->kind == MUSTER_LEASE_LOST && notice->queue == NULL)) {
        ledger_complain(s->ledger, "notice %d lacks its text, or its queue", (int)notice->kind);
    }
}

bool script_connect(struct script *s)
{
    muster_client_options options = MUSTER_CLIENT_OPTIONS;

    options.url = s->place->url;
    options.name = "script";
    options.ttl_ns = TTL_NS;
    options.connect_timeout_ns = WAIT_NS;
    options.backoff_max_ns = 5 * MUSTER_MS;
    options.own_loop = s->place->own_loop;
    options.on_notice = on_notice;
    options.user = s;
    options.server_key = s->place->server_key;
    options.key_file = s->place->key_file;
    /* A key file that cannot be read is a VALUE. */
    return EXPECT(muster_connect(&options, &s->client), OK, AS(UNAVAILABLE) | AS(VALUE));
}

static bool open_objects(struct script *s)
{
    struct script_name jobs = script_name(s, "jobs");
    struct script_name spare = script_name(s, "spare");
    struct script_name ready = script_name(s, "ready");
    struct script_name alone = script_name(s, "alone");
    struct script_name both = script_name(s, "both");

    for (int i = 0; s->jobs == NULL && i < 20; i++) {
        EXPECT(muster_queue_open(s->client, jobs.text, &s->jobs), OK, 0);
    }
    for (int i = 0; s->spare == NULL && i < 20; i++) {
        EXPECT(muster_queue_open(s->client, spare.text, &s->spare), OK, 0);
    }
    for (int i = 0; s->ready == NULL && i < 20; i++) {
        EXPECT(muster_event_open(s->client, ready.text, &s->ready), OK, 0);
    }
    for (int i = 0; s->alone == NULL && i < 20; i++) {
        EXPECT(muster_barrier_open(s->client, alone.text, 1, &s->alone), OK, 0);
    }
    for (int i = 0; s->both == NULL && i < 20; i++) {
        EXPECT(muster_barrier_open(s->client, both.text, 2, &s->both), OK, 0);
    }
    return s->jobs != NULL && s->spare != NULL && s->ready != NULL && s->alone != NULL &&
           s->both != NULL;
}

static void key_files(struct script *s)
{
    char path[200];
    char public_key[MUSTER_KEY_TEXT];
    unsigned also = AS(VALUE) | AS(NO_SPACE) | AS(UNAVAILABLE);

    snprintf(path, sizeof(path), "%s/%s.key", s->place->dir, s->place->name);
    if (EXPECT(muster_key_make(path, false, public_key), OK, also)) {
        EXPECT(muster_key_show(path, public_key), OK, also);
    }
    remove(path);
}

static void leave(struct script *s)
{
    client_fault_arm(true);
    muster_barrier_close(&s->both);
    muster_barrier_close(&s->alone);
    muster_event_close(&s->ready);
    muster_queue_close(&s->spare);
    muster_close(&s->client);
    muster_queue_close(&s->jobs);
    client_fault_arm(false);
}

/* ---- afterwards ---- */

/* Nothing is refused any more: the same client works. */
static void still_works(struct script *s)
{
    struct script_name name = script_name(s, "afterwards");
    muster_get_options options = MUSTER_GET_OPTIONS;
    muster_queue *queue = NULL;
    muster_message *message = NULL;

    options.timeout_ns = WAIT_NS;
    if (muster_queue_open(s->client, name.text, &queue) != MUSTER_OK ||
        muster_put(queue, "still", 5, NULL, NULL) != MUSTER_OK ||
        muster_get(queue, &options, &message) != MUSTER_OK || muster_done(message) != MUSTER_OK) {
        ledger_complain(s->ledger, "the client works afterwards: %s", muster_last_error());
    }
    muster_message_free(&message);
    muster_queue_close(&queue);
    if (muster_remove(s->client, name.text) != MUSTER_OK) {
        ledger_complain(s->ledger, "an object is removed afterwards: %s", muster_last_error());
    }
}

static void empty(struct script *s, muster_queue *queue, int64_t until_ns)
{
    muster_get_options options = MUSTER_GET_OPTIONS;
    enum muster_status status;

    options.mode = MUSTER_AUTO;
    do {
        muster_message *message = NULL;
        bool lacks = ledger_lacks(s->ledger);

        options.timeout_ns = lacks && clock_ns() < until_ns ? 100 * MUSTER_MS : 0;
        status = muster_get(queue, &options, &message);
        if (status == MUSTER_OK) {
            ledger_got(s->ledger, message);
            muster_message_free(&message);
        } else if (!lacks || clock_ns() >= until_ns) {
            return;
        }
    } while (status == MUSTER_OK || status == MUSTER_TIMEOUT || status == MUSTER_EMPTY);
}

/* Somebody else finds what must be there, and nothing that must not. */
static void look_afterwards(struct script *s)
{
    static const char *const names[] = {"jobs",      "spare",      "ready", "alone", "both",
                                        "jobs.dead", "spare.dead", "quiet", "more"};
    muster_client_options options = MUSTER_CLIENT_OPTIONS;
    struct script_name jobs = script_name(s, "jobs");
    muster_client *client = NULL;
    muster_queue *queue = NULL;

    options.url = s->place->clear_url;
    ledger_end(s->ledger);
    if (muster_connect(&options, &client) != MUSTER_OK ||
        muster_queue_open(client, jobs.text, &queue) != MUSTER_OK) {
        ledger_complain(s->ledger, "who looks afterwards: %s", muster_last_error());
    } else {
        muster_session_kill(client, s->session); /* if it could not say that it ends */
        empty(s, queue, clock_ns() + AFTER_NS);
        if (ledger_lacks(s->ledger)) {
            ledger_complain(s->ledger, "a message that was acknowledged is lost");
        }
    }
    muster_queue_close(&queue);
    for (size_t i = 0; client != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        struct script_name name = script_name(s, names[i]);

        muster_remove(client, name.text);
    }
    muster_close(&client);
}

static size_t descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    while (folder != NULL && readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

/* A thread that was in the resolver at the end goes on for a moment. */
static bool is_clean(size_t descriptors_before)
{
    int64_t until_ns = clock_ns() + AFTER_NS;
    bool clean;

    do {
        clean = client_fault_blocks() == 0 && descriptors() == descriptors_before;
    } while (!clean && clock_ns() < until_ns && sched_yield() == 0);
    return clean;
}

static void play(struct script *s)
{
    client_fault_arm(true);
    key_files(s);
    for (int i = 0; i < 20 && !script_connect(s); i++) {
    }
    if (s->client != NULL && open_objects(s)) {
        script_queues(s);
        script_objects(s);
    }
    client_fault_arm(false);
    s->session = s->client == NULL ? 0 : muster_session_id(s->client);
    if (s->client == NULL || s->both == NULL) {
        ledger_complain(s->ledger, "it connects and opens in the end: %s", muster_last_error());
    } else {
        still_works(s);
    }
    leave(s);
}

bool script_play(const struct script_place *place)
{
    struct script s = {.place = place, .ledger = ledger_new()};
    size_t before = descriptors();

    play(&s);
    look_afterwards(&s);
    if (!is_clean(before)) {
        ledger_complain(s.ledger, "%ld blocks of memory are left, and %zd descriptors",
                        client_fault_blocks(), (ssize_t)descriptors() - (ssize_t)before);
    }
    bool good = ledger_is_good(s.ledger);

    ledger_free(&s.ledger);
    return good;
}
