/* judge_status.c - what an outcome says of itself: neither too early nor without need. See judge.h.
 */
#include "tests/sim/judge.h"

/* UNKNOWN: only when the session itself is gone. A program that is cut off for so long cannot know,
 * and takes it for gone. */
static void judge_unknown(const struct history *history, const struct history_call *call,
                          struct verdict *verdict)
{
    if (call->end != HISTORY_NEVER && call->status == MUSTER_UNKNOWN && call->session != 0 &&
        session_lived_at(history, call->session, call->end) &&
        !was_troubled(history, call->program, call->begin, call->end)) {
        guilty(verdict, "%s was told UNKNOWN, and its session lives", name_of(history, call));
    }
}

/* Time is not up before its time; and who tries once does not wait. */
static void judge_timeout(const struct history *history, const struct history_call *call,
                          struct verdict *verdict)
{
    bool default_time = call->timeout_ns < 0;

    if (call->end == HISTORY_NEVER || default_time || history->wall_jumped) {
        return;
    }
    if (call->status == MUSTER_TIMEOUT &&
        (call->timeout_ns == MUSTER_FOREVER || call->end_ns < call->begin_ns + call->timeout_ns)) {
        guilty(verdict, "%s was told TIMEOUT before its time was up", name_of(history, call));
    }
    if (call->status == MUSTER_EMPTY && call->timeout_ns != 0) {
        guilty(verdict, "%s was told EMPTY and would have waited", name_of(history, call));
    }
}

void judge_statuses(const struct history *history, struct verdict *verdict)
{
    for (size_t i = 0; i < history->calls_count; i++) {
        judge_unknown(history, &history->calls[i], verdict);
        judge_timeout(history, &history->calls[i], verdict);
    }
}
