/* line.c - waits, and the lines in which they stand.
 *
 * A wait stands in one line, or in several (a get from several queues); whoever ends it takes it
 * out of all of them in the same step, so nobody dead, cancelled or timed out is ever handed
 * anything. */
#include "broker/core/internal.h"

#include <assert.h>
#include <stdlib.h>

static bool place_before(const struct heap_node *a, const struct heap_node *b)
{
    return OWNER_CONST(a, struct place, node)->seq < OWNER_CONST(b, struct place, node)->seq;
}

void line_init(struct line *line)
{
    list_init(&line->places);
    list_init(&line->aside);
    heap_init(&line->returned, place_before);
    line->count = 0;
}

void line_clear(struct line *line)
{
    assert(line->count == 0);
    heap_clear(&line->returned);
}

void line_enter(struct core *core, struct line *line, struct place *place)
{
    assert(place->line == NULL);
    place->line = line;
    place->seq = core->place_seq + 1;
    core->place_seq += place->wait->entry->count;
    list_insert(&line->places, &place->link);
    line->count += place->wait->entry->count;
}

void line_leave(struct place *place)
{
    if (place->line == NULL) {
        return;
    }
    if (list_holds(&place->link)) {
        list_remove(&place->link);
    }
    if (heap_holds(&place->node)) {
        heap_remove(&place->line->returned, &place->node);
    }
    place->line->count -= place->wait->entry->count;
    place->line = NULL;
}

static struct place *head_of(struct line *line)
{
    struct heap_node *node = heap_first(&line->returned);
    struct place *back = node == NULL ? NULL : OWNER(node, struct place, node);
    struct place *listed =
        list_empty(&line->places) ? NULL : OWNER(line->places.next, struct place, link);

    return back == NULL ? listed : back; /* who was passed over came before all who are listed */
}

/* Who is passed over leaves the list but not the line: its sequence brings it back to its place. */
static void stand_aside(struct place *place)
{
    if (list_holds(&place->link)) {
        list_remove(&place->link);
    } else {
        heap_remove(&place->line->returned, &place->node);
    }
    list_insert(&place->line->aside, &place->link);
    place->aside = true;
}

struct place *line_first(struct line *line, bool connected_only)
{
    struct place *place = head_of(line);

    while (connected_only && place != NULL &&
           (place->wait->session->conn == 0 || place->wait->entry->awaited)) {
        stand_aside(place);
        place = head_of(line);
    }
    return place;
}

void line_come_back(struct core *core, struct place *place)
{
    if (!place->aside) {
        return;
    }
    list_remove(&place->link);
    place->aside = false;
    NEED(core, heap_push(&place->line->returned, &place->node));
}

struct wait *wait_new(struct step *step, struct session *session, const struct mst_request *request,
                      uint64_t id, uint64_t count, enum wait_kind kind, int64_t timeout_ns,
                      enum mst_status *refusal_out)
{
    struct core *core = step->core;
    struct wait *wait;

    if (timeout_ns == MST_DEFAULT_TIMEOUT) {
        timeout_ns = MST_FOREVER; /* whoever has another default has put it in before */
    }
    *refusal_out = MST_LIMIT;
    if (core->waits_count + count > core->config.waits_max) {
        return NULL;
    }
    wait = memory_is_short(core) ? NULL : calloc(1, sizeof(*wait));
    *refusal_out = MST_NO_MEMORY;
    if (wait == NULL) {
        return NULL;
    }
    wait->kind = kind;
    wait->session = session;
    wait->entry = entry_ensure(core, session, id, count);
    wait->entry->state = ENTRY_WAITS;
    wait->entry->wait = wait;
    wait->entry->outcome.op = request->op;
    wait->since_ns = core->now_ns;
    wait->timeout_ns = timeout_ns;
    wait->place.wait = wait;
    list_insert(&session->waits, &wait->in_session);
    session->waits_count += count;
    core->waits_count += count;
    timer_init(&wait->timer, TIMER_WAIT);
    timer_set(core, &wait->timer, time_after(core->now_ns, timeout_ns));
    return wait;
}

/* A place in front of this one, for the wait of the first `count` requests of those it is for. */
static void place_cut_front(struct place *place, struct place *front, struct wait *wait,
                            uint64_t count)
{
    *front = (struct place){.object = place->object, .handle = place->handle, .wait = wait};
    if (place->line == NULL) {
        return;
    }
    front->line = place->line;
    front->aside = place->aside;
    front->seq = place->seq;
    place->seq += count;
    assert(!heap_holds(&place->node)); /* who comes back waits for one request at a time */
    list_insert(&place->link, &front->link);
}

void wait_cut_front(struct core *core, struct wait *wait, struct entry *entry)
{
    struct wait *front;
    int64_t at_ns = wait->timer.at_ns;
    uint64_t seq = wait->timer.seq;

    assert(wait->kind == WAIT_GET);
    NEED(core, (front = malloc(sizeof(*front))) != NULL);
    *front = *wait;
    front->entry = entry;
    entry->wait = front;
    list_insert(&wait->in_session, &front->in_session);
    timer_init(&front->timer, TIMER_WAIT);
    if (timer_armed(&wait->timer)) {
        timer_set(core, &wait->timer, at_ns);
        timer_restore(core, &front->timer, at_ns, seq);
    }
    place_cut_front(&wait->place, &front->place, front, entry->count);
    if (wait->more_count > 0) {
        NEED(core, (front->more = calloc(wait->more_count, sizeof(*front->more))) != NULL);
    }
    for (size_t i = 0; i < wait->more_count; i++) {
        place_cut_front(&wait->more[i], &front->more[i], front, entry->count);
    }
}

void wait_free(struct core *core, struct wait *wait)
{
    timer_cancel(core, &wait->timer);
    line_leave(&wait->place);
    for (size_t i = 0; i < wait->more_count; i++) {
        line_leave(&wait->more[i]);
    }
    list_remove(&wait->in_session);
    wait->session->waits_count -= wait->entry->count;
    core->waits_count -= wait->entry->count;
    if (wait->put != NULL) {
        struct account *account =
            session_account(core, wait->session, (struct queue *)wait->place.object);

        account->blocked -= wait->put->count;
        account->blocked_bytes -= wait->put->bytes;
        core->memory -= wait->put->charge;
        put_list_free(&wait->put);
        account_drop_if_idle(core, account);
    }
    wait->entry->wait = NULL;
    free(wait->more);
    free(wait);
}

/* A get from several queues may have left some of them, and those may be gone; but never all. */
struct object *wait_object(const struct wait *wait)
{
    const struct place *place = &wait->place;

    for (size_t i = 0; place->line == NULL; i++) {
        assert(i < wait->more_count);
        place = &wait->more[i];
    }
    return place->object;
}

/* What its outcome speaks of: of several queues the one whose record is the last. Nothing is known
 * any more of one that it has left, so all that was recorded counts. */
static struct object *wait_speaks_of(const struct wait *wait)
{
    struct object *last = wait->place.line == NULL ? NULL : wait->place.object;

    for (size_t i = 0; last != NULL && i < wait->more_count; i++) {
        const struct place *place = &wait->more[i];

        if (place->line == NULL || place->object->seq > last->seq) {
            last = place->line == NULL ? NULL : place->object;
        }
    }
    return last;
}

void wait_end(struct step *step, struct wait *wait, enum mst_status status, struct mst_span cause)
{
    struct session *session = wait->session;
    uint64_t id = wait->entry->id;
    uint64_t count = wait->entry->count;
    enum mst_op op = wait->entry->outcome.op;

    step->object = wait_speaks_of(wait);
    wait_free(step->core, wait);
    outcome_volatile(step, session, id, count, op, status, cause, NULL, 0);
}

void wait_expire(struct step *step, struct wait *wait, enum mst_status status)
{
    struct object *object = wait_object(wait);
    struct mst_span cause = MST_SPAN_NONE;

    if (wait->kind == WAIT_BARRIER) {
        barrier_party_gone(step, wait, status,
                           mst_span_text(status == MST_TIMEOUT ? "timeout" : "cancelled"));
        return;
    }
    if (wait->kind == WAIT_GET || wait->kind == WAIT_PUT) {
        unsigned side = wait->kind == WAIT_GET ? MST_SIDE_GET : MST_SIDE_PUT;

        if ((((const struct queue *)object)->paused & side) != 0) {
            cause = mst_span_text("paused");
        } else if (wait->kind == WAIT_PUT && step->core->storage_full &&
                   object_is_durable(object)) {
            cause = mst_span_text(storage_is_full);
        }
    }
    object_mark_dirty(step->core, object);
    wait_end(step, wait, status, cause);
}

void line_end_all(struct step *step, struct line *line, enum mst_status status,
                  struct mst_span cause)
{
    struct place *place;

    while ((place = head_of(line)) != NULL) {
        wait_end(step, place->wait, status, cause);
    }
    while (!list_empty(&line->aside)) {
        wait_end(step, OWNER(line->aside.next, struct place, link)->wait, status, cause);
    }
}
