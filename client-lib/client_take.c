/* client_take.c - what the application has taken, and what the broker is told of it.
 *
 * Outcomes are counted in the order in which they came on this connection; a receipt names the
 * longest prefix of them that was taken. Invariant: what is marked in taken_early lies at or beyond
 * that prefix. */
#include "client-lib/client_state.h"

void mst_positions_taken(struct mst_client *client, uint64_t position, size_t count)
{
    for (size_t i = 0; position != client->taken && i < count; i++) {
        client->taken_early[(position + i) % MST_IN_FLIGHT_MAX] = true;
    }
    client->taken += position == client->taken ? count : 0;
    while (client->taken < client->arrived &&
           client->taken_early[client->taken % MST_IN_FLIGHT_MAX]) {
        client->taken_early[client->taken % MST_IN_FLIGHT_MAX] = false;
        client->taken++;
    }
    if (client->taken - client->confirmed > client->in_flight_max / 4) {
        client->receipt_due_ns = INT64_MIN;
    }
}

bool mst_client_owes_receipt(const struct mst_client *client)
{
    return client->receipt_due_ns != MST_FOREVER;
}

static void positions_taken_at(struct mst_client *client, uint64_t position, size_t count,
                               int64_t now_ns)
{
    mst_positions_taken(client, position, count);
    if (client->receipt_due_ns == MST_FOREVER) {
        client->receipt_due_ns = now_ns + MST_CONFIRM_DELAY_NS;
    }
}

void mst_client_take(struct mst_client *client, struct mst_call *call, int64_t now_ns)
{
    if (call->state != MST_CALL_ANSWERED) {
        return;
    }
    positions_taken_at(client, call->position, call->count, now_ns);
    mst_call_end(client, call, MST_OK);
    mst_call_list_remove(call);
}

struct muster_message *mst_client_take_first(struct mst_client *client, struct mst_call *call,
                                             int64_t now_ns)
{
    struct muster_message *message = call->outcome.messages;

    call->outcome.messages = message->next;
    message->next = NULL;
    if (call->count == 1) {
        mst_client_take(client, call, now_ns);
        return message;
    }
    positions_taken_at(client, call->position, 1, now_ns);
    call->position++;
    call->id++;
    call->count--;
    if (call->list != NULL) {
        call->list->count--;
    }
    return message;
}
