/* session.c - a client's identity: opened, without a connection for a while, ended.
 *
 *   connected --connection lost--> away --resume--> connected
 *       |                           |
 *       +--bye, killed, ttl 0-------+--time-to-live is up--> ended --all returned--> gone
 *
 * What a session holds outlives its connection by the time-to-live. When it ends, its waits are
 * withdrawn at once and its leases return in slices, each by a record of its own. */
#include "broker/core/internal.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>

#define TEARDOWN_SLICE 1000

struct session *session_find(const struct core *core, uint64_t id)
{
    return idmap_get((struct idmap *)(uintptr_t)&core->sessions, id);
}

struct mst_span core_label(const struct core *core, uint64_t session)
{
    const struct session *found = session_find(core, session);

    return found == NULL ? MST_SPAN_NONE : mst_blob_span(found->label);
}

struct mst_span core_handle_name(const struct core *core, uint64_t session, uint64_t number)
{
    struct session *found = session_find(core, session);
    const struct handle *handle = found == NULL ? NULL : idmap_get(&found->handles, number);

    return handle == NULL || handle->slot == NULL ? MST_SPAN_NONE
                                                  : mst_blob_span(handle->slot->name);
}

void session_welcome(struct step *step, struct session *session, enum mst_op op,
                     struct mst_span secret)
{
    const struct core_config *config = &step->core->config;
    struct effect *effect = effects_reply(step, step->event->conn, op, 0);
    struct mst_reply *reply = &effect->reply;

    /* A client that hears this forgets what it gave up: that must not come undone, even if it was
     * recorded by an earlier resume, whose welcome was never heard. */
    effect->seq = op == MST_OP_HELLO ? step->effects->records_seq : session->abandoned_seq;
    reply->session = session->id;
    reply->secret = mst_arena_copy(&step->effects->arena, secret);
    reply->boot = mst_span_of(config->boot, MST_BOOT_BYTES);
    reply->in_flight_max = MST_IN_FLIGHT_MAX;
    reply->silence_ns = config->silence_ns;
    reply->frame_bytes_max = config->frame_bytes_max;
    reply->put_credit = config->put_credit;
    reply->put_credit_bytes = config->put_credit_bytes;
    /* A client that used what it was told is not to blame when less is told today. */
    if (config->put_credit > session->put_credit) {
        session->put_credit = config->put_credit;
    }
    if (config->put_credit_bytes > session->put_credit_bytes) {
        session->put_credit_bytes = config->put_credit_bytes;
    }
    reply->version = mst_span_text(config->version);
}

static void hello_refuse(struct step *step, enum mst_status status, const char *why)
{
    struct mst_reply *reply = &effects_reply(step, step->event->conn, MST_OP_HELLO, 0)->reply;

    reply->status = status;
    reply->cause = mst_span_text(why);
    reply->boot = mst_span_of(step->core->config.boot, MST_BOOT_BYTES);
}

void session_hello(struct step *step)
{
    struct core *core = step->core;
    const struct event *event = step->event;
    struct record record = record_of(step, RECORD_SESSION_OPEN);
    uint8_t hash[32];

    if (core->draining) {
        hello_refuse(step, MST_UNAVAILABLE, "the broker is going away");
        return;
    }
    if (core->sessions.count >= core->config.sessions_max) {
        hello_refuse(step, MST_LIMIT, "the broker's limit of sessions is reached");
        return;
    }
    /* Who comes may come to take messages out: while memory is short only, it may. */
    if (memory_is_short(core) && memory_is_low(core)) {
        hello_refuse(step, MST_NO_MEMORY, memory_is_used_up);
        return;
    }
    if (event->request->ttl_ns < 0 || event->request->ttl_ns > core->config.ttl_max_ns) {
        hello_refuse(step, MST_VALUE, "the time-to-live is negative or over the broker's limit");
        return;
    }
    crypto_generichash(hash, sizeof(hash), event->secret.data, event->secret.len, NULL, 0);
    record.session = core->next_session;
    record.name = event->request->name;
    record.host = event->request->host;
    record.pid = event->request->pid;
    record.ttl_ns = event->request->ttl_ns;
    record.identity = event->identity;
    record.secret_hash = mst_span_of(hash, sizeof(hash));
    step_record(step, &record, true);
    session_connect(step, session_find(core, record.session));
    session_welcome(step, session_find(core, record.session), MST_OP_HELLO, event->secret);
}

struct mst_blob *text_blob(struct core *core, struct mst_span span)
{
    struct mst_blob *blob;

    NEED(core, (blob = mst_blob_new(span.data == NULL ? mst_span_text("") : span)) != NULL);
    return blob;
}

/* Who the channel says it is comes before what it says of itself: "mill/worker". */
static struct mst_blob *make_name(struct core *core, const struct record *record)
{
    char text[MST_CLIENT_NAME_MAX + 1];
    struct mst_span identity = record->identity;
    struct mst_span name = record->name;
    size_t room = MST_CLIENT_NAME_MAX - 1;

    if (identity.len == 0 || identity.len >= room) {
        return text_blob(core, identity.len == 0 ? name : mst_span_of(identity.data, room));
    }
    room -= identity.len;
    if (name.len > room) {
        while (room > 0 && (name.data[room] & 0xc0) == 0x80) {
            room--; /* not within a character */
        }
        name.len = room;
    }
    memcpy(text, identity.data, identity.len);
    text[identity.len] = '/';
    if (name.len > 0) {
        memcpy(text + identity.len + 1, name.data, name.len);
    }
    return text_blob(core, mst_span_of(text, identity.len + 1 + name.len));
}

static struct mst_blob *make_label(struct core *core, const struct record *record,
                                   const struct mst_blob *name)
{
    char text[MST_CLIENT_NAME_MAX + MST_HOST_NAME_MAX + 32];
    int n = snprintf(text, sizeof(text), "%.*s@%.*s:%llu", (int)name->len,
                     (const char *)name->bytes, (int)record->host.len,
                     record->host.len == 0 ? "" : (const char *)record->host.data,
                     (unsigned long long)record->pid);

    return text_blob(core, mst_span_of(text, (size_t)n));
}

static void apply_open(struct core *core, const struct record *record)
{
    struct session *session;

    NEED(core, (session = calloc(1, sizeof(*session))) != NULL);
    NEED(core, idmap_set(&core->sessions, record->session, session));
    session->id = record->session;
    memcpy(session->secret_hash, record->secret_hash.data,
           record->secret_hash.len < 32 ? record->secret_hash.len : 32);
    session->name = make_name(core, record);
    session->host = text_blob(core, record->host);
    session->identity = text_blob(core, record->identity);
    session->label = make_label(core, record, session->name);
    session->pid = record->pid;
    session->ttl_ns = record->ttl_ns;
    session->opened_ns = record->now_ns;
    timer_init(&session->timer, TIMER_SESSION);
    idmap_init(&session->entries);
    idmap_init(&session->handles);
    idmap_init(&session->accounts);
    list_init(&session->waits);
    list_init(&session->leases);
    list_insert(&core->sessions_order, &session->in_core);
    core->stored.bytes += session_stored(session);
    if (record->session >= core->next_session) {
        core->next_session = record->session + 1;
    }
}

void apply_session(struct core *core, const struct record *record)
{
    struct session *session;

    if (record->what == RECORD_SESSION_OPEN) {
        apply_open(core, record);
        return;
    }
    session = session_find(core, record->session);
    if (record->what == RECORD_SESSION_GONE) {
        session_free(core, session);
        return;
    }
    session->ended = true;
    list_remove(&session->in_core);
    list_insert(&core->ending, &session->in_core);
}

void session_free(struct core *core, struct session *session)
{
    size_t n = session->entries.count;
    struct entry **entries = (struct entry **)memory_sorted(core, &session->entries);
    size_t count;

    for (size_t i = 0; i < n; i += count) {
        count = entries[i]->count;
        entry_drop(core, session, entries[i]);
    }
    free(entries);
    timer_cancel(core, &session->timer);
    handles_clear(core, session);
    core->stored.bytes -= session_stored(session);
    idmap_remove(&core->sessions, session->id);
    idmap_clear(&session->entries);
    idmap_clear(&session->accounts);
    list_remove(&session->in_core);
    mst_blob_unref(&session->name);
    mst_blob_unref(&session->host);
    mst_blob_unref(&session->identity);
    mst_blob_unref(&session->label);
    free(session->finished[0].items);
    free(session->finished[1].items);
    free(session);
}

static void place_back(struct core *core, struct place *place)
{
    if (place->line != NULL) {
        line_come_back(core, place);
        object_mark_dirty(core, place->object);
    }
}

/* Places that were passed over meanwhile are places again; what they wait for is looked at. */
void wait_come_back(struct core *core, struct wait *wait)
{
    place_back(core, &wait->place);
    for (size_t i = 0; i < wait->more_count; i++) {
        place_back(core, &wait->more[i]);
    }
}

/* Its waits come back one by one, as their requests are sent again. */
void session_connect(struct step *step, struct session *session)
{
    session->conn = step->event->conn;
    step->core->connected++;
    timer_cancel(step->core, &session->timer);
}

void session_disconnect(struct step *step, struct session *session)
{
    session->conn = 0;
    step->core->connected--;
    handles_clear(step->core, session);
}

void session_lost(struct step *step)
{
    struct session *session = session_find(step->core, step->event->session);

    if (session == NULL || session->conn != step->event->conn || session->conn == 0) {
        return;
    }
    session_disconnect(step, session);
    if (session->ttl_ns == 0) {
        session_end(step, session);
        return;
    }
    timer_set(step->core, &session->timer, time_after(step->core->now_ns, session->ttl_ns));
}

void session_due(struct step *step, struct session *session)
{
    assert(session->conn == 0 && !session->ended);
    session_end(step, session);
}

static void withdraw_waits(struct step *step, struct session *session)
{
    while (!list_empty(&session->waits)) {
        struct wait *wait = OWNER(session->waits.next, struct wait, in_session);
        struct entry *entry = wait->entry;

        if (wait->kind == WAIT_BARRIER) {
            barrier_party_gone(step, wait, MST_UNKNOWN,
                               step_printf(step, "party died: %.*s", (int)session->label->len,
                                           (const char *)session->label->bytes));
            continue;
        }
        object_mark_dirty(step->core, wait_object(wait));
        wait_free(step->core, wait);
        entry_drop(step->core, session, entry);
    }
}

void session_end(struct step *step, struct session *session)
{
    struct record record = record_of(step, RECORD_SESSION_END);

    if (session->conn != 0) {
        session_disconnect(step, session);
    }
    timer_cancel(step->core, &session->timer);
    withdraw_waits(step, session);
    barrier_session_ended(step, session);
    record.session = session->id;
    step_record(step, &record, true);
    session_teardown(step, session);
}

static void lose_accounts(struct step *step, struct session *session)
{
    size_t n = session->accounts.count;
    struct account **accounts = (struct account **)memory_sorted(step->core, &session->accounts);

    for (size_t i = 0; i < n; i++) {
        struct record record = record_of(step, RECORD_LOSE);

        record.session = session->id;
        record.count = accounts[i]->taken;
        object_record(step, &accounts[i]->queue->object, &record);
    }
    free(accounts);
}

bool session_teardown(struct step *step, struct session *session)
{
    struct record record = record_of(step, RECORD_SESSION_GONE);

    for (int i = 0; i < TEARDOWN_SLICE && !list_empty(&session->leases); i++) {
        if (i > 0 && memory_is_low(step->core)) {
            return false;
        }
        struct lease *lease = OWNER(session->leases.next, struct lease, in_session);

        lease_return(step, lease, lease->taken, 0,
                     lease->taken ? REDELIVERY_SESSION : REDELIVERY_UNTAKEN);
    }
    if (!list_empty(&session->leases)) {
        return false;
    }
    lose_accounts(step, session);
    record.session = session->id;
    step_record(step, &record, true);
    return true;
}
