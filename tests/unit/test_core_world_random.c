/* test_core_world_random.c - clients that do anything, in any order: what must hold whatever
 * happens.
 *
 * Players put, get, finish, give back, wait, give up, lose their connections with replies taken or
 * not, come back, leave and are killed; queues are filled, paused, changed, purged, shut and
 * removed; time passes; the disk is full and is not; the broker restarts. After every step the
 * core is counted anew from inside (core_sound.h); now and then, and at the end, the journal and a
 * snapshot must give the same state again; and after a restart, what came out of a snapshot must go
 * on as what came out of all records. When all have gone and everything is removed, nothing is
 * left: every figure is zero. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/core_play.h"
#include "tests/unit/core_sound.h"

/* ---- queues ---- */

static void ask_put(struct play *play, const char *who)
{
    static const char *const keys[] = {"k1", "k2", "k3", "k4"};
    const char *name = play_queue(play);
    struct mst_request *put = world_request(&play->w, who, MST_OP_PUT, name);

    put->bodies_count = 1 + play_draw(play, 5);
    put->bodies = play_bodies(play, put->bodies_count);
    put->mode = play_draw(play, 4) % 3;
    put->timeout_ns = play_timeout(play);
    put->priority = strcmp(name, "priority") == 0 ? (int64_t)play_draw(play, 3) - 1 : 0;
    if (put->priority > 0) {
        put->priorities_count = put->bodies_count;
        put->priorities = mst_arena_take(&play->w.arena, put->bodies_count * sizeof(int64_t));
        assert_non_null(put->priorities);
        put->priorities[0] = INT64_MIN;
    }
    put->delay_ns = play_draw(play, 5) == 0 ? (int64_t)play_draw(play, 3) * SECOND : 0;
    put->ttl_ns = play_draw(play, 5) == 0 ? 1 + (int64_t)play_draw(play, 4) * SECOND : MST_FOREVER;
    if (play_draw(play, 6) == 0) {
        put->bodies_count = 1;
        put->priorities_count = put->priorities_count > 0 ? 1 : 0;
        put->dedup = mst_span_text(keys[play_draw(play, 4)]);
    }
    if (play_draw(play, 6) == 0) {
        put->headers = mst_span_text("headers");
    }
    play_send(play, who);
}

static void ask_get(struct play *play, const char *who)
{
    struct mst_request *get;
    uint64_t other = world_handle(&play->w, who, play_queue(play));

    get = world_request(&play->w, who, MST_OP_GET, play_any_queue(play));
    if (play_draw(play, 4) == 0) {
        uint64_t *handles = mst_arena_take(&play->w.arena, 2 * sizeof(*handles));

        assert_non_null(handles);
        handles[0] = get->handles[0];
        handles[1] = other;
        get->handles = handles;
        get->handles_count = 2;
    }
    get->timeout_ns = play_timeout(play);
    get->mode = play_draw(play, 3) == 0 ? MST_GET_AUTO : MST_GET_LEASE;
    if (play_draw(play, 2) == 0) {
        get->count = 1 + play_draw(play, 4);
    } else {
        get->max = 1 + play_draw(play, 4);
    }
    if (get->mode == MST_GET_LEASE && play_draw(play, 4) == 0) {
        get->lease_ns = (1 + (int64_t)play_draw(play, 3)) * SECOND;
        get->detached = play_draw(play, 2) == 0;
    }
    play_send(play, who);
}

/* Something that was delivered to anybody, by any queue: often it is long over. */
static void ask_about_delivery(struct play *play, const char *who)
{
    static const enum mst_op ops[] = {MST_OP_DONE, MST_OP_DONE,   MST_OP_DONE,
                                      MST_OP_NACK, MST_OP_EXTEND, MST_OP_DELETE};
    const struct play_delivery *delivery = play_delivery(play);
    struct mst_request *request;

    if (delivery == NULL) {
        return;
    }
    request = world_request(&play->w, who, ops[play_draw(play, 6)], delivery->queue);
    request->message = delivery->id;
    request->number = delivery->number;
    request->lease_ns = 2 * SECOND;
    request->delay_ns = play_draw(play, 3) == 0 ? SECOND : 0;
    request->uncounted = play_draw(play, 3) == 0;
    request->dead = play_draw(play, 8) == 0;
    request->runs = mst_arena_take(&play->w.arena, sizeof(*request->runs));
    assert_non_null(request->runs);
    request->runs[0] = (struct mst_run){delivery->id, delivery->number, 1 + play_draw(play, 3)};
    request->runs_count = 1;
    play_send(play, who);
}

static void ask_task_done(struct play *play, const char *who)
{
    world_request(&play->w, who, MST_OP_TASK_DONE, play_queue(play))->count = play_draw(play, 3);
    play_send(play, who);
}

static void ask_update(struct play *play, const char *who)
{
    static const char *const names[] = {"maxsize", "max-bytes", "full", "max-deliveries",
                                        "dedup-window"};
    size_t which = play_draw(play, 5);
    static const int64_t most[] = {6, 400, 3, 4, 3 * SECOND};
    struct mst_request *update = world_request(&play->w, who, MST_OP_UPDATE, play_queue(play));

    update->settings = mst_arena_take(&play->w.arena, sizeof(*update->settings));
    assert_non_null(update->settings);
    update->settings[0] =
        (struct mst_fact){.name = mst_span_text(names[which]),
                          .number = (int64_t)play_draw(play, (uint64_t)most[which])};
    update->settings_count = 1;
    play_send(play, who);
}

static void ask_declare(struct play *play, const char *who)
{
    const char *name = play_queue(play);
    struct mst_request *declare = world_request(&play->w, who, MST_OP_DECLARE, name);

    declare->kind = strcmp(name, "lifo") == 0       ? MST_KIND_LIFO
                    : strcmp(name, "priority") == 0 ? MST_KIND_PRIORITY
                                                    : MST_KIND_FIFO;
    if (play_draw(play, 3) == 0) {
        declare->settings = mst_arena_take(&play->w.arena, sizeof(*declare->settings));
        assert_non_null(declare->settings);
        declare->settings[0] = (struct mst_fact){.name = mst_span_text("durable"), .number = 0};
        declare->settings_count = 1;
    }
    play_send(play, who);
}

static void ask_admin(struct play *play, const char *who)
{
    static const enum mst_op ops[] = {MST_OP_PAUSE,   MST_OP_UNPAUSE,  MST_OP_UNPAUSE,
                                      MST_OP_PURGE,   MST_OP_REDRIVE,  MST_OP_REDRIVE,
                                      MST_OP_UNPAUSE, MST_OP_SHUTDOWN, MST_OP_REMOVE};
    size_t which = play_draw(play, play_draw(play, 4) == 0 ? 9 : 7);
    struct mst_request *request = world_request(&play->w, who, ops[which], play_any_queue(play));

    request->sides = 1 + play_draw(play, 3);
    request->count = play_draw(play, 3);
    request->immediate = play_draw(play, 2) == 0;
    play_send(play, who);
}

/* ---- the rest ---- */

static void ask_join(struct play *play, const char *who)
{
    world_request(&play->w, who, MST_OP_JOIN, play_queue(play))->timeout_ns = play_timeout(play);
    play_send(play, who);
}

static void ask_event(struct play *play, const char *who)
{
    static const enum mst_op ops[] = {MST_OP_EVENT_WAIT,  MST_OP_EVENT_WAIT,   MST_OP_EVENT_SET,
                                      MST_OP_EVENT_CLEAR, MST_OP_EVENT_IS_SET, MST_OP_REMOVE};
    size_t which = play_draw(play, 6);
    struct mst_request *request = world_request(&play->w, who, ops[which], "event");

    request->timeout_ns = play_timeout(play);
    play_send(play, who);
}

static void ask_barrier(struct play *play, const char *who)
{
    static const enum mst_op ops[] = {MST_OP_BARRIER_WAIT,  MST_OP_BARRIER_WAIT,
                                      MST_OP_BARRIER_WAIT,  MST_OP_BARRIER_ABORT,
                                      MST_OP_BARRIER_RESET, MST_OP_BARRIER_DONE};
    struct mst_request *request = world_request(&play->w, who, ops[play_draw(play, 6)], "barrier");

    request->timeout_ns = play_timeout(play);
    request->parties = 2;
    play_send(play, who);
}

static void ask_to_see(struct play *play, const char *who)
{
    static const enum mst_op ops[] = {MST_OP_PEEK,     MST_OP_STAT,  MST_OP_LIST,
                                      MST_OP_SESSIONS, MST_OP_QSIZE, MST_OP_PING};
    struct mst_request *request =
        world_request(&play->w, who, ops[play_draw(play, 6)], play_any_queue(play));

    request->count = play_draw(play, 2) == 0 ? UINT64_MAX : play_draw(play, 5);
    play_send(play, who);
}

static void ask_to_cancel(struct play *play, const char *who)
{
    struct world_client *client = world_client(&play->w, who);

    if (client->requests_count > 0) {
        world_cancel(&play->w, who, 1 + play_draw(play, client->requests_count),
                     play_draw(play, 2) == 0 ? MST_TIMEOUT : MST_CANCELLED);
    }
}

static void ask_to_kill(struct play *play, const char *who)
{
    if (play_draw(play, 4) == 0) {
        struct mst_request *kill = world_request(&play->w, who, MST_OP_KILL, NULL);

        kill->session = 1 + play_draw(play, 64);
        play_send(play, who);
    }
}

typedef void ask(struct play *play, const char *who);

static void play_once(struct play *play)
{
    static ask *const asks[] = {
        ask_put,       ask_put,
        ask_put,       ask_put,
        ask_get,       ask_get,
        ask_get,       ask_get,
        ask_get,       ask_put,
        ask_admin,     ask_about_delivery,
        ask_update,    ask_join,
        ask_event,     ask_declare,
        ask_to_cancel, ask_about_delivery,
        ask_barrier,   ask_event,
        ask_to_see,    ask_to_kill,
        ask_task_done, ask_about_delivery,
        play_take,     play_take,
        play_take,     ask_about_delivery,
    };
    const char *who = play_someone(play);

    switch (play_draw(play, 30)) {
    case 0: play_lose(play, who); break;
    case 1: play_leave(play, who); break;
    case 2: world_advance(&play->w, (int64_t)play_draw(play, 3) * SECOND); break;
    case 5: play->w.now_ns += SECOND; break; /* requests come before what time brings */
    case 3: play_come_back(play); break;
    case 4: play_come_back(play); break;
    default:
        if (who != NULL) {
            asks[play_draw(play, sizeof(asks) / sizeof(asks[0]))](play, who);
        }
        break;
    }
}

static void whatever_happens(uint64_t seed, enum world_storage storage)
{
    struct play *play = play_new(seed, storage);

    for (int i = 0; i < 1500; i++) {
        play_once(play);
        play_settle(play);
        expect_sound(play->w.core);
        if (i % 100 == 99) {
            expect_replay_is_equal(&play->w);
        }
        if (storage == WORLD_DURABLE && play_draw(play, 60) == 0) {
            play->w.storage_full = !play->w.storage_full;
        }
        if (storage == WORLD_DURABLE && play_draw(play, 200) == 0) {
            play_restart(play);
            expect_sound(play->w.core);
        }
    }
    play->w.storage_full = false;
    play_clear_up(play);
    expect_empty(play->w.core);
    play_free(play);
}

static void it_adds_up_and_nothing_is_left_in_memory(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        whatever_happens(seed, WORLD_MEMORY);
    }
}

static void it_adds_up_and_nothing_is_left_on_disk(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        whatever_happens(seed, WORLD_DURABLE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_adds_up_and_nothing_is_left_in_memory),
        cmocka_unit_test(it_adds_up_and_nothing_is_left_on_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
