/* client_care.c - what is there before the others come, and what they left. See client.h. */
#include "tests/soak/client.h"

#include <stdio.h>

#define DRAIN_LIMIT_NS (20 * MUSTER_SECOND)

/* ---- before ---- */

static bool declare_queue(struct client *c, size_t queue)
{
    static const enum muster_kind kinds[] = {MUSTER_FIFO, MUSTER_LIFO, MUSTER_PRIORITY};
    struct history_call call = client_asks(HISTORY_DECLARE, queue);
    uint64_t number, session;
    enum muster_status status;

    call.kind = (enum history_kind)(HISTORY_FIFO + queue);
    call.maxsize = client_dice(c, 3) == 0 ? 0 : (int64_t)(2 + client_dice(c, 30));
    call.max_deliveries = (int64_t)client_dice(c, 5);
    call.full = client_dice(c, 5) == 0   ? HISTORY_DROP_OLDEST
                : client_dice(c, 3) == 0 ? HISTORY_REJECT
                                         : HISTORY_BLOCK;
    call.dedup_window_ns = (int64_t)(1 + client_dice(c, 4)) * MUSTER_SECOND;
    const muster_setting settings[] = {{"maxsize", call.maxsize},
                                       {"max-deliveries", call.max_deliveries},
                                       {"full", call.full},
                                       {"dedup-window", call.dedup_window_ns}};

    number = client_begins(c, &call, &session);
    status = muster_declare(c->muster, soak_name(queue), kinds[queue], settings, 4, NULL);
    client_ends(c, number, &call, status, "");
    return status == MUSTER_OK;
}

static bool declare_gate(struct client *c)
{
    struct history_call call = client_asks(HISTORY_DECLARE, SOAK_GATE);
    const muster_setting settings[] = {{"parties", 3},
                                       {"action", (int64_t)client_dice(c, 2)},
                                       {"action-timeout", 2 * MUSTER_SECOND}};
    uint64_t number, session;
    enum muster_status status;

    call.parties = 3;
    number = client_begins(c, &call, &session);
    status = muster_declare(c->muster, soak_name(SOAK_GATE), MUSTER_BARRIER, settings, 3, NULL);
    client_ends(c, number, &call, status, "");
    return status == MUSTER_OK;
}

bool client_declares(struct client *c)
{
    bool good = declare_gate(c) && muster_event_clear(c->go) == MUSTER_OK;

    for (size_t queue = 0; queue < SOAK_QUEUES && good; queue++) {
        good = declare_queue(c, queue);
    }
    if (!good) {
        fprintf(stderr, "soak client %s: declare: %s\n", c->name, muster_last_error());
    }
    return good;
}

/* ---- after ---- */

struct others {
    uint64_t own;
    uint64_t ids[64];
    size_t count;
};

static bool see_session(const muster_session_info *info, void *user)
{
    struct others *others = user;

    if (info->id != others->own && others->count < 64) {
        others->ids[others->count++] = info->id;
    }
    return true;
}

static bool end_the_others(struct client *c)
{
    struct others others = {.own = muster_session_id(c->muster)};

    if (muster_sessions(c->muster, see_session, &others) != MUSTER_OK) {
        return false;
    }
    for (size_t i = 0; i < others.count; i++) {
        muster_session_kill(c->muster, others.ids[i]); /* or its time has just run out */
    }
    return true;
}

static bool is_empty(struct client *c, size_t queue)
{
    muster_stat *stat = NULL;
    int64_t kept = 0;
    enum muster_status status = muster_stat_get(c->muster, soak_name(queue), &stat);

    if (status == MUSTER_OK) {
        muster_stat_number(stat, "kept", &kept);
    }
    muster_stat_free(&stat);
    return status == MUSTER_NOT_FOUND || (status == MUSTER_OK && kept == 0);
}

static void open_sides(struct client *c, size_t queue)
{
    struct history_call call = client_asks(HISTORY_PAUSE, queue);
    uint64_t number, session;

    call.flag = call.puts = call.gets = true;
    number = client_begins(c, &call, &session);
    client_ends(c, number, &call, muster_resume(c->queues[queue], MUSTER_SIDE_BOTH), "");
}

static bool drain(struct client *c, size_t queue)
{
    int64_t limit_ns = lines_now_ns() + DRAIN_LIMIT_NS;

    open_sides(c, queue);
    while (!is_empty(c, queue) && lines_now_ns() < limit_ns) {
        struct history_call call = client_asks(HISTORY_GET, queue);

        call.automatic = true;
        call.timeout_ns = 200 * MUSTER_MS;
        client_gets(c, &call, 1, false);
    }
    if (!is_empty(c, queue)) {
        fprintf(stderr, "soak client %s: %s is never empty\n", c->name, soak_name(queue));
    }
    return is_empty(c, queue);
}

bool client_drains(struct client *c)
{
    bool good = end_the_others(c);

    lines_say(c->lines, "rest %lld", (long long)lines_now_ns());
    for (size_t queue = 0; queue < 2 * SOAK_QUEUES; queue++) {
        good = drain(c, queue) && good;
    }
    return good;
}
