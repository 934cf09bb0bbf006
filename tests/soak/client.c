/* client.c - the life of a soak's program. See client.h.
 *
 *   client URL NAME SEED FOLDER PULSE TTL-MS gentle|rough|declare|drain
 *
 * It goes on until TERM comes, then ends every call and its session, and its process with 0; or it
 * leaves calls under way, which muster_close ends. With declare and drain it does just that. */
#include "tests/soak/client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t told_to_end;

static void on_term(int signal)
{
    (void)signal;
    told_to_end = 1;
}

uint64_t client_dice(struct client *c, uint64_t sides)
{
    c->random ^= c->random >> 12;
    c->random ^= c->random << 25;
    c->random ^= c->random >> 27;
    return ((c->random * UINT64_C(2685821657736338717)) >> 20) % sides;
}

static void on_notice(muster_client *muster, const muster_notice_info *notice, void *user)
{
    const struct client *c = user;
    int64_t now = lines_now_ns();

    (void)muster;
    if (notice->kind == MUSTER_CONNECTION_LOST || notice->kind == MUSTER_SESSION_LOST) {
        /* The library knew before it could say so, and calls may have ended meanwhile. */
        lines_say(c->lines, "fault %lld %lld %s", (long long)(now - MUSTER_SECOND), (long long)now,
                  c->name);
    }
}

static bool born(struct client *c, char **words)
{
    muster_client_options options = MUSTER_CLIENT_OPTIONS;

    memset(c, 0, sizeof(*c));
    pthread_mutex_init(&c->lock, NULL);
    snprintf(c->name, sizeof(c->name), "%s", words[2]);
    c->random = strtoull(words[3], NULL, 10) * 0x9e3779b97f4a7c15u + 1;
    c->lines = lines_open(words[4], c->name);
    c->pulse = atoi(words[5]);
    c->rough = strcmp(words[7], "rough") == 0;
    options.url = words[1];
    options.name = c->name;
    options.ttl_ns = atoi(words[6]) * MUSTER_MS;
    options.connect_timeout_ns = 60 * MUSTER_SECOND;
    options.backoff_max_ns = 200 * MUSTER_MS;
    options.on_notice = on_notice;
    options.user = c;
    if (c->lines < 0 || muster_connect(&options, &c->muster) != MUSTER_OK) {
        fprintf(stderr, "soak client %s: %s\n", words[2], muster_last_error());
        return false;
    }
    for (size_t i = 0; i < sizeof(c->queues) / sizeof(c->queues[0]); i++) {
        muster_queue_open(c->muster, soak_name(i), &c->queues[i]);
    }
    muster_event_open(c->muster, soak_name(SOAK_GO), &c->go);
    muster_barrier_open(c->muster, soak_name(SOAK_GATE), 0, &c->gate);
    return true;
}

/* Every call has ended now: a hand that is still busy was forgotten by the library. */
static bool die(struct client *c)
{
    bool forgot = false;

    for (size_t i = 0; i < HANDS; i++) {
        forgot = forgot || c->hands[i].busy;
        muster_call_release(&c->hands[i].handle);
    }
    for (size_t i = 0; i < HELD; i++) {
        muster_message_free(&c->held[i].message);
    }
    for (size_t i = 0; i < sizeof(c->queues) / sizeof(c->queues[0]); i++) {
        muster_queue_close(&c->queues[i]);
    }
    muster_event_close(&c->go);
    muster_barrier_close(&c->gate);
    if (forgot) {
        fprintf(stderr, "soak client %s: a call never ended\n", c->name);
    }
    return !forgot;
}

static void live(struct client *c)
{
    while (!told_to_end) {
        client_acts(c);
    }
    if (client_dice(c, 2) == 0) {
        muster_flush(c->muster, 5 * MUSTER_SECOND);
    }
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_term};
    struct client c;
    bool good = true;

    if (argc != 8) {
        fprintf(stderr, "usage: client URL NAME SEED FOLDER PULSE TTL-MS "
                        "gentle|rough|declare|drain\n");
        return 2;
    }
    sigaction(SIGTERM, &action, NULL);
    if (!born(&c, argv)) {
        return 1;
    }
    if (strcmp(argv[7], "declare") == 0) {
        good = client_declares(&c);
    } else if (strcmp(argv[7], "drain") == 0) {
        good = client_drains(&c);
    } else {
        live(&c);
    }
    lines_say(c.lines, "leaves %lld", (long long)lines_now_ns());
    muster_close(&c.muster); /* callbacks of calls under way still ask for its session */
    return die(&c) && good ? 0 : 3;
}
