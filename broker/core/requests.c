/* requests.c - what a session's connection brings: requests once, receipts, and coming back.
 *
 * A request id is carried out once. Resent after a resume it is answered from its kept outcome,
 * goes on waiting, or, when it only read, is carried out again. */
#include "broker/core/internal.h"

#include <sodium.h>

#define FEW_RECEIPTS 4 /* runs of them */

static uint64_t done_count(const struct mst_request *request)
{
    uint64_t count = 0;

    for (size_t i = 0; i < request->runs_count && count <= MST_MESSAGES_MAX; i++) {
        count += request->runs[i].count <= MST_MESSAGES_MAX ? request->runs[i].count
                                                            : MST_MESSAGES_MAX + 1;
    }
    return count;
}

uint64_t request_ids(const struct mst_request *request)
{
    uint64_t count = 1;

    if (request->op == MST_OP_PUT && request->mode == MST_PUT_EACH) {
        count = request->bodies_count;
    } else if (request->op == MST_OP_GET) {
        count = request->count;
    } else if (request->op == MST_OP_DONE) {
        count = done_count(request);
    }
    return count <= MST_MESSAGES_MAX && request->id <= UINT64_MAX - count ? count : 0;
}

/* The i-th of the requests that a frame stands for, as a request of its own. */
static struct mst_request single(const struct mst_request *request, uint64_t i,
                                 struct mst_run *run_out)
{
    struct mst_request one = *request;
    uint64_t before = 0;

    one.id = request->id + i;
    one.count = request->op == MST_OP_GET ? 1 : request->count;
    if (request->op == MST_OP_PUT && request->mode == MST_PUT_EACH) {
        one.bodies += i;
        one.bodies_count = 1;
        if (request->priorities_count > 0) {
            one.priorities += i;
            one.priorities_count = 1;
        }
    } else if (request->op == MST_OP_DONE) {
        const struct mst_run *run = request->runs;

        while (before + run->count <= i) {
            before += run->count;
            run++;
        }
        *run_out = (struct mst_run){run->first + (i - before), run->number, 1};
        one.runs = run_out;
        one.runs_count = 1;
    }
    return one;
}

/* Refuses and hangs up; true: there would be too many in flight. */
static bool too_many(struct step *step, struct session *session, const struct mst_request *request,
                     uint64_t more)
{
    struct mst_reply *reply;

    if (session->entries.count + more <= MST_IN_FLIGHT_MAX) {
        return false;
    }
    reply = &effects_reply(step, session->conn, request->op, request->id)->reply;
    reply->status = MST_LIMIT;
    reply->cause = mst_span_text("more requests in flight than the welcome allows");
    effects_close(step, session->conn, "too many requests in flight");
    return true;
}

static void resent(struct step *step, struct session *session, const struct mst_request *request,
                   uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct mst_run run;
        struct mst_request one = single(request, i, &run);
        struct entry *entry = entry_find(session, one.id);
        bool awaited = entry != NULL && entry->awaited;

        if (one.id <= session->highest && entry == NULL) {
            effects_close(step, session->conn, "a request id that was settled before");
            return;
        }
        if (entry == NULL && too_many(step, session, &one, 1)) {
            return;
        }
        if (awaited) {
            entry->awaited = false;
        }
        if (entry != NULL && entry->state == ENTRY_ANSWERED) {
            answer_entry(step, session, entry_part(step->core, session, entry, one.id, 1));
        } else if (awaited && entry->state == ENTRY_WAITS) {
            wait_come_back(step->core, entry->wait);
        } else if (entry == NULL || entry->state == ENTRY_READ) {
            session->highest = one.id > session->highest ? one.id : session->highest;
            core_dispatch(step, session, &one);
        }
    }
}

static void cancel(struct step *step, struct session *session, const struct mst_request *request)
{
    struct entry *entry = entry_find(session, request->target);
    enum mst_status status = request->status == MST_TIMEOUT ? MST_TIMEOUT : MST_CANCELLED;

    if (entry != NULL && entry->state == ENTRY_WAITS) {
        entry = entry_part(step->core, session, entry, request->target, 1);
        wait_expire(step, entry->wait, status);
    }
}

/* What concerns the connection only; true: that was it. */
static bool connection_request(struct step *step, struct session *session,
                               const struct mst_request *request)
{
    uint64_t conn = session->conn;

    if ((mst_op_flags(request->op) & OPF_CONNECTION) == 0 && request->id != 0) {
        return false;
    }
    switch (request->op) {
    case MST_OP_OPEN: decide_open(step, session, request); break;
    case MST_OP_CANCEL: cancel(step, session, request); break;
    case MST_OP_BYE:
        session_end(step, session);
        effects_reply(step, conn, MST_OP_BYE, 0)->seq = step->effects->records_seq;
        effects_close(step, conn, "the client said goodbye");
        break;
    case MST_OP_HEARTBEAT: break;
    default:
        effects_close(step, conn, "a request that has no place here, or none of its own id");
        break;
    }
    return true;
}

/* ---- receipts ---- */

/* For how many requests, from id on, the entry stands; none stands for one. */
static uint64_t entry_shares(const struct entry *entry, uint64_t id)
{
    return entry == NULL ? 1 : entry->id + entry->count - id;
}

/* Receipts for what is in memory only need not be on disk. */
static bool is_durable(const struct step *step, struct session *session, const uint64_t *pairs,
                       size_t count)
{
    for (size_t i = 0; i < count && step->core->config.has_storage; i += 2) {
        const struct entry *entry;

        for (uint64_t j = 0; j < pairs[i + 1]; j += entry_shares(entry, pairs[i] + j)) {
            entry = entry_find(session, pairs[i] + j);
            if (entry != NULL && entry->recorded && entry->seq != 0) {
                return true;
            }
        }
    }
    return false;
}

static void confirm_record(struct step *step, struct session *session, const uint64_t *pairs,
                           size_t count)
{
    struct record record;

    if (count == 0) {
        return;
    }
    record_begin(&record, step, RECORD_CONFIRM);
    record.session = session->id;
    record.list = pairs;
    record.list_count = count;
    step_record(step, &record, is_durable(step, session, pairs, count));
}

static void confirm(struct step *step, struct session *session)
{
    uint64_t few[2 * FEW_RECEIPTS];
    size_t n = step->event->confirmed_count;
    uint64_t *pairs = n <= FEW_RECEIPTS ? few : step_take(step, n * 2 * sizeof(*pairs));

    for (size_t i = 0; i < n; i++) {
        pairs[2 * i] = step->event->confirmed[i].first;
        pairs[2 * i + 1] = step->event->confirmed[i].count;
    }
    confirm_record(step, session, pairs, 2 * n);
}

/* Up to `most` requests from id on that share an entry; returns how many. */
static uint64_t confirm_some(struct core *core, struct session *session, uint64_t id, uint64_t most,
                             const struct record *record)
{
    struct entry *entry = entry_find(session, id);
    uint64_t count = entry_shares(entry, id);

    count = count < most ? count : most;
    if (entry == NULL || entry->state == ENTRY_WAITS) {
        return count;
    }
    entry = entry_part(core, session, entry, id, count);
    while (!list_empty(&entry->leases)) {
        lease_taken(core, OWNER(entry->leases.next, struct lease, in_entry), record);
    }
    entry_drop(core, session, entry);
    return count;
}

void apply_confirm(struct core *core, const struct record *record)
{
    struct session *session = session_find(core, record->session);

    for (size_t i = 0; i + 1 < record->list_count; i += 2) {
        for (uint64_t j = 0; j < record->list[i + 1];) {
            j += confirm_some(core, session, record->list[i] + j, record->list[i + 1] - j, record);
        }
    }
}

/* ---- what comes ---- */

static void take_request(struct step *step, struct session *session,
                         const struct mst_request *request)
{
    uint64_t count = request_ids(request);

    if (connection_request(step, session, request)) {
        return;
    }
    if (count == 0) {
        struct mst_reply *reply =
            &effects_reply(step, session->conn, request->op, request->id)->reply;

        reply->status = MST_PROTOCOL;
        reply->cause = mst_span_text("a frame stands for 1 to 4096 requests");
        effects_close(step, session->conn, "a frame that stands for no or too many requests");
        return;
    }
    if (request->id <= session->highest) {
        resent(step, session, request, count);
        return;
    }
    if (too_many(step, session, request, count)) {
        return;
    }
    session->highest = request->id + count - 1;
    core_dispatch(step, session, request);
}

/* The session whose connection speaks; NULL: it is another one's by now. */
static struct session *speaker(const struct step *step)
{
    struct session *session = session_find(step->core, step->event->session);

    return session != NULL && session->conn == step->event->conn ? session : NULL;
}

void session_confirm(struct step *step)
{
    struct session *session = speaker(step);

    if (session != NULL && step->event->confirmed_count > 0) {
        confirm(step, session);
    }
}

/* Receipts that came with a request come before it, with all that follows from them. */
void session_request(struct step *step)
{
    struct session *session = speaker(step);

    if (session == NULL) {
        return;
    }
    if (step->event->confirmed_count > 0) {
        confirm(step, session);
        core_settle(step);
        step->object = NULL;
    }
    take_request(step, session, step->event->request);
}

/* ---- coming back ---- */

static bool in_ranges(const struct mst_range *ranges, size_t count, uint64_t id)
{
    size_t low = 0;
    size_t high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (id < ranges[middle].first) {
            high = middle;
        } else if (id - ranges[middle].first < ranges[middle].count) {
            return true;
        } else {
            low = middle + 1;
        }
    }
    return false;
}

void apply_abandon(struct core *core, const struct record *record)
{
    struct session *session = session_find(core, record->session);
    struct entry *entry = entry_find(session, record->request);

    if (entry != NULL) { /* else it had waited, and no record says so */
        entry_drop(core, session, entry_part(core, session, entry, record->request, 1));
    }
}

/* The client gave the request up: what it would have brought goes back, uncounted. */
static void abandon(struct step *step, struct session *session, struct entry *entry)
{
    struct record record = record_of(step, RECORD_ABANDON);

    record.session = session->id;
    record.request = entry->id;
    if (entry->state == ENTRY_WAITS && entry->wait->kind == WAIT_BARRIER) {
        barrier_party_gone(step, entry->wait, MST_CANCELLED, mst_span_text("cancelled"));
    } else if (entry->state == ENTRY_WAITS) {
        object_mark_dirty(step->core, wait_object(entry->wait));
        wait_free(step->core, entry->wait);
        entry->state = ENTRY_ANSWERED;
    }
    while (!list_empty(&entry->leases)) {
        lease_return(step, OWNER(entry->leases.next, struct lease, in_entry), false, 0,
                     REDELIVERY_UNTAKEN);
    }
    step_record(step, &record, true);
    session->abandoned_seq = record.seq;
}

static void sort_out(struct step *step, struct session *session, const struct mst_request *request)
{
    size_t n = session->entries.count;
    struct entry **entries;
    uint64_t *taken = step_take(step, (2 * n + 1) * sizeof(*taken));
    size_t taken_count = 0;

    entries_part_all(step->core, session);
    entries = (struct entry **)memory_sorted(step->core, &session->entries);
    for (size_t i = 0; i < n; i++) {
        struct entry *entry = entries[i];

        if (in_ranges(request->pending, request->pending_count, entry->id)) {
            continue;
        }
        if (entry->state == ENTRY_WAITS ||
            in_ranges(request->abandoned, request->abandoned_count, entry->id)) {
            abandon(step, session, entry);
            continue;
        }
        taken[taken_count++] = entry->id;
        taken[taken_count++] = 1;
    }
    free(entries);
    confirm_record(step, session, taken, taken_count);
}

/* What will be resent and is not remembered is carried out again when it comes: its first outcome
 * changed nothing. What is remembered is not answered before it comes, so that an id is answered
 * once on each connection. */
static void expect_again(struct step *step, struct session *session,
                         const struct mst_request *request)
{
    uint64_t expected = 0;

    for (size_t i = 0; i < request->pending_count; i++) {
        const struct mst_range *range = &request->pending[i];

        for (uint64_t j = 0; j < range->count && expected < MST_IN_FLIGHT_MAX; j++, expected++) {
            uint64_t id = range->first + j;
            struct entry *entry = entry_find(session, id);

            if (entry != NULL) {
                entry->awaited = true;
            } else if (id != 0 && id <= session->highest) {
                entry_ensure(step->core, session, id, 1)->state = ENTRY_READ;
            }
        }
    }
}

static bool is_ours(const struct session *session, const struct event *event)
{
    uint8_t hash[32];

    if (session == NULL || session->ended || event->request->secret.len != MST_SECRET_BYTES ||
        !mst_span_equal(mst_blob_span(session->identity), event->identity)) {
        return false;
    }
    crypto_generichash(hash, sizeof(hash), event->request->secret.data, event->request->secret.len,
                       NULL, 0);
    return sodium_memcmp(hash, session->secret_hash, sizeof(hash)) == 0;
}

void session_resume(struct step *step)
{
    const struct event *event = step->event;
    struct session *session = session_find(step->core, event->request->session);

    if (!is_ours(session, event)) {
        struct mst_reply *reply = &effects_reply(step, event->conn, MST_OP_RESUME, 0)->reply;

        reply->status = MST_NOT_FOUND;
        reply->cause = mst_span_text("no such session; it ended, or the broker started anew");
        reply->boot = mst_span_of(step->core->config.boot, MST_BOOT_BYTES);
        return;
    }
    if (memory_is_short(step->core) && memory_is_low(step->core)) {
        effects_close(step, event->conn, "out of memory");
        return;
    }
    if (session->conn != 0) {
        uint64_t old = session->conn;

        session_disconnect(step, session);
        effects_close(step, old, "displaced by a newer connection of its session");
    }
    sort_out(step, session, event->request);
    expect_again(step, session, event->request);
    barrier_session_resumed(step, session);
    session_connect(step, session);
    session_welcome(step, session, MST_OP_RESUME, event->request->secret);
}
