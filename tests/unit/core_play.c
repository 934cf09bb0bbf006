/* core_play.c - see core_play.h. */
#include "tests/unit/core_play.h"

#include "broker/core/internal.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>

#define DAY (24 * 3600 * SECOND)

static const char *const queues[] = {"fifo", "lifo", "priority", "byuse"};
static const char *const dead[] = {"fifo.dead", "lifo.dead", "priority.dead", "byuse.dead"};

uint64_t play_draw(struct play *play, uint64_t n)
{
    uint64_t x = play->random;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    play->random = x;
    return (x >> 11) % n;
}

static void new_player(struct play *play, size_t i)
{
    char *name;

    play->players[i] = NULL;
    if (play->named == WORLD_CLIENTS - 1) {
        return; /* the last place is for who clears up */
    }
    name = play->names[play->named];
    snprintf(name, sizeof(play->names[0]), "p%zu", play->named++);
    play->players[i] = name;
    world_hello_ttl(&play->w, name, (int64_t)play_draw(play, 4) * 3 * SECOND);
}

struct play *play_new(uint64_t seed, enum world_storage storage)
{
    struct play *play = calloc(1, sizeof(*play));

    assert_non_null(play);
    play->random = seed * 0x9e3779b97f4a7c15u + 1;
    play->storage = storage;
    world_open(&play->w, storage);
    /* What can be sent away makes room, and that differs between twins; so with a journal there is
     * memory enough. */
    play->w.config.memory_max = seed % 3 == 0 && storage == WORLD_MEMORY ? 5000 : 100000;
    play->w.bodies_max = seed % 3 == 1 ? 500 : 0;
    play->w.config.put_credit = 8;
    play->w.config.put_credit_bytes = 1000;
    play->w.config.waits_max = 40;
    core_configure(play->w.core, &play->w.config);
    for (size_t i = 0; i < PLAYERS; i++) {
        new_player(play, i);
    }
    return play;
}

void play_free(struct play *play)
{
    world_close(&play->w);
    free(play);
}

/* ---- what a request may be made of ---- */

const char *play_queue(struct play *play)
{
    return queues[play_draw(play, 4)];
}

const char *play_any_queue(struct play *play)
{
    return play_draw(play, 6) == 0 ? dead[play_draw(play, 4)] : play_queue(play);
}

int64_t play_timeout(struct play *play)
{
    static const int64_t times[] = {0, SECOND, 2 * SECOND, MST_FOREVER, MST_DEFAULT_TIMEOUT};

    return times[play_draw(play, 5)];
}

struct mst_span *play_bodies(struct play *play, size_t count)
{
    static const char text[200] = "what the messages say does not matter here";
    struct mst_span *bodies = mst_arena_take(&play->w.arena, count * sizeof(*bodies));

    assert_non_null(bodies);
    for (size_t i = 0; i < count; i++) {
        bodies[i] = mst_span_of(text, play_draw(play, play_draw(play, 4) == 0 ? 200 : 20));
    }
    return bodies;
}

const struct play_delivery *play_delivery(struct play *play)
{
    size_t n = play->deliveries_count < PLAY_DELIVERIES ? play->deliveries_count : PLAY_DELIVERIES;

    return n == 0 ? NULL : &play->deliveries[play_draw(play, n)];
}

static void note_deliveries(struct play *play, const struct world_client *client,
                            const struct mst_reply *reply)
{
    for (size_t i = 0; i < reply->deliveries_count; i++) {
        play->deliveries[play->deliveries_count++ % PLAY_DELIVERIES] = (struct play_delivery){
            client->handles[reply->handle], reply->deliveries[i].id, reply->deliveries[i].number};
    }
}

/* ---- players ---- */

static size_t index_of(const struct play *play, const struct world_client *client)
{
    return (size_t)(client - play->w.clients);
}

static bool is_alive(struct play *play, const char *who)
{
    struct session *session;

    if (who == NULL) {
        return false;
    }
    session = session_find(play->w.core, world_client(&play->w, who)->session);
    return session != NULL && !session->ended;
}

const char *play_someone(struct play *play)
{
    size_t from = play_draw(play, PLAYERS);

    for (size_t i = 0; i < PLAYERS; i++) {
        const char *who = play->players[(from + i) % PLAYERS];

        if (is_alive(play, who) && world_client(&play->w, who)->conn != 0) {
            return who;
        }
    }
    return NULL;
}

/* A connection that the broker closed is gone on this side too. */
void play_settle(struct play *play)
{
    for (size_t i = 0; i < play->w.clients_count; i++) {
        struct world_client *client = &play->w.clients[i];
        const struct session *session = session_find(play->w.core, client->session);

        if (client->conn == 0 && session != NULL && session->conn != 0) {
            client->conn = session->conn;
            play_lose(play, client->name);
        }
    }
    if (play->w.bodies_max > 0 && core_figures(play->w.core).memory > 10 * play->w.bodies_max) {
        store_send_away(&play->w.store, play->w.core);
    }
}

/* The i-th of the requests that the frame stood for, to be sent again for itself. */
static void split(struct world_client *client, uint64_t id, uint64_t i, struct mst_arena *arena)
{
    struct mst_request *whole = &client->requests[id - 1].request;
    struct mst_request one = *whole;

    one.id = id + i;
    if (one.op == MST_OP_PUT && one.mode == MST_PUT_EACH) {
        one.bodies += i;
        one.bodies_count = 1;
        one.priorities_count = one.priorities_count > 0 ? 1 : 0;
        one.priorities = one.priorities_count > 0 ? one.priorities + i : NULL;
    } else if (one.op == MST_OP_GET) {
        one.count = 1;
    } else if (one.op == MST_OP_DONE) {
        one.runs = mst_arena_take(arena, sizeof(*one.runs));
        assert_non_null(one.runs);
        one.runs[0] = (struct mst_run){whole->runs[0].first + i, whole->runs[0].number, 1};
    }
    client->requests[id - 1 + i].request = one;
}

void play_send(struct play *play, const char *who)
{
    struct world_client *client = world_client(&play->w, who);
    size_t before = client->requests_count;
    uint64_t id = world_send(&play->w);

    for (uint64_t i = client->requests_count - before; i > 0; i--) {
        split(client, id, i - 1, &play->w.arena);
    }
}

void play_take(struct play *play, const char *who)
{
    struct world_client *client = world_client(&play->w, who);
    uint64_t *taken = &play->taken[index_of(play, client)];
    uint64_t from = *taken;
    uint64_t n = 1 + play_draw(play, 10);

    while (n > 0 && *taken < client->requests_count && client->requests[*taken].reply != NULL) {
        note_deliveries(play, client, client->requests[*taken].reply);
        ++*taken;
        n--;
    }
    if (*taken > from) {
        world_confirm(&play->w, who, from + 1, *taken - from);
    }
}

void play_lose(struct play *play, const char *who)
{
    struct world_client *client;

    if (who == NULL) {
        return;
    }
    client = world_client(&play->w, who);
    world_lose(&play->w, who);
    /* Of what came last, the application has seen only a part. */
    for (size_t i = play->taken[index_of(play, client)]; i < client->requests_count; i++) {
        if (play_draw(play, 2) == 0) {
            client->requests[i].reply = NULL;
        } else if (client->requests[i].reply == NULL && play_draw(play, 3) == 0) {
            client->requests[i].given_up = true;
        }
    }
}

void play_leave(struct play *play, const char *who)
{
    if (who != NULL && play_draw(play, 4) == 0) {
        world_bye(&play->w, who);
    }
}

void play_come_back(struct play *play)
{
    size_t from = play_draw(play, PLAYERS);

    for (size_t i = 0; i < PLAYERS; i++) {
        size_t at = (from + i) % PLAYERS;
        const char *who = play->players[at];

        if (!is_alive(play, who)) {
            new_player(play, at);
            return;
        }
        if (world_client(&play->w, who)->conn == 0) {
            world_reconnect(&play->w, who);
            if (play_draw(play, 3) != 0) {
                world_resend(&play->w, who);
            } else {
                play_lose(play, who); /* it is cut again before it could send anything */
            }
            return;
        }
    }
}

/* Everybody looks at what came, and all are away. */
void play_restart(struct play *play)
{
    for (size_t i = 0; i < PLAYERS; i++) {
        if (is_alive(play, play->players[i]) &&
            world_client(&play->w, play->players[i])->conn != 0) {
            play_lose(play, play->players[i]);
        }
    }
    world_restart(&play->w);
    core_configure(play->w.core, &play->w.config);
    world_advance(&play->w, 0);
}

static void remove_all(struct play *play)
{
    while (!list_empty(&play->w.core->objects_order)) {
        char name[256] = "";
        struct object *object = OWNER(play->w.core->objects_order.next, struct object, in_core);
        struct mst_request *remove;

        memcpy(name, object_name(object).data, object_name(object).len);
        remove = world_request(&play->w, "end", MST_OP_REMOVE, name);
        (void)remove;
        expect_reply(&play->w, "end", world_send(&play->w), MST_OK);
        world_client(&play->w, "end")->handles_count = 0;
        expect_replay_is_equal(&play->w);
    }
}

void play_clear_up(struct play *play)
{
    size_t players = play->w.clients_count;

    play->named = WORLD_CLIENTS;
    world_hello_ttl(&play->w, "end", 0);
    if (play_draw(play, 2) == 0) {
        world_drain(&play->w);
        assert_int_equal(core_figures(play->w.core).waits, 0);
    }
    for (size_t i = 0; i < players; i++) {
        if (play->w.clients[i].conn != 0 && is_alive(play, play->w.clients[i].name)) {
            play_lose(play, play->w.clients[i].name);
        }
    }
    world_advance(&play->w, DAY);
    remove_all(play);
    world_bye(&play->w, "end");
    world_advance(&play->w, DAY);
}
