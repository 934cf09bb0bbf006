/* test_core_barrier_worlds.c - barriers in random worlds: what must hold whatever happens.
 *
 * Clients arrive with and without a time limit, give up, lose their connections and come back,
 * leave, abort and reset; leaders report or fail; time passes; the broker restarts. Nobody knows
 * what ought to happen in each case, but of every generation it holds:
 *   - either each index from 0 to parties-1 was given once, or nobody passed but perhaps a leader;
 *   - no request is answered twice; a broken barrier has nobody waiting;
 *   - when all are connected and no leader acts, fewer than all parties are waiting;
 *   - the journal, applied to a new core, gives the same state (core_world does that).
 * Only who gave up while it was away and a leader acted may never see that it passed. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_world.h"

#include <stdio.h>
#include <stdlib.h>

#define CLIENTS     5 /* at a time */
#define GENERATIONS 4096
#define DAY         (24 * 3600 * SECOND)

struct play {
    struct world w;
    uint64_t random;
    uint64_t parties;
    bool action;
    enum world_storage storage;
    char names[WORLD_CLIENTS][8];
    const char *players[CLIENTS];
    size_t named;
};

static uint64_t draw(struct play *play, uint64_t n)
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
    char *name = play->names[play->named];

    snprintf(name, sizeof(play->names[0]), "p%zu", play->named++);
    play->players[i] = name;
    world_hello_ttl(&play->w, name, DAY);
}

static void play_begin(struct play *play, uint64_t seed, enum world_storage storage, bool action)
{
    const struct mst_fact settings[] = {
        {.name = mst_span_text("parties"), .number = 1 + (int64_t)(seed % 3)},
        {.name = mst_span_text("action"), .number = action},
        {.name = mst_span_text("action-timeout"), .number = 4 * SECOND},
    };

    memset(play, 0, sizeof(*play));
    play->random = seed * 0x9e3779b97f4a7c15u + 1;
    play->parties = 1 + seed % 3;
    play->action = action;
    play->storage = storage;
    world_open(&play->w, storage);
    world_hello_ttl(&play->w, "watch", DAY);
    world_declare(&play->w, "watch", "gate", MST_KIND_BARRIER, settings, 3);
    for (size_t i = 0; i < CLIENTS; i++) {
        new_player(play, i);
    }
}

/* ---- what a player may do ---- */

static void do_arrive(struct play *play, const char *who)
{
    static const int64_t times[] = {MST_FOREVER, MST_FOREVER, MST_DEFAULT_TIMEOUT,
                                    0,           2 * SECOND,  5 * SECOND};

    world_request(&play->w, who, MST_OP_BARRIER_WAIT, "gate")->timeout_ns = times[draw(play, 6)];
    world_send(&play->w);
}

/* The last of its requests that is not answered; 0: none. */
static uint64_t waiting_request(struct play *play, const char *who)
{
    const struct world_client *client = world_client(&play->w, who);

    for (size_t i = client->requests_count; i > 0; i--) {
        if (client->requests[i - 1].reply == NULL && !client->requests[i - 1].given_up) {
            return i;
        }
    }
    return 0;
}

static void do_cancel(struct play *play, const char *who)
{
    uint64_t id = waiting_request(play, who);

    if (id != 0) {
        world_cancel(&play->w, who, id, draw(play, 2) == 0 ? MST_CANCELLED : MST_TIMEOUT);
    }
}

/* The latest generation it was told to lead. */
static void do_report(struct play *play, const char *who, bool failed)
{
    const struct world_client *client = world_client(&play->w, who);

    for (size_t i = client->requests_count; i > 0; i--) {
        const struct mst_reply *reply = client->requests[i - 1].reply;

        if (reply != NULL && reply->op == MST_OP_BARRIER_WAIT && reply->leader) {
            struct mst_request *request = world_request(&play->w, who, MST_OP_BARRIER_DONE, "gate");

            request->has_generation = true;
            request->generation = reply->generation;
            request->failed = failed;
            request->value = mst_span_text("v");
            world_send(&play->w);
            return;
        }
    }
}

static void do_come_back(struct play *play, const char *who)
{
    uint64_t id = draw(play, 4) == 0 ? waiting_request(play, who) : 0;

    if (id != 0) {
        world_give_up(&play->w, who, id);
    }
    world_resume(&play->w, who);
}

static void do_restart(struct play *play)
{
    if (play->storage == WORLD_DURABLE) {
        world_restart(&play->w);
        world_resume(&play->w, "watch");
    }
}

static void do_leave(struct play *play, size_t i)
{
    if (play->named < WORLD_CLIENTS - 1) {
        world_bye(&play->w, play->players[i]);
        new_player(play, i);
    }
}

static void move(struct play *play)
{
    size_t i = draw(play, CLIENTS);
    const char *who = play->players[i];

    if (world_client(&play->w, who)->conn == 0) {
        do_come_back(play, who);
        return;
    }
    switch (draw(play, 20)) {
    case 0: world_lose(&play->w, who); break;
    case 1: do_cancel(play, who); break;
    case 2: world_do(&play->w, who, MST_OP_BARRIER_RESET, "gate"); break;
    case 3:
    case 4:
    case 5:
    case 6: do_report(play, who, draw(play, 6) == 0); break;
    case 7: world_advance(&play->w, (int64_t)draw(play, 3) * SECOND); break;
    case 8:
        if (draw(play, 4) == 0) {
            world_do(&play->w, who, MST_OP_BARRIER_ABORT, "gate");
        }
        break;
    case 9:
        if (draw(play, 5) == 0) {
            do_restart(play);
        }
        break;
    case 10:
        if (draw(play, 8) == 0) {
            do_leave(play, i);
        }
        break;
    default: do_arrive(play, who); break;
    }
}

/* ---- what must hold ---- */

struct tale { /* of one generation */
    uint64_t passed;
    uint64_t indices; /* a bit each */
    bool led;
};

static void add_to_tale(struct play *play, struct tale *tales, const struct world_request *request)
{
    const struct mst_reply *reply = request->reply;
    struct tale *tale;

    assert_true(request->replies <= 1);
    if (reply == NULL || reply->op != MST_OP_BARRIER_WAIT || reply->status != MST_OK) {
        return;
    }
    assert_true(reply->generation < GENERATIONS && reply->index < play->parties);
    tale = &tales[reply->generation];
    assert_true((tale->indices & (UINT64_C(1) << reply->index)) == 0);
    tale->indices |= UINT64_C(1) << reply->index;
    tale->led = tale->led || reply->leader;
    tale->passed++;
}

static uint64_t check_tales(struct play *play)
{
    struct tale *tales = calloc(GENERATIONS, sizeof(*tales));
    uint64_t tripped = 0;
    uint64_t unseen = 0;
    uint64_t given_up = 0;

    assert_non_null(tales);
    for (size_t i = 0; i < play->w.clients_count; i++) {
        const struct world_client *client = &play->w.clients[i];

        for (size_t j = 0; j < client->requests_count; j++) {
            add_to_tale(play, tales, &client->requests[j]);
            given_up += client->requests[j].given_up;
        }
    }
    for (size_t g = 0; g < GENERATIONS; g++) {
        bool broken_action = tales[g].led && tales[g].passed == 1;

        if (tales[g].passed > 0 && !broken_action) {
            unseen += play->parties - tales[g].passed;
        }
        tripped += tales[g].passed == play->parties;
    }
    free(tales);
    assert_true(unseen <= (play->action ? given_up : 0));
    return tripped;
}

static void check_now(struct play *play)
{
    bool all_here = true;

    for (size_t i = 0; i < CLIENTS; i++) {
        all_here = all_here && world_client(&play->w, play->players[i])->conn != 0;
    }
    if (world_stat(&play->w, "watch", "gate", "broken") == 1) {
        assert_int_equal(world_stat(&play->w, "watch", "gate", "waiting"), 0);
        assert_int_equal(world_stat(&play->w, "watch", "gate", "n_waiting"), 0);
    } else if (all_here && world_stat(&play->w, "watch", "gate", "acting") == 0) {
        assert_true(world_stat(&play->w, "watch", "gate", "n_waiting") < (int64_t)play->parties);
        assert_int_equal(world_stat(&play->w, "watch", "gate", "n_waiting"),
                         world_stat(&play->w, "watch", "gate", "waiting"));
    }
}

/* Brings everybody back, so that each finds what was kept for it. Returns how often it tripped. */
static uint64_t play_end(struct play *play)
{
    uint64_t tripped;

    for (size_t i = 0; i < CLIENTS; i++) {
        if (world_client(&play->w, play->players[i])->conn == 0) {
            world_resume(&play->w, play->players[i]);
        }
    }
    check_now(play);
    world_do(&play->w, "watch", MST_OP_BARRIER_RESET, "gate");
    assert_int_equal(world_stat(&play->w, "watch", "gate", "waiting"), 0);
    tripped = check_tales(play);
    world_close(&play->w);
    return tripped;
}

static void play_many(enum world_storage storage, bool action)
{
    struct play *play = malloc(sizeof(*play));
    uint64_t tripped = 0;

    assert_non_null(play);
    for (uint64_t seed = 1; seed <= 60; seed++) {
        play_begin(play, seed, storage, action);
        for (int i = 0; i < 200; i++) {
            move(play);
            check_now(play);
        }
        tripped += play_end(play);
    }
    assert_true(tripped > 100); /* the worlds are not all broken ones */
    free(play);
}

static void plain_barriers_in_memory(void **state)
{
    (void)state;
    play_many(WORLD_MEMORY, false);
}

static void plain_barriers_with_restarts(void **state)
{
    (void)state;
    play_many(WORLD_DURABLE, false);
}

static void barriers_with_an_action_in_memory(void **state)
{
    (void)state;
    play_many(WORLD_MEMORY, true);
}

static void barriers_with_an_action_with_restarts(void **state)
{
    (void)state;
    play_many(WORLD_DURABLE, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_barriers_in_memory),
        cmocka_unit_test(plain_barriers_with_restarts),
        cmocka_unit_test(barriers_with_an_action_in_memory),
        cmocka_unit_test(barriers_with_an_action_with_restarts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
