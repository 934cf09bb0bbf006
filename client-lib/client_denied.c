/* client_denied.c - a client that is refused: what is a chance of the network, and what is not.
 *
 * Two things tell of a refusal. The broker's own word, inside the channel: it is believed at once.
 * Or a connection that ends during the handshake, as the broker does with who has the wrong server
 * key or token, but as a network or a broker that restarts can do, too: this is believed when it
 * happens MST_REFUSALS times in a row. Then every call ends with DENIED and the reason, but for
 * those that may have been carried out before, which end with UNKNOWN. The transport goes on
 * trying, at its slow pace, for what was taken away may be given back; until the next connection
 * has its own answer the last one's holds, for whoever looks only then. */
#include "client-lib/client_copy.h"
#include "client-lib/client_state.h"

#define MST_REFUSALS 3u

static void explain(const struct mst_client *client, struct mst_call *call)
{
    if (call->cause == NULL) {
        call->cause = mst_text_copy(mst_span_text(client->trouble));
    }
}

void mst_denied_end(struct mst_client *client, struct mst_call *call)
{
    explain(client, call);
    if (call->state != MST_CALL_SENT) {
        mst_call_end(client, call, MST_DENIED);
    } else if (mst_call_may_be_abandoned(call)) {
        mst_call_abandon(client, call, MST_DENIED);
    } else {
        mst_call_abandon(client, call, MST_UNKNOWN);
    }
}

bool mst_client_is_hopeless(const struct mst_client *client)
{
    if (client->refusal == MST_OK) {
        return client->refused_before != MST_OK;
    }
    return client->refusal != MST_UNAVAILABLE && (!client->guessed || client->denied);
}

void mst_denied_begin(struct mst_client *client)
{
    client->refused_before = mst_client_is_hopeless(client) ? client->refusal : MST_OK;
    client->refusal = MST_OK;
    client->refused_in_words = false;
    client->guessed = false;
}

void mst_denied_lost(struct mst_client *client)
{
    struct mst_call *next;

    client->refused_before = MST_OK; /* this one has its own answer, or none */
    if (client->refusal != MST_DENIED) {
        client->refusals = 0;
        client->denied = false;
        return;
    }
    client->refusals = client->refused_in_words ? MST_REFUSALS : client->refusals + 1;
    if (client->refusals < MST_REFUSALS) {
        return;
    }
    client->denied = true;
    for (struct mst_call *call = client->live_first; call != NULL; call = next) {
        next = call->live_next;
        mst_denied_end(client, call);
    }
}
