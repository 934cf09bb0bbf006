/* barrier.c - holds whoever arrives until all its parties are there, then lets them go together.
 *
 * The phases and how one leads to another are drawn in barrier_state.c.
 *
 * Invariants
 *   1. All parties but the leader of an action wait, or (after a restart) are expected to come back
 *      and wait again. It trips only when all of them wait and are connected.
 *   2. Who comes while a generation is complete stands in the line without being counted; it
 *      arrives, in its turn, when that generation has tripped.
 *   3. Nobody waits at a broken barrier.
 * Knows nothing of what an action does. */
#include "broker/core/internal.h"

#include <assert.h>

#define NOT_COUNTED UINT64_MAX /* index of a wait that has not arrived yet */

static uint64_t parties_of(const struct barrier *barrier)
{
    return (uint64_t)setting(&barrier->object, SETTING_PARTIES);
}

/* ---- answering who waits ---- */

struct verdict {
    enum mst_status status;
    struct mst_span cause;
    struct mst_span value;
    const struct session *dead; /* the session that is ending: nobody is there to be answered */
};

#define WAIT_NUMBERS 3 /* index, generation, leader */

static void answer(struct step *step, struct barrier *barrier, struct session *session, uint64_t id,
                   const struct verdict *verdict, const uint64_t *numbers)
{
    struct entry *entry = entry_find(session, id);

    if (entry != NULL && entry->wait != NULL) {
        wait_free(step->core, entry->wait);
    }
    if (session == verdict->dead) {
        if (entry != NULL) {
            entry_drop(step->core, session, entry);
        }
        return;
    }
    outcome_record(step, session, &barrier->object, id, 1, MST_OP_BARRIER_WAIT, verdict->status,
                   verdict->cause, verdict->value, numbers, numbers == NULL ? 0 : WAIT_NUMBERS);
}

/* A party without a wait is one whose session has not sent its request again since a restart: it
 * will find its outcome. The leader and whoever ended its own wait are answered already; so is
 * everybody when the broker goes away. */
static void answer_party(struct step *step, struct barrier *barrier,
                         const struct barrier_party *party, const struct verdict *verdict)
{
    struct session *session = session_find(step->core, party->session);
    const struct entry *entry = entry_find(session, party->request);
    uint64_t numbers[WAIT_NUMBERS] = {party->index, barrier->generation, 0};

    if (barrier_party_leads(party) || step->core->draining ||
        (entry != NULL && entry->state == ENTRY_ANSWERED)) {
        return;
    }
    answer(step, barrier, session, party->request, verdict,
           verdict->status == MST_OK ? numbers : NULL);
}

static void answer_parties(struct step *step, struct barrier *barrier,
                           const struct verdict *verdict)
{
    for (struct link *l = barrier->parties.next; l != &barrier->parties; l = l->next) {
        answer_party(step, barrier, OWNER(l, struct barrier_party, in_barrier), verdict);
    }
}

/* Everybody, also who is not counted yet. */
static void answer_all(struct step *step, struct barrier *barrier, const struct verdict *verdict)
{
    struct place *place;

    answer_parties(step, barrier, verdict);
    while ((place = line_first(&barrier->waiters, false)) != NULL) {
        answer(step, barrier, place->wait->session, place->wait->entry->id, verdict, NULL);
    }
}

static void break_for(struct step *step, struct barrier *barrier, struct mst_span cause,
                      const struct session *dead)
{
    struct verdict verdict = {MST_BROKEN, cause, MST_SPAN_NONE, dead};
    struct record record = record_of(step, RECORD_BARRIER_BREAK);

    answer_all(step, barrier, &verdict);
    record.cause = cause;
    object_record(step, &barrier->object, &record);
}

/* ---- filling, tripping, acting ---- */

static void arrive(struct step *step, struct barrier *barrier, struct wait *wait)
{
    struct record record = record_of(step, RECORD_BARRIER_ARRIVE);

    wait->index = barrier->arrived;
    wait->generation = barrier->generation;
    record.session = wait->session->id;
    record.request = wait->entry->id;
    record.number = wait->index;
    object_record(step, &barrier->object, &record);
}

static bool all_are_here(const struct core *core, const struct barrier *barrier)
{
    if (barrier->arrived < parties_of(barrier)) {
        return false;
    }
    for (const struct link *l = barrier->parties.next; l != &barrier->parties; l = l->next) {
        const struct barrier_party *party = OWNER_CONST(l, struct barrier_party, in_barrier);
        struct session *session = session_find(core, party->session);
        const struct entry *entry = entry_find(session, party->request);

        if (entry == NULL || entry->wait == NULL || session->conn == 0) {
            return false;
        }
    }
    return true;
}

/* Whoever stood behind the complete generation arrives now, in order. */
static void trip(struct step *step, struct barrier *barrier, struct mst_span value)
{
    struct verdict verdict = {MST_OK, MST_SPAN_NONE, value, NULL};
    struct record record = record_of(step, RECORD_BARRIER_TRIP);

    answer_parties(step, barrier, &verdict);
    object_record(step, &barrier->object, &record);
    for (struct link *l = barrier->waiters.places.next;
         l != &barrier->waiters.places && barrier->arrived < parties_of(barrier); l = l->next) {
        arrive(step, barrier, OWNER(l, struct place, link)->wait);
    }
}

static void act(struct step *step, struct barrier *barrier)
{
    const struct barrier_party *leader =
        OWNER(barrier->parties.prev, struct barrier_party, in_barrier);
    uint64_t numbers[WAIT_NUMBERS] = {leader->index, barrier->generation, 1};
    struct verdict verdict = {MST_OK, MST_SPAN_NONE, MST_SPAN_NONE, NULL};
    struct record record = record_of(step, RECORD_BARRIER_ACT);

    record.session = leader->session;
    record.request = leader->request;
    object_record(step, &barrier->object, &record);
    answer(step, barrier, session_find(step->core, leader->session), leader->request, &verdict,
           numbers);
}

void barrier_settle(struct step *step, struct barrier *barrier)
{
    while (barrier->phase == BARRIER_FILLING && all_are_here(step->core, barrier)) {
        if (setting(&barrier->object, SETTING_ACTION) == 1) {
            act(step, barrier);
        } else {
            trip(step, barrier, MST_SPAN_NONE);
        }
    }
}

/* ---- waiting ---- */

/* The barrier to wait at, made if missing and the number of parties is told. NULL: refused. */
static struct barrier *barrier_to_wait_at(struct step *step, struct session *session,
                                          const struct mst_request *request)
{
    struct slot *slot = handle_slot(step, session, request, request->handle);
    struct barrier *barrier;

    if (slot == NULL) {
        return NULL;
    }
    if (request->parties > MST_PARTIES_MAX) {
        refuse(step, session, request, MST_VALUE,
               step_printf(step, "a barrier has 1 to %d parties", MST_PARTIES_MAX));
        return NULL;
    }
    if (slot->object == NULL && request->parties > 0 && !step->core->config.strict) {
        struct settings settings = settings_default(step->core, MST_KIND_BARRIER);

        const char *problem = name_problem(slot, MST_KIND_BARRIER);

        if (!permitted(step, session, request, MST_VERB_CREATE, slot->node.key)) {
            return NULL;
        }
        if (problem != NULL) {
            refuse(step, session, request, MST_VALUE, mst_span_text(problem));
            return NULL;
        }
        settings.values[SETTING_PARTIES] = (int64_t)request->parties;
        if (settings.values[SETTING_DURABLE] == 1 && no_space(step, session, request)) {
            return NULL;
        }
        if (object_create(step, slot, MST_KIND_BARRIER, &settings, true) == NULL) {
            refuse(step, session, request, MST_LIMIT,
                   mst_span_text("the broker's limit of objects is reached"));
            return NULL;
        }
    }
    barrier = (struct barrier *)handle_object(step, session, request, request->handle,
                                              KIND_MASK(MST_KIND_BARRIER), MST_KIND_NONE);
    if (barrier != NULL && request->parties > 0 && request->parties != parties_of(barrier)) {
        refuse(step, session, request, MST_CONFLICT,
               step_printf(step, "parties is %llu, not %llu",
                           (unsigned long long)parties_of(barrier),
                           (unsigned long long)request->parties));
        return NULL;
    }
    return barrier;
}

static void join_in(struct step *step, struct barrier *barrier, struct wait *wait)
{
    const struct barrier_party *party =
        wait->session->has_recovered_parties
            ? barrier_party_find(wait->session, barrier, wait->entry->id)
            : NULL;

    wait->index = NOT_COUNTED;
    if (party != NULL) { /* it arrived before a restart */
        wait->index = party->index;
        wait->generation = barrier->generation;
    } else if (barrier->phase == BARRIER_FILLING && barrier->arrived < parties_of(barrier)) {
        arrive(step, barrier, wait);
    }
}

void decide_barrier_wait(struct step *step, struct session *session,
                         const struct mst_request *request)
{
    struct barrier *barrier;
    int64_t timeout_ns = request->timeout_ns;
    enum mst_status refusal;
    struct wait *wait;

    if (!timeout_valid(timeout_ns)) {
        refuse(step, session, request, MST_VALUE, mst_span_text("a timeout is 0 or more"));
        return;
    }
    barrier = barrier_to_wait_at(step, session, request);
    if (barrier == NULL) {
        return;
    }
    if (barrier->phase == BARRIER_BROKEN) {
        refuse(step, session, request, MST_BROKEN, mst_blob_span(barrier->cause));
        return;
    }
    if (step->core->draining) {
        refuse(step, session, request, MST_UNAVAILABLE, mst_span_text("the broker is going away"));
        return;
    }
    if (timeout_ns == MST_DEFAULT_TIMEOUT) {
        timeout_ns = setting(&barrier->object, SETTING_TIMEOUT);
    }
    wait = wait_new(step, session, request, request->id, 1, WAIT_BARRIER, timeout_ns, &refusal);
    if (wait == NULL) {
        refuse(step, session, request, refusal, mst_span_text("no more waits can be kept"));
        return;
    }
    wait->place.object = &barrier->object;
    wait->place.handle = request->handle;
    line_enter(step->core, &barrier->waiters, &wait->place);
    join_in(step, barrier, wait);
    barrier_settle(step, barrier);
    wait = entry_find(session, request->id)->wait;
    if (wait != NULL && timeout_ns == 0) {
        barrier_party_gone(step, wait, MST_TIMEOUT, mst_span_text("timeout"));
    }
}

void barrier_party_gone(struct step *step, struct wait *wait, enum mst_status status,
                        struct mst_span why)
{
    struct barrier *barrier = (struct barrier *)wait->place.object;
    struct session *session = wait->session;
    bool counted = wait->index != NOT_COUNTED;
    struct verdict own = {status, MST_SPAN_NONE, MST_SPAN_NONE,
                          status == MST_UNKNOWN ? session : NULL};

    if (status == MST_TIMEOUT && counted) {
        if (barrier->phase == BARRIER_ACTING) {
            return; /* its time stands still: the action, which has a time of its own, decides */
        }
        own.status = MST_BROKEN;
        own.cause = why;
    }
    answer(step, barrier, session, wait->entry->id, &own, NULL);
    if (counted) { /* who is not, was never missed by anybody */
        break_for(step, barrier, why, own.dead);
    }
}

void barrier_session_ended(struct step *step, struct session *session)
{
    while (session->parties != NULL) {
        struct barrier *barrier = session->parties->barrier;
        bool leads = barrier->phase == BARRIER_ACTING && barrier->leader == session->id;

        break_for(step, barrier,
                  step_printf(step, "%s died: %.*s", leads ? "leader" : "party",
                              (int)session->label->len, (const char *)session->label->bytes),
                  session);
    }
}

static bool comes_again(const struct mst_request *resume, uint64_t id)
{
    for (size_t i = 0; i < resume->pending_count; i++) {
        const struct mst_range *range = &resume->pending[i];

        if (id >= range->first && id - range->first < range->count) {
            return true;
        }
    }
    return false;
}

void barrier_session_resumed(struct step *step, struct session *session)
{
    struct barrier_party *party = session->parties;

    while (party != NULL) {
        struct barrier *barrier = party->barrier;
        struct record record = record_of(step, RECORD_BARRIER_LEAVE);

        if (barrier_party_leads(party) || entry_find(session, party->request) != NULL ||
            comes_again(step->event->request, party->request)) {
            party = party->next_of_session;
            continue;
        }
        record.session = party->session;
        record.request = party->request;
        object_record(step, &barrier->object, &record);
        break_for(step, barrier, mst_span_text("cancelled"), NULL);
        party = session->parties; /* others of its parties may be gone too */
    }
}

/* ---- the leader's report, abort, reset ---- */

static struct barrier *barrier_find(struct step *step, struct session *session,
                                    const struct mst_request *request)
{
    return (struct barrier *)handle_object(step, session, request, request->handle,
                                           KIND_MASK(MST_KIND_BARRIER), MST_KIND_NONE);
}

/* Whether the session leads the generation it speaks of; false: refused. */
static bool may_report(struct step *step, struct session *session,
                       const struct mst_request *request, const struct barrier *barrier)
{
    if (request->has_generation && request->generation != barrier->generation) {
        refuse(step, session, request, MST_CONFLICT,
               step_printf(step, "generation %llu is over, the barrier is at %llu",
                           (unsigned long long)request->generation,
                           (unsigned long long)barrier->generation));
    } else if (barrier->phase == BARRIER_BROKEN) {
        refuse(step, session, request, MST_BROKEN, mst_blob_span(barrier->cause));
    } else if (barrier->phase == BARRIER_FILLING) {
        refuse(step, session, request, MST_CONFLICT, mst_span_text("no action is under way"));
    } else if (barrier->leader != session->id) {
        refuse(step, session, request, MST_NOT_OWNER, mst_span_text("another session leads"));
    } else {
        return true;
    }
    return false;
}

void decide_barrier_done(struct step *step, struct session *session,
                         const struct mst_request *request)
{
    struct barrier *barrier = barrier_find(step, session, request);

    if (barrier == NULL || !may_report(step, session, request, barrier)) {
        return;
    }
    if (request->failed) {
        break_for(step, barrier, mst_span_text("action failed"), NULL);
    } else {
        trip(step, barrier, request->value);
        barrier_settle(step, barrier);
    }
    outcome_ok(step, session, &barrier->object, request);
}

void barrier_action_due(struct step *step, struct barrier *barrier)
{
    assert(barrier->phase == BARRIER_ACTING);
    break_for(step, barrier, mst_span_text("action timeout"), NULL);
}

void decide_barrier_abort(struct step *step, struct session *session,
                          const struct mst_request *request)
{
    struct barrier *barrier = barrier_find(step, session, request);

    if (barrier == NULL) {
        return;
    }
    if (barrier->phase != BARRIER_BROKEN) {
        break_for(step, barrier, mst_span_text("abort"), NULL);
    }
    outcome_ok(step, session, &barrier->object, request);
}

void decide_barrier_reset(struct step *step, struct session *session,
                          const struct mst_request *request)
{
    struct barrier *barrier = barrier_find(step, session, request);
    struct verdict verdict = {MST_BROKEN, mst_span_text("reset"), MST_SPAN_NONE, NULL};
    struct record record = record_of(step, RECORD_BARRIER_RESET);

    if (barrier == NULL) {
        return;
    }
    answer_all(step, barrier, &verdict);
    object_record(step, &barrier->object, &record);
    outcome_ok(step, session, &barrier->object, request);
}
