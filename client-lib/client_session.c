/* client_session.c - connections come and go; the session is what stays.
 *
 * On a new connection the client says what it will send again (pending) and what it gave up
 * (abandoned); whatever else the broker remembers was taken. Only when the session itself is
 * gone is there anything that cannot be known. */
#include <stdio.h>
#include <stdlib.h>

#include "client-lib/client_copy.h"
#include "client-lib/client_state.h"

/* ---- notices ---- */

void mst_notify(struct mst_client *client, enum muster_notice kind, const char *text)
{
    struct mst_client_notice *notice = calloc(1, sizeof(*notice));

    if (notice == NULL) {
        return;
    }
    notice->kind = kind;
    snprintf(notice->text, sizeof(notice->text), "%s", text);
    *client->notices_end = notice;
    client->notices_end = &notice->next;
}

struct mst_client_notice *mst_client_next_notice(struct mst_client *client)
{
    struct mst_client_notice *notice = client->notices;

    if (notice != NULL) {
        client->notices = notice->next;
        if (client->notices == NULL) {
            client->notices_end = &client->notices;
        }
    }
    return notice;
}

void mst_client_notice_free(struct mst_client_notice **notice)
{
    if (*notice != NULL) {
        free((*notice)->queue);
        free(*notice);
        *notice = NULL;
    }
}

bool mst_client_has_notices(const struct mst_client *client)
{
    return client->notices != NULL;
}

static void notify_lease_lost(struct mst_client *client, const struct mst_reply *reply)
{
    struct mst_client_notice *notice = calloc(1, sizeof(*notice));

    if (notice == NULL) {
        return;
    }
    notice->kind = MUSTER_LEASE_LOST;
    notice->message = reply->first;
    notice->delivery = reply->number;
    notice->queue = mst_text_copy(reply->name);
    if (notice->queue == NULL) {
        mst_client_notice_free(&notice);
        return;
    }
    snprintf(notice->text, sizeof(notice->text), "the lease of message %llu ended by its time",
             (unsigned long long)reply->first);
    *client->notices_end = notice;
    client->notices_end = &notice->next;
}

/* ---- what is said first on a connection ---- */

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;

    return *x < *y ? -1 : *x > *y;
}

static size_t add_to_ranges(struct mst_range *ranges, size_t count, struct mst_range more)
{
    if (count > 0 && ranges[count - 1].first + ranges[count - 1].count == more.first) {
        ranges[count - 1].count += more.count;
        return count;
    }
    ranges[count] = more;
    return count + 1;
}

static bool say_resume(struct mst_client *client, int64_t now_ns)
{
    struct mst_request resume;
    size_t sent = mst_client_sort_sent(client);

    mst_request_init(&resume, MST_OP_RESUME);
    mst_arena_reset(&client->arena);
    resume.pending = mst_arena_take(&client->arena, (sent + 1) * sizeof(struct mst_range));
    resume.abandoned =
        mst_arena_take(&client->arena, (client->abandoned_count + 1) * sizeof(struct mst_range));
    if (resume.pending == NULL || resume.abandoned == NULL) {
        return false;
    }
    qsort(client->abandoned, client->abandoned_count, sizeof(uint64_t), by_number);
    for (size_t i = 0; i < sent; i++) {
        const struct mst_call *call = client->sorted[i];

        resume.pending_count = add_to_ranges(resume.pending, resume.pending_count,
                                             (struct mst_range){call->id, call->count});
    }
    for (size_t i = 0; i < client->abandoned_count; i++) {
        resume.abandoned_count = add_to_ranges(resume.abandoned, resume.abandoned_count,
                                               (struct mst_range){client->abandoned[i], 1});
    }
    resume.session = client->session;
    resume.secret = mst_span_of(client->secret, client->secret_len);
    return mst_send(client, &resume, now_ns);
}

static bool say_hello(struct mst_client *client, int64_t now_ns)
{
    struct mst_request hello;

    mst_request_init(&hello, MST_OP_HELLO);
    hello.name = mst_span_text(client->name);
    hello.host = mst_span_text(client->host);
    hello.pid = client->pid;
    hello.ttl_ns = client->ttl_ns;
    return mst_send(client, &hello, now_ns);
}

void mst_client_connected(struct mst_client *client, int64_t now_ns)
{
    uint8_t preamble[MST_PREAMBLE_BYTES];

    client->phase = MST_CLIENT_GREETING;
    if (client->epoch++ == 0) {
        client->lost_ns = now_ns; /* no connection was there to be lost: its patience begins now */
    }
    client->preamble_read = false;
    mst_denied_begin(client);
    client->heard_ns = now_ns;
    client->said_ns = now_ns;
    mst_preamble_write(preamble, MST_CHANNEL_CLEAR);
    if ((client->channel == NULL &&
         !mst_buf_append(&client->out.bytes, preamble, sizeof(preamble))) ||
        !(client->session != 0 ? say_resume(client, now_ns) : say_hello(client, now_ns))) {
        client->trouble = "out of memory";
        client->renewing = true;
    }
}

/* ---- the session is gone ---- */

static void lose_session(struct mst_client *client)
{
    size_t sent = mst_client_sort_sent(client);

    for (size_t i = 0; i < sent; i++) {
        struct mst_call *call = client->sorted[i];

        if (call->forgotten) {
            mst_call_end(client, call, MST_CANCELLED);
        } else if (mst_call_is_repeatable(call)) {
            mst_call_again(client, call);
        } else {
            mst_call_end(client, call, MST_UNKNOWN);
        }
    }
    client->abandoned_count = 0;
    client->tell_session_lost = client->tell_session_lost || client->session != 0;
    client->session = 0;
    client->session_over = false;
}

/* ---- the broker's words about connection and session ---- */

static void copy_limits(struct mst_client *client, const struct mst_reply *welcome)
{
    uint64_t in_flight = welcome->in_flight_max;

    client->in_flight_max =
        in_flight == 0 || in_flight > MST_IN_FLIGHT_MAX ? MST_IN_FLIGHT_MAX : in_flight;
    client->silence_ns =
        welcome->silence_ns < MUSTER_MS ? MST_SILENCE_DEFAULT_NS : welcome->silence_ns;
    client->frame_bytes_max =
        welcome->frame_bytes_max > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)welcome->frame_bytes_max;
    client->put_credit = welcome->put_credit;
    client->put_credit_bytes = welcome->put_credit_bytes;
    snprintf(client->version, sizeof(client->version), "%.*s", (int)welcome->version.len,
             welcome->version.len == 0 ? "" : (const char *)welcome->version.data);
}

/* A broker that lost the session in a restart may have lost its events too: the generations that
 * were known say nothing then. */
static void check_boot(struct mst_client *client, const struct mst_reply *welcome, bool is_new)
{
    struct mst_span boot = mst_span_of(client->boot, client->boot_len);

    if (is_new && !mst_span_equal(boot, welcome->boot)) {
        mst_handles_forget_generations(client);
        for (struct mst_call *call = client->live_first; call != NULL; call = call->live_next) {
            call->has_generation = false;
        }
    }
    client->boot_len = welcome->boot.len < MST_BOOT_BYTES ? welcome->boot.len : MST_BOOT_BYTES;
    if (client->boot_len > 0) {
        memcpy(client->boot, welcome->boot.data, client->boot_len);
    }
}

static void be_up(struct mst_client *client, const struct mst_reply *welcome, bool is_new)
{
    client->phase = MST_CLIENT_UP;
    client->expired = false;
    client->denied = false;
    client->refusals = 0;
    client->refused_before = MST_OK;
    client->trouble = "connected";
    copy_limits(client, welcome);
    check_boot(client, welcome, is_new);
}

static bool welcomed_new(struct mst_client *client, const struct mst_reply *welcome)
{
    if (welcome->session == 0 || welcome->secret.len > MST_SECRET_BYTES) {
        client->trouble = "the broker's welcome names no session";
        return false;
    }
    be_up(client, welcome, true);
    client->session = welcome->session;
    client->secret_len = welcome->secret.len;
    if (client->secret_len > 0) {
        memcpy(client->secret, welcome->secret.data, client->secret_len);
    }
    if (client->tell_session_lost) {
        client->tell_session_lost = false;
        mst_notify(client, MUSTER_SESSION_LOST,
                   "the broker no longer knew the session; a new one began");
    }
    return true;
}

static bool welcomed_back(struct mst_client *client, const struct mst_reply *welcome)
{
    size_t sent;

    be_up(client, welcome, false);
    client->abandoned_count = 0;
    sent = mst_client_sort_sent(client);
    for (size_t i = 0; i < sent; i++) {
        mst_call_list_append(&client->resend, client->sorted[i]);
    }
    if (!client->quiet) {
        mst_notify(client, MUSTER_RESUMED, "connected again, in the same session");
    }
    client->quiet = false;
    return true;
}

static bool take_notice(struct mst_client *client, const struct mst_reply *reply)
{
    switch (reply->notice) {
    case MST_NOTICE_GOING_AWAY:
        mst_notify(client, MUSTER_GOING_AWAY, "the broker is going away");
        return true;
    case MST_NOTICE_SESSION_ENDED:
        client->session_over = true;
        client->trouble = "the broker ended the session";
        return false;
    case MST_NOTICE_LEASE_LOST: notify_lease_lost(client, reply); return true;
    default: return true; /* of a later version */
    }
}

static bool refused(struct mst_client *client, const struct mst_reply *reply)
{
    const char *text = mst_status_text((int)reply->status);
    struct mst_span why = reply->cause.len == 0 ? mst_span_text(text) : reply->cause;

    client->refusal = reply->status;
    client->refused_in_words = true;
    snprintf(client->trouble_text, sizeof(client->trouble_text), "%.*s", (int)why.len,
             (const char *)why.data);
    client->trouble = client->trouble_text;
    return false;
}

bool mst_session_reply(struct mst_client *client, const struct mst_reply *reply, int64_t now_ns)
{
    bool greeting = client->phase == MST_CLIENT_GREETING;

    switch (reply->op) {
    case MST_OP_HELLO:
        if (!greeting) {
            break;
        }
        return reply->status == MST_OK ? welcomed_new(client, reply) : refused(client, reply);
    case MST_OP_RESUME:
        if (!greeting) {
            break;
        }
        if (reply->status == MST_OK) {
            return welcomed_back(client, reply);
        }
        if (reply->status != MST_NOT_FOUND) {
            return refused(client, reply);
        }
        lose_session(client);
        return say_hello(client, now_ns);
    case MST_OP_NOTICE: return take_notice(client, reply);
    case MST_OP_BYE: client->finished = true; return true;
    default: return true; /* a heartbeat */
    }
    client->trouble = "the broker sent a welcome that nobody asked for";
    return false;
}

/* ---- the connection is gone ---- */

/* What was not yet taken is pending again, as if it had never been here. */
static void take_back(struct mst_client *client, struct mst_call *call)
{
    mst_call_list_remove(call);
    if (call->state == MST_CALL_ANSWERED) {
        mst_call_drop_messages(client, call);
        mst_call_enter_id(client, call, call->id);
    }
    if (call->forgotten && mst_call_may_be_abandoned(call)) {
        mst_call_abandon(client, call, MST_CANCELLED);
    } else if (call->verdict != MST_OK && mst_call_may_be_abandoned(call)) {
        mst_call_abandon(client, call, call->verdict);
    }
}

static void reset_connection(struct mst_client *client)
{
    mst_buf_reset(&client->in);
    mst_frame_drop(&client->pool, mst_large_leave(&client->large));
    mst_gather_clear(&client->out);
    mst_secure_clear(client);
    memset(client->waiting, 0, sizeof(client->waiting));
    memset(client->taken_early, 0, sizeof(client->taken_early));
    client->sent = client->arrived = client->taken = client->confirmed = 0;
    client->receipt_due_ns = MST_FOREVER;
    client->renewing = false;
    mst_handles_reset(client);
}

void mst_client_lost(struct mst_client *client, const char *why, int64_t now_ns)
{
    struct mst_call *next;
    bool was_up = client->phase == MST_CLIENT_UP;

    if (client->phase == MST_CLIENT_DOWN) {
        return;
    }
    client->phase = MST_CLIENT_DOWN;
    why = mst_secure_lost(client, why);
    if (why != NULL) {
        snprintf(client->trouble_text, sizeof(client->trouble_text), "%s", why);
        client->trouble = client->trouble_text;
    }
    if (was_up) {
        client->lost_ns = now_ns;
        client->quiet = client->renewing;
    }
    if (was_up && !client->renewing && !client->leaving) {
        mst_notify(client, MUSTER_CONNECTION_LOST, client->trouble);
    }
    reset_connection(client);
    for (struct mst_call *call = client->live_first; call != NULL; call = next) {
        next = call->live_next;
        if (call->state == MST_CALL_SENT || call->state == MST_CALL_ANSWERED) {
            take_back(client, call);
        }
    }
    if (client->session != 0 && (client->ttl_ns == 0 || client->session_over)) {
        lose_session(client);
    }
    client->finished = client->finished || client->leaving;
    mst_denied_lost(client);
    mst_client_tick(client, now_ns);
}

void mst_client_broke(struct mst_client *client, const char *why, int64_t now_ns)
{
    snprintf(client->trouble_text, sizeof(client->trouble_text), "%s", why);
    client->trouble = client->trouble_text;
    mst_client_lost(client, NULL, now_ns);
}

bool mst_client_is_renewing(const struct mst_client *client)
{
    return client->renewing;
}

bool mst_client_is_silent(const struct mst_client *client, int64_t now_ns)
{
    return client->renewing ||
           (client->phase != MST_CLIENT_DOWN && client->heard_ns + client->silence_ns <= now_ns);
}

/* ---- leaving ---- */

void mst_client_bye(struct mst_client *client, int64_t now_ns)
{
    struct mst_call *next;
    struct mst_request bye;

    client->leaving = true;
    for (struct mst_call *call = client->live_first; call != NULL; call = next) {
        next = call->live_next;
        if (call->state == MST_CALL_ANSWERED) {
            mst_call_drop_messages(client, call);
        }
        mst_call_end(client, call, MST_CANCELLED);
    }
    mst_request_init(&bye, MST_OP_BYE);
    client->finished = client->phase != MST_CLIENT_UP || !mst_send(client, &bye, now_ns);
}

bool mst_client_is_finished(const struct mst_client *client)
{
    return client->finished;
}

/* ---- what is known ---- */

enum mst_client_phase mst_client_phase(const struct mst_client *client)
{
    return client->phase;
}

int64_t mst_client_heard_ns(const struct mst_client *client)
{
    return client->heard_ns;
}

uint64_t mst_client_session(const struct mst_client *client)
{
    return client->session;
}

const char *mst_client_version(const struct mst_client *client)
{
    return client->version;
}

const char *mst_client_trouble(const struct mst_client *client)
{
    return client->trouble;
}

enum mst_status mst_client_refusal(const struct mst_client *client)
{
    return client->refusal != MST_OK ? client->refusal : client->refused_before;
}
