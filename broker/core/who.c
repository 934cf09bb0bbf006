/* who.c - sessions as others see them: the list, and ending somebody's. */
#include "broker/core/internal.h"

void decide_sessions(struct step *step, struct session *session, const struct mst_request *request)
{
    struct core *core = step->core;
    size_t all_count = core->sessions.count;
    struct session **all = (struct session **)idmap_sorted(&core->sessions);
    struct mst_reply *reply;
    struct mst_session_row *rows;
    size_t max = request->count < MST_LIST_MAX ? (size_t)request->count : MST_LIST_MAX;

    max = max < all_count ? max : all_count;
    rows = mst_arena_take(&step->effects->arena, (max + 1) * sizeof(*rows));
    if (all == NULL || rows == NULL) {
        refuse(step, session, request, MST_NO_MEMORY, MST_SPAN_NONE);
        free(all);
        return;
    }
    if (!permitted(step, session, request, MST_VERB_STAT, MST_SPAN_NONE)) {
        free(all);
        return;
    }
    reply = answer_read(step, session, NULL, request);
    reply->sessions = rows;
    for (size_t i = 0; i < all_count && reply->sessions_count < max; i++) {
        const struct session *s = all[i];

        if (s->id <= request->session || s->ended) {
            continue;
        }
        reply->sessions[reply->sessions_count++] =
            (struct mst_session_row){.id = s->id,
                                     .name = mst_blob_span(s->name),
                                     .host = mst_blob_span(s->host),
                                     .pid = s->pid,
                                     .age_ns = core->now_ns - s->opened_ns,
                                     .connected = s->conn != 0,
                                     .leases = s->leases_count,
                                     .waits = s->waits_count};
    }
    free(all);
}

/* Whether it may; the engine, which has the journal, fills in or refuses. */
void decide_backup(struct step *step, struct session *session, const struct mst_request *request)
{
    if (permitted(step, session, request, MST_VERB_ADMIN, MST_SPAN_NONE)) {
        answer_read(step, session, NULL, request);
    }
}

/* Its client is told the cause; why is for the log. */
static void put_out(struct step *step, struct session *session, const char *cause, const char *why)
{
    uint64_t conn = session->conn;

    if (conn != 0) {
        struct mst_reply *notice = &effects_reply(step, conn, MST_OP_NOTICE, 0)->reply;

        notice->notice = MST_NOTICE_SESSION_ENDED;
        notice->cause = mst_span_text(cause);
        session_disconnect(step, session);
        effects_close(step, conn, why);
    }
    session_end(step, session);
}

/* Those that are away as well: what they held goes to others. */
void session_expel(struct step *step)
{
    const struct core_welcome *welcome = &step->event->welcome;
    struct link *link = step->core->sessions_order.next;

    while (link != &step->core->sessions_order) {
        struct session *session = OWNER(link, struct session, in_core);
        struct mst_span identity = mst_blob_span(session->identity);

        link = link->next;
        if (identity.len > 0 && !welcome->is(welcome->of, identity)) {
            put_out(step, session, "the broker does not know its key or token any more",
                    "its key or token was removed");
        }
    }
}

void decide_kill(struct step *step, struct session *session, const struct mst_request *request)
{
    struct session *victim = session_find(step->core, request->session);
    size_t answer = step->effects->count;

    if (!permitted(step, session, request, MST_VERB_ADMIN, MST_SPAN_NONE)) {
        return;
    }
    if (victim == NULL || victim->ended) {
        refuse(step, session, request, MST_NOT_FOUND,
               step_printf(step, "no session has the number %llu",
                           (unsigned long long)request->session));
        return;
    }
    outcome_volatile(step, session, request->id, 1, request->op, MST_OK, MST_SPAN_NONE, NULL, 0);
    put_out(step, victim, "killed", "its session was killed");
    step->effects->items[answer].seq = step->effects->records_seq;
}
