/* outcome.c - each request has one outcome, which is kept until its client has taken it.
 *
 * The reply is always made from the kept outcome, the first time and when the request is resent, so
 * both cannot differ. Replies to neighbouring ids are merged into one frame where they are alike.
 */
#include "broker/core/internal.h"

#include <assert.h>

#define PUT_DUPLICATE 3 /* which number of a put's outcome is the message that it duplicates */

static struct mst_blob *blob_or_null(struct core *core, struct mst_span span)
{
    return span.data == NULL ? NULL : text_blob(core, span);
}

static void entry_settle(struct core *core, struct entry *entry, enum mst_op op,
                         enum mst_status status, struct mst_span cause, struct mst_span value,
                         const uint64_t *numbers, size_t numbers_count)
{
    core->stored.bytes -= entry_stored(entry);
    mst_blob_unref(&entry->outcome.cause);
    mst_blob_unref(&entry->outcome.value);
    memset(&entry->outcome, 0, sizeof(entry->outcome));
    entry->state = ENTRY_ANSWERED;
    entry->outcome.op = op;
    entry->outcome.status = status;
    entry->outcome.cause = blob_or_null(core, cause);
    entry->outcome.value = blob_or_null(core, value);
    if (numbers_count > 0) {
        memcpy(entry->outcome.numbers, numbers, numbers_count * sizeof(*numbers));
    }
}

/* A put that was a duplicate changes nothing else. */
static void count_duplicate(struct core *core, const struct record *record)
{
    struct queue *queue = (struct queue *)object_find(core, record->object);

    if (queue != NULL && record->op == MST_OP_PUT && record->numbers_count > PUT_DUPLICATE &&
        record->numbers[PUT_DUPLICATE] != 0) {
        queue->duplicates++;
        queue->counts->duplicates++;
    }
}

void apply_outcome(struct core *core, const struct record *record)
{
    struct session *session = session_find(core, record->session);
    struct entry *entry;

    count_duplicate(core, record);
    entry = entry_ensure(core, session, record->request, record->count);
    entry_settle(core, entry, (enum mst_op)record->op, (enum mst_status)record->status,
                 record->cause, record->value, record->numbers, record->numbers_count);
    entry->recorded = true;
    entry->seq = record->seq;
    core->stored.bytes += entry_stored(entry);
    if (record->request + record->count > session->highest + 1) {
        session->highest = record->request + record->count - 1;
    }
}

void outcome_record(struct step *step, struct session *session, struct object *object, uint64_t id,
                    uint64_t count, enum mst_op op, enum mst_status status, struct mst_span cause,
                    struct mst_span value, const uint64_t *numbers, size_t numbers_count)
{
    struct record record;

    assert(numbers_count <= OUTCOME_NUMBERS);
    record_begin(&record, step, RECORD_OUTCOME);
    record.session = session->id;
    record.request = id;
    record.count = count;
    record.op = (uint64_t)op;
    record.status = (uint64_t)status;
    record.cause = cause;
    record.value = value;
    record.numbers = numbers;
    record.numbers_count = numbers_count;
    object_record(step, object, &record);
    answer_entry(step, session, entry_find(session, id));
}

/* An outcome without numbers of its own says only whether it is on disk. */
void outcome_ok(struct step *step, struct session *session, struct object *object,
                const struct mst_request *request)
{
    uint64_t durable = object_is_durable(object) ? 1 : 0;

    outcome_record(step, session, object, request->id, 1, request->op, MST_OK, MST_SPAN_NONE,
                   MST_SPAN_NONE, &durable, 1);
}

/* Who speaks of no object (for there is none, or of all) waits for all that was recorded. */
static uint64_t seq_of(const struct core *core, const struct object *object)
{
    return object == NULL ? core->record_seq : object->seq;
}

void outcome_volatile(struct step *step, struct session *session, uint64_t id, uint64_t count,
                      enum mst_op op, enum mst_status status, struct mst_span cause,
                      const uint64_t *numbers, size_t numbers_count)
{
    struct entry *entry = entry_ensure(step->core, session, id, count);

    entry_settle(step->core, entry, op, status, cause, MST_SPAN_NONE, numbers, numbers_count);
    entry->recorded = false;
    entry->seq = seq_of(step->core, step->object);
    answer_entry(step, session, entry);
}

void refuse(struct step *step, struct session *session, const struct mst_request *request,
            enum mst_status status, struct mst_span cause)
{
    outcome_volatile(step, session, request->id, request_ids(request), request->op, status, cause,
                     NULL, 0);
}

struct mst_reply *answer_read(struct step *step, struct session *session, struct object *object,
                              const struct mst_request *request)
{
    struct entry *entry = entry_ensure(step->core, session, request->id, 1);
    struct effect *effect;

    entry->state = ENTRY_READ;
    entry->outcome.op = request->op;
    effect = effects_reply(step, session->conn, request->op, request->id);
    effect->seq = seq_of(step->core, object);
    return &effect->reply;
}

static void fill_numbers(struct mst_reply *reply, const struct entry *entry)
{
    const uint64_t *n = entry->outcome.numbers;

    switch (entry->outcome.op) {
    case MST_OP_PUT:
        reply->first = n[0];
        reply->taken = n[1] * entry->count;
        reply->durable = n[2];
        reply->duplicate = n[PUT_DUPLICATE];
        break;
    case MST_OP_DONE:
        reply->already = n[0] != 0;
        reply->durable = n[1];
        break;
    case MST_OP_TASK_DONE:
    case MST_OP_PURGE:
    case MST_OP_SHUTDOWN:
    case MST_OP_REDRIVE:
        reply->number = n[0];
        reply->durable = n[1];
        break;
    case MST_OP_EVENT_SET:
    case MST_OP_EVENT_CLEAR:
    case MST_OP_EVENT_WAIT:
        reply->flag = n[0] != 0;
        reply->generation = n[1];
        reply->object_version = n[2];
        break;
    case MST_OP_BARRIER_WAIT:
        reply->index = n[0];
        reply->generation = n[1];
        reply->leader = n[2] != 0;
        break;
    case MST_OP_DECLARE:
        reply->flag = n[0] != 0;
        reply->durable = n[1];
        break;
    default: reply->durable = n[0]; break;
    }
}

/* A get that is answered again may know its queue by another handle now. */
static uint64_t handle_of_reply(struct step *step, struct session *session,
                                const struct entry *entry)
{
    const struct mst_request *request = step->event->request;
    const struct lease *lease;

    if (step->event->kind != EVENT_REQUEST || request->op != MST_OP_GET ||
        step->event->session != session->id || list_empty(&entry->leases)) {
        return entry->outcome.numbers[0];
    }
    lease = OWNER_CONST(entry->leases.next, struct lease, in_entry);
    for (size_t i = 0; i < request->handles_count; i++) {
        const struct handle *handle = idmap_get(&session->handles, request->handles[i]);

        if (handle != NULL && handle->slot == lease->queue->object.slot) {
            return request->handles[i];
        }
    }
    return entry->outcome.numbers[0];
}

static bool same_cause(const struct mst_reply *reply, const struct mst_blob *cause)
{
    return mst_span_equal(reply->cause, mst_blob_span(cause));
}

/* Merged deliveries stop at this many bytes, or at half a frame. */
#define MERGED_BYTES_MAX (256u << 10)

/* Room for so many deliveries. */
static void reserve_deliveries(struct step *step, struct effect *effect, size_t room)
{
    struct mst_reply *reply = &effect->reply;
    struct mst_delivery *deliveries = step_take_raw(step, room * sizeof(*deliveries));

    if (reply->deliveries_count > 0) {
        memcpy(deliveries, reply->deliveries, reply->deliveries_count * sizeof(*deliveries));
    }
    reply->deliveries = deliveries;
    effect->delivery_room = room;
}

static void append_delivery(struct step *step, struct effect *effect, const struct message *message,
                            uint64_t bytes)
{
    delivery_fill(step, message, &effect->reply.deliveries[effect->reply.deliveries_count++]);
    effect->delivery_bytes += bytes;
}

/* The first of `most` deliveries that may follow: how many of its kind a reply has room for. */
static size_t merged_max(uint64_t bytes, uint64_t most)
{
    uint64_t fit = MERGED_BYTES_MAX / bytes + 1;

    return (size_t)(fit < most ? fit : most);
}

/* One delivery more in the reply, which has one for each request; up to `most` like it may come. */
static bool add_delivery(struct step *step, struct effect *effect, const struct lease *lease,
                         uint64_t handle, uint64_t most)
{
    struct mst_reply *reply = &effect->reply;
    uint64_t limit = step->core->config.frame_bytes_max / 2;
    uint64_t more = message_frame_bytes(lease->message);
    uint64_t bytes = effect->delivery_bytes + more;
    size_t n = reply->deliveries_count;

    if (reply->handle != handle || reply->answered != n || bytes > MERGED_BYTES_MAX ||
        bytes > limit) {
        return false;
    }
    if (n == effect->delivery_room) {
        size_t room = n + merged_max(more, most);

        reserve_deliveries(step, effect, room > 2 * n ? room : 2 * n);
    }
    append_delivery(step, effect, lease->message, more);
    reply->answered++;
    return true;
}

/* The last effect if it answers the requests in front, as far as one can see, alike. */
static struct effect *reply_before(struct step *step, uint64_t conn, const struct entry *entry)
{
    struct effects *effects = step->effects;
    const struct outcome *outcome = &entry->outcome;
    struct effect *effect = effects->count == 0 ? NULL : &effects->items[effects->count - 1];
    const struct mst_reply *last = effect == NULL ? NULL : &effect->reply;

    if (effect == NULL || effect->kind != EFFECT_REPLY || effect->conn != conn ||
        last->op != outcome->op || last->status != outcome->status ||
        last->id + last->answered != entry->id || !same_cause(last, outcome->cause)) {
        return NULL;
    }
    return effect;
}

static bool merge_put(struct mst_reply *last, const struct entry *entry)
{
    const uint64_t *numbers = entry->outcome.numbers;
    bool refused = last->status != MST_OK;
    bool follows =
        last->taken == last->answered && numbers[1] == 1 && numbers[0] == last->first + last->taken;

    if ((!refused && !follows) || last->durable != numbers[2]) {
        return false;
    }
    last->taken += numbers[1] * entry->count;
    last->answered += entry->count;
    return true;
}

static bool merge(struct step *step, struct effect *effect, const struct entry *entry,
                  uint64_t handle)
{
    const struct outcome *outcome = &entry->outcome;
    struct mst_reply *last = &effect->reply;

    switch (outcome->op) {
    case MST_OP_PUT: return merge_put(last, entry);
    case MST_OP_DONE:
        if (last->already != (outcome->numbers[0] != 0)) {
            return false;
        }
        break;
    case MST_OP_GET:
        if (outcome->status == MST_OK) {
            const struct link *first = entry->leases.next;

            return first != &entry->leases && first->next == &entry->leases &&
                   add_delivery(step, effect, OWNER_CONST(first, struct lease, in_entry), handle,
                                1);
        }
        break;
    default: return false;
    }
    last->answered += entry->count;
    return true;
}

static struct effect *begin_reply(struct step *step, struct session *session,
                                  const struct entry *entry, uint64_t id)
{
    struct effect *effect = effects_reply(step, session->conn, entry->outcome.op, id);

    effect->seq = entry->seq;
    effect->reply.status = entry->outcome.status;
    effect->reply.cause = mst_blob_span(entry->outcome.cause);
    effect->reply.value = mst_blob_span(entry->outcome.value);
    return effect;
}

/* A run of gets, each with its delivery. */
static void answer_run_of_gets(struct step *step, struct session *session,
                               const struct entry *entry)
{
    uint64_t handle = entry->outcome.numbers[0];
    uint64_t left = entry->count;
    struct effect *effect = reply_before(step, session->conn, entry);

    for (const struct link *l = entry->leases.next; l != &entry->leases; l = l->next, left--) {
        const struct lease *lease = OWNER_CONST(l, struct lease, in_entry);

        if (effect == NULL || !add_delivery(step, effect, lease, handle, left)) {
            uint64_t bytes = message_frame_bytes(lease->message);

            effect = begin_reply(step, session, entry, lease->request);
            effect->reply.handle = handle;
            reserve_deliveries(step, effect, merged_max(bytes, left));
            append_delivery(step, effect, lease->message, bytes);
        }
        effect->seq = effect->seq > entry->seq ? effect->seq : entry->seq;
    }
}

/* What a get brought may be over before the reply was taken: finished, or a detached lease that ran
 * out. Asked again, there is nothing to give. */
static void answer_get(struct step *step, struct effect *effect, const struct entry *entry,
                       uint64_t handle)
{
    struct mst_reply *reply = &effect->reply;
    size_t n = 0;

    for (const struct link *l = entry->leases.next; l != &entry->leases; l = l->next) {
        n++;
    }
    reply->handle = handle;
    if (n > 0) {
        reserve_deliveries(step, effect, n);
    }
    for (const struct link *l = entry->leases.next; l != &entry->leases; l = l->next) {
        const struct message *message = OWNER_CONST(l, struct lease, in_entry)->message;

        append_delivery(step, effect, message, message_frame_bytes(message));
    }
    if (reply->status == MST_OK && n == 0) {
        reply->status = MST_LOST;
        reply->cause = mst_span_text("what it brought was finished or given back before");
    }
}

void answer_entry(struct step *step, struct session *session, struct entry *entry)
{
    enum mst_op op = entry->outcome.op;
    struct effect *effect;
    uint64_t handle;

    if (session->conn == 0 || entry->awaited) {
        return;
    }
    if (op == MST_OP_GET && entry->outcome.status == MST_OK && entry->count > 1) {
        answer_run_of_gets(step, session, entry);
        return;
    }
    handle = op == MST_OP_GET ? handle_of_reply(step, session, entry) : 0;
    effect = reply_before(step, session->conn, entry);
    if (effect != NULL && merge(step, effect, entry, handle)) {
        effect->seq = effect->seq > entry->seq ? effect->seq : entry->seq;
        return;
    }
    effect = begin_reply(step, session, entry, entry->id);
    effect->reply.answered = entry->count;
    if (op == MST_OP_GET) {
        answer_get(step, effect, entry, handle);
    } else if (op == MST_OP_JOIN) {
        effect->reply.tallies = entry->outcome.numbers;
        effect->reply.tallies_count = effect->reply.status == MST_OK ? MST_TALLY_COUNT : 0;
    } else {
        fill_numbers(&effect->reply, entry);
    }
}
