/* client_steps_objects.c - events, barriers, declaring, administration. */
#include "tests/fault/client_steps.h"

static void on_end(enum muster_status status, muster_result *result, void *user)
{
    (void)result;
    (void)user;
    (void)status;
}

static void on_trip(enum muster_status status, muster_result *result, void *user)
{
    struct script *s = user;
    const char *cause = muster_result_cause(result);

    if (status == MUSTER_OK && muster_result_barrier(result).index > 1) {
        ledger_complain(s->ledger, "a barrier of two has an index of %u",
                        muster_result_barrier(result).index);
    }
    if (cause == NULL || (status == MUSTER_BROKEN && cause[0] == '\0')) {
        ledger_complain(s->ledger, "a barrier broke and nobody says why");
    }
}

/* One message was purged, and before it there was none. */
static void on_join(enum muster_status status, muster_result *result, void *user)
{
    struct script *s = user;

    if (status == MUSTER_OK && !client_fault_came() && muster_result_tallies(result).purged != 1) {
        ledger_complain(s->ledger, "a join tells of %lu messages that were purged",
                        (unsigned long)muster_result_tallies(result).purged);
    }
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
    EXPECT(muster_barrier_wait_async(s->both, WAIT_NS / 10, on_trip, s, NULL), OK, 0);
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

static void administers(struct script *s)
{
    uint64_t number;

    EXPECT(muster_put(s->spare, "x", 1, NULL, NULL), OK, 0);
    EXPECT(muster_join(s->spare, MUSTER_MS, NULL, NULL), TIMEOUT, 0);
    EXPECT(muster_join_async(s->spare, WAIT_NS / 10, on_join, s, NULL), OK, 0);
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
    script_looks(s);
    administers(s);
}
