/* event.c - a flag that many can wait for.
 *
 * Whoever stands in line when the flag is set is released in that very step, connected or not, even
 * if a clear follows at once. The generation rises with every change from clear to set, so that a
 * waiter that comes back can tell whether it missed one.
 * Invariant: nobody waits while the flag is set. */
#include "broker/core/internal.h"

#include <assert.h>

struct event_object *event_object_new(void)
{
    struct event_object *event = calloc(1, sizeof(*event));

    if (event != NULL) {
        line_init(&event->waiters);
        event->set_ns = INT64_MIN;
    }
    return event;
}

void event_object_free(struct core *core, struct event_object *event)
{
    stored_forget(core, &event->object);
    line_clear(&event->waiters);
    free(event);
}

static struct event_object *find_event(struct step *step, struct session *session,
                                       const struct mst_request *request)
{
    return (struct event_object *)handle_object(step, session, request, request->handle,
                                                KIND_MASK(MST_KIND_EVENT), MST_KIND_EVENT);
}

#define EVENT_NUMBERS 3

static void event_numbers(const struct event_object *event, bool flag, uint64_t *numbers)
{
    numbers[0] = flag ? 1 : 0;
    numbers[1] = event->generation;
    numbers[2] = event->object.version;
}

/* An outcome that was recorded with the set survives a restart: the waiter that comes back then
 * gets true even if the event was cleared meanwhile. */
static void event_outcome(struct step *step, struct session *session, struct event_object *event,
                          uint64_t id, enum mst_op op, bool flag)
{
    uint64_t numbers[EVENT_NUMBERS];

    event_numbers(event, flag, numbers);
    outcome_record(step, session, &event->object, id, 1, op, MST_OK, MST_SPAN_NONE, MST_SPAN_NONE,
                   numbers, EVENT_NUMBERS);
}

static void release_all(struct step *step, struct event_object *event)
{
    struct place *place;

    while ((place = line_first(&event->waiters, false)) != NULL) {
        struct session *session = place->wait->session;
        uint64_t id = place->wait->entry->id;

        wait_free(step->core, place->wait);
        event_outcome(step, session, event, id, MST_OP_EVENT_WAIT, true);
    }
}

void decide_event_set(struct step *step, struct session *session, const struct mst_request *request)
{
    struct event_object *event = find_event(step, session, request);

    if (event == NULL) {
        return;
    }
    if (!event->set) {
        struct record record = record_of(step, RECORD_EVENT_SET);

        object_record(step, &event->object, &record);
        event->set_ns = step->core->now_ns;
        release_all(step, event);
    }
    event_outcome(step, session, event, request->id, request->op, true);
}

void decide_event_clear(struct step *step, struct session *session,
                        const struct mst_request *request)
{
    struct event_object *event = find_event(step, session, request);

    if (event == NULL) {
        return;
    }
    if (event->set) {
        struct record record = record_of(step, RECORD_EVENT_CLEAR);

        object_record(step, &event->object, &record);
    }
    event_outcome(step, session, event, request->id, request->op, false);
}

void decide_event_is_set(struct step *step, struct session *session,
                         const struct mst_request *request)
{
    struct event_object *event = find_event(step, session, request);
    struct mst_reply *reply;

    if (event == NULL) {
        return;
    }
    reply = answer_read(step, session, &event->object, request);
    reply->flag = event->set;
    reply->generation = event->generation;
    reply->object_version = event->object.version;
}

/* Nothing was changed by this wait, so no record is needed: resent after a restart, it is decided
 * anew. */
static void answer_wait(struct step *step, struct session *session, struct event_object *event,
                        const struct mst_request *request, enum mst_status status)
{
    uint64_t numbers[EVENT_NUMBERS];

    event_numbers(event, status == MST_OK, numbers);
    step->object = &event->object;
    outcome_volatile(step, session, request->id, 1, request->op, status, MST_SPAN_NONE, numbers,
                     EVENT_NUMBERS);
}

/* A wait that is asked again was not in line when the event was set and cleared: since it began,
 * and not since its client last looked, which may be long before. While it stood in line in an
 * earlier run of the broker, a set released it, and that is on record. */
static bool was_missed(const struct step *step, const struct event_object *event,
                       const struct mst_request *request)
{
    bool since_it_began = request->waited_ns == MST_FOREVER ||
                          event->set_ns >= step->core->now_ns - request->waited_ns;

    return request->has_generation && event->generation > request->generation && since_it_began;
}

void decide_event_wait(struct step *step, struct session *session,
                       const struct mst_request *request)
{
    int64_t timeout_ns =
        request->timeout_ns == MST_DEFAULT_TIMEOUT ? MST_FOREVER : request->timeout_ns;
    struct event_object *event = find_event(step, session, request);
    enum mst_status refusal;
    struct wait *wait;

    if (event == NULL) {
        return;
    }
    if (timeout_ns < 0 || request->waited_ns < 0) {
        refuse(step, session, request, MST_VALUE,
               mst_span_text(timeout_ns < 0 ? "a timeout is 0 or more" : "waited_ns is 0 or more"));
        return;
    }
    if (event->set || was_missed(step, event, request)) {
        answer_wait(step, session, event, request, MST_OK);
        return;
    }
    if (timeout_ns == 0) {
        answer_wait(step, session, event, request, MST_TIMEOUT);
        return;
    }
    if (step->core->draining) {
        refuse(step, session, request, MST_UNAVAILABLE, mst_span_text("the broker is going away"));
        return;
    }
    wait = wait_new(step, session, request, request->id, 1, WAIT_EVENT, timeout_ns, &refusal);
    if (wait == NULL) {
        refuse(step, session, request, refusal, mst_span_text("no more waits can be kept"));
        return;
    }
    wait->generation = event->generation;
    wait->place.object = &event->object;
    wait->place.handle = request->handle;
    line_enter(step->core, &event->waiters, &wait->place);
}

void apply_event(struct core *core, const struct record *record)
{
    struct event_object *event = (struct event_object *)object_find(core, record->object);

    assert(event->object.kind == MST_KIND_EVENT);
    event->set = record->what == RECORD_EVENT_SET;
    event->generation += event->set ? 1 : 0;
    event->object.version++;
    event->object.seq = record->seq;
}
