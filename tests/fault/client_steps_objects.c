/* client_steps_objects.c - events, barriers, declaring, looking, administration. */
#include <string.h>

#include "tests/fault/client_steps.h"

static void on_end(enum muster_status status, muster_result *result, void *user)
{
    (void)result;
    (void)user;
    (void)status;
}

static void events(struct script *s)
{
    bool set = true;

    EXPECT(muster_event_is_set(s->ready, &set), OK, 0);
    EXPECT(muster_event_wait(s->ready, MUSTER_MS, NULL), TIMEOUT, 0);
    EXPECT(muster_event_wait_async(s->ready, WAIT_NS / 10, on_end, s, NULL), OK, 0);
    script_cut(s);
    EXPECT(muster_event_set(s->ready), OK, 0);
    script_flush(s);
    EXPECT(muster_event_wait(s->ready, MUSTER_MS, NULL), OK, AS(TIMEOUT));
    EXPECT(muster_event_clear(s->ready), OK, 0);
}

static void barriers(struct script *s)
{
    muster_barrier_result result = {.index = 7};

    if (EXPECT(muster_barrier_wait(s->alone, WAIT_NS / 10, NULL, &result), OK,
               AS(BROKEN) | AS(TIMEOUT)) &&
        result.leader) {
        EXPECT(muster_barrier_done(s->alone, result.generation, false, "it", 2), OK, AS(BROKEN));
    }
    EXPECT(muster_barrier_wait_async(s->both, WAIT_NS / 10, on_end, s, NULL), OK, 0);
    /* If the other could not be made, this one breaks it by its time. */
    EXPECT(muster_barrier_wait(s->both, WAIT_NS / 10, NULL, &result), OK, AS(BROKEN) | AS(TIMEOUT));
    script_flush(s);
    EXPECT(muster_barrier_abort(s->both), OK, AS(NOT_FOUND));
    EXPECT(muster_barrier_wait(s->both, WAIT_NS / 10, NULL, &result), BROKEN, AS(TIMEOUT));
    EXPECT(muster_barrier_reset(s->both), OK, AS(NOT_FOUND));
}

static void declares(struct script *s)
{
    struct script_name jobs = script_name(s, "jobs");
    struct script_name more = script_name(s, "more");
    muster_setting settings[] = {{"max-deliveries", 9}, {"maxsize", 1000}};
    bool created = false;

    EXPECT(muster_declare(s->client, more.text, MUSTER_PRIORITY, settings, 2, &created), OK, 0);
    EXPECT(muster_declare(s->client, more.text, MUSTER_LIFO, NULL, 0, NULL), CONFLICT, 0);
    EXPECT(muster_update(s->client, jobs.text, settings, 1), OK, 0);
    EXPECT(muster_remove(s->client, more.text), OK, AS(NOT_FOUND));
}

static bool is_row(const muster_entry *entry, void *user)
{
    struct script *s = user;

    if (entry->name == NULL || entry->name[0] == '\0') {
        ledger_complain(s->ledger, "a row of list has no name");
    }
    return true;
}

static bool is_session(const muster_session_info *info, void *user)
{
    struct script *s = user;

    if (info->id == 0 || info->name == NULL) {
        ledger_complain(s->ledger, "a row of sessions has no id");
    }
    return true;
}

static void looks(struct script *s)
{
    struct script_name jobs = script_name(s, "jobs");
    struct script_name all = script_name(s, "**");
    muster_message *seen[4];
    size_t count = 0;
    muster_stat *stat = NULL;
    uint64_t ready;
    int64_t number;
    bool yes;

    EXPECT(muster_ping(s->client, WAIT_NS, NULL), OK, 0);
    EXPECT(muster_qsize(s->jobs, &ready), OK, 0);
    EXPECT(muster_empty(s->jobs, &yes), OK, 0);
    EXPECT(muster_full(s->jobs, &yes), OK, 0);
    EXPECT(muster_peek(s->jobs, 4, 0, seen, &count), OK, AS(NOT_FOUND));
    for (size_t i = 0; i < count; i++) {
        muster_message_free(&seen[i]);
    }
    if (EXPECT(muster_stat_get(s->client, jobs.text, &stat), OK, AS(NOT_FOUND))) {
        if (!muster_stat_number(stat, "ready", &number)) {
            ledger_complain(s->ledger, "a stat has no number of ready messages");
        }
        muster_stat_free(&stat);
    }
    EXPECT(muster_list(s->client, all.text, is_row, s), OK, 0);
    EXPECT(muster_sessions(s->client, is_session, s), OK, 0);
    EXPECT(muster_session_kill(s->client, UINT64_MAX), NOT_FOUND, 0);
}

static void administers(struct script *s)
{
    uint64_t number;

    EXPECT(muster_put(s->spare, "x", 1, NULL, NULL), OK, 0);
    EXPECT(muster_join(s->spare, MUSTER_MS, NULL, NULL), TIMEOUT, 0);
    EXPECT(muster_join_async(s->spare, WAIT_NS / 10, on_end, s, NULL), OK, 0);
    EXPECT(muster_purge(s->spare, &number), OK, AS(NOT_FOUND));
    script_flush(s);
    EXPECT(muster_delete_message(s->spare, 100000), NOT_FOUND, 0);
    EXPECT(muster_pause(s->spare, MUSTER_SIDE_GET), OK, AS(NOT_FOUND));
    EXPECT(muster_resume(s->spare, MUSTER_SIDE_GET), OK, AS(NOT_FOUND));
    EXPECT(muster_redrive(s->spare, &number), OK, AS(NOT_FOUND));
    EXPECT(muster_shutdown(s->spare, true), OK, AS(NOT_FOUND));
    EXPECT(muster_put(s->spare, "x", 1, NULL, NULL), SHUTDOWN, 0);
}

void script_objects(struct script *s)
{
    declares(s);
    events(s);
    barriers(s);
    looks(s);
    administers(s);
}
