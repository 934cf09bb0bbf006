/* client_time.c - what time brings: late calls, the end of a session, signs of life, receipts. */
#include "client-lib/client_state.h"

static int64_t expiry_ns(const struct mst_client *client)
{
    return client->ttl_ns > MST_FOREVER - client->lost_ns ? MST_FOREVER
                                                          : client->lost_ns + client->ttl_ns;
}

/* The session's time-to-live has passed without a connection. */
void mst_expire_if_due(struct mst_client *client, int64_t now_ns)
{
    struct mst_call *next;

    if (client->phase != MST_CLIENT_DOWN || client->expired || client->epoch == 0 ||
        expiry_ns(client) > now_ns) {
        return;
    }
    client->expired = true;
    for (struct mst_call *call = client->live_first; call != NULL; call = next) {
        next = call->live_next;
        if (mst_call_goes_on(call)) {
            continue;
        }
        if (call->state == MST_CALL_UNSENT) {
            mst_call_end(client, call, MST_UNAVAILABLE);
        } else {
            bool reads = (mst_op_flags(call->op) & OPF_READS) != 0;

            mst_call_abandon(client, call, reads ? MST_UNAVAILABLE : MST_UNKNOWN);
        }
    }
}

/* A call's own time is up. What the broker may have decided is asked of the broker. */
static void call_is_late(struct mst_client *client, struct mst_call *call, int64_t now_ns)
{
    enum mst_status status = MST_TIMEOUT;

    mst_timers_remove(&client->timers, call);
    if (call->state == MST_CALL_UNSENT) {
        if (call->timeout_ns == 0 && client->phase == MST_CLIENT_UP) {
            status = call->op == MST_OP_PUT   ? MST_FULL
                     : call->op == MST_OP_GET ? MST_EMPTY
                                              : MST_TIMEOUT;
        }
        mst_call_end(client, call, status);
    } else if (call->state == MST_CALL_SENT && call->verdict == MST_OK) {
        mst_client_cancel(client, call, MST_TIMEOUT, now_ns);
    }
}

static int64_t grace_ns(const struct mst_client *client)
{
    return client->phase == MST_CLIENT_DOWN ? 0 : MST_GRACE_NS;
}

/* Nothing went on for long: what was kept for the next time is given back. */
static void rest(struct mst_client *client)
{
    mst_pool_clear(&client->pool);
    mst_buf_shrink(&client->out.bytes, 0);
    mst_buf_shrink(&client->out.bodies, 0);
    mst_buf_shrink(&client->in, 0);
    if (client->channel != NULL) {
        mst_buf_shrink(&client->channel->output, 0);
    }
}

void mst_client_tick(struct mst_client *client, int64_t now_ns)
{
    struct mst_call *call;

    while ((call = mst_timers_first(&client->timers)) != NULL &&
           call->deadline_ns + grace_ns(client) <= now_ns) {
        call_is_late(client, call, now_ns);
    }
    mst_expire_if_due(client, now_ns);
    if (client->phase == MST_CLIENT_UP &&
        (client->receipt_due_ns <= now_ns || client->said_ns + client->silence_ns / 3 <= now_ns)) {
        struct mst_request heartbeat;

        if (client->receipt_due_ns == MST_FOREVER) {
            rest(client);
        }
        mst_request_init(&heartbeat, MST_OP_HEARTBEAT);
        if (!mst_send(client, &heartbeat, now_ns)) {
            client->renewing = true; /* rather than to try without a pause */
            client->trouble = "out of memory for a heartbeat";
        }
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t mst_client_deadline_ns(const struct mst_client *client)
{
    const struct mst_call *first = mst_timers_first(&client->timers);
    int64_t deadline = MST_FOREVER;

    if (first != NULL) {
        deadline = first->deadline_ns + grace_ns(client);
    }
    if (client->phase == MST_CLIENT_DOWN) {
        return client->expired || client->live_first == NULL || client->epoch == 0
                   ? deadline
                   : earlier(deadline, expiry_ns(client));
    }
    if (client->renewing) {
        return INT64_MIN;
    }
    deadline = earlier(deadline, client->heard_ns + client->silence_ns);
    if (client->phase == MST_CLIENT_UP) {
        deadline = earlier(deadline, client->receipt_due_ns);
        deadline = earlier(deadline, client->said_ns + client->silence_ns / 3);
    }
    return deadline;
}
