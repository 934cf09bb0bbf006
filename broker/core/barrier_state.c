/* barrier_state.c - what a barrier remembers, and how records change it.
 *
 *               all are here                     done
 *     FILLING ----------------> ACTING ------------------> FILLING (the next generation)
 *      | |  \___ all are here, and there is no action ____/^
 *      | |                       |                         |
 *      | +---timeout, end of a party, abort---> BROKEN --reset
 *
 * A reset takes any phase to FILLING; an end of the action otherwise than by done, to BROKEN.
 *
 * Invariant: the parties are the arrivals of one generation, with the indices 0 .. arrived-1; each
 * is in its session's list too, and goes before its session. Knows nothing of waits: who waits is
 * for barrier.c. */
#include "broker/core/internal.h"

#include <assert.h>

#define BIT(phase) (1u << (phase))

static const uint8_t barrier_may_go[] = {
    [BARRIER_FILLING] = BIT(BARRIER_FILLING) | BIT(BARRIER_ACTING) | BIT(BARRIER_BROKEN),
    [BARRIER_ACTING] = BIT(BARRIER_FILLING) | BIT(BARRIER_BROKEN),
    [BARRIER_BROKEN] = BIT(BARRIER_FILLING),
};

bool barrier_may_become(const struct barrier *barrier, enum barrier_phase phase)
{
    return (barrier_may_go[barrier->phase] & BIT(phase)) != 0;
}

static void go(struct barrier *barrier, enum barrier_phase phase)
{
    assert(barrier_may_become(barrier, phase));
    barrier->phase = phase;
}

struct barrier *barrier_new(void)
{
    struct barrier *barrier = calloc(1, sizeof(*barrier));

    if (barrier != NULL) {
        list_init(&barrier->parties);
        line_init(&barrier->waiters);
        timer_init(&barrier->action, TIMER_ACTION);
    }
    return barrier;
}

struct barrier_party *barrier_party_find(const struct session *session,
                                         const struct barrier *barrier, uint64_t request)
{
    struct barrier_party *party = session->parties;

    while (party != NULL && (party->barrier != barrier || party->request != request)) {
        party = party->next_of_session;
    }
    return party;
}

bool barrier_party_leads(const struct barrier_party *party)
{
    const struct barrier *barrier = party->barrier;

    return barrier->phase == BARRIER_ACTING && party->session == barrier->leader &&
           party->request == barrier->leader_request;
}

void barrier_party_add(struct core *core, struct barrier *barrier, uint64_t session_id,
                       uint64_t request, uint64_t index)
{
    struct session *session = session_find(core, session_id);
    struct barrier_party *party;

    NEED(core, (party = calloc(1, sizeof(*party))) != NULL);
    party->barrier = barrier;
    party->session = session_id;
    party->request = request;
    party->index = index;
    list_insert(&barrier->parties, &party->in_barrier);
    stored_add(core, &barrier->object, STORED_PARTY);
    barrier->arrived++;
    party->next_of_session = session->parties;
    session->parties = party;
    session->has_recovered_parties |= core->recovered;
}

static void party_forget(struct core *core, struct barrier_party *party)
{
    struct session *session = session_find(core, party->session);

    if (session != NULL) { /* else the core ends, and sessions went first */
        struct barrier_party **at = &session->parties;

        while (*at != party) {
            at = &(*at)->next_of_session;
        }
        *at = party->next_of_session;
    }
    list_remove(&party->in_barrier);
    stored_take(core, &party->barrier->object, STORED_PARTY);
    free(party);
}

static void party_leave(struct core *core, struct barrier *barrier, const struct record *record)
{
    const struct session *session = session_find(core, record->session);

    party_forget(core, barrier_party_find(session, barrier, record->request));
    barrier->arrived--;
}

/* The latest first: they are at the front of their sessions' lists. */
static void generation_clear(struct core *core, struct barrier *barrier)
{
    while (!list_empty(&barrier->parties)) {
        party_forget(core, OWNER(barrier->parties.prev, struct barrier_party, in_barrier));
    }
    barrier->arrived = 0;
    barrier->leader = 0;
    barrier->leader_request = 0;
    timer_cancel(core, &barrier->action);
}

void barrier_free(struct core *core, struct barrier *barrier)
{
    generation_clear(core, barrier);
    line_clear(&barrier->waiters);
    mst_blob_unref(&barrier->cause);
    stored_forget(core, &barrier->object);
    free(barrier);
}

static void apply_act(struct core *core, struct barrier *barrier, const struct record *record)
{
    int64_t time_ns = setting(&barrier->object, SETTING_ACTION_TIMEOUT);

    if (time_ns == MST_DEFAULT_TIMEOUT) {
        time_ns = setting(&barrier->object, SETTING_TIMEOUT);
    }
    go(barrier, BARRIER_ACTING);
    barrier->leader = record->session;
    barrier->leader_request = record->request;
    barrier->acting_since_ns = record->now_ns;
    timer_set(core, &barrier->action, time_after(record->now_ns, time_ns));
}

void apply_barrier(struct core *core, const struct record *record)
{
    struct barrier *barrier = (struct barrier *)object_find(core, record->object);

    assert(barrier->object.kind == MST_KIND_BARRIER);
    if (record->what == RECORD_BARRIER_ARRIVE) {
        go(barrier, BARRIER_FILLING);
        barrier_party_add(core, barrier, record->session, record->request, record->number);
    } else if (record->what == RECORD_BARRIER_ACT) {
        apply_act(core, barrier, record);
    } else if (record->what == RECORD_BARRIER_BREAK) {
        go(barrier, BARRIER_BROKEN);
        generation_clear(core, barrier);
        NEED(core, (barrier->cause = mst_blob_new(record->cause)) != NULL);
    } else if (record->what == RECORD_BARRIER_LEAVE) {
        party_leave(core, barrier, record);
    } else { /* TRIP, RESET */
        go(barrier, BARRIER_FILLING);
        generation_clear(core, barrier);
        mst_blob_unref(&barrier->cause);
        barrier->generation++;
    }
    barrier->object.version++;
    barrier->object.seq = record->seq;
}
